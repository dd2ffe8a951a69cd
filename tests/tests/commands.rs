//! `:commands` of the program in a real browser, from one cell to the next.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

use std::process::{Command, Output};

use pelago_tests::fixture;
use pelago_tests::lab::pelago;

fn cell(home: &std::path::Path, code: &str) -> Output {
    Command::new(pelago()).arg("--home").arg(home).args(["-c", code]).output().unwrap()
}

#[test]
fn a_cell_of_commands_adds_runs_and_asks() {
    let home = tempfile::tempdir().unwrap();
    let folder = fixture("models/bert");
    let code = format!(
        ":model add '{}' --name tiny\n\
         :accelerate tiny one \"two words\" \\\n  --platform wasm --browser chrome --repeat 2\n\
         :browsers\n\
         :sql SELECT 'rows=' || count(*) || ' batch=' || max(batch_size) AS told FROM runs \\\n  WHERE platform = 'wasm'",
        folder.display()
    );
    let output = cell(home.path(), &code);
    let shown = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{shown}\n{said}");
    assert!(shown.contains("tiny") && shown.contains("[2, 32]"), "{shown}");
    assert!(shown.contains("rows=2 batch=2"), "{shown}");
}

#[test]
fn a_command_that_fails_says_where_and_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let output = cell(home.path(), ":history\n:accelerate nobody text");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("line 2: :accelerate nobody text"), "{said}");
    assert!(said.contains("no model is called \"nobody\""), "{said}");
}
