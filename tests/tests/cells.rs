//! Rust cells in the process that runs them: what they show, how they fail, and
//! what is kept. One notebook runs them all, so the evaluator starts once.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

use std::path::Path;

use pelago_tests::{notebook, processes};
use serde_json::Value;

/// Runs cells one after the other and gives the outputs of each.
fn outputs(folder: &Path, cells: &[&str]) -> Vec<Vec<Value>> {
    notebook::run_in(folder, cells).into_iter().map(|outputs| outputs.0).collect()
}

/// A string, or lines of one.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect(),
    }
}

fn plain(output: &Value) -> String {
    text(&output["data"]["text/plain"])
}

fn stdout(output: &Value) -> String {
    assert_eq!(output["name"], "stdout", "{output}");
    text(&output["text"])
}

fn failure(outputs: &[Value]) -> (String, String) {
    let error = outputs.iter().find(|output| output["output_type"] == "error");
    let error = error.unwrap_or_else(|| panic!("no error among {outputs:?}"));
    (text(&error["ename"]), text(&error["traceback"]))
}

#[test]
fn cells_show_fail_and_keep_what_they_should() {
    let folder = tempfile::tempdir().unwrap();
    let cells = [
        // 0: variables and the value of the last expression
        "let mut numbers = vec![1, 2, 3];\nnumbers.push(4);\nnumbers.iter().sum::<i32>()",
        // 1: a DataFrame, and what is shown in the middle of a cell, in order
        "print!(\"a\");\ndisplay(Html(\"<b>b</b>\".to_owned()));\nprintln!(\"c\");\ndf!(\"n\" => &numbers)?",
        // 2: a panic, at its line
        "let lost = 1;\n\nlet _: i32 = numbers[9];",
        // 3: an error of `?`, with the session's help
        "println!(\"before\");\nsql(\"nonsense\")?;\nprintln!(\"after\");",
        // 4: variables are kept
        "numbers.len()",
        // 5: the compiler's own error points at the user's text
        "let wrong: String = numbers.len();",
        // 6: evcxr's protocol is only text, and a value whose type shows itself
        "println!(\"EVCXR_EXECUTION_COMPLETE\");\nprint!(\"no end\");",
        // 7: evcxr's convention
        "struct Own;\nimpl Own { fn evcxr_display(&self) { \
         println!(\"EVCXR_BEGIN_CONTENT text/html\\n<i>own</i>\\nEVCXR_END_CONTENT\"); } }\nOwn",
        // 8: a type that can only be named
        "struct Silent;\nSilent",
        // 9: `?` in a macro's arguments
        "println!(\"{}\", \"x\".parse::<i32>()?);",
        // 10: an end of the process
        "std::process::exit(7);",
        // 11: functions are kept, variables are not
        "struct Again;\nnumbers.len()",
        // 12: nobody can be asked here
        "input(\"name? \")?",
        // 13: and all goes on
        "1 + 1",
    ];
    let found = outputs(folder.path(), &cells);

    assert_eq!(plain(&found[0][0]), "10");

    let [a, b, c, frame] = found[1].as_slice() else { panic!("{:?}", found[1]) };
    assert_eq!((stdout(a).as_str(), stdout(c).as_str()), ("a", "c\n"));
    assert_eq!(text(&b["data"]["text/html"]), "<b>b</b>");
    assert!(plain(frame).contains("shape: (4, 1)"), "{frame}");
    assert!(text(&frame["data"]["text/html"]).contains("<table"), "{frame}");

    let (name, trace) = failure(&found[2]);
    assert_eq!(name, "Panic");
    assert!(trace.contains("index out of bounds") && trace.contains("3 | let _: i32 = numbers[9];"), "{trace}");

    assert_eq!(stdout(&found[3][0]), "before\n");
    let (name, trace) = failure(&found[3]);
    assert_eq!(name, "Error");
    assert!(trace.contains("2 | sql(\"nonsense\")?;"), "{trace}");

    assert_eq!(plain(&found[4][0]), "4");

    let (name, trace) = failure(&found[5]);
    assert_eq!(name, "CompileError");
    assert!(trace.contains("error[E0308]") && trace.contains("1 | let wrong: String = numbers.len();"), "{trace}");

    assert_eq!(stdout(&found[6][0]), "EVCXR_EXECUTION_COMPLETE\nno end");
    assert_eq!(text(&found[7][0]["data"]["text/html"]), "<i>own</i>");
    assert_eq!(plain(&found[8][0]), "Silent");
    assert_eq!(failure(&found[9]).0, "ParseIntError");

    let (name, trace) = failure(&found[10]);
    assert_eq!(name, "ProcessEnded");
    assert!(trace.contains("exit status: 7") && trace.contains("variables are gone"), "{trace}");
    assert_eq!(failure(&found[11]).0, "CompileError");
    let (_, trace) = failure(&found[12]);
    assert!(trace.contains("nobody can be asked"), "{trace}");
    assert_eq!(plain(&found[13][0]), "2");

    // The process of the cells went with the one that ran the notebook.
    let left = processes::naming(folder.path());
    assert!(left.is_empty(), "{left:?}");
}
