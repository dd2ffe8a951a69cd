//! The program as scripts see it: what is on stdout, what on stderr, and the
//! exit code.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

use std::process::{Command, Output};

use pelago_tests::fixture;
use pelago_tests::lab::pelago;
use serde_json::Value;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(pelago()).arg("--home").arg(self.0.path()).args(arguments).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> (Vec<Value>, Option<i32>) {
        let output = self.run(arguments);
        let lines = String::from_utf8(output.stdout).unwrap();
        let objects =
            lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
        (objects.collect(), output.status.code())
    }
}

#[test]
fn json_is_one_object_a_run_and_nothing_else() {
    let home = Home::new();
    let folder = fixture("models/bert");
    let (added, code) = home.json(&["model", "add", folder.to_str().unwrap(), "--name", "tiny", "--json"]);
    assert_eq!((added[0]["name"].as_str(), code), (Some("tiny"), Some(0)));
    let (runs, code) = home.json(&[
        "accelerate",
        "tiny",
        "one",
        "two",
        "--platform",
        "wasm",
        "--browser",
        "chrome",
        "--repeat",
        "2",
        "--json",
    ]);
    assert_eq!((runs.len(), code), (2, Some(0)));
    for run in &runs {
        let keys = run.as_object().unwrap().keys().collect::<Vec<_>>();
        assert_eq!(keys, ["report", "output"]);
        let rows = run["output"]["embeddings"].as_array().unwrap();
        assert!(rows.len() == 2 && rows.iter().all(|row| row.as_array().unwrap().len() == 32));
        assert_eq!(run["report"]["batch_size"], 2);
    }
    assert_eq!(runs[1]["report"]["warm"], true);
    let (history, _) = home.json(&["history", "--json"]);
    assert_eq!(history.len(), 2);
    let (rows, _) = home.json(&["history", "--sql", "SELECT count(*) AS n FROM runs", "--json"]);
    assert_eq!(rows[0]["n"], 2);
    let (refused, code) = home.json(&["history", "--sql", "DROP TABLE runs", "--json"]);
    assert_eq!((refused[0]["error"]["code"].as_str(), code), (Some("results"), Some(1)));
}

#[test]
fn errors_are_objects_too_or_lines_on_stderr() {
    let home = Home::new();
    let (errors, code) = home.json(&["accelerate", "nobody", "x", "--json"]);
    let keys = errors[0]["error"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((keys, code), (["code", "message", "help"].map(str::to_owned).to_vec(), Some(1)));
    let output = home.run(&["accelerate", "nobody", "x"]);
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("error: no model is called \"nobody\""), "{said}");
}

#[test]
fn doctor_fails_where_nothing_can_run() {
    let home = Home::new();
    let nowhere = tempfile::tempdir().unwrap();
    let output = Command::new(pelago())
        .env("PATH", nowhere.path())
        .env("XDG_CACHE_HOME", nowhere.path())
        .arg("--home")
        .arg(home.0.path())
        .arg("doctor")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("no browser opens"));
}

#[test]
fn a_taken_port_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (errors, code) = Home::new().json(&["capabilities", "--port", &port, "--json"]);
    assert_eq!((errors[0]["error"]["code"].as_str(), code), (Some("server"), Some(1)));
    assert!(errors[0]["error"]["message"].as_str().unwrap().contains(&port));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    let script = format!("{} --home {} model list --help | head -n 1", pelago().display(), home.0.path().display());
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
