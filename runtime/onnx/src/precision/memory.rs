//! What a model will need in memory, and which of several fits.
//!
//! Weights are counted by their bytes. Activations are the most that is alive at
//! once where nodes run in their order and a value is given back after its last
//! user, by shapes inferred for given lengths of the symbolic dimensions. A node
//! whose result's shape cannot be told is counted as large as its largest input,
//! and named. The KV cache is `layers × 2 × heads × head size × context × batch ×
//! 4` bytes, or half of that: models take and give it in fp32, but Pelago's decoders that compute in half precision in that.
//!
//! Not counted: what the executor itself needs (wasm code and heap of
//! onnxruntime-web, some 60 MB; pipelines of a GPU), and the copy of a weight
//! while it is uploaded.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use serde_json::Value;

use super::{Form, Layer, Recipe, auto, constant::Weights, convert::open, graphs::Graphs, layers, shapes};
use crate::{Error, files::Files, proto::DataType, read};

/// Bytes that a model needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Its weights.
    pub weights: u64,
    /// The largest weight, which must fit a buffer of a GPU.
    pub largest_weight: u64,
    /// The most of its intermediate values that are alive at once.
    pub activations: u64,
    /// What a decoder keeps of earlier tokens.
    pub kv_cache: u64,
    /// Nodes whose results' shapes could not be told.
    pub unknown: Vec<String>,
}

impl Memory {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.weights.saturating_add(self.activations).saturating_add(self.kv_cache)
    }
}

/// The lengths to predict for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shapes {
    /// Lengths by the names of symbolic dimensions, such as `batch_size` and
    /// `sequence_length`. One that is absent counts as 1.
    pub dimensions: BTreeMap<String, u64>,
    /// Tokens in the KV cache; 0 for a model that has none.
    pub context: u64,
    /// Rows in the KV cache.
    pub batch: u64,
}

/// Predicts what the model in `model` needs. `config` is its `config.json`, of
/// which only the KV cache depends.
///
/// # Errors
/// [`Error`]: those about reading a model.
pub fn predict(files: &dyn Files, model: &str, config: &Value, shapes: &Shapes) -> Result<Memory, Error> {
    let graphs = open(files, model)?;
    let (weights, largest_weight) = weights(files, model, &graphs)?;
    let (activations, unknown) = shapes::activations(&graphs, &shapes.dimensions)?;
    let halves = caches(&graphs).any(|dtype| dtype == Some(DataType::Float16 as i32));
    let kv_cache = kv_cache(config, shapes.context, shapes.batch) / if halves { 2 } else { 1 };
    Ok(Memory { weights, largest_weight, activations, kv_cache, unknown })
}

/// Predicts what the model in `model` will need in each of several precisions, before any of them is made.
/// `widens_half` is true of an executor that computes half precision in fp32, and keeps its weights so
/// (onnxruntime's CPU provider, and so wasm).
///
/// Activations are counted in fp32 throughout, which is the most that they take.
///
/// # Errors
/// [`Error`]: those about reading a model, and those of [`Recipe::check`].
pub fn predict_precisions(
    files: &dyn Files,
    model: &str,
    config: &Value,
    shapes: &Shapes,
    recipes: &[Recipe],
    widens_half: bool,
) -> Result<Vec<Memory>, Error> {
    let graphs = open(files, model)?;
    let layers = layers::find(&graphs, &graphs.index()?, &mut Weights::new(files, model))?.layers;
    let (weights, _) = weights(files, model, &graphs)?;
    let (activations, unknown) = shapes::activations(&graphs, &shapes.dimensions)?;
    let kv_cache = kv_cache(config, shapes.context, shapes.batch);
    let decodes = caches(&graphs).next().is_some();
    // A weight that several layers share is there once.
    let mut seen = HashSet::new();
    let distinct = |layer: &Layer| (layer.constant.graph, layer.weight.clone());
    let once = layers.iter().map(|layer| seen.insert(distinct(layer))).collect::<Vec<_>>();
    let of = |recipe: &Recipe| {
        let bits = recipe.assign(&layers)?;
        let kv_cache = if decodes && recipe.computes_in_half() { kv_cache / 2 } else { kv_cache };
        let mut memory = Memory { weights, largest_weight: 0, activations, kv_cache, unknown: unknown.clone() };
        for (layer, bits) in layers.iter().zip(bits).zip(&once).filter_map(|(layer, once)| once.then_some(layer)) {
            let bytes = match bits {
                16 if widens_half => auto::bytes(layer, 32, recipe),
                8 if recipe.form == Form::Stored => auto::bytes(layer, 32, recipe),
                bits => auto::bytes(layer, bits, recipe),
            };
            memory.weights = memory.weights.saturating_sub(auto::bytes(layer, 32, recipe)).saturating_add(bytes);
            memory.largest_weight = memory.largest_weight.max(bytes);
        }
        Ok(memory)
    };
    recipes.iter().map(of).collect()
}

/// The element types of the caches that attention is given, in Pelago's own graphs.
fn caches(graphs: &Graphs) -> impl Iterator<Item = Option<i32>> + '_ {
    let proto = &graphs.all[0].graph;
    let attention = proto.node.iter().filter(|node| node.op_type() == "GroupQueryAttention");
    let past = attention.filter_map(|node| node.input.get(3).filter(|name| name.starts_with("past.")));
    past.filter_map(|name| {
        let input = proto.input.iter().find(|input| input.name() == name)?;
        Some(input.r#type.as_ref().and_then(|found| found.tensor_type.as_ref()).and_then(|tensor| tensor.elem_type))
    })
}

/// Bytes of a decoder's KV cache for `context` tokens in `batch` rows, by the
/// names that transformers' configs have; 0 where the config says too little.
#[must_use]
pub fn kv_cache(config: &Value, context: u64, batch: u64) -> u64 {
    let config = config.get("text_config").unwrap_or(config);
    let number = |names: &[&str]| names.iter().find_map(|name| config.get(*name).and_then(Value::as_u64));
    let heads = number(&["num_attention_heads", "n_head", "num_heads", "decoder_attention_heads"]);
    let hidden = number(&["hidden_size", "n_embd", "d_model"]);
    let size = number(&["head_dim", "d_kv"]).or_else(|| hidden?.checked_div(heads?));
    let layers = number(&["num_decoder_layers", "decoder_layers", "num_hidden_layers", "n_layer", "num_layers"]);
    let kept = number(&["num_key_value_heads"]).or(heads);
    let all = [layers, kept, size, Some(context), Some(batch), Some(2 * 4)];
    all.into_iter().try_fold(1u64, |product, factor| Some(product.saturating_mul(factor?))).unwrap_or(0)
}

fn weights(files: &dyn Files, model: &str, graphs: &Graphs) -> Result<(u64, u64), Error> {
    let (mut sum, mut largest) = (0u64, 0);
    for tensor in graphs.all.iter().flat_map(|scope| &scope.graph.initializer) {
        if read::element_bits(tensor.data_type.unwrap_or_default()).is_some() {
            // Tensors that share bytes in a file do not share memory.
            let length = read::source(files, model, tensor)?.length();
            sum = sum.saturating_add(length);
            largest = largest.max(length);
        }
    }
    Ok((sum, largest))
}

/// What an adapter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that the page may use for the model.
    pub memory: u64,
    /// The largest buffer, in bytes (`maxStorageBufferBindingSize` on WebGPU).
    pub buffer: u64,
    /// Whether shaders compute in half precision (`shader-f16`); true for wasm
    /// and WebNN, which convert themselves.
    pub half: bool,
}

/// The place of the candidate of the highest precision that fits. Of equal
/// bits the one with more bytes of weights counts as higher.
#[must_use]
pub fn largest_that_fits(candidates: &[(Recipe, Memory)], limits: Limits) -> Option<usize> {
    let fits = |(recipe, memory): &&(Recipe, Memory)| {
        memory.total() <= limits.memory && memory.largest_weight <= limits.buffer && (limits.half || !recipe.has_half())
    };
    let candidates = candidates.iter().enumerate().filter(|(_, candidate)| fits(candidate));
    candidates.max_by_key(|(_, (recipe, memory))| (recipe.bits, memory.weights)).map(|(place, _)| place)
}
