//! What a fetch sees of itself: rates, progress, patience, and its report.

use std::time::Duration;

use pelago_dag::Cid;
use tokio::time::Instant;

use super::run::Run;
use super::{Fetched, Progress, SourceProgress, SourceReport};
use crate::retrieve::{Dropped, FetchError};

impl Run {
    /// Notes what came since the last look, by source and in all.
    pub(super) fn sample(&mut self) {
        let now = Instant::now();
        let mut came = vec![0; self.members.len()];
        let mut left = vec![0.0; self.members.len()];
        for transfer in self.transfers.values_mut() {
            let received = transfer.meter.received();
            came[transfer.member] += received - transfer.sampled;
            left[transfer.member] += (transfer.size - received as f64).max(0.0);
            transfer.sampled = received;
        }
        for ((member, came), left) in self.members.iter_mut().zip(&came).zip(left) {
            member.sample(*came, now);
            member.bytes_left = left;
        }
        self.rate.note(came.iter().sum(), now, false);
    }

    /// Some ten times a second: rates, progress, and whether there is any.
    pub(super) fn tick(&mut self) -> Result<(), FetchError> {
        self.sample();
        self.tell();
        let under_way: u64 = self.transfers.values().map(|t| t.meter.received()).sum();
        let far = self.plan.here + under_way;
        let (furthest, since) = self.furthest;
        if far > furthest {
            // A source that breaks at the same byte again and again does not count as progress.
            self.furthest = (far, Instant::now());
        } else if since.elapsed() > self.options.patience {
            let blocks = (self.plan.missing() + self.flights.len()) as u64;
            return Err(FetchError::Stalled { waited: since.elapsed(), blocks, sources: self.accused() });
        }
        Ok(())
    }

    /// Tells the caller how far it is.
    pub(super) fn tell(&self) {
        let Some(progress) = &self.options.progress else { return };
        let total = self.plan.total(self.flights.values().map(|flight| flight.wanted.size));
        let rate = self.rate.value().unwrap_or_default();
        let left = total.map(|total| total.saturating_sub(self.plan.here));
        let eta = left.filter(|_| rate > 0.0).and_then(|left| Duration::try_from_secs_f64(left as f64 / rate).ok());
        let active = self.members.iter().filter(|m| m.bytes > 0 || m.in_flight > 0);
        let sources = active.map(|m| SourceProgress {
            name: m.source.provider.name().to_owned(),
            kind: m.source.provider.kind(),
            bytes: m.bytes,
            rate: m.goodput().unwrap_or_default(),
            in_flight: m.in_flight,
        });
        let before = self.plan.here - self.bytes;
        progress(Progress { done: self.plan.here, total, before, rate, eta, sources: sources.collect() });
    }

    pub(super) fn unavailable(&mut self, cid: Cid) -> FetchError {
        let cid = Box::new(cid);
        if self.members.is_empty() {
            return FetchError::NoSources { cid };
        }
        FetchError::Unavailable { cid, sources: self.accused() }
    }

    /// Each source and the last that it did.
    fn accused(&mut self) -> Vec<Dropped> {
        let accused = self.members.iter_mut().filter_map(|m| {
            let error = m.last_error.take()?;
            Some(Dropped { source: m.source.provider.name().to_owned(), kind: m.source.provider.kind(), error })
        });
        accused.collect()
    }

    pub(super) fn report(mut self) -> Fetched {
        let mut sources: Vec<SourceReport> = self
            .members
            .iter()
            .map(|m| SourceReport {
                name: m.source.provider.name().to_owned(),
                kind: m.source.provider.kind(),
                bytes: m.bytes,
                blocks: m.blocks,
                goodput: m.goodput(),
                latency: m.latency(),
                errors: m.errors(),
            })
            .collect();
        sources.sort_by_key(|source| std::cmp::Reverse(source.bytes));
        self.members.retain(|m| m.dropped);
        Fetched {
            root: self.request.root,
            bytes: self.bytes,
            blocks: self.received_blocks,
            bytes_before: self.plan.here - self.bytes,
            sources,
            elapsed: self.started.elapsed(),
            p2p_optimized: self.p2p_optimized,
            refetched_bytes: self.refetched,
            car_bytes: self.car_bytes,
            dropped: self.accused(),
        }
    }
}
