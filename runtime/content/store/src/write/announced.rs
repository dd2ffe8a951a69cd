//! Blocks that the fetches of this process are to bring: what peers that want
//! the same are told, so that one of them asks the origin. Notes only; what is
//! forgotten here is fetched twice at worst.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use pelago_dag::{Cid, Coming, cid};

/// Blocks that are noted; further ones are not.
const NOTED_MAX: usize = 1 << 16;

/// By CID in version 1: which fetch, and how far it is.
#[derive(Default)]
pub(crate) struct Announced(Mutex<HashMap<Cid, (i64, Coming)>>);

impl Announced {
    pub(crate) fn note(&self, fetch: i64, cid: &Cid, coming: Coming) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cid = cid::to_v1(cid);
        if noted.len() < NOTED_MAX || noted.contains_key(&cid) {
            noted.insert(cid, (fetch, coming));
        }
    }

    pub(crate) fn coming(&self, cid: &Cid) -> Option<Coming> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.get(&cid::to_v1(cid)).map(|(_, coming)| *coming)
    }

    /// A block has come.
    pub(crate) fn forget(&self, cid: &Cid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&cid::to_v1(cid));
    }

    /// A fetch has ended.
    pub(crate) fn forget_fetch(&self, fetch: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (of, _)| *of != fetch);
    }
}
