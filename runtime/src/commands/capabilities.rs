//! `:capabilities`: what each browser can do, as its page found by asking.

use async_trait::async_trait;
use clap::{Arg, ArgMatches};
use pelago_protocol::BrowserKind;
use polars::prelude::{Column, NamedFrom, Series};

use super::{Command, CommandError, Context, Values, table, values};
use crate::interpreter::Shown;
use crate::session::{BrowserCapabilities, SessionError, verdicts};

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

/// A row a browser and platform; one row for a browser that does not open.
fn shown(found: &[BrowserCapabilities]) -> Result<Shown, CommandError> {
    let mut rows: Vec<(&str, Option<&str>, bool, Option<bool>, String)> = Vec::new();
    for browser in found {
        match &browser.capabilities {
            Ok(capabilities) => rows.extend(verdicts(capabilities).into_iter().map(|verdict| {
                let platform = Some(verdict.platform.as_str());
                (browser.product.as_str(), platform, verdict.available, verdict.is_real_hardware, verdict.detail)
            })),
            Err(error) => rows.push((&browser.product, None, false, None, error.to_string())),
        }
    }
    let columns: Vec<Column> = vec![
        Series::new("product".into(), rows.iter().map(|row| row.0).collect::<Vec<_>>()).into(),
        Series::new("platform".into(), rows.iter().map(|row| row.1).collect::<Vec<_>>()).into(),
        Series::new("available".into(), rows.iter().map(|row| row.2).collect::<Vec<_>>()).into(),
        Series::new("is_real_hardware".into(), rows.iter().map(|row| row.3).collect::<Vec<_>>()).into(),
        Series::new("detail".into(), rows.iter().map(|row| row.4.as_str()).collect::<Vec<_>>()).into(),
    ];
    table::shown(columns)
}
