//! The short cut for what is small, or has only one source: all blocks in one
//! answer. What it does not bring, for whatever reason, is asked for block by block.

use std::sync::Arc;

use futures::StreamExt;
use tokio::time::Instant;

use super::CarUse;
use super::run::Run;
use super::transfer::{self, Failure};
use crate::retrieve::{BlockStream, FetchError, Meter, ProviderError};

/// A DAG of at most so many bytes is asked of one source, even where there are several: questions cost
/// more than its bytes.
const SMALL: u64 = 1 << 20;
/// The same where there is only one source. Above it, several connections are faster, and a break costs less.
const SMALL_ALONE: u64 = 8 << 20;
/// Fewer missing blocks than this are asked for by themselves.
const BLOCKS_MIN: usize = 3;
/// Bytes that a CAR may bring beyond what is missing, before it is broken off: repeated blocks, or blocks out of order.
const USELESS_MAX: u64 = 4 << 20;

impl Run {
    /// Tries a CAR once, when it is known whether it pays. Gives whether it brought anything.
    pub(super) async fn try_car(&mut self) -> Result<bool, FetchError> {
        if self.car_tried || !self.car_pays() {
            return Ok(false);
        }
        self.car_tried = true;
        let mut order: Vec<usize> = (0..self.members.len()).filter(|i| !self.members[*i].dropped).collect();
        order.sort_by_key(|i| (self.members[*i].source.rank, self.members[*i].latency()));
        for at in order {
            let meter = Arc::new(Meter::new(self.options.bandwidth.clone()));
            let provider = self.members[at].source.provider.clone();
            let Some(asked) = provider.fetch_car(&self.request, &meter) else { continue };
            let before = self.bytes;
            match asked.await {
                Ok(stream) => self.read_car(at, stream, &meter).await?,
                Err(error) => self.blame_car(at, error),
            }
            return Ok(self.bytes > before);
        }
        Ok(false)
    }

    fn car_pays(&self) -> bool {
        match self.options.car {
            CarUse::Never => false,
            CarUse::Always => true,
            // Before the target is here its size is not known; while blocks are under way it would bring them twice.
            CarUse::Auto => {
                let nothing_before = self.plan.here == self.bytes;
                let most = if self.members.len() == 1 { SMALL_ALONE } else { SMALL };
                let small = self.plan.claimed().is_some_and(|claimed| claimed <= most);
                small && nothing_before && self.flights.is_empty() && self.plan.missing() >= BLOCKS_MIN
            }
        }
    }

    async fn read_car(&mut self, at: usize, mut stream: BlockStream, meter: &Meter) -> Result<(), FetchError> {
        let (mut useful, mut useless, mut sampled) = (0, 0, 0);
        let mut asked = Instant::now();
        while let Some(block) = stream.next().await {
            let (cid, bytes) = match block {
                Ok(block) => block,
                Err(error) => {
                    self.blame_car(at, error);
                    break;
                }
            };
            let (transfer, length) = (asked.elapsed(), bytes.len() as u64);
            let Some(wanted) = self.plan.take(&cid) else {
                // Here already, or nobody's: both are limited, and only the second is told on.
                useless += length;
                self.refetched += length;
                if useless > USELESS_MAX.max(useful) {
                    self.blame_car(at, ProviderError::Extra { bytes: useless });
                    break;
                }
                continue;
            };
            let before = Instant::now();
            match transfer::keep(&*self.blocks, cid, bytes.clone()).await {
                Ok(()) => {}
                Err(Failure::Store(error)) => return Err(error.into()),
                Err(Failure::Source(error)) => {
                    self.plan.give_back(wanted);
                    self.blame_car(at, error);
                    break;
                }
            }
            useful += length;
            self.car_bytes += length;
            let received = meter.received();
            self.rate.note(received - sampled, Instant::now(), false);
            self.members[at].sample(received - sampled, Instant::now());
            sampled = received;
            self.members[at].succeeded(length, meter.latency(), transfer, before.elapsed());
            self.take_in(&wanted, bytes).await?;
            if before.elapsed() > super::run::TICK || useful == length {
                self.tell();
            }
            asked = Instant::now();
        }
        Ok(())
    }

    fn blame_car(&mut self, at: usize, error: ProviderError) {
        let member = &mut self.members[at];
        tracing::debug!(source = member.source.provider.name(), %error, "a CAR is given up");
        // A gateway without this format, or without all of the DAG, can have its blocks.
        let harmless = matches!(&error, ProviderError::Lacks | ProviderError::Unexpected { .. })
            || matches!(&error, ProviderError::Status { status, .. } if *status != 401 && *status != 403);
        if !harmless {
            member.failed(error, &self.request.root, Instant::now());
        }
    }
}
