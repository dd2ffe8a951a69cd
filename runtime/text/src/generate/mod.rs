//! A model that generates text, but for its graph: what a prompt or a conversation is in tokens, what text tokens are,
//! and how the model's files say that text is to be made. The rules are those of `transformers`.

mod bytes;
mod decode;
mod defaults;
mod pieces;
pub(crate) mod spaces;
mod stream;

use std::sync::{Arc, OnceLock};

use chrono::NaiveDateTime;
use pelago_protocol::ChatMessage;
use serde_json::{Map, Value};
use tokenizers::Encoding;

use self::decode::Decoder;
pub use self::defaults::Defaults;
pub use self::pieces::Pieces;
pub use self::stream::Stream;
use crate::chat::{ChatTemplate, Source};
use crate::tokenizer::{NAMED, Settings, Tokenizer, default_token};
use crate::{Error, Files};

/// Files of a model's folder that are read, where they are there.
const FILES: [&str; 11] = [
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "config.json",
    "generation_config.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
];

/// The tokens of prompts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptTokens {
    /// The ids of all prompts, one after the other.
    pub ids: Vec<i32>,
    /// Tokens of each prompt; at least one each.
    pub lengths: Vec<u32>,
}

/// A text generating model, but for its graph.
#[derive(Debug)]
pub struct Generator {
    decoder: Arc<Decoder>,
    template: Option<ChatTemplate>,
    defaults: Defaults,
    /// Made when they are first asked for.
    pieces: OnceLock<Arc<Pieces>>,
}

impl Generator {
    /// Reads a model's files, those of [`needed`](Self::needed).
    ///
    /// # Errors
    /// `Missing` without a tokenizer; `Damaged` and `Unsupported` name the file.
    pub fn read(files: &Files) -> Result<Self, Error> {
        let (tokenizer, settings) = Tokenizer::generating(files)?;
        let object = |file: &str| -> Result<Map<String, Value>, Error> {
            match files.json(file)? {
                None => Ok(Map::new()),
                Some(Value::Object(object)) => Ok(object),
                Some(_) => Err(Error::Damaged { file: file.to_owned(), problem: "expected an object".to_owned() }),
            }
        };
        let (config, generation) = (object("config.json")?, object("generation_config.json")?);
        let defaults = Defaults::read(&generation, &config, &settings, &tokenizer)?;
        let source = Source::find(files, &settings.config)?;
        let template = source.map(|source| ChatTemplate::new(source, variables(&settings)));
        let rows = defaults::setting(&config, "vocab_size").and_then(Value::as_u64);
        let rows = rows.and_then(|rows| usize::try_from(rows).ok());
        let decoder = Decoder::new(tokenizer, rows, settings.cleans());
        Ok(Self { decoder: Arc::new(decoder), template, defaults, pieces: OnceLock::new() })
    }

    /// Which of a model's files [`read`](Self::read) reads.
    pub fn needed<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        paths.into_iter().filter(|path| FILES.contains(path)).map(str::to_owned).collect()
    }

    /// The tokens of texts that the model is to continue, with the special tokens that it puts around a text.
    ///
    /// # Errors
    /// `EmptyPrompt`, `TokenBeyondTable` and `Tokenize`; a text is named by its number.
    pub fn prompts(&self, texts: &[String]) -> Result<PromptTokens, Error> {
        self.tokens(self.decoder.tokenizer.encode(texts.to_vec())?)
    }

    /// The tokens of a conversation that the model is to answer. The template is given `more` beside the messages.
    ///
    /// # Errors
    /// Those of [`render_at`](Self::render_at) and of [`prompts`](Self::prompts).
    pub fn chat(&self, messages: &[ChatMessage], more: &Map<String, Value>) -> Result<PromptTokens, Error> {
        let rendered = self.render_at(messages, more, chrono::Local::now().naive_local())?;
        self.tokens(self.decoder.tokenizer.encode_bare(vec![rendered])?)
    }

    /// A conversation as the text that the model sees, up to where its answer begins. Templates that write the date
    /// write that of `now`.
    ///
    /// # Errors
    /// `NoTemplate`, `TemplateRefused` with what the template says of the messages, `Template` where it fails,
    /// `TemplateEndless`, `TemplateTooLong`.
    pub fn render_at(
        &self,
        messages: &[ChatMessage],
        more: &Map<String, Value>,
        now: NaiveDateTime,
    ) -> Result<String, Error> {
        match &self.template {
            Some(template) => template.render(messages, more, now),
            None => Err(Error::NoTemplate { file: String::new(), known: Vec::new() }),
        }
    }

    /// Whether the model has a chat template, so that it can be given messages.
    #[must_use]
    pub fn takes_messages(&self) -> bool {
        self.template.is_some()
    }

    /// The text of an answer's tokens, without special ones.
    ///
    /// # Errors
    /// `UnknownToken` for an id beyond the vocabulary, `Decode`.
    pub fn decode(&self, ids: &[u32]) -> Result<String, Error> {
        self.decoder.text(ids)
    }

    /// What each token adds to a text.
    #[must_use]
    pub fn pieces(&self) -> Arc<Pieces> {
        Arc::clone(self.pieces.get_or_init(|| Arc::new(Pieces::of(&self.decoder))))
    }

    /// Text as tokens come.
    #[must_use]
    pub fn stream(&self) -> Stream {
        Stream::new(Arc::clone(&self.decoder))
    }

    /// How the model's files say that text is to be made.
    #[must_use]
    pub fn defaults(&self) -> &Defaults {
        &self.defaults
    }

    fn tokens(&self, encoded: Vec<Encoding>) -> Result<PromptTokens, Error> {
        let mut tokens = PromptTokens::default();
        for (text, encoding) in encoded.into_iter().enumerate() {
            let (number, ids) = (text + 1, encoding.get_ids());
            if ids.is_empty() {
                return Err(Error::EmptyPrompt { number });
            }
            for id in ids {
                let beyond = self.decoder.rows.filter(|rows| *id as usize >= *rows);
                let signed = i32::try_from(*id).ok().filter(|_| beyond.is_none());
                let rows = beyond.unwrap_or(i32::MAX as usize);
                tokens.ids.push(signed.ok_or(Error::TokenBeyondTable { number, token: *id, rows })?);
            }
            tokens.lengths.push(u32::try_from(ids.len()).unwrap_or(u32::MAX));
        }
        Ok(tokens)
    }
}

/// The special tokens that a template may write. One that the files leave out is the class's own; one that is null
/// there is undefined.
fn variables(settings: &Settings) -> Vec<(String, minijinja::Value)> {
    let mut variables = Vec::new();
    for name in NAMED {
        let default = || default_token(&settings.class, name).filter(|_| !settings.config.contains_key(name));
        if let Some(token) = settings.named(name).or_else(default).filter(|token| !token.is_empty()) {
            variables.push((name.to_owned(), minijinja::Value::from(token)));
        }
    }
    let texts = |token: &Value| token.as_str().or_else(|| token["content"].as_str()).map(minijinja::Value::from);
    if let Some(Value::Array(more)) = settings.config.get("additional_special_tokens") {
        let more = more.iter().filter_map(texts).collect::<Vec<_>>();
        variables.push(("additional_special_tokens".to_owned(), minijinja::Value::from(more)));
    }
    variables
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
