//! The index built anew, from nothing but the extents.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use cid::Cid;

use crate::extent::{Found, Placed, RootRecord, read_contents};
use crate::read::{read_at, walk};
use crate::{StoreError, cids, index};

/// Builds the index from the extents: blocks from their tables of contents, and each recorded root
/// whose DAG is whole. What belongs to no root is left out, and swept.
pub(crate) fn refill(tx: &rusqlite::Transaction<'_>, extents: &Path) -> Result<(), StoreError> {
    let sql = |e| StoreError::index(Path::new("store.sqlite"), e);
    let io = |e| StoreError::io("list", extents, e);
    let mut places: HashMap<Cid, (PathBuf, Placed)> = HashMap::new();
    let mut roots: Vec<(String, RootRecord)> = Vec::new();
    for entry in std::fs::read_dir(extents).map_err(io)? {
        let entry = entry.map_err(io)?;
        let path = entry.path();
        let (Ok(name), Some(Found { size, blocks, root })) = (entry.file_name().into_string(), read_contents(&path)?)
        else {
            tracing::warn!(path = %path.display(), "not a whole extent: left out of the index");
            continue;
        };
        index::insert_extent(tx, &name, size, &blocks).map_err(sql)?;
        for block in blocks {
            places.entry(block.cid).or_insert_with(|| (path.clone(), block));
        }
        roots.extend(root.map(|root| (name, root)));
    }
    for (holder, root) in roots {
        let Ok(cid) = Cid::try_from(root.cid.as_str()) else { continue };
        let fetch = |cid: &Cid| {
            let (path, placed) = places.get(cid).ok_or(StoreError::MissingBlock { cid: Box::new(*cid) })?;
            let read = std::fs::File::open(path).and_then(|f| read_at(&f, placed.offset, placed.length));
            let bytes = read.map_err(|e| StoreError::io("read", path, e))?;
            if cids::matches(cid, &bytes) { Ok(bytes) } else { Err(StoreError::MissingBlock { cid: Box::new(*cid) }) }
        };
        match walk(cid, fetch, |cid| Ok(places.contains_key(cid))) {
            Ok(under) => index::insert_root(tx, &root, &cid, Some(&holder), &under).map_err(sql)?,
            Err(error) => tracing::warn!(%cid, %error, "a root is not whole: left out of the index"),
        }
    }
    tx.execute("DELETE FROM blocks WHERE NOT EXISTS (SELECT 1 FROM root_blocks r WHERE r.cid = blocks.cid)", [])
        .map_err(sql)?;
    index::prune_rows(tx).map_err(sql)?;
    Ok(())
}
