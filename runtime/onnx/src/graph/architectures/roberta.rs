//! RoBERTa (Liu et al. 2019), XLM-RoBERTa and CamemBERT: BERT whose positions
//! count from the padding token on.

use crate::graph::{
    Config, Error,
    builder::{Builder, Value},
    encoder,
};

use super::{
    Architecture,
    bert::{self, Positions},
};

pub(super) struct Roberta;

impl Architecture for Roberta {
    fn model_types(&self) -> &'static [&'static str] {
        &["roberta", "xlm-roberta", "camembert"]
    }

    fn prefixes(&self) -> (&'static [&'static str], &'static str) {
        (&["", "roberta."], "embeddings.word_embeddings.weight")
    }

    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        let sizes = bert::sizes(config)?;
        let kind = Positions::read(config)?;
        let padding = config.length("pad_token_id", Some(1))?;
        let inputs = bert::Inputs::new(graph, config)?;
        let (input_ids, scope) = (&inputs.input_ids, "embeddings.position_ids");
        // Distances between tokens count padding too.
        let (rows, range) = match kind {
            Positions::Absolute => (encoder::positions_after_padding(graph, scope, input_ids, padding), String::new()),
            _ => (String::new(), encoder::range(graph, scope, input_ids)),
        };
        let state = bert::embed(graph, config, sizes.hidden, sizes.epsilon, &inputs, kind.absolute(&rows))?;
        Ok((bert::encode(graph, config, &sizes, &inputs, kind, state, &range)?, sizes.hidden))
    }
}
