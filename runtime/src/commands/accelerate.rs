//! `:accelerate`: runs a model in a browser.

use async_trait::async_trait;
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use pelago_protocol::{BrowserKind, Input, Platform, Precision, Request};

use super::{Command, CommandError, Context, Values, values};
use crate::interpreter::{Event, Shown, Table};
use crate::results::Results;
use crate::session::{Run, SessionError};

/// The command.
pub(super) struct Accelerate;

#[async_trait]
impl Command for Accelerate {
    fn name(&self) -> &'static str {
        "accelerate"
    }

    fn summary(&self) -> &'static str {
        "Run a model in a browser: its output, and a report of where it ran and how long each part took"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[
            r#":accelerate all-MiniLM-L6-v2 "The quick brown fox" --platform webgpu --browser firefox"#,
            ":accelerate all-MiniLM-L6-v2 one two three --repeat 10",
            r#":accelerate all-MiniLM-L6-v2 "The quick brown fox" --every-route"#,
        ]
    }

    fn arguments(&self, command: clap::Command) -> clap::Command {
        let flag =
            |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
        command
            .arg(
                Arg::new("model")
                    .value_name("MODEL")
                    .required(true)
                    .help("A model's name, its CID, or the path of its folder, which is added first"),
            )
            .arg(
                Arg::new("input")
                    .value_name("INPUT")
                    .required(true)
                    .num_args(1..)
                    .help("Texts, one a row of the batch"),
            )
            .arg(
                Arg::new("platform")
                    .value_name("PLATFORM")
                    .long("platform")
                    .default_value("auto")
                    .value_parser(values::platform())
                    .help("Where in the page the model runs"),
            )
            .arg(
                Arg::new("browser")
                    .value_name("BROWSER")
                    .long("browser")
                    .default_value("auto")
                    .value_parser(values::browser())
                    .help("Which browser runs it"),
            )
            .arg(
                Arg::new("precision")
                    .long("precision")
                    .value_name("BITS")
                    .default_value("32")
                    .value_parser(values::precision())
                    .help(
                        "Bits a weight; below 32 what the model's folder publishes, or what is made of its fp32 once",
                    ),
            )
            .arg(flag("mixed-precision", "Keep embeddings, the first and last block and heads at a higher precision"))
            .arg(flag(
                "use-firefox-optimizations",
                "Firefox's compute shader settings for audio models (refused for other models)",
            ))
            .arg(flag("require-real-hardware", "Make a software adapter an error"))
            .arg(flag(
                "allow-fallback",
                "Let nodes, or the whole graph, run elsewhere than asked; the report says which did",
            ))
            .arg(
                Arg::new("repeat")
                    .long("repeat")
                    .value_name("N")
                    .default_value("1")
                    .value_parser(value_parser!(u32).range(1..=100_000))
                    .help("Run this many times; then a table of all runs follows"),
            )
            .arg(
                flag("every-route", "Run on every browser and platform of this machine and compare each with wasm")
                    .conflicts_with_all(["platform", "browser", "allow-fallback", "require-real-hardware"]),
            )
    }

    fn values(&self, argument: &str) -> Values {
        match argument {
            "model" => Values::Models,
            "browser" => Values::Browsers,
            _ => Values::Declared,
        }
    }

    async fn run(&self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let request = request(arguments);
        let repeat = arguments.get_one::<u32>("repeat").copied().unwrap_or(1);
        let runs = if arguments.get_flag("every-route") {
            every_route(context, &request, repeat).await?
        } else {
            let mut runs = Vec::new();
            for _ in 0..repeat {
                runs.push(context.session.accelerate(&request, Some(context.observer())).await?);
            }
            runs
        };
        shown(runs)
    }
}

fn request(arguments: &ArgMatches) -> Request {
    let model = arguments.get_one::<String>("model").cloned().unwrap_or_default();
    let texts = arguments.get_many::<String>("input").into_iter().flatten().cloned().collect();
    let get = |name| arguments.get_flag(name);
    Request {
        model,
        input: Input::Texts(texts),
        platform: arguments.get_one("platform").copied().unwrap_or(Platform::Auto),
        browser: arguments.get_one("browser").copied().unwrap_or(BrowserKind::Auto),
        precision: arguments.get_one("precision").copied().unwrap_or(Precision::Bits32),
        mixed_precision: get("mixed-precision"),
        use_firefox_optimizations: get("use-firefox-optimizations"),
        require_real_hardware: get("require-real-hardware"),
        allow_fallback: get("allow-fallback"),
    }
}

/// A route that fails is told on stderr; where all do, the first one's error is the command's.
async fn every_route(context: &Context<'_>, request: &Request, repeat: u32) -> Result<Vec<Run>, CommandError> {
    let mut runs = Vec::new();
    let mut failed: Option<SessionError> = None;
    for _ in 0..repeat {
        for attempt in context.session.accelerate_every_route(request, Some(context.observer())).await? {
            match attempt.outcome {
                Ok(run) => runs.push(run),
                Err(error) => {
                    let route = attempt.route;
                    let text = format!("{} on {}: {error}\n  → {}\n", route.platform, route.installation, error.help());
                    // A front end that is gone needs no output.
                    let _ = context.events.send(Event::Stderr(text)).await;
                    failed.get_or_insert(error);
                }
            }
        }
    }
    match failed {
        Some(error) if runs.is_empty() => Err(error.into()),
        _ => Ok(runs),
    }
}

/// The first run whole, and of several a table.
fn shown(runs: Vec<Run>) -> Result<Vec<Shown>, CommandError> {
    let reports = runs.iter().map(|run| run.report.clone()).collect::<Vec<_>>();
    let mut shown = runs.into_iter().take(1).map(|run| Shown::Run(Box::new(run))).collect::<Vec<_>>();
    if reports.len() > 1 {
        shown.push(Shown::Table(Table::of(&Results::frame(&reports)?)));
    }
    Ok(shown)
}
