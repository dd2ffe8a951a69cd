//! `pelago run --check` on DataFrames: what is stored by one run is compared by the
//! next, whose cells give other values.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

mod notebook;

use notebook::{Folder, cell};
use serde_json::{Value, json};

/// A cell that shows one value, with a parameter's.
fn value(expression: &str, rule: &Value) -> Value {
    cell(
        &format!("let changed = std::path::Path::new(\"changed\").exists();\n{expression}"),
        &json!({"pelago": {"check": rule}}),
    )
}

#[test]
fn every_value_is_compared_and_the_verdict_says_how_much() {
    let folder = Folder::new();
    let rel = |rel: f64| json!({"mode": "tolerance", "rel": rel, "abs": 0});
    let exact = json!({});
    // What differs where the file is there, and whether the rule lets it pass.
    let cells = [
        (value("df!(\"v\" => [if changed { 1.00000002 } else { 1.00000001 }])?", &rel(1e-9)), true),
        (value("df!(\"v\" => [if changed { 123456.4 } else { 123456.1 }])?", &rel(1e-9)), true),
        (value("df!(\"v\" => [if changed { 1.2344e12 } else { 1.2341e12 }])?", &rel(1e-4)), true),
        (
            value("df!(\"v\" => [if changed { 1.2345001e12 } else { 1.2344999e12 }])?", &json!({"mode": "tolerance"})),
            false,
        ),
        (
            value(
                "let v: Vec<i64> = (0..100).map(|n| if changed && n == 50 { -1 } else { n }).collect();\ndf!(\"v\" => v)?",
                &exact,
            ),
            true,
        ),
        (
            value(
                "fn one(n: i32, value: i32) -> Column { Column::new(format!(\"c{n}\").into(), [value]) }\n\
                 DataFrame::new(1, (1..=100).map(|n| one(n, i32::from(changed && n == 61))).collect())?",
                &exact,
            ),
            true,
        ),
        (value("df!(\"v\" => [if changed { None } else { Some(f64::NAN) }])?", &rel(1.0)), true),
        (
            value(
                "df!(\"a\" => [1], \"b\" => [2])?.select(if changed { [\"b\", \"a\"] } else { [\"a\", \"b\"] })?",
                &rel(1.0),
            ),
            true,
        ),
        (
            value(
                "df!(\"a\" => [1])?.lazy().select([col(\"a\").cast(if changed { DataType::Int64 } else { DataType::Int32 })]).collect()?",
                &rel(1.0),
            ),
            true,
        ),
        (
            value(
                "let v: Vec<i64> = (0..1_000_000).map(|n| if changed && n == 500_000 { -1 } else { n }).collect();\ndf!(\"v\" => v)?",
                &exact,
            ),
            true,
        ),
        (
            value(
                "df!(\"s\" => [if changed { \"null\" } else { \"a\" }])?",
                &json!({"mode": "tolerance", "columns": {"s": "skip"}}),
            ),
            false,
        ),
    ];
    let (sources, differ): (Vec<_>, Vec<_>) = cells.into_iter().unzip();
    folder.write("a.ipynb", &sources);
    let (code, said) = folder.run(&["a.ipynb", "--inplace"]);
    assert_eq!(code, Some(0), "{said}");

    let (code, said) = folder.run(&["a.ipynb", "--check"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("passed      a.ipynb: 11/11 cells"), "{said}");
    for compared in [
        "output 1: 1 row × 1 column compared\n",
        "output 1: 100 rows × 1 column compared\n",
        "output 1: 1 row × 100 columns compared\n",
        "output 1: 1,000,000 rows × 1 column compared by digest\n",
        "output 1: 1 row × 1 column compared, 1 column skipped",
    ] {
        assert!(said.contains(compared), "{compared} in {said}");
    }

    folder.touch("changed");
    let (code, said) = folder.run(&["a.ipynb", "--check", "--junit", "report.xml"]);
    assert_eq!(code, Some(3), "{said}");
    for (index, differs) in differ.iter().enumerate() {
        let place = format!("a.ipynb, cell {}: ", index + 1);
        let rest = said.split_once(&place).unwrap_or_else(|| panic!("{place} in {said}")).1;
        let own = rest.split("\n  a.ipynb, cell").next().unwrap();
        assert_eq!(own.contains("output 1, table: "), *differs, "{place}{own}");
    }
    for difference in [
        "row 1, column v: stored 1.00000001, now 1.00000002: 1.000e-8 apart, 1.000e-9 allowed",
        "row 51, column v: stored 50, now -1",
        "row 1, column c61: stored 0, now 1",
        "row 1, column v: stored NaN, now null",
        "other order of columns: stored a, b, now b, a",
        "column a: stored as i32, now i64",
        "column v: its values differ, by their digest; stored sum 499999500000, now 499998999999",
    ] {
        assert!(said.contains(difference), "{difference} in {said}");
    }
    let report = folder.text("report.xml");
    assert!(report.contains("1,000,000 rows × 1 column compared by digest"), "{report}");
}

#[test]
fn a_notebook_of_an_older_pelago_is_compared_by_what_it_drew() {
    let folder = Folder::new();
    folder.write(
        "a.ipynb",
        &[value("df!(\"v\" => [if changed { 2.5 } else { 123456.789 }], \"s\" => [\"a\"])?", &json!({}))],
    );
    assert_eq!(folder.run(&["a.ipynb", "--inplace"]).0, Some(0));
    let mut cells = folder.cells("a.ipynb");
    let data = cells[0]["outputs"][0]["data"].as_object_mut().unwrap();
    data.remove("application/vnd.pelago.table+json").unwrap();
    let html = notebook::text(&data["text/html"]).replace("; white-space: pre-wrap", "");
    data["text/html"] = json!(html.replace("123456.789", "123\u{202f}457"));
    folder.write("a.ipynb", &cells);

    let (code, said) = folder.run(&["a.ipynb", "--check"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("what is drawn was compared, 1 rows × 2 columns: the table is stored without its data"),
        "{said}"
    );
    folder.touch("changed");
    let (code, said) = folder.run(&["a.ipynb", "--check"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("row 1, column v: stored 123457, now 2.5"), "{said}");
}
