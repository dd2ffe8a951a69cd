//! Values as Python writes them: `str`, `repr` and `json.dumps`.

use std::borrow::Cow;
use std::fmt::Write;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

/// Lists in lists that are written.
const DEPTH_MAX: usize = 100;

/// As `str` writes it: `None`, `True`, a text without quotes; nothing for what is undefined.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    if let Some(text) = value.as_str() {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    repr(&mut out, value, 0);
    Cow::Owned(out)
}

fn repr(out: &mut String, value: &Value, depth: usize) {
    match value.kind() {
        ValueKind::Undefined => {}
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::String => quoted(out, value.as_str().unwrap_or_default()),
        ValueKind::Seq | ValueKind::Iterable if depth < DEPTH_MAX => {
            out.push('[');
            for (at, element) in value.try_iter().into_iter().flatten().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                repr(out, &element, depth + 1);
            }
            out.push(']');
        }
        ValueKind::Map if depth < DEPTH_MAX => {
            out.push('{');
            for (at, key) in value.try_iter().into_iter().flatten().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                repr(out, &key, depth + 1);
                out.push_str(": ");
                repr(out, &value.get_item(&key).unwrap_or_default(), depth + 1);
            }
            out.push('}');
        }
        _ => {
            let _ = write!(out, "{value}");
        }
    }
}

/// A text in the quotes that Python takes: single ones, unless only these are in it.
fn quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ if character == quote => {
                out.push('\\');
                out.push(quote);
            }
            _ if is_printable(character) => out.push(character),
            _ => {
                let _ = match character as u32 {
                    code @ ..0x100 => write!(out, "\\x{code:02x}"),
                    code @ ..0x1_0000 => write!(out, "\\u{code:04x}"),
                    code => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(quote);
}

/// Whether Python writes a character as it is. Rust's `Debug` draws the same line; marks that join the letter before
/// them are escaped there only where none is.
fn is_printable(character: char) -> bool {
    character.is_ascii_graphic() || character == ' ' || {
        let mut after_letter = [b'a', 0, 0, 0, 0];
        let length = 1 + character.encode_utf8(&mut after_letter[1..]).len();
        let text = std::str::from_utf8(&after_letter[..length]).unwrap_or_default();
        text.escape_debug().nth(1) == Some(character)
    }
}

/// The options of `json.dumps`.
#[derive(Debug, Default)]
pub(super) struct JsonStyle {
    pub(super) ascii: bool,
    pub(super) sorted: bool,
    pub(super) indent: Option<String>,
    /// Between elements, and after a key.
    pub(super) separators: Option<Vec<String>>,
}

/// As `json.dumps` writes it.
pub(super) fn json(value: &Value, style: &JsonStyle) -> Result<String, Error> {
    let (between, after_key) = match style.separators.as_deref() {
        Some([between, after_key]) => (between.as_str(), after_key.as_str()),
        Some(_) => return Err(Error::new(ErrorKind::InvalidOperation, "tojson takes two separators")),
        None if style.indent.is_some() => (",", ": "),
        None => (", ", ": "),
    };
    let mut writer = Writer { out: String::new(), style, between, after_key };
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct Writer<'a> {
    out: String,
    style: &'a JsonStyle,
    between: &'a str,
    after_key: &'a str,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > DEPTH_MAX {
            return Err(Error::new(ErrorKind::InvalidOperation, "tojson takes fewer lists in lists"));
        }
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.number(value),
            ValueKind::String => self.text(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => {
                self.out.push('[');
                let mut any = false;
                for element in value.try_iter()? {
                    self.before(any, depth + 1);
                    any = true;
                    self.value(&element, depth + 1)?;
                }
                self.close(any, depth, ']');
            }
            ValueKind::Map => {
                self.out.push('{');
                let mut keys = value.try_iter()?.collect::<Vec<_>>();
                if self.style.sorted {
                    keys.sort();
                }
                let any = !keys.is_empty();
                for (at, key) in keys.into_iter().enumerate() {
                    self.before(at > 0, depth + 1);
                    match key.as_str() {
                        Some(name) => self.text(name),
                        None => self.text(&key.to_string()),
                    }
                    self.out.push_str(self.after_key);
                    self.value(&value.get_item(&key)?, depth + 1)?;
                }
                self.close(any, depth, '}');
            }
            kind => {
                let problem = format!("tojson cannot write a value of the kind {kind}");
                return Err(Error::new(ErrorKind::BadSerialization, problem));
            }
        }
        Ok(())
    }

    fn before(&mut self, follows: bool, depth: usize) {
        if follows {
            self.out.push_str(self.between);
        }
        self.line(depth);
    }

    fn close(&mut self, any: bool, depth: usize, bracket: char) {
        if any {
            self.line(depth);
        }
        self.out.push(bracket);
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = &self.style.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(indent.as_str(), depth));
        }
    }

    fn number(&mut self, value: &Value) {
        let number = value.to_string();
        self.out.push_str(match number.as_str() {
            "inf" => "Infinity",
            "-inf" => "-Infinity",
            "nan" | "NaN" => "NaN",
            number => number,
        });
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            match character {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                _ if character < ' ' || (self.style.ascii && !character.is_ascii()) => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        let _ = write!(self.out, "\\u{unit:04x}");
                    }
                }
                _ => self.out.push(character),
            }
        }
        self.out.push('"');
    }
}
