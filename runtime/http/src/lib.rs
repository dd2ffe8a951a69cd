//! HTTP rules that all of Pelago's servers and clients follow in the same way:
//! which bytes a `Range` header asks for (RFC 9110, section 14), how long a
//! `Retry-After` wants a client to wait, and what caused a client's error.
//!
//! No HTTP library is known here. A caller passes text and gets plain values.

mod causes;
mod retry_after;

use std::ops::Range;

pub use causes::{causes, find_cause};
use http_range_header::{RangeUnsatisfiableError, parse_range_header};
pub use retry_after::retry_after;

/// What a `Range` header asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// All bytes: the header is ignored, and the answer is a 200.
    All,
    /// These bytes, for a 206. The range is not empty and ends at or before the
    /// length.
    Part(Range<u64>),
    /// None of the bytes that exist, for a 416.
    Unsatisfiable,
}

/// What the value of a `Range` header asks for, of a representation of `length`
/// bytes. The method must be GET: a server ignores the header of every other
/// one (RFC 9110, 14.2).
///
/// | header | `length` | answer |
/// | --- | --- | --- |
/// | `bytes=2-5` | 10 | `Part(2..6)` |
/// | `bytes=5-99`, also with an end that fits in no integer | 10 | `Part(5..10)`: the end is cut |
/// | `bytes=4-` | 10 | `Part(4..10)` |
/// | `bytes=-3` | 10 | `Part(7..10)`: the last three bytes |
/// | `bytes=-30` | 10 | `Part(0..10)`: a suffix longer than everything is everything |
/// | `bytes=-3` | 0 | `All`: satisfiable, and a 206 cannot express no byte |
/// | `bytes=10-`, `bytes=-0` | 10 | `Unsatisfiable` |
/// | `bytes=0-` | 0 | `Unsatisfiable` |
/// | `BYTES= 1-2`, `bytes=,1-2` | 10 | `Part(1..3)`: the unit has no case, a list may have spaces and empty elements |
/// | `bytes=0-1,3-4` | 10 | `All`: a server may ignore a header, and no server here writes `multipart/byteranges` |
/// | `bytes=10-11,20-` | 10 | `Unsatisfiable` |
/// | `bytes=5-2`, `bytes=a-b`, `bytes=+1-2`, `lines=1-2`, `bytes =1-2` | 10 | `All`: not a valid header |
/// | a number of more than 30 digits | 10 | `All` |
#[must_use]
pub fn range(header: &str, length: u64) -> Requested {
    // Spaces around a header's value are not part of it (RFC 9110, 5.5).
    let Ok(ranges) = parse_range_header(header.trim_matches([' ', '\t'])) else { return Requested::All };
    match ranges.validate(length) {
        Err(RangeUnsatisfiableError::Unsatisfiable) => Requested::Unsatisfiable,
        Ok(satisfiable) if ranges.len() == 1 => match satisfiable.first() {
            Some(bytes) => Requested::Part(*bytes.start()..bytes.end().saturating_add(1)),
            None => Requested::All,
        },
        Ok(_) | Err(_) => Requested::All,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_range_is_cut_to_the_length() {
        for (header, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-5", 2..6),
            ("bytes=9-9", 9..10),
            ("bytes=4-", 4..10),
            ("bytes=-3", 7..10),
            ("bytes=-30", 0..10),
            ("bytes=5-99", 5..10),
            ("bytes=5-99999999999999999999999", 5..10),
            ("bytes=-99999999999999999999999", 0..10),
            ("bytes=005-0006", 5..7),
        ] {
            assert_eq!(range(header, 10), Requested::Part(part), "{header}");
        }
    }

    #[test]
    fn the_unit_has_no_case_and_a_list_may_have_spaces_and_empty_elements() {
        for header in
            ["BYTES=1-2", "BYTES= 1-2", "bytes=\t1-2", "bytes=1-2 ", " bytes=1-2", "bytes=,1-2", "bytes=1-2, ,"]
        {
            assert_eq!(range(header, 10), Requested::Part(1..3), "{header:?}");
        }
    }

    #[test]
    fn ranges_outside_the_length_are_unsatisfiable() {
        for header in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999-", "bytes=10-11,20-"] {
            assert_eq!(range(header, 10), Requested::Unsatisfiable, "{header}");
        }
        for header in ["bytes=0-", "bytes=0-0", "bytes=-0"] {
            assert_eq!(range(header, 0), Requested::Unsatisfiable, "{header}");
        }
    }

    #[test]
    fn the_end_of_nothing_is_nothing() {
        assert_eq!(range("bytes=-3", 0), Requested::All);
    }

    #[test]
    fn several_ranges_are_ignored() {
        for header in ["bytes=0-1,3-4", "bytes=0-1, 50-60", "bytes=0-9,0-9,0-9"] {
            assert_eq!(range(header, 10), Requested::All, "{header}");
        }
        assert_eq!(range(&format!("bytes={}", "0-1,".repeat(100_000)), 10), Requested::All);
    }

    #[test]
    fn what_is_no_range_of_bytes_is_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=--1",
            "bytes=3-2",
            "bytes=a-b",
            "bytes=1-b",
            "bytes=+1-2",
            "bytes=1-+2",
            "bytes=1-2-3",
            "bytes=1 - 2",
            "bytes =1-2",
            "lines=1-2",
            "items=0-1",
            "0-1",
            "bytes=٣-٤",
            "bytés=1-2",
            "bytes=0-1,a-b",
        ] {
            assert_eq!(range(header, 10), Requested::All, "{header:?}");
        }
        assert_eq!(range(&format!("bytes={}-", "0".repeat(31)), 10), Requested::All);
    }

    #[test]
    fn the_largest_length_has_a_last_byte() {
        let last = format!("bytes={}-", u64::MAX - 1);
        assert_eq!(range(&last, u64::MAX), Requested::Part(u64::MAX - 1..u64::MAX));
        assert_eq!(range("bytes=0-", u64::MAX), Requested::Part(0..u64::MAX));
    }

    proptest! {
        #[test]
        fn a_part_lies_in_the_length(
            header in "bytes=( ?[0-9]{0,22}-[0-9]{0,22},?){1,3}",
            length in prop_oneof![0..30_u64, any::<u64>()],
        ) {
            if let Requested::Part(bytes) = range(&header, length) {
                prop_assert!(bytes.start < bytes.end && bytes.end <= length);
            }
        }

        #[test]
        fn any_text_has_an_answer(header in ".*", length: u64) {
            let _ = range(&header, length);
        }

        #[test]
        fn first_and_last_are_the_bytes_between(first in 0..100_u64, more in 0..100_u64, length in 1..100_u64) {
            let wanted = first..(first + more + 1).min(length);
            let expected = if first < length { Requested::Part(wanted) } else { Requested::Unsatisfiable };
            prop_assert_eq!(range(&format!("bytes={first}-{}", first + more), length), expected);
        }
    }
}
