//! Folders: entries through their shards, paths to entries, and listings.

use std::collections::{HashMap, HashSet};

use pelago_dag::hamt::{Place, Shard};
use pelago_dag::limits::{ENTRIES, FOLDER_DEPTH, PATH};
use pelago_dag::unixfs::{Child, Node};
use pelago_dag::walk::validate;
use pelago_dag::{BlockError, Cid, NodeError, cid};

use crate::StoreError;
use crate::inner::Inner;

/// A file or folder of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path from the root; empty for the root itself.
    pub path: String,
    /// Its own CID.
    pub cid: Cid,
    /// Bytes of content; 0 for a folder or a symbolic link.
    pub size: u64,
    /// File, folder or link.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    File,
    /// Names.
    Folder,
    /// A symbolic link. It is shown, never followed.
    Symlink,
}

fn bad(cid: &Cid, source: NodeError) -> StoreError {
    BlockError::node(cid, source).into()
}

fn limit(cid: &Cid, what: &'static str, max: u64) -> StoreError {
    BlockError::Limit { cid: Box::new(*cid), what, max }.into()
}

impl Inner {
    fn shard(&self, cid: &Cid, place: Place) -> Result<Shard, StoreError> {
        let (Node::Shard(shard), _) = self.node(cid)? else { return Err(bad(cid, NodeError::NotShard)) };
        shard.check(place).map_err(|source| bad(cid, source))?;
        Ok(shard)
    }

    /// A folder's entries by name, through its shards. `None` if it is no folder.
    fn entries(&self, cid: &Cid) -> Result<Option<Vec<(String, Cid)>>, StoreError> {
        let root = match self.node(cid)?.0 {
            Node::Folder(entries) => return Ok(Some(entries)),
            Node::Shard(shard) => shard,
            Node::Leaf(_) | Node::File(_) | Node::Symlink(_) => return Ok(None),
        };
        let place = Place::root(root.fanout);
        root.check(place).map_err(|source| bad(cid, source))?;
        let mut all = Vec::new();
        let mut met = HashSet::from([*cid]);
        let mut open = vec![(place, root)];
        while let Some((place, shard)) = open.pop() {
            for child in shard.children {
                if let Some(name) = child.name {
                    all.push((name, child.cid));
                    continue;
                }
                if !met.insert(child.cid) {
                    return Err(bad(&child.cid, NodeError::TwoPlaces));
                }
                let below = place.below(child.bucket);
                let below = below.ok_or_else(|| bad(cid, NodeError::ShardDepth))?;
                open.push((below, self.shard(&child.cid, below)?));
            }
            if all.len() as u64 > ENTRIES {
                return Err(limit(cid, "entries in a folder", ENTRIES));
            }
        }
        all.sort();
        Ok(Some(all))
    }

    /// One entry of a folder; of a sharded one only the shards on the way are read.
    /// The outer `None` if it is no folder.
    fn lookup(&self, cid: &Cid, name: &str) -> Result<Option<Option<Cid>>, StoreError> {
        let mut shard = match self.node(cid)?.0 {
            Node::Folder(entries) => return Ok(Some(entries.into_iter().find(|(n, _)| n == name).map(|(_, cid)| cid))),
            Node::Shard(shard) => shard,
            Node::Leaf(_) | Node::File(_) | Node::Symlink(_) => return Ok(None),
        };
        let mut place = Place::root(shard.fanout);
        shard.check(place).map_err(|source| bad(cid, source))?;
        loop {
            let Some(bucket) = place.bucket(name) else { return Ok(Some(None)) };
            let Some(child) = shard.children.into_iter().find(|c| c.bucket == bucket) else { return Ok(Some(None)) };
            if let Some(found) = child.name {
                return Ok(Some((found == name).then_some(child.cid)));
            }
            place = place.below(bucket).ok_or_else(|| bad(cid, NodeError::ShardDepth))?;
            shard = self.shard(&child.cid, place)?;
        }
    }

    /// What a CID is. A raw block's size stands in the index, so nothing is read for it.
    fn entry(&self, path: String, cid: Cid) -> Result<Entry, StoreError> {
        cid::check_supported(&cid)?;
        if cid.codec() == cid::RAW {
            let size = self.length(&cid)?.ok_or(StoreError::MissingBlock { cid: Box::new(cid) })?;
            return Ok(Entry { path, cid, size, kind: Kind::File });
        }
        let (size, kind) = match self.node(&cid)?.0 {
            Node::Leaf(bytes) => (bytes.len() as u64, Kind::File),
            Node::File(parts) => (parts.iter().map(|(_, size)| size).sum(), Kind::File),
            Node::Folder(_) | Node::Shard(_) => (0, Kind::Folder),
            Node::Symlink(_) => (0, Kind::Symlink),
        };
        Ok(Entry { path, cid, size, kind })
    }

    /// Follows a path.
    pub(crate) fn stat(&self, root: Cid, path: &str) -> Result<Entry, StoreError> {
        let mut cid = root;
        for part in path.split('/').filter(|p| !p.is_empty()) {
            let missing = || StoreError::NoEntry { cid: Box::new(root), path: path.to_owned() };
            cid::check_supported(&cid)?;
            cid = self.lookup(&cid, part)?.flatten().ok_or_else(missing)?;
        }
        self.entry(path.trim_matches('/').to_owned(), cid)
    }

    /// Refuses to read what is no file.
    pub(crate) fn check_file(&self, entry: &Entry, address: &str) -> Result<(), StoreError> {
        let path = address.to_owned();
        match entry.kind {
            Kind::File => Ok(()),
            Kind::Folder => Err(StoreError::IsFolder { path }),
            Kind::Symlink => match self.node(&entry.cid)?.0 {
                Node::Symlink(target) => Err(StoreError::Symlink { path, target }),
                _ => Err(bad(&entry.cid, NodeError::NotLink)),
            },
        }
    }

    /// All files and symbolic links under a root, sorted by path.
    pub(crate) fn list(&self, root: Cid) -> Result<Vec<Entry>, StoreError> {
        let mut files = Vec::new();
        let (mut count, mut bytes) = (0u64, 0);
        // Content that is linked to often is looked at once.
        let mut known: HashMap<Cid, (u64, Kind)> = HashMap::new();
        let mut open = vec![(String::new(), root, 0)];
        while let Some((prefix, cid, depth)) = open.pop() {
            let Some(entries) = self.entries(&cid)? else {
                return Err(StoreError::NotFolder { path: cid.to_string() });
            };
            if depth > FOLDER_DEPTH {
                return Err(limit(&root, "folders in each other", FOLDER_DEPTH as u64));
            }
            for (name, cid) in entries {
                let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
                count += 1;
                bytes += path.len();
                if path.len() > PATH {
                    return Err(limit(&root, "bytes in a path", PATH as u64));
                }
                // A DAG of few blocks can spell out more paths than there is memory for.
                if count > ENTRIES || bytes > LISTING_BYTES {
                    return Err(limit(&root, "files and folders", ENTRIES));
                }
                let (size, kind) = match known.get(&cid) {
                    Some(known) => *known,
                    None => {
                        let entry = self.entry(String::new(), cid)?;
                        *known.entry(cid).or_insert((entry.size, entry.kind))
                    }
                };
                let entry = Entry { path, cid, size, kind };
                match kind {
                    Kind::File | Kind::Symlink => files.push(entry),
                    Kind::Folder => open.push((entry.path, cid, depth + 1)),
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// Content that is here already, as a parent links to it, and every block under it.
    pub(crate) fn describe(&self, cid: &Cid) -> Result<(Child, Vec<Cid>, u64), StoreError> {
        let found = validate(cid, self)?;
        Ok((Child { cid: *cid, size: found.size, dag_size: found.dag_size }, found.under, found.files))
    }
}

/// Bytes of all paths in a listing.
const LISTING_BYTES: usize = 256 << 20;
