//! A report as HTML: style and pictures within, no script, nothing from outside.

use std::fmt::Write;

use pelago_results::reports::{Compared, Summary};

use super::tables::{self, Table};
use crate::escape::xml as escape;
use crate::plots;

const STYLE: &str = "\
.pelago-report{--ground:#fff;--ink:#1f2328;--soft:#656d76;--line:#d8dee4;--bad:#b3261e;background:var(--ground);color:var(--ink);\
font:14px/1.5 system-ui,sans-serif;padding:1px 24px 24px;max-width:1100px;margin:0 auto}\
@media(prefers-color-scheme:dark){.pelago-report{--ground:#16191d;--ink:#e6edf3;--soft:#9aa4af;--line:#343b43;--bad:#ff8a80}}\
.pelago-report h1{font-size:22px;margin:20px 0 4px}.pelago-report h2{font-size:16px;margin:28px 0 6px}\
.pelago-report p{margin:4px 0}.pelago-report .soft{color:var(--soft)}.pelago-report .bad{color:var(--bad);font-weight:600}\
.pelago-report .scroll{overflow-x:auto;margin:8px 0}\
.pelago-report table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
.pelago-report th,.pelago-report td{padding:4px 12px 4px 0;border-bottom:1px solid var(--line);text-align:left;white-space:nowrap}\
.pelago-report th{color:var(--soft);font-weight:500}.pelago-report .n{text-align:right}\
.pelago-report svg{display:block;margin:12px 0}";

pub(super) fn page(summary: &Summary) -> String {
    document(&fragment(summary))
}

pub(super) fn compared(compared: &Compared) -> String {
    let table = table(&tables::compared(compared));
    document(&format!("<div class=\"pelago-report\"><style>{STYLE}</style><h1>{}</h1>{table}</div>", tables::TITLE))
}

fn document(fragment: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{}</title>\
         <style>body{{margin:0}}@media(prefers-color-scheme:dark){{body{{background:#16191d}}}}</style></head>\n<body>{fragment}</body></html>\n",
        tables::TITLE,
    )
}

pub(super) fn fragment(summary: &Summary) -> String {
    let mut html = format!(
        "<div class=\"pelago-report\"><style>{STYLE}</style><h1>{}</h1>\n<p class=\"soft\">{}</p>\n",
        tables::TITLE,
        escape(&tables::scope(summary))
    );
    // Writing to a String does not fail.
    for chart in summary.charts() {
        let _ = writeln!(html, "{}", plots::svg(&chart));
    }
    for section in tables::sections(summary) {
        let _ = writeln!(html, "<h2>{}</h2>", section.title);
        for note in &section.notes {
            let _ = writeln!(html, "<p class=\"soft\">{}</p>", escape(note));
        }
        if let Some(table) = &section.table {
            html.push_str(&self::table(table));
        }
    }
    html.push_str("</div>");
    html
}

fn table(table: &Table) -> String {
    let class = |column: usize| if column < table.words { "" } else { " class=\"n\"" };
    let mut html = "<div class=\"scroll\"><table><thead><tr>".to_owned();
    for (column, head) in table.head.iter().enumerate() {
        let _ = write!(html, "<th{}>{head}</th>", class(column));
    }
    html.push_str("</tr></thead><tbody>\n");
    for row in &table.rows {
        html.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let is_bad = column < table.words
                && ["BROKEN", "FAILED", "REFUSED", "REGRESSION", "MISSING"].iter().any(|word| cell.starts_with(word));
            let class = if is_bad { " class=\"bad\"" } else { class(column) };
            let _ = write!(html, "<td{class}>{}</td>", escape(cell));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
    html
}
