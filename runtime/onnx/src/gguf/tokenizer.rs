//! The tokenizer and the chat template of a GGUF file, as it has them.

use super::{Array, Error, Gguf, Value};

/// A tokenizer's data. A field is absent where the file has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tokenizer {
    /// `gpt2` for byte-level BPE, `llama` for SentencePiece, and others.
    pub model: String,
    /// How text is cut before merging, such as `smollm` or `qwen2`.
    pub pre: Option<String>,
    /// Each token's text, by its id.
    pub tokens: Vec<String>,
    /// Each token's score.
    pub scores: Option<Vec<f64>>,
    /// Each token's type: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 a byte.
    pub types: Option<Vec<i64>>,
    /// Merges, two parts with a space between.
    pub merges: Option<Vec<String>>,
    /// The token that begins a text.
    pub bos: Option<u64>,
    /// The token that ends a text.
    pub eos: Option<u64>,
    /// The token that ends a turn.
    pub eot: Option<u64>,
    /// The token for what has none.
    pub unknown: Option<u64>,
    /// The token for padding.
    pub padding: Option<u64>,
    /// Whether a text begins with `bos`.
    pub add_bos: Option<bool>,
    /// Whether a text ends with `eos`.
    pub add_eos: Option<bool>,
    /// Whether a space comes before a text.
    pub add_space_prefix: Option<bool>,
    /// The chat template, in Jinja.
    pub chat_template: Option<String>,
}

impl Gguf {
    /// The tokenizer; none where the file has none.
    ///
    /// # Errors
    /// [`Error::Missing`] where a part of it is not what it should be.
    pub fn tokenizer(&self) -> Result<Option<Tokenizer>, Error> {
        if !self.metadata.contains_key("tokenizer.ggml.model") {
            return Ok(None);
        }
        let key = |name: &str| match name {
            "chat_template" => "tokenizer.chat_template".to_owned(),
            name => format!("tokenizer.ggml.{name}"),
        };
        let missing = |name: &str, expected| Error::Missing { key: key(name), expected };
        let get = |name: &str| self.metadata.get(&key(name));
        let text = |name: &str| {
            let value = get(name).map(|value| value.text().map(str::to_owned).ok_or_else(|| missing(name, "text")));
            value.transpose()
        };
        let id = |name: &str| {
            get(name).map(|value| value.unsigned().ok_or_else(|| missing(name, "a token's number"))).transpose()
        };
        let flag =
            |name: &str| get(name).map(|value| value.flag().ok_or_else(|| missing(name, "true or false"))).transpose();
        let texts = |name: &str| match get(name) {
            None => Ok(None),
            Some(Value::Array(Array::Texts(texts))) => Ok(Some(texts.clone())),
            Some(_) => Err(missing(name, "a list of text")),
        };
        let tokens = texts("tokens")?.ok_or_else(|| missing("tokens", "a list of text"))?;
        let of_all = |name: &str, count: usize| match count == tokens.len() {
            true => Ok(()),
            false => Err(missing(name, "a list with one element a token")),
        };
        let scores = match get("scores") {
            None => None,
            Some(Value::Array(Array::Reals(scores))) => Some(scores.clone()),
            Some(_) => return Err(missing("scores", "a list of numbers")),
        };
        let types = match get("token_type") {
            None => None,
            Some(Value::Array(Array::Signed(types))) => Some(types.clone()),
            Some(Value::Array(Array::Unsigned(types))) => Some(types.iter().map(|kind| *kind as i64).collect()),
            Some(_) => return Err(missing("token_type", "a list of integers")),
        };
        scores.as_ref().map_or(Ok(()), |scores| of_all("scores", scores.len()))?;
        types.as_ref().map_or(Ok(()), |types: &Vec<i64>| of_all("token_type", types.len()))?;
        Ok(Some(Tokenizer {
            model: text("model")?.unwrap_or_default(),
            pre: text("pre")?,
            scores,
            types,
            merges: texts("merges")?,
            bos: id("bos_token_id")?,
            eos: id("eos_token_id")?,
            eot: id("eot_token_id")?,
            unknown: id("unknown_token_id")?,
            padding: id("padding_token_id")?,
            add_bos: flag("add_bos_token")?,
            add_eos: flag("add_eos_token")?,
            add_space_prefix: flag("add_space_prefix")?,
            chat_template: text("chat_template")?,
            tokens,
        }))
    }
}
