//! Adding: a folder or bytes become extents, nodes and rows of the index.
//!
//! The order is what makes a crash harmless: bytes are on disk under a
//! temporary name, then under their CID, then nodes, then one transaction of
//! the index. A root that the index names is whole.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use cid::Cid;

use super::layout::{Layout, Scratch};
use super::unixfs::{self, Block, CHUNK, Link, PROFILE};
use super::{ContentError, Index, Observer};

/// What adding gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The root's CID.
    pub cid: Cid,
    /// Bytes of all files below.
    pub size: u64,
    /// Bytes that were not in the store before.
    pub new_bytes: u64,
}

/// A block, and where it is.
struct Placed {
    cid: Cid,
    /// The extent that a leaf is in, and its offset there; `None` for a node.
    place: Option<(Cid, u64)>,
    length: u64,
}

/// One import under way.
pub(super) struct Import<'a> {
    layout: &'a Layout,
    scratch: Scratch,
    observer: Option<&'a Observer>,
    blocks: Vec<Placed>,
    extents: Vec<Cid>,
    nodes: Vec<Cid>,
    new_bytes: u64,
}

impl<'a> Import<'a> {
    pub(super) fn new(layout: &'a Layout, observer: Option<&'a Observer>) -> Result<Self, ContentError> {
        let scratch = layout.scratch()?;
        let (blocks, extents, nodes) = Default::default();
        Ok(Self { layout, scratch, observer, blocks, extents, nodes, new_bytes: 0 })
    }

    /// A folder and all below it.
    pub(super) fn folder(&mut self, path: &Path) -> Result<Link, ContentError> {
        let mut found = fs::read_dir(path)
            .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
            .map_err(|source| ContentError::read(path, source))?;
        found.sort_by_key(fs::DirEntry::file_name);
        let mut links = Vec::with_capacity(found.len());
        for entry in found {
            let path = entry.path();
            let name = entry.file_name().into_string().map_err(|_| ContentError::Refused {
                path: path.clone(),
                reason: "its name is not UTF-8; rename it",
            })?;
            // `.git`, `.cache` and editors' files are not part of a model.
            if name.starts_with('.') {
                continue;
            }
            let kind = entry.file_type().map_err(|source| ContentError::read(&path, source))?;
            let link = if kind.is_symlink() {
                self.followed(&path)?
            } else if kind.is_dir() {
                self.folder(&path)?
            } else if kind.is_file() {
                self.file(&path)?
            } else {
                return Err(ContentError::Refused {
                    path,
                    reason: "it is neither a file nor a folder; move it out of the folder",
                });
            };
            links.push(Link { name, ..link });
        }
        let made = unixfs::folder(links)?;
        let (link, block) = made.ok_or_else(|| ContentError::Refused {
            path: path.to_owned(),
            reason: "it has more entries than one UnixFS node holds; spread them over folders",
        })?;
        self.node(block)?;
        Ok(link)
    }

    /// The file that a symbolic link leads to: hub caches keep models so. A link
    /// to a folder is refused, so that no tree can lead to itself.
    fn followed(&mut self, path: &Path) -> Result<Link, ContentError> {
        let target = fs::canonicalize(path).map_err(|source| ContentError::read(path, source))?;
        if !target.is_file() {
            return Err(ContentError::Refused {
                path: path.to_owned(),
                reason: "it is a symbolic link to something that is not a file; put the folder itself there",
            });
        }
        self.file(&target)
    }

    /// A file: copied, hashed on the way, and put to its place.
    fn file(&mut self, path: &Path) -> Result<Link, ContentError> {
        let mut source = File::open(path).map_err(|error| ContentError::read(path, error))?;
        let size = source.metadata().map_err(|error| ContentError::read(path, error))?.len();
        let link = self.extent(&mut source, path, size)?;
        if link.size != size {
            return Err(ContentError::Changed { path: path.to_owned() });
        }
        Ok(link)
    }

    /// Bytes from memory.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<Link, ContentError> {
        self.extent(&mut &bytes[..], Path::new("memory"), bytes.len() as u64)
    }

    fn extent(&mut self, source: &mut impl Read, path: &Path, expected: u64) -> Result<Link, ContentError> {
        let temporary: PathBuf = self.scratch.folder.join("extent");
        let failed = |error| ContentError::write(&temporary, error);
        let mut copy = File::create(&temporary).map_err(failed)?;
        let mut leaves = Vec::new();
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut size = 0;
        loop {
            chunk.clear();
            let read = source.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
            read.map_err(|error| ContentError::read(path, error))?;
            if chunk.is_empty() && !leaves.is_empty() {
                break;
            }
            copy.write_all(&chunk).map_err(failed)?;
            let length = chunk.len() as u64;
            leaves.push(Link { name: String::new(), cid: unixfs::leaf(&chunk), size: length, total: length });
            size += length;
            if let Some(observer) = self.observer {
                observer(&path.file_name().unwrap_or_default().to_string_lossy(), size, expected);
            }
            if chunk.len() < CHUNK {
                break;
            }
        }
        let (root, nodes) = unixfs::file(leaves.clone())?;
        let to = self.layout.extent(&root.cid);
        if !to.exists() {
            copy.sync_all().map_err(failed)?;
            self.layout.publish(&temporary, &to)?;
            self.new_bytes += size;
        }
        let mut offset = 0;
        for leaf in &leaves {
            self.blocks.push(Placed { cid: leaf.cid, place: Some((root.cid, offset)), length: leaf.size });
            offset += leaf.size;
        }
        self.extents.push(root.cid);
        nodes.into_iter().try_for_each(|block| self.node(block))?;
        Ok(root)
    }

    fn node(&mut self, (cid, bytes): Block) -> Result<(), ContentError> {
        self.layout.publish_node(&self.scratch, &cid, &bytes)?;
        self.blocks.push(Placed { cid, place: None, length: bytes.len() as u64 });
        self.nodes.push(cid);
        Ok(())
    }

    /// Makes the root known.
    pub(super) fn finish(self, index: &Index, root: &Link) -> Result<Added, ContentError> {
        let (root_text, added) = (root.cid.to_string(), chrono::Utc::now().to_rfc3339());
        index.write(|transaction| {
            let mut block = transaction
                .prepare("INSERT OR IGNORE INTO blocks (cid, extent, offset, length) VALUES (?1, ?2, ?3, ?4)")?;
            for Placed { cid, place, length } in &self.blocks {
                let (extent, offset) =
                    place.as_ref().map(|(extent, offset)| (extent.to_string(), *offset as i64)).unzip();
                block.execute((cid.to_string(), extent, offset, *length as i64))?;
            }
            let mut member =
                transaction.prepare("INSERT OR IGNORE INTO members (root, cid, is_extent) VALUES (?1, ?2, ?3)")?;
            let members = self.extents.iter().map(|cid| (cid, true)).chain(self.nodes.iter().map(|cid| (cid, false)));
            for (cid, is_extent) in members {
                member.execute((&root_text, cid.to_string(), is_extent))?;
            }
            transaction.execute(
                "INSERT OR IGNORE INTO roots (cid, size, profile, added) VALUES (?1, ?2, ?3, ?4)",
                (&root_text, root.size as i64, PROFILE, &added),
            )?;
            Ok(())
        })?;
        Ok(Added { cid: root.cid, size: root.size, new_bytes: self.new_bytes })
    }
}
