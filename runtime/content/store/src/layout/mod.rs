//! What lies in the store's folder: extents with blocks, a folder for each process that writes, and the locks
//! of fetches.

use std::path::Path;

use pelago_dag::Cid;

use crate::StoreError;

pub(crate) mod disk;
pub(crate) mod extent;
pub(crate) mod fetch_lock;
pub(crate) mod owner;
pub(crate) mod read;

/// The CIDs that files of a folder bear as names: pins, and claims of the living and the dead.
pub(crate) fn cids_in(folder: &Path) -> Result<Vec<Cid>, StoreError> {
    let io = |e| StoreError::io("list", folder, e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        found.extend(name.to_str().and_then(|name| Cid::try_from(name).ok()));
    }
    Ok(found)
}
