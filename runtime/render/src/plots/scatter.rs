//! Points on two logarithmic axes.

use pelago_protocol::chart::Point;

use super::canvas::{Anchor, Canvas};
use super::groups;
use super::scale::{Log, number};

const LEFT: f64 = 64.0;
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 320.0;
/// What is nearer to zero is drawn here: rounding of fp32 alone is about as much.
const FLOOR: f64 = 1e-8;

pub(super) fn scatter(x_axis: &str, y_axis: &str, points: &[Point]) -> Canvas {
    let names = groups(points.iter().map(|point| point.group.as_str()));
    let xs = Log::new(points.iter().map(|point| point.x), FLOOR);
    let ys = Log::new(points.iter().map(|point| point.y), FLOOR);
    let mut canvas = Canvas::new(LEFT + WIDTH + 40.0, HEIGHT + 76.0);
    let top = 18.0;
    let (right, bottom) = (LEFT + WIDTH, top + HEIGHT);
    for tick in &xs.ticks {
        let x = LEFT + xs.place(*tick) * WIDTH;
        canvas.line([x, top], [x, bottom], "grid");
        canvas.text(x, bottom + 15.0, Anchor::Middle, "soft", &number(*tick));
    }
    for tick in &ys.ticks {
        let y = bottom - ys.place(*tick) * HEIGHT;
        canvas.line([LEFT, y], [right, y], "grid");
        canvas.text(LEFT - 8.0, y + 4.0, Anchor::End, "soft", &number(*tick));
    }
    canvas.text(14.0, top - 6.0, Anchor::Start, "soft", y_axis);
    canvas.text(right, bottom + 32.0, Anchor::End, "soft", x_axis);
    canvas.legend(LEFT, bottom + 48.0, &names);
    if points.iter().any(|point| point.is_broken) {
        canvas.text(right, bottom + 48.0, Anchor::End, "soft", "× broken");
    }
    for point in points {
        let at = [LEFT + xs.place(point.x) * WIDTH, bottom - ys.place(point.y) * HEIGHT];
        let tip = format!("{}: {}, {}", point.label, number(point.x), number(point.y));
        let colour = names.iter().position(|name| *name == point.group).unwrap_or_default();
        if point.is_broken {
            canvas.cross(at, &tip)
        } else {
            canvas.circle(at, colour, &tip)
        }
        canvas.text(at[0] + 8.0, at[1] + 4.0, Anchor::Start, "", &point.mark);
    }
    canvas
}
