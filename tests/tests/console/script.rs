//! `pelago -c CODE` and a script on stdin: what a pipe and a shell see of them.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use pelago_tests::lab::pelago;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn run(&self, arguments: &[&str], stdin: &[u8]) -> (String, String, Option<i32>) {
        self.run_with(arguments, stdin, &[])
    }

    fn run_with(&self, arguments: &[&str], stdin: &[u8], variables: &[(&str, &str)]) -> (String, String, Option<i32>) {
        let mut command = Command::new(pelago());
        command.args(arguments).env("PELAGO_HOME", self.0.path()).envs(variables.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap(), status.code())
    }
}

#[test]
fn results_go_to_stdout_and_nothing_else_does() {
    let home = Home::new();
    let (stdout, stderr, code) = home.run(&["-c", ":sql SELECT 1 AS one, 'two' AS two"], b"");
    assert_eq!(
        stdout,
        "shape: (1, 2)\n\
         ┌─────┬─────┐\n\
         │ one ┆ two │\n\
         │ i32 ┆ str │\n\
         ╞═════╪═════╡\n\
         │   1 ┆ two │\n\
         └─────┴─────┘\n"
    );
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
}

#[test]
fn a_script_is_one_cell() {
    let home = Home::new();
    let (stdout, stderr, code) = home.run(&[], b":sql SELECT 1 AS a\n\n:sql SELECT 2 AS b\n");
    assert_eq!(stdout.matches("shape: (1, 1)").count(), 2, "{stdout}");
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    // The first command that fails ends it.
    let (stdout, stderr, code) = home.run(&[], b":nonsense\n:sql SELECT 2 AS b\n");
    assert_eq!((stdout.as_str(), code), ("", Some(1)));
    assert!(stderr.starts_with("line 1: :nonsense\nCommandError: "), "{stderr}");
    assert!(!stderr.contains('\x1b'), "colours are for terminals");
    assert_eq!(home.run(&[], b""), (String::new(), String::new(), Some(0)));
}

#[test]
fn a_script_that_is_no_text_is_told() {
    let home = Home::new();
    let (stdout, stderr, code) = home.run(&[], b":help \xff");
    assert_eq!((stdout.as_str(), code), ("", Some(1)));
    assert_eq!(stderr, "error: the script on stdin is not UTF-8 from byte 6 on\n  → save it as UTF-8\n");
}

#[test]
fn the_log_of_a_level_alone_is_pelagos_own() {
    let home = Home::new();
    let log = |filter: &str| {
        let (stdout, stderr, code) = home.run_with(&["-c", "let v = vec![1]; v.len()"], b"", &[("PELAGO_LOG", filter)]);
        assert_eq!((stdout.as_str(), code), ("1\n", Some(0)), "{filter}: {stderr}");
        stderr
    };
    for level in ["debug", "trace"] {
        let lines = log(level);
        assert!(lines.lines().any(|line| line.contains("DEBUG pelago_cells::rust")), "{lines}");
        let others = |line: &&str| !line.contains("pelago");
        assert_eq!(lines.lines().filter(others).collect::<Vec<_>>(), [""; 0], "{level}");
    }
    // Whoever names targets has them.
    assert!(log("ra_ap_project_model=debug").lines().any(|line| line.contains("ra_ap_project_model")));
    let refused = log("pelago=loud");
    assert!(refused.contains("PELAGO_LOG=pelago=loud cannot be used"), "{refused}");
}

#[test]
fn a_pipe_gets_every_column() {
    let home = Home::new();
    let columns = (0..60).map(|number| format!("{number} AS column_{number}")).collect::<Vec<_>>().join(", ");
    let (stdout, _, code) = home.run(&["-c", &format!(":sql SELECT {columns}")], b"");
    assert_eq!(code, Some(0));
    assert!(stdout.contains("column_0 ") && stdout.contains("column_30 ") && stdout.contains("column_59 "), "{stdout}");
}
