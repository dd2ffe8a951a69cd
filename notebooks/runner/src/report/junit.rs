//! What became of all notebooks, for CI: JUnit's XML, a suite a notebook and a
//! case a cell.

use std::path::Path;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::super::error::NotebookError;
use super::super::files;
use super::{CellReport, NotebookReport, Outcome};

/// Writes the report.
///
/// # Errors
/// [`NotebookError`] where the file cannot be written.
pub fn junit(path: &Path, notebooks: &[NotebookReport], elapsed: Duration) -> Result<(), NotebookError> {
    let mut report = Report::new("pelago run");
    report.set_time(elapsed);
    report.add_test_suites(notebooks.iter().map(suite));
    let text = report.to_string().map_err(|source| NotebookError::Report { path: path.to_path_buf(), source })?;
    files::save(path, &readable(text))
}

/// Characters that XML 1.0 does not allow, also not as a reference, make a file
/// that no parser reads. Source: <https://www.w3.org/TR/xml/#NT-Char>.
fn readable(text: String) -> String {
    let is_allowed = |character: char| matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if text.chars().all(is_allowed) {
        return text;
    }
    text.chars().map(|character| if is_allowed(character) { character } else { '\u{fffd}' }).collect()
}

fn suite(notebook: &NotebookReport) -> TestSuite {
    let name = notebook.path.display().to_string();
    let mut suite = TestSuite::new(&name);
    suite.set_time(notebook.elapsed);
    suite.add_test_cases(notebook.cells.iter().map(|cell| case(cell, &name)));
    if let Some(problem) = &notebook.problem {
        let message = format!("{problem}\n→ {}", problem.help());
        let mut case = TestCase::new(
            "notebook",
            non_success(NonSuccessKind::Error, "NotebookError", &problem.to_string(), &message),
        );
        case.set_classname(&name);
        suite.add_test_case(case);
    }
    suite
}

fn case(cell: &CellReport, notebook: &str) -> TestCase {
    let differences = cell.differences.join("\n");
    let status = match &cell.outcome {
        Outcome::Failed(error) => {
            non_success(NonSuccessKind::Failure, &error.name, &error.value, &error.traceback.join("\n"))
        }
        Outcome::TimedOut(error) | Outcome::Interrupted(error) => {
            non_success(NonSuccessKind::Error, &error.name, &error.value, &error.traceback.join("\n"))
        }
        Outcome::Passed | Outcome::Allowed(_) if !differences.is_empty() => {
            let message = "the outputs differ from the stored ones";
            non_success(NonSuccessKind::Failure, "Differs", message, &differences)
        }
        Outcome::Passed | Outcome::Allowed(_) => TestCaseStatus::success(),
        Outcome::Skipped => skipped("tagged skip-execution"),
        Outcome::NotRun => skipped("a cell before it failed"),
    };
    let mut case = TestCase::new(format!("cell {}: {}", cell.number, cell.line), status);
    case.set_classname(notebook);
    case.set_time(cell.elapsed);
    if !cell.compared.is_empty() {
        case.set_system_out(cell.compared.join("\n"));
    }
    case
}

fn non_success(kind: NonSuccessKind, name: &str, message: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(name).set_message(message).set_description(description);
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(message);
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_one_of_xml() {
        let every = (0..=0x10_ffff).filter_map(char::from_u32).collect::<String>();
        let readable = readable(every.clone());
        assert_eq!(readable.chars().count(), every.chars().count());
        let left = every.chars().zip(readable.chars()).filter(|(before, after)| before != after);
        let replaced = left.map(|(before, after)| (before as u32, after)).collect::<Vec<_>>();
        let forbidden = (0..0x20).filter(|code| ![9, 10, 13].contains(code)).chain([0xfffe, 0xffff]);
        assert_eq!(replaced, forbidden.map(|code| (code, '\u{fffd}')).collect::<Vec<_>>());
    }
}
