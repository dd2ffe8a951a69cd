//! A model on every route of this machine, in real browsers: the numbers are
//! right, the proof is whole, and the row that is kept is the report.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

use pelago_protocol::Run;
use pelago_protocol::{BrowserKind, Input, PhaseName, Platform, Request, Role};
use pelago_results::Filter;
use pelago_tests::lab::{Lab, embeddings, minilm};
use pelago_tests::{REFERENCE, SENTENCE, fixture};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    text: String,
    mean_normalized: Vec<f32>,
}

fn golden() -> Golden {
    serde_json::from_slice(&std::fs::read(fixture("models/bert/golden.json")).unwrap()).unwrap()
}

fn on(model: &str, input: impl Into<Input>, browser: BrowserKind, platform: Platform) -> Request {
    Request { browser, platform, ..Request::new(model, input) }
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Scaled to length 1: the tiny model's folder does not ask for it, its golden output has it.
fn unit(values: &[f32]) -> Vec<f32> {
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.iter().map(|value| value / length).collect()
}

/// Everything that a report promises of where a run was.
fn check_proof(run: &Run, provider: &str) {
    let report = &run.report;
    let [session] = report.sessions.as_slice() else { panic!("one graph, one session: {report:?}") };
    let placement = &session.placement;
    assert_eq!((session.role, session.platform), (Role::Model, report.platform), "{report:?}");
    assert_eq!(session.execution_provider, provider, "{report:?}");
    assert!(placement.nodes_total > 0);
    assert_eq!(placement.nodes_on_provider, placement.nodes_total, "{report:?}");
    assert!(placement.fallback_operators.is_empty() && placement.shape_operators.is_empty());
    assert!(!session.is_real_hardware && !session.hardware_reason.is_empty(), "{report:?}");
    assert_eq!((report.is_real_hardware, report.warm), (session.is_real_hardware, session.warm));
    // The system tells the memory of a browser, and it is read when a model was built.
    assert_eq!(report.browser_memory_mb.is_some_and(|memory| memory > 50.0), !report.warm, "{report:?}");
    assert!(!report.browser_version.is_empty());
    assert!(report.processing_time > 0.0 && report.total_time >= report.processing_time);
    assert_eq!(session.adapter.is_some(), report.platform == Platform::WebGpu);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_agrees_with_pytorch() {
    let lab = Lab::open().await.unwrap();
    lab.add(&fixture("models/bert"), "tiny").await.unwrap();
    let golden = golden();
    let routes = [
        (BrowserKind::Chrome, Platform::Wasm, "CPUExecutionProvider", 1e-5),
        (BrowserKind::Chrome, Platform::WebGpu, "WebGpuExecutionProvider", 1e-4),
        (BrowserKind::Chrome, Platform::WebNn, "WebNNExecutionProvider", 1e-4),
        (BrowserKind::Firefox, Platform::Wasm, "CPUExecutionProvider", 1e-5),
        (BrowserKind::Firefox, Platform::WebGpu, "WebGpuExecutionProvider", 1e-4),
    ];
    for (browser, platform, provider, tolerance) in routes {
        let request = on("tiny", golden.text.as_str(), browser, platform);
        let cold = lab.run(&request).await.unwrap();
        let warm = lab.run(&request).await.unwrap();
        for run in [&cold, &warm] {
            let (shape, values) = embeddings(run);
            assert_eq!(*shape, [1, 32]);
            assert!(distance(&unit(values), &golden.mean_normalized) < tolerance, "{browser} {platform}: {values:?}");
            check_proof(run, provider);
            assert_eq!((run.report.platform, run.report.browser), (platform, browser));
        }
        // What an earlier route read from the disk may be in memory by now.
        let given = |run: &Run| run.report.bytes.memory + run.report.bytes.disk;
        assert!(!cold.report.warm && cold.report.phases.ms(PhaseName::Fetch).is_some() && given(&cold) > 0);
        assert!(warm.report.warm && warm.report.phases.ms(PhaseName::Fetch).is_none() && given(&warm) == 0);
    }
    let history = lab.session.results().history(Filter::default()).await.unwrap();
    assert_eq!(history.height(), 2 * routes.len());
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_its_texts_one_by_one_also_from_several_tasks() {
    let lab = Lab::open().await.unwrap();
    lab.add(&fixture("models/bert"), "tiny").await.unwrap();
    let texts = ["the quick brown fox", "a dog", "the lazy dog jumps over the quick brown fox"].map(str::to_owned);
    for platform in [Platform::Wasm, Platform::WebNn] {
        let whole = lab.run(&on("tiny", texts.to_vec(), BrowserKind::Chrome, platform)).await.unwrap();
        let (shape, all) = embeddings(&whole);
        assert_eq!(*shape, [3, 32]);
        assert_eq!(whole.report.batch_size, 3);
        let requests = texts.iter().map(|text| on("tiny", text.as_str(), BrowserKind::Chrome, platform));
        let requests = requests.collect::<Vec<_>>();
        let singles = futures::future::join_all(requests.iter().map(|request| lab.run(request))).await;
        for (row, single) in all.chunks(32).zip(singles) {
            let single = single.unwrap();
            assert!(distance(row, embeddings(&single).1) < 1e-5, "{platform}: {row:?}");
        }
    }
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_model_gives_its_known_embedding_and_keeps_its_row() {
    let lab = Lab::open().await.unwrap();
    lab.add(&minilm(), "all-MiniLM-L6-v2").await.unwrap();
    let attempts = lab.session.accelerate_every_route(&Request::new("all-MiniLM-L6-v2", SENTENCE), None).await.unwrap();
    let routes = attempts.iter().map(|attempt| (attempt.route.browser, attempt.route.platform)).collect::<Vec<_>>();
    for expected in [
        (BrowserKind::Chrome, Platform::Wasm),
        (BrowserKind::Chrome, Platform::WebGpu),
        (BrowserKind::Chrome, Platform::WebNn),
        (BrowserKind::Firefox, Platform::WebGpu),
    ] {
        assert!(routes.contains(&expected), "{expected:?} is not among {routes:?}");
    }
    for (index, attempt) in attempts.iter().enumerate() {
        let run = attempt.outcome.as_ref().unwrap();
        let (shape, values) = embeddings(run);
        assert_eq!(*shape, [1, 384]);
        assert!(distance(&values[..5], &REFERENCE) < 1e-4, "{:?}: {:?}", attempt.route, &values[..5]);
        // The first is the reference that the others are measured against.
        assert_eq!(run.report.parity.is_some(), index > 0);
        assert!(run.report.parity.as_ref().is_none_or(|parity| parity.cosine > 0.999_99), "{:?}", run.report.parity);
    }
    let ids = lab.session.results().sql("SELECT run_id FROM runs ORDER BY run_id").await.unwrap();
    assert_eq!(ids.height(), attempts.len());
    // What was measured decides from now on.
    let best = lab.session.get_optimal_hardware("all-MiniLM-L6-v2").await.unwrap();
    assert_ne!(best.route.platform, Platform::Auto);
    lab.session.close().await;
}
