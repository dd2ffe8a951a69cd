//! What a model does, told from its config and, where that is silent, its name.

use pelago_protocol::Family;
use serde_json::Value;

use Family::{Audio, Multimodal, TextEmbedding, TextGeneration, TextToText, Vision};

/// Endings of `architectures` that say it whatever the model type.
const HEADS: &[(&str, Family)] = &[
    ("ForCausalLM", TextGeneration),
    ("LMHeadModel", TextGeneration),
    ("ForConditionalGeneration", TextToText),
    ("ForImageClassification", Vision),
    ("ForObjectDetection", Vision),
    ("ForSemanticSegmentation", Vision),
    ("ForSpeechSeq2Seq", Audio),
    ("ForCTC", Audio),
    ("ForAudioClassification", Audio),
];

/// `model_type` of config.json. CLAP pairs sound with text, but its model is an
/// audio tower, so it is run as audio.
const MODEL_TYPES: &[(&[&str], Family)] = &[
    (
        &[
            "clip",
            "siglip",
            "blip",
            "blip-2",
            "llava",
            "vilt",
            "paligemma",
            "idefics",
            "qwen2_vl",
            "vision-encoder-decoder",
            "align",
            "chinese_clip",
        ],
        Multimodal,
    ),
    (
        &[
            "whisper",
            "wav2vec2",
            "hubert",
            "clap",
            "encodec",
            "wavlm",
            "speech_to_text",
            "audio-spectrogram-transformer",
            "sew",
            "unispeech",
        ],
        Audio,
    ),
    (
        &[
            "vit",
            "deit",
            "swin",
            "swinv2",
            "convnext",
            "convnextv2",
            "resnet",
            "detr",
            "yolos",
            "beit",
            "dinov2",
            "segformer",
            "mobilevit",
            "efficientnet",
        ],
        Vision,
    ),
    (&["t5", "mt5", "bart", "mbart", "pegasus", "marian", "m2m_100", "longt5", "blenderbot"], TextToText),
    (
        &[
            "gpt2", "gpt_neo", "gpt_neox", "gptj", "llama", "mistral", "mixtral", "qwen2", "qwen3", "phi", "phi3",
            "gemma", "gemma2", "gemma3", "opt", "bloom", "falcon", "stablelm", "codegen", "olmo",
        ],
        TextGeneration,
    ),
    (
        &[
            "bert",
            "roberta",
            "xlm-roberta",
            "camembert",
            "distilbert",
            "mpnet",
            "albert",
            "electra",
            "deberta",
            "deberta-v2",
            "nomic_bert",
            "modernbert",
            "new",
        ],
        TextEmbedding,
    ),
];

/// Parts of a name, tried in this order: `clip-vit` is CLIP before it is ViT.
const NAMES: &[(&[&str], Family)] = &[
    (&["clip", "llava", "blip", "vilt", "paligemma"], Multimodal),
    (&["whisper", "wav2vec", "hubert", "clap", "encodec"], Audio),
    (&["vit", "resnet", "convnext", "detr", "swin", "deit", "yolo", "dino"], Vision),
    (&["t5", "bart", "pegasus", "marian", "m2m", "opus-mt"], TextToText),
    (&["minilm", "bert", "mpnet", "e5", "bge", "gte", "embed", "sentence"], TextEmbedding),
    (&["gpt", "llama", "qwen", "mistral", "phi", "gemma", "opt", "bloom", "falcon"], TextGeneration),
];

/// A family, and how it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// The family.
    pub family: Family,
    /// e.g. `model_type "bert"`.
    pub evidence: String,
}

/// Tells the family of a model. `is_sentence_transformer` is whether its folder
/// has a `modules.json`.
#[must_use]
pub fn detect(name: &str, config: &Value, is_sentence_transformer: bool) -> Option<Detected> {
    let found = |family, evidence| Some(Detected { family, evidence });
    if is_sentence_transformer {
        return found(TextEmbedding, "modules.json of sentence-transformers".to_owned());
    }
    let model_type = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
    let by_type = MODEL_TYPES.iter().find(|(types, _)| types.contains(&model_type)).map(|(_, family)| *family);
    // What is made for several senses or for sound stays so whatever its head is called.
    if let Some(family @ (Multimodal | Audio)) = by_type {
        return found(family, format!("model_type {model_type:?}"));
    }
    let architectures = config.get("architectures").and_then(Value::as_array);
    for architecture in architectures.into_iter().flatten().filter_map(Value::as_str) {
        if let Some((_, family)) = HEADS.iter().find(|(ending, _)| architecture.ends_with(ending)) {
            return found(*family, format!("architecture {architecture:?}"));
        }
    }
    if let Some(family) = by_type {
        return found(family, format!("model_type {model_type:?}"));
    }
    let lower = name.to_lowercase();
    let (part, family) = NAMES
        .iter()
        .find_map(|(parts, family)| parts.iter().find(|part| lower.contains(**part)).map(|part| (*part, *family)))?;
    found(family, format!("the name holds {part:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn families_by_config_then_by_name() {
        let family = |name, config| detect(name, &config, false).map(|found| found.family);
        assert_eq!(family("x", json!({"model_type": "bert", "architectures": ["BertModel"]})), Some(TextEmbedding));
        assert_eq!(
            family("x", json!({"model_type": "bert", "architectures": ["BertLMHeadModel"]})),
            Some(TextGeneration)
        );
        assert_eq!(
            family("x", json!({"model_type": "llama", "architectures": ["LlamaForCausalLM"]})),
            Some(TextGeneration)
        );
        assert_eq!(
            family("x", json!({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]})),
            Some(TextGeneration)
        );
        assert_eq!(
            family("x", json!({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]})),
            Some(TextToText)
        );
        assert_eq!(
            family("x", json!({"model_type": "vit", "architectures": ["ViTForImageClassification"]})),
            Some(Vision)
        );
        assert_eq!(family("x", json!({"model_type": "clip", "architectures": ["CLIPModel"]})), Some(Multimodal));
        assert_eq!(
            family("x", json!({"model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"]})),
            Some(Audio)
        );
        assert_eq!(family("x", json!({"model_type": "wav2vec2", "architectures": ["Wav2Vec2Model"]})), Some(Audio));
        assert_eq!(family("openai/clip-vit-base", json!({})), Some(Multimodal));
        assert_eq!(family("All-MiniLM-L6-v2", json!({})), Some(TextEmbedding));
        assert_eq!(family("something", json!({})), None);
    }

    #[test]
    fn a_sentence_transformer_embeds_whatever_it_is_made_of() {
        let config = json!({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]});
        assert_eq!(detect("x", &config, true).map(|found| found.family), Some(TextEmbedding));
    }
}
