//! What is known of the cell that runs, by all who serve it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pelago_protocol::cells::{Notice, Order, Thrown};
use tokio::sync::{Notify, SetOnce, mpsc, watch};

use crate::interpreter::Event;
use pelago_session::Session;

use super::places::Places;
use super::shown;

/// Cells that ended and whose threads may still print.
const LATE: usize = 1000;

/// What the tasks of one interpreter's cells share.
#[derive(Debug)]
pub(super) struct State {
    /// Proves that a connection comes from the cells' process.
    pub(super) token: String,
    /// Answers calls.
    session: SetOnce<Arc<Session>>,
    /// Counts interrupts: each ends the calls that run.
    pub(super) interrupts: watch::Sender<u64>,
    /// Wakes who waits for the cell to be told about.
    pub(super) changed: Notify,
    /// Where lines of compiled cells come from.
    pub(super) places: Places,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    cell: Option<Running>,
    orders: Option<mpsc::Sender<Order>>,
    /// What is to be shown where its mark comes in stdout.
    shown: HashMap<u64, Event>,
    /// Who takes the output of cells that ended, by the cell's number.
    late: BTreeMap<u64, mpsc::Sender<Event>>,
}

/// The cell that runs.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) number: u64,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) allow_input: bool,
    pub(super) phase: Phase,
    pub(super) interrupts: u32,
    pub(super) thrown: Option<Thrown>,
    /// Whether its code runs no more.
    pub(super) has_left: bool,
    /// Streams whose mark of the end has come.
    pub(super) streams_ended: u32,
}

/// How far a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The compiler works.
    Compiling,
    /// Its own code runs.
    Running,
    /// It reached its end.
    Ended,
}

impl State {
    pub(super) fn new(token: String, places: Places) -> Self {
        let (interrupts, _) = watch::channel(0);
        Self { token, session: SetOnce::new(), interrupts, changed: Notify::new(), places, inner: Mutex::default() }
    }

    /// Gives the calls what answers them.
    pub(super) fn attach(&self, session: Arc<Session>) {
        // One that was given before stays.
        let _ = self.session.set(session);
    }

    /// What answers calls; waits until it is open.
    pub(super) async fn session(&self) -> &Arc<Session> {
        self.session.wait().await
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A cell starts. What its threads print once it has ended goes to `late`.
    pub(super) fn start(
        &self,
        number: u64,
        events: mpsc::Sender<Event>,
        allow_input: bool,
        late: Option<mpsc::Sender<Event>>,
    ) {
        let running = Running {
            number,
            events,
            allow_input,
            phase: Phase::Compiling,
            interrupts: 0,
            thrown: None,
            has_left: false,
            streams_ended: 0,
        };
        let mut inner = self.inner();
        inner.shown.clear();
        inner.cell = Some(running);
        if let Some(late) = late {
            inner.late.insert(number, late);
        }
        while inner.late.len() > LATE {
            inner.late.pop_first();
        }
    }

    /// The cell that runs.
    pub(super) fn running(&self) -> Option<Running> {
        self.inner().cell.clone()
    }

    /// It is over; what is left of it.
    pub(super) fn finish(&self) -> Option<Running> {
        self.inner().cell.take()
    }

    pub(super) fn control_opened(&self, orders: mpsc::Sender<Order>) {
        self.inner().orders = Some(orders);
    }

    /// The user wants the cell to end: how often by now, and how far it is.
    pub(super) fn interrupt(&self) -> Option<(u64, u32, Phase)> {
        let mut inner = self.inner();
        let cell = inner.cell.as_mut()?;
        cell.interrupts += 1;
        let found = (cell.number, cell.interrupts, cell.phase);
        if let Some(orders) = &inner.orders {
            // A full queue holds the same order already.
            let _ = orders.try_send(Order::Interrupt);
        }
        drop(inner);
        self.interrupts.send_modify(|count| *count += 1);
        Some(found)
    }

    pub(super) fn noticed(&self, notice: Notice) {
        {
            let mut inner = self.inner();
            let inner = &mut *inner;
            let cell = inner.cell.as_mut();
            match notice {
                Notice::Began { cell: number } => {
                    if let Some(cell) = cell.filter(|cell| cell.number == number) {
                        cell.phase = Phase::Running;
                        // It came between the compile and the run: the cell has not heard of it.
                        if cell.interrupts > 0
                            && let Some(orders) = &inner.orders
                        {
                            let _ = orders.try_send(Order::Interrupt);
                        }
                    }
                }
                Notice::Ended { cell: number } => {
                    if let Some(cell) = cell.filter(|cell| cell.number == number) {
                        cell.phase = Phase::Ended;
                    }
                }
                Notice::Left { cell: number } => {
                    if let Some(cell) = cell.filter(|cell| cell.number == number) {
                        cell.has_left = true;
                    }
                }
                Notice::Threw { cell: number, error } => {
                    if let Some(cell) = cell.filter(|cell| cell.number == number) {
                        // The last one counts: the ones before were caught.
                        cell.thrown = Some(error);
                    }
                }
                Notice::Show { id, shown } => match shown::event(shown) {
                    Ok(event) => {
                        inner.shown.insert(id, event);
                    }
                    Err(error) => tracing::warn!(%error, "what a cell shows could not be read"),
                },
            }
        }
        self.changed.notify_waiters();
    }

    /// What belongs at a mark, once it has come.
    pub(super) fn take_shown(&self, id: u64) -> Option<Event> {
        self.inner().shown.remove(&id)
    }

    /// All output of this cell has come through one of the two streams.
    pub(super) fn stream_ended(&self, number: u64) {
        if let Some(cell) = self.inner().cell.as_mut().filter(|cell| cell.number == number) {
            cell.streams_ended += 1;
        }
        self.changed.notify_waiters();
    }

    /// The process is gone, and all that it printed has come.
    pub(super) fn streams_closed(&self) {
        if let Some(cell) = self.inner().cell.as_mut() {
            cell.streams_ended = 2;
        }
        self.changed.notify_waiters();
    }

    /// Who takes the output of a cell: of one that ended, its own taker, else the cell that runs.
    pub(super) fn events_of(&self, number: u64) -> Option<mpsc::Sender<Event>> {
        let inner = self.inner();
        let running = inner.cell.as_ref();
        let own = running.filter(|cell| cell.number == number).map(|cell| &cell.events);
        own.or_else(|| inner.late.get(&number)).or(running.map(|cell| &cell.events)).cloned()
    }

    /// Text in which places of compiled cells are places of the user's.
    pub(super) fn with_places_of_cells(&self, text: String) -> String {
        self.places.translate(text)
    }
}
