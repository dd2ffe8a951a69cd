//! Which combinations a sweep is made of.

use pelago_protocol::{BrowserKind, Observer, Platform, Precision, SweepRequest};

use crate::Engine;

/// One combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Combination {
    pub(super) browser: BrowserKind,
    pub(super) platform: Platform,
    pub(super) precision: Precision,
    pub(super) mixed: bool,
}

/// All that are asked for. An empty list of browsers or platforms stands for those that this machine has;
/// what is named and not here is a combination nevertheless.
pub(super) async fn combinations(
    engine: &Engine,
    request: &SweepRequest,
    observer: Option<&Observer>,
) -> Vec<Combination> {
    let mut browsers = request.browsers.clone();
    if browsers.is_empty() {
        browsers = engine.fleet.candidates().iter().map(|candidate| candidate.kind).collect();
    }
    let or = |list: &[Precision]| if list.is_empty() { vec![Precision::Bits32] } else { list.to_vec() };
    let precisions = or(&request.precisions);
    let mixed = if request.mixed.is_empty() { vec![false] } else { request.mixed.clone() };
    let mut all = Vec::new();
    for browser in browsers {
        let platforms = match request.platforms.as_slice() {
            [] => here(engine, browser, observer).await,
            named => named.to_vec(),
        };
        for platform in platforms {
            for precision in &precisions {
                for mixed in &mixed {
                    // All layers of fp32 have the highest precision that there is.
                    let mixed = *mixed && *precision != Precision::Bits32;
                    all.push(Combination { browser, platform, precision: *precision, mixed });
                }
            }
        }
    }
    let mut seen = Vec::with_capacity(all.len());
    all.retain(|combination| {
        let new = !seen.contains(combination);
        seen.push(*combination);
        new
    });
    all
}

/// The platforms that some browser of a kind has.
async fn here(engine: &Engine, browser: BrowserKind, observer: Option<&Observer>) -> Vec<Platform> {
    let found = engine.capabilities(browser, observer.cloned()).await;
    let capabilities = || found.iter().filter_map(|found| found.capabilities.as_ref().ok());
    let mut platforms = vec![Platform::Wasm];
    if capabilities().any(|capabilities| capabilities.webgpu.available) {
        platforms.push(Platform::WebGpu);
    }
    if capabilities().any(|capabilities| capabilities.webnn.available) {
        platforms.push(Platform::WebNn);
    }
    platforms
}
