//! Text that is made a token at a time: what a page is asked, what it gives on the way, and what it answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Beams, Graphs, LoadResult, PageCall, Role, RowToken, Sampling, StopReason};

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
    /// How the likeliest answer is searched for; `None` to choose each token for good.
    pub beams: Option<Beams>,
    /// A JSON schema, as its text, that answers keep to. The message then has two tensors more: `token_bytes`, uint8,
    /// with the bytes of all tokens one after the other (none of a special token), and `token_ends`, int32
    /// `[vocabulary]`, with the end of each token's bytes.
    pub schema: Option<String>,
    /// How many of the most likely tokens are given with each token, and its own probability; `None` for neither.
    pub logprobs: Option<u32>,
    /// Whether WebGPU's work for one token may be recorded once and replayed.
    pub capture: bool,
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
    pub loads: BTreeMap<Role, LoadResult>,
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

/// The `data` of `score`: what a model says of the tokens of a text, given those before. The message carries the tensor
/// `scored_ids`, int32 `[tokens]`, and for an encoder–decoder `input_ids`, int32 `[tokens]`, what its encoder is given.
/// The answer carries `logits`, float32 `[tokens, vocabulary]`: after each of the scored tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct ScoreData {
    /// The graphs of the model, as of [`GenerateData`].
    pub graphs: Graphs,
    /// The id that fills a shorter prompt.
    pub pad_id: u32,
    /// Tokens that the decoder takes.
    pub context: u32,
}

/// The answer to `score`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct ScoreResult {
    /// How the session of each graph came to be, for this request.
    pub loads: BTreeMap<Role, LoadResult>,
}

impl PageCall for ScoreData {
    const TYPE: &'static str = "score";
    type Reply = ScoreResult;
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
