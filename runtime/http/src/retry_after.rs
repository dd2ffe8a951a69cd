//! The wait that a server asks for.

use std::time::{Duration, SystemTime};

/// What the value of a `Retry-After` header asks for: seconds, or the time until a date (RFC 9110, 10.2.3).
#[must_use]
pub fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    Some(until.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert!(retry_after("Wed, 21 Oct 2093 07:28:00 GMT").unwrap() > Duration::from_secs(1 << 30));
        // The two obsolete forms of a date, which a recipient must take too.
        assert_eq!(retry_after("Sunday, 06-Nov-94 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("Sun Nov  6 08:49:37 1994"), Some(Duration::ZERO));
        for value in ["", "soon", "-1", "1.5", "Wed, 31 Feb 2093 07:28:00 GMT"] {
            assert_eq!(retry_after(value), None, "{value:?}");
        }
    }
}
