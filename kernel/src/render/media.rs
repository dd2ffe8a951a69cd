//! What a value's own type made of itself, by evcxr's convention.

use pelago_runtime::interpreter::MediaBundle;
use serde_json::{Map, Value};

use super::PLAIN;

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
}
