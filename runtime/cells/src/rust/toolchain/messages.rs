//! What rustc says, as JSON: one message a line.

use std::process::ExitStatus;

use serde_json::Value;

use super::rewrite::{Conflict, Missing};

/// Two items of one name, or two that implement the same.
const OF_ITEMS: [&str; 3] = ["E0119", "E0255", "E0428"];
/// Two functions of one name in two `impl`s.
const OF_FUNCTIONS: [&str; 2] = ["E0592", "E0201"];
/// What rustc exits with where it found errors, and where it cannot say.
const FAILED: i32 = 101;

/// The messages of a compile.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages {
    pub(super) is_success: bool,
    pub(super) code: i32,
    /// Errors as they came, and what is no message at all.
    pub(super) errors: Vec<String>,
    /// Warnings as they came.
    pub(super) warnings: Vec<String>,
    /// Definitions that exclude each other.
    pub(super) conflicts: Vec<Conflict>,
    /// Traits that are not found.
    pub(super) missing: Vec<Missing>,
}

impl Messages {
    /// Reads them.
    pub(super) fn read(stderr: &[u8], status: ExitStatus) -> Self {
        let mut messages =
            Self { is_success: status.success(), code: status.code().unwrap_or(FAILED), ..Self::default() };
        for line in String::from_utf8_lossy(stderr).lines() {
            let Ok(message) = serde_json::from_str::<Value>(line) else {
                messages.errors.push(line.to_owned());
                continue;
            };
            match message["level"].as_str() {
                Some("warning") => messages.warnings.push(line.to_owned()),
                Some("error" | "error: internal compiler error") => {
                    messages.conflicts.extend(conflict(&message));
                    messages.missing.extend(missing(&message));
                    messages.errors.push(line.to_owned());
                }
                // What follows the last error says nothing more.
                _ => {}
            }
        }
        messages
    }
}

/// A trait that is not found, with what the compiler would import.
fn missing(message: &Value) -> Option<Missing> {
    if message["code"]["code"] != "E0405" {
        return None;
    }
    let name = message["message"].as_str()?.split('`').nth(1)?.to_owned();
    let line = message["spans"].as_array()?.iter().find(|span| span["is_primary"] == true)?["line_start"].as_u64()?;
    let children = message["children"].as_array().into_iter().flatten();
    let spans = children.filter_map(|child| child["spans"].as_array()).flatten();
    let offered = spans.filter_map(|span| {
        let text = span["suggested_replacement"].as_str()?.trim().strip_prefix("use ")?;
        Some(text.strip_suffix(';')?.to_owned())
    });
    Some(Missing { name, line: usize::try_from(line).ok()?, offered: offered.collect() })
}

fn conflict(message: &Value) -> Option<Conflict> {
    let code = message["code"]["code"].as_str()?;
    let is_in_item = OF_FUNCTIONS.contains(&code);
    if !is_in_item && !OF_ITEMS.contains(&code) {
        return None;
    }
    let mut lines = Vec::new();
    for span in message["spans"].as_array().into_iter().flatten() {
        // Of what a macro makes, the place where the macro is called.
        let mut span = span;
        while span["expansion"].is_object() {
            span = &span["expansion"]["span"];
        }
        lines.extend(span["line_start"].as_u64().and_then(|line| usize::try_from(line).ok()));
    }
    Some(Conflict { lines, is_in_item })
}
