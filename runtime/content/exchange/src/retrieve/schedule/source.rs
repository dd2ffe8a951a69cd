//! What is known of one source while a fetch runs: how fast it is, how soon it
//! answers, what it lacks, and how much to ask of it at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use pelago_dag::Cid;
use tokio::time::Instant;

use super::breaker::Breaker;
use super::rate::Rate;
use crate::retrieve::{Provider, ProviderError};

/// Blocks asked of a source at once, at first and at least: one on its way, one behind it.
const WINDOW_MIN: usize = 4;
/// At most.
const WINDOW_MAX: usize = 32;
/// The longest wait for a block that a source says it fetches itself, while it gives nothing else; then
/// others are asked.
const COMING_MAX: Duration = Duration::from_secs(5);
/// Weight of a new sample of latency, errors and storing.
const WEIGHT: f64 = 0.125;
/// A source, and whether it is only asked for what the others do not give.
#[derive(Clone)]
pub struct Source {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) rank: u8,
}

impl Source {
    /// A source that is asked as its speed says.
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>) -> Self {
        Self { provider, rank: 0 }
    }

    /// The same, asked only for what no other source gives: a service that costs money, or is shared by many.
    #[must_use]
    pub fn last_resort(mut self) -> Self {
        self.rank = 1;
        self
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.provider.kind(), self.provider.name())
    }
}

/// A source at work.
pub(super) struct Member {
    pub(super) source: Source,
    pub(super) breaker: Breaker,
    pub(super) lacks: HashSet<Cid>,
    /// Blocks that it fetches itself: since when that is known, and when it is worth asking again.
    coming: HashMap<Cid, (Instant, Instant)>,
    /// Transfers under way, and bytes that they still have to bring.
    pub(super) in_flight: usize,
    pub(super) bytes_left: f64,
    /// Verified bytes and blocks that it gave.
    pub(super) bytes: u64,
    pub(super) blocks: u64,
    /// When it gave the last of them.
    gave: Option<Instant>,
    /// Not asked any more.
    pub(super) dropped: bool,
    pub(super) last_error: Option<ProviderError>,
    rate: Rate,
    latency: Option<f64>,
    storing: f64,
    errors: f64,
    block: f64,
}

impl Member {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            breaker: Breaker::default(),
            lacks: HashSet::new(),
            coming: HashMap::new(),
            in_flight: 0,
            bytes_left: 0.0,
            bytes: 0,
            blocks: 0,
            gave: None,
            dropped: false,
            last_error: None,
            rate: Rate::default(),
            latency: None,
            storing: 0.0,
            errors: 0.0,
            block: 1_048_576.0,
        }
    }

    /// Whether peers could ask it too: they wait for what it gives here.
    pub(super) fn is_origin(&self) -> bool {
        !self.source.provider.kind().is_peer() || self.source.rank > 0
    }

    /// Bytes a second of late, over all its transfers.
    pub(super) fn goodput(&self) -> Option<f64> {
        self.rate.value()
    }

    /// From a question to the first byte of its answer, where nothing else is under way.
    pub(super) fn latency(&self) -> Option<Duration> {
        self.latency.map(Duration::from_secs_f64)
    }

    /// Transfers that failed of late, of all: 0 to 1.
    pub(super) fn errors(&self) -> f64 {
        self.errors
    }

    /// Blocks to have under way: what fits into bandwidth × delay twice, so that the link never runs
    /// dry, and one more. While delay alone limits the goodput this doubles with each round.
    pub(super) fn window(&self) -> usize {
        if self.breaker.is_on_trial() {
            return 1;
        }
        let (Some(goodput), Some(latency)) = (self.goodput(), self.latency) else { return WINDOW_MIN };
        let blocks = 2.0 * goodput * (latency + self.storing) / self.block.max(1.0);
        (blocks.ceil() as usize + 1).clamp(WINDOW_MIN, WINDOW_MAX)
    }

    /// When a block asked for now would be here, in seconds. Without a measurement it is worth a try at once.
    pub(super) fn eta(&self, behind: f64, size: f64) -> f64 {
        let Some(goodput) = self.goodput() else { return self.in_flight as f64 * 1e-6 };
        let wait = self.latency.unwrap_or_default() + (self.bytes_left + behind + size) / goodput.max(1.0);
        // A block that fails has to be asked for again.
        wait / (1.0 - self.errors).max(0.1)
    }

    /// Notes bytes that came over all its transfers since the last look.
    pub(super) fn sample(&mut self, received: u64, now: Instant) {
        self.rate.note(received, now, self.in_flight == 0);
    }

    /// A block came whole, was verified and kept.
    pub(super) fn succeeded(&mut self, bytes: u64, latency: Option<Duration>, transfer: Duration, storing: Duration) {
        self.breaker.succeeded();
        self.bytes += bytes;
        self.blocks += 1;
        self.gave = Some(Instant::now());
        self.errors -= WEIGHT * self.errors;
        self.block += WEIGHT * (bytes as f64 - self.block);
        self.storing += WEIGHT * (storing.as_secs_f64() - self.storing);
        if let Some(latency) = latency.map(|l| l.as_secs_f64()) {
            // The least is what the link takes by itself; it follows a worse link slowly.
            self.latency = Some(self.latency.map_or(latency, |old| latency.min(old + WEIGHT * (latency - old) / 4.0)));
        }
        // Transfers that end between two samples are measured one by one.
        if bytes > 0 {
            self.rate.begin_with(bytes as f64 / transfer.as_secs_f64().max(1e-6));
        }
    }

    /// A transfer failed.
    pub(super) fn failed(&mut self, error: ProviderError, cid: &Cid, now: Instant) {
        match &error {
            ProviderError::Lacks => {
                self.lacks.insert(*cid);
            }
            ProviderError::Coming { wait } => {
                let since = self.coming.get(cid).map_or(now, |(since, _)| *since);
                self.coming.insert(*cid, (since, now + *wait));
                // While it gives others it keeps its word: what it promised stands behind them.
                if now.saturating_duration_since(self.gave.map_or(since, |gave| gave.max(since))) <= COMING_MAX {
                    return;
                }
                // It promised and did not keep it: as good as a failure, or it could hold everything up.
                self.lacks.insert(*cid);
                self.dropped |= !self.breaker.failed(now);
            }
            ProviderError::Busy { wait } => self.breaker.wait(now + *wait),
            _ if error.is_final() => self.dropped = true,
            _ => {
                // A block that is too large is too large from everybody, and asking for it again costs as much.
                if matches!(error, ProviderError::TooLarge { .. }) {
                    self.lacks.insert(*cid);
                }
                self.errors += WEIGHT * (1.0 - self.errors);
                self.dropped |= !self.breaker.failed(now);
            }
        }
        // That it lacks one block says less than what went wrong before.
        if self.last_error.is_none() || !matches!(error, ProviderError::Lacks) {
            self.last_error = Some(error);
        }
    }

    /// Whether it is worth asking for this block now: it said nothing else, or the wait is over.
    pub(super) fn is_due(&self, cid: &Cid, now: Instant) -> bool {
        self.coming.get(cid).is_none_or(|(_, again)| *again <= now)
    }

    /// The block came, from whomever.
    pub(super) fn came(&mut self, cid: &Cid) {
        self.coming.remove(cid);
    }

    /// Whether it can be asked for this block some time.
    pub(super) fn may_give(&self, cid: &Cid) -> bool {
        !self.dropped && !self.lacks.contains(cid)
    }

    /// Whether it can be asked now.
    pub(super) fn has_room(&self, now: Instant) -> bool {
        !self.dropped && self.breaker.opens(now).is_none() && self.in_flight < self.window()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retrieve::{HttpOptions, HttpProvider, Reach};

    fn member() -> Member {
        let peer = HttpProvider::peer("http://192.0.2.1/", Reach::Named, &HttpOptions::default()).unwrap();
        Member::new(Source::new(Arc::new(peer)))
    }

    /// A link of `rate` bytes a second and `delay` seconds, with as much under way as the window says.
    fn settle(rate: f64, delay: f64) -> usize {
        let mut member = member();
        let block = 1_048_576.0;
        for _ in 0..200 {
            let goodput = (member.window() as f64 * block / (delay + block / rate)).min(rate);
            member.succeeded(
                block as u64,
                Some(Duration::from_secs_f64(delay)),
                Duration::from_secs(1),
                Duration::ZERO,
            );
            member.rate = Rate::default();
            member.rate.begin_with(goodput);
        }
        member.window()
    }

    #[test]
    fn the_window_grows_to_what_fills_the_link() {
        // 100 MB/s over 100 ms hold 10 MB: ten blocks and some.
        assert!((11..=21).contains(&settle(100e6, 0.1)), "{}", settle(100e6, 0.1));
        assert_eq!(settle(1e6, 0.01), WINDOW_MIN);
        assert_eq!(settle(10e9, 1.0), WINDOW_MAX);
    }
}
