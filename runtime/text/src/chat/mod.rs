//! The chat template of a model: which one counts, and what it makes of messages. A template is a program that came
//! with the model, so its size, its work and its output are bounded. What it can call is as in `transformers`.

mod environment;
mod python;
mod source;

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use chrono::NaiveDateTime;
use minijinja::value::Serde;
use minijinja::{ErrorKind, Value};
use pelago_protocol::ChatMessage;
use serde_json::{Map, Value as Json};

use self::environment::{Raised, environment};
pub(crate) use self::source::Source;
use crate::Error;

/// Longest text that a template may make, in bytes.
const RENDERED_MAX: usize = 16 << 20;
/// What a template may take. Its work is bounded, but some of the engine's steps take longer than it counts.
const DEADLINE: Duration = Duration::from_secs(10);
/// The engine goes down a template's expressions, and down the values that it makes, by calling itself. This is
/// enough for the deepest that the longest template can have; only what is used of it takes memory.
const STACK: usize = 512 << 20;

/// A template with the variables that it sees beside the messages.
#[derive(Debug)]
pub(crate) struct ChatTemplate {
    source: Source,
    /// Special tokens by the names of their settings.
    tokens: Vec<(String, Value)>,
}

impl ChatTemplate {
    /// The template, with the special tokens that it may write.
    pub(crate) fn new(source: Source, tokens: Vec<(String, Value)>) -> Self {
        Self { source, tokens }
    }

    /// The text that the model continues with its answer to `messages`. `more` are variables of the user's; they count
    /// before special tokens of the same names, as in `transformers`.
    pub(crate) fn render(
        &self,
        messages: &[ChatMessage],
        more: &Map<String, Json>,
        now: NaiveDateTime,
    ) -> Result<String, Error> {
        let (file, text) = (self.source.file.clone(), self.source.text()?.into_owned());
        let (messages, mut tokens) = (messages.to_vec(), self.tokens.clone());
        tokens.extend(more.iter().map(|(name, value)| (name.clone(), Value::from(Serde(value)))));
        let (sender, receiver) = sync_channel(1);
        let work = move || {
            // Nobody takes it after the deadline.
            let _ = sender.send(rendered(&file, &text, &messages, tokens, now));
        };
        let failed = |problem: String| Error::Template { file: self.source.file.clone(), problem };
        let thread = thread::Builder::new().name("chat template".to_owned()).stack_size(STACK).spawn(work);
        thread.map_err(|error| failed(format!("no thread for it: {error}")))?;
        match receiver.recv_timeout(DEADLINE) {
            Ok(rendered) => rendered,
            Err(RecvTimeoutError::Timeout) => Err(Error::TemplateEndless { file: self.source.file.clone() }),
            Err(RecvTimeoutError::Disconnected) => Err(failed("the engine gave up on it".to_owned())),
        }
    }
}

fn rendered(
    file: &str,
    text: &str,
    messages: &[ChatMessage],
    tokens: Vec<(String, Value)>,
    now: NaiveDateTime,
) -> Result<String, Error> {
    let message = |message: &ChatMessage| {
        Value::from_pairs([("role", message.role.as_str()), ("content", message.content.as_str())])
    };
    let mut variables = vec![
        ("messages".to_owned(), Value::from(messages.iter().map(message).collect::<Vec<_>>())),
        ("tools".to_owned(), Value::from(())),
        ("documents".to_owned(), Value::from(())),
        ("add_generation_prompt".to_owned(), Value::from(true)),
    ];
    variables.extend(tokens);
    let environment = environment(now);
    let template = environment.template_from_named_str(file, text).map_err(|error| unusable(file, &error))?;
    let rendered = template.render(Value::from_pairs(variables)).map_err(|error| unusable(file, &error))?;
    if rendered.len() > RENDERED_MAX {
        let (bytes, most) = (rendered.len(), RENDERED_MAX);
        return Err(Error::TemplateTooLong { file: file.to_owned(), what: "text", bytes, most });
    }
    Ok(rendered)
}

fn unusable(file: &str, error: &minijinja::Error) -> Error {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = cause {
        if let Some(Raised(message)) = inner.downcast_ref() {
            return Error::TemplateRefused { message: message.clone() };
        }
        let endless = |error: &minijinja::Error| error.kind() == ErrorKind::OutOfFuel;
        if inner.downcast_ref().is_some_and(endless) {
            return Error::TemplateEndless { file: file.to_owned() };
        }
        cause = inner.source();
    }
    let problem = error.to_string().chars().take(400).collect();
    Error::Template { file: file.to_owned(), problem }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
