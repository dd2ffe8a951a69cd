//! Half precision: weights and what is computed with them, but for operators
//! that would overflow. The model's inputs and outputs stay in single precision
//! (but for a decoder's cache, [`caches`]), and so do those of graphs within it.
//!
//! Conversions come where a value of one precision is taken in the other: one
//! for all who take it so, and never two in a row.

mod assign;
mod caches;
mod operators;
mod types;

use std::collections::{HashMap, HashSet};

use assign::{Precision, assign, casts};
use types::{Types, element_type};

use super::{
    constant::{Constant, Weights},
    graphs::{Definition, Graphs, Index, Use},
    jobs::{Job, Jobs},
    rewrite::{number, plain},
};
use crate::{
    Error,
    proto::{DataType, NodeProto, TensorProto},
};

const HALF: i64 = DataType::Float16 as i64;
const SINGLE: i64 = DataType::Float as i64;

/// Where each value is converted: the graph that takes it, the value, the way.
type Conversions = HashMap<(usize, (usize, String), Precision), String>;

/// Converts a model; nodes in `keep` stay as they are.
///
/// # Errors
/// [`Error::Operator`], [`Error::Cycle`], and those of reading a weight.
pub(super) fn convert(
    graphs: &mut Graphs,
    jobs: &mut Jobs,
    weights: &mut Weights<'_>,
    keep: &HashSet<String>,
) -> Result<(), Error> {
    let index = graphs.index()?;
    caches::halve(graphs, &index, keep);
    let types = Types::of(graphs, &index)?;
    let precisions = assign(graphs, &index, &types, keep)?;
    let mut halved = HashMap::new();
    let mut conversions = Conversions::new();
    let mut before: HashMap<(usize, Option<usize>), Vec<NodeProto>> = HashMap::new();

    // What gives a value, and so in which precision it is.
    let given = |value: &(usize, String)| match index.find(value.0, &value.1) {
        Some((graph, Definition::Node(node))) => precisions[&(graph, node)],
        _ => Precision::Single,
    };
    for graph in 0..graphs.all.len() {
        for node in 0..graphs.all[graph].graph.node.len() {
            let wanted = precisions[&(graph, node)];
            for input in 0..graphs.node(graph, node).input.len() {
                let name = graphs.node(graph, node).input[input].clone();
                let Some((home, definition)) = index.find(graph, &name) else { continue };
                let value = (home, name);
                let operator = graphs.node(graph, node).op_type();
                if !types.is_float(&value) || operators::ANY.contains(&operator) {
                    continue;
                }
                let instead = match definition {
                    Definition::Constant(at) if wanted == Precision::Half => {
                        Some(halve(graphs, jobs, weights, &index, (&value, at), &mut halved)?)
                    }
                    Definition::Constant(at) if worth_halving(graphs, home, at, operator) => {
                        let key = (graph, value.clone(), wanted);
                        Some(match conversions.get(&key) {
                            Some(name) => name.clone(),
                            None => {
                                let half = halve(graphs, jobs, weights, &index, (&value, at), &mut halved)?;
                                let (name, cast) = conversion(graphs, &half, wanted);
                                before.entry((graph, Some(node))).or_default().push(cast);
                                conversions.insert(key, name.clone());
                                name
                            }
                        })
                    }
                    Definition::Constant(_) => None,
                    _ if given(&value) == wanted => None,
                    _ => {
                        let key = (graph, value.clone(), wanted);
                        // The first who takes it, in the order of the nodes, is who it is put before.
                        Some(match conversions.get(&key) {
                            Some(name) => name.clone(),
                            None => {
                                let (name, cast) = conversion(graphs, &value.1, wanted);
                                before.entry((graph, Some(node))).or_default().push(cast);
                                conversions.insert(key, name.clone());
                                name
                            }
                        })
                    }
                };
                if let Some(instead) = instead {
                    graphs.all[graph].graph.node[node].input[input] = instead;
                }
            }
            let node = &mut graphs.all[graph].graph.node[node];
            if wanted == Precision::Half && casts(node) {
                node.attribute.iter_mut().filter(|it| it.name() == "to").for_each(|it| it.i = Some(HALF));
            }
        }
    }
    outputs(graphs, &index, &types, &given, &mut before);
    place(graphs, before);
    for scope in &mut graphs.all {
        // They would have to say the new types.
        scope
            .graph
            .value_info
            .retain(|info| info.r#type.as_ref().is_none_or(|found| element_type(found) != DataType::Float as i32));
    }
    Ok(())
}

/// Whether a constant that is taken in single precision is large enough to be
/// kept in half: tables that are added, such as positions. Not what norms have.
fn worth_halving(graphs: &Graphs, home: usize, at: usize, operator: &str) -> bool {
    let elements = types::elements(&graphs.all[home].graph.initializer[at]);
    elements.saturating_mul(4) > types::CONSTANT_MAX
        && (operators::LIGHT.contains(&operator) || operators::MOVING.contains(&operator))
}

fn conversion(graphs: &mut Graphs, value: &str, to: Precision) -> (String, NodeProto) {
    let (suffix, to) = if to == Precision::Half { ("half", HALF) } else { ("single", SINGLE) };
    let name = graphs.fresh(&format!("{value}_{suffix}"));
    let cast = plain("Cast", &[&value.to_owned()], vec![name.clone()]);
    (name, NodeProto { attribute: vec![number("to", to)], ..cast })
}

/// The initializer of half precision for one of single.
fn halve(
    graphs: &mut Graphs,
    jobs: &mut Jobs,
    weights: &mut Weights<'_>,
    index: &Index,
    (value, at): (&(usize, String), usize),
    halved: &mut HashMap<(usize, String), String>,
) -> Result<String, Error> {
    if let Some(name) = halved.get(value) {
        return Ok(name.clone());
    }
    let (home, old) = value;
    let name = graphs.fresh(&format!("{old}_half"));
    let tensor = &graphs.all[*home].graph.initializer[at];
    let half = TensorProto {
        name: Some(name.clone()),
        dims: tensor.dims.clone(),
        data_type: Some(DataType::Float16 as i32),
        ..TensorProto::default()
    };
    let job = match jobs.of.get(value) {
        Some(Job::Part { group, part, .. }) => Some(Job::Part { group: *group, part: *part, half: true }),
        Some(Job::Half(_)) => None,
        Some(Job::Single(weight)) => Some(Job::Half(weight.clone())),
        None => {
            let constant = Constant { graph: *home, name: old.clone(), transposed: false };
            weights.find(graphs, index, &constant)?.map(Job::Half)
        }
    };
    if let Some(job) = job {
        jobs.of.insert((*home, name.clone()), job);
    }
    graphs.all[*home].graph.initializer.push(half);
    halved.insert(value.clone(), name.clone());
    Ok(name)
}

/// Lets outputs that are computed in another precision than they are given in be converted, under their own name.
fn outputs(
    graphs: &mut Graphs,
    index: &Index,
    types: &Types,
    given: &dyn Fn(&(usize, String)) -> Precision,
    before: &mut HashMap<(usize, Option<usize>), Vec<NodeProto>>,
) {
    for graph in 0..graphs.all.len() {
        let declared = |output: &crate::proto::ValueInfoProto| {
            let half = output.r#type.as_ref().is_some_and(|found| i64::from(element_type(found)) == HALF);
            (output.name().to_owned(), if half { Precision::Half } else { Precision::Single })
        };
        let outputs = graphs.all[graph].graph.output.iter().map(declared).collect::<Vec<_>>();
        for (name, wanted) in outputs {
            let Some((home, Definition::Node(node))) = index.find(graph, &name) else { continue };
            let value = (home, name.clone());
            if home != graph || !types.is_float(&value) || given(&value) == wanted {
                continue;
            }
            let (suffix, to) = if wanted == Precision::Half { ("single", HALF) } else { ("half", SINGLE) };
            let own = graphs.fresh(&format!("{name}_{suffix}"));
            let giver = &mut graphs.all[home].graph.node[node];
            let Some(output) = giver.output.iter_mut().find(|output| **output == name) else { continue };
            output.clone_from(&own);
            for user in index.uses_of(home, &name) {
                if let Use::Node { graph, node, input } = user {
                    let input = &mut graphs.all[*graph].graph.node[*node].input[*input];
                    if *input == name {
                        input.clone_from(&own);
                    }
                }
            }
            for cast in before.values_mut().flatten().filter(|cast| cast.input[0] == name) {
                cast.input[0].clone_from(&own);
            }
            let mut cast = NodeProto { attribute: vec![number("to", to)], ..plain("Cast", &[&own], vec![name]) };
            if wanted == Precision::Half {
                // The node that gives the output may have its name.
                cast.name = Some(format!("{own}_half"));
            }
            before.entry((graph, None)).or_default().push(cast);
        }
    }
}

/// Puts conversions before the nodes that need them first, and those of outputs
/// last.
fn place(graphs: &mut Graphs, mut before: HashMap<(usize, Option<usize>), Vec<NodeProto>>) {
    for (graph, scope) in graphs.all.iter_mut().enumerate() {
        let nodes = std::mem::take(&mut scope.graph.node);
        for (number, node) in nodes.into_iter().enumerate() {
            scope.graph.node.extend(before.remove(&(graph, Some(number))).unwrap_or_default());
            scope.graph.node.push(node);
        }
        scope.graph.node.extend(before.remove(&(graph, None)).unwrap_or_default());
    }
}
