//! Adding what is on this machine: folders, bytes, and folders made of both.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use pelago_dag::Cid;

use crate::options::AddOptions;
use crate::write::folder::{self, Item};
use crate::write::import::{AddProgress, Added, import};
use crate::{Store, StoreError};

impl Store {
    /// Adds a folder. Dropping the future stops the import at the next batch; nothing of it stays.
    ///
    /// # Errors
    ///
    /// `Io`, `NotFolder`, `Name`, `Link`, `Special`, `Changed` for the folder; `NoSpace`, `Quota`,
    /// `ReadOnly`, `Index` for the store; `Cancelled`.
    pub async fn add_folder(
        &self,
        folder: impl Into<PathBuf>,
        progress: impl Fn(AddProgress) + Send + Sync + 'static,
    ) -> Result<Added, StoreError> {
        self.add_folder_as(folder, AddOptions::default(), progress).await
    }

    /// The same, with options.
    ///
    /// # Errors
    ///
    /// As [`Store::add_folder`].
    pub async fn add_folder_as(
        &self,
        folder: impl Into<PathBuf>,
        options: AddOptions,
        progress: impl Fn(AddProgress) + Send + Sync + 'static,
    ) -> Result<Added, StoreError> {
        let folder = folder.into();
        self.import(
            move || {
                let mut hidden = Vec::new();
                let item = folder::walk(&folder, &mut hidden)?;
                Ok((item, hidden))
            },
            options,
            progress,
        )
        .await
    }

    /// Adds bytes as one file, whose CID is the root.
    ///
    /// # Errors
    ///
    /// `NoSpace`, `Quota`, `ReadOnly`, `Index`, `Cancelled`.
    pub async fn add_bytes(&self, bytes: impl Into<Bytes>) -> Result<Added, StoreError> {
        self.add_bytes_as(bytes, AddOptions::default()).await
    }

    /// The same, with options.
    ///
    /// # Errors
    ///
    /// As [`Store::add_bytes`].
    pub async fn add_bytes_as(&self, bytes: impl Into<Bytes>, options: AddOptions) -> Result<Added, StoreError> {
        let item = Item::Bytes(bytes.into());
        self.import(move || Ok((item, Vec::new())), options, |_| {}).await
    }

    /// Adds a folder made of bytes and of content that is here already (which takes no room again),
    /// by path in the folder.
    ///
    /// # Errors
    ///
    /// `Name` for a path that cannot be; `MissingBlock` for content that is not here; and as `add_bytes`.
    pub async fn add_files(&self, files: Vec<(String, Bytes)>, links: Vec<(String, Cid)>) -> Result<Added, StoreError> {
        self.add_files_as(files, links, AddOptions::default()).await
    }

    /// The same, with options.
    ///
    /// # Errors
    ///
    /// As [`Store::add_files`].
    pub async fn add_files_as(
        &self,
        files: Vec<(String, Bytes)>,
        links: Vec<(String, Cid)>,
        options: AddOptions,
    ) -> Result<Added, StoreError> {
        let files = files.into_iter().map(|(path, bytes)| (path, Item::Bytes(bytes)));
        let links = links.into_iter().map(|(path, cid)| (path, Item::Link(cid)));
        let items: Vec<_> = files.chain(links).collect();
        self.import(move || Ok((folder::from_files(items)?, Vec::new())), options, |_| {}).await
    }

    async fn import(
        &self,
        what: impl FnOnce() -> Result<(Item, Vec<PathBuf>), StoreError> + Send + 'static,
        options: AddOptions,
        progress: impl Fn(AddProgress) + Send + Sync + 'static,
    ) -> Result<Added, StoreError> {
        let cancel = CancelOnDrop(Arc::new(AtomicBool::new(false)));
        let cancelled = cancel.0.clone();
        self.blocking(move |inner| {
            let (item, hidden) = what()?;
            import(inner, &item, hidden, options, &progress, &cancelled)
        })
        .await
    }
}

/// Tells the import to stop when its future is dropped.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
