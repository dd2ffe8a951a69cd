//! Which route a request takes where it leaves that open.
//!
//! A route is a browser and a platform in it. What this machine measured before
//! decides; without a measurement, the family and the adapters do.

use pelago_browser::driver::{Installation, Product};
use pelago_protocol::{BrowserKind, Capabilities, Family, InstallationId, Platform};
use serde::Serialize;

/// A browser and a platform in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The installation's id, see [`Installation::id`].
    pub installation: InstallationId,
    /// The kind of browser.
    pub browser: BrowserKind,
    /// The platform: never `auto`.
    pub platform: Platform,
}

/// A route, and why it was chosen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OptimalHardware {
    /// The route.
    pub route: Route,
    /// The model's family.
    pub family: Family,
    /// Why, in words.
    pub reason: String,
    /// Median seconds in the page of earlier warm runs on this route; `None` where there was none.
    pub measured_processing_time: Option<f64>,
}

/// The order in which browsers are tried for a platform, best first. WebNN is
/// built into chrome-headless-shell where Debian's Chromium lacks it, so for
/// WebNN it comes before its siblings.
pub(crate) fn preference(installation: &Installation, platform: Platform) -> u8 {
    let headless_shell = installation.product == Product::HeadlessShell;
    match (installation.kind, platform) {
        (BrowserKind::Chrome, Platform::WebNn) if headless_shell => 0,
        (BrowserKind::Chrome, _) if !headless_shell => 1,
        (BrowserKind::Chrome, _) => 2,
        (BrowserKind::Edge, _) => 3,
        (BrowserKind::Firefox, _) => 4,
        _ => 5,
    }
}

/// The platform for a browser whose capabilities are known and whose speed is not.
pub(crate) fn by_capabilities(capabilities: &Capabilities) -> (Platform, String) {
    if capabilities.webgpu.available && capabilities.webgpu.hardware.is_real == Some(true) {
        return (Platform::WebGpu, format!("WebGPU has a real GPU ({})", capabilities.webgpu.hardware.reason));
    }
    if capabilities.webnn.available && capabilities.webnn.hardware.is_real == Some(true) {
        return (Platform::WebNn, format!("WebNN is accelerated ({})", capabilities.webnn.hardware.reason));
    }
    let why = if capabilities.webgpu.available {
        format!("WebGPU is software here ({})", capabilities.webgpu.hardware.reason)
    } else {
        "there is no WebGPU here".to_owned()
    };
    (Platform::Wasm, format!("{why}, and wasm on the CPU is faster than a GPU in software"))
}
