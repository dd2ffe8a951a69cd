//! Text as tokens come. Only what no later token can change is given, so the pieces together are the text of all
//! tokens.

use std::sync::Arc;

use super::decode::{Decoder, Unsure};
use super::spaces;
use crate::Error;

/// The text of an answer while it is made.
#[derive(Clone, Debug)]
pub struct Stream {
    decoder: Arc<Decoder>,
    /// Tokens whose text is given already, as far as those after them need to know what was before, and then those
    /// whose text is not all given.
    window: Vec<u32>,
    /// How many of the window's tokens are of the first kind.
    behind: usize,
    /// Bytes of the window's text that are given.
    given: usize,
    /// Text that is decoded, and whose spaces may yet be taken away.
    pending: String,
}

impl Stream {
    pub(super) fn new(decoder: Arc<Decoder>) -> Self {
        Self { decoder, window: Vec::new(), behind: 0, given: 0, pending: String::new() }
    }

    /// Takes the next token; the text that is certain now and was not before, where there is any. It never ends in
    /// half a character.
    ///
    /// # Errors
    /// `UnknownToken` for an id beyond the vocabulary, which changes nothing; `Decode`.
    pub fn push(&mut self, id: u32) -> Result<Option<String>, Error> {
        self.decoder.check(id)?;
        if self.decoder.is_silent(id) {
            return Ok(None);
        }
        self.window.push(id);
        let held = match self.decoder.unsure {
            Unsure::Character => 0,
            Unsure::Bytes => self.window.iter().rev().take_while(|id| self.decoder.is_byte(**id)).count(),
            Unsure::All => self.window.len(),
        };
        if held > 0 {
            return Ok(None);
        }
        let text = self.decoder.raw(&self.window)?;
        let sure = text.trim_end_matches(char::REPLACEMENT_CHARACTER).len();
        self.pending.push_str(text.get(self.given..sure).unwrap_or_default());
        self.given = self.given.max(sure);
        if sure == text.len() {
            self.move_on()?;
        }
        let end = if self.decoder.cleans { spaces::certain(&self.pending) } else { self.pending.len() };
        let piece = self.pending.drain(..end).collect::<String>();
        Ok((!piece.is_empty()).then(|| self.finished(piece)))
    }

    /// The rest of the text: no token follows.
    ///
    /// # Errors
    /// `Decode`.
    pub fn finish(mut self) -> Result<String, Error> {
        let text = self.decoder.raw(&self.window)?;
        let mut rest = std::mem::take(&mut self.pending);
        rest.push_str(text.get(self.given..).unwrap_or_default());
        Ok(self.finished(rest))
    }

    fn finished(&self, piece: String) -> String {
        if self.decoder.cleans { spaces::cleaned(&piece) } else { piece }
    }

    /// Forgets what was before the tokens whose text is all given. A decoder may treat the beginning of a text
    /// otherwise, so that they are kept until they have more than spaces.
    fn move_on(&mut self) -> Result<(), Error> {
        let text = self.decoder.raw(&self.window[self.behind..])?;
        if text.chars().any(|character| !character.is_whitespace()) {
            self.window.drain(..self.behind);
            self.behind = self.window.len();
            self.given = text.len();
        }
        Ok(())
    }
}
