//! A file on its way: appended to, hashed as it grows, and moved to its place
//! when it is whole. The work on the disk runs on the blocking pool.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::path::PathBuf;

use bytes::BytesMut;
use serde::{Deserialize, Serialize};

use super::OriginError;
use super::digest::{Digest, Hasher};
use super::staging::{Staging, hash};

/// Bytes that are gathered before they are written; as many are lost by a kill.
pub(super) const GATHER: usize = 256 << 10;

/// What the server said of a part, so that only more of the same is appended to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The strong ETag.
    pub(super) etag: Option<String>,
    /// Bytes of the whole file.
    pub(super) size: Option<u64>,
}

/// A part.
pub(super) struct Part {
    name: String,
    /// Away while a write is under way, and for good if it panicked.
    disk: Option<Disk>,
    /// Bytes on the disk.
    length: u64,
    pub(super) record: Record,
}

struct Disk {
    file: File,
    path: PathBuf,
    record: PathBuf,
    staging: Staging,
    hasher: Hasher,
    fresh: Hasher,
}

impl Part {
    /// Opens what an earlier try left, and hashes it.
    ///
    /// `keep` tells by the record and the length whether it can be gone on with.
    pub(super) async fn open(
        staging: &Staging,
        name: &str,
        key: &str,
        fresh: Hasher,
        keep: impl FnOnce(&Record, u64) -> bool + Send + 'static,
    ) -> Result<Self, OriginError> {
        let (path, record_path, staging) = (staging.part(key), staging.record(key), staging.clone());
        let open = move || {
            // A record that is not there or torn says nothing.
            let text = fs::read(&record_path).unwrap_or_default();
            let record: Record = serde_json::from_slice(&text).unwrap_or_default();
            let io = |action| {
                let path = path.clone();
                move |e| OriginError::io(action, &path, e)
            };
            let options = File::options().create(true).truncate(false).read(true).write(true).open(&path);
            let mut file = options.map_err(io("open"))?;
            let length = file.metadata().map_err(io("look at"))?.len();
            let mut disk =
                Disk { file, path: path.clone(), record: record_path, staging, hasher: fresh.clone(), fresh };
            if length > 0 && !keep(&record, length) {
                disk.clear()?;
                return Ok((disk, 0, Record::default()));
            }
            file = disk.file.try_clone().map_err(io("open"))?;
            let length = hash(&mut file, &path, &mut disk.hasher)?;
            Ok((disk, length, record))
        };
        let (disk, length, record) = blocking(name, open).await?;
        Ok(Self { name: name.to_owned(), disk: Some(disk), length, record })
    }

    /// Bytes that are there.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Appends bytes.
    pub(super) async fn append(&mut self, bytes: BytesMut) -> Result<(), OriginError> {
        let length = bytes.len() as u64;
        self.on_disk(move |disk| {
            disk.file.write_all(&bytes).map_err(|e| OriginError::io("write", &disk.path, e))?;
            disk.hasher.update(&bytes);
            Ok(())
        })
        .await?;
        self.length += length;
        Ok(())
    }

    /// Remembers what the server says of the file.
    pub(super) async fn note(&mut self, record: Record) -> Result<(), OriginError> {
        if self.record == record {
            return Ok(());
        }
        self.record = record.clone();
        self.on_disk(move |disk| {
            let text = serde_json::to_vec(&record).unwrap_or_default();
            fs::write(&disk.record, text).map_err(|e| OriginError::io("write", &disk.record, e))
        })
        .await
    }

    /// Throws away what is there.
    pub(super) async fn clear(&mut self) -> Result<(), OriginError> {
        self.on_disk(Disk::clear).await?;
        self.length = 0;
        self.record = Record::default();
        Ok(())
    }

    /// The hash of what is there.
    pub(super) fn digest(&self) -> Result<Digest, OriginError> {
        let disk = self.disk.as_ref().ok_or_else(|| OriginError::Worker { file: self.name.clone() })?;
        Ok(disk.hasher.clone().finish())
    }

    /// Flushes the file and moves it to its place.
    pub(super) async fn finish(mut self) -> Result<(), OriginError> {
        let name = self.name.clone();
        self.on_disk(move |disk| {
            disk.file.sync_all().map_err(|e| OriginError::io("flush", &disk.path, e))?;
            let to = disk.staging.file(&name);
            let folder = to.parent().unwrap_or(disk.staging.files()).to_owned();
            fs::create_dir_all(&folder).map_err(|e| OriginError::io("create", &folder, e))?;
            fs::rename(&disk.path, &to).map_err(|e| OriginError::io("move", &to, e))?;
            let flushed = File::open(&folder).and_then(|folder| folder.sync_all());
            flushed.map_err(|e| OriginError::io("flush", &folder, e))?;
            // A record without its part does no harm, and is swept by the next fetch.
            let _ = fs::remove_file(&disk.record);
            Ok(())
        })
        .await
    }

    async fn on_disk(
        &mut self,
        work: impl FnOnce(&mut Disk) -> Result<(), OriginError> + Send + 'static,
    ) -> Result<(), OriginError> {
        let mut disk = self.disk.take().ok_or_else(|| OriginError::Worker { file: self.name.clone() })?;
        let (disk, result) = blocking(&self.name, move || {
            let result = work(&mut disk);
            Ok((disk, result))
        })
        .await?;
        self.disk = Some(disk);
        result
    }
}

impl Disk {
    fn clear(&mut self) -> Result<(), OriginError> {
        let io = |e| OriginError::io("empty", &self.path, e);
        // The record goes first: a part without one is gone on with only where its hash is known.
        let _ = fs::remove_file(&self.record);
        self.file.set_len(0).map_err(io)?;
        self.file.rewind().map_err(io)?;
        self.hasher = self.fresh.clone();
        Ok(())
    }
}

/// Runs work on the blocking pool.
pub(super) async fn blocking<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T, OriginError> + Send + 'static,
) -> Result<T, OriginError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(OriginError::Worker { file: name.to_owned() }),
    }
}
