//! Text that is made a token at a time: how a user asks for it, what a page is asked, and what it answers.

use serde::{Deserialize, Serialize};

use crate::{Graphs, LoadResult, PageCall};

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
            seed: 0,
        }
    }
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
    /// Texts that end an answer. They are no part of it.
    pub stop: Vec<String>,
    /// As [`GenerateData::logprobs`].
    pub logprobs: Option<u32>,
    /// Whether WebGPU's work for one token is not to be recorded and replayed.
    pub no_capture: bool,
}

/// The `data` of `generate`: token ids to more of them. The message carries the tensor `input_ids`, int32 `[tokens]`,
/// with the ids of all prompts one after the other. A decoder is the graph in the role `model`; an encoder–decoder has
/// graphs in the roles `encoder`, `cross` and `decoder`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct GenerateData {
    /// The graphs of the model.
    pub graphs: Graphs,
    /// Tokens of each prompt, without padding; at least one each.
    pub lengths: Vec<u32>,
    /// The id that fills a shorter prompt.
    pub pad_id: u32,
    /// What an encoder–decoder's answer begins with, the same for every row; empty for a decoder.
    pub decoder_ids: Vec<u32>,
    /// Tokens that a row may have in the decoder, prompt and answer together.
    pub context: u32,
    /// Tokens that each row's answer may have.
    pub max_new_tokens: u32,
    /// Tokens that end a row's answer. They are part of it.
    pub stop_ids: Vec<u32>,
    /// How the next token is chosen.
    pub sampling: Sampling,
    /// How many of the most likely tokens are given with each token, and its own probability; `None` for neither.
    pub logprobs: Option<u32>,
    /// Whether WebGPU's work for one token may be recorded once and replayed.
    pub capture: bool,
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

/// What `generate` gives before its result, as the `data` of a `part`: the tokens of one step, one of each row that
/// has not ended. The first has what follows the prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct GeneratePart {
    /// The tokens, by row.
    pub tokens: Vec<RowToken>,
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

/// What a row of the batch got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct GeneratedRow {
    /// Tokens of the answer.
    pub ids: Vec<u32>,
    /// Why it ended.
    pub stop: StopReason,
}

/// The answer to `generate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct GenerateResult {
    /// How the session of each graph came to be, for this request.
    pub loads: std::collections::BTreeMap<crate::Role, LoadResult>,
    /// One a row of the batch.
    pub rows: Vec<GeneratedRow>,
    /// Milliseconds of the encoder and of what is computed once of its states; `None` where there is none.
    pub encode_ms: Option<f64>,
    /// Milliseconds from the first run on the prompt to the first token.
    pub prefill_ms: f64,
    /// Milliseconds of all tokens after the first.
    pub decode_ms: f64,
    /// Runs of the decoder that gave one token a row.
    pub steps: u32,
    /// Tokens that the cache of keys and values had room for.
    pub capacity: u32,
    /// Bytes of the cache.
    #[cfg_attr(test, ts(type = "number"))]
    pub cache_bytes: u64,
    /// Whether the work for one token was recorded once and replayed.
    pub captured: bool,
    /// Why it was not, where it was asked for.
    pub not_captured: Option<String>,
}

impl PageCall for GenerateData {
    const TYPE: &'static str = "generate";
    type Reply = GenerateResult;
}

/// The `data` of `stop`. It has no answer of its own: the request that it names ends with its result, of what it has
/// by then, as soon as it can.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// The `id` of the request.
    #[cfg_attr(test, ts(type = "number"))]
    pub target: u64,
}

/// The `data` of `credit`. It has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Credit {
    /// The `id` of a request that gives parts.
    #[cfg_attr(test, ts(type = "number"))]
    pub target: u64,
    /// How many parts it may send beside those that it might send before.
    pub parts: u32,
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
}
