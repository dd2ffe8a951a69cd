//! Where the tensors of each family's heads are.

use super::Function;
use crate::graph::{Config, Error, activation::Activation};

/// What classifies a text: `classifier(activation(dense(first token)))`.
pub(super) struct Pooled {
    pub(super) dense: &'static str,
    /// Whether that is within the encoder.
    pub(super) within: bool,
    pub(super) activation: Function,
    pub(super) classifier: &'static str,
}

/// What turns states before they are multiplied with the table of embeddings.
pub(super) struct Masked {
    pub(super) dense: &'static str,
    pub(super) activation: Function,
    pub(super) norm: &'static str,
    /// Added to the variance: `layer_norm_eps`, or this where the setting is absent; always this where it is fixed.
    epsilon: (f32, bool),
    pub(super) bias: &'static str,
}

impl Masked {
    pub(super) fn epsilon(&self, config: &Config) -> Result<f32, Error> {
        let (epsilon, fixed) = self.epsilon;
        if fixed { Ok(epsilon) } else { config.number("layer_norm_eps", epsilon) }
    }
}

/// The heads of some model types.
pub(super) struct Family {
    model_types: &'static [&'static str],
    pub(super) pooled: Pooled,
    pub(super) masked: Masked,
}

impl Family {
    pub(super) fn of(config: &Config) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.model_types.contains(&config.model_type()))
    }

    pub(super) fn model_types() -> Vec<&'static str> {
        FAMILIES.iter().flat_map(|family| family.model_types).copied().collect()
    }
}

const HIDDEN_ACT: Function = Function::Setting("hidden_act", Activation::Gelu);

const FAMILIES: &[Family] = &[
    Family {
        model_types: &["bert", "ernie"],
        pooled: Pooled {
            dense: "pooler.dense",
            within: true,
            activation: Function::Always(Activation::Tanh),
            classifier: "classifier",
        },
        masked: Masked {
            dense: "cls.predictions.transform.dense",
            activation: HIDDEN_ACT,
            norm: "cls.predictions.transform.LayerNorm",
            epsilon: (1e-12, false),
            bias: "cls.predictions.bias",
        },
    },
    Family {
        model_types: &["roberta", "xlm-roberta", "camembert", "mpnet"],
        pooled: Pooled {
            dense: "classifier.dense",
            within: false,
            activation: Function::Always(Activation::Tanh),
            classifier: "classifier.out_proj",
        },
        masked: Masked {
            dense: "lm_head.dense",
            activation: Function::Always(Activation::Gelu),
            norm: "lm_head.layer_norm",
            epsilon: (1e-12, false),
            bias: "lm_head.bias",
        },
    },
    Family {
        model_types: &["distilbert"],
        pooled: Pooled {
            dense: "pre_classifier",
            within: false,
            activation: Function::Always(Activation::Relu),
            classifier: "classifier",
        },
        masked: Masked {
            dense: "vocab_transform",
            activation: Function::Setting("activation", Activation::Gelu),
            norm: "vocab_layer_norm",
            epsilon: (1e-12, true),
            bias: "vocab_projector.bias",
        },
    },
    Family {
        model_types: &["electra"],
        pooled: Pooled {
            dense: "classifier.dense",
            within: false,
            activation: Function::Always(Activation::Gelu),
            classifier: "classifier.out_proj",
        },
        masked: Masked {
            dense: "generator_predictions.dense",
            activation: Function::Always(Activation::Gelu),
            norm: "generator_predictions.LayerNorm",
            epsilon: (1e-12, false),
            bias: "generator_lm_head.bias",
        },
    },
    Family {
        model_types: &["albert"],
        pooled: Pooled {
            dense: "pooler",
            within: true,
            activation: Function::Always(Activation::Tanh),
            classifier: "classifier",
        },
        masked: Masked {
            dense: "predictions.dense",
            activation: Function::Setting("hidden_act", Activation::GeluTanh),
            norm: "predictions.LayerNorm",
            epsilon: (1e-12, false),
            bias: "predictions.bias",
        },
    },
    Family {
        model_types: &["deberta-v2"],
        pooled: Pooled {
            dense: "pooler.dense",
            within: false,
            activation: Function::Setting("pooler_hidden_act", Activation::Gelu),
            classifier: "classifier",
        },
        masked: Masked {
            dense: "cls.predictions.transform.dense",
            activation: HIDDEN_ACT,
            norm: "cls.predictions.transform.LayerNorm",
            epsilon: (1e-7, false),
            bias: "cls.predictions.bias",
        },
    },
];
