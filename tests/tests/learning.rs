//! What a session learns while it lives, and what it refuses whichever way a request comes.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

use std::collections::HashMap;

use pelago_protocol::{BrowserKind, Platform, Precision, PrecisionChoice, Request};
use pelago_tests::fixture;
use pelago_tests::lab::Lab;

async fn lab() -> Lab {
    let lab = Lab::open().await.unwrap();
    lab.add(&fixture("models/bert"), "tiny").await.unwrap();
    lab
}

async fn count(lab: &Lab, table: &str) -> i64 {
    let frame = lab.session.results().sql(&format!("SELECT count(*) AS n FROM {table}")).await.unwrap();
    frame.column("n").unwrap().i64().unwrap().get(0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_what_one_route_refuses() {
    let lab = lab().await;
    let asked = Request::new("tiny", "one two");
    for request in [
        Request { mixed_precision: true, ..asked.clone() },
        Request { use_firefox_optimizations: true, ..asked.clone() },
        Request { memory_limit: Some(1 << 30), ..asked.clone() },
        Request { input: Vec::<String>::new().into(), ..asked.clone() },
    ] {
        let one = lab.run(&request).await.unwrap_err();
        let every = lab.session.accelerate_every_route(&request, None).await.unwrap_err();
        assert_eq!(one.code(), every.code(), "{request:?}");
    }
    assert_eq!(count(&lab, "runs").await, 0, "nothing ran");
    lab.session.close().await;
}

/// `auto` takes the route with the least median of warm runs, also of those that this session made after its first
/// choice; runs on inputs of another size do not count.
#[tokio::test(flavor = "multi_thread")]
async fn auto_learns_within_a_session() {
    let lab = lab().await;
    let asked = Request::new("tiny", "one two three");
    // The first choice, when nothing is measured.
    lab.run(&asked).await.unwrap();
    let routes = [
        (BrowserKind::Chrome, Platform::WebGpu),
        (BrowserKind::Chrome, Platform::Wasm),
        (BrowserKind::Firefox, Platform::Wasm),
    ];
    let mut took = HashMap::<(String, Platform), Vec<f64>>::new();
    for (browser, platform) in routes {
        for _ in 0..4 {
            let report = lab.run(&Request { browser, platform, ..asked.clone() }).await.unwrap().report;
            if report.warm {
                took.entry((report.browser_product, report.platform)).or_default().push(report.processing_time);
            }
        }
    }
    let chosen = lab.session.optimal_hardware(&asked).await.unwrap();
    let median = |times: &[f64]| {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
    };
    let best = took.iter().map(|(place, times)| (place, median(times))).min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert_eq!(chosen.route.platform, best.0.1, "{took:?}, {chosen:?}");
    assert!(chosen.route.installation.starts_with(&best.0.0.to_lowercase()), "{took:?}, {chosen:?}");
    let measured = chosen.measured_processing_time.unwrap();
    assert!((measured - best.1).abs() < 1e-9, "{measured} is the median of {took:?}");

    let longer = Request::new("tiny", "fox ".repeat(40).as_str());
    let unknown = lab.session.optimal_hardware(&longer).await.unwrap();
    assert_eq!(unknown.measured_processing_time, None, "no run of such a length was measured");
    lab.session.close().await;
}

/// The precision that fits is that of the input at hand, not of the session's first.
#[tokio::test(flavor = "multi_thread")]
async fn what_fits_depends_on_the_input() {
    let lab = lab().await;
    let asked = |text: &str, limit| Request {
        browser: BrowserKind::Chrome,
        platform: Platform::Wasm,
        precision: PrecisionChoice::Auto,
        memory_limit: Some(limit),
        ..Request::new("tiny", text)
    };
    let long = "fox ".repeat(60);
    let limit = 64 << 20;
    let short_first = lab.run(&asked("hi", limit)).await.unwrap().report;
    let then_long = lab.run(&asked(&long, limit)).await.unwrap().report;
    assert_eq!(short_first.precision, Precision::Bits32);
    let predicted = |report: &pelago_protocol::Report| report.memory_predicted_mb.unwrap();
    assert!(predicted(&then_long) > predicted(&short_first), "{short_first:?} {then_long:?}");
    lab.session.close().await;
}

/// A run whose row cannot be written gives its output all the same, with a warning.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_be_recorded_is_not_lost() {
    let lab = lab().await;
    let asked = Request { browser: BrowserKind::Chrome, platform: Platform::Wasm, ..Request::new("tiny", "one") };
    lab.run(&asked).await.unwrap();
    let results = lab.home().join("results");
    std::fs::remove_dir_all(&results).unwrap();
    std::fs::write(&results, "in the way").unwrap();
    let run = lab.run(&asked).await.unwrap();
    let warned = run.report.warnings.iter().any(|warning| warning.starts_with("this run is not recorded"));
    assert!(warned, "{:?}", run.report.warnings);
    std::fs::remove_file(&results).unwrap();
    lab.session.close().await;
}

/// A failure is recovered by the same model on the same route, not by whatever runs next.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_recovered_where_it_was() {
    let lab = lab().await;
    lab.add(&fixture("models/vit"), "vit").await.unwrap();
    let on = |model: &str, browser| Request { browser, platform: Platform::Wasm, ..Request::new(model, "one") };
    // Of a page whose graph finds the shape wrong while it runs.
    let broken = pelago_protocol::Tensor::from_f32("pixel_values", vec![1, 3, 31, 7], &[0.0; 651]).unwrap();
    let fails = Request { input: vec![broken].into(), ..on("vit", BrowserKind::Chrome) };
    lab.run(&fails).await.unwrap_err();
    lab.run(&on("tiny", BrowserKind::Chrome)).await.unwrap();
    assert_eq!(count(&lab, "recoveries").await, 0, "another model went well");
    let pixels = pelago_protocol::Tensor::from_f32("pixel_values", vec![1, 3, 30, 30], &[0.0; 2700]).unwrap();
    lab.run(&Request { input: vec![pixels].into(), ..fails }).await.unwrap();
    assert_eq!(count(&lab, "recoveries").await, 1);
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_unloaded_and_others_stay() {
    let lab = lab().await;
    let other = lab.home().join("other");
    std::fs::create_dir(&other).unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(fixture("models/distilbert").join(file), other.join(file)).unwrap();
    }
    // Its tokenizer is another model's: it is run on tensors.
    std::fs::copy(fixture("models/bert/tokenizer.json"), other.join("tokenizer.json")).unwrap();
    lab.add(&other, "other").await.unwrap();
    let on =
        |model: &str| Request { browser: BrowserKind::Chrome, platform: Platform::Wasm, ..Request::new(model, "one") };
    lab.run(&on("tiny")).await.unwrap();
    let ids =
        pelago_protocol::Tensor::new("input_ids", pelago_protocol::DType::Int32, vec![1, 1], vec![5, 0, 0, 0].into());
    let mask = pelago_protocol::Tensor::new(
        "attention_mask",
        pelago_protocol::DType::Int32,
        vec![1, 1],
        vec![1, 0, 0, 0].into(),
    );
    let other = Request { input: vec![ids.unwrap(), mask.unwrap()].into(), ..on("other") };
    lab.run(&other).await.unwrap();
    let unloaded = lab.session.unload(Some("tiny")).await.unwrap();
    assert_eq!((unloaded.len(), unloaded[0].unloaded, unloaded[0].held), (1, 1, 1), "{unloaded:?}");
    assert!(lab.run(&other).await.unwrap().report.warm, "the other one stays");
    assert!(!lab.run(&on("tiny")).await.unwrap().report.warm, "it is loaded again");
    assert!(lab.session.unload(Some("nobody")).await.is_err());
    lab.session.unload(None).await.unwrap();
    assert!(!lab.run(&other).await.unwrap().report.warm);
    lab.session.close().await;
}
