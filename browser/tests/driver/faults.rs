//! What goes wrong is named, in bounded time, with what to do next.

use std::path::PathBuf;
use std::time::Duration;

use pelago_browser::driver::{BrowserError, Installation, LaunchError, LaunchOptions, Product, Remote, launch};
use pelago_browser::reaper::Reaper;
use pelago_protocol::BrowserKind;

use crate::common::{everything, gone, installation, kill, options, page, script, tree, turn};

const SOON: Duration = Duration::from_secs(20);

/// An installation of scripts.
fn fake(product: Product, browser: PathBuf, driver: PathBuf) -> Installation {
    Installation {
        id: "fake-1.0".into(),
        kind: product.kind(),
        product,
        binary: browser,
        version: "1.0".to_owned(),
        driver,
        driver_version: "1.0".to_owned(),
    }
}

/// An address that was free a moment ago.
fn nobody_listens() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

async fn failure(installation: Installation, options: LaunchOptions) -> LaunchError {
    launch(&installation.into(), &options).await.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn a_killed_browser_is_a_lost_session() {
    for product in [Product::Chromium, Product::HeadlessShell, Product::Firefox] {
        let _turn = turn().await;
        let mut browser = launch(&installation(product).await.into(), &options()).await.unwrap();
        let all = everything(&browser);
        kill(browser.browser_pid().unwrap());
        let error = tokio::time::timeout(SOON, browser.navigate(&page().await)).await.unwrap().unwrap_err();
        assert!(matches!(error, BrowserError::SessionLost { .. }), "{product}: {error:?}");
        assert!(!browser.is_alive().await);
        let _ = browser.close().await;
        gone(&all).await;
    }
}

#[tokio::test]
async fn a_killed_driver_takes_the_browser_with_it() {
    for product in [Product::Chromium, Product::Firefox] {
        let _turn = turn().await;
        let mut browser = launch(&installation(product).await.into(), &options()).await.unwrap();
        let all = everything(&browser);
        kill(browser.driver_pid().unwrap());
        let error = tokio::time::timeout(SOON, browser.navigate(&page().await)).await.unwrap().unwrap_err();
        assert!(matches!(error, BrowserError::DriverEnded { code: 137, .. }), "{product}: {error:?}");
        gone(&all).await;
        assert!(!browser.is_alive().await);
    }
}

#[tokio::test]
async fn a_crashed_tab_is_named() {
    for product in [Product::Chromium, Product::Firefox] {
        let _turn = turn().await;
        let mut browser = launch(&installation(product).await.into(), &options()).await.unwrap();
        browser.navigate(&page().await).await.unwrap();
        let marks: &[&str] = if product == Product::Firefox { &["-contentproc", "tab"] } else { &["--type=renderer"] };
        for pid in tree(browser.browser_pid().unwrap()) {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            if marks.iter().all(|mark| line.contains(mark)) {
                kill(pid);
            }
        }
        let asked = browser.execute_async("arguments[0](1)", vec![], Duration::from_secs(5));
        let error = tokio::time::timeout(SOON, asked).await.unwrap().unwrap_err();
        // Where the tab's end reaches Firefox first, its driver has no session left to say so in.
        let is_lost = product == Product::Firefox && matches!(error, BrowserError::SessionLost { .. });
        assert!(is_lost || matches!(error, BrowserError::TabCrashed { .. }), "{product}: {error:?}");
        assert!(!browser.is_alive().await);
        let _ = browser.close().await;
    }
}

#[tokio::test]
async fn scripts_pages_and_deadlines_fail_each_in_their_way() {
    for product in [Product::Chromium, Product::Firefox] {
        let _turn = turn().await;
        let mut browser = launch(&installation(product).await.into(), &options()).await.unwrap();
        browser.navigate(&page().await).await.unwrap();
        let error = browser.execute_async("throw new Error('oh')", vec![], SOON).await.unwrap_err();
        assert!(matches!(&error, BrowserError::Script { detail, .. } if detail.contains("oh")), "{error:?}");
        let error = browser.execute_async("", vec![], Duration::from_millis(200)).await.unwrap_err();
        assert!(matches!(error, BrowserError::Timeout { .. }), "{error:?}");
        let error = browser.navigate(&nobody_listens()).await.unwrap_err();
        assert!(matches!(error, BrowserError::Navigation { .. }), "{error:?}");
        // The browser is as good as before.
        browser.navigate(&page().await).await.unwrap();
        assert_eq!(browser.execute_async("arguments[1](arguments[0])", vec![7.into()], SOON).await.unwrap(), 7);
        browser.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let real = installation(Product::Chromium).await;
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let error = failure(Installation { driver: nowhere.clone(), ..real.clone() }, options()).await;
    assert!(matches!(&error, LaunchError::DriverMissing { path } if *path == nowhere), "{error:?}");
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "").unwrap();
    let error = failure(Installation { driver: plain, ..real.clone() }, options()).await;
    assert!(matches!(error, LaunchError::DriverNotExecutable { .. }), "{error:?}");
    let error = failure(Installation { binary: nowhere.clone(), ..real.clone() }, options()).await;
    assert!(matches!(error, LaunchError::BrowserMissing { .. }), "{error:?}");
    let error = failure(real, LaunchOptions { reaper: Reaper { program: nowhere, args: vec![] }, ..options() }).await;
    assert!(matches!(error, LaunchError::Reaper { .. }), "{error:?}");
}

#[tokio::test]
async fn a_driver_that_dies_or_hangs_is_named_with_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let driver = folder.path().join("chromedriver");
    script(&driver, "echo 'the disk is on fire' >&2; exit 3");
    let error = failure(fake(Product::Chromium, "/bin/sh".into(), driver.clone()), options()).await;
    assert!(
        matches!(&error, LaunchError::DriverDied { code: 3, log, .. } if log.iter().any(|l| l.contains("on fire"))),
        "{error:?}"
    );
    script(&driver, "echo 'thinking'; exec sleep 600");
    let hasty = LaunchOptions { deadline: Duration::from_secs(1), ..options() };
    let error = failure(fake(Product::Chromium, "/bin/sh".into(), driver), hasty).await;
    assert!(
        matches!(&error, LaunchError::DriverTimeout { log, .. } if log.iter().any(|l| l == "thinking")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_taken_port_is_tried_again_and_then_named() {
    let folder = tempfile::tempdir().unwrap();
    let (driver, tries) = (folder.path().join("safaridriver"), folder.path().join("tries"));
    script(&driver, &format!("echo $2 >> {}; echo 'bind: Address already in use' >&2; exit 1", tries.display()));
    let error = failure(fake(Product::Safari, "/bin/sh".into(), driver), options()).await;
    assert!(matches!(error, LaunchError::PortTaken { attempts: 3, .. }), "{error:?}");
    assert_eq!(std::fs::read_to_string(tries).unwrap().lines().count(), 3);
}

#[tokio::test]
async fn a_browser_that_does_not_start_is_named_with_its_words() {
    let _turn = turn().await;
    let real = installation(Product::Chromium).await;
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("chromium");
    script(
        &binary,
        "echo 'chromium: error while loading shared libraries: libnss3.so: cannot open shared object file' >&2; exit 127",
    );
    let error = failure(Installation { binary: binary.clone(), ..real.clone() }, options()).await;
    assert!(
        matches!(&error, LaunchError::MissingLibraries { libraries, .. } if libraries == &["libnss3.so"]),
        "{error:?}"
    );
    script(&binary, "echo 'FATAL: No usable sandbox! Update your kernel' >&2; exit 1");
    let error = failure(Installation { binary: binary.clone(), ..real.clone() }, options()).await;
    assert!(matches!(error, LaunchError::Sandbox { .. }), "{error:?}");
    script(&binary, "echo 'the moon is full' >&2; exit 1");
    let error = failure(Installation { binary: binary.clone(), ..real.clone() }, options()).await;
    assert!(
        matches!(&error, LaunchError::BrowserNotStarted { log, .. } if log.iter().any(|l| l.contains("moon"))),
        "{error:?}"
    );
    script(&binary, "exec sleep 600");
    let hasty = LaunchOptions { deadline: Duration::from_secs(4), ..options() };
    let error = failure(Installation { binary, ..real }, hasty).await;
    assert!(matches!(error, LaunchError::BrowserTimeout { .. }), "{error:?}");
}

#[tokio::test]
async fn the_drivers_own_version_check_is_named() {
    let _turn = turn().await;
    // As plain Chromium the shell is checked, and its version is another one.
    let shell = installation(Product::HeadlessShell).await;
    let error = failure(Installation { product: Product::Chromium, ..shell }, options()).await;
    assert!(matches!(error, LaunchError::VersionMismatch { .. }), "{error:?}");
}

#[tokio::test]
async fn a_remote_that_is_not_there_is_named() {
    for (url, expected) in
        [("http://127.0.0.1:9/", "no WebDriver answers"), ("grid.local:4444", "is no WebDriver address")]
    {
        let remote = Remote { url: url.to_owned(), kind: BrowserKind::Chrome };
        let error = launch(&remote.into(), &options()).await.map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
