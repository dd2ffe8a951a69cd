//! Texts for a person: differences line by line, cut where they are long.

use std::time::Duration;

use similar::TextDiff;

/// Lines of a difference that a person is shown.
const LINES: usize = 80;
/// After this the difference is a coarser one, so that large outputs do not hold up a run.
const DEADLINE: Duration = Duration::from_secs(2);

/// A unified diff, indented.
pub(super) fn diff(stored: &str, new: &str) -> String {
    let diff = TextDiff::configure().timeout(DEADLINE).diff_lines(stored, new);
    indented(&diff.unified_diff().context_radius(3).header("stored", "now").missing_newline_hint(false).to_string())
}

/// Each line two columns to the right, without characters that steer a terminal.
pub(super) fn indented(text: &str) -> String {
    let lines = text.lines().count();
    let mut shown = text.lines().take(LINES).map(|line| format!("  {}\n", visible(line))).collect::<String>();
    if lines > LINES {
        shown.push_str(&format!("  … and {} lines more\n", lines - LINES));
    }
    shown
}

fn visible(line: &str) -> String {
    let shown = |character: char| if character.is_control() && character != '\t' { '\u{fffd}' } else { character };
    line.chars().map(shown).collect()
}
