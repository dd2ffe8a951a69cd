//! Whether a text is a whole cell: what a console asks before it runs a line.
//! It does not know what the names in it mean.

use super::code::{self, Code};
use super::judge::{Verdict, judge};
use super::question;

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// It can run.
    Complete,
    /// More is to come.
    Incomplete {
        /// White space that the next line begins with.
        indent: String,
    },
    /// No continuation can mend it.
    Invalid {
        /// What the parser says.
        message: String,
    },
}

/// Looks at a cell's text: commands are whole lines, Rust is parsed.
///
/// An open delimiter, string or comment always waits for its end. What else is
/// open (`let x =`, `a +`, `fn f()`) waits for one more line; an empty one ends
/// the wait, so that the compiler can say what is missing. `let x = 1` is whole:
/// a cell is given the `;` that its last statement lacks.
#[must_use]
pub fn completeness(cell: &str) -> Completeness {
    if question(cell).is_some() {
        return Completeness::Complete;
    }
    let parts = code::split(cell);
    let Some((last, before)) = parts.split_last() else { return Completeness::Complete };
    for part in before {
        if let Code::Rust { text, first_line } = part
            && let Verdict::Unfinished { message } | Verdict::Wrong { message } = judge(text, *first_line)
        {
            return Completeness::Invalid { message };
        }
    }
    let unfinished = |ended: bool| {
        if ended { Completeness::Complete } else { Completeness::Incomplete { indent: String::new() } }
    };
    match last {
        Code::Command { line, .. } => unfinished(!line.ends_with('\\') || ends_blank(cell)),
        Code::Rust { text, first_line } => match judge(text, *first_line) {
            Verdict::Whole => Completeness::Complete,
            Verdict::Open { indent } => Completeness::Incomplete { indent },
            Verdict::Unfinished { .. } => unfinished(ends_blank(cell)),
            Verdict::Wrong { message } => Completeness::Invalid { message },
        },
    }
}

/// Whether the last of several lines is blank.
fn ends_blank(cell: &str) -> bool {
    cell.rsplit_once('\n').is_some_and(|(_, last)| last.trim().is_empty())
}

#[cfg(test)]
#[path = "completeness_tests.rs"]
mod tests;
