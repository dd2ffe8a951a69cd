//! Reads an ONNX file without its weights: large tensors are left where they
//! are, in the file itself or beside it, and become external data that points
//! there. So a model of gigabytes costs as much memory as its graph.
//!
//! What operators mean and what is done with the graph is not known here.
//!
//! The bytes may be anyone's. A walk over them comes before prost's decoder: it
//! believes no length that does not fit the file, counts messages, bounds how
//! deep they nest, and names fields that a copy would lose.

mod cursor;
mod external;
mod facts;
mod inputs;
pub(crate) mod schema;
mod tensor;
mod walk;

pub use external::{check, external_files};
pub use facts::{Facts, facts};
pub use inputs::{Input, Length, inputs};
pub use tensor::{Source, element_count, source};
pub(crate) use tensor::{carried, element_bits};

use std::collections::BTreeMap;

use prost::Message;

use self::walk::Purpose;
use crate::{Error, files::Files, proto::ModelProto};

/// Tensors of more bytes than this are left in the file.
pub const INLINE_MAX: u64 = 1024;

/// Reads the model in `file`, whose path is relative to the model's folder.
///
/// # Errors
/// [`Error::Read`], [`Error::Protobuf`], [`Error::Decode`],
/// [`Error::UnknownField`], [`Error::TooLarge`] or [`Error::Missing`].
pub fn open(files: &dyn Files, file: &str) -> Result<ModelProto, Error> {
    decode(files, file, Purpose::Copy)
}

/// The metadata of the model in `file`, by key.
///
/// # Errors
/// Those of [`external_files`].
pub fn metadata(files: &dyn Files, file: &str) -> Result<BTreeMap<String, String>, Error> {
    let entries = look(files, file)?.metadata_props.into_iter();
    Ok(entries.map(|entry| (entry.key.unwrap_or_default(), entry.value.unwrap_or_default())).collect())
}

/// The structure of the model in `file`: no tensor has values, and fields of a later ONNX are left out.
fn look(files: &dyn Files, file: &str) -> Result<ModelProto, Error> {
    decode(files, file, Purpose::Look)
}

fn decode(files: &dyn Files, file: &str, purpose: Purpose) -> Result<ModelProto, Error> {
    let skeleton = walk::skeleton(files, file, purpose)?;
    let model = ModelProto::decode(&*skeleton).map_err(|source| Error::Decode { file: file.to_owned(), source })?;
    let missing = |what| Error::Missing { file: file.to_owned(), what };
    model.ir_version.filter(|version| *version > 0).ok_or_else(|| missing("ir_version"))?;
    match &model.graph {
        None => Err(missing("graph")),
        Some(graph) if graph.output.is_empty() => Err(missing("outputs")),
        Some(_) => Ok(model),
    }
}
