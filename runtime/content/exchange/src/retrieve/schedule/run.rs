//! The loop of a fetch: starts transfers, takes in what they bring, and ends
//! when nothing is missing or nobody can bring it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use pelago_dag::{Blocks, Cid, Coming};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

use super::item::Item;
use super::pick::{self, Choice, Next};
use super::plan::{Plan, Wanted};
use super::rate::Rate;
use super::source::{Member, Source};
use super::transfer::{self, Failure, Kept, Transfer};
use super::{Fetched, Options, Sources};
use crate::retrieve::{FetchError, Meter, Request};

/// Between two looks at the rates.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// Sources at most; those found beyond are not asked.
const MEMBERS_MAX: usize = 64;

/// A block being fetched, by one transfer or by two that race.
pub(super) struct Flight {
    pub(super) wanted: Wanted,
    pub(super) transfers: Vec<Id>,
}

/// A fetch at work.
pub(super) struct Run {
    pub(super) request: Request,
    pub(super) blocks: Arc<dyn Blocks>,
    pub(super) options: Options,
    pub(super) plan: Plan,
    pub(super) members: Vec<Member>,
    /// A mutex that nobody locks: it lets tasks that await hold the fetch by reference.
    found: Option<Mutex<BoxStream<'static, Source>>>,
    first: Option<Item>,
    tasks: JoinSet<Result<Kept, Failure>>,
    pub(super) transfers: HashMap<Id, Transfer>,
    pub(super) flights: HashMap<Cid, Flight>,
    /// Memory set aside for transfers, bytes.
    pub(super) memory: u64,
    pub(super) started: Instant,
    pub(super) rate: Rate,
    /// The most that was here and on its way at a time, bytes, and when it grew last.
    pub(super) furthest: (u64, Instant),
    /// What came, verified.
    pub(super) bytes: u64,
    pub(super) received_blocks: u64,
    pub(super) car_bytes: u64,
    pub(super) car_tried: bool,
    /// What came and was of no use.
    pub(super) refetched: u64,
    pub(super) p2p_optimized: bool,
}

impl Run {
    pub(super) fn new(request: Request, blocks: Arc<dyn Blocks>, sources: Sources, options: Options) -> Self {
        let (plan, first) = Plan::new(&request, options.limits);
        let started = Instant::now();
        Self {
            request,
            blocks,
            options,
            plan,
            members: sources.known.into_iter().map(Member::new).collect(),
            found: sources.found.map(Mutex::new),
            first: Some(first),
            tasks: JoinSet::new(),
            transfers: HashMap::new(),
            flights: HashMap::new(),
            memory: 0,
            started,
            rate: Rate::default(),
            furthest: (0, started),
            bytes: 0,
            received_blocks: 0,
            car_bytes: 0,
            car_tried: false,
            refetched: 0,
            p2p_optimized: false,
        }
    }

    pub(super) async fn fetch(mut self) -> Result<Fetched, FetchError> {
        let first: Vec<Item> = self.first.take().into_iter().collect();
        self.admit(first).await?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            for path in self.options.hints.take() {
                self.plan.prefer(&path);
            }
            if self.plan.missing() == 0 && self.flights.is_empty() {
                break;
            }
            if self.try_car().await? {
                continue;
            }
            self.dispatch()?;
            let found = async {
                match &mut self.found {
                    Some(found) => found.get_mut().unwrap_or_else(PoisonError::into_inner).next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(ended) = self.tasks.join_next_with_id() => {
                    self.ended(ended).await?;
                    // Whatever else has ended by now is taken in before rates are looked at again.
                    while let Some(Some(ended)) = self.tasks.join_next_with_id().now_or_never() {
                        self.ended(ended).await?;
                    }
                }
                source = found => match source {
                    Some(source) => self.add(source),
                    None => self.found = None,
                },
                () = self.options.hints.given() => {}
                _ = tick.tick() => self.tick()?,
            }
        }
        self.tell();
        Ok(self.report())
    }

    fn add(&mut self, source: Source) {
        let name = source.provider.name();
        let known = self.members.iter().any(|m| m.source.provider.name() == name);
        if !known && self.members.len() < MEMBERS_MAX {
            self.members.push(Member::new(source));
        }
    }

    /// Starts what can be started.
    fn dispatch(&mut self) -> Result<(), FetchError> {
        while self.memory < self.options.memory {
            match pick::next(&self.plan, &self.members, Instant::now()) {
                Next::Ask(choice) => {
                    let Some(wanted) = self.plan.take(&choice.cid) else { break };
                    self.p2p_optimized |= choice.among_peers;
                    let id = self.start(&choice, wanted.size);
                    self.flights.insert(choice.cid, Flight { wanted, transfers: vec![id] });
                }
                // More sources may be found.
                Next::Nobody(_) if self.found.is_some() => break,
                Next::Nobody(cid) => return Err(self.unavailable(cid)),
                Next::Wait => break,
            }
        }
        // The slow tail: only when nothing else is left to ask for.
        if self.plan.missing() == 0 && self.memory < self.options.memory {
            let alone = self.flights.values().filter(|f| f.transfers.len() == 1).flat_map(|f| &f.transfers);
            let alone = alone.filter_map(|id| self.transfers.get(id));
            if let Some(choice) = pick::race(alone, &self.members, Instant::now()) {
                let size = self.flights.get(&choice.cid).and_then(|f| f.wanted.size);
                let id = self.start(&choice, size);
                self.flights.entry(choice.cid).and_modify(|flight| flight.transfers.push(id));
            }
        }
        Ok(())
    }

    fn start(&mut self, choice: &Choice, size: Option<u64>) -> Id {
        let member = &mut self.members[choice.member];
        let meter = Arc::new(Meter::new(self.options.bandwidth.clone()));
        let work = transfer::run(member.source.provider.clone(), self.blocks.clone(), choice.cid, meter.clone());
        let abort = self.tasks.spawn(work);
        let id = abort.id();
        let (size, memory) = (size.map_or(262_144.0, |size| size as f64), transfer::memory(size));
        if member.is_origin() {
            self.blocks.expect(&choice.cid, Coming::OnItsWay);
        }
        member.sample(0, Instant::now());
        member.in_flight += 1;
        member.bytes_left += size;
        self.memory += memory;
        let transfer = Transfer { cid: choice.cid, member: choice.member, meter, sampled: 0, size, memory, abort };
        self.transfers.insert(id, transfer);
        id
    }
}
