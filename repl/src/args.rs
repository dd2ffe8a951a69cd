//! The command line: what can be asked, and nothing of how it is done.

use std::num::NonZeroU64;
use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum};
use pelago_cells::commands::AccelerateArguments;
use pelago_models::network::SourceAddress;
use pelago_protocol::BrowserKind;

/// Runs machine-learning models in real browsers, on WebGPU, WebNN or wasm, and proves where they ran.
#[derive(Debug, Parser)]
#[command(name = "pelago", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten, next_help_heading = "Options of every command")]
    pub(crate) global: Global,
    /// Run this code as one cell and exit. Without it and without a command, a script on stdin is run as one cell; at a terminal a session starts
    #[arg(short = 'c', long = "code", value_name = "CODE")]
    pub(crate) code: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Cli {
    /// Whether Rust cells may run.
    pub(crate) fn needs_cells(&self) -> bool {
        matches!(self.command, None | Some(Command::Kernel(_) | Command::Install(_) | Command::Run(_)))
    }
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Folder of models, results and browser profiles [default: the user's data folder]
    #[arg(long, global = true, env = "PELAGO_HOME", value_name = "FOLDER")]
    pub(crate) home: Option<PathBuf>,
    /// Show the browsers' windows
    #[arg(long, global = true)]
    pub(crate) headed: bool,
    /// A browser to use before any that is found, as `chrome=/path/to/chrome`; may be repeated
    #[arg(long, global = true, value_name = "KIND=PATH", value_parser = kind_and_path)]
    pub(crate) browser_path: Vec<(BrowserKind, PathBuf)>,
    /// A WebDriver program to use before any that is found, as `firefox=/path/to/geckodriver`; may be repeated
    #[arg(long, global = true, value_name = "KIND=PATH", value_parser = kind_and_path)]
    pub(crate) driver_path: Vec<(BrowserKind, PathBuf)>,
    /// A remote WebDriver (Selenium Grid) to use for one kind of browser, as `chrome=http://127.0.0.1:4444`
    #[arg(long, global = true, value_name = "KIND=URL", value_parser = kind_and_url)]
    pub(crate) remote: Vec<(BrowserKind, String)>,
    /// Who is asked for models that are not here, as `peer=http://192.168.1.5:8081`; KIND is peer, gateway, kubo or router; may be repeated. Nobody else is asked
    #[arg(long, global = true, env = "PELAGO_SOURCES", value_delimiter = ' ', value_name = "KIND=URL")]
    pub(crate) source: Vec<SourceAddress>,
    /// Search the local network for other Pelagos that announce themselves (`pelago model serve --announce`), and ask them, too
    #[arg(long, global = true, value_name = "WHERE", num_args = 0..=1, require_equals = true, default_missing_value = "network")]
    pub(crate) discover: Option<Where>,
    /// Bytes a second that may be fetched from them, e.g. 20M
    #[arg(long, global = true, value_name = "BYTES", value_parser = bytes)]
    pub(crate) download_limit: Option<NonZeroU64>,
    /// Bytes that models may take on the disk, e.g. 20G: what was used least goes first, and never what is pinned or named
    #[arg(long, global = true, env = "PELAGO_STORE_QUOTA", value_name = "BYTES", value_parser = bytes)]
    pub(crate) store_quota: Option<NonZeroU64>,
    /// A database of results elsewhere than in that folder; it is made where it is missing
    #[arg(long, global = true, env = "PELAGO_DB_PATH", value_name = "FILE")]
    pub(crate) db_path: Option<PathBuf>,
    /// The loopback port that pages are served on [default: 47613, or any free one where it is taken]
    #[arg(long, global = true, value_name = "PORT")]
    pub(crate) port: Option<u16>,
}

/// Where other Pelagos are searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Where {
    /// On the networks that this machine is on.
    Network,
    /// On this machine alone.
    Machine,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a model in a browser and print its output and a table of timings
    Accelerate(Accelerate),
    /// Measure a model on every combination of browser, platform and precision
    Bench(crate::bench::Arguments),
    /// Find the mix of precisions with the fewest bytes that keeps a model within an error of fp32
    Tune(crate::tune::Arguments),
    /// Add, fetch, list, serve, check or remove models
    Model(crate::model::Arguments),
    /// Say what is installed, what can run where, and how to mend what cannot
    Doctor(Doctor),
    /// Say what each browser can do: WebGPU, WebNN and wasm, software or hardware
    Capabilities(Capabilities),
    /// Show earlier runs, or ask about them in SQL
    History(History),
    /// Report on earlier runs: by route, with parity, content and reliability; or compare two reports
    Report(Report),
    /// Run as a Jupyter kernel; Jupyter calls this itself
    Kernel(crate::kernel::Arguments),
    /// Make the kernel known to Jupyter
    Install(crate::install::Arguments),
    /// Take the kernel away from Jupyter
    Uninstall(crate::install::UninstallArguments),
    /// Run notebooks without Jupyter and without Python
    Run(crate::run::Arguments),
}

impl Command {
    /// Whether the answer, an error among them, is wanted as JSON.
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Accelerate(arguments) => arguments.json,
            Self::Bench(arguments) => arguments.json,
            Self::Tune(arguments) => arguments.json,
            Self::Model(arguments) => arguments.json,
            Self::Doctor(arguments) => arguments.json,
            Self::Capabilities(arguments) => arguments.json,
            Self::History(arguments) => arguments.json,
            Self::Report(arguments) => arguments.format == ReportFormat::Json,
            Self::Kernel(_) | Self::Install(_) | Self::Uninstall(_) | Self::Run(_) => false,
        }
    }
}

/// `pelago accelerate`
#[derive(Debug, Args)]
pub(crate) struct Accelerate {
    #[command(flatten)]
    pub(crate) accelerate: AccelerateArguments,
    /// Print one JSON object a run, `{"report": …, "output": …}`, instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pelago doctor`
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pelago capabilities`
#[derive(Debug, Args)]
pub(crate) struct Capabilities {
    /// Only browsers of this kind
    #[arg(long, default_value = "auto", value_parser = word::<BrowserKind>, value_name = "auto|chrome|firefox|edge|safari")]
    pub(crate) browser: BrowserKind,
    /// Print a JSON object a browser, with every feature and limit
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pelago history`
#[derive(Debug, Args)]
pub(crate) struct History {
    /// How many runs, the newest first
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: u32,
    /// A question in SQL instead, over the tables and views of docs/results.md, e.g. `runs`
    #[arg(long, value_name = "QUERY", conflicts_with = "limit")]
    pub(crate) sql: Option<String>,
    /// Read the database as it stands and touch nothing else: no journal, no folder, no lock
    #[arg(long)]
    pub(crate) db_only: bool,
    /// Print a JSON object a row
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pelago report`
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Markdown, one self-contained HTML page, or JSON (docs/report.schema.json)
    #[arg(long, value_enum, default_value_t = ReportFormat::Md, value_name = "md|html|json")]
    pub(crate) format: ReportFormat,
    /// Only runs since then: 30m, 12h, 7d, 2w, a date, or a time in RFC 3339
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only runs of this model: its name or CID
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Write to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Compare two reports route by route: JSON files, or the beginnings of two spans of time, the first of which ends where the second begins. Ends with 1 where a route is slower by more than --max-ratio and the interval leaves no doubt, broken or missing
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"], conflicts_with = "since")]
    pub(crate) compare: Option<Vec<String>>,
    /// How many times as long a route may take before that is a regression
    #[arg(long, default_value_t = 1.10, value_name = "RATIO", requires = "compare", value_parser = ratio)]
    pub(crate) max_ratio: f64,
    /// Read the database as it stands and touch nothing else: no journal, no folder, no lock
    #[arg(long)]
    pub(crate) db_only: bool,
}

/// What a report is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ReportFormat {
    /// Markdown.
    Md,
    /// One page that needs nothing else.
    Html,
    /// By the schema.
    Json,
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio: f64 = text.parse().map_err(|_| format!("{text:?} is no number: write e.g. 1.10"))?;
    if ratio.is_finite() && ratio >= 1.0 {
        Ok(ratio)
    } else {
        Err("write a number that is 1 or more, e.g. 1.10".to_owned())
    }
}

/// `500000`, `20M`, `1.5Gi`: decimal and binary multiples.
pub(crate) fn bytes(text: &str) -> Result<NonZeroU64, String> {
    let expected = || format!("{text:?} is no number of bytes: write e.g. 500000, 20M or 1.5Gi");
    let size: ByteSize = text.parse().map_err(|_| expected())?;
    NonZeroU64::new(size.as_u64()).ok_or_else(expected)
}

pub(crate) fn word<T>(text: &str) -> Result<T, String>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn kind_and_value(text: &str) -> Result<(BrowserKind, &str), String> {
    let (kind, value) = text.split_once('=').ok_or("write it as KIND=VALUE, e.g. chrome=/usr/bin/chromium")?;
    let kind = word::<BrowserKind>(kind)?;
    if kind == BrowserKind::Auto {
        return Err("name the kind of browser: chrome, firefox, edge or safari".to_owned());
    }
    Ok((kind, value))
}

fn kind_and_path(text: &str) -> Result<(BrowserKind, PathBuf), String> {
    kind_and_value(text).map(|(kind, path)| (kind, PathBuf::from(path)))
}

fn kind_and_url(text: &str) -> Result<(BrowserKind, String), String> {
    kind_and_value(text).map(|(kind, url)| (kind, url.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn bytes_have_multiples() {
        let read = |text| bytes(text).map(NonZeroU64::get);
        assert_eq!((read("500"), read("20M"), read("1.5KiB")), (Ok(500), Ok(20_000_000), Ok(1536)));
        for wrong in ["", "M", "-1", "0", "nan", "5 apples", "inf"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn words_are_checked() {
        let error = Cli::try_parse_from(["pelago", "accelerate", "m", "x", "--platform", "cuda"]).unwrap_err();
        assert!(error.to_string().contains("possible values: auto, webgpu, webnn, wasm"), "{error}");
        let error = Cli::try_parse_from(["pelago", "doctor", "--source", "http://x"]).unwrap_err();
        assert!(error.to_string().contains("KIND=URL"), "{error}");
        let error = Cli::try_parse_from(["pelago", "doctor", "--browser-path", "auto=/x"]).unwrap_err();
        assert!(error.to_string().contains("name the kind of browser"), "{error}");
    }
}
