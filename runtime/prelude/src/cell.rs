//! What the session writes into a cell's code around the user's own, for cells
//! that use Polars or the session. Not for users.

use std::any::TypeId;

use pelago_protocol::cells::{CellShown, Content, Place};
use pelago_protocol::packed;

pub use pelago_cell::cell::*;

pub use crate::display::dispatch::AsShown;

/// The first statement of a cell, through `begin!`.
pub fn begin(cell: u64) {
    extend(explain);
    pelago_cell::cell::begin(cell);
}

/// Begins a cell.
#[doc(hidden)]
#[macro_export]
macro_rules! begin {
    ($cell:expr) => {
        $crate::cell::begin($cell)
    };
}

/// Holds a value until the cell ends.
#[doc(hidden)]
#[macro_export]
macro_rules! enter {
    ($value:expr) => {
        let _entered = $value;
    };
}

/// Shows something in its place among what the cell prints.
pub(crate) fn show(place: Place, content: Content) {
    let shown = CellShown { place, content };
    // Nothing in it has a form that JSON lacks.
    if let Ok(json) = serde_json::to_vec(&shown) {
        pelago_cell::show_content(&json, &packed::body(&shown));
    }
}

/// Errors of the session and of Polars.
fn explain(kind: TypeId, at: *const ()) -> Option<(String, String)> {
    // SAFETY: `Explain` gives a value and its own type.
    if let Some(error) = unsafe { downcast::<crate::Error>(kind, at) } {
        return Some((format!("{} ({})", error.message, error.code), error.help.clone()));
    }
    // SAFETY: as above.
    let error = unsafe { downcast::<polars::error::PolarsError>(kind, at) }?;
    Some((error.to_string(), String::new()))
}
