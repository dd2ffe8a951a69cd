//! Any chart is a well-formed document, and none of its texts becomes markup.

use pelago_protocol::chart::{Bar, Chart, Figure, Lane, Point, Span};
use proptest::{collection::vec, option, prelude::*};

use super::draw;

fn text() -> impl Strategy<Value = String> {
    vec(prop_oneof![any::<char>(), "[<>&\"'\0\n ]".prop_map(|text| text.chars().next().unwrap_or(' '))], 0..70)
        .prop_map(String::from_iter)
}

fn figures() -> impl Strategy<Value = Figure> {
    let number = || any::<f64>();
    let bar =
        (text(), text(), number(), option::of((number(), number()))).prop_map(|(label, group, value, interval)| Bar {
            label,
            group,
            value,
            interval: interval.map(|(low, high)| [low, high]),
        });
    let point = (text(), text(), text(), number(), number(), any::<bool>())
        .prop_map(|(label, mark, group, x, y, is_broken)| Point { label, mark, group, x, y, is_broken });
    let span = (text(), number()).prop_map(|(name, length)| Span { name, length });
    let lane = (text(), vec(span, 0..5)).prop_map(|(label, spans)| Lane { label, spans });
    let heat = (text(), vec(text(), 0..4), vec(text(), 0..4), vec(vec(option::of(number()), 0..4), 0..4));
    prop_oneof![
        (text(), vec(bar, 0..6)).prop_map(|(axis, bars)| Figure::Bars { axis, bars }),
        (text(), text(), vec(point, 0..6)).prop_map(|(x_axis, y_axis, points)| Figure::Scatter {
            x_axis,
            y_axis,
            points
        }),
        heat.prop_map(|(axis, rows, columns, cells)| Figure::HeatMap { axis, rows, columns, cells }),
        (text(), vec(lane, 0..6)).prop_map(|(axis, lanes)| Figure::Waterfall { axis, lanes }),
    ]
}

/// Whether a text is elements of known names, quoted attributes and text, each closed.
fn is_well_formed(svg: &str) -> bool {
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let Some((tag, text)) = part.split_once('>') else { return false };
        if text.contains('>') || !text.chars().all(|character| !character.is_control()) {
            return false;
        }
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return false;
            }
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        if !["svg", "style", "g", "rect", "text", "title", "line", "circle"].contains(&name) {
            return false;
        }
        if tag.matches('"').count() % 2 == 1 || tag.contains("NaN") || tag.contains("inf") {
            return false;
        }
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    open.is_empty()
}

proptest! {
    #[test]
    fn any_figure_is_drawn_and_no_text_escapes(title in text(), figure in figures()) {
        let plot = draw(&Chart { title, figure });
        prop_assert!(is_well_formed(&plot.svg), "{}", plot.svg);
        // What JSON cannot say is null in it, and it can be read again; the last digit of a number may differ.
        let text = serde_json::to_string(&plot.vega_lite).unwrap();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        let marks = |specification: &serde_json::Value| specification["data"]["values"].as_array().map(Vec::len);
        prop_assert!(marks(&read).is_some());
        prop_assert_eq!(marks(&read), marks(&plot.vega_lite));
    }
}
