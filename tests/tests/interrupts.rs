//! Ctrl-C in the middle of each command that takes long: it ends soon and says so, keeps what it has, and leaves no
//! process behind. Linux only, since processes are found in /proc.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

mod kernel_client;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use jupyter_protocol::Transport;
use kernel_client::{Kernel, execute};
use pelago_results::Results;
use pelago_tests::lab::pelago;
use pelago_tests::{fixture, processes};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// How long a command may take to end, its browsers among it, on a busy machine. It waits for none of the deadlines.
const PROMPT: Duration = Duration::from_secs(15);
/// How long a command may take to come to the point at which it is interrupted.
const BEGUN: Duration = Duration::from_secs(180);

/// Where a command runs, with a model in it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let model = fixture("models/bert");
        let added =
            home.start(&["model", "add", model.to_str().unwrap(), "--name", "tiny"]).wait_with_output().unwrap();
        assert!(added.status.success(), "{added:?}");
        home
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(pelago());
        command.arg("--home").arg(self.path()).args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// What SQL says of the results now, while others write them.
    fn count(&self, query: &str) -> i64 {
        tokio::runtime::Runtime::new().unwrap().block_on(count(self.path(), query))
    }

    /// Whether a browser of this home runs.
    fn has_browser(&self) -> bool {
        let of_home = processes::naming(self.path()).into_iter();
        let mut browsers =
            of_home.filter(|process| ["--user-data-dir", "-profile"].iter().any(|word| process.command.contains(word)));
        browsers.next().is_some()
    }

    /// No process of this home is left.
    fn is_left_by_all(&self) {
        until("the end of all processes", PROMPT, || processes::naming(self.path()).is_empty());
    }
}

async fn count(home: &Path, query: &str) -> i64 {
    let results = Results::open(home.join("results")).await.unwrap();
    let frame = results.sql(format!("SELECT ({query})::BIGINT AS n")).await.unwrap();
    frame.column("n").unwrap().i64().unwrap().get(0).unwrap()
}

fn until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < limit, "{what} did not come within {limit:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

/// Interrupts a command, and gives what it said when it ended.
fn interrupted(child: Child) -> (Output, String) {
    interrupt(&child);
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(start.elapsed() < PROMPT, "it took {:?}: {output:?}", start.elapsed());
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    (output, said)
}

fn rows(output: &Output) -> Vec<Value> {
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

const BENCH: [&str; 10] =
    ["bench", "tiny", "--browser", "chrome", "--platform", "wasm", "--precision", "8,32", "--repeat", "100000"];

#[test]
fn a_sweep_gives_and_records_what_it_measured() {
    let home = Home::new();
    let bench = home.start(&[&BENCH[..], &["--json"]].concat());
    until("a few runs", BEGUN, || home.count("SELECT count(*) FROM runs WHERE warm") >= 6);
    let (output, _) = interrupted(bench);
    home.is_left_by_all();
    let rows = rows(&output);
    let (measured, error) = rows.split_at(2);
    assert!(measured.iter().all(|row| row["outcome"] == "measured" && row["runs"].as_u64() >= Some(2)), "{rows:?}");
    assert_eq!(error[0]["error"]["code"], "interrupted", "{rows:?}");
    assert!(error[0]["error"]["help"].as_str().unwrap().contains("pelago history"), "{rows:?}");
    assert_eq!(home.count("SELECT count(*) FROM sweeps"), 2);
    let runs: u64 = measured.iter().filter_map(|row| row["runs"].as_u64()).sum();
    assert!(home.count("SELECT count(*) FROM runs WHERE warm") >= i64::try_from(runs).unwrap(), "{rows:?}");
}

#[test]
fn runs_that_ended_are_shown_and_recorded() {
    let home = Home::new();
    let on = ["--browser", "chrome", "--platform", "wasm", "--repeat", "100000"];
    let accelerate = home.start(&[&["accelerate", "tiny", "one"][..], &on].concat());
    until("a few runs", BEGUN, || home.count("SELECT count(*) FROM runs") >= 3);
    let (output, said) = interrupted(accelerate);
    home.is_left_by_all();
    assert!(said.contains("error: interrupted") && said.contains("`pelago history` shows them"), "{said}");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("tiny → embedding") && shown.contains("processing_ms"), "{shown}");
    assert!(home.count("SELECT count(*) FROM runs") >= 3);
}

/// The same commands, interrupted in a cell: the session says what is kept in the words of cells.
#[test]
fn a_cell_keeps_what_its_command_measured() {
    let home = Home::new();
    let code = format!(":{}", BENCH.join(" "));
    let cell = home.start(&["-c", &code]);
    until("a few runs", BEGUN, || home.count("SELECT count(*) FROM runs WHERE warm") >= 6);
    let (output, said) = interrupted(cell);
    home.is_left_by_all();
    assert!(said.contains("Interrupted: the cell was interrupted") && said.contains(":history shows them"), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("p50_ms"), "{output:?}");
    assert_eq!(home.count("SELECT count(*) FROM sweeps"), 2);
}

/// Likewise in Jupyter, by the button that stops a cell.
#[tokio::test]
async fn a_kernel_keeps_what_its_command_measured() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    let model = fixture("models/bert");
    let (added, _) = kernel.run(&format!(":model add '{}' --name tiny", model.display())).await;
    assert_eq!(added["status"], "ok", "{added}");
    let bench = kernel.send("execute_request", execute(&format!(":{}", BENCH.join(" ")), json!({}))).await;
    while count(home.path(), "SELECT count(*) FROM runs WHERE warm").await < 6 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let start = Instant::now();
    kernel.ask_control("interrupt_request", json!({})).await;
    let published = kernel.until_last(&bench).await;
    assert!(start.elapsed() < PROMPT, "{:?}", start.elapsed());
    let html = published.iter().find_map(|message| message.content["data"]["text/html"].as_str());
    assert!(html.is_some_and(|html| html.contains("p50_ms")), "{published:?}");
    let reply = kernel.reply().await.content;
    assert_eq!(reply["ename"], "Interrupted", "{reply}");
    assert_eq!(count(home.path(), "SELECT count(*) FROM sweeps").await, 2);
    let (next, _) = kernel.run(":models").await;
    assert_eq!(next["status"], "ok", "{next}");
    kernel.shut_down().await;
    assert!(processes::naming(home.path()).is_empty());
}

#[test]
fn what_opens_browsers_closes_them() {
    for arguments in [
        &["capabilities"][..],
        &["doctor"],
        &["tune", "tiny", "--platform", "wasm", "--browser", "chrome", "--max-error", "0.0000001"],
        &["model", "check", "tiny", "--golden", "golden.json", "--browser", "chrome"],
    ] {
        let home = Home::new();
        let golden = home.path().join("golden.json");
        let case = json!({"texts": ["one"], "embeddings": [vec![0.5; 32]]});
        std::fs::write(&golden, json!({"library": "this test", "cases": [case]}).to_string()).unwrap();
        let golden = golden.to_str().unwrap();
        let arguments = arguments.iter().map(|word| if *word == "golden.json" { golden } else { *word });
        let arguments = arguments.collect::<Vec<_>>();
        let mut child = home.start(&arguments);
        until("a browser", BEGUN, || {
            assert!(child.try_wait().unwrap().is_none(), "{arguments:?} ended before");
            home.has_browser()
        });
        let (_, said) = interrupted(child);
        home.is_left_by_all();
        assert!(said.contains("error: interrupted"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_fetch_from_who_does_not_answer_ends() {
    let home = Home::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = format!("peer=http://{}", silent.local_addr().unwrap());
    let cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";
    let get = home.start(&["--source", &source, "model", "get", cid]);
    let _asked = silent.accept().unwrap();
    let (_, said) = interrupted(get);
    assert!(said.contains("the same command goes on from there"), "{said}");
}

#[test]
fn a_long_query_ends() {
    let home = Home::new();
    let query = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b";
    let sql = home.start(&["sql", query]);
    let lock = home.path().join("results/results.lock");
    until("the query", BEGUN, || lock.exists());
    let (_, said) = interrupted(sql);
    assert!(said.contains("error: interrupted"), "{said}");
}

/// Stopped processes answer nothing, so closing them waits; the second Ctrl-C waits for nobody.
#[test]
fn the_second_one_ends_at_once_and_leaves_nothing() {
    let home = Home::new();
    let mut bench = home.start(&BENCH);
    until("a few runs", BEGUN, || home.count("SELECT count(*) FROM runs WHERE warm") >= 2);
    let is_driver = |command: &str| command.contains("driver --port") && !command.contains(" reaper ");
    let driver = processes::below(bench.id()).into_iter().find(|process| is_driver(&process.command)).unwrap();
    kill_process(Pid::from_raw(i32::try_from(driver.pid).unwrap()).unwrap(), Signal::STOP).unwrap();
    interrupt(&bench);
    let mut lines = BufReader::new(bench.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("Ctrl-C again ends at once")));
    std::thread::sleep(Duration::from_secs(1));
    assert!(bench.try_wait().unwrap().is_none(), "the driver is closed in good order, for which it is waited");
    interrupt(&bench);
    let start = Instant::now();
    assert_eq!(bench.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    home.is_left_by_all();
}
