//! A model's files in the store, for what reads ranges of them and is not asynchronous.

use std::io;

use futures::TryStreamExt;
use pelago_content::Cid;

use pelago_content::{Store, StoreError};
use pelago_onnx::files::Files;

/// The path that a built graph has for what makes precisions of it.
pub(super) const BUILT: &str = ".pelago.onnx";
/// The name of a model in another precision, in a folder of its own.
pub(super) const CONVERTED: &str = "model.onnx";

/// A model's folder, with a graph that is not in it.
pub(super) struct StoredFiles {
    store: Store,
    root: Cid,
    runtime: tokio::runtime::Handle,
    /// A file of this path has these bytes, whatever the folder has there.
    beside: Option<(&'static str, Vec<u8>)>,
}

impl StoredFiles {
    /// The files under a root. Made where the runtime is, used where blocking is allowed.
    pub(super) fn new(store: &Store, root: Cid) -> Self {
        Self { store: store.clone(), root, runtime: tokio::runtime::Handle::current(), beside: None }
    }

    /// The same, with one file more.
    pub(super) fn with(self, path: &'static str, bytes: Vec<u8>) -> Self {
        Self { beside: Some((path, bytes)), ..self }
    }

    fn beside(&self, file: &str) -> Option<&[u8]> {
        self.beside.as_ref().filter(|(path, _)| *path == file).map(|(_, bytes)| bytes.as_slice())
    }
}

impl Files for StoredFiles {
    fn size(&self, file: &str) -> io::Result<u64> {
        if let Some(bytes) = self.beside(file) {
            return Ok(bytes.len() as u64);
        }
        self.runtime.block_on(self.store.stat(self.root, file)).map(|entry| entry.size).map_err(into_io)
    }

    fn read(&self, file: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        if let Some(bytes) = self.beside(file) {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let end = start.saturating_add(length);
            return bytes.get(start..end).map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
        }
        let path = format!("{}/{file}", self.root);
        let range = offset..offset.saturating_add(length as u64);
        let read = async { self.store.read(&path, range).await?.map_ok(|piece| piece.to_vec()).try_concat().await };
        self.runtime.block_on(read).map_err(into_io)
    }
}

fn into_io(error: StoreError) -> io::Error {
    let kind = match error {
        StoreError::NoEntry { .. } => io::ErrorKind::NotFound,
        StoreError::Range { .. } => io::ErrorKind::UnexpectedEof,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
