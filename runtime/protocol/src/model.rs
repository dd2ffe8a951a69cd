//! The graphs of a model as the page is told of them: where their bytes are and what they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{DType, GraphCid, Role};

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
    pub cid: GraphCid,
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

impl Graph {
    /// Bytes of the graph and of all its weights.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.size + self.external_data.iter().map(|file| file.size).sum::<u64>()
    }
}

/// The graphs of a model that a request runs, by what they are for.
pub type Graphs = BTreeMap<Role, Graph>;
