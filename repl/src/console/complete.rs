//! What can stand at the cursor, asked of the interpreter from the editor's own
//! thread, and never for longer than a person waits.

use std::time::Duration;

use console::truncate_str;
use pelago_cells::interpreter::{Completion, Completions, Interpreter};
use rustyline::completion::Candidate;
use tokio::runtime::Handle;

/// How long Tab may take. The first look at Rust code reads its crates.
const COMPLETE: Duration = Duration::from_secs(3);

/// How long a hint may take: it is asked for with every key.
const HINT: Duration = Duration::from_millis(40);

/// Columns of a candidate's line in the list.
const LINE: usize = 72;

/// Columns of what a hint says about the word.
const ABOUT: usize = 48;

/// Asks an interpreter and waits for its answer.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    interpreter: Interpreter,
    runtime: Handle,
}

/// A candidate as it is listed.
pub(super) struct Listed {
    line: String,
    text: String,
}

impl Candidate for Listed {
    fn display(&self) -> &str {
        &self.line
    }

    fn replacement(&self) -> &str {
        &self.text
    }
}

impl Asker {
    /// For an editor that runs on a thread where waiting is allowed.
    pub(super) fn new(interpreter: &Interpreter) -> Self {
        Self { interpreter: interpreter.clone(), runtime: Handle::current() }
    }

    /// Where the replaced text begins, in bytes, and what can stand in its place.
    pub(super) fn candidates(&self, code: &str, cursor: usize) -> (usize, Vec<Listed>) {
        let found = self.ask(code, cursor, COMPLETE);
        let start = byte_of(code, found.start).min(cursor);
        (start, found.matches.into_iter().map(listed).collect())
    }

    /// How the command under the cursor goes on, where only one thing can stand
    /// there: what is still to be typed, and what it is.
    pub(super) fn hint(&self, code: &str, cursor: usize) -> Option<(String, Option<String>)> {
        let found = self.ask(code, cursor, HINT);
        let [only] = <[Completion; 1]>::try_from(found.matches).ok()?;
        let typed = code.get(byte_of(code, found.start)..cursor)?;
        let rest = only.text.strip_prefix(typed)?;
        let about = only.detail.map(|detail| truncate_str(&detail, ABOUT, "…").into_owned());
        (!typed.is_empty()).then(|| (rest.to_owned(), about))
    }

    fn ask(&self, code: &str, cursor: usize, deadline: Duration) -> Completions {
        let Some(before) = code.get(..cursor) else { return Completions::default() };
        let points = before.chars().count();
        let answer = async { tokio::time::timeout(deadline, self.interpreter.complete(code, points)).await };
        self.runtime.block_on(answer).unwrap_or_default()
    }
}

/// The byte at which a code point begins.
fn byte_of(text: &str, point: usize) -> usize {
    text.char_indices().nth(point).map_or(text.len(), |(byte, _)| byte)
}

fn listed(completion: Completion) -> Listed {
    let Completion { text, detail, .. } = completion;
    let line = match detail.as_deref().and_then(|detail| detail.lines().next()) {
        Some(detail) if !detail.is_empty() => truncate_str(&format!("{text}  {detail}"), LINE, "…").into_owned(),
        _ => text.clone(),
    };
    Listed { line, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_become_bytes() {
        assert_eq!([0, 1, 2, 3, 9].map(|point| byte_of("é🦀x", point)), [0, 2, 6, 7, 7]);
    }

    #[test]
    fn a_candidate_has_one_line() {
        let completion = |detail: Option<&str>| Completion {
            text: "accelerate".to_owned(),
            kind: "command".to_owned(),
            detail: detail.map(str::to_owned),
        };
        assert_eq!(listed(completion(Some("runs a model\nmore"))).line, "accelerate  runs a model");
        assert_eq!(listed(completion(None)).line, "accelerate");
        assert_eq!(console::measure_text_width(&listed(completion(Some(&"x".repeat(500)))).line), LINE);
    }
}
