//! What becomes of a transfer that has ended, and of the block that it brought.

use bytes::Bytes;
use pelago_dag::{BlockError, Cid, Coming};
use tokio::task::{Id, JoinError};
use tokio::time::Instant;

use super::item::Item;
use super::plan::Wanted;
use super::run::Run;
use super::transfer::{Failure, Kept, Transfer};
use crate::retrieve::{FetchError, ProviderError};

impl Run {
    /// Takes in a transfer that has ended.
    pub(super) async fn ended(
        &mut self,
        ended: Result<(Id, Result<Kept, Failure>), JoinError>,
    ) -> Result<(), FetchError> {
        self.sample();
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(transfer) = self.transfers.remove(&id) else { return Ok(()) };
        self.members[transfer.member].in_flight -= 1;
        self.memory -= transfer.memory;
        match ended {
            Ok((_, Ok(kept))) => return self.arrived(id, &transfer, kept).await,
            Ok((_, Err(Failure::Store(error)))) => return Err(error.into()),
            Ok((_, Err(Failure::Source(error)))) => self.blame(&transfer, error),
            // It lost a race, or its source was dropped.
            Err(error) if error.is_cancelled() => {}
            Err(source) => self.blame(&transfer, ProviderError::Worker { source }),
        }
        self.refetched += transfer.meter.received();
        self.ask_again(id, &transfer);
        Ok(())
    }

    /// Counts an error against a source. One that is dropped is not waited for.
    fn blame(&mut self, transfer: &Transfer, error: ProviderError) {
        let member = &mut self.members[transfer.member];
        let provider = member.source.provider.clone();
        tracing::debug!(source = provider.name(), cid = %transfer.cid, %error, "a transfer failed");
        let was = member.dropped;
        member.failed(error, &transfer.cid, Instant::now());
        if member.dropped && !was {
            tracing::warn!(source = provider.name(), error = ?member.last_error, "a source is dropped");
            self.transfers.values().filter(|t| t.member == transfer.member).for_each(|t| t.abort.abort());
        }
    }

    /// Puts the block back among the missing, unless another transfer still brings it.
    fn ask_again(&mut self, id: Id, transfer: &Transfer) {
        let Some(flight) = self.flights.get_mut(&transfer.cid) else { return };
        flight.transfers.retain(|other| *other != id);
        if flight.transfers.is_empty()
            && let Some(flight) = self.flights.remove(&transfer.cid)
        {
            self.announce(&transfer.cid);
            self.plan.give_back(flight.wanted);
        }
    }

    async fn arrived(&mut self, id: Id, transfer: &Transfer, kept: Kept) -> Result<(), FetchError> {
        let length = kept.bytes.len() as u64;
        let Some(flight) = self.flights.remove(&transfer.cid) else {
            self.refetched += length;
            return Ok(());
        };
        for other in flight.transfers.iter().filter(|other| **other != id) {
            if let Some(loser) = self.transfers.get(other) {
                loser.abort.abort();
            }
        }
        let latency = transfer.meter.latency();
        self.members[transfer.member].succeeded(length, latency, kept.transfer, kept.storing);
        // What came of it before it was taken up again came twice.
        self.refetched += transfer.meter.received().saturating_sub(length);
        self.take_in(&flight.wanted, kept.bytes).await
    }

    /// Notes a block that came, was verified and kept, and goes on to what it links to.
    pub(super) async fn take_in(&mut self, wanted: &Wanted, bytes: Bytes) -> Result<(), FetchError> {
        self.members.iter_mut().for_each(|member| member.came(&wanted.cid));
        self.bytes += bytes.len() as u64;
        self.received_blocks += 1;
        let mut links = Vec::new();
        for item in &wanted.items {
            links.extend(self.plan.expand(item, bytes.clone())?);
        }
        self.admit(links).await
    }

    /// Sorts blocks into those that are here, whose links are followed, and those that are missing.
    pub(super) async fn admit(&mut self, items: Vec<Item>) -> Result<(), FetchError> {
        let mut open = self.look_up(items).await?;
        while let Some((item, here)) = open.pop() {
            if !here {
                self.want(item);
                continue;
            }
            if let Some(size) = item.size.filter(|_| item.is_plain_leaf()) {
                self.plan.count(&item, size)?;
                continue;
            }
            match self.blocks.get(&item.cid).await {
                Ok(bytes) => {
                    let links = self.plan.expand(&item, bytes)?;
                    open.extend(self.look_up(links).await?);
                }
                // Removed or found damaged since it was looked up.
                Err(BlockError::MissingBlock { .. } | BlockError::Damaged { .. }) => self.want(item),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Which of these are here; last first, as they go onto a stack.
    async fn look_up(&self, items: Vec<Item>) -> Result<Vec<(Item, bool)>, FetchError> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let cids: Vec<_> = items.iter().map(|item| item.cid).collect();
        let here = self.blocks.has(&cids).await?;
        Ok(items.into_iter().zip(here).rev().collect())
    }

    fn want(&mut self, item: Item) {
        match self.flights.get_mut(&item.cid) {
            Some(flight) => flight.wanted.items.push(item),
            None => {
                self.announce(&item.cid);
                self.plan.want(item);
            }
        }
    }

    /// Tells peers who want the same block how far it is. Where no peer is left to be asked, it comes from an
    /// origin, however long it waits for room there: a peer that begins later would ask for it a second time.
    fn announce(&self, cid: &Cid) {
        let may = |origin: bool| self.members.iter().any(|m| m.is_origin() == origin && m.may_give(cid));
        let coming = if may(true) && !may(false) { Coming::OnItsWay } else { Coming::Planned };
        self.blocks.expect(cid, coming);
    }
}
