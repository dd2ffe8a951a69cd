//! Journals become rows. It does not know what is asked of them.
//!
//! The rows of a journal, and how far it was read, are committed in one
//! transaction, so no line is lost or doubled wherever the process ends: before
//! the commit nothing happened; after it the journal is read on from there. The
//! file is deleted only when its rows are in the database's own file and its
//! writer is gone.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use duckdb::{Connection, OptionalExt, params_from_iter, types::Value};

use super::{
    ResultsError,
    columns::{COLUMNS, Cell},
    database::Database,
    journal::{EXTENSION, sync_dir},
    line::{self, Line},
    schema::VERSION,
};

/// A journal as one look found it.
struct Found {
    path: PathBuf,
    name: String,
    /// Locked where the writer is gone; so it stays until the file is deleted.
    file: File,
    is_dead: bool,
}

/// Moves every complete line of every journal in `dir` into the database.
///
/// # Errors
/// [`ResultsError::Newer`] where a journal is, [`ResultsError::Full`], and those of the files
/// and of DuckDB; each leaves the journals as they were.
pub(super) fn absorb(database: &Database, dir: &Path) -> Result<(), ResultsError> {
    let failed = |source| ResultsError::database("write to", &database.path, source);
    let connection = &database.connection;
    let journals = find(dir, database.is_original())?;
    let transaction = connection.unchecked_transaction().map_err(failed)?;
    let mut changed = forget(connection, &journals).map_err(failed)?;
    for journal in &journals {
        let from = absorbed(connection, &journal.name).map_err(failed)?;
        let (rows, end) = read(journal, from)?;
        for row in &rows {
            insert(connection, row).map_err(failed)?;
        }
        if end > from {
            connection
                .execute("INSERT OR REPLACE INTO journals VALUES (?, ?)", duckdb::params![journal.name, end])
                .map_err(failed)?;
            changed = true;
        }
    }
    transaction.commit().map_err(failed)?;
    let dead: Vec<&Found> = journals.iter().filter(|journal| journal.is_dead).collect();
    if !database.is_original() || (!changed && dead.is_empty()) {
        return Ok(());
    }
    connection.execute_batch("CHECKPOINT").map_err(failed)?;
    if let Some(folder) = database.path.parent() {
        sync_dir(folder)?;
    }
    for journal in dead {
        std::fs::remove_file(&journal.path).map_err(|source| ResultsError::io("remove", &journal.path, source))?;
    }
    Ok(())
}

fn find(dir: &Path, may_lock: bool) -> Result<Vec<Found>, ResultsError> {
    let failed = |source| ResultsError::io("read", dir, source);
    let mut journals = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            continue;
        }
        let file = File::open(&path).map_err(|source| ResultsError::io("open", &path, source))?;
        let is_dead = may_lock
            && match file.try_lock() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock) => false,
                Err(TryLockError::Error(source)) => return Err(ResultsError::io("lock", &path, source)),
            };
        journals.push(Found { path, name, file, is_dead });
    }
    Ok(journals)
}

/// Forgets journals that are deleted by now; whether there were any.
fn forget(connection: &Connection, journals: &[Found]) -> duckdb::Result<bool> {
    let known: Vec<String> = connection
        .prepare("SELECT name FROM journals")?
        .query_map([], |row| row.get(0))?
        .collect::<duckdb::Result<_>>()?;
    let mut forgotten = false;
    for name in known.iter().filter(|name| journals.iter().all(|journal| journal.name != **name)) {
        connection.execute("DELETE FROM journals WHERE name = ?", [name])?;
        forgotten = true;
    }
    Ok(forgotten)
}

fn absorbed(connection: &Connection, name: &str) -> duckdb::Result<u64> {
    let bytes = connection.query_row("SELECT absorbed FROM journals WHERE name = ?", [name], |row| row.get(0));
    Ok(bytes.optional()?.unwrap_or(0))
}

/// The rows of the complete lines from the byte `from` on, and the byte where they end.
fn read(journal: &Found, from: u64) -> Result<(Vec<Vec<Cell>>, u64), ResultsError> {
    let failed = |source| ResultsError::io("read", &journal.path, source);
    let mut bytes = Vec::new();
    let mut file = &journal.file;
    file.seek(SeekFrom::Start(from)).and_then(|_| file.read_to_end(&mut bytes)).map_err(failed)?;
    let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut rows = Vec::new();
    for text in bytes[..complete].split_inclusive(|byte| *byte == b'\n') {
        match line::read(&text[..text.len() - 1]) {
            Line::Row(row) => rows.push(row),
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
    Ok((rows, from + complete as u64))
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

fn insert(connection: &Connection, row: &[Cell]) -> duckdb::Result<()> {
    let mut names = Vec::with_capacity(row.len());
    let mut places = Vec::with_capacity(row.len());
    let mut values = Vec::with_capacity(row.len());
    for (column, cell) in COLUMNS.iter().zip(row) {
        names.push(column.name);
        // A list cannot be bound as one value, its members can.
        if let Cell::Texts(texts) = cell {
            places.push(format!("[{}]::VARCHAR[]", vec!["?"; texts.len()].join(", ")));
            values.extend(texts.iter().map(|text| Value::Text(text.clone())));
        } else {
            places.push(format!("?::{}", column.kind.sql()));
            values.push(value(cell));
        }
    }
    let sql = format!("INSERT OR IGNORE INTO runs ({}) VALUES ({})", names.join(", "), places.join(", "));
    connection.prepare_cached(&sql)?.execute(params_from_iter(values)).map(drop)
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null | Cell::Texts(_) => Value::Null,
        Cell::Bool(value) => Value::Boolean(*value),
        Cell::Unsigned(value) => Value::UBigInt(*value),
        Cell::Float(value) => Value::Double(*value),
        Cell::Text(value) => Value::Text(value.clone()),
        Cell::Time(value) => Value::Text(value.to_rfc3339()),
    }
}
