//! How values are shown by the cells that have them: as the last expression and by
//! `display`. One notebook runs them all, so the evaluator starts once.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

mod notebook;

use notebook::{Folder, cell, text};
use serde_json::{Value, json};

/// Runs cells, each of which may fail, and gives the outputs of each.
fn outputs(cells: &[&str]) -> Vec<Vec<Value>> {
    let folder = Folder::new();
    let cells: Vec<_> = cells.iter().map(|source| cell(source, &json!({"tags": ["raises-exception"]}))).collect();
    folder.write("in.ipynb", &cells);
    let (code, said) = folder.run(&["in.ipynb", "--output", "out.ipynb"]);
    assert_eq!(code, Some(0), "{said}");
    folder.cells("out.ipynb").iter().map(|cell| cell["outputs"].as_array().unwrap().clone()).collect()
}

/// The text of each output; of a failure its message.
fn plain(output: &Value) -> String {
    match output["data"].get("text/plain") {
        Some(plain) => text(plain),
        None => text(output.get("evalue").or(output.get("text")).unwrap()),
    }
}

fn rows(output: &Value) -> Vec<String> {
    let data = &output["data"]["application/vnd.pelago.table+json"];
    let rows = data["rows"].as_array().unwrap_or_else(|| panic!("no table: {output}"));
    rows.iter().map(|row| row.as_str().unwrap().to_owned()).collect()
}

#[test]
fn floats_are_shown_as_what_they_are() {
    let shown = [
        ("1.0", "1.0"),
        ("2.0 * 3.0", "6.0"),
        ("1e300", "1e300"),
        ("1e-300", "1e-300"),
        ("-0.0", "-0.0"),
        ("f64::NAN", "NaN"),
        ("f64::NEG_INFINITY", "-inf"),
        ("0.1_f32", "0.1"),
        ("let half: f32 = 3.0; half", "3.0"),
        ("[1.5_f64, 4.0].iter().max_by(|a, b| a.total_cmp(b)).unwrap()", "4.0"),
        ("Box::new(7.0)", "7.0"),
        ("Some(1.0)", "Some(1.0)"),
        ("vec![1.0, 2.5]", "[1.0, 2.5]"),
        ("(1.0, 2)", "(1.0, 2)"),
        ("3", "3"),
        ("\"text\"", "text"),
        ("String::from(\"text\")", "text"),
        ("'c'", "c"),
        ("true", "true"),
        ("90210_u64", "90210"),
    ];
    // Each twice: as the value of a cell and by `display`.
    let cells: Vec<_> = shown.iter().flat_map(|(source, _)| [(*source).to_owned(), displayed(source)]).collect();
    let found = outputs(&cells.iter().map(String::as_str).collect::<Vec<_>>());
    for ((source, expected), both) in shown.iter().zip(found.chunks(2)) {
        let texts: Vec<_> = both.iter().map(|outputs| plain(&outputs[0])).collect();
        assert_eq!(texts, [*expected, *expected], "{source}");
    }
}

fn displayed(source: &str) -> String {
    match source.rsplit_once("; ") {
        Some((before, value)) => format!("{before}; display({value});"),
        None => format!("display({source});"),
    }
}

#[test]
fn tables_are_shown_whatever_holds_them() {
    let tables = [
        "d.clone()",
        "&d",
        "&&d",
        "Box::new(d.clone())",
        "std::sync::Arc::new(d.clone())",
        "d.column(\"a\")?",
        "d.column(\"a\")",
        "d.column(\"a\")?.clone()",
        "d.column(\"a\")?.as_materialized_series()",
        "Series::new(\"a\".into(), [1_i64, 2])",
        "d.select([\"a\"])",
        "Some(d.clone())",
        "d.clone().lazy().collect()",
    ];
    let others = [
        // What is not there is what it is.
        ("d.column(\"b\")", "Err(ColumnNotFound("),
        ("None::<DataFrame>", "None"),
        // A plan is said to be one.
        ("d.clone().lazy().filter(col(\"a\").gt(lit(1)))", "a plan; `.collect()?` runs it\n\nFILTER"),
        ("Ok::<_, PolarsError>(d.clone().lazy())", "a plan; `.collect()?` runs it\n\nDF [\"a\"]"),
        ("col(\"a\").sum()", "col(\"a\").sum()"),
        ("vec![d.clone()]", "[shape: (2, 1)"),
        ("(d.clone(), 1)", "(shape: (2, 1)"),
    ];
    let first = "let d = df!(\"a\" => [1_i64, 2])?;".to_owned();
    let sources = tables.iter().chain(others.iter().map(|(source, _)| source));
    let cells = sources.flat_map(|source| [(*source).to_owned(), displayed(source)]);
    let cells: Vec<_> = std::iter::once(first)
        .chain(cells)
        .chain(["d.schema()".to_owned(), "d.column(\"a\")?.dtype()".to_owned()])
        .collect();
    let found = outputs(&cells.iter().map(String::as_str).collect::<Vec<_>>());
    let (schema, dtype) = (&found[found.len() - 2], &found[found.len() - 1]);
    for (source, both) in tables.iter().zip(found[1..].chunks(2)) {
        for outputs in both {
            assert_eq!(outputs.len(), 1, "{source}: {outputs:?}");
            assert_eq!(rows(&outputs[0]), ["1", "2"], "{source}");
            assert!(text(&outputs[0]["data"]["text/html"]).contains("<table"), "{source}");
        }
    }
    for ((source, expected), both) in others.iter().zip(found[1 + 2 * tables.len()..].chunks(2)) {
        for outputs in both {
            assert!(plain(&outputs[0]).starts_with(expected), "{source}: {}", plain(&outputs[0]));
        }
    }
    assert_eq!(rows(&schema[0]), ["a\ti64"]);
    assert_eq!(plain(&dtype[0]), "i64");
}

#[test]
fn all_of_a_frame_travels_beside_what_is_drawn() {
    let found = outputs(&[
        "df!(\"a\" => [Some(\"null\"), None, Some(\"\")], \"f\" => [123456.789, 1e300, -0.0])?",
        "let rows: Vec<i64> = (0..100).collect();\ndf!(\"n\" => rows)?",
        "let rows: Vec<i64> = (0..200_000).collect();\ndf!(\"n\" => rows)?",
        ":sql SELECT 1.0000000001::DOUBLE AS x, NULL AS y",
    ]);
    assert_eq!(rows(&found[0][0]), ["null\t123456.789", "\\N\t1e300", "\t-0.0"]);
    let html = text(&found[0][0]["data"]["text/html"]);
    assert!(html.contains("white-space: pre-wrap\">&quot;null&quot;</td>"), "{html}");
    assert!(html.contains("<i class=\"pelago-null\" style=\"opacity: 0.6\">null</i>"), "{html}");
    assert!(html.contains(">123456.789<") && plain(&found[0][0]).contains(" 123456.789 "), "{html}");
    assert_eq!(rows(&found[1][0])[50], "50");
    let digest = &found[2][0]["data"]["application/vnd.pelago.table+json"]["columns"][0]["digest"];
    assert_eq!((&digest["nulls"], &digest["numbers"]["sum"]), (&json!(0), &json!("19999900000")));
    assert_eq!(rows(&found[2][0]).len(), 60);
    assert_eq!(rows(&found[3][0]), ["1.0000000001\t\\N"]);
}
