//! A tokenizer for models with a head: texts and pairs with offsets in Unicode code points, and tokens to texts.

use serde_json::Value;
use tokenizers::{Decoder, EncodeInput, Encoding, TruncationDirection};

use super::{Settings, Tokenizer, default_token, limits, quietly};
use crate::Error;
use crate::files::Files;

/// The tokenizer of a model with a head.
#[derive(Debug)]
pub(crate) struct HeadTokenizer {
    inner: tokenizers::Tokenizer,
    /// Whether a text is cut at its front.
    pub(crate) cuts_front: bool,
    /// Tokens of a row, special ones included; `None` where nothing says so.
    pub(crate) max_tokens: Option<usize>,
    /// The id that fills a shorter row.
    pub(crate) pad_id: u32,
    /// The id of the token that stands for a whole row.
    pub(crate) cls_id: Option<u32>,
    /// The token that stands for what is to be found, and its id.
    pub(crate) mask: Option<(String, u32)>,
    /// Whether spaces before punctuation are taken away of texts that are made of tokens.
    pub(crate) cleans: bool,
    /// Whether pairs have token types that the model was trained with.
    pub(crate) has_types: bool,
}

impl HeadTokenizer {
    /// Reads a model's tokenizer and what its files say of it.
    pub(crate) fn read(files: &Files) -> Result<Self, Error> {
        let settings = Settings::read(files, "")?;
        let max_tokens = limits::max_tokens(files, "", &settings.config, false)?;
        let tokenizer = Tokenizer::of(&settings, None)?;
        let special = |name: &str| {
            let token = settings.named(name).or_else(|| default_token(&settings.class, name))?;
            Some((token.to_owned(), tokenizer.id(token)?))
        };
        let inputs = settings.config.get("model_input_names").and_then(Value::as_array);
        Ok(Self {
            cuts_front: settings.truncation() == TruncationDirection::Left,
            max_tokens,
            pad_id: tokenizer.pad_id,
            cls_id: special("cls_token").map(|(_, id)| id),
            mask: special("mask_token"),
            cleans: settings.cleans(),
            has_types: inputs.is_none_or(|names| names.iter().any(|name| name == "token_type_ids")),
            inner: tokenizer.inner,
        })
    }

    /// The tokens of texts and pairs, special ones included and uncut: the library does not look at what is behind a
    /// limit, which is where an answer may be.
    pub(crate) fn encode(&self, inputs: &[(&str, Option<&str>)]) -> Result<Vec<Encoding>, Error> {
        let input = |(first, second): &(&str, Option<&str>)| match second {
            Some(second) => EncodeInput::Dual((*first).to_owned().into(), (*second).to_owned().into()),
            None => EncodeInput::Single((*first).to_owned().into()),
        };
        let batch = inputs.iter().map(input).collect::<Vec<_>>();
        if let Some(Ok(encoded)) = quietly(|| self.inner.encode_batch_char_offsets(batch, true)) {
            return Ok(encoded);
        }
        // One of them is at fault.
        let one_by_one = inputs.iter().enumerate().map(|(at, one)| {
            let problem = match quietly(|| self.inner.encode_char_offsets(input(one), true)) {
                Some(Ok(encoded)) => return Ok(encoded),
                Some(Err(error)) => error.to_string(),
                None => "a pattern in tokenizer.json takes too long or fails".to_owned(),
            };
            Err(Error::Tokenize { number: at + 1, problem })
        });
        one_by_one.collect()
    }

    /// The text of tokens.
    pub(crate) fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, Error> {
        text(ids.len(), || self.inner.decode(ids, skip_special))
    }

    /// Tokens as they stand in the vocabulary, as a text.
    pub(crate) fn joined(&self, tokens: Vec<String>) -> Result<String, Error> {
        match self.inner.get_decoder() {
            Some(decoder) => text(tokens.len(), || decoder.decode(tokens)),
            None => Ok(tokens.join(" ")),
        }
    }
}

fn text(tokens: usize, decode: impl FnOnce() -> tokenizers::Result<String>) -> Result<String, Error> {
    let problem = match quietly(decode) {
        Some(Ok(text)) => return Ok(text),
        Some(Err(error)) => error.to_string(),
        None => "it fails on them".to_owned(),
    };
    Err(Error::Decode { tokens, problem })
}
