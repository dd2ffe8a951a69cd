//! Which family a model is of, and what is done with it: by its configuration, and where that is silent
//! by its name. The tables are the whole of it; a wrong answer is mended there.

use pelago_protocol::Family::{Audio, Multimodal, TextEmbedding, TextGeneration, TextToText, Vision};
use pelago_protocol::{Family, Task};
use serde_json::Value;

/// What is known of a model.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clues<'a> {
    /// `config.json`.
    pub config: Option<&'a Value>,
    /// `modules.json` of sentence-transformers.
    pub modules: Option<&'a Value>,
    /// Whether its weights are a GGUF file.
    pub is_gguf: bool,
    /// The model's name.
    pub name: &'a str,
    /// What the user says, which settles it.
    pub family: Option<Family>,
}

/// A family, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// The family.
    pub family: Family,
    /// What is done with it; `None` where nothing can be done yet.
    pub task: Option<Task>,
    /// What the checkpoint's head is for; `None` where it has none that is known.
    pub head: Option<Task>,
    /// The clue that decided, for the user to read.
    pub evidence: String,
}

/// Architectures that are another family than their `model_type`: the half of a model that was exported.
const ARCHITECTURES: &[(&str, Family)] = &[
    ("T5EncoderModel", TextEmbedding),
    ("MT5EncoderModel", TextEmbedding),
    ("UMT5EncoderModel", TextEmbedding),
    ("CLIPTextModel", TextEmbedding),
    ("CLIPTextModelWithProjection", TextEmbedding),
    ("SiglipTextModel", TextEmbedding),
    ("CLIPVisionModel", Vision),
    ("CLIPVisionModelWithProjection", Vision),
    ("SiglipVisionModel", Vision),
    ("BertLMHeadModel", TextGeneration),
];

/// Beginnings of `model_type`; the longest that fits decides. CLAP pairs sound with text, and is
/// counted as audio because sound is what it is run for; its text half alone is no use.
const MODEL_TYPES: &[(&str, Family)] = &[
    ("albert", TextEmbedding),
    ("bert", TextEmbedding),
    ("big_bird", TextEmbedding),
    ("camembert", TextEmbedding),
    ("deberta", TextEmbedding),
    ("distilbert", TextEmbedding),
    ("electra", TextEmbedding),
    ("ernie", TextEmbedding),
    ("longformer", TextEmbedding),
    ("modernbert", TextEmbedding),
    ("mpnet", TextEmbedding),
    ("nomic_bert", TextEmbedding),
    ("roberta", TextEmbedding),
    ("xlm-roberta", TextEmbedding),
    ("bloom", TextGeneration),
    ("codegen", TextGeneration),
    ("cohere", TextGeneration),
    ("deepseek", TextGeneration),
    ("ernie4", TextGeneration),
    ("falcon", TextGeneration),
    ("gemma", TextGeneration),
    ("glm", TextGeneration),
    ("gpt", TextGeneration),
    ("granite", TextGeneration),
    ("llama", TextGeneration),
    ("mamba", TextGeneration),
    ("mistral", TextGeneration),
    ("mixtral", TextGeneration),
    ("mpt", TextGeneration),
    ("olmo", TextGeneration),
    ("opt", TextGeneration),
    ("phi", TextGeneration),
    ("qwen", TextGeneration),
    ("smollm", TextGeneration),
    ("stablelm", TextGeneration),
    ("starcoder", TextGeneration),
    ("bart", TextToText),
    ("blenderbot", TextToText),
    ("byt5", TextToText),
    ("led", TextToText),
    ("longt5", TextToText),
    ("m2m_100", TextToText),
    ("marian", TextToText),
    ("mbart", TextToText),
    ("mt5", TextToText),
    ("nllb", TextToText),
    ("pegasus", TextToText),
    ("prophetnet", TextToText),
    ("switch_transformers", TextToText),
    ("t5", TextToText),
    ("umt5", TextToText),
    ("beit", Vision),
    ("conditional_detr", Vision),
    ("convnext", Vision),
    ("deformable_detr", Vision),
    ("deit", Vision),
    ("depth_anything", Vision),
    ("detr", Vision),
    ("dinov", Vision),
    ("dpt", Vision),
    ("efficientnet", Vision),
    ("glpn", Vision),
    ("mobilenet", Vision),
    ("mobilevit", Vision),
    ("regnet", Vision),
    ("resnet", Vision),
    ("rt_detr", Vision),
    ("sam", Vision),
    ("segformer", Vision),
    ("swin", Vision),
    ("vit", Vision),
    ("yolo", Vision),
    ("audio-spectrogram-transformer", Audio),
    ("clap", Audio),
    ("encodec", Audio),
    ("hubert", Audio),
    ("mimi", Audio),
    ("moonshine", Audio),
    ("musicgen", Audio),
    ("qwen2_audio", Audio),
    ("sew", Audio),
    ("speech", Audio),
    ("unispeech", Audio),
    ("vits", Audio),
    ("wav2vec2", Audio),
    ("wavlm", Audio),
    ("whisper", Audio),
    ("align", Multimodal),
    ("blip", Multimodal),
    ("chinese_clip", Multimodal),
    ("clip", Multimodal),
    ("florence2", Multimodal),
    ("idefics", Multimodal),
    ("llava", Multimodal),
    ("moondream", Multimodal),
    ("owlv", Multimodal),
    ("paligemma", Multimodal),
    ("phi3_v", Multimodal),
    ("phi4_multimodal", Multimodal),
    ("qwen2_5_vl", Multimodal),
    ("qwen2_vl", Multimodal),
    ("qwen3_vl", Multimodal),
    ("siglip", Multimodal),
    ("smolvlm", Multimodal),
    ("vilt", Multimodal),
    ("vision-encoder-decoder", Multimodal),
    ("vision-text-dual-encoder", Multimodal),
];

/// Ends of an architecture, for a `model_type` that no table knows.
const HEADS: &[(&str, Family)] = &[
    ("ForImageTextToText", Multimodal),
    ("ForVision2Seq", Multimodal),
    ("ForImageClassification", Vision),
    ("ForObjectDetection", Vision),
    ("ForSemanticSegmentation", Vision),
    ("ForDepthEstimation", Vision),
    ("ForAudioClassification", Audio),
    ("ForSpeechSeq2Seq", Audio),
    ("ForCTC", Audio),
    ("ForCausalLM", TextGeneration),
    ("LMHeadModel", TextGeneration),
    ("ForSeq2SeqLM", TextToText),
    ("ForConditionalGeneration", TextToText),
    ("ForMaskedLM", TextEmbedding),
];

/// Ends of an architecture that say what the model's last layer is for.
const TASKS: &[(&str, Task)] = &[
    ("ForSequenceClassification", Task::TextClassification),
    ("ForTokenClassification", Task::TokenClassification),
    ("ForMaskedLM", Task::FillMask),
    ("ForQuestionAnswering", Task::QuestionAnswering),
];

/// How a word of a name is compared.
#[derive(Clone, Copy)]
enum Fit {
    Whole,
    Begins,
    Contains,
}
use Fit::{Begins, Contains, Whole};

/// Words of a name, the telling ones first: `e5-mistral` embeds, though Mistral generates.
const NAMES: &[(&str, Fit, Family)] = &[
    ("e5", Whole, TextEmbedding),
    ("bge", Whole, TextEmbedding),
    ("gte", Whole, TextEmbedding),
    ("embed", Begins, TextEmbedding),
    ("minilm", Contains, TextEmbedding),
    ("mpnet", Contains, TextEmbedding),
    ("siglip", Begins, Multimodal),
    ("llava", Begins, Multimodal),
    ("paligemma", Begins, Multimodal),
    ("vilt", Whole, Multimodal),
    ("blip", Begins, Multimodal),
    ("clip", Begins, Multimodal),
    ("whisper", Contains, Audio),
    ("wav2vec2", Begins, Audio),
    ("hubert", Contains, Audio),
    ("clap", Whole, Audio),
    ("encodec", Begins, Audio),
    ("yolo", Begins, Vision),
    ("detr", Contains, Vision),
    ("convnext", Begins, Vision),
    ("resnet", Begins, Vision),
    ("swin", Begins, Vision),
    ("deit", Whole, Vision),
    ("vit", Whole, Vision),
    ("pegasus", Begins, TextToText),
    ("marian", Begins, TextToText),
    ("m2m100", Begins, TextToText),
    ("m2m", Whole, TextToText),
    ("mbart", Begins, TextToText),
    ("bart", Contains, TextToText),
    ("opus", Whole, TextToText),
    ("t5", Contains, TextToText),
    ("bert", Contains, TextEmbedding),
    ("gpt", Contains, TextGeneration),
    ("llama", Contains, TextGeneration),
    ("qwen", Begins, TextGeneration),
    ("mistral", Begins, TextGeneration),
    ("mixtral", Begins, TextGeneration),
    ("gemma", Contains, TextGeneration),
    ("bloom", Begins, TextGeneration),
    ("phi", Whole, TextGeneration),
    ("phi3", Begins, TextGeneration),
    ("opt", Whole, TextGeneration),
];

/// Says which family a model is of and what is done with it, or `None` where no rule knows it.
#[must_use]
pub fn detect(clues: &Clues<'_>) -> Option<Detected> {
    let (family, evidence) = family_of(clues)?;
    let head = head_of(clues);
    Some(Detected { family, task: task_of(family, head, clues), head, evidence })
}

/// What is done with a model of a family: what its head is for, unless sentence-transformers puts something else in the
/// head's place, or the user named the family.
fn task_of(family: Family, head: Option<Task>, clues: &Clues<'_>) -> Option<Task> {
    // A checkpoint that was trained to fill masks is mostly used for its states.
    let found = head.filter(|task| *task != Task::FillMask);
    match family {
        Family::TextEmbedding if clues.modules.is_none() && clues.family.is_none() => found,
        _ => None,
    }
    .or_else(|| Task::of_family(family))
}

/// What the head of a checkpoint is for, by the name of its architecture.
fn head_of(clues: &Clues<'_>) -> Option<Task> {
    let config = clues.config.unwrap_or(&Value::Null);
    let architecture = config["architectures"][0].as_str().unwrap_or_default();
    TASKS.iter().find(|(end, _)| architecture.ends_with(end)).map(|(_, task)| *task)
}

/// The family, or `None` where no rule knows it. In this order: the user's
/// word; a pooling module of sentence-transformers (an embedding model may be built on a generator);
/// text and vision configurations together; the architecture; `model_type`; the architecture's head;
/// the name.
fn family_of(clues: &Clues<'_>) -> Option<(Family, String)> {
    let found = |family, evidence: String| Some((family, evidence));
    if let Some(family) = clues.family {
        return found(family, "named by the user".to_owned());
    }
    if clues.is_gguf && clues.config.is_none() {
        return found(TextGeneration, "its weights are a GGUF file".to_owned());
    }
    let types = clues.modules.and_then(Value::as_array).into_iter().flatten().filter_map(|m| m["type"].as_str());
    if let Some(pooling) = types.clone().find(|t| t.ends_with(".Pooling")) {
        return found(TextEmbedding, format!("modules.json: {pooling}"));
    }
    let empty = Value::Null;
    let config = clues.config.unwrap_or(&empty);
    let architectures: Vec<&str> =
        config["architectures"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, family) in ARCHITECTURES {
        if architectures.contains(name) {
            return found(*family, format!("config.json: architecture {name}"));
        }
    }
    if config["vision_config"].is_object() && config["text_config"].is_object() {
        return found(Multimodal, "config.json: text_config and vision_config".to_owned());
    }
    if let Some(kind) = config["model_type"].as_str() {
        let lower = kind.to_lowercase();
        let longest = MODEL_TYPES.iter().filter(|(start, _)| lower.starts_with(start)).max_by_key(|(s, _)| s.len());
        if let Some((_, family)) = longest {
            return found(*family, format!("config.json: model_type {kind:?}"));
        }
    }
    for (end, family) in HEADS {
        if let Some(name) = architectures.iter().find(|a| a.ends_with(end)) {
            return found(*family, format!("config.json: architecture {name}"));
        }
    }
    let name = clues.name.to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    for (pattern, fit, family) in NAMES {
        let fits = |word: &&&str| match fit {
            Whole => **word == *pattern,
            Begins => word.starts_with(pattern),
            Contains => word.contains(pattern),
        };
        if let Some(word) = words.iter().find(fits) {
            return found(*family, format!("name: {word:?}"));
        }
    }
    None
}
