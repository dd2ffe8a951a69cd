//! Reports to record, and answers to look at.

use pelago_protocol::{
    BrowserKind, Family, Parity, ParityVerdict, Phase, PhaseName, Phases, Placement, Platform, Precision,
    PrecisionChoice, Report, Role, SessionReport, Source, TierBytes,
};
use pelago_results::{Filter, Results};
use polars::frame::DataFrame;

/// A report with few figures in it.
pub(crate) fn report(run_id: &str) -> Report {
    Report {
        run_id: run_id.into(),
        started: "2026-03-04T05:06:07.123456Z".to_owned(),
        model_name: "all-MiniLM-L6-v2".to_owned(),
        model_cid: "bafybeimodel".into(),
        modules: vec!["mean".to_owned(), "Normalize".to_owned()],
        prompt: None,
        similarity: Some("cosine".to_owned()),
        model_type: Family::TextEmbedding,
        platform: Platform::Wasm,
        requested_platform: Platform::Auto,
        browser: BrowserKind::Chrome,
        requested_browser: BrowserKind::Auto,
        browser_product: "Chromium".to_owned(),
        browser_version: "156.0".to_owned(),
        is_real_hardware: false,
        sessions: vec![SessionReport {
            role: Role::Model,
            graph_cid: "bafkreigraph".into(),
            graph: "checkpoint".to_owned(),
            platform: Platform::Wasm,
            execution_provider: "WasmExecutionProvider".to_owned(),
            placement: Placement { nodes_total: 7, nodes_on_provider: 7, ..Placement::default() },
            threads: 2,
            adapter: None,
            is_real_hardware: false,
            hardware_reason: "wasm runs on the CPU".to_owned(),
            warm: true,
        }],
        precision: Precision::Bits32,
        requested_precision: PrecisionChoice::Auto,
        mixed_precision: false,
        recipe: None,
        processing_time: 0.026,
        total_time: 0.027,
        warm: true,
        phases: Phases(vec![Phase { phase: PhaseName::Run, role: Some(Role::Model), ms: 25.0 }]),
        batch_size: 1,
        tokens: Some(11),
        padded_tokens: Some(11),
        truncated_texts: 0,
        throughput_items_per_sec: Some(38.5),
        memory_usage_mb: None,
        browser_memory_mb: None,
        memory_predicted_mb: Some(107.5),
        ipfs_cache_hit: true,
        ipfs_source: Source::Cache,
        ipfs_load_time: None,
        bytes: TierBytes { disk: 90_000_000, ..TierBytes::default() },
        p2p_optimized: false,
        task: Some(pelago_protocol::Task::FeatureExtraction),
        generation: None,
        optimizations: vec!["jspi".to_owned(), "threads".to_owned()],
        warnings: Vec::new(),
        parity: Some(parity(0.999_999_9, 1e-6)),
        load_average: Some(0.25),
    }
}

/// The ids of all runs, newest first.
pub(crate) async fn ids(results: &Results) -> Vec<String> {
    ids_of(&results.history(Filter::default()).await.unwrap())
}

pub(crate) fn ids_of(frame: &DataFrame) -> Vec<String> {
    texts(frame, "run_id")
}

pub(crate) fn texts(frame: &DataFrame, column: &str) -> Vec<String> {
    frame.column(column).unwrap().str().unwrap().iter().map(|text| text.unwrap().to_owned()).collect()
}

/// A parity with little in it.
pub(crate) fn parity(cosine: f64, max_abs_error: f64) -> Parity {
    let verdict = ParityVerdict::Close;
    let reference = "fp32 on wasm".to_owned();
    Parity {
        reference,
        cosine,
        max_abs_error,
        relative_error: 1e-3,
        top1_agreement: None,
        nan_count: 0,
        verdict,
        generation: None,
    }
}
