//! Moments as people write them.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

/// What is neither a span of time nor a date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is no time: write a span before now (30m, 12h, 7d, 2w), a date (2026-01-31, in UTC) or a time in RFC 3339"
)]
pub struct NoMoment {
    /// What was found.
    pub found: String,
}

/// The moment that `text` names: a span before `now`, a date, or a time.
///
/// # Errors
/// [`NoMoment`].
pub fn moment(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, NoMoment> {
    let text = text.trim();
    let wrong = || NoMoment { found: text.to_owned() };
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(date.and_time(NaiveTime::MIN).and_utc());
    }
    let span = humantime::parse_duration(text).map_err(|_| wrong())?;
    let span = TimeDelta::from_std(span).map_err(|_| wrong())?;
    now.checked_sub_signed(span).ok_or_else(wrong)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn spans_dates_and_times_are_moments() {
        let now: DateTime<Utc> = "2026-03-04T05:06:07Z".parse().unwrap();
        let check = |text: &str, expected: &str| assert_eq!(moment(text, now).unwrap().to_rfc3339(), expected);
        check("7d", "2026-02-25T05:06:07+00:00");
        check("30m", "2026-03-04T04:36:07+00:00");
        check("1h 30m", "2026-03-04T03:36:07+00:00");
        check("2026-01-31", "2026-01-31T00:00:00+00:00");
        check("2026-01-31T10:00:00+02:00", "2026-01-31T08:00:00+00:00");
        for wrong in ["", "d", "-7d", "7", "7q", "yesterday", "9999999999d", "4294967295w", "7ä"] {
            assert_eq!(moment(wrong, now), Err(NoMoment { found: wrong.to_owned() }), "{wrong}");
        }
    }
}
