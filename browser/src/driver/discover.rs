//! Finding browsers and drivers: where configured, on PATH, among Pelago's own
//! tools and in the usual places, in this order.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use futures::future::join_all;
use pelago_protocol::BrowserKind;

use super::discovery::Discovery;
use super::error::ProbeError;
use super::installation::driver_name;
use super::pairs::{Found, FoundBrowser, FoundDriver, pair};
use super::probe;
use super::problem::Problem;

/// Where to look. A front end fills it from the environment and its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The folders of PATH.
    pub path: Vec<PathBuf>,
    /// Folders that hold `<name>-<version>/` folders of tools.
    pub tool_dirs: Vec<PathBuf>,
    /// What the user named.
    pub configured: Vec<Configured>,
}

/// Executables that the user named for one kind of browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configured {
    /// Which kind.
    pub kind: BrowserKind,
    /// The browser.
    pub browser: Option<PathBuf>,
    /// Its driver.
    pub driver: Option<PathBuf>,
}

const BROWSERS: &[&str] = &[
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "chromium",
    "chromium-browser",
    "chrome-headless-shell",
    "microsoft-edge",
    "microsoft-edge-stable",
    "firefox",
    "firefox-esr",
];

#[cfg(not(target_os = "macos"))]
const USUAL_BROWSERS: &[&str] = &[
    "/opt/google/chrome/google-chrome",
    "/opt/chromium/chromium",
    "/opt/microsoft/msedge/microsoft-edge",
    "/opt/firefox/firefox",
    "/snap/bin/chromium",
    "/snap/bin/firefox",
];
#[cfg(target_os = "macos")]
const USUAL_BROWSERS: &[&str] = &[
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "/Applications/Firefox.app/Contents/MacOS/firefox",
];
#[cfg(not(target_os = "macos"))]
const USUAL_DRIVERS: &[&str] = &["/usr/lib/chromium", "/usr/lib/chromium-browser"];
#[cfg(target_os = "macos")]
const USUAL_DRIVERS: &[&str] = &["/usr/bin", "/opt/homebrew/bin", "/usr/local/bin"];

/// Finds every browser that can be opened. Each program found is asked for its
/// version, all at once and in bounded time.
pub async fn discover(search: &Search) -> Discovery {
    let mut seen = HashSet::new();
    let mut browsers: Vec<_> =
        configured(search, |entry| entry.browser.clone()).map(|(_, path)| ("browser".to_owned(), path, true)).collect();
    browsers.extend(found_browsers(search).into_iter().map(|path| ("browser".to_owned(), path, false)));
    browsers.retain(|(_, path, configured)| *configured || is_new(path, &mut seen));

    let mut drivers: Vec<_> = Vec::new();
    for kind in [BrowserKind::Chrome, BrowserKind::Edge, BrowserKind::Firefox, BrowserKind::Safari] {
        let named = configured(search, |entry| entry.driver.clone()).filter(|(of, _)| *of == kind);
        drivers.extend(named.map(|(kind, path)| (kind, path, true)));
        drivers.extend(found_drivers(search, driver_name(kind)).into_iter().map(|path| (kind, path, false)));
    }
    drivers.retain(|(_, path, configured)| *configured || is_new(path, &mut seen));

    let (browsers, drivers) = tokio::join!(
        join_all(browsers.into_iter().map(|(what, path, configured)| probe_browser(what, path, configured))),
        join_all(drivers.into_iter().map(|(kind, path, configured)| probe_driver(kind, path, configured))),
    );
    let mut found = Found::default();
    let mut problems = Vec::new();
    for browser in browsers {
        match browser {
            Ok(browser) => found.browsers.push(browser),
            Err(problem) => problems.push(problem),
        }
    }
    for driver in drivers {
        match driver {
            Ok(driver) => found.drivers.push(driver),
            Err(problem) => problems.push(problem),
        }
    }
    only_named(search, &mut found);
    let mut discovery = pair(found);
    discovery.problems.extend(problems);
    let usable = |kind: BrowserKind| discovery.installations.iter().any(|found| found.kind == kind);
    let named = search.configured.iter().filter(|entry| entry.browser.is_some() || entry.driver.is_some());
    discovery.unusable = named.map(|entry| entry.kind).filter(|kind| !usable(*kind)).collect();
    discovery
}

/// Of a kind for which the user named an executable, no other one is taken in its place.
fn only_named(search: &Search, found: &mut Found) {
    for entry in &search.configured {
        if let Some(path) = &entry.browser {
            found.browsers.retain(|browser| browser.product.kind() != entry.kind || browser.binary == *path);
        }
        if let Some(path) = &entry.driver {
            found.drivers.retain(|driver| driver.kind != entry.kind || driver.driver == *path);
        }
    }
}

fn configured(
    search: &Search,
    part: impl Fn(&Configured) -> Option<PathBuf>,
) -> impl Iterator<Item = (BrowserKind, PathBuf)> {
    search.configured.iter().filter_map(move |entry| Some((entry.kind, part(entry)?)))
}

async fn probe_browser(what: String, path: PathBuf, configured: bool) -> Result<FoundBrowser, Problem> {
    if is_snap(&path) {
        return Err(Problem::Snap { path });
    }
    let probed = probe::version(&path).await.and_then(|probed| {
        let product = probe::product(&probed).ok_or_else(|| ProbeError::NoVersion { found: probed.line.clone() })?;
        Ok((product, probed.version))
    });
    match probed {
        Ok((product, version)) => Ok(FoundBrowser { product, binary: path, version }),
        Err(reason) => Err(unusable(what, path, reason, configured)),
    }
}

async fn probe_driver(kind: BrowserKind, path: PathBuf, configured: bool) -> Result<FoundDriver, Problem> {
    if is_snap(&path) {
        return Err(Problem::Snap { path });
    }
    match probe::version(&path).await {
        Ok(probed) => Ok(FoundDriver { kind, driver: path, version: probed.version }),
        Err(reason) => Err(unusable(driver_name(kind).to_owned(), path, reason, configured)),
    }
}

fn unusable(what: String, path: PathBuf, reason: ProbeError, configured: bool) -> Problem {
    if configured { Problem::Configured { what, path, reason } } else { Problem::Unusable { path, reason } }
}

fn found_browsers(search: &Search) -> Vec<PathBuf> {
    let mut found = on_path(search, BROWSERS);
    found.extend(in_tool_dirs(search, "chrome-headless-shell", &["chrome-headless-shell", "chromium"]));
    found.extend(USUAL_BROWSERS.iter().map(PathBuf::from).filter(|path| path.is_file()));
    found
}

fn found_drivers(search: &Search, name: &'static str) -> Vec<PathBuf> {
    let mut found = on_path(search, &[name]);
    found.extend(in_tool_dirs(search, name, &[name]));
    found.extend(USUAL_DRIVERS.iter().map(|folder| Path::new(folder).join(name)).filter(|path| path.is_file()));
    found
}

fn on_path(search: &Search, names: &[&str]) -> Vec<PathBuf> {
    // They were a PATH before, so no name has the colon that this refuses.
    let Ok(folders) = std::env::join_paths(&search.path) else { return Vec::new() };
    names.iter().flat_map(|name| which::which_in_global(name, Some(&folders)).into_iter().flatten()).collect()
}

/// `<tools>/<tool>-<version>/<file>` or `…/bin/<file>`, the newest version first.
fn in_tool_dirs(search: &Search, tool: &str, files: &[&str]) -> Vec<PathBuf> {
    let mut folders: Vec<(Vec<u32>, PathBuf)> = search
        .tool_dirs
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|entries| entries.flatten())
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(tool)?.strip_prefix('-')?.to_owned();
            Some((version.split('.').map(|part| part.parse().unwrap_or(0)).collect(), entry.path()))
        })
        .collect();
    folders.sort_by(|a, b| b.cmp(a));
    folders
        .into_iter()
        .filter_map(|(_, folder)| {
            let paths = files.iter().flat_map(|file| [folder.join(file), folder.join("bin").join(file)]);
            paths.into_iter().find(|path| path.is_file())
        })
        .collect()
}

/// Whether no other name of the same file was seen.
fn is_new(path: &Path, seen: &mut HashSet<PathBuf>) -> bool {
    seen.insert(path.canonicalize().unwrap_or_else(|_| path.to_owned()))
}

/// A snap's command is a link to `snap`, or a script that starts one.
fn is_snap(path: &Path) -> bool {
    const LONGEST_SCRIPT: u64 = 4096;
    let Ok(real) = path.canonicalize() else { return false };
    if real.starts_with("/snap") || real == Path::new("/usr/bin/snap") {
        return true;
    }
    real.metadata().is_ok_and(|data| data.len() < LONGEST_SCRIPT)
        && std::fs::read_to_string(&real).is_ok_and(|text| text.contains("/snap/bin/"))
}
