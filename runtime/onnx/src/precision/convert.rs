//! From a model and a recipe to another model.

use std::{collections::HashSet, path::Path};

use prost::Message;

use super::{
    Kept, Layer, Recipe, Summary, Tensor,
    check::check,
    constant::Weights,
    graphs::Graphs,
    half,
    inline::inline,
    jobs::{Group, Job, Jobs, Writer},
    output::Output,
    prune::prune,
    rewrite::{CONTRIB, Rewrite},
    widen::widen,
};
use crate::{
    Error,
    error::dtype_name,
    files::Files,
    proto::{ModelProto, OperatorSetIdProto, StringStringEntryProto, TensorProto},
    read,
};

/// The IR version from which initializers need not be inputs.
const IR_WITHOUT_INPUTS: i64 = 4;
/// The IR version with 4 bit integers.
const IR_WITH_INT4: i64 = 10;
/// The length of a data file: a quarter of what a wasm page can address, so that
/// its bytes and the tensors made of them fit beside each other.
const FILE_MAX: u64 = 1 << 30;

/// Where a converted model goes.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// A folder that exists.
    pub folder: &'a Path,
    /// The model's file name, such as `model_q4.onnx`. Its weights are in
    /// `<name>_data`, `<name>_data_1` and so on beside it.
    pub name: &'a str,
    /// Bytes that a data file may have; one tensor that is larger has a file of
    /// its own.
    pub file_max: u64,
    /// What the model was made of, such as a CID: kept in its metadata as `parent`.
    pub parent: Option<&'a str>,
}

impl<'a> Destination<'a> {
    /// In data files of at most 1 GiB, without a parent.
    #[must_use]
    pub fn new(folder: &'a Path, name: &'a str) -> Self {
        Self { folder, name, file_max: FILE_MAX, parent: None }
    }
}

/// Makes a model of another precision. `model` is the path of its ONNX file
/// among `files`. Weights of bfloat16 or double that the graph converts to single
/// before it uses them are taken at exactly that value, and those that the recipe
/// leaves alone are written in single precision. Memory holds the graph and of the weights a few MiB; of one
/// that is kept as `[K, N]`, its packed form too.
///
/// Equal models and recipes give equal bytes.
///
/// # Errors
/// [`Error`]: all but `Measure` and `Budget`. Nothing is left behind then.
pub fn convert(files: &dyn Files, model: &str, recipe: &Recipe, to: Destination<'_>) -> Result<Summary, Error> {
    recipe.check()?;
    let mut graphs = open(files, model)?;
    let mut weights = Weights::new(files, model);
    let mut jobs = Jobs::default();

    let bytes_before = weight_bytes(files, model, &graphs)?;
    widen(&mut graphs, &mut jobs, &mut weights)?;
    let index = graphs.index()?;
    let found = super::layers::find(&graphs, &index, &mut weights)?;
    let bits = recipe.assign(&found.layers)?;
    let rewritten = Rewrite::new(&mut graphs, &mut jobs, recipe).layers(&index, &mut weights, &found.layers, &bits)?;
    prune(&mut graphs)?;
    if recipe.computes_in_half() {
        let single =
            found.layers.iter().zip(&bits).filter(|(_, bits)| **bits == 32).map(|(layer, _)| layer.node.clone());
        half::convert(&mut graphs, &mut jobs, &mut weights, &single.collect())?;
        prune(&mut graphs)?;
    }
    note(&mut graphs, recipe, to.parent);

    let output = Output::new(to.folder, to.name, to.file_max);
    let mut writer = Writer::new(files, output);
    let mut tensors = Vec::new();
    for number in 0..graphs.all.len() {
        let mut initializers = std::mem::take(&mut graphs.all[number].graph.initializer);
        for tensor in &mut initializers {
            tensors.push(write(&mut writer, &jobs, model, number, tensor)?);
        }
        graphs.all[number].graph.initializer = initializers;
    }
    let mut made = graphs.into_model();
    inline(files, model, &mut made)?;
    let onnx = made.encode_to_vec();
    let (written, bytes_after) = writer.output.finish(&onnx)?;
    let kept = found.kept.into_iter().chain(rewritten).map(|(node, reason)| Kept { node, reason });
    Ok(Summary {
        recipe: recipe.clone(),
        tensors,
        kept: kept.collect(),
        bytes_before,
        bytes_after,
        graph_bytes: onnx.len() as u64,
        files: written,
    })
}

/// The layers of a model, in the order of its nodes: what [`Recipe::overrides`]
/// can name.
///
/// # Errors
/// Those of [`convert`] that are about the model.
pub fn layers(files: &dyn Files, model: &str) -> Result<Vec<Layer>, Error> {
    let mut graphs = open(files, model)?;
    let mut weights = Weights::new(files, model);
    widen(&mut graphs, &mut Jobs::default(), &mut weights)?;
    let index = graphs.index()?;
    Ok(super::layers::find(&graphs, &index, &mut weights)?.layers)
}

/// Reads a model's graphs and checks them.
pub(super) fn open(files: &dyn Files, model: &str) -> Result<Graphs, Error> {
    let mut proto = read::open(files, model)?;
    free_inputs(&mut proto);
    let graphs = Graphs::new(proto);
    check(&graphs, &graphs.index()?)?;
    Ok(graphs)
}

/// Before IR version 4 every initializer was an input too, and some exporters
/// still write it so, though none is meant to be given.
fn free_inputs(model: &mut ModelProto) {
    if let Some(graph) = &mut model.graph {
        let initializers = graph.initializer.iter().map(|tensor| tensor.name().to_owned()).collect::<HashSet<_>>();
        graph.input.retain(|input| !initializers.contains(input.name()));
    }
    model.ir_version = model.ir_version.max(Some(IR_WITHOUT_INPUTS));
}

fn weight_bytes(files: &dyn Files, model: &str, graphs: &Graphs) -> Result<u64, Error> {
    let mut seen = HashSet::new();
    let mut bytes = 0;
    for tensor in graphs.all.iter().flat_map(|scope| &scope.graph.initializer) {
        if read::element_bits(tensor.data_type.unwrap_or_default()).is_none() {
            continue;
        }
        let source = read::source(files, model, tensor)?;
        let length = source.length();
        let fresh = matches!(source, read::Source::Inline(_)) || seen.insert(source);
        bytes += if fresh { length } else { 0 };
    }
    Ok(bytes)
}

/// Imports what the new nodes are of, and keeps the recipe in the model.
fn note(graphs: &mut Graphs, recipe: &Recipe, parent: Option<&str>) {
    let nodes = || graphs.all.iter().flat_map(|scope| &scope.graph.node);
    let contrib = nodes().any(|node| node.domain() == CONTRIB);
    let tensors = || graphs.all.iter().flat_map(|scope| &scope.graph.initializer);
    let int4 = tensors().any(|tensor| read::element_bits(tensor.data_type.unwrap_or_default()) == Some(4));
    let model = &mut graphs.model;
    if contrib && !model.opset_import.iter().any(|import| import.domain() == CONTRIB) {
        model.opset_import.push(OperatorSetIdProto { domain: Some(CONTRIB.to_owned()), version: Some(1) });
    }
    if int4 {
        model.ir_version = model.ir_version.max(Some(IR_WITH_INT4));
    }
    let mut entry = |key: &str, value: String| {
        model.metadata_props.retain(|entry| entry.key() != key);
        model.metadata_props.push(StringStringEntryProto { key: Some(key.to_owned()), value: Some(value) });
    };
    entry("recipe", recipe.to_json());
    if let Some(parent) = parent {
        entry("parent", parent.to_owned());
    }
}

fn write(
    writer: &mut Writer<'_, '_>,
    jobs: &Jobs,
    model: &str,
    graph: usize,
    tensor: &mut TensorProto,
) -> Result<Tensor, Error> {
    let job = jobs.of.get(&(graph, tensor.name().to_owned()));
    let of = job.map(|job| match job {
        Job::Half(weight) | Job::Single(weight) => weight.name.clone(),
        Job::Part { group, .. } => match &jobs.groups[*group] {
            Group::Blocks { weight, .. } | Group::Table { weight, .. } | Group::Integer { weight, .. } => {
                weight.name.clone()
            }
        },
    });
    let place = match job {
        Some(job) => Some(writer.write(jobs, job)?),
        // Text stays where it is.
        None if read::element_bits(tensor.data_type.unwrap_or_default()).is_none() => None,
        None => Some(writer.copy(&read::source(writer.files, model, tensor)?)?),
    };
    let bytes = place.as_ref().map_or(0, super::output::Place::length);
    if let Some(place) = place {
        place.give_to(tensor);
    }
    let (name, dtype) = (tensor.name().to_owned(), dtype_name(tensor.data_type.unwrap_or_default()));
    Ok(Tensor { name, dtype, shape: tensor.dims.clone(), bytes, of })
}
