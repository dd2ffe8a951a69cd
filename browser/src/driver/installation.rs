//! A browser that can be opened: on this machine or behind a remote WebDriver.

use std::path::PathBuf;

use pelago_protocol::{BrowserKind, InstallationId};

/// A browser by the name that it is sold under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Product {
    /// Google Chrome, "for Testing" included.
    Chrome,
    /// Chromium.
    Chromium,
    /// Chromium's windowless build.
    HeadlessShell,
    /// Microsoft Edge.
    Edge,
    /// Mozilla Firefox.
    Firefox,
    /// Apple Safari.
    Safari,
}

impl Product {
    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Chrome => "Chrome",
            Self::Chromium => "Chromium",
            Self::HeadlessShell => "chrome-headless-shell",
            Self::Edge => "Edge",
            Self::Firefox => "Firefox",
            Self::Safari => "Safari",
        }
    }

    /// The kind that a request names.
    #[must_use]
    pub fn kind(self) -> BrowserKind {
        match self {
            Self::Chrome | Self::Chromium | Self::HeadlessShell => BrowserKind::Chrome,
            Self::Edge => BrowserKind::Edge,
            Self::Firefox => BrowserKind::Firefox,
            Self::Safari => BrowserKind::Safari,
        }
    }

    /// The product that stands for a kind.
    pub(super) fn of_kind(kind: BrowserKind) -> Self {
        match kind {
            BrowserKind::Auto | BrowserKind::Chrome => Self::Chrome,
            BrowserKind::Edge => Self::Edge,
            BrowserKind::Firefox => Self::Firefox,
            BrowserKind::Safari => Self::Safari,
        }
    }

    /// The program that drives it.
    #[must_use]
    pub fn driver_name(self) -> &'static str {
        driver_name(self.kind())
    }

    /// The product that a WebDriver session's `browserName` speaks of.
    pub(super) fn from_browser_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "chrome" => Self::Chrome,
            "chromium" => Self::Chromium,
            "chrome-headless-shell" => Self::HeadlessShell,
            "microsoftedge" | "msedge" => Self::Edge,
            "firefox" => Self::Firefox,
            "safari" => Self::Safari,
            _ => return None,
        })
    }
}

impl std::fmt::Display for Product {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The program that drives a kind of browser. `auto` stands for the Chrome family.
pub(super) fn driver_name(kind: BrowserKind) -> &'static str {
    match kind {
        BrowserKind::Auto | BrowserKind::Chrome => "chromedriver",
        BrowserKind::Edge => "msedgedriver",
        BrowserKind::Firefox => "geckodriver",
        BrowserKind::Safari => "safaridriver",
    }
}

/// A browser and a driver that fit each other, both seen to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Product and version, e.g. `chromium-156.0.8078.79`: the same on every
    /// run, so a profile folder may be named after it.
    pub id: InstallationId,
    /// The kind that a request names.
    pub kind: BrowserKind,
    /// Which browser exactly.
    pub product: Product,
    /// Its executable.
    pub binary: PathBuf,
    /// Its version, e.g. `156.0.8078.79`.
    pub version: String,
    /// The driver's executable.
    pub driver: PathBuf,
    /// The driver's version.
    pub driver_version: String,
}

/// A WebDriver that somebody else runs, e.g. a Selenium Grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Where it answers, e.g. `http://grid.local:4444/`.
    pub url: String,
    /// Which browser to ask it for.
    pub kind: BrowserKind,
}

/// What to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A browser of this machine.
    Installed(Installation),
    /// A browser behind a WebDriver that runs already.
    Remote(Remote),
}

impl From<Installation> for Target {
    fn from(installation: Installation) -> Self {
        Self::Installed(installation)
    }
}

impl From<Remote> for Target {
    fn from(remote: Remote) -> Self {
        Self::Remote(remote)
    }
}

/// The first number of a version.
pub(super) fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}
