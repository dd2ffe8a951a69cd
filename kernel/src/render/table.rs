//! A DataFrame as text and as an HTML table. Of a long one, both ends.

use std::fmt::Write;

use pelago_runtime::interpreter::Table;
use polars::prelude::{AnyValue, Column};

use super::html::escape;
use super::number::{float, grouped, spaced};

/// Columns that an HTML table shows; a wider one says how many it leaves out.
const COLUMNS: usize = 60;
/// Characters of one cell.
const CHARACTERS: usize = 200;

/// As Polars draws it, with the shape of the whole frame.
pub(super) fn plain(table: &Table) -> String {
    let text = table.frame.to_string();
    let Some((_, drawn)) = text.split_once('\n') else { return text };
    let left_out = if table.is_cut() {
        format!("; the first {0} and the last {0} rows are shown", Table::ROWS / 2)
    } else {
        String::new()
    };
    format!("{}{left_out}\n{drawn}", shape(table))
}

/// Column names, types, and rows; numbers to the right.
pub(super) fn html(table: &Table) -> String {
    let columns = table.frame.columns();
    let (shown, hidden) = columns.split_at(columns.len().min(COLUMNS));
    // A wide table scrolls within its cell; the page does not.
    let mut html = format!(
        "<div class=\"pelago-table\" style=\"overflow-x: auto; max-width: 100%\"><small>{}</small>\n<table>\n<thead>\n",
        shape(table)
    );
    row(&mut html, shown, hidden, |column| format!("<th{}>{}</th>", align(column), escape(column.name())));
    row(&mut html, shown, hidden, |column| {
        let unit = unit(column).map_or(String::new(), |unit| format!("<small>, {unit}</small>"));
        format!("<td{}><small>{}</small>{unit}</td>", align(column), escape(&column.dtype().to_string()))
    });
    html.push_str("</thead>\n<tbody>\n");
    for index in 0..table.frame.height() {
        if table.is_cut() && index == Table::ROWS / 2 {
            row(&mut html, shown, hidden, |column| format!("<td{}>…</td>", align(column)));
        }
        row(&mut html, shown, hidden, |column| format!("<td{}>{}</td>", align(column), escape(&cell(column, index))));
    }
    html.push_str("</tbody>\n</table>");
    if !hidden.is_empty() {
        // Writing to a String does not fail.
        let _ = write!(html, "\n<small>{} more columns: select() those to see</small>", hidden.len());
    }
    html.push_str("</div>");
    html
}

/// `shape: (rows, columns)` of the whole frame.
fn shape(table: &Table) -> String {
    format!("shape: ({}, {})", grouped(table.height), grouped(table.frame.width()))
}

fn row(html: &mut String, shown: &[Column], hidden: &[Column], cell: impl Fn(&Column) -> String) {
    html.push_str("<tr>");
    shown.iter().for_each(|column| html.push_str(&cell(column)));
    if !hidden.is_empty() {
        html.push_str("<td>…</td>");
    }
    html.push_str("</tr>\n");
}

/// Inline, since front ends strip style sheets from a notebook they do not trust.
fn align(column: &Column) -> &'static str {
    if column.dtype().is_numeric() { " style=\"text-align: right\"" } else { " style=\"text-align: left\"" }
}

fn cell(column: &Column, index: usize) -> String {
    let text = match column.get(index) {
        Ok(AnyValue::String(text)) => text.to_owned(),
        Ok(AnyValue::StringOwned(text)) => text.to_string(),
        Ok(AnyValue::Float64(value)) => float(value),
        Ok(AnyValue::Float32(value)) => float(value.into()),
        Ok(value) if value.is_integer() => spaced(&value.to_string()),
        Ok(value) => value.to_string(),
        Err(_) => String::new(),
    };
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The unit that a column of figures has by the names that Pelago gives: those of the
/// tables in `docs/results.md`. What a user called otherwise has none.
fn unit(column: &Column) -> Option<&'static str> {
    let name = column.name().as_str();
    if !column.dtype().is_primitive_numeric() {
        return None;
    }
    match name {
        "processing_time" | "total_time" => return Some("s"),
        "ipfs_load_time" => return Some("ms"),
        "bytes" | "model_bytes" => return Some("B"),
        "rate" => return Some("B/s"),
        _ => {}
    }
    let units = [("_ms", "ms"), ("_mb", "MiB"), ("_per_sec", "1/s"), ("_bytes", "B")];
    let by_end = units.iter().find(|(end, _)| name.ends_with(end)).map(|(_, unit)| *unit);
    by_end.or_else(|| name.starts_with("bytes_").then_some("B"))
}

/// Whether rows between the two ends are missing.
trait Cut {
    fn is_cut(&self) -> bool;
}

impl Cut for Table {
    fn is_cut(&self) -> bool {
        self.height > self.frame.height()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use polars::df;
    use polars::prelude::DataFrame;

    use super::*;

    fn check(frame: &DataFrame, expected: &Expect) {
        expected.assert_eq(&html(&Table::of(frame)));
    }

    #[test]
    fn names_and_values_are_escaped_and_numbers_stand_right() {
        let frame = df! {
            "<b>" => ["a & b", "<script>alert('x')</script>"],
            "ms" => [Some(1.5), None],
            "warm" => [true, false],
        };
        check(
            &frame.unwrap(),
            &expect![[r#"
                <div class="pelago-table" style="overflow-x: auto; max-width: 100%"><small>shape: (2, 3)</small>
                <table>
                <thead>
                <tr><th style="text-align: left">&lt;b&gt;</th><th style="text-align: right">ms</th><th style="text-align: left">warm</th></tr>
                <tr><td style="text-align: left"><small>str</small></td><td style="text-align: right"><small>f64</small></td><td style="text-align: left"><small>bool</small></td></tr>
                </thead>
                <tbody>
                <tr><td style="text-align: left">a &amp; b</td><td style="text-align: right">1.5</td><td style="text-align: left">true</td></tr>
                <tr><td style="text-align: left">&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;</td><td style="text-align: right">null</td><td style="text-align: left">false</td></tr>
                </tbody>
                </table></div>"#]],
        );
    }

    #[test]
    fn heads_have_units_and_figures_are_short() {
        let frame = df! {
            "run_ms" => [12.345_678_9],
            "memory_usage_mb" => [Some(250.0)],
            "processing_time" => [0.026_f32],
            "bytes_disk" => [90_868_376_u64],
            "name_ms" => ["text"],
        };
        let html = html(&Table::of(&frame.unwrap()));
        for expected in [
            "<small>f64</small><small>, ms<",
            ">12.3457<",
            "<small>f64</small><small>, MiB<",
            ">250<",
            "<small>f32</small><small>, s<",
            ">0.026<",
            "<small>u64</small><small>, B<",
            "<small>str<",
        ] {
            assert!(html.contains(expected), "{expected} in {html}");
        }
        assert!(html.contains(">90\u{202f}868\u{202f}376<") && html.contains("overflow-x: auto"), "{html}");
    }

    #[test]
    fn a_long_frame_shows_both_ends_and_its_whole_shape() {
        let table = Table::of(&df! { "n" => (0..1000).collect::<Vec<i32>>() }.unwrap());
        let html = html(&table);
        assert!(html.contains("shape: (1_000, 1)"), "{html}");
        assert_eq!(html.matches("<tr>").count(), 2 + Table::ROWS + 1);
        let (head, tail) = html.split_once(">…<").unwrap();
        assert!(head.contains(">29<") && !head.contains(">30<"), "{head}");
        assert!(tail.contains(">970<") && !tail.contains(">969<"), "{tail}");
        let plain = plain(&table);
        assert!(plain.starts_with("shape: (1_000, 1); the first 30 and the last 30 rows are shown\n"), "{plain}");
    }

    #[test]
    fn empty_wide_and_long_values_are_told() {
        check(
            &DataFrame::empty(),
            &expect![[r#"
                <div class="pelago-table" style="overflow-x: auto; max-width: 100%"><small>shape: (0, 0)</small>
                <table>
                <thead>
                <tr></tr>
                <tr></tr>
                </thead>
                <tbody>
                </tbody>
                </table></div>"#]],
        );
        let columns = (0..100).map(|index| Column::new(format!("c{index}").into(), [index])).collect();
        let wide = html(&Table::of(&DataFrame::new(1, columns).unwrap()));
        assert!(wide.contains("40 more columns"), "{wide}");
        let long = html(&Table::of(&df! { "s" => ["ä".repeat(1000)] }.unwrap()));
        assert!(long.contains(&format!(">{}…<", "ä".repeat(CHARACTERS))), "{long}");
    }
}
