//! Charts in a terminal: bars, dots and shades of Unicode, no wider than it is.

use console::{measure_text_width, truncate_str};
use pelago_protocol::chart::{Bar, Chart, Figure, Lane, Point};

use crate::paint::{Ink, Paint};

/// Columns where nobody says how many there are.
const WIDTH: usize = 100;
/// Columns of a label at most.
const LABEL: usize = 40;
/// Columns of a bar at least, however narrow the terminal is.
const LEAST: usize = 8;
/// Lines of a scatter.
const HEIGHT: usize = 14;
/// Colours of groups, in the order of their first mark.
const INKS: [Ink; 6] = [Ink::Call, Ink::Type, Ink::Literal, Ink::Keyword, Ink::Number, Ink::Dim];
/// Where there are no colours, groups differ by these.
const LETTERS: [char; 6] = ['●', '▲', '■', '◆', '○', '△'];
/// Fillings of a waterfall's spans.
const FILLS: [char; 4] = ['█', '▓', '▒', '░'];

/// The chart as lines, without a line end.
pub(crate) fn text(chart: &Chart, width: Option<usize>, paint: Paint) -> String {
    let width = width.unwrap_or(WIDTH);
    let mut lines = vec![clean(&chart.title)];
    match &chart.figure {
        Figure::Bars { axis, bars } => {
            lines.extend(self::bars(bars, width, paint));
            lines.push(paint.text(Ink::Dim, &clean(axis)));
        }
        Figure::Waterfall { axis, lanes } => lines.extend(waterfall(axis, lanes, width, paint)),
        Figure::Scatter { x_axis, y_axis, points } => lines.extend(scatter([x_axis, y_axis], points, width, paint)),
        Figure::HeatMap { axis, rows, columns, cells } => {
            lines.extend(heat_map(rows, columns, cells));
            lines.push(paint.text(Ink::Dim, &clean(axis)));
        }
    }
    lines.iter().map(|line| truncate_str(line, width, "…").into_owned()).collect::<Vec<_>>().join("\n")
}

/// One line: the highest of eight bars for the largest value. What is not finite is blank.
pub(crate) fn sparkline(values: &[f64]) -> String {
    let most = values.iter().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let bar = |value: &f64| match eighths(*value, most, 8) {
        _ if !value.is_finite() => ' ',
        eighths => char::from_u32(0x2580 + u32::try_from(eighths.clamp(1, 8)).unwrap_or(1)).unwrap_or(' '),
    };
    values.iter().map(bar).collect()
}

fn bars(bars: &[Bar], width: usize, paint: Paint) -> Vec<String> {
    let labels = labels(bars.iter().map(|bar| bar.label.as_str()));
    let numbers: Vec<String> = bars.iter().map(|bar| number(bar.value)).collect();
    let beside = label_width(&labels) + numbers.iter().map(String::len).max().unwrap_or_default() + 3;
    let room = width.saturating_sub(beside).max(LEAST);
    let most = bars.iter().map(|bar| bar.value).filter(|value| value.is_finite()).fold(0.0, f64::max);
    let names = groups(bars.iter().map(|bar| bar.group.as_str()));
    let lines = bars.iter().zip(&labels).zip(&numbers).map(|((bar, label), number)| {
        let eighths = eighths(bar.value, most, room * 8);
        let mut length = "█".repeat(eighths / 8);
        length.extend((!eighths.is_multiple_of(8)).then(|| ['▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8 - 1]));
        format!("{label}  {} {number}", paint.text(ink(&names, &bar.group), &length))
    });
    lines.collect()
}

fn waterfall(axis: &str, lanes: &[Lane], width: usize, paint: Paint) -> Vec<String> {
    let labels = labels(lanes.iter().map(|lane| lane.label.as_str()));
    let total =
        |lane: &Lane| lane.spans.iter().map(|span| span.length).filter(|length| length.is_finite()).sum::<f64>();
    let most = lanes.iter().map(total).fold(0.0, f64::max);
    let room = width.saturating_sub(label_width(&labels) + 11).max(LEAST);
    let names = groups(lanes.iter().flat_map(|lane| lane.spans.iter().map(|span| span.name.as_str())));
    let fill = |name: &str| FILLS[names.iter().position(|known| *known == name).unwrap_or_default() % FILLS.len()];
    let mut lines: Vec<String> = Vec::new();
    for (lane, label) in lanes.iter().zip(&labels) {
        let (mut drawn, mut begin, mut column) = (String::new(), 0.0, 0);
        for span in lane.spans.iter().filter(|span| span.length.is_finite()) {
            begin += span.length;
            let end = eighths(begin, most, room);
            let length = fill(&span.name).to_string().repeat(end.saturating_sub(column));
            drawn.push_str(&paint.text(ink(&names, &span.name), &length));
            column = end.max(column);
        }
        lines.push(format!("{label}  {drawn} {}", number(total(lane))));
    }
    let legend =
        names.iter().map(|name| format!("{} {}", paint.text(ink(&names, name), &fill(name).to_string()), clean(name)));
    lines.push(format!("{}   {}", legend.collect::<Vec<_>>().join("  "), paint.text(Ink::Dim, &clean(axis))));
    lines
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places within a terminal"
)]
fn scatter([x_axis, y_axis]: [&str; 2], points: &[Point], width: usize, paint: Paint) -> Vec<String> {
    let room = width.saturating_sub(12).clamp(LEAST, 72);
    let log = |value: f64| value.max(1e-8).log10();
    let span = |of: fn(&Point) -> f64| {
        let values = points.iter().map(of).filter(|value| value.is_finite()).map(log);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let (x, y) = (span(|point| point.x), span(|point| point.y));
    let place = |value: f64, (low, high): (f64, f64), size: usize| {
        let share = if high > low { ((log(value) - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 };
        (share * (size - 1) as f64).round() as usize
    };
    let names = groups(points.iter().map(|point| point.group.as_str()));
    let mut grid: Vec<Vec<Option<&Point>>> = vec![vec![None; room]; HEIGHT];
    for point in points.iter().filter(|point| point.x.is_finite() && point.y.is_finite()) {
        grid[HEIGHT - 1 - place(point.y, y, HEIGHT)][place(point.x, x, room)] = Some(point);
    }
    let mark = |point: &Point| {
        let group = names.iter().position(|name| *name == point.group).unwrap_or_default();
        let letter = if point.is_broken { '×' } else { LETTERS[group % LETTERS.len()] };
        paint.text(if point.is_broken { Ink::Error } else { ink(&names, &point.group) }, &letter.to_string())
    };
    let mut lines = vec![paint.text(Ink::Dim, &clean(y_axis))];
    for (line, row) in grid.iter().enumerate() {
        let edge = match line {
            0 if y.1.is_finite() => number(10_f64.powf(y.1)),
            line if line == HEIGHT - 1 && y.0.is_finite() => number(10_f64.powf(y.0)),
            _ => String::new(),
        };
        let marks: String = row.iter().map(|point| point.map_or(" ".to_owned(), mark)).collect();
        lines.push(format!("{edge:>9} │{}", marks.trim_end()));
    }
    lines.push(format!("{:>9} └{}", "", "─".repeat(room)));
    let ends =
        if x.0.is_finite() { [x.0, x.1].map(|end| number(10_f64.powf(end))) } else { [const { String::new() }; 2] };
    let gap = room.saturating_sub(ends[0].len() + ends[1].len());
    lines.push(format!("{:>10}{}{}{}", "", ends[0], " ".repeat(gap), ends[1]));
    let legend = names.iter().enumerate().map(|(index, name)| {
        format!("{} {}", paint.text(ink(&names, name), &LETTERS[index % LETTERS.len()].to_string()), clean(name))
    });
    let broken = points.iter().any(|point| point.is_broken).then(|| "× broken".to_owned());
    let legend = legend.chain(broken).collect::<Vec<_>>().join("  ");
    lines.push(format!("{legend}   {}", paint.text(Ink::Dim, &clean(x_axis))));
    lines
}

/// A row a browser, a column a model: the number, and the fuller the box the less it is of its column.
fn heat_map(rows: &[String], columns: &[String], cells: &[Vec<Option<f64>>]) -> Vec<String> {
    let names = labels(rows.iter().map(String::as_str));
    let heads: Vec<String> =
        columns.iter().map(|column| truncate_str(&clean(column), LABEL, "…").into_owned()).collect();
    let wide = |head: &String| measure_text_width(head).max(10);
    let least = |column: usize| {
        let of = cells.iter().filter_map(|row| row.get(column).copied().flatten());
        of.filter(|value| value.is_finite()).fold(f64::INFINITY, f64::min)
    };
    let shade = |value: f64, least: f64| match value / least {
        far if far < 1.5 => '█',
        far if far < 4.0 => '▓',
        far if far < 12.0 => '▒',
        _ => '░',
    };
    let padded =
        |text: &str, width: usize| format!("{}{text}", " ".repeat(width.saturating_sub(measure_text_width(text))));
    let head = heads.iter().map(|head| padded(head, wide(head))).collect::<Vec<_>>().join("  ");
    let mut lines = vec![format!("{}  {head}", " ".repeat(label_width(&names)))];
    for (name, row) in names.iter().zip(cells) {
        let cell = |(column, head): (usize, &String)| {
            let text = match row.get(column).copied().flatten() {
                Some(value) => format!("{} {}", shade(value, least(column)), number(value)),
                None => "–".to_owned(),
            };
            padded(&text, wide(head))
        };
        lines.push(format!("{name}  {}", heads.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ")));
    }
    lines
}

/// How many of `parts` the value is of the most.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places within a terminal"
)]
fn eighths(value: f64, most: f64, parts: usize) -> usize {
    let share = if most > 0.0 { (value / most).clamp(0.0, 1.0) } else { 0.0 };
    (share * parts as f64).round() as usize
}

fn groups<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    names.for_each(|name| {
        if !found.contains(&name) {
            found.push(name)
        }
    });
    found
}

fn ink(names: &[&str], group: &str) -> Ink {
    INKS[names.iter().position(|name| *name == group).unwrap_or_default() % INKS.len()]
}

/// Labels, each cut and filled to one width.
fn labels<'a>(labels: impl Iterator<Item = &'a str>) -> Vec<String> {
    let cut: Vec<String> = labels.map(|label| truncate_str(&clean(label), LABEL, "…").into_owned()).collect();
    let width = cut.iter().map(|label| measure_text_width(label)).max().unwrap_or_default();
    cut.into_iter().map(|label| " ".repeat(width - measure_text_width(&label)) + &label).collect()
}

fn label_width(labels: &[String]) -> usize {
    labels.first().map_or(0, |label| measure_text_width(label))
}

/// A line in which nothing moves the cursor, cut to the width.
pub(crate) fn one_line(text: &str, width: Option<usize>) -> String {
    truncate_str(&clean(text), width.unwrap_or(usize::MAX), "…").into_owned()
}

/// Text in which nothing moves the cursor.
fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '·' } else { letter }).collect()
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.01 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.0e}"),
    }
}

#[cfg(test)]
mod tests;
