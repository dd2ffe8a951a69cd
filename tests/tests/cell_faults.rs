//! Cells that end their process, never end, or print without bound, through a
//! real kernel: what is kept, what is told, and that no process is left. Linux
//! only, since processes are found in /proc.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

mod kernel_client;

use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};

use jupyter_protocol::Transport;
use kernel_client::{DEADLINE, Got, Kernel, execute};
use pelago_tests::lab::pelago;
use pelago_tests::{fixture, processes};
use serde_json::{Value, json};

/// What a cell wrote to one of its streams.
fn stream(published: &[Got], name: &str) -> String {
    let texts = published.iter().filter(|message| message.kind == "stream" && message.content["name"] == name);
    texts.map(|message| message.content["text"].as_str().unwrap()).collect()
}

/// The value of a cell's last expression, as text.
fn result(published: &[Got]) -> &str {
    let result = published.iter().find(|message| message.kind == "execute_result");
    result.unwrap_or_else(|| panic!("no result: {published:?}")).content["data"]["text/plain"].as_str().unwrap()
}

fn traceback(reply: &Value) -> String {
    reply["traceback"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Runs a cell that must succeed.
async fn value(kernel: &mut Kernel, code: &str) -> String {
    let (reply, published) = kernel.run(code).await;
    assert_eq!(reply["status"], "ok", "{code}: {reply}");
    result(&published).to_owned()
}

/// Sends a cell, and waits until it printed `sign`.
async fn start(kernel: &mut Kernel, code: &str, sign: &str) -> String {
    let id = kernel.send("execute_request", execute(code, json!({}))).await;
    loop {
        let message = kernel.published().await;
        assert_ne!(message.kind, "error", "{message:?}");
        if message.kind == "stream" && message.content["text"].as_str().unwrap().contains(sign) {
            return id;
        }
    }
}

/// Waits for the reply of a cell that fails.
async fn failure(kernel: &mut Kernel, id: &str) -> Value {
    kernel.until_last(id).await;
    let reply = kernel.reply().await;
    assert_eq!((reply.parent.as_str(), &reply.content["status"]), (id, &json!("error")), "{reply:?}");
    reply.content
}

/// Waits; the sockets go on meanwhile.
async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < DEADLINE, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The largest memory a process has held, in MiB.
fn peak_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test]
async fn a_cell_that_ends_its_process_costs_the_variables_and_no_more() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    let endings = [
        ("fn deep(n: u64) -> u64 { let a = [n; 512]; deep(n + 1) + a[(n % 512) as usize] }\ndeep(0)", "SIGSEGV"),
        ("std::process::abort()", "SIGABRT"),
        ("std::process::exit(3);", "exit status: 3"),
        ("unsafe { (16 as *mut u8).write_volatile(1) };", "SIGABRT"),
    ];
    for (code, sign) in endings {
        value(&mut kernel, "let kept = 41;\nfn more(n: i32) -> i32 { n + 1 }\nmore(kept)").await;
        let (reply, _) = kernel.run(code).await;
        assert_eq!((&reply["status"], &reply["ename"]), (&json!("error"), &json!("ProcessEnded")), "{code}: {reply}");
        let trace = traceback(&reply);
        assert!(trace.contains(sign) && trace.contains("variables are gone"), "{code}: {trace}");
        assert_eq!(value(&mut kernel, "more(1)").await, "2", "functions are kept");
        let (reply, _) = kernel.run("kept").await;
        assert_eq!(reply["ename"], "CompileError");
    }

    // The same by another's hand, while the cell runs.
    let pid: u32 = value(&mut kernel, "std::process::id()").await.parse().unwrap();
    let id = start(&mut kernel, "println!(\"on\"); loop {}", "on").await;
    processes::kill(pid).unwrap();
    let reply = failure(&mut kernel, &id).await;
    assert!(traceback(&reply).contains("SIGKILL"), "{reply}");
    assert_eq!(value(&mut kernel, "more(2)").await, "3");

    // And between two cells: the next one says so, or runs.
    let pid: u32 = value(&mut kernel, "let idle = 1;\nstd::process::id()").await.parse().unwrap();
    processes::kill(pid).unwrap();
    eventually("the end of the killed process", || processes::all().iter().all(|process| process.pid != pid)).await;
    let (reply, _) = kernel.run("more(3)").await;
    if reply["status"] == "error" {
        assert_eq!(reply["ename"], "ProcessEnded", "{reply}");
        assert_eq!(value(&mut kernel, "more(3)").await, "4");
    }
    kernel.shut_down().await;
    assert!(processes::naming(home.path()).is_empty());
}

#[tokio::test]
async fn an_endless_cell_is_ended_by_the_second_interrupt() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    value(&mut kernel, "let kept = 5;\nkept").await;

    // A loop that asks leaves at the first, and variables stay.
    let id = start(&mut kernel, "println!(\"on\"); while !interrupted() {}", "on").await;
    kernel.ask_control("interrupt_request", json!({})).await;
    kernel.until_last(&id).await;
    kernel.reply().await;
    assert_eq!(value(&mut kernel, "kept + 1").await, "6");

    // So does the compile. This one would take minutes.
    let long =
        "#[allow(long_running_const_eval)]\nconst N: u64 = { let mut n = 0; while n < 1 << 34 { n += 1 } n };\nN";
    let id = kernel.send("execute_request", execute(long, json!({}))).await;
    // While it idles the kernel compiles something of its own, for less than a second.
    let (pid, mut since) = (kernel.child.id(), HashMap::new());
    eventually("a long compile", || {
        let compilers =
            processes::below(pid).into_iter().filter(|process| process.command.contains("--crate-name ctx"));
        compilers
            .map(|process| process.pid)
            .any(|pid| since.entry(pid).or_insert_with(Instant::now).elapsed().as_secs() > 2)
    })
    .await;
    kernel.ask_control("interrupt_request", json!({})).await;
    let reply = failure(&mut kernel, &id).await;
    assert_eq!(reply["ename"], "Interrupted", "{reply}");
    assert_eq!(value(&mut kernel, "kept + 2").await, "7");

    // One that does not ask goes on, until the second ends its process.
    let id = start(&mut kernel, "println!(\"on\"); loop {}", "on").await;
    kernel.ask_control("interrupt_request", json!({})).await;
    kernel.ask_control("interrupt_request", json!({})).await;
    let reply = failure(&mut kernel, &id).await;
    assert!(traceback(&reply).contains("variables are gone"), "{reply}");
    assert_eq!(value(&mut kernel, "1 + 1").await, "2");
    kernel.shut_down().await;
}

#[tokio::test]
async fn output_comes_in_order_and_is_bounded() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    let (reply, published) = kernel.run("for n in 0..100_000 { println!(\"line {n}\"); }").await;
    assert_eq!(reply["status"], "ok", "{reply}");
    let expected: String = (0..100_000).map(|n| format!("line {n}\n")).collect();
    assert!(stream(&published, "stdout") == expected, "100,000 lines in order");

    let before = peak_mib(kernel.child.id());
    let endless = "let line = \"x\".repeat(999);\nfor _ in 0..100_000 { println!(\"{line}\"); }";
    let (reply, published) = kernel.run(endless).await;
    assert_eq!(reply["status"], "ok", "{reply}");
    let kept = stream(&published, "stdout").len();
    assert!((1 << 20..=17 << 20).contains(&kept), "{kept} bytes of 100 MB were kept");
    let told = stream(&published, "stderr");
    assert!(told.contains("not shown"), "{told:?}");
    let grown = peak_mib(kernel.child.id()) - before;
    assert!(grown < 200, "the kernel grew by {grown} MiB");
    assert_eq!(value(&mut kernel, "1 + 1").await, "2");
    kernel.shut_down().await;
}

#[tokio::test]
async fn a_display_is_updated_and_a_question_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    let code = "let bar = display(Html(\"0 %\".to_owned()));\nprintln!(\"half\");\nbar.update(Html(\"50 %\".to_owned()));\n\
                clear_output(true);\nupdate_display(\"other\", 5);";
    let (reply, published) = kernel.run(code).await;
    assert_eq!(reply["status"], "ok", "{reply}");
    let kinds: Vec<_> = published.iter().map(|message| message.kind.as_str()).collect();
    let expected =
        ["execute_input", "display_data", "stream", "update_display_data", "clear_output", "update_display_data"];
    assert_eq!(kinds, expected);
    let id = &published[1].content["transient"]["display_id"];
    assert!(id.is_string() && id == &published[3].content["transient"]["display_id"]);
    assert_eq!(published[3].content["data"]["text/html"], "50 %");
    assert_eq!(published[4].content["wait"], true);
    assert_eq!(published[5].content["transient"]["display_id"], "other");

    let id = kernel.send("execute_request", execute("input(\"name? \")?", json!({"allow_stdin": true}))).await;
    assert_eq!(kernel.question().await, json!({"prompt": "name? ", "password": false}));
    kernel.answer("Ada").await;
    let published = kernel.until_last(&id).await;
    assert_eq!(result(&published), "Ada");
    kernel.reply().await;
    kernel.shut_down().await;
}

#[tokio::test]
async fn user_crates_and_a_prelude_of_ones_own_are_in_scope() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join("prelude")).unwrap();
    std::fs::write(home.path().join("prelude/own.rs"), "fn doubled(n: i32) -> i32 { n * 2 }").unwrap();
    let krate = home.path().join("greeting");
    std::fs::create_dir_all(krate.join("src")).unwrap();
    std::fs::write(
        krate.join("Cargo.toml"),
        "[package]\nname = \"greeting\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    )
    .unwrap();
    std::fs::write(krate.join("src/lib.rs"), "pub fn hello(name: &str) -> String { format!(\"hello, {name}\") }")
        .unwrap();

    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    assert_eq!(value(&mut kernel, "doubled(4)").await, "8");
    let (reply, published) =
        kernel.run(&format!(":dep greeting = {{ path = {:?} }}", krate.display().to_string())).await;
    assert_eq!(reply["status"], "ok", "{reply} {published:?}");
    assert_eq!(value(&mut kernel, "let word = greeting::hello(\"you\");\nword").await, "hello, you");
    let (reply, published) = kernel.run(":vars").await;
    assert_eq!(reply["status"], "ok", "{reply}");
    let listed = result(&published);
    assert!(listed.contains("word") && listed.contains("String"), "{listed}");
    kernel.shut_down().await;
}

#[tokio::test]
async fn a_killed_browser_costs_one_cell_at_most_and_a_killed_kernel_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let added = Command::new(pelago())
        .arg("--home")
        .arg(home.path())
        .args(["model", "add"])
        .arg(fixture("models/bert"))
        .args(["--name", "tiny"])
        .output()
        .unwrap();
    assert!(added.status.success(), "{added:?}");
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    let cell = "let run = accelerate(\"tiny\", \"the quick brown fox\").platform(Wasm).browser(Chrome).run()?;\nrun.output().shape()[1]";
    let width = value(&mut kernel, cell).await;
    let browsers =
        || processes::naming(home.path()).into_iter().filter(|process| process.command.contains("--user-data-dir"));
    assert!(browsers().count() > 0);
    browsers().for_each(|process| {
        // Its children end with the first of them.
        let _ = processes::kill(process.pid);
    });
    let (reply, _) = kernel.run(cell).await;
    if reply["status"] == "error" {
        assert!(traceback(&reply).contains("again"), "it says what to do: {reply}");
    }
    assert_eq!(value(&mut kernel, cell).await, width);

    let pid = kernel.child.id();
    let id = start(&mut kernel, "println!(\"on\"); loop {}", "on").await;
    assert!(!id.is_empty());
    let started = processes::below(pid);
    assert!(started.len() > 2, "{started:?}");
    processes::kill(pid).unwrap();
    eventually("the end of all that the kernel started", || {
        let left = processes::all();
        started.iter().all(|was| left.iter().all(|now| (now.pid, &now.command) != (was.pid, &was.command)))
            && processes::naming(home.path()).iter().all(|process| process.pid == pid)
    })
    .await;
}
