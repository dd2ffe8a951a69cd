//! What the tests share: installations, a page, and a look at the process table.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pelago_browser::driver::{Browser, Installation, LaunchOptions, Product, Search, discover};
use pelago_browser::reaper::Reaper;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

/// So many tests open browsers at once.
static BROWSERS: Semaphore = Semaphore::const_new(2);
static INSTALLATIONS: OnceCell<Vec<Installation>> = OnceCell::const_new();

pub(crate) async fn turn() -> SemaphorePermit<'static> {
    BROWSERS.acquire().await.unwrap()
}

pub(crate) fn reaper() -> Reaper {
    let args = ["--ignored", "--exact", "--nocapture", "reaper_process", "--"].map(Into::into).to_vec();
    Reaper { program: std::env::current_exe().unwrap(), args }
}

pub(crate) fn options() -> LaunchOptions {
    LaunchOptions::new(reaper())
}

pub(crate) fn search() -> Search {
    let path = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect();
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"));
    Search { path, tool_dirs: vec![cache.join("pelago/tools")], configured: Vec::new() }
}

pub(crate) async fn installation(product: Product) -> Installation {
    let all = INSTALLATIONS
        .get_or_init(|| async {
            let found = discover(&search()).await;
            for problem in found.problems {
                println!("{problem}");
            }
            found.installations
        })
        .await;
    let found = all.iter().find(|installation| installation.product == product);
    found.unwrap_or_else(|| panic!("{product} with its driver is needed by this test; found {all:?}")).clone()
}

/// The address of a small page on a secure origin.
pub(crate) async fn page() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let page = axum::Router::new().fallback(async || axum::response::Html("<!doctype html><title>small</title>"));
    tokio::spawn(async move { axum::serve(listener, page).await });
    format!("http://{address}/")
}

/// A program that runs `body` in a shell. Written by another process: a file
/// that this one had open for writing could not be executed while some thread
/// forks.
pub(crate) fn script(path: &Path, body: &str) {
    let text = format!("#!/bin/sh\n{body}\n");
    let status = std::process::Command::new("/bin/sh")
        .args(["-c", "mkdir -p \"$(dirname \"$0\")\" && printf %s \"$1\" > \"$0\" && chmod +x \"$0\""])
        .arg(path)
        .arg(text)
        .status();
    assert!(status.unwrap().success());
}

/// Every process as (pid, parent, is a zombie).
fn processes() -> Vec<(u32, u32, bool)> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let zombie = fields.next()? == "Z";
        Some((pid, fields.next()?.parse().ok()?, zombie))
    })
    .collect()
}

pub(crate) fn parent(pid: u32) -> u32 {
    processes().into_iter().find(|process| process.0 == pid).expect("the process runs").1
}

/// `root` and everything below it.
pub(crate) fn tree(root: u32) -> HashSet<u32> {
    let processes = processes();
    let mut found = HashSet::from([root]);
    loop {
        let more: Vec<u32> = processes.iter().filter(|process| found.contains(&process.1)).map(|p| p.0).collect();
        let before = found.len();
        found.extend(more);
        if found.len() == before {
            return found;
        }
    }
}

/// The reapers of a browser, the outer first.
pub(crate) fn reapers(browser: &Browser) -> (u32, u32) {
    let inner = parent(browser.driver_pid().expect("a driver of this machine"));
    let outer = parent(inner);
    assert_eq!(parent(outer), std::process::id(), "the host starts the outer reaper");
    (outer, inner)
}

/// Guards, driver, browser and all that the browser started.
pub(crate) fn everything(browser: &Browser) -> HashSet<u32> {
    let all = tree(reapers(browser).0);
    assert!(all.contains(&browser.browser_pid().expect("the driver names the browser")), "{all:?}");
    assert!(all.len() > 4, "reapers, driver and browser processes: {all:?}");
    all
}

pub(crate) fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Waits until none of these processes runs.
pub(crate) async fn gone(pids: &HashSet<u32>) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let left: Vec<_> = processes().into_iter().filter(|p| pids.contains(&p.0) && !p.2).collect();
        if left.is_empty() {
            return;
        }
        let name = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let names: Vec<_> = left.iter().map(|p| (p.0, p.1, name(p.0).replace('\0', " "))).collect();
        assert!(Instant::now() < end, "left behind: {names:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
