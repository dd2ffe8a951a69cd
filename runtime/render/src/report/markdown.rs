//! A report as Markdown.

use pelago_results::reports::{Compared, Summary};

use super::tables::{self, Table};

pub(super) fn page(summary: &Summary) -> String {
    let mut lines = vec![format!("# {}", tables::TITLE), String::new(), escape(&tables::scope(summary)), String::new()];
    for section in tables::sections(summary) {
        lines.extend([format!("## {}", section.title), String::new()]);
        for note in &section.notes {
            lines.extend([escape(note), String::new()]);
        }
        if let Some(table) = &section.table {
            lines.extend([self::table(table), String::new()]);
        }
    }
    lines.join("\n")
}

pub(super) fn compared(compared: &Compared) -> String {
    table(&tables::compared(compared))
}

fn table(table: &Table) -> String {
    let rule = table.head.iter().enumerate().map(|(column, _)| if column < table.words { "---" } else { "---:" });
    let mut lines = vec![row(table.head.iter().map(|cell| (*cell).to_owned())), row(rule.map(str::to_owned))];
    lines.extend(table.rows.iter().map(|cells| row(cells.iter().map(|cell| escape(cell)))));
    lines.join("\n")
}

fn row(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
}

/// Text that neither ends a cell nor is taken for Markdown or HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '&' | '~' | '#' => escaped.extend(['\\', character]),
            character if character.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
