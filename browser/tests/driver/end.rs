//! No process outlives its host, however the host or a reaper ends.

use std::collections::HashSet;
use std::process::Stdio;
use std::time::Duration;

use pelago_browser::driver::{LaunchOptions, Product, launch};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::common::{everything, gone, installation, kill, options, reapers, tree, turn};

const PRODUCT: &str = "PELAGO_TEST_PRODUCT";
const OPEN: &str = "the browser is open";

fn product(name: &str) -> Product {
    let all = [Product::Chromium, Product::HeadlessShell, Product::Firefox];
    all.into_iter().find(|product| product.name() == name).expect("a product of the tests")
}

/// Not a test: a host that opens a browser and is killed by a test.
#[tokio::test]
#[ignore = "the host process of the other tests"]
async fn host_process() {
    let folder = tempfile::tempdir().unwrap();
    let options = LaunchOptions { profile: Some(folder.path().to_owned()), ..options() };
    let installation = installation(product(&std::env::var(PRODUCT).unwrap())).await;
    let _browser = launch(&installation.into(), &options).await.unwrap();
    println!("{OPEN} {}", folder.path().display());
    std::future::pending::<()>().await;
}

async fn a_killed_host_leaves_nothing(product: Product) {
    let _turn = turn().await;
    let mut host = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "end::host_process"])
        .env(PRODUCT, product.name())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let folder = loop {
        let line = lines.next_line().await.unwrap().expect("the host opens its browser");
        if let Some((_, folder)) = line.split_once(OPEN) {
            break folder.trim().to_owned();
        }
    };
    let all = tree(host.id().unwrap());
    assert!(all.len() > 5, "host, reapers, driver and browser processes: {all:?}");
    host.start_kill().unwrap();
    host.wait().await.unwrap();
    gone(&all).await;
    // What was below the host when it was killed is gone; nor did anything new
    // come up that uses its profile.
    gone(&users_of(&folder)).await;
    std::fs::remove_dir_all(folder).unwrap();
}

fn users_of(folder: &str) -> HashSet<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(folder))
    })
    .collect()
}

#[tokio::test]
async fn a_killed_host_leaves_no_chromium() {
    a_killed_host_leaves_nothing(Product::Chromium).await;
}

#[tokio::test]
async fn a_killed_host_leaves_no_headless_shell() {
    a_killed_host_leaves_nothing(Product::HeadlessShell).await;
}

#[tokio::test]
async fn a_killed_host_leaves_no_firefox() {
    a_killed_host_leaves_nothing(Product::Firefox).await;
}

#[tokio::test]
async fn a_dropped_browser_leaves_nothing() {
    let _turn = turn().await;
    let browser = launch(&installation(Product::Chromium).await.into(), &options()).await.unwrap();
    let all = everything(&browser);
    drop(browser);
    gone(&all).await;
}

#[tokio::test]
async fn either_reaper_killed_ends_everything() {
    let _turn = turn().await;
    for product in [Product::Chromium, Product::Firefox] {
        for outer in [true, false] {
            let mut browser = launch(&installation(product).await.into(), &options()).await.unwrap();
            let all = everything(&browser);
            let reapers = reapers(&browser);
            kill(if outer { reapers.0 } else { reapers.1 });
            gone(&all).await;
            assert!(!browser.is_alive().await);
            let error = browser.execute_async("", vec![], Duration::from_secs(5)).await.unwrap_err();
            assert!(error.to_string().contains("open it again"), "{error}");
        }
    }
}
