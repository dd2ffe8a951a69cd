//! The index built anew, from nothing but the extents and the marks of pins.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use pelago_dag::walk::{ValidateSource, validate};
use pelago_dag::{Cid, cid};
use rusqlite::Transaction;

use crate::StoreError;
use crate::index::rows;
use crate::keep::holds;
use crate::layout::extent::{Found, Placed, Record, RootRecord, read_contents};
use crate::layout::read::read_at;

/// Blocks as the extents' tables of contents place them.
struct Places(HashMap<Cid, (PathBuf, Placed)>);

impl ValidateSource for Places {
    type Error = StoreError;

    fn block(&self, cid: &Cid) -> Result<Bytes, StoreError> {
        let missing = || StoreError::MissingBlock { cid: Box::new(*cid) };
        if let Some(bytes) = cid::inline(cid) {
            return Ok(Bytes::copy_from_slice(bytes));
        }
        let (path, placed) = self.0.get(&cid::to_v1(cid)).ok_or_else(missing)?;
        let read = std::fs::File::open(path).and_then(|f| read_at(&f, placed.offset, placed.length));
        let bytes = read.map_err(|e| StoreError::io("read", path, e))?;
        if cid::matches(cid, &bytes) { Ok(bytes) } else { Err(missing()) }
    }

    fn length(&self, cid: &Cid) -> Result<Option<u64>, StoreError> {
        if let Some(bytes) = cid::inline(cid) {
            return Ok(Some(bytes.len() as u64));
        }
        Ok(self.0.get(&cid::to_v1(cid)).map(|(_, placed)| placed.length))
    }
}

/// Builds the index from the extents: blocks from their tables of contents, each recorded root
/// whose DAG is whole, and each fetch that did not end. What belongs to neither is left out, and swept.
pub(crate) fn rebuild(tx: &Transaction<'_>, extents: &Path, pinned: &Path) -> Result<(), StoreError> {
    let sql = |e| StoreError::index(Path::new("store.sqlite"), e);
    let io = |e| StoreError::io("list", extents, e);
    let mut places = Places(HashMap::new());
    let mut roots: Vec<(String, RootRecord)> = Vec::new();
    let mut fetches: HashMap<Cid, Vec<Cid>> = HashMap::new();
    for entry in std::fs::read_dir(extents).map_err(io)? {
        let entry = entry.map_err(io)?;
        let path = entry.path();
        let (Ok(name), Some(Found { size, blocks, record })) = (entry.file_name().into_string(), read_contents(&path)?)
        else {
            tracing::warn!(path = %path.display(), "not a whole extent: left out of the index");
            continue;
        };
        rows::insert_extent(tx, &name, size, &blocks).map_err(sql)?;
        match record {
            Record::Nothing => {}
            Record::Root(root) => roots.push((name, root)),
            Record::Fetch(root) => fetches.entry(root).or_default().extend(blocks.iter().map(|b| b.cid)),
        }
        for block in blocks {
            places.0.entry(cid::to_v1(&block.cid)).or_insert_with(|| (path.clone(), block));
        }
    }
    for (holder, root) in roots {
        let Ok(cid) = Cid::try_from(root.cid.as_str()) else { continue };
        match validate(&cid, &places) {
            Ok(found) => {
                rows::insert_root(tx, &root, &cid, Some(&holder), &found.under).map_err(sql)?;
                fetches.remove(&cid);
            }
            Err(error) => tracing::warn!(%cid, %error, "a root is not whole: left out of the index"),
        }
    }
    for (root, blocks) in fetches {
        let id = rows::fetch_id(tx, &root).map_err(sql)?;
        rows::insert_fetched(tx, id, blocks.iter()).map_err(sql)?;
    }
    for root in crate::layout::cids_in(pinned)? {
        holds::set(tx, &root).map_err(sql)?;
    }
    tx.execute(
        "DELETE FROM blocks WHERE NOT EXISTS (SELECT 1 FROM root_blocks r WHERE r.cid = blocks.cid)
         AND NOT EXISTS (SELECT 1 FROM fetch_blocks f WHERE f.cid = blocks.cid)",
        [],
    )
    .map_err(sql)?;
    rows::prune_rows(tx).map_err(sql)?;
    Ok(())
}
