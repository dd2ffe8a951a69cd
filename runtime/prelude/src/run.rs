//! A run of a model, as a cell holds it.

use pelago_protocol::cells::{self, Content, Reply};
use pelago_protocol::{Report, Tensor, TensorHeader};
use polars::prelude::DataFrame;

use crate::{Error, Result, ipc};

/// A run of a model: what it gave and how it ran.
#[derive(Clone, Debug)]
pub struct Run {
    report: Report,
    output: Output,
    frame: DataFrame,
}

/// What a model gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    tensors: Vec<Tensor>,
    /// Values and shape `[batch, hidden]`, where the model embeds.
    embedding: Option<(Vec<f32>, [usize; 2])>,
}

impl Run {
    /// Device, provider, timings, bytes: every field of the report.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What the model gave.
    #[must_use]
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// The report as a DataFrame of one row, with the columns of `history()`.
    #[must_use]
    pub fn frame(&self) -> DataFrame {
        self.frame.clone()
    }

    pub(crate) fn of(reply: Reply, body: &[u8]) -> Result<Self> {
        let Reply::Run { report, tensors, is_embedding, frame } = reply else {
            return Err(Error::unexpected(&reply));
        };
        let row = body.get(frame..).unwrap_or_default();
        let tensors = cells::unpack(&tensors, body).map_err(|error| Error::lost(&error))?;
        let embedding = if is_embedding { embedding(&tensors)? } else { None };
        Ok(Self { report: *report, output: Output { tensors, embedding }, frame: ipc::read(row)? })
    }

    pub(crate) fn content(&self) -> (Content, Vec<u8>) {
        let (tensors, body): (Vec<TensorHeader>, _) = cells::pack(&self.output.tensors);
        let is_embedding = self.output.embedding.is_some();
        (Content::Run { report: Box::new(self.report.clone()), tensors, is_embedding }, body)
    }
}

impl Output {
    /// The vectors, row-major, of shape [`Output::shape`]. Empty for a model that does not embed.
    #[must_use]
    pub fn embedding(&self) -> &[f32] {
        self.embedding.as_ref().map_or(&[], |(values, _)| values)
    }

    /// `[batch, hidden]`; zeros for a model that does not embed.
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        self.embedding.as_ref().map_or([0, 0], |(_, shape)| *shape)
    }

    /// One vector a text, each of length `hidden`.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.embedding().chunks(self.shape()[1].max(1))
    }

    /// The graph's outputs by name; of an embedding the one tensor `embedding`.
    #[must_use]
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }
}

fn embedding(tensors: &[Tensor]) -> Result<Option<(Vec<f32>, [usize; 2])>> {
    let found =
        tensors.first().and_then(|tensor| Some((tensor, <[usize; 2]>::try_from(tensor.shape.as_slice()).ok()?)));
    let Some((tensor, shape)) = found else { return Ok(None) };
    let values = tensor.to_f32().map_err(|error| Error::unexpected(&error))?;
    Ok(Some((values, shape)))
}
