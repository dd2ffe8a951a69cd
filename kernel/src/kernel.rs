//! What the channels' tasks share: the interpreter, once it is open, and the
//! counts and the history of cells.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pelago_cells::interpreter::{CellError, Interpreter, InterpreterError};
use pelago_protocol::Voice;
use tokio::sync::{Notify, watch};

use crate::history::History;
use crate::sockets::{Dropped, Iopub, Stdin};

/// The interpreter, or why there is none; nothing while it opens.
pub(crate) type Opened = Option<Result<Interpreter, Arc<InterpreterError>>>;

/// Why the kernel ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A client asked for it.
    Shutdown,
    /// The operating system did.
    Signal,
    /// Whoever started the kernel is gone.
    Orphaned,
}

pub(crate) struct Kernel {
    pub(crate) opened: watch::Receiver<Opened>,
    pub(crate) iopub: Iopub,
    pub(crate) stdin: Stdin,
    pub(crate) history: History,
    pub(crate) dropped: Arc<Dropped>,
    pub(crate) output_limit: usize,
    pub(crate) end: watch::Sender<Option<End>>,
    /// The number of the next cell, from 1.
    pub(crate) count: AtomicU64,
    /// Tells a cell that waits for the interpreter of an interrupt.
    pub(crate) interrupted: Notify,
}

impl Kernel {
    /// The interpreter, waited for while it opens.
    ///
    /// # Errors
    /// Why it could not be opened, or that the wait was interrupted.
    pub(crate) async fn interpreter(&self) -> Result<Interpreter, CellError> {
        let mut opened = self.opened.clone();
        let found = tokio::select! {
            found = opened.wait_for(Option::is_some) => found.ok().and_then(|found| found.clone()),
            () = self.interrupted.notified() => return Err(CellError::interrupted()),
        };
        match found {
            Some(Ok(interpreter)) => Ok(interpreter),
            Some(Err(error)) => Err(open_error(&error)),
            None => Err(CellError::new("KernelEnded", "the kernel is ending")),
        }
    }

    /// The interpreter where it is open already.
    pub(crate) fn interpreter_now(&self) -> Option<Interpreter> {
        self.opened.borrow().as_ref().and_then(|opened| opened.as_ref().ok().cloned())
    }

    /// Interrupts the cell that runs, if one does.
    pub(crate) fn interrupt(&self) {
        self.interrupted.notify_waiters();
        self.stdin.cancel();
        if let Some(interpreter) = self.interpreter_now() {
            interpreter.interrupt();
        }
    }

    /// Asks the kernel to end.
    pub(crate) fn end(&self, why: End) {
        self.end.send_replace(Some(why));
    }

    pub(crate) fn next_count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn advance_count(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

fn open_error(error: &InterpreterError) -> CellError {
    CellError::new("SessionError", error.to_string()).with_help(error.advice().words(Voice::Command))
}
