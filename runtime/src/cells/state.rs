//! What is known of the cell that runs, by all who serve it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pelago_protocol::cells::{Notice, Order, Thrown};
use tokio::sync::{Notify, SetOnce, mpsc, watch};

use crate::interpreter::Event;
use crate::session::Session;

use super::shown;

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
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    cell: Option<Running>,
    orders: Option<mpsc::Sender<Order>>,
    /// What is to be shown where its mark comes in stdout.
    shown: HashMap<u64, Event>,
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
    pub(super) fn new(token: String) -> Self {
        let (interrupts, _) = watch::channel(0);
        Self { token, session: SetOnce::new(), interrupts, changed: Notify::new(), inner: Mutex::default() }
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

    /// A cell starts.
    pub(super) fn start(&self, number: u64, events: mpsc::Sender<Event>, allow_input: bool) {
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

    pub(super) fn noticed(&self, notice: Notice, body: &[u8]) {
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
                        cell.thrown.get_or_insert(error);
                    }
                }
                Notice::Show { id, shown } => match shown::event(shown, body) {
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

    pub(super) fn stream_ended(&self) {
        if let Some(cell) = self.inner().cell.as_mut() {
            cell.streams_ended += 1;
        }
        self.changed.notify_waiters();
    }
}
