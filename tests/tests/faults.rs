//! What is killed is noticed at once, costs nothing else, and leaves no process
//! behind. Linux only, since processes are found in /proc.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pelago_browser::driver::Target;
use pelago_browser::pool::Page;
use pelago_protocol::{BrowserKind, Observer, Platform, ProgressPhase, ROWS_A_RUN, Request, Run, Step};
use pelago_tests::lab::{Lab, cache, minilm, pelago};
use pelago_tests::{SENTENCE, fixture, processes};
use tokio::sync::Notify;

/// Longer than any of it takes on a busy machine; none of it waits for a deadline of its own.
const SOON: Duration = Duration::from_secs(30);

fn on_wasm() -> Request {
    Request { browser: BrowserKind::Chrome, platform: Platform::Wasm, ..Request::new("tiny", "the quick brown fox") }
}

/// Waits until `done`, looking again every so often: there is no signal for the end of a stranger's process.
fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < SOON, "{what} did not come about within {SOON:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The renderer that holds the page's tab: the one that is not for the browser's own windows.
fn renderers(browser: u32) -> Vec<u32> {
    let below = processes::below(browser);
    below.iter().filter(|process| process.command.contains("--type=renderer")).map(|process| process.pid).collect()
}

/// The browser that answered.
fn answering(lab: &Lab, run: &Run) -> String {
    let (product, version) = (&run.report.browser_product, &run.report.browser_version);
    let candidates = lab.session.browsers().candidates().iter();
    let mut found = candidates.filter(|candidate| match &candidate.target {
        Target::Installed(found) => found.product.name() == product && found.version == *version,
        Target::Remote(_) => false,
    });
    found.next().unwrap_or_else(|| panic!("no browser of this machine is {product} {version}")).id.to_string()
}

/// Its page, opened where it is not open: a browser that is being ended may
/// have answered a request just before.
async fn page_of(lab: &Lab, id: &str) -> Arc<Page> {
    tokio::time::timeout(SOON, lab.session.browsers().page(id)).await.expect("a page in bounded time").unwrap().page
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_tab_browser_or_driver_costs_one_request_at_most() {
    let lab = Lab::open().await.unwrap();
    lab.add(&fixture("models/bert"), "tiny").await.unwrap();
    let first = lab.run(&on_wasm()).await.unwrap();
    let id = answering(&lab, &first);
    for victim in ["tab", "browser", "driver"] {
        let page = page_of(&lab, &id).await;
        let browser = page.browser_pid().await.unwrap();
        let pids = match victim {
            "tab" => renderers(browser),
            "browser" => vec![browser],
            _ => vec![page.driver_pid().await.unwrap()],
        };
        assert!(!pids.is_empty(), "no {victim} to kill");
        pids.iter().for_each(|pid| processes::kill(*pid).unwrap());
        // What is killed may still answer what it had, and the session may learn of its end with
        // the next request, which then says so and may be sent again. From there on all go well.
        let (mut lost, start) = (0, Instant::now());
        loop {
            assert!(start.elapsed() < SOON, "after the {victim} was killed, the same page answers on");
            match tokio::time::timeout(SOON, lab.run(&on_wasm())).await.expect("an answer in bounded time") {
                Ok(run) => {
                    assert_eq!(run.output, first.output, "after the {victim} was killed");
                    let open = lab.session.browsers().open_page(&id).await;
                    if open.is_some_and(|open| !Arc::ptr_eq(&open, &page)) {
                        break;
                    }
                }
                Err(error) => {
                    lost += 1;
                    assert_eq!(error.code(), "browser_lost", "{victim}: {error}");
                    assert!(error.is_repeatable());
                    assert_eq!(lost, 1, "{victim}: {error}");
                }
            }
        }
    }
    lab.session.close().await;
    eventually("the end of every process", || processes::naming(lab.home()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_killed_while_it_works_ends_the_request() {
    let lab = Lab::open().await.unwrap();
    lab.add(&minilm(), "model").await.unwrap();
    let request = Request { browser: BrowserKind::Chrome, platform: Platform::Wasm, ..Request::new("model", SENTENCE) };
    let first = lab.run(&request).await.unwrap();
    let page = lab.session.browsers().open_page(&answering(&lab, &first)).await.unwrap();
    let pids = renderers(page.browser_pid().await.unwrap());
    // The page cuts them into ten runs, and says when each is done.
    let texts = vec![SENTENCE.to_owned(); 10 * ROWS_A_RUN as usize];
    let request = Request { input: texts.into(), ..request };
    let ran = Arc::new(Notify::new());
    let observer: Observer = Arc::new({
        let ran = Arc::clone(&ran);
        move |step| match step {
            Step::Page { progress, .. } if progress.phase == ProgressPhase::Run => ran.notify_one(),
            _ => {}
        }
    });
    let running = lab.session.accelerate(&request, Some(observer));
    let killing = async {
        ran.notified().await;
        pids.iter().for_each(|pid| processes::kill(*pid).unwrap());
    };
    let (outcome, ()) =
        tokio::time::timeout(SOON, async { tokio::join!(running, killing) }).await.expect("bounded time");
    assert_eq!(outcome.unwrap_err().code(), "browser_lost");
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_request_leaves_the_session_as_it_was() {
    let lab = Lab::open().await.unwrap();
    lab.add(&minilm(), "model").await.unwrap();
    let request = Request { browser: BrowserKind::Chrome, platform: Platform::Wasm, ..Request::new("model", SENTENCE) };
    let first = lab.run(&request).await.unwrap();
    let slow = Request { input: vec![SENTENCE.repeat(20); 32].into(), ..request.clone() };
    assert!(tokio::time::timeout(Duration::from_millis(200), lab.run(&slow)).await.is_err(), "it was to be cut short");
    let again = lab.run(&request).await.unwrap();
    assert_eq!(again.output, first.output);
    assert!(again.report.warm, "the model was to stay loaded");
    lab.session.close().await;
}

#[test]
fn a_killed_host_leaves_no_process() {
    let home = tempfile::tempdir().unwrap();
    let pelago = || {
        let mut command = Command::new(pelago());
        command.arg("--home").arg(home.path()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let added = pelago().args(["model", "add"]).arg(minilm()).args(["--name", "m"]).status().unwrap();
    assert!(added.success());
    let request = ["accelerate", "m", SENTENCE, "--platform", "webgpu", "--browser", "chrome", "--repeat", "1000"];
    let mut host = pelago().args(request).spawn().unwrap();
    let has_renderer = || {
        let all = processes::naming(home.path());
        all.iter().any(|process| process.command.contains("--type=renderer"))
    };
    eventually("a browser with a tab", has_renderer);
    host.kill().unwrap();
    host.wait().unwrap();
    eventually("the end of every process", || processes::naming(home.path()).is_empty());
    assert!(cache().exists());
}
