//! Rules and how outputs are compared by them.

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;

fn rule(value: Value) -> Rule {
    Rule::read(value, Path::new("a.ipynb"), Some(2)).unwrap()
}

fn stdout(text: &str) -> Vec<Output> {
    vec![Output::Stream { name: "stdout".into(), text: text.into() }]
}

fn plain(text: &str) -> Vec<Output> {
    let data = json!({ "text/plain": text, "text/html": format!("<b>{text}</b>") });
    vec![Output::Result { data: data.as_object().unwrap().clone(), count: Some(1) }]
}

fn differences(value: Value, stored: &[Output], new: &[Output]) -> Vec<String> {
    rule(value).compare(stored, new).differences
}

fn check(rule: Value, stored: &[Output], new: &[Output], expected: &Expect) {
    expected.assert_eq(&differences(rule, stored, new).join("\n"));
}

#[test]
fn exact_means_every_byte_of_every_form() {
    check(json!({}), &plain("a\nb\n"), &plain("a\nb\n"), &expect![[""]]);
    check(
        json!({}),
        &stdout("a\nb\nc\n"),
        &stdout("a\nB\nc\n"),
        &expect![[r#"
        output 1, stdout: the text differs
          --- stored
          +++ now
          @@ -1,3 +1,3 @@
           a
          -b
          +B
           c
    "#]],
    );
    assert_eq!(differences(json!({}), &plain("a"), &plain("b")).len(), 2);
    assert_eq!(differences(json!({ "mode": "skip" }), &plain("a"), &stdout("b")).len(), 0);
}

#[test]
fn another_kind_of_output_is_told() {
    check(
        json!({ "mode": "tolerance" }),
        &stdout("1\n"),
        &plain("1"),
        &expect![[r#"
        other outputs than stored
          --- stored
          +++ now
          @@ -1,2 +1,2 @@
          -[stdout]
          +[result (text/html, text/plain)]
           1
    "#]],
    );
    assert_eq!(differences(json!({}), &[], &stdout("x")).len(), 1);
}

#[test]
fn a_pattern_matches_all_of_the_text() {
    let rule = json!({ "mode": "pattern", "pattern": "took \\d+ ms|took long" });
    check(rule.clone(), &stdout(""), &stdout("took 12 ms\n"), &expect![[""]]);
    check(
        rule,
        &stdout("took 1 ms\n"),
        &stdout("took 12 ms, and more\n"),
        &expect![[r#"
        the outputs do not match the pattern took \d+ ms|took long
          took 12 ms, and more
    "#]],
    );
}

#[test]
fn what_is_ignored_may_differ() {
    let rule = json!({ "ignore": ["\\d+ ms"] });
    check(rule.clone(), &stdout("a 1 ms\n"), &stdout("a 200 ms\n"), &expect![[""]]);
    assert_eq!(differences(rule, &stdout("a 1 ms\n"), &stdout("b 1 ms\n")).len(), 1);
}

#[test]
fn a_rule_that_cannot_be_followed_is_told() {
    let problem = |value| Rule::read(value, Path::new("a.ipynb"), Some(2)).unwrap_err().to_string();
    assert!(problem(json!({ "mode": "fuzzy" })).contains("unknown variant `fuzzy`"));
    assert!(problem(json!({ "mode": "pattern" })).ends_with("of cell 2 needs mode \"pattern\" and a pattern together"));
    assert!(problem(json!({ "ignore": ["("] })).contains("unclosed group"));
    assert!(problem(json!({ "tolerance": 1 })).contains("unknown field `tolerance`"));
    assert!(problem(json!({ "rel": 1 })).contains("only mode \"tolerance\""));
    assert!(problem(json!({ "mode": "tolerance", "rel": -1 })).contains("rel and abs are numbers from 0 up"));
    assert!(problem(json!({ "mode": "tolerance", "columns": { "a": 1 } })).contains("a column's rule is"));
}

mod tables {
    //! DataFrames, by the data that stand beside what is drawn of them.

    use pelago_render::{Shown, Table};
    use polars::df;
    use polars::prelude::{Column, DataFrame, DataType, NamedFrom, Series};

    use super::super::Comparison;
    use super::*;

    fn table(frame: &DataFrame) -> Vec<Output> {
        let data = pelago_render::bundle(&Shown::Table(Table::of(frame)));
        vec![Output::Result { data, count: Some(1) }]
    }

    fn compare(value: Value, stored: &DataFrame, new: &DataFrame) -> Comparison {
        rule(value).compare(&table(stored), &table(new))
    }

    fn found(value: Value, stored: &DataFrame, new: &DataFrame) -> String {
        let Comparison { differences, compared } = compare(value, stored, new);
        compared.into_iter().chain(differences).collect::<Vec<_>>().join("\n")
    }

    fn one(value: f64) -> DataFrame {
        df!("v" => [value]).unwrap()
    }

    #[test]
    fn a_tolerance_is_applied_to_every_digit() {
        let rel = |rel: f64| json!({ "mode": "tolerance", "rel": rel, "abs": 0 });
        let differs = |rule: &Value, stored: f64, now: f64| {
            !compare(rule.clone(), &one(stored), &one(now)).differences.is_empty()
        };
        assert!(differs(&rel(1e-9), 1.000_000_01, 1.000_000_02));
        assert!(differs(&rel(1e-9), 123_456.1, 123_456.4));
        assert!(differs(&rel(1e-4), 1.234_1e12, 1.234_4e12));
        assert!(!differs(&json!({ "mode": "tolerance" }), 1.234_499_9e12, 1.234_500_1e12));
        expect![[r#"
            output 1: 1 row × 1 column compared
            output 1, table: row 1, column v: stored 1.00000001, now 1.00000002: 1.000e-8 apart, 1.000e-9 allowed"#]]
        .assert_eq(&found(rel(1e-9), &one(1.000_000_01), &one(1.000_000_02)));
    }

    #[test]
    fn rows_and_columns_that_are_not_drawn_are_compared() {
        let rows = |changed: f64| {
            let mut values = vec![1.0; 100];
            values[50] = changed;
            df!("a" => vec!["x"; 100], "b" => values, "c" => vec![true; 100]).unwrap()
        };
        assert_eq!(found(json!({}), &rows(1.0), &rows(1.0)), "output 1: 100 rows × 3 columns compared");
        expect![[r#"
            output 1: 100 rows × 3 columns compared
            output 1, table: row 51, column b: stored 1.0, now 2.0"#]]
        .assert_eq(&found(json!({}), &rows(1.0), &rows(2.0)));
        let wide = |changed: i64| {
            let column = |index: i64| Column::new(format!("c{index}").into(), [if index == 61 { changed } else { 0 }]);
            DataFrame::new(1, (1..=100).map(column).collect()).unwrap()
        };
        assert_eq!(
            compare(json!({ "mode": "tolerance" }), &wide(0), &wide(5)).differences,
            ["output 1, table: row 1, column c61: stored 0, now 5: 5.000e0 apart, 1.000e-8 allowed"]
        );
    }

    #[test]
    fn null_nan_and_texts_are_told_apart() {
        let floats = |values: [Option<f64>; 4]| df!("v" => values).unwrap();
        let stored = floats([None, Some(f64::NAN), Some(f64::INFINITY), Some(-0.0)]);
        let now = floats([Some(f64::NAN), None, Some(f64::NEG_INFINITY), Some(0.0)]);
        assert_eq!(compare(json!({}), &stored, &stored).differences, Vec::<String>::new());
        expect![[r#"
            output 1: 4 rows × 1 column compared
            output 1, table: 4 values differ
              row 1, column v: stored null, now NaN
              row 2, column v: stored NaN, now null
              row 3, column v: stored inf, now -inf
              row 4, column v: stored -0.0, now 0.0"#]]
        .assert_eq(&found(json!({}), &stored, &now));
        let tolerant = compare(json!({ "mode": "tolerance" }), &stored, &now).differences.concat();
        assert!(tolerant.contains("3 values differ") && !tolerant.contains("row 4"), "{tolerant}");
        let texts = |values: [Option<&str>; 2]| df!("s" => values).unwrap();
        expect![[r#"
            output 1: 2 rows × 1 column compared
            output 1, table: 2 values differ
              row 1, column s: stored null, now "null"
              row 2, column s: stored a b, now a  b"#]]
        .assert_eq(&found(json!({}), &texts([None, Some("a b")]), &texts([Some("null"), Some("a  b")])));
    }

    #[test]
    fn other_columns_types_and_rows_are_told() {
        let stored = df!("a" => [1_i64], "b" => [2.0]).unwrap();
        let check = |now: &DataFrame, expected: &str| {
            assert_eq!(
                compare(json!({ "mode": "tolerance" }), &stored, now).differences,
                [format!("output 1, table: {expected}")]
            );
        };
        check(&stored.select(["b", "a"]).unwrap(), "other order of columns: stored a, b, now b, a");
        check(&df!("a" => [1_i32], "b" => [2.0]).unwrap(), "column a: stored as i64, now i32");
        check(&df!("a" => [1_i64], "c" => [2.0]).unwrap(), "column b is gone\n  column c is new");
        check(&df!("a" => [1_i64, 2], "b" => [2.0, 3.0]).unwrap(), "stored 1 rows, now 2");
    }

    #[test]
    fn columns_have_their_own_rules() {
        let stored = df!("browser" => ["chrome", "edge"], "seconds" => [1.0, 2.0], "day" => ["a 1", "b 2"]).unwrap();
        let now = df!("browser" => ["firefox", "safari"], "seconds" => [1.5, 9.0], "day" => ["a 1", "b 2"]).unwrap();
        let columns = json!({ "browser": { "pattern": "chrome|firefox" }, "seconds": { "rel": 1 } });
        expect![[r#"
            output 1: 2 rows × 3 columns compared
            output 1, table: 2 values differ
              row 2, column browser: safari does not match chrome|firefox
              row 2, column seconds: stored 2.0, now 9.0: 7.000e0 apart, 2.000e0 allowed"#]]
        .assert_eq(&found(json!({ "mode": "tolerance", "columns": columns }), &stored, &now));
        let columns = json!({ "browser": "skip", "seconds": "skip" });
        expect!["output 1: 2 rows × 3 columns compared, 2 columns skipped"].assert_eq(&found(
            json!({ "mode": "tolerance", "columns": columns }),
            &stored,
            &now,
        ));
        assert_eq!(
            found(json!({ "ignore": ["chrome|firefox|edge|safari", "[0-9.]+"] }), &stored, &now).lines().count(),
            1
        );
    }

    #[test]
    fn a_moment_is_no_measure() {
        let day = |day: i32| {
            let days = Series::new("d".into(), [day]).cast(&DataType::Date).unwrap();
            DataFrame::new(1, vec![days.into()]).unwrap()
        };
        let rule = json!({ "mode": "tolerance", "rel": 0.5 });
        assert_eq!(
            compare(rule, &day(20_000), &day(20_001)).differences,
            ["output 1, table: row 1, column d: stored 2024-10-04, now 2024-10-05"]
        );
    }

    #[test]
    fn a_large_table_is_compared_by_digest() {
        let large = |changed: f64, word: &str| {
            let mut values: Vec<f64> = (0..200_000).map(f64::from).collect();
            values[100_000] += changed;
            let mut words = vec!["w"; 200_000];
            words[100_000] = word;
            df!("v" => values, "s" => words).unwrap()
        };
        let stored = large(0.0, "w");
        let exact = |now: &DataFrame| found(json!({}), &stored, now);
        assert_eq!(exact(&stored), "output 1: 200,000 rows × 2 columns compared by digest");
        expect![[r#"
            output 1: 200,000 rows × 2 columns compared by digest
            output 1, table: 2 values differ
              column v: its values differ, by their digest; stored sum 19999900000.0, now 19999900001.0
              column s: its values differ, by their digest (str)"#]]
        .assert_eq(&exact(&large(1.0, "x")));
        let tolerant = |now: &DataFrame| found(json!({ "mode": "tolerance", "abs": 0, "rel": 1e-8 }), &stored, now);
        expect!["output 1: 200,000 rows × 2 columns compared by digest; of v single values are compared in 60 rows only, and by nulls, least, largest and sum in all"]
            .assert_eq(&tolerant(&large(1e-4, "w")));
        expect![[r#"
            output 1: 200,000 rows × 2 columns compared by digest
            output 1, table: column v: sum: stored 19999900000.0, now 19999901000.0: 1.000e3 apart, 2.009e2 allowed"#]]
        .assert_eq(&tolerant(&large(1000.0, "w")));
        let mut ends = stored.clone();
        ends.apply("v", |column| column * 1.000_001).unwrap();
        let told = tolerant(&ends);
        assert!(told.contains("60 values differ") && told.contains("row 2, column v: stored 1.0"), "{told}");
    }

    #[test]
    fn a_table_that_was_stored_without_data_is_compared_as_it_was_drawn() {
        let frame = df!("n" => (0..100).collect::<Vec<i32>>(), "f" => vec![123_456.789; 100]).unwrap();
        let mut stored = table(&frame);
        let Output::Result { data, .. } = &mut stored[0] else { panic!() };
        data.remove(MIME);
        let html = data["text/html"].as_str().unwrap();
        // As an older Pelago drew it.
        data["text/html"] = json!(html.replace("; white-space: pre-wrap", "").replace("123456.789", "123\u{202f}457"));
        data["text/plain"] = json!("something else");
        for mode in ["exact", "tolerance"] {
            let found = rule(json!({ "mode": mode })).compare(&stored, &table(&frame));
            assert_eq!(found.differences, Vec::<String>::new());
            expect!["output 1: what is drawn was compared, 60 of 100 rows × 2 columns: the table is stored without its data, which --inplace stores"]
                .assert_eq(&found.compared.concat());
        }
        let mut changed = frame.clone();
        changed.apply("n", |column| column + 1).unwrap();
        let found = rule(json!({})).compare(&stored, &table(&changed)).differences.concat();
        assert!(found.contains("60 values differ") && found.contains("row 1, column n: stored 0, now 1"), "{found}");
    }

    #[test]
    fn data_that_cannot_be_read_are_told() {
        let frame = one(1.0);
        let mut stored = table(&frame);
        let Output::Result { data, .. } = &mut stored[0] else { panic!() };
        data[MIME]["version"] = json!(9);
        let found = rule(json!({})).compare(&stored, &table(&frame)).differences;
        assert_eq!(found, ["output 1, table: what is stored of it cannot be read: its version is 9, not 1"]);
    }
}
