//! Paths of a folder that fall together on a file system which does not tell cases apart.

use std::collections::{HashMap, HashSet};

use crate::{Entry, StoreError};

/// Pairs of paths (of files, or of folders on their way) that differ only in case: on such a file
/// system as macOS and Windows have, the one would overwrite the other. Text is compared in lower
/// case, which is near what those systems do and never misses ASCII.
#[must_use]
pub fn case_collisions(entries: &[Entry]) -> Vec<(String, String)> {
    let mut met: HashMap<String, String> = HashMap::new();
    let (mut told, mut collisions) = (HashSet::new(), Vec::new());
    for entry in entries {
        let ends = entry.path.match_indices('/').map(|(at, _)| at).chain([entry.path.len()]);
        for path in ends.map(|end| &entry.path[..end]) {
            match met.get(&path.to_lowercase()) {
                Some(first) if first != path => {
                    if told.insert(path.to_owned()) {
                        collisions.push((first.clone(), path.to_owned()));
                    }
                }
                Some(_) => {}
                None => {
                    met.insert(path.to_lowercase(), path.to_owned());
                }
            }
        }
    }
    collisions
}

/// Refuses to write a folder out where two of its paths differ only in case.
///
/// # Errors
///
/// `Collision`, with the first such pair.
pub fn check_export(entries: &[Entry]) -> Result<(), StoreError> {
    match case_collisions(entries).into_iter().next() {
        Some((first, second)) => Err(StoreError::Collision { first, second }),
        None => Ok(()),
    }
}
