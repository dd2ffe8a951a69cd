//! `doctor`: what is installed, what can run where, and how to mend what cannot.

use async_trait::async_trait;
use pelago_render::Shown;
use pelago_session::Diagnosis;
use serde_json::{Value, json};

use super::{Command, CommandError, Context, Nothing, Outcome, Shell};

/// The command.
pub(super) struct Doctor;

#[async_trait]
impl Command for Doctor {
    type Arguments = Nothing;

    fn name(&self) -> &'static str {
        "doctor"
    }

    fn summary(&self) -> &'static str {
        "Say what is installed, what can run where, and how to mend what cannot; opens every browser"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":doctor"]
    }

    fn shell(&self) -> Shell {
        Shell::subcommand("Print a JSON object")
    }

    /// Bad where nothing can run.
    async fn run(&self, context: &Context<'_>, _: Nothing) -> Result<Outcome, CommandError> {
        let found = context.work.session().await?.diagnose(Some(context.observer())).await?;
        context.give(|| Ok(vec![Shown::Text(found.lines().join("\n"))]), || Ok(vec![as_json(&found)])).await?;
        Ok(Outcome::good_if(found.can_run()))
    }
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
