//! A model as the page is told of it: where its bytes are and what they are.

use serde::{Deserialize, Serialize};

use crate::{DType, Family};

/// A file that an ONNX graph keeps its weights in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ExternalData {
    /// The `location` that the graph's tensors name.
    pub location: String,
    /// Where the session's server has it, from the root: `/ipfs/<cid>/model.safetensors`.
    pub url: String,
    /// Bytes.
    #[cfg_attr(test, ts(type = "number"))]
    pub size: u64,
}

/// An ONNX graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Graph {
    /// CID of the graph's file: what the page keys its sessions by.
    pub cid: String,
    /// Where the session's server has it, from the root.
    pub url: String,
    /// Bytes.
    #[cfg_attr(test, ts(type = "number"))]
    pub size: u64,
    /// Files that hold its weights; empty where they are in the graph itself.
    pub external_data: Vec<ExternalData>,
    /// The element type of its index inputs (`input_ids`, …): `int32` for graphs
    /// that Pelago builds, `int64` for an exporter's. `None` where it is not known.
    pub index_type: Option<DType>,
}

/// A model and one graph of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ModelSource {
    /// The name it is known by.
    pub name: String,
    /// CID of its folder.
    pub cid: String,
    /// Where the session's server has the folder, with the slash at its end: `/ipfs/<cid>/`.
    pub base_url: String,
    /// What it does.
    pub family: Family,
    /// Paths of all its files, relative to the folder.
    pub files: Vec<String>,
    /// The graph to run.
    pub graph: Graph,
}
