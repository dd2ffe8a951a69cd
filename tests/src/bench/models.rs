//! The folder that everything is measured in: all-MiniLM-L6-v2 in a store, as
//! Pelago gives it to a page and as transformers.js wants it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pelago_browser::driver::Target;
use pelago_browser::link::{Message, RequestOptions};
use pelago_browser::pool::Page;
use pelago_content::Cid;
use pelago_content::Store;
use pelago_models::library::Described;
use pelago_models::prepare::graph_facts;
use pelago_onnx::graph::{self, BuildOptions, Folder, IndexType};
use pelago_protocol::{
    BrowserKind, EmbedData, EmbedResult, ExecutionOptions, ExternalData, Graph, GraphFacts, Graphs, OnLong, Platform,
    Request, Role, Tensor,
};
use pelago_session::{Session, SessionOptions};
use pelago_tests::{SENTENCE, lab};
use pelago_text::{EncodeOptions, Files, TextModel};
use prost::Message as _;
use tempfile::TempDir;

use crate::Failure;

/// The name that the model has in the store.
pub(crate) const NAME: &str = "all-MiniLM-L6-v2";
/// Bytes of weights are in this file.
pub(crate) const WEIGHTS: &str = "model.safetensors";
/// Dimensions of its vectors.
const HIDDEN: usize = 384;
/// How long one request to a page may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(300);

/// The store, and what is in it.
#[derive(Debug)]
pub(crate) struct Models {
    home: TempDir,
    /// Pelago's own graph of the model.
    graphs: Graphs,
    /// The model's folder, from the server's root, with the slash at its end.
    pub(crate) base_url: String,
    /// Its tokenizer and its modules.
    pub(crate) text: TextModel,
    /// The model in the layout of transformers.js, from the server's root.
    pub(crate) transformers_url: String,
    /// Bytes of the weights.
    pub(crate) weights: u64,
}

impl Models {
    pub(crate) async fn prepare() -> Result<Self, Failure> {
        let home = tempfile::tempdir()?;
        let folder = lab::minilm();
        let models = Session::open_network(&lab::options(home.path())).await?.models().clone();
        models.add(&folder, Some(NAME), None, |_| {}).await?;
        let model = models.describe(NAME).await?;
        // The same bytes as the session builds, so the same CID.
        let parent = Some(model.cid.to_string());
        let built = graph::build(&Folder(folder.clone()), &BuildOptions { parent, index_type: IndexType::Int32 })?;
        let facts = facts_of(&built.onnx)?;
        let graph = models.store().add_bytes(built.onnx).await?;
        let weights = model.file(WEIGHTS).map_or(0, |file| file.size);
        let base_url = format!("/ipfs/{}/", model.cid);
        let graph = Graph {
            url: format!("/ipfs/{}", graph.root),
            cid: graph.root.to_string().into(),
            size: graph.size,
            external_data: vec![ExternalData {
                location: WEIGHTS.to_owned(),
                url: format!("{base_url}{WEIGHTS}"),
                size: weights,
            }],
            facts: Some(facts),
        };
        let graphs = BTreeMap::from([(Role::Model, graph)]);
        let files: Vec<String> = model.files.iter().map(|file| file.path.clone()).collect();
        let text = text_of(&folder, &files)?;
        let transformers = for_transformers(&folder, &model, models.store()).await?;
        Ok(Self { home, graphs, base_url, text, transformers_url: format!("/ipfs/{transformers}/"), weights })
    }

    /// Options of a session with these models and a profile of browsers that is kept.
    pub(crate) fn options(&self) -> SessionOptions {
        lab::options(self.home.path())
    }

    /// The folder, as `PELAGO_HOME` names it.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// A folder for profiles that no browser has used.
    pub(crate) fn new_profiles(&self, name: &str) -> PathBuf {
        self.home.path().join("profiles of").join(name)
    }

    /// Texts as the page is given them.
    pub(crate) fn embed_data(&self, texts: &[String]) -> Result<(EmbedData, Vec<Tensor>), Failure> {
        let tokens = self.text.encode(texts, EncodeOptions { prompt: None, on_long: OnLong::Error })?;
        Ok(self.text.embed_data(self.graphs.clone(), &tokens))
    }

    /// What the host does before and after the page, on vectors of zeros.
    pub(crate) fn around(&self, texts: &[String]) -> Result<(), Failure> {
        let tokens = self.text.encode(texts, EncodeOptions { prompt: None, on_long: OnLong::Error })?;
        self.text.finish(&tokens, vec![0.0; texts.len() * HIDDEN], HIDDEN, false, None)?;
        Ok(())
    }

    /// The message that embeds texts with this model.
    pub(crate) fn embed(
        &self,
        platform: Platform,
        options: &ExecutionOptions,
        texts: &[String],
    ) -> Result<Message, Failure> {
        let (data, tensors) = self.embed_data(texts)?;
        Ok(Message {
            kind: "embed".to_owned(),
            model_name: Some(NAME.to_owned()),
            platform: Some(platform),
            data: serde_json::to_value(data)?,
            options: serde_json::to_value(options)?,
            tensors,
        })
    }
}

/// What a model's folder says of texts.
fn text_of(folder: &Path, files: &[String]) -> Result<TextModel, Failure> {
    let modules = std::fs::read(folder.join("modules.json"))?;
    let needed = pelago_text::needed(files.iter().map(String::as_str), Some(&modules))?;
    let read = needed.into_iter().map(|path| Ok((path.clone(), std::fs::read(folder.join(path))?)));
    Ok(TextModel::read(&read.collect::<Result<Files, std::io::Error>>()?)?)
}

/// The request that every section makes: the one sentence, on one route.
pub(crate) fn request(browser: BrowserKind, platform: Platform) -> Request {
    Request { browser, platform, ..Request::new(NAME, SENTENCE) }
}

/// How the page is asked.
pub(crate) fn asking() -> RequestOptions {
    RequestOptions::within(DEADLINE)
}

/// Embeds in a page, past the session, with options that a request does not have.
pub(crate) async fn embed(page: &Page, message: Message) -> Result<EmbedResult, Failure> {
    Ok(page.ask("embed", message, asking()).await?.0)
}

/// What a graph declares.
fn facts_of(graph: &[u8]) -> Result<GraphFacts, Failure> {
    const FILE: &str = "model.onnx";
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join(FILE), graph)?;
    Ok(graph_facts(&Folder(folder.path().to_owned()), FILE)?)
}

/// The page of a browser, by product name; opened where it is not open.
pub(crate) async fn page(session: &Session, product: &str) -> Result<Arc<Page>, Failure> {
    let found = session
        .browsers()
        .candidates()
        .iter()
        .find(|candidate| matches!(&candidate.target, Target::Installed(found) if found.product.name() == product));
    let Some(candidate) = found else { return Err(format!("{product} is not installed: run `make deps`").into()) };
    Ok(session.browsers().page(&candidate.id).await?.page)
}

/// Adds the model as exporters publish it: a graph with int64 inputs, its
/// weights beside it under the name that transformers.js asks for.
async fn for_transformers(folder: &Path, model: &Described, store: &Store) -> Result<Cid, Failure> {
    let options = BuildOptions { index_type: IndexType::Int64, ..BuildOptions::default() };
    let built = graph::build(&Folder(folder.to_owned()), &options)?;
    let mut onnx = graph::onnx::ModelProto::decode(built.onnx.as_slice())?;
    let initializers = onnx.graph.iter_mut().flat_map(|graph| &mut graph.initializer);
    for entry in initializers.flat_map(|tensor| &mut tensor.external_data) {
        if entry.key.as_deref() == Some("location") {
            entry.value = Some("model.onnx_data".to_owned());
        }
    }
    let links = model.files.iter().filter_map(|file| match file.path.as_str() {
        WEIGHTS => Some(("onnx/model.onnx_data".to_owned(), file.cid)),
        path if path.ends_with(".json") => Some((path.to_owned(), file.cid)),
        _ => None,
    });
    let graph = ("onnx/model.onnx".to_owned(), onnx.encode_to_vec().into());
    Ok(store.add_files(vec![graph], links.collect()).await?.root)
}
