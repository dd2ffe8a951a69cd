//! What is installed, what can run where, and the exact command that mends what
//! cannot: one source for the command line and for cells.

use std::path::PathBuf;

use pelago_browser::driver::Installation;
use pelago_engine::hardware;
use pelago_protocol::{BrowserKind, Capabilities, Hardware, Observer, Platform};

use crate::{BrowserCapabilities, Session, SessionError};

/// The state of this machine, as far as running models is concerned.
#[derive(Debug)]
pub struct Diagnosis {
    /// Folder of model content and names.
    pub store: PathBuf,
    /// Models that have a name.
    pub models: usize,
    /// Browsers with a driver that fits.
    pub installations: Vec<Installation>,
    /// What each of them can do, or why it does not open.
    pub browsers: Vec<BrowserCapabilities>,
    /// What stands in the way, each with the command that mends it.
    pub problems: Vec<String>,
}

/// What one platform of one browser is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The platform: never `auto`.
    pub platform: Platform,
    /// Whether a model can run there.
    pub available: bool,
    /// Whether it is real hardware. `None` where the browser gives no way to
    /// tell, and where the platform is not available.
    pub is_real_hardware: Option<bool>,
    /// The adapter or device and how its hardware is known, or why there is none.
    pub detail: String,
}

impl Session {
    /// Looks at everything that a run needs. Opens every browser.
    ///
    /// # Errors
    /// [`SessionError`] where the store cannot be read.
    pub async fn diagnose(&self, observer: Option<Observer>) -> Result<Diagnosis, SessionError> {
        let browsers = self.capabilities(BrowserKind::Auto, observer).await;
        let models = self.models().list().await?.len();
        let discovery = self.browsers().discovery();
        let problems = problems(discovery.problems.iter().map(ToString::to_string), &browsers);
        Ok(Diagnosis {
            store: self.models().store().dir().to_owned(),
            models,
            installations: discovery.installations.clone(),
            browsers,
            problems,
        })
    }
}

impl Diagnosis {
    /// Whether any model can run at all.
    #[must_use]
    pub fn can_run(&self) -> bool {
        self.browsers.iter().any(|browser| browser.capabilities.is_ok())
    }

    /// All of it for a person.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let version = env!("CARGO_PKG_VERSION");
        let mut lines = vec![format!("pelago {version}; store {}, models: {}", self.store.display(), self.models)];
        for installation in &self.installations {
            lines.push(format!(
                "{} {} at {}, driver {} {}",
                installation.product,
                installation.version,
                installation.binary.display(),
                installation.driver.display(),
                installation.driver_version,
            ));
            let opened = self.browsers.iter().filter(|browser| browser.installation == installation.id);
            lines.extend(opened.flat_map(|browser| self::lines(browser).split_off(1)));
        }
        if self.problems.is_empty() {
            lines.push("nothing is missing".to_owned());
        } else {
            lines.push("to mend:".to_owned());
            lines.extend(self.problems.iter().map(|problem| format!("  - {problem}")));
        }
        lines
    }
}

/// A line of a browser's name and one a platform; one line where it does not open.
#[must_use]
pub fn lines(browser: &BrowserCapabilities) -> Vec<String> {
    match &browser.capabilities {
        Ok(capabilities) => {
            let verdicts = verdicts(capabilities).into_iter().map(|verdict| verdict.line());
            [browser.product.clone()].into_iter().chain(verdicts).collect()
        }
        Err(error) => vec![format!("{}: {error}", browser.product)],
    }
}

impl Verdict {
    fn line(&self) -> String {
        let no = if self.available { "" } else { "no: " };
        format!("  {:7} {no}{}", self.platform, self.detail)
    }
}

/// One verdict a platform: WebGPU, WebNN, wasm.
#[must_use]
pub fn verdicts(found: &Capabilities) -> Vec<Verdict> {
    vec![webgpu(found), webnn(found), wasm(found)]
}

fn webgpu(found: &Capabilities) -> Verdict {
    let gpu = &found.webgpu;
    if !gpu.available {
        return unavailable(Platform::WebGpu, gpu.error.as_deref());
    }
    let adapter = gpu.adapter.clone().unwrap_or_default();
    let name = [adapter.vendor, adapter.architecture].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let name = if name.is_empty() { "adapter without a name".to_owned() } else { name.join("/") };
    let f16 = if gpu.features.iter().any(|feature| feature == "shader-f16") { ", shader-f16" } else { "" };
    available(Platform::WebGpu, &format!("{name}{f16}"), &gpu.hardware)
}

fn webnn(found: &Capabilities) -> Verdict {
    let nn = &found.webnn;
    if !nn.available {
        return unavailable(Platform::WebNn, nn.error.as_deref());
    }
    let devices = nn.contexts.iter().filter(|context| context.available).map(|context| context.device_type.as_str());
    available(Platform::WebNn, &devices.collect::<Vec<_>>().join(", "), &nn.hardware)
}

fn wasm(found: &Capabilities) -> Verdict {
    let wasm = &found.wasm;
    let with = |there: bool, name: &'static str| there.then_some(name);
    let parts = [with(wasm.simd, "simd"), with(wasm.threads, "threads"), with(wasm.jspi, "jspi")];
    let parts = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    Verdict {
        platform: Platform::Wasm,
        available: true,
        is_real_hardware: hardware(found, Platform::Wasm).is_real,
        detail: format!("{parts}; {} cores", wasm.hardware_concurrency),
    }
}

fn available(platform: Platform, what: &str, hardware: &Hardware) -> Verdict {
    let word = match hardware.is_real {
        Some(true) => "hardware",
        Some(false) => "software",
        None => "software or hardware is not known",
    };
    let detail = format!("{what}; {word} ({})", hardware.reason);
    Verdict { platform, available: true, is_real_hardware: hardware.is_real, detail }
}

fn unavailable(platform: Platform, error: Option<&str>) -> Verdict {
    let detail = error.unwrap_or("the browser gives no reason").to_owned();
    Verdict { platform, available: false, is_real_hardware: None, detail }
}

/// What stands in the way, each with the command that mends it.
fn problems(known: impl Iterator<Item = String>, found: &[BrowserCapabilities]) -> Vec<String> {
    let mut problems = known.collect::<Vec<_>>();
    for browser in found {
        if let Err(error) = &browser.capabilities {
            problems.push(format!("{}: {error}", browser.product));
        }
    }
    let opened = found.iter().filter_map(|browser| browser.capabilities.as_ref().ok()).collect::<Vec<_>>();
    if opened.is_empty() {
        problems.push(
            "no browser opens: run `make deps` in Pelago's folder, or install chromium and chromium-driver".to_owned(),
        );
        return problems;
    }
    if !opened.iter().any(|found| found.webgpu.available) {
        problems.push(
            "no browser has WebGPU: on Debian `apt-get install mesa-vulkan-drivers libvulkan1` gives a software adapter, \
             a GPU's own Vulkan driver a real one"
                .to_owned(),
        );
    }
    if !opened.iter().any(|found| found.webnn.available) {
        problems.push(
            "no browser has WebNN: `make deps` in Pelago's folder installs a chrome-headless-shell that has it"
                .to_owned(),
        );
    }
    problems
}
