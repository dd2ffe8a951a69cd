//! What stands in the way of a browser, and the exact thing to do.

use std::path::PathBuf;

use pelago_protocol::BrowserKind;

use super::error::ProbeError;
use super::installation::{Product, driver_name};

/// Something found that cannot be used as it is. Its text says what was found
/// and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A browser without a driver.
    #[error("{product} {version} ({}) has no driver: {}", binary.display(), install_driver(*product, version))]
    NoDriver {
        /// Which browser.
        product: Product,
        /// Its executable.
        binary: PathBuf,
        /// Its version.
        version: String,
    },
    /// A driver without a browser.
    #[error("{} {version} ({}) has no browser to drive: {}", driver_name(*kind), driver.display(), install_browser(*kind))]
    NoBrowser {
        /// The kind of browser that it drives.
        kind: BrowserKind,
        /// Its executable.
        driver: PathBuf,
        /// Its version.
        version: String,
    },
    /// A browser and a driver of different versions.
    #[error("{product} {version} ({}) does not work with {} {driver_version} ({}): {}", binary.display(), product.driver_name(), driver.display(), install_driver(*product, version))]
    VersionPair {
        /// Which browser.
        product: Product,
        /// Its executable.
        binary: PathBuf,
        /// Its version.
        version: String,
        /// The nearest driver's executable.
        driver: PathBuf,
        /// Its version.
        driver_version: String,
    },
    /// A program that is there and does not answer as it should.
    #[error("{} cannot be used: {reason}; install it again{}", path.display(), help(reason))]
    Unusable {
        /// The program.
        path: PathBuf,
        /// Why not.
        reason: ProbeError,
    },
    /// A configured path that does not lead to a program that can be used.
    #[error("the configured {what} {} cannot be used: {reason}; correct the path or remove it from the configuration", path.display())]
    Configured {
        /// e.g. `chromedriver`.
        what: String,
        /// The configured path.
        path: PathBuf,
        /// Why not.
        reason: ProbeError,
    },
    /// A browser in a snap: its confinement hides the profile folder, and a
    /// driver from outside cannot talk to it.
    #[error("{} is a snap, which a driver from outside cannot open: install the browser as a package or from its vendor, e.g. `apt-get install firefox-esr chromium chromium-driver` on Debian", path.display())]
    Snap {
        /// Where it was found.
        path: PathBuf,
    },
}

fn help(reason: &ProbeError) -> &'static str {
    match reason {
        ProbeError::MissingLibraries { .. } => {
            ", or install the packages that hold them (`apt-get install libnss3 libnspr4` are the usual ones on Debian)"
        }
        _ => "",
    }
}

fn install_driver(product: Product, version: &str) -> String {
    let major = version.split('.').next().unwrap_or(version);
    match (product, cfg!(target_os = "macos")) {
        (Product::Chromium, false) => format!(
            "install both at version {major}, e.g. `apt-get install chromium chromium-driver` on Debian; elsewhere `npx @puppeteer/browsers install chromedriver@{major}` and put it on PATH"
        ),
        (Product::Chrome | Product::Chromium, _) => {
            format!("run `npx @puppeteer/browsers install chromedriver@{major}` and put it on PATH")
        }
        (Product::HeadlessShell, _) => {
            "install any chromedriver, e.g. `apt-get install chromium-driver` on Debian".to_owned()
        }
        (Product::Edge, _) => format!(
            "install msedgedriver {version} from https://developer.microsoft.com/microsoft-edge/tools/webdriver and put it on PATH"
        ),
        (Product::Firefox, true) => "run `brew install geckodriver`".to_owned(),
        (Product::Firefox, false) => "run `cargo install geckodriver`".to_owned(),
        (Product::Safari, _) => "run `safaridriver --enable`".to_owned(),
    }
}

fn install_browser(kind: BrowserKind) -> &'static str {
    match (kind, cfg!(target_os = "macos")) {
        (BrowserKind::Auto | BrowserKind::Chrome, false) => {
            "install Chrome or Chromium of the same major version, e.g. `apt-get install chromium` on Debian"
        }
        (BrowserKind::Auto | BrowserKind::Chrome, true) => "run `brew install --cask google-chrome`",
        (BrowserKind::Edge, true) => "run `brew install --cask microsoft-edge`",
        (BrowserKind::Edge, false) => "install Edge from https://www.microsoft.com/edge",
        (BrowserKind::Firefox, true) => "run `brew install --cask firefox`",
        (BrowserKind::Firefox, false) => "install Firefox, e.g. `apt-get install firefox-esr` on Debian",
        (BrowserKind::Safari, _) => "install Safari (part of macOS)",
    }
}
