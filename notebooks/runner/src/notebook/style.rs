//! How a notebook's JSON is written: its indentation, separators, line ends and
//! escapes, as they are found in the file, for the parts that are new in it.

use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

use super::json;

/// The writing of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// White space of one level; `None` where all stands on one line.
    pub(super) indent: Option<String>,
    /// End of a line.
    pub(super) newline: &'static str,
    /// Between a key and its value.
    pub(super) colon: String,
    /// Between two values on one line, where there is no indentation.
    pub(super) comma: String,
    /// Whether all but ASCII is escaped.
    pub(super) ascii: bool,
}

impl Style {
    /// The style of a text that a parser has accepted.
    pub(super) fn of(text: &str) -> Self {
        let members = json::value(text, 0).and_then(|root| json::members(text, &root)).unwrap_or_default();
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let colon = members.first().map(|first| &text[first.key_end..first.value.start]);
        let comma = members.first().zip(members.get(1)).map(|(first, second)| &text[first.value.end..second.start]);
        let indent = members.first().and_then(|first| {
            let before = &text[..first.start];
            before.rfind('\n').map(|end| before[end + 1..].to_owned())
        });
        Self {
            indent,
            newline,
            colon: colon.filter(|colon| !colon.contains('\n')).unwrap_or(": ").to_owned(),
            comma: comma.filter(|comma| !comma.contains('\n')).unwrap_or(", ").to_owned(),
            ascii: text.is_ascii() && has_escapes(text),
        }
    }

    /// A value as this file would write it, below a line that begins with `prefix`.
    pub(super) fn write(&self, value: &Value, prefix: &str) -> String {
        let mut bytes = Vec::new();
        let layout = Layout { style: self, prefix, depth: 0, is_empty: true };
        // Neither a Vec nor a Value can fail here.
        let written = value.serialize(&mut Serializer::with_formatter(&mut bytes, layout));
        debug_assert!(written.is_ok());
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if self.ascii { escape(&text) } else { text }
    }

    /// What stands between two elements on the level whose lines begin with `prefix`.
    pub(super) fn separator(&self, prefix: &str) -> String {
        match &self.indent {
            Some(_) => format!(",{}{prefix}", self.newline),
            None => self.comma.clone(),
        }
    }
}

/// The white space that the line of `at` begins with.
pub(super) fn prefix(text: &str, at: usize) -> &str {
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let rest = &text[line..at];
    &rest[..rest.len() - rest.trim_start_matches([' ', '\t']).len()]
}

/// Whether a character beyond ASCII is written as an escape.
fn has_escapes(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at + 1..];
        let code = escape.strip_prefix('u').and_then(|hex| u32::from_str_radix(hex.get(..4)?, 16).ok());
        if code.is_some_and(|code| code >= 0x80) {
            return true;
        }
        // The character after a backslash may itself be one.
        rest = escape.get(1..).unwrap_or_default();
    }
    false
}

/// Characters beyond ASCII stand in strings alone, so escaping each is right everywhere.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

struct Layout<'a> {
    style: &'a Style,
    prefix: &'a str,
    depth: usize,
    is_empty: bool,
}

impl Layout<'_> {
    fn open(&mut self, out: &mut (impl io::Write + ?Sized), bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.is_empty = true;
        out.write_all(bracket)
    }

    fn close(&mut self, out: &mut (impl io::Write + ?Sized), bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if !self.is_empty {
            self.line(out)?;
        }
        self.is_empty = false;
        out.write_all(bracket)
    }

    fn next(&self, out: &mut (impl io::Write + ?Sized), first: bool) -> io::Result<()> {
        match (first, &self.style.indent) {
            (true, _) => {}
            (false, Some(_)) => out.write_all(b",")?,
            (false, None) => out.write_all(self.style.comma.as_bytes())?,
        }
        self.line(out)
    }

    fn line(&self, out: &mut (impl io::Write + ?Sized)) -> io::Result<()> {
        let Some(indent) = &self.style.indent else { return Ok(()) };
        out.write_all(self.style.newline.as_bytes())?;
        out.write_all(self.prefix.as_bytes())?;
        (0..self.depth).try_for_each(|_| out.write_all(indent.as_bytes()))
    }
}

impl Formatter for Layout<'_> {
    fn begin_array<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: io::Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first)
    }

    fn end_array_value<W: io::Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_empty = false;
        Ok(())
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: io::Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first)
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(self.style.colon.as_bytes())
    }

    fn end_object_value<W: io::Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_empty = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_way_of_writing_is_kept() {
        for text in [
            "{\n \"a\": [\n  1,\n  {\n   \"b\": \"é\"\n  }\n ],\n \"c\": {},\n \"d\": []\n}",
            "{\r\n\t\"a\" : [\r\n\t\t1,\r\n\t\t{\r\n\t\t\t\"b\" : \"\\u00e9\\ud83d\\ude00\"\r\n\t\t}\r\n\t],\r\n\t\"c\" : {},\r\n\t\"d\" : []\r\n}",
            "{\"a\":[1,{\"b\":\"é\"}],\"c\":{},\"d\":[]}",
            "{\"a\": [1, {\"b\": \"\\u00e9\"}], \"c\": {}, \"d\": []}",
            "{\n\"a\": [\n1\n]\n}",
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(Style::of(text).write(&value, ""), text);
        }
    }

    #[test]
    fn a_backslash_before_a_u_is_no_escape() {
        assert!(!Style::of(r#"{"a": "\\u00e9"}"#).ascii);
        assert!(!Style::of(r#"{"a": "\u001b"}"#).ascii);
    }

    #[test]
    fn new_lines_begin_as_those_around_them() {
        let style = Style::of("{\n  \"a\": 1\n}");
        assert_eq!(style.write(&json!({ "b": [1] }), "    "), "{\n      \"b\": [\n        1\n      ]\n    }");
    }
}
