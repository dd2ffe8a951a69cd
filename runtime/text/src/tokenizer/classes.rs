//! What classes of `transformers` make anew around the vocabulary of a `tokenizer.json`. The others take the file as
//! it is.

use serde_json::{Value, json};

use super::defaults::{BERT, DEBERTA_V2, GEMMA, GPT2, LLAMA, MPNET, ROBERTA, default_token};
use super::settings::Settings;

/// The `tokenizer.json` that the class makes of the file's.
pub(super) fn rebuilt(settings: &Settings) -> Value {
    let mut json = settings.tokenizer.clone();
    let class = settings.class.as_str();
    match json["model"]["type"].as_str().unwrap_or("WordPiece") {
        "WordPiece" if BERT.contains(&class) => bert(settings, &mut json),
        "WordPiece" if class == MPNET => mpnet(settings, &mut json),
        "BPE" if class == ROBERTA => roberta(settings, &mut json),
        "BPE" if class == GPT2 => gpt2(settings, &mut json),
        // Llama 3 has this class in its files and the bytes of GPT-2 in its vocabulary.
        "BPE" if class == LLAMA && !settings.tokenizer.to_string().contains("\"ByteLevel\"") => {
            llama(settings, &mut json)
        }
        "BPE" if class == GEMMA => json["decoder"] = of_pieces(false),
        "Unigram" if class == DEBERTA_V2 => deberta_v2(settings, &mut json),
        _ => {}
    }
    json
}

fn token<'a>(settings: &'a Settings, name: &str) -> &'a str {
    settings.named(name).or_else(|| default_token(&settings.class, name)).unwrap_or_default()
}

/// The id that a text has in the vocabulary, or that it was added under.
fn id(json: &Value, token: &str) -> Value {
    let added = json["added_tokens"].as_array().into_iter().flatten();
    let added = added.into_iter().find(|added| added["content"] == token).map(|added| added["id"].clone());
    added.unwrap_or_else(|| json["model"]["vocab"][token].clone())
}

/// Lower case and accents as `tokenizer_config.json` says: by default, everything is in lower case.
fn bert_normalizer(settings: &Settings) -> Value {
    json!({
        "type": "BertNormalizer",
        "clean_text": true,
        "handle_chinese_chars": settings.flag("tokenize_chinese_chars").unwrap_or(true),
        "strip_accents": settings.flag("strip_accents"),
        "lowercase": settings.flag("do_lower_case").unwrap_or(true),
    })
}

fn word_piece(settings: &Settings, json: &mut Value) {
    json["model"]["type"] = json!("WordPiece");
    json["model"]["unk_token"] = json!(token(settings, "unk_token"));
    json["model"]["continuing_subword_prefix"] = json!("##");
    json["model"]["max_input_chars_per_word"] = json!(100);
    json["normalizer"] = bert_normalizer(settings);
    json["pre_tokenizer"] = json!({"type": "BertPreTokenizer"});
    json["decoder"] = json!({"type": "WordPiece", "prefix": "##", "cleanup": true});
}

fn bert(settings: &Settings, json: &mut Value) {
    word_piece(settings, json);
    around_bert(settings, json);
}

fn around_bert(settings: &Settings, json: &mut Value) {
    let (cls, sep) = (token(settings, "cls_token"), token(settings, "sep_token"));
    let (cls_id, sep_id) = (id(json, cls), id(json, sep));
    if cls_id.is_null() || sep_id.is_null() {
        return;
    }
    let special = |token: &str, type_id: u32| json!({"SpecialToken": {"id": token, "type_id": type_id}});
    let text = |name: &str, type_id: u32| json!({"Sequence": {"id": name, "type_id": type_id}});
    json["post_processor"] = json!({
        "type": "TemplateProcessing",
        "single": [special(cls, 0), text("A", 0), special(sep, 0)],
        "pair": [special(cls, 0), text("A", 0), special(sep, 0), text("B", 1), special(sep, 1)],
        "special_tokens": {
            cls: {"id": cls, "ids": [cls_id], "tokens": [cls]},
            sep: {"id": sep, "ids": [sep_id], "tokens": [sep]},
        },
    });
}

fn mpnet(settings: &Settings, json: &mut Value) {
    word_piece(settings, json);
    around_roberta(settings, json, true, false);
}

fn byte_level(settings: &Settings, json: &mut Value) {
    let model = &mut json["model"];
    for (name, value) in [
        ("unk_token", Value::Null),
        ("continuing_subword_prefix", json!("")),
        ("end_of_word_suffix", json!("")),
        ("fuse_unk", json!(false)),
        ("byte_fallback", json!(false)),
        ("ignore_merges", json!(false)),
    ] {
        model[name] = value;
    }
    json["normalizer"] = Value::Null;
    let prefix = settings.flag("add_prefix_space").unwrap_or(false);
    json["pre_tokenizer"] =
        json!({"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": true});
    json["decoder"] = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true});
}

fn roberta(settings: &Settings, json: &mut Value) {
    byte_level(settings, json);
    let trim = settings.flag("trim_offsets").unwrap_or(true);
    around_roberta(settings, json, trim, settings.flag("add_prefix_space").unwrap_or(false));
}

fn around_roberta(settings: &Settings, json: &mut Value, trim: bool, prefix: bool) {
    let (cls, sep) = (token(settings, "cls_token"), token(settings, "sep_token"));
    let (cls_id, sep_id) = (id(json, cls), id(json, sep));
    if !cls_id.is_null() && !sep_id.is_null() {
        json["post_processor"] = json!({
            "type": "RobertaProcessing", "sep": [sep, sep_id], "cls": [cls, cls_id],
            "trim_offsets": trim, "add_prefix_space": prefix,
        });
    }
}

fn metaspace(scheme: &str, split: bool) -> Value {
    json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split})
}

/// The decoder of pieces with a mark for each space; `strips` says that a text has one before it.
fn of_pieces(strips: bool) -> Value {
    let mut parts = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if strips {
        parts.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    json!({"type": "Sequence", "decoders": parts})
}

fn llama(settings: &Settings, json: &mut Value) {
    let model = &mut json["model"];
    for (name, value) in [
        ("unk_token", Value::Null),
        ("continuing_subword_prefix", Value::Null),
        ("end_of_word_suffix", Value::Null),
        ("fuse_unk", json!(true)),
        ("byte_fallback", json!(true)),
        ("ignore_merges", json!(false)),
    ] {
        model[name] = value;
    }
    json["normalizer"] = Value::Null;
    let prefix = settings.flag("add_prefix_space").unwrap_or(true);
    json["decoder"] = of_pieces(prefix);
    let scheme = match (prefix, settings.flag("legacy").unwrap_or(false)) {
        (false, _) => "never",
        (true, false) => "first",
        (true, true) => "always",
    };
    json["pre_tokenizer"] = metaspace(scheme, false);
}

fn deberta_v2(settings: &Settings, json: &mut Value) {
    let vocab = json["model"]["vocab"].as_array();
    let unknown = vocab.and_then(|vocab| vocab.iter().position(|entry| entry[0] == "[UNK]" && entry[1] == 0.0));
    json["model"]["unk_id"] = json!(unknown.unwrap_or(1));
    json["model"]["byte_fallback"] = json!(false);
    let mut normalizers = Vec::new();
    if settings.flag("do_lower_case").unwrap_or(false) {
        normalizers.push(json!({"type": "Lowercase"}));
    }
    normalizers.extend([
        json!({"type": "Replace", "pattern": {"Regex": "\\s{2,}|[\n\r\t]"}, "content": " "}),
        json!({"type": "NFC"}),
        json!({"type": "Strip", "strip_left": false, "strip_right": true}),
    ]);
    json["normalizer"] = json!({"type": "Sequence", "normalizers": normalizers});
    let scheme = if settings.flag("add_prefix_space").unwrap_or(true) { "always" } else { "never" };
    let mut parts = Vec::new();
    if settings.flag("split_by_punct").unwrap_or(false) {
        parts.push(json!({"type": "Punctuation", "behavior": "Isolated"}));
    }
    parts.push(metaspace(scheme, true));
    json["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": parts});
    around_bert(settings, json);
}

fn gpt2(settings: &Settings, json: &mut Value) {
    byte_level(settings, json);
}
