//! `config_sentence_transformers.json`: the texts that stand before an input, by name.

use serde_json::Value;

use crate::Error;
use crate::files::Files;

const FILE: &str = "config_sentence_transformers.json";

/// The prompts of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prompts {
    /// In the file's order.
    named: Vec<(String, String)>,
    default: Option<String>,
    /// How vectors are to be compared, e.g. `cosine`.
    pub(crate) similarity: Option<String>,
}

impl Prompts {
    pub(crate) fn read(files: &Files) -> Result<Self, Error> {
        let Some(config) = files.json(FILE)? else { return Ok(Self::default()) };
        let text = |name: &str| config[name].as_str().map(str::to_owned);
        let named = config["prompts"].as_object().into_iter().flatten();
        let named: Vec<_> = named.filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned()))).collect();
        let default = text("default_prompt_name");
        if let Some(name) = default.as_ref().filter(|name| !named.iter().any(|(known, _)| known == *name)) {
            let problem = format!("default_prompt_name is {name:?}, which is none of its prompts");
            return Err(Error::Damaged { file: FILE.to_owned(), problem });
        }
        if !matches!(config["prompts"], Value::Null | Value::Object(_)) {
            return Err(Error::Damaged {
                file: FILE.to_owned(),
                problem: "expected prompts to be an object".to_owned(),
            });
        }
        Ok(Self { named, default, similarity: text("similarity_fn_name") })
    }

    /// The name and the text of a prompt; the model's default where no name is given, and none for the empty name.
    pub(crate) fn choose(&self, name: Option<&str>) -> Result<Option<(&str, &str)>, Error> {
        let Some(name) = name.or(self.default.as_deref()).filter(|name| !name.is_empty()) else { return Ok(None) };
        let found = self.named.iter().find(|(known, _)| known == name);
        let found = found.map(|(name, text)| (name.as_str(), text.as_str()));
        found.map(Some).ok_or_else(|| Error::NoPrompt { name: name.to_owned(), known: self.names() })
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.named.iter().map(|(name, _)| name.clone()).collect()
    }
}
