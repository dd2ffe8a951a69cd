//! A limit of bandwidth: a token bucket that all transfers share, of those that come and of those that go.
//!
//! The crate `governor` was looked at. It refuses to count more bytes at once than a burst has, its waiters are in no
//! order, and it brings seven crates for what stands here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What may pass at once after a pause, as time at the full rate.
const BURST: Duration = Duration::from_millis(250);
/// The most bytes that are taken in one go.
const PIECE_MAX: usize = 64 << 10;

/// A limit of bytes a second; clones share it. Without a limit nothing waits.
#[derive(Clone, Debug, Default)]
pub struct Bandwidth(Option<Arc<Bucket>>);

#[derive(Debug)]
struct Bucket {
    /// Bytes a second.
    rate: f64,
    /// Bytes that may pass at once.
    burst: f64,
    /// Bytes that may pass now, and as of when. Below zero where more has passed than was due: callers wait it out.
    level: Mutex<(f64, Instant)>,
}

impl Bandwidth {
    /// A limit in bytes a second; 0 stands for the least, 1.
    #[must_use]
    pub fn limited(bytes_per_second: u64) -> Self {
        let rate = bytes_per_second.max(1) as f64;
        let burst = (rate * BURST.as_secs_f64()).max(1.0);
        Self(Some(Arc::new(Bucket { rate, burst, level: Mutex::new((burst, Instant::now())) })))
    }

    /// Bytes to take in one go: few enough that many who share the limit all get on. `None` without a limit.
    #[must_use]
    pub fn piece(&self) -> Option<usize> {
        self.0.as_ref().map(|bucket| (bucket.burst as usize).clamp(1, PIECE_MAX))
    }

    /// Waits until so many bytes are within the limit, and gives the time waited. Who comes later waits behind.
    pub async fn take(&self, bytes: usize) -> Duration {
        let wait = self.debt(bytes as f64, Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        wait
    }

    fn debt(&self, bytes: f64, now: Instant) -> Duration {
        let Some(bucket) = &self.0 else { return Duration::ZERO };
        let mut level = bucket.level.lock().unwrap_or_else(PoisonError::into_inner);
        let grown = level.0 + now.saturating_duration_since(level.1).as_secs_f64() * bucket.rate;
        *level = (grown.min(bucket.burst) - bytes, now);
        // A rate of some bytes a second makes waits that no clock can hold.
        Duration::try_from_secs_f64((-level.0 / bucket.rate).clamp(0.0, 3600.0)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_in_a_minute_is_the_rate() {
        let (limit, start) = (Bandwidth::limited(1_000_000), Instant::now());
        let mut now = start;
        for _ in 0..600 {
            now += limit.debt(100_000.0, now);
        }
        // 60 MB at 1 MB/s, less the burst of a quarter of a second.
        assert_eq!((now - start).as_millis(), 59_750);
    }

    #[test]
    fn a_pause_is_not_saved_up_and_no_limit_is_none() {
        let (limit, start) = (Bandwidth::limited(1_000_000), Instant::now());
        let later = start + Duration::from_secs(60);
        assert_eq!(limit.debt(0.0, start), Duration::ZERO);
        assert_eq!(limit.debt(1_000_000.0, later).as_millis(), 750);
        assert_eq!(Bandwidth::default().debt(1e12, later), Duration::ZERO);
    }

    #[tokio::test]
    async fn who_shares_a_limit_shares_its_rate() {
        let limit = Bandwidth::limited(10_000);
        assert_eq!((limit.piece(), Bandwidth::limited(1 << 30).piece()), (Some(2500), Some(PIECE_MAX)));
        let start = Instant::now();
        let go = async || {
            for _ in 0..10 {
                limit.take(125).await;
            }
        };
        tokio::join!(go(), go());
        // 2500 bytes, which may pass at once, is all: nothing waits. 2500 more wait in full.
        tokio::join!(go(), go());
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(240), "{took:?}");
    }
}
