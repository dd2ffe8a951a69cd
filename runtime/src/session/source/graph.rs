//! Which graph a request runs: one that Pelago builds of a checkpoint, one that
//! the model's folder publishes, or one that is made of either in another
//! precision. What Pelago makes is itself content, made once.

use crate::content::Cid;
use pelago_protocol::{DType, ExternalData, Graph, Platform, Precision};

use super::files::StoredFiles;
use super::wanted::{Making, Wanted};
use super::{SessionError, Sources};
use crate::content::{AddOptions, Entry, Kind};
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

/// A graph that is content, and how it came to be what it is.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) graph: Graph,
    /// CID of its file.
    pub(super) cid: Cid,
    /// The recipe that it was made by; `None` for fp32 and for what the folder publishes.
    pub(super) recipe: Option<precision::Recipe>,
}

impl Sources {
    /// fp32 is built where it can be, since all of such a graph runs on a GPU; other precisions are those that
    /// the folder publishes, or made of fp32.
    pub(super) async fn graph(&self, model: &Described, wanted: &Wanted) -> Result<Chosen, SessionError> {
        let published = published(model, wanted);
        if let Some(recipe) = wanted.recipe() {
            return match published {
                Some(file) => Ok(publish(model, file)),
                None => self.converted(model, wanted, recipe).await,
            };
        }
        if wanted.graph.is_none() && model.file("config.json").is_some() {
            match self.built(model).await {
                Ok(built) => return Ok(built),
                // The folder's own graph serves where no builder does, or where it has no checkpoint.
                Err(SessionError::Graph { .. }) if published.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(publish(model, published.ok_or_else(|| no_variant(model, wanted))?))
    }

    async fn built(&self, model: &Described) -> Result<Chosen, SessionError> {
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
        let graph = Graph {
            url: format!("/ipfs/{cid}"),
            cid: cid.to_string(),
            size,
            external_data: weights.map(|file| external(model.cid, &file.path, file.size)).collect(),
            index_type: Some(DType::Int32),
        };
        Ok(Chosen { graph, cid, recipe: None })
    }

    async fn build(&self, model: &Described) -> Result<Vec<u8>, SessionError> {
        let files = StoredFiles::new(&self.store, model.cid);
        let options = BuildOptions { parent: Some(model.cid.to_string()), ..BuildOptions::default() };
        let built = tokio::task::spawn_blocking(move || graph::build(&files, &options)).await;
        let built = built.map_err(|error| SessionError::Task { what: "building a graph", source: error })?;
        built.map(|built| built.onnx).map_err(|source| SessionError::Graph { model: model.name.clone(), source })
    }

    /// The model in another precision: a folder of its own, derived from the model's.
    async fn converted(
        &self,
        model: &Described,
        wanted: &Wanted,
        recipe: precision::Recipe,
    ) -> Result<Chosen, SessionError> {
        let fp32 = Box::pin(self.graph(model, &wanted.fp32())).await?;
        let name = derivation(wanted, &recipe);
        let derived = Recipe { name: &name, version: CONVERT_VERSION };
        // One at a time: it takes the memory and both cores, and the second finds what the first has made.
        let _turn = self.converting.lock().await;
        let root = match self.models().derived(model.cid, derived).await? {
            Some(root) => root,
            None => {
                let root = self.convert(&model.name, model.cid, &fp32, recipe.clone()).await?;
                self.models().put_derived(model.cid, derived, root).await?;
                root
            }
        };
        let converted = self.of_folder(root, recipe, &fp32).await?;
        converted.ok_or_else(|| no_variant(model, wanted))
    }

    /// What was made by a recipe before, where it is still kept.
    pub(super) async fn made(&self, model: Cid, wanted: &Wanted) -> Result<Option<Cid>, SessionError> {
        let Some(recipe) = wanted.recipe() else { return Ok(None) };
        let name = derivation(wanted, &recipe);
        Ok(self.models().derived(model, Recipe { name: &name, version: CONVERT_VERSION }).await?)
    }

    /// The graph in a folder that was made of another; `None` where it has none.
    pub(super) async fn of_folder(
        &self,
        root: Cid,
        recipe: precision::Recipe,
        fp32: &Chosen,
    ) -> Result<Option<Chosen>, SessionError> {
        let files = self.store.list(root).await?;
        let Some(file) = files.iter().find(|file| file.path == CONVERTED) else { return Ok(None) };
        let data = files.iter().filter(|file| file.kind == Kind::File && file.path != CONVERTED);
        let graph = Graph {
            url: format!("/ipfs/{root}/{CONVERTED}"),
            cid: file.cid.to_string(),
            size: file.size,
            external_data: data.map(|file| external(root, &file.path, file.size)).collect(),
            index_type: fp32.graph.index_type,
        };
        Ok(Some(Chosen { graph, cid: file.cid, recipe: Some(recipe) }))
    }

    /// A graph's file among the model's files, and its path there. A graph that was built is content of its
    /// own, beside the safetensors that it points into.
    pub(super) async fn files_of(&self, model: Cid, chosen: &Chosen) -> Result<(StoredFiles, String), SessionError> {
        let graph = &chosen.graph;
        let files = StoredFiles::new(&self.store, model);
        if let Some(path) = graph.url.strip_prefix(&format!("/ipfs/{model}/")) {
            return Ok((files, path.to_owned()));
        }
        let bytes = self.store.read_all(chosen.cid, "", graph.size).await?;
        Ok((files.with(BUILT, bytes.to_vec()), BUILT.to_owned()))
    }

    /// Makes a precision: a folder in the store.
    pub(super) async fn convert(
        &self,
        name: &str,
        parent: Cid,
        fp32: &Chosen,
        recipe: precision::Recipe,
    ) -> Result<Cid, SessionError> {
        let (files, path) = self.files_of(parent, fp32).await?;
        let scratch = self.network.scratch().map_err(|source| SessionError::Scratch { source })?;
        let target = scratch.path().to_owned();
        let parent = parent.to_string();
        let made = tokio::task::spawn_blocking(move || {
            let to = Destination { parent: Some(&parent), ..Destination::new(&target, CONVERTED) };
            precision::convert(&files, &path, &recipe, to)
        });
        let made = made.await.map_err(|error| SessionError::Task { what: "making a precision", source: error })?;
        made.map_err(|source| SessionError::Precision { model: name.to_owned(), source })?;
        // It can be made again.
        let options = AddOptions { evictable: true, ..AddOptions::default() };
        Ok(self.store.add_folder_as(scratch.path(), options, |_| {}).await?.root)
    }
}

/// The name under which a precision of a graph is kept.
fn derivation(wanted: &Wanted, recipe: &precision::Recipe) -> String {
    let of = wanted.graph.as_ref().map(|path| format!("{path}/")).unwrap_or_default();
    format!("onnx-precision/{of}{}", recipe.to_json())
}

fn no_variant(model: &Described, wanted: &Wanted) -> SessionError {
    let found = model.files.iter().map(|file| file.path.clone()).filter(|path| path.ends_with(".onnx"));
    SessionError::NoVariant {
        model: model.name.clone(),
        precision: wanted.precision(),
        expected: variants(wanted),
        found: found.collect(),
    }
}

/// The file that the model's folder publishes for what is wanted.
fn published<'a>(model: &'a Described, wanted: &Wanted) -> Option<&'a Entry> {
    // What is published in 8 bits has integer activations, for which other platforms have no kernels.
    if wanted.precision() == Precision::Bits8 && wanted.platform != Platform::Wasm {
        return None;
    }
    variants(wanted).iter().find_map(|path| model.file(path))
}

/// The names under which exporters publish what is wanted, the usual one first.
fn variants(wanted: &Wanted) -> Vec<String> {
    let suffixes: &[&str] = match &wanted.making {
        // Nobody publishes a mix under a name that says so.
        Making::Recipe(_) | Making::Bits { mixed: true, .. } => &[],
        Making::Bits { precision, .. } => match precision {
            Precision::Bits32 => &[""],
            Precision::Bits16 => &["_fp16"],
            Precision::Bits8 => &["_int8", "_quantized", "_uint8"],
            Precision::Bits4 => &["_q4", "_q4f16"],
            Precision::Bits2 => &[],
        },
    };
    let stem = |graph: &String| graph.strip_suffix(".onnx").unwrap_or(graph).to_owned();
    let stems = match &wanted.graph {
        Some(graph) => vec![stem(graph)],
        None => vec!["onnx/model".to_owned(), "model".to_owned()],
    };
    stems.iter().flat_map(|stem| suffixes.iter().map(move |suffix| format!("{stem}{suffix}.onnx"))).collect()
}

/// A graph of the model's own folder. Exporters name external data after the
/// graph, with `_data` at the end, beside it.
fn publish(model: &Described, file: &Entry) -> Chosen {
    let path = &file.path;
    let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let beside = model.files.iter().filter(|file| file.path.starts_with(&format!("{path}_data")));
    let external_data = beside.map(|file| ExternalData {
        location: file.path.strip_prefix(&folder).unwrap_or(&file.path).to_owned(),
        ..external(model.cid, &file.path, file.size)
    });
    let graph = Graph {
        url: format!("/ipfs/{}/{path}", model.cid),
        cid: file.cid.to_string(),
        size: file.size,
        external_data: external_data.collect(),
        index_type: None,
    };
    Chosen { graph, cid: file.cid, recipe: None }
}

fn external(root: Cid, path: &str, size: u64) -> ExternalData {
    ExternalData { location: path.to_owned(), url: format!("/ipfs/{root}/{path}"), size }
}
