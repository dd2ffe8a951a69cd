//! What an older Pelago wrote.

use std::path::Path;
use std::process::Command;

use expect_test::expect;
use pelago_results::{Filter, Place, Results, ResultsError};

use crate::common::{ids, ids_of, report};

/// A database that version 1 wrote, with three runs, and a journal of version 1 with one.
fn old_results() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/results-1");
    let output = Command::new("gzip").arg("-dc").arg(fixtures.join("results.duckdb.gz")).output().unwrap();
    assert!(output.status.success());
    std::fs::write(folder.path().join("results.duckdb"), output.stdout).unwrap();
    std::fs::create_dir(folder.path().join("journal")).unwrap();
    std::fs::copy(fixtures.join("journal/old.jsonl"), folder.path().join("journal/old.jsonl")).unwrap();
    folder
}

#[tokio::test]
async fn old_rows_and_old_lines_are_kept() {
    let folder = old_results();
    let results = Results::open(folder.path()).await.unwrap();
    results.record(&report("01e")).await.unwrap();
    let rows = results
        .sql(
            "SELECT run_id, started, model_name, run_ms, open_ms, tokens, optimizations, parity_cosine AS cosine,
                    parity_verdict AS verdict, load_average AS load FROM runs ORDER BY run_id",
        )
        .await
        .unwrap();
    expect![[r#"
        shape: (5, 10)
        ┌────────┬───────────────┬───────────────┬────────┬───┬───────────────┬───────────┬─────────┬──────┐
        │ run_id ┆ started       ┆ model_name    ┆ run_ms ┆ … ┆ optimizations ┆ cosine    ┆ verdict ┆ load │
        │ ---    ┆ ---           ┆ ---           ┆ ---    ┆   ┆ ---           ┆ ---       ┆ ---     ┆ ---  │
        │ str    ┆ datetime[μs,  ┆ str           ┆ f64    ┆   ┆ list[str]     ┆ f64       ┆ str     ┆ f64  │
        │        ┆ UTC]          ┆               ┆        ┆   ┆               ┆           ┆         ┆      │
        ╞════════╪═══════════════╪═══════════════╪════════╪═══╪═══════════════╪═══════════╪═════════╪══════╡
        │ 01a    ┆ 2026-03-04    ┆ all-MiniLM-L6 ┆ 25.0   ┆ … ┆ ["jspi",      ┆ 0.9999999 ┆ null    ┆ null │
        │        ┆ 05:00:07.1234 ┆ -v2           ┆        ┆   ┆ "threads"]    ┆           ┆         ┆      │
        │        ┆ 56 UTC        ┆               ┆        ┆   ┆               ┆           ┆         ┆      │
        │ 01b    ┆ 2026-03-04    ┆ café 'x'; --  ┆ NaN    ┆ … ┆ ["jspi",      ┆ null      ┆ null    ┆ null │
        │        ┆ 05:01:07.1234 ┆               ┆        ┆   ┆ "threads"]    ┆           ┆         ┆      │
        │        ┆ 56 UTC        ┆               ┆        ┆   ┆               ┆           ┆         ┆      │
        │ 01c    ┆ 2026-03-04    ┆ all-MiniLM-L6 ┆ 25.0   ┆ … ┆ []            ┆ 0.9999999 ┆ null    ┆ null │
        │        ┆ 05:02:07.1234 ┆ -v2           ┆        ┆   ┆               ┆           ┆         ┆      │
        │        ┆ 56 UTC        ┆               ┆        ┆   ┆               ┆           ┆         ┆      │
        │ 01d    ┆ 2026-03-04    ┆ all-MiniLM-L6 ┆ 25.0   ┆ … ┆ ["jspi",      ┆ 0.9999999 ┆ null    ┆ null │
        │        ┆ 05:09:07.1234 ┆ -v2           ┆        ┆   ┆ "threads"]    ┆           ┆         ┆      │
        │        ┆ 56 UTC        ┆               ┆        ┆   ┆               ┆           ┆         ┆      │
        │ 01e    ┆ 2026-03-04    ┆ all-MiniLM-L6 ┆ 25.0   ┆ … ┆ ["jspi",      ┆ 0.9999999 ┆ close   ┆ 0.25 │
        │        ┆ 05:06:07.1234 ┆ -v2           ┆        ┆   ┆ "threads"]    ┆           ┆         ┆      │
        │        ┆ 56 UTC        ┆               ┆        ┆   ┆               ┆           ┆         ┆      │
        └────────┴───────────────┴───────────────┴────────┴───┴───────────────┴───────────┴─────────┴──────┘"#]]
    .assert_eq(&rows.to_string());
    let version = results.sql("SELECT version FROM schema_version").await.unwrap();
    assert_eq!(version.column("version").unwrap().u64().unwrap().get(0), Some(6));
    // The parts of old runs are rows, those of the database and the one of the journal alike.
    let sessions = results
        .sql("SELECT run_id, number, role, graph_cid, platform, nodes_total FROM run_sessions ORDER BY run_id")
        .await;
    expect![[r#"
        shape: (5, 6)
        ┌────────┬────────┬───────┬──────────────┬──────────┬─────────────┐
        │ run_id ┆ number ┆ role  ┆ graph_cid    ┆ platform ┆ nodes_total │
        │ ---    ┆ ---    ┆ ---   ┆ ---          ┆ ---      ┆ ---         │
        │ str    ┆ u32    ┆ str   ┆ str          ┆ str      ┆ u32         │
        ╞════════╪════════╪═══════╪══════════════╪══════════╪═════════════╡
        │ 01a    ┆ 0      ┆ model ┆ bafkreigraph ┆ wasm     ┆ 7           │
        │ 01b    ┆ 0      ┆ model ┆ bafkreigraph ┆ wasm     ┆ 7           │
        │ 01c    ┆ 0      ┆ model ┆ bafkreigraph ┆ wasm     ┆ 7           │
        │ 01d    ┆ 0      ┆ model ┆ bafkreigraph ┆ wasm     ┆ 7           │
        │ 01e    ┆ 0      ┆ model ┆ bafkreigraph ┆ wasm     ┆ 7           │
        └────────┴────────┴───────┴──────────────┴──────────┴─────────────┘"#]]
    .assert_eq(&sessions.unwrap().to_string());
    let phases = results.sql("SELECT run_id, number, phase, role, ms FROM run_phases ORDER BY run_id, number").await;
    expect![[r#"
        shape: (6, 5)
        ┌────────┬────────┬───────┬───────┬────────┐
        │ run_id ┆ number ┆ phase ┆ role  ┆ ms     │
        │ ---    ┆ ---    ┆ ---   ┆ ---   ┆ ---    │
        │ str    ┆ u32    ┆ str   ┆ str   ┆ f64    │
        ╞════════╪════════╪═══════╪═══════╪════════╡
        │ 01a    ┆ 0      ┆ run   ┆ model ┆ 25.0   │
        │ 01b    ┆ 0      ┆ run   ┆ model ┆ NaN    │
        │ 01c    ┆ 0      ┆ open  ┆ null  ┆ 812.25 │
        │ 01c    ┆ 1      ┆ run   ┆ model ┆ 25.0   │
        │ 01d    ┆ 0      ┆ run   ┆ model ┆ 25.0   │
        │ 01e    ┆ 0      ┆ run   ┆ model ┆ 25.0   │
        └────────┴────────┴───────┴───────┴────────┘"#]]
    .assert_eq(&phases.unwrap().to_string());
}

#[tokio::test]
async fn a_database_that_is_only_read_stays_as_it_was() {
    let folder = old_results();
    let path = folder.path().join("results.duckdb");
    let before = (std::fs::read(&path).unwrap(), std::fs::read_dir(folder.path()).unwrap().count());
    let results = Results::at(Place::ReadOnly(path.clone())).await.unwrap();
    // Journals are no part of the database.
    assert_eq!(ids(&results).await, ["01c", "01b", "01a"]);
    let phases = results.sql("SELECT phase, ms FROM phases WHERE run_id = '01c' ORDER BY phase").await.unwrap();
    assert_eq!(crate::common::texts(&phases, "phase"), ["open", "run"]);
    let error = results.record(&report("x")).await.unwrap_err();
    assert!(matches!(error, ResultsError::ReadOnly { .. }), "{error}");
    results.close().await.unwrap();
    assert!(before == (std::fs::read(&path).unwrap(), std::fs::read_dir(folder.path()).unwrap().count()));

    let nowhere = Results::at(Place::ReadOnly(folder.path().join("none.duckdb"))).await.unwrap();
    let error = nowhere.history(Filter::default()).await.unwrap_err();
    assert!(matches!(error, ResultsError::Missing { .. }), "{error}");

    // Cut off, and of a newer version: each by its own name.
    let cut = folder.path().join("cut.duckdb");
    std::fs::write(&cut, &before.0[..before.0.len() / 3]).unwrap();
    let error = Results::at(Place::ReadOnly(cut.clone())).await.unwrap().history(Filter::default()).await.unwrap_err();
    assert!(matches!(&error, ResultsError::Damaged { path, .. } if *path == cut), "{error}");
    let connection = duckdb::Connection::open(&path).unwrap();
    connection.execute_batch("UPDATE schema_version SET version = 7").unwrap();
    connection.close().unwrap();
    let error = results.history(Filter::default()).await.unwrap_err();
    assert!(matches!(&error, ResultsError::Newer { found: 7, path: of, .. } if *of == path), "{error}");
}

#[tokio::test]
async fn a_database_of_any_name_has_its_folder_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    // What is not Pelago's stays, whatever it is called.
    std::fs::create_dir(folder.path().join("copy-of-my-thesis")).unwrap();
    let path = folder.path().join("night run.db");
    let results = Results::at(Place::File(path.clone())).await.unwrap();
    results.record(&report("a")).await.unwrap();
    let other = Results::at(Place::File(path.clone())).await.unwrap();
    other.record(&report("b")).await.unwrap();
    assert_eq!(ids_of(&results.sql("SELECT run_id FROM runs ORDER BY run_id").await.unwrap()), ["a", "b"]);
    results.close().await.unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["copy-of-my-thesis", "night run.db", "night run.db.pelago"]);
    assert_eq!(ids(&Results::at(Place::ReadOnly(path)).await.unwrap()).await, ["b", "a"]);
}
