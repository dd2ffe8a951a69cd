//! Content by CID: a store on this machine's disk whose every byte is verified
//! on the way out. What a model is, the store does not know.
//!
//! A file is one immutable *extent*; its UnixFS tree says which range of it is
//! which block, so a file is kept once and ranges of it are read in place.
//! Several processes use one store: they add side by side, and only removing
//! waits for those who add. Whatever step a process dies at, what the index
//! names is whole, and the next one sweeps the rest.

mod error;
mod import;
mod index;
mod layout;
mod read;
mod remove;
mod unixfs;

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use cid::Cid;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::task::spawn_blocking;

pub use error::ContentError;
pub use import::Added;
pub use read::{Entry, Kind};
pub use remove::Removed;
pub use unixfs::PROFILE;

pub(crate) use index::Index;

use import::Import;
use layout::Layout;

/// Is told of each file that is added: its name, bytes done, bytes to do.
pub type Observer = Arc<dyn Fn(&str, u64, u64) + Send + Sync>;

/// Blocks that a reader may have ready before they are asked for.
const READ_AHEAD: usize = 2;

/// A store. Clones share it; any number of tasks may use them at once.
#[derive(Clone, Debug)]
pub struct Store {
    layout: Arc<Layout>,
    index: Index,
}

impl Store {
    /// The store in a folder, which is made where it is missing. Sweeps what
    /// processes that died left half-written.
    ///
    /// # Errors
    /// [`ContentError::ReadOnly`], [`ContentError::Full`], [`ContentError::Index`], [`ContentError::Io`].
    pub async fn open(folder: &Path) -> Result<Self, ContentError> {
        let folder = folder.to_owned();
        spawn_blocking(move || {
            let layout = Layout::open(&folder)?;
            layout.sweep();
            let index = Index::open(&layout.index())?;
            Ok(Self { layout: Arc::new(layout), index })
        })
        .await?
    }

    /// The index, for names and what else is kept beside blocks.
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// Adds a folder and all below it as a UnixFS DAG of the profile [`PROFILE`].
    /// Names that begin with a dot are left out; symbolic links to files are followed.
    ///
    /// # Errors
    /// [`ContentError`]: [`Full`](ContentError::Full), [`Refused`](ContentError::Refused),
    /// [`Changed`](ContentError::Changed) and those of reading and writing. Nothing is visible then.
    pub async fn add_folder(&self, folder: &Path, observer: Option<Observer>) -> Result<Added, ContentError> {
        let (store, folder) = (self.clone(), folder.to_owned());
        spawn_blocking(move || {
            let _shared = store.layout.share()?;
            let mut import = Import::new(&store.layout, observer.as_ref())?;
            let root = import.folder(&folder)?;
            import.finish(&store.index, &root)
        })
        .await?
    }

    /// Adds bytes as a file.
    ///
    /// # Errors
    /// As [`Store::add_folder`].
    pub async fn add_bytes(&self, bytes: Vec<u8>) -> Result<Added, ContentError> {
        let store = self.clone();
        spawn_blocking(move || {
            let _shared = store.layout.share()?;
            let mut import = Import::new(&store.layout, None)?;
            let root = import.bytes(&bytes)?;
            import.finish(&store.index, &root)
        })
        .await?
    }

    /// What is at `<cid>/<name>/…`.
    ///
    /// # Errors
    /// [`ContentError::NotFound`], [`ContentError::InvalidPath`], [`ContentError::Corrupt`], [`ContentError::Node`].
    pub async fn stat(&self, path: &str) -> Result<Entry, ContentError> {
        let (layout, path) = (Arc::clone(&self.layout), path.to_owned());
        spawn_blocking(move || read::resolve(&layout, &path)).await?
    }

    /// The entries of the folder at `<cid>/<name>/…`, by name.
    ///
    /// # Errors
    /// As [`Store::stat`], and [`ContentError::Kind`] for a file.
    pub async fn list(&self, path: &str) -> Result<Vec<(String, Entry)>, ContentError> {
        let (layout, path) = (Arc::clone(&self.layout), path.to_owned());
        spawn_blocking(move || read::list(&layout, &path)).await?
    }

    /// Bytes of the file at `<cid>/<name>/…`, verified block by block as they come.
    ///
    /// # Errors
    /// As [`Store::stat`]; [`ContentError::Kind`] for a folder, [`ContentError::Range`]
    /// outside the file. The stream ends with [`ContentError::Corrupt`] at a block
    /// whose bytes are not what its CID says.
    pub async fn read(
        &self,
        path: &str,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, ContentError>>, ContentError> {
        let (layout, owned) = (Arc::clone(&self.layout), path.to_owned());
        let (found, extent) = spawn_blocking(move || {
            let found = read::leaves(&layout, &owned)?;
            let path = layout.extent(&found.file);
            let extent = File::open(&path).map_err(|source| ContentError::read(&path, source))?;
            Ok::<_, ContentError>((found, Arc::new(extent)))
        })
        .await??;
        if range.start > range.end || range.end > found.size {
            let (path, size) = (path.to_owned(), found.size);
            return Err(ContentError::Range { path, start: range.start, end: range.end, size });
        }
        let inside = |(_, offset, length): &(Cid, u64, u64)| *offset < range.end && offset + length > range.start;
        let wanted = found.leaves.into_iter().filter(inside).collect::<Vec<_>>();
        let (layout, file) = (Arc::clone(&self.layout), found.file);
        let blocks = futures::stream::iter(wanted).map(move |block| {
            let (layout, extent, range) = (Arc::clone(&layout), Arc::clone(&extent), range.clone());
            async move { spawn_blocking(move || read::leaf(&layout, &extent, &file, block, &range)).await? }
        });
        Ok(blocks.buffered(READ_AHEAD).boxed())
    }

    /// The same bytes in one piece.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read_all(&self, path: &str, range: Range<u64>) -> Result<Bytes, ContentError> {
        let blocks = self.read(path, range).await?;
        let mut pieces = blocks.try_collect::<Vec<_>>().await?;
        Ok(match pieces.len() {
            1 => pieces.swap_remove(0),
            _ => pieces
                .into_iter()
                .fold(BytesMut::new(), |mut all, piece| {
                    all.extend_from_slice(&piece);
                    all
                })
                .freeze(),
        })
    }

    /// Lets go of a root, and of every extent and node that no other root has.
    ///
    /// # Errors
    /// [`ContentError::NotFound`] where the root is not there, and those of files and the index.
    pub async fn remove(&self, root: &Cid) -> Result<Removed, ContentError> {
        let (store, root) = (self.clone(), *root);
        spawn_blocking(move || remove::remove(&store.layout, &store.index, &root)).await?
    }

    /// Whether a root is there, whole.
    ///
    /// # Errors
    /// Those of the index.
    pub async fn has_root(&self, root: &Cid) -> Result<bool, ContentError> {
        let (index, root) = (self.index.clone(), root.to_string());
        spawn_blocking(move || {
            index.read(|connection| {
                connection.query_row("SELECT EXISTS (SELECT 1 FROM roots WHERE cid = ?1)", [&root], |row| row.get(0))
            })
        })
        .await?
    }

    /// The folder of extents, for tests that damage one.
    #[cfg(test)]
    fn extents(&self) -> std::path::PathBuf {
        self.layout.extents()
    }
}

#[cfg(test)]
mod tests;
