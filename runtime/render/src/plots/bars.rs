//! Horizontal bars, and lanes of spans: both lengths from zero, one line each.

use pelago_protocol::chart::{Bar, Lane};

use super::canvas::{Anchor, Canvas, short, width};
use super::groups;
use super::scale::{Linear, number};

/// Pixels of a line and of the bar within it.
const LINE: f64 = 26.0;
const BAR: f64 = 16.0;
/// Pixels that the lengths have.
const LENGTH: f64 = 480.0;
/// Pixels to the right, for the number at a bar's end.
const RIGHT: f64 = 84.0;

/// What bars and lanes have in common: labels, ticks, legend.
struct Frame {
    canvas: Canvas,
    left: f64,
    scale: Linear,
}

impl Frame {
    fn new(axis: &str, labels: &[&str], names: &[&str], most: f64) -> Self {
        let left = labels.iter().map(|label| width(&short(label))).fold(60.0, f64::max) + 24.0;
        #[allow(clippy::cast_precision_loss, reason = "lines are few")]
        let bottom = labels.len() as f64 * LINE;
        let mut canvas = Canvas::new(left + LENGTH + RIGHT, bottom + 58.0);
        let scale = Linear::new(most);
        for tick in &scale.ticks {
            let x = left + scale.place(*tick) * LENGTH;
            canvas.line([x, 0.0], [x, bottom], "grid");
            canvas.text(x, bottom + 15.0, Anchor::Middle, "soft", &number(*tick));
        }
        canvas.text(left + LENGTH, bottom + 32.0, Anchor::End, "soft", axis);
        canvas.legend(left, bottom + 48.0, names);
        let mut frame = Self { canvas, left, scale };
        for (line, label) in labels.iter().enumerate() {
            let y = Self::y(line);
            frame.canvas.text(left - 10.0, y + 12.0, Anchor::End, "", &short(label));
        }
        frame
    }

    /// The top of a line's bar.
    #[allow(clippy::cast_precision_loss, reason = "lines are few")]
    fn y(line: usize) -> f64 {
        line as f64 * LINE + (LINE - BAR) / 2.0
    }

    fn x(&self, value: f64) -> f64 {
        self.left + self.scale.place(value) * LENGTH
    }
}

pub(super) fn bars(axis: &str, bars: &[Bar]) -> Canvas {
    let names = groups(bars.iter().map(|bar| bar.group.as_str()));
    let labels: Vec<&str> = bars.iter().map(|bar| bar.label.as_str()).collect();
    let ends = bars.iter().flat_map(|bar| [Some(bar.value), bar.interval.map(|[_, high]| high)]);
    let most = ends.flatten().filter(|end| end.is_finite()).fold(0.0, f64::max);
    let mut frame = Frame::new(axis, &labels, &names, most);
    for (line, bar) in bars.iter().enumerate() {
        let (y, middle) = (Frame::y(line), Frame::y(line) + BAR / 2.0);
        let colour = names.iter().position(|name| *name == bar.group).unwrap_or_default();
        let (from, to) = (frame.left, frame.x(bar.value));
        let tip = format!("{}: {}", bar.label, number(bar.value));
        frame.canvas.rect([from, y], [to - from, BAR], colour, 0.85, &tip);
        let mut end = to;
        if let Some([low, high]) = bar.interval {
            let (low, high) = (frame.x(low), frame.x(high));
            frame.canvas.line([low, middle], [high, middle], "whisker");
            for x in [low, high] {
                frame.canvas.line([x, middle - 4.0], [x, middle + 4.0], "whisker");
            }
            end = end.max(high);
        }
        frame.canvas.text(end + 6.0, y + 12.0, Anchor::Start, "soft", &number(bar.value));
    }
    frame.canvas
}

pub(super) fn waterfall(axis: &str, lanes: &[Lane]) -> Canvas {
    let names = groups(lanes.iter().flat_map(|lane| lane.spans.iter().map(|span| span.name.as_str())));
    let labels: Vec<&str> = lanes.iter().map(|lane| lane.label.as_str()).collect();
    let total = |lane: &Lane| lane.spans.iter().map(|span| span.length.max(0.0)).filter(|l| l.is_finite()).sum::<f64>();
    let most = lanes.iter().map(total).fold(0.0, f64::max);
    let mut frame = Frame::new(axis, &labels, &names, most);
    for (line, lane) in lanes.iter().enumerate() {
        let y = Frame::y(line);
        let mut begin = 0.0;
        for span in lane.spans.iter().filter(|span| span.length.is_finite() && span.length > 0.0) {
            let colour = names.iter().position(|name| *name == span.name).unwrap_or_default();
            let (from, to) = (frame.x(begin), frame.x(begin + span.length));
            let tip = format!("{}, {}: {}", lane.label, span.name, number(span.length));
            frame.canvas.rect([from, y], [to - from, BAR], colour, 0.85, &tip);
            begin += span.length;
        }
        let end = frame.x(begin);
        frame.canvas.text(end + 6.0, y + 12.0, Anchor::Start, "soft", &number(begin));
    }
    frame.canvas
}
