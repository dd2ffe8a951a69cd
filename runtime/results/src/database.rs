//! Opening the database for a moment: under the lock of the folder, one Pelago
//! process at a time. It does not know what is asked.
//!
//! Where another program has the database open, the moment is spent on a copy
//! of it: DuckDB lets nobody else in, not even to read, but its file and its
//! write-ahead log can be copied whole while it is not writing.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use duckdb::{AccessMode, Config, Connection};
use tempfile::TempDir;

use super::{
    ResultsError,
    copy::{copy_of, folder, remove_leftovers, state},
    journal::sync_dir,
    place::{Place, log_of},
    schema,
};

const POLL: Duration = Duration::from_millis(10);

/// The database, open, while this process holds the folder's lock.
pub(super) struct Database {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    /// Where `path` is a copy: its folder.
    copy: Option<TempDir>,
    dir: PathBuf,
    /// `None` of a place that is only read.
    lock: Option<File>,
}

impl Database {
    /// Opens the database of a place, made or brought to the newest version where
    /// needed; waits up to `wait` for other Pelago processes. Of a place that is only
    /// read, a copy in the folder of temporary files.
    ///
    /// # Errors
    /// [`ResultsError::Busy`] after the wait; [`ResultsError::Held`] where not even a copy could
    /// be had; those of a database that is damaged, newer or of something else;
    /// [`ResultsError::Missing`] where one that is only read is not there.
    pub(super) fn open(place: &Place, wait: Duration) -> Result<Self, ResultsError> {
        if let Place::ReadOnly(path) = place {
            return Self::open_copy(path);
        }
        let dir = place.folder();
        let lock = lock(&place.lock(), wait)?;
        remove_leftovers(&dir)?;
        let original = place.database();
        if !original.exists() {
            create(&original, &dir)?;
        }
        let (connection, path, copy) = match connect(&original, AccessMode::ReadWrite) {
            Ok(connection) => (connection, original, None),
            Err(ResultsError::Held { holder, .. }) => {
                let copy = copy_of(&original, &dir, &holder)?;
                let path = within(&copy, &original);
                let held = |_| ResultsError::Held { path: original, holder };
                (connect(&path, AccessMode::ReadWrite).map_err(held)?, path, Some(copy))
            }
            Err(error) => return Err(error),
        };
        let is_newest = schema::is_newest(&connection, &path)?;
        let database = Self { connection, path, copy, dir, lock: Some(lock) };
        // Every rewriting brings it to the newest version.
        if is_newest { Ok(database) } else { database.rewritten(|_, _| Ok(())) }
    }

    /// A copy is what can be brought to the newest version without a trace, and what
    /// can be had of a database that a program holds or that lies where nobody may write.
    fn open_copy(original: &Path) -> Result<Self, ResultsError> {
        if !original.is_file() {
            return Err(ResultsError::Missing { path: original.to_owned() });
        }
        let dir = std::env::temp_dir();
        let copy = copy_of(original, &dir, "it changed while it was copied")?;
        let path = within(&copy, original);
        let of_original = |error| match error {
            ResultsError::Damaged { reason, .. } => ResultsError::Damaged { path: original.to_owned(), reason },
            ResultsError::Newer { found, known, .. } => ResultsError::Newer { path: original.to_owned(), found, known },
            ResultsError::Foreign { .. } => ResultsError::Foreign { path: original.to_owned() },
            other => other,
        };
        let connection = connect(&path, AccessMode::ReadWrite).map_err(of_original)?;
        schema::migrate(&connection, &path, schema::STEPS).map_err(of_original)?;
        Ok(Self { connection, path, copy: Some(copy), dir, lock: None })
    }

    /// Whether this is the database itself and not a copy.
    pub(super) fn is_original(&self) -> bool {
        self.copy.is_none()
    }

    /// The same database after `change`, which is made in a copy. The copy takes the database's place when it is
    /// complete and on disk: whenever this process ends, the file that is there is one of the two. A copy of what
    /// another program holds is changed where it is.
    ///
    /// # Errors
    /// Those of `change`, of files and of DuckDB; [`ResultsError::Held`] where another program changed the database
    /// meanwhile. The database is as it was then.
    pub(super) fn rewritten(
        self,
        change: impl FnOnce(&Connection, &Path) -> Result<(), ResultsError>,
    ) -> Result<Self, ResultsError> {
        if !self.is_original() {
            schema::migrate(&self.connection, &self.path, schema::STEPS)?;
            change(&self.connection, &self.path)?;
            return Ok(self);
        }
        let Self { connection, path, dir, lock, .. } = self;
        // DuckDB's lock is the process's: a copy that is closed would free it.
        close(connection, &path)?;
        let changed = || ResultsError::Held { path: path.clone(), holder: "it changed while it was copied".to_owned() };
        let before = state(&path)?;
        let copy = copy_of(&path, &dir, "it changed while it was copied")?;
        let new = within(&copy, &path);
        let connection = connect(&new, AccessMode::ReadWrite)?;
        schema::migrate(&connection, &new, schema::STEPS)?;
        change(&connection, &new)?;
        // What is in the write-ahead log goes into the file.
        close(connection, &new)?;
        let failed = |source| ResultsError::io("replace", &path, source);
        File::open(&new).and_then(|file| file.sync_all()).map_err(failed)?;
        if state(&path)? != before {
            return Err(changed());
        }
        std::fs::rename(&new, &path).map_err(failed)?;
        sync_dir(path.parent().unwrap_or(&dir))?;
        let connection = connect(&path, AccessMode::ReadWrite)?;
        Ok(Self { connection, path, copy: None, dir, lock })
    }

    /// Closes the database and frees the lock.
    pub(super) fn close(self) -> Result<(), ResultsError> {
        close(self.connection, &self.path)
    }

    /// Closes the database and opens its present state for reading alone, out
    /// of everybody's way: a private copy whose files have no name any more, so
    /// that no statement can reach them or any other file.
    pub(super) fn into_reader(self) -> Result<Connection, ResultsError> {
        close(self.connection, &self.path)?;
        let copy = match self.copy {
            Some(copy) => copy,
            None => copy_of(&self.path, &self.dir, "it changed while it was copied")?,
        };
        let reader = connect(&within(&copy, &self.path), AccessMode::ReadOnly)?;
        copy.close().map_err(|source| ResultsError::io("remove the copy in", &self.dir, source))?;
        drop(self.lock);
        Ok(reader)
    }
}

fn close(connection: Connection, path: &Path) -> Result<(), ResultsError> {
    connection.close().map_err(|(_, source)| ResultsError::database("close", path, source))
}

fn connect(path: &Path, mode: AccessMode) -> Result<Connection, ResultsError> {
    let failed = |source| ResultsError::database("open", path, source);
    let reads = matches!(mode, AccessMode::ReadOnly);
    let mut config = Config::default()
        .access_mode(mode)
        .and_then(|config| config.with("autoload_known_extensions", "false"))
        .and_then(|config| config.with("autoinstall_known_extensions", "false"))
        .map_err(failed)?;
    if reads {
        config = config
            .enable_external_access(false)
            .and_then(|config| config.max_memory("1GB"))
            .and_then(|config| config.with("max_temp_directory_size", "0KiB"))
            .map_err(failed)?;
    }
    let connection = Connection::open_with_flags(path, config).map_err(failed)?;
    // A DuckDB built without ICU knows no time zone but UTC, nor the setting.
    if let Err(error) = connection.execute_batch("SET TimeZone = 'UTC'") {
        tracing::debug!(%error, "this DuckDB has no time zones");
    }
    if reads {
        connection.execute_batch("SET lock_configuration = true").map_err(failed)?;
    }
    Ok(connection)
}

/// The lock of the folder. `flock` has no deadline of its own.
fn lock(path: &Path, wait: Duration) -> Result<File, ResultsError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|source| ResultsError::io("open", path, source))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(ResultsError::io("lock", path, source)),
            Err(TryLockError::WouldBlock) if begun.elapsed() >= wait => {
                return Err(ResultsError::Busy { path: path.to_owned(), waited: wait });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(POLL),
        }
    }
}

/// Makes the database elsewhere and gives it its name when it is whole: DuckDB
/// does not open one that ended half-made.
fn create(original: &Path, dir: &Path) -> Result<(), ResultsError> {
    let failed = |source| ResultsError::io("create", original, source);
    let log = log_of(original);
    if log.exists() {
        let away = log.with_extension(format!("{}.wal", uuid::Uuid::now_v7()));
        tracing::warn!(kept = %away.display(), "a write-ahead log has no database");
        std::fs::rename(&log, away).map_err(failed)?;
    }
    let copy = folder(dir)?;
    let path = within(&copy, original);
    let connection = connect(&path, AccessMode::ReadWrite)?;
    schema::migrate(&connection, &path, schema::STEPS)?;
    close(connection, &path)?;
    File::open(&path).and_then(|file| file.sync_all()).map_err(failed)?;
    std::fs::rename(&path, original).map_err(failed)?;
    sync_dir(original.parent().unwrap_or(dir))
}

/// The copy of a file in a folder of copies.
fn within(copy: &TempDir, original: &Path) -> PathBuf {
    copy.path().join(original.file_name().unwrap_or_default())
}
