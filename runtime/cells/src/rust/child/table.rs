//! The functions that cells call: [`pelago_cell::host::Table`].

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use pelago_cell::host::{Bytes, Flush, Table, Thrown};
use pelago_protocol::cells::{self, CellShown, Content, Notice, Place};

use super::{owner, protocol, session, streams};

/// A cell's function, by evcxr's convention: it gets the store of the variables and gives it back.
pub(super) type Function = extern "C" fn(*mut c_void) -> *mut c_void;

pub(super) static TABLE: Table =
    Table { begin, end, turn, thrown, unwound, protocol: forward, show_text, show, is_cell_thread, is_interrupted };

/// The cell that runs; 0 between cells.
static RUNNING: AtomicU64 = AtomicU64::new(0);
/// The cell that began last.
static LAST: AtomicU64 = AtomicU64::new(0);
static REACHED_ITS_END: AtomicBool = AtomicBool::new(false);
static SAID_ERROR: AtomicBool = AtomicBool::new(false);
/// Message of the last panic or error that was told.
static THROWN: Mutex<Option<String>> = Mutex::new(None);
/// How the cell's own standard library is flushed.
static FLUSH: Mutex<Option<Flush>> = Mutex::new(None);

/// evcxr's word for a cell whose new variables are not there.
const ERROR: &str = "EVCXR_ERROR_OCCURRED";
/// evcxr's word for a panic.
const PANIC: &str = "EVCXR_PANIC_NOTIFICATION";

/// Runs a cell's function on this thread.
pub(super) fn run(function: Function) {
    /// Every cell gives it to the next one.
    static STORE: Mutex<usize> = Mutex::new(0);
    let store = *STORE.lock().unwrap_or_else(PoisonError::into_inner);
    SAID_ERROR.store(false, Ordering::Relaxed);
    let store = function(std::ptr::with_exposed_provenance_mut(store)).expose_provenance();
    *STORE.lock().unwrap_or_else(PoisonError::into_inner) = store;
    let cell = RUNNING.swap(0, Ordering::Relaxed);
    if cell == 0 {
        return;
    }
    if !REACHED_ITS_END.load(Ordering::Relaxed) && !SAID_ERROR.load(Ordering::Relaxed) {
        protocol(ERROR);
    }
    let flush = *FLUSH.lock().unwrap_or_else(PoisonError::into_inner);
    streams::end(cell, || {
        if let Some(flush) = flush {
            flush();
        }
    });
    session::tell(&Notice::Left { cell });
}

extern "C" fn begin(cell: u64, flush: Flush) {
    REACHED_ITS_END.store(false, Ordering::Relaxed);
    session::INTERRUPTED.store(false, Ordering::Relaxed);
    *THROWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
    *FLUSH.lock().unwrap_or_else(PoisonError::into_inner) = Some(flush);
    owner::begin(cell);
    RUNNING.store(cell, Ordering::Relaxed);
    LAST.store(cell, Ordering::Relaxed);
    streams::turn(0, cell, || flush());
    session::tell(&Notice::Began { cell });
}

extern "C" fn end(cell: u64) {
    REACHED_ITS_END.store(true, Ordering::Relaxed);
    session::tell(&Notice::Ended { cell });
}

/// The cell that the calling thread works for.
fn cell() -> u64 {
    let last = LAST.load(Ordering::Relaxed);
    if is_cell_thread() { last } else { owner::of_this_thread(last) }
}

extern "C" fn turn(stream: i32, flush: Flush) {
    streams::turn(usize::from(stream == 2), cell(), || flush());
}

/// What a library gave, as text.
fn text(bytes: Bytes) -> String {
    // SAFETY: the caller's bytes stay during the call.
    String::from_utf8_lossy(unsafe { bytes.get() }).into_owned()
}

extern "C" fn thrown(thrown: Thrown) {
    let cell = RUNNING.load(Ordering::Relaxed);
    if cell == 0 {
        return;
    }
    let message = text(thrown.message);
    *THROWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(message.clone());
    let error = cells::Thrown {
        name: text(thrown.name),
        message,
        help: text(thrown.help),
        file: text(thrown.file),
        line: thrown.line,
    };
    session::tell(&Notice::Threw { cell, error });
}

extern "C" fn unwound(message: Bytes) {
    protocol(PANIC);
    SAID_ERROR.store(true, Ordering::Relaxed);
    let is_told = THROWN.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(&*text(message));
    if !is_told {
        let nothing = Bytes::of("");
        thrown(Thrown { name: Bytes::of("Panic"), message, help: nothing, file: nothing, line: 0 });
    }
}

extern "C" fn forward(line: Bytes) {
    let line = text(line);
    if line == ERROR {
        SAID_ERROR.store(true, Ordering::Relaxed);
    }
    protocol(&line);
}

fn id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

extern "C" fn show_text(bytes: Bytes, flush: Flush) {
    let (id, content) = (id(), Content::Text { text: text(bytes) });
    session::tell(&Notice::Show { id, shown: CellShown { place: Place::Result, content } });
    streams::show(id, cell(), || flush());
}

extern "C" fn show(json: Bytes, body: Bytes, flush: Flush) {
    // SAFETY: the caller's bytes stay during the call.
    let (json, body) = unsafe { (json.get(), body.get()) };
    // The prelude wrote it, of the same build.
    let Ok(shown) = serde_json::from_slice(json) else { return };
    let id = id();
    session::send(&Notice::Show { id, shown }, body);
    streams::show(id, cell(), || flush());
}

extern "C" fn is_cell_thread() -> bool {
    // The loop runs on the process's first thread.
    std::thread::current().name() == Some("main")
}

extern "C" fn is_interrupted() -> bool {
    session::INTERRUPTED.load(Ordering::Relaxed)
}
