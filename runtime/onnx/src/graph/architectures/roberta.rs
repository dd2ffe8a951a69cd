//! RoBERTa (Liu et al. 2019), XLM-RoBERTa and CamemBERT: BERT whose positions
//! count from the padding token on.

use crate::graph::{
    Config, Error,
    builder::{Builder, Value},
    encoder,
};

use super::{Architecture, bert};

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
        let padding = config.length("pad_token_id", Some(1))?;
        let inputs = bert::Inputs::new(graph, config)?;
        let scope = "embeddings.position_ids";
        let positions = encoder::positions_after_padding(graph, scope, &inputs.input_ids, padding);
        bert::encode(graph, config, &sizes, &inputs, &positions)
    }
}
