//! What a model that makes text says of a text that is there already: the logits after each of its tokens.

use pelago_protocol::{Output, ScoreData};

use super::generate::{decoder_of, ids};
use super::{Asking, Did, Executed};
use crate::RunError;
use crate::fleet::Worker;

/// A text that a model is asked of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scored {
    /// What an encoder–decoder's encoder is given; `None` for a decoder.
    pub(crate) encoded: Option<Vec<i32>>,
    /// The text's tokens.
    pub(crate) ids: Vec<i32>,
}

/// Asks the page. The output is the tensor `logits`, `[tokens, vocabulary]`.
///
/// # Errors
/// Those of the page, and [`RunError::Unsupported`] for a graph that is no decoder of Pelago's.
pub(super) async fn score(asking: &Asking<'_>, scored: &Scored) -> Result<Executed, RunError> {
    let decoder = decoder_of(asking).await?;
    let pad_id = asking.engine.preparer.generator(asking.prepared).await?.defaults().pad_id;
    let data = ScoreData { graphs: asking.graphs().await?, pad_id, context: decoder.context };
    let mut tensors = vec![ids(asking, "scored_ids", &scored.ids)?];
    if let Some(encoded) = &scored.encoded {
        tensors.push(ids(asking, "input_ids", encoded)?);
    }
    let (result, tensors) = asking.send(&data, tensors).await?;
    Ok(Executed { loads: result.loads, processing_ms: 0.0, did: Did::Ran, output: Output::Tensors(tensors) })
}

/// The numbers of the answer.
pub(super) fn logits(executed: Executed, scored: &Scored, worker: &dyn Worker) -> Result<Vec<f32>, RunError> {
    let wrong = |found: String| RunError::UnexpectedOutput { browser: worker.product().to_owned(), found };
    let Output::Tensors(tensors) = executed.output else { return Err(wrong("no tensor".to_owned())) };
    match tensors.iter().find(|tensor| tensor.name == "logits") {
        Some(tensor) if matches!(tensor.shape[..], [tokens, _] if tokens == scored.ids.len()) => {
            tensor.to_f32().map_err(|error| wrong(error.to_string()))
        }
        other => Err(wrong(format!("logits of shape {:?}", other.map(|tensor| &tensor.shape)))),
    }
}
