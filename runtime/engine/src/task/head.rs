//! Texts and pairs get labels, entities, tokens for their masks, or answers: tokens are made here, the graph runs in
//! the page as any other, and what it gives is read here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use pelago_models::PrepareError;
use pelago_protocol::{DType, Graphs, Input, LoadResult, Platform, Role, RunData, Task, Tensor};
use pelago_text::{HeadRows, HeadText, Read};

use super::batches::{self, Batch, Shapes};
use super::embed::milliseconds;
use super::{Asking, Did, Executed};
use crate::RunError;

/// What was done with texts.
pub(crate) struct Headed {
    /// Of all rows, without padding.
    pub(crate) tokens: u64,
    /// Of all runs, padding included.
    pub(crate) padded_tokens: u64,
    /// Texts that were cut, by their numbers from 0.
    pub(crate) truncated: Vec<usize>,
    pub(crate) tokenize_ms: f64,
    pub(crate) run_ms: f64,
    /// What is made here of what the graph gave.
    pub(crate) read_ms: f64,
}

/// Asks a model's head.
///
/// # Errors
/// [`PrepareError::Text`] for texts that the model does not take, [`RunError::UnexpectedOutput`] for an answer without
/// numbers for each row, and those of the page.
pub(super) async fn head(asking: &Asking<'_>, task: Task) -> Result<Executed, RunError> {
    let Asking { engine, prepared, .. } = *asking;
    let model = &engine.preparer.head_text(prepared).await?;
    let wrong = |source| PrepareError::Text { model: prepared.source.name.clone(), source };
    let began = Instant::now();
    let rows = tokenize(asking, model, task).await?;
    let tokenize_ms = milliseconds(began);
    let lengths = rows.rows.iter().map(|row| row.ids().len()).collect::<Vec<_>>();
    let shapes = Shapes {
        fixed: asking.platform == Platform::WebNn,
        max_tokens: rows.max_tokens,
        values_a_token: model.values_a_token(task),
    };
    let inputs = engine.preparer.input_names(prepared).await?;
    let graphs = asking.graphs().await?;
    let (mut run_ms, mut read_ms, mut padded_tokens) = (0.0, 0.0, 0);
    let mut load: Option<LoadResult> = None;
    let mut read = lengths.iter().map(|_| None).collect::<Vec<Option<Read>>>();
    for batch in batches::plan(&lengths, shapes) {
        let (loaded, ms, outputs) = run(asking, &graphs, &rows, &batch, &inputs).await?;
        run_ms += ms;
        padded_tokens += (batch.shape[0] * batch.shape[1]) as u64;
        load = Some(match load {
            Some(before) => together(before, loaded),
            None => loaded,
        });
        let began = Instant::now();
        for (at, row) in batch.rows.iter().enumerate() {
            let tokens = if rows.is_by_token() { Some(lengths[*row]) } else { None };
            let values = outputs.iter().map(|output| of_row(output, at, batch.shape, tokens)).collect::<Vec<_>>();
            read[*row] = Some(model.read_row(&rows, *row, &values).map_err(wrong)?);
        }
        read_ms += milliseconds(began);
    }
    let began = Instant::now();
    let truncated = rows.truncated.clone();
    let output = model.output(rows, read.into_iter().flatten().collect()).map_err(wrong)?;
    read_ms += milliseconds(began);
    let tokens = lengths.iter().map(|length| *length as u64).sum();
    Ok(Executed {
        loads: load.into_iter().map(|load| (Role::Model, load)).collect::<BTreeMap<_, _>>(),
        processing_ms: tokenize_ms + run_ms + read_ms,
        did: Did::Headed(Headed { tokens, padded_tokens, truncated, tokenize_ms, run_ms, read_ms }),
        output,
    })
}

/// Rows of tokens. They are made on a thread that may be busy for a while.
async fn tokenize(asking: &Asking<'_>, model: &Arc<HeadText>, task: Task) -> Result<HeadRows, RunError> {
    let request = asking.request;
    let (input, options, on_long): (Input, _, _) = (request.input.clone(), request.head.clone(), request.on_long);
    let model = Arc::clone(model);
    let rows = tokio::task::spawn_blocking(move || model.rows(task, &input, &options, on_long)).await;
    let rows = rows.map_err(|source| RunError::Task { what: "tokenizing", source })?;
    let name = || asking.prepared.source.name.clone();
    Ok(rows.map_err(|source| PrepareError::Text { model: name(), source })?)
}

/// Runs one batch: the graph's outputs as rows of numbers, and how long it took.
async fn run(
    asking: &Asking<'_>,
    graphs: &Graphs,
    rows: &HeadRows,
    batch: &Batch,
    inputs: &[String],
) -> Result<(LoadResult, f64, Vec<Vec<f32>>), RunError> {
    let unexpected = |found: String| RunError::UnexpectedOutput { browser: asking.worker.product().to_owned(), found };
    let names = rows.outputs();
    let data = RunData { graphs: graphs.clone(), outputs: names.iter().map(|name| (*name).to_owned()).collect() };
    let (result, tensors) = asking.send(&data, tensors(rows, batch, inputs)).await?;
    let mut outputs = Vec::with_capacity(names.len());
    for name in names {
        let Some(tensor) = tensors.iter().find(|tensor| tensor.name == *name) else {
            return Err(unexpected(format!("no tensor {name}")));
        };
        let values = tensor.to_f32().map_err(|error| unexpected(error.to_string()))?;
        let is_by_token = !rows.is_by_token() || tensor.shape.get(1) == Some(&batch.shape[1]);
        if tensor.shape.first() != Some(&batch.shape[0]) || !is_by_token || values.is_empty() {
            return Err(unexpected(format!("{name} of shape {:?} for {:?}", tensor.shape, batch.shape)));
        }
        outputs.push(values);
    }
    Ok((result.load, result.processing_ms, outputs))
}

/// The graph's inputs, padded. A row that only fills a shape has one token, so that nothing is divided by none.
fn tensors(rows: &HeadRows, batch: &Batch, inputs: &[String]) -> Vec<Tensor> {
    let [height, length] = batch.shape;
    let tensor = |name: &str, value: &dyn Fn(usize, usize) -> u32| {
        let values = (0..height).flat_map(|row| (0..length).map(move |token| (row, token)));
        let bytes = values.flat_map(|(row, token)| value(row, token).to_le_bytes()).collect::<Vec<_>>();
        Tensor { name: name.to_owned(), dtype: DType::Int32, shape: vec![height, length], bytes: bytes.into() }
    };
    let row = |row: usize| batch.rows.get(row).map(|row| &rows.rows[*row]);
    let id = |at: usize, token: usize| row(at).and_then(|row| row.ids().get(token).copied()).unwrap_or(rows.pad_id);
    let mask = |at: usize, token: usize| u32::from(token < row(at).map_or(1, |row| row.ids().len()));
    let kind = |at: usize, token: usize| row(at).filter(|row| token < row.ids().len()).map_or(0, |row| row.kind(token));
    let mut tensors = vec![tensor("input_ids", &id), tensor("attention_mask", &mask)];
    if inputs.iter().any(|name| name == "token_type_ids") {
        tensors.push(tensor("token_type_ids", &kind));
    }
    tensors
}

/// The numbers of one row of a batch, without those of padding where there are some for each token.
fn of_row(values: &[f32], row: usize, [height, length]: [usize; 2], tokens: Option<usize>) -> &[f32] {
    let width = values.len() / height;
    let kept = tokens.map_or(width, |tokens| width / length * tokens);
    &values[row * width..row * width + kept]
}

/// How the sessions of two runs came to be, as one: on a platform of fixed shapes each shape has its own.
fn together(before: LoadResult, after: LoadResult) -> LoadResult {
    let sum = |a: Option<f64>, b: Option<f64>| [a, b].into_iter().flatten().reduce(|a, b| a + b);
    LoadResult {
        warm: before.warm && after.warm,
        fetch_ms: sum(before.fetch_ms, after.fetch_ms),
        compile_ms: sum(before.compile_ms, after.compile_ms),
        first_run_ms: sum(before.first_run_ms, after.first_run_ms),
        memory_usage_mb: [before.memory_usage_mb, after.memory_usage_mb].into_iter().flatten().reduce(f64::max),
        session: after.session,
        held: after.held,
    }
}
