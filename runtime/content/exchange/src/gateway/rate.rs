//! A token bucket: so many bytes a second, over all who share it.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Bytes that may go at once.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: f64,
    burst: f64,
    /// Bytes that may go now (less than none where some have gone on credit), and as of when.
    level: Mutex<(f64, Instant)>,
}

impl Bucket {
    /// A bucket of a quarter second's bytes, full.
    pub(super) fn new(rate: NonZeroU64) -> Self {
        let rate = rate.get() as f64;
        let burst = (rate / 4.0).max(1.0);
        Self { rate, burst, level: Mutex::new((burst, Instant::now())) }
    }

    /// Bytes that are taken in one go: few enough that many who share the bucket all get on.
    pub(super) fn piece(&self) -> usize {
        (self.burst as usize).clamp(1, 64 << 10)
    }

    /// Waits until so many bytes may go. Who comes later waits behind.
    pub(super) async fn take(&self, bytes: usize) {
        let now = Instant::now();
        let wait = {
            let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
            let grown = level.0 + now.duration_since(level.1).as_secs_f64() * self.rate;
            *level = (grown.min(self.burst) - bytes as f64, now);
            -level.0 / self.rate
        };
        if wait > 0.0 {
            tokio::time::sleep(Duration::from_secs_f64(wait)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_go_at_the_rate() {
        let bucket = Bucket::new(NonZeroU64::new(10_000).expect("it is not 0"));
        let start = Instant::now();
        let go = async || {
            for _ in 0..10 {
                bucket.take(125).await;
            }
        };
        tokio::join!(go(), go());
        // 2500 bytes, of which a quarter of a second's at once, is all: nothing waits. 2500 more wait in full.
        tokio::join!(go(), go());
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(240), "{took:?}");
    }
}
