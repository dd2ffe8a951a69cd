//! Sweeps, failures and transfers: what is recorded comes back, and the views over it.

use chrono::DateTime;
use expect_test::{Expect, expect};
use pelago_protocol::{
    BrowserKind, FailedRun, ParityVerdict, Phases, Platform, Precision, SweepOutcome, SweepRow, TierBytes, Transfer,
};
use pelago_results::Results;
use proptest::{collection::vec, option, prelude::*, sample::select, strategy::ValueTree};

use crate::common::{parity, report};
use crate::rows::{float, floats, text};

fn failure(failure_id: &str) -> FailedRun {
    FailedRun {
        failure_id: failure_id.into(),
        started: "2026-03-04T05:06:07Z".to_owned(),
        model_name: "all-MiniLM-L6-v2".to_owned(),
        model_cid: "bafybeimodel".into(),
        browser: BrowserKind::Firefox,
        platform: Platform::WebGpu,
        precision: Precision::Bits32,
        mixed_precision: false,
        code: "browser_lost".to_owned(),
        message: "Firefox is gone".to_owned(),
        total_time: 1.5,
        load_average: None,
    }
}

async fn check(results: &Results, query: &str, expected: Expect) {
    let frame = results.sql(query).await.unwrap_or_else(|error| panic!("{query}: {error}"));
    expected.assert_eq(&frame.to_string());
}

#[tokio::test]
async fn views_are_of_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::open(folder.path()).await.unwrap();
    let mut run = report("a");
    run.bytes = TierBytes { memory: 5, disk: 100, p2p: 60, ipfs: 20 };
    run.ipfs_load_time = Some(250.0);
    let transfer = |source: &str, kind: &str, bytes| Transfer {
        run_id: "a".into(),
        source: source.to_owned(),
        kind: kind.to_owned(),
        bytes,
        blocks: 1,
        rate: Some(1e6),
        latency_ms: None,
        errors: 0.0,
    };
    results.record_failure(&failure("f")).await.unwrap();
    let given = [transfer("http://one", "peer", 60), transfer("http://two", "gateway", 20)];
    results.record_run(&run, &given, Some(&"f".into())).await.unwrap();
    results.record_failure(&failure("g")).await.unwrap();

    check(
        &results,
        "SELECT source, kind, bytes, rate, run_seconds FROM content ORDER BY bytes, source",
        expect![[r#"
        shape: (4, 5)
        ┌────────────┬─────────┬───────┬──────┬─────────────┐
        │ source     ┆ kind    ┆ bytes ┆ rate ┆ run_seconds │
        │ ---        ┆ ---     ┆ ---   ┆ ---  ┆ ---         │
        │ str        ┆ str     ┆ u64   ┆ f64  ┆ f64         │
        ╞════════════╪═════════╪═══════╪══════╪═════════════╡
        │ memory     ┆ memory  ┆ 5     ┆ null ┆ 0.25        │
        │ disk       ┆ disk    ┆ 20    ┆ null ┆ 0.25        │
        │ http://two ┆ gateway ┆ 20    ┆ 1e6  ┆ 0.25        │
        │ http://one ┆ peer    ┆ 60    ┆ 1e6  ┆ 0.25        │
        └────────────┴─────────┴───────┴──────┴─────────────┘"#]],
    )
    .await;
    check(
        &results,
        "FROM phases",
        expect![[r#"
        shape: (1, 3)
        ┌────────┬───────┬──────┐
        │ run_id ┆ phase ┆ ms   │
        │ ---    ┆ ---   ┆ ---  │
        │ str    ┆ str   ┆ f64  │
        ╞════════╪═══════╪══════╡
        │ a      ┆ run   ┆ 25.0 │
        └────────┴───────┴──────┘"#]],
    )
    .await;
    check(
        &results,
        "SELECT run_id, cosine, nan_count, verdict FROM parity",
        expect![[r#"
        shape: (1, 4)
        ┌────────┬───────────┬───────────┬─────────┐
        │ run_id ┆ cosine    ┆ nan_count ┆ verdict │
        │ ---    ┆ ---       ┆ ---       ┆ ---     │
        │ str    ┆ f64       ┆ u64       ┆ str     │
        ╞════════╪═══════════╪═══════════╪═════════╡
        │ a      ┆ 0.9999999 ┆ 0         ┆ close   │
        └────────┴───────────┴───────────┴─────────┘"#]],
    )
    .await;
    check(
        &results,
        "SELECT code, run_id, runs.total_time FROM failures LEFT JOIN recoveries USING (failure_id) LEFT JOIN runs USING (run_id)
         ORDER BY failure_id",
        expect![[r#"
            shape: (2, 3)
            ┌──────────────┬────────┬────────────┐
            │ code         ┆ run_id ┆ total_time │
            │ ---          ┆ ---    ┆ ---        │
            │ str          ┆ str    ┆ f64        │
            ╞══════════════╪════════╪════════════╡
            │ browser_lost ┆ a      ┆ 0.027      │
            │ browser_lost ┆ null   ┆ null       │
            └──────────────┴────────┴────────────┘"#]],
    )
    .await;
    check(
        &results,
        "SELECT count(*) AS n FROM adapters",
        expect![[r#"
        shape: (1, 1)
        ┌─────┐
        │ n   │
        │ --- │
        │ i64 │
        ╞═════╡
        │ 0   │
        └─────┘"#]],
    )
    .await;
}

fn rows() -> impl Strategy<Value = SweepRow> {
    let words =
        (select(BrowserKind::ALL), select(Platform::ALL), select(SweepOutcome::ALL), select(ParityVerdict::ALL));
    let precisions = select(vec![Precision::Bits4, Precision::Bits8, Precision::Bits16, Precision::Bits32]);
    let figures = (vec(option::of(float()), 9), option::of((float(), option::of(float()), any::<u64>())), floats());
    let flags = (any::<bool>(), option::of(any::<bool>()), option::of(any::<u64>()));
    (vec(text(), 5), words, precisions, option::of(text()), flags, any::<(u32, u32)>(), figures).prop_map(
        |(texts, words, precision, problem, flags, counts, (figures, distance, phases))| SweepRow {
            sweep_id: (uuid::Uuid::now_v7().to_string() + &texts[0]).into(),
            model_name: texts[1].clone(),
            model_cid: texts[2].clone().into(),
            browser: words.0,
            browser_product: texts[3].clone(),
            browser_version: texts[4].clone(),
            platform: words.1,
            precision,
            mixed_precision: flags.0,
            outcome: words.2,
            problem,
            is_real_hardware: flags.1,
            runs: counts.0,
            outliers: counts.1,
            min_ms: figures[0],
            p50_ms: figures[1],
            p90_ms: figures[2],
            p99_ms: figures[3],
            throughput_items_per_sec: figures[4],
            speedup: figures[5],
            speedup_low: figures[6],
            speedup_high: figures[7],
            phases,
            memory_usage_mb: figures[8],
            model_bytes: flags.2,
            parity: distance.map(|(cosine, top1_agreement, nan_count)| pelago_protocol::Parity {
                top1_agreement,
                nan_count,
                verdict: words.3,
                ..parity(cosine, 0.5)
            }),
            generation: None,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_sweep_comes_back(mut swept in vec(rows(), 0..6)) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let found = runtime.block_on(async {
            let results = Results::open(folder.path()).await.unwrap();
            results.record_sweep(&swept).await.unwrap();
            // Once more: each is there already.
            results.record_sweep(&swept).await.unwrap();
            results.sql("SELECT * EXCLUDE (recorded, load_average) FROM sweeps ORDER BY sweep_id").await.unwrap()
        });
        swept.sort_by(|a, b| a.sweep_id.cmp(&b.sweep_id));
        let frame = Results::sweep_frame(&swept).unwrap();
        assert_eq!(found.schema(), frame.schema());
        assert!(found.equals_missing(&frame), "{found}\n{frame}");
    }
}

#[tokio::test]
async fn combinations_carry_time_and_load() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::open(folder.path()).await.unwrap();
    let before = chrono::Utc::now();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut row = rows().new_tree(&mut runner).unwrap().current();
    row.phases = Phases::default();
    results.record_sweep(&[row]).await.unwrap();
    let frame = results.sql("SELECT recorded, load_average FROM sweeps").await.unwrap();
    let recorded = frame.column("recorded").unwrap().datetime().unwrap().physical().get(0).unwrap();
    assert!(DateTime::from_timestamp_micros(recorded).unwrap() >= before - chrono::TimeDelta::milliseconds(1));
    assert_eq!(frame.column("load_average").unwrap().f64().unwrap().get(0).is_some(), cfg!(target_os = "linux"));
}
