//! What precision a model is to get, as JSON that is kept in the model.

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use super::{Layer, Role};
use crate::Error;

/// How a model's precision is made. Its JSON has a stable order of fields:
/// `{"bits":4,"form":"block","block":32,"symmetric":true}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Bits of a weight: 2, 4, 8, 16 or 32.
    pub bits: u8,
    /// What 8 bits (and fewer) become.
    #[serde(default)]
    pub form: Form,
    /// Weights that share a scale: a power of two from 16 to 256.
    #[serde(default = "default_block")]
    pub block: usize,
    /// Whether a block's range is centred on zero, and needs no zero points.
    #[serde(default = "default_symmetric")]
    pub symmetric: bool,
    /// Whether a model of 2, 4 or 8 bits computes in half precision beside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub half: bool,
    /// Whether tables are looked up by ordinary operators, in 8 bits, for execution
    /// providers without `GatherBlockQuantized`: of browsers', wasm.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain_tables: bool,
    /// `accuracy_level` of `MatMulNBits`: the type that the CPU provider computes
    /// in (4 is int8); its own choice where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_level: Option<u8>,
    /// Higher precision for what the model depends on most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixed: Option<Mixed>,
    /// Bits by the name of a layer; the last that fits counts, and comes before
    /// `mixed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
}

/// What a layer of few bits becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// `MatMulNBits`: weights in blocks, which every execution provider computes
    /// with as floating point numbers.
    #[default]
    Block,
    /// `DynamicQuantizeLinear` and `MatMulInteger`: activations become integers
    /// too. 8 bits only, and of browsers' providers only wasm has the kernels.
    Integer,
    /// Integers in the file, fp32 from the moment the model is loaded: a `Cast` and
    /// a `Mul` that every provider computes once. 8 bits only. As fast as fp32 and
    /// as large in memory, a quarter of it to fetch.
    Stored,
}

/// Bits of the critical layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixed {
    /// Tables, and what comes before the first block.
    pub embedding: u8,
    /// The first block of each stack.
    pub first: u8,
    /// The last block of each stack.
    pub last: u8,
    /// What comes after the last block.
    pub head: u8,
}

/// Bits of layers that a pattern names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// A pattern with `*`, `?`, `[…]` and `{a,b}` for the name of a node or of its weight.
    pub nodes: String,
    /// Their bits.
    pub bits: u8,
}

fn default_block() -> usize {
    32
}

fn default_symmetric() -> bool {
    true
}

/// The bits of critical layers by those of the others. Layer norms and the
/// sums under them are not in it: they are kept in fp32 always.
const CRITICAL: &[(u8, Mixed)] = &[
    (2, Mixed { embedding: 8, first: 8, last: 8, head: 8 }),
    (4, Mixed { embedding: 8, first: 8, last: 8, head: 8 }),
    (8, Mixed { embedding: 16, first: 16, last: 16, head: 16 }),
    (16, Mixed { embedding: 32, first: 32, last: 32, head: 32 }),
];

impl Mixed {
    /// The rule for a model whose other layers have so many bits.
    #[must_use]
    pub fn of(bits: u8) -> Option<Self> {
        CRITICAL.iter().find(|(base, _)| *base == bits).map(|(_, mixed)| *mixed)
    }

    fn bits(self, role: Role) -> Option<u8> {
        match role {
            Role::Embedding => Some(self.embedding),
            Role::First => Some(self.first),
            Role::Last => Some(self.last),
            Role::Head => Some(self.head),
            Role::Body => None,
        }
    }
}

impl Recipe {
    /// All weights of so many bits, in blocks of 32 around zero.
    #[must_use]
    pub fn new(bits: u8) -> Self {
        Self {
            bits,
            form: Form::Block,
            block: default_block(),
            symmetric: default_symmetric(),
            half: false,
            plain_tables: false,
            accuracy_level: None,
            mixed: None,
            overrides: Vec::new(),
        }
    }

    /// What is made where nothing but the number of bits is asked for. Of 2 and 4 bits: in blocks of 32, for
    /// which WebGPU has its fast kernels (blocks of 16 take twenty times as long in SwiftShader), with zero
    /// points, tables and the last block of 8. Of all-MiniLM-L6-v2's vectors of eight sentences the least
    /// cosine to fp32 is then 0.972 at 21.8 MB of 4 bits; without the last block 0.960 at 20.9 MB; in blocks of 16
    /// without it 0.971 at 23.9 MB.
    #[must_use]
    pub fn standard(bits: u8) -> Self {
        match bits {
            ..=4 => {
                let mixed = Some(Mixed { embedding: 8, first: bits, last: 8, head: bits });
                Self { symmetric: false, mixed, ..Self::new(bits) }
            }
            _ => Self::new(bits),
        }
    }

    /// The same with critical layers of more bits, by the built-in rule.
    #[must_use]
    pub fn mixed(mut self) -> Self {
        self.mixed = Mixed::of(self.bits);
        self
    }

    /// The same with integers for activations too.
    #[must_use]
    pub fn integer(mut self) -> Self {
        self.form = Form::Integer;
        self
    }

    /// The same with weights that are integers in the file alone.
    #[must_use]
    pub fn stored(mut self) -> Self {
        self.form = Form::Stored;
        self
    }

    /// The same for execution providers without `GatherBlockQuantized`.
    #[must_use]
    pub fn with_plain_tables(mut self) -> Self {
        self.plain_tables = true;
        self
    }

    /// The recipe as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// Reads a recipe, and checks it.
    ///
    /// # Errors
    /// [`Error::RecipeJson`] and those of [`Recipe::check`].
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let recipe: Self = serde_json::from_str(json).map_err(|source| Error::RecipeJson { source })?;
        recipe.check()?;
        Ok(recipe)
    }

    /// Whether anything runs what it asks for.
    ///
    /// # Errors
    /// [`Error::Bits`], [`Error::Block`], [`Error::Pattern`] or [`Error::Recipe`].
    pub fn check(&self) -> Result<(), Error> {
        for bits in self.higher().chain([self.bits]) {
            let reason = match bits {
                2 | 4 | 8 | 16 | 32 => continue,
                3 | 5 | 6 | 7 => "onnxruntime 1.30's MatMulNBits has kernels for 2, 4 and 8 bits alone",
                1 => "no execution provider of onnxruntime-web 1.30 has weights of one bit",
                _ => "nothing computes with these",
            };
            return Err(Error::Bits { bits, reason });
        }
        if !self.block.is_power_of_two() || !(16..=256).contains(&self.block) {
            return Err(Error::Block { block: self.block });
        }
        let refuse = |asked: &str, reason, instead| Err(Error::Recipe { asked: asked.to_owned(), reason, instead });
        if self.form != Form::Block && self.bits != 8 {
            return refuse("the integer or the stored form", "it has 8 bits", "set bits to 8, or form to \"block\"");
        }
        if self.form == Form::Integer && self.half {
            return refuse("the integer form with half precision", "its kernels give fp32", "leave out half");
        }
        if self.accuracy_level.is_some_and(|level| level > 4) {
            return refuse("an accuracy_level above 4", "MatMulNBits has 0 to 4", "choose one of these");
        }
        self.patterns().map(drop)
    }

    /// Whether the model computes in half precision.
    #[must_use]
    pub fn computes_in_half(&self) -> bool {
        self.half || self.bits == 16
    }

    /// Whether any of it is in half precision: what an adapter without `shader-f16` cannot run.
    #[must_use]
    pub fn has_half(&self) -> bool {
        self.computes_in_half() || self.higher().any(|bits| bits == 16)
    }

    /// The bits of layers that differ from the others.
    fn higher(&self) -> impl Iterator<Item = u8> + '_ {
        let mixed = self.mixed.iter().flat_map(|mixed| [mixed.embedding, mixed.first, mixed.last, mixed.head]);
        mixed.chain(self.overrides.iter().map(|it| it.bits))
    }

    fn patterns(&self) -> Result<Vec<(GlobMatcher, u8)>, Error> {
        let matcher = |it: &Override| {
            let glob = GlobBuilder::new(&it.nodes).build();
            let glob = glob.map_err(|source| Error::Pattern { pattern: it.nodes.clone(), source })?;
            Ok((glob.compile_matcher(), it.bits))
        };
        self.overrides.iter().map(matcher).collect()
    }

    /// The bits of each layer. Layers of one weight get those of the highest.
    pub(super) fn assign(&self, layers: &[Layer]) -> Result<Vec<u8>, Error> {
        self.check()?;
        let patterns = self.patterns()?;
        let bits = layers.iter().map(|layer| {
            let named = patterns.iter().rev().find(|(it, _)| it.is_match(&layer.node) || it.is_match(&layer.weight));
            let critical = || self.mixed.and_then(|mixed| mixed.bits(layer.role));
            named.map(|(_, bits)| *bits).or_else(critical).unwrap_or(self.bits)
        });
        let mut bits = bits.collect::<Vec<_>>();
        let mut highest = std::collections::HashMap::new();
        for (layer, bits) in layers.iter().zip(&bits) {
            let most = highest.entry((layer.constant.graph, &layer.weight)).or_insert(*bits);
            *most = (*most).max(*bits);
        }
        for (layer, bits) in layers.iter().zip(&mut bits) {
            *bits = highest[&(layer.constant.graph, &layer.weight)];
        }
        Ok(bits)
    }
}
