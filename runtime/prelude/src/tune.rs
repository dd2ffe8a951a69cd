//! The fewest bytes that keep a model within an error of fp32.

use pelago_protocol::cells::{Call, Content, Reply};
use pelago_protocol::{BrowserKind, Input, Platform, Precision, TuneRequest, Tuned, UnknownPrecision};
use polars::prelude::DataFrame;

use crate::place::from_here;
use crate::{Error, Result, Show, client, ipc};

/// Looks for a mix of precisions of `model` (a name, a CID or a path) once [`Tune::run`] is called.
pub fn tune(model: impl Into<String>) -> Tune {
    Tune { request: TuneRequest::new(from_here(model)), wrong: None }
}

/// A search that is still to be asked for.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "nothing is looked for before `.run()`"]
pub struct Tune {
    request: TuneRequest,
    /// A precision that there is not.
    wrong: Option<UnknownPrecision>,
}

impl Tune {
    /// The error allowed: 1 less the least cosine of the outputs' rows with fp32 on wasm; 0.001 otherwise.
    pub fn max_error(mut self, error: f64) -> Self {
        self.request.max_error = error;
        self
    }

    /// What stands for real inputs; a set made for the model's family otherwise.
    pub fn input(mut self, input: impl Into<Input>) -> Self {
        self.request.input = Some(input.into());
        self
    }

    /// Bits that a layer may have; all that the adapter runs otherwise.
    pub fn precisions(mut self, bits: impl IntoIterator<Item = u8>) -> Self {
        match bits.into_iter().map(Precision::try_from).collect() {
            Ok(choices) => self.request.choices = choices,
            Err(unknown) => self.wrong = Some(unknown),
        }
        self
    }

    /// Groups that layers are put into, each of which is measured; 24 otherwise.
    pub fn groups(mut self, groups: usize) -> Self {
        self.request.groups = groups;
        self
    }

    /// Where in the page the model runs, and is to run.
    pub fn platform(mut self, platform: Platform) -> Self {
        self.request.platform = platform;
        self
    }

    /// Which browser runs it.
    pub fn browser(mut self, browser: BrowserKind) -> Self {
        self.request.browser = browser;
        self
    }

    /// The fp32 graph in the model's folder, where it has several.
    pub fn graph(mut self, path: impl Into<String>) -> Self {
        self.request.graph = Some(path.into());
        self
    }

    /// Searches and waits.
    ///
    /// # Errors
    /// [`Error`] where nothing is near enough, or the model cannot run; `interrupted` where the user ended it.
    pub fn run(self) -> Result<Tuning> {
        if let Some(unknown) = self.wrong {
            return Err(unknown.into());
        }
        match client::ask(Call::Tune { request: Box::new(self.request) })? {
            Reply::Tuned { tuned, frame } => Ok(Tuning { tuned, frame: ipc::read(&frame)? }),
            other => Err(Error::unexpected(&other)),
        }
    }
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Tuning {
    tuned: Tuned,
    frame: DataFrame,
}

impl Tuning {
    /// The recipe's JSON, for [`Accelerate::recipe`](crate::Accelerate::recipe).
    #[must_use]
    pub fn recipe(&self) -> String {
        self.tuned.recipe.clone()
    }

    /// The error of the recipe, as it was measured.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.tuned.error
    }

    /// One row a group of layers, the most sensitive first: `layers`, `error_added`, `bytes_saved`. Empty where
    /// one precision for all was enough.
    #[must_use]
    pub fn frame(&self) -> DataFrame {
        self.frame.clone()
    }

    /// All that was found.
    #[must_use]
    pub fn found(&self) -> &Tuned {
        &self.tuned
    }
}

impl Show for Tuning {
    fn content(&self) -> Content {
        self.frame.content()
    }
}
