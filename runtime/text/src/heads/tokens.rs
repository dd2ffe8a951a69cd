//! The tokens of a row, and rows that are cut of longer ones.

use tokenizers::Encoding;

/// The tokens of a text or of a pair with the special ones around them. All lists are of the same length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RowTokens {
    pub(super) ids: Vec<u32>,
    /// As the vocabulary has them.
    pub(super) tokens: Vec<String>,
    pub(super) types: Vec<u32>,
    /// Unicode code points of its text, the end excluded.
    pub(super) offsets: Vec<(usize, usize)>,
    /// The number of the word in its text; `None` of special tokens.
    pub(super) words: Vec<Option<u32>>,
    /// Which text of the pair it is of; `None` of special tokens.
    pub(super) of: Vec<Option<usize>>,
}

impl From<Encoding> for RowTokens {
    fn from(encoding: Encoding) -> Self {
        Self {
            ids: encoding.get_ids().to_vec(),
            tokens: encoding.get_tokens().to_vec(),
            types: encoding.get_type_ids().to_vec(),
            offsets: encoding.get_offsets().to_vec(),
            words: encoding.get_word_ids().to_vec(),
            of: encoding
                .get_sequence_ids()
                .into_iter()
                .zip(encoding.get_special_tokens_mask())
                .map(|(of, special)| of.filter(|_| *special == 0))
                .collect(),
        }
    }
}

impl RowTokens {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Tokens of one text of the pair.
    pub(super) fn count(&self, text: usize) -> usize {
        self.of.iter().filter(|of| **of == Some(text)).count()
    }

    /// The same with a part of one text's tokens.
    pub(super) fn with(&self, text: usize, (start, end): (usize, usize)) -> Self {
        let mut row = Self::default();
        let mut number = 0;
        for at in 0..self.len() {
            if self.of[at] == Some(text) {
                number += 1;
                if number <= start || number > end {
                    continue;
                }
            }
            row.ids.push(self.ids[at]);
            row.tokens.push(self.tokens[at].clone());
            row.types.push(self.types[at]);
            row.offsets.push(self.offsets[at]);
            row.words.push(self.words[at]);
            row.of.push(self.of[at]);
        }
        row
    }

    /// The same with as many tokens as a row may have, the longer text cut; `None` where they are as many already.
    pub(super) fn cut(&self, most: usize, front: bool) -> Option<Self> {
        if self.len() <= most {
            return None;
        }
        let (first, second) = (self.count(0), self.count(1));
        let room = most.saturating_sub(self.len() - first - second);
        let (first_kept, second_kept) = shares(first, second, room);
        let first_cut = self.with(0, part(first, first_kept, front));
        Some(first_cut.with(1, part(second, second_kept, front)))
    }

    /// The letters of a word of one text, as far as the row has it.
    pub(super) fn letters(&self, text: usize, word: u32) -> Option<(usize, usize)> {
        let is_of = |at: &usize| self.of[*at] == Some(text) && self.words[*at] == Some(word);
        let first = (0..self.len()).find(is_of)?;
        let last = (0..self.len()).rfind(is_of)?;
        Some((self.offsets[first].0, self.offsets[last].1))
    }
}

/// The end of a text that is kept.
pub(super) fn part(length: usize, kept: usize, front: bool) -> (usize, usize) {
    if front { (length - kept.min(length), length) } else { (0, kept.min(length)) }
}

/// Pieces of a text, each of `most` tokens at most, of which it has `shared` in common with the one before.
pub(super) fn pieces(length: usize, most: usize, shared: usize) -> Vec<(usize, usize)> {
    let step = most.saturating_sub(shared).max(1);
    let mut pieces = Vec::new();
    let mut start = 0;
    loop {
        let end = (start + most).min(length);
        pieces.push((start, end));
        if end == length {
            return pieces;
        }
        start += step;
    }
}

/// How many tokens of each text of a pair are kept where there is room for so many: the longer one is cut first.
fn shares(first: usize, second: usize, room: usize) -> (usize, usize) {
    if first + second <= room {
        return (first, second);
    }
    let (short, long) = (first.min(second), room.saturating_sub(first.min(second)));
    let (short, long) = if short > long { (room / 2, room / 2 + room % 2) } else { (short, long) };
    if first <= second { (short, long) } else { (long, short) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_text_is_cut_first() {
        assert_eq!(shares(3, 4, 10), (3, 4));
        assert_eq!(shares(3, 40, 10), (3, 7));
        assert_eq!(shares(40, 3, 10), (7, 3));
        assert_eq!(shares(40, 30, 11), (6, 5));
        assert_eq!(shares(30, 40, 11), (5, 6));
        // One text is all of it.
        assert_eq!(shares(40, 0, 11), (11, 0));
    }

    #[test]
    fn pieces_share_tokens_and_have_all_of_a_text() {
        assert_eq!(pieces(110, 49, 16), [(0, 49), (33, 82), (66, 110)]);
        assert_eq!(pieces(49, 49, 16), [(0, 49)]);
        assert_eq!(pieces(50, 49, 0), [(0, 49), (49, 50)]);
    }

    #[test]
    fn a_row_keeps_its_special_tokens_and_its_words() {
        let row = RowTokens {
            ids: vec![1, 10, 11, 2, 20, 21, 22, 2],
            tokens: vec![String::new(); 8],
            types: vec![0, 0, 0, 0, 1, 1, 1, 1],
            offsets: vec![(0, 0), (0, 2), (2, 3), (0, 0), (0, 1), (1, 4), (5, 9), (0, 0)],
            words: vec![None, Some(0), Some(0), None, Some(0), Some(0), Some(1), None],
            of: vec![None, Some(0), Some(0), None, Some(1), Some(1), Some(1), None],
        };
        assert_eq!((row.letters(0, 0), row.letters(1, 0), row.letters(1, 9)), (Some((0, 3)), Some((0, 4)), None));
        assert_eq!(row.cut(7, false).map(|row| row.ids), Some(vec![1, 10, 11, 2, 20, 21, 2]));
        assert_eq!(row.cut(7, true).map(|row| row.ids), Some(vec![1, 10, 11, 2, 21, 22, 2]));
        assert_eq!(row.cut(8, false), None);
        assert_eq!(row.with(1, (1, 2)).letters(1, 0), Some((1, 4)));
    }
}
