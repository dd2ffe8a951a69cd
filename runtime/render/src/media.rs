//! What a value's own type made of itself, by evcxr's convention.

use std::io::Write;

use base64::Engine;
use serde_json::{Map, Value};

use crate::paint::{Ink, Paint};
use crate::{MediaBundle, PLAIN};

pub(super) fn bundle(media: &MediaBundle) -> Map<String, Value> {
    let mut bundle = Map::new();
    bundle.insert(PLAIN.to_owned(), plain(media).into());
    for (mime, content) in &media.0 {
        let mime = essence(mime);
        if mime != PLAIN {
            bundle.insert(mime.to_owned(), value(mime, content));
        }
    }
    bundle
}

/// The text of a bundle; one without is named by the types that it has.
pub(super) fn plain(media: &MediaBundle) -> String {
    let text = media.0.iter().find(|(mime, _)| essence(mime) == PLAIN);
    text.map_or_else(
        || format!("<{}>", media.0.keys().map(|mime| essence(mime)).collect::<Vec<_>>().join(", ")),
        |(_, text)| text.clone(),
    )
}

/// JSON travels as JSON; where a cell wrote what is not JSON, as the text that it is.
fn value(mime: &str, content: &str) -> Value {
    let is_json = mime == "application/json" || mime.ends_with("+json");
    let parsed = if is_json { serde_json::from_str(content).ok() } else { None };
    parsed.unwrap_or_else(|| content.into())
}

/// A MIME type without its parameters: front ends look for the bare name.
fn essence(mime: &str) -> &str {
    mime.split(';').next().unwrap_or(mime).trim()
}

/// The text of a bundle; an image is kept as a file, whose path is named.
pub(super) fn terminal(bundle: &MediaBundle, paint: Paint) -> String {
    let mut lines = Vec::new();
    let plain = bundle.0.get("text/plain").map(|text| text.trim_end_matches('\n')).filter(|text| !text.is_empty());
    lines.extend(plain.map(str::to_owned));
    for (mime, content) in &bundle.0 {
        let Some(ending) = image_ending(mime) else { continue };
        let note = match keep(content, ending) {
            Ok(path) => format!("{mime} → {}", path.display()),
            Err(error) => format!("{mime}: not shown, and not kept as a file: {error}"),
        };
        lines.push(paint.text(Ink::Dim, &note));
    }
    if lines.is_empty() {
        let types = bundle.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        lines.push(paint.text(Ink::Dim, &format!("[{types}]")));
    }
    lines.join("\n")
}

fn image_ending(mime: &str) -> Option<&'static str> {
    Some(match mime {
        "image/png" => ".png",
        "image/jpeg" => ".jpg",
        "image/gif" => ".gif",
        "image/webp" => ".webp",
        "image/svg+xml" => ".svg",
        _ => return None,
    })
}

/// Writes an image into the folder of temporary files, for the user to open and
/// for the operating system to take away.
fn keep(content: &str, ending: &str) -> std::io::Result<std::path::PathBuf> {
    let decoded;
    let bytes = if ending == ".svg" {
        content.as_bytes()
    } else {
        // Bytes in a bundle are base64, which may be broken into lines.
        let joined = content.split_ascii_whitespace().collect::<String>();
        let engine = base64::engine::general_purpose::STANDARD;
        decoded = engine.decode(joined).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?;
        &decoded
    };
    let mut file = tempfile::Builder::new().prefix("pelago-").suffix(ending).tempfile()?;
    file.write_all(bytes)?;
    let (_, path) = file.keep()?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn media(contents: &[(&str, &str)]) -> MediaBundle {
        MediaBundle(contents.iter().map(|(mime, text)| ((*mime).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn json_is_parsed_and_the_rest_stays_as_it_is() {
        let found = bundle(&media(&[
            ("application/json", r#"{"a": 1}"#),
            ("application/vnd.vega.v5+json", "[]"),
            ("image/png", "iVBORw0KGgo="),
            ("text/html; charset=utf-8", "<b>x</b>"),
            ("text/plain", "x"),
        ]));
        assert_eq!(
            Value::Object(found),
            json!({
                "text/plain": "x",
                "application/json": {"a": 1},
                "application/vnd.vega.v5+json": [],
                "image/png": "iVBORw0KGgo=",
                "text/html": "<b>x</b>",
            })
        );
    }

    #[test]
    fn there_is_always_text() {
        assert_eq!(bundle(&media(&[("image/png", "AA==")]))["text/plain"], "<image/png>");
        assert_eq!(bundle(&MediaBundle(BTreeMap::new()))["text/plain"], "<>");
        assert_eq!(bundle(&media(&[("application/json", "{")]))["application/json"], "{");
    }

    const UNPAINTED: Paint = Paint { on: false };

    #[test]
    fn media_are_their_plain_text() {
        let shown = media(&[("text/html", "<b>x</b>"), ("text/plain", "x\n")]);
        assert_eq!(terminal(&shown, UNPAINTED), "x");
        let shown = media(&[("text/html", "<b>x</b>"), ("text/plain", "")]);
        assert_eq!(terminal(&shown, UNPAINTED), "[text/html, text/plain]");
    }

    #[test]
    fn an_image_is_kept_as_a_file() {
        let shown = media(&[("image/png", "aGVs\nbG8="), ("text/plain", "a plot")]);
        let text = terminal(&shown, UNPAINTED);
        let (plain, note) = text.split_once('\n').unwrap();
        let path = note.strip_prefix("image/png → ").unwrap();
        assert_eq!((plain, std::fs::read(path).unwrap()), ("a plot", b"hello".to_vec()));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn an_image_that_is_none_is_told() {
        let text = terminal(&media(&[("image/png", "?")]), UNPAINTED);
        assert!(text.starts_with("image/png: not shown, and not kept as a file: "), "{text}");
    }
}
