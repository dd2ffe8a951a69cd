//! The graphs of a model as the page is told of them: where their bytes are and what they are.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{GraphCid, Role};

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
    /// What its file declares, which the page does not read itself. `None` until a page is asked to run it.
    pub facts: Option<GraphFacts>,
}

/// What an ONNX graph declares before it is run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GraphFacts {
    /// What it is to be given; its weights are not among them.
    pub inputs: Vec<GraphInput>,
    /// Names of the nodes whose data is integer or boolean: they compute shapes, masks and indices.
    pub integer_nodes: Vec<String>,
    /// Names of all other nodes.
    pub other_nodes: Vec<String>,
}

/// An input of a graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GraphInput {
    /// Its name.
    pub name: String,
    /// Its dimensions, outermost first.
    pub shape: Vec<Dimension>,
}

/// A dimension of a graph's input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(untagged)]
pub enum Dimension {
    /// Its size, the same for every run.
    Size(#[cfg_attr(test, ts(type = "number"))] u64),
    /// The name of a size that is only known when the graph runs; empty where it has none.
    Name(String),
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

/// A model as a session is asked for it: a path that begins with `./` or `../` is one from `folder`, which the session does
/// not know. Names, CIDs and other paths stay as they are.
#[must_use]
pub fn model_from(folder: &Path, model: String) -> String {
    let is_near = model.starts_with("./") || model.starts_with("../");
    if is_near { folder.join(model).to_string_lossy().into_owned() } else { model }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_from_here_is_one_from_the_folder() {
        let from = |model: &str| model_from(Path::new("/notebooks"), model.to_owned());
        assert_eq!(from("../models/tiny"), "/notebooks/../models/tiny");
        assert_eq!(from("./tiny"), "/notebooks/./tiny");
        for other in ["tiny", "/models/tiny", "hf://tiny/tiny", ".hidden", "..."] {
            assert_eq!(from(other), other);
        }
    }
}
