//! What can stand at a place in a cell, and what is known about a word.
//! Positions are Unicode code points, as Jupyter counts.

/// What can stand in place of `start..end`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completions {
    /// First code point to replace.
    pub start: usize,
    /// Code point after the last one to replace.
    pub end: usize,
    /// The candidates, best first.
    pub matches: Vec<Completion>,
}

/// One candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The text to put in.
    pub text: String,
    /// What it is: `function`, `struct`, `command`, `option`, `model`, …
    pub kind: String,
    /// Its signature or summary, where there is one.
    pub detail: Option<String>,
}

/// What is known about a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// As text.
    pub text: String,
    /// As Markdown.
    pub markdown: String,
}
