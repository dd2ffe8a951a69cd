//! SmolLM2-135M-Instruct in fp32 and in 4 bits on wasm: beside native onnxruntime on the same cores and beside
//! transformers.js, on the same graph and weights; and as a user waits for it.

use std::path::{Path, PathBuf};

use pelago_browser::pool::Page;
use pelago_content::Store;
use pelago_onnx::gguf::{Gguf, Kept, Weights};
use pelago_onnx::graph::{Folder, Generation, GenerationOptions};
use pelago_onnx::precision::{Destination, Recipe, convert};
use pelago_protocol::{BrowserKind, GenerateOptions, Platform, Precision, Request};
use pelago_session::Session;
use pelago_tests::{fixture, lab};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::beside::{self, Ways};
use super::decoder::{Ask, Decoder, token_ms};
use super::native::Native;
use super::{ending, streaming};
use crate::Failure;
use crate::models::{Models, page};
use crate::stats::{Sample, ratio};
use crate::table::{Table, number, optional};
use crate::verdict::Verdict;

const NAME: &str = "SmolLM2-135M-Instruct";
const BROWSER: &str = "Chromium";
/// Heads that ask; the graph says how many are kept.
const HEADS: usize = 9;
/// Of an answer to a user.
const TOKENS: u32 = 24;
/// Beside native onnxruntime, transformers.js, and without parts.
const TURNS: [usize; 3] = [8, 6, 6];
/// Milliseconds of a token by native onnxruntime's.
const WANTED: f64 = 2.5;
const PROMPT: &str = "Once upon a time";

/// A graph of the model.
struct Form {
    label: &'static str,
    precision: Precision,
    /// What becomes of the file's 4 bits, as for wasm.
    kept: Kept,
    /// Of an answer that is measured: wasm takes a second and more for one in 4 bits.
    tokens: u32,
}

const FORMS: [Form; 2] = [
    Form { label: "fp32", precision: Precision::Bits32, kept: Kept::Single, tokens: 24 },
    Form { label: "4 bits", precision: Precision::Bits4, kept: Kept::Products, tokens: 8 },
];

pub(super) async fn run(models: &Models, store: &Store) -> Result<Vec<Verdict>, Failure> {
    let file = std::env::var_os("PELAGO_BENCH_SMOLLM2").ok_or("PELAGO_BENCH_SMOLLM2 names no GGUF file")?;
    let file = PathBuf::from(file);
    let prompt = prompt()?;
    let mut natives = Table::new(&[
        "weights",
        "where",
        "n",
        "first token p50",
        "a token p50",
        "min",
        "tokens a second",
        "ratio",
        "95 %",
        "same tokens",
    ]);
    let mut ways = Ways::new();
    let (mut parts, mut ends) = (streaming::table(), ending::table());
    let mut verdicts = Vec::new();
    for form in &FORMS {
        let decoder = decoder(store, &file, form).await?;
        let session = Session::open(models.options()).await?;
        let measured = async {
            let page = page(&session, BROWSER).await?;
            let ask = Ask { platform: Platform::Wasm, prompt: &prompt, tokens: form.tokens, streams: false };
            let route = format!("{BROWSER} wasm, {}", form.label);
            verdicts.push(beside_native(&decoder, &page, &ask, form, &mut natives).await?);
            verdicts.extend(ways.add(&route, prompt.len(), &beside::ways(&decoder, &page, &ask, TURNS[1]).await?));
            let streamed = streaming::measure(&decoder, &page, &ask, TURNS[2]).await?;
            verdicts.push(streaming::add(&mut parts, &route, form.tokens, &streamed));
            let ended = ending::measure(&decoder, &page, Platform::Wasm, &prompt, TURNS[2]).await?;
            verdicts.extend(ending::add(&mut ends, &route, &ended));
            Ok::<_, Failure>(())
        }
        .await;
        session.close().await;
        measured?;
    }
    let caption = |what: &str| format!("{NAME}, {what}");
    natives.print(&caption("a prompt of 37 tokens, beside native onnxruntime, ms, turn by turn"));
    ways.print(&caption("the same beside transformers.js"));
    parts.print(&caption("answers in parts and at the end, ms"));
    ends.print(&caption("the end of a request, ms"));
    waiting(&file).await?;
    Ok(verdicts)
}

/// The tokens of a question in the model's chat template.
fn prompt() -> Result<Vec<u32>, Failure> {
    let golden: Value = serde_json::from_slice(&std::fs::read(fixture("models/smollm2.json"))?)?;
    Ok(serde_json::from_value(golden["37"]["input_ids"].clone())?)
}

async fn decoder(store: &Store, file: &Path, form: &Form) -> Result<Decoder, Failure> {
    let (folder, generation) = written(file, form)?;
    // What transformers.js needs to know: the sizes of an empty cache.
    let config = json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HEADS * generation.head_size,
        "num_hidden_layers": generation.layers,
        "num_attention_heads": HEADS,
        "num_key_value_heads": generation.key_heads,
        "head_dim": generation.head_size,
        "max_position_embeddings": generation.trained_context,
        "vocab_size": generation.vocabulary,
    });
    Decoder::add(store, folder, NAME, generation.context, &config).await
}

/// A folder with the graph and its weights.
fn written(file: &Path, form: &Form) -> Result<(TempDir, Generation), Failure> {
    let (folder, name) = file.parent().zip(file.file_name()).ok_or("the model's file has no folder")?;
    let files = Folder(folder.to_owned());
    let header = Gguf::read(&files, &name.to_string_lossy())?;
    let built = header.build_decoder(&files, &GenerationOptions::default(), form.kept)?;
    let weights = Weights::new(&files, &header).with("graph.onnx", built.model.onnx);
    let folder = tempfile::tempdir()?;
    convert(&weights, "graph.onnx", &Recipe::new(32), Destination::new(folder.path(), "model.onnx"))?;
    Ok((folder, built.generation))
}

async fn beside_native(
    decoder: &Decoder,
    page: &Page,
    ask: &Ask<'_>,
    form: &Form,
    table: &mut Table,
) -> Result<Verdict, Failure> {
    let mut native = Native::start(decoder.folder())?;
    let mut first = [Sample::default(), Sample::default()];
    let mut token = [Sample::default(), Sample::default()];
    let (mut ids, mut same) = (Vec::new(), 0);
    for turn in 0..=TURNS[0] {
        let here = decoder.generate(page, ask).await?;
        let there = native.generate(ask.prompt, ask.tokens).await?;
        // The first turn warms up.
        if turn == 0 {
            continue;
        }
        let steps = f64::from(ask.tokens - 1);
        for (place, first_ms, token_ms) in
            [(0, here.prefill_ms, token_ms(&here)), (1, there.prefill_ms, there.decode_ms / steps)]
        {
            first[place].0.push(first_ms);
            token[place].0.push(token_ms);
        }
        ids = here.rows.into_iter().next().map(|row| row.ids).unwrap_or_default();
        same = ids.iter().zip(&there.ids).take_while(|(a, b)| a == b).count();
    }
    let (found, [low, high]) = ratio(&token[0], &token[1]);
    let interval = format!("{}…{}", number(low), number(high));
    for (place, name) in [BROWSER, "native onnxruntime"].into_iter().enumerate() {
        let compared = place == 0;
        let or_dash = |text: String| if compared { text } else { "–".to_owned() };
        table.row([
            format!("{}, {} MB", form.label, number(decoder.weights as f64 / 1e6)),
            name.to_owned(),
            token[place].0.len().to_string(),
            number(first[place].p50()),
            number(token[place].p50()),
            number(token[place].min()),
            number(1000.0 / token[place].p50()),
            or_dash(number(found)),
            or_dash(interval.clone()),
            or_dash(format!("{same}/{}", ids.len())),
        ]);
    }
    let text = format!("{} ({interval})", number(found));
    let target = format!("a token to native onnxruntime, {NAME} on wasm, {}", form.label);
    Ok(Verdict::new(target, format!("≤ {WANTED}"), text, found <= WANTED))
}

/// As a user waits: from a home that has the model's file alone, with a new browser, and again.
async fn waiting(file: &Path) -> Result<(), Failure> {
    let mut table = Table::new(&[
        "weights",
        "request",
        "first token, s",
        "a token, ms",
        "tokens a second",
        "page MiB",
        "browser MiB",
    ]);
    for form in &FORMS {
        let home = tempfile::tempdir()?;
        let request = Request {
            browser: BrowserKind::Chrome,
            platform: Platform::Wasm,
            precision: form.precision.into(),
            generate: GenerateOptions {
                max_new_tokens: Some(TOKENS),
                temperature: Some(0.0),
                ..GenerateOptions::default()
            },
            ..Request::new(NAME, PROMPT)
        };
        for (round, names) in [["first of all", "warm"], ["with a new browser", "warm"]].into_iter().enumerate() {
            let session = Session::open(lab::options(home.path())).await?;
            let measured = async {
                if round == 0 {
                    session.models().add(file, Some(NAME), None, |_| {}).await?;
                }
                for name in names {
                    let report = session.accelerate(&request, None).await?.report;
                    let generation = report.generation.ok_or("a report without generation")?;
                    table.row([
                        form.label.to_owned(),
                        name.to_owned(),
                        optional(generation.time_to_first_token_ms.map(|ms| ms / 1000.0)),
                        optional(generation.decode_tokens_per_sec.map(|rate| 1000.0 / rate)),
                        optional(generation.decode_tokens_per_sec),
                        optional(report.memory_usage_mb),
                        optional(report.browser_memory_mb),
                    ]);
                }
                Ok::<_, Failure>(())
            }
            .await;
            session.close().await;
            measured?;
        }
    }
    table.print(&format!("{NAME} on {BROWSER} wasm as `pelago` runs it, {TOKENS} tokens after {PROMPT:?}"));
    Ok(())
}
