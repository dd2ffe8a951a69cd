//! How much a model is asked for, and how many replicas that is worth.
//!
//! The rate is an exponentially decayed count: a request now weighs `ln 2 / h`,
//! and half of that after each half-life `h`, so that for a steady stream of `r`
//! requests a second the sum settles at `r` (exponential decay as in Cormode,
//! Shkapenyuk, Srivastava and Xu, "Forward decay", ICDE 2009, section III;
//! the weight is the one that makes the integral of the decay 1). It takes one
//! number and one time a model, which the caller keeps.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A model's decayed request rate. Times are milliseconds since the Unix epoch and come from the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// Requests per second at `at_ms`.
    rate: f64,
    at_ms: u64,
}

/// What demand is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DemandOptions {
    /// The time after which a request counts half.
    pub half_life: Duration,
    /// Requests per second that one replica is to serve.
    pub per_replica: f64,
    /// Replicas that there are to be at least.
    pub min: u32,
    /// And at most.
    pub max: u32,
    /// A replica is given up only where the others would then be used to less than this share, so that a
    /// rate that wavers about a step moves nothing. In 0..=1.
    pub slack: f64,
}

impl Default for DemandOptions {
    fn default() -> Self {
        Self { half_life: Duration::from_secs(3600), per_replica: 0.1, min: 1, max: 8, slack: 0.8 }
    }
}

impl Demand {
    /// Counts one request.
    pub fn record(&mut self, now_ms: u64, half_life: Duration) {
        let rate = self.rate(now_ms, half_life);
        let half_life = half_life.as_secs_f64().max(f64::MIN_POSITIVE);
        // A half-life of almost nothing must not make the sum infinite for good.
        self.rate = (rate + std::f64::consts::LN_2 / half_life).min(1e12);
        self.at_ms = self.at_ms.max(now_ms);
    }

    /// Requests per second, as of now. A clock that went back does not raise it.
    #[must_use]
    pub fn rate(&self, now_ms: u64, half_life: Duration) -> f64 {
        let passed = now_ms.saturating_sub(self.at_ms) as f64 / 1000.0;
        let decayed = self.rate * (-passed / half_life.as_secs_f64().max(f64::MIN_POSITIVE)).exp2();
        if decayed.is_finite() { decayed.max(0.0) } else { 0.0 }
    }

    /// The number of replicas that the model is to have, given how many it has.
    #[must_use]
    pub fn wanted(&self, now_ms: u64, replicas: u32, options: &DemandOptions) -> u32 {
        let rate = self.rate(now_ms, options.half_life);
        let carries = options.per_replica.max(f64::MIN_POSITIVE);
        // A float that is too large for `u32` becomes its maximum.
        let needed = (rate / carries).ceil() as u32;
        let lax = (rate / (carries * options.slack.clamp(0.01, 1.0))).ceil() as u32;
        let wanted = if needed >= replicas { needed } else { lax.min(replicas) };
        wanted.clamp(options.min, options.max.max(options.min))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_steady_stream_settles_at_its_rate() {
        let mut demand = Demand::default();
        // One request every 2 s for ten half-lives.
        let last = 36_000_000;
        (0..=last).step_by(2000).for_each(|ms| demand.record(ms, HOUR));
        let rate = demand.rate(last, HOUR);
        assert!((rate / 0.5 - 1.0).abs() < 0.002, "{rate}");
        // And halves with each half-life of silence.
        assert!((demand.rate(last + 3_600_000, HOUR) / rate - 0.5).abs() < 1e-9);
        assert!((demand.rate(last + 7_200_000, HOUR) / rate - 0.25).abs() < 1e-9);
    }

    #[test]
    fn demand_is_worth_replicas_and_wavering_moves_none() {
        let options = DemandOptions { per_replica: 1.0, min: 2, max: 6, ..DemandOptions::default() };
        let wanted = |rate, replicas| Demand { rate, at_ms: 0 }.wanted(0, replicas, &options);
        assert_eq!((wanted(0.0, 0), wanted(0.0, 2), wanted(100.0, 2)), (2, 2, 6));
        assert_eq!((wanted(3.1, 3), wanted(4.0, 3)), (4, 4));
        // Four, which carry 2.9, stay; below 2.4 three will do.
        assert_eq!((wanted(2.9, 4), wanted(2.5, 4), wanted(2.3, 4)), (4, 4, 3));
        assert_eq!(wanted(f64::MAX, 1), 6);
    }

    proptest! {
        #[test]
        fn wanted_is_within_its_bounds_and_grows_with_the_rate(
            a in 0.0f64..1e9, b in 0.0f64..1e9, replicas in 0u32..100, min in 0u32..10, more in 0u32..10, per in 1e-6f64..1e3,
        ) {
            let options = DemandOptions { per_replica: per, min, max: min + more, ..DemandOptions::default() };
            let wanted = |rate| Demand { rate, at_ms: 0 }.wanted(0, replicas, &options);
            let (low, high) = (wanted(a.min(b)), wanted(a.max(b)));
            prop_assert!(min <= low && low <= high && high <= min + more);
            // It rests: what is wanted of a number that is already right is that number.
            let rate = a;
            let once = wanted(rate);
            let again = Demand { rate, at_ms: 0 }.wanted(0, once, &options);
            prop_assert_eq!(once, again);
        }

        #[test]
        fn whatever_the_times_the_rate_is_a_number(times in proptest::collection::vec(any::<u64>(), 0..20), half in any::<u32>()) {
            let half_life = Duration::from_nanos(u64::from(half));
            let mut demand = Demand::default();
            for time in times {
                demand.record(time, half_life);
                let rate = demand.rate(time, half_life);
                prop_assert!(rate.is_finite() && rate >= 0.0);
            }
        }
    }
}
