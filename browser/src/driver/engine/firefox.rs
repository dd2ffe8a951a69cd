//! How Firefox is opened.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::Engine;
use crate::driver::installation::Product;
use crate::driver::options::LaunchOptions;

/// Where geckodriver looks for its browser's options.
const OPTIONS: &str = "moz:firefoxOptions";

pub(super) struct Firefox;

impl Engine for Firefox {
    fn driver_args(&self, _: Product, port: u16) -> Vec<String> {
        ["--port", &port.to_string(), "--websocket-port", "0"].map(str::to_owned).to_vec()
    }

    /// A profile that is named as an argument is used in place, and so keeps its
    /// caches; geckodriver copies any other.
    fn capabilities(
        &self,
        _: Product,
        binary: &Path,
        profile: Option<&Path>,
        options: &LaunchOptions,
    ) -> Map<String, Value> {
        let mut browser = common_options(options, profile);
        browser.insert("binary".to_owned(), json!(binary.to_string_lossy()));
        Map::from_iter([(OPTIONS.to_owned(), Value::Object(browser))])
    }

    fn remote_capabilities(&self, _: Product, options: &LaunchOptions) -> Map<String, Value> {
        let browser = Value::Object(common_options(options, None));
        Map::from_iter([("browserName".to_owned(), json!("firefox")), (OPTIONS.to_owned(), browser)])
    }
}

fn common_options(options: &LaunchOptions, profile: Option<&Path>) -> Map<String, Value> {
    let mut args = Vec::new();
    if options.headless {
        args.push(json!("-headless"));
    }
    if let Some(profile) = profile {
        args.extend([json!("-profile"), json!(profile.to_string_lossy())]);
    }
    args.extend(options.args.iter().map(|arg| json!(arg)));
    let mut prefs = prefs();
    prefs.extend(options.prefs.clone());
    Map::from_iter([("args".to_owned(), Value::Array(args)), ("prefs".to_owned(), Value::Object(prefs))])
}

/// WebGPU on, background throttling off, no first run, no traffic of its own.
/// geckodriver sets many of this kind itself; these are those that it leaves.
fn prefs() -> Map<String, Value> {
    let prefs: &[(&str, Value)] = &[
        ("dom.webgpu.enabled", json!(true)),
        ("gfx.webgpu.ignore-blocklist", json!(true)),
        ("gfx.webgpu.force-enabled", json!(true)),
        ("dom.webgpu.allow-in-parent", json!(true)),
        ("dom.ipc.processPriorityManager.enabled", json!(false)),
        ("dom.min_background_timeout_value", json!(4)),
        ("dom.timeout.enable_budget_timer_throttling", json!(false)),
        ("widget.windows.window_occlusion_tracking.enabled", json!(false)),
        ("browser.aboutwelcome.enabled", json!(false)),
        ("browser.newtabpage.enabled", json!(false)),
        ("browser.region.update.enabled", json!(false)),
        ("browser.safebrowsing.downloads.enabled", json!(false)),
        ("browser.safebrowsing.malware.enabled", json!(false)),
        ("browser.safebrowsing.phishing.enabled", json!(false)),
        ("browser.safebrowsing.update.enabled", json!(false)),
        ("browser.search.update", json!(false)),
        ("browser.shell.checkDefaultBrowser", json!(false)),
        ("browser.startup.homepage_override.mstone", json!("ignore")),
        ("browser.startup.page", json!(0)),
        ("app.normandy.enabled", json!(false)),
        ("app.update.auto", json!(false)),
        ("app.update.disabledForTesting", json!(true)),
        ("datareporting.healthreport.uploadEnabled", json!(false)),
        ("datareporting.policy.dataSubmissionEnabled", json!(false)),
        ("datareporting.usage.uploadEnabled", json!(false)),
        ("dom.push.connection.enabled", json!(false)),
        ("extensions.getAddons.cache.enabled", json!(false)),
        ("extensions.systemAddon.update.enabled", json!(false)),
        ("extensions.update.enabled", json!(false)),
        ("media.gmp-manager.updateEnabled", json!(false)),
        ("network.captive-portal-service.enabled", json!(false)),
        ("network.connectivity-service.enabled", json!(false)),
        ("network.dns.disablePrefetch", json!(true)),
        ("network.prefetch-next", json!(false)),
        ("security.remote_settings.crlite_filters.enabled", json!(false)),
        ("security.remote_settings.intermediates.enabled", json!(false)),
        ("services.settings.server", json!("data:,#remote-settings-dummy/v1")),
        ("toolkit.telemetry.enabled", json!(false)),
        ("toolkit.telemetry.server", json!("")),
        ("toolkit.telemetry.unified", json!(false)),
    ];
    prefs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}
