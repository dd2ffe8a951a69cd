//! What BERT and the architectures after it have in common: the names of a layer's modules, and the inputs of the graph.

use crate::graph::{
    Config, Error,
    builder::{Builder, Value},
    encoder::{self, Names},
};

/// The modules of a layer, also RoBERTa's.
pub(super) const NAMES: Names = Names {
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    intermediate: "intermediate.dense",
    output: "output.dense",
    output_norm: "output.LayerNorm",
};

/// The graph's inputs, each `[batch, sequence]`.
pub(super) struct Inputs {
    pub(super) input_ids: Value,
    pub(super) attention_mask: Value,
    /// `None` where there are no types.
    token_type_ids: Option<Value>,
    types: usize,
}

impl Inputs {
    pub(super) fn new(graph: &mut Builder<'_>, config: &Config) -> Result<Self, Error> {
        Self::with_types(graph, config.length("type_vocab_size", Some(2))?)
    }

    pub(super) fn with_types(graph: &mut Builder<'_>, types: usize) -> Result<Self, Error> {
        let input_ids = graph.index_input("input_ids");
        let attention_mask = graph.index_input("attention_mask");
        let token_type_ids = (types > 0).then(|| graph.index_input("token_type_ids"));
        Ok(Self { input_ids, attention_mask, token_type_ids, types })
    }

    /// Rows of words and of their types, summed.
    pub(super) fn embed(&self, graph: &mut Builder<'_>, words: usize, size: usize) -> Result<Value, Error> {
        let rows = encoder::embedding(graph, "embeddings.word_embeddings", &self.input_ids, words, size)?;
        let Some(types) = &self.token_type_ids else { return Ok(rows) };
        let types = encoder::embedding(graph, "embeddings.token_type_embeddings", types, self.types, size)?;
        Ok(graph.node("embeddings/types", "Add", &[&rows, &types], &[]))
    }
}
