//! Which files a model keeps weights in, and whether they are there.

use std::collections::BTreeSet;

use super::look;
use super::tensor::external_range;
use crate::Error;
use crate::files::Files;
use crate::proto::{GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto};

/// The files beside `file` that its tensors point into, as the model names them: relative to the folder of `file`.
///
/// # Errors
/// [`Error::Read`], [`Error::Protobuf`], [`Error::Decode`], [`Error::TooLarge`] or [`Error::Missing`].
pub fn external_files(files: &dyn Files, file: &str) -> Result<Vec<String>, Error> {
    let model = look(files, file)?;
    let locations = tensors(&model).into_iter().flat_map(|tensor| &tensor.external_data);
    let found = locations.filter(|entry| entry.key() == "location").map(|entry| entry.value().to_owned());
    Ok(found.collect::<BTreeSet<_>>().into_iter().collect())
}

/// Whether `file` is an ONNX model, and each of its tensors that lies in another file is there and within the folder.
///
/// # Errors
/// Those of [`external_files`]; [`Error::Location`], [`Error::ExternalNumber`] or [`Error::PastEnd`].
pub fn check(files: &dyn Files, file: &str) -> Result<(), Error> {
    let model = look(files, file)?;
    let mut external = tensors(&model).into_iter().filter(|tensor| !tensor.external_data.is_empty());
    external.try_for_each(|tensor| external_range(files, file, tensor, 0).map(drop))
}

/// All tensors of a model: of its graph and the graphs within it, of its functions, of attributes.
fn tensors(model: &ModelProto) -> Vec<&TensorProto> {
    let mut found = Vec::new();
    if let Some(graph) = &model.graph {
        of_graph(graph, &mut found);
    }
    for function in &model.functions {
        of_nodes(&function.node, &mut found);
    }
    found
}

fn of_graph<'a>(graph: &'a GraphProto, found: &mut Vec<&'a TensorProto>) {
    found.extend(&graph.initializer);
    found.extend(graph.sparse_initializer.iter().flat_map(of_sparse));
    of_nodes(&graph.node, found);
}

fn of_nodes<'a>(nodes: &'a [NodeProto], found: &mut Vec<&'a TensorProto>) {
    for attribute in nodes.iter().flat_map(|node| &node.attribute) {
        found.extend(attribute.t.as_deref().into_iter().chain(&attribute.tensors));
        let sparse = attribute.sparse_tensor.as_deref().into_iter().chain(&attribute.sparse_tensors);
        found.extend(sparse.flat_map(of_sparse));
        attribute.g.as_deref().into_iter().chain(&attribute.graphs).for_each(|graph| of_graph(graph, found));
    }
}

fn of_sparse(tensor: &SparseTensorProto) -> impl Iterator<Item = &TensorProto> {
    tensor.values.iter().chain(&tensor.indices)
}
