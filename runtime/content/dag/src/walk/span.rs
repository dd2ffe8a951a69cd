//! `entity-bytes`: which bytes of a file are wanted, counted from either end.

use std::ops::Range;
use std::str::FromStr;

/// `from:to` of the trustless gateway specification: the first and the last
/// byte, both inclusive; a negative number counts from the end, `*` is the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntityBytes {
    /// The first byte.
    pub from: i64,
    /// The last byte; `None` is the file's last.
    pub to: Option<i64>,
}

/// What [`EntityBytes`] are in a file of known size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// These bytes.
    Bytes(Range<u64>),
    /// None: the end lies before the start, or the file is empty.
    Empty,
    /// Bytes, but none that the file has.
    Outside,
}

/// A text that is not `from:to`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a byte range: write `from:to`, whole numbers, `*` as `to` for the end, e.g. `0:1023` or `-5:*`"
)]
pub struct EntityBytesError {
    /// The text.
    pub text: String,
}

impl EntityBytes {
    /// The bytes that are wanted of a file with `size` bytes, cut to what the file has.
    #[must_use]
    pub fn within(self, size: u64) -> Span {
        // Both ends and their sums with a size fit into 128 bits.
        let size_wide = i128::from(size);
        let absolute = |at: i64| if at < 0 { size_wide + i128::from(at) } else { i128::from(at) };
        let (from, to) = (absolute(self.from), self.to.map_or(size_wide - 1, absolute));
        if size == 0 {
            return Span::Empty;
        }
        if from >= size_wide {
            return Span::Outside;
        }
        if to < from {
            return Span::Empty;
        }
        if to < 0 {
            return Span::Outside;
        }
        let end = u64::try_from(to + 1).map_or(size, |end| end.min(size));
        Span::Bytes(u64::try_from(from).unwrap_or(0)..end)
    }
}

impl FromStr for EntityBytes {
    type Err = EntityBytesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || EntityBytesError { text: text.to_owned() };
        let (from, to) = text.split_once(':').ok_or_else(wrong)?;
        let number = |digits: &str| {
            let bare = digits.strip_prefix('-').unwrap_or(digits);
            // `parse` alone would take a plus sign too.
            let plain = !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse::<i64>().ok()).flatten().ok_or_else(wrong)
        };
        let to = if to == "*" { None } else { Some(number(to)?) };
        Ok(Self { from: number(from)?, to })
    }
}

impl std::fmt::Display for EntityBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.to {
            Some(to) => write!(f, "{}:{to}", self.from),
            None => write!(f, "{}:*", self.from),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_specification_s_examples() {
        let of = |text: &str, size| text.parse::<EntityBytes>().expect("it is a range").within(size);
        assert_eq!(of("0:*", 10), Span::Bytes(0..10));
        assert_eq!(of("-4:*", 10), Span::Bytes(6..10));
        assert_eq!(of("499:-1000", 3000), Span::Bytes(499..2001));
        assert_eq!(of("-9999:-3", 1026), Span::Bytes(0..1024));
        assert_eq!(of("0:0", 10), Span::Bytes(0..1));
        assert_eq!(of("5:4", 10), Span::Empty);
        assert_eq!(of("0:*", 0), Span::Empty);
        assert_eq!(of("10:*", 10), Span::Outside);
        assert_eq!(of("10:20", 10), Span::Outside);
        assert_eq!(of("-30:-20", 10), Span::Outside);
        assert_eq!(of("-9223372036854775808:9223372036854775807", u64::MAX), Span::Bytes((1 << 63) - 1..1 << 63));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", ":", "0", "0:", ":5", "*:5", "a:b", "+1:2", "0:1:2", " 0:1", "--1:*", "-:*", "9223372036854775808:*"]
        {
            assert!(text.parse::<EntityBytes>().is_err(), "{text:?} was accepted");
        }
    }

    proptest! {
        #[test]
        fn as_if_each_byte_were_asked(from in -40i64..40, to in prop::option::of(-40i64..40), size in 0u64..30) {
            let wide = size as i64;
            let absolute = |at: i64| if at < 0 { wide + at } else { at };
            let wanted: Vec<u64> = (absolute(from)..=to.map_or(wide - 1, absolute))
                .filter_map(|at| u64::try_from(at).ok().filter(|at| *at < size))
                .collect();
            match (EntityBytes { from, to }).within(size) {
                Span::Bytes(range) => prop_assert_eq!(range.collect::<Vec<_>>(), wanted),
                Span::Empty | Span::Outside => prop_assert!(wanted.is_empty()),
            }
        }

        #[test]
        fn text_round_trips(from: i64, to: Option<i64>) {
            let range = EntityBytes { from, to };
            prop_assert_eq!(range.to_string().parse(), Ok(range));
        }
    }
}
