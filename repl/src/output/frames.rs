//! How wide Polars itself prints a frame that a cell prints, by the settings in the environment that it reads.

use std::io::IsTerminal;

/// Characters of a table that goes to a file or a pipe, where no terminal wraps it.
const PIPE_WIDTH: &str = "160";

/// Lets Polars print every column and row of the tables that Pelago makes,
/// unless the user's own `POLARS_…` settings say otherwise. On a terminal they
/// are as wide as it is, but for a notebook, which is the same wherever it ran.
pub(crate) fn fit_to_terminal(is_notebook: bool) {
    let fits = std::io::stdout().is_terminal() && !is_notebook;
    let width = if fits { None } else { Some(("POLARS_TABLE_WIDTH", PIPE_WIDTH)) };
    for (name, value) in [
        ("POLARS_FMT_MAX_COLS", "-1"),
        ("POLARS_FMT_MAX_ROWS", "60"),
        ("POLARS_FMT_STR_LEN", "40"),
        ("POLARS_FMT_TABLE_CELL_NUMERIC_ALIGNMENT", "RIGHT"),
    ]
    .into_iter()
    .chain(width)
    {
        if std::env::var_os(name).is_none() {
            // SAFETY: called first in `main`, while this is the only thread.
            unsafe { std::env::set_var(name, value) };
        }
    }
}
