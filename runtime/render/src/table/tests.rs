//! Tables as HTML and as text, and that both show the same.

use crate::Table;
use expect_test::{Expect, expect};
use polars::df;
use polars::prelude::*;

use super::columns::Texts;
use super::page::CHARACTERS;
use super::*;

fn html(frame: &DataFrame) -> String {
    page::html(&Table::of(frame))
}

fn check(frame: &DataFrame, expected: &Expect) {
    expected.assert_eq(&html(frame));
}

/// Texts of all sorts, some of which could be read as something else.
fn texts() -> DataFrame {
    df!(
        "a" => ["1   1", "  lead", "trail  ", "line1\nline2", "null", "90210"],
        "b" => [None, Some("null"), Some(""), None, Some("<i>"), Some("\u{1b}[2J")],
    )
    .unwrap()
}

#[test]
fn names_and_values_are_escaped_and_numbers_stand_right() {
    let frame = df! {
        "<b>" => ["a & b", "<script>alert('x')</script>"],
        "ms" => [Some(1.5), None],
        "warm" => [true, false],
    };
    check(
        &frame.unwrap(),
        &expect![[r#"
        <div class="pelago-table" style="overflow-x: auto; max-width: 100%"><small>shape: (2, 3)</small>
        <table>
        <thead>
        <tr><th style="text-align: left; white-space: pre-wrap">&lt;b&gt;</th><th style="text-align: right; white-space: pre-wrap">ms</th><th style="text-align: left; white-space: pre-wrap">warm</th></tr>
        <tr><td style="text-align: left; white-space: pre-wrap"><small>str</small></td><td style="text-align: right; white-space: pre-wrap"><small>f64</small></td><td style="text-align: left; white-space: pre-wrap"><small>bool</small></td></tr>
        </thead>
        <tbody>
        <tr><td style="text-align: left; white-space: pre-wrap">a &amp; b</td><td style="text-align: right; white-space: pre-wrap">1.5</td><td style="text-align: left; white-space: pre-wrap">true</td></tr>
        <tr><td style="text-align: left; white-space: pre-wrap">&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;</td><td style="text-align: right; white-space: pre-wrap"><i class="pelago-null" style="opacity: 0.6">null</i></td><td style="text-align: left; white-space: pre-wrap">false</td></tr>
        </tbody>
        </table></div>"#]],
    );
}

#[test]
fn a_text_can_be_read_off_and_null_is_told_from_it() {
    check(
        &texts(),
        &expect![[r#"
        <div class="pelago-table" style="overflow-x: auto; max-width: 100%"><small>shape: (6, 2)</small>
        <table>
        <thead>
        <tr><th style="text-align: left; white-space: pre-wrap">a</th><th style="text-align: left; white-space: pre-wrap">b</th></tr>
        <tr><td style="text-align: left; white-space: pre-wrap"><small>str</small></td><td style="text-align: left; white-space: pre-wrap"><small>str</small></td></tr>
        </thead>
        <tbody>
        <tr><td style="text-align: left; white-space: pre-wrap">1   1</td><td style="text-align: left; white-space: pre-wrap"><i class="pelago-null" style="opacity: 0.6">null</i></td></tr>
        <tr><td style="text-align: left; white-space: pre-wrap">&quot;  lead&quot;</td><td style="text-align: left; white-space: pre-wrap">&quot;null&quot;</td></tr>
        <tr><td style="text-align: left; white-space: pre-wrap">&quot;trail  &quot;</td><td style="text-align: left; white-space: pre-wrap">&quot;&quot;</td></tr>
        <tr><td style="text-align: left; white-space: pre-wrap">line1
        line2</td><td style="text-align: left; white-space: pre-wrap"><i class="pelago-null" style="opacity: 0.6">null</i></td></tr>
        <tr><td style="text-align: left; white-space: pre-wrap">&quot;null&quot;</td><td style="text-align: left; white-space: pre-wrap">&lt;i&gt;</td></tr>
        <tr><td style="text-align: left; white-space: pre-wrap">90210</td><td style="text-align: left; white-space: pre-wrap">&quot;\u{1b}[2J&quot;</td></tr>
        </tbody>
        </table></div>"#]],
    );
    expect![[r#"
        shape: (6, 2)
        ┌─────────────┬─────────────┐
        │ a           ┆ b           │
        │ ---         ┆ ---         │
        │ str         ┆ str         │
        ╞═════════════╪═════════════╡
        │ 1   1       ┆ null        │
        │ "  lead"    ┆ "null"      │
        │ "trail  "   ┆ ""          │
        │ line1↵line2 ┆ null        │
        │ "null"      ┆ <i>         │
        │ 90210       ┆ "\u{1b}[2J" │
        └─────────────┴─────────────┘"#]]
    .assert_eq(&plain(&Table::of(&texts())));
}

#[test]
fn heads_have_units_and_figures_all_their_digits() {
    let frame = df! {
        "run_ms" => [12.345_678_9],
        "memory_usage_mb" => [Some(250.0)],
        "processing_time" => [0.026_f32],
        "bytes_disk" => [90_868_376_u64],
        "name_ms" => ["text"],
        "f" => [1_234_567.891],
    };
    let html = html(&frame.unwrap());
    for expected in [
        "<small>f64</small><small>, ms<",
        ">12.3456789<",
        "<small>f64</small><small>, MiB<",
        ">250.0<",
        "<small>f32</small><small>, s<",
        ">0.026<",
        "<small>u64</small><small>, B<",
        ">90868376<",
        "<small>str<",
        ">1234567.891<",
    ] {
        assert!(html.contains(expected), "{expected} in {html}");
    }
    assert!(!html.contains('\u{202f}') && html.contains("overflow-x: auto"), "{html}");
}

/// One row of every type that cells have.
fn every_type() -> DataFrame {
    let physical = |name: &str, value: i64, dtype: DataType| Series::new(name.into(), [value]).cast(&dtype).unwrap();
    let zone = TimeZone::opt_try_new(Some("America/New_York")).unwrap();
    let columns = vec![
        Series::new("f64".into(), [123_456.789]),
        Series::new("f32".into(), [0.1_f32]),
        Series::new("i64".into(), [i64::MIN]),
        Series::new("u64".into(), [u64::MAX]),
        Series::new("bool".into(), [true]),
        Series::new("str".into(), ["chrome"]),
        Series::new("cat".into(), ["chrome"]).cast(&DataType::from_categories(Categories::global())).unwrap(),
        physical("decimal", 2, DataType::Decimal(10, 3)),
        physical("date", 20_000, DataType::Date),
        physical("datetime", 1_700_000_000_123_456, DataType::Datetime(TimeUnit::Microseconds, None)),
        physical("zoned", 1_700_000_000_000, DataType::Datetime(TimeUnit::Milliseconds, zone)),
        physical("duration", 90_061_001, DataType::Duration(TimeUnit::Milliseconds)),
        physical("time", 3_661_000_000_000, DataType::Time),
        Series::new("binary".into(), [b"a\x00".as_slice()]),
        Series::new("list".into(), [Series::new("".into(), [Some("a"), None])]),
        df!("n" => [1], "s" => ["x"]).unwrap().into_struct("struct".into()).into_series(),
        Series::new_null("null".into(), 1),
    ];
    DataFrame::new(1, columns.into_iter().map(Column::from).collect()).unwrap()
}

#[test]
fn every_type_is_shown_alike_in_html_and_text() {
    let frame = every_type();
    let shown: Vec<_> = frame.columns().iter().map(|column| Texts::of(column, CHARACTERS).rows.remove(0)).collect();
    expect![[r#"
        [
            Some(
                "123456.789",
            ),
            Some(
                "0.1",
            ),
            Some(
                "-9223372036854775808",
            ),
            Some(
                "18446744073709551615",
            ),
            Some(
                "true",
            ),
            Some(
                "chrome",
            ),
            Some(
                "chrome",
            ),
            Some(
                "2.000",
            ),
            Some(
                "2024-10-04",
            ),
            Some(
                "2023-11-14 22:13:20.123456",
            ),
            Some(
                "2023-11-14 17:13:20 EST",
            ),
            Some(
                "1d 1h 1m 1s 1ms",
            ),
            Some(
                "01:01:01",
            ),
            Some(
                "b\"a\\x00\"",
            ),
            Some(
                "[\"a\", null]",
            ),
            Some(
                "{n: 1, s: \"x\"}",
            ),
            None,
        ]"#]]
    .assert_eq(&format!("{shown:#?}"));
    let html = html(&frame);
    let text = text(&Table::of(&frame), Layout { width: None, has_rule: true });
    for value in shown.iter().flatten() {
        assert!(html.contains(&format!(">{}</td>", crate::escape::html(value))), "{value} in {html}");
        assert!(text.contains(&format!(" {value} ")), "{value} in {text}");
    }
}

#[test]
fn a_table_has_its_data_beside_it() {
    let bundle = bundle(&Table::of(&texts()));
    assert_eq!(bundle.keys().collect::<Vec<_>>(), ["text/plain", "text/html", pelago_table::MIME]);
    expect![[r#"
        {
          "version": 1,
          "height": 6,
          "columns": [
            {
              "name": "a",
              "dtype": "str"
            },
            {
              "name": "b",
              "dtype": "str"
            }
          ],
          "rows": [
            "1   1\t\\N",
            "  lead\tnull",
            "trail  \t",
            "line1\\nline2\t\\N",
            "null\t<i>",
            "90210\t\u001b[2J"
          ]
        }"#]]
    .assert_eq(&format!("{:#}", bundle[pelago_table::MIME]));
}

#[test]
fn a_long_frame_shows_both_ends_and_its_whole_shape() {
    let table = Table::of(&df! { "n" => (0..1000).collect::<Vec<i32>>() }.unwrap());
    let html = page::html(&table);
    assert!(html.contains("shape: (1_000, 1)"), "{html}");
    assert_eq!(html.matches("<tr>").count(), 2 + Table::ROWS + 1);
    let (head, tail) = html.split_once(">…<").unwrap();
    assert!(head.contains(">29<") && !head.contains(">30<"), "{head}");
    assert!(tail.contains(">970<") && !tail.contains(">969<"), "{tail}");
    let plain = plain(&table);
    assert!(plain.starts_with("shape: (1_000, 1); the first 30 and the last 30 rows are shown\n"), "{plain}");
}

#[test]
fn empty_wide_and_long_values_are_told() {
    check(
        &DataFrame::empty(),
        &expect![[r#"
        <div class="pelago-table" style="overflow-x: auto; max-width: 100%"><small>shape: (0, 0)</small>
        <table>
        <thead>
        <tr></tr>
        <tr></tr>
        </thead>
        <tbody>
        </tbody>
        </table></div>"#]],
    );
    let columns = (0..100).map(|index| Column::new(format!("c{index}").into(), [index])).collect();
    let wide = html(&DataFrame::new(1, columns).unwrap());
    assert!(wide.contains("40 more columns"), "{wide}");
    let long = html(&df! { "s" => ["ä".repeat(1000)] }.unwrap());
    assert!(long.contains(&format!(">{}…<", "ä".repeat(CHARACTERS))), "{long}");
}
