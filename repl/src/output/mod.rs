//! What a person or a script gets to see. Results go to stdout, all else to
//! stderr.

pub(crate) mod frames;
pub(crate) mod progress;
pub(crate) mod screen;

use std::io::Write;

/// A line on stderr. A stderr that is gone must not end the command.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// A line on stdout.
pub(crate) fn print(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{line}")
}
