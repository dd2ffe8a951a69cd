//! The functions that the process of the cells offers to the libraries that it
//! loads.
//!
//! The process is linked with a standard library of its own, so what passes here
//! are C's types alone.

use std::sync::atomic::{AtomicPtr, Ordering};

/// Bytes that stay where they are during a call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// The first of them.
    pub start: *const u8,
    /// How many.
    pub length: usize,
}

impl Bytes {
    /// The bytes of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::raw(text.as_bytes())
    }

    /// These bytes.
    #[must_use]
    pub fn raw(bytes: &[u8]) -> Self {
        Self { start: bytes.as_ptr(), length: bytes.len() }
    }

    /// What they are.
    ///
    /// # Safety
    /// They are those of a slice that lives as long as `'a`.
    #[must_use]
    pub unsafe fn get<'a>(self) -> &'a [u8] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

/// Writes the standard library's buffers of stdout and stderr to the process's streams.
pub type Flush = extern "C" fn();

/// A panic, or an error that `?` returned.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Thrown {
    /// `Panic`, or the type of the error.
    pub name: Bytes,
    /// Its message and those of its sources.
    pub message: Bytes,
    /// What to do next; may be empty.
    pub help: Bytes,
    /// The source file, as the compiler names it; empty where `line` is the cell's.
    pub file: Bytes,
    /// The line, from 1; 0 where it is unknown.
    pub line: u32,
}

/// What the process offers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// The cell of this number begins, on this thread.
    pub begin: extern "C" fn(cell: u64, flush: Flush),
    /// Its last statement ran.
    pub end: extern "C" fn(cell: u64),
    /// The next output is of this stream (1 or 2) and of the cell that this thread belongs to.
    pub turn: extern "C" fn(stream: i32, flush: Flush),
    /// The cell failed, unless it still reaches its end.
    pub thrown: extern "C" fn(thrown: Thrown),
    /// A panic ended the cell, with this payload where it is text. It was told by `thrown` unless the panic hook is not
    /// Pelago's.
    pub unwound: extern "C" fn(message: Bytes),
    /// A line of evcxr's protocol.
    pub protocol: extern "C" fn(line: Bytes),
    /// Shows text as the value of the cell.
    pub show_text: extern "C" fn(text: Bytes, flush: Flush),
    /// Shows what the JSON of a `CellShown` says, with its body.
    pub show: extern "C" fn(json: Bytes, body: Bytes, flush: Flush),
    /// Whether this is the thread that runs cells.
    pub is_cell_thread: extern "C" fn() -> bool,
    /// Whether the user interrupted the cell.
    pub is_interrupted: extern "C" fn() -> bool,
}

/// The name of [`pelago_cell_connect`](crate::connect::pelago_cell_connect), ended by a zero.
pub const CONNECT: &std::ffi::CStr = c"pelago_cell_connect";

static TABLE: AtomicPtr<Table> = AtomicPtr::new(std::ptr::null_mut());

/// Takes the table.
///
/// # Safety
/// The table lives as long as the process.
pub(crate) unsafe fn set(table: *const Table) {
    TABLE.store(table.cast_mut(), Ordering::Release);
}

/// The table; `None` in a process that is not one of cells.
pub(crate) fn table() -> Option<&'static Table> {
    let table = TABLE.load(Ordering::Acquire);
    // SAFETY: it is null, or a table that lives as long as the process.
    unsafe { table.as_ref() }
}

/// Whether the user interrupted this cell. A long loop asks it now and then and
/// ends, so that its variables are kept: otherwise a second interrupt ends the process.
#[must_use]
pub fn interrupted() -> bool {
    table().is_some_and(|table| (table.is_interrupted)())
}
