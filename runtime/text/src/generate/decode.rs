//! Token ids to text, and how much of a text can still change when more tokens follow.

use serde_json::Value;

use super::bytes::byte_token;
use super::spaces;
use crate::Error;
use crate::tokenizer::Tokenizer;

/// What a decoder may write otherwise once more tokens follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsure {
    /// A character that is not complete, which is the replacement character until it is.
    Character,
    /// The bytes at the end, each a token: all of them become replacement characters if one does not fit.
    Bytes,
    /// Anything.
    All,
}

/// A tokenizer as it is used on ids.
#[derive(Debug)]
pub(super) struct Decoder {
    pub(super) tokenizer: Tokenizer,
    /// Rows of the table of embeddings, where `config.json` says so.
    pub(super) rows: Option<usize>,
    pub(super) unsure: Unsure,
    /// Whether spaces before punctuation are taken away.
    pub(super) cleans: bool,
    /// Ids below this one can come of the model.
    tokens: usize,
}

impl Decoder {
    pub(super) fn new(tokenizer: Tokenizer, rows: Option<usize>, cleans: bool) -> Self {
        let tokens = tokenizer.size().max(rows.unwrap_or_default());
        Self { unsure: unsure(&tokenizer.decoder()), tokenizer, rows, cleans, tokens }
    }

    /// The text of ids.
    pub(super) fn text(&self, ids: &[u32]) -> Result<String, Error> {
        ids.iter().try_for_each(|id| self.check(*id))?;
        let heard = ids.iter().copied().filter(|id| !self.is_silent(*id)).collect::<Vec<_>>();
        let text = self.raw(&heard)?;
        Ok(if self.cleans { spaces::cleaned(&text) } else { text })
    }

    /// The text of ids before spaces are taken away.
    pub(super) fn raw(&self, ids: &[u32]) -> Result<String, Error> {
        if ids.is_empty() { Ok(String::new()) } else { self.tokenizer.decode(ids) }
    }

    /// One more than the greatest id that can come of the model.
    pub(super) fn size(&self) -> usize {
        self.tokens
    }

    pub(super) fn check(&self, id: u32) -> Result<(), Error> {
        let known = (id as usize) < self.tokens;
        if known { Ok(()) } else { Err(Error::UnknownToken { id, tokens: self.tokens }) }
    }

    /// Whether an id is no part of a text: a special token, or a row of the table that no token has.
    pub(super) fn is_silent(&self, id: u32) -> bool {
        self.tokenizer.is_special(id) || self.tokenizer.token(id).is_none()
    }

    /// Whether a token is one byte, such as `<0x0A>`.
    pub(super) fn is_byte(&self, id: u32) -> bool {
        self.tokenizer.token(id).is_some_and(|token| byte_token(&token).is_some())
    }
}

/// What the parts of a decoder, in their order, leave open.
fn unsure(decoder: &Value) -> Unsure {
    let parts = match decoder["decoders"].as_array() {
        Some(parts) => parts.as_slice(),
        None => std::slice::from_ref(decoder),
    };
    let (mut unsure, mut joined) = (Unsure::Character, false);
    for part in parts {
        let of_one_character = part["pattern"]["String"].as_str().is_some_and(|text| text.chars().count() == 1);
        match part["type"].as_str() {
            None if decoder.is_null() => {}
            Some("Fuse") => joined = true,
            Some("ByteLevel") if !joined => joined = true,
            Some("ByteFallback") if !joined => unsure = Unsure::Bytes,
            Some("Metaspace" | "WordPiece" | "BPEDecoder") if !joined => {}
            Some("Replace") if !joined || of_one_character => {}
            Some("Strip") if !joined || part["stop"].as_u64() == Some(0) => {}
            _ => return Unsure::All,
        }
    }
    unsure
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn decoders_that_look_back_are_known() {
        let byte_level = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true});
        let (fallback, fuse) = (json!({"type": "ByteFallback"}), json!({"type": "Fuse"}));
        let replace = json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "});
        let strip = |stop: u32| json!({"type": "Strip", "content": " ", "start": 1, "stop": stop});
        let of = |parts: &[&Value]| unsure(&json!({"type": "Sequence", "decoders": parts}));
        assert_eq!((unsure(&Value::Null), unsure(&byte_level)), (Unsure::Character, Unsure::Character));
        assert_eq!(of(&[&replace, &fallback, &fuse, &strip(0)]), Unsure::Bytes);
        assert_eq!(of(&[&fallback, &fuse, &replace, &strip(0)]), Unsure::Bytes);
        assert_eq!(of(&[&replace, &fallback, &fuse, &strip(1)]), Unsure::All);
        assert_eq!(of(&[&fuse, &byte_level]), Unsure::All);
        assert_eq!(unsure(&json!({"type": "CTC"})), Unsure::All);
    }
}
