//! DataFrames as they were drawn: in what a cell printed, as Polars draws them, and
//! in the HTML of an older Pelago, which stored no data beside it. They are compared
//! cell by cell, the text around them word by word.

use std::collections::BTreeMap;

use super::Column;
use super::face;
use super::numbers::Tolerance;
use super::text;

/// Differences that a person is shown of one text.
const SHOWN: usize = 20;

/// How the HTML of a DataFrame begins, whatever its style.
const HTML: &str = "<div class=\"pelago-table\"";

/// A stretch of a text.
#[derive(Debug, PartialEq)]
enum Part<'a> {
    Lines(Vec<&'a str>),
    Table(Table),
}

#[derive(Debug, Default, PartialEq)]
struct Table {
    /// Names, joined where they were wrapped.
    names: Vec<String>,
    /// What stands below the names: the types.
    types: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Whether a text is a DataFrame in HTML.
pub(super) fn is_html(text: &str) -> bool {
    text.starts_with(HTML)
}

/// What differs between two texts, one line a difference; `None` where all numbers are
/// close, or the same where there is no tolerance.
pub(super) fn differences(
    stored: &str,
    new: &str,
    tolerance: Option<Tolerance>,
    columns: &BTreeMap<String, Column>,
) -> Option<String> {
    let (before, now) = (parts(stored), parts(new));
    let alike = |(before, now): (&Part<'_>, &Part<'_>)| match (before, now) {
        (Part::Lines(_), Part::Lines(_)) => true,
        (Part::Table(before), Part::Table(now)) => {
            before.names == now.names && before.types == now.types && before.rows.len() == now.rows.len()
        }
        _ => false,
    };
    if before.len() != now.len() || !before.iter().zip(&now).all(alike) {
        return Some(format!("the text differs\n{}", text::diff(stored, new)));
    }
    let found = before.iter().zip(&now).flat_map(|pair| match pair {
        (Part::Table(before), Part::Table(now)) => before.differences(now, tolerance, columns),
        (Part::Lines(before), Part::Lines(now)) => lines(before, now, tolerance),
        _ => Vec::new(),
    });
    listed(&found.collect::<Vec<_>>())
}

/// Differences as one text: the first of them, and how many there are.
pub(super) fn listed(found: &[String]) -> Option<String> {
    let more = found.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("\n  … and {more} more") } else { String::new() };
    match found {
        [] => None,
        [one] => Some(one.clone()),
        all => Some(format!("{} values differ\n  {}{more}", all.len(), all[..all.len().min(SHOWN)].join("\n  "))),
    }
}

fn lines(stored: &[&str], new: &[&str], tolerance: Option<Tolerance>) -> Vec<String> {
    // How many rows there are is no measured number.
    let shape = |lines: &[&str]| {
        lines.iter().filter(|line| line.starts_with("shape: (")).copied().collect::<Vec<_>>().join(", ")
    };
    let (before, now) = (shape(stored), shape(new));
    if before != now {
        return vec![format!("stored {before}, now {now}")];
    }
    let (before, now) = (stored.join("\n"), new.join("\n"));
    match tolerance {
        Some(tolerance) => tolerance.differences(&before, &now),
        None if before == now => Vec::new(),
        None => vec![format!("the text differs\n{}", text::diff(&before, &now))],
    }
}

impl Table {
    fn differences(&self, now: &Self, tolerance: Option<Tolerance>, columns: &BTreeMap<String, Column>) -> Vec<String> {
        let mut found = Vec::new();
        for (row, (before, now)) in self.rows.iter().zip(&now.rows).enumerate() {
            for ((name, before), now) in self.names.iter().zip(before).zip(now) {
                let differences = match columns.get(name) {
                    Some(Column::Skip(_)) => continue,
                    Some(Column::Matching(rule)) if rule.pattern.is_all_of(now) => continue,
                    Some(Column::Matching(rule)) => vec![format!("{now} does not match {}", rule.pattern.0)],
                    _ if face::is_same(before, now) => continue,
                    Some(Column::Tolerance(own)) => own.differences(before, now),
                    None => match tolerance {
                        Some(tolerance) => tolerance.differences(before, now),
                        None => vec![format!("stored {before}, now {now}")],
                    },
                };
                found.extend(differences.into_iter().map(|what| format!("row {}, column {name}: {what}", row + 1)));
            }
        }
        found
    }
}

fn parts(text: &str) -> Vec<Part<'_>> {
    if is_html(text) {
        return html(text);
    }
    let mut parts = Vec::new();
    let mut table = Vec::new();
    for line in text.lines() {
        let is_table = line.starts_with(['┌', '│', '╞', '└', '├']);
        if is_table {
            table.push(line);
            continue;
        }
        parts.extend(read(&std::mem::take(&mut table)));
        match parts.last_mut() {
            Some(Part::Lines(lines)) => lines.push(line),
            _ => parts.push(Part::Lines(vec![line])),
        }
    }
    parts.extend(read(&table));
    parts
}

fn read<'a>(lines: &[&str]) -> Option<Part<'a>> {
    let mut table = Table::default();
    let mut place = Place::Names;
    for line in lines {
        let Some(inner) = line.strip_prefix('│') else {
            if line.starts_with('╞') {
                place = Place::Rows;
            }
            continue;
        };
        let cells = inner.trim_end_matches('│').split('┆').map(|cell| cell.trim().to_owned());
        let cells = cells.collect::<Vec<_>>();
        match place {
            Place::Names if cells.iter().all(|cell| *cell == "---") => place = Place::Types,
            Place::Names => {
                table.names.resize(cells.len(), String::new());
                table.names.iter_mut().zip(&cells).for_each(|(name, part)| name.push_str(part));
            }
            Place::Types => table.types.extend(cells),
            Place::Rows => table.rows.push(cells),
        }
    }
    (!lines.is_empty()).then_some(Part::Table(table))
}

/// The table in a DataFrame's HTML, below the line of its shape.
fn html(text: &str) -> Vec<Part<'_>> {
    let shape = between(text, "<small>", "</small>").unwrap_or_default();
    let mut rows = text.split("<tr>").skip(1).map(|row| {
        // What a cell holds is escaped: each `<` is a tag's.
        let cells = row.split("</tr>").next().unwrap_or_default().split("</t");
        cells.filter_map(|cell| Some(plain(cell.split_once("<t")?.1.split_once('>')?.1))).collect::<Vec<_>>()
    });
    let (names, types) = (rows.next().unwrap_or_default(), rows.next().unwrap_or_default());
    vec![Part::Lines(vec![shape]), Part::Table(Table { names, types, rows: rows.collect() })]
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(start)?.1.split_once(end)?.0)
}

/// The text of a cell of a table: of a type, without the unit behind it; of a number,
/// without the spaces between its thousands.
fn plain(html: &str) -> String {
    let inner = html.strip_prefix("<small>").and_then(|rest| rest.split("</small>").next()).unwrap_or(html);
    if inner.starts_with("<i ") {
        return "null".to_owned();
    }
    let inner = inner.replace('\u{202f}', "");
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    entities.iter().fold(inner, |text, (entity, character)| text.replace(entity, character))
}

#[derive(Clone, Copy)]
enum Place {
    Names,
    Types,
    Rows,
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use pelago_render::{Shown, Table as ShownTable};
    use polars::df;
    use serde_json::json;

    use super::*;

    fn frame(browser: &[&str], seconds: &[Option<f64>]) -> String {
        df!("browser" => browser, "a long name of seconds" => seconds).unwrap().to_string()
    }

    fn check(stored: &str, new: &str, columns: serde_json::Value, expected: &Expect) {
        let columns = serde_json::from_value(columns).unwrap();
        let tolerance = Tolerance::new(Some(0.1), None).ok();
        expected.assert_eq(&differences(stored, new, tolerance, &columns).unwrap_or_default());
    }

    #[test]
    fn cells_are_compared_whatever_their_width() {
        let stored = frame(&["chrome", "firefox"], &[Some(1.0), Some(20.0)]);
        check(&stored, &frame(&["chrome", "firefox"], &[Some(1.0123456), Some(19.5)]), json!({}), &expect![[""]]);
        check(
            &stored,
            &frame(&["edge", "firefox"], &[Some(1.0), None]),
            json!({}),
            &expect![[r#"
            2 values differ
              row 1, column browser: stored chrome, now edge
              row 2, column a long name of seconds: stored 20.0, now null"#]],
        );
    }

    #[test]
    fn the_html_of_a_frame_has_the_same_cells() {
        let frame = df!("<b>" => ["a & 'b'"], "run_ms" => [Some(12_345.678_9)], "t" => [None::<i32>]).unwrap();
        let shown = Shown::Table(ShownTable::of(&frame));
        let html = pelago_render::bundle(&shown)["text/html"].as_str().unwrap().to_owned();
        let table = Table {
            names: ["<b>", "run_ms", "t"].map(str::to_owned).into(),
            types: ["str", "f64", "i32"].map(str::to_owned).into(),
            rows: vec![["a & 'b'", "12345.6789", "null"].map(str::to_owned).into()],
        };
        assert!(is_html(&html));
        assert_eq!(parts(&html), [Part::Lines(vec!["shape: (1, 3)"]), Part::Table(table)]);
    }

    #[test]
    fn columns_have_their_own_rules() {
        let stored = frame(&["chrome"], &[Some(1.0)]);
        let new = frame(&["edge"], &[Some(2.0)]);
        check(&stored, &new, json!({ "browser": "skip", "a long name of seconds": { "rel": 1.0 } }), &expect![[""]]);
        check(
            &stored,
            &new,
            json!({ "browser": { "pattern": "chrome|firefox" }, "a long name of seconds": "skip" }),
            &expect!["row 1, column browser: edge does not match chrome|firefox"],
        );
    }

    #[test]
    fn other_rows_or_columns_are_told_as_a_whole() {
        let stored = frame(&["chrome"], &[Some(1.0)]);
        let longer = frame(&["chrome", "edge"], &[Some(1.0), Some(1.0)]);
        let tolerance = Some(Tolerance::default());
        assert!(differences(&stored, &longer, tolerance, &BTreeMap::new()).unwrap().starts_with("the text differs\n"));
        let renamed = stored.replace("browser", "product");
        assert!(differences(&stored, &renamed, tolerance, &BTreeMap::new()).is_some());
    }

    #[test]
    fn the_text_around_is_compared_by_words() {
        check("cosine 0.99 of 1\n", "cosine   0.98 of 1\n", json!({}), &expect![[""]]);
        check(
            "cosine 0.99 of 1\n",
            "cosine 0.5 of 2\n",
            json!({}),
            &expect![[r#"
            2 values differ
              stored 0.99, now 0.5: 4.900e-1 apart, 9.900e-2 allowed
              stored 1, now 2: 1.000e0 apart, 1.000e-1 allowed"#]],
        );
        check("shape: (10, 2)\n", "shape: (11, 2)\n", json!({}), &expect!["stored shape: (10, 2), now shape: (11, 2)"]);
    }
}
