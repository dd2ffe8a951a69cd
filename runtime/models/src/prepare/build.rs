//! Graphs that Pelago builds of a model's weights: of a checkpoint, or of a GGUF file.

use pelago_content::Cid;
use pelago_onnx::gguf::{self, Gguf, Kept, TensorType, Weights};
use pelago_onnx::graph::{self, BuildOptions, BuiltGraph, GenerationOptions};
use pelago_onnx::precision::{self, Destination};
use pelago_protocol::{Family, Platform, Precision, Role, Task};
use pelago_text::Files;

use super::files::{BUILT, CONVERTED, StoredFiles};
use super::wanted::{CHECKPOINT, Making, Purpose, Wanted};
use super::{PrepareError, Prepared, Preparer};
use crate::library::{Described, Located, Recipe};

/// `modules.json` is read up to this size.
const MODULES_MAX: u64 = 1 << 20;

/// Tokens that a cache of a fixed size has room for. Each run of WebNN computes with all of it.
const FIXED_ROOM: usize = 256;

/// What is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Build {
    /// States of tokens.
    States,
    /// What the checkpoint's head gives.
    Head,
    /// A decoder with a cache, which has a fixed room where that is so.
    Decoder { fixed: bool },
    /// One of the graphs of an encoder–decoder.
    Half(Role),
    /// The same of a GGUF file.
    Gguf { kept: Kept, fixed: bool },
}

/// What building gave.
pub(super) enum Made {
    /// A graph that points into the model's weights.
    Graph(BuiltGraph),
    /// A folder of the store with all of it.
    Folder(Cid),
}

impl Build {
    /// What a model's graph in a role is built as; `None` where it is not built but published.
    pub(super) fn of(model: &Described, wanted: &Wanted, role: Role) -> Option<Self> {
        let Some(task) = wanted.purpose.task(model.task) else {
            // Tensors are given as the model's own file declares them, which has a cache where it generates.
            let is_states =
                wanted.purpose == Purpose::Tensors && (model.family == Family::TextEmbedding || wanted.graph.is_some());
            return is_states.then_some(Self::States);
        };
        if task.generates() && !(wanted.builds() && has_weights(model)) {
            return None;
        }
        // WebNN compiles a graph for one shape.
        let fixed = wanted.platform == Platform::WebNn;
        Some(match task {
            Task::FeatureExtraction => Self::States,
            Task::TextGeneration if model.gguf().is_some() => Self::Gguf { kept: Kept::Single, fixed },
            Task::TextGeneration => Self::Decoder { fixed },
            Task::Text2TextGeneration => Self::Half(role),
            Task::TextClassification
            | Task::TokenClassification
            | Task::FillMask
            | Task::QuestionAnswering
            | Task::ZeroShotClassification => Self::Head,
        })
    }

    /// Whether what the model's folder publishes can stand in its place.
    pub(super) fn has_stand_in(self) -> bool {
        // What is published has no head in Pelago's form.
        !matches!(self, Self::Head | Self::Gguf { .. })
    }

    pub(super) fn is_states(self) -> bool {
        self == Self::States
    }

    /// The name of what is built, and the version of its builder. A change that changes graphs gets a new version, so
    /// that old ones are not taken for new.
    pub(super) fn recipe(self) -> Recipe<'static> {
        let (name, version) = match self {
            Self::States => ("onnx-graph/fp32", "2"),
            Self::Head => ("onnx-graph/head", "1"),
            Self::Decoder { fixed: false } => ("onnx-graph/decoder", "1"),
            Self::Decoder { fixed: true } => ("onnx-graph/decoder-fixed", "1"),
            Self::Half(Role::Encoder) => ("onnx-graph/encoder-of-decoder", "1"),
            Self::Half(Role::Cross) => ("onnx-graph/cross", "1"),
            Self::Half(_) => ("onnx-graph/decoder-of-encoder", "1"),
            Self::Gguf { kept: Kept::Single, fixed: false } => ("onnx-graph/gguf", "1"),
            Self::Gguf { kept: Kept::Single, fixed: true } => ("onnx-graph/gguf-fixed", "1"),
            Self::Gguf { kept: Kept::Products, fixed: false } => ("onnx-graph/gguf-products", "1"),
            Self::Gguf { kept: Kept::Products, fixed: true } => ("onnx-graph/gguf-products-fixed", "1"),
            Self::Gguf { kept: Kept::Blocks, fixed: false } => ("onnx-graph/gguf-blocks", "1"),
            Self::Gguf { kept: Kept::Blocks, fixed: true } => ("onnx-graph/gguf-blocks-fixed", "1"),
        };
        Recipe { name, version }
    }

    /// What a report says the graph came from.
    pub(super) fn origin(self, model: &Described) -> String {
        match (self, model.gguf()) {
            (Self::Gguf { .. }, Some(file)) => file.path.clone(),
            _ => CHECKPOINT.to_owned(),
        }
    }
}

impl Preparer {
    /// Builds a graph.
    pub(super) async fn build(&self, model: &Described, build: Build) -> Result<Made, PrepareError> {
        if let Build::Gguf { kept, fixed } = build {
            return self.build_gguf(model, kept, fixed).await;
        }
        let (folder, is_table) = self.transformer(model).await?;
        let files = StoredFiles::new(&self.store, model.cid);
        let parent = Some(model.cid.to_string());
        let built = tokio::task::spawn_blocking(move || {
            let options = BuildOptions { parent: parent.clone(), ..BuildOptions::default() };
            let generation = generation(parent, build == Build::Decoder { fixed: true });
            Ok(match build {
                Build::States if is_table => graph::build_table_in(&files, &folder, &options)?,
                Build::States => graph::build_in(&files, &folder, &options)?,
                Build::Head => graph::build_head_in(&files, &folder, &options)?.model,
                Build::Half(role) => {
                    let graphs = graph::build_encoder_decoder_in(&files, &folder, &generation)?;
                    match role {
                        Role::Encoder => graphs.encoder,
                        Role::Cross => graphs.cross,
                        _ => graphs.decoder,
                    }
                }
                Build::Decoder { .. } | Build::Gguf { .. } => {
                    graph::build_decoder_in(&files, &folder, &generation)?.model
                }
            })
        });
        let built = built.await;
        let built = built.map_err(|error| PrepareError::Task { what: "building a graph", source: error })?;
        built.map(Made::Graph).map_err(|source| PrepareError::Graph { model: model.name.clone(), source })
    }

    /// The decoder of a GGUF file: its weights are laid out anew, so all of it is a folder of its own.
    async fn build_gguf(&self, model: &Described, kept: Kept, fixed: bool) -> Result<Made, PrepareError> {
        let file = gguf_path(model)?;
        let files = StoredFiles::new(&self.store, model.cid);
        let parent = model.cid.to_string();
        let make = move |target: &std::path::Path| {
            let header = Gguf::read(&files, &file)?;
            let options = generation(Some(parent.clone()), fixed);
            let decoder = header.build_decoder(&files, &options, kept)?;
            let weights = Weights::new(&files, &header).with(BUILT, decoder.model.onnx);
            let to = Destination { parent: Some(&parent), ..Destination::new(target, CONVERTED) };
            precision::convert(&weights, BUILT, &precision::Recipe::new(32), to).map_err(GgufFault::Convert)?;
            Ok(())
        };
        let name = model.name.clone();
        let wrong = |fault| match fault {
            GgufFault::Gguf(source) => PrepareError::Gguf { model: name, source: Box::new(source) },
            GgufFault::Convert(source) => PrepareError::Precision { model: name, source },
        };
        let _turn = self.converting.lock().await;
        Ok(Made::Folder(self.make_folder(make, wrong).await?))
    }

    /// What is built where the blocks of a GGUF file have the bits that are asked for: they stay as they are.
    pub(super) async fn kept_blocks(
        &self,
        model: &Described,
        wanted: &Wanted,
        build: Option<Build>,
    ) -> Result<Option<Build>, PrepareError> {
        let Making::Bits { precision, mixed: false } = wanted.making else { return Ok(None) };
        let Some(Build::Gguf { fixed, .. }) = build else { return Ok(None) };
        if blocks_of(&*self.gguf(model).await?) != Some(precision) {
            return Ok(None);
        }
        // Of onnxruntime-web's builds those with WebGPU and WebNN lack wasm's operator for rows in blocks.
        let kept = if wanted.platform == Platform::WebGpu { Kept::Blocks } else { Kept::Products };
        Ok(Some(Build::Gguf { kept, fixed }))
    }

    /// What a model's GGUF file says of itself.
    pub(super) async fn gguf(&self, model: &Described) -> Result<Box<Gguf>, PrepareError> {
        let file = gguf_path(model)?;
        let files = StoredFiles::new(&self.store, model.cid);
        let read = tokio::task::spawn_blocking(move || Gguf::read(&files, &file)).await;
        let read = read.map_err(|error| PrepareError::Task { what: "reading a GGUF file", source: error })?;
        let wrong = |source| PrepareError::Gguf { model: model.name.clone(), source: Box::new(source) };
        read.map(Box::new).map_err(wrong)
    }

    /// The tokenizer of a model's GGUF file, as the files that a Hugging Face folder has; `None` for a model that has
    /// files of its own.
    pub(super) async fn gguf_text(&self, model: &Prepared) -> Result<Option<Files>, PrepareError> {
        let has_own = model.source.files.iter().any(|path| path == "tokenizer.json");
        let described = Located { name: model.source.name.clone(), cid: model.root };
        let described = self.models().describe_located(described).await?;
        if has_own || described.gguf().is_none() {
            return Ok(None);
        }
        let header = self.gguf(&described).await?;
        let wrong = |source| PrepareError::Gguf { model: model.source.name.clone(), source: Box::new(source) };
        let tokenizer = header.tokenizer().map_err(wrong)?;
        let tokenizer = tokenizer.ok_or_else(|| PrepareError::NoTokenizer { model: model.source.name.clone() })?;
        let architecture = header.metadata.get("general.architecture").and_then(gguf::Value::text).unwrap_or_default();
        let files = crate::gguf::tokenizer_files(&tokenizer, architecture);
        let files = files.map_err(|source| PrepareError::GgufTokenizer { model: model.source.name.clone(), source })?;
        Ok(Some(Files::from_iter(files)))
    }

    /// The folder with the transformer's config and weights, the model's own but in layouts of before 2021; and
    /// whether a table of embeddings stands in its place.
    async fn transformer(&self, model: &Described) -> Result<(String, bool), PrepareError> {
        if model.file("modules.json").is_none() {
            return Ok((String::new(), false));
        }
        let modules = self.store.read_all(model.cid, "modules.json", MODULES_MAX).await?;
        let folders = pelago_text::folders(&modules);
        let folders = folders.map_err(|source| PrepareError::Text { model: model.name.clone(), source })?;
        let found = folders.into_iter().find(|(_, kind)| kind == "Transformer" || kind == pelago_text::TABLE);
        Ok(found.map(|(folder, kind)| (folder, kind == pelago_text::TABLE)).unwrap_or_default())
    }
}

/// Whether a model's folder has weights that a graph is built of.
fn has_weights(model: &Described) -> bool {
    model.files.iter().any(|file| file.path.ends_with(".safetensors") || file.path.ends_with(".gguf"))
}

/// What goes wrong with a GGUF file.
enum GgufFault {
    Gguf(gguf::Error),
    Convert(pelago_onnx::Error),
}

impl From<gguf::Error> for GgufFault {
    fn from(error: gguf::Error) -> Self {
        Self::Gguf(error)
    }
}

/// How a decoder is built.
fn generation(parent: Option<String>, fixed: bool) -> GenerationOptions {
    GenerationOptions { parent, capacity: fixed.then_some(FIXED_ROOM), ..GenerationOptions::default() }
}

fn gguf_path(model: &Described) -> Result<String, PrepareError> {
    let file = model.gguf().map(|file| file.path.clone());
    file.ok_or_else(|| PrepareError::SeveralGguf { model: model.name.clone() })
}

/// The bits of most of a file's weights, where they lie in blocks that can stay as they are.
fn blocks_of(header: &Gguf) -> Option<Precision> {
    let matrices = || header.tensors.iter().filter(|tensor| tensor.shape.len() == 2);
    let count = |kinds: &[TensorType]| matrices().filter(|tensor| kinds.contains(&tensor.kind)).count();
    let (four, eight) = (count(&[TensorType::Q4_0, TensorType::Q4_1]), count(&[TensorType::Q8_0]));
    let most = four.max(eight);
    if 2 * most < matrices().count() {
        return None;
    }
    Some(if four >= eight { Precision::Bits4 } else { Precision::Bits8 })
}
