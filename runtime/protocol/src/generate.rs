//! Text that is made a token at a time: how a user asks for it, what comes of it, and what a report says.

use serde::{Deserialize, Serialize};

/// How the next token is chosen of the logits. The default takes the most likely one.
///
/// In this order, as transformers does: the penalties, then what may not come or must, then `temperature`, `top_k`, `top_p`, `min_p`, then a draw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// What logits are divided by before a token is drawn; 0 takes the most likely token and draws nothing.
    pub temperature: f64,
    /// Only so many of the most likely tokens are drawn from; `None` for all.
    pub top_k: Option<u32>,
    /// Only the most likely tokens whose probabilities add up to this are drawn from; `None` for all.
    pub top_p: Option<f64>,
    /// Only tokens of at least this times the greatest probability are drawn from; `None` for all.
    pub min_p: Option<f64>,
    /// What logits of tokens that prompt or answer have already are divided by where they are above 0, and multiplied
    /// with where they are below; 1 changes nothing.
    pub repetition_penalty: f64,
    /// Taken off the logit of a token as often as the answer has it; 0 changes nothing.
    pub frequency_penalty: f64,
    /// Taken off the logit of a token that the answer has; 0 changes nothing.
    pub presence_penalty: f64,
    /// No sequence of so many tokens comes twice in prompt and answer; 0 lets any come again.
    pub no_repeat_ngram: u32,
    /// Tokens that are never chosen.
    pub suppressed: Vec<u32>,
    /// The last token of an answer that has as many as were asked for; `None` for any.
    pub forced_end: Option<u32>,
    /// Tokens that an answer has at least; those that end it are not chosen before.
    pub min_new_tokens: u32,
    /// Where the random numbers begin. Equal seeds give equal tokens on equal hardware.
    pub seed: u32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: None,
            top_p: None,
            min_p: None,
            repetition_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            no_repeat_ngram: 0,
            suppressed: Vec::new(),
            forced_end: None,
            min_new_tokens: 0,
            seed: 0,
        }
    }
}

crate::word::words! {
    /// When a search for the likeliest answer ends.
    EarlyStopping, "early stopping" {
        /// As soon as there are as many whole answers as are kept.
        First = "first",
        /// When no answer that is not whole is likelier now than the least likely whole one.
        Likely = "likely",
        /// When no answer can become likelier than the least likely whole one.
        Never = "never",
    }
}

/// A search for the likeliest answer: several are kept while they grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Beams {
    /// Answers that are kept, at least 2.
    pub count: u32,
    /// The exponent of an answer's length, which the sum of its logarithms is divided by: above 0 prefers long ones.
    pub length_penalty: f64,
    /// When the search ends.
    pub early_stopping: EarlyStopping,
}

/// How a user wants text to be made. What is left open is as the model's `generation_config.json` says, and where that
/// is silent, as transformers does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GenerateOptions {
    /// Tokens that each answer may have.
    pub max_new_tokens: Option<u32>,
    /// Seconds after which an answer ends as it is.
    pub max_seconds: Option<f64>,
    /// As [`Sampling::temperature`].
    pub temperature: Option<f64>,
    /// As [`Sampling::top_k`]; 0 for all.
    pub top_k: Option<u32>,
    /// As [`Sampling::top_p`].
    pub top_p: Option<f64>,
    /// As [`Sampling::min_p`].
    pub min_p: Option<f64>,
    /// As [`Sampling::repetition_penalty`].
    pub repetition_penalty: Option<f64>,
    /// As [`Sampling::frequency_penalty`].
    pub frequency_penalty: Option<f64>,
    /// As [`Sampling::presence_penalty`].
    pub presence_penalty: Option<f64>,
    /// As [`Sampling::no_repeat_ngram`].
    pub no_repeat_ngram: Option<u32>,
    /// As [`Sampling::seed`]; another one each time where it is left open.
    pub seed: Option<u32>,
    /// As [`Sampling::min_new_tokens`].
    pub min_new_tokens: Option<u32>,
    /// As [`Beams::count`]; 1 keeps one answer.
    pub beams: Option<u32>,
    /// As [`Beams::length_penalty`].
    pub length_penalty: Option<f64>,
    /// As [`Beams::early_stopping`].
    pub early_stopping: Option<EarlyStopping>,
    /// A JSON schema, as its text: the answer is JSON that it allows.
    pub schema: Option<String>,
    /// What a chat's template is given beside the messages, e.g. `enable_thinking`.
    pub chat_template_kwargs: serde_json::Map<String, serde_json::Value>,
    /// Texts that end an answer. They are no part of it.
    pub stop: Vec<String>,
    /// Whether the model's own tokens for an end do not end an answer, so that answers of all models are as long.
    pub ignore_eos: bool,
    /// As [`GenerateData::logprobs`](crate::GenerateData::logprobs).
    pub logprobs: Option<u32>,
    /// Whether WebGPU's work for one token is not to be recorded and replayed.
    pub no_capture: bool,
}

/// A token that a row of an answer got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct RowToken {
    /// The row of the batch.
    pub row: u32,
    /// The token.
    pub id: u32,
    /// The natural logarithm of its probability, before temperature and cuts and after penalties; `None` where it was
    /// not asked for.
    pub logprob: Option<f64>,
    /// The most likely tokens with theirs, the most likely first; empty where they were not asked for.
    pub top: Vec<(u32, f64)>,
}

crate::word::words! {
    /// Why an answer has no more tokens.
    StopReason, "reason to stop" {
        /// It has a token, or a text, that ends it.
        Stop = "stop",
        /// It has as many tokens as were asked for.
        Length = "length",
        /// Prompt and answer have as many tokens as the model takes.
        Context = "context",
        /// Time was up.
        Time = "time",
        /// Whoever asked said that it is enough.
        Interrupted = "interrupted",
    }
}

/// A text that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GeneratedText {
    /// Without the prompt, and without special tokens.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<RowToken>,
    /// Why it ended.
    pub stop: StopReason,
}

/// A piece of a text that is being made, as the piece came. The pieces of a row together are its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextPart {
    /// The row of the batch.
    pub row: usize,
    /// The characters that are certain with this token; empty where it is but a part of one.
    pub text: String,
    /// The token; `None` for what is left when a row ends.
    pub token: Option<RowToken>,
}

/// What arrives before the output of a run. Parts are ordered, and none is lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A piece of text.
    Text(TextPart),
}

/// What a report says of text that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GenerationReport {
    /// Milliseconds from the request's arrival in the session to the first token.
    pub time_to_first_token_ms: Option<f64>,
    /// Tokens of the prompts a second, in the page.
    pub prefill_tokens_per_sec: Option<f64>,
    /// Tokens after the first a second, of all rows together, in the page.
    pub decode_tokens_per_sec: Option<f64>,
    /// Tokens of the prompts, without padding.
    #[cfg_attr(test, ts(type = "number"))]
    pub prompt_tokens: u64,
    /// Tokens of the answers.
    #[cfg_attr(test, ts(type = "number"))]
    pub new_tokens: u64,
    /// Nodes of the graph that runs for each token.
    pub nodes_per_token: u32,
    /// MiB of the cache of keys and values.
    pub kv_cache_mb: f64,
    /// Tokens that the cache had room for.
    pub kv_cache_tokens: u32,
    /// Whether WebGPU's work for one token was recorded once and replayed.
    pub captured: bool,
    /// Why it was not, where it might have been.
    pub not_captured: Option<String>,
    /// Why each row ended.
    pub stop: Vec<StopReason>,
    /// How tokens were chosen.
    pub sampling: Sampling,
    /// How the likeliest answer was searched for; `None` where each token was chosen for good.
    pub beams: Option<Beams>,
    /// Whether the answer keeps to a JSON schema.
    pub has_schema: bool,
}
