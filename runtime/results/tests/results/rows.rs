//! Report → row → DataFrame, without loss.

use chrono::DateTime;
use expect_test::expect;
use pelago_protocol::{
    Adapter, BrowserKind, Family, GenerationReport, PhaseName, Phases, Placement, Platform, Precision, PrecisionChoice,
    Report, Role, Sampling, SessionReport, Source, StopReason, Task, TierBytes,
};
use pelago_results::{Filter, Results, ResultsError};
use polars::prelude::{DataFrame, DataType, TimeUnit, TimeZone};
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::common::{ids_of, parity as common_parity, report};

pub(crate) fn float() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.1 + 0.2, 5e-324])]
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    vec(prop_oneof![any::<char>(), select(vec!['\0', '\n', '\'', '"', '\\', ',', '[', ' '])], 0..12)
        .prop_map(String::from_iter)
}

pub(crate) fn floats() -> impl Strategy<Value = Phases> {
    vec(option::of(float()), PhaseName::ALL.len()).prop_map(|times| {
        let mut phases = Phases::default();
        for (phase, ms) in PhaseName::ALL.iter().zip(times) {
            phases.add(*phase, Some(Role::Model), ms);
        }
        phases
    })
}

fn words() -> impl Strategy<Value = (Family, Platform, BrowserKind, Precision, Source)> {
    let precisions = vec![Precision::Bits2, Precision::Bits4, Precision::Bits8, Precision::Bits16, Precision::Bits32];
    (select(Family::ALL), select(Platform::ALL), select(BrowserKind::ALL), select(precisions), select(Source::ALL))
}

fn reports() -> impl Strategy<Value = Report> {
    let adapter = option::of((vec(text(), 4), option::of(any::<bool>())));
    let lists = vec(vec(text(), 0..3), 3);
    let counts = (vec(any::<u32>(), 4), vec(any::<u64>(), 5), option::of(any::<u64>()));
    let figures = (vec(float(), 2), vec(option::of(float()), 4), option::of((float(), float())), floats());
    // Microseconds up to the end of the year 9999.
    let time = 0..253_402_300_800_000_000_i64;
    (vec(text(), 9), words(), adapter, lists, counts, figures, vec(any::<bool>(), 5), time).prop_map(
        |(texts, words, adapter, lists, (small, large, tokens), (times, rest, parity, phases), flags, time)| Report {
            run_id: (uuid::Uuid::now_v7().to_string() + &texts[0]).into(),
            started: DateTime::from_timestamp_micros(time).unwrap().to_rfc3339(),
            model_name: texts[1].clone(),
            model_cid: texts[2].clone().into(),
            modules: lists[0].clone(),
            similarity: flags[4].then(|| texts[7].clone()),
            prompt: flags[0].then(|| texts[0].clone()),
            model_type: words.0,
            platform: words.1,
            requested_platform: words.1,
            browser: words.2,
            requested_browser: words.2,
            browser_product: texts[4].clone(),
            browser_version: texts[5].clone(),
            is_real_hardware: flags[0],
            sessions: vec![SessionReport {
                role: Role::Model,
                graph_cid: texts[3].clone().into(),
                graph: texts[8].clone(),
                platform: words.1,
                hardware_reason: texts[6].clone(),
                is_real_hardware: flags[0],
                adapter: adapter.map(|(texts, is_fallback_adapter)| Adapter {
                    vendor: texts[0].clone(),
                    architecture: texts[1].clone(),
                    device: texts[2].clone(),
                    description: texts[3].clone(),
                    is_fallback_adapter,
                }),
                execution_provider: texts[7].clone(),
                placement: Placement {
                    nodes_total: small[0],
                    nodes_on_provider: small[1],
                    nodes_shape_arithmetic: small[2],
                    fallback_operators: lists[0].clone(),
                    shape_operators: lists[1].clone(),
                },
                threads: small[3],
                warm: flags[2],
            }],
            precision: words.3,
            requested_precision: if flags[2] { PrecisionChoice::Auto } else { words.3.into() },
            mixed_precision: flags[1],
            recipe: flags[1].then(|| texts[8].clone()),
            processing_time: times[0],
            total_time: times[1],
            warm: flags[2],
            phases,
            batch_size: large[0],
            tokens,
            padded_tokens: tokens,
            truncated_texts: large[0],
            throughput_items_per_sec: rest[0],
            memory_usage_mb: rest[1],
            browser_memory_mb: rest[0],
            memory_predicted_mb: rest[3],
            ipfs_cache_hit: flags[3],
            ipfs_source: words.4,
            ipfs_load_time: rest[2],
            bytes: TierBytes { memory: large[1], disk: large[2], p2p: large[3], ipfs: large[4] },
            p2p_optimized: flags[4],
            task: None,
            generation: None,
            optimizations: lists[2].clone(),
            warnings: lists[1].clone(),
            parity: parity.map(|(cosine, max_abs_error)| common_parity(cosine, max_abs_error)),
            load_average: rest[3],
        },
    )
}

fn check_round_trip(mut reports: Vec<Report>) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let history = runtime.block_on(async {
        let results = Results::open(folder.path()).await.unwrap();
        for report in &reports {
            results.record(report).await.unwrap();
        }
        results.history(Filter::default()).await.unwrap()
    });
    reports.sort_by_key(|report| {
        (DateTime::parse_from_rfc3339(&report.started).unwrap().timestamp_micros(), report.run_id.clone())
    });
    reports.reverse();
    let frame = Results::frame(&reports).unwrap();
    assert_eq!(history.schema(), frame.schema());
    assert!(history.equals_missing(&frame), "{history}\n{frame}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn what_is_recorded_comes_back(reports in vec(reports(), 0..6)) {
        check_round_trip(reports);
    }
}

#[test]
fn equality_in_these_tests_tells_values_apart() {
    let (mut one, mut other) = (report("a"), report("a"));
    let open = |report: &mut Report| report.phases.add(PhaseName::Open, None, Some(f64::NAN));
    open(&mut one);
    assert!(!Results::frame(&[one.clone()]).unwrap().equals_missing(&Results::frame(&[other.clone()]).unwrap()));
    open(&mut other);
    assert!(Results::frame(&[one]).unwrap().equals_missing(&Results::frame(&[other]).unwrap()));
}

#[tokio::test]
async fn every_graph_and_every_phase_is_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::open(folder.path()).await.unwrap();
    let mut run = report("a");
    let decoder = SessionReport { role: Role::Decoder, graph_cid: "bafkreidecoder".into(), ..run.sessions[0].clone() };
    run.sessions[0].role = Role::Encoder;
    run.sessions.push(decoder);
    run.phases = Phases::default();
    run.phases.add(PhaseName::Open, None, Some(900.0));
    run.phases.add(PhaseName::Run, Some(Role::Encoder), Some(5.0));
    run.phases.add(PhaseName::Run, Some(Role::Decoder), Some(20.0));
    run.phases.add(PhaseName::Compile, Some(Role::Decoder), None);
    results.record(&run).await.unwrap();
    // Once more: all of it is there already.
    results.record(&run).await.unwrap();
    let sessions = results
        .sql("SELECT number, role, graph_cid, nodes_total, is_real_hardware FROM run_sessions ORDER BY number")
        .await
        .unwrap();
    expect![[r#"
        shape: (2, 5)
        ┌────────┬─────────┬────────────────┬─────────────┬──────────────────┐
        │ number ┆ role    ┆ graph_cid      ┆ nodes_total ┆ is_real_hardware │
        │ ---    ┆ ---     ┆ ---            ┆ ---         ┆ ---              │
        │ u32    ┆ str     ┆ str            ┆ u32         ┆ bool             │
        ╞════════╪═════════╪════════════════╪═════════════╪══════════════════╡
        │ 0      ┆ encoder ┆ bafkreigraph   ┆ 7           ┆ false            │
        │ 1      ┆ decoder ┆ bafkreidecoder ┆ 7           ┆ false            │
        └────────┴─────────┴────────────────┴─────────────┴──────────────────┘"#]]
    .assert_eq(&sessions.to_string());
    let phases = results.sql("SELECT number, phase, role, ms FROM run_phases ORDER BY number").await.unwrap();
    expect![[r#"
        shape: (3, 4)
        ┌────────┬───────┬─────────┬───────┐
        │ number ┆ phase ┆ role    ┆ ms    │
        │ ---    ┆ ---   ┆ ---     ┆ ---   │
        │ u32    ┆ str   ┆ str     ┆ f64   │
        ╞════════╪═══════╪═════════╪═══════╡
        │ 0      ┆ open  ┆ null    ┆ 900.0 │
        │ 1      ┆ run   ┆ encoder ┆ 5.0   │
        │ 2      ┆ run   ┆ decoder ┆ 20.0  │
        └────────┴───────┴─────────┴───────┘"#]]
    .assert_eq(&phases.to_string());
    // The run has the first graph's proof and the time of all.
    let whole = results.sql("SELECT graph_cid, run_ms, compile_ms FROM runs").await.unwrap();
    expect![[r#"
        shape: (1, 3)
        ┌──────────────┬────────┬────────────┐
        │ graph_cid    ┆ run_ms ┆ compile_ms │
        │ ---          ┆ ---    ┆ ---        │
        │ str          ┆ f64    ┆ f64        │
        ╞══════════════╪════════╪════════════╡
        │ bafkreigraph ┆ 25.0   ┆ null       │
        └──────────────┴────────┴────────────┘"#]]
    .assert_eq(&whole.to_string());
}

#[tokio::test]
async fn how_text_was_made_is_a_row_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::open(folder.path()).await.unwrap();
    let generation = GenerationReport {
        time_to_first_token_ms: Some(120.5),
        prefill_tokens_per_sec: Some(80.0),
        decode_tokens_per_sec: None,
        prompt_tokens: 4,
        new_tokens: 1,
        nodes_per_token: 336,
        kv_cache_mb: 11.25,
        kv_cache_tokens: 256,
        captured: false,
        not_captured: Some("wasm records nothing".to_owned()),
        stop: vec![StopReason::Length],
        sampling: Sampling { temperature: 0.5, top_k: Some(50), seed: 7, ..Sampling::default() },
        beams: None,
        has_schema: false,
    };
    let task = Some(Task::TextGeneration);
    results.record(&Report { task, generation: Some(generation), ..report("a") }).await.unwrap();
    results.record(&report("b")).await.unwrap();
    let rows = results
        .sql(
            "SELECT run_id, task, prompt_tokens, time_to_first_token_ms, decode_tokens_per_sec, \
             array_to_string(stop, ',') AS stop, temperature, top_k, top_p, seed \
             FROM runs JOIN run_generations USING (run_id)",
        )
        .await
        .unwrap();
    assert_eq!(rows.height(), 1, "{rows}");
    let values = rows.get(0).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    let task = "\"text-generation\"";
    assert_eq!(values, ["\"a\"", task, "4", "120.5", "null", "\"length\"", "0.5", "50", "null", "7"]);
}

#[tokio::test]
async fn without_runs_there_are_still_columns() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::open(folder.path()).await.unwrap();
    let history = results.history(Filter::default()).await.unwrap();
    assert_eq!(history.shape(), (0, 75));
    assert_eq!(history.schema(), Results::frame(&[]).unwrap().schema());
    let started = history.column("started").unwrap().dtype().clone();
    assert_eq!(started, DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)));
}

#[tokio::test]
async fn a_frame_can_be_printed() {
    let frame: DataFrame = Results::frame(&[report("a")]).unwrap();
    let shown = frame.select(["started", "platform", "precision", "optimizations", "memory_usage_mb"]).unwrap();
    expect![[r#"
        shape: (1, 5)
        ┌────────────────────────────────┬──────────┬───────────┬─────────────────────┬─────────────────┐
        │ started                        ┆ platform ┆ precision ┆ optimizations       ┆ memory_usage_mb │
        │ ---                            ┆ ---      ┆ ---       ┆ ---                 ┆ ---             │
        │ datetime[μs, UTC]              ┆ str      ┆ u8        ┆ list[str]           ┆ f64             │
        ╞════════════════════════════════╪══════════╪═══════════╪═════════════════════╪═════════════════╡
        │ 2026-03-04 05:06:07.123456 UTC ┆ wasm     ┆ 32        ┆ ["jspi", "threads"] ┆ null            │
        └────────────────────────────────┴──────────┴───────────┴─────────────────────┴─────────────────┘"#]]
    .assert_eq(&shown.to_string());
}

#[tokio::test]
async fn history_is_newest_first_and_filtered() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::open(folder.path()).await.unwrap();
    let runs = [
        ("a", "2026-01-01T00:00:00Z", Platform::Wasm, BrowserKind::Chrome, "one"),
        ("b", "2026-01-03T00:00:00+02:00", Platform::WebGpu, BrowserKind::Firefox, "two"),
        ("c", "2026-01-02T00:00:00Z", Platform::WebGpu, BrowserKind::Chrome, "one"),
    ];
    for (id, started, platform, browser, model) in runs {
        let report = Report { started: started.into(), platform, browser, model_name: model.into(), ..report(id) };
        results.record(&report).await.unwrap();
    }
    let since = Some("2026-01-02T00:00:00Z".parse().unwrap());
    for (filter, expected) in [
        (Filter::default(), vec!["b", "c", "a"]),
        (Filter { limit: Some(2), ..Filter::default() }, vec!["b", "c"]),
        (Filter { limit: Some(0), ..Filter::default() }, vec![]),
        (Filter { model: Some("one".into()), ..Filter::default() }, vec!["c", "a"]),
        (
            Filter { model: Some("bafybeimodel".into()), limit: Some(u64::MAX), ..Filter::default() },
            vec!["b", "c", "a"],
        ),
        (Filter { browser: Some(BrowserKind::Chrome), ..Filter::default() }, vec!["c", "a"]),
        (Filter { platform: Some(Platform::WebGpu), since, ..Filter::default() }, vec!["b", "c"]),
        (Filter { model: Some("' OR true --".into()), ..Filter::default() }, vec![]),
    ] {
        assert_eq!(ids_of(&results.history(filter.clone()).await.unwrap()), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn a_time_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::open(folder.path()).await.unwrap();
    for started in ["", "yesterday", "2026-01-01", "0001-01-01T00:00:00Z"] {
        let error = results.record(&Report { started: started.into(), ..report("a") }).await.unwrap_err();
        assert!(matches!(&error, ResultsError::Started { found, .. } if found == started), "{error}");
    }
}

#[tokio::test]
async fn a_run_recorded_twice_is_one_row() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::open(folder.path()).await.unwrap();
    for _ in 0..2 {
        results.record(&report("a")).await.unwrap();
    }
    results.close().await.unwrap();
    results.record(&report("a")).await.unwrap();
    assert_eq!(crate::common::ids(&results).await, ["a"]);
}
