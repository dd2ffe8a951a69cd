//! Values that are shown as a MIME type of their own.

use std::collections::BTreeMap;

use pelago_protocol::cells::Content;

use super::Show;

/// HTML, shown as what it is. Front ends without HTML show its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Html(pub String);

/// Markdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Markdown(pub String);

/// JSON, as its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(pub String);

/// The bytes of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `image/png`, `image/jpeg`, `image/svg+xml`, …
    pub mime: String,
    /// The file's bytes.
    pub bytes: Vec<u8>,
}

impl Image {
    /// A PNG file's bytes.
    #[must_use]
    pub fn png(bytes: impl Into<Vec<u8>>) -> Self {
        Self { mime: "image/png".to_owned(), bytes: bytes.into() }
    }

    /// An SVG document.
    #[must_use]
    pub fn svg(text: impl Into<String>) -> Self {
        Self { mime: "image/svg+xml".to_owned(), bytes: text.into().into_bytes() }
    }
}

fn bundle<const N: usize>(parts: [(&str, String); N]) -> Content {
    let bundle = parts.into_iter().map(|(mime, content)| (mime.to_owned(), content)).collect::<BTreeMap<_, _>>();
    Content::Media { bundle }
}

impl Show for Html {
    fn content(&self) -> Content {
        bundle([("text/html", self.0.clone()), ("text/plain", self.0.clone())])
    }
}

impl Show for Markdown {
    fn content(&self) -> Content {
        bundle([("text/markdown", self.0.clone()), ("text/plain", self.0.clone())])
    }
}

impl Show for Json {
    fn content(&self) -> Content {
        bundle([("application/json", self.0.clone()), ("text/plain", self.0.clone())])
    }
}

impl Show for Image {
    fn content(&self) -> Content {
        let plain = format!("{}, {} bytes", self.mime, self.bytes.len());
        let content = match std::str::from_utf8(&self.bytes) {
            Ok(text) if self.mime.ends_with("+xml") => text.to_owned(),
            _ => base64(&self.bytes),
        };
        bundle([(self.mime.as_str(), content), ("text/plain", plain)])
    }
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let digit = (word >> (18 - 6 * index) & 63) as usize;
            text.push(if index <= chunk.len() { char::from(ALPHABET[digit]) } else { '=' });
        }
    }
    text
}
