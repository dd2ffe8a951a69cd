//! `capabilities`: what each browser can do, as its page found by asking.

use async_trait::async_trait;
use clap::Args;
use pelago_protocol::BrowserKind;
use pelago_render::{Brief, Shown, Table};
use pelago_session::{BrowserCapabilities, SessionError, Verdict, capability_lines, verdicts};
use polars::prelude::{Column, DataFrame, NamedFrom, Series};
use serde_json::{Value, json};

use super::{Command, CommandError, Context, Outcome, Shell, Values, accelerate, values};

/// Which browsers.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// Only browsers of this kind
    #[arg(long, default_value = "auto", value_parser = values::browser())]
    browser: BrowserKind,
}

/// The command.
pub(super) struct Capabilities;

#[async_trait]
impl Command for Capabilities {
    type Arguments = Arguments;

    fn name(&self) -> &'static str {
        "capabilities"
    }

    fn summary(&self) -> &'static str {
        "Tell what each browser can do: WebGPU, WebNN and wasm, software or hardware; opens them"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":capabilities", ":capabilities --browser firefox"]
    }

    fn values(&self, argument: &str) -> Values {
        if argument == "browser" { Values::Browsers } else { Values::Declared }
    }

    fn shell(&self) -> Shell {
        Shell::subcommand("Print a JSON object a browser, with every feature and limit")
    }

    /// Bad where no browser opens.
    async fn run(&self, context: &Context<'_>, arguments: Arguments) -> Result<Outcome, CommandError> {
        let (session, kind) = (context.work.session().await?, arguments.browser);
        let found = session.capabilities(kind, Some(context.observer())).await;
        if found.is_empty() {
            return Err(SessionError::from(session.browsers().no_browser(kind)).into());
        }
        context.give(|| Ok(vec![shown(&found)?]), || Ok(found.iter().map(as_json).collect())).await?;
        Ok(Outcome::good_if(found.iter().any(|found| found.capabilities.is_ok())))
    }
}

fn as_json(found: &BrowserCapabilities) -> Value {
    let mut object = json!({ "installation": found.installation, "browser": found.browser, "product": found.product });
    let rest = match &found.capabilities {
        Ok(capabilities) => json!({ "capabilities": capabilities }),
        Err(error) => accelerate::as_json(error),
    };
    if let (Value::Object(object), Value::Object(rest)) = (&mut object, rest) {
        object.extend(rest);
    }
    object
}

/// A browser and a platform; a browser alone where it does not open.
struct Row<'a> {
    product: &'a str,
    verdict: Option<Verdict>,
    error: Option<String>,
}

fn shown(found: &[BrowserCapabilities]) -> Result<Shown, CommandError> {
    let mut rows = Vec::new();
    for browser in found {
        let product = browser.product.as_str();
        match &browser.capabilities {
            Ok(capabilities) => {
                let verdicts = verdicts(capabilities).into_iter();
                rows.extend(verdicts.map(|verdict| Row { product, verdict: Some(verdict), error: None }));
            }
            Err(error) => rows.push(Row { product, verdict: None, error: Some(error.to_string()) }),
        }
    }
    let products = rows.iter().map(|row| row.product).collect::<Vec<_>>();
    let platforms = rows.iter().map(|row| Some(row.verdict.as_ref()?.platform.as_str())).collect::<Vec<_>>();
    let available = rows.iter().map(|row| row.verdict.as_ref().is_some_and(|found| found.available));
    let real = rows.iter().map(|row| row.verdict.as_ref()?.is_real_hardware).collect::<Vec<_>>();
    let details = rows.iter().map(|row| row.verdict.as_ref().map(|found| &found.detail).or(row.error.as_ref()));
    let details = details.map(|detail| detail.map(String::as_str)).collect::<Vec<_>>();
    let columns: Vec<Column> = vec![
        Series::new("product".into(), products).into(),
        Series::new("platform".into(), platforms).into(),
        Series::new("available".into(), available.collect::<Vec<_>>()).into(),
        Series::new("is_real_hardware".into(), real).into(),
        Series::new("detail".into(), details).into(),
    ];
    let table = Table::of(&DataFrame::new(rows.len(), columns)?);
    let lines = found.iter().flat_map(capability_lines).collect();
    Ok(Shown::Table(table.with_brief(Brief { frame: None, lines })))
}
