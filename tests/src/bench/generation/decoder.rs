//! A decoder in the store, as Pelago gives it to a page and as transformers.js wants it; and what a page is asked.

use std::fs;
use std::path::Path;

use pelago_browser::link::{Message, RequestOptions};
use pelago_browser::pool::Page;
use pelago_content::Store;
use pelago_models::prepare::graph_facts;
use pelago_onnx::graph::Folder;
use pelago_protocol::{
    DType, ExecutionOptions, ExternalData, GenerateData, GenerateResult, Graph, Graphs, PARTS_AHEAD, Platform, Role,
    Sampling, Tensor,
};
use serde_json::Value;
use tempfile::TempDir;

use super::exported;
use crate::Failure;
use crate::models::DEADLINE;

const GRAPH: &str = "model.onnx";
const DATA: &str = "model.onnx_data";

/// A decoder whose graph and weights are in a folder.
pub(super) struct Decoder {
    folder: TempDir,
    name: &'static str,
    graphs: Graphs,
    /// Tokens that a row may have.
    context: u32,
    /// The same in the layout of transformers.js, from the server's root, with the slash at its end.
    pub(super) transformers_url: String,
    /// Bytes of the weights.
    pub(super) weights: u64,
}

/// What is asked of a page.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) platform: Platform,
    pub(super) prompt: &'a [u32],
    /// Tokens of the answer.
    pub(super) tokens: u32,
    /// Whether each token is sent as it comes.
    pub(super) streams: bool,
}

impl Decoder {
    /// Puts `model.onnx` and its data of a folder into the store. `config` is the model's, for transformers.js.
    pub(super) async fn add(
        store: &Store,
        folder: TempDir,
        name: &'static str,
        context: usize,
        config: &Value,
    ) -> Result<Self, Failure> {
        let path = folder.path();
        let layout = path.join("transformers");
        fs::create_dir_all(layout.join("onnx"))?;
        fs::write(layout.join("config.json"), config.to_string())?;
        fs::write(layout.join("onnx").join(GRAPH), exported::graph(&fs::read(path.join(GRAPH))?)?)?;
        fs::hard_link(path.join(DATA), layout.join("onnx").join(DATA))?;
        let added = store.add_folder(path, |_| {}).await?;
        let onnx = store.add_bytes(fs::read(path.join(GRAPH))?).await?;
        let weights = fs::metadata(path.join(DATA))?.len();
        let graph = Graph {
            url: format!("/ipfs/{}", onnx.root),
            cid: onnx.root.to_string().into(),
            size: onnx.size,
            external_data: vec![ExternalData {
                location: DATA.to_owned(),
                url: format!("/ipfs/{}/{DATA}", added.root),
                size: weights,
            }],
            facts: Some(graph_facts(&Folder(path.to_owned()), GRAPH)?),
        };
        Ok(Self {
            name,
            graphs: Graphs::from([(Role::Model, graph)]),
            context: u32::try_from(context)?,
            transformers_url: format!("/ipfs/{}/transformers/", added.root),
            weights,
            folder,
        })
    }

    /// Where the graph and its weights are.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The request for the most likely tokens, as many as are asked for.
    pub(super) fn data(&self, ask: &Ask) -> Result<GenerateData, Failure> {
        Ok(GenerateData {
            graphs: self.graphs.clone(),
            lengths: vec![u32::try_from(ask.prompt.len())?],
            pad_id: 0,
            decoder_ids: Vec::new(),
            context: self.context,
            max_new_tokens: ask.tokens,
            stop_ids: Vec::new(),
            sampling: Sampling::default(),
            beams: None,
            schema: None,
            logprobs: None,
            capture: ask.platform == Platform::WebGpu,
        })
    }

    /// A message about this model with a prompt.
    pub(super) fn message(&self, ask: &Ask, kind: &str, data: Value) -> Result<Message, Failure> {
        let bytes = ask.prompt.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<_>>();
        let parts = ask.streams.then_some(PARTS_AHEAD as u32);
        let options = ExecutionOptions { fixed_shapes: true, parts, ..ExecutionOptions::default() };
        Ok(Message {
            kind: kind.to_owned(),
            model_name: Some(self.name.to_owned()),
            platform: Some(ask.platform),
            data,
            options: serde_json::to_value(options)?,
            tensors: vec![Tensor::new("input_ids", DType::Int32, vec![ask.prompt.len()], bytes.into())?],
        })
    }

    /// Makes text in a page, without parts.
    pub(super) async fn generate(&self, page: &Page, ask: &Ask<'_>) -> Result<GenerateResult, Failure> {
        let message = self.message(ask, "generate", serde_json::to_value(self.data(ask)?)?)?;
        Ok(page.ask("generate", message, RequestOptions::within(DEADLINE)).await?.0)
    }
}

/// Milliseconds of a token after the first.
pub(super) fn token_ms(result: &GenerateResult) -> f64 {
    result.decode_ms / f64::from(result.steps.max(1))
}

/// Tokens of a prompt, which are as good as any others.
pub(super) fn prompt(tokens: usize, vocabulary: usize) -> Vec<u32> {
    (0..tokens).map(|place| (place * 37 % vocabulary) as u32).collect()
}
