//! From a line to a command and its arguments.

use clap::ArgMatches;
use clap::error::ErrorKind;

use super::{CommandError, Entry, Reading, TABLE, parser};

/// What a line asks of its command.
#[derive(Debug)]
pub(super) enum Parsed {
    /// To run.
    Arguments(ArgMatches),
    /// Its help.
    Help(String),
}

/// A line's first word, and what follows it.
pub(super) fn name(line: &str) -> (&str, &str) {
    let line = line.trim();
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    (&line[..end], line[end..].trim_start())
}

/// The command of a name.
pub(super) fn find(name: &str) -> Result<&'static dyn Entry, CommandError> {
    let found = TABLE.iter().find(|command| command.name() == name).copied();
    found.ok_or_else(|| CommandError::Unknown { name: name.to_owned(), nearest: nearest(name) })
}

/// The command whose name looks most like one that there is not.
fn nearest(name: &str) -> Option<String> {
    let scored = TABLE.iter().map(|command| (strsim::jaro_winkler(command.name(), name), command.name()));
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(score, _)| *score >= LIKE).map(|(_, name)| name.to_owned())
}

/// From which likeness on a name is suggested.
const LIKE: f64 = 0.75;

/// Reads what follows a command's name.
pub(super) fn arguments(command: &dyn Entry, rest: &str) -> Result<Parsed, CommandError> {
    let words = match command.reading() {
        Reading::Words => words(rest).ok_or_else(|| CommandError::Quotes { command: command.name() })?,
        Reading::Rest if matches!(rest, "--help" | "-h") => vec![rest.to_owned()],
        Reading::Rest if rest.is_empty() => Vec::new(),
        // What begins with `-` is no option there.
        Reading::Rest => vec!["--".to_owned(), joined(rest, "\n")],
    };
    let mut parser = parser(command);
    match parser.try_get_matches_from_mut(words) {
        Ok(matches) => Ok(Parsed::Arguments(matches)),
        Err(error) if error.kind() == ErrorKind::DisplayHelp => Ok(Parsed::Help(error.to_string())),
        Err(error) => Err(CommandError::from_parser(command.name(), &mut parser, &error)),
    }
}

/// Words with a shell's quotes; `None` where a quote is not closed.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    shlex::split(&joined(text, ""))
}

/// Lines that a `\` at their end joins, with something in place of it.
fn joined(text: &str, between: &str) -> String {
    text.replace("\\\r\n", between).replace("\\\n", between)
}
