//! Opening, asking and closing.

use std::time::Duration;

use pelago_browser::driver::{LaunchOptions, Product, Remote, launch};
use pelago_protocol::BrowserKind;

use crate::common::{everything, gone, installation, options, page, turn};

const ADAPTER: &str = "const done = arguments[arguments.length - 1];
    navigator.gpu.requestAdapter().then(a => done(a ? [...a.features] : 'no adapter'), e => done(String(e)));";

async fn opens_with_webgpu_and_leaves_nothing(product: Product) {
    let _turn = turn().await;
    let installation = installation(product).await;
    let folder = tempfile::tempdir().unwrap();
    let options = LaunchOptions { profile: Some(folder.path().to_owned()), ..options() };
    let mut browser = launch(&installation.clone().into(), &options).await.unwrap();
    assert_eq!(browser.product(), product);
    assert!(
        installation.version.starts_with(browser.version().trim_end_matches("esr"))
            || product == Product::HeadlessShell
    );
    browser.navigate(&page().await).await.unwrap();
    let features = browser.execute_async(ADAPTER, vec![], Duration::from_secs(30)).await.unwrap();
    assert!(features.is_array(), "{features}");
    assert!(browser.is_alive().await);
    let all = everything(&browser);
    browser.close().await.unwrap();
    gone(&all).await;
    assert!(folder.path().join("profile").read_dir().unwrap().next().is_some(), "the profile is kept");
}

#[tokio::test]
async fn chromium_opens_with_webgpu_and_leaves_nothing() {
    opens_with_webgpu_and_leaves_nothing(Product::Chromium).await;
}

#[tokio::test]
async fn the_headless_shell_opens_with_webgpu_and_leaves_nothing() {
    opens_with_webgpu_and_leaves_nothing(Product::HeadlessShell).await;
}

#[tokio::test]
async fn firefox_opens_with_webgpu_and_leaves_nothing() {
    opens_with_webgpu_and_leaves_nothing(Product::Firefox).await;
}

#[tokio::test]
async fn the_headless_shell_has_webnn() {
    let _turn = turn().await;
    let installation = installation(Product::HeadlessShell).await;
    let mut browser = launch(&installation.into(), &options()).await.unwrap();
    browser.navigate(&page().await).await.unwrap();
    let script = "const done = arguments[0];
        navigator.ml.createContext({deviceType: 'cpu'}).then(() => done('made'), e => done(String(e)));";
    let answer = browser.execute_async(script, vec![], Duration::from_secs(30)).await.unwrap();
    assert_eq!(answer, "made");
    browser.close().await.unwrap();
}

#[tokio::test]
async fn two_at_once_get_two_profiles_and_the_next_one_the_first_again() {
    let _turn = turn().await;
    let target = installation(Product::HeadlessShell).await.into();
    let folder = tempfile::tempdir().unwrap();
    let options = LaunchOptions { profile: Some(folder.path().to_owned()), ..options() };
    let first = launch(&target, &options).await.unwrap();
    let second = launch(&target, &options).await.unwrap();
    assert!(folder.path().join("profile-2").is_dir());
    first.close().await.unwrap();
    second.close().await.unwrap();
    let third = launch(&target, &options).await.unwrap();
    assert!(!folder.path().join("profile-3").exists());
    third.close().await.unwrap();
}

#[tokio::test]
async fn a_remote_webdriver_opens_a_browser() {
    let _turn = turn().await;
    let installation = installation(Product::Chromium).await;
    let mut driver = tokio::process::Command::new(&installation.driver)
        .arg("--port=0")
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(driver.stdout.take().unwrap()));
    let port = loop {
        let line = lines.next_line().await.unwrap().expect("the driver says its port");
        if let Some((_, port)) = line.split_once("successfully on port ") {
            break port.trim_end_matches('.').to_owned();
        }
    };
    let url = format!("http://127.0.0.1:{port}/");
    let remote = Remote { url, kind: BrowserKind::Chrome };
    // A remote machine's user is not known here, so its operator decides on this one.
    let options = LaunchOptions { args: vec!["--no-sandbox".to_owned()], ..options() };
    let mut browser = launch(&remote.into(), &options).await.unwrap();
    assert_eq!((browser.product(), browser.driver_pid()), (Product::Chrome, None));
    assert_eq!(browser.version(), installation.version);
    assert!(browser.is_alive().await);
    browser.close().await.unwrap();
    driver.kill().await.unwrap();
}
