//! What a graph declares, as a page is told it: the page reads no ONNX.

use pelago_onnx::Error as OnnxError;
use pelago_onnx::files::Files;
use pelago_onnx::read::{self, Length};
use pelago_protocol::{Dimension, GraphFacts, GraphInput, ModelSource};

use super::{PrepareError, Prepared, Preparer, may_lack};

impl Preparer {
    /// The model as a page is told of it, with what its graph declares. Where the graph's file still comes, waits for
    /// it.
    ///
    /// # Errors
    /// [`PrepareError::Precision`] where the graph cannot be read.
    pub async fn source(&self, prepared: &Prepared) -> Result<ModelSource, PrepareError> {
        let mut source = prepared.source.clone();
        source.graph.facts = Some(self.facts(prepared).await?);
        Ok(source)
    }

    /// A graph never changes under its CID, so each is read once.
    async fn facts(&self, prepared: &Prepared) -> Result<GraphFacts, PrepareError> {
        let cid = prepared.chosen.cid;
        if let Some(known) = self.lock().facts.get(&cid) {
            return Ok(known.clone());
        }
        let facts = loop {
            match (self.read(prepared, graph_facts).await, &prepared.arrival) {
                (Err(error), Some(arrival)) if may_lack(&error) => {
                    if !arrival.wait_for_more().await {
                        // The last block may have come between the two looks.
                        break self.read(prepared, graph_facts).await?;
                    }
                }
                (facts, _) => break facts?,
            }
        };
        self.lock().facts.insert(cid, facts.clone());
        Ok(facts)
    }
}

/// What the graph in a file declares.
///
/// # Errors
/// Those of [`read::facts`].
pub fn graph_facts(files: &dyn Files, file: &str) -> Result<GraphFacts, OnnxError> {
    let read::Facts { inputs, integer_nodes, other_nodes } = read::facts(files, file)?;
    let inputs = inputs
        .into_iter()
        .map(|input| GraphInput { name: input.name, shape: input.shape.into_iter().map(dimension).collect() });
    Ok(GraphFacts { inputs: inputs.collect(), integer_nodes, other_nodes })
}

fn dimension(length: Length) -> Dimension {
    match length {
        Length::Fixed(size) => Dimension::Size(size),
        Length::Symbol(name) => Dimension::Name(name),
    }
}
