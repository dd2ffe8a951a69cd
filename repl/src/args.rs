//! The command line: what can be asked, and nothing of how it is done.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use pelago_cells::commands::values::{bytes, whole};
use pelago_models::network::SourceAddress;
use pelago_protocol::BrowserKind;

use crate::model;
use crate::shared::Asked;

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
        self.command.as_ref().is_none_or(Command::needs_cells)
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
    #[arg(long, global = true, value_name = "PORT", value_parser = whole::<u16>(0..=65_535))]
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
#[derive(Debug)]
pub(crate) enum Command {
    /// What cells have too: the commands' table says what it is.
    Shared(Asked),
    /// What only the shell has about models.
    Model {
        /// What to do.
        command: model::Command,
        /// Whether the answer is wanted as JSON.
        json: bool,
    },
    /// What only the shell has.
    Own(Own),
}

/// What only the shell has.
#[derive(Debug, Subcommand)]
pub(crate) enum Own {
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
    pub(crate) fn is_json(&self) -> bool {
        match self {
            Self::Shared(asked) => asked.is_json(),
            Self::Model { json, .. } => *json,
            Self::Own(_) => false,
        }
    }

    /// Whether Rust cells may run.
    fn needs_cells(&self) -> bool {
        matches!(self, Self::Own(Own::Kernel(_) | Own::Install(_) | Own::Run(_)))
    }

    /// Whether what it shows is the same wherever it runs, as a notebook is.
    pub(crate) fn is_of_notebooks(&self) -> bool {
        matches!(self, Self::Own(Own::Kernel(_) | Own::Run(_)))
    }
}

impl Subcommand for Command {
    fn augment_subcommands(parser: clap::Command) -> clap::Command {
        let shared = Asked::parsers().map(|parser| {
            if parser.get_name() != MODEL {
                return parser;
            }
            // The table says what the command does.
            let about = parser.get_about().cloned().unwrap_or_default();
            model::Command::augment_subcommands(parser).about(about)
        });
        Own::augment_subcommands(parser.subcommands(shared))
    }

    fn augment_subcommands_for_update(parser: clap::Command) -> clap::Command {
        Self::augment_subcommands(parser)
    }

    fn has_subcommand(name: &str) -> bool {
        Own::has_subcommand(name) || Asked::parsers().any(|parser| parser.get_name() == name)
    }
}

/// The command of the table to which the shell adds subcommands.
const MODEL: &str = "model";

impl FromArgMatches for Command {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let Some((name, arguments)) = matches.subcommand() else {
            return Ok(Self::Own(Own::from_arg_matches(matches)?));
        };
        if name == MODEL && arguments.subcommand_name().is_some_and(model::Command::has_subcommand) {
            let json = Asked::find(name, arguments).is_some_and(|asked| asked.is_json());
            return Ok(Self::Model { command: model::Command::from_arg_matches(arguments)?, json });
        }
        match Asked::find(name, arguments) {
            Some(asked) => Ok(Self::Shared(asked)),
            None => Ok(Self::Own(Own::from_arg_matches(matches)?)),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn word<T>(text: &str) -> Result<T, String>
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
    fn json_is_an_option_before_and_after_what_is_done_about_models() {
        for words in [&["model", "list", "--json"][..], &["model", "--json", "list"], &["model", "serve", "--json"]] {
            let command = Cli::try_parse_from(["pelago"].iter().chain(words)).unwrap().command.unwrap();
            assert!(command.is_json(), "{words:?}");
        }
        let command = Cli::try_parse_from(["pelago", "report", "--format", "json"]).unwrap().command.unwrap();
        assert!(command.is_json());
        let command = Cli::try_parse_from(["pelago", "model", "list"]).unwrap().command.unwrap();
        assert!(!command.is_json());
    }

    #[test]
    fn words_are_checked() {
        let error = Cli::try_parse_from(["pelago", "accelerate", "m", "x", "--platform", "cuda"]).unwrap_err();
        assert!(error.to_string().contains("possible values: auto, webgpu, webnn, wasm"), "{error}");
        let error = Cli::try_parse_from(["pelago", "doctor", "--source", "http://x"]).unwrap_err();
        assert!(error.to_string().contains("KIND=URL"), "{error}");
        let error = Cli::try_parse_from(["pelago", "doctor", "--port", "many"]).unwrap_err();
        assert!(error.to_string().contains("write a whole number from 0 to 65535"), "{error}");
        let error = Cli::try_parse_from(["pelago", "doctor", "--browser-path", "auto=/x"]).unwrap_err();
        assert!(error.to_string().contains("name the kind of browser"), "{error}");
    }
}
