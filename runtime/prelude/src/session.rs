//! The session's calls, blocking. An interrupt of the cell ends a call with the
//! error `interrupted`.

use pelago_protocol::cells::{Call, Reply};
use pelago_protocol::{
    BrowserKind, Input, OnLong, Platform, Precision, PrecisionChoice, Request, Task, UnknownPrecision,
};
use polars::prelude::DataFrame;

use crate::place::from_here;
use crate::{Error, Output, Result, Run, client, ipc};

/// Runs `model` (a name, a CID or a path) on `input` (a text, texts, or tensors)
/// once [`Accelerate::run`] is called.
pub fn accelerate(model: impl Into<String>, input: impl Into<Input>) -> Accelerate {
    Accelerate { request: Request::new(from_here(model), input), wrong: None }
}

/// Embeds texts with every option at its default: vectors of shape `[batch, hidden]`.
///
/// # Errors
/// [`Error`], as [`Accelerate::run`].
pub fn embed(model: impl Into<String>, input: impl Into<Input>) -> Result<Output> {
    Ok(accelerate(model, input).run()?.into_output())
}

/// Earlier runs of this machine, the newest first: one row a run.
///
/// # Errors
/// [`Error`] where the results cannot be read.
pub fn history() -> Result<DataFrame> {
    frame(Call::History { limit: None })
}

/// Asks the results in SQL (DuckDB's). The table is `runs`.
///
/// # Errors
/// [`Error`] with DuckDB's words.
pub fn sql(query: impl Into<String>) -> Result<DataFrame> {
    frame(Call::Sql { query: query.into() })
}

/// Browsers of this machine: one row each.
///
/// # Errors
/// [`Error`] where the session is gone.
pub fn browsers() -> Result<DataFrame> {
    frame(Call::Browsers)
}

/// Models that have a name: one row each.
///
/// # Errors
/// [`Error`] where the store cannot be read.
pub fn models() -> Result<DataFrame> {
    frame(Call::Models)
}

fn frame(call: Call) -> Result<DataFrame> {
    match client::ask(call)? {
        Reply::Frame { frame } => ipc::read(&frame),
        other => Err(Error::unexpected(&other)),
    }
}

/// A run that is still to be asked for.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "nothing runs before `.run()`"]
pub struct Accelerate {
    request: Request,
    /// A precision that there is not.
    wrong: Option<UnknownPrecision>,
}

impl Accelerate {
    /// Where in the page the model runs; chosen by what was measured unless it is said here.
    pub fn platform(mut self, platform: Platform) -> Self {
        self.request.platform = platform;
        self
    }

    /// Which browser runs it.
    pub fn browser(mut self, browser: BrowserKind) -> Self {
        self.request.browser = browser;
        self
    }

    /// Bits a weight: `4`, `"4"`, `Precision::Bits4`, or `"auto"` for the highest that fits the adapter and the
    /// memory.
    pub fn precision(mut self, precision: impl IntoPrecision) -> Self {
        match precision.into_precision() {
            Ok(precision) => self.request.precision = precision,
            Err(unknown) => self.wrong = Some(unknown),
        }
        self
    }

    /// How the precision is made, in place of [`Accelerate::precision`]: a recipe's JSON, e.g.
    /// `{"bits":4,"overrides":[{"nodes":"/encoder/layer.0/*","bits":8}]}`.
    pub fn recipe(mut self, json: impl Into<String>) -> Self {
        self.request.recipe = Some(json.into());
        self
    }

    /// Bytes that the model may take where the precision is `"auto"`; what is free otherwise.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.request.memory_limit = Some(bytes);
        self
    }

    /// The fp32 graph in the model's folder, where it has several, e.g. `onnx/encoder_model.onnx`.
    pub fn graph(mut self, path: impl Into<String>) -> Self {
        self.request.graph = Some(path.into());
        self
    }

    /// The prompt that is put before each text, by its name in the model's `config_sentence_transformers.json`; an
    /// empty name is none.
    pub fn prompt(mut self, name: impl Into<String>) -> Self {
        self.request.prompt = Some(name.into());
        self
    }

    /// Dimensions that are kept of each vector, from the first.
    pub fn truncate_dim(mut self, dimensions: usize) -> Self {
        self.request.truncate_dim = Some(dimensions);
        self
    }

    /// What happens to a text with more tokens than the model takes: it is cut unless something else is said here.
    pub fn on_long(mut self, what: OnLong) -> Self {
        self.request.on_long = what;
        self
    }

    /// Keep critical layers at a higher precision.
    pub fn mixed_precision(mut self, mixed: bool) -> Self {
        self.request.mixed_precision = mixed;
        self
    }

    /// Firefox's compute shader settings for audio models.
    pub fn use_firefox_optimizations(mut self, on: bool) -> Self {
        self.request.use_firefox_optimizations = on;
        self
    }

    /// Make a software adapter an error.
    pub fn require_real_hardware(mut self, required: bool) -> Self {
        self.request.require_real_hardware = required;
        self
    }

    /// Let nodes, or the whole graph, run elsewhere than asked; the report says which did.
    pub fn allow_fallback(mut self, allowed: bool) -> Self {
        self.request.allow_fallback = allowed;
        self
    }

    /// What is done with the model: what its configuration says unless it is said here. An option of heads that does not
    /// fit the task is an error of the run.
    pub fn task(mut self, task: Task) -> Self {
        self.request.task = Some(task);
        self
    }

    /// Labels that the model was not trained for: the task is [`Task::ZeroShotClassification`].
    pub fn labels<L: Into<String>>(mut self, labels: impl IntoIterator<Item = L>) -> Self {
        self.request.head.labels = labels.into_iter().map(Into::into).collect();
        self.task(Task::ZeroShotClassification)
    }

    /// The sentence that says such a label, with `{}` in its place: `This example is {}.` unless it is said here.
    pub fn hypothesis(mut self, template: impl Into<String>) -> Self {
        self.request.head.hypothesis = Some(template.into());
        self
    }

    /// Whether each of such labels is true or not by itself. Otherwise one of them is.
    pub fn multi_label(mut self, each: bool) -> Self {
        self.request.head.multi_label = each;
        self
    }

    /// Labels, tokens for a mask, or answers that are kept, the best first.
    pub fn top_k(mut self, most: u32) -> Self {
        self.request.head.top_k = Some(most);
        self
    }

    /// Tokens that an answer may have: 15 unless it is said here.
    pub fn max_answer_len(mut self, tokens: u32) -> Self {
        self.request.head.max_answer_len = Some(tokens);
        self
    }

    /// How a long text is read for an answer: in pieces of so many tokens with the question, of which each shares so
    /// many with the one before. 384 and 128 unless it is said here.
    pub fn pieces(mut self, tokens: u32, shared: u32) -> Self {
        self.request.head.max_seq_len = Some(tokens);
        self.request.head.doc_stride = Some(shared);
        self
    }

    /// Runs it and waits.
    ///
    /// # Errors
    /// [`Error`] with a code, a message and what to do; `interrupted` where the user ended it.
    pub fn run(self) -> Result<Run> {
        Run::of(client::ask(Call::Accelerate { request: Box::new(self.into_request()?) })?)
    }

    pub(crate) fn request_mut(&mut self) -> &mut Request {
        &mut self.request
    }

    pub(crate) fn into_request(self) -> Result<Request> {
        match self.wrong {
            Some(unknown) => Err(unknown.into()),
            None => Ok(self.request),
        }
    }
}

/// What names a precision: bits, a word, or the value itself.
pub trait IntoPrecision {
    /// The precision.
    ///
    /// # Errors
    /// [`UnknownPrecision`], with those that there are.
    fn into_precision(self) -> std::result::Result<PrecisionChoice, UnknownPrecision>;
}

impl IntoPrecision for u8 {
    fn into_precision(self) -> std::result::Result<PrecisionChoice, UnknownPrecision> {
        Precision::try_from(self).map(PrecisionChoice::from)
    }
}

impl IntoPrecision for &str {
    fn into_precision(self) -> std::result::Result<PrecisionChoice, UnknownPrecision> {
        self.parse()
    }
}

impl IntoPrecision for Precision {
    fn into_precision(self) -> std::result::Result<PrecisionChoice, UnknownPrecision> {
        Ok(self.into())
    }
}

impl IntoPrecision for PrecisionChoice {
    fn into_precision(self) -> std::result::Result<PrecisionChoice, UnknownPrecision> {
        Ok(self)
    }
}

impl From<UnknownPrecision> for Error {
    fn from(unknown: UnknownPrecision) -> Self {
        let help = format!("give one of {}", PrecisionChoice::WORDS.join(", "));
        Self { code: "precision".to_owned(), message: unknown.to_string(), help }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::lost(&error)
    }
}
