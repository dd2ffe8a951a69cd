//! Conditional and range headers (RFC 9110, sections 13 and 14), as far as one
//! range of bytes goes.

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// What a request wants of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    /// Never empty, never past the end.
    Part(Range<u64>),
    Unsatisfiable,
}

/// What `Range` and `If-Range` ask for. A header that is not understood, or that
/// names several ranges, may be ignored and is.
pub(super) fn wanted(headers: &HeaderMap, etag: &str, size: u64) -> Wanted {
    let Some(range) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else { return Wanted::Whole };
    if headers.get(header::IF_RANGE).is_some_and(|value| value.as_bytes() != etag.as_bytes()) {
        return Wanted::Whole;
    }
    parse(range, size).unwrap_or(Wanted::Whole)
}

fn parse(range: &str, size: u64) -> Option<Wanted> {
    let (unit, spec) = range.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = spec.trim().split_once('-')?;
    let range = match (first, last) {
        ("", suffix) => size.saturating_sub(number(suffix)?)..size,
        (first, "") => number(first)?..size,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(size)
        }
    };
    Some(if range.start < range.end { Wanted::Part(range) } else { Wanted::Unsatisfiable })
}

/// Digits alone: `u64::from_str` would take a sign too. More digits than fit are
/// past the end of any file.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

/// Whether `If-None-Match` says that the requester has these bytes.
pub(super) fn matches_none(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range_of(text: &str, size: u64) -> Wanted {
        wanted(&HeaderMap::from_iter([(header::RANGE, text.parse().unwrap())]), "\"x\"", size)
    }

    #[test]
    fn one_range_is_cut_to_the_file() {
        assert_eq!(range_of("bytes=0-0", 10), Wanted::Part(0..1));
        assert_eq!(range_of("bytes=4-", 10), Wanted::Part(4..10));
        assert_eq!(range_of("bytes=-3", 10), Wanted::Part(7..10));
        assert_eq!(range_of("bytes=-30", 10), Wanted::Part(0..10));
        assert_eq!(range_of("bytes=5-99999999999999999999999", 10), Wanted::Part(5..10));
        assert_eq!(range_of("BYTES= 1-2", 10), Wanted::Part(1..3));
    }

    #[test]
    fn a_range_outside_the_file_is_unsatisfiable() {
        for text in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(range_of(text, 10), Wanted::Unsatisfiable, "{text}");
        }
        assert_eq!(range_of("bytes=0-", 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn what_is_not_one_range_of_bytes_is_ignored() {
        for text in ["bytes=0-1,3-4", "bytes=3-2", "bytes=", "bytes=-", "bytes=a-b", "bytes=+1-2", "lines=1-2", "0-1"] {
            assert_eq!(range_of(text, 10), Wanted::Whole, "{text}");
        }
    }

    #[test]
    fn if_range_with_another_tag_wants_the_whole() {
        let mut headers = HeaderMap::from_iter([(header::RANGE, "bytes=0-1".parse().unwrap())]);
        headers.insert(header::IF_RANGE, "\"x\"".parse().unwrap());
        assert_eq!(wanted(&headers, "\"x\"", 10), Wanted::Part(0..2));
        assert_eq!(wanted(&headers, "\"y\"", 10), Wanted::Whole);
    }

    #[test]
    fn a_known_tag_is_found_in_a_list() {
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, "\"a\", W/\"x\"".parse().unwrap())]);
        assert!(matches_none(&headers, "\"x\""));
        assert!(!matches_none(&headers, "\"b\""));
    }

    proptest! {
        #[test]
        fn a_part_lies_in_the_file(text in "bytes=[0-9]{0,22}-[0-9]{0,22}", size: u64) {
            if let Wanted::Part(range) = range_of(&text, size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }
    }
}
