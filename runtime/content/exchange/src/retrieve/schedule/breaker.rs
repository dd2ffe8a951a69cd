//! Keeps a failing source from being asked again and again: closed while it
//! works, open for a while after failures, then half-open for one trial.

use std::time::Duration;

use rand::Rng as _;
use tokio::time::Instant;

/// Failures in a row that open it.
const TOLERATED: u32 = 2;
/// The first wait; it doubles with each further failure.
const WAIT_FIRST: Duration = Duration::from_millis(250);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(15);
/// Failures in a row after which a source that never gave anything is given up.
const GIVEN_UP: u32 = 5;

/// A source's breaker.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    in_a_row: u32,
    open_until: Option<Instant>,
    worked: bool,
}

impl Breaker {
    pub(super) fn succeeded(&mut self) {
        *self = Self { worked: true, ..Self::default() };
    }

    /// Gives false where the source is not worth another trial.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        self.in_a_row += 1;
        if self.in_a_row >= TOLERATED {
            let full = WAIT_FIRST.saturating_mul(1 << (self.in_a_row - TOLERATED).min(10)).min(WAIT_MAX);
            // Between half and all of it, so that many clients do not return at one time.
            self.open_until = Some(now + full.mul_f64(rand::rng().random_range(0.5..=1.0)));
        }
        self.worked || self.in_a_row < GIVEN_UP
    }

    /// It asked to wait; that is no failure.
    pub(super) fn wait(&mut self, until: Instant) {
        self.open_until = self.open_until.max(Some(until));
    }

    /// When it may be asked again; `None` is now.
    pub(super) fn opens(&self, now: Instant) -> Option<Instant> {
        self.open_until.filter(|until| *until > now)
    }

    /// Whether one transfer at a time is enough, to see whether it works again.
    pub(super) fn is_on_trial(&self) -> bool {
        self.in_a_row > 0 || self.open_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_and_lets_one_try_when_the_wait_is_over() {
        let mut breaker = Breaker::default();
        let now = Instant::now();
        assert!(breaker.failed(now) && breaker.opens(now).is_none());
        assert!(breaker.failed(now));
        let until = breaker.opens(now).unwrap();
        assert!((WAIT_FIRST / 2..=WAIT_FIRST).contains(&(until - now)));
        assert!(breaker.opens(until).is_none() && breaker.is_on_trial());
        breaker.succeeded();
        assert!(!breaker.is_on_trial());
    }

    #[test]
    fn only_a_source_that_never_worked_is_given_up_and_waits_stay_bounded() {
        let (mut never, mut once) = (Breaker::default(), Breaker::default());
        let now = Instant::now();
        once.succeeded();
        let given_up = (1..100).find(|_| !never.failed(now));
        assert_eq!(given_up, Some(GIVEN_UP));
        assert!((0..100).all(|_| once.failed(now)));
        assert!(once.opens(now).unwrap() - now <= WAIT_MAX);
    }
}
