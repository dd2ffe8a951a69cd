//! The text that a model makes, as one display that grows in place.

use std::time::{Duration, Instant};

use pelago_render::Shown;

/// Tokens come faster than anyone reads, and each update has all of the text.
const EVERY: Duration = Duration::from_millis(50);

/// A text that grows.
#[derive(Debug, Default)]
pub(super) struct Made {
    text: String,
    /// The name of its display, once it has one.
    id: Option<String>,
    /// Bytes of the text that are shown.
    shown: usize,
    drawn: Option<Instant>,
    is_whole: bool,
}

impl Made {
    /// Whether the next piece begins a text.
    pub(super) fn is_new(&self) -> bool {
        self.is_whole || (self.text.is_empty() && self.id.is_none())
    }

    pub(super) fn add(&mut self, piece: &str, now: Instant) {
        if self.is_whole {
            *self = Self::default();
        }
        self.text.push_str(piece);
        self.drawn.get_or_insert_with(|| now.checked_sub(EVERY).unwrap_or(now));
    }

    /// When it is to be drawn, if there is something new.
    pub(super) fn due(&self) -> Option<Instant> {
        self.drawn.filter(|_| self.shown < self.text.len()).map(|drawn| drawn + EVERY)
    }

    /// What is to be shown, where something is: the display's name, the text, the bytes that are new, and whether it
    /// takes the place of what was shown before.
    pub(super) fn draw(&mut self, now: Instant) -> Option<(String, String, usize, bool)> {
        let new = self.text.len() - self.shown;
        if new == 0 {
            return None;
        }
        let update = self.id.is_some();
        let id = self.id.get_or_insert_with(|| uuid::Uuid::new_v4().to_string()).clone();
        (self.shown, self.drawn) = (self.text.len(), Some(now));
        Some((id, self.text.clone(), new, update))
    }

    /// The text is whole.
    pub(super) fn end(&mut self) {
        self.is_whole = true;
    }

    /// The display that a run takes the place of: that of its own text.
    pub(super) fn shown_as(&mut self, shown: &Shown) -> Option<String> {
        let Shown::Run(run) = shown else { return None };
        let is_of_it = self.is_whole && run.output.texts().len() == 1 && run.output.text() == self.text;
        if !is_of_it {
            return None;
        }
        std::mem::take(self).id
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_text_grows_in_one_display() {
        let start = Instant::now();
        let mut made = Made::default();
        assert!(made.is_new() && made.due().is_none());
        made.add("Once", start);
        assert!(made.due().unwrap() <= start);
        let (id, text, new, update) = made.draw(start).unwrap();
        assert_eq!((text.as_str(), new, update), ("Once", 4, false));
        assert_eq!(made.due(), None);
        made.add(" upon", start);
        assert_eq!(made.due(), Some(start + EVERY));
        let (again, text, new, update) = made.draw(start + EVERY).unwrap();
        assert_eq!((again, text.as_str(), new, update), (id.clone(), "Once upon", 5, true));
        made.end();
        made.add("Another", start);
        assert_ne!(made.draw(start).unwrap().0, id);
    }
}
