//! A moving rate: bytes a second of late.

use std::time::Duration;

use tokio::time::Instant;

/// Weight of a new sample; with samples every 100 ms half of the past is forgotten in a third of a second.
const WEIGHT: f64 = 0.2;
/// The least time between two samples: below it a socket's bursts are all that is seen.
const SAMPLE: Duration = Duration::from_millis(90);

/// A moving rate.
#[derive(Debug, Default)]
pub(super) struct Rate {
    value: Option<f64>,
    total: u64,
    sampled: Option<(Instant, u64)>,
}

impl Rate {
    pub(super) fn value(&self) -> Option<f64> {
        self.value
    }

    /// Notes bytes that came since the last call. `idle` says that nothing is expected before the next.
    pub(super) fn note(&mut self, bytes: u64, now: Instant, idle: bool) {
        self.total += bytes;
        let Some((at, before)) = self.sampled else {
            self.sampled = (!idle).then_some((now, self.total));
            return;
        };
        let elapsed = now.saturating_duration_since(at);
        if elapsed >= SAMPLE {
            let rate = (self.total - before) as f64 / elapsed.as_secs_f64();
            self.value = Some(self.value.map_or(rate, |old| old + WEIGHT * (rate - old)));
            self.sampled = (!idle).then_some((now, self.total));
        } else if idle {
            self.sampled = None;
        }
    }

    /// A first value, where transfers end faster than samples are taken.
    pub(super) fn begin_with(&mut self, rate: f64) {
        self.value.get_or_insert(rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bytes_over_time_and_pauses_between_transfers_do_not_count() {
        let (mut rate, mut now) = (Rate::default(), Instant::now());
        rate.note(0, now, false);
        for n in 0..100 {
            now += Duration::from_millis(100);
            rate.note(200_000, now, n == 99);
        }
        assert_eq!(rate.value().map(f64::round), Some(2e6));
        now += Duration::from_secs(100);
        rate.note(0, now, false);
        now += Duration::from_millis(100);
        rate.note(200_000, now, true);
        assert_eq!(rate.value().map(f64::round), Some(2e6));
    }
}
