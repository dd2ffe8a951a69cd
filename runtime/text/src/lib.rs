//! What the folder of a text model says beside its graph: how texts become token ids, which prompt stands before
//! them, how token vectors become one vector a text, and what is done to that vector. The settings and their order
//! are those of `transformers` and `sentence-transformers`; what is not computed is refused by name.
//!
//! Nothing here opens a file or knows a graph, a browser or a session.

mod chat;
mod encode;
mod error;
mod files;
mod generate;
mod heads;
mod modules;
mod needed;
mod prompts;
mod tokenizer;

use pelago_protocol::Pooling;
use serde_json::Value;

pub use self::encode::{EncodeOptions, Tokens};
pub use self::error::Error;
use self::files::join;
pub use self::files::{FILE_MAX, Files, python_json};
pub use self::generate::{Defaults, Generator, Pieces, PromptTokens, Stream};
pub use self::heads::{HeadRow, HeadRows, HeadText, Read};
use self::modules::Modules;
pub use self::modules::{TABLE, folders};
pub use self::needed::needed;
use self::prompts::Prompts;
use self::tokenizer::Tokenizer;

/// A text embedding model, but for its graph.
#[derive(Debug)]
pub struct TextModel {
    tokenizer: Tokenizer,
    modules: Modules,
    prompts: Prompts,
    /// Whether texts are made lower case before the tokenizer sees them.
    lower_case: bool,
    /// Rows of the table of embeddings, where `config.json` says so.
    rows: Option<usize>,
    /// Names of tasks, in the order of the graph's input `task_id`.
    tasks: Vec<String>,
}

impl TextModel {
    /// Reads a model's files, those of [`needed`].
    ///
    /// # Errors
    /// [`Error`] names the file, and the module or setting that is not supported.
    pub fn read(files: &Files) -> Result<Self, Error> {
        let modules = Modules::read(files)?;
        let folder = modules.transformer.as_str();
        let tokenizer = if modules.is_table {
            Tokenizer::of_table(files, folder)?
        } else {
            Tokenizer::read(files, folder, modules.listed)?
        };
        // A plain transformer has no settings of sentence-transformers, whatever lies beside it.
        let prompts = if modules.listed { Prompts::read(files)? } else { Prompts::default() };
        let settings = tokenizer::transformer(files, folder, modules.listed)?;
        let config = files.json(&join(folder, "config.json"))?.unwrap_or(Value::Null);
        let rows = config["vocab_size"].as_u64().and_then(|rows| usize::try_from(rows).ok());
        let tasks = config["lora_adaptations"].as_array().into_iter().flatten();
        Ok(Self {
            tokenizer,
            prompts,
            lower_case: settings.get("do_lower_case").and_then(Value::as_bool).unwrap_or(false),
            rows,
            tasks: tasks.filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            modules,
        })
    }

    /// The folder with the transformer's weights: `""`, or `0_Transformer` in older layouts.
    #[must_use]
    pub fn folder(&self) -> &str {
        &self.modules.transformer
    }

    /// How token vectors become one; several are put side by side.
    #[must_use]
    pub fn pooling(&self) -> &[Pooling] {
        &self.modules.pooling
    }

    /// What is done after the graph, as a reader knows it, e.g. `mean`, `Dense(768→512, Tanh)`, `Normalize`.
    #[must_use]
    pub fn modules(&self) -> Vec<String> {
        self.modules.describe()
    }

    /// Whether the model's folder says how its token vectors are pooled; the mean is taken where it does not.
    #[must_use]
    pub fn says_pooling(&self) -> bool {
        self.modules.listed
    }

    /// Tokens of one text, special ones included; `None` where nothing limits them.
    #[must_use]
    pub fn max_tokens(&self) -> Option<usize> {
        self.tokenizer.max_tokens
    }

    /// Names of the model's prompts.
    #[must_use]
    pub fn prompts(&self) -> Vec<String> {
        self.prompts.names()
    }

    /// How vectors are to be compared, by the model's own word, e.g. `cosine`.
    #[must_use]
    pub fn similarity(&self) -> Option<&str> {
        self.prompts.similarity.as_deref()
    }

    /// The number of a task, for graphs that have an input `task_id`.
    #[must_use]
    pub fn task(&self, name: Option<&str>) -> Option<u32> {
        let at = self.tasks.iter().position(|task| Some(task.as_str()) == name)?;
        u32::try_from(at).ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod testing;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
