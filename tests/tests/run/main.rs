//! `pelago run` as CI sees it: files, what is on stdout and stderr, exit codes.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

mod files;
mod folder;
mod forms;
mod parameters;

use std::io::{BufRead, BufReader};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use self::folder::{Folder, Gate, count, plain, tagged};

#[test]
fn a_failure_is_kept_and_what_follows_it_does_not_run() {
    let folder = Folder::new();
    let mut later = plain(":help");
    later["execution_count"] = json!(7);
    later["outputs"] = json!([{ "name": "stdout", "output_type": "stream", "text": ["of old"] }]);
    folder.notebook("a.ipynb", &[plain(":help"), plain(":nothing"), later]);
    let before = folder.text("a.ipynb");
    let (code, said) = folder.run(&["a.ipynb", "--output", "out.ipynb"]);
    assert_eq!(code, Some(1));
    assert!(
        said.starts_with("failed      a.ipynb: 2/3 cells") && said.contains("there is no command :nothing"),
        "{said}"
    );
    assert_eq!(folder.text("a.ipynb"), before);
    let cells = folder.cells("out.ipynb");
    assert_eq!(cells[0]["outputs"][0]["output_type"], "execute_result");
    assert_eq!(cells[0]["outputs"][0]["execution_count"], 1);
    assert_eq!((&cells[1]["outputs"][0]["output_type"], count(&cells[1])), (&json!("error"), Some(2)));
    assert_eq!(cells[1]["outputs"][0]["ename"], "CommandError");
    assert_eq!((&cells[2]["outputs"], count(&cells[2])), (&json!([]), None));
}

#[test]
fn cells_may_fail_or_be_left_out() {
    let folder = Folder::new();
    folder.notebook(
        "a.ipynb",
        &[tagged(":nothing", "raises-exception"), tagged(":nothing", "skip-execution"), plain(":help")],
    );
    let (code, said) = folder.run(&["a.ipynb", "--inplace"]);
    assert_eq!(code, Some(0), "{said}");
    let cells = folder.cells("a.ipynb");
    assert_eq!(cells.iter().map(count).collect::<Vec<_>>(), [Some(1), None, Some(2)]);
    assert_eq!(cells[0]["outputs"][0]["output_type"], "error");

    folder.notebook("b.ipynb", &[plain(":nothing"), plain(":help")]);
    assert_eq!(folder.run(&["b.ipynb"]).0, Some(1));
    assert_eq!(folder.run(&["b.ipynb", "--allow-errors"]).0, Some(0));
}

#[test]
fn the_second_run_changes_no_byte() {
    let folder = Folder::new();
    folder.notebook("a.ipynb", &[plain(":help"), tagged(":nothing", "raises-exception")]);
    assert_eq!(folder.run(&["a.ipynb", "--inplace"]).0, Some(0));
    let first = folder.text("a.ipynb");
    let changed = std::fs::metadata(folder.path("a.ipynb")).unwrap().modified().unwrap();
    assert_eq!(folder.run(&["a.ipynb", "--inplace"]).0, Some(0));
    assert_eq!(folder.text("a.ipynb"), first);
    assert_eq!(std::fs::metadata(folder.path("a.ipynb")).unwrap().modified().unwrap(), changed);
    // In another writing, too.
    let other =
        first.replace("\n ", "\n   ").replace("\"nbformat\"", "\"x\": 1.50e+3,\n \"nbformat\"").trim_end().to_owned();
    std::fs::write(folder.path("a.ipynb"), &other).unwrap();
    assert_eq!(folder.run(&["a.ipynb", "--output", "out.ipynb"]).0, Some(0));
    assert_eq!(folder.text("out.ipynb"), other);
}

#[test]
fn stored_outputs_are_compared() {
    let folder = Folder::new();
    folder.notebook("a.ipynb", &[plain(":help")]);
    assert_eq!(folder.run(&["a.ipynb", "--check"]).0, Some(3));
    assert_eq!(folder.run(&["a.ipynb", "--inplace"]).0, Some(0));
    let (code, said) = folder.run(&["a.ipynb", "--check"]);
    assert_eq!(code, Some(0), "{said}");

    let mut cells = folder.cells("a.ipynb");
    let text = &mut cells[0]["outputs"][0]["data"]["text/plain"];
    let mut lines = text.as_array().unwrap().clone();
    lines[0] = json!("something else\n");
    *text = json!(lines);
    folder.notebook("b.ipynb", &cells);
    let before = folder.text("b.ipynb");
    let (code, said) = folder.run(&["b.ipynb", "--check"]);
    assert_eq!(code, Some(3));
    assert!(said.starts_with("differs ") && said.contains("-something else"), "{said}");
    assert_eq!(folder.text("b.ipynb"), before);

    cells[0]["metadata"] = json!({ "pelago": { "check": { "mode": "skip" } } });
    folder.notebook("c.ipynb", &cells);
    assert_eq!(folder.run(&["c.ipynb", "--check"]).0, Some(0));
    cells[0]["metadata"] = json!({ "pelago": { "check": { "mode": "pattern", "pattern": ".*accelerate.*" } } });
    folder.notebook("d.ipynb", &cells);
    assert_eq!(folder.run(&["d.ipynb", "--check"]).0, Some(0));
    cells[0]["metadata"] = json!({ "pelago": { "check": { "mode": "fuzzy" } } });
    folder.notebook("e.ipynb", &cells);
    let (code, said) = folder.run(&["e.ipynb", "--check"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("metadata of cell 1 cannot be followed: unknown variant `fuzzy`"), "{said}");
}

#[test]
fn several_notebooks_run_at_once_and_are_reported() {
    let folder = Folder::new();
    folder.notebook("a.ipynb", &[plain(":help")]);
    folder.notebook("b.ipynb", &[plain(":help"), plain(":nothing <&>"), plain(":help")]);
    std::fs::write(folder.path("c.ipynb"), "{").unwrap();
    let arguments = ["a.ipynb", "b.ipynb", "c.ipynb", "--jobs", "3", "--output", "out", "--junit", "report.xml"];
    let output = folder.command(&arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stdout).unwrap();
    let verdicts = said.lines().filter(|line| !line.starts_with(' ')).map(|line| line.split(':').next().unwrap());
    assert_eq!(verdicts.collect::<Vec<_>>(), ["passed      a.ipynb", "failed      b.ipynb", "not run     c.ipynb"]);
    // stderr is no terminal here: a line a cell.
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.contains("a.ipynb 1/1 passed") && progress.contains("b.ipynb 2/3 failed"), "{progress}");
    assert_eq!(count(&folder.cells("out/a.ipynb")[0]), Some(1));
    assert_eq!(count(&folder.cells("out/b.ipynb")[1]), Some(2));
    assert!(!folder.path("out/c.ipynb").exists());

    let report = folder.text("report.xml");
    assert!(report.contains(r#"tests="5" skipped="1" failures="1" errors="1""#), "{report}");
    assert!(report.contains(r#"<testcase name="cell 2: :nothing &lt;&amp;&gt;" classname="b.ipynb""#), "{report}");
    assert!(report.contains(r#"type="CommandError""#) && report.contains("c.ipynb is not a notebook"), "{report}");
}

#[test]
fn what_cannot_be_done_is_told_before_anything_runs() {
    let folder = Folder::new();
    folder.notebook("a.ipynb", &[tagged("let n: usize = 1;", "parameters")]);
    std::fs::create_dir(folder.path("other")).unwrap();
    std::fs::copy(folder.path("a.ipynb"), folder.path("other/a.ipynb")).unwrap();
    let refused = |arguments: &[&str], reason: &str| {
        let output = folder.command(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(reason), "{arguments:?}: {said}");
    };
    refused(&["missing.ipynb"], "missing.ipynb cannot be read");
    refused(&["."], ". cannot be read");
    refused(&["a.ipynb", "--inplace", "--check"], "cannot be used with");
    refused(&["a.ipynb", "-p", "1n=2"], "cannot be the name of a variable");
    refused(&["a.ipynb", "-p", "n=many"], "parameter n: expected a usize, found \"many\"");
    refused(&["a.ipynb", "other/a.ipynb", "-o", "out"], "two notebooks would be written to out/a.ipynb");
    refused(&["a.ipynb", "other/a.ipynb", "-o", "a.ipynb"], "--output names the file a.ipynb");
    refused(&["a.ipynb", "-f", "missing.json"], "missing.json cannot be read");
    refused(&["a.ipynb", "--timeout", "soon"], "a number of seconds from 0");
    assert_eq!(count(&folder.cells("a.ipynb")[0]), None);
}

#[test]
fn a_cell_without_end_is_ended() {
    let folder = Folder::new();
    folder.notebook("a.ipynb", &[plain("println!(\"before\");\nloop { std::hint::black_box(0); }"), plain("1")]);
    let (code, said) = folder.run(&["a.ipynb", "--inplace", "--timeout", "60", "--allow-errors"]);
    assert_eq!(code, Some(124), "{said}");
    assert!(said.starts_with("timed out   a.ipynb: 1/2 cells"), "{said}");
    let cells = folder.cells("a.ipynb");
    assert_eq!(cells[0]["outputs"][0]["text"], json!(["before\n"]));
    assert_eq!(cells[0]["outputs"][1]["ename"], "Timeout");
    assert_eq!(count(&cells[1]), None);
}

#[test]
fn an_interrupt_keeps_what_ran() {
    let folder = Folder::new();
    let forever = "while !interrupted() { std::thread::yield_now(); }";
    folder.notebook("a.ipynb", &[plain("std::env::current_dir()?"), plain(forever), plain("1")]);
    folder.notebook("b.ipynb", &[plain("1")]);
    let mut child = folder.command(&["a.ipynb", "b.ipynb", "-o", "out"]).spawn().unwrap();
    let pid = Pid::from_child(&child);
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = lines.map(Result::unwrap).find(|line| line.starts_with("a.ipynb 1/3"));
    assert!(said.as_ref().is_some_and(|said| said.starts_with("a.ipynb 1/3 passed")), "{said:?}");
    kill_process(pid, Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let cells = folder.cells("out/a.ipynb");
    let seen = cells[0]["outputs"][0]["data"]["text/plain"].to_string();
    assert!(seen.contains(folder.path("a.ipynb").parent().unwrap().file_name().unwrap().to_str().unwrap()), "{seen}");
    assert_eq!((&cells[2]["outputs"], count(&cells[2])), (&json!([]), None));
    assert!(!folder.path("out/b.ipynb").exists());
}

/// The cell sees the interrupt itself and ends in good order: what waits behind it is not to run.
#[test]
fn a_cell_that_ends_by_itself_after_an_interrupt_ends_the_run() {
    let folder = Folder::new();
    let gate = Gate::new();
    let asking = gate.code() + "while !interrupted() { std::thread::yield_now(); }\nprintln!(\"left in order\");\n7";
    folder.notebook("a.ipynb", &[plain("1"), plain(&asking), plain("println!(\"never\");")]);
    let child = folder.command(&["a.ipynb", "--inplace", "--allow-errors"]).spawn().unwrap();
    let _stream = gate.reached();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.starts_with("interrupted a.ipynb: 2/3 cells"), "{said}");
    let cells = folder.cells("a.ipynb");
    assert_eq!(cells[1]["outputs"][0]["text"], json!(["left in order\n"]));
    assert_eq!((&cells[2]["outputs"], count(&cells[2])), (&json!([]), None));
}

/// A thread that prints while a later cell runs: its text stands below its own cell.
#[test]
fn late_output_stands_below_its_cell() {
    let folder = Folder::new();
    let (thread_gate, cell_gate) = (Gate::new(), Gate::new());
    let thread = format!(
        "println!(\"in time\");\nstd::thread::spawn(|| -> std::io::Result<()> {{\n{}println!(\"late\");\n{}Ok(())\n}});",
        thread_gate.waiting(),
        thread_gate.code()
    );
    folder.notebook("a.ipynb", &[plain(&thread), plain(&(cell_gate.waiting() + "println!(\"next\");"))]);
    let child = folder.command(&["a.ipynb", "--inplace"]).spawn().unwrap();
    let (thread, cell) = (thread_gate.reached(), cell_gate.reached());
    drop(thread);
    // The thread has printed, and the second cell still runs.
    let _printed = thread_gate.reached();
    drop(cell);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let cells = folder.cells("a.ipynb");
    assert_eq!(cells[0]["outputs"][0]["text"], json!(["in time\n", "late\n"]), "{cells:?}");
    assert_eq!(cells[1]["outputs"][0]["text"], json!(["next\n"]));
}
