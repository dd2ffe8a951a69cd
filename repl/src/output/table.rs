//! DataFrames as text, no wider than the terminal.

use polars::prelude::{DataFrame, PolarsResult};

/// The columns of a run that fit a terminal; `--json` and the history have all.
const SUMMARY: &[&str] = &[
    "browser_product",
    "platform",
    "is_real_hardware",
    "execution_provider",
    "nodes",
    "warm",
    "processing_ms",
    "total_ms",
    "load_ms",
    "cosine",
];

/// Lets Polars print every column and row of the tables that Pelago makes,
/// unless the user's own `POLARS_FMT_…` settings say otherwise.
pub(crate) fn fit_to_terminal() {
    for (name, value) in [
        ("POLARS_FMT_MAX_COLS", "-1"),
        ("POLARS_FMT_MAX_ROWS", "60"),
        ("POLARS_FMT_STR_LEN", "40"),
        ("POLARS_FMT_TABLE_CELL_NUMERIC_ALIGNMENT", "RIGHT"),
    ] {
        if std::env::var_os(name).is_none() {
            // SAFETY: called first in `main`, while this is the only thread.
            unsafe { std::env::set_var(name, value) };
        }
    }
}

/// The columns of a run that answer: where, on what, how fast, how exact.
pub(crate) fn summary(frame: DataFrame) -> PolarsResult<DataFrame> {
    use polars::prelude::{IntoLazy, col, concat_str, lit};
    let columns = SUMMARY.iter().map(|name| col(*name)).collect::<Vec<_>>();
    frame
        .lazy()
        .with_columns([
            concat_str([col("nodes_on_provider"), lit("/"), col("nodes_total")], "", true).alias("nodes"),
            (col("processing_time") * lit(1000.0)).round(2, Default::default()).alias("processing_ms"),
            (col("total_time") * lit(1000.0)).round(2, Default::default()).alias("total_ms"),
            (col("fetch_ms") + col("compile_ms") + col("first_run_ms")).round(0, Default::default()).alias("load_ms"),
            col("parity_cosine").round(6, Default::default()).alias("cosine"),
        ])
        .select(columns)
        .collect()
}
