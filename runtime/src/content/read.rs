//! Reading: from a path to verified bytes. Every block is hashed against its
//! CID before a byte of it leaves.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use cid::Cid;

use super::ContentError;
use super::layout::Layout;
use super::unixfs::{self, Link, Node};

/// Bytes of the largest node that is read: what peers refuse to exchange above.
const MAX_NODE: u64 = 2 << 20;

/// Whether an entry is a file or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    File,
    /// Entries with names.
    Folder,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its CID.
    pub cid: Cid,
    /// Bytes of a file; 0 for a folder.
    pub size: u64,
    /// File or folder.
    pub kind: Kind,
}

/// A file's leaves: where each is in the file's extent.
#[derive(Clone, Debug)]
pub(super) struct Leaves {
    /// The file's root: its extent's name.
    pub(super) file: Cid,
    pub(super) size: u64,
    /// `(cid, offset, length)`, in order.
    pub(super) leaves: Vec<(Cid, u64, u64)>,
}

/// A CID, and the names below it that a path goes through.
pub(super) fn parse(path: &str) -> Result<(Cid, Vec<&str>), ContentError> {
    let invalid = |reason: String| ContentError::InvalidPath { path: path.to_owned(), reason };
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let root = parts.next().ok_or_else(|| invalid("it is empty".to_owned()))?;
    let cid = Cid::try_from(root).map_err(|error| invalid(error.to_string()))?;
    Ok((cid, parts.collect()))
}

/// What a path leads to.
pub(super) fn resolve(layout: &Layout, path: &str) -> Result<Entry, ContentError> {
    let (mut cid, names) = parse(path)?;
    for name in names {
        let not_found = || ContentError::NotFound { path: path.to_owned() };
        let Some(Node::Folder(entries)) = node(layout, &cid, path)? else { return Err(not_found()) };
        cid = entries.into_iter().find(|entry| entry.name == name).ok_or_else(not_found)?.cid;
    }
    entry(layout, cid, path)
}

fn entry(layout: &Layout, cid: Cid, path: &str) -> Result<Entry, ContentError> {
    Ok(match node(layout, &cid, path)? {
        Some(Node::Folder(_)) => Entry { cid, size: 0, kind: Kind::Folder },
        Some(Node::File(parts)) => Entry { cid, size: parts.iter().map(|part| part.size).sum(), kind: Kind::File },
        None => {
            let extent = layout.extent(&cid);
            let size = fs::metadata(&extent).map_err(|error| missing(path, &extent, error))?.len();
            Entry { cid, size, kind: Kind::File }
        }
    })
}

/// The entries of a folder.
pub(super) fn list(layout: &Layout, path: &str) -> Result<Vec<(String, Entry)>, ContentError> {
    let found = resolve(layout, path)?;
    match node(layout, &found.cid, path)? {
        Some(Node::Folder(entries)) => entries
            .into_iter()
            .map(|link| Ok((link.name.clone(), entry(layout, link.cid, &format!("{path}/{}", link.name))?)))
            .collect(),
        _ => Err(ContentError::Kind { path: path.to_owned(), expected: "folder", found: "file" }),
    }
}

/// The leaves of the file at a path.
pub(super) fn leaves(layout: &Layout, path: &str) -> Result<Leaves, ContentError> {
    let found = resolve(layout, path)?;
    if found.kind == Kind::Folder {
        return Err(ContentError::Kind { path: path.to_owned(), expected: "file", found: "folder" });
    }
    let mut leaves = Vec::new();
    collect(layout, &Link { name: String::new(), cid: found.cid, size: found.size, total: 0 }, path, 0, &mut leaves)?;
    Ok(Leaves { file: found.cid, size: found.size, leaves })
}

fn collect(
    layout: &Layout,
    link: &Link,
    path: &str,
    depth: usize,
    leaves: &mut Vec<(Cid, u64, u64)>,
) -> Result<(), ContentError> {
    if unixfs::is_leaf(&link.cid) {
        let offset = leaves.last().map_or(0, |(_, offset, length)| offset + length);
        leaves.push((link.cid, offset, link.size));
        return Ok(());
    }
    let wrong = |reason: &str| ContentError::Node { cid: link.cid, reason: reason.to_owned() };
    if depth >= unixfs::max_depth() {
        return Err(wrong("it lies deeper than any file's tree is"));
    }
    match node(layout, &link.cid, path)? {
        Some(Node::File(parts)) => {
            if parts.iter().map(|part| part.size).sum::<u64>() != link.size {
                return Err(wrong("its size is not the one that its parent says"));
            }
            parts.iter().try_for_each(|part| collect(layout, part, path, depth + 1, leaves))
        }
        _ => Err(wrong("it is a folder inside a file")),
    }
}

/// A verified node; `None` for the CID of a leaf.
fn node(layout: &Layout, cid: &Cid, path: &str) -> Result<Option<Node>, ContentError> {
    if unixfs::is_leaf(cid) {
        return Ok(None);
    }
    let file = layout.node(cid);
    let size = fs::metadata(&file).map_err(|error| missing(path, &file, error))?.len();
    if size > MAX_NODE {
        return Err(ContentError::Node { cid: *cid, reason: format!("it has {size} bytes, of {MAX_NODE} allowed") });
    }
    let bytes = fs::read(&file).map_err(|error| missing(path, &file, error))?;
    if !unixfs::matches(cid, &bytes) {
        return Err(ContentError::Corrupt { cid: *cid, path: file });
    }
    unixfs::read(cid, &bytes).map(Some)
}

fn missing(path: &str, file: &std::path::Path, error: io::Error) -> ContentError {
    match error.kind() {
        io::ErrorKind::NotFound => ContentError::NotFound { path: path.to_owned() },
        _ => ContentError::read(file, error),
    }
}

/// One leaf's bytes as far as they are in `range` of the file, verified as a whole.
pub(super) fn leaf(
    layout: &Layout,
    extent: &File,
    file: &Cid,
    (cid, offset, length): (Cid, u64, u64),
    range: &Range<u64>,
) -> Result<Bytes, ContentError> {
    let path = layout.extent(file);
    let corrupt = || ContentError::Corrupt { cid, path: path.clone() };
    let length = usize::try_from(length).map_err(|_| corrupt())?;
    if length > unixfs::CHUNK * 2 {
        return Err(ContentError::Node {
            cid,
            reason: format!("a leaf of {length} bytes is larger than peers exchange"),
        });
    }
    let mut bytes = vec![0; length];
    extent.read_exact_at(&mut bytes, offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => corrupt(),
        _ => ContentError::read(&path, error),
    })?;
    if !unixfs::matches(&cid, &bytes) {
        return Err(corrupt());
    }
    let start = range.start.saturating_sub(offset).min(length as u64) as usize;
    let end = range.end.saturating_sub(offset).min(length as u64) as usize;
    Ok(Bytes::from(bytes).slice(start..end))
}
