//! The files that say how a model tokenizes, and which of them decides what.

use serde_json::{Map, Value};
use tokenizers::TruncationDirection;

use super::{FILE_MAX, slow};
use crate::Error;
use crate::files::{Files, join};

/// Special tokens by the names of their settings.
pub(crate) const NAMED: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// What the files of a tokenizer say.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The path of the file with the vocabulary, for messages.
    pub(super) file: String,
    /// `tokenizer.json`, or what stands for it.
    pub(crate) tokenizer: Value,
    /// `tokenizer_config.json`, with what `special_tokens_map.json` overrides.
    pub(crate) config: Map<String, Value>,
    /// The class without `Fast`, e.g. `BertTokenizer`; empty for the general one.
    pub(crate) class: String,
    /// `added_tokens.json`, where it counts.
    pub(super) added: Map<String, Value>,
}

impl Settings {
    pub(super) fn read(files: &Files, folder: &str) -> Result<Self, Error> {
        let object = |file: &str| -> Result<Map<String, Value>, Error> {
            Ok(match files.json(&join(folder, file))? {
                Some(Value::Object(object)) => object,
                _ => Map::new(),
            })
        };
        let mut config = object("tokenizer_config.json")?;
        let mut added = Map::new();
        // Newer files list every added token; the older ones beside it are not read then.
        if !config.contains_key("added_tokens_decoder") {
            config.extend(object("special_tokens_map.json")?);
            added = object("added_tokens.json")?;
        }
        let model = object("config.json")?;
        let mut class = class(&config, &model);
        let file = join(folder, "tokenizer.json");
        if files.get(&file).is_some_and(|bytes| bytes.len() > FILE_MAX) {
            return Err(Error::Damaged { problem: format!("it is longer than {FILE_MAX} bytes"), file });
        }
        let (file, tokenizer) = match files.json(&file)? {
            Some(tokenizer) => (file, tokenizer),
            None => {
                let converted = slow::converted(files, folder)?;
                if class.is_empty() {
                    converted.class.clone_into(&mut class);
                }
                (converted.file, converted.tokenizer)
            }
        };
        if !tokenizer["model"].is_object() {
            return Err(Error::Damaged { file, problem: "expected an object with a model".to_owned() });
        }
        Ok(Self { file, tokenizer, config, class, added })
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.config.get(name).and_then(Value::as_bool)
    }

    /// Whether spaces before punctuation are taken away of a text that is made of tokens. Those of a byte-pair encoding
    /// are all meant; Llama 3 asks for it nevertheless.
    pub(crate) fn cleans(&self) -> bool {
        self.tokenizer["model"]["type"] != "BPE" && self.flag("clean_up_tokenization_spaces").unwrap_or(false)
    }

    /// The text of a special token, which is a string or a record.
    pub(crate) fn named(&self, name: &str) -> Option<&str> {
        let token = self.config.get(name)?;
        token.as_str().or_else(|| token["content"].as_str())
    }

    pub(super) fn pads_left(&self) -> bool {
        let side = self.config.get("padding_side").and_then(Value::as_str);
        let side = side.or_else(|| self.tokenizer["padding"]["direction"].as_str());
        match side {
            Some(side) => side.eq_ignore_ascii_case("left"),
            None => matches!(self.class.as_str(), "LlamaTokenizer" | "GemmaTokenizer"),
        }
    }

    pub(super) fn truncation(&self) -> TruncationDirection {
        let side = self.config.get("truncation_side").and_then(Value::as_str);
        let side = side.or_else(|| self.tokenizer["truncation"]["direction"].as_str());
        if side.is_some_and(|side| side.eq_ignore_ascii_case("left")) {
            TruncationDirection::Left
        } else {
            TruncationDirection::Right
        }
    }

    pub(super) fn pad_id(&self, tokenizer: &tokenizers::Tokenizer) -> u32 {
        let named = self.named("pad_token").or_else(|| self.tokenizer["padding"]["pad_token"].as_str());
        let named = named.or_else(|| super::defaults::default_token(&self.class, "pad_token"));
        // What is padded is masked: any row of the table will do.
        named.and_then(|token| tokenizer.token_to_id(token)).unwrap_or_default()
    }
}

/// Types of models whose files name a class that `transformers` does not believe: their `tokenizer.json` is taken as
/// it is.
const GENERAL: [&str; 20] = [
    "arctic",
    "fuyu",
    "granite",
    "internlm2",
    "internlm3",
    "jamba",
    "llava",
    "llava_next",
    "minicpm3",
    "mistral",
    "mixtral",
    "modernbert",
    "modernbert-decoder",
    "molmo",
    "nemotron",
    "olmo2",
    "phi3",
    "phimoe",
    "umt5",
    "vipllava",
];

/// The class that `AutoTokenizer` chooses: by name, else by the model's type.
fn class(config: &Map<String, Value>, model: &Map<String, Value>) -> String {
    let kind = model.get("model_type").and_then(Value::as_str).unwrap_or_default();
    if GENERAL.contains(&kind) {
        return String::new();
    }
    let named = [config, model].into_iter().find_map(|file| file.get("tokenizer_class").and_then(Value::as_str));
    if let Some(named) = named {
        let named = named.strip_suffix("Fast").unwrap_or(named);
        // Of one make, under older names.
        return match named {
            "ElectraTokenizer" | "SqueezeBertTokenizer" | "LayoutLMTokenizer" | "MobileBertTokenizer" => {
                "BertTokenizer"
            }
            "BartTokenizer" | "LongformerTokenizer" => "RobertaTokenizer",
            other => other,
        }
        .to_owned();
    }
    let by_type = match kind {
        "bert" | "distilbert" | "electra" | "mobilebert" | "convbert" | "squeezebert" | "layoutlm" | "ernie"
        | "megatron-bert" | "nomic_bert" => "BertTokenizer",
        "mpnet" => "MPNetTokenizer",
        "roberta" | "bart" | "longformer" | "data2vec-text" | "ibert" => "RobertaTokenizer",
        "gpt2" | "gpt_neo" | "gptj" | "opt" | "phi" | "codegen" | "starcoder2" => "GPT2Tokenizer",
        "deberta-v2" => "DebertaV2Tokenizer",
        _ => "",
    };
    by_type.to_owned()
}
