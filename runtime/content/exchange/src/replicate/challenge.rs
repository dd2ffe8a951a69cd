//! Whether a peer still holds what it said: it is asked for random blocks, and
//! what it sends is hashed.
//!
//! The walk begins at the root and follows at each node one link, chosen with
//! the probability of the bytes below it, down to a leaf; so a peer that lost
//! the share `f` of the bytes is found out with probability `f` each time, and
//! after `n` challenges with `1 - (1 - f)^n` (Ateniese et al., "Provable data
//! possession", CCS 2007, section 4). Every node of the way is asked of the peer
//! itself, so it has to hold those, too. It must be asked in a way that forbids
//! it to fetch (`Cache-Control: only-if-cached`), else it proves nothing.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use pelago_dag::{Cid, cid};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Nodes on the way to a leaf; a deeper DAG is challenged to this depth.
const DEPTH_MAX: usize = 32;

/// How a challenge went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All blocks came and are right.
    Passed {
        /// The leaf.
        leaf: Cid,
        /// Bytes of all blocks that were asked for.
        bytes: u64,
    },
    /// A block did not come.
    Missing {
        /// The block.
        cid: Cid,
        /// What the peer, or the line to it, said.
        reason: String,
    },
    /// A block came that is not what its CID names: the peer is not to be used again.
    Wrong {
        /// The block.
        cid: Cid,
        /// What is wrong with it.
        reason: String,
    },
    /// The peer took too long.
    Silent {
        /// The block.
        cid: Cid,
    },
}

/// Challenges a peer once. `ask` brings a block from this peer and from nowhere else; it need not check it.
pub async fn challenge<F, E>(
    root: &Cid,
    deadline: Duration,
    rng: &mut (impl Rng + Send),
    ask: impl Fn(Cid) -> F + Send,
) -> Outcome
where
    F: Future<Output = Result<Bytes, E>> + Send,
    E: std::fmt::Display,
{
    let until = tokio::time::Instant::now() + deadline;
    let (mut cid, mut total) = (*root, 0);
    for _ in 0..DEPTH_MAX {
        let bytes = if cid::inline(&cid).is_some() {
            // It carries its own bytes, which prove nothing and name nothing.
            Bytes::new()
        } else {
            match tokio::time::timeout_at(until, ask(cid)).await {
                Err(_) => return Outcome::Silent { cid },
                Ok(Err(error)) => return Outcome::Missing { cid, reason: error.to_string() },
                Ok(Ok(bytes)) => bytes,
            }
        };
        if cid::inline(&cid).is_none()
            && let Err(error) = cid::verify(&cid, &bytes)
        {
            return Outcome::Wrong { cid, reason: error.to_string() };
        }
        total += bytes.len() as u64;
        match next(&cid, bytes, rng) {
            Some(link) => cid = link,
            None => break,
        }
    }
    Outcome::Passed { leaf: cid, bytes: total }
}

/// A link of a node, chosen by the bytes below it.
fn next(cid: &Cid, bytes: Bytes, rng: &mut impl Rng) -> Option<Cid> {
    if cid.codec() != cid::DAG_PB {
        return None;
    }
    // What matches its CID and is no node is the publisher's fault, not the peer's.
    let node = pelago_dag::pb::decode(&bytes).ok()?;
    let weight = |size: Option<u64>| u128::from(size.unwrap_or(1).max(1));
    let total: u128 = node.links.iter().map(|link| weight(link.size)).sum();
    if total == 0 {
        return None;
    }
    let mut at = rng.random_range(0..total);
    for link in &node.links {
        let weight = weight(link.size);
        if at < weight {
            return Some(link.cid);
        }
        at -= weight;
    }
    None
}

/// How well a peer answers challenges: the rule of succession, `(passed + 1) / (passed + failed + 2)`, over
/// counts that halve with each half-life (Laplace, 1774). A peer of which nothing is known has 0.5.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    passed: f64,
    failed: f64,
    at_ms: u64,
    wrong: Option<Cid>,
}

impl Score {
    /// Counts a challenge.
    pub fn record(&mut self, outcome: &Outcome, now_ms: u64, half_life: Duration) {
        let kept = self.kept(now_ms, half_life);
        (self.passed, self.failed) = (self.passed * kept, self.failed * kept);
        self.at_ms = self.at_ms.max(now_ms);
        match outcome {
            Outcome::Passed { .. } => self.passed += 1.0,
            Outcome::Missing { .. } | Outcome::Silent { .. } => self.failed += 1.0,
            Outcome::Wrong { cid, .. } => self.wrong = Some(*cid),
        }
    }

    /// In 0..1; 0 for good once it gave a wrong block.
    #[must_use]
    pub fn value(&self, now_ms: u64, half_life: Duration) -> f64 {
        if self.wrong.is_some() {
            return 0.0;
        }
        let kept = self.kept(now_ms, half_life);
        (self.passed * kept + 1.0) / ((self.passed + self.failed) * kept + 2.0)
    }

    /// The wrong block that it gave.
    #[must_use]
    pub fn wrong(&self) -> Option<&Cid> {
        self.wrong.as_ref()
    }

    fn kept(&self, now_ms: u64, half_life: Duration) -> f64 {
        let passed = now_ms.saturating_sub(self.at_ms) as f64 / 1000.0;
        (-passed / half_life.as_secs_f64().max(1e-3)).exp2()
    }
}
