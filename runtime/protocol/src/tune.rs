//! The search for a mix of precisions: the fewest bytes that keep within an error.

use serde::{Deserialize, Serialize};

use crate::{BrowserKind, Input, ModelCid, Platform, Precision};

/// What is to be found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneRequest {
    /// A name, a CID or a path.
    pub model: String,
    /// What the model is given; `None` for the set made for its family.
    pub input: Option<Input>,
    /// The fp32 graph in the model's folder; `None` for the usual one.
    pub graph: Option<String>,
    /// Which browser runs it.
    pub browser: BrowserKind,
    /// Where in the page it runs, and the recipe will.
    pub platform: Platform,
    /// Precisions that a layer may have; empty for all that the adapter runs.
    pub choices: Vec<Precision>,
    /// The error allowed: 1 less the least cosine of the output's rows with fp32 on wasm, and of a model that makes text
    /// the mean Kullback–Leibler divergence from it in nats.
    pub max_error: f64,
    /// Into how many groups layers are put, each of which is measured.
    pub groups: usize,
}

impl TuneRequest {
    /// An error of 0.001, where outputs are still called `close`, in 24 groups.
    #[must_use]
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            input: None,
            graph: None,
            browser: BrowserKind::Auto,
            platform: Platform::Auto,
            choices: Vec::new(),
            max_error: 0.001,
            groups: 24,
        }
    }
}

/// What was found. All of it was measured in the browser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    /// The model's name.
    pub model_name: String,
    /// CID of the model's folder.
    pub model_cid: ModelCid,
    /// The browser that ran it.
    pub browser_product: String,
    /// The platform that ran it.
    pub platform: Platform,
    /// The recipe's JSON, for [`Request::recipe`](crate::Request::recipe).
    pub recipe: String,
    /// Its error.
    pub error: f64,
    /// The error that was allowed.
    pub max_error: f64,
    /// Bytes of the layers' weights by this recipe.
    pub bytes: u64,
    /// Bytes of the same in fp32.
    pub bytes_fp32: u64,
    /// Models that were made and run to find it.
    pub runs: usize,
    /// What each group of layers adds to the error at fewer bits, largest first; empty where one precision
    /// for all was enough.
    pub sensitivities: Vec<LayerSensitivity>,
}

/// A group of layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerSensitivity {
    /// Names of the nodes.
    pub layers: Vec<String>,
    /// What fewer bits add to the error.
    pub error: f64,
    /// Bytes that they save.
    pub saved: u64,
}
