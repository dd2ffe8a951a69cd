//! `:capabilities`: what each browser can do, as its page found by asking.

use async_trait::async_trait;
use clap::{Arg, ArgMatches};
use pelago_protocol::BrowserKind;
use polars::prelude::{Column, NamedFrom, Series};

use super::{Command, CommandError, Context, Values, table, values};
use pelago_render::Shown;
use pelago_session::{BrowserCapabilities, SessionError, Verdict, verdicts};

/// The command.
pub(super) struct Capabilities;

#[async_trait]
impl Command for Capabilities {
    fn name(&self) -> &'static str {
        "capabilities"
    }

    fn summary(&self) -> &'static str {
        "Tell what each browser can do: WebGPU, WebNN and wasm, software or hardware; opens them"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":capabilities", ":capabilities --browser firefox"]
    }

    fn arguments(&self, command: clap::Command) -> clap::Command {
        command.arg(
            Arg::new("browser")
                .value_name("BROWSER")
                .long("browser")
                .default_value("auto")
                .value_parser(values::browser())
                .help("Only browsers of this kind"),
        )
    }

    fn values(&self, argument: &str) -> Values {
        if argument == "browser" { Values::Browsers } else { Values::Declared }
    }

    async fn run(&self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let kind = arguments.get_one("browser").copied().unwrap_or(BrowserKind::Auto);
        let found = context.session.capabilities(kind, Some(context.observer())).await;
        if found.is_empty() {
            return Err(SessionError::from(context.session.browsers().no_browser(kind)).into());
        }
        Ok(vec![shown(&found)?])
    }
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
    table::shown(columns)
}
