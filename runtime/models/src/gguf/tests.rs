//! Converted tokenizers against the ids of `transformers`: the vocabularies are those of Hugging Face's own files, as a
//! converter for llama.cpp writes them.

use std::path::{Path, PathBuf};

use pelago_onnx::gguf::Tokenizer;
use pelago_text::{Files, Generator};
use serde_json::Value;

use super::*;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../text/tests/fixtures")
}

fn read_json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixtures().join(path)).unwrap()).unwrap()
}

/// What a converter makes of a tokenizer of the fixtures.
fn tokenizer(name: &str, model: &str, pre: Option<&str>) -> Tokenizer {
    let json = read_json(&format!("tokenizers/{name}/tokenizer.json"));
    let mut tokens = json["model"]["vocab"].as_object().unwrap().iter().collect::<Vec<_>>();
    tokens.sort_by_key(|(_, id)| id.as_u64());
    let mut tokens = tokens.into_iter().map(|(token, _)| token.clone()).collect::<Vec<_>>();
    let mut types = vec![1; tokens.len()];
    for added in json["added_tokens"].as_array().unwrap() {
        let (id, text) = (added["id"].as_u64().unwrap() as usize, added["content"].as_str().unwrap());
        if id == tokens.len() {
            tokens.push(text.to_owned());
            types.push(1);
        }
        types[id] = if added["special"] == true { 3 } else { 4 };
    }
    let id = |text: &str| tokens.iter().position(|token| token == text).map(|id| id as u64);
    let bytes = tokens.iter().position(|token| token == "<0x00>");
    for at in bytes.into_iter().flat_map(|first| first..first + 256) {
        types[at] = 6;
    }
    let merges = json["model"]["merges"].as_array().unwrap().iter();
    let merges = merges.map(|pair| format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()));
    let config = read_json(&format!("tokenizers/{name}/tokenizer_config.json"));
    let named = |name: &str| config[name].as_str().or_else(|| config[name]["content"].as_str()).and_then(id);
    Tokenizer {
        model: model.to_owned(),
        pre: pre.map(str::to_owned),
        // SentencePiece's scores of BPE: the later a piece was learnt, the less.
        scores: (model == "llama").then(|| (0..tokens.len()).map(|id| -(id as f64)).collect()),
        merges: (model == "gpt2").then(|| merges.collect()),
        bos: named("bos_token"),
        eos: named("eos_token"),
        unknown: named("unk_token"),
        types: Some(types),
        tokens,
        ..Tokenizer::default()
    }
}

fn generator(tokenizer: &Tokenizer) -> Generator {
    let files = tokenizer_files(tokenizer, "llama").unwrap();
    Generator::read(&Files::from_iter(files)).unwrap()
}

#[test]
fn the_ids_are_those_of_the_python_package() {
    let texts: Vec<String> = serde_json::from_value(read_json("corpus.json")).unwrap();
    let expected = read_json("expected.json");
    let with_end = |tokenizer: Tokenizer| Tokenizer { eos: Some(700), add_eos: Some(true), ..tokenizer };
    let cases = [
        ("llama3", tokenizer("llama3", "gpt2", Some("llama-bpe"))),
        ("qwen", with_end(tokenizer("qwen", "gpt2", Some("qwen2")))),
        ("mistral", tokenizer("mistral", "llama", None)),
    ];
    for (name, tokenizer) in cases {
        let (generator, pre) = (generator(&tokenizer), tokenizer.pre);
        let first: Vec<Vec<i32>> = serde_json::from_value(expected["tokenizers"][name]["first_ids"].clone()).unwrap();
        let mut lines = String::new();
        for (at, text) in texts.iter().enumerate() {
            let ids = generator.prompts(std::slice::from_ref(text)).map(|tokens| tokens.ids).unwrap_or_default();
            if let Some(expected) = first.get(at) {
                assert_eq!(ids, *expected, "{name} {pre:?}: {text:?}");
            }
            lines.push_str(&ids.iter().map(i32::to_string).collect::<Vec<_>>().join(","));
            lines.push('\n');
        }
        let hash = <sha2::Sha256 as sha2::Digest>::digest(lines);
        let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(expected["tokenizers"][name]["ids_sha256"], hash, "{name} {pre:?}");
    }
}

/// GPT-2's fixture puts a space before a text, which a GGUF file cannot say of bytes.
#[test]
fn files_without_a_way_to_cut_are_cut_as_gpt_2_does() {
    let texts: Vec<String> = serde_json::from_value(read_json("corpus.json")).unwrap();
    let expected = read_json("expected.json");
    let first: Vec<Vec<i32>> = serde_json::from_value(expected["tokenizers"]["gpt2"]["first_ids"].clone()).unwrap();
    for pre in [None, Some("default"), Some("gpt-2")] {
        let generator = generator(&tokenizer("gpt2", "gpt2", pre));
        for (text, ids) in texts.iter().zip(&first).filter(|(text, _)| !text.is_empty() && !text.contains("<|")) {
            let spaced = if text.starts_with(' ') { text.clone() } else { format!(" {text}") };
            assert_eq!(generator.prompts(&[spaced]).unwrap().ids, *ids, "{pre:?}: {text:?}");
        }
    }
}

#[test]
fn digits_are_by_themselves_where_the_model_says_so() {
    let (whole, single) = (tokenizer("gpt2", "gpt2", Some("gpt-2")), tokenizer("gpt2", "gpt2", Some("smollm")));
    let ids = |tokenizer: &Tokenizer, text: &str| {
        let tokens = generator(tokenizer).prompts(&[text.to_owned()]).unwrap().ids;
        tokens.into_iter().map(|id| tokenizer.tokens[id as usize].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&single, "in 12"), ["in", "Ġ", "1", "2"]);
    assert_eq!(ids(&whole, "the"), ids(&single, "the"));
}

#[test]
fn special_tokens_are_where_the_file_puts_them() {
    let mut scored = tokenizer("mistral", "llama", None);
    let ids = |tokenizer: &Tokenizer, text: &str| generator(tokenizer).prompts(&[text.to_owned()]).unwrap().ids;
    assert_eq!(ids(&scored, "<s>")[..2], [1, 1]);
    let text = generator(&scored).decode(&ids(&scored, "He said 漢").iter().map(|id| *id as u32).collect::<Vec<_>>());
    assert_eq!(text.unwrap(), "He said 漢");
    (scored.add_bos, scored.add_eos) = (Some(false), Some(true));
    assert_eq!(ids(&scored, "a").last(), Some(&2));
    assert_ne!(ids(&scored, "a")[0], 1);
    // Without a space before a text, the first piece is one without a mark.
    scored.add_space_prefix = Some(false);
    assert_eq!(scored.tokens[ids(&scored, "a")[0] as usize], "a");
    // Phi-3's tokens take the white space after them.
    scored.tokens[700] = "<|user|>".to_owned();
    scored.types.as_mut().unwrap()[700] = 3;
    let of = |architecture: &str| {
        let files = Files::from_iter(tokenizer_files(&scored, architecture).unwrap());
        Generator::read(&files).unwrap().prompts(&["<|user|>\na".to_owned()]).unwrap().ids.len()
    };
    assert_eq!(of("llama") - of("phi3"), 1);
}

#[test]
fn an_answer_ends_at_the_ends_of_text_and_turn() {
    let mut qwen = Tokenizer { eos: Some(700), ..tokenizer("qwen", "gpt2", Some("qwen2")) };
    let stops = |tokenizer: &Tokenizer| generator(tokenizer).defaults().stop_ids.clone();
    assert_eq!(stops(&qwen), [700]);
    qwen.chat_template = Some("{{ messages[0].content }}<|im_end|>".to_owned());
    assert_eq!(stops(&qwen), [700, 702]);
    qwen.eot = Some(701);
    assert_eq!(stops(&qwen), [700, 701]);
    let messages = [pelago_protocol::ChatMessage::new("user", "hi")];
    assert_eq!(
        generator(&qwen).render_at(&messages, &serde_json::Map::new(), chrono::NaiveDateTime::MIN).unwrap(),
        "hi<|im_end|>"
    );
    assert_eq!(generator(&qwen).chat(&messages, &serde_json::Map::new()).unwrap().ids.last(), Some(&702));
}

#[test]
fn what_cannot_be_converted_is_refused_by_name() {
    let refused = |change: fn(&mut Tokenizer)| {
        let mut tokenizer = tokenizer("gpt2", "gpt2", None);
        change(&mut tokenizer);
        tokenizer_files(&tokenizer, "llama").unwrap_err().to_string()
    };
    for (error, parts) in [
        (refused(|tokenizer| tokenizer.model = "bert".to_owned()), ["tokenizer.ggml.model", "\"bert\""]),
        (refused(|tokenizer| tokenizer.pre = Some("kimi-k2".to_owned())), ["tokenizer.ggml.pre", "\"kimi-k2\""]),
        (refused(|tokenizer| tokenizer.merges = None), ["no tokenizer.ggml.merges", "gpt2"]),
        (refused(|tokenizer| tokenizer.model = "llama".to_owned()), ["no tokenizer.ggml.scores", "llama"]),
        (refused(|tokenizer| tokenizer.tokens[5] = "the".to_owned()), ["tokenizer.ggml.tokens", "\"the\""]),
        (refused(|tokenizer| tokenizer.bos = Some(1 << 40)), ["tokenizer.ggml.bos_token_id", "1099511627776"]),
        (refused(|tokenizer| tokenizer.merges = Some(vec!["ab".to_owned()])), ["tokenizer.ggml.merges", "number 0"]),
        (refused(|tokenizer| tokenizer.merges = Some(vec!["a ééé".to_owned()])), ["tokenizer.ggml.merges", "ééé"]),
    ] {
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    let empty = tokenizer_files(&Tokenizer { model: "gpt2".to_owned(), ..Tokenizer::default() }, "llama");
    assert!(matches!(empty, Err(GgufTokenizerError::Missing { .. })), "{empty:?}");
}
