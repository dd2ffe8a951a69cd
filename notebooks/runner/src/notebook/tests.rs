//! What a run leaves alone, over notebooks written in many ways.

use std::ops::Range;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// A way in which some tool writes a notebook.
#[derive(Clone, Debug)]
struct Writing {
    indent: Option<&'static str>,
    newline: &'static str,
    colon: &'static str,
    comma: &'static str,
    ascii: bool,
    lists: bool,
    end: &'static str,
    /// Whether the file begins with a byte order mark.
    mark: bool,
}

/// Stands in a text for half a character, which no [`String`] holds.
const HALF: &str = "@half@";
/// Stands for `NaN`, which no [`Value`] holds.
const NAN: i64 = 978_100_001;

fn writing() -> impl Strategy<Value = Writing> {
    let pretty = (prop::sample::select(vec!["", " ", "  ", "    ", "\t"]), prop::sample::select(vec!["\n", "\r\n"]));
    (
        prop::option::of(pretty),
        prop::sample::select(vec![": ", ":", " : "]),
        prop::sample::select(vec![", ", ","]),
        any::<bool>(),
        any::<bool>(),
        prop::sample::select(vec!["", "\n", "\n\n", "  \n"]),
        any::<bool>(),
    )
        .prop_map(|(pretty, colon, comma, ascii, lists, end, mark)| {
            let (indent, newline) = pretty.map_or((None, "\n"), |(indent, newline)| (Some(indent), newline));
            Writing { indent, newline, colon, comma, ascii, lists, end, mark }
        })
}

impl Writing {
    fn write(&self, notebook: &Value) -> String {
        let style = Style {
            indent: self.indent.map(str::to_owned),
            newline: self.newline,
            colon: self.colon.to_owned(),
            comma: self.comma.to_owned(),
            ascii: self.ascii,
        };
        // Spellings of a number that no parser keeps, and what is no JSON for some parsers.
        let text = style.write(notebook, "").replace("12345.0", "1.2345e+04");
        let text = text.replace(HALF, r"\ud83d").replace(&NAN.to_string(), "NaN");
        format!("{}{text}{}", if self.mark { "\u{feff}" } else { "" }, self.end)
    }

    fn text(&self, text: &str) -> Value {
        if self.lists { output::split(text) } else { json!(text) }
    }
}

fn metadata() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(12345.0)),
        Just(json!(NAN)),
        Just(json!(format!("a{HALF}b"))),
        "[a-z\"\\\\é\u{1f600}\n]{0,8}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec(("x[a-zé]{0,4}", inner), 0..3)
                .prop_map(|entries| Value::Object(Map::from_iter(entries))),
        ]
    });
    prop::collection::vec(("x[a-zé]{0,4}", value), 0..3).prop_map(|entries| Value::Object(Map::from_iter(entries)))
}

fn text() -> impl Strategy<Value = String> {
    "[a-z\"\\\\é\u{1f600}\t\u{1b}\n]{0,12}"
}

fn output() -> impl Strategy<Value = Output> {
    let data = || {
        (text(), text()).prop_map(|(plain, html)| {
        let data = json!({ "text/plain": plain, "text/html": html, "application/json": { "a": [1, plain] }, "image/png": "aGk=" });
        data.as_object().cloned().unwrap_or_default()
    })
    };
    prop_oneof![
        text().prop_map(|text| Output::Stream { name: "stdout".to_owned(), text }),
        data().prop_map(|data| Output::Display { data }),
        data().prop_map(|data| Output::Result { data, count: Some(3) }),
        (text(), text()).prop_map(|(value, line)| Output::Error { name: "E".to_owned(), value, traceback: vec![line] }),
    ]
}

#[derive(Clone, Debug)]
struct Made {
    is_code: bool,
    source: String,
    metadata: Value,
    executed: Executed,
    /// Whether the keys stand in another order.
    is_reversed: bool,
}

fn made() -> impl Strategy<Value = Made> {
    let executed = (prop::option::of(1_u64..99), prop::collection::vec(output(), 0..3));
    (any::<bool>(), text(), metadata(), executed, any::<bool>()).prop_map(
        |(is_code, source, metadata, (count, outputs), is_reversed)| Made {
            is_code,
            source,
            metadata,
            executed: Executed { count, outputs },
            is_reversed,
        },
    )
}

fn notebook(writing: &Writing, cells: &[Made], metadata: &Value) -> String {
    let cells = cells.iter().enumerate().map(|(index, made)| {
        let mut cell =
            json!({ "id": format!("cell-{index}"), "metadata": made.metadata, "source": writing.text(&made.source) });
        cell["cell_type"] = json!(if made.is_code { "code" } else { "markdown" });
        if made.is_code {
            cell["execution_count"] = json!(made.executed.count);
            let outputs = made.executed.outputs.iter().map(|output| {
                let mut value = output.to_json(writing.lists);
                if value.get("metadata").is_some() {
                    value["metadata"] = made.metadata.clone();
                }
                value
            });
            cell["outputs"] = outputs.collect();
        }
        if made.is_reversed {
            let object = cell.as_object().cloned().unwrap_or_default();
            cell = Value::Object(object.into_iter().rev().collect());
        }
        cell
    });
    let notebook = json!({
        "metadata": metadata, "cells": cells.collect::<Vec<_>>(), "nbformat": 4, "nbformat_minor": 5, "x": 12345.0,
    });
    writing.write(&notebook)
}

fn parsed(text: &str) -> Notebook {
    Notebook::parse(text.to_owned(), Path::new("a.ipynb")).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What two texts have in common at both ends, as the spans that differ.
fn changed(before: &str, after: &str) -> (Range<usize>, Range<usize>) {
    let common = |pair: (u8, u8)| pair.0 == pair.1;
    let start = before.bytes().zip(after.bytes()).take_while(|pair| common(*pair)).count();
    let rest = before.bytes().rev().zip(after.bytes().rev()).take_while(|pair| common(*pair)).count();
    let end = rest.min(before.len() - start).min(after.len() - start);
    (start..before.len() - end, start..after.len() - end)
}

proptest! {
    #[test]
    fn the_same_outputs_give_the_same_bytes(
        writing in writing(), cells in prop::collection::vec(made(), 0..4), metadata in metadata(),
    ) {
        let text = notebook(&writing, &cells, &metadata);
        let results = cells.iter().map(|made| made.is_code.then(|| made.executed.clone())).collect::<Vec<_>>();
        prop_assert_eq!(parsed(&text).with_results(&results), text);
    }

    #[test]
    fn other_outputs_change_their_cell_alone(
        writing in writing(), mut cells in prop::collection::vec(made(), 1..4), metadata in metadata(), new in made(),
    ) {
        cells[0].is_code = true;
        let text = notebook(&writing, &cells, &metadata);
        let before = parsed(&text);
        let mut results = vec![None; cells.len()];
        results[0] = Some(new.executed.clone());
        let edited = before.with_results(&results);
        let after = parsed(&edited);
        prop_assert_eq!(&after.cells[0].outputs, &new.executed.outputs);
        prop_assert_eq!(after.cells[0].execution_count, new.executed.count);
        // All bytes that differ stand within the first cell. Places are counted behind the mark.
        prop_assert_eq!(edited.starts_with(MARK), writing.mark);
        let (old, now) = changed(text.trim_start_matches(MARK), edited.trim_start_matches(MARK));
        let within = |span: &Range<usize>, all: &Notebook| {
            let cell = &all.cell_spans()[0];
            span.is_empty() || (cell.start < span.start && span.end < cell.end)
        };
        prop_assert!(within(&old, &before) && within(&now, &after), "{text}\n{edited}");
        // And going back gives the first text again, but for what outputs said of themselves.
        if before.cells[0].outputs == after.cells[0].outputs {
            results[0] = Some(cells[0].executed.clone());
            prop_assert_eq!(after.with_results(&results), text);
        }
    }

    #[test]
    fn new_parts_are_written_as_the_old_ones(writing in writing(), mut cells in prop::collection::vec(made(), 2..4)) {
        for made in &mut cells {
            made.metadata = json!({});
            made.is_reversed = false;
        }
        let executed = std::mem::take(&mut cells[0].executed);
        cells[0].is_code = true;
        // Enough to see how texts are written.
        cells[1].source = "é\né".to_owned();
        let empty = notebook(&writing, &cells, &json!({}));
        let mut results = vec![None; cells.len()];
        results[0] = Some(executed.clone());
        let edited = parsed(&empty).with_results(&results);
        cells[0].executed = executed;
        prop_assert_eq!(edited, notebook(&writing, &cells, &json!({})));
    }

    #[test]
    fn a_cell_of_parameters_is_put_in_once(
        writing in writing(), mut cells in prop::collection::vec(made(), 0..4), source in text(), other in text(), at in 0_usize..4,
    ) {
        cells.iter_mut().for_each(|made| made.is_code = true);
        if let Some(made) = cells.get_mut(at) {
            made.metadata = json!({ "tags": ["parameters"] });
        }
        let text = notebook(&writing, &cells, &json!({}));
        let before = parsed(&text);
        let edited = before.with_parameters(&source);
        let after = parsed(&edited);
        let place = if at < cells.len() { at + 1 } else { 0 };
        prop_assert!(after.cells[place].is_tagged(INJECTED) && after.cells[place].source == source);
        prop_assert_eq!(after.cells.len(), cells.len() + 1);
        let (old, _) = changed(&text, &edited);
        prop_assert!(old.is_empty() || cells.is_empty(), "{text}\n{edited}");
        // Once more: the cell is there, and only its source changes.
        prop_assert_eq!(&after.with_parameters(&source), &edited);
        let again = parsed(&after.with_parameters(&other));
        prop_assert_eq!(again.cells.len(), cells.len() + 1);
        prop_assert_eq!(&again.cells[place].source, &other);
    }
}

#[test]
fn a_file_of_old_is_read_and_kept() {
    let text = r#"{"nbformat":4,"nbformat_minor":0,"metadata":{},"cells":[{"cell_type":"code","metadata":{"collapsed":true},"source":"1\n2","outputs":[],"execution_count":null,"prompt_number":1}]}"#;
    let results = [Some(Executed {
        count: Some(1),
        outputs: vec![Output::Stream { name: "stdout".into(), text: "a\nb".into() }],
    })];
    let edited = parsed(text).with_results(&results);
    assert_eq!(
        edited,
        text.replace(r#""outputs":[]"#, r#""outputs":[{"name":"stdout","output_type":"stream","text":"a\nb"}]"#)
            .replace(r#""execution_count":null"#, r#""execution_count":1"#)
    );
    let injected = parsed(text).with_parameters("let a = 1;");
    assert!(!injected.contains("\"id\""), "{injected}");
}

#[test]
fn keys_that_a_file_lacks_are_put_in() {
    let text = "{\n  \"cells\": [\n    {\n      \"cell_type\": \"code\",\n      \"source\": []\n    }\n  ],\n  \"nbformat\": 4\n}";
    let results = [Some(Executed { count: Some(1), outputs: Vec::new() })];
    assert_eq!(
        parsed(text).with_results(&results),
        text.replace("\"source\": []", "\"source\": [],\n      \"execution_count\": 1")
    );
    assert_eq!(parsed(text).with_results(&[Some(Executed::default())]), text);
}

#[test]
fn what_is_no_notebook_of_rust_is_told() {
    let problem = |text: &str| Notebook::parse(text.to_owned(), Path::new("a.ipynb")).unwrap_err().to_string();
    assert!(problem("{").starts_with("a.ipynb is not a notebook: EOF while parsing"));
    assert!(problem(r#"{"cells": []}"#).contains("missing field `nbformat`"));
    assert_eq!(
        problem(r#"{"nbformat": 3, "worksheets": []}"#),
        "a.ipynb is in nbformat 3, and nbformat 4 was expected"
    );
    let python = r#"{"nbformat": 4, "metadata": {"kernelspec": {"language": "python"}}, "cells": []}"#;
    assert_eq!(problem(python), "a.ipynb is a notebook of python, and cells in Rust were expected");
    let named = r#"{"nbformat": 4, "metadata": {"kernelspec": {"name": "python3"}}, "cells": []}"#;
    assert_eq!(problem(named), "a.ipynb is a notebook of python, and cells in Rust were expected");
    let source = r#"{"nbformat": 4, "cells": [{"cell_type": "code", "source": 1}]}"#;
    assert_eq!(problem(source), "a.ipynb: the source of cell 1 is neither a text nor a list of lines");
}

#[test]
fn what_python_writes_is_read_and_written_back() {
    let text = concat!(
        "\u{feff}",
        r#"{"nbformat": 4, "metadata": {"\ud83d": "\ude00", "x": [NaN, -Infinity]}, "cells": ["#,
        r#"{"cell_type": "markdown", "source": "half \ud83d, whole \ud83d\ude00"}, "#,
        r#"{"cell_type": "code", "source": "1", "outputs": [{"output_type": "stream", "name": "stdout", "text": "\ud83d"}]}]}"#
    );
    let notebook = parsed(text);
    assert_eq!(notebook.text(), text);
    assert_eq!(notebook.cells[0].source, "half \u{fffd}, whole \u{1f600}");
    assert_eq!(notebook.with_results(&[None, None]), text);
    let outputs = vec![Output::Stream { name: "stdout".into(), text: "\u{1f600}".into() }];
    let edited = notebook.with_results(&[None, Some(Executed { count: None, outputs })]);
    let stored = r#"{"output_type": "stream", "name": "stdout", "text": "\ud83d"}"#;
    let now = r#"{"name": "stdout", "output_type": "stream", "text": ["\ud83d\ude00"]}"#;
    assert_eq!(edited, text.replace(stored, now));
    let injected = notebook.with_parameters("let a = 1;");
    assert!(injected.starts_with("\u{feff}{\"nbformat\"") && injected.contains(r"half \ud83d, whole \ud83d\ude00"));
}

#[test]
fn a_wrong_escape_is_told_with_its_place() {
    for (text, told) in [
        ("{\n \"x\": \"\\ud83\"\n}", r"\ud83 at line 2 column 8 is no escape of JSON"),
        ("\u{feff}{\n \"x\": \"é\\ud83\"\n}", r"\ud83 at line 2 column 9 is no escape of JSON"),
        ("{\n \"x\": \"\\ud83d\\ud8\"\n}", r"\ud8 at line 2 column 14 is no escape of JSON"),
        ("{\n \"x\": \"\\ud83d\\q\"\n}", r"\q at line 2 column 14 is no escape of JSON"),
        // What is wrong before it comes first.
        ("{\n \"x\": nan,\n \"y\": \"\\q\"\n}", "expected ident at line 2 column 8"),
        ("{\n \"x\": NaN,\n \"y\": nan\n}", "expected ident at line 3 column 8"),
        ("{\n \"x\": \"\\ud83d\"", "EOF while parsing an object at line 2 column 14"),
    ] {
        let problem = Notebook::parse(text.to_owned(), Path::new("a.ipynb")).unwrap_err().to_string();
        assert_eq!(problem, format!("a.ipynb is not a notebook: {told}"));
    }
}

#[test]
fn what_is_no_utf_8_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ipynb");
    let problem = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Notebook::read(&path).unwrap_err().to_string().replace(&path.display().to_string(), "a.ipynb")
    };
    assert_eq!(problem(b"\xff\xfe{\0"), "a.ipynb is not a notebook: it is in UTF-16, and UTF-8 was expected");
    let cut = problem("{\"\u{e9}".as_bytes().split_last().unwrap().1);
    assert_eq!(cut, "a.ipynb is not a notebook: byte 3 is no part of a character, and UTF-8 was expected");
    let told = Notebook::read(folder.path()).unwrap_err();
    assert!(matches!(told, NotebookError::Folder { notebooks: 1, .. }), "{told}");
}
