//! A table whose cells are the darker the less they hold, each column against its
//! own least: models are of different sizes.

use super::canvas::{Anchor, Canvas, short, width};
use super::scale::number;

const CELL: [f64; 2] = [110.0, 34.0];
/// What is this many times the least of its column is the palest.
const PALEST: f64 = 20.0;

#[allow(clippy::cast_precision_loss, reason = "rows and columns are few")]
pub(super) fn heat_map(axis: &str, rows: &[String], columns: &[String], cells: &[Vec<Option<f64>>]) -> Canvas {
    let left = rows.iter().map(|row| width(&short(row))).fold(60.0, f64::max) + 24.0;
    let [wide, high] = CELL;
    let wide = columns.iter().map(|column| width(&short(column)) + 14.0).fold(wide, f64::max);
    let top = 22.0;
    let bottom = top + rows.len() as f64 * high;
    let mut canvas = Canvas::new(left + columns.len() as f64 * wide + 20.0, bottom + 28.0);
    for (index, column) in columns.iter().enumerate() {
        let x = left + (index as f64 + 0.5) * wide;
        canvas.text(x, top - 8.0, Anchor::Middle, "", &short(column));
        let of = |row: &Vec<Option<f64>>| row.get(index).copied().flatten().filter(|value| value.is_finite());
        let least = cells.iter().filter_map(of).fold(f64::INFINITY, f64::min);
        for (line, name) in rows.iter().enumerate() {
            let y = top + line as f64 * high;
            let Some(value) = cells.get(line).and_then(of) else {
                canvas.text(x, y + 21.0, Anchor::Middle, "soft", "–");
                continue;
            };
            let far = if least > 0.0 { ((value / least).ln() / PALEST.ln()).clamp(0.0, 1.0) } else { 0.0 };
            let tip = format!("{name}, {column}: {}", number(value));
            canvas.rect([x - wide / 2.0 + 2.0, y + 2.0], [wide - 4.0, high - 4.0], 0, 0.55 - 0.5 * far, &tip);
            canvas.text(x, y + 21.0, Anchor::Middle, "", &number(value));
        }
    }
    for (line, row) in rows.iter().enumerate() {
        canvas.text(left - 10.0, top + line as f64 * high + 21.0, Anchor::End, "", &short(row));
    }
    canvas.text(14.0, bottom + 18.0, Anchor::Start, "soft", axis);
    canvas
}
