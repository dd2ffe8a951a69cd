//! How Chrome, Chromium, chrome-headless-shell and Edge are opened.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::Engine;
use crate::driver::installation::{Installation, Product};
use crate::driver::options::LaunchOptions;

/// WebGPU and WebNN on, background throttling off, and no traffic of its own.
const ARGS: &[&str] = &[
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-quic",
    "--disable-renderer-backgrounding",
    "--disable-sync",
    "--enable-unsafe-webgpu",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
];
const FEATURES: &str = "--enable-features=Vulkan,WebMachineLearningNeuralNetwork";
const NO_FEATURES: &str = "--disable-features=CalculateNativeWinOcclusion,InterestFeedContentSuggestions,MediaRouter,OptimizationHints,Translate";
/// What a real GPU on Linux needs besides; NVIDIA hides `shader-f16` without the last.
const GPU_ARGS: &[&str] = &[
    "--use-angle=vulkan",
    "--disable-vulkan-surface",
    "--ignore-gpu-blocklist",
    "--enable-dawn-features=vulkan_enable_f16_on_nvidia",
];

pub(super) struct Chromium;

impl Engine for Chromium {
    /// The browser's own messages go where the driver's go: without them nobody
    /// learns why it did not start.
    fn driver_args(&self, product: Product, port: u16) -> Vec<String> {
        let mut args = vec![format!("--port={port}"), "--enable-chrome-logs".to_owned()];
        if product == Product::HeadlessShell {
            args.push("--disable-build-check".to_owned());
        }
        args
    }

    /// chromedriver and msedgedriver insist on their own major version. The
    /// windowless shell works with another one when its driver does not check.
    fn needs_same_major(&self, product: Product) -> bool {
        product != Product::HeadlessShell
    }

    fn profile_holder(&self, profile: &Path, is_running: &dyn Fn(u32) -> bool) -> std::io::Result<Option<u32>> {
        holder(profile, is_running)
    }

    fn binary(&self, installation: &Installation, profile: Option<&Path>) -> std::io::Result<PathBuf> {
        match (installation.product, profile.and_then(Path::parent)) {
            (Product::HeadlessShell, Some(base)) => with_a_tab(&installation.binary, base),
            _ => Ok(installation.binary.clone()),
        }
    }

    fn capabilities(
        &self,
        product: Product,
        binary: &Path,
        profile: Option<&Path>,
        options: &LaunchOptions,
    ) -> Map<String, Value> {
        let mut args = Vec::new();
        if rustix::process::geteuid().is_root() {
            args.push("--no-sandbox".to_owned());
        }
        if has_gpu() {
            args.extend(GPU_ARGS.iter().copied().map(str::to_owned));
        }
        if let Some(profile) = profile {
            args.push(format!("--user-data-dir={}", profile.display()));
        }
        let headless = options.headless && product != Product::HeadlessShell;
        let mut browser = common_options(options, headless, &args);
        browser.insert("binary".to_owned(), json!(binary.to_string_lossy()));
        Map::from_iter([(options_key(product).to_owned(), Value::Object(browser))])
    }

    fn remote_capabilities(&self, product: Product, options: &LaunchOptions) -> Map<String, Value> {
        let name = if product == Product::Edge { "MicrosoftEdge" } else { "chrome" };
        let browser = Value::Object(common_options(options, options.headless, &[]));
        Map::from_iter([("browserName".to_owned(), json!(name)), (options_key(product).to_owned(), browser)])
    }
}

/// Where the driver looks for its browser's options.
fn options_key(product: Product) -> &'static str {
    if product == Product::Edge { "ms:edgeOptions" } else { "goog:chromeOptions" }
}

/// A program in place of the windowless shell. With a kept profile chromedriver
/// leaves it to the browser to open a first tab, and the windowless shell opens
/// none: chromedriver would wait for it without end. A script beside the profile
/// adds the address that chromedriver leaves out, which no argument can.
fn with_a_tab(shell: &Path, base: &Path) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let binary = std::path::absolute(shell)?;
    let quoted = binary.to_string_lossy().replace('\'', r"'\''");
    let text = format!("#!/bin/sh\nexec '{quoted}' \"$@\" data:,\n");
    let script = base.join("with-a-tab");
    if std::fs::read_to_string(&script).is_ok_and(|found| found == text) {
        return Ok(script);
    }
    let unfinished = base.join(format!("with-a-tab.{}", std::process::id()));
    std::fs::write(&unfinished, text)?;
    std::fs::set_permissions(&unfinished, std::fs::Permissions::from_mode(0o755))?;
    std::fs::rename(&unfinished, &script)?;
    Ok(script)
}

fn common_options(options: &LaunchOptions, headless: bool, more: &[String]) -> Map<String, Value> {
    let mut args: Vec<&str> = ARGS.iter().copied().chain([FEATURES, NO_FEATURES]).collect();
    if headless {
        args.push("--headless=new");
    }
    args.extend(more.iter().chain(&options.args).map(String::as_str));
    let mut browser = Map::from_iter([("args".to_owned(), json!(args))]);
    if !options.prefs.is_empty() {
        browser.insert("prefs".to_owned(), Value::Object(options.prefs.clone()));
    }
    browser
}

/// Whether Linux shows a GPU to render on. macOS needs no extra arguments.
fn has_gpu() -> bool {
    let renders = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("renderD");
    cfg!(target_os = "linux")
        && (Path::new("/dev/nvidia0").exists()
            || std::fs::read_dir("/dev/dri").is_ok_and(|entries| entries.flatten().any(renders)))
}

/// The process that holds a profile by Chromium's own lock, a link to
/// `<host>-<pid>`. A lock whose process is dead is removed, and so is one of
/// another host name: our own lock says that no other Pelago uses the folder,
/// and a container that starts anew has a new name.
fn holder(profile: &Path, is_running: impl Fn(u32) -> bool) -> std::io::Result<Option<u32>> {
    let lock = profile.join("SingletonLock");
    let Ok(target) = std::fs::read_link(&lock) else { return Ok(None) };
    let target = target.to_string_lossy();
    let (host, pid) = target.rsplit_once('-').unwrap_or((&target, ""));
    let here = rustix::system::uname();
    let same_host = here.nodename().to_str().is_ok_and(|name| name == host);
    if let Some(pid) = pid.parse().ok().filter(|pid| same_host && is_running(*pid)) {
        return Ok(Some(pid));
    }
    for name in ["SingletonLock", "SingletonSocket", "SingletonCookie"] {
        remove_link(profile.join(name))?;
    }
    Ok(None)
}

fn remove_link(path: PathBuf) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_browsers_lock_is_removed_and_a_living_ones_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("SingletonLock");
        let host = rustix::system::uname().nodename().to_str().unwrap().to_owned();
        std::os::unix::fs::symlink(format!("{host}-4711"), &lock).unwrap();
        assert_eq!(holder(folder.path(), |_| true).unwrap(), Some(4711));
        assert!(lock.is_symlink());
        assert_eq!(holder(folder.path(), |_| false).unwrap(), None);
        assert!(!lock.is_symlink());
        std::os::unix::fs::symlink("an-older-container-4711", &lock).unwrap();
        assert_eq!(holder(folder.path(), |_| true).unwrap(), None);
        assert!(!lock.is_symlink());
    }
}
