//! `pelago capabilities`: what each browser can do, as its page found by asking.

use std::process::ExitCode;

use pelago_protocol::{Capabilities as Found, Hardware};
use pelago_runtime::session::{BrowserCapabilities, Session, SessionOptions};
use serde_json::{Value, json};

use crate::args::Capabilities;
use crate::failure::Failure;
use crate::output;
use crate::output::progress::Bars;

pub(crate) async fn run(options: SessionOptions, arguments: Capabilities) -> Result<ExitCode, Failure> {
    let session = Session::open(options).await?;
    let bars = Bars::new();
    let all = session.capabilities(arguments.browser, Some(bars.observer())).await;
    bars.clear();
    session.close().await;
    if all.is_empty() {
        return Err(Failure::Session(session.browsers().no_browser(arguments.browser).into()));
    }
    for found in &all {
        if arguments.json {
            output::json::print(&as_json(found))?;
        } else {
            lines(found).iter().try_for_each(|line| output::print(line))?;
        }
    }
    let some_opened = all.iter().any(|found| found.capabilities.is_ok());
    Ok(if some_opened { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn as_json(found: &BrowserCapabilities) -> Value {
    let head = json!({ "installation": found.installation, "browser": found.browser, "product": found.product });
    match &found.capabilities {
        Ok(capabilities) => merged(head, json!({ "capabilities": capabilities })),
        Err(error) => merged(head, output::json::error(error)),
    }
}

fn merged(mut a: Value, b: Value) -> Value {
    if let (Value::Object(a), Value::Object(b)) = (&mut a, b) {
        a.extend(b);
    }
    a
}

/// One browser in four lines.
pub(crate) fn lines(found: &BrowserCapabilities) -> Vec<String> {
    let capabilities = match &found.capabilities {
        Ok(capabilities) => capabilities,
        Err(error) => return vec![format!("{}: {error}", found.product)],
    };
    vec![found.product.clone(), webgpu(capabilities), webnn(capabilities), wasm(capabilities)]
}

fn webgpu(found: &Found) -> String {
    let gpu = &found.webgpu;
    if !gpu.available {
        return format!("  webgpu  no: {}", gpu.error.as_deref().unwrap_or("the browser gives no reason"));
    }
    let adapter = gpu.adapter.clone().unwrap_or_default();
    let name = [adapter.vendor, adapter.architecture].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let name = if name.is_empty() { "adapter without a name".to_owned() } else { name.join("/") };
    let f16 = if gpu.features.iter().any(|feature| feature == "shader-f16") { ", shader-f16" } else { "" };
    format!("  webgpu  {name}{f16}; {}", verdict(&gpu.hardware))
}

fn webnn(found: &Found) -> String {
    let nn = &found.webnn;
    if !nn.available {
        return format!("  webnn   no: {}", nn.error.as_deref().unwrap_or("the browser gives no reason"));
    }
    let devices = nn.contexts.iter().filter(|context| context.available).map(|context| context.device_type.as_str());
    format!("  webnn   {}; {}", devices.collect::<Vec<_>>().join(", "), verdict(&nn.hardware))
}

fn wasm(found: &Found) -> String {
    let wasm = &found.wasm;
    let with = |there: bool, name: &'static str| there.then_some(name);
    let parts = [with(wasm.simd, "simd"), with(wasm.threads, "threads"), with(wasm.jspi, "jspi")];
    let parts = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    format!("  wasm    {parts}; {} cores", wasm.hardware_concurrency)
}

fn verdict(hardware: &Hardware) -> String {
    let word = match hardware.is_real {
        Some(true) => "hardware",
        Some(false) => "software",
        None => "software or hardware is not known",
    };
    format!("{word} ({})", hardware.reason)
}
