//! How the process of the cells connects itself with a library that holds this crate.

use crate::host::{self, Table};
use crate::panics;

/// Takes the table. The process calls it once for each library.
///
/// # Safety
/// The table lives as long as the process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pelago_cell_connect(table: *const Table) {
    // SAFETY: the caller's promise.
    unsafe { host::set(table) };
    panics::install();
}
