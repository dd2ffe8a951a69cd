//! What stands in the streams of the cells' process beside its output.

/// The byte that a mark begins and ends with.
const SEPARATOR: char = '\u{1e}';

/// A mark. Numbers of turns count up over both streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// What was told under this number is shown here.
    Show(u64),
    /// All output of this cell that came before its end is above.
    End(u64),
    /// Output goes on here. It comes after the other stream's [`Mark::Leave`] of this turn.
    Enter {
        /// The turn; 0 where output did not leave the other stream.
        turn: u64,
        /// The cell whose output it is.
        cell: u64,
    },
    /// Output goes on in the other stream.
    Leave {
        /// The turn.
        turn: u64,
    },
}

impl Mark {
    /// Most bytes between the token and the last separator.
    pub const LONGEST: usize = 43;

    /// How a mark begins that carries this token.
    #[must_use]
    pub fn opening(token: &str) -> String {
        format!("{SEPARATOR}{token}:")
    }

    /// The mark as it stands in a stream.
    #[must_use]
    pub fn encode(self, token: &str) -> String {
        let opening = Self::opening(token);
        match self {
            Self::Show(id) => format!("{opening}s{id}{SEPARATOR}"),
            Self::End(cell) => format!("{opening}e{cell}{SEPARATOR}"),
            Self::Enter { turn, cell } => format!("{opening}i{turn},{cell}{SEPARATOR}"),
            Self::Leave { turn } => format!("{opening}o{turn}{SEPARATOR}"),
        }
    }

    /// The mark of what stands between the opening and the last separator.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let kind = text.chars().next().filter(char::is_ascii)?;
        let numbers = &text[1..];
        Some(match kind {
            's' => Self::Show(numbers.parse().ok()?),
            'e' => Self::End(numbers.parse().ok()?),
            'i' => {
                let (turn, cell) = numbers.split_once(',')?;
                Self::Enter { turn: turn.parse().ok()?, cell: cell.parse().ok()? }
            }
            'o' => Self::Leave { turn: numbers.parse().ok()? },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn marks_survive(kind in 0..4, a: u64, b: u64) {
            let mark = [Mark::Show(a), Mark::End(a), Mark::Enter { turn: a, cell: b }, Mark::Leave { turn: a }][kind as usize];
            let text = mark.encode("t");
            let inner = text.strip_prefix(&Mark::opening("t")).and_then(|rest| rest.strip_suffix(SEPARATOR)).unwrap();
            prop_assert!(inner.len() <= Mark::LONGEST);
            prop_assert_eq!(Mark::decode(inner), Some(mark));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,8}") {
            let _ = Mark::decode(&text);
        }
    }
}
