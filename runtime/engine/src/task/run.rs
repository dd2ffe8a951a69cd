//! A graph on tensors of the user's own: its outputs come back as they are.

use std::collections::BTreeMap;

use pelago_protocol::{Output, Role, RunData, Tensor};

use super::{Asking, Did, Executed};
use crate::RunError;

/// Runs the graph.
///
/// # Errors
/// [`RunError::Prepare`] for a graph that cannot be read, and those of the page.
pub(super) async fn run(asking: &Asking<'_>, inputs: &[Tensor]) -> Result<Executed, RunError> {
    let data = RunData { graphs: asking.graphs().await?, outputs: Vec::new() };
    let (result, tensors) = asking.send(&data, inputs.to_vec()).await?;
    Ok(Executed {
        loads: BTreeMap::from([(Role::Model, result.load)]),
        processing_ms: result.processing_ms,
        did: Did::Ran,
        output: Output::Tensors(tensors),
    })
}
