//! Which nodes compute in half precision.

use std::collections::{HashMap, HashSet};

use super::{
    operators::{LIGHT, MOVING, SINGLE},
    types::Types,
};
use crate::{
    Error,
    precision::{
        check::order,
        graphs::{Definition, Graphs, Index, Use, graphs_of, label},
    },
    proto::{DataType, NodeProto},
};

/// A node, by graph and number.
pub(super) type NodeId = (usize, usize);

/// What a node computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Precision {
    Half,
    Single,
}

/// Gives each node a precision. `keep` names nodes that are to stay as they are.
pub(super) fn assign(
    graphs: &Graphs,
    index: &Index,
    types: &Types,
    keep: &HashSet<String>,
) -> Result<HashMap<NodeId, Precision>, Error> {
    let mut found = HashMap::new();
    let norms = decomposed_norms(graphs, index);
    for (graph, scope) in graphs.all.iter().enumerate() {
        for (number, node) in scope.graph.node.iter().enumerate() {
            let carries = node.output.iter().any(|name| types.carries(&(graph, name.clone())));
            let single = !carries
                || SINGLE.contains(&node.op_type())
                || norms.contains(&(graph, number))
                || keep.contains(&label(node))
                || graphs_of(node).next().is_some()
                || matches!(node.op_type(), "ConstantOfShape" | "RandomNormalLike" | "RandomUniformLike" | "Constant");
            found.insert((graph, number), if single { Precision::Single } else { Precision::Half });
        }
    }
    for graph in 0..graphs.all.len() {
        let order = order(graphs, index, graph)?;
        // From the last node on: what is taken in single precision alone is computed in it.
        for number in order.iter().rev() {
            let node = graphs.node(graph, *number);
            let follows = LIGHT.contains(&node.op_type()) || MOVING.contains(&node.op_type()) || casts(node);
            if follows && found[&(graph, *number)] == Precision::Half {
                let all = users(graphs, index, graph, node).iter().all(|user| match user {
                    Some(user) => found[user] == Precision::Single,
                    None => true,
                });
                if all && !(node.op_type() == "Gather" && table(index, graph, node)) {
                    found.insert((graph, *number), Precision::Single);
                }
            }
        }
        // Conversions from integers go where they are needed.
        for number in order.iter().rev() {
            let node = graphs.node(graph, *number);
            if casts(node) && found[&(graph, *number)] == Precision::Single {
                let users = users(graphs, index, graph, node);
                let half = |user: &Option<NodeId>| user.is_some_and(|user| found[&user] == Precision::Half);
                if !users.is_empty() && users.iter().all(half) {
                    found.insert((graph, *number), Precision::Half);
                }
            }
        }
    }
    Ok(found)
}

/// Whether a node converts to single precision.
pub(super) fn casts(node: &NodeProto) -> bool {
    node.op_type() == "Cast"
        && node.attribute.iter().any(|it| it.name() == "to" && it.i == Some(DataType::Float as i64))
}

fn table(index: &Index, graph: usize, node: &NodeProto) -> bool {
    node.input
        .first()
        .and_then(|name| index.find(graph, name))
        .is_some_and(|(_, it)| matches!(it, Definition::Constant(_)))
}

/// Who takes a node's results; none for a graph's output.
fn users(graphs: &Graphs, index: &Index, graph: usize, node: &NodeProto) -> Vec<Option<NodeId>> {
    let uses = node.output.iter().flat_map(|name| index.uses_of(graph, name));
    uses.filter_map(|user| match user {
        Use::Output { .. } => Some(None),
        Use::Node { graph, node, .. } => {
            let any = super::operators::ANY.contains(&graphs.node(*graph, *node).op_type());
            (!any || casts(graphs.node(*graph, *node))).then_some(Some((*graph, *node)))
        }
    })
    .collect()
}

/// The nodes of norms that are written out: from the difference to the mean to
/// its division by the root of the mean square.
fn decomposed_norms(graphs: &Graphs, index: &Index) -> HashSet<NodeId> {
    let mut found = HashSet::new();
    let giver = |graph: usize, name: &str| match index.find(graph, name) {
        Some((home, Definition::Node(node))) => Some((home, node)),
        _ => None,
    };
    for (graph, scope) in graphs.all.iter().enumerate() {
        for (number, mean) in scope.graph.node.iter().enumerate().filter(|(_, node)| node.op_type() == "ReduceMean") {
            let Some(square) = mean.input.first().and_then(|name| giver(graph, name)) else { continue };
            let node = graphs.node(square.0, square.1);
            let squares = node.op_type() == "Pow" || node.op_type() == "Mul" && node.input.first() == node.input.get(1);
            let Some(base) = node.input.first().filter(|_| squares) else { continue };
            found.extend([square, (graph, number)]);
            if let Some(difference) = giver(square.0, base)
                && graphs.node(difference.0, difference.1).op_type() == "Sub"
            {
                found.insert(difference);
            }
            let mut at = (graph, number);
            // The sum with epsilon, the root, its inverse, the division.
            for _ in 0..4 {
                let node = graphs.node(at.0, at.1);
                let next = node.output.iter().flat_map(|name| index.uses_of(at.0, name)).find_map(|user| match user {
                    Use::Node { graph, node, .. } => Some((*graph, *node)),
                    Use::Output { .. } => None,
                });
                let Some(next) = next else { break };
                at = next;
                let node = graphs.node(at.0, at.1);
                if !matches!(node.op_type(), "Add" | "Sqrt" | "Reciprocal" | "Pow" | "Div" | "Mul") {
                    break;
                }
                found.insert(at);
                if node.input.contains(base) {
                    break;
                }
            }
        }
    }
    found
}
