//! What differs between the families of browsers: how their driver is started
//! and which capabilities open a session. One file a family.
//!
//! Nothing here starts a process or speaks to one.

mod chromium;
mod firefox;
mod safari;

use std::path::{Path, PathBuf};

use pelago_protocol::BrowserKind;
use serde_json::{Map, Value};

use super::installation::{Installation, Product};
use super::options::LaunchOptions;

/// A family of browsers. The methods have the answer that most families give.
pub(super) trait Engine: Sync {
    /// The driver's arguments. `port` is 0 where the driver is to choose one.
    fn driver_args(&self, product: Product, port: u16) -> Vec<String>;

    /// Whether the driver can choose a free port and say which.
    fn chooses_port(&self) -> bool {
        true
    }

    /// Whether driver and browser must be of one major version.
    fn needs_same_major(&self, product: Product) -> bool {
        let _ = product;
        false
    }

    /// Whether a profile folder can be passed to the browser.
    fn keeps_profile(&self) -> bool {
        true
    }

    /// The process that uses a profile by a lock of the browser's own. A lock
    /// whose process is dead is removed.
    ///
    /// # Errors
    /// Where a lock cannot be removed.
    fn profile_holder(&self, profile: &Path, is_running: &dyn Fn(u32) -> bool) -> std::io::Result<Option<u32>> {
        let _ = (profile, is_running);
        Ok(None)
    }

    /// The program that the driver is to start.
    ///
    /// # Errors
    /// Where a file beside the profile cannot be written.
    fn binary(&self, installation: &Installation, profile: Option<&Path>) -> std::io::Result<PathBuf> {
        let _ = profile;
        Ok(installation.binary.clone())
    }

    /// The capabilities of a session with `binary` on this machine.
    fn capabilities(
        &self,
        product: Product,
        binary: &Path,
        profile: Option<&Path>,
        options: &LaunchOptions,
    ) -> Map<String, Value>;

    /// The capabilities of a session on another machine: the flags and prefs
    /// that WebGPU and WebNN need, and none that depend on the machine.
    fn remote_capabilities(&self, product: Product, options: &LaunchOptions) -> Map<String, Value>;
}

/// The family of a product.
pub(super) fn of(product: Product) -> &'static dyn Engine {
    match product.kind() {
        BrowserKind::Auto | BrowserKind::Chrome | BrowserKind::Edge => &chromium::Chromium,
        BrowserKind::Firefox => &firefox::Firefox,
        BrowserKind::Safari => &safari::Safari,
    }
}
