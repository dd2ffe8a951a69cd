//! Takes away what nothing uses any more: weights that were replaced, and the
//! nodes that only passed them on.

use std::collections::{HashMap, HashSet};

use super::graphs::{Graphs, graphs_of};
use crate::Error;

/// Operators that pass a constant on, and so are of no use without a user.
const PASSING: &[&str] = &["Identity", "Cast", "Transpose", "Constant"];

/// Prunes all graphs.
///
/// # Errors
/// Those of [`Graphs::index`].
pub(super) fn prune(graphs: &mut Graphs) -> Result<(), Error> {
    let index = graphs.index()?;
    let mut users = index.uses.iter().map(|(value, uses)| (value.clone(), uses.len())).collect::<HashMap<_, _>>();
    // Graphs within others have higher numbers, and users come after what they
    // use: backwards, one time through is enough.
    for number in (0..graphs.all.len()).rev() {
        let nodes = std::mem::take(&mut graphs.all[number].graph.node);
        let mut kept = Vec::with_capacity(nodes.len());
        for node in nodes.into_iter().rev() {
            let passing = node.domain().is_empty() && PASSING.contains(&node.op_type());
            let used = |name: &String| users.get(&(number, name.clone())).is_some_and(|users| *users > 0);
            if !passing || graphs_of(&node).next().is_some() || node.output.iter().any(used) {
                kept.push(node);
                continue;
            }
            for name in &node.input {
                let home = index.find(number, name).map(|(home, _)| home);
                if let Some(users) = home.and_then(|home| users.get_mut(&(home, name.clone()))) {
                    *users = users.saturating_sub(1);
                }
            }
        }
        kept.reverse();
        graphs.all[number].graph.node = kept;
    }
    for (number, scope) in graphs.all.iter_mut().enumerate() {
        let graph = &mut scope.graph;
        graph
            .initializer
            .retain(|tensor| users.get(&(number, tensor.name().to_owned())).is_some_and(|users| *users > 0));
        let nodes = graph.node.iter().flat_map(|node| node.output.iter().map(String::as_str));
        let initializers = graph.initializer.iter().map(|tensor| tensor.name());
        let inputs = graph.input.iter().map(|input| input.name());
        let defined = nodes.chain(initializers).chain(inputs).collect::<HashSet<_>>();
        graph.value_info.retain(|value| defined.contains(value.name()));
        graph.quantization_annotation.retain(|note| defined.contains(note.tensor_name()));
    }
    Ok(())
}
