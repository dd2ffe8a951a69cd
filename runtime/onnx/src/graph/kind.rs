//! What a checkpoint is for, by its config: which function builds its graphs, and what they are called.

use super::{Config, Head, decodes, supported, translates};

/// What a checkpoint gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// States of tokens: [`build_in`](super::build_in).
    States,
    /// Labels, tokens or answers: [`build_head_in`](super::build_head_in).
    Head(Head),
    /// Text that continues a text: [`build_decoder_in`](super::build_decoder_in).
    Decoder,
    /// Text of another text: [`build_encoder_decoder_in`](super::build_encoder_decoder_in).
    EncoderDecoder,
}

impl Kind {
    /// By the class that a config's `architectures` names, such as `LlamaForCausalLM`; without one, states. None where the
    /// architecture has no builder for that.
    #[must_use]
    pub fn of(config: &Config) -> Option<Self> {
        let name =
            config.get("architectures").and_then(|names| names.as_array()?.first()?.as_str()).unwrap_or_default();
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
        if ends(&["ForCausalLM", "LMHeadModel"]) {
            return decodes(config).then_some(Self::Decoder);
        }
        if ends(&["ForConditionalGeneration", "MTModel"]) {
            return translates(config).then_some(Self::EncoderDecoder);
        }
        if let Some(head) = Head::of(config) {
            return head.has_builder(config).then_some(Self::Head(head));
        }
        supported(config).map(|_| Self::States)
    }

    /// The roles of its graphs.
    #[must_use]
    pub fn roles(self) -> &'static [&'static str] {
        match self {
            Self::States | Self::Head(_) | Self::Decoder => &["model"],
            Self::EncoderDecoder => &["encoder", "cross", "decoder"],
        }
    }
}
