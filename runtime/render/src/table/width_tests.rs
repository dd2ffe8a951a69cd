//! Tables in the width of a terminal.

use console::measure_text_width;
use expect_test::{Expect, expect};
use polars::prelude::{DataFrame, df};

use super::Layout;
use crate::Table;

fn check(table: &Table, width: Option<usize>, expected: Expect) {
    let text = super::text(table, Layout { width, has_rule: false });
    if let Some(width) = width {
        assert!(text.lines().all(|line| measure_text_width(line) <= width), "{text}");
    }
    expected.assert_eq(&text);
}

fn runs() -> Table {
    let frame = df![
        "browser" => ["firefox", "chrome"],
        "reason" => [Some("the adapter is a software one, by its own word, and so is the other"), None],
        "time" => [1.5, 22.25],
        "warm" => [true, false],
    ];
    Table::of(&frame.unwrap())
}

#[test]
fn a_pipe_gets_everything() {
    check(
        &runs(),
        None,
        expect![[r#"
        shape: (2, 4)
        ┌─────────┬─────────────────────────────────────────────────────────────────────┬───────┬───────┐
        │ browser ┆ reason                                                              ┆ time  ┆ warm  │
        │ str     ┆ str                                                                 ┆ f64   ┆ bool  │
        ╞═════════╪═════════════════════════════════════════════════════════════════════╪═══════╪═══════╡
        │ firefox ┆ the adapter is a software one, by its own word, and so is the other ┆   1.5 ┆ true  │
        │ chrome  ┆ null                                                                ┆ 22.25 ┆ false │
        └─────────┴─────────────────────────────────────────────────────────────────────┴───────┴───────┘"#]],
    );
}

#[test]
fn a_terminal_gets_what_fits() {
    check(
        &runs(),
        Some(70),
        expect![[r#"
        shape: (2, 4)
        ┌─────────┬──────────────────────────────────────────┬───────┬───────┐
        │ browser ┆ reason                                   ┆ time  ┆ warm  │
        │ str     ┆ str                                      ┆ f64   ┆ bool  │
        ╞═════════╪══════════════════════════════════════════╪═══════╪═══════╡
        │ firefox ┆ the adapter is a software one, by its o… ┆   1.5 ┆ true  │
        │ chrome  ┆ null                                     ┆ 22.25 ┆ false │
        └─────────┴──────────────────────────────────────────┴───────┴───────┘"#]],
    );
    check(
        &runs(),
        Some(40),
        expect![[r#"
        shape: (2, 4)
        ┌─────────┬───┬───────┐
        │ browser ┆ … ┆ warm  │
        │ str     ┆   ┆ bool  │
        ╞═════════╪═══╪═══════╡
        │ firefox ┆ … ┆ true  │
        │ chrome  ┆ … ┆ false │
        └─────────┴───┴───────┘
        2 columns do not fit: reason, time"#]],
    );
    check(
        &runs(),
        Some(16),
        expect![[r#"
            shape: (2, 4)
            ┌─────────┬───┐
            │ browser ┆ … │
            │ str     ┆   │
            ╞═════════╪═══╡
            │ firefox ┆ … │
            │ chrome  ┆ … │
            └─────────┴───┘
            3 columns do not
            fit: reason,
            time, warm"#]],
    );
}

#[test]
fn nothing_in_a_cell_moves_the_cursor() {
    let frame = df!["a\nb" => ["1\n2\u{1b}[2J", "日本"]].unwrap();
    check(
        &Table::of(&frame),
        Some(80),
        expect![[r#"
            shape: (2, 1)
            ┌─────────────────┐
            │ a↵b             │
            │ str             │
            ╞═════════════════╡
            │ "1\n2\u{1b}[2J" │
            │ 日本            │
            └─────────────────┘"#]],
    );
}

#[test]
fn of_a_long_one_both_ends_are_shown() {
    let frame = df!["n" => (0..1000).collect::<Vec<i32>>()].unwrap();
    let text = super::text(&Table::of(&frame), Layout { width: Some(80), has_rule: false });
    let lines = text.lines().collect::<Vec<_>>();
    assert_eq!(lines[0], "shape: (1_000, 1); the first 30 and the last 30 rows are shown");
    assert_eq!((lines[5], lines[34], lines[35], lines[36]), ("│   0 │", "│  29 │", "│ …   │", "│ 970 │"));
}

#[test]
fn empty_frames_have_a_head() {
    let frame = df!["n" => Vec::<i32>::new()].unwrap();
    check(
        &Table::of(&frame),
        Some(80),
        expect![[r#"
        shape: (0, 1)
        ┌─────┐
        │ n   │
        │ i32 │
        ╞═════╡
        └─────┘"#]],
    );
    check(
        &Table::of(&DataFrame::empty()),
        Some(80),
        expect![[r#"
        shape: (0, 0)
        ┌┐
        ╞╡
        └┘"#]],
    );
}
