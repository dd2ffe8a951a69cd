//! What each token adds to a text, in bytes: what a grammar needs to know of a vocabulary.

use serde_json::Value;

use super::bytes::{byte_of, byte_token};
use super::decode::Decoder;

/// The bytes of all tokens of a vocabulary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pieces {
    /// One token after the other. A token that is no part of a text has none.
    pub bytes: Vec<u8>,
    /// Where each token's bytes end.
    pub ends: Vec<i32>,
}

impl Pieces {
    pub(super) fn of(decoder: &Decoder) -> Self {
        let written = Written::of(&decoder.tokenizer.decoder());
        let mut pieces = Self::default();
        for id in 0..decoder.size() {
            let id = u32::try_from(id).unwrap_or(u32::MAX);
            if let Some(token) = decoder.tokenizer.token(id).filter(|_| !decoder.tokenizer.is_special(id)) {
                written.add(&token, &mut pieces.bytes);
            }
            // No vocabulary has 2 GiB of text.
            pieces.ends.push(i32::try_from(pieces.bytes.len()).unwrap_or(i32::MAX));
        }
        pieces
    }
}

/// How a vocabulary writes what its tokens stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// Each byte as a character of its own (GPT-2's table).
    Bytes,
    /// As text in which `▁` is a space, and `<0x0A>` a byte.
    Text,
    /// As a word, or as the rest of one behind `##`.
    Words,
}

impl Written {
    fn of(decoder: &Value) -> Self {
        let parts = decoder["decoders"].as_array().map_or(std::slice::from_ref(decoder), Vec::as_slice);
        let has = |kind: &str| parts.iter().any(|part| part["type"] == kind);
        match () {
            () if has("ByteLevel") => Self::Bytes,
            () if has("WordPiece") => Self::Words,
            () => Self::Text,
        }
    }

    fn add(self, token: &str, bytes: &mut Vec<u8>) {
        match self {
            Self::Bytes => {
                for character in token.chars() {
                    match byte_of(character) {
                        Some(byte) => bytes.push(byte),
                        None => bytes.extend(character.to_string().as_bytes()),
                    }
                }
            }
            Self::Text => match byte_token(token) {
                Some(byte) => bytes.push(byte),
                None => bytes.extend(token.replace('▁', " ").as_bytes()),
            },
            Self::Words => match token.strip_prefix("##") {
                Some(rest) => bytes.extend(rest.as_bytes()),
                None => bytes.extend(format!(" {token}").as_bytes()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bytes(decoder: &Value, token: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        Written::of(decoder).add(token, &mut bytes);
        bytes
    }

    #[test]
    fn tokens_are_bytes_as_their_decoder_has_them() {
        let byte_level = json!({"type": "ByteLevel"});
        assert_eq!(bytes(&byte_level, "ĠHello"), b" Hello");
        assert_eq!(bytes(&byte_level, "Ċ"), b"\n");
        // The bytes of é, each a character.
        assert_eq!(bytes(&byte_level, "Ã©"), "é".as_bytes());
        let pieces = json!({"type": "Sequence", "decoders": [{"type": "Replace"}, {"type": "ByteFallback"}]});
        assert_eq!(bytes(&pieces, "▁Hello"), b" Hello");
        assert_eq!(bytes(&pieces, "<0x0A>"), b"\n");
        let words = json!({"type": "WordPiece", "prefix": "##"});
        assert_eq!((bytes(&words, "##ing"), bytes(&words, "walk")), (b"ing".to_vec(), b" walk".to_vec()));
    }
}
