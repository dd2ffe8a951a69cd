//! ELECTRA (Clark et al. 2020): BERT whose rows of words may be narrower than its
//! layers, and are projected then.

use crate::graph::{
    Config, Error,
    builder::{Builder, Value},
    encoder,
    onnx::DataType,
};

use super::{
    Architecture,
    bert::{self, Positions},
};

pub(super) struct Electra;

impl Architecture for Electra {
    fn model_types(&self) -> &'static [&'static str] {
        &["electra"]
    }

    fn prefixes(&self) -> (&'static [&'static str], &'static str) {
        (&["", "electra."], "embeddings.word_embeddings.weight")
    }

    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        let sizes = bert::sizes(config)?;
        let kind = Positions::read(config)?;
        let narrow = config.length("embedding_size", Some(128))?;
        let inputs = bert::Inputs::new(graph, config)?;
        let positions = encoder::range(graph, "embeddings.position_ids", &inputs.input_ids);
        let rows = graph.cast("embeddings.position_ids/int32", &positions, DataType::Int32);
        let mut state = bert::embed(graph, config, narrow, sizes.epsilon, &inputs, kind.absolute(&rows))?;
        if narrow != sizes.hidden {
            state = encoder::linear(graph, "embeddings_project", &state, narrow, sizes.hidden)?;
        }
        Ok((bert::encode(graph, config, &sizes, &inputs, kind, state, &positions)?, sizes.hidden))
    }
}
