//! What Python's `json` writes and reads though it is no JSON: half a character
//! as an escape (`\ud83d`), `NaN`, `Infinity`. Notebooks have it in outputs that
//! were cut, and in charts.
//!
//! Such a text is read through another of the same length, so that every value
//! stands at the same place in both: one is parsed, the other is written back.

use std::borrow::Cow;

/// The escape of U+FFFD, which no text can miss a half of.
const REPLACEMENT: &[u8] = b"\\ufffd";

/// Words outside strings, each with a text of its length. As texts they are
/// equal to themselves and to no number.
const WORDS: [(&[u8], &[u8]); 3] =
    [(b"NaN", br#""N""#), (b"-Infinity", br#""-Infini""#), (b"Infinity", br#""Infini""#)];

/// The text as JSON, byte for byte as long.
pub(super) fn strict(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut strict = None::<Vec<u8>>;
    let mut put = |at: usize, replacement: &[u8]| {
        let strict = strict.get_or_insert_with(|| bytes.to_vec());
        strict[at..at + replacement.len()].copy_from_slice(replacement);
    };
    let mut is_string = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += match byte {
            b'"' => {
                is_string = !is_string;
                1
            }
            b'\\' if is_string => match (unit(bytes, at), unit(bytes, at + 6)) {
                (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
                (Some(0xd800..=0xdfff), _) => {
                    put(at, REPLACEMENT);
                    6
                }
                // Of a wrong escape the parser tells.
                _ => 2,
            },
            b'N' | b'I' | b'-' if !is_string => {
                let word = WORDS.iter().find(|(word, _)| bytes[at..].starts_with(word));
                word.map_or(1, |(word, text)| {
                    put(at, text);
                    word.len()
                })
            }
            _ => 1,
        };
    }
    // Only ASCII took the place of ASCII.
    strict.and_then(|strict| String::from_utf8(strict).ok()).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The first escape that is none, such as `\ud83` or `\q`, and where it begins.
/// The parser tells of it as well, but by a place that is behind it.
pub(super) fn wrong_escape(text: &str) -> Option<(&str, usize)> {
    let bytes = text.as_bytes();
    let mut is_string = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += match byte {
            b'"' => {
                is_string = !is_string;
                1
            }
            b'\\' if is_string => match bytes.get(at + 1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                Some(b'u') if unit(bytes, at).is_some() => 6,
                _ => return Some((shown(&text[at..]), at)),
            },
            _ => 1,
        };
    }
    None
}

/// As much of a wrong escape as could be one.
fn shown(text: &str) -> &str {
    let length = if text.starts_with("\\u") { 6 } else { 2 };
    let mut characters = text.char_indices().skip(1);
    let end = characters.find(|(index, next)| *index >= length || *next == '"' || next.is_control());
    &text[..end.map_or(text.len(), |(index, _)| index)]
}

/// The unit of UTF-16 whose escape begins at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    std::str::from_utf8(digits).ok().filter(|_| is_hex).and_then(|digits| u16::from_str_radix(digits, 16).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let strict = strict(text);
        assert_eq!((strict.as_ref(), strict.len()), (expected, text.len()));
    }

    #[test]
    fn halves_of_characters_are_replaced() {
        check(r#"["\ud83d"]"#, r#"["\ufffd"]"#);
        check(r#"["\uDE00\uD83D"]"#, r#"["\ufffd\ufffd"]"#);
        check(r#"["\ud83d\ud83d\ude00 \ud83dA"]"#, r#"["\ufffd\ud83d\ude00 \ufffdA"]"#);
        check(r#"{"\ud83d": "é"}"#, r#"{"\ufffd": "é"}"#);
    }

    #[test]
    fn what_is_whole_or_wrong_stays() {
        for text in [
            r#"["\ud83d\ude00", "\\ud83d", "\u00e9"]"#,
            r#"["\\\\ud83d"]"#,
            r#"["\ud8", "\ud83"#,
            r#"["\ud83"#,
            r#""\"#,
            "",
            r#"["NaN", "-Infinity \" Infinity", -1, -Inf, nan]"#,
        ] {
            assert!(matches!(strict(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn a_wrong_escape_is_found_where_it_begins() {
        assert_eq!(wrong_escape(r#"["\ud83"]"#), Some((r"\ud83", 2)));
        assert_eq!(wrong_escape(r#"["\ud83d\u12 3"]"#), Some((r"\u12 3", 8)));
        assert_eq!(wrong_escape(r#"["é\q"]"#), Some((r"\q", 4)));
        assert_eq!(wrong_escape("[\"\\"), Some(("\\", 2)));
        assert_eq!(wrong_escape("[\"\\\u{1f600}\"]"), Some(("\\\u{1f600}", 2)));
        assert_eq!(wrong_escape(r#"\q ["\\q", "\ud83d", "\n\/\"" ]"#), None);
    }

    #[test]
    fn numbers_that_are_none_become_texts() {
        check("[NaN, -Infinity,Infinity, 1]", r#"["N", "-Infini","Infini", 1]"#);
    }
}
