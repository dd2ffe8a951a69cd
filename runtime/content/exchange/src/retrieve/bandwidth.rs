//! A user's bandwidth limit, as a token bucket that all transfers share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What may pass at once after a pause, as time at the full rate.
const BURST: Duration = Duration::from_millis(250);
/// The least burst, bytes: one read of a socket.
const BURST_MIN: f64 = 65_536.0;

/// A limit of bytes a second; clones share it. Without a limit nothing waits.
#[derive(Clone, Debug, Default)]
pub struct Bandwidth(Arc<Mutex<Bucket>>);

#[derive(Debug, Default)]
struct Bucket {
    /// Bytes a second; `None` is no limit.
    rate: Option<f64>,
    /// Bytes that may pass now. Below zero where more has passed than was due: callers wait it out.
    tokens: f64,
    filled: Option<Instant>,
}

impl Bandwidth {
    /// A limit in bytes a second; 0 stands for the least, 1.
    #[must_use]
    pub fn limited(bytes_per_second: u64) -> Self {
        let limit = Self::default();
        limit.set(Some(bytes_per_second));
        limit
    }

    /// Changes the limit, for transfers under way too. `None` takes it away.
    pub fn set(&self, bytes_per_second: Option<u64>) {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.rate = bytes_per_second.map(|rate| rate.max(1) as f64);
        bucket.tokens = bucket.tokens.min(0.0);
    }

    /// Waits until so many bytes that have come are within the limit, and gives the time waited.
    pub async fn take(&self, bytes: usize) -> Duration {
        let wait = self.debt(bytes as f64, Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        wait
    }

    fn debt(&self, bytes: f64, now: Instant) -> Duration {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rate) = bucket.rate else { return Duration::ZERO };
        let since = bucket.filled.map_or(BURST, |filled| now.saturating_duration_since(filled));
        let burst = (rate * BURST.as_secs_f64()).max(BURST_MIN);
        bucket.tokens = (bucket.tokens + since.as_secs_f64() * rate).min(burst) - bytes;
        bucket.filled = Some(now);
        // A rate of some bytes a second makes waits that no clock can hold.
        Duration::try_from_secs_f64((-bucket.tokens / rate).clamp(0.0, 3600.0)).unwrap_or_default()
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
        limit.set(None);
        assert_eq!(limit.debt(1e12, later), Duration::ZERO);
    }
}
