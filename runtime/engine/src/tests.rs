//! The engine on browsers that are tables: routes, precisions, records and what is let go of.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use pelago_browser::driver::Product;
use pelago_content::{Store, StoreOptions};
use pelago_models::network::HUGGING_FACE;
use pelago_models::{Models, NetworkOptions};
use pelago_protocol::{
    BrowserKind, ErrorCode, FailedRun, FailureId, MeasuredRun, Part, Platform, Precision, PrecisionChoice, Report, Run,
    Step, StopReason, SweepRow, Task, Transfer,
};

use super::*;
use crate::fleet::fake::{Abilities, Behaviour, FakeFleet};

/// Keeps what it is told in lists.
#[derive(Debug, Default)]
struct Records {
    earlier: Vec<MeasuredRun>,
    is_full: Mutex<bool>,
    /// How often earlier runs were asked for.
    asked: Mutex<u32>,
    /// Each run's route, and the failure that it recovered from.
    runs: Mutex<Vec<(String, Option<String>)>>,
    failures: Mutex<Vec<FailedRun>>,
}

#[async_trait]
impl Recorder for Records {
    async fn record_run(
        &self,
        report: &Report,
        _: &[Transfer],
        recovered: Option<&FailureId>,
    ) -> Result<(), RecordError> {
        if *self.is_full.lock().unwrap() {
            return Err("no space left on the device".into());
        }
        let route = format!("{} {}", report.browser_product, report.platform);
        self.runs.lock().unwrap().push((route, recovered.map(ToString::to_string)));
        Ok(())
    }

    async fn record_failure(&self, failed: &FailedRun) -> Result<(), RecordError> {
        self.failures.lock().unwrap().push(failed.clone());
        Ok(())
    }

    async fn record_sweep(&self, _: &[SweepRow]) -> Result<(), RecordError> {
        Ok(())
    }

    async fn measured(&self, _: &str, _: u64) -> Result<Vec<MeasuredRun>, RecordError> {
        *self.asked.lock().unwrap() += 1;
        Ok(self.earlier.clone())
    }
}

struct Lab {
    engine: Engine,
    fleet: Arc<FakeFleet>,
    records: Arc<Records>,
    _folder: tempfile::TempDir,
}

const MODEL: &str = "tiny-bert";
const DECODER: &str = "tiny-llama";

impl Lab {
    async fn new(fleet: FakeFleet, earlier: Vec<MeasuredRun>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_with(folder.path(), StoreOptions::default()).unwrap();
        let models = Models::open(store.clone()).unwrap();
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models/bert");
        models.add(model, Some(MODEL), None, |_| {}).await.unwrap();
        let decoder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models/text/llama");
        models.add(decoder, Some(DECODER), None, |_| {}).await.unwrap();
        let network =
            Network::new(models, NetworkOptions::new(folder.path().join("staging"), HUGGING_FACE).unwrap()).unwrap();
        let preparer = Preparer::new(store, network, Served::default());
        let (fleet, records) = (Arc::new(fleet), Arc::new(Records { earlier, ..Records::default() }));
        let engine = Engine::new(fleet.clone(), preparer, records.clone());
        Self { engine, fleet, records, _folder: folder }
    }

    /// Two browsers that have WebGPU in software.
    async fn usual(earlier: Vec<MeasuredRun>) -> Self {
        let fleet = FakeFleet::default().with(Product::Chromium, Abilities::default());
        Self::new(fleet.with(Product::Firefox, Abilities::default()), earlier).await
    }

    async fn run(&self, request: &Request) -> Result<Run, RunError> {
        self.engine.accelerate(request, None).await
    }

    async fn route(&self, request: &Request) -> String {
        let chosen = self.engine.optimal_hardware(request).await.unwrap();
        format!("{} {}: {}", chosen.route.installation, chosen.route.platform, chosen.reason)
    }
}

fn request() -> Request {
    Request::new(MODEL, "hello")
}

fn on(browser: BrowserKind, platform: Platform) -> Request {
    Request { browser, platform, ..request() }
}

/// A warm run of one text of three tokens (`[CLS]`, one word, `[SEP]`) or a few more.
fn earlier(product: Product, platform: Platform, ms: f64) -> MeasuredRun {
    MeasuredRun {
        product: product.name().to_owned(),
        version: "1.0".to_owned(),
        platform,
        precision: Precision::Bits32,
        mixed_precision: false,
        batch_size: 1,
        tokens: Some(7),
        seconds: ms / 1000.0,
    }
}

/// A text of so many tokens that it falls in the bucket of [`earlier`].
const ALIKE: &str = "hello";

#[tokio::test(flavor = "multi_thread")]
async fn without_a_measurement_the_adapter_decides() {
    let lab = Lab::usual(Vec::new()).await;
    let route = lab.route(&request()).await;
    assert!(route.starts_with("Chromium wasm: WebGPU is software here"), "{route}");
    let real = Abilities { real: true, ..Abilities::default() };
    let lab = Lab::new(FakeFleet::default().with(Product::Chromium, real), Vec::new()).await;
    let route = lab.route(&request()).await;
    assert!(route.starts_with("Chromium webgpu: WebGPU has a real GPU"), "{route}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_earlier_sessions_measured_decides_among_the_browsers_that_are_here() {
    let mut runs = vec![
        earlier(Product::Chromium, Platform::Wasm, 20.0),
        earlier(Product::Firefox, Platform::WebGpu, 12.0),
        // Faster, but not here any more.
        earlier(Product::Edge, Platform::WebGpu, 1.0),
    ];
    let tokens = tokens_of(ALIKE).await;
    runs.iter_mut().for_each(|run| run.tokens = Some(tokens));
    // Faster, but not alike: another precision, another batch, another length.
    let other = earlier(Product::Chromium, Platform::WebGpu, 1.0);
    runs.push(MeasuredRun { precision: Precision::Bits8, tokens: Some(tokens), ..other.clone() });
    runs.push(MeasuredRun { batch_size: 64, tokens: Some(tokens * 64), ..other.clone() });
    runs.push(MeasuredRun { tokens: Some(tokens * 100), ..other });
    let lab = Lab::usual(runs).await;
    let route = lab.route(&request()).await;
    assert!(route.starts_with("Firefox webgpu: the fastest that this machine measured"), "{route}");
    assert_eq!(lab.fleet.open(), Vec::<String>::new(), "no browser is opened to choose one");
    lab.route(&request()).await;
    assert_eq!(*lab.records.asked.lock().unwrap(), 1, "the records are asked once");
}

async fn tokens_of(text: &str) -> u64 {
    let lab = Lab::usual(Vec::new()).await;
    let run = lab.run(&Request { input: text.into(), ..on(BrowserKind::Chrome, Platform::Wasm) }).await.unwrap();
    run.report.tokens.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_learns_within_a_session() {
    let lab = Lab::usual(Vec::new()).await;
    // The first question makes the likeness known.
    lab.route(&request()).await;
    for (browser, platform, ms) in [
        (BrowserKind::Chrome, Platform::Wasm, 30.0),
        (BrowserKind::Firefox, Platform::WebGpu, 4.0),
        (BrowserKind::Chrome, Platform::WebGpu, 9.0),
    ] {
        let id = if browser == BrowserKind::Chrome { "Chromium" } else { "Firefox" };
        *lab.fleet.worker(id).run_ms.lock().unwrap() = ms;
        // The first run of each is cold and counts for nothing.
        for _ in 0..2 {
            lab.run(&on(browser, platform)).await.unwrap();
        }
    }
    let route = lab.route(&request()).await;
    assert!(route.starts_with("Firefox webgpu: the fastest"), "{route}");
    // Of a long batch nothing was measured.
    let many = Request { input: vec!["hello".to_owned(); 64].into(), ..request() };
    let route = lab.route(&many).await;
    assert!(route.starts_with("Chromium wasm: WebGPU is software"), "{route}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_was_named_is_the_one_that_runs() {
    let lab = Lab::usual(Vec::new()).await;
    let run = lab.run(&on(BrowserKind::Firefox, Platform::WebGpu)).await.unwrap();
    assert_eq!((run.report.browser_product.as_str(), run.report.platform), ("Firefox", Platform::WebGpu));
    assert_eq!(lab.fleet.open(), ["Firefox"]);
    let error = lab.run(&on(BrowserKind::Safari, Platform::Wasm)).await.unwrap_err();
    assert_eq!(error.code(), "no_browser");
    // The user named an executable that cannot be used: nothing runs in its place.
    let mut fleet = FakeFleet::default().with(Product::Chromium, Abilities::default());
    fleet.discovery.unusable = vec![BrowserKind::Edge];
    let lab = Lab::new(fleet, Vec::new()).await;
    assert_eq!(lab.run(&request()).await.unwrap_err().code(), "no_browser");
}

#[tokio::test(flavor = "multi_thread")]
async fn software_is_refused_where_hardware_is_required_and_is_no_failure() {
    let lab = Lab::usual(Vec::new()).await;
    let asked = Request { require_real_hardware: true, ..on(BrowserKind::Chrome, Platform::WebGpu) };
    assert_eq!(lab.run(&asked).await.unwrap_err().code(), "software_hardware");
    assert!(lab.records.failures.lock().unwrap().is_empty());
    assert!(lab.fleet.worker("Chromium").asked().is_empty(), "no model is loaded for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_belongs_to_the_route_that_failed() {
    let lab = Lab::usual(Vec::new()).await;
    let (gpu, wasm) = (on(BrowserKind::Chrome, Platform::WebGpu), on(BrowserKind::Chrome, Platform::Wasm));
    lab.fleet.worker("Chromium").behave(Behaviour::IsLost);
    let error = lab.run(&gpu).await.unwrap_err();
    assert!(error.code() == "browser_lost" && error.is_repeatable(), "{error:?}");
    lab.fleet.worker("Chromium").behave(Behaviour::Answers);
    lab.run(&wasm).await.unwrap();
    lab.run(&gpu).await.unwrap();
    lab.run(&gpu).await.unwrap();
    let failure = lab.records.failures.lock().unwrap()[0].failure_id.clone();
    let runs = lab.records.runs.lock().unwrap().clone();
    let recovered: Vec<_> =
        runs.iter().map(|(route, recovered)| (route.as_str(), recovered.as_deref().map(FailureId::from))).collect();
    let expected = [("Chromium wasm", None), ("Chromium webgpu", Some(failure)), ("Chromium webgpu", None)];
    assert_eq!(recovered, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_be_recorded_has_its_result() {
    let lab = Lab::usual(Vec::new()).await;
    *lab.records.is_full.lock().unwrap() = true;
    let run = lab.run(&on(BrowserKind::Chrome, Platform::Wasm)).await.unwrap();
    let warnings = run.report.warnings.join("\n");
    assert!(warnings.contains("this run is not recorded: no space left on the device"), "{warnings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_unchecked_request_reaches_a_page() {
    let lab = Lab::usual(Vec::new()).await;
    let base = on(BrowserKind::Chrome, Platform::Wasm);
    let refused = [
        Request { mixed_precision: true, ..base.clone() },
        Request { use_firefox_optimizations: true, ..base.clone() },
        Request { memory_limit: Some(1 << 30), ..base.clone() },
        Request { input: Vec::<String>::new().into(), ..base },
    ];
    for request in refused {
        let (alone, everywhere) = (lab.run(&request).await, lab.engine.accelerate_every_route(&request, None).await);
        let (alone, everywhere) = (alone.unwrap_err(), everywhere.unwrap_err());
        assert_eq!(alone.code(), everywhere.code(), "{alone}");
        assert!(["unsupported", "empty_input"].contains(&alone.code()), "{alone}");
    }
    assert!(lab.fleet.open().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_goes_on_after_one_that_failed() {
    let without = Abilities { webgpu: false, ..Abilities::default() };
    let fleet = FakeFleet::default().with(Product::Chromium, Abilities::default()).with(Product::Firefox, without);
    let lab = Lab::new(fleet, Vec::new()).await;
    lab.fleet.worker("Firefox").behave(Behaviour::Refuses(ErrorCode::OutOfMemory));
    let attempts = lab.engine.accelerate_every_route(&request(), None).await.unwrap();
    let seen = attempts.iter().map(|attempt| {
        let outcome = match &attempt.outcome {
            Ok(run) => run.report.parity.as_ref().map_or_else(|| "reference".to_owned(), |it| it.reference.clone()),
            Err(error) => error.code().to_owned(),
        };
        format!("{} {}: {outcome}", attempt.route.installation, attempt.route.platform)
    });
    let expected = ["Chromium wasm: reference", "Firefox wasm: out_of_memory", "Chromium webgpu: fp32 on wasm"];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    assert_eq!(lab.records.failures.lock().unwrap()[0].code, "out_of_memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_let_go_of_where_it_is_held_and_nowhere_else() {
    let lab = Lab::usual(Vec::new()).await;
    lab.run(&on(BrowserKind::Chrome, Platform::Wasm)).await.unwrap();
    let unloaded = lab.engine.unload(Some(MODEL)).await.unwrap();
    let seen = unloaded.iter().map(|it| (it.browser.as_str(), it.unloaded, it.held)).collect::<Vec<_>>();
    assert_eq!(seen, [("Chromium", 1, 0)], "Firefox is not open, and is not opened for it");
    let run = lab.run(&on(BrowserKind::Chrome, Platform::Wasm)).await.unwrap();
    assert!(!run.report.warm, "it is loaded again");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_highest_precision_that_fits_is_taken() {
    let lab = Lab::usual(Vec::new()).await;
    let auto = |limit| Request {
        precision: PrecisionChoice::Auto,
        memory_limit: limit,
        ..on(BrowserKind::Chrome, Platform::WebGpu)
    };
    let steps = Arc::new(Mutex::new(Vec::new()));
    let observer: Observer = Arc::new({
        let steps = Arc::clone(&steps);
        move |step| steps.lock().unwrap().push(step)
    });
    let run = lab.engine.accelerate(&auto(None), Some(observer)).await.unwrap();
    assert_eq!(run.report.precision, Precision::Bits32);
    let fit = steps.lock().unwrap().iter().find_map(|step| match step {
        Step::Chosen(fit) => Some(fit.clone()),
        _ => None,
    });
    let fit = fit.unwrap();
    let run = lab.run(&auto(Some(fit.predicted - 1))).await.unwrap();
    assert!(run.report.precision < Precision::Bits32, "{:?}", run.report.precision);
    assert_eq!(lab.run(&auto(Some(1))).await.unwrap_err().code(), "nothing_fits");
    // What the page holds already is no part of the prediction.
    let predicted = run.report.memory_predicted_mb.unwrap();
    assert!(predicted * f64::from(1 << 20) <= fit.predicted as f64, "{predicted} MiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_input_is_predicted_anew() {
    let lab = Lab::usual(Vec::new()).await;
    let asked = |text: &str| Request {
        precision: PrecisionChoice::Auto,
        input: text.into(),
        ..on(BrowserKind::Chrome, Platform::Wasm)
    };
    let short = lab.run(&asked("hello")).await.unwrap().report.memory_predicted_mb.unwrap();
    let long = lab.run(&asked(&"hello ".repeat(9))).await.unwrap().report.memory_predicted_mb.unwrap();
    let again = lab.run(&asked("hi you")).await.unwrap().report.memory_predicted_mb.unwrap();
    assert!(long > short && again <= long, "{short} {long} {again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_precision_needs_an_adapter_that_has_it() {
    let without = Abilities { half: false, ..Abilities::default() };
    let lab = Lab::new(FakeFleet::default().with(Product::Chromium, without), Vec::new()).await;
    let half = Request { precision: Precision::Bits16.into(), ..on(BrowserKind::Chrome, Platform::WebGpu) };
    assert_eq!(lab.run(&half).await.unwrap_err().code(), "precision_unavailable");
    let half = Request { platform: Platform::Wasm, ..half };
    assert_eq!(lab.run(&half).await.unwrap().report.precision, Precision::Bits16);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_browser_elsewhere_no_measurement_counts() {
    let mut run = earlier(Product::Firefox, Platform::WebGpu, 1.0);
    run.tokens = Some(tokens_of(ALIKE).await);
    let fleet = FakeFleet::default().with(Product::Chromium, Abilities::default());
    let fleet = fleet.with_remote("http://grid.local:4444/", Product::Firefox, Abilities::default());
    let lab = Lab::new(fleet, vec![run]).await;
    let route = lab.route(&request()).await;
    assert!(!route.contains("fastest"), "{route}");
}

/// Asks a model of which it is known which tokens the page will make: those of this text.
async fn making(text: &str) -> (Lab, Request) {
    let lab = Lab::usual(Vec::new()).await;
    let request = Request { model: DECODER.to_owned(), ..on(BrowserKind::Chrome, Platform::Wasm) };
    let prepared = lab.engine.prepare(&Checked::of(request.clone()).unwrap(), None).await.unwrap();
    let model = lab.engine.preparer.generator(&prepared).await.unwrap();
    let ids = model.prompts(&[text.to_owned()]).unwrap().ids;
    *lab.fleet.worker("Chromium").makes.lock().unwrap() = ids.iter().map(|id| u32::try_from(*id).unwrap()).collect();
    (lab, request)
}

fn streaming(room: usize) -> (Streaming, tokio::sync::mpsc::Receiver<Part>) {
    let (sender, parts) = tokio::sync::mpsc::channel(room);
    (Streaming { parts: Some(sender), ..Streaming::default() }, parts)
}

async fn taken(mut parts: tokio::sync::mpsc::Receiver<Part>) -> String {
    let mut text = String::new();
    while let Some(Part::Text(part)) = parts.recv().await {
        text.push_str(&part.text);
    }
    text
}

#[tokio::test]
async fn parts_together_are_the_text_and_the_report_says_how_it_was_made() {
    let (lab, request) = making("the quick brown fox jumps").await;
    let (streaming, parts) = streaming(1);
    let (run, text) = tokio::join!(lab.engine.stream(&request, None, streaming), taken(parts));
    let run = run.unwrap();
    assert_eq!(run.output.text(), "the quick brown fox jumps");
    assert_eq!(text, run.output.text());
    let generation = run.report.generation.unwrap();
    assert_eq!(generation.new_tokens as usize, run.output.texts()[0].tokens.len());
    assert_eq!((generation.kv_cache_mb, generation.nodes_per_token), (1.0, 1));
    assert!(generation.time_to_first_token_ms.unwrap() > 0.0 && generation.decode_tokens_per_sec.unwrap() > 0.0);
    assert_eq!((run.report.task, run.report.sessions.len()), (Some(Task::TextGeneration), 1));
}

#[tokio::test]
async fn a_text_that_ends_an_answer_ends_the_page_too() {
    let (lab, mut request) = making("the quick brown fox jumps over the lazy dog").await;
    request.generate.stop = vec!["never".to_owned(), "wn fo".to_owned()];
    let (streaming, parts) = streaming(8);
    let (run, text) = tokio::join!(lab.engine.stream(&request, None, streaming), taken(parts));
    let run = run.unwrap();
    assert_eq!((run.output.text(), run.output.texts()[0].stop), ("the quick bro", StopReason::Stop));
    assert_eq!(text, "the quick bro");
    let worker = lab.fleet.worker("Chromium");
    assert!(worker.made.lock().unwrap().len() < worker.makes.lock().unwrap().len());
}

#[tokio::test]
async fn who_stops_listening_still_gets_the_run() {
    let (lab, request) = making("the quick brown fox").await;
    let (streaming, parts) = streaming(1);
    drop(parts);
    let run = lab.engine.stream(&request, None, streaming).await.unwrap();
    assert_eq!(run.output.text(), "the quick brown fox");
}

#[tokio::test]
async fn a_browser_that_is_lost_says_how_much_there_is() {
    let (lab, request) = making("the quick brown fox").await;
    lab.fleet.worker("Chromium").behave(Behaviour::IsLostAfter(3));
    let (streaming, parts) = streaming(8);
    let (error, text) = tokio::join!(lab.engine.stream(&request, None, streaming), taken(parts));
    let error = error.unwrap_err();
    assert!(matches!(error, RunError::CutShort { tokens: 3, .. }), "{error}");
    assert_eq!((error.code(), error.is_repeatable()), ("browser_lost", true));
    assert!("the quick brown fox".starts_with(&text) && !text.is_empty(), "{text:?}");
    // Before the first token there is nothing to say.
    lab.fleet.worker("Chromium").behave(Behaviour::IsLostAfter(0));
    let error = lab.run(&request).await.unwrap_err();
    assert!(matches!(error, RunError::Browser(_)), "{error}");
}

#[tokio::test]
async fn an_answer_ends_when_time_is_up_or_when_it_is_told() {
    let (lab, mut request) = making(&"the quick brown fox jumps over the lazy dog ".repeat(50)).await;
    let (streaming, parts) = streaming(8);
    let stop = streaming.stop.clone();
    let telling = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.cancel();
    };
    let (run, text, ()) = tokio::join!(lab.engine.stream(&request, None, streaming), taken(parts), telling);
    let run = run.unwrap();
    assert_eq!((run.output.texts()[0].stop, run.output.text()), (StopReason::Interrupted, text.as_str()));
    request.generate.max_seconds = Some(0.05);
    let run = lab.run(&request).await.unwrap();
    assert_eq!(run.output.texts()[0].stop, StopReason::Time);
}
