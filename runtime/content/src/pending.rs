//! Blocks that are verified and written, but not yet in the index: those of the
//! fetches of this process. They can be read at once.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use crate::extent::Placed;
use crate::read::read_at;
use crate::{Cid, StoreError, cids};

struct Place {
    file: Arc<File>,
    path: Arc<PathBuf>,
    offset: u64,
    length: u64,
}

/// By CID in version 1.
#[derive(Default)]
pub(crate) struct Pending(RwLock<HashMap<Cid, Place>>);

impl Pending {
    /// Adds a block that lies in a file.
    pub(crate) fn add(&self, block: &Placed, file: &Arc<File>, path: &Arc<PathBuf>) {
        let place = Place { file: file.clone(), path: path.clone(), offset: block.offset, length: block.length };
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(cids::to_v1(&block.cid), place);
    }

    /// Takes blocks out: they are in the index now, or were given up. Only those in this file.
    pub(crate) fn remove<'a>(&self, blocks: impl Iterator<Item = &'a Placed>, path: &Path) {
        let mut places = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for block in blocks {
            let cid = cids::to_v1(&block.cid);
            if places.get(&cid).is_some_and(|place| **place.path == *path) {
                places.remove(&cid);
            }
        }
    }

    pub(crate) fn length(&self, cid: &Cid) -> Option<u64> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(cid).map(|place| place.length)
    }

    /// A verified block.
    pub(crate) fn read(&self, cid: &Cid) -> Result<Option<Bytes>, StoreError> {
        let found = {
            let places = self.0.read().unwrap_or_else(PoisonError::into_inner);
            places.get(cid).map(|place| (place.file.clone(), place.path.clone(), place.offset, place.length))
        };
        let Some((file, path, offset, length)) = found else { return Ok(None) };
        let bytes = read_at(&file, offset, length).map_err(|e| StoreError::io("read", &path, e))?;
        if cids::matches(cid, &bytes) {
            return Ok(Some(bytes));
        }
        let actual = Box::new(cids::of(cid.codec(), &bytes));
        Err(StoreError::Corrupt { cid: Box::new(*cid), actual, extent: path.to_path_buf(), offset })
    }
}
