//! Token ids against `transformers`, by the published cases and by a corpus in 40 scripts for tokenizers of all kinds.

use pelago_protocol::OnLong;
use serde_json::{Value, json};
use sha2::Digest;

use super::*;
use crate::testing::{case, files};

const DEFAULT: EncodeOptions<'static> = EncodeOptions { prompt: None, on_long: OnLong::Truncate };

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn ids(model: &TextModel, text: &str) -> Vec<i32> {
    model.encode(&texts(&[text]), DEFAULT).unwrap().ids
}

#[test]
fn the_published_cases_have_the_ids_of_the_reference() {
    for name in ["18_wordlevel_unknown", "19_whitespace_letters", "20_unigram_zwj", "27_added_tokens_decoder"] {
        let (case, model) = (case(name), TextModel::read(&files(name)).unwrap());
        let given: Vec<String> = serde_json::from_value(case["texts"].clone()).unwrap();
        for text in given {
            let expected: Vec<i32> = serde_json::from_value(case["ids"][&text].clone()).unwrap();
            assert_eq!(ids(&model, &text), expected, "{name}: {text:?}");
        }
    }
}

/// A change of `tokenizer_config.json` or of its neighbours, and a text that has the ids of another one by it.
#[test]
fn settings_beside_the_tokenizer_count() {
    let base = TextModel::read(&files("00_base")).unwrap();
    for (name, text, lower) in [
        ("08_do_lower_case", "Hello World", "hello world"),
        ("09_tokenizer_config_cased", "hello world", "hello world"),
    ] {
        let model = TextModel::read(&files(name)).unwrap();
        assert_eq!(ids(&model, text), ids(&base, lower), "{name}");
    }
    let cased = TextModel::read(&files("09_tokenizer_config_cased")).unwrap();
    assert_ne!(ids(&cased, "Hello World"), ids(&base, "hello world"));
    let long = TextModel::read(&files("11_sentence_roberta_config")).unwrap();
    assert_eq!(long.max_tokens(), Some(8));
}

#[test]
fn a_prompt_is_put_before_each_text() {
    let model = TextModel::read(&files("07_default_prompt")).unwrap();
    let encode = |prompt| model.encode(&texts(&["hello"]), EncodeOptions { prompt, on_long: OnLong::Truncate });
    let (default, query) = (encode(None).unwrap(), encode(Some("query")).unwrap());
    assert_eq!((default.ids, default.prompt.as_deref()), (query.ids.clone(), Some("query")));
    assert_eq!(query.ids, ids(&TextModel::read(&files("00_base")).unwrap(), "query: hello"));
    assert_eq!(encode(Some("")).unwrap().ids, encode(Some("document")).unwrap().ids);
    let error = encode(Some("passage")).unwrap_err().to_string();
    assert_eq!(error, r#"the model has no prompt "passage"; it has query, document"#);
}

#[test]
fn a_long_text_is_cut_refused_or_split() {
    let model = TextModel::read(&files("11_sentence_roberta_config")).unwrap();
    let long = texts(&["hello", "a quick test of it and more of it and more"]);
    let cut = model.encode(&long, DEFAULT).unwrap();
    assert_eq!((cut.lengths.as_slice(), cut.truncated.as_slice()), ([3, 8].as_slice(), [1].as_slice()));
    let error = model.encode(&long, EncodeOptions { prompt: None, on_long: OnLong::Error }).unwrap_err().to_string();
    assert!(error.starts_with("text 2 has 1") && error.contains("takes 8"), "{error}");
    let split = model.encode(&long, EncodeOptions { prompt: None, on_long: OnLong::Split }).unwrap();
    assert_eq!(split.of, [0, 1, 1]);
    // A mean by tokens: 6 of the first piece, the rest of the second.
    let second = split.lengths[2] as f32 - 2.0;
    let (values, dimensions) = model.finish(&split, vec![9.0, 1.0, 0.0], 1, false, None).unwrap();
    assert_eq!((values, dimensions), (vec![9.0, 6.0 / (6.0 + second)], 1));
}

#[test]
fn an_empty_text_is_its_special_tokens() {
    let model = TextModel::read(&files("00_base")).unwrap();
    let encoded = model.encode(&texts(&["", "hello", " \u{1c}\n"]), DEFAULT).unwrap();
    assert_eq!((encoded.lengths.as_slice(), encoded.empty.as_slice()), ([2, 3, 2].as_slice(), [0, 2].as_slice()));
}

#[test]
fn a_token_beyond_the_table_is_refused() {
    let model = TextModel::read(&files("23_token_beyond_the_table")).unwrap();
    let given: Vec<String> = serde_json::from_value(case("23_token_beyond_the_table")["texts"].clone()).unwrap();
    assert!(matches!(model.encode(&given, DEFAULT), Err(Error::TokenBeyondTable { number: 1, .. })));
}

#[test]
fn dimensions_are_kept_from_the_first() {
    let model = TextModel::read(&files("00_base")).unwrap();
    let tokens = model.encode(&texts(&["hello", "world"]), DEFAULT).unwrap();
    let finish = |asked| model.finish(&tokens, vec![1.0, 2.0, 3.0, 4.0], 2, false, asked);
    assert_eq!(finish(Some(1)).unwrap(), (vec![1.0, 3.0], 1));
    assert!(matches!(finish(Some(3)), Err(Error::Dimensions { asked: 3, dimensions: 2 })));
    assert!(finish(Some(0)).is_err());
}

fn with(path: &str, bytes: &[u8]) -> Files {
    let base = files("00_base");
    let kept =
        base.paths().filter(|known| *known != path).map(|path| (path.to_owned(), base.get(path).unwrap().to_vec()));
    Files::from_iter(kept.chain([(path.to_owned(), bytes.to_vec())]))
}

#[test]
fn hostile_tokenizers_are_errors_of_their_file() {
    let read = |json: &Value| TextModel::read(&with("tokenizer.json", json.to_string().as_bytes()));
    let good: Value = serde_json::from_slice(files("00_base").get("tokenizer.json").unwrap()).unwrap();
    for broken in [
        json!({}),
        json!([1]),
        json!({"model": 3}),
        json!({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b"]]}}),
    ] {
        let message = read(&broken).unwrap_err().to_string();
        assert!(message.starts_with("tokenizer.json"), "{broken}: {message}");
    }
    for bytes in [b"".as_slice(), b"{", b"\xff\xfe", b"version https://git-lfs.github.com/spec/v1\noid sha256:00"] {
        let message = TextModel::read(&with("tokenizer.json", bytes)).unwrap_err().to_string();
        assert!(message.starts_with("tokenizer.json"), "{message}");
    }
    // A pattern that would take 2^40 steps ends in time, with an error or without.
    let mut explodes = good.clone();
    explodes["pre_tokenizer"] =
        json!({"type": "Split", "pattern": {"Regex": "(a|a|aa)+$"}, "behavior": "Isolated", "invert": false});
    explodes["model"] = json!({"type": "WordLevel", "vocab": {"[UNK]": 1, "a": 0}, "unk_token": "[UNK]"});
    let before = std::time::Instant::now();
    let outcome = TextModel::read(&with("tokenizer.json", explodes.to_string().as_bytes()))
        .and_then(|model| model.encode(&texts(&[&("a".repeat(60) + "b")]), DEFAULT));
    assert!(before.elapsed() < std::time::Duration::from_secs(120), "{outcome:?}");
    let config = json!({"tokenizer_class": "BertTokenizer", "added_tokens_decoder": {"x": {"content": "y"}}});
    assert!(TextModel::read(&with("tokenizer_config.json", config.to_string().as_bytes())).is_err());
}

#[test]
fn vocabularies_without_a_tokenizer_are_converted_or_refused() {
    let base = files("00_base");
    let without = |dropped: &str, more: Option<&str>| {
        let kept = base.paths().filter(|path| *path != dropped);
        let kept = kept.map(|path| (path.to_owned(), base.get(path).unwrap().to_vec())).collect::<Vec<_>>();
        Files::from_iter(kept).beside(more)
    };
    let (fast, slow) = (TextModel::read(&base).unwrap(), TextModel::read(&without("tokenizer.json", None)).unwrap());
    for text in ["Hello, wörld! the quick [MASK] fox", "中文 \u{200d} x", ""] {
        assert_eq!(ids(&fast, text), ids(&slow, text), "{text:?}");
    }
    let no_vocabulary = without("tokenizer.json", Some("spiece.model"));
    let kept = no_vocabulary.paths().filter(|path| *path != "vocab.txt");
    let kept = kept.map(|path| (path.to_owned(), no_vocabulary.get(path).unwrap().to_vec())).collect::<Vec<_>>();
    let error = TextModel::read(&Files::from_iter(kept).beside(["spiece.model"])).unwrap_err().to_string();
    assert!(error.contains("spiece.model") && error.contains("save_pretrained"), "{error}");
}

fn fixtures() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read_json(path: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A tokenizer of the fixtures, as a model that has nothing else.
fn tokenizer(name: &str) -> Result<Tokenizer, Error> {
    let folder = fixtures().join("tokenizers").join(name);
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files = entries.map(|file| (file.clone(), std::fs::read(folder.join(file)).unwrap())).collect::<Vec<_>>();
    Tokenizer::read(&Files::from_iter(files), "", false)
}

/// SHA-256 of the numbers of each text, joined by commas, a line each.
fn hash(rows: impl Iterator<Item = Vec<u32>>) -> String {
    let mut lines = String::new();
    for row in rows {
        lines.push_str(&row.iter().map(u32::to_string).collect::<Vec<_>>().join(","));
        lines.push('\n');
    }
    sha2::Sha256::digest(lines).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn two_thousand_texts_have_the_ids_of_the_python_package() {
    let texts: Vec<String> = serde_json::from_value(read_json(&fixtures().join("corpus.json"))).unwrap();
    let expected = read_json(&fixtures().join("expected.json"));
    let mut wrong = Vec::new();
    let (mut right, mut refused) = (0, Vec::new());
    for (name, expected) in expected["tokenizers"].as_object().unwrap() {
        let tokenizer = match tokenizer(name) {
            Ok(tokenizer) => tokenizer.without_limit(),
            Err(Error::Unsupported { what, .. }) if what.contains("SentencePiece") => {
                refused.push(name.as_str());
                continue;
            }
            Err(error) => panic!("{name}: {error}"),
        };
        let encoded = tokenizer.encode(texts.clone()).unwrap();
        let first: Vec<Vec<u32>> = serde_json::from_value(expected["first_ids"].clone()).unwrap();
        for ((text, found), first) in texts.iter().zip(&encoded).zip(&first) {
            if found.get_ids() != first {
                wrong.push(format!("{name}: {text:?} is {first:?}, found {:?}", found.get_ids()));
            }
        }
        let ids = hash(encoded.iter().map(|encoding| encoding.get_ids().to_vec()));
        let types = hash(encoded.iter().map(|encoding| encoding.get_type_ids().to_vec()));
        let side = if tokenizer.pad_left { "left" } else { "right" };
        if expected["ids_sha256"] != ids {
            wrong.push(format!("{name}: other ids among the 2,000 texts"));
        } else if expected["token_type_ids_sha256"] != types {
            wrong.push(format!("{name}: other token types"));
        } else if expected["padding_side"] != side {
            wrong.push(format!("{name}: pads on the {side}"));
        } else {
            right += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    refused.sort_unstable();
    assert_eq!((right, refused), (23, vec!["files-albert", "files-llama", "files-t5", "files-xlm-roberta"]));
}
