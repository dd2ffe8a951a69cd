//! What became of a notebook, for a person.

use super::{NotebookReport, Outcome, Verdict};

/// A line, and below it what went wrong.
pub fn verdict(report: &NotebookReport) -> String {
    let ran = report.cells.iter().filter(|cell| !matches!(cell.outcome, Outcome::Skipped | Outcome::NotRun)).count();
    let word = match report.verdict() {
        Verdict::Passed => "passed",
        Verdict::Differs => "differs",
        Verdict::Failed => "failed",
        Verdict::TimedOut => "timed out",
        // It ran, and what it made could not be kept.
        Verdict::Unusable if ran > 0 => "not kept",
        Verdict::Unusable => "not run",
        Verdict::Interrupted => "interrupted",
    };
    let path = report.path.display();
    let mut text =
        format!("{word:<11} {path}: {ran}/{} cells, {:.1} s", report.cells.len(), report.elapsed.as_secs_f64());
    for cell in &report.cells {
        let place = format!("\n  {path}, cell {}: {}", cell.number, cell.line);
        if let Outcome::Failed(error) | Outcome::TimedOut(error) | Outcome::Interrupted(error) = &cell.outcome {
            text.push_str(&place);
            text.push_str(&below(&error.traceback.join("\n")));
        }
        if !cell.differences.is_empty() || !cell.compared.is_empty() {
            text.push_str(&place);
        }
        cell.compared.iter().chain(&cell.differences).for_each(|line| text.push_str(&below(line)));
    }
    if let Some(problem) = &report.problem {
        text.push_str(&below(&format!("{problem}\n  → {}", problem.help())));
    }
    text
}

/// A text below a line, without characters that steer a terminal.
fn below(text: &str) -> String {
    let shown = |character: char| if character.is_control() && character != '\t' { '\u{fffd}' } else { character };
    text.lines().map(|line| format!("\n    {}", line.chars().map(shown).collect::<String>())).collect()
}
