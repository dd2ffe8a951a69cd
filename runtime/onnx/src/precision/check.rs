//! What must hold of a model before anything is made of it.

use std::collections::{HashMap, HashSet};

use super::graphs::{Graphs, Index, Use, graphs_of, label};
use crate::{Error, proto::OperatorSetIdProto};

/// The versions of ONNX's operators that the rewriting knows. Before 7 `Gemm`
/// broadcast another way.
const OPSETS: (i64, i64) = (7, 26);
const CONTRIB_OPSETS: (i64, i64) = (1, 1);
/// Domains that onnxruntime has; their nodes are left as they are.
const DOMAINS: &[&str] =
    &["com.microsoft", "ai.onnx.ml", "com.microsoft.nchwc", "com.ms.internal.nhwc", "ai.onnx.preview.training"];

/// Checks opsets and domains, and that the graph has no cycle.
///
/// # Errors
/// [`Error::Opset`], [`Error::Domain`] or [`Error::Cycle`].
pub(super) fn check(graphs: &Graphs, index: &Index) -> Result<(), Error> {
    let imports = &graphs.model.opset_import;
    for import in imports {
        let (least, most) = match import.domain() {
            "" | "ai.onnx" => OPSETS,
            "com.microsoft" => CONTRIB_OPSETS,
            _ => continue,
        };
        if !(least..=most).contains(&import.version()) {
            let (domain, found) = (import.domain().to_owned(), import.version());
            return Err(Error::Opset { domain, found, least, most });
        }
    }
    let known = imports.iter().map(OperatorSetIdProto::domain);
    let functions = graphs.model.functions.iter().map(|function| function.domain());
    let known =
        known.chain(functions).map(|domain| if domain == "ai.onnx" { "" } else { domain }).collect::<HashSet<_>>();
    for node in graphs.all.iter().flat_map(|scope| &scope.graph.node) {
        let domain = if node.domain() == "ai.onnx" { "" } else { node.domain() };
        let local = graphs.model.functions.iter().any(|it| it.domain() == domain && it.name() == node.op_type());
        if !known.contains(domain) || !(domain.is_empty() || DOMAINS.contains(&domain) || local) {
            return Err(Error::Domain { node: label(node), domain: domain.to_owned() });
        }
    }
    for graph in 0..graphs.all.len() {
        order(graphs, index, graph)?;
    }
    Ok(())
}

/// The nodes of a graph, each after those whose values it or a graph within it
/// takes.
///
/// # Errors
/// [`Error::Cycle`].
pub(super) fn order(graphs: &Graphs, index: &Index, graph: usize) -> Result<Vec<usize>, Error> {
    let nodes = &graphs.all[graph].graph.node;
    let holders = holders(graphs);
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut waits = vec![0usize; nodes.len()];
    for (number, node) in nodes.iter().enumerate() {
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            for user in index.uses_of(graph, output) {
                let at = match user {
                    Use::Node { graph: at, node, .. } if *at == graph => Some(*node),
                    Use::Node { graph: at, .. } | Use::Output { graph: at, .. } => holder(&holders, graph, *at),
                };
                if let Some(at) = at {
                    after[number].push(at);
                    waits[at] += 1;
                }
            }
        }
    }
    // In the order that they have, as far as that can be kept.
    let mut ready = std::collections::BTreeSet::from_iter((0..nodes.len()).filter(|number| waits[*number] == 0));
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(number) = ready.pop_first() {
        order.push(number);
        for at in &after[number] {
            waits[*at] -= 1;
            if waits[*at] == 0 {
                ready.insert(*at);
            }
        }
    }
    match waits.iter().position(|waits| *waits > 0) {
        Some(number) => Err(Error::Cycle { node: label(&nodes[number]) }),
        None => Ok(order),
    }
}

/// The node that has a graph within it.
fn holders(graphs: &Graphs) -> HashMap<usize, (usize, usize)> {
    let mut found = HashMap::new();
    for (graph, scope) in graphs.all.iter().enumerate() {
        for (number, node) in scope.graph.node.iter().enumerate() {
            found.extend(graphs_of(node).map(|within| (within, (graph, number))));
        }
    }
    found
}

/// The node of `graph` that has the graph `within`, however deep.
fn holder(holders: &HashMap<usize, (usize, usize)>, graph: usize, within: usize) -> Option<usize> {
    let mut at = within;
    while let Some((outer, node)) = holders.get(&at) {
        if *outer == graph {
            return Some(*node);
        }
        at = *outer;
    }
    None
}
