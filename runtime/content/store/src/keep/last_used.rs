//! When roots were last used. Noted in memory, and written now and then: a read
//! must not cost a write.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use pelago_dag::Cid;
use rusqlite::{Transaction, params};

use crate::index::rows::{now_ms, root_id};

/// How much later than a use it may be written, ms.
const EVERY_MS: i64 = 60_000;

/// Uses that are remembered between two writes; more are not noted.
const NOTED: usize = 1024;

/// Uses that are not written yet.
#[derive(Default)]
pub(crate) struct LastUsed(Mutex<Noted>);

#[derive(Default)]
struct Noted {
    roots: HashMap<Cid, i64>,
    written: i64,
}

impl LastUsed {
    /// Notes a use; true if it is time to write. The first is written at once, as a process may be short.
    pub(crate) fn note(&self, root: Cid) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now_ms();
        if noted.roots.len() < NOTED || noted.roots.contains_key(&root) {
            noted.roots.insert(root, now);
        }
        let due = now - noted.written >= EVERY_MS;
        if due {
            noted.written = now;
        }
        due
    }

    /// When a root was used last, as far as it is not written yet.
    pub(crate) fn at(&self, root: &Cid) -> i64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).roots.get(root).copied().unwrap_or(0)
    }

    /// Writes what was noted.
    pub(crate) fn write(&self, tx: &Transaction<'_>) -> Result<(), rusqlite::Error> {
        let roots = std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).roots);
        for (root, at) in roots {
            if let Some(id) = root_id(tx, &root)? {
                tx.execute("UPDATE roots SET used_at = max(used_at, ?) WHERE id = ?", params![at, id])?;
            }
        }
        Ok(())
    }
}
