//! How a command fails.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Kept;
use super::report::ReportError;
use crate::interpreter::CellError;
use pelago_protocol::Voice;
use pelago_session::{RunError, SessionError};

/// Why a command gave nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// No command has that name.
    #[error("{}", no_command(name))]
    Unknown {
        /// The name that was asked for; empty for a `:` alone.
        name: String,
        /// The one that looks most like it.
        nearest: Option<String>,
    },
    /// A quote that nothing closes.
    #[error("a quote in the line of :{command} is not closed")]
    Quotes {
        /// The command.
        command: &'static str,
    },
    /// A word that the command does not take.
    #[error("{found:?} is not an argument of :{command}")]
    Argument {
        /// The command, with its subcommand.
        command: String,
        /// The word.
        found: String,
        /// The argument that looks most like it.
        nearest: Option<String>,
        /// How the command is used.
        usage: String,
    },
    /// Arguments that are not there.
    #[error(":{command} lacks {}", missing.join(" "))]
    Missing {
        /// The command, with its subcommand.
        command: String,
        /// The arguments.
        missing: Vec<String>,
        /// How the command is used.
        usage: String,
    },
    /// An option without its value.
    #[error("{argument} of :{command} has no value")]
    NoValue {
        /// The command, with its subcommand.
        command: String,
        /// The option.
        argument: String,
        /// What would have done; empty where that is no short list.
        expected: Vec<String>,
    },
    /// A value that does not do.
    #[error("{found:?} cannot be the value of {argument} of :{command}{}", because(reason))]
    Value {
        /// The command, with its subcommand.
        command: String,
        /// The option or argument.
        argument: String,
        /// The value.
        found: String,
        /// What would have done; empty where that is no short list.
        expected: Vec<String>,
        /// The one that looks most like it.
        nearest: Option<String>,
        /// What reading the value said.
        reason: Option<String>,
    },
    /// Arguments that exclude each other, or one that is given twice.
    #[error("{argument} of :{command} cannot be used {}", with_others(with))]
    Conflict {
        /// The command, with its subcommand.
        command: String,
        /// The option or argument.
        argument: String,
        /// What it cannot be used with; empty where it is given twice.
        with: Vec<String>,
    },
    /// Arguments that the parser refuses for a reason of its own.
    #[error("the arguments of :{command} are refused: {kind}")]
    Refused {
        /// The command, with its subcommand.
        command: String,
        /// The parser's reason.
        kind: ErrorKind,
        /// How the command is used.
        usage: String,
    },
    /// The user ended it.
    #[error("interrupted")]
    Interrupted {
        /// What is left of it.
        kept: Kept,
    },
    /// The command is about Rust cells, and there are none.
    #[error(":{command} is a command of cells")]
    NoCells {
        /// The command.
        command: &'static str,
    },
    /// The answer cannot be written.
    #[error("the answer cannot be written: {0}")]
    Output(#[from] std::io::Error),
    /// A report.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The session says so.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The Rust cells say so.
    #[error(transparent)]
    Cells(#[from] CellError),
}

impl From<pelago_models::library::ModelError> for CommandError {
    fn from(error: pelago_models::library::ModelError) -> Self {
        Self::Session(error.into())
    }
}

impl From<pelago_results::ResultsError> for CommandError {
    fn from(error: pelago_results::ResultsError) -> Self {
        Self::Session(error.into())
    }
}

impl From<polars::error::PolarsError> for CommandError {
    fn from(error: polars::error::PolarsError) -> Self {
        Self::Session(error.into())
    }
}

impl From<RunError> for CommandError {
    fn from(error: RunError) -> Self {
        Self::Session(error.into())
    }
}

impl CommandError {
    /// A word that scripts can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Interrupted { .. } => "interrupted",
            Self::NoCells { .. } => "no_cells",
            Self::Output(_) => "output",
            Self::Report(error) => error.code(),
            Self::Session(error) => error.code(),
            Self::Cells(_) => "cells",
            _ => "command",
        }
    }

    /// What to do next, for whoever typed the command in a cell. Empty where the message says it already.
    #[must_use]
    pub fn help(&self) -> String {
        self.words(Voice::Command)
    }

    /// What to do next, in the words of a front end.
    #[must_use]
    pub fn words(&self, voice: Voice) -> String {
        match self {
            Self::Unknown { nearest: Some(nearest), .. } => format!("did you mean :{nearest}? :help lists all"),
            Self::Unknown { nearest: None, .. } => ":help lists all commands".to_owned(),
            Self::Quotes { .. } => "close it, or write \\ before a quote that is part of the text; \
                 a line that ends in \\ goes on in the next"
                .to_owned(),
            Self::Argument { nearest: Some(nearest), .. } => format!("did you mean {nearest}?"),
            Self::Argument { usage, .. } | Self::Missing { usage, .. } | Self::Refused { usage, .. } => {
                format!("write {usage}")
            }
            Self::NoValue { command, expected, .. } => one_of(command, expected),
            Self::Value { nearest: Some(nearest), expected, command, .. } => {
                format!("did you mean {nearest}? {}", one_of(command, expected))
            }
            Self::Value { command, expected, .. } => one_of(command, expected),
            Self::Conflict { with, .. } if with.is_empty() => "write it once".to_owned(),
            Self::Conflict { .. } => "leave one of them out".to_owned(),
            Self::Interrupted { kept } => kept.in_cells(),
            Self::NoCells { .. } => "run it in a notebook, or in the terminal session that `pelago` starts".to_owned(),
            Self::Output(_) => "see whether what it goes to is still there and may be written to".to_owned(),
            Self::Report(error) => error.help(),
            Self::Session(error) => error.advice().words(voice),
            Self::Cells(error) => error.help.clone().unwrap_or_default(),
        }
    }

    /// As the error of the cell that the command stands in.
    #[must_use]
    pub fn in_cell(&self, line: &str, number: usize) -> CellError {
        let mut error = match self {
            Self::Cells(error) => error.clone(),
            Self::Session(error) => CellError::new("SessionError", error.to_string()).with_help(self.help()),
            Self::Interrupted { .. } => CellError::interrupted().with_help(self.help()),
            _ => CellError::new("CommandError", self.to_string()).with_help(self.help()),
        };
        error.traceback.insert(0, format!("line {number}: :{line}"));
        error
    }

    /// What the parser of a command's arguments says, as an error of ours.
    pub(super) fn from_parser(name: &'static str, parser: &mut clap::Command, error: &clap::Error) -> Self {
        let texts = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => vec![text.clone()],
            Some(ContextValue::Strings(texts)) => texts.clone(),
            _ => Vec::new(),
        };
        let text = |kind| texts(kind).into_iter().next();
        let usage = match error.get(ContextKind::Usage) {
            Some(ContextValue::StyledStr(usage)) => usage.to_string(),
            _ => parser.render_usage().to_string(),
        };
        let usage = usage.trim_start_matches("Usage:").trim().to_owned();
        let command = subcommand(&usage, name);
        let argument = text(ContextKind::InvalidArg).unwrap_or_default();
        let expected = texts(ContextKind::ValidValue);
        match error.kind() {
            ErrorKind::UnknownArgument => {
                Self::Argument { command, found: argument, nearest: text(ContextKind::SuggestedArg), usage }
            }
            ErrorKind::MissingRequiredArgument => {
                Self::Missing { command, missing: texts(ContextKind::InvalidArg), usage }
            }
            ErrorKind::MissingSubcommand => {
                Self::Missing { command, missing: vec![texts(ContextKind::ValidSubcommand).join("|")], usage }
            }
            ErrorKind::InvalidSubcommand => Self::Argument {
                command,
                found: text(ContextKind::InvalidSubcommand).unwrap_or_default(),
                nearest: text(ContextKind::SuggestedSubcommand),
                usage,
            },
            ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
                let found = text(ContextKind::InvalidValue).unwrap_or_default();
                if found.is_empty() {
                    return Self::NoValue { command, argument, expected };
                }
                let nearest = text(ContextKind::SuggestedValue);
                let reason = std::error::Error::source(error).map(ToString::to_string);
                Self::Value { command, argument, found, expected, nearest, reason }
            }
            ErrorKind::ArgumentConflict => {
                let mut with = texts(ContextKind::PriorArg);
                with.retain(|other| *other != argument);
                Self::Conflict { command, argument, with }
            }
            kind => Self::Refused { command, kind, usage },
        }
    }
}

/// `model add` of `:model add <FOLDER>`: the parser tells the subcommand in its usage alone.
fn subcommand(usage: &str, name: &str) -> String {
    let words = usage.trim_start_matches(':').split_whitespace();
    let words = words.take_while(|word| word.chars().all(|c| c.is_ascii_lowercase())).collect::<Vec<_>>();
    if words.is_empty() { name.to_owned() } else { words.join(" ") }
}

fn no_command(name: &str) -> String {
    if name.is_empty() {
        "the name of a command is due after the colon".to_owned()
    } else {
        format!("there is no command :{name}")
    }
}

fn because(reason: &Option<String>) -> String {
    reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"))
}

fn with_others(others: &[String]) -> String {
    if others.is_empty() { "more than once".to_owned() } else { format!("with {}", others.join(", ")) }
}

fn one_of(command: &str, expected: &[String]) -> String {
    if expected.is_empty() {
        let name = command.split(' ').next().unwrap_or(command);
        format!(":help {name} tells what it takes")
    } else {
        format!("use one of {}", expected.join(", "))
    }
}
