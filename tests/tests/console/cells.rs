//! Cells at the prompt: what they show, ask and do when they are interrupted.

use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::terminal::{CTRL_C, CTRL_D, ENTER, Terminal};

/// One home for all tests of Rust cells, one test at a time: what is compiled
/// for the first of them need not be compiled again.
fn home() -> (MutexGuard<'static, ()>, &'static Path) {
    static HOME: OnceLock<tempfile::TempDir> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    (turn, HOME.get_or_init(|| tempfile::tempdir().unwrap()).path())
}

fn start(home: &Path, columns: u16) -> Terminal {
    let terminal = Terminal::start(home, columns, &[], &[]);
    terminal.wait_for_line("[1]>");
    terminal
}

#[test]
fn a_table_is_as_wide_as_the_terminal() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = start(home.path(), 40);
    let query = ":sql SELECT 'firefox' AS browser, 1 AS a_long_column, 2 AS another_one, true AS warm";
    let text = terminal.cell(query, 2);
    let table = "┌─────────┬───────────────┬───┬──────┐\n\
                 │ browser ┆ a_long_column ┆ … ┆ warm │\n\
                 │ str     ┆ i32           ┆   ┆ bool │\n\
                 ╞═════════╪═══════════════╪═══╪══════╡\n\
                 │ firefox ┆             1 ┆ … ┆ true │\n\
                 └─────────┴───────────────┴───┴──────┘\n\
                 1 column does not fit: another_one\n";
    assert!(text.contains(table), "{text}");
}

#[test]
fn tab_completes_commands() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = start(home.path(), 100);
    terminal.keys(":acc\t");
    terminal.wait_for_typed("[1]> :accelerate");
    terminal.keys(" --plat\t");
    terminal.wait_for_typed("[1]> :accelerate --platform");
    terminal.keys(" w\t\t");
    terminal.wait("both words that begin so", |screen| {
        screen.contents().contains("webgpu") && screen.contents().contains("wasm")
    });
    terminal.keys(CTRL_C);
}

#[test]
fn a_cell_of_many_lines_is_typed_and_its_value_shown() {
    let (_turn, home) = home();
    let mut terminal = start(home, 100);
    terminal.keys("fn double(x: i32) -> i32 {");
    terminal.keys(ENTER);
    // The next line is indented already.
    terminal.wait("an indented line", |screen| screen.cursor_position().1 == 4);
    terminal.keys("x * 2");
    terminal.keys(ENTER);
    terminal.keys("}");
    terminal.wait_for_line("}");
    terminal.cell("", 2);
    let text = terminal.cell("double(21)", 3);
    assert!(text.contains("[2]> double(21)\n42\n[3]>"), "{text}");
    terminal.cell("let kept = vec![1, 2];", 4);
    let text = terminal.cell("print!(\"no line end\"); kept", 5);
    assert!(text.contains("no line end\n[1, 2]\n[5]>"), "{text}");
    for (typed, completed) in [
        ("kept.is_emp\t", "kept.is_empty()"),
        ("kept.swap_rem\t", "kept.swap_remove("),
        ("println!(\"é {}\", kep\t", "println!(\"é {}\", kept"),
    ] {
        terminal.keys(typed);
        terminal.wait_for_line(&format!("[5]> {completed}"));
        terminal.keys(CTRL_C);
        terminal.wait_for_line("[5]>");
    }
    // Without its `;`, too.
    let text = terminal.cell("let more = 5", 6);
    assert!(text.contains("let more = 5\n[6]>"), "{text}");
    let text = terminal.cell("more + 1", 7);
    assert!(text.contains("\n6\n[7]>"), "{text}");
    terminal.keys(CTRL_D);
    assert_eq!(terminal.wait_for_exit(), 0);
}

#[test]
fn ctrl_c_interrupts_and_a_second_one_ends_the_process() {
    let (_turn, home) = home();
    let mut terminal = start(home, 100);
    terminal.cell("let kept = 7;", 2);
    terminal.keys("println!(\"it runs\"); loop { std::hint::spin_loop() }");
    terminal.keys(ENTER);
    terminal.wait_for("\nit runs");
    terminal.keys(CTRL_C);
    terminal.wait_for("interrupting; Ctrl-C again ends");
    terminal.keys(CTRL_C);
    let text = terminal.wait_for_line("[3]>");
    assert!(text.contains("Interrupted: "), "{text}");
    assert_eq!(text.matches("variables are gone").count(), 1, "{text}");
    assert!(!text.contains("the variables of earlier cells"), "{text}");
    let text = terminal.cell("1 + 1", 4);
    assert!(text.contains("[3]> 1 + 1\n2\n"), "{text}");
}

#[test]
fn a_cell_asks_and_a_password_is_not_shown() {
    let (_turn, home) = home();
    let mut terminal = start(home, 100);
    terminal.keys("let name = input(\"name? \")?; let word = password(\"word? \")?; (name, word.len())");
    terminal.keys(ENTER);
    terminal.wait_for_line("name?");
    terminal.keys("Ada");
    terminal.keys(ENTER);
    terminal.wait_for_line("word?");
    terminal.keys("secret");
    terminal.wait_for_line("word? ******");
    terminal.keys(ENTER);
    let text = terminal.wait_for_line("[2]>");
    assert!(text.contains("(\"Ada\", 6)") && !text.contains("secret"), "{text}");
    assert!(!std::fs::read_to_string(home.join("console-history")).unwrap().contains("secret"));

    // Ctrl-C at the question ends the cell, not the session.
    terminal.keys("input(\"again? \")?;");
    terminal.keys(ENTER);
    terminal.wait_for_line("again?");
    terminal.keys(CTRL_C);
    let text = terminal.wait_for_line("[3]>");
    assert!(text.contains("Interrupted: "), "{text}");
}

#[test]
fn clear_output_takes_away_what_the_cell_wrote() {
    let (_turn, home) = home();
    let mut terminal = start(home, 100);
    let text = terminal.cell("println!(\"one\\ntwo\"); clear_output(false); println!(\"three\");", 2);
    assert!(!text.contains("\none\n") && text.contains(";\nthree\n[2]>"), "{text}");
}

#[test]
fn what_a_thread_prints_stands_above_the_line_that_is_typed() {
    let (_turn, home) = home();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signals");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mut terminal = start(home, 100);
    // Prints a line for each byte that comes, in two parts.
    let thread = format!(
        "let s = std::os::unix::net::UnixStream::connect({path:?})?; std::thread::spawn(move || {{ \
         for (n, _) in std::io::Read::bytes(s).enumerate() {{ print!(\"late \"); println!(\"é {{n}}\"); }} }});"
    );
    terminal.cell(&thread, 2);
    let (mut signals, _) = listener.accept().unwrap();
    let mut signal = |bytes: &[u8]| signals.write_all(bytes).unwrap();

    // Nothing is typed, something is, and the cursor is in the middle of it.
    signal(b"l");
    terminal.wait("the line above the prompt", |screen| screen.contents().contains("late é 0\n[2]>"));
    terminal.keys("20 + 1");
    terminal.wait_for_line("[2]> 20 + 1");
    signal(b"ll");
    terminal
        .wait("the lines above what is typed", |screen| screen.contents().contains("late é 1\nlate é 2\n[2]> 20 + 1"));
    terminal.keys("\x1b[D\x1b[D\x1b[D\x1b[D");
    terminal.wait("the cursor further left", |screen| screen.cursor_position().1 == 7);
    signal(b"l");
    terminal.wait("the line above and the cursor where it was", |screen| {
        screen.contents().contains("late é 3\n[2]> 20 + 1") && screen.cursor_position().1 == 7
    });
    terminal.keys("1");
    let text = terminal.cell("", 3);
    assert!(text.contains("late é 3\n[2]> 201 + 1\n202\n[3]>"), "{text}");

    // A line of two rows, and one while a cell runs.
    terminal.keys(&format!("let long = \"{}\";", "x".repeat(120)));
    terminal.wait("both rows", |screen| screen.contents().contains("xx\";"));
    signal(b"l");
    terminal.wait("the line above both", |screen| screen.contents().contains("late é 4\n[3]> let long = \"xxx"));
    let text = terminal.cell("", 4);
    assert_eq!(text.matches("let long").count(), 1, "{text}");
    terminal.keys("println!(\"on\"); while !interrupted() { std::thread::yield_now() } println!(\"left\");");
    terminal.keys(ENTER);
    // The screen's text ends with its last line that has any.
    terminal.wait_for("\non");
    signal(b"l");
    terminal.wait_for("\non\nlate é 5");
    terminal.keys(CTRL_C);
    let text = terminal.wait_for_line("[5]>");
    assert!(text.contains("left\n[5]>"), "{text}");
    terminal.keys(CTRL_D);
    assert_eq!(terminal.wait_for_exit(), 0);
}
