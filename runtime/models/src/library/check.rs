//! A model folder, checked before it is added: what is missing, cut short or
//! contradicts itself is found here and not in a page an hour later.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pelago_onnx::{files::Folder, gguf::Gguf, read};
use pelago_protocol::Family;
use serde_json::Value;

use super::{Clues, Detected, ModelError, detect, safetensors};

/// Any of these groups makes a tokenizer.
const TOKENIZERS: &[&[&str]] = &[
    &["tokenizer.json"],
    &["vocab.txt"],
    &["vocab.json", "merges.txt"],
    &["tokenizer.model"],
    &["spiece.model"],
    &["sentencepiece.bpe.model"],
    &["source.spm", "target.spm"],
];
/// Configurations and indexes larger than this are something else.
const JSON_MAX: u64 = 64 << 20;
const DEPTH_MAX: usize = 16;

/// A folder that passed.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The folder that holds `config.json`: the one given, or the one folder in it that does.
    pub folder: PathBuf,
    /// The name it calls itself, or its folder's.
    pub name: String,
    /// Its family, where a rule knows it.
    pub family: Option<Detected>,
    /// Its safetensors files, relative to the folder.
    pub safetensors: Vec<PathBuf>,
    /// Its ONNX files, relative to the folder.
    pub onnx: Vec<PathBuf>,
    /// Its GGUF files, relative to the folder.
    pub gguf: Vec<PathBuf>,
}

/// Checks a model folder; `family` overrides what would be detected. Blocks the thread.
///
/// # Errors
///
/// Everything of [`ModelError`] that speaks of files, naming the file, what was expected and found.
pub fn check_folder(folder: &Path, family: Option<Family>) -> Result<Checked, ModelError> {
    let folder = &find(folder)?;
    // Older layouts have it beside the weights, in a folder that the list of modules names.
    let (inner, is_table) = transformer(folder)?;
    let transformer = folder.join(inner);
    let config_file = transformer.join("config.json");
    // A table of embeddings has no architecture, and a graph by itself needs none where the user says what it is for.
    let is_bare = is_table || (family.is_some() && only_graphs(folder)) || only_gguf(folder);
    if !is_bare && only_graphs(folder) {
        return Err(ModelError::Bare { folder: folder.clone() });
    }
    let config = if is_bare && !config_file.exists() {
        Value::Object(serde_json::Map::new())
    } else {
        json(&config_file, "a JSON object with model_type or architectures")?
    };
    let says = config["model_type"].is_string() || config["architectures"].as_array().is_some_and(|a| !a.is_empty());
    if !(is_bare || says) {
        return Err(ModelError::Json {
            file: config_file,
            expected: "a JSON object with model_type or architectures",
            actual: "neither".to_owned(),
        });
    }
    let mut files = Vec::new();
    list(folder, folder, 0, &mut files)?;
    let of = |extension: &str| -> Vec<PathBuf> {
        files.iter().filter(|f| f.extension().is_some_and(|e| e == extension)).cloned().collect()
    };
    check_pointers(folder, &files)?;
    let (weights, graphs, gguf) = (of("safetensors"), of("onnx"), of("gguf"));
    if weights.is_empty() && graphs.is_empty() && gguf.is_empty() {
        // A list of shards without the shards has something better to say.
        check_index(folder, &BTreeMap::new())?;
        return Err(ModelError::NoWeights { folder: folder.clone() });
    }
    let mut tensors = BTreeMap::new();
    for file in &weights {
        tensors.insert(file.clone(), safetensors::check(&folder.join(file))?);
    }
    check_index(folder, &tensors)?;
    graphs.iter().try_for_each(|file| check_graph(folder, file))?;
    gguf.iter().try_for_each(|file| check_gguf(folder, file))?;

    let name = default_name(&config, folder);
    let modules_file = folder.join("modules.json");
    let modules = if modules_file.exists() { Some(json(&modules_file, "a JSON list of modules")?) } else { None };
    let is_gguf = !gguf.is_empty() && !config_file.exists();
    let config = Some(&config).filter(|_| !is_gguf);
    let clues = Clues { config, modules: modules.as_ref(), is_gguf, name: &name, family };
    let detected = detect(&clues);
    let text = [Family::TextEmbedding, Family::TextGeneration, Family::TextToText];
    // A GGUF file has its tokenizer inside.
    if !is_gguf && detected.as_ref().is_some_and(|d| text.contains(&d.family)) {
        let has = |group: &&[&str]| group.iter().all(|name| transformer.join(name).is_file());
        if !TOKENIZERS.iter().any(has) {
            let expected = TOKENIZERS.iter().map(|g| g.join(" with ")).collect::<Vec<_>>().join(", ");
            return Err(ModelError::NoTokenizer { folder: folder.clone(), expected });
        }
        for file in ["tokenizer.json", "tokenizer_config.json"].map(|name| transformer.join(name)) {
            if file.exists() {
                json(&file, "a JSON object")?;
            }
        }
    }
    Ok(Checked { folder: folder.clone(), name, family: detected, safetensors: weights, onnx: graphs, gguf })
}

/// The folder itself, or the one folder in it that holds a configuration (as Python packages have).
fn find(folder: &Path) -> Result<PathBuf, ModelError> {
    let read = |source| ModelError::Read { file: folder.to_owned(), source };
    let folder = folder.canonicalize().map_err(read)?;
    let is_model = |folder: &Path| {
        folder.join("config.json").is_file()
            || transformer(folder).is_ok_and(|(path, is_table)| is_table || !path.is_empty())
    };
    if is_model(&folder) || only_graphs(&folder) || only_gguf(&folder) {
        return Ok(folder);
    }
    if !folder.is_dir() {
        return Err(ModelError::NoConfig { folder, found: "a file" });
    }
    let mut inner = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if is_model(&path) || only_gguf(&path) {
            inner.push(path);
        }
    }
    match (inner.pop(), inner.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(ModelError::NoConfig { folder, found: "several folders that have one" }),
        (None, _) => Err(ModelError::NoConfig { folder, found: "none" }),
    }
}

/// The folder with the transformer's config, by `modules.json` (`""` where that is the model's own), and whether a
/// table of embeddings stands in its place.
fn transformer(folder: &Path) -> Result<(String, bool), ModelError> {
    let file = folder.join("modules.json");
    if !file.is_file() {
        return Ok((String::new(), false));
    }
    let read = |source| ModelError::Read { file: file.clone(), source };
    let modules = pelago_text::folders(&std::fs::read(&file).map_err(read)?);
    let modules = modules.map_err(|source| ModelError::Text { folder: folder.to_owned(), source })?;
    let found = modules.into_iter().find(|(_, kind)| kind == "Transformer" || kind == pelago_text::TABLE);
    let Some((path, kind)) = found else { return Ok((String::new(), false)) };
    let is_table = kind == pelago_text::TABLE;
    // What names a folder without a config is wrong about it; the model's own may have one.
    let is_there = is_table || folder.join(&path).join("config.json").is_file();
    Ok((if is_there { path } else { String::new() }, is_table))
}

/// Whether a folder has a graph, and neither a config nor weights for which one would be needed.
fn only_graphs(folder: &Path) -> bool {
    has_alone(folder, "onnx")
}

/// Whether a folder has GGUF files, which need nothing beside them, and no checkpoint.
fn only_gguf(folder: &Path) -> bool {
    has_alone(folder, "gguf")
}

/// Whether a folder has files of this kind, and neither a config nor weights for which one would be needed.
fn has_alone(folder: &Path, kind: &str) -> bool {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| PathBuf::from(entry.file_name()));
    let names = names.collect::<Vec<_>>();
    let has = |end: &str| names.iter().any(|name| name.extension().is_some_and(|found| found == end));
    has(kind) && !has("safetensors") && !names.iter().any(|name| name.as_os_str() == "config.json")
}

fn list(root: &Path, folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ModelError> {
    let read = |source| ModelError::Read { file: folder.to_owned(), source };
    let mut entries = std::fs::read_dir(folder).map_err(read)?.collect::<Result<Vec<_>, _>>().map_err(read)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let kind = entry.file_type().map_err(read)?;
        if hidden {
            continue;
        }
        // The store refuses what is neither file nor folder, and links out of the folder.
        if kind.is_dir() && depth < DEPTH_MAX {
            list(root, &path, depth + 1, files)?;
        } else if path.is_file() {
            files.extend(path.strip_prefix(root).map(Path::to_owned));
        }
    }
    Ok(())
}

/// A graph must be one, and the files that it keeps weights in must be there.
fn check_graph(folder: &Path, file: &Path) -> Result<(), ModelError> {
    // The store refuses a name that is not UTF-8.
    let Some(name) = file.to_str() else { return Ok(()) };
    let checked = read::check(&Folder(folder.to_owned()), name);
    checked.map_err(|source| ModelError::Onnx { folder: folder.to_owned(), source })
}

/// A GGUF file's header must be whole, and its tensors inside the file.
fn check_gguf(folder: &Path, file: &Path) -> Result<(), ModelError> {
    let Some(name) = file.to_str() else { return Ok(()) };
    let read = Gguf::read(&Folder(folder.to_owned()), name);
    read.map(drop).map_err(|source| ModelError::Gguf { file: folder.join(file), source: Box::new(source) })
}

/// A clone without Git LFS has small texts in place of its large files.
fn check_pointers(folder: &Path, files: &[PathBuf]) -> Result<(), ModelError> {
    for file in files.iter().map(|file| folder.join(file)) {
        let read = |source| ModelError::Read { file: file.clone(), source };
        if file.metadata().map_err(read)?.len() < 1024
            && std::fs::read(&file).map_err(read)?.starts_with(b"version https://git-lfs")
        {
            return Err(ModelError::Pointer { file });
        }
    }
    Ok(())
}

fn json(file: &Path, expected: &'static str) -> Result<Value, ModelError> {
    let read = |source| ModelError::Read { file: file.to_owned(), source };
    let bad = |actual| ModelError::Json { file: file.to_owned(), expected, actual };
    let size = file.metadata().map_err(read)?.len();
    if size > JSON_MAX {
        return Err(bad(format!("a file of {size} bytes")));
    }
    let value: Value =
        pelago_text::python_json(&std::fs::read(file).map_err(read)?).map_err(|e| bad(format!("no JSON: {e}")))?;
    if value.is_object() || value.is_array() { Ok(value) } else { Err(bad(value.to_string())) }
}

/// Every tensor that `model.safetensors.index.json` names must be in the shard it names.
fn check_index(folder: &Path, tensors: &BTreeMap<PathBuf, BTreeSet<String>>) -> Result<(), ModelError> {
    let file = folder.join("model.safetensors.index.json");
    // transformers looks for the whole file first, and so may leave the list of shards that are gone.
    if !file.exists() || folder.join("model.safetensors").is_file() {
        return Ok(());
    }
    let expected = "a JSON object with weight_map, from tensors to files";
    let index = json(&file, expected)?;
    let Some(map) = index["weight_map"].as_object() else {
        return Err(ModelError::Json { file, expected, actual: "no weight_map".to_owned() });
    };
    for (tensor, shard) in map {
        let shard = shard.as_str().unwrap_or_default();
        let missing = match tensors.get(Path::new(shard)) {
            None => "a file".to_owned(),
            Some(names) if !names.contains(tensor) => format!("tensor {tensor:?}"),
            Some(_) => continue,
        };
        return Err(ModelError::Shard { file, shard: shard.to_owned(), missing });
    }
    Ok(())
}

/// `_name_or_path` where it is a name, else the folder's; `model` and the like say nothing, so the
/// folder above is asked.
fn default_name(config: &Value, folder: &Path) -> String {
    let own = config["_name_or_path"].as_str().unwrap_or_default();
    if !own.is_empty() && own.matches('/').count() <= 1 && !own.starts_with(['/', '.', '~']) && !own.ends_with('/') {
        return own.to_owned();
    }
    let names = folder.ancestors().filter_map(|a| a.file_name()?.to_str());
    let mut telling = names.filter(|n| !matches!(*n, "model" | "models" | "src" | "onnx" | "checkpoint"));
    telling.next().unwrap_or("model").to_owned()
}
