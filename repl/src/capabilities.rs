//! `pelago capabilities`: what each browser can do, as its page found by asking.

use std::process::ExitCode;

use pelago_session::{BrowserCapabilities, Session, SessionOptions, capability_lines};
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
            capability_lines(found).iter().try_for_each(|line| output::print(line))?;
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
