//! Asking a program for its version, in bounded time.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::error::ProbeError;
use super::installation::Product;

/// A large browser on a cold disk needs seconds.
const DEADLINE: Duration = Duration::from_secs(15);

/// What a program said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Probed {
    /// The executable.
    pub(super) path: PathBuf,
    /// e.g. `156.0.8078.79`.
    pub(super) version: String,
    /// The whole line.
    pub(super) line: String,
}

/// Runs `path --version`.
pub(super) async fn version(path: &Path) -> Result<Probed, ProbeError> {
    if !path.exists() {
        return Err(ProbeError::Missing);
    }
    let mut command = tokio::process::Command::new(path);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = match tokio::time::timeout(DEADLINE, command.output()).await {
        Err(_) => return Err(ProbeError::Timeout(DEADLINE)),
        Ok(Err(error)) => return Err(ProbeError::Start { reason: error.to_string() }),
        Ok(Ok(output)) => output,
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    let libraries = missing_libraries(complaint.lines());
    if !libraries.is_empty() {
        return Err(ProbeError::MissingLibraries { libraries: all_missing_libraries(path, libraries).await });
    }
    let found = said.lines().find_map(|line| Some((line.trim(), parse(line)?)));
    match found {
        Some((line, version)) => Ok(Probed { path: path.to_owned(), version, line: line.to_owned() }),
        None => {
            let found = if said.trim().is_empty() { complaint } else { said };
            Err(ProbeError::NoVersion { found: found.trim().chars().take(200).collect() })
        }
    }
}

/// The first word that is numbers and dots, without what is glued to its end
/// (`153.7.0esr`).
fn parse(line: &str) -> Option<String> {
    line.split_whitespace().find_map(|word| {
        let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
        let version = word.get(..end)?.trim_end_matches('.');
        (version.starts_with(|c: char| c.is_ascii_digit()) && version.contains('.')).then(|| version.to_owned())
    })
}

/// Which browser a program is, by its file name and the words before its version.
pub(super) fn product(probed: &Probed) -> Option<Product> {
    let name = probed.path.file_name()?.to_string_lossy();
    let line = probed.line.as_str();
    // The shell calls itself by its siblings' names.
    if name.contains("headless-shell") || name.contains("headless_shell") {
        return Some(Product::HeadlessShell);
    }
    Some(match () {
        () if line.contains("Microsoft Edge") => Product::Edge,
        () if line.contains("Google Chrome") => Product::Chrome,
        () if line.contains("Chromium") => Product::Chromium,
        () if line.contains("Firefox") => Product::Firefox,
        () => return None,
    })
}

/// The libraries that the dynamic loader complained of.
pub(super) fn missing_libraries<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<String> = lines
        .filter_map(|line| line.split_once("error while loading shared libraries: ")?.1.split(':').next())
        .map(|name| name.trim().to_owned())
        .collect();
    found.dedup();
    found
}

/// The loader names the first library that is missing; `ldd` names them all.
pub(super) async fn all_missing_libraries(binary: &Path, first: Vec<String>) -> Vec<String> {
    let mut command = tokio::process::Command::new("ldd");
    command.arg(binary).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let Ok(Ok(output)) = tokio::time::timeout(DEADLINE, command.output()).await else { return first };
    let mut all = first;
    for line in String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.contains("not found")) {
        if let Some(name) = line.split_whitespace().next().filter(|name| !all.iter().any(|known| known == name)) {
            all.push(name.to_owned());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_every_product() {
        for (line, version) in [
            ("Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)", "156.0.8078.79"),
            ("Google Chrome for Testing 131.0.6778.85 ", "131.0.6778.85"),
            ("Mozilla Firefox 153.7.0esr", "153.7.0"),
            ("geckodriver 0.37.1 (abc 2026-01-01 12:00 +0000)", "0.37.1"),
            ("Microsoft Edge WebDriver 131.0.2903.51 (3f8e)", "131.0.2903.51"),
            ("Included with Safari 26.1 (20622.2.11)", "26.1"),
        ] {
            assert_eq!(parse(line).as_deref(), Some(version), "{line}");
        }
        assert_eq!(parse("usage: thing [--help]"), None);
    }

    #[test]
    fn the_loaders_complaint_names_the_library() {
        let line = "/opt/chrome: error while loading shared libraries: libnss3.so: cannot open shared object file";
        assert_eq!(missing_libraries([line].into_iter()), ["libnss3.so"]);
    }
}
