//! A table as lines of text, no wider than there is room.

use crate::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement};
use console::{measure_text_width, truncate_str};

use super::columns::{Texts, is_cut};
use super::fit::fit;
use super::shape;

/// Characters of a cell that are looked at: no terminal is wider.
const CHARACTERS: usize = 10_000;

/// How a table is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Columns of text that it may take; none for as many as it needs.
    pub width: Option<usize>,
    /// Whether a line stands between names and types, as Polars draws it.
    pub has_rule: bool,
}

/// A table as text, without a line end, and with a word on what was left out for
/// its width. Cells are on one line each.
#[must_use]
pub fn text(table: &Table, layout: Layout) -> String {
    let columns = table.frame.columns().iter().map(Lines::of).collect::<Vec<_>>();
    let widths = columns.iter().map(Lines::width).collect::<Vec<_>>();
    let fit = fit(&widths, layout.width);
    let hidden = &columns[fit.left..columns.len() - fit.right];
    let left = columns[..fit.left].iter().map(Some);
    let gap = (!hidden.is_empty()).then_some(None);
    let right = columns[columns.len() - fit.right..].iter().map(Some);
    let shown = left.chain(gap).chain(right).collect::<Vec<Option<&Lines>>>();

    let mut drawn = comfy_table::Table::new();
    drawn.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    let cut = |text: &str| truncate_str(text, fit.cell, "…").into_owned();
    let rule = if layout.has_rule { "---\n" } else { "" };
    drawn.set_header(shown.iter().map(|lines| match lines {
        Some(lines) => {
            let text = format!("{}\n{rule}{}", cut(&lines.name), cut(&lines.dtype));
            Cell::new(text).set_alignment(if layout.has_rule { lines.alignment } else { CellAlignment::Left })
        }
        None => Cell::new("…"),
    }));
    let ends = is_cut(table).then_some(table.frame.height() / 2);
    for row in 0..table.frame.height() {
        if ends == Some(row) {
            drawn.add_row(shown.iter().map(|_| "…"));
        }
        drawn.add_row(shown.iter().map(|lines| match lines {
            Some(lines) => Cell::new(cut(&lines.rows[row])).set_alignment(lines.alignment),
            None => Cell::new("…"),
        }));
    }
    let mut text = format!("{}\n{drawn}", folded(&head(table), layout.width.unwrap_or(usize::MAX)));
    if !hidden.is_empty() {
        let names = hidden.iter().map(|lines| lines.name.as_str()).collect::<Vec<_>>().join(", ");
        let note = match hidden.len() {
            1 => format!("1 column does not fit: {names}"),
            many => format!("{many} columns do not fit: {names}"),
        };
        text.push('\n');
        text.push_str(&folded(&note, layout.width.unwrap_or(usize::MAX)));
    }
    text
}

fn head(table: &Table) -> String {
    let half = table.frame.height() / 2;
    let rows =
        if is_cut(table) { format!("; the first {half} and the last {half} rows are shown") } else { String::new() };
    format!("{}{rows}", shape(table))
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

/// A column, each cell on one line.
struct Lines {
    name: String,
    dtype: String,
    rows: Vec<String>,
    alignment: CellAlignment,
}

impl Lines {
    fn of(column: &polars::prelude::Column) -> Self {
        let texts = Texts::of(column, CHARACTERS);
        let null = || "null".to_owned();
        Self {
            name: one_line(&texts.name),
            dtype: texts.dtype,
            rows: texts.rows.into_iter().map(|text| text.map_or_else(null, |text| one_line(&text))).collect(),
            alignment: if texts.is_number { CellAlignment::Right } else { CellAlignment::Left },
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
        '\t' => '→',
        letter if letter.is_control() => '·',
        letter => letter,
    };
    text.chars().map(visible).collect()
}
