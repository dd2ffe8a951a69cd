//! Which files a model keeps weights in.

use std::collections::BTreeSet;

use super::open;
use crate::Error;
use crate::files::Files;
use crate::proto::{GraphProto, NodeProto, TensorProto};

/// The files beside `file` that its tensors point into, as the model names them: relative to the folder of `file`.
///
/// # Errors
/// Those of [`open`].
pub fn external_files(files: &dyn Files, file: &str) -> Result<Vec<String>, Error> {
    let model = open(files, file)?;
    let own = file.rsplit('/').next().unwrap_or(file);
    let mut found = BTreeSet::new();
    if let Some(graph) = &model.graph {
        of_graph(graph, &mut found);
    }
    for function in &model.functions {
        of_nodes(&function.node, &mut found);
    }
    // Reading it left large tensors where they are, in the file itself.
    found.retain(|name| name != own && name != file);
    Ok(found.into_iter().collect())
}

fn of_graph(graph: &GraphProto, found: &mut BTreeSet<String>) {
    graph.initializer.iter().for_each(|tensor| of_tensor(tensor, found));
    of_nodes(&graph.node, found);
}

fn of_nodes(nodes: &[NodeProto], found: &mut BTreeSet<String>) {
    for attribute in nodes.iter().flat_map(|node| &node.attribute) {
        attribute.t.as_deref().into_iter().chain(&attribute.tensors).for_each(|tensor| of_tensor(tensor, found));
        attribute.g.as_deref().into_iter().chain(&attribute.graphs).for_each(|graph| of_graph(graph, found));
    }
}

fn of_tensor(tensor: &TensorProto, found: &mut BTreeSet<String>) {
    let location = tensor.external_data.iter().find(|entry| entry.key() == "location");
    found.extend(location.map(|entry| entry.value().to_owned()));
}
