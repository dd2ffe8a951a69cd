//! Names and their history, words for models, and families.

use expect_test::expect;
use pelago_content::{Store, StoreError};
use pelago_models::library::{Clues, ModelError, Models, Recipe, Resolved, detect};
use pelago_protocol::Family;
use serde_json::json;

use super::{copy, on};

#[test]
fn names_have_a_history_and_go_with_their_content() {
    let dir = tempfile::tempdir().unwrap();
    let models = Models::open(Store::open(dir.path().join("store")).unwrap()).unwrap();
    let folder = copy(dir.path());
    let first = on(models.add(&folder, None, None, |_| {})).unwrap();
    assert_eq!(first.name, "tiny-bert");
    on(models.add(&folder, None, None, |_| {})).unwrap();
    assert_eq!(on(models.history("tiny-bert")).unwrap().len(), 1, "the same content is no new version");
    std::fs::write(folder.join("README.md"), "now with a text").unwrap();
    let second = on(models.add(&folder, None, None, |_| {})).unwrap();
    on(models.add(&folder, Some("org/other"), None, |_| {})).unwrap();
    let history: Vec<_> = on(models.history("tiny-bert")).unwrap().into_iter().map(|m| m.cid).collect();
    assert_eq!(history, [second.added.root, first.added.root]);
    assert_eq!(on(models.show("tiny-bert")).unwrap().profile, "unixfs-v1-2025");
    assert_eq!(on(models.list()).unwrap().into_iter().map(|m| m.name).collect::<Vec<_>>(), ["org/other", "tiny-bert"]);
    assert!(on(models.files(second.added.root)).unwrap().iter().any(|f| f.path == "onnx/model.onnx"));
    assert_eq!(on(models.family(second.added.root, "x", None)).unwrap().family, Family::TextEmbedding);

    let recipe = Recipe { name: "onnx-graph/fp32", version: "1" };
    assert_eq!(on(models.derived(first.added.root, recipe)).unwrap(), None);
    let child = on(models.store().add_bytes("a graph")).unwrap().root;
    on(models.put_derived(first.added.root, recipe, child)).unwrap();
    assert_eq!(on(models.derived(first.added.root, recipe)).unwrap(), Some(child));
    assert_eq!(on(models.derived(first.added.root, Recipe { version: "2", ..recipe })).unwrap(), None);

    on(models.remove("tiny-bert")).unwrap();
    let roots: Vec<_> = on(models.store().roots()).unwrap().into_iter().map(|r| r.cid).collect();
    assert_eq!(roots, [second.added.root], "the first version and its graph are gone, the other name's content is not");
    assert_eq!(on(models.derived(first.added.root, recipe)).unwrap(), None);
    assert!(matches!(on(models.put_derived(second.added.root, recipe, child)), Err(ModelError::Removed { .. })));
    assert!(matches!(on(models.put_name("again", first.added.root, "x")), Err(ModelError::Removed { .. })));
    on(models.remove("org/other")).unwrap();
    assert!(on(models.store().roots()).unwrap().is_empty());
}

#[test]
fn a_word_for_a_model_is_a_name_a_cid_or_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let models = Models::open(Store::open(dir.path().join("store")).unwrap()).unwrap();
    let folder = copy(dir.path());
    let root = on(models.add(&folder, Some("org/all-MiniLM-L6-v2"), None, |_| {})).unwrap().added.root;
    assert!(matches!(on(models.resolve("org/all-MiniLM-L6-v2")).unwrap(), Resolved::Named(m) if m.cid == root));
    for (text, path) in
        [(format!("{root}"), ""), (format!("ipfs://{root}/onnx"), "onnx"), (format!("/ipfs/{root}/"), "")]
    {
        assert_eq!(on(models.resolve(&text)).unwrap(), Resolved::Content { cid: root, path: path.to_owned() });
    }
    let path = folder.to_str().unwrap();
    assert_eq!(on(models.resolve(path)).unwrap(), Resolved::Folder(folder.clone()));
    let error = on(models.resolve("all-MiniLM-L6-v3")).unwrap_err();
    expect![[r#"no model is called "all-MiniLM-L6-v3" (nearest: org/all-MiniLM-L6-v2)"#]].assert_eq(&error.to_string());
    assert!(
        matches!(on(models.show("quite-different")), Err(ModelError::UnknownName { nearest, .. }) if nearest.is_empty())
    );
    assert!(matches!(on(models.remove("nothing")), Err(ModelError::UnknownName { .. })));
    assert!(matches!(on(models.resolve("ipfs://nonsense")), Err(ModelError::Store(StoreError::Address { .. }))));
    for name in ["", "../x", "/x", "a b", "-x", "a\0", &root.to_string()] {
        let error = on(models.add(&folder, Some(name), None, |_| {})).unwrap_err();
        assert!(matches!(error, ModelError::BadName { .. }), "{name:?}: {error}");
    }
}

#[test]
fn families_are_detected() {
    use Family::{Audio, Multimodal, TextEmbedding, TextGeneration, TextToText, Vision};
    let by_config = [
        ("BertModel", "bert", TextEmbedding),
        ("CLIPModel", "clip", Multimodal),
        ("GPT2LMHeadModel", "gpt2", TextGeneration),
        ("LlamaForCausalLM", "llama", TextGeneration),
        ("T5ForConditionalGeneration", "t5", TextToText),
        ("T5EncoderModel", "t5", TextEmbedding),
        ("ViTForImageClassification", "vit", Vision),
        ("Wav2Vec2Model", "wav2vec2", Audio),
        ("WhisperForConditionalGeneration", "whisper", Audio),
        ("ClapModel", "clap", Audio),
        ("VitsModel", "vits", Audio),
        ("CLIPVisionModel", "clip", Vision),
        ("Qwen2VLForConditionalGeneration", "qwen2_vl", Multimodal),
        ("Qwen2ForCausalLM", "qwen2", TextGeneration),
        ("Swinv2ForImageClassification", "swinv2", Vision),
        ("M2M100ForConditionalGeneration", "m2m_100", TextToText),
        ("SomethingForCausalLM", "something", TextGeneration),
        ("SomethingForImageClassification", "something", Vision),
    ];
    for (architecture, kind, family) in by_config {
        let config = json!({"architectures": [architecture], "model_type": kind});
        let found = detect(&Clues { config: Some(&config), ..Clues::default() });
        assert_eq!(found.map(|d| d.family), Some(family), "{architecture}");
    }
    let by_name = [
        ("sentence-transformers/all-MiniLM-L6-v2", TextEmbedding),
        ("intfloat/e5-mistral-7b-instruct", TextEmbedding),
        ("BAAI/bge-small-en", TextEmbedding),
        ("thenlper/gte-base", TextEmbedding),
        ("distilgpt2", TextGeneration),
        ("facebook/opt-125m", TextGeneration),
        ("microsoft/phi-2", TextGeneration),
        ("google/gemma-2b", TextGeneration),
        ("google/flan-t5-small", TextToText),
        ("facebook/bart-large-cnn", TextToText),
        ("Helsinki-NLP/opus-mt-en-de", TextToText),
        ("google/vit-base-patch16-224", Vision),
        ("hustvl/yolos-tiny", Vision),
        ("openai/whisper-tiny", Audio),
        ("facebook/encodec_24khz", Audio),
        ("openai/clip-vit-base-patch32", Multimodal),
        ("google/siglip-base", Multimodal),
        ("llava-hf/llava-1.5-7b-hf", Multimodal),
        ("google/paligemma-3b", Multimodal),
    ];
    for (name, family) in by_name {
        let found = detect(&Clues { name, ..Clues::default() });
        assert_eq!(found.map(|d| d.family), Some(family), "{name}");
    }
    // An embedding model that is built on a generator says so in modules.json.
    let config = json!({"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"});
    let modules =
        json!([{"type": "sentence_transformers.models.Transformer"}, {"type": "sentence_transformers.models.Pooling"}]);
    let clues = Clues { config: Some(&config), modules: Some(&modules), is_gguf: false, name: "x", family: None };
    let found = detect(&clues).unwrap();
    assert_eq!(
        (found.family, found.evidence.as_str()),
        (TextEmbedding, "modules.json: sentence_transformers.models.Pooling")
    );
    let found = detect(&Clues { family: Some(Audio), ..clues }).unwrap();
    assert_eq!((found.family, found.evidence.as_str()), (Audio, "named by the user"));
    let gemma3 = json!({"model_type": "gemma3", "vision_config": {}, "text_config": {}});
    assert_eq!(detect(&Clues { config: Some(&gemma3), ..Clues::default() }).unwrap().family, Multimodal);
    assert_eq!(detect(&Clues { name: "optimum", ..Clues::default() }), None, "a word that only begins like one");
}

#[test]
fn a_model_of_the_users_machine() {
    let Ok(folder) = std::env::var("PELAGO_TEST_MODEL") else {
        eprintln!("PELAGO_TEST_MODEL is not set to a model folder: not tried");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let models = Models::open(Store::open(dir.path()).unwrap()).unwrap();
    let started = std::time::Instant::now();
    let added = on(models.add(&folder, None, None, |_| {})).unwrap();
    let import = started.elapsed();
    let started = std::time::Instant::now();
    let verified = on(models.store().verify(added.added.root)).unwrap();
    let rate = |bytes: u64, time: std::time::Duration| bytes as f64 / 1e6 / time.as_secs_f64();
    eprintln!("{} {} {:?}", added.name, added.added.root, added.checked.family);
    eprintln!("import {import:?}, {:.0} MB/s", rate(added.added.size, import));
    eprintln!("verify {:?}, {:.0} MB/s", started.elapsed(), rate(verified.bytes, started.elapsed()));
}
