//! Which graph a request runs: one that Pelago builds of a checkpoint, one that
//! the model's folder publishes, or one that is made of either in another
//! precision. What Pelago makes is itself content, made once.

use pelago_content::Cid;
use pelago_protocol::{ExternalData, Graph, Platform, Precision, Role, Task};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::build::{Build, Made};
use super::files::{BUILT, CONVERTED, StoredFiles};
use super::wanted::{CHECKPOINT, Making, Wanted};
use super::{PrepareError, Prepared, Preparer};
use crate::library::{Described, Located, Recipe};
use pelago_content::{AddOptions, Entry, Kind};
use pelago_onnx::precision::{self, Destination};
use pelago_onnx::read;

/// The version of what makes precisions, likewise.
const CONVERT_VERSION: &str = "1";

/// A graph that is content, and how it came to be what it is.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) graph: Graph,
    /// CID of its file.
    pub(super) cid: Cid,
    /// `checkpoint` where it was built, else the path of the published file that it is or was made of.
    pub(super) origin: String,
    /// The folder that was made for it, in which all of it is.
    folder: Option<Cid>,
    /// The recipe that it was made by; `None` for fp32 and for what the folder publishes.
    pub(super) recipe: Option<precision::Recipe>,
}

/// The graphs of a model, by what they are for.
#[derive(Clone, Debug)]
pub(super) struct ChosenGraphs {
    /// The one that a report names first.
    pub(super) role: Role,
    pub(super) main: Chosen,
    pub(super) others: Vec<(Role, Chosen)>,
}

impl ChosenGraphs {
    pub(super) fn all(&self) -> impl Iterator<Item = (Role, &Chosen)> {
        let others = self.others.iter().map(|(role, chosen)| (*role, chosen));
        std::iter::once((self.role, &self.main)).chain(others)
    }
}

impl Preparer {
    /// The graphs of what a request is for.
    pub(super) async fn choose(&self, model: &Described, wanted: &Wanted) -> Result<ChosenGraphs, PrepareError> {
        if wanted.purpose.task(model.task) == Some(Task::Text2TextGeneration) {
            let encoder = self.graph(model, wanted, Role::Encoder).await?;
            let builds = encoder.origin == CHECKPOINT;
            let mut others = vec![(Role::Encoder, encoder)];
            // A decoder that somebody published looks at the encoder's states itself.
            if builds {
                others.push((Role::Cross, self.graph(model, wanted, Role::Cross).await?));
            }
            let main = self.graph(model, wanted, Role::Decoder).await?;
            return Ok(ChosenGraphs { role: Role::Decoder, main, others });
        }
        let main = self.graph(model, wanted, Role::Model).await?;
        Ok(ChosenGraphs { role: Role::Model, main, others: Vec::new() })
    }

    /// fp32 is built where it can be, since all of such a graph runs on a GPU; other precisions are those that
    /// the folder publishes, or made of fp32.
    async fn graph(&self, model: &Described, wanted: &Wanted, role: Role) -> Result<Chosen, PrepareError> {
        let build = Build::of(model, wanted, role);
        let published = if build.is_none_or(Build::has_stand_in) { published(model, wanted, role) } else { None };
        if let Some(recipe) = wanted.recipe() {
            if let Some(kept) = self.kept_blocks(model, wanted, build).await? {
                return self.built(model, kept).await;
            }
            // Of a decoder that is built all precisions are made of one graph.
            return match published.filter(|_| build.is_none_or(Build::is_states)) {
                Some(file) => self.publish(model, file).await,
                None => self.converted(model, wanted, role, recipe).await,
            };
        }
        if let Some(build) = build.filter(|_| wanted.builds()) {
            match self.built(model, build).await {
                Ok(built) => return Ok(built),
                // The folder's own graph serves where no builder does, or where it has no checkpoint; never where
                // the checkpoint is damaged.
                Err(PrepareError::Graph { source, .. })
                    if published.is_some() && wanted.graph.is_none() && source.is_unsupported() => {}
                Err(error) => return Err(error),
            }
        }
        let file = published.ok_or_else(|| no_variant(model, wanted, role))?;
        self.publish(model, file).await
    }

    /// A graph that is built of the model's weights, once.
    async fn built(&self, model: &Described, build: Build) -> Result<Chosen, PrepareError> {
        let origin = build.origin(model);
        let cid = match self.models().derived(model.cid, build.recipe()).await? {
            Some(cid) => cid,
            None => {
                let cid = match self.build(model, build).await? {
                    Made::Graph(built) => {
                        let needs_conversion = built.needs_conversion;
                        let cid = self.store.add_bytes(built.onnx).await?.root;
                        if needs_conversion {
                            let narrow = self.of_checkpoint(model, cid, origin.clone()).await?;
                            let _turn = self.converting.lock().await;
                            self.convert(&model.name, model.cid, &narrow, precision::Recipe::new(32)).await?
                        } else {
                            cid
                        }
                    }
                    Made::Folder(cid) => cid,
                };
                self.models().put_derived(model.cid, build.recipe(), cid).await?;
                cid
            }
        };
        if self.store.stat(cid, "").await?.kind == Kind::File {
            return self.of_checkpoint(model, cid, origin).await;
        }
        let widened = self.of_folder(cid, None, origin).await?;
        widened.ok_or(PrepareError::Gone { what: "a graph", root: cid.to_string() })
    }

    /// A graph that was built, which is content of its own and points into the model's weights.
    async fn of_checkpoint(&self, model: &Described, cid: Cid, origin: String) -> Result<Chosen, PrepareError> {
        let size = self.store.stat(cid, "").await?.size;
        let bytes = self.store.read_all(cid, "", size).await?;
        let files = StoredFiles::new(&self.store, model.cid).with(BUILT, bytes.to_vec());
        let weights = self.external_files(model, files, BUILT.to_owned()).await?;
        let weights = weights.iter().filter_map(|path| model.file(path));
        let graph = Graph {
            url: format!("/ipfs/{cid}"),
            cid: cid.to_string().into(),
            size,
            external_data: weights.map(|file| external(model.cid, &file.path, file.size)).collect(),
            facts: None,
        };
        Ok(Chosen { graph, cid, origin, folder: None, recipe: None })
    }

    async fn external_files(
        &self,
        model: &Described,
        files: StoredFiles,
        path: String,
    ) -> Result<Vec<String>, PrepareError> {
        let read = tokio::task::spawn_blocking(move || read::external_files(&files, &path)).await;
        let read = read.map_err(|error| PrepareError::Task { what: "reading a graph", source: error })?;
        read.map_err(|source| PrepareError::Precision { model: model.name.clone(), source })
    }

    /// A graph of the model's own folder.
    async fn publish(&self, model: &Described, file: &Entry) -> Result<Chosen, PrepareError> {
        let path = &file.path;
        let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let mut beside = model.files.iter().filter(|file| may_be_data(path, &folder, &file.path)).collect::<Vec<_>>();
        // Most exporters name the file after the graph; for any other name the graph has to be read, all of it.
        if beside.iter().any(|file| !named_after(path, &file.path)) {
            let files = StoredFiles::new(&self.store, model.cid);
            let locations = self.external_files(model, files, path.clone()).await?;
            beside.retain(|file| locations.iter().any(|location| file.path == format!("{folder}{location}")));
        }
        let external_data = beside.into_iter().map(|file| ExternalData {
            location: file.path.strip_prefix(&folder).unwrap_or(&file.path).to_owned(),
            ..external(model.cid, &file.path, file.size)
        });
        let graph = Graph {
            url: url_of(model.cid, path),
            cid: file.cid.to_string().into(),
            size: file.size,
            external_data: external_data.collect(),
            facts: None,
        };
        Ok(Chosen { graph, cid: file.cid, origin: path.clone(), folder: None, recipe: None })
    }

    /// The model in another precision: a folder of its own, derived from the model's.
    async fn converted(
        &self,
        model: &Described,
        wanted: &Wanted,
        role: Role,
        recipe: precision::Recipe,
    ) -> Result<Chosen, PrepareError> {
        let fp32 = Box::pin(self.graph(model, &wanted.fp32(), role)).await?;
        let name = derivation(wanted, Build::of(model, wanted, role), &recipe);
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
        let converted = self.of_folder(root, Some(recipe), fp32.origin).await?;
        converted.ok_or_else(|| no_variant(model, wanted, role))
    }

    /// What was made by a recipe before, where it is still kept.
    pub(super) async fn made(&self, fp32: &Prepared, wanted: &Wanted) -> Result<Option<Cid>, PrepareError> {
        let Some(recipe) = wanted.recipe() else { return Ok(None) };
        let model = self.models().describe_located(Located { name: fp32.source.name.clone(), cid: fp32.root }).await?;
        let name = derivation(wanted, Build::of(&model, wanted, fp32.chosen.role), &recipe);
        Ok(self.models().derived(fp32.root, Recipe { name: &name, version: CONVERT_VERSION }).await?)
    }

    /// The graph in a folder that was made of another; `None` where it has none.
    pub(super) async fn of_folder(
        &self,
        root: Cid,
        recipe: Option<precision::Recipe>,
        origin: String,
    ) -> Result<Option<Chosen>, PrepareError> {
        let files = self.store.list(root).await?;
        let Some(file) = files.iter().find(|file| file.path == CONVERTED) else { return Ok(None) };
        let data = files.iter().filter(|file| file.kind == Kind::File && file.path != CONVERTED);
        let graph = Graph {
            url: format!("/ipfs/{root}/{CONVERTED}"),
            cid: file.cid.to_string().into(),
            size: file.size,
            external_data: data.map(|file| external(root, &file.path, file.size)).collect(),
            facts: None,
        };
        Ok(Some(Chosen { graph, cid: file.cid, origin, folder: Some(root), recipe }))
    }

    /// A graph's file among the model's files, and its path there. A graph that was built is content of its
    /// own, beside the safetensors that it points into.
    pub(super) async fn files_of(&self, model: Cid, chosen: &Chosen) -> Result<(StoredFiles, String), PrepareError> {
        let graph = &chosen.graph;
        if let Some(folder) = chosen.folder {
            return Ok((StoredFiles::new(&self.store, folder), CONVERTED.to_owned()));
        }
        let files = StoredFiles::new(&self.store, model);
        // A graph of the folder has a path there.
        if chosen.origin != CHECKPOINT {
            return Ok((files, chosen.origin.clone()));
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
    ) -> Result<Cid, PrepareError> {
        let (files, path) = self.files_of(parent, fp32).await?;
        let parent = parent.to_string();
        let make = move |target: &std::path::Path| {
            let to = Destination { parent: Some(&parent), ..Destination::new(target, CONVERTED) };
            precision::convert(&files, &path, &recipe, to).map(drop)
        };
        self.make_folder(make, |source| PrepareError::Precision { model: name.to_owned(), source }).await
    }

    /// A folder that something writes, in the store.
    pub(super) async fn make_folder<E: Send + 'static>(
        &self,
        make: impl FnOnce(&std::path::Path) -> Result<(), E> + Send + 'static,
        wrong: impl FnOnce(E) -> PrepareError,
    ) -> Result<Cid, PrepareError> {
        let scratch = self.network.scratch().map_err(|source| PrepareError::Scratch { source })?;
        let target = scratch.path().to_owned();
        let made = tokio::task::spawn_blocking(move || make(&target));
        let made = made.await.map_err(|error| PrepareError::Task { what: "making a graph", source: error })?;
        made.map_err(wrong)?;
        // It can be made again.
        let options = AddOptions { evictable: true, ..AddOptions::default() };
        Ok(self.store.add_folder_as(scratch.path(), options, |_| {}).await?.root)
    }
}

/// The name under which a precision of a graph is kept.
fn derivation(wanted: &Wanted, build: Option<Build>, recipe: &precision::Recipe) -> String {
    let of = wanted.graph.as_ref().map(|path| format!("{path}/")).unwrap_or_default();
    // States are what precisions were first made of.
    let build = build.filter(|build| !build.is_states()).map(|build| format!("{}/", build.recipe().name));
    format!("onnx-precision/{of}{}{}", build.unwrap_or_default(), recipe.to_json())
}

fn no_variant(model: &Described, wanted: &Wanted, role: Role) -> PrepareError {
    let found = model.files.iter().map(|file| file.path.clone()).filter(|path| path.ends_with(".onnx"));
    PrepareError::NoVariant {
        model: model.name.clone(),
        precision: wanted.precision(),
        expected: variants(model, wanted, role),
        found: found.collect(),
    }
}

/// The file that the model's folder publishes for what is wanted.
fn published<'a>(model: &'a Described, wanted: &Wanted, role: Role) -> Option<&'a Entry> {
    // What is published in 8 bits has integer activations, for which other platforms have no kernels.
    if wanted.precision() == Precision::Bits8 && wanted.platform != Platform::Wasm {
        return None;
    }
    let named = variants(model, wanted, role).iter().find_map(|path| model.file(path));
    let is_any = role == Role::Model && wanted.graph.is_none() && wanted.making == Making::FP32;
    named.or_else(|| only_graph(model).filter(|_| is_any))
}

/// The ONNX file of a folder that has one, whatever its name.
fn only_graph(model: &Described) -> Option<&Entry> {
    let mut graphs = model.files.iter().filter(|file| file.path.ends_with(".onnx"));
    graphs.next().filter(|_| graphs.next().is_none())
}

/// The names under which exporters publish what is wanted, the usual one first.
fn variants(model: &Described, wanted: &Wanted, role: Role) -> Vec<String> {
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
    let makes_text = wanted.purpose.task(model.task).is_some_and(Task::generates);
    let names = match (&wanted.graph, role) {
        // The graph that is named is the one that makes tokens.
        (Some(graph), Role::Model | Role::Decoder) => vec![graph.strip_suffix(".onnx").unwrap_or(graph)],
        (_, Role::Encoder) => vec!["onnx/encoder_model", "encoder_model"],
        (_, Role::Decoder) => vec!["onnx/decoder_model_merged", "decoder_model_merged"],
        _ if makes_text => vec!["onnx/model", "model", "onnx/decoder_model_merged", "decoder_model_merged"],
        _ => vec!["onnx/model", "model"],
    };
    names.iter().flat_map(|stem| suffixes.iter().map(move |suffix| format!("{stem}{suffix}.onnx"))).collect()
}

/// Whether a graph at `path` may keep weights in `file`: it stands in the same folder, or below it, and is of no kind
/// that is known to be something else.
fn may_be_data(path: &str, folder: &str, file: &str) -> bool {
    const OTHERS: [&str; 17] = [
        ".onnx",
        ".json",
        ".jsonl",
        ".txt",
        ".md",
        ".safetensors",
        ".model",
        ".py",
        ".yaml",
        ".ort",
        ".h5",
        ".msgpack",
        ".gitattributes",
        "LICENSE",
        "README",
        "NOTICE",
        "pytorch_model.bin",
    ];
    let other = OTHERS.iter().any(|end| file.ends_with(end));
    file != path && (named_after(path, file) || (file.starts_with(folder) && !other))
}

/// `model.onnx_data`, `model.onnx_data_1`, `model.onnx.data`.
fn named_after(path: &str, file: &str) -> bool {
    file.strip_prefix(path).is_some_and(|rest| rest.starts_with("_data") || rest.starts_with(".data"))
}

fn external(root: Cid, path: &str, size: u64) -> ExternalData {
    ExternalData { location: path.to_owned(), url: url_of(root, path), size }
}

/// Where the session's server has a file. Names may hold what has a meaning in a URL.
fn url_of(root: Cid, path: &str) -> String {
    const KEPT: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
    format!("/ipfs/{root}/{}", utf8_percent_encode(path, &KEPT))
}
