//! What a graph declares, as a page is told it: the page reads no ONNX.

use std::collections::BTreeMap;

use pelago_onnx::Error as OnnxError;
use pelago_onnx::files::Files;
use pelago_onnx::graph::{CONTEXT_KEY, SOFTCAP_KEY, WINDOW_KEY};
use pelago_onnx::read::{self, Length};
use pelago_protocol::{Dimension, Graph, GraphFacts, GraphInput, Graphs};

use super::graph::Chosen;
use super::{PrepareError, Prepared, Preparer, may_lack};

/// Tokens that a decoder takes whose settings do not say how many, as some with relative positions.
const UNKNOWN_CONTEXT: u32 = 4096;

impl Preparer {
    /// What a page is told of a model: each graph that is to run, by what it is for. A page that has built a session of
    /// a graph remembers what the graph declares, and need not be told it `again`. Where the graph's file still comes,
    /// waits for it.
    ///
    /// # Errors
    /// [`PrepareError::Precision`] where the graph cannot be read.
    pub async fn graphs(&self, prepared: &Prepared, again: bool) -> Result<Graphs, PrepareError> {
        let mut graphs = BTreeMap::new();
        for (role, chosen) in prepared.chosen.all() {
            let facts = if again { Some(self.facts(prepared, chosen).await?) } else { None };
            graphs.insert(role, Graph { facts, ..chosen.graph.clone() });
        }
        Ok(graphs)
    }

    /// Names of the inputs that the graph declares; the decoder's where there are several graphs.
    ///
    /// # Errors
    /// [`PrepareError::Precision`] where the graph cannot be read.
    pub async fn input_names(&self, prepared: &Prepared) -> Result<Vec<String>, PrepareError> {
        let facts = self.facts(prepared, &prepared.chosen.main).await?;
        Ok(facts.inputs.into_iter().map(|input| input.name).collect())
    }

    /// What is to be known of the graph of a model that makes text, as its metadata says; `None` of a graph that was made
    /// for something else.
    ///
    /// # Errors
    /// [`PrepareError::Precision`] where the graph cannot be read.
    pub async fn decoder(&self, prepared: &Prepared) -> Result<Option<DecoderFacts>, PrepareError> {
        let cid = prepared.chosen.main.cid;
        if let Some(known) = self.lock().decoders.get(&cid) {
            return Ok(*known);
        }
        let metadata = self.read_graph(prepared, &prepared.chosen.main, read::metadata).await?;
        let facts = match metadata.get(CONTEXT_KEY).and_then(|context| context.parse().ok()) {
            Some(context) => Some(DecoderFacts {
                context,
                has_window: metadata.contains_key(WINDOW_KEY),
                bounds_scores: metadata.contains_key(SOFTCAP_KEY),
                is_published: false,
            }),
            None => self.published_decoder(prepared).await?,
        };
        // A graph never changes under its CID, so each is read once.
        self.lock().decoders.insert(cid, facts);
        Ok(facts)
    }

    /// Of a decoder in the layout of optimum: its cache is `past_key_values.…`.
    async fn published_decoder(&self, prepared: &Prepared) -> Result<Option<DecoderFacts>, PrepareError> {
        let names = self.input_names(prepared).await?;
        if !names.iter().any(|name| name.starts_with("past_key_values.")) {
            return Ok(None);
        }
        let config = self.config(prepared).await?;
        let of = |config: &serde_json::Value| {
            let named = ["max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"].iter();
            named.filter_map(|name| config[*name].as_u64()).find_map(|context| u32::try_from(context).ok())
        };
        let context = of(&config).or_else(|| of(&config["text_config"])).unwrap_or(UNKNOWN_CONTEXT);
        Ok(Some(DecoderFacts { context, has_window: false, bounds_scores: false, is_published: true }))
    }

    /// A graph never changes under its CID, so each is read once.
    async fn facts(&self, prepared: &Prepared, chosen: &Chosen) -> Result<GraphFacts, PrepareError> {
        let cid = chosen.cid;
        if let Some(known) = self.lock().facts.get(&cid) {
            return Ok(known.clone());
        }
        let facts = loop {
            match (self.read_graph(prepared, chosen, graph_facts).await, &prepared.arrival) {
                (Err(error), Some(arrival)) if may_lack(&error) => {
                    if !arrival.wait_for_more().await {
                        // The last block may have come between the two looks.
                        break self.read_graph(prepared, chosen, graph_facts).await?;
                    }
                }
                (facts, _) => break facts?,
            }
        };
        self.lock().facts.insert(cid, facts.clone());
        Ok(facts)
    }
}

/// What making text with a graph needs to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecoderFacts {
    /// Tokens that a row may have, prompt and answer together.
    pub context: u32,
    /// Whether some layer's tokens see fewer than that.
    pub has_window: bool,
    /// Whether attention bounds its scores.
    pub bounds_scores: bool,
    /// Whether somebody published it with a cache that grows, so that no run is like the one before.
    pub is_published: bool,
}

/// What the graph in a file declares.
///
/// # Errors
/// Those of [`read::facts`].
pub fn graph_facts(files: &dyn Files, file: &str) -> Result<GraphFacts, OnnxError> {
    let read::Facts { inputs, integer_nodes, other_nodes } = read::facts(files, file)?;
    let inputs = inputs
        .into_iter()
        .map(|input| GraphInput { name: input.name, shape: input.shape.into_iter().map(dimension).collect() });
    Ok(GraphFacts { inputs: inputs.collect(), integer_nodes, other_nodes })
}

fn dimension(length: Length) -> Dimension {
    match length {
        Length::Fixed(size) => Dimension::Size(size),
        Length::Symbol(name) => Dimension::Name(name),
    }
}
