//! DataFrames as text, no wider than the terminal.

use std::io::IsTerminal;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement};
use console::{measure_text_width, truncate_str};
use pelago_protocol::SweepRow;
use pelago_runtime::interpreter::Table;
use pelago_runtime::results::Results;
use pelago_runtime::session::SessionError;
use polars::prelude::{Column, DataFrame, NamedFrom, PolarsResult, Series};

use super::fit::fit;

/// The columns of a run that fit a terminal, and those made from others below.
/// `--json` and `pelago history --sql` have all.
const AS_THEY_ARE: &[&str] = &["platform", "is_real_hardware", "warm"];

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

/// A table as text, without a line end: no wider than `width`, where there is
/// one, and with a word on what was left out for it. Cells are on one line each.
pub(crate) fn fitted(table: &Table, width: Option<usize>) -> String {
    let columns = table.frame.columns().iter().map(Texts::of).collect::<Vec<_>>();
    let widths = columns.iter().map(Texts::width).collect::<Vec<_>>();
    let fit = fit(&widths, width);
    let hidden = &columns[fit.left..columns.len() - fit.right];
    let left = columns[..fit.left].iter().map(Some);
    let gap = (!hidden.is_empty()).then_some(None);
    let right = columns[columns.len() - fit.right..].iter().map(Some);
    let shown = left.chain(gap).chain(right).collect::<Vec<Option<&Texts>>>();

    let mut drawn = comfy_table::Table::new();
    drawn.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    let cut = |text: &str| truncate_str(text, fit.cell, "…").into_owned();
    let head = |texts: &Texts| format!("{}\n{}", cut(&texts.name), cut(&texts.dtype));
    drawn.set_header(shown.iter().map(|texts| texts.map_or_else(|| "…".to_owned(), head)));
    let ends = (table.height > table.frame.height()).then_some(table.frame.height() / 2);
    for row in 0..table.frame.height() {
        if ends == Some(row) {
            drawn.add_row(shown.iter().map(|_| "…"));
        }
        drawn.add_row(shown.iter().map(|texts| match texts {
            Some(texts) => Cell::new(cut(&texts.rows[row])).set_alignment(texts.alignment),
            None => Cell::new("…"),
        }));
    }
    let mut text = format!("shape: ({}, {})\n{drawn}", table.height, table.frame.width());
    if !hidden.is_empty() {
        let names = hidden.iter().map(|texts| texts.name.as_str()).collect::<Vec<_>>().join(", ");
        let note = match hidden.len() {
            1 => format!("1 column does not fit: {names}"),
            many => format!("{many} columns do not fit: {names}"),
        };
        text.push('\n');
        text.push_str(&folded(&note, width.unwrap_or(usize::MAX)));
    }
    text
}

/// Words on lines no longer than `width`; a longer word is cut.
fn folded(text: &str, width: usize) -> String {
    let mut folded = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let word = truncate_str(word, width, "…");
        let taken = measure_text_width(&word);
        if column > 0 {
            let fits = column + 1 + taken <= width;
            folded.push(if fits { ' ' } else { '\n' });
            column = if fits { column + 1 } else { 0 };
        }
        folded.push_str(&word);
        column += taken;
    }
    folded
}

/// A column as text, each cell on one line.
struct Texts {
    name: String,
    dtype: String,
    rows: Vec<String>,
    alignment: CellAlignment,
}

impl Texts {
    fn of(column: &Column) -> Self {
        let series = column.as_materialized_series();
        // An index below the length has a value: the fallback is never used.
        let rows = (0..series.len()).map(|row| one_line(&series.str_value(row).unwrap_or_default())).collect();
        let numeric = column.dtype().is_primitive_numeric();
        Self {
            name: one_line(column.name()),
            dtype: column.dtype().to_string(),
            rows,
            alignment: if numeric { CellAlignment::Right } else { CellAlignment::Left },
        }
    }

    /// Columns of text of the widest cell.
    fn width(&self) -> usize {
        let cells = self.rows.iter().chain([&self.name, &self.dtype]);
        cells.map(|text| measure_text_width(text)).max().unwrap_or_default()
    }
}

/// Text in which nothing moves the cursor.
fn one_line(text: &str) -> String {
    let visible = |letter: char| match letter {
        '\n' => '↵',
        letter if letter.is_control() => '·',
        letter => letter,
    };
    text.chars().map(visible).collect()
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
    use expect_test::{Expect, expect};
    use polars::prelude::df;

    use super::*;

    fn check(table: &Table, width: Option<usize>, expected: Expect) {
        let text = fitted(table, width);
        if let Some(width) = width {
            assert!(text.lines().all(|line| measure_text_width(line) <= width), "{text}");
        }
        expected.assert_eq(&text);
    }

    fn runs() -> Table {
        let frame = df![
            "browser" => ["firefox", "chrome"],
            "reason" => [Some("the adapter is a software one, by its own word, and so is the other"), None],
            "time" => [1.5, 22.25],
            "warm" => [true, false],
        ];
        Table::of(&frame.unwrap())
    }

    #[test]
    fn a_pipe_gets_everything() {
        check(
            &runs(),
            None,
            expect![[r#"
            shape: (2, 4)
            ┌─────────┬─────────────────────────────────────────────────────────────────────┬───────┬───────┐
            │ browser ┆ reason                                                              ┆ time  ┆ warm  │
            │ str     ┆ str                                                                 ┆ f64   ┆ bool  │
            ╞═════════╪═════════════════════════════════════════════════════════════════════╪═══════╪═══════╡
            │ firefox ┆ the adapter is a software one, by its own word, and so is the other ┆   1.5 ┆ true  │
            │ chrome  ┆ null                                                                ┆ 22.25 ┆ false │
            └─────────┴─────────────────────────────────────────────────────────────────────┴───────┴───────┘"#]],
        );
    }

    #[test]
    fn a_terminal_gets_what_fits() {
        check(
            &runs(),
            Some(70),
            expect![[r#"
            shape: (2, 4)
            ┌─────────┬──────────────────────────────────────────┬───────┬───────┐
            │ browser ┆ reason                                   ┆ time  ┆ warm  │
            │ str     ┆ str                                      ┆ f64   ┆ bool  │
            ╞═════════╪══════════════════════════════════════════╪═══════╪═══════╡
            │ firefox ┆ the adapter is a software one, by its o… ┆   1.5 ┆ true  │
            │ chrome  ┆ null                                     ┆ 22.25 ┆ false │
            └─────────┴──────────────────────────────────────────┴───────┴───────┘"#]],
        );
        check(
            &runs(),
            Some(40),
            expect![[r#"
            shape: (2, 4)
            ┌─────────┬───┬───────┐
            │ browser ┆ … ┆ warm  │
            │ str     ┆   ┆ bool  │
            ╞═════════╪═══╪═══════╡
            │ firefox ┆ … ┆ true  │
            │ chrome  ┆ … ┆ false │
            └─────────┴───┴───────┘
            2 columns do not fit: reason, time"#]],
        );
        check(
            &runs(),
            Some(16),
            expect![[r#"
                shape: (2, 4)
                ┌─────────┬───┐
                │ browser ┆ … │
                │ str     ┆   │
                ╞═════════╪═══╡
                │ firefox ┆ … │
                │ chrome  ┆ … │
                └─────────┴───┘
                3 columns do not
                fit: reason,
                time, warm"#]],
        );
    }

    #[test]
    fn nothing_in_a_cell_moves_the_cursor() {
        let frame = df!["a\nb" => ["1\n2\u{1b}[2J", "日本"]].unwrap();
        check(
            &Table::of(&frame),
            Some(80),
            expect![[r#"
            shape: (2, 1)
            ┌─────────┐
            │ a↵b     │
            │ str     │
            ╞═════════╡
            │ 1↵2·[2J │
            │ 日本    │
            └─────────┘"#]],
        );
    }

    #[test]
    fn of_a_long_one_both_ends_are_shown() {
        let frame = df!["n" => (0..1000).collect::<Vec<i32>>()].unwrap();
        let text = fitted(&Table::of(&frame), Some(80));
        let lines = text.lines().collect::<Vec<_>>();
        assert_eq!(lines[0], "shape: (1000, 1)");
        assert_eq!((lines[5], lines[34], lines[35], lines[36]), ("│   0 │", "│  29 │", "│ …   │", "│ 970 │"));
    }

    #[test]
    fn a_sweep_has_its_columns() {
        assert_eq!(sweep(&[]).unwrap().width(), 14);
    }

    #[test]
    fn empty_frames_have_a_head() {
        let frame = df!["n" => Vec::<i32>::new()].unwrap();
        check(
            &Table::of(&frame),
            Some(80),
            expect![[r#"
            shape: (0, 1)
            ┌─────┐
            │ n   │
            │ i32 │
            ╞═════╡
            └─────┘"#]],
        );
        check(
            &Table::of(&DataFrame::empty()),
            Some(80),
            expect![[r#"
            shape: (0, 0)
            ┌┐
            ╞╡
            └┘"#]],
        );
    }
}
