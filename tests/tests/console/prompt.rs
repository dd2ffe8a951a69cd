//! The prompt: editing, history, keys, colours, leaving.

use std::os::unix::fs::PermissionsExt;

use vt100::Color;

use crate::terminal::{ALT_ENTER, CTRL_C, CTRL_D, ENTER, Terminal, UP};

fn start(home: &tempfile::TempDir) -> Terminal {
    let terminal = Terminal::start(home.path(), 100, &[], &[]);
    terminal.wait_for_line("[1]>");
    terminal
}

#[test]
fn a_line_says_what_it_is_and_ctrl_d_leaves() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = start(&home);
    let text = terminal.text();
    let version = env!("CARGO_PKG_VERSION");
    assert!(text.starts_with(&format!("Pelago {version} · :help lists the commands, Ctrl-D leaves\n")), "{text}");
    terminal.keys(CTRL_D);
    assert_eq!(terminal.wait_for_exit(), 0);
}

#[test]
fn a_failed_cell_is_told_in_colour_and_the_session_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = start(&home);
    let text = terminal.cell(":nonsense", 2);
    assert!(text.contains("line 1: :nonsense\nCommandError: there is no command :nonsense"), "{text}");
    assert_eq!(terminal.colours("CommandError")[0], Color::Idx(1));
    terminal.cell(":nonsense again", 3);
}

#[test]
fn no_color_means_none() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(home.path(), 100, &[], &[("NO_COLOR", "1")]);
    terminal.wait_for_line("[1]>");
    terminal.cell(":nonsense", 2);
    for line in ["[1]> :nonsense", "CommandError", "Pelago"] {
        assert!(terminal.colours(line).iter().all(|colour| *colour == Color::Default));
    }
}

#[test]
fn the_history_outlives_the_session_and_is_the_users_alone() {
    let home = tempfile::tempdir().unwrap();
    let mut first = start(&home);
    first.cell(":first", 2);
    first.cell(&format!(":second{ALT_ENTER}:third"), 3);
    first.keys(CTRL_D);
    assert_eq!(first.wait_for_exit(), 0);

    let mut second = start(&home);
    second.keys(UP);
    second.wait("the entry of two lines", |screen| screen.contents().contains("[1]> :second\n:third"));
    // From the second line to the first, then to the entry before.
    second.keys(&UP.repeat(2));
    second.wait_for_line("[1]> :first");
    let mode = std::fs::metadata(home.path().join("console-history")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_session_that_is_killed_keeps_its_history() {
    let home = tempfile::tempdir().unwrap();
    let mut first = start(&home);
    first.cell(":kept", 2);
    drop(first);
    let mut second = start(&home);
    second.keys(UP);
    second.wait_for_line("[1]> :kept");
}

#[test]
fn ctrl_c_clears_the_line_and_the_text_can_be_had_back() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = start(&home);
    terminal.keys(":half a thou");
    terminal.wait_for_line("[1]> :half a thou");
    terminal.keys(CTRL_C);
    terminal.wait_for_line("[1]>");
    terminal.keys(UP);
    terminal.wait_for_line("[1]> :half a thou");
    terminal.keys(CTRL_C);
    terminal.wait_for_line("[1]>");
    terminal.keys(CTRL_D);
    assert_eq!(terminal.wait_for_exit(), 0);
}

#[test]
fn a_hint_goes_on_from_the_history_and_is_no_text_until_it_is_taken() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = start(&home);
    terminal.cell(":nonsense one", 2);
    terminal.keys(":nons");
    terminal.wait_for_line("[2]> :nonsense one");
    // It goes with the line: what is run is what was typed.
    terminal.keys(ENTER);
    let text = terminal.wait_for_line("[3]>");
    assert!(text.contains("there is no command :nons\n"), "{text}");
    terminal.keys(":nonsense");
    terminal.wait_for_line("[3]> :nonsense one");
    terminal.keys("\x1b[C");
    terminal.keys("+");
    terminal.wait_for_line("[3]> :nonsense one+");
}

#[test]
fn pasted_lines_are_one_cell() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = start(&home);
    terminal.keys("\x1b[200~:one\n:two\x1b[201~");
    terminal.wait("both lines", |screen| screen.contents().contains("[1]> :one\n:two"));
    terminal.keys(ENTER);
    let text = terminal.wait_for_line("[2]>");
    assert!(text.contains("there is no command :one"), "{text}");
}
