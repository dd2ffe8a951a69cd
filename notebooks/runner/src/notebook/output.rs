//! What stands below a code cell, in nbformat's terms. Texts that a file keeps
//! as lists of lines are whole here.

use serde_json::{Map, Value, json};

/// One output.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Output {
    /// Text on stdout or stderr.
    Stream {
        /// `stdout` or `stderr`.
        name: String,
        /// All of it.
        text: String,
    },
    /// Something that the cell showed on its way.
    Display {
        /// MIME types and their contents.
        data: Map<String, Value>,
    },
    /// The value of the cell.
    Result {
        /// MIME types and their contents.
        data: Map<String, Value>,
        /// The cell's execution count.
        count: Option<u64>,
    },
    /// How the cell failed.
    Error {
        /// What kind of error.
        name: String,
        /// Its message.
        value: String,
        /// Lines for a person.
        traceback: Vec<String>,
    },
    /// What a file holds and nbformat does not name.
    Unknown(Value),
}

impl Output {
    /// From a file.
    pub(crate) fn from_json(value: &Value) -> Self {
        let text = |key: &str| value.get(key).and_then(joined);
        let data = || value.get("data").and_then(Value::as_object).map(whole);
        let known = match value.get("output_type").and_then(Value::as_str) {
            Some("stream") => text("name").zip(text("text")).map(|(name, text)| Self::Stream { name, text }),
            Some("display_data" | "update_display_data") => data().map(|data| Self::Display { data }),
            Some("execute_result") => {
                data().map(|data| Self::Result { data, count: value.get("execution_count").and_then(Value::as_u64) })
            }
            Some("error") => text("ename").zip(text("evalue")).map(|(name, message)| {
                let lines = value.get("traceback").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let traceback = lines.iter().filter_map(|line| line.as_str().map(str::to_owned)).collect();
                Self::Error { name, value: message, traceback }
            }),
            _ => None,
        };
        known.unwrap_or_else(|| Self::Unknown(value.clone()))
    }

    /// For a file, keys in alphabetical order as nbformat writes them. Texts of
    /// several lines become lists where `lists` says so.
    pub(crate) fn to_json(&self, lists: bool) -> Value {
        let text = |text: &str| if lists { split(text) } else { json!(text) };
        let data = |data: &Map<String, Value>| {
            let mut entries = data.iter().collect::<Vec<_>>();
            entries.sort_by_key(|(mime, _)| *mime);
            let entry = |(mime, value): (&String, &Value)| match value {
                Value::String(content) if is_text(mime) => (mime.clone(), text(content)),
                other => (mime.clone(), other.clone()),
            };
            Value::Object(entries.into_iter().map(entry).collect())
        };
        match self {
            Self::Stream { name, text: content } => {
                json!({ "name": name, "output_type": "stream", "text": text(content) })
            }
            Self::Display { data: content } => {
                json!({ "data": data(content), "metadata": {}, "output_type": "display_data" })
            }
            Self::Result { data: content, count } => {
                json!({ "data": data(content), "execution_count": count, "metadata": {}, "output_type": "execute_result" })
            }
            Self::Error { name, value, traceback } => {
                json!({ "ename": name, "evalue": value, "output_type": "error", "traceback": traceback })
            }
            Self::Unknown(value) => value.clone(),
        }
    }
}

/// nbformat's list of a text's lines, each with its end.
pub(crate) fn split(text: &str) -> Value {
    text.split_inclusive('\n').collect::<Vec<_>>().into()
}

/// A text that stands as one string or as a list of its lines.
pub(crate) fn joined(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(lines) => lines.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Whether nbformat keeps contents of this type as lists of lines.
fn is_text(mime: &str) -> bool {
    mime.starts_with("text/") || matches!(mime, "application/javascript" | "image/svg+xml")
}

fn is_json(mime: &str) -> bool {
    mime == "application/json" || mime.ends_with("+json")
}

fn whole(data: &Map<String, Value>) -> Map<String, Value> {
    let content = |mime: &str, value: &Value| match joined(value) {
        Some(text) if !is_json(mime) => Value::String(text),
        _ => value.clone(),
    };
    data.iter().map(|(mime, value)| (mime.clone(), content(mime, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_come_back_from_a_file_as_they_went() {
        let bundle = json!({ "text/plain": "a\nb\n", "application/json": ["a", "b"], "image/png": "aGk=" });
        let data = bundle.as_object().unwrap().clone();
        let outputs = [
            Output::Stream { name: "stdout".into(), text: "é\n\nx".into() },
            Output::Display { data: data.clone() },
            Output::Result { data, count: Some(3) },
            Output::Error { name: "E".into(), value: "v".into(), traceback: vec!["E: v".into()] },
        ];
        for output in outputs {
            for lists in [true, false] {
                assert_eq!(Output::from_json(&output.to_json(lists)), output);
            }
        }
    }

    #[test]
    fn what_is_not_an_output_is_kept_as_it_is() {
        let odd = json!({ "output_type": "stream", "text": 1 });
        assert_eq!(Output::from_json(&odd), Output::Unknown(odd));
    }
}
