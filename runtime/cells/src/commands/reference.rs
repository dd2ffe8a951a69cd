//! The reference of the commands as Markdown, made from the table that runs them.

use clap::{Arg, Command as Parser};

#[cfg(test)]
use super::TABLE;
use super::{Entry, Shell, parser};

/// One command.
pub(super) fn section(command: &dyn Entry) -> String {
    let mut parser = parser(command);
    parser.build();
    let examples = command.examples().join("\n");
    let (name, summary, shell) = (command.name(), command.summary(), shell(command));
    let mut text = format!("## `:{name}`\n\n{summary}. {shell}\n\n```text\n{examples}\n```\n");
    if parser.has_subcommands() {
        for sub in parser.get_subcommands_mut() {
            let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
            text += &format!("\n### `{}`\n\n{about}.\n{}", usage(sub), arguments(sub));
        }
    } else {
        text += &format!("\n`{}`\n{}", usage(&mut parser), arguments(&parser));
    }
    text
}

/// What the shell has of a command.
fn shell(command: &dyn Entry) -> String {
    let name = command.name();
    match command.shell() {
        Shell::Nothing(reason) => format!("The shell has none: {reason}."),
        Shell::Subcommand { json, reads_results } => {
            let options = match (json.is_some(), reads_results) {
                (true, true) => ", also with `--json`, `--db-only` and `--db-path`",
                (true, false) => ", also with `--json`",
                (false, true) => ", also with `--db-only` and `--db-path`",
                (false, false) => "",
            };
            format!("In the shell: `pelago {name}`{options}.")
        }
    }
}

/// All of them: the page `docs/commands.md`.
#[cfg(test)]
pub(super) fn page() -> String {
    let sections = TABLE.iter().map(|command| section(*command)).collect::<Vec<_>>();
    format!("{INTRODUCTION}\n{}", sections.join("\n"))
}

#[cfg(test)]
const INTRODUCTION: &str = r#"# Commands

A line of a cell that begins with `:` is a command; all else is Rust. Commands and Rust may follow each
other in one cell. They work the same in a notebook, in the terminal and in `pelago run`. The shell has
most of them as subcommands, with the same arguments: `:bench m` in a cell is `pelago bench m` in the shell.
An interrupt (Ctrl-C, the stop button) ends a command; what it had measured or fetched is kept.

- A command begins where a Rust statement could: at the start of the cell, after another command, after
  a blank line, or after a statement that is whole. Within a string, a comment or an open `(`, `[` or
  `{` a `:` is Rust, and so is the `::` of a path.
- A line that ends in `\` goes on in the next one.
- Words are split as a shell does: `"two words"`, `'two words'` or `two\ words` is one. `:sql` and `:dep`
  take the rest of the line as it stands, without quotes around it.
- `:help` lists the commands, `:help NAME` and `:NAME --help` explain one. Tab completes names, options,
  their values, models and browsers; models also in `accelerate("…` and `embed("…`.

This page is made from the commands themselves: `UPDATE_EXPECT=1 cargo test -p pelago-cells --lib commands`
writes it.
"#;

fn usage(parser: &mut Parser) -> String {
    parser.render_usage().to_string().trim_start_matches("Usage:").trim().to_owned()
}

/// A table of what a command takes; nothing where that is nothing.
fn arguments(parser: &Parser) -> String {
    let rows = parser.get_arguments().filter(|argument| argument.get_id() != "help").map(row).collect::<String>();
    if rows.is_empty() {
        return String::new();
    }
    format!("\n| argument | meaning | default | values |\n| --- | --- | --- | --- |\n{rows}")
}

fn row(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
    let default = argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy()));
    let default =
        if argument.get_action().takes_values() { default.collect::<Vec<_>>().join(", ") } else { String::new() };
    let values = if argument.get_action().takes_values() { argument.get_possible_values() } else { Vec::new() };
    let values = values.iter().map(|value| format!("`{}`", value.get_name())).collect::<Vec<_>>().join(" ");
    format!("| `{argument}` | {help} | {default} | {values} |\n")
}
