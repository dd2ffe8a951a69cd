//! What the session writes into a cell's code around the user's own. Not for users.

use std::any::type_name_of_val;

use crate::host::{self, Bytes, Thrown};
use crate::print::flush;

pub use crate::explain::{Explain, Explainer, chain, downcast, extend, short_type_name};
pub use crate::panics::{resume_unwind, set_hook, take_hook, unwound};
pub use crate::plain::Plain;
pub use crate::show::*;
pub use crate::wait::wait;

/// The first statement of a cell, through `begin!`.
pub fn begin(cell: u64) {
    crate::panics::install();
    if let Some(table) = host::table() {
        (table.begin)(cell, flush);
    }
}

/// The last statement of a cell.
pub fn end(cell: u64) {
    if let Some(table) = host::table() {
        (table.end)(cell);
    }
}

/// Begins a cell.
#[doc(hidden)]
#[macro_export]
macro_rules! begin {
    ($cell:expr) => {
        $crate::cell::begin($cell)
    };
}

/// Holds a value until the cell ends. It has no name that the cell's code could
/// see, or that evcxr would keep for the next cell.
#[doc(hidden)]
#[macro_export]
macro_rules! enter {
    ($value:expr) => {
        let _entered = $value;
    };
}

/// What a function gives.
pub trait Returned {
    /// Its type.
    type Output;
}

impl<T> Returned for fn() -> T {
    type Output = T;
}

/// The type of what never returns, which has no name of its own yet.
pub type Never = <fn() -> ! as Returned>::Output;

/// A line for evcxr.
pub fn protocol(line: &str) {
    if let Some(table) = host::table() {
        (table.protocol)(Bytes::of(line));
    }
}

/// Tells what ended the cell.
fn threw(name: &str, message: &str, help: &str, file: &str, line: u32) {
    if let Some(table) = host::table() {
        let of = Bytes::of;
        (table.thrown)(Thrown { name: of(name), message: of(message), help: of(help), file: of(file), line });
    }
}

/// An error that was reported already.
pub struct Reported;

impl std::fmt::Debug for Reported {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

/// What `?` takes: `Result` and `Option`.
pub trait Attempt {
    /// What is left where it went well.
    type Output;
    /// That, or the error reported as the one of the cell's `line`.
    ///
    /// # Errors
    /// [`Reported`].
    fn attempt(self, line: u32) -> Result<Self::Output, Reported>;
}

impl<T, E: Explain> Attempt for Result<T, E> {
    type Output = T;
    fn attempt(self, line: u32) -> Result<T, Reported> {
        self.map_err(|error| {
            let (message, help) = error.explain();
            threw(&short_type_name(type_name_of_val(&error)), &message, &help, "", line);
            Reported
        })
    }
}

impl<T> Attempt for Option<T> {
    type Output = T;
    fn attempt(self, line: u32) -> Result<T, Reported> {
        self.ok_or_else(|| {
            threw("None", "`?` on a value that is None", "", "", line);
            Reported
        })
    }
}

/// `attempt(E, LINE)?` stands for the `E?` of a cell.
///
/// # Errors
/// [`Reported`].
pub fn attempt<T: Attempt>(value: T, line: u32) -> Result<T::Output, Reported> {
    value.attempt(line)
}

/// A `?` that is not written as [`attempt`], since it stands in a macro: evcxr turns its error into an early end.
#[track_caller]
pub fn question<E: std::fmt::Debug>(error: &E) {
    if crate::explain::is::<E, Reported>() {
        return;
    }
    let (message, help) = error.explain();
    let place = std::panic::Location::caller();
    threw(&short_type_name(type_name_of_val(error)), &message, &help, place.file(), place.line());
}
