//! What was typed in this and earlier sessions, in a file that only the user can read.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustyline::Editor;
use rustyline::history::{DefaultHistory, History};

/// Entries that are kept, the newest.
pub(super) const ENTRIES: usize = 10_000;

/// Bytes of the file above which its older half is taken away at the next start.
const BYTES: u64 = 4 << 20;

/// The file behind an editor's history. Where it cannot be used, the session
/// goes on without it.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
}

impl Kept {
    /// Loads the file into the editor, cut to its bounds.
    pub(super) fn load<H: rustyline::Helper>(path: &Path, editor: &mut Editor<H, DefaultHistory>) -> Self {
        let kept = Self { path: path.to_owned() };
        if let Err(error) = prepare(path) {
            tracing::warn!(%error, path = %path.display(), "no history from earlier sessions");
        } else if let Err(error) = editor.load_history(path) {
            tracing::warn!(%error, path = %path.display(), "no history from earlier sessions");
        }
        kept
    }

    /// Adds what was typed, on disk too, so that a session that is killed keeps it.
    pub(super) fn add<H: rustyline::Helper>(&self, editor: &mut Editor<H, DefaultHistory>, entry: &str) {
        let added = editor.history_mut().add(entry);
        if let Err(error) = added.and_then(|_| editor.append_history(&self.path)) {
            tracing::warn!(%error, path = %self.path.display(), "the history is not on disk");
        }
    }
}

/// Makes the file, for the user alone, and bounds its size.
fn prepare(path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    let length = file.metadata()?.len();
    if length <= BYTES {
        return Ok(());
    }
    // An entry is a line, so any line's beginning is a place to cut at. The
    // first line tells the file's format.
    let mut reader = BufReader::new(&mut file);
    reader.rewind()?;
    let (mut format, mut rest) = (Vec::new(), Vec::new());
    reader.read_until(b'\n', &mut format)?;
    reader.seek(SeekFrom::Start(length - BYTES / 2))?;
    reader.read_until(b'\n', &mut rest)?;
    rest.clear();
    std::io::Read::read_to_end(&mut reader, &mut rest)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut shorter = tempfile::NamedTempFile::new_in(folder)?;
    shorter.write_all(&format)?;
    shorter.write_all(&rest)?;
    shorter.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn editor() -> Editor<(), DefaultHistory> {
        let config = rustyline::Config::builder().max_history_size(ENTRIES).unwrap().build();
        Editor::with_config(config).unwrap()
    }

    #[test]
    fn entries_of_many_lines_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let mut first = editor();
        let kept = Kept::load(&path, &mut first);
        kept.add(&mut first, "fn a() {\n    \"\\n\"\n}");
        kept.add(&mut first, ":help");
        let mut second = editor();
        Kept::load(&path, &mut second);
        assert_eq!(second.history().iter().collect::<Vec<_>>(), ["fn a() {\n    \"\\n\"\n}", ":help"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_grew_too_large_keeps_its_newest_half() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let line = |number: usize| format!("let number_{number} = \"{}\";", "x".repeat(1000));
        let entries = (0..5000).map(line).collect::<Vec<_>>().join("\n");
        fs::write(&path, format!("#V2\n{entries}\n")).unwrap();
        let mut editor = editor();
        Kept::load(&path, &mut editor);
        let entries = editor.history().iter().collect::<Vec<_>>();
        assert!((1900..2100).contains(&entries.len()), "{}", entries.len());
        assert_eq!(entries.last(), Some(&&line(4999)));
        assert!(entries.iter().all(|entry| entry.starts_with("let number_")));
        assert!(fs::metadata(&path).unwrap().len() <= BYTES);
    }

    #[test]
    fn two_sessions_add_to_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let (mut one, mut two) = (editor(), editor());
        let (first, second) = (Kept::load(&path, &mut one), Kept::load(&path, &mut two));
        first.add(&mut one, "one");
        second.add(&mut two, "two");
        first.add(&mut one, "three");
        let mut third = editor();
        Kept::load(&path, &mut third);
        let mut entries = third.history().iter().cloned().collect::<Vec<_>>();
        entries.sort();
        assert_eq!(entries, ["one", "three", "two"]);
    }
}
