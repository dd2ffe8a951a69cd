//! What of a report is data: charts and JSON.

use pelago_protocol::chart::{Chart, Figure};

use super::*;

pub(super) fn route(platform: &str, samples_ms: Vec<f64>) -> RouteSummary {
    let summary = pelago_statistics::summary(&samples_ms);
    RouteSummary {
        model: "all-MiniLM-L6-v2".to_owned(),
        product: "Chromium".to_owned(),
        platform: platform.to_owned(),
        precision: 32,
        mixed_precision: false,
        threads: 1,
        batch_size: 1,
        tokens: Some(11),
        is_real_hardware: false,
        runs: 21,
        outliers: 0,
        min_ms: summary.map(|found| found.min),
        p50_ms: summary.map(|found| found.p50),
        p90_ms: summary.map(|found| found.p90),
        p99_ms: summary.map(|found| found.p99),
        throughput_items_per_sec: Some(80.0),
        open_ms: Some(812.0),
        fetch_ms: Some(95.0),
        compile_ms: None,
        first_run_ms: None,
        memory_peak_mb: None,
        cosine: Some(0.999_999),
        max_abs_error: Some(1e-6),
        verdict: Some("exact".to_owned()),
        samples_ms,
    }
}

pub(super) fn summary(routes: Vec<RouteSummary>) -> Summary {
    Summary {
        version: Summary::VERSION,
        generated: "2026-03-04T05:06:07Z".to_owned(),
        since: None,
        until: None,
        model: None,
        machine: Machine {
            os: "linux".to_owned(),
            architecture: "x86_64".to_owned(),
            cores: Some(2),
            load_average: Some(0.5),
            largest_load_of_a_run: Some(1.25),
        },
        browsers: vec![Browser { product: "Chromium".to_owned(), version: "156.0".to_owned(), runs: 42 }],
        adapters: Vec::new(),
        routes,
        acceleration: Vec::new(),
        sweep: Vec::new(),
        content: ContentSummary::default(),
        reliability: Reliability { runs: 42, ..Reliability::default() },
        efficiency: Efficiency::default(),
    }
}

fn two_routes() -> Summary {
    let mut broken = route("webgpu", vec![1.0; 8]);
    broken.verdict = Some("broken".to_owned());
    broken.model = "<img src=x onerror=alert(1)>|`".to_owned();
    summary(vec![route("wasm", (0..20).map(|turn| 13.0 + f64::from(turn % 3)).collect()), broken])
}

#[test]
fn a_broken_route_has_no_mark() {
    let charts = charts::charts(&two_routes());
    let Some(Chart { figure: Figure::Bars { bars, .. }, .. }) = charts.first() else { panic!("{charts:?}") };
    assert_eq!(bars.len(), 1);
    // One browser, two models: the broken one has no time.
    let Some(Figure::HeatMap { cells, .. }) = charts.iter().map(|chart| &chart.figure).nth(1) else {
        panic!("{charts:?}")
    };
    assert_eq!(cells[0][1], None);
}

#[test]
fn a_report_comes_back_from_its_json() {
    let summary = two_routes();
    let json = serde_json::to_string(&summary).unwrap();
    assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), summary);
}
