//! Completion of a session's words: commands, options and their values, names
//! of models, also in the Rust that names one. Positions are code points.

mod literal;
mod words;

use clap::{Arg, Command as Parser};
use pelago_browser::pool::Candidate;

use super::{Entry, Reading, TABLE, Values, parse, parser};
use crate::interpreter::code::{Place, place};
use crate::interpreter::{Completion, Completions};
use pelago_session::Session;

/// What can stand at `cursor`; `None` where the cursor is in Rust that names no model.
pub(super) async fn at(session: &Session, code: &str, cursor: usize) -> Option<Completions> {
    let at = byte(code, cursor);
    let (word, matches) = match place(code, at) {
        Place::Command(range) => in_command(session, &code[range.start..at]).await,
        Place::Rust(range) => {
            let rust = code.get(range.start..at)?;
            let word = literal::model(rust)?;
            (word.to_owned(), models(session).await)
        }
    };
    // What the user wrote so far is put in anew, in the quotes that it needs.
    let typed = word.trim_start_matches(['"', '\'']);
    let matches = matches.into_iter().filter(|found| found.text.trim_start_matches('\'').starts_with(typed)).collect();
    let cursor = code[..at].chars().count();
    Some(Completions { start: cursor - word.chars().count(), end: cursor, matches })
}

/// The byte before which as many code points stand, or the text's end.
pub(super) fn byte(text: &str, code_points: usize) -> usize {
    text.char_indices().nth(code_points).map_or(text.len(), |(byte, _)| byte)
}

/// The word that is being written at the end of a command's line, and all that could stand there.
async fn in_command(session: &Session, line: &str) -> (String, Vec<Completion>) {
    let Some(end) = line.find(char::is_whitespace) else { return (line.to_owned(), commands()) };
    let Ok(command) = parse::find(&line[..end]) else { return (String::new(), Vec::new()) };
    let rest = &line[end..];
    if command.reading() == Reading::Rest {
        let word = rest.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        let argument = parser(command);
        let argument = argument.get_positionals().next();
        return (word.to_owned(), values(session, command, argument).await);
    }
    let (before, word) = words::split(rest);
    (word.to_owned(), words(session, command, &before, word).await)
}

/// What can stand after the words `before`.
async fn words(session: &Session, command: &dyn Entry, before: &[String], word: &str) -> Vec<Completion> {
    let mut parser = parser(command);
    parser.build();
    let mut current = &parser;
    let mut positional = 0;
    let mut value_of: Option<&Arg> = None;
    for word in before {
        if value_of.take().is_some() {
            continue;
        }
        if let Some(name) = word.strip_prefix("--") {
            let option = current.get_opts().find(|option| option.get_long() == Some(name));
            value_of = option.filter(|option| option.get_action().takes_values());
        } else if let Some(found) = current.find_subcommand(word) {
            current = found;
        } else {
            positional += 1;
        }
    }
    if let Some(option) = value_of {
        return values(session, command, Some(option)).await;
    }
    if word.starts_with('-') {
        return match word.split_once('=') {
            Some((name, _)) => {
                let option = current.get_opts().find(|option| option.get_long() == name.strip_prefix("--"));
                let values = values(session, command, option).await;
                values.into_iter().map(|value| Completion { text: format!("{name}={}", value.text), ..value }).collect()
            }
            None => options(current, before),
        };
    }
    let mut found = subcommands(current);
    let arguments = current.get_positionals().collect::<Vec<_>>();
    let argument = arguments
        .get(positional)
        .or(arguments.last().filter(|last| last.get_num_args().is_some_and(|number| number.max_values() > 1)));
    found.extend(values(session, command, argument.copied()).await);
    if word.is_empty() {
        found.extend(options(current, before));
    }
    found
}

/// The values of an argument.
async fn values(session: &Session, command: &dyn Entry, argument: Option<&Arg>) -> Vec<Completion> {
    let Some(argument) = argument else { return Vec::new() };
    let declared = argument.get_possible_values();
    let declared = declared.iter().map(|value| found(value.get_name(), "value", None));
    match command.values(argument.get_id().as_str()) {
        Values::Declared => declared.collect(),
        Values::Models => models(session).await,
        Values::Commands => commands(),
        Values::Columns => columns(),
        Values::Browsers => {
            let mut browsers =
                declared.map(|kind| with_installed(kind, session.browsers().candidates())).collect::<Vec<_>>();
            browsers.sort_by_key(|browser| browser.detail.is_none());
            browsers
        }
    }
}

/// A kind of browser, and which of this machine's are of it.
fn with_installed(kind: Completion, candidates: &[Candidate]) -> Completion {
    let ids = candidates.iter().filter(|candidate| candidate.kind.as_str() == kind.text).map(|found| found.id.as_str());
    let ids = ids.collect::<Vec<_>>().join(", ");
    Completion { detail: (!ids.is_empty()).then_some(ids), ..kind }
}

fn commands() -> Vec<Completion> {
    TABLE.iter().map(|command| found(command.name(), "command", Some(command.summary()))).collect()
}

fn subcommands(parser: &Parser) -> Vec<Completion> {
    let about = |of: &Parser| of.get_about().map(ToString::to_string);
    parser.get_subcommands().map(|sub| found(sub.get_name(), "command", about(sub).as_deref())).collect()
}

/// Options that are not there yet.
fn options(parser: &Parser, before: &[String]) -> Vec<Completion> {
    let options = parser.get_arguments().filter_map(|option| {
        let text = format!("--{}", option.get_long()?);
        let is_new = !before.iter().any(|word| word.split('=').next() == Some(text.as_str()));
        let help = option.get_help().map(ToString::to_string);
        is_new.then(|| found(&text, "option", help.as_deref()))
    });
    options.collect()
}

/// Names of models. A store that cannot be read has none to offer.
async fn models(session: &Session) -> Vec<Completion> {
    let models = session.models().list().await.unwrap_or_default();
    models.iter().map(|model| found(&model.name, "model", Some(&model.cid.to_string()))).collect()
}

/// The columns of the table `runs`, and its name.
fn columns() -> Vec<Completion> {
    let runs = pelago_results::Results::frame(&[]).ok();
    let names = runs.iter().flat_map(|runs| runs.get_column_names()).map(|name| found(name, "column", None));
    names.chain([found("runs", "table", None)]).collect()
}

fn found(text: &str, kind: &str, detail: Option<&str>) -> Completion {
    Completion { text: text.to_owned(), kind: kind.to_owned(), detail: detail.map(str::to_owned) }
}
