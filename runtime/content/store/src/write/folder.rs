//! What is to be added: a folder on the disk, walked and checked name by name,
//! before a byte of it is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use pelago_dag::Cid;
use pelago_dag::unixfs::names;

use crate::StoreError;

/// Folders deeper than this are refused: a loop of mounts, or a mistake.
const DEPTH_MAX: usize = 64;

/// One thing to add.
pub(crate) enum Item {
    /// A folder's entries by name.
    Folder(BTreeMap<String, Item>),
    /// A file on the disk and its size when it was seen.
    File { path: PathBuf, size: u64 },
    /// Bytes in memory.
    Bytes(Bytes),
    /// Content that the store has already.
    Link(Cid),
}

impl Item {
    /// Bytes of content that will be read.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Folder(entries) => entries.values().map(Self::size).sum(),
            Self::File { size, .. } => *size,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Link(_) => 0,
        }
    }
}

/// Walks a folder. Names that begin with a dot are left out, as `ipfs add` does; they are
/// named in `hidden`.
pub(crate) fn walk(root: &Path, hidden: &mut Vec<PathBuf>) -> Result<Item, StoreError> {
    let real = root.canonicalize().map_err(|e| StoreError::io("open", root, e))?;
    if !real.is_dir() {
        return Err(StoreError::NotFolder { path: root.display().to_string() });
    }
    walk_folder(&real, &real, 0, hidden)
}

fn walk_folder(root: &Path, folder: &Path, depth: usize, hidden: &mut Vec<PathBuf>) -> Result<Item, StoreError> {
    if depth > DEPTH_MAX {
        return Err(StoreError::Name { path: folder.to_owned(), reason: "more than 64 folders deep" });
    }
    let io = |e| StoreError::io("list", folder, e);
    let mut entries = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let path = entry.path();
        let name = entry
            .file_name()
            .into_string()
            .map_err(|_| StoreError::Name { path: path.clone(), reason: "not UTF-8" })?;
        if name.starts_with('.') {
            hidden.push(path);
            continue;
        }
        check_name(&name, &path)?;
        let kind = entry.file_type().map_err(|e| StoreError::io("look at", &path, e))?;
        let item = if kind.is_symlink() {
            follow(root, &path)?
        } else if kind.is_dir() {
            walk_folder(root, &path, depth + 1, hidden)?
        } else if kind.is_file() {
            let size = entry.metadata().map_err(|e| StoreError::io("look at", &path, e))?.len();
            Item::File { path, size }
        } else {
            return Err(StoreError::Special { path });
        };
        entries.insert(name, item);
    }
    Ok(Item::Folder(entries))
}

/// A link to a file inside the folder is added as that file; so is one of the hub's cache to its blobs.
fn follow(root: &Path, path: &Path) -> Result<Item, StoreError> {
    let refused = |target: PathBuf, reason| Err(StoreError::Link { path: path.to_owned(), target, reason });
    let Ok(target) = path.canonicalize() else {
        return refused(std::fs::read_link(path).unwrap_or_default(), "there is nothing");
    };
    if !target.starts_with(root) && hub_blobs(root).is_none_or(|blobs| target.parent() != Some(&blobs)) {
        return refused(target, "outside the folder");
    }
    let metadata = target.metadata().map_err(|e| StoreError::io("look at", &target, e))?;
    if metadata.is_dir() {
        return refused(target, "a folder");
    }
    if !metadata.is_file() {
        return Err(StoreError::Special { path: target });
    }
    Ok(Item::File { path: target, size: metadata.len() })
}

/// Where the hub's cache keeps the files of a snapshot: `models--…/snapshots/<commit>` links to `models--…/blobs`.
fn hub_blobs(root: &Path) -> Option<PathBuf> {
    let snapshots = root.parent().filter(|folder| folder.ends_with("snapshots"))?;
    Some(snapshots.parent()?.join("blobs"))
}

/// Refuses names that are no plain entry of a folder.
pub(crate) fn check_name(name: &str, path: &Path) -> Result<(), StoreError> {
    let reason = match names::check(name) {
        Err(reason) => reason,
        Ok(()) if name.len() > 255 => "longer than 255 bytes",
        Ok(()) => return Ok(()),
    };
    Err(StoreError::Name { path: path.to_owned(), reason })
}

/// Builds a folder of files given by their paths in it.
pub(crate) fn from_files(files: Vec<(String, Item)>) -> Result<Item, StoreError> {
    let mut root = BTreeMap::new();
    for (path, item) in files {
        let refused = |reason| StoreError::Name { path: PathBuf::from(&path), reason };
        let mut at = &mut root;
        let (parents, name) = path.rsplit_once('/').map_or((None, path.as_str()), |(p, n)| (Some(p), n));
        for part in parents.iter().flat_map(|p| p.split('/')) {
            check_name(part, Path::new(&path))?;
            let next = at.entry(part.to_owned()).or_insert_with(|| Item::Folder(BTreeMap::new()));
            let Item::Folder(entries) = next else { return Err(refused("a file is in the place of its folder")) };
            at = entries;
        }
        check_name(name, Path::new(&path))?;
        if at.insert(name.to_owned(), item).is_some() {
            return Err(refused("given twice"));
        }
    }
    Ok(Item::Folder(root))
}
