//! Charts in a terminal, by what is printed.

use expect_test::{Expect, expect};
use pelago_protocol::chart::Span;

use super::*;

const PLAIN: Paint = Paint { on: false };

fn check(figure: Figure, width: usize, expected: Expect) {
    let chart = Chart { title: "Title\u{1b}[2J".to_owned(), figure };
    let text = text(&chart, Some(width), PLAIN);
    assert!(text.lines().all(|line| measure_text_width(line) <= width), "{text}");
    expected.assert_eq(&text);
}

fn bar(label: &str, group: &str, value: f64) -> Bar {
    Bar { label: label.to_owned(), group: group.to_owned(), value, interval: None }
}

#[test]
fn bars_are_as_long_as_there_is_room() {
    let bars = vec![
        bar("Chromium wasm", "wasm", 13.25),
        bar("Chromium webgpu", "webgpu", 1140.0),
        bar("Fire\nfox", "wasm", f64::NAN),
    ];
    check(
        Figure::Bars { axis: "p50, ms".to_owned(), bars: bars.clone() },
        60,
        expect![[r#"
        Title·[2J
          Chromium wasm  ▌ 13.2
        Chromium webgpu  ██████████████████████████████████████ 1140
               Fire·fox   NaN
        p50, ms"#]],
    );
    check(
        Figure::Bars { axis: "p50, ms".to_owned(), bars },
        24,
        expect![[r#"
        Title·[2J
          Chromium wasm  ▏ 13.2
        Chromium webgpu  ██████…
               Fire·fox   NaN
        p50, ms"#]],
    );
}

#[test]
fn phases_follow_each_other() {
    let span = |name: &str, length| Span { name: name.to_owned(), length };
    let lanes = vec![
        Lane {
            label: "Chromium".to_owned(),
            spans: vec![span("open", 800.0), span("fetch", 120.0), span("compile", 900.0)],
        },
        Lane { label: "Firefox".to_owned(), spans: vec![span("open", 1200.0), span("compile", 2000.0)] },
    ];
    check(
        Figure::Waterfall { axis: "ms".to_owned(), lanes },
        60,
        expect![[r#"
        Title·[2J
        Chromium  ██████████▓▓▒▒▒▒▒▒▒▒▒▒▒ 1820
         Firefox  ███████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒ 3200
        █ open  ▓ fetch  ▒ compile   ms"#]],
    );
}

#[test]
fn points_have_the_mark_of_their_group_and_broken_ones_a_cross() {
    let point = |group: &str, x, y, is_broken| Point {
        label: String::new(),
        mark: "8".to_owned(),
        group: group.to_owned(),
        x,
        y,
        is_broken,
    };
    let points = vec![
        point("wasm", 13.0, 0.0, false),
        point("wasm", 11.0, 1e-4, false),
        point("webgpu", 300.0, 1e-7, false),
        point("webgpu", 250.0, 0.3, true),
    ];
    let figure = Figure::Scatter { x_axis: "p50, ms".to_owned(), y_axis: "1 − cosine".to_owned(), points };
    check(
        figure,
        60,
        expect![[r#"
        Title·[2J
        1 − cosine
             0.30 │                                            ×
                  │
                  │
                  │
                  │
                  │
                  │●
                  │
                  │
                  │
                  │
                  │                                               ▲
                  │
             1e-8 │  ●
                  └────────────────────────────────────────────────
                  11.0                                         300
        ● wasm  ▲ webgpu  × broken   p50, ms"#]],
    );
    let none = Figure::Scatter { x_axis: "x".to_owned(), y_axis: "y".to_owned(), points: Vec::new() };
    assert!(text(&Chart { title: String::new(), figure: none }, None, PLAIN).contains('└'));
}

#[test]
fn a_heat_map_is_a_table() {
    let figure = Figure::HeatMap {
        axis: "best p50, ms".to_owned(),
        rows: vec!["Chromium".to_owned(), "Firefox".to_owned()],
        columns: vec!["all-MiniLM-L6-v2".to_owned(), "vit".to_owned()],
        cells: vec![vec![Some(13.0), Some(40.0)], vec![Some(65.0), None]],
    };
    check(
        figure,
        60,
        expect![[r#"
        Title·[2J
                  all-MiniLM-L6-v2         vit
        Chromium            █ 13.0      █ 40.0
         Firefox            ▒ 65.0           –
        best p50, ms"#]],
    );
}

#[test]
fn a_sparkline_is_one_line() {
    assert_eq!(sparkline(&[1.0, 2.0, 4.0, 8.0, f64::NAN, 0.0]), "▁▂▄█ ▁");
    assert_eq!(sparkline(&[]), "");
}

#[test]
fn colours_are_only_where_there_are_any() {
    let chart = Chart {
        title: "t".to_owned(),
        figure: Figure::Bars { axis: "ms".to_owned(), bars: vec![bar("a", "wasm", 1.0)] },
    };
    assert!(!text(&chart, Some(40), PLAIN).contains('\u{1b}'));
    assert!(text(&chart, Some(40), Paint { on: true }).contains("\u{1b}[34m█"));
}
