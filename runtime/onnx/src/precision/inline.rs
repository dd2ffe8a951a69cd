//! Tensors that are no initializers of a graph (in attributes, functions, sparse
//! tensors) cannot be kept in another file everywhere: they go back into the model.

use crate::{
    Error,
    files::Files,
    proto::{AttributeProto, DataLocation, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto},
    read,
};

/// Puts all of them back; initializers of graphs are where they should be.
///
/// # Errors
/// Those of [`read::source`] and [`read::Source::read`].
pub(super) fn inline(files: &dyn Files, model: &str, proto: &mut ModelProto) -> Result<(), Error> {
    let inline = Inline { files, model };
    if let Some(graph) = &mut proto.graph {
        inline.graph(graph, false)?;
    }
    for training in &mut proto.training_info {
        for graph in training.initialization.iter_mut().chain(&mut training.algorithm) {
            inline.graph(graph, true)?;
        }
    }
    for function in &mut proto.functions {
        function.node.iter_mut().try_for_each(|node| inline.node(node, true))?;
        function.attribute_proto.iter_mut().try_for_each(|attribute| inline.attribute(attribute, true))?;
    }
    Ok(())
}

struct Inline<'a> {
    files: &'a dyn Files,
    model: &'a str,
}

impl Inline<'_> {
    fn graph(&self, graph: &mut GraphProto, initializers: bool) -> Result<(), Error> {
        if initializers {
            graph.initializer.iter_mut().try_for_each(|tensor| self.tensor(tensor))?;
        }
        graph.sparse_initializer.iter_mut().try_for_each(|tensor| self.sparse(tensor))?;
        graph.node.iter_mut().try_for_each(|node| self.node(node, initializers))
    }

    fn node(&self, node: &mut NodeProto, initializers: bool) -> Result<(), Error> {
        node.attribute.iter_mut().try_for_each(|attribute| self.attribute(attribute, initializers))
    }

    fn attribute(&self, attribute: &mut AttributeProto, initializers: bool) -> Result<(), Error> {
        let one = attribute.t.iter_mut().map(|tensor| &mut **tensor);
        one.chain(&mut attribute.tensors).try_for_each(|tensor| self.tensor(tensor))?;
        let one = attribute.sparse_tensor.iter_mut().map(|tensor| &mut **tensor);
        one.chain(&mut attribute.sparse_tensors).try_for_each(|tensor| self.sparse(tensor))?;
        let one = attribute.g.iter_mut().map(|graph| &mut **graph);
        one.chain(&mut attribute.graphs).try_for_each(|graph| self.graph(graph, initializers))
    }

    fn sparse(&self, tensor: &mut SparseTensorProto) -> Result<(), Error> {
        tensor.values.iter_mut().chain(&mut tensor.indices).try_for_each(|tensor| self.tensor(tensor))
    }

    fn tensor(&self, tensor: &mut TensorProto) -> Result<(), Error> {
        if tensor.data_location == Some(DataLocation::External as i32) {
            let source = read::source(self.files, self.model, tensor)?;
            let length = usize::try_from(source.length()).unwrap_or(usize::MAX);
            tensor.raw_data = Some(source.read(self.files, 0, length)?);
            tensor.external_data.clear();
            tensor.data_location = None;
        }
        Ok(())
    }
}
