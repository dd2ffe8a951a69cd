//! What the tests of the store share: a runtime, and bytes that repeat nowhere.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;

pub(crate) fn on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap().block_on(future)
}

pub(crate) fn noise(seed: u64, length: usize) -> Bytes {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..length.div_ceil(8)).flat_map(|_| next().to_le_bytes()).take(length).collect()
}
