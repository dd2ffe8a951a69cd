//! How far a fetch is, and how fast it goes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time between two reports.
const EVERY: Duration = Duration::from_millis(100);
/// The time over which the rate is smoothed.
const SMOOTH: Duration = Duration::from_secs(3);

/// How far a fetch is.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchProgress {
    /// Bytes that are on the disk or about to be, those of earlier tries included.
    pub done: u64,
    /// Bytes in all, once they are known.
    pub total: Option<u64>,
    /// Bytes per second from the network of late, exponentially smoothed over 3 s.
    pub rate: f64,
    /// Files that are whole and checked.
    pub files_done: u64,
    /// Files in all.
    pub files: u64,
    /// The file that brought the news.
    pub file: String,
}

/// Told of each step by all transfers of a fetch.
pub(super) struct Meter<'a> {
    report: &'a (dyn Fn(FetchProgress) + Send + Sync),
    state: Mutex<State>,
}

struct State {
    now: FetchProgress,
    /// Bytes from the network.
    came: u64,
    /// Those when the rate was measured last, and when that was.
    measured: (u64, Instant),
}

impl<'a> Meter<'a> {
    pub(super) fn new(files: u64, total: Option<u64>, report: &'a (dyn Fn(FetchProgress) + Send + Sync)) -> Self {
        let now = FetchProgress { done: 0, total, rate: 0.0, files_done: 0, files, file: String::new() };
        Self { report, state: Mutex::new(State { now, came: 0, measured: (0, Instant::now()) }) }
    }

    /// Bytes were here already.
    pub(super) fn found(&self, file: &str, bytes: u64) {
        self.change(file, |state| state.now.done += bytes);
    }

    /// Bytes came from the network.
    pub(super) fn came(&self, file: &str, bytes: u64) {
        self.change(file, |state| {
            state.now.done += bytes;
            state.came += bytes;
        });
    }

    /// Bytes were thrown away.
    pub(super) fn lost(&self, file: &str, bytes: u64) {
        self.change(file, |state| state.now.done = state.now.done.saturating_sub(bytes));
    }

    /// The size is known now.
    pub(super) fn total(&self, file: &str, bytes: u64) {
        self.change(file, |state| state.now.total = Some(bytes));
    }

    /// A file is whole.
    pub(super) fn finished(&self, file: &str) {
        let mut now = None;
        self.change(file, |state| {
            state.now.files_done += 1;
            state.measure();
            now = Some(state.now.clone());
        });
        if let Some(now) = now {
            (self.report)(FetchProgress { file: file.to_owned(), ..now });
        }
    }

    /// Bytes from the network so far.
    pub(super) fn network_bytes(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).came
    }

    /// Reports of what changed, and of the rate as it falls where nothing does; does not end.
    pub(super) async fn beat(&self) -> std::convert::Infallible {
        let mut beat = tokio::time::interval(EVERY);
        let mut last = None;
        loop {
            beat.tick().await;
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.measure();
            let now = state.now.clone();
            drop(state);
            if last.as_ref() != Some(&now) {
                (self.report)(now.clone());
                last = Some(now);
            }
        }
    }

    fn change(&self, file: &str, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        file.clone_into(&mut state.now.file);
    }
}

impl State {
    fn measure(&mut self) {
        let (came, at) = self.measured;
        let passed = at.elapsed().as_secs_f64();
        if passed < EVERY.as_secs_f64() / 2.0 {
            return;
        }
        let rate = (self.came - came) as f64 / passed;
        // The first figure stands for itself; smoothed from zero it would be far too low for seconds.
        let weight = if self.now.rate == 0.0 { 1.0 } else { 1.0 - (-passed / SMOOTH.as_secs_f64()).exp() };
        self.now.rate += weight * (rate - self.now.rate);
        self.measured = (self.came, Instant::now());
    }
}
