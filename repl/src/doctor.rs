//! `pelago doctor`: what is installed, what can run where, and the exact
//! command that mends what cannot. Ends with 1 where nothing can run.

use std::process::ExitCode;

use pelago_session::{Diagnosis, Session, SessionOptions};
use serde_json::{Value, json};

use crate::args::Doctor;
use crate::failure::Failure;
use crate::output;
use crate::output::progress::Bars;

pub(crate) async fn run(options: SessionOptions, arguments: Doctor) -> Result<ExitCode, Failure> {
    let session = Session::open(options).await?;
    let bars = Bars::new();
    let found = session.diagnose(Some(bars.observer())).await;
    bars.clear();
    session.close().await;
    let found = found?;
    if arguments.json {
        output::json::print(&as_json(&found))?;
    } else {
        found.lines().iter().try_for_each(|line| output::print(line))?;
    }
    Ok(if found.can_run() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn as_json(found: &Diagnosis) -> Value {
    let installations = found.installations.iter().map(|found| {
        json!({
            "id": found.id, "browser": found.kind, "product": found.product.name(), "version": found.version,
            "binary": found.binary, "driver": found.driver, "driver_version": found.driver_version,
        })
    });
    let opened = found.browsers.iter().map(|browser| {
        json!({
            "installation": browser.installation,
            "webgpu": browser.capabilities.as_ref().ok().map(|found| &found.webgpu.hardware),
            "webnn": browser.capabilities.as_ref().ok().and_then(|found| found.webnn.available.then_some(&found.webnn.hardware)),
            "wasm_threads": browser.capabilities.as_ref().ok().map(|found| found.wasm.threads),
            "error": browser.capabilities.as_ref().err().map(ToString::to_string),
        })
    });
    json!({
        "version": env!("CARGO_PKG_VERSION"), "store": found.store, "models": found.models, "can_run": found.can_run(),
        "installations": installations.collect::<Vec<_>>(), "browsers": opened.collect::<Vec<_>>(),
        "problems": found.problems,
    })
}
