//! Why a model could not be read or converted.

use std::{io, path::PathBuf};

use crate::proto::DataType;

/// What is wrong with a model or a recipe, and what would do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the model could not be read.
    #[error("cannot read {file}: {source}; an ONNX model and the files that its weights are in belong in one folder")]
    Read {
        /// Relative to the model's folder.
        file: String,
        /// As the source of the files gave it.
        source: io::Error,
    },
    /// The bytes are not those of an ONNX model.
    #[error(
        "{file} is not a whole ONNX model: {expected} was expected at byte {offset}, not {actual}; download it again"
    )]
    Protobuf {
        /// Relative to the model's folder.
        file: String,
        /// Where it goes wrong.
        offset: u64,
        /// What would do there.
        expected: &'static str,
        /// What is there.
        actual: String,
    },
    /// Protobuf's decoder refuses the bytes.
    #[error("{file} is not a whole ONNX model ({source}): download it again")]
    Decode {
        /// Relative to the model's folder.
        file: String,
        /// What it says.
        source: prost::DecodeError,
    },
    /// A field that a later version of ONNX may have, and that would be lost.
    #[error(
        "{file}: field {field} of {message} is not one that this version knows, and a copy would lose it: export the \
         model for ONNX 1.23 or before (IR version 13)"
    )]
    UnknownField {
        /// Relative to the model's folder.
        file: String,
        /// The kind of message.
        message: String,
        /// The field's number.
        field: u64,
    },
    /// More than a graph without its weights ever has.
    #[error("{file}: {what} are more than the {limit} that a graph may have: it is damaged or made to harm")]
    TooLarge {
        /// Relative to the model's folder.
        file: String,
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// Something that every model has is absent.
    #[error("{file} has no {what}: it is not a whole ONNX model; download it again")]
    Missing {
        /// Relative to the model's folder.
        file: String,
        /// What is absent.
        what: &'static str,
    },
    /// External data outside the model's folder.
    #[error("{tensor} is kept in {location:?}, which is not a path within the model's folder: do not trust the model")]
    Location {
        /// Which tensor.
        tensor: String,
        /// As the model says it.
        location: String,
    },
    /// An offset or a length of external data that is no number.
    #[error("{tensor}: {key} of its external data is {value:?}, which is no number of bytes: export the model again")]
    ExternalNumber {
        /// Which tensor.
        tensor: String,
        /// `offset` or `length`.
        key: &'static str,
        /// As the model says it.
        value: String,
    },
    /// External data past the end of its file.
    #[error("{tensor} is said to be {length} bytes from byte {offset} of {file}, which has {size}: download it again")]
    PastEnd {
        /// Which tensor.
        tensor: String,
        /// Relative to the model's folder.
        file: String,
        /// First byte.
        offset: u64,
        /// Bytes.
        length: u64,
        /// Length of the file in bytes.
        size: u64,
    },
    /// A tensor's bytes do not fill its shape.
    #[error("{tensor} of {dtype} {shape:?} has {actual} bytes where {expected} were expected: export the model again")]
    Length {
        /// Which tensor.
        tensor: String,
        /// Its element type.
        dtype: String,
        /// Its shape.
        shape: Vec<i64>,
        /// Bytes that the shape asks for.
        expected: u64,
        /// Bytes that there are.
        actual: u64,
    },
    /// A shape with a negative length, or of more elements than can be counted.
    #[error("{tensor} has the impossible shape {shape:?}: the model is damaged; download it again")]
    Shape {
        /// Which tensor.
        tensor: String,
        /// As the model says it.
        shape: Vec<i64>,
    },
    /// An element type that cannot be read as numbers here.
    #[error("{tensor} has element type {dtype}, of which no precision can be made: use the fp32 export of the model")]
    ElementType {
        /// Which tensor.
        tensor: String,
        /// Its element type.
        dtype: String,
    },
    /// A weight that is not a number, or infinite.
    #[error(
        "{tensor} holds {value} at element {index}, which no integer can stand for: the checkpoint is broken, or this \
         layer must be kept (add an override of 32 bits for {tensor:?})"
    )]
    NotFinite {
        /// Which tensor.
        tensor: String,
        /// The first such value.
        value: f32,
        /// Where it is.
        index: u64,
    },
    /// A version of an operator set that is not known.
    #[error(
        "the model asks for version {found} of the operators of {domain:?}; {least} to {most} are known: export it for one of these"
    )]
    Opset {
        /// The operators' domain; empty for ONNX's own.
        domain: String,
        /// What the model asks for.
        found: i64,
        /// The first known version.
        least: i64,
        /// The last known version.
        most: i64,
    },
    /// A node of a domain that the model does not import.
    #[error("{node} is an operator of {domain:?}, which the model does not import: export the model again")]
    Domain {
        /// The node, or its operator where it has no name.
        node: String,
        /// Its domain.
        domain: String,
    },
    /// An operator whose results' types are not known.
    #[error(
        "{node} is the operator {operator} of {domain:?}, whose types are not known: choose 4 or 8 bits, which leave it as it is"
    )]
    Operator {
        /// The node, or its first output where it has no name.
        node: String,
        /// Its operator.
        operator: String,
        /// Its domain.
        domain: String,
    },
    /// Nodes that wait for each other.
    #[error("the graph has a cycle through {node}: it cannot run; export the model again")]
    Cycle {
        /// A node of the cycle.
        node: String,
    },
    /// Two values of one name.
    #[error("two values of the graph are called {name}: export the model again")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A value that nothing gives.
    #[error("{node} takes {value}, which nothing gives: the graph is not whole; export the model again")]
    Unknown {
        /// The node, or its operator where it has no name.
        node: String,
        /// The value.
        value: String,
    },
    /// A precision that nothing runs.
    #[error("no weights of {bits} bits: {reason}; use 2, 4, 8, 16 or 32")]
    Bits {
        /// What was asked for.
        bits: u8,
        /// Why not.
        reason: &'static str,
    },
    /// A block size that the operators refuse.
    #[error("blocks of {block} weights: it must be a power of two from 16 to 256")]
    Block {
        /// What was asked for.
        block: usize,
    },
    /// A recipe that asks for things that exclude each other.
    #[error("the recipe asks for {asked}, but {reason}: {instead}")]
    Recipe {
        /// What was asked for.
        asked: String,
        /// Why not.
        reason: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// A recipe that is not the JSON it should be.
    #[error("not a recipe ({source}): write it as `pelago_onnx::precision::Recipe` is documented")]
    RecipeJson {
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// A pattern of node names that is none.
    #[error("{pattern:?} is not a pattern of node names ({source}): use names with *, ? and {{a,b}}")]
    Pattern {
        /// As the recipe has it.
        pattern: String,
        /// What is wrong with it.
        source: globset::Error,
    },
    /// The output could not be written.
    #[error("cannot write {path}: {source}; see whether the folder is writable and the disk has room")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A graph without its weights that is too large for one file.
    #[error("the graph alone would have {bytes} bytes, more than the {limit} that protobuf allows")]
    GraphSize {
        /// Its bytes.
        bytes: usize,
        /// What may be.
        limit: usize,
    },
    /// A candidate model could not be measured.
    #[error("the model with {what} could not be run: {source}")]
    Measure {
        /// What of it had another precision.
        what: String,
        /// As the caller's measure gave it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An error that no choice of precisions stays below.
    #[error(
        "with every layer at its highest precision the error is {least:.3e}, more than the {budget:.3e} asked for: \
         allow a larger error or use fp32"
    )]
    Budget {
        /// What was asked for.
        budget: f64,
        /// The least that was measured.
        least: f64,
    },
}

/// An element type as ONNX calls it.
pub(crate) fn dtype_name(dtype: i32) -> String {
    DataType::try_from(dtype).map_or_else(|_| format!("number {dtype}"), |dtype| format!("{dtype:?}"))
}
