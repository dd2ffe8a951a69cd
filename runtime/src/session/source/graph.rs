//! Which graph a request runs: one that Pelago builds of a checkpoint, one that
//! the model's folder publishes, or one that is made of either in another
//! precision. What Pelago makes is itself content, made once.

use crate::content::Cid;
use pelago_protocol::{DType, ExternalData, Graph, Platform, Precision};

use super::files::StoredFiles;
use super::{SessionError, Sources};
use crate::content::{AddOptions, Kind};
use crate::graph::{self, BuildOptions};
use crate::models::{Described, Recipe};
use crate::onnx::precision::{self, Destination};

/// How a graph is built. A change to the builder that changes its graphs gets a
/// new version, so that old ones are not taken for new.
const BUILD: Recipe<'static> = Recipe { name: "onnx-graph/fp32", version: "1" };
/// The version of what makes precisions, likewise.
const CONVERT_VERSION: &str = "1";
/// The path that a built graph has for what makes precisions of it.
const BUILT: &str = ".pelago.onnx";
/// The name of a model in another precision, in a folder of its own.
const CONVERTED: &str = "model.onnx";

/// What a request asks of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::session) struct Wanted {
    pub(in crate::session) precision: Precision,
    pub(in crate::session) mixed: bool,
    /// Where it is to run, as far as that is known.
    pub(in crate::session) platform: Platform,
}

impl Wanted {
    /// Whether weights are integers in the file alone. wasm has no kernels that multiply with 8 bits in blocks
    /// (measured: four times as slow as fp32), and with integers for activations the vectors of
    /// all-MiniLM-L6-v2 are no closer to fp32 than a cosine of 0.987.
    fn stored(self) -> bool {
        self.precision == Precision::Bits8 && self.platform == Platform::Wasm && !self.mixed
    }

    /// How it is made where nobody publishes it.
    fn recipe(self) -> precision::Recipe {
        let recipe = precision::Recipe::standard(self.precision.bits());
        let recipe = if self.stored() { recipe.stored() } else { recipe };
        // Of onnxruntime-web's builds those with WebGPU and WebNN lack wasm's `GatherBlockQuantized`.
        let recipe = if self.platform == Platform::Wasm { recipe.with_plain_tables() } else { recipe };
        if self.mixed { recipe.mixed() } else { recipe }
    }

    /// Whether two ask for the same graph.
    pub(in crate::session) fn same_graph(self, other: Self) -> bool {
        self.precision == Precision::Bits32 || self.recipe() == other.recipe()
    }
}

impl Sources {
    /// fp32 is built where it can be, since all of such a graph runs on a GPU; other precisions are those that
    /// the folder publishes, or made of fp32.
    pub(super) async fn graph(&self, model: &Described, wanted: Wanted) -> Result<Graph, SessionError> {
        let published = published(model, wanted);
        if wanted.precision != Precision::Bits32 {
            return match published {
                Some(path) => Ok(publish(model, path)),
                None => self.converted(model, wanted).await,
            };
        }
        if model.file("config.json").is_some() {
            match self.built(model).await {
                Ok(graph) => return Ok(graph),
                // The folder's own graph serves where no builder does, or where it has no checkpoint.
                Err(SessionError::Graph { .. }) if published.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        published.map(|path| publish(model, path)).ok_or_else(|| no_variant(model, wanted.precision))
    }

    async fn built(&self, model: &Described) -> Result<Graph, SessionError> {
        let known = self.models().derived(model.cid, BUILD).await?;
        let (cid, size) = match known {
            Some(cid) => (cid, self.store.stat(cid, "").await?.size),
            None => {
                let built = self.build(model).await?;
                let size = built.len() as u64;
                let cid = self.store.add_bytes(built).await?.root;
                self.models().put_derived(model.cid, BUILD, cid).await?;
                (cid, size)
            }
        };
        let weights = model.files.iter().filter(|file| file.path.ends_with(".safetensors"));
        Ok(Graph {
            url: format!("/ipfs/{cid}"),
            cid: cid.to_string(),
            size,
            external_data: weights.map(|file| external(model.cid, &file.path, file.size)).collect(),
            index_type: Some(DType::Int32),
        })
    }

    async fn build(&self, model: &Described) -> Result<Vec<u8>, SessionError> {
        let files = StoredFiles::new(&self.store, model.cid);
        let options = BuildOptions { parent: Some(model.cid.to_string()), ..BuildOptions::default() };
        let built = tokio::task::spawn_blocking(move || graph::build(&files, &options)).await;
        let built = built.map_err(|error| SessionError::Task { what: "building a graph", source: error })?;
        built.map(|built| built.onnx).map_err(|source| SessionError::Graph { model: model.name.clone(), source })
    }

    /// The model in another precision: a folder of its own, derived from the model's.
    async fn converted(&self, model: &Described, wanted: Wanted) -> Result<Graph, SessionError> {
        let recipe = wanted.recipe();
        let name = format!("onnx-precision/{}", recipe.to_json());
        let derived = Recipe { name: &name, version: CONVERT_VERSION };
        let fp32 = Box::pin(self.graph(model, Wanted { precision: Precision::Bits32, mixed: false, ..wanted })).await?;
        // One at a time: it takes the memory and both cores, and the second finds what the first has made.
        let _turn = self.converting.lock().await;
        let root = match self.models().derived(model.cid, derived).await? {
            Some(root) => root,
            None => {
                let root = self.convert(model, &fp32, recipe).await?;
                self.models().put_derived(model.cid, derived, root).await?;
                root
            }
        };
        let files = self.store.list(root).await?;
        let graph = files.iter().find(|file| file.path == CONVERTED);
        let graph = graph.ok_or_else(|| no_variant(model, wanted.precision))?;
        let data = files.iter().filter(|file| file.kind == Kind::File && file.path != CONVERTED);
        Ok(Graph {
            url: format!("/ipfs/{root}/{CONVERTED}"),
            cid: graph.cid.to_string(),
            size: graph.size,
            external_data: data.map(|file| external(root, &file.path, file.size)).collect(),
            index_type: fp32.index_type,
        })
    }

    async fn convert(&self, model: &Described, fp32: &Graph, recipe: precision::Recipe) -> Result<Cid, SessionError> {
        let files = StoredFiles::new(&self.store, model.cid);
        // A graph that was built is content of its own, beside the safetensors that it points into.
        let folder = format!("/ipfs/{}/", model.cid);
        let (files, path) = match fp32.url.strip_prefix(&folder) {
            Some(path) => (files, path.to_owned()),
            None => {
                let cid: Cid = fp32.cid.parse().map_err(|_| no_variant(model, Precision::Bits32))?;
                let bytes = self.store.read_all(cid, "", fp32.size).await?;
                (files.with(BUILT, bytes.to_vec()), BUILT.to_owned())
            }
        };
        let scratch = self.network.scratch().map_err(|source| SessionError::Scratch { source })?;
        let target = scratch.path().to_owned();
        let parent = model.cid.to_string();
        let made = tokio::task::spawn_blocking(move || {
            let to = Destination { parent: Some(&parent), ..Destination::new(&target, CONVERTED) };
            precision::convert(&files, &path, &recipe, to)
        });
        let made = made.await.map_err(|error| SessionError::Task { what: "making a precision", source: error })?;
        made.map_err(|source| SessionError::Precision { model: model.name.clone(), source })?;
        // It can be made again.
        let options = AddOptions { evictable: true, ..AddOptions::default() };
        Ok(self.store.add_folder_as(scratch.path(), options, |_| {}).await?.root)
    }
}

fn no_variant(model: &Described, precision: Precision) -> SessionError {
    let expected = variants(precision);
    let found = model.files.iter().map(|file| file.path.clone()).filter(|path| path.ends_with(".onnx"));
    SessionError::NoVariant {
        model: model.name.clone(),
        precision,
        expected: expected.iter().map(|path| (*path).to_owned()).collect(),
        found: found.collect(),
    }
}

/// The file that the model's folder publishes for what is wanted.
fn published(model: &Described, wanted: Wanted) -> Option<&'static str> {
    // What is published in 8 bits has integer activations, for which other platforms have no kernels; and nobody
    // publishes a mix under a name that says so.
    if wanted.mixed || (wanted.precision == Precision::Bits8 && wanted.platform != Platform::Wasm) {
        return None;
    }
    variants(wanted.precision).iter().find(|path| model.file(path).is_some()).copied()
}

/// The names under which exporters publish a precision, the usual one first.
fn variants(precision: Precision) -> &'static [&'static str] {
    match precision {
        Precision::Bits32 => &["onnx/model.onnx", "model.onnx"],
        Precision::Bits16 => &["onnx/model_fp16.onnx"],
        Precision::Bits8 => &["onnx/model_int8.onnx", "onnx/model_quantized.onnx", "onnx/model_uint8.onnx"],
        Precision::Bits4 => &["onnx/model_q4.onnx", "onnx/model_q4f16.onnx"],
    }
}

/// A graph of the model's own folder. Exporters name external data after the
/// graph, with `_data` at the end, beside it.
fn publish(model: &Described, path: &str) -> Graph {
    let (size, cid) = model.file(path).map_or((0, String::new()), |file| (file.size, file.cid.to_string()));
    let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let beside = model.files.iter().filter(|file| file.path.starts_with(&format!("{path}_data")));
    let external_data = beside.map(|file| ExternalData {
        location: file.path.strip_prefix(&folder).unwrap_or(&file.path).to_owned(),
        ..external(model.cid, &file.path, file.size)
    });
    Graph {
        url: format!("/ipfs/{}/{path}", model.cid),
        cid,
        size,
        external_data: external_data.collect(),
        index_type: None,
    }
}

fn external(root: Cid, path: &str, size: u64) -> ExternalData {
    ExternalData { location: path.to_owned(), url: format!("/ipfs/{root}/{path}"), size }
}
