//! Texts become vectors: tokens are made here, the graph runs in the page, and the modules after it run here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use pelago_models::PrepareError;
use pelago_protocol::{Output, Request, Role, Tensor};
use pelago_text::{EncodeOptions, TextModel, Tokens};

use super::{Asking, Did, Executed};
use crate::RunError;
use crate::fleet::Worker;

/// Bytes of text that are tokenized at once, some tens of microseconds.
const INLINE_TEXT: usize = 4096;

/// What was done with texts.
pub(crate) struct Embedded {
    pub(crate) tokens: Tokens,
    /// On this machine, before the page.
    pub(crate) tokenize_ms: f64,
    pub(crate) run_ms: f64,
    /// In the page, and what the modules after it do here.
    pub(crate) pool_ms: f64,
    pub(crate) padded_tokens: usize,
    /// What is done beside the graph, by its names.
    pub(crate) modules: Vec<String>,
    /// Whether the model's folder says how to pool.
    pub(crate) says_pooling: bool,
    /// How the vectors are meant to be compared.
    pub(crate) similarity: Option<String>,
}

/// Embeds texts: `[batch, dimensions]`.
///
/// # Errors
/// [`PrepareError::Text`] for texts that the model does not take, [`RunError::UnexpectedOutput`] for an answer without
/// a vector a row, and those of the page.
pub(super) async fn embed(asking: &Asking<'_>, texts: &[String]) -> Result<Executed, RunError> {
    let Asking { engine, request, prepared, worker, .. } = *asking;
    let model = &engine.preparer.text(prepared).await?;
    let began = Instant::now();
    let tokens = encode(model, request, texts).await?;
    let tokenize_ms = milliseconds(began);
    let (data, tensors) = model.embed_data(asking.graphs().await?, &tokens);
    let (result, tensors) = asking.send(&data, tensors).await?;
    let ([rows, dimensions], values) = embeddings(worker, tensors)?;
    if rows != tokens.lengths.len() {
        let found = format!("{rows} vectors for {} rows", tokens.lengths.len());
        return Err(RunError::UnexpectedOutput { browser: worker.product().to_owned(), found });
    }
    let began = Instant::now();
    let (values, dimensions) = model
        .finish(&tokens, values, dimensions, result.pooled_by_graph, request.truncate_dim)
        .map_err(|source| PrepareError::Text { model: prepared.source.name.clone(), source })?;
    let finish_ms = milliseconds(began);
    let modules = if result.pooled_by_graph { vec![result.pooling] } else { model.modules() };
    let embedded = Embedded {
        tokenize_ms,
        run_ms: result.run_ms,
        pool_ms: result.pool_ms + finish_ms,
        padded_tokens: result.padded_tokens,
        says_pooling: result.pooled_by_graph || model.says_pooling(),
        similarity: model.similarity().map(str::to_owned),
        modules,
        tokens,
    };
    Ok(Executed {
        loads: BTreeMap::from([(Role::Model, result.load)]),
        processing_ms: tokenize_ms + result.processing_ms + finish_ms,
        did: Did::Embedded(embedded),
        output: Output::Embeddings { shape: [texts.len(), dimensions], values },
    })
}

pub(super) fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// Token ids. Much text is tokenized on a thread that may be busy for a while; for a little, the way there would take
/// longer than the work.
async fn encode(model: &Arc<TextModel>, request: &Request, texts: &[String]) -> Result<Tokens, RunError> {
    let (prompt, on_long) = (request.prompt.clone(), request.on_long);
    let encoded = if texts.iter().map(String::len).sum::<usize>() <= INLINE_TEXT {
        model.encode(texts, EncodeOptions { prompt: prompt.as_deref(), on_long })
    } else {
        let (model, texts) = (Arc::clone(model), texts.to_vec());
        let encoded = tokio::task::spawn_blocking(move || {
            model.encode(&texts, EncodeOptions { prompt: prompt.as_deref(), on_long })
        });
        encoded.await.map_err(|source| RunError::Task { what: "tokenizing", source })?
    };
    Ok(encoded.map_err(|source| PrepareError::Text { model: request.model.clone(), source })?)
}

fn embeddings(worker: &dyn Worker, tensors: Vec<Tensor>) -> Result<([usize; 2], Vec<f32>), RunError> {
    let wrong = |found: String| RunError::UnexpectedOutput { browser: worker.product().to_owned(), found };
    let names = tensors.iter().map(|tensor| tensor.name.clone()).collect::<Vec<_>>();
    let Some(tensor) = tensors.into_iter().find(|tensor| tensor.name == "embedding") else {
        return Err(wrong(format!("the tensors {names:?}")));
    };
    let Ok(shape) = <[usize; 2]>::try_from(tensor.shape.as_slice()) else {
        return Err(wrong(format!("an embedding of shape {:?}", tensor.shape)));
    };
    let values = tensor.to_f32().map_err(|error| wrong(error.to_string()))?;
    Ok((shape, values))
}
