//! What is damaged, newer, full or in use.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use pelago_results::{Filter, Results, ResultsError};

use crate::common::{ids, report};

const DIR: &str = "RESULTS_FAULT_DIR";

fn journals(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        std::fs::read_dir(dir.join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn database(dir: &Path) -> PathBuf {
    dir.join("results.duckdb")
}

/// The results of `dir` with the runs in it, moved into the database.
async fn with_runs(dir: &Path, runs: &[&str]) -> Results {
    let results = Results::open(dir).await.unwrap();
    for id in runs {
        results.record(&report(id)).await.unwrap();
    }
    results.close().await.unwrap();
    results
}

#[tokio::test]
async fn half_a_line_costs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    {
        let results = Results::open(folder.path()).await.unwrap();
        results.record(&report("a")).await.unwrap();
        let journal = &journals(folder.path())[0];
        OpenOptions::new().append(true).open(journal).unwrap().write_all(b"{\"version\":1,\"row\":{\"run").unwrap();
        // Its writer lives: the line may be on its way.
        assert_eq!(ids(&results).await, ["a"]);
        assert_eq!(journals(folder.path()).len(), 1);
    }
    let results = Results::open(folder.path()).await.unwrap();
    results.record(&report("b")).await.unwrap();
    assert_eq!(ids(&results).await, ["b", "a"]);
    let kept: Vec<_> =
        journals(folder.path()).into_iter().filter(|path| path.extension().unwrap() == "damaged").collect();
    assert_eq!(std::fs::read_to_string(&kept[0]).unwrap(), "{\"version\":1,\"row\":{\"run");
    assert_eq!(journals(folder.path()).len(), 2);
}

#[tokio::test]
async fn a_line_of_rubbish_is_set_aside_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let results = with_runs(folder.path(), &[]).await;
    let writer = Results::open(folder.path()).await.unwrap();
    writer.record(&report("a")).await.unwrap();
    let journal = journals(folder.path())[0].clone();
    OpenOptions::new().append(true).open(&journal).unwrap().write_all(b"\0\0rubbish\xff\n").unwrap();
    writer.record(&report("b")).await.unwrap();
    assert_eq!(ids(&results).await, ["b", "a"]);
    assert_eq!(std::fs::read(journal.with_extension("damaged")).unwrap(), b"\0\0rubbish\xff\n");
}

#[tokio::test]
async fn a_newer_journal_and_a_newer_database_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let results = with_runs(folder.path(), &["a"]).await;
    let newer = folder.path().join("journal/newer.jsonl");
    std::fs::write(&newer, "{\"version\":7,\"row\":{}}\n").unwrap();
    let error = results.history(Filter::default()).await.unwrap_err();
    assert!(matches!(&error, ResultsError::Newer { path, found: 7, known: 6 } if *path == newer), "{error}");
    assert!(error.to_string().contains("made by a newer Pelago"), "{error}");
    std::fs::remove_file(&newer).unwrap();
    assert_eq!(ids(&results).await, ["a"]);

    let connection = duckdb::Connection::open(database(folder.path())).unwrap();
    connection.execute_batch("UPDATE schema_version SET version = 8").unwrap();
    connection.close().unwrap();
    let before = std::fs::read(database(folder.path())).unwrap();
    for error in [results.history(Filter::default()).await.unwrap_err(), results.sql("SELECT 1").await.unwrap_err()] {
        assert!(matches!(error, ResultsError::Newer { found: 8, known: 6, .. }), "{error}");
    }
    results.record(&report("b")).await.unwrap();
    assert!(before == std::fs::read(database(folder.path())).unwrap());
}

#[tokio::test]
async fn a_damaged_database_is_kept_and_costs_no_run_recorded_since() {
    let folder = tempfile::tempdir().unwrap();
    let results = with_runs(folder.path(), &["a"]).await;
    let whole = std::fs::read(database(folder.path())).unwrap();
    for broken in
        [b"not a database".repeat(1000), Vec::new(), whole[..5000].to_vec(), whole[..whole.len() / 2].to_vec()]
    {
        std::fs::write(database(folder.path()), &broken).unwrap();
        let error = results.history(Filter::default()).await.unwrap_err();
        assert!(matches!(error, ResultsError::Damaged { .. }), "{error}");
        assert!(std::fs::read(database(folder.path())).unwrap() == broken, "untouched");
    }
    results.record(&report("b")).await.unwrap();
    std::fs::rename(database(folder.path()), folder.path().join("away")).unwrap();
    assert_eq!(ids(&results).await, ["b"]);
}

#[tokio::test]
async fn a_database_of_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let connection = duckdb::Connection::open(database(folder.path())).unwrap();
    connection.execute_batch("CREATE TABLE runs (laps INT)").unwrap();
    connection.close().unwrap();
    let error = Results::open(folder.path()).await.unwrap().history(Filter::default()).await.unwrap_err();
    assert!(matches!(error, ResultsError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn a_lock_that_is_never_freed_ends_in_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let results = with_runs(folder.path(), &["a"]).await;
    let lock = File::open(folder.path().join("results.lock")).unwrap();
    lock.lock().unwrap();
    let hasty = results.clone().with_limits(Duration::from_millis(50), Duration::from_secs(10));
    let error = hasty.history(Filter::default()).await.unwrap_err();
    assert!(matches!(error, ResultsError::Busy { .. }), "{error}");
    hasty.record(&report("b")).await.unwrap();
    drop(lock);
    assert_eq!(ids(&results).await, ["b", "a"]);
}

/// Not a test: another program that has the database open.
#[test]
#[ignore = "started by another test, in a process of its own"]
fn holder() {
    let connection = duckdb::Connection::open(database(Path::new(&std::env::var(DIR).unwrap()))).unwrap();
    connection.execute_batch("UPDATE runs SET model_name = 'changed there'").unwrap();
    println!("open");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[tokio::test]
async fn another_program_in_the_database_delays_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let results = with_runs(folder.path(), &["a"]).await;
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "faults::holder", "--nocapture"])
        .env(DIR, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("open")));

    results.record(&report("b")).await.unwrap();
    assert_eq!(ids(&results).await, ["b", "a"]);
    let names = results.sql("SELECT model_name FROM runs ORDER BY run_id").await.unwrap();
    assert_eq!(crate::common::texts(&names, "model_name"), ["changed there", "all-MiniLM-L6-v2"]);
    assert_eq!(journals(folder.path()).len(), 1, "a journal is kept until it is in the database itself");

    drop(holder.stdin.take());
    holder.wait().unwrap();
    results.close().await.unwrap();
    assert_eq!(ids(&results).await, ["b", "a"]);
    assert_eq!(journals(folder.path()).len(), 0);
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().starts_with("copy-")));
}

#[tokio::test]
async fn a_folder_deleted_under_it_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let results = with_runs(folder.path(), &["a"]).await;
    results.record(&report("b")).await.unwrap();
    std::fs::remove_dir_all(folder.path()).unwrap();
    results.record(&report("c")).await.unwrap();
    assert_eq!(ids(&results).await, ["c"]);
}

#[tokio::test]
async fn a_long_journal_is_followed_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::open(folder.path()).await.unwrap();
    let long = |id| pelago_protocol::Report { browser_product: "x".repeat(600_000), ..report(id) };
    for id in ["a", "b", "c"] {
        results.record(&long(id)).await.unwrap();
    }
    assert_eq!(journals(folder.path()).len(), 2);
    assert_eq!(ids(&results).await, ["c", "b", "a"]);
    assert_eq!(journals(folder.path()).len(), 1, "the full one is in the database");
}

/// Not a test: records runs until one fails, in a process that may not write
/// more than a few KiB a file, then asks.
#[tokio::test]
#[ignore = "started by another test, in a process of its own"]
async fn cramped() {
    let results = Results::open(std::env::var(DIR).unwrap()).await.unwrap();
    let long = |id: &str| pelago_protocol::Report { browser_product: "x".repeat(1500), ..report(id) };
    for run in 0..12 {
        match results.record(&long(&format!("{run:02}"))).await {
            Ok(()) => println!("acknowledged {run:02}"),
            Err(error) => println!("refused {run:02} {error}"),
        }
    }
    let error = results.history(Filter::default()).await.unwrap_err();
    println!("asked {error}");
}

#[tokio::test]
async fn what_cannot_be_written_costs_nothing_that_was() {
    let folder = tempfile::tempdir().unwrap();
    // The shell ignores the signal of the limit, so a write past it fails half-way, as on a full disk.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" --ignored --exact faults::cramped --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .env(DIR, folder.path())
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let ids_after = |word: &str| -> Vec<String> {
        let after = output.lines().filter_map(|line| line.split_once(word).map(|(_, rest)| rest));
        after.map(|rest| rest[..2].to_owned()).collect()
    };
    let (mut acknowledged, refused) = (ids_after("acknowledged "), ids_after("refused "));
    assert!(refused.len() > 1 && acknowledged.len() + refused.len() == 12, "{output}");
    assert!(output.contains("asked could not"), "{output}");
    let results = Results::open(folder.path()).await.unwrap();
    acknowledged.reverse();
    assert_eq!(ids(&results).await, acknowledged);
}
