//! Takes away what nothing uses any more: weights that were replaced, and the
//! nodes that only passed them on.

use std::collections::HashSet;

use super::graphs::{Graphs, graphs_of};
use crate::Error;

/// Operators that pass a constant on, and so are of no use without a user.
const PASSING: &[&str] = &["Identity", "Cast", "Transpose", "Constant"];

/// Prunes all graphs.
///
/// # Errors
/// Those of [`Graphs::index`].
pub(super) fn prune(graphs: &mut Graphs) -> Result<(), Error> {
    loop {
        let index = graphs.index()?;
        let mut changed = false;
        for (number, scope) in graphs.all.iter_mut().enumerate() {
            let unused = |name: &str| index.uses_of(number, name).is_empty();
            let nodes = scope.graph.node.len();
            scope.graph.node.retain(|node| {
                let passing = node.domain().is_empty() && PASSING.contains(&node.op_type());
                !(passing && graphs_of(node).next().is_none() && node.output.iter().all(|output| unused(output)))
            });
            changed |= scope.graph.node.len() != nodes;
        }
        if changed {
            continue;
        }
        for (number, scope) in graphs.all.iter_mut().enumerate() {
            let graph = &mut scope.graph;
            graph.initializer.retain(|tensor| !index.uses_of(number, tensor.name()).is_empty());
            let defined = graph
                .node
                .iter()
                .flat_map(|node| node.output.iter().map(String::as_str))
                .chain(graph.initializer.iter().map(|tensor| tensor.name.as_deref().unwrap_or_default()))
                .chain(graph.input.iter().map(|input| input.name.as_deref().unwrap_or_default()))
                .collect::<HashSet<_>>();
            graph.value_info.retain(|value| defined.contains(value.name()));
            graph.quantization_annotation.retain(|note| defined.contains(note.tensor_name()));
        }
        return Ok(());
    }
}
