//! Finds the fewest bytes that keep within an error.
//!
//! 1. Uniform models are measured from the fewest bits on, until one is within
//!    the budget (`low` is the choice before it, `high` the one that is).
//! 2. Layers are put together to at most [`Search::groups`] groups: those of one
//!    block of the model, and neighbours while there are too many.
//! 3. For each group the model with it alone at `low` and all else at `high` is
//!    measured: what that adds to the error is the group's sensitivity.
//! 4. Groups are ordered by sensitivity for each byte that `low` saves. The
//!    longest beginning of that order that keeps within the budget at `low` is
//!    looked for by halving.
//!
//! Runs: at most `choices + groups + ⌈log₂(groups)⌉ + 1`. Every result that is
//! returned was itself measured. Which model runs where is not known here.

use std::collections::BTreeMap;

use super::{Kind, Layer, Layout, Override, Recipe};
use crate::Error;

/// What to look for.
#[derive(Clone, Debug)]
pub struct Search {
    /// What is common to all candidates; its `bits`, `mixed` and `overrides` are
    /// chosen.
    pub base: Recipe,
    /// Bits to choose from, in any order, such as 4, 8 and 16.
    pub choices: Vec<u8>,
    /// The error allowed, in the caller's measure.
    pub budget: f64,
    /// The most groups of layers, and so nearly the most runs.
    pub groups: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The recipe, with an override for each layer that gets more bits.
    pub recipe: Recipe,
    /// Its error, as it was measured.
    pub error: f64,
    /// Bytes of the layers' weights, about.
    pub bytes: u64,
    /// What each group added to the error, largest first; empty where a uniform
    /// model was enough.
    pub sensitivities: Vec<Sensitivity>,
    /// How often a model was run.
    pub runs: usize,
}

/// A group of layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensitivity {
    /// The names of its layers.
    pub layers: Vec<String>,
    /// What its fewer bits add to the error.
    pub error: f64,
    /// Bytes that they save.
    pub saved: u64,
}

/// An error of a caller's measure.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Looks for the recipe. `measure` converts the model by a recipe, runs it on
/// inputs that stand for real ones, and gives its error against fp32, such as 1
/// less the cosine. An error that is not a number counts as infinite.
///
/// # Errors
/// [`Error::Budget`] where no choice keeps within it, [`Error::Measure`], and
/// those of [`Recipe::check`].
pub fn auto(
    layers: &[Layer],
    search: &Search,
    mut measure: impl FnMut(&Recipe) -> Result<f64, Failure>,
) -> Result<Found, Error> {
    let mut runs = 0;
    let mut run = |recipe: &Recipe, what: &dyn Fn() -> String| {
        runs += 1;
        let error = measure(recipe).map_err(|source| Error::Measure { what: what(), source })?;
        Ok::<_, Error>((if error.is_nan() { f64::INFINITY } else { error }, runs))
    };
    let mut choices = search.choices.clone();
    choices.sort_unstable();
    choices.dedup();
    let uniform = |bits| Recipe { bits, mixed: None, overrides: Vec::new(), ..search.base.clone() };
    let (mut least, mut low) = (f64::INFINITY, None);
    for bits in choices {
        let recipe = uniform(bits);
        recipe.check()?;
        let (error, runs) = run(&recipe, &|| format!("all layers of {bits} bits"))?;
        least = least.min(error);
        if error > search.budget {
            low = Some(bits);
            continue;
        }
        let bytes = layers.iter().map(|layer| bytes(layer, bits, &recipe)).sum();
        let Some(low) = low else { return Ok(Found { recipe, error, bytes, sensitivities: Vec::new(), runs }) };
        return mix(layers, search, (low, bits), error, &mut run);
    }
    Err(Error::Budget { budget: search.budget, least })
}

type Run<'a> = dyn FnMut(&Recipe, &dyn Fn() -> String) -> Result<(f64, usize), Error> + 'a;

fn mix(
    layers: &[Layer],
    search: &Search,
    (low, high): (u8, u8),
    error: f64,
    run: &mut Run<'_>,
) -> Result<Found, Error> {
    let recipe = |lowered: &[&Group]| {
        let is_low = |number: &usize| lowered.iter().any(|group| group.layers.contains(number));
        let named = |number: usize, bits| Override { nodes: globset::escape(&layers[number].node), bits };
        let raised = (0..layers.len()).filter(|number| !is_low(number)).map(|number| named(number, high));
        Recipe { bits: low, mixed: None, overrides: raised.collect(), ..search.base.clone() }
    };
    let mut groups = grouped(layers, search.groups.max(1), |layer| {
        bytes(layer, high, &search.base).saturating_sub(bytes(layer, low, &search.base))
    });
    let mut runs = 0;
    for group in &mut groups {
        let name = || group.layers.iter().map(|number| layers[*number].node.as_str()).collect::<Vec<_>>().join(", ");
        let (with, made) = run(&recipe(&[group]), &|| format!("{low} bits for {}", name()))?;
        group.error = (with - error).max(0.0);
        runs = made;
    }
    let worth = |group: &Group| group.error / (group.saved.max(1) as f64);
    groups.sort_by(|one, other| worth(one).total_cmp(&worth(other)));

    // `fits` groups are known to keep within the budget, `over` not to.
    let (mut fits, mut over, mut best) = (0, groups.len(), None);
    let mut at = predicted(&groups, error, search.budget);
    while fits + 1 < over {
        let number = at.take().filter(|at| (fits + 1..over).contains(at)).unwrap_or(fits.midpoint(over));
        let candidate = recipe(&groups[..number].iter().collect::<Vec<_>>());
        let (error, made) = run(&candidate, &|| format!("{low} bits for {number} groups of {}", groups.len()))?;
        runs = made;
        if error <= search.budget {
            (fits, best) = (number, Some((candidate, error)));
        } else {
            over = number;
        }
    }
    let (recipe, error) = match best {
        Some(best) => best,
        // Not one group may have fewer bits: the uniform model that was measured.
        None => (Recipe { bits: high, mixed: None, overrides: Vec::new(), ..search.base.clone() }, error),
    };
    let lowered = |number: usize| groups[..fits].iter().any(|group| group.layers.contains(&number));
    let bits = |number: usize| if lowered(number) { low } else { high };
    let bytes = layers.iter().enumerate().map(|(number, layer)| bytes(layer, bits(number), &search.base)).sum();
    groups.sort_by(|one, other| other.error.total_cmp(&one.error));
    let sensitivities = groups.into_iter().map(|group| Sensitivity {
        layers: group.layers.iter().map(|number| layers[*number].node.clone()).collect(),
        error: group.error,
        saved: group.saved,
    });
    let sensitivities = sensitivities.collect();
    Ok(Found { recipe, error, bytes, sensitivities, runs })
}

/// How many groups keep within the budget if what they add to the error adds up.
fn predicted(groups: &[Group], error: f64, budget: f64) -> Option<usize> {
    let sums = groups.iter().scan(error, |sum, group| {
        *sum += group.error;
        Some(*sum)
    });
    Some(sums.take_while(|sum| *sum <= budget).count())
}

struct Group {
    layers: Vec<usize>,
    error: f64,
    saved: u64,
}

/// Layers by weight (those of one weight go together), then by the part of the
/// model that their names begin with, then neighbours.
fn grouped(layers: &[Layer], most: usize, saved: impl Fn(&Layer) -> u64) -> Vec<Group> {
    let mut by_weight: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (number, layer) in layers.iter().enumerate().filter(|(_, layer)| layer.kind != Kind::Conv) {
        let first = layers.iter().position(|it| it.weight == layer.weight).unwrap_or(number);
        by_weight.entry(first).or_default().push(number);
    }
    let mut groups = by_weight.into_values().collect::<Vec<_>>();
    if groups.len() > most {
        let mut by_block: Vec<(Option<String>, Vec<usize>)> = Vec::new();
        for group in groups {
            let block = super::layers::block_of(&layers[group[0]].node).map(|(stack, block)| format!("{stack}{block}"));
            match by_block.iter_mut().find(|(name, _)| name.is_some() && *name == block) {
                Some((_, group_of)) => group_of.extend(group),
                None => by_block.push((block, group)),
            }
        }
        groups = by_block.into_iter().map(|(_, group)| group).collect();
    }
    let each = groups.len().div_ceil(most);
    let groups = groups.chunks(each.max(1)).map(<[_]>::concat);
    let groups = groups.map(|layers_of| Group {
        saved: layers_of.iter().map(|number| saved(&layers[*number])).sum(),
        layers: layers_of,
        error: 0.0,
    });
    groups.collect()
}

/// Bytes of a layer's weight at so many bits.
pub(super) fn bytes(layer: &Layer, bits: u8, recipe: &Recipe) -> u64 {
    let count = layer.shape.iter().product::<usize>() as u64;
    // Looked up by ordinary operators, a table has 8 bits at the least.
    let bits = if recipe.plain_tables && layer.kind == Kind::Gather { bits.max(8) } else { bits };
    match (bits, layer.shape.as_slice()) {
        (32, _) => 4 * count,
        (16, _) => 2 * count,
        (_, [rows, columns]) if layer.kind != Kind::Conv => {
            let (k, n) = if layer.kind == Kind::Gather { (*columns, *rows) } else { (*rows, *columns) };
            Layout { k, n, block: recipe.block, bits, symmetric: recipe.symmetric }.bytes()
        }
        _ => 4 * count,
    }
}
