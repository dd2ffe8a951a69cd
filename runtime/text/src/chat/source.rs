//! Where a model's chat template stands. Newer models have it in a file of its own; the first that is there counts.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::Error;
use crate::files::Files;

/// Longest template, in bytes. Those of published models have at most 30 kB.
const TEMPLATE_MAX: usize = 128 << 10;
const JINJA: &str = "chat_template.jinja";
const JSON: &str = "chat_template.json";

/// A template as it was written.
#[derive(Debug)]
pub(crate) struct Source {
    /// The file that it stands in.
    pub(crate) file: String,
    text: String,
    /// Names of the templates that there are, where none is the default.
    named: Vec<String>,
}

impl Source {
    /// The template of a model's files; `config` is its `tokenizer_config.json`.
    pub(crate) fn find(files: &Files, config: &Map<String, Value>) -> Result<Option<Self>, Error> {
        if let Some(bytes) = files.get(JINJA) {
            let text = std::str::from_utf8(bytes).map_err(|error| Error::Damaged {
                file: JINJA.to_owned(),
                problem: format!("it is not UTF-8: {error}"),
            })?;
            return Ok(Some(Self { file: JINJA.to_owned(), text: text.to_owned(), named: Vec::new() }));
        }
        if let Some(template) = config.get("chat_template").filter(|template| !template.is_null()) {
            return Self::of("tokenizer_config.json", template).map(Some);
        }
        let json = files.json(JSON)?;
        let template = json.as_ref().map(|json| json.get("chat_template").unwrap_or(json));
        template.filter(|template| !template.is_null()).map(|template| Self::of(JSON, template)).transpose()
    }

    /// A template, or several of which one is the default.
    fn of(file: &str, value: &Value) -> Result<Self, Error> {
        let damaged = || Error::Damaged {
            file: file.to_owned(),
            problem: "expected chat_template to be a text, or a list of templates with names".to_owned(),
        };
        let mut found = Self { file: file.to_owned(), text: String::new(), named: Vec::new() };
        let templates: Vec<(&str, &str)> = match value {
            Value::String(text) => vec![("default", text)],
            Value::Array(list) => list.iter().map(named).collect::<Option<_>>().ok_or_else(damaged)?,
            Value::Object(map) => map
                .iter()
                .map(|(name, text)| Some((name.as_str(), text.as_str()?)))
                .collect::<Option<_>>()
                .ok_or_else(damaged)?,
            _ => return Err(damaged()),
        };
        match templates.iter().rev().find(|(name, _)| *name == "default") {
            Some((_, text)) => (*text).clone_into(&mut found.text),
            None => found.named = templates.into_iter().map(|(name, _)| name.to_owned()).collect(),
        }
        Ok(found)
    }

    /// The text as the engine takes it: lines end as Jinja ends them, and the marks around what an assistant says,
    /// which only training reads, are blocks that are always there.
    pub(crate) fn text(&self) -> Result<Cow<'_, str>, Error> {
        if !self.named.is_empty() {
            return Err(Error::NoTemplate { file: self.file.clone(), known: self.named.clone() });
        }
        if self.text.len() > TEMPLATE_MAX {
            let (bytes, most) = (self.text.len(), TEMPLATE_MAX);
            return Err(Error::TemplateTooLong { file: self.file.clone(), what: "template", bytes, most });
        }
        let text = Cow::Borrowed(self.text.as_str());
        let text = if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text };
        Ok(if text.contains("generation") { without_marks(&text).into() } else { text })
    }
}

fn named(entry: &Value) -> Option<(&str, &str)> {
    Some((entry.get("name")?.as_str()?, entry.get("template")?.as_str()?))
}

/// `{% generation %}` and `{% endgeneration %}` as a condition that holds.
fn without_marks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at + 2);
        out.push_str(before);
        let end = tag.find("%}").unwrap_or(tag.len());
        let inner = tag[..end].trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim();
        match inner {
            "generation" => out.push_str(&tag[..end].replace("generation", "if true")),
            "endgeneration" => out.push_str(&tag[..end].replace("endgeneration", "endif")),
            _ => out.push_str(&tag[..end]),
        }
        rest = &tag[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::without_marks;

    #[test]
    fn marks_of_training_are_conditions() {
        let text = "{%- generation -%}a{% endgeneration %}{{ add_generation_prompt }}{% if add_generation_prompt";
        let expected = "{%- if true -%}a{% endif %}{{ add_generation_prompt }}{% if add_generation_prompt";
        assert_eq!(without_marks(text), expected);
    }
}
