//! What heads of encoders give: labels, entities, tokens for masks, answers. And how a user asks for them.

use serde::{Deserialize, Serialize};

/// How a user wants a head to be asked. What is left open is as Hugging Face's pipelines have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeadOptions {
    /// Labels that a text may get, of a model that was not trained for them.
    pub labels: Vec<String>,
    /// The sentence that says such a label, with `{}` in its place; `None` for [`HeadOptions::HYPOTHESIS`].
    pub hypothesis: Option<String>,
    /// Whether each of such labels is true or not by itself. Otherwise one of them is.
    pub multi_label: bool,
    /// Labels, tokens of a mask, or answers that are kept, the best first; `None` for all labels,
    /// [`HeadOptions::FILLS`] tokens, one answer.
    pub top_k: Option<u32>,
    /// Tokens that an answer may have; `None` for [`HeadOptions::ANSWER_TOKENS`].
    pub max_answer_len: Option<u32>,
    /// Tokens of a question and a piece of its context together; `None` for [`HeadOptions::PIECE_TOKENS`], or what the
    /// model takes where that is less.
    pub max_seq_len: Option<u32>,
    /// Tokens that a piece of a context shares with the one before it; `None` for [`HeadOptions::STRIDE`], or half a
    /// piece where that is less.
    pub doc_stride: Option<u32>,
}

impl HeadOptions {
    /// The sentence that says a label.
    pub const HYPOTHESIS: &str = "This example is {}.";
    /// Tokens that are given for a mask.
    pub const FILLS: u32 = 5;
    /// Tokens that an answer may have.
    pub const ANSWER_TOKENS: u32 = 15;
    /// Tokens of a question and a piece of its context.
    pub const PIECE_TOKENS: u32 = 384;
    /// Tokens that neighbouring pieces share.
    pub const STRIDE: u32 = 128;
}

/// A label, and how well it fits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// By the model's `id2label`, or as the user gave it.
    pub label: String,
    /// Its probability.
    pub score: f64,
}

/// The labels of a text, the best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelledText {
    /// The text.
    pub text: String,
    /// The second one, of a pair.
    pub pair: Option<String>,
    /// Its labels.
    pub labels: Vec<Label>,
}

/// Neighbouring tokens of one label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// The label, without `B-` or `I-`.
    pub entity_group: String,
    /// The mean of its tokens' probabilities.
    pub score: f64,
    /// Its tokens as a text.
    pub word: String,
    /// Unicode code points of the text before it.
    pub start: usize,
    /// Unicode code points of the text up to its end.
    pub end: usize,
}

/// The entities of a text, in its order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntityText {
    /// The text.
    pub text: String,
    /// Its entities.
    pub entities: Vec<Entity>,
}

/// A token for a mask's place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fill {
    /// Its probability.
    pub score: f64,
    /// Its id.
    pub token: u32,
    /// What it reads.
    pub token_str: String,
    /// The text with it. Special tokens are left out where the text has one mask.
    pub sequence: String,
}

/// The tokens for a text's masks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilledText {
    /// The text.
    pub text: String,
    /// For each mask the tokens, the most likely first.
    pub masks: Vec<Vec<Fill>>,
}

/// A part of a text that answers a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The probability that it begins and ends there.
    pub score: f64,
    /// Unicode code points of the context before it.
    pub start: usize,
    /// Unicode code points of the context up to its end.
    pub end: usize,
    /// The part of the context.
    pub answer: String,
}

/// The answers to a question, the best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnsweredQuestion {
    /// The question.
    pub question: String,
    /// Its answers.
    pub answers: Vec<Answer>,
}
