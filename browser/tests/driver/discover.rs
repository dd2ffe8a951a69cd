//! Finding browsers: real ones, and scripts that answer `--version`.

use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};
use pelago_browser::driver::{Configured, Discovery, Product, Search, discover};
use pelago_protocol::BrowserKind;

use crate::common::{script, search};

fn says(path: PathBuf, words: &str) -> PathBuf {
    script(&path, &format!("echo '{words}'"));
    path
}

fn path(folder: &Path) -> Search {
    Search { path: vec![folder.join("bin")], ..Search::default() }
}

/// What was found, less what the machine itself has in the usual places.
async fn check(folder: &Path, search: Search, expected: Expect) {
    let Discovery { installations, problems, .. } = discover(&search).await;
    let found = installations.iter().map(|i| format!("{} with {} {}", i.id, i.driver.display(), i.driver_version));
    let text: String = found
        .chain(problems.iter().map(ToString::to_string))
        .filter(|line| line.contains(&*folder.to_string_lossy()))
        .map(|line| line.replace(&*folder.to_string_lossy(), "…") + "\n")
        .collect();
    expected.assert_eq(&text);
}

#[tokio::test]
async fn the_browsers_of_this_machine_are_found() {
    let found = discover(&search()).await;
    for product in [Product::Chromium, Product::HeadlessShell, Product::Firefox] {
        let installation = found.installations.iter().find(|i| i.product == product).unwrap();
        assert_eq!(installation.id.as_str(), format!("{product}-{}", installation.version).to_lowercase());
        assert!(installation.binary.is_file() && installation.driver.is_file());
    }
    let mut ids: Vec<_> = found.installations.iter().map(|i| &i.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), found.installations.len());
}

#[tokio::test]
async fn the_driver_of_the_same_major_version_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    says(root.join("bin/chromium"), "Chromium 150.0.1.2 built on Debian");
    says(root.join("bin/chromedriver"), "ChromeDriver 149.0.0.1 (abc)");
    says(root.join("tools/chromedriver-150.0.1.9/chromedriver"), "ChromeDriver 150.0.1.9 (abc)");
    says(root.join("tools/chrome-headless-shell-147.0.0/chrome-headless-shell"), "Google Chrome for Testing 147.0.0.3");
    let search = Search { tool_dirs: vec![root.join("tools")], ..path(root) };
    check(
        root,
        search,
        expect![[r#"
            chromium-150.0.1.2 with …/tools/chromedriver-150.0.1.9/chromedriver 150.0.1.9
            chrome-headless-shell-147.0.0.3 with …/bin/chromedriver 149.0.0.1
        "#]],
    )
    .await;
}

#[tokio::test]
async fn what_lacks_its_half_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    says(root.join("bin/firefox"), "Mozilla Firefox 153.7.0esr");
    says(root.join("bin/msedgedriver"), "Microsoft Edge WebDriver 131.0.2903.51 (3f8e)");
    says(root.join("bin/google-chrome"), "Google Chrome 150.0.1.2");
    says(root.join("bin/chromedriver"), "ChromeDriver 149.0.0.1 (abc)");
    check(root, path(root), expect![[r#"
        Chrome 150.0.1.2 (…/bin/google-chrome) does not work with chromedriver 149.0.0.1 (…/bin/chromedriver): run `npx @puppeteer/browsers install chromedriver@150` and put it on PATH
        Firefox 153.7.0 (…/bin/firefox) has no driver: run `cargo install geckodriver`
        msedgedriver 131.0.2903.51 (…/bin/msedgedriver) has no browser to drive: install Edge from https://www.microsoft.com/edge
    "#]]).await;
}

#[tokio::test]
async fn what_cannot_be_used_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    says(root.join("bin/chrome"), "hello");
    script(&root.join("bin/chromium"), "exec /snap/bin/chromium \"$@\"");
    script(
        &root.join("bin/firefox"),
        "echo 'firefox: error while loading shared libraries: libgtk-3.so.0: cannot open shared object file' >&2; exit 127",
    );
    let entry = |browser: Option<PathBuf>, driver| Configured { kind: BrowserKind::Chrome, browser, driver };
    let search = Search {
        configured: vec![entry(Some(root.join("nowhere")), None), entry(None, Some(root.join("bin")))],
        ..path(root)
    };
    check(root, search, expect![[r#"
        the configured browser …/nowhere cannot be used: it does not exist; correct the path or remove it from the configuration
        …/bin/chrome cannot be used: `--version` answered "hello", which names no version; install it again
        …/bin/chromium is a snap, which a driver from outside cannot open: install the browser as a package or from its vendor, e.g. `apt-get install firefox-esr chromium chromium-driver` on Debian
        …/bin/firefox cannot be used: it needs shared libraries that are not installed: libgtk-3.so.0; install it again, or install the packages that hold them (`apt-get install libnss3 libnspr4` are the usual ones on Debian)
        the configured chromedriver …/bin cannot be used: it cannot be started (Permission denied (os error 13)); correct the path or remove it from the configuration
    "#]]).await;
}

#[tokio::test]
async fn what_the_user_named_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    says(root.join("bin/firefox"), "Mozilla Firefox 150.0");
    says(root.join("bin/geckodriver"), "geckodriver 0.36.0 (abc)");
    let configured = Configured {
        kind: BrowserKind::Firefox,
        browser: Some(says(root.join("mine/nightly"), "Mozilla Firefox 160.0a1")),
        driver: Some(says(root.join("mine/driver"), "geckodriver 0.37.1 (abc)")),
    };
    let search = Search { configured: vec![configured], ..path(root) };
    check(
        root,
        search,
        expect![[r#"
        firefox-160.0 with …/mine/driver 0.37.1
    "#]],
    )
    .await;
}

#[tokio::test]
async fn what_the_user_named_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    says(root.join("bin/chromium"), "Chromium 156.0.1");
    says(root.join("bin/chromedriver"), "ChromeDriver 156.0.1");
    let named = |browser: Option<PathBuf>, driver| Search {
        configured: vec![Configured { kind: BrowserKind::Chrome, browser, driver }],
        ..path(root)
    };
    // Less what the machine itself has in the usual places.
    let own = |found: &Discovery| found.installations.iter().filter(|it| it.binary.starts_with(root)).count();
    let found = discover(&path(root)).await;
    assert_eq!((own(&found), found.unusable.len()), (1, 0));
    for search in [named(Some(root.join("nowhere")), None), named(None, Some(root.join("nowhere")))] {
        let found = discover(&search).await;
        assert_eq!(found.unusable, [BrowserKind::Chrome]);
        assert!(!found.installations.iter().any(|it| it.kind == BrowserKind::Chrome), "{found:?}");
    }
}
