//! A GGUF file's tokenizer as `tokenizer.json`, `tokenizer_config.json` and `generation_config.json`.

use std::collections::HashMap;

use pelago_onnx::gguf::Tokenizer;
use serde_json::{Map, Value, json};

use super::GgufTokenizerError;
use super::byte_level::{self, Pre};
use super::pieces;

/// Types of tokens.
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;
const BYTE: i64 = 6;

/// Tokens that end a turn, which a file may leave out. They count where the chat template writes them.
const TURN_ENDS: [&str; 8] =
    ["<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>", "<EOT>"];

/// The files of a tokenizer, by their names in a model's folder. `architecture` is the file's `general.architecture`.
///
/// # Errors
/// `Unsupported` for kinds other than byte-level BPE (`gpt2`) and SentencePiece's BPE (`llama`), and for ways to cut
/// texts that are not known; `Missing` and `Damaged` name the key.
pub(crate) fn tokenizer_files(
    tokenizer: &Tokenizer,
    architecture: &str,
) -> Result<Vec<(String, Vec<u8>)>, GgufTokenizerError> {
    let named = Named::of(tokenizer)?;
    let (parts, begins) = match tokenizer.model.as_str() {
        "gpt2" => bytes(tokenizer, &named)?,
        "llama" => scored(tokenizer, &named)?,
        other => {
            return Err(GgufTokenizerError::Unsupported {
                key: "tokenizer.ggml.model",
                found: other.chars().take(60).collect(),
                known: "gpt2 and llama".to_owned(),
            });
        }
    };
    let begins = tokenizer.add_bos.unwrap_or(begins);
    let (before, after) = (named.bos.filter(|_| begins), named.eos.filter(|_| tokenizer.add_eos == Some(true)));
    let json = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": added(tokenizer, &named, architecture),
        "normalizer": parts.normalizer, "pre_tokenizer": parts.pre_tokenizer,
        "post_processor": around(tokenizer, before, after), "decoder": parts.decoder, "model": parts.model,
    });
    let mut config = Map::from_iter([
        ("tokenizer_class".to_owned(), json!("PreTrainedTokenizerFast")),
        ("clean_up_tokenization_spaces".to_owned(), json!(false)),
        ("add_bos_token".to_owned(), json!(before.is_some())),
        ("add_eos_token".to_owned(), json!(after.is_some())),
    ]);
    for (name, id) in [("bos", named.bos), ("eos", named.eos), ("unk", named.unknown), ("pad", named.padding)] {
        config.extend(id.map(|id| (format!("{name}_token"), json!(named.texts[id]))));
    }
    config.extend(tokenizer.chat_template.as_ref().map(|text| ("chat_template".to_owned(), json!(text))));
    let mut generation = Map::new();
    for (name, id) in [("bos_token_id", named.bos), ("pad_token_id", named.padding)] {
        generation.extend(id.map(|id| (name.to_owned(), json!(id))));
    }
    let stops = named.stops(tokenizer);
    if !stops.is_empty() {
        generation.insert("eos_token_id".to_owned(), json!(stops));
    }
    let files = [
        ("tokenizer.json", json),
        ("tokenizer_config.json", config.into()),
        ("generation_config.json", generation.into()),
    ];
    Ok(files.into_iter().map(|(name, json)| (name.to_owned(), json.to_string().into_bytes())).collect())
}

/// The vocabulary, and the ids that the file gives a meaning.
struct Named {
    /// Each token's text, by its id. None is empty.
    texts: Vec<String>,
    bos: Option<usize>,
    eos: Option<usize>,
    eot: Option<usize>,
    unknown: Option<usize>,
    padding: Option<usize>,
}

impl Named {
    fn of(tokenizer: &Tokenizer) -> Result<Self, GgufTokenizerError> {
        let count = tokenizer.tokens.len();
        let inside = |id: Option<u64>| id.and_then(|id| usize::try_from(id).ok()).filter(|id| *id < count);
        let id = |key: &'static str, id: Option<u64>| match (id, inside(id)) {
            (Some(id), None) => Err(GgufTokenizerError::Damaged {
                key,
                expected: format!("the number of one of {count} tokens"),
                found: id.to_string(),
            }),
            (_, found) => Ok(found),
        };
        // SentencePiece's own names, where an older file says nothing.
        let scored = |text: &str| match tokenizer.model.as_str() {
            "llama" => tokenizer.tokens.iter().position(|token| token == text),
            _ => None,
        };
        let of_type = |kind: i64| tokenizer.types.as_ref().and_then(|types| types.iter().position(|own| *own == kind));
        let texts = tokenizer.tokens.iter().enumerate();
        let texts = texts.map(|(id, text)| if text.is_empty() { format!("[EMPTY_{id}]") } else { text.clone() });
        Ok(Self {
            bos: id("tokenizer.ggml.bos_token_id", tokenizer.bos)?.or_else(|| scored("<s>")),
            eos: id("tokenizer.ggml.eos_token_id", tokenizer.eos)?.or_else(|| scored("</s>")),
            eot: id("tokenizer.ggml.eot_token_id", tokenizer.eot)?,
            unknown: id("tokenizer.ggml.unknown_token_id", tokenizer.unknown)?.or_else(|| of_type(UNKNOWN)),
            // Converters write ids of tokens that were meant to be added: what is padded is masked, so any will do.
            padding: inside(tokenizer.padding),
            texts: texts.collect(),
        })
    }

    /// The ids of all tokens.
    fn ids(&self) -> Result<HashMap<&str, usize>, GgufTokenizerError> {
        let mut ids = HashMap::with_capacity(self.texts.len());
        for (id, text) in self.texts.iter().enumerate() {
            if let Some(first) = ids.insert(text.as_str(), id) {
                return Err(GgufTokenizerError::Damaged {
                    key: "tokenizer.ggml.tokens",
                    expected: "tokens that differ".to_owned(),
                    found: format!("{:?} as {first} and as {id}", text.chars().take(60).collect::<String>()),
                });
            }
        }
        Ok(ids)
    }

    /// Tokens that end an answer.
    fn stops(&self, tokenizer: &Tokenizer) -> Vec<usize> {
        let mut stops = self.eos.into_iter().chain(self.eot).collect::<Vec<_>>();
        let template = tokenizer.chat_template.as_deref().unwrap_or_default();
        if self.eot.is_none() {
            let written = TURN_ENDS.iter().filter(|text| template.contains(**text));
            stops.extend(written.filter_map(|text| self.texts.iter().position(|own| own == text)));
        }
        let mut seen = Vec::new();
        stops.retain(|id| {
            !seen.contains(id) && {
                seen.push(*id);
                true
            }
        });
        stops
    }
}

/// The parts of a `tokenizer.json` that depend on the kind.
struct Parts {
    model: Value,
    normalizer: Value,
    pre_tokenizer: Value,
    decoder: Value,
}

fn model(named: &Named, merges: &[(&str, &str)], more: Value) -> Value {
    let vocab = named.texts.iter().enumerate().map(|(id, text)| (text.clone(), json!(id))).collect::<Map<_, _>>();
    let mut model = json!({
        "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
    });
    for (name, value) in [("vocab", vocab.into()), ("merges", json!(merges))].into_iter() {
        model[name] = value;
    }
    for (name, value) in more.as_object().into_iter().flatten() {
        model[name] = value.clone();
    }
    model
}

/// Byte-level BPE, and whether a text begins with the first token where the file does not say so.
fn bytes(tokenizer: &Tokenizer, named: &Named) -> Result<(Parts, bool), GgufTokenizerError> {
    let pre = Pre::named(tokenizer.pre.as_deref())?;
    let missing = || GgufTokenizerError::Missing { key: "tokenizer.ggml.merges", kind: tokenizer.model.clone() };
    let ids = named.ids()?;
    let merges = byte_level::merges(tokenizer.merges.as_ref().ok_or_else(missing)?, |text| ids.contains_key(text))?;
    let parts = Parts {
        model: model(named, &merges, json!({"ignore_merges": pre.ignores_merges})),
        normalizer: pre.normalizer(),
        pre_tokenizer: pre.pre_tokenizer(),
        decoder: byte_level::decoder(),
    };
    Ok((parts, pre.adds_bos))
}

/// SentencePiece's BPE.
fn scored(tokenizer: &Tokenizer, named: &Named) -> Result<(Parts, bool), GgufTokenizerError> {
    let missing = || GgufTokenizerError::Missing { key: "tokenizer.ggml.scores", kind: tokenizer.model.clone() };
    let scores = tokenizer.scores.as_ref().ok_or_else(missing)?;
    if scores.len() != named.texts.len() {
        return Err(GgufTokenizerError::Damaged {
            key: "tokenizer.ggml.scores",
            expected: format!("{} numbers", named.texts.len()),
            found: scores.len().to_string(),
        });
    }
    let ids = named.ids()?;
    let kind = |id: usize| tokenizer.types.as_ref().and_then(|types| types.get(id)).copied();
    let joins = |id: usize| !matches!(kind(id), Some(UNKNOWN | CONTROL | BYTE));
    let merges = match &tokenizer.merges {
        Some(listed) => byte_level::merges(listed, |text| ids.contains_key(text))?,
        None => pieces::merges(&named.texts, scores, &ids, joins),
    };
    let unknown = named.unknown.map(|id| named.texts[id].as_str());
    let prefix = tokenizer.add_space_prefix.unwrap_or(true);
    let parts = Parts {
        model: model(named, &merges, json!({"unk_token": unknown, "fuse_unk": true, "byte_fallback": true})),
        normalizer: pieces::normalizer(prefix),
        pre_tokenizer: Value::Null,
        decoder: pieces::decoder(prefix),
    };
    Ok((parts, true))
}

/// Tokens that are found in a text before all else: those of control, and those that the model's makers defined.
fn added(tokenizer: &Tokenizer, named: &Named, architecture: &str) -> Vec<Value> {
    let types = tokenizer.types.as_deref().unwrap_or_default();
    let tokens = types.iter().zip(&named.texts).enumerate();
    let tokens = tokens.filter(|(_, (kind, _))| matches!(**kind, CONTROL | USER_DEFINED));
    let record = |(id, (kind, text)): (usize, (&i64, &String))| {
        // Phi-3's tokens take the white space after them, which a GGUF file does not say.
        let turn = text.starts_with("<|") && text.ends_with("|>") && text != "<|endoftext|>";
        let strips = architecture == "phi3" && tokenizer.model == "llama" && (turn || text == "</s>");
        json!({
            "id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": strips,
            "normalized": false, "special": *kind == CONTROL,
        })
    };
    tokens.map(record).collect()
}

/// The tokens that are put around a text.
fn around(tokenizer: &Tokenizer, before: Option<usize>, after: Option<usize>) -> Value {
    if before.is_none() && after.is_none() {
        return Value::Null;
    }
    let token = |id: usize| json!({"SpecialToken": {"id": tokenizer.tokens[id], "type_id": 0}});
    let text = |name: &str, type_id: u32| json!({"Sequence": {"id": name, "type_id": type_id}});
    let single = before.map(token).into_iter().chain([text("A", 0)]).chain(after.map(token)).collect::<Vec<_>>();
    let pair = single.iter().cloned().chain(before.map(token)).chain([text("B", 1)]).chain(after.map(token));
    let special = before.into_iter().chain(after).map(|id| {
        let text = &tokenizer.tokens[id];
        (text.clone(), json!({"id": text, "ids": [id], "tokens": [text]}))
    });
    json!({
        "type": "TemplateProcessing", "single": single, "pair": pair.collect::<Vec<_>>(),
        "special_tokens": special.collect::<Map<_, _>>(),
    })
}
