//! Journals become rows. It does not know what is asked of them.
//!
//! The rows of the journals, and how far each was read, are written into a copy of the database, which takes the
//! database's name when it is complete and on disk. So no line is lost or doubled wherever the process ends: before
//! that nothing happened; after it the journals are read on from there. DuckDB's own file is not written in place,
//! because a process that is killed while DuckDB writes can leave blocks whose checksums are wrong. A journal is deleted
//! only when its rows are in the database and its writer is gone.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use duckdb::{Connection, OptionalExt, params_from_iter};

use super::{
    ResultsError,
    columns::Row,
    database::Database,
    insert::insert,
    journal::EXTENSION,
    line::{self, Line},
    schema::{PARTS, VERSION, make_parts},
};

/// Journals open at once: each holds a file descriptor, of which a process may
/// have as few as 256.
const AT_ONCE: usize = 100;

/// A journal as one look found it.
struct Found {
    path: PathBuf,
    name: String,
    file: File,
    /// Whether its writer is gone; it is locked then, as long as `file` is open.
    is_dead: bool,
}

/// Moves every complete line of every journal in `dir` into the database.
///
/// # Errors
/// [`ResultsError::Newer`] where a journal is, [`ResultsError::Full`], and those of the files
/// and of DuckDB; each leaves the journals that are not rows yet as they were.
pub(super) fn absorb(database: Database, dir: &Path) -> Result<Database, ResultsError> {
    let paths = find(dir)?;
    let may_lock = database.is_original();
    let mut dead = Vec::new();
    let mut has_news = false;
    for path in &paths {
        let journal = open(path, may_lock)?;
        let length = journal.file.metadata().map_err(|source| ResultsError::io("look at", path, source))?.len();
        let known = absorbed(&database.connection, &journal.name);
        has_news |= length > known.map_err(|source| ResultsError::database("read", &database.path, source))?;
        if journal.is_dead {
            dead.push((path, length));
        }
    }
    let database = if has_news {
        database.rewritten(|connection, path| write(connection, path, &paths, may_lock))?
    } else {
        database
    };
    for (path, length) in dead {
        delete(path, length)?;
    }
    Ok(database)
}

/// Rows of journals that are not in the database yet.
#[derive(Default)]
struct Rows {
    new: Vec<Row>,
    /// Whether a version wrote some of them that recorded no parts of runs.
    lack_parts: bool,
}

/// Deletes a journal whose writer was gone when it was this long. It is locked meanwhile: a writer that had just made it,
/// and not locked it yet, sees that it was taken and makes another. One that was locked or written to since then stays.
fn delete(path: &Path, length: u64) -> Result<(), ResultsError> {
    let journal = open(path, true)?;
    let now = journal.file.metadata().map_err(|source| ResultsError::io("look at", path, source))?.len();
    if !journal.is_dead || now != length {
        return Ok(());
    }
    std::fs::remove_file(path).map_err(|source| ResultsError::io("remove", path, source))
}

/// Adds what is new in the journals, and forgets those that are gone, in one transaction.
fn write(connection: &Connection, path: &Path, journals: &[PathBuf], may_lock: bool) -> Result<(), ResultsError> {
    let failed = |source| ResultsError::database("write to", path, source);
    let transaction = connection.unchecked_transaction().map_err(failed)?;
    for paths in journals.chunks(AT_ONCE) {
        let (mut rows, mut ends) = (Rows::default(), Vec::new());
        for path in paths {
            let journal = open(path, may_lock)?;
            let from = absorbed(connection, &journal.name).map_err(failed)?;
            let end = read(&journal, from, &mut rows)?;
            if end > from {
                ends.push((journal.name, end));
            }
        }
        insert(connection, &rows.new).map_err(failed)?;
        if rows.lack_parts {
            make_parts(connection).map_err(failed)?;
        }
        for (name, end) in ends {
            let values = duckdb::params![name, end];
            connection.execute("INSERT OR REPLACE INTO journals VALUES (?, ?)", values).map_err(failed)?;
        }
    }
    forget(connection, journals).map_err(failed)?;
    transaction.commit().map_err(failed)
}

fn find(dir: &Path) -> Result<Vec<PathBuf>, ResultsError> {
    let failed = |source| ResultsError::io("read", dir, source);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn open(path: &Path, may_lock: bool) -> Result<Found, ResultsError> {
    let file = File::open(path).map_err(|source| ResultsError::io("open", path, source))?;
    let is_dead = may_lock
        && match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(source)) => return Err(ResultsError::io("lock", path, source)),
        };
    Ok(Found { path: path.to_owned(), name: name(path), file, is_dead })
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Forgets how far journals were read that are deleted by now.
fn forget(connection: &Connection, paths: &[PathBuf]) -> duckdb::Result<()> {
    let known: Vec<String> = connection
        .prepare("SELECT name FROM journals")?
        .query_map([], |row| row.get(0))?
        .collect::<duckdb::Result<_>>()?;
    let there: HashSet<String> = paths.iter().filter(|path| path.exists()).map(|path| name(path)).collect();
    let gone: Vec<_> = known.iter().filter(|name| !there.contains(*name)).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let places = vec!["?"; gone.len()].join(", ");
    connection.execute(&format!("DELETE FROM journals WHERE name IN ({places})"), params_from_iter(gone)).map(drop)
}

fn absorbed(connection: &Connection, name: &str) -> duckdb::Result<u64> {
    let bytes = connection.query_row("SELECT absorbed FROM journals WHERE name = ?", [name], |row| row.get(0));
    Ok(bytes.optional()?.unwrap_or(0))
}

/// Adds the rows of the complete lines from the byte `from` on; the byte where they end.
fn read(journal: &Found, from: u64, rows: &mut Rows) -> Result<u64, ResultsError> {
    let failed = |source| ResultsError::io("read", &journal.path, source);
    let mut bytes = Vec::new();
    let mut file = &journal.file;
    file.seek(SeekFrom::Start(from)).and_then(|_| file.read_to_end(&mut bytes)).map_err(failed)?;
    let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    for text in bytes[..complete].split_inclusive(|byte| *byte == b'\n') {
        match line::read(&text[..text.len() - 1]) {
            Line::Row(row, version) => {
                rows.lack_parts |= version < PARTS;
                rows.new.push(row);
            }
            Line::Newer(found) => {
                return Err(ResultsError::Newer { path: journal.path.clone(), found, known: VERSION });
            }
            Line::Damaged => set_aside(journal, text)?,
        }
    }
    // Half a line of a live process is one that is being written.
    if journal.is_dead && complete < bytes.len() {
        set_aside(journal, &bytes[complete..])?;
    }
    Ok(from + complete as u64)
}

/// Keeps what cannot be read beside the journal. Half a line at the end is a
/// run that was never acknowledged: its process ended while it wrote.
fn set_aside(journal: &Found, bytes: &[u8]) -> Result<(), ResultsError> {
    let path = journal.path.with_extension("damaged");
    tracing::warn!(bytes = bytes.len(), kept = %path.display(), "a line of a journal cannot be read");
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|source| ResultsError::io("write", &path, source))
}
