//! A run of a model, as a cell holds it.

use pelago_protocol::cells::{Content, Reply};
use pelago_protocol::{Output, Report};
use polars::prelude::DataFrame;

use crate::{Error, Result, ipc};

/// A run of a model: what it gave and how it ran.
#[derive(Clone, Debug)]
pub struct Run {
    run: Box<pelago_protocol::Run>,
    frame: DataFrame,
}

impl Run {
    /// Device, provider, timings, bytes: every field of the report.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.run.report
    }

    /// What the model gave.
    #[must_use]
    pub fn output(&self) -> &Output {
        &self.run.output
    }

    /// What the model gave, without the report.
    #[must_use]
    pub fn into_output(self) -> Output {
        self.run.output
    }

    /// The report as a DataFrame of one row, with the columns of `history()`.
    #[must_use]
    pub fn frame(&self) -> DataFrame {
        self.frame.clone()
    }

    pub(crate) fn of(reply: Reply) -> Result<Self> {
        match reply {
            Reply::Run { run, frame } => Ok(Self { run, frame: ipc::read(&frame)? }),
            other => Err(Error::unexpected(&other)),
        }
    }

    pub(crate) fn content(&self) -> Content {
        Content::Run { run: self.run.clone() }
    }
}
