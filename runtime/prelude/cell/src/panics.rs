//! Panics: one of the cell's own thread is the cell's error, with its line; one of
//! another thread is text on stderr, as anywhere.
//!
//! A cell that sets a panic hook sets it here, below Pelago's own; a crate that
//! sets one replaces Pelago's until the next cell begins.

use std::any::Any;
use std::panic::{Location, PanicHookInfo};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::host::{self, Bytes, Thrown};
use crate::print::{Stream, print};

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Sync + Send + 'static>;

/// The user's own hook.
static USERS: Mutex<Option<Arc<Hook>>> = Mutex::new(None);
/// Alive as long as Pelago's hook is.
static OURS: Mutex<Weak<()>> = Mutex::new(Weak::new());

/// Puts Pelago's hook in place, and what a crate put there below it.
pub(crate) fn install() {
    let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
    if ours.upgrade().is_some() {
        return;
    }
    let before = std::panic::take_hook();
    let alive = Arc::new(());
    let is_first = ours.ptr_eq(&Weak::new());
    *ours = Arc::downgrade(&alive);
    if !is_first {
        *users() = Some(Arc::new(before));
    }
    std::panic::set_hook(Box::new(move |info| {
        let _alive = &alive;
        report(info);
    }));
}

fn users() -> std::sync::MutexGuard<'static, Option<Arc<Hook>>> {
    USERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn report(info: &PanicHookInfo<'_>) {
    let is_cells = host::table().is_some_and(|table| (table.is_cell_thread)());
    let text = text(info.payload());
    if is_cells {
        threw(&text, info.location());
    }
    let users = users().clone();
    if let Some(hook) = users {
        return hook(info);
    }
    if !is_cells {
        let thread = std::thread::current();
        let name = thread.name().map_or_else(|| format!("{:?}", thread.id()), |name| format!("'{name}'"));
        match info.location() {
            Some(place) => print(Stream::Stderr, format_args!("thread {name} panicked at {place}:\n{text}\n")),
            None => print(Stream::Stderr, format_args!("thread {name} panicked:\n{text}\n")),
        }
    }
}

fn threw(message: &str, place: Option<&Location<'_>>) {
    if let Some(table) = host::table() {
        let (file, line) = place.map_or(("", 0), |place| (place.file(), place.line()));
        let (name, help) = (Bytes::of("Panic"), Bytes::of(""));
        (table.thrown)(Thrown { name, message: Bytes::of(message), help, file: Bytes::of(file), line });
    }
}

fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic whose payload is no text".to_owned())
}

/// A panic ended the cell.
#[expect(clippy::needless_pass_by_value, reason = "it is what catch_unwind gives")]
pub fn unwound(payload: Box<dyn Any + Send>) {
    if let Some(table) = host::table() {
        (table.unwound)(Bytes::of(&text(payload.as_ref())));
    }
}

/// `std::panic::set_hook` of a cell.
pub fn set_hook(hook: Hook) {
    *users() = Some(Arc::new(hook));
}

/// `std::panic::take_hook` of a cell.
#[must_use]
pub fn take_hook() -> Hook {
    match users().take() {
        Some(hook) => Box::new(move |info| hook(info)),
        // The place of the default one, which Pelago's does without.
        None => Box::new(|info| {
            if !host::table().is_some_and(|table| (table.is_cell_thread)()) {
                print(Stream::Stderr, format_args!("{info}\n"));
            }
        }),
    }
}

/// `std::panic::resume_unwind` of a cell, which no hook hears of.
#[track_caller]
pub fn resume_unwind(payload: Box<dyn Any + Send>) -> ! {
    if host::table().is_some_and(|table| (table.is_cell_thread)()) {
        threw(&text(payload.as_ref()), Some(Location::caller()));
    }
    std::panic::resume_unwind(payload)
}
