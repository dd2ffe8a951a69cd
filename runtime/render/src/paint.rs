//! Colours of text on a terminal, by what the text is. Whether there are any is
//! the front end's decision.

use std::borrow::Cow;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// The first line of an error.
    Error,
    /// What to do next.
    Help,
    /// What matters less.
    Dim,
    /// The prompt.
    Prompt,
    /// A `:command`.
    Command,
    /// A Rust keyword.
    Keyword,
    /// A type or a constant.
    Type,
    /// A macro or a function that is called.
    Call,
    /// A string or a character.
    Literal,
    /// A number.
    Number,
}

impl Ink {
    /// The parameters of its SGR sequence. The 16 colours of the terminal's own
    /// theme: they are readable on any background that the user chose.
    fn parameters(self) -> &'static str {
        match self {
            Self::Error => "1;31",
            Self::Help => "36",
            Self::Dim => "2",
            Self::Prompt => "1;34",
            Self::Command => "1;36",
            Self::Keyword => "35",
            Self::Type => "33",
            Self::Call => "34",
            Self::Literal => "32",
            Self::Number => "36",
        }
    }
}

/// A model's text for a terminal, which obeys control characters: only line ends and tabs stay.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    let obeyed = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if text.contains(obeyed) { text.replace(obeyed, "\u{fffd}").into() } else { text.into() }
}

/// Puts colour on text, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    /// Whether there are colours.
    pub on: bool,
}

impl Paint {
    /// The text in its colour.
    pub fn text(self, ink: Ink, text: &str) -> String {
        let mut painted = String::with_capacity(text.len() + 16);
        self.push(&mut painted, ink, text);
        painted
    }

    /// Puts the text in its colour at the end of another.
    pub fn push(self, out: &mut String, ink: Ink, text: &str) {
        if !self.on || text.is_empty() {
            out.push_str(text);
            return;
        }
        out.extend(["\x1b[", ink.parameters(), "m", text, "\x1b[0m"]);
    }
}
