//! Queries of the user's: what comes back, and what is refused.

use std::time::Duration;

use expect_test::{Expect, expect};
use pelago_results::{Results, ResultsError};
use tempfile::TempDir;

use crate::common::{ids, report};

async fn results() -> (TempDir, Results) {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::open(folder.path()).await.unwrap();
    results.record(&report("a")).await.unwrap();
    results.record(&report("b")).await.unwrap();
    (folder, results)
}

async fn check(query: &str, expected: Expect) {
    let (_folder, results) = results().await;
    let frame = results.sql(query).await.unwrap_or_else(|error| panic!("{query}: {error}"));
    expected.assert_eq(&frame.to_string());
}

#[tokio::test]
async fn aggregates_are_numbers() {
    check(
        "SELECT count(*) AS runs, sum(bytes_disk) AS bytes, sum(threads) AS threads, avg(run_ms) AS ms, \
         max(started) AS last, sum(memory_usage_mb) AS mb, 1.25 AS price, 2::UHUGEINT AS u FROM runs;",
        expect![[r#"
            shape: (1, 8)
            ┌──────┬───────────┬─────────┬──────┬────────────────────────────────┬──────┬───────┬─────┐
            │ runs ┆ bytes     ┆ threads ┆ ms   ┆ last                           ┆ mb   ┆ price ┆ u   │
            │ ---  ┆ ---       ┆ ---     ┆ ---  ┆ ---                            ┆ ---  ┆ ---   ┆ --- │
            │ i64  ┆ i64       ┆ i64     ┆ f64  ┆ datetime[μs, UTC]              ┆ f64  ┆ f64   ┆ i64 │
            ╞══════╪═══════════╪═════════╪══════╪════════════════════════════════╪══════╪═══════╪═════╡
            │ 2    ┆ 180000000 ┆ 4       ┆ 25.0 ┆ 2026-03-04 05:06:07.123456 UTC ┆ null ┆ 1.25  ┆ 2   │
            └──────┴───────────┴─────────┴──────┴────────────────────────────────┴──────┴───────┴─────┘"#]],
    )
    .await;
    check(
        "SELECT 170141183460469231731687303715884105727 AS big, [1::HUGEINT, NULL] AS hugeints, {'h': 3::HUGEINT} AS s",
        expect![[r#"
            shape: (1, 3)
            ┌───────────┬───────────┬───────────┐
            │ big       ┆ hugeints  ┆ s         │
            │ ---       ┆ ---       ┆ ---       │
            │ f64       ┆ list[i64] ┆ struct[1] │
            ╞═══════════╪═══════════╪═══════════╡
            │ 1.7014e38 ┆ [1, null] ┆ {3}       │
            └───────────┴───────────┴───────────┘"#]],
    )
    .await;
}

#[tokio::test]
async fn every_kind_of_type_has_a_place() {
    check(
        "SELECT NULL AS n, true AS b, -1::TINYINT AS i8, 65535::USMALLINT AS u16, 1.5::FLOAT AS f, 'NaN'::DOUBLE AS nan,
                'x'::BLOB AS blob, DATE '2026-01-02' AS d, TIME '03:04:05.6' AS t",
        expect![[r#"
            shape: (1, 9)
            ┌──────┬──────┬─────┬───────┬───┬─────┬────────┬────────────┬──────────────┐
            │ n    ┆ b    ┆ i8  ┆ u16   ┆ … ┆ nan ┆ blob   ┆ d          ┆ t            │
            │ ---  ┆ ---  ┆ --- ┆ ---   ┆   ┆ --- ┆ ---    ┆ ---        ┆ ---          │
            │ i32  ┆ bool ┆ i8  ┆ u16   ┆   ┆ f64 ┆ binary ┆ date       ┆ str          │
            ╞══════╪══════╪═════╪═══════╪═══╪═════╪════════╪════════════╪══════════════╡
            │ null ┆ true ┆ -1  ┆ 65535 ┆ … ┆ NaN ┆ b"x"   ┆ 2026-01-02 ┆ 03:04:05.600 │
            └──────┴──────┴─────┴───────┴───┴─────┴────────┴────────────┴──────────────┘"#]],
    )
    .await;
    check(
        "SELECT TIMESTAMP '2026-01-02 03:04:05' AS ts, '2026-01-02 03:04:05'::TIMESTAMP_S AS s,
                '2026-01-02 03:04:05'::TIMESTAMP_MS AS ms, '2026-01-02 03:04:05.123456789'::TIMESTAMP_NS AS ns,
                INTERVAL '1 month 2 days' AS i, 'c4b1f1fc-c3ab-4d7f-a8cd-8b1e2d3f4a5b'::UUID AS id, '1101'::BIT AS bits",
        expect![[r#"
            shape: (1, 7)
            ┌──────────────┬──────────────┬──────────────┬──────────────┬──────────┬─────────────┬─────────────┐
            │ ts           ┆ s            ┆ ms           ┆ ns           ┆ i        ┆ id          ┆ bits        │
            │ ---          ┆ ---          ┆ ---          ┆ ---          ┆ ---      ┆ ---         ┆ ---         │
            │ datetime[μs] ┆ datetime[ms] ┆ datetime[ms] ┆ datetime[ns] ┆ str      ┆ str         ┆ binary      │
            ╞══════════════╪══════════════╪══════════════╪══════════════╪══════════╪═════════════╪═════════════╡
            │ 2026-01-02   ┆ 2026-01-02   ┆ 2026-01-02   ┆ 2026-01-02   ┆ 1 mons 2 ┆ c4b1f1fc-c3 ┆ b"\x04\xfd" │
            │ 03:04:05     ┆ 03:04:05     ┆ 03:04:05     ┆ 03:04:05.123 ┆ days     ┆ ab-4d7f-a8c ┆             │
            │              ┆              ┆              ┆ 456789       ┆          ┆ d-8b1e2d…   ┆             │
            └──────────────┴──────────────┴──────────────┴──────────────┴──────────┴─────────────┴─────────────┘"#]],
    )
    .await;
    check(
        "SELECT 'red'::ENUM('red', 'blue') AS e, [[1, NULL], NULL, []] AS lists, {'a': 1, 'b': {'c': ['x']}} AS s,
                [1, 2]::INTEGER[2] AS arr, '{\"a\":1}'::JSON AS j",
        expect![[r#"
            shape: (1, 5)
            ┌─────┬───────────────────────┬─────────────┬───────────┬─────────┐
            │ e   ┆ lists                 ┆ s           ┆ arr       ┆ j       │
            │ --- ┆ ---                   ┆ ---         ┆ ---       ┆ ---     │
            │ str ┆ list[list[i32]]       ┆ struct[2]   ┆ list[i32] ┆ str     │
            ╞═════╪═══════════════════════╪═════════════╪═══════════╪═════════╡
            │ red ┆ [[1, null], null, []] ┆ {1,{["x"]}} ┆ [1, 2]    ┆ {"a":1} │
            └─────┴───────────────────────┴─────────────┴───────────┴─────────┘"#]],
    )
    .await;
    check(
        "SELECT run_id, [run_id] AS l FROM runs WHERE false",
        expect![[r#"
        shape: (0, 2)
        ┌────────┬───────────┐
        │ run_id ┆ l         │
        │ ---    ┆ ---       │
        │ str    ┆ list[str] │
        ╞════════╪═══════════╡
        └────────┴───────────┘"#]],
    )
    .await;
    check(
        "FROM runs SELECT run_id ORDER BY run_id DESC",
        expect![[r#"
        shape: (2, 1)
        ┌────────┐
        │ run_id │
        │ ---    │
        │ str    │
        ╞════════╡
        │ b      │
        │ a      │
        └────────┘"#]],
    )
    .await;
    check(
        "DESCRIBE SELECT run_id, started FROM runs",
        expect![[r#"
        shape: (2, 6)
        ┌─────────────┬──────────────────────────┬──────┬──────┬─────────┬───────┐
        │ column_name ┆ column_type              ┆ null ┆ key  ┆ default ┆ extra │
        │ ---         ┆ ---                      ┆ ---  ┆ ---  ┆ ---     ┆ ---   │
        │ str         ┆ str                      ┆ str  ┆ str  ┆ str     ┆ str   │
        ╞═════════════╪══════════════════════════╪══════╪══════╪═════════╪═══════╡
        │ run_id      ┆ VARCHAR                  ┆ NO   ┆ PRI  ┆ null    ┆ null  │
        │ started     ┆ TIMESTAMP WITH TIME ZONE ┆ YES  ┆ null ┆ null    ┆ null  │
        └─────────────┴──────────────────────────┴──────┴──────┴─────────┴───────┘"#]],
    )
    .await;
}

#[tokio::test]
async fn columns_of_one_name_are_told_apart() {
    check(
        "SELECT 1 AS a, 2 AS a",
        expect![[r#"
        shape: (1, 2)
        ┌─────┬─────┐
        │ a   ┆ a_1 │
        │ --- ┆ --- │
        │ i32 ┆ i32 │
        ╞═════╪═════╡
        │ 1   ┆ 2   │
        └─────┴─────┘"#]],
    )
    .await;
}

#[tokio::test]
async fn many_rows_come_in_order() {
    let (_folder, results) = results().await;
    let frame = results.sql("SELECT i FROM range(300000) t(i) ORDER BY i DESC").await.unwrap();
    let column = frame.column("i").unwrap().i64().unwrap();
    assert!(column.iter().map(Option::unwrap).eq((0..300_000).rev()));
}

#[tokio::test]
async fn what_no_frame_holds_is_named() {
    let (_folder, results) = results().await;
    for query in ["SELECT union_value(a := 1) AS u", "SELECT MAP {'k': 1} AS u", "SELECT [MAP {'k': 1}] AS u"] {
        let error = results.sql(query).await.unwrap_err();
        assert!(matches!(&error, ResultsError::Type { column, .. } if column == "u"), "{error}");
    }
}

#[tokio::test]
async fn all_but_reading_runs_is_refused() {
    let (folder, results) = results().await;
    let db = folder.path().join("results.duckdb").display().to_string();
    let out = folder.path().join("out").display().to_string();
    std::fs::write(folder.path().join("secret.csv"), "a\n1\n").unwrap();
    let secret = folder.path().join("secret.csv").display().to_string();
    let before = std::fs::read(&db).ok();
    for query in [
        "INSERT INTO runs (run_id) VALUES ('x')",
        "UPDATE runs SET threads = 1",
        "DELETE FROM runs",
        "DROP TABLE runs",
        "INSERT INTO sweeps (sweep_id) VALUES ('x')",
        "DELETE FROM failures",
        "DROP VIEW phases",
        "CREATE VIEW v AS SELECT 1",
        "CREATE MACRO m() AS 1",
        "ALTER TABLE runs DROP COLUMN threads",
        "TRUNCATE transfers",
        "CREATE TABLE t AS SELECT 1",
        "CREATE TEMP TABLE t AS SELECT 1",
        "SELECT 1; DROP TABLE runs",
        "SELECT 1') ; DROP TABLE runs; SELECT * FROM query('SELECT 1",
        "COMMIT",
        "CHECKPOINT",
        "VACUUM",
        &format!("COPY runs TO '{out}'"),
        &format!("COPY (SELECT 1) TO '{db}' (USE_TMP_FILE false)"),
        &format!("COPY (SELECT 1) TO '{db}.wal'"),
        &format!("COPY runs FROM '{secret}'"),
        &format!("ATTACH '{out}' AS o"),
        &format!("ATTACH '{db}' AS o"),
        "ATTACH ':memory:' AS o",
        &format!("EXPORT DATABASE '{out}'"),
        &format!("SELECT * FROM read_csv('{secret}')"),
        &format!("SELECT * FROM read_text('{secret}')"),
        &format!("SELECT * FROM read_json('{secret}')"),
        &format!("SELECT * FROM read_parquet('{secret}')"),
        &format!("SELECT * FROM sniff_csv('{secret}')"),
        &format!("IMPORT DATABASE '{out}'"),
        &format!("SELECT (SELECT count(*) FROM read_csv('{secret}')) FROM runs"),
        "FORCE INSTALL json FROM 'http://127.0.0.1:1'",
        "DETACH results",
        "USE memory",
        &format!("SELECT * FROM read_blob('{db}')"),
        &format!("SELECT * FROM '{secret}'"),
        "SELECT * FROM glob('/*')",
        "SELECT * FROM duckdb_extensions()",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "PRAGMA threads = 1",
        "PRAGMA enable_profiling",
        &format!("PRAGMA profiling_output = '{out}'"),
        &format!("CALL enable_logging(storage = 'file', storage_path = '{out}')"),
        &format!("SELECT * FROM enable_logging(storage = 'file', storage_path = '{out}')"),
        "SELECT * FROM (SELECT * FROM enable_logging(storage = 'stdout')), runs",
        "WITH l AS MATERIALIZED (FROM enable_profiling()) SELECT (SELECT count(*) FROM l), run_id FROM runs",
        "SELECT * FROM disable_logging()",
        "SELECT * FROM force_checkpoint()",
        "RESET lock_configuration",
        "SELECT getenv('HOME')",
        "SELECT nothing FROM runs",
        "",
        "\0",
    ] {
        match results.sql(query).await {
            Err(ResultsError::Query { message }) => assert!(!message.is_empty(), "{query}"),
            other => panic!("{query}: {other:?}"),
        }
        assert!(!folder.path().join("out").exists(), "{query}");
    }
    assert!(before.is_none() || before == std::fs::read(&db).ok());
    assert_eq!(ids(&results).await, ["b", "a"]);
}

#[tokio::test]
async fn a_query_ends_at_its_limit_and_delays_nobody() {
    let (_folder, results) = results().await;
    let endless = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE hash(a.range, b.range) = 1";
    let hasty = results.clone().with_limits(Duration::from_secs(10), Duration::from_millis(200));
    let error = hasty.sql(endless).await.unwrap_err();
    assert!(matches!(error, ResultsError::Slow { .. }), "{error}");

    let other = results.clone();
    let slow = tokio::spawn(async move { other.sql(endless).await });
    assert_eq!(ids(&results).await, ["b", "a"]);
    slow.abort();
}

#[tokio::test]
async fn a_result_too_large_for_memory_is_an_error() {
    let (_folder, results) = results().await;
    let error = results.sql("SELECT repeat('x', 1000000) || i FROM range(100000) t(i)").await.unwrap_err();
    assert!(matches!(&error, ResultsError::Query { message } if message.contains("emory")), "{error}");
}
