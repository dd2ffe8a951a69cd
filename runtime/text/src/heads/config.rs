//! What `config.json` says of a head.

use serde_json::{Map, Value};

use crate::Error;
use crate::files::Files;

const FILE: &str = "config.json";

/// How numbers become probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// One of the labels fits.
    Softmax,
    /// Each label fits or not by itself.
    Sigmoid,
    /// They are no probabilities.
    None,
}

/// What is said of a head.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Config {
    /// The labels by their number; `None` where they are not named.
    labels: Option<Vec<String>>,
    problem: Option<String>,
    /// Whether the model tells the texts of a pair apart by token types.
    pub(super) has_types: bool,
    /// Tokens that the model knows, where the file says so.
    pub(super) vocabulary: Option<usize>,
    /// Which label says that a sentence follows from another.
    entailment: Option<usize>,
}

impl Config {
    pub(super) fn read(files: &Files) -> Result<Self, Error> {
        let damaged = |problem: &str| Error::Damaged { file: FILE.to_owned(), problem: problem.to_owned() };
        let config = match files.json(FILE)? {
            Some(Value::Object(config)) => config,
            Some(_) => return Err(damaged("expected an object")),
            None => {
                return Err(Error::Missing {
                    file: FILE.to_owned(),
                    help: "it names the labels; fetch the model again",
                });
            }
        };
        let labels = match config.get("id2label") {
            Some(Value::Object(names)) => Some(
                in_order(names)
                    .ok_or_else(|| damaged("id2label: expected a name for each of the numbers from 0 on"))?,
            ),
            _ => None,
        };
        let whole = |name: &str| config.get(name).and_then(Value::as_u64).and_then(|value| usize::try_from(value).ok());
        let by_number = |id: &Value| id.as_u64().and_then(|id| usize::try_from(id).ok());
        let entails = |name: &str| name.to_lowercase().starts_with("entail");
        // The pipeline reads this one.
        let entailment = match config.get("label2id") {
            Some(Value::Object(ids)) => ids.iter().find(|(name, _)| entails(name)).and_then(|(_, id)| by_number(id)),
            _ => labels.iter().flatten().position(|name| entails(name)),
        };
        Ok(Self {
            labels,
            problem: config.get("problem_type").and_then(Value::as_str).map(str::to_owned),
            has_types: whole("type_vocab_size").is_some_and(|types| types > 1),
            vocabulary: whole("vocab_size"),
            entailment,
        })
    }

    /// The name of each of the labels that the graph gives.
    pub(super) fn labels(&self, given: usize) -> Result<Vec<String>, Error> {
        match &self.labels {
            Some(labels) if labels.len() == given => Ok(labels.clone()),
            Some(labels) => Err(Error::Labels { named: labels.len(), given }),
            None => Ok((0..given).map(|number| format!("LABEL_{number}")).collect()),
        }
    }

    /// How the pipeline makes probabilities of so many numbers.
    pub(super) fn function(&self, labels: usize) -> Function {
        match self.problem.as_deref() {
            Some("regression") => Function::None,
            Some("multi_label_classification") => Function::Sigmoid,
            _ if labels == 1 => Function::Sigmoid,
            _ => Function::Softmax,
        }
    }

    /// The number of the label that says that a sentence follows from another.
    pub(super) fn entailment(&self) -> Result<usize, Error> {
        self.entailment.ok_or_else(|| Error::NoEntailment { labels: self.labels.clone().unwrap_or_default() })
    }
}

fn in_order(names: &Map<String, Value>) -> Option<Vec<String>> {
    (0..names.len()).map(|number| names.get(&number.to_string())?.as_str().map(str::to_owned)).collect()
}
