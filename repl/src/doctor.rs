//! `pelago doctor`: what is installed, what can run where, and the exact
//! command that mends what cannot. Ends with 1 where nothing can run.

use std::process::ExitCode;

use pelago_protocol::BrowserKind;
use pelago_runtime::session::{BrowserCapabilities, Session, SessionOptions};
use serde_json::json;

use crate::args::Doctor;
use crate::capabilities;
use crate::failure::Failure;
use crate::output;
use crate::output::progress::Bars;

pub(crate) async fn run(options: SessionOptions, arguments: Doctor) -> Result<ExitCode, Failure> {
    let folder = options.store.clone();
    let session = Session::open(options).await?;
    let bars = Bars::new();
    let found = session.capabilities(BrowserKind::Auto, Some(bars.observer())).await;
    bars.clear();
    let models = session.models().list().await.map_err(pelago_runtime::session::SessionError::from)?;
    session.close().await;

    let problems = problems(&session, &found);
    let can_run = found.iter().any(|browser| browser.capabilities.is_ok());
    if arguments.json {
        let installations = session.browsers().discovery().installations.iter().map(|found| {
            json!({
                "id": found.id, "browser": found.kind, "product": found.product.name(), "version": found.version,
                "binary": found.binary, "driver": found.driver, "driver_version": found.driver_version,
            })
        });
        let opened = found.iter().map(|browser| {
            json!({
                "installation": browser.installation,
                "webgpu": browser.capabilities.as_ref().ok().map(|found| &found.webgpu.hardware),
                "webnn": browser.capabilities.as_ref().ok().and_then(|found| found.webnn.available.then_some(&found.webnn.hardware)),
                "wasm_threads": browser.capabilities.as_ref().ok().map(|found| found.wasm.threads),
                "error": browser.capabilities.as_ref().err().map(ToString::to_string),
            })
        });
        output::json::print(&json!({
            "version": env!("CARGO_PKG_VERSION"), "store": folder, "models": models.len(), "can_run": can_run,
            "installations": installations.collect::<Vec<_>>(), "browsers": opened.collect::<Vec<_>>(),
            "problems": problems,
        }))?;
    } else {
        print(&session, &found, &problems, &folder, models.len())?;
    }
    Ok(if can_run { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(
    session: &Session,
    found: &[BrowserCapabilities],
    problems: &[String],
    folder: &std::path::Path,
    models: usize,
) -> std::io::Result<()> {
    output::print(&format!("pelago {}; store {}, models: {models}", env!("CARGO_PKG_VERSION"), folder.display()))?;
    for installation in &session.browsers().discovery().installations {
        output::print(&format!(
            "{} {} at {}, driver {} {}",
            installation.product,
            installation.version,
            installation.binary.display(),
            installation.driver.display(),
            installation.driver_version,
        ))?;
        let opened = found.iter().filter(|browser| browser.installation == installation.id);
        for line in opened.flat_map(|browser| capabilities::lines(browser).split_off(1)) {
            output::print(&line)?;
        }
    }
    if problems.is_empty() {
        return output::print("nothing is missing");
    }
    output::print("to mend:")?;
    problems.iter().try_for_each(|problem| output::print(&format!("  - {problem}")))
}

/// What stands in the way, each with the command that mends it.
fn problems(session: &Session, found: &[BrowserCapabilities]) -> Vec<String> {
    let mut problems = session.browsers().discovery().problems.iter().map(ToString::to_string).collect::<Vec<_>>();
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
