//! Weights of element types that checkpoints have and browsers do not compute
//! with (bfloat16, double). A graph that is built of such a checkpoint converts
//! them to single precision before it uses them; here the weight itself becomes
//! single precision, and the conversion goes.

use std::collections::HashMap;

use super::{
    constant::{Constant, Weights},
    graphs::{Definition, Graphs, Index, Use, attribute},
    jobs::{Job, Jobs},
};
use crate::{
    Error,
    proto::{DataType, NodeProto},
};

/// Widens each weight all of whose users convert it to single precision. Others
/// stay as they are: what takes them computes in their type.
///
/// # Errors
/// Those of [`Graphs::index`] and [`Weights::find`].
pub(super) fn widen(graphs: &mut Graphs, jobs: &mut Jobs, weights: &mut Weights) -> Result<(), Error> {
    let index = graphs.index()?;
    for graph in 0..graphs.all.len() {
        // The weight that each conversion gives now, by the name of its result.
        let mut instead = HashMap::new();
        for at in 0..graphs.all[graph].graph.initializer.len() {
            let tensor = &graphs.all[graph].graph.initializer[at];
            if ![DataType::Bfloat16 as i32, DataType::Double as i32].contains(&tensor.data_type.unwrap_or_default()) {
                continue;
            }
            let name = tensor.name().to_owned();
            let Some(conversions) = conversions(graphs, &index, graph, &name) else { continue };
            let constant = Constant { graph, name: name.clone(), transposed: false };
            let Some(mut weight) = weights.find(graphs, &index, &constant)? else { continue };
            weight.widened = true;
            weights.put(graph, weight.clone());
            jobs.of.insert((graph, name.clone()), Job::Single(weight));
            graphs.all[graph].graph.initializer[at].data_type = Some(DataType::Float as i32);
            instead.extend(conversions.into_iter().map(|conversion| (conversion, name.clone())));
        }
        // Conversions of single to single that a graph within takes, or that are an output, stay.
        let used_here = |name: &String| {
            index.uses_of(graph, name).iter().all(|user| matches!(user, Use::Node { graph: at, .. } if *at == graph))
        };
        instead.retain(|conversion, _| used_here(conversion));
        let nodes = &mut graphs.all[graph].graph.node;
        nodes.retain(|node| !node.output.first().is_some_and(|output| instead.contains_key(output)));
        for input in nodes.iter_mut().flat_map(|node| &mut node.input) {
            if let Some(name) = instead.get(input) {
                input.clone_from(name);
            }
        }
    }
    Ok(())
}

/// The results of the conversions to single precision that take a weight; none
/// where something else takes it too.
fn conversions(graphs: &Graphs, index: &Index, graph: usize, name: &str) -> Option<Vec<String>> {
    if !matches!(index.find(graph, name), Some((home, Definition::Constant(_))) if home == graph) {
        return None;
    }
    let converts = |node: &NodeProto| {
        node.domain().is_empty()
            && node.op_type() == "Cast"
            && attribute(node, "to").and_then(|to| to.i) == Some(DataType::Float as i64)
    };
    let of = |user: &Use| match user {
        Use::Node { graph: at, node, .. } if *at == graph => {
            let node = graphs.node(graph, *node);
            if converts(node) { node.output.first().cloned() } else { None }
        }
        Use::Node { .. } | Use::Output { .. } => None,
    };
    index.uses_of(graph, name).iter().map(of).collect()
}
