//! Texts that end an answer. What might be the beginning of one is held back until more is known.

/// Looks for the texts in what is made, a piece at a time.
#[derive(Debug)]
pub(super) struct Stops<'a> {
    texts: &'a [String],
    held: String,
    found: bool,
}

impl<'a> Stops<'a> {
    pub(super) fn new(texts: &'a [String]) -> Self {
        Self { texts, held: String::new(), found: false }
    }

    /// Whether one of the texts was found. Nothing is given after that.
    pub(super) fn found(&self) -> bool {
        self.found
    }

    /// What of the text is certain to be no part of an end, with this piece.
    pub(super) fn push(&mut self, piece: &str) -> String {
        if self.found {
            return String::new();
        }
        self.held.push_str(piece);
        let end = self.texts.iter().filter_map(|text| self.held.find(text.as_str())).min();
        if let Some(end) = end {
            self.found = true;
            self.held.truncate(end);
            return std::mem::take(&mut self.held);
        }
        let kept = self.texts.iter().map(|text| overlap(&self.held, text)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - kept);
        std::mem::replace(&mut self.held, rest)
    }

    /// What was held back, where nothing follows.
    pub(super) fn rest(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Bytes at the end of a text with which another begins.
fn overlap(text: &str, other: &str) -> usize {
    let most = text.len().min(other.len().saturating_sub(1));
    (1..=most)
        .rev()
        .find(|length| other.is_char_boundary(*length) && text.as_bytes().ends_with(&other.as_bytes()[..*length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_end_is_found_over_pieces() {
        let texts = ["END".to_owned(), "\n\n".to_owned()];
        let mut stops = Stops::new(&texts);
        assert_eq!(stops.push("one E"), "one ");
        assert_eq!(stops.push("N, "), "EN, ");
        assert_eq!(stops.push("two\n"), "two");
        assert_eq!((stops.push("\nthree").as_str(), stops.found()), ("", true));
        assert_eq!(stops.push("four"), "");
    }

    proptest! {
        #[test]
        fn what_is_given_is_the_text_up_to_the_first_end(
            pieces in prop::collection::vec("[abé]{0,4}", 0..8),
            texts in prop::collection::vec("[abé]{1,3}", 0..3),
        ) {
            let whole = pieces.concat();
            let mut stops = Stops::new(&texts);
            let mut given = pieces.iter().map(|piece| stops.push(piece)).collect::<String>();
            // The first to be whole, as pieces come, ends it.
            if !stops.found() {
                given += &stops.rest();
                prop_assert_eq!(&given, &whole);
                prop_assert!(texts.iter().all(|text| !whole.contains(text.as_str())));
            } else {
                prop_assert!(whole.starts_with(&given));
                prop_assert!(texts.iter().any(|text| whole[given.len()..].starts_with(text.as_str())));
                prop_assert!(texts.iter().all(|text| !given.contains(text.as_str())));
            }
        }
    }
}
