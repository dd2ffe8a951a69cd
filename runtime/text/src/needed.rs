//! Which files of a model's folder are read.

use crate::Error;
use crate::modules::{TABLE, folders};
use crate::tokenizer::TRANSFORMER_CONFIGS;

/// Files of the transformer's folder, and of the model's own.
const SETTINGS: [&str; 10] = [
    "modules.json",
    "config.json",
    "config_sentence_transformers.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
];
/// Files of the folder of any other module.
const OF_MODULES: [&str; 3] = ["config.json", "model.safetensors", "pytorch_model.bin"];

/// Which of a model's files this crate reads. `modules` is its `modules.json`, where there is one.
///
/// # Errors
/// `Damaged` and `Outside`, of `modules.json`.
pub fn needed<'a>(paths: impl IntoIterator<Item = &'a str>, modules: Option<&[u8]>) -> Result<Vec<String>, Error> {
    let folders = modules.map(folders).transpose()?.unwrap_or_default();
    let (transformers, others): (Vec<_>, Vec<_>) =
        folders.into_iter().partition(|(_, kind)| kind == "Transformer" || kind == TABLE);
    let others = others.into_iter().map(|(folder, _)| folder).chain([String::from("1_Pooling")]).collect::<Vec<_>>();
    let is_needed = |path: &&str| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let of_transformer = folder.is_empty() || transformers.iter().any(|(transformer, _)| transformer == folder);
        (of_transformer && (SETTINGS.contains(&name) || TRANSFORMER_CONFIGS.contains(&name)))
            || (!folder.is_empty() && others.iter().any(|other| other == folder) && OF_MODULES.contains(&name))
    };
    Ok(paths.into_iter().filter(is_needed).map(str::to_owned).collect())
}
