//! Nodes that fetch the same at the same time, behind one origin: who of them
//! asks the origin for a block, and who waits for it.
//!
//! A node that wants a block asks its peers first, and names itself. One that
//! does not have it but is to fetch it says so with [`COMING`], and the asker
//! comes again, if either the block is on its way already, or the node ranks
//! above the asker by rendezvous hashing. Of all who want it one ranks first:
//! all others tell it that they lack it, so it asks the origin, and nobody
//! waits in a circle.

use hyper::HeaderMap;
use hyper::header::HeaderName;
use pelago_dag::{Cid, Coming};

use crate::replicate::uniform;

/// The asker's name.
pub(crate) const NODE: HeaderName = HeaderName::from_static("pelago-node");
/// Of an answer that says that the block is not here: in how many ms it is worth asking again.
pub(crate) const COMING: HeaderName = HeaderName::from_static("pelago-coming");
/// That time.
pub(super) const AGAIN_MS: u64 = 150;
/// The longest name, as of mDNS.
const NAME_MAX: usize = 63;

/// Whether the asker is to wait for this node's own fetch of a block.
pub(super) fn is_to_wait(own: Option<&str>, headers: &HeaderMap, cid: &Cid, coming: Option<Coming>) -> bool {
    let asker = headers.get(NODE).and_then(|name| name.to_str().ok()).filter(|name| name.len() <= NAME_MAX);
    match (own, asker, coming) {
        (Some(own), Some(asker), _) if own == asker => false,
        (Some(_), Some(_), Some(Coming::OnItsWay)) => true,
        (Some(own), Some(asker), Some(Coming::Planned)) => (uniform(cid, own), own) > (uniform(cid, asker), asker),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use hyper::header::HeaderValue;
    use pelago_dag::cid;

    use super::*;

    fn waits(own: Option<&str>, asker: Option<&str>, block: u8, coming: Option<Coming>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(asker) = asker {
            headers.insert(NODE, HeaderValue::from_str(asker).unwrap());
        }
        is_to_wait(own, &headers, &cid::of(cid::RAW, &[block]), coming)
    }

    #[test]
    fn of_all_who_plan_a_block_one_waits_for_nobody() {
        let nodes = ["a", "b", "c", "d"];
        let mut first: HashSet<&str> = HashSet::new();
        for block in 0..100 {
            let waits = |own, asker| waits(Some(own), Some(asker), block, Some(Coming::Planned));
            let free: Vec<&str> =
                nodes.into_iter().filter(|asker| !nodes.iter().any(|own| waits(own, asker))).collect();
            assert_eq!(free.len(), 1);
            first.extend(free);
        }
        assert_eq!(first.len(), nodes.len(), "each asks the origin for some");
    }

    #[test]
    fn what_is_on_its_way_is_waited_for_and_nobody_waits_for_what_is_not_fetched() {
        for block in 0..20 {
            assert!(waits(Some("a"), Some("b"), block, Some(Coming::OnItsWay)));
            assert!(!waits(Some("a"), Some("b"), block, None));
            assert!(!waits(None, Some("b"), block, Some(Coming::OnItsWay)));
            assert!(!waits(Some("a"), None, block, Some(Coming::OnItsWay)));
            assert!(!waits(Some("a"), Some("a"), block, Some(Coming::OnItsWay)));
        }
    }
}
