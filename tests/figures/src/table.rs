//! Aligned Markdown tables. What is in them is not known here.

/// Rows of text under a head.
#[derive(Debug)]
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with this head and no rows.
    #[must_use]
    pub fn new(head: &[&str]) -> Self {
        Self(vec![head.iter().map(|name| (*name).to_owned()).collect()])
    }

    /// Adds a row; as many cells as the head has.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.push(cells.into_iter().collect());
    }

    /// Prints a caption and the table; the first column to the left, all others to the right.
    pub fn print(&self, caption: &str) {
        let columns = self.0.first().map_or(0, Vec::len);
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let widths = (0..columns)
            .map(|column| self.0.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0).max(2))
            .collect::<Vec<_>>();
        println!("\n{caption}{}", if caption.is_empty() { "" } else { "\n" });
        for (index, row) in self.0.iter().enumerate() {
            let line = widths.iter().enumerate().map(|(column, width)| match column {
                0 => format!("{:<width$}", cell(row, column)),
                _ => format!("{:>width$}", cell(row, column)),
            });
            println!("| {} |", line.collect::<Vec<_>>().join(" | "));
            if index == 0 {
                let rule = widths.iter().enumerate().map(|(column, width)| match column {
                    0 => "-".repeat(*width),
                    _ => format!("{}:", "-".repeat(width - 1)),
                });
                println!("| {} |", rule.collect::<Vec<_>>().join(" | "));
            }
        }
    }
}

/// Milliseconds and ratios: three digits that count.
#[must_use]
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// As [`number`]; a dash where the phase did not happen.
#[must_use]
pub fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}
