//! Prompts, conversations, decoding, streams and settings against `transformers`.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use expect_test::{Expect, expect};
use pelago_protocol::EarlyStopping;
use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read_json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixtures().join(path)).unwrap()).unwrap()
}

/// The files of a tokenizer of the fixtures, with others in their place or beside them.
fn files(name: &str, others: &[(&str, Value)]) -> Files {
    let folder = fixtures().join("tokenizers").join(name);
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let own = entries.map(|file| (file.clone(), std::fs::read(folder.join(file)).unwrap()));
    let others = others.iter().map(|(file, json)| ((*file).to_owned(), json.to_string().into_bytes()));
    Files::from_iter(own.chain(others).collect::<Vec<_>>())
}

/// A generator whose config says whether spaces before punctuation are taken away.
fn generator(name: &str, cleans: bool) -> Generator {
    let mut config = read_json(&format!("tokenizers/{name}/tokenizer_config.json"));
    config["clean_up_tokenization_spaces"] = json!(cleans);
    Generator::read(&files(name, &[("tokenizer_config.json", config)])).unwrap()
}

fn streamed(generator: &Generator, ids: &[u32]) -> (Vec<String>, String) {
    let mut stream = generator.stream();
    let pieces = ids.iter().filter_map(|id| stream.push(*id).unwrap()).collect();
    (pieces, stream.finish().unwrap())
}

fn whole((pieces, rest): (Vec<String>, String)) -> String {
    pieces.concat() + &rest
}

#[test]
fn ids_are_the_texts_of_the_python_package_whole_and_in_pieces() {
    let expected = read_json("generation/decoded.json");
    let (mut right, mut wrong) = (0, Vec::new());
    for (name, expected) in expected.as_object().unwrap() {
        for (cleans, texts) in [(false, "texts"), (true, "cleaned")] {
            let generator = generator(name, cleans);
            let rows: Vec<Vec<u32>> = serde_json::from_value(expected["ids"].clone()).unwrap();
            for (ids, expected) in rows.iter().zip(expected[texts].as_array().unwrap()) {
                let (decoded, streamed) = (generator.decode(ids).unwrap(), whole(streamed(&generator, ids)));
                if decoded == *expected && streamed == *expected {
                    right += 1;
                } else {
                    wrong.push(format!("{name} {ids:?}: expected {expected}, found {decoded:?} and {streamed:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{right} are right\n{}", wrong.join("\n"));
    assert!(right > 1500, "{right}");
}

#[test]
fn prompts_and_conversations_have_the_ids_of_the_python_package() {
    let texts: Vec<String> = serde_json::from_value(read_json("corpus.json")).unwrap();
    let (expected, chats) = (read_json("expected.json"), read_json("chats/expected.json"));
    let messages: Vec<ChatMessage> = serde_json::from_value(chats["conversations"]["without_system"].clone()).unwrap();
    for (name, chat) in chats["tokens"].as_object().unwrap() {
        let template = format!("chats/{}.jinja", chat["template"].as_str().unwrap());
        let template = std::fs::read(fixtures().join(template)).unwrap();
        let mut config = read_json(&format!("tokenizers/{name}/tokenizer_config.json"));
        config["chat_template"] = json!(String::from_utf8(template).unwrap());
        let generator = Generator::read(&files(name, &[("tokenizer_config.json", config)])).unwrap();
        let date = chrono::NaiveDate::from_ymd_opt(2025, 3, 9).unwrap().and_hms_opt(14, 5, 7).unwrap();
        let rendered = generator.render_at(&messages, &Map::new(), date).unwrap();
        let encoded = generator.decoder.tokenizer.encode_bare(vec![rendered]).unwrap();
        let ids: Vec<i32> = serde_json::from_value(chat["ids"].clone()).unwrap();
        assert_eq!(generator.tokens(encoded).unwrap().ids, ids, "{name}");
        if name != "llama3" {
            assert_eq!(generator.chat(&messages, &Map::new()).unwrap().ids, ids, "{name}");
        }
        let first: Vec<Vec<i32>> = serde_json::from_value(expected["tokenizers"][name]["first_ids"].clone()).unwrap();
        for (text, ids) in texts.iter().zip(first) {
            let found = generator.prompts(std::slice::from_ref(text));
            match ids.is_empty() {
                true => assert!(matches!(found, Err(Error::EmptyPrompt { number: 1 })), "{name}: {text:?}"),
                false => assert_eq!(found.unwrap().ids, ids, "{name}: {text:?}"),
            }
        }
    }
}

/// How a text comes, piece by piece; `·` where a token gives nothing.
fn pieces(name: &str, text: &str, expected: Expect) {
    let generator = generator(name, false);
    let encoding = generator.decoder.tokenizer.encode_bare(vec![text.to_owned()]).unwrap();
    let mut stream = generator.stream();
    let given = encoding[0].get_ids().iter().map(|id| stream.push(*id).unwrap().unwrap_or_else(|| "·".to_owned()));
    let given = given.collect::<Vec<_>>();
    expected.assert_eq(&format!("{}|{}", given.join("|"), stream.finish().unwrap()));
}

#[test]
fn a_piece_never_ends_in_half_a_character() {
    pieces("gpt2", "Hi 👍🏽!", expect![" |H|i| |·|👍|·|·|🏽|!|"]);
    pieces("gpt2", "e\u{301} हि", expect![" e|́| |ह|ि|"]);
    pieces("llama", " Hi  漢字 no", expect!["H|i| | |·|·|·|·|·|·|漢字 n|o|"]);
    pieces("llama", "👍 👍", expect!["·|·|·|·|·|👍 |·|·|·|·|👍"]);
    pieces("t5", "One two.", expect!["·|O|n|e| t|wo|.|"]);
    // Half a character at the end is what the reference makes of it.
    let generator = generator("gpt2", false);
    let ids = generator.decoder.tokenizer.encode_bare(vec!["👍".to_owned()]).unwrap()[0].get_ids().to_vec();
    assert_eq!(streamed(&generator, &ids[..ids.len() - 1]), (vec![" ".to_owned()], "\u{fffd}".to_owned()));
}

#[test]
fn ids_beyond_the_vocabulary_are_refused_and_rows_without_a_token_are_silent() {
    let generator = Generator::read(&files("gpt2", &[("config.json", json!({"vocab_size": 5000}))])).unwrap();
    let error = generator.decode(&[5, 70_000]).unwrap_err().to_string();
    expect!["the token 70000 is beyond the vocabulary of 5000: the tokenizer is of another model than the graph"]
        .assert_eq(&error);
    let mut stream = generator.stream();
    assert!(matches!(stream.push(5000), Err(Error::UnknownToken { id: 5000, tokens: 5000 })));
    assert_eq!((stream.push(4999).unwrap(), stream.finish().unwrap()), (None, String::new()));
    assert_eq!(generator.decode(&[u32::MAX]).map_err(|error| error.to_string().len() > 20), Err(true));
}

fn defaults(generation: Value, config: Value) -> Result<Defaults, Error> {
    let files = files("gpt2", &[("generation_config.json", generation), ("config.json", config)]);
    Generator::read(&files).map(|generator| generator.defaults)
}

#[test]
fn settings_are_those_of_the_python_package() {
    for (name, case) in read_json("generation/settings.json").as_object().unwrap() {
        let (resolved, found) = (&case["resolved"], defaults(case["given"].clone(), json!({})).unwrap());
        let number = |name: &str| resolved[name].as_f64();
        let sampling = &found.sampling;
        let drawn = resolved["do_sample"].as_bool().unwrap();
        assert_eq!(sampling.temperature, if drawn { number("temperature").unwrap() } else { 0.0 }, "{name}");
        assert_eq!(found.temperature, number("temperature").unwrap(), "{name}");
        assert_eq!(sampling.top_k.map_or(0.0, f64::from), number("top_k").unwrap(), "{name}");
        assert_eq!(sampling.top_p.unwrap_or(1.0), number("top_p").unwrap(), "{name}");
        assert_eq!(sampling.min_p, number("min_p"), "{name}");
        assert_eq!(sampling.repetition_penalty, number("repetition_penalty").unwrap(), "{name}");
        assert_eq!(found.max_new_tokens.map(f64::from), number("max_new_tokens"), "{name}");
        let stop = match &resolved["eos_token_id"] {
            Value::Null => json!([0]),
            Value::Array(list) => json!(list),
            one => json!([one]),
        };
        assert_eq!(json!(found.stop_ids), stop, "{name}");
        // The tokenizer's own, where the settings have none.
        let pad = resolved["pad_token_id"].as_u64().or(Some(1000));
        assert_eq!((Some(u64::from(found.pad_id)), found.not_applied.len()), (pad, 0), "{name}");
    }
}

#[test]
fn settings_of_encoder_decoders_and_what_is_not_applied() {
    // Those of BART and of T5, whose file has less.
    let bart = json!({
        "bos_token_id": 0, "decoder_start_token_id": 2, "early_stopping": true, "eos_token_id": 2,
        "forced_bos_token_id": 0, "forced_eos_token_id": 2, "max_length": 142, "min_length": 56,
        "no_repeat_ngram_size": 3, "num_beams": 4, "pad_token_id": 1, "length_penalty": 2.0, "suppress_tokens": [],
    });
    let config = json!({"is_encoder_decoder": true, "vocab_size": 900});
    let found = defaults(bart.clone(), config.clone()).unwrap();
    assert_eq!((found.decoder_ids, found.stop_ids, found.pad_id), (vec![2, 0], vec![2], 1));
    let search = (found.beams, found.length_penalty, found.early_stopping, found.min_length);
    assert_eq!((search, found.not_applied.len()), ((4, 2.0, EarlyStopping::First, 56), 0));
    let found = defaults(bart, json!({})).unwrap();
    assert!(found.decoder_ids.is_empty() && found.not_applied.iter().any(|name| name == "forced_bos_token_id = 0"));
    let t5 = json!({"decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0});
    let found = defaults(t5, json!({"is_encoder_decoder": true, "eos_token_id": 5})).unwrap();
    assert_eq!((found.decoder_ids, found.stop_ids, found.max_length), (vec![0], vec![1], None));
    // Older files have it in config.json, newer ones for images in an object of it.
    let old = json!({"eos_token_id": 7, "pad_token_id": -1, "do_sample": true, "typical_p": 0.5});
    let found = defaults(json!({}), old).unwrap();
    assert_eq!((found.stop_ids, found.pad_id, found.sampling.temperature), (vec![7], 1000, 1.0));
    assert_eq!(found.not_applied, ["typical_p = 0.5"]);
    let found = defaults(json!({}), json!({"text_config": {"eos_token_id": [8, 9], "vocab_size": 8}})).unwrap();
    assert_eq!((found.stop_ids, found.pad_id), (vec![8, 9], 0));
}

#[test]
fn settings_that_are_none_are_errors_of_their_file() {
    let refused = |generation: Value, config: Value, expected: Expect| {
        expected.assert_eq(&defaults(generation, config).unwrap_err().to_string());
    };
    refused(
        json!({"eos_token_id": "</s>"}),
        json!({}),
        expect![[
            r#"generation_config.json cannot be read: expected eos_token_id to be a token's id, or a list of them, found "</s>". Download the file again, or save the model anew"#
        ]],
    );
    refused(
        json!({"temperature": -1}),
        json!({}),
        expect![
            "generation_config.json cannot be read: expected temperature to be a number of at least 0, found -1. Download the file again, or save the model anew"
        ],
    );
    refused(
        json!({}),
        json!({"top_k": 1.5}),
        expect![
            "config.json cannot be read: expected top_k to be a whole number of at least 0, found 1.5. Download the file again, or save the model anew"
        ],
    );
    refused(
        json!([]),
        json!({}),
        expect![
            "generation_config.json cannot be read: expected an object. Download the file again, or save the model anew"
        ],
    );
    refused(
        json!({}),
        json!({"is_encoder_decoder": true}),
        expect![
            "config.json cannot be read: expected decoder_start_token_id or bos_token_id, found neither. Download the file again, or save the model anew"
        ],
    );
}

#[test]
fn messages_need_a_template() {
    let generator = generator("gpt2", false);
    assert!(!generator.takes_messages());
    expect!["the model has no chat template: give it a text instead of messages, or put a chat_template.jinja into its folder"].assert_eq(&generator.chat(&[ChatMessage::new("user", "Hi")], &Map::new()).unwrap_err().to_string());
    let paths = ["config.json", "model.safetensors", "chat_template.jinja", "onnx/config.json", "modules.json"];
    assert_eq!(Generator::needed(paths), ["config.json", "chat_template.jinja"]);
}

#[test]
fn hostile_tokenizers_are_errors() {
    let read = |json: Value| Generator::read(&files("gpt2", &[("tokenizer.json", json)]));
    let good = read_json("tokenizers/gpt2/tokenizer.json");
    let with = |part: &str, value: Value| {
        let mut json = good.clone();
        json[part] = value;
        json
    };
    assert!(
        read(with("model", json!({"type": "BPE", "vocab": {"a": 4_294_967_295_u32}, "merges": []})))
            .is_ok_and(|generator| generator.decode(&[0, 4_294_967_295]).is_ok())
    );
    // The library would panic on it.
    let strip = json!({"type": "Strip", "content": "%", "start": 0, "stop": 9});
    let generator = Generator::read(&Files::from_iter([(
        "tokenizer.json".to_owned(),
        with("decoder", strip).to_string().into_bytes(),
    )]));
    let generator = generator.unwrap();
    expect!["1 tokens cannot be decoded: it fails on them. The decoder in tokenizer.json does not fit its vocabulary"]
        .assert_eq(&generator.decode(&[5]).unwrap_err().to_string());
    assert!(matches!(read(json!({"model": 1})), Err(Error::Damaged { .. })));
    assert!(matches!(Generator::read(&Files::default()), Err(Error::Missing { .. })));
}

/// Every tokenizer of the fixtures that decoding is compared for, with and without taking spaces away.
fn all() -> &'static Vec<Generator> {
    static ALL: OnceLock<Vec<Generator>> = OnceLock::new();
    let names = ["gpt2", "llama3", "qwen", "llama", "mistral", "gemma", "t5", "bert-uncased", "bpe-suffix", "clip"];
    ALL.get_or_init(|| names.iter().flat_map(|name| [generator(name, false), generator(name, true)]).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Low ids are bytes and punctuation, so they are drawn more often.
    #[test]
    fn pieces_together_are_the_text(which in 0..20_usize, draws in prop::collection::vec((0..4_u32, 0..1_000_000_u32), 0..40)) {
        let generator = &all()[which];
        let size = generator.decoder.tokenizer.size() as u32;
        let ids = draws.iter().map(|(kind, draw)| if *kind == 0 { draw % size } else { draw % size.min(300) });
        let ids = ids.collect::<Vec<_>>();
        let (pieces, rest) = streamed(generator, &ids);
        let whole_characters = pieces.iter().all(|piece| !piece.is_empty() && !piece.ends_with('\u{fffd}'));
        prop_assert!(whole_characters);
        prop_assert_eq!(whole((pieces, rest)), generator.decode(&ids).unwrap());
    }
}
