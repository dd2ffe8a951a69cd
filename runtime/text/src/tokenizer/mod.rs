//! A model's tokenizer: Hugging Face's own, with its settings as `transformers.AutoTokenizer` (5.x) resolves them.
//! `tokenizer.json` has the vocabulary; for some classes the library makes the parts around it anew from
//! `tokenizer_config.json`, and so does this.

mod added;
mod classes;
mod defaults;
mod head;
mod limits;
mod settings;
mod slow;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::{Encoding, TruncationDirection, TruncationParams};

pub(crate) use self::defaults::default_token;
pub(crate) use self::head::HeadTokenizer;
pub(crate) use self::limits::{TRANSFORMER_CONFIGS, transformer};
pub(crate) use self::settings::{NAMED, Settings};
use crate::Error;
use crate::files::Files;

/// Longest `tokenizer.json`. That of 256,000 words with their merges is 34 MB.
const FILE_MAX: usize = 128 << 20;

/// A tokenizer with what a model's folder says of it.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The id that fills a shorter row.
    pub(crate) pad_id: u32,
    /// Whether padding stands before the tokens.
    pub(crate) pad_left: bool,
    /// Tokens of one text, special ones included; `None` where nothing says so.
    pub(crate) max_tokens: Option<usize>,
    /// Tokens that are put around every text.
    pub(crate) special: usize,
    /// Ids of special tokens, sorted.
    special_ids: Vec<u32>,
    /// Whether special tokens are put around a text.
    adds_special: bool,
}

impl Tokenizer {
    /// Reads the tokenizer in `folder`, where the transformer is; `listed` says that there is a `modules.json`.
    pub(crate) fn read(files: &Files, folder: &str, listed: bool) -> Result<Self, Error> {
        let settings = Settings::read(files, folder)?;
        let max_tokens = limits::max_tokens(files, folder, &settings.config, listed)?;
        Self::of(&settings, max_tokens)
    }

    /// The tokenizer of a model that generates text, of which no text is cut, with what its files say.
    pub(crate) fn generating(files: &Files) -> Result<(Self, Settings), Error> {
        let settings = Settings::read(files, "")?;
        Ok((Self::of(&settings, None)?, settings))
    }

    fn of(settings: &Settings, max_tokens: Option<usize>) -> Result<Self, Error> {
        let damaged = |problem: String| Error::Damaged { file: settings.file.clone(), problem };
        let json = classes::rebuilt(settings);
        let mut inner: tokenizers::Tokenizer = match quietly(|| serde_json::from_value(json)) {
            Some(Ok(tokenizer)) => tokenizer,
            Some(Err(error)) => return Err(damaged(error.to_string())),
            None => return Err(damaged("its parts do not go together".to_owned())),
        };
        inner.with_padding(None);
        added::add(settings, &mut inner).map_err(&damaged)?;
        let special = match quietly(|| inner.encode_fast("", true)) {
            Some(Ok(nothing)) => nothing.get_ids().len(),
            Some(Err(error)) => return Err(damaged(error.to_string())),
            None => return Err(damaged("it fails on an empty text".to_owned())),
        };
        let truncation = match max_tokens {
            Some(most) if most <= special => {
                return Err(damaged(format!(
                    "texts may have {most} tokens, and {special} special ones are put around each"
                )));
            }
            Some(max_length) => {
                Some(TruncationParams { max_length, direction: settings.truncation(), ..Default::default() })
            }
            None => None,
        };
        inner.with_truncation(truncation).map_err(|error| damaged(error.to_string()))?;
        let mut special_ids = inner
            .get_added_tokens_decoder()
            .into_iter()
            .filter(|(_, token)| token.special)
            .map(|(id, _)| id)
            .collect::<Vec<_>>();
        special_ids.sort_unstable();
        let pad_id = settings.pad_id(&inner);
        Ok(Self { inner, pad_id, pad_left: settings.pads_left(), max_tokens, special, special_ids, adds_special: true })
    }

    /// The tokenizer of a table of embeddings: `tokenizer.json` alone, with its own limit.
    pub(crate) fn of_table(files: &Files, folder: &str) -> Result<Self, Error> {
        let file = crate::files::join(folder, "tokenizer.json");
        let damaged = |problem: String| Error::Damaged { file: file.clone(), problem };
        let Some(json) = files.json(&file)? else {
            return Err(Error::Missing { file, help: "a static embedding model needs it; fetch the model again" });
        };
        let inner: Option<Result<tokenizers::Tokenizer, _>> = quietly(|| serde_json::from_value(json));
        let mut inner = match inner {
            Some(Ok(tokenizer)) => tokenizer,
            Some(Err(error)) => return Err(damaged(error.to_string())),
            None => return Err(damaged("its parts do not go together".to_owned())),
        };
        inner.with_padding(None);
        Ok(Self {
            pad_id: 0,
            pad_left: false,
            max_tokens: inner.get_truncation().map(|truncation| truncation.max_length),
            special: 0,
            special_ids: Vec::new(),
            adds_special: false,
            inner,
        })
    }

    /// The tokens of each text, cut at the model's limit: what is over it is in `get_overflowing`.
    pub(crate) fn encode(&self, texts: Vec<String>) -> Result<Vec<Encoding>, Error> {
        self.encode_as(texts, self.adds_special)
    }

    /// The tokens of texts that have the special tokens around them already.
    pub(crate) fn encode_bare(&self, texts: Vec<String>) -> Result<Vec<Encoding>, Error> {
        self.encode_as(texts, false)
    }

    fn encode_as(&self, texts: Vec<String>, special: bool) -> Result<Vec<Encoding>, Error> {
        let first = texts.first().cloned();
        match quietly(|| self.inner.encode_batch_fast(texts, special)) {
            Some(Ok(encoded)) => Ok(encoded),
            Some(Err(error)) => Err(Error::Tokenize { number: 1, problem: error.to_string() }),
            None => Err(Error::Tokenize {
                number: 1,
                problem: format!(
                    "a pattern in tokenizer.json takes too long or fails, on a text like {:?}",
                    first.unwrap_or_default().chars().take(40).collect::<String>()
                ),
            }),
        }
    }

    #[cfg(test)]
    #[allow(clippy::unwrap_used)]
    pub(crate) fn without_limit(mut self) -> Self {
        self.inner.with_truncation(None).unwrap();
        self
    }

    pub(crate) fn is_special(&self, id: u32) -> bool {
        self.special_ids.binary_search(&id).is_ok()
    }

    /// The text of tokens, without special ones. Ids that are no tokens give nothing.
    pub(crate) fn decode(&self, ids: &[u32]) -> Result<String, Error> {
        let problem = match quietly(|| self.inner.decode(ids, true)) {
            Some(Ok(text)) => return Ok(text),
            Some(Err(error)) => error.to_string(),
            None => "it fails on them".to_owned(),
        };
        Err(Error::Decode { tokens: ids.len(), problem })
    }

    /// A token's id.
    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// A token as the vocabulary has it.
    pub(crate) fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// One more than the greatest id.
    pub(crate) fn size(&self) -> usize {
        let ids = self.inner.get_vocab(true).into_values();
        ids.max().map_or(0, |greatest| greatest as usize + 1)
    }

    /// How tokens become a text, as `tokenizer.json` has it; null where they are joined by spaces.
    pub(crate) fn decoder(&self) -> serde_json::Value {
        self.inner.get_decoder().and_then(|decoder| serde_json::to_value(decoder).ok()).unwrap_or_default()
    }

    /// Whether it cuts at the front.
    pub(crate) fn cuts_front(&self) -> bool {
        self.inner.get_truncation().is_some_and(|cut| cut.direction == TruncationDirection::Left)
    }
}

/// The library panics on some files and patterns; that is an error of the file here. Its state is not used again
/// after one that happened while it was made, and encoding does not change it.
fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}
