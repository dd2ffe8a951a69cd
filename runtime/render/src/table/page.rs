//! A table as HTML. All style is inline: front ends strip style sheets from a
//! notebook that they do not trust, and have their own for the cells of tables.

use std::fmt::Write;

use crate::Table;

use super::columns::{Texts, is_cut};
use super::shape;
use crate::escape::html as escape;

/// Columns that are shown; a wider table says how many it leaves out.
const COLUMNS: usize = 60;
/// Characters of one cell.
pub(super) const CHARACTERS: usize = 200;

/// Null has a face of its own, also where there are no styles: a text `null` is upright and in quotes.
const NULL: &str = "<i class=\"pelago-null\" style=\"opacity: 0.6\">null</i>";

/// Column names, types, and rows; numbers to the right.
pub(super) fn html(table: &Table) -> String {
    let columns = table.frame.columns();
    let hidden = columns.len().saturating_sub(COLUMNS);
    let shown = columns.iter().take(COLUMNS).map(|column| Texts::of(column, CHARACTERS)).collect::<Vec<_>>();
    // A wide table scrolls within its cell; the page does not.
    let mut html = format!(
        "<div class=\"pelago-table\" style=\"overflow-x: auto; max-width: 100%\"><small>{}</small>\n<table>\n<thead>\n",
        shape(table)
    );
    let has_more = hidden > 0;
    row(&mut html, &shown, has_more, "th", |texts| escape(&texts.name));
    row(&mut html, &shown, has_more, "td", |texts| {
        let unit = texts.unit.map_or(String::new(), |unit| format!("<small>, {unit}</small>"));
        format!("<small>{}</small>{unit}", escape(&texts.dtype))
    });
    html.push_str("</thead>\n<tbody>\n");
    for index in 0..table.frame.height() {
        if is_cut(table) && index == table.frame.height() / 2 {
            row(&mut html, &shown, has_more, "td", |_| "…".to_owned());
        }
        row(&mut html, &shown, has_more, "td", |texts| match &texts.rows[index] {
            Some(text) => escape(text),
            None => NULL.to_owned(),
        });
    }
    html.push_str("</tbody>\n</table>");
    if has_more {
        // Writing to a String does not fail.
        let _ = write!(html, "\n<small>{hidden} more columns: select() those to see</small>");
    }
    html.push_str("</div>");
    html
}

fn row(html: &mut String, shown: &[Texts], has_more: bool, tag: &str, cell: impl Fn(&Texts) -> String) {
    html.push_str("<tr>");
    for texts in shown {
        let side = if texts.is_number { "right" } else { "left" };
        // Runs of blanks and line breaks are the value's own.
        let _ = write!(html, "<{tag} style=\"text-align: {side}; white-space: pre-wrap\">{}</{tag}>", cell(texts));
    }
    html.push_str(if has_more { "<td>…</td></tr>\n" } else { "</tr>\n" });
}
