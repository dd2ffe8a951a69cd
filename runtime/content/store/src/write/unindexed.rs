//! Blocks that are verified, but not yet in the index: those of the fetches of
//! this process. They can be read at once, from memory until they are written.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use pelago_dag::{Cid, cid};

use crate::StoreError;
use crate::layout::extent::{Placed, Room};
use crate::layout::read::read_at;

struct Place {
    file: Arc<File>,
    path: Arc<PathBuf>,
    offset: u64,
    length: u64,
    /// Until it is written.
    bytes: Option<Bytes>,
}

/// By CID in version 1.
#[derive(Default)]
pub(crate) struct Unindexed(RwLock<HashMap<Cid, Place>>);

impl Unindexed {
    /// Adds a verified block that is about to be written into its room.
    pub(crate) fn add(&self, cid: &Cid, bytes: &Bytes, room: &Room) {
        let (file, path) = (room.file.clone(), room.path.clone());
        let length = bytes.len() as u64;
        let place = Place { file, path, offset: room.offset, length, bytes: Some(bytes.clone()) };
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(cid::to_v1(cid), place);
    }

    /// Notes that a block was written into this file, and is read from there.
    pub(crate) fn written(&self, cid: &Cid, path: &Arc<PathBuf>) {
        let mut places = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get_mut(&cid::to_v1(cid)).filter(|place| place.path == *path) {
            place.bytes = None;
        }
    }

    /// Takes blocks out: they are in the index now, or were given up. Only those in this file.
    pub(crate) fn remove<'a>(&self, blocks: impl Iterator<Item = &'a Placed>, path: &Path) {
        let mut places = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for block in blocks {
            let cid = cid::to_v1(&block.cid);
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
            match places.get(cid) {
                None => return Ok(None),
                Some(Place { bytes: Some(bytes), .. }) => return Ok(Some(bytes.clone())),
                Some(place) => (place.file.clone(), place.path.clone(), place.offset, place.length),
            }
        };
        let (file, path, offset, length) = found;
        let bytes = read_at(&file, offset, length).map_err(|e| StoreError::io("read", &path, e))?;
        if cid::matches(cid, &bytes) {
            return Ok(Some(bytes));
        }
        let actual = Box::new(cid::of(cid.codec(), &bytes));
        Err(StoreError::Corrupt { cid: Box::new(*cid), actual, extent: path.to_path_buf(), offset })
    }
}
