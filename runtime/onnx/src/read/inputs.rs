//! What a graph is to be given, as it declares it.

use std::collections::HashSet;

use super::look;
use crate::{
    Error,
    files::Files,
    proto::{DataType, GraphProto},
};

/// An input of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its element type; `None` for one that ONNX has and this crate does not name.
    pub dtype: Option<DataType>,
    /// Its dimensions, outermost first.
    pub shape: Vec<Length>,
}

/// The length of a dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Length {
    /// The same for every run.
    Fixed(u64),
    /// Whatever is given; dimensions of one name are equal. Empty where it has none.
    Symbol(String),
}

/// The inputs of the model in `file`, weights not among them.
///
/// # Errors
/// Those of [`external_files`](super::external_files).
pub fn inputs(files: &dyn Files, file: &str) -> Result<Vec<Input>, Error> {
    Ok(look(files, file)?.graph.as_ref().map(of_graph).unwrap_or_default())
}

/// The inputs of a graph, weights not among them.
pub(super) fn of_graph(graph: &GraphProto) -> Vec<Input> {
    let weights = graph.initializer.iter().map(|tensor| tensor.name()).collect::<HashSet<_>>();
    let given = graph.input.iter().filter(|input| !weights.contains(input.name()));
    let inputs = given.map(|input| {
        let tensor = input.r#type.clone().unwrap_or_default().tensor_type.unwrap_or_default();
        let lengths = tensor.shape.unwrap_or_default().dim.into_iter().map(|dimension| {
            match dimension.dim_value.and_then(|value| u64::try_from(value).ok()) {
                Some(value) => Length::Fixed(value),
                None => Length::Symbol(dimension.dim_param.unwrap_or_default()),
            }
        });
        let dtype = tensor.elem_type.and_then(|number| DataType::try_from(number).ok());
        Input { name: input.name().to_owned(), dtype, shape: lengths.collect() }
    });
    inputs.collect()
}
