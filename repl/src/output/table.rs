//! DataFrames as text, no wider than the terminal.

use std::io::IsTerminal;

use pelago_protocol::SweepRow;
use pelago_results::Results;
use pelago_session::SessionError;
use polars::prelude::{Column, DataFrame, NamedFrom, PolarsResult, Series};

/// The columns of a run that fit a terminal, and those made from others below.
/// `--json` and `pelago history --sql` have all.
const AS_THEY_ARE: &[&str] = &["graph", "platform", "is_real_hardware", "warm"];

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

/// The columns of a run that answer: where, on what, how fast, how exact.
pub(crate) fn summary(frame: &DataFrame) -> PolarsResult<DataFrame> {
    let mut columns = vec![frame.column("browser_product")?.clone().with_name("product".into())];
    columns.extend(AS_THEY_ARE.iter().map(|name| frame.column(name).cloned()).collect::<PolarsResult<Vec<_>>>()?);
    columns.push(nodes(frame)?);
    columns.push(scaled(frame, "processing_time", 1000.0, 2, "processing_ms")?);
    columns.push(scaled(frame, "total_time", 1000.0, 2, "total_ms")?);
    columns.push(scaled(frame, "fetch_ms", 1.0, 0, "fetch_ms")?);
    columns.push(scaled(frame, "compile_ms", 1.0, 0, "compile_ms")?);
    columns.push(scaled(frame, "parity_cosine", 1.0, 6, "cosine")?);
    DataFrame::new(frame.height(), columns)
}

/// The columns of a sweep that fit a terminal.
pub(crate) fn sweep(rows: &[SweepRow]) -> Result<DataFrame, SessionError> {
    let frame = Results::sweep_frame(rows)?;
    let column = |name: &str| frame.column(name).cloned();
    let interval = rows.iter().map(|row| Some(format!("{:.2}…{:.2}", row.speedup_low?, row.speedup_high?)));
    let columns = vec![
        column("browser_product")?.with_name("product".into()),
        column("platform")?,
        column("precision")?,
        column("mixed_precision")?.with_name("mixed".into()),
        column("outcome")?,
        scaled(&frame, "p50_ms", 1.0, 2, "p50_ms")?,
        scaled(&frame, "p90_ms", 1.0, 2, "p90_ms")?,
        scaled(&frame, "speedup", 1.0, 2, "speedup")?,
        Series::new("interval".into(), interval.collect::<Vec<_>>()).into(),
        scaled(&frame, "compile_ms", 1.0, 0, "compile_ms")?,
        scaled(&frame, "memory_usage_mb", 1.0, 1, "memory_mb")?,
        Series::new("size_mb".into(), rows.iter().map(|row| Some(megabytes(row.model_bytes?))).collect::<Vec<_>>())
            .into(),
        scaled(&frame, "parity_cosine", 1.0, 6, "cosine")?,
        column("parity_verdict")?.with_name("verdict".into()),
    ];
    Ok(DataFrame::new(frame.height(), columns)?)
}

/// MB, to two places.
fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / 1e4).round() / 100.0
}

/// `218/218`: nodes on the provider that was asked for, of all nodes.
fn nodes(frame: &DataFrame) -> PolarsResult<Column> {
    let (on, all) = (frame.column("nodes_on_provider")?.u32()?, frame.column("nodes_total")?.u32()?);
    let text = on.iter().zip(all.iter()).map(|(on, all)| Some(format!("{}/{}", on?, all?)));
    Ok(Series::new("nodes".into(), text.collect::<Vec<_>>()).into())
}

/// A column in another unit, rounded for people.
fn scaled(frame: &DataFrame, name: &str, factor: f64, digits: i32, new_name: &str) -> PolarsResult<Column> {
    let ten = 10_f64.powi(digits);
    let values = frame.column(name)?.f64()?.iter();
    let rounded = values.map(|value| Some((value? * factor * ten).round() / ten));
    Ok(Series::new(new_name.into(), rounded.collect::<Vec<_>>()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_has_its_columns() {
        assert_eq!(sweep(&[]).unwrap().width(), 14);
    }
}
