//! What a head gave, as a table: of text, and of HTML. One file a kind says which columns there are.

mod answers;
mod entities;
mod fills;
mod labels;

use std::fmt::Write;

use console::{Alignment, measure_text_width, pad_str, truncate_str};
use pelago_protocol::Output;

use crate::escape::html as escape;
use crate::paint::printable;

/// Rows that are shown.
const ROWS: usize = 20;
/// Columns of a terminal that a cell takes of text; HTML has all of it.
const WIDTH: usize = 60;

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rows {
    /// What it is of, e.g. `labels of 2 texts`.
    pub(super) what: String,
    /// Names, and whether a column has numbers.
    columns: Vec<(&'static str, bool)>,
    rows: Vec<Vec<String>>,
}

/// The table of what a head gave; `None` for other outputs.
pub(super) fn of(output: &Output) -> Option<Rows> {
    Some(match output {
        Output::Labels(texts) => labels::rows(texts),
        Output::Entities(texts) => entities::rows(texts),
        Output::Fills(texts) => fills::rows(texts),
        Output::Answers(questions) => answers::rows(questions),
        Output::Embeddings { .. } | Output::Texts(_) | Output::Tensors(_) => return None,
    })
}

impl Rows {
    /// Lines of text of one width.
    pub(super) fn lines(&self) -> Vec<String> {
        let cell = |text: &str| {
            let line = printable(text).replace(['\n', '\t'], " ");
            truncate_str(&line, WIDTH, "…").into_owned()
        };
        let shown = self.rows.iter().take(ROWS).map(|row| row.iter().map(|text| cell(text)).collect::<Vec<_>>());
        let shown = shown.collect::<Vec<_>>();
        let widths = self.columns.iter().enumerate().map(|(at, (name, _))| {
            let cells = shown.iter().filter_map(|row| row.get(at)).map(|text| measure_text_width(text));
            cells.chain([name.len()]).max().unwrap_or_default()
        });
        let widths = widths.collect::<Vec<_>>();
        let line = |cells: Vec<&str>| {
            let cells = cells.into_iter().zip(&widths).zip(&self.columns).map(|((text, width), (_, is_number))| {
                let side = if *is_number { Alignment::Right } else { Alignment::Left };
                pad_str(text, *width, side, None).into_owned()
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let mut lines = vec![line(self.columns.iter().map(|(name, _)| *name).collect())];
        lines.extend(shown.iter().map(|row| line(row.iter().map(String::as_str).collect())));
        lines.extend(self.more());
        lines
    }

    /// A table of HTML.
    pub(super) fn html(&self) -> String {
        let mut html = String::from("<table>\n<tr>");
        let side = |is_number: bool| if is_number { "right" } else { "left" };
        // Writing to a String does not fail.
        for (name, is_number) in &self.columns {
            let _ = write!(html, "<th style=\"text-align: {}\">{name}</th>", side(*is_number));
        }
        html.push_str("</tr>\n");
        for row in self.rows.iter().take(ROWS) {
            html.push_str("<tr>");
            for (text, (_, is_number)) in row.iter().zip(&self.columns) {
                let _ = write!(html, "<td style=\"text-align: {}\">{}</td>", side(*is_number), escape(text));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</table>");
        if let Some(more) = self.more() {
            let _ = write!(html, "\n<div>{more}</div>");
        }
        html
    }

    fn more(&self) -> Option<String> {
        let more = self.rows.len().checked_sub(ROWS).filter(|more| *more > 0)?;
        Some(format!("… {more} more {}", if more == 1 { "row" } else { "rows" }))
    }
}

/// A probability.
fn score(score: f64) -> String {
    format!("{score:.6}")
}

/// A text on the first of its rows, so that each is written once.
fn once(text: &str, at: usize) -> String {
    if at == 0 { text.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests;
