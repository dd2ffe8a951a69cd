//! Text that models make in real browsers, beside what transformers and PyTorch make of the same checkpoints.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pelago_protocol::{
    BrowserKind, ChatMessage, GenerateOptions, ParityVerdict, Part, Platform, Precision, Request, Run, StopReason,
    SweepOutcome, SweepRequest, Task, TuneRequest,
};
use pelago_session::{CancellationToken, Searched, Streaming};
use pelago_tests::lab::Lab;
use serde_json::Value;
use tokio::sync::mpsc;

const DECODERS: [&str; 9] =
    ["llama", "gpt2", "qwen2", "qwen3", "mistral", "phi3", "gemma2", "gpt_neox", "../generation/gemma3"];
const ENCODER_DECODERS: [&str; 5] = ["t5", "flan_t5", "mt5", "bart", "marian"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/models/text").join(name).canonicalize().unwrap()
}

fn golden(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder(name).join("golden.json")).unwrap()).unwrap()
}

fn numbers(of: &Value) -> Vec<u32> {
    of.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

fn on(platform: Platform, browser: BrowserKind, name: &str, prompt: &str, tokens: usize) -> Request {
    let generate = GenerateOptions {
        max_new_tokens: Some(tokens as u32),
        temperature: Some(0.0),
        beams: Some(1),
        ..GenerateOptions::default()
    };
    Request { platform, browser, generate, ..Request::new(folder(name).to_str().unwrap(), prompt) }
}

fn ids(run: &Run) -> Vec<u32> {
    run.output.texts()[0].tokens.iter().map(|token| token.id).collect()
}

/// The prompt, and the tokens that PyTorch makes of it.
fn expected(name: &str, golden: &Value) -> (String, Vec<u32>) {
    let all = numbers(&golden["generated_ids"]);
    let before = before(name, golden["input_ids"].as_array().unwrap().len());
    (golden["prompt"].as_str().unwrap().to_owned(), all[before..].to_vec())
}

/// Tokens of a golden answer that were given: a decoder's prompt, or what every answer of an encoder–decoder begins with.
fn before(name: &str, prompt: usize) -> usize {
    match name {
        "bart" => 2,
        _ if ENCODER_DECODERS.contains(&name) => 1,
        _ => prompt,
    }
}

/// Tokens to ask for: what is forced after the first one counts as new, as in transformers.
fn asked(name: &str, tokens: usize) -> usize {
    tokens + usize::from(name == "bart")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_decoder_makes_pytorchs_tokens() {
    let lab = Lab::open().await.unwrap();
    for name in DECODERS.into_iter().filter(|name| folder(name).join("tokenizer.json").exists()) {
        let golden = golden(name);
        let (prompt, expected) = expected(name, &golden);
        let prompt = prompt.as_str();
        let run = lab.run(&on(Platform::Wasm, BrowserKind::Chrome, name, prompt, expected.len())).await.unwrap();
        assert_eq!(ids(&run), expected, "{name}");
        assert_eq!(run.report.task, Some(Task::TextGeneration), "{name}");
        let generation = run.report.generation.as_ref().unwrap();
        assert_eq!(generation.new_tokens as usize, expected.len(), "{name}");
        assert!(generation.time_to_first_token_ms.unwrap() > 0.0 && generation.kv_cache_mb > 0.0, "{name}");
        let text = golden["text"].as_str().unwrap();
        // The older goldens have the prompt before the answer.
        let text = text.strip_prefix(prompt).unwrap_or(text);
        assert_eq!(run.output.text(), text, "{name}");
        penalised(&lab, name, &golden, prompt, expected.len()).await;
        batched(&lab, name, &golden).await;
        chatted(&lab, name, &golden).await;
    }
    lab.session.close().await;
}

async fn penalised(lab: &Lab, name: &str, golden: &Value, prompt: &str, tokens: usize) {
    let Some(penalty) = golden["repetition_penalty"]["repetition_penalty"].as_f64() else { return };
    let mut request = on(Platform::Wasm, BrowserKind::Chrome, name, prompt, asked(name, tokens));
    request.generate.repetition_penalty = Some(penalty);
    let run = lab.run(&request).await.unwrap();
    let all = numbers(&golden["repetition_penalty"]["generated_ids"]);
    assert!(all.ends_with(&ids(&run)) && !ids(&run).is_empty(), "{name}: {:?} {all:?}", ids(&run));
}

/// Rows of different lengths give what each gives alone.
async fn batched(lab: &Lab, name: &str, golden: &Value) {
    let Some(prompts) = golden["batch"]["prompts"].as_array() else { return };
    let prompts = prompts.iter().map(|prompt| prompt.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let rows = golden["batch"]["generated_ids"].as_array().unwrap().iter().map(numbers).collect::<Vec<_>>();
    let inputs = golden["batch"]["input_ids"].as_array().unwrap().iter().map(numbers).collect::<Vec<_>>();
    let before = before(name, inputs[0].len());
    let tokens = rows[0].len() - before;
    let request = on(Platform::Wasm, BrowserKind::Chrome, name, "", asked(name, tokens));
    let run = lab.run(&Request { input: prompts.into(), ..request }).await.unwrap();
    for (row, (text, expected)) in run.output.texts().iter().zip(&rows).enumerate() {
        let found = text.tokens.iter().map(|token| token.id).collect::<Vec<_>>();
        // A row that ended is filled up with padding.
        assert_eq!(found, expected[before..][..found.len()], "{name}, row {row}");
        assert!(found.len() == tokens || text.stop == StopReason::Stop, "{name}, row {row}");
    }
}

async fn chatted(lab: &Lab, name: &str, golden: &Value) {
    for case in golden["chat"].as_array().into_iter().flatten() {
        let Some(expected) = case.get("generated_ids") else { continue };
        // Templates get no words of the user's own.
        if case["template_kwargs"].as_object().is_some_and(|words| !words.is_empty()) {
            continue;
        }
        let of = |message: &Value, key: &str| message[key].as_str().unwrap().to_owned();
        let messages = case["messages"].as_array().unwrap();
        let messages = messages.iter().map(|message| ChatMessage::new(of(message, "role"), of(message, "content")));
        let input = numbers(&case["input_ids"]);
        let expected = &numbers(expected)[input.len()..];
        let request = on(Platform::Wasm, BrowserKind::Chrome, name, "", expected.len());
        let run = lab.run(&Request { input: messages.collect::<Vec<_>>().into(), ..request }).await.unwrap();
        assert_eq!(run.report.tokens, Some(input.len() as u64), "{name}");
        assert_eq!(ids(&run), expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_encoder_decoder_makes_pytorchs_tokens() {
    let lab = Lab::open().await.unwrap();
    for name in ENCODER_DECODERS {
        let golden = golden(name);
        let (prompt, expected) = expected(name, &golden);
        let prompt = prompt.as_str();
        let request = on(Platform::Wasm, BrowserKind::Chrome, name, prompt, asked(name, expected.len()));
        let run = lab.run(&request).await.unwrap();
        assert_eq!(ids(&run), expected, "{name}");
        assert_eq!(run.output.text(), golden["text"].as_str().unwrap(), "{name}");
        assert_eq!(run.report.sessions.len(), 3, "{name}: encoder, cross and decoder");
        penalised(&lab, name, &golden, prompt, expected.len()).await;
        batched(&lab, name, &golden).await;
    }
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webgpu_makes_the_same_tokens_captured_or_not() {
    let lab = Lab::open().await.unwrap();
    for browser in [BrowserKind::Chrome, BrowserKind::Firefox] {
        for name in ["llama", "gpt2", "qwen2", "t5"] {
            let golden = golden(name);
            let (prompt, expected) = expected(name, &golden);
            let request = on(Platform::WebGpu, browser, name, &prompt, expected.len());
            let run = lab.run(&request).await.unwrap();
            assert_eq!(ids(&run), expected, "{browser}, {name}");
            let placement = &run.report.sessions[0].placement;
            assert!(placement.fallback_operators.is_empty(), "{browser}, {name}: {placement:?}");
            let captured = run.report.generation.as_ref().unwrap();
            let generate = GenerateOptions { no_capture: true, ..request.generate.clone() };
            let plain = lab.run(&Request { generate, ..request }).await.unwrap();
            assert_eq!(ids(&plain), expected, "{browser}, {name}");
            assert!(!plain.report.generation.as_ref().unwrap().captured);
            assert!(captured.captured || captured.not_captured.is_some(), "{browser}, {name}");
            if name == "llama" {
                assert!(captured.captured, "{browser}: {:?}", captured.not_captured);
            }
        }
    }
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gguf_files_make_pytorchs_tokens() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/models/gguf").canonicalize().unwrap();
    let golden: Value = serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap();
    let lab = Lab::open().await.unwrap();
    for file in ["llama-f32.gguf", "llama-f16.gguf", "llama-q8_0.gguf", "llama-q4_0.gguf"] {
        let case = &golden[file];
        let input = numbers(case.get("ids").or_else(|| case.get("input_ids")).unwrap());
        let expected = &numbers(&case["generated_ids"])[input.len()..];
        lab.add(&folder.join(file), file).await.unwrap();
        let generate = GenerateOptions {
            max_new_tokens: Some(expected.len() as u32),
            temperature: Some(0.0),
            ..GenerateOptions::default()
        };
        let request = Request {
            platform: Platform::Wasm,
            browser: BrowserKind::Chrome,
            generate,
            ..Request::new(file, case["prompt"].as_str().unwrap())
        };
        let run = lab.run(&request).await.unwrap();
        assert_eq!(run.report.tokens, Some(input.len() as u64), "{file}");
        assert_eq!(ids(&run), expected, "{file}");
        assert_eq!(run.report.sessions[0].graph, file);
        // Blocks of few bits as they are make the same: the graph of fp32 is of their very numbers.
        let bits = match file {
            "llama-q4_0.gguf" => Precision::Bits4,
            "llama-q8_0.gguf" => Precision::Bits8,
            _ => continue,
        };
        for platform in [Platform::Wasm, Platform::WebGpu] {
            let request = Request { precision: bits.into(), platform, ..request.clone() };
            let run = lab.run(&request).await.unwrap();
            assert_eq!(ids(&run), expected, "{file}, {bits} bits on {platform}");
            assert_eq!(run.report.sessions[0].graph, file);
        }
    }
    lab.session.close().await;
}

/// Runs, and gives its parts with the moments at which they came.
async fn streamed(lab: &Lab, request: &Request, stop: CancellationToken) -> (Run, Vec<(Instant, String)>) {
    let (sender, mut parts) = mpsc::channel(4);
    let running = lab.session.stream(request, None, Streaming { parts: Some(sender), stop: stop.clone() });
    let taking = async {
        let mut taken = Vec::new();
        while let Some(Part::Text(part)) = parts.recv().await {
            taken.push((Instant::now(), part.text));
        }
        taken
    };
    let (run, taken) = tokio::join!(running, taking);
    (run.unwrap(), taken)
}

#[tokio::test(flavor = "multi_thread")]
async fn text_comes_as_it_is_made_and_ends_when_it_is_told() {
    let lab = Lab::open().await.unwrap();
    let golden = golden("llama");
    let (prompt, expected) = expected("llama", &golden);
    let request = on(Platform::Wasm, BrowserKind::Chrome, "llama", &prompt, expected.len());
    let (run, parts) = streamed(&lab, &request, CancellationToken::new()).await;
    assert_eq!(parts.iter().map(|(_, text)| text.as_str()).collect::<String>(), run.output.text());
    assert!(parts.len() >= expected.len(), "{}", parts.len());
    assert_eq!(run.output.texts()[0].stop, StopReason::Length);

    // A text that ends it is no part of it.
    let whole = run.output.text().to_owned();
    let (at, _) = whole.char_indices().nth(whole.chars().count() / 2).unwrap();
    let mut stopping = request.clone();
    stopping.generate.stop = vec![whole[at..].chars().take(3).collect()];
    let run = lab.run(&stopping).await.unwrap();
    assert_eq!(run.output.texts()[0].stop, StopReason::Stop);
    let end = whole.find(&stopping.generate.stop[0]).unwrap();
    assert_eq!(run.output.text(), &whole[..end]);

    // Told to stop, it ends with what it has, and the session goes on.
    let mut long = request.clone();
    long.generate.max_new_tokens = Some(20_000);
    let stop = CancellationToken::new();
    let telling = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        stop.cancel();
        Instant::now()
    };
    let ((run, parts), told) = tokio::join!(streamed(&lab, &long, stop.clone()), telling);
    let late = Instant::now().duration_since(told);
    assert!(matches!(run.output.texts()[0].stop, StopReason::Interrupted | StopReason::Context), "{run:?}");
    assert!(!parts.is_empty() && late < Duration::from_secs(5), "{late:?}");

    // Time is up before there is anything.
    let mut short = long.clone();
    short.generate.max_seconds = Some(0.000_001);
    assert_eq!(lab.run(&short).await.unwrap_err().code(), "no_token");
    assert_eq!(ids(&lab.run(&request).await.unwrap()), expected);
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_seeds_give_equal_text_and_others_another() {
    let lab = Lab::open().await.unwrap();
    let mut request = on(Platform::Wasm, BrowserKind::Chrome, "llama", "the quick", 24);
    request.generate.temperature = Some(1.5);
    request.generate.top_k = Some(0);
    let mut texts = Vec::new();
    for seed in [7, 7, 8] {
        request.generate.seed = Some(seed);
        let run = lab.run(&request).await.unwrap();
        assert_eq!(run.report.generation.as_ref().unwrap().sampling.seed, seed);
        texts.push(ids(&run));
    }
    assert_eq!(texts[0], texts[1]);
    assert_ne!(texts[0], texts[2]);
    // As probable as transformers says, of the tokens that it gives.
    request.generate = GenerateOptions { logprobs: Some(3), temperature: Some(0.0), ..GenerateOptions::default() };
    request.generate.max_new_tokens = Some(4);
    let run = lab.run(&request).await.unwrap();
    for token in &run.output.texts()[0].tokens {
        assert_eq!(token.top.len(), 3);
        assert_eq!(token.top[0].0, token.id);
        assert!((token.top[0].1 - token.logprob.unwrap()).abs() < 1e-9 && token.logprob.unwrap() < 0.0);
        assert!(token.top.is_sorted_by(|a, b| a.1 >= b.1));
    }
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_by_name() {
    let lab = Lab::open().await.unwrap();
    let request = |prompt: &str| on(Platform::Wasm, BrowserKind::Chrome, "llama", prompt, 4);
    let code = async |request: &Request| lab.run(request).await.unwrap_err().code().to_owned();
    assert_eq!(code(&request(&"word ".repeat(5000))).await, "input_too_long");
    let chat = Request { input: vec![ChatMessage::new("user", "hello")].into(), ..request("") };
    let error = lab.run(&chat).await.unwrap_err();
    assert!(error.to_string().contains("chat template"), "{error}");
    let embedding = Request { task: Some(Task::TextClassification), ..request("a") };
    assert!(lab.run(&embedding).await.is_err());
    let mut wild = request("a");
    wild.generate.top_p = Some(1.5);
    assert_eq!(code(&wild).await, "unsupported");
    let prompt = Request { truncate_dim: Some(3), ..request("a") };
    assert_eq!(code(&prompt).await, "unsupported");
    assert!(lab.run(&request("the quick")).await.is_ok());
    lab.session.close().await;
}

/// Perplexities and tokens are PyTorch's (`tests/python/make_perplexity.py`).
#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_says_how_fast_and_how_far_text_is() {
    let lab = Lab::open().await.unwrap();
    let file = folder("../perplexity.json");
    let golden: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let sweep = |name: &str, platforms: &[Platform], precisions: &[Precision], repeat: u32| SweepRequest {
        model: folder(name).to_str().unwrap().to_owned(),
        input: Some(golden["prompt"].as_str().unwrap().into()),
        graph: None,
        browsers: vec![BrowserKind::Chrome],
        platforms: platforms.to_vec(),
        precisions: precisions.to_vec(),
        mixed: Vec::new(),
        repeat,
        warm_up: 0,
        max_new_tokens: Some(8),
    };
    let measured = async |request: SweepRequest| {
        let sweep = lab.session.sweep(&request, None, &CancellationToken::new()).await.unwrap();
        assert!(sweep.rows.iter().all(|row| row.outcome == SweepOutcome::Measured), "{:?}", sweep.rows);
        sweep.rows
    };
    for (name, expected) in golden["models"].as_object().unwrap() {
        let rows = measured(sweep(name, &[Platform::Wasm, Platform::WebGpu], &[Precision::Bits32], 1)).await;
        for row in &rows {
            let parity = row.parity.as_ref().unwrap();
            let of_text = parity.generation.as_ref().unwrap();
            let wanted = expected["perplexity"].as_f64().unwrap();
            let off = (of_text.perplexity - wanted).abs() / wanted;
            assert!(off < 1e-3, "{name}: {} is not {wanted}", of_text.perplexity);
            assert_eq!(u64::from(of_text.scored_tokens), expected["tokens"].as_u64().unwrap(), "{name}");
            assert_eq!((of_text.first_different_token, of_text.compared_tokens), (None, 8), "{name}: {row:?}");
            assert!(of_text.mean_kl_divergence < 1e-6, "{name}: {row:?}");
            assert_eq!(parity.verdict, ParityVerdict::Exact, "{name}: {row:?}");
            let speed = row.generation.as_ref().unwrap();
            assert_eq!(speed.new_tokens, 8, "whatever ends it: {name}");
            assert!(speed.decode_tokens_per_sec.unwrap() > 0.0 && speed.time_to_first_token_ms.unwrap() > 0.0);
        }
    }
    // Fewer bits are farther, and the runs are kept with their distance.
    let bits = [Precision::Bits2, Precision::Bits4, Precision::Bits8];
    let rows = measured(sweep("llama", &[Platform::Wasm], &bits, 1)).await;
    let far = rows.iter().map(|row| row.parity.as_ref().unwrap().generation.as_ref().unwrap().mean_kl_divergence);
    let far = far.collect::<Vec<_>>();
    assert!(far.is_sorted_by(|more, fewer| more > fewer) && far[2] > 0.0, "{far:?}");
    let kept = "SELECT count(*) AS n FROM runs WHERE parity_mean_kl_divergence > 0 AND parity_perplexity > 1";
    let kept = lab.session.results().sql(kept).await.unwrap();
    assert!(kept.column("n").unwrap().i64().unwrap().get(0) >= Some(6), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mix_of_precisions_is_found_for_a_decoder() {
    let lab = Lab::open().await.unwrap();
    let request = TuneRequest {
        platform: Platform::Wasm,
        browser: BrowserKind::Chrome,
        choices: vec![Precision::Bits4, Precision::Bits32],
        max_error: 1e-4,
        groups: 3,
        ..TuneRequest::new(folder("llama").to_str().unwrap())
    };
    let tuned = lab.session.tune(&request, None, &CancellationToken::new()).await.unwrap();
    let Searched::Found(tuned) = tuned else { panic!("{tuned:?}") };
    assert!(tuned.error <= 1e-4 && tuned.bytes < tuned.bytes_fp32, "{tuned:?}");
    let several = TuneRequest { model: folder("t5").to_str().unwrap().to_owned(), ..request };
    let refused = lab.session.tune(&several, None, &CancellationToken::new()).await.unwrap_err();
    assert!(refused.to_string().contains("several graphs"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_by_beams_finds_pytorchs_answers() {
    let lab = Lab::open().await.unwrap();
    for name in ["flan_t5", "bart", "marian"] {
        let golden = golden(name);
        let expected = &numbers(&golden["beams"]["generated_ids"])[before(name, 0)..];
        let prompt = golden["prompt"].as_str().unwrap();
        for platform in [Platform::Wasm, Platform::WebGpu] {
            let mut request = on(platform, BrowserKind::Chrome, name, prompt, asked(name, expected.len()));
            request.generate.temperature = None;
            request.generate.beams = Some(golden["beams"]["num_beams"].as_u64().unwrap() as u32);
            let run = lab.run(&request).await.unwrap();
            assert_eq!(ids(&run), expected, "{name} on {platform}");
            assert_eq!(run.report.generation.as_ref().unwrap().beams.as_ref().unwrap().count, 3);
        }
    }
    // Marian's files ask for a search, so a translation is made by one; drawn tokens have none, and that is said.
    let translation = |generate: GenerateOptions| Request {
        platform: Platform::Wasm,
        browser: BrowserKind::Chrome,
        generate: GenerateOptions { max_new_tokens: Some(8), ..generate },
        ..Request::new(folder("marian").to_str().unwrap(), golden("marian")["prompt"].as_str().unwrap())
    };
    let usual = lab.run(&translation(GenerateOptions::default())).await.unwrap();
    assert_eq!(usual.report.generation.unwrap().beams.unwrap().count, 4);
    assert!(usual.report.warnings.iter().all(|warning| !warning.contains("num_beams")), "{:?}", usual.report.warnings);
    let drawn = GenerateOptions { temperature: Some(0.8), seed: Some(7), ..GenerateOptions::default() };
    let drawn = lab.run(&translation(drawn)).await.unwrap();
    assert!(
        drawn.report.warnings.iter().any(|warning| warning.contains("num_beams = 4")),
        "{:?}",
        drawn.report.warnings
    );
    let both = GenerateOptions { beams: Some(4), temperature: Some(0.8), ..GenerateOptions::default() };
    let refused = lab.run(&translation(both)).await.unwrap_err();
    assert!(refused.to_string().contains("a temperature beside a search by beams"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_keeps_to_a_schema() {
    let lab = Lab::open().await.unwrap();
    let schema = r#"{"type": "object", "properties": {"kind": {"enum": ["red", "green"]}, "ok": {"type": "boolean"}},
        "required": ["kind", "ok"], "additionalProperties": false}"#;
    for (name, seed) in [("llama", None), ("llama", Some(3)), ("qwen2", Some(4)), ("mistral", Some(5))] {
        let mut request = on(Platform::Wasm, BrowserKind::Chrome, name, "Say it:", 90);
        request.generate.schema = Some(schema.to_owned());
        request.generate.seed = seed;
        request.generate.temperature = seed.map(|_| 1.5);
        let run = lab.run(&request).await.unwrap();
        let answer: Value =
            serde_json::from_str(run.output.text()).unwrap_or_else(|error| panic!("{name}: {error}: {run:?}"));
        assert_eq!(answer.as_object().unwrap().len(), 2, "{answer:?}");
        assert!(answer["kind"] == "red" || answer["kind"] == "green", "{answer:?}");
        assert!(answer["ok"].is_boolean(), "{answer:?}");
        assert_eq!(run.output.texts()[0].stop, StopReason::Stop);
        assert!(run.report.generation.unwrap().has_schema);
    }
    for (schema, expected) in [("{", "no JSON"), (r#"{"type": "string", "pattern": "a+"}"#, "pattern")] {
        let mut request = on(Platform::Wasm, BrowserKind::Chrome, "llama", "Say it:", 20);
        request.generate.schema = Some(schema.to_owned());
        let refused = lab.run(&request).await.unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
    }
}

/// The graph is optimum's; `tests/python/make_published.py` has another library make the tokens.
#[tokio::test(flavor = "multi_thread")]
async fn decoders_that_others_published_make_text() {
    let lab = Lab::open().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    for (name, graphs) in [("llama", 1), ("t5", 2)] {
        let model = pelago_tests::family(name, home.path()).unwrap();
        // Without the weights, of which a graph would be built.
        drop(std::fs::remove_file(model.join("model.safetensors")));
        for platform in [Platform::Wasm, Platform::WebGpu] {
            let mut request = on(platform, BrowserKind::Chrome, name, "a cat", 6);
            request.model = model.to_str().unwrap().to_owned();
            request.generate.ignore_eos = true;
            // WebGPU has no kernel for the `IsNaN` of optimum's attention.
            request.allow_fallback = name == "llama";
            let run = lab.run(&request).await.unwrap_or_else(|error| panic!("{name} on {platform}: {error}"));
            assert_eq!(ids(&run).len(), 6, "{name}");
            assert_eq!(run.report.sessions.len(), graphs, "{name}");
            assert!(run.report.sessions[0].graph.ends_with(".onnx"), "{:?}", run.report.sessions);
        }
    }
}
