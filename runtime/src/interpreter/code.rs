//! A cell's text cut into `:commands` and Rust.

/// A part of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code<'a> {
    /// A line that begins with `:`, after white space.
    Command {
        /// The line, without its `:` and without white space around it.
        line: &'a str,
        /// Its number in the cell, from 1.
        number: usize,
    },
    /// Lines of Rust.
    Rust {
        /// The lines, as they stand.
        text: &'a str,
        /// The number of the first one in the cell, from 1.
        first_line: usize,
    },
}

/// The parts of a cell, in order. Blank Rust parts are left out.
///
/// A `:` begins a command only where a Rust statement could begin: at the start
/// of the cell, or after a line that is itself a command or blank, or that
/// closes a statement. A path that is broken before `::` stays Rust.
#[must_use]
pub(super) fn split(cell: &str) -> Vec<Code<'_>> {
    let mut parts = Vec::new();
    let (mut start, mut first_line, mut position) = (0, 1, 0);
    for (index, line) in cell.split_inclusive('\n').enumerate() {
        let end = position + line.len();
        let word = line.trim_start();
        let is_command = word.strip_prefix(':').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
        if is_command {
            parts.extend(rust(cell, start, position, first_line));
            parts.push(Code::Command { line: word[1..].trim_end(), number: index + 1 });
            (start, first_line) = (end, index + 2);
        }
        position = end;
    }
    parts.extend(rust(cell, start, position, first_line));
    parts
}

fn rust(cell: &str, from: usize, to: usize, first_line: usize) -> Option<Code<'_>> {
    let text = cell.get(from..to).filter(|text| !text.trim().is_empty())?;
    Some(Code::Rust { text, first_line })
}
