//! Conditional and range headers (RFC 9110, sections 13 and 14) of a request for
//! a file. How a `Range` header is read is not known here.

use axum::http::{HeaderMap, Method, header};
use pelago_http::Requested;

/// What `Range` and `If-Range` ask for. A header that is not valid, that names
/// several ranges or that comes with another method than GET is ignored.
pub(super) fn requested(method: &Method, headers: &HeaderMap, etag: &str, size: u64) -> Requested {
    let Some(range) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else { return Requested::All };
    let is_other = headers.get(header::IF_RANGE).is_some_and(|value| value.as_bytes() != etag.as_bytes());
    if method != Method::GET || is_other {
        return Requested::All;
    }
    pelago_http::range(range, size)
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
    use super::*;

    #[test]
    fn a_range_is_read_for_get_alone() {
        let headers = HeaderMap::from_iter([(header::RANGE, "bytes=4-".parse().unwrap())]);
        assert_eq!(requested(&Method::GET, &headers, "\"x\"", 10), Requested::Part(4..10));
        assert_eq!(requested(&Method::HEAD, &headers, "\"x\"", 10), Requested::All);
        assert_eq!(requested(&Method::GET, &HeaderMap::new(), "\"x\"", 10), Requested::All);
    }

    #[test]
    fn if_range_with_another_tag_wants_the_file() {
        let mut headers = HeaderMap::from_iter([(header::RANGE, "bytes=0-1".parse().unwrap())]);
        headers.insert(header::IF_RANGE, "\"x\"".parse().unwrap());
        assert_eq!(requested(&Method::GET, &headers, "\"x\"", 10), Requested::Part(0..2));
        assert_eq!(requested(&Method::GET, &headers, "\"y\"", 10), Requested::All);
    }

    #[test]
    fn a_known_tag_is_found_in_a_list() {
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, "\"a\", W/\"x\"".parse().unwrap())]);
        assert!(matches_none(&headers, "\"x\""));
        assert!(!matches_none(&headers, "\"b\""));
    }
}
