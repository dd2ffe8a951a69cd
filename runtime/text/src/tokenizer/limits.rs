//! How many tokens a text may have.

use serde_json::{Map, Value};

use crate::Error;
use crate::files::{Files, join};

/// The names that sentence-transformers has given to the settings of its Transformer module; the first that is there
/// counts.
pub(crate) const TRANSFORMER_CONFIGS: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// Architectures whose positions start after the padding id.
const OFFSET_POSITIONS: [&str; 7] =
    ["roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "longformer", "data2vec-text"];

/// A tokenizer without a limit says 1e30.
const NO_LIMIT: f64 = 1e9;

/// The settings of the Transformer module; `listed` says that there is one.
pub(crate) fn transformer(files: &Files, folder: &str, listed: bool) -> Result<Map<String, Value>, Error> {
    for name in TRANSFORMER_CONFIGS.iter().filter(|_| listed) {
        if let Some(Value::Object(object)) = files.json(&join(folder, name))? {
            return Ok(object);
        }
    }
    Ok(Map::new())
}

/// What the Transformer module says, else what the tokenizer says; never more than the model has positions.
pub(super) fn max_tokens(
    files: &Files,
    folder: &str,
    tokenizer: &Map<String, Value>,
    listed: bool,
) -> Result<Option<usize>, Error> {
    let limit = |value: Option<&Value>| value.and_then(Value::as_f64).filter(|limit| (1.0..NO_LIMIT).contains(limit));
    let config = match files.json(&join(folder, "config.json"))? {
        Some(Value::Object(config)) => config,
        _ => Map::new(),
    };
    let kind = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
    let offset = if OFFSET_POSITIONS.contains(&kind) {
        config.get("pad_token_id").and_then(Value::as_f64).unwrap_or(1.0) + 1.0
    } else {
        0.0
    };
    // Relative positions have no end.
    let absolute =
        !matches!(kind, "t5" | "mt5" | "umt5" | "deberta-v2") || config.contains_key("max_position_embeddings");
    let positions = limit(config.get("max_position_embeddings")).filter(|_| absolute).map(|most| most - offset);
    let sentence = transformer(files, folder, listed)?;
    let said = limit(sentence.get("max_seq_length")).or_else(|| limit(tokenizer.get("model_max_length")));
    let least = [positions, said].into_iter().flatten().fold(f64::INFINITY, f64::min);
    Ok((1.0..NO_LIMIT).contains(&least).then_some(least as usize))
}
