//! Which peers hold a root: weighted rendezvous hashing, with failure domains.
//!
//! Each peer gets the score `w / -ln(u)`, where `w` is its weight and `u` in
//! (0, 1) is made from a hash of root and peer; the highest win (Schindelhauer
//! and Schomaker, "Weighted distributed hash tables", SPAA 2005, the logarithmic
//! method; u's distribution makes each peer win in proportion to its weight).
//! Who computes it with the same list gets the same answer, and a peer that
//! goes moves its own share only.
//!
//! Domains (a machine, a rack, a house) come before scores: the best peer of
//! each domain is taken before the second of any.

use std::collections::{HashMap, HashSet};

use pelago_dag::Cid;
use sha2::{Digest, Sha256};

/// A peer that could hold a root.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its name, the same for everybody who places.
    pub id: String,
    /// What fails with it.
    pub domain: String,
    /// Bytes that it has left.
    pub free: u64,
    /// How well it answered challenges, in 0..=1; see [`super::Score`]. At 0 it gets nothing.
    pub score: f64,
}

/// What has to change so that the right peers hold a root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Peers that are to take it, the best first. Where one cannot, the next of `spare` is to.
    pub add: Vec<String>,
    /// Peers that could take it in place of one of `add`, the best first.
    pub spare: Vec<String>,
    /// Peers that are to let it go.
    pub remove: Vec<String>,
}

/// All peers that have room for `size` bytes, the best for this root first.
#[must_use]
pub fn rank<'a>(root: &Cid, size: u64, candidates: &'a [Candidate]) -> Vec<&'a Candidate> {
    let mut scored: Vec<(f64, &Candidate)> = candidates
        .iter()
        .filter(|c| c.free >= size && c.free > 0 && c.score > 0.0)
        .map(|c| (weight(c) / -uniform(root, &c.id).ln(), c))
        .collect();
    // Names are told apart where scores are not, so that the order is one for everybody.
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id)));
    let mut seen = HashSet::new();
    scored.retain(|(_, candidate)| seen.insert(&candidate.id));
    let mut taken: HashMap<&str, usize> = HashMap::new();
    let mut rounds: Vec<(usize, &Candidate)> = scored
        .into_iter()
        .map(|(_, candidate)| {
            let count = taken.entry(&candidate.domain).or_default();
            *count += 1;
            (*count, candidate)
        })
        .collect();
    // Stable: within a round the scores decide.
    rounds.sort_by_key(|(round, _)| *round);
    rounds.into_iter().map(|(_, candidate)| candidate).collect()
}

/// The peers that are to hold a root of `size` bytes.
#[must_use]
pub fn place<'a>(root: &Cid, size: u64, replicas: usize, candidates: &'a [Candidate]) -> Vec<&'a Candidate> {
    let mut ranked = rank(root, size, candidates);
    ranked.truncate(replicas);
    ranked
}

/// What to change where `holders` have the root already. They keep it as long as there are not too many,
/// even where others now rank higher: moving a model costs more than a little imbalance. Only peers among
/// the candidates count as holders, so one that is lost is replaced.
#[must_use]
pub fn plan(root: &Cid, size: u64, replicas: usize, candidates: &[Candidate], holders: &[String]) -> Plan {
    // A holder needs no room for what it has.
    let roomy: Vec<Candidate> = candidates
        .iter()
        .map(|c| {
            if holders.contains(&c.id) {
                Candidate { free: c.free.saturating_add(size).max(1), ..c.clone() }
            } else {
                c.clone()
            }
        })
        .collect();
    let ranked = rank(root, size, &roomy);
    let (held, mut others): (Vec<&Candidate>, Vec<&Candidate>) =
        ranked.into_iter().partition(|c| holders.contains(&c.id));
    let mut plan = Plan::default();
    if held.len() >= replicas {
        plan.remove = held[replicas..].iter().map(|c| c.id.clone()).collect();
        return plan;
    }
    // Domains without a replica first; within them the rank decides.
    let in_domain = |domain: &str| held.iter().filter(|h| h.domain == domain).count();
    let mut more: HashMap<&str, usize> = HashMap::new();
    let mut rounds: Vec<(usize, &Candidate)> = others
        .drain(..)
        .map(|c| {
            let count = more.entry(&c.domain).or_insert_with(|| in_domain(&c.domain));
            *count += 1;
            (*count, c)
        })
        .collect();
    rounds.sort_by_key(|(round, _)| *round);
    let mut names = rounds.into_iter().map(|(_, c)| c.id.clone());
    plan.add = names.by_ref().take(replicas - held.len()).collect();
    plan.spare = names.collect();
    plan
}

/// Free space counts in steps of √2, so that a little more or less of it moves nothing.
fn weight(candidate: &Candidate) -> f64 {
    let steps = (2.0 * (candidate.free as f64).log2()).floor();
    (steps / 2.0).exp2() * candidate.score.clamp(0.0, 1.0)
}

/// A number in (0, 1) of root and peer, from the first 53 bits of a hash.
pub(crate) fn uniform(root: &Cid, id: &str) -> f64 {
    let mut hasher = Sha256::new();
    hasher.update(root.to_bytes());
    hasher.update(id.as_bytes());
    let digest = hasher.finalize();
    let bits = digest.iter().take(8).fold(0u64, |bits, byte| bits << 8 | u64::from(*byte)) >> 11;
    (bits as f64 + 0.5) / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pelago_dag::cid;
    use proptest::prelude::*;

    use super::*;

    fn root(seed: u64) -> Cid {
        cid::of(cid::RAW, &seed.to_le_bytes())
    }

    fn peer(id: usize, domain: usize, free: u64) -> Candidate {
        Candidate { id: format!("peer-{id}"), domain: format!("domain-{domain}"), free, score: 1.0 }
    }

    fn ids(placed: &[&Candidate]) -> BTreeSet<String> {
        placed.iter().map(|c| c.id.clone()).collect()
    }

    fn peers() -> impl Strategy<Value = Vec<Candidate>> {
        proptest::collection::vec((0usize..6, 1u64..1 << 40), 1..24)
            .prop_map(|all| all.into_iter().enumerate().map(|(id, (domain, free))| peer(id, domain, free)).collect())
    }

    proptest! {
        #[test]
        fn a_lost_peer_moves_its_own_share_only(peers in peers(), seed: u64, replicas in 1usize..8, lost in any::<prop::sample::Index>()) {
            let root = root(seed);
            let before = ids(&place(&root, 1, replicas, &peers));
            let mut left = peers.clone();
            let lost = left.remove(lost.index(peers.len()));
            let after = ids(&place(&root, 1, replicas, &left));
            let gone: Vec<_> = before.difference(&after).collect();
            if before.contains(&lost.id) {
                prop_assert_eq!(gone, [&lost.id]);
                prop_assert!(after.difference(&before).count() <= 1);
            } else {
                prop_assert_eq!(before, after);
            }
        }

        #[test]
        fn no_domain_has_two_while_another_has_none(peers in peers(), seed: u64, replicas in 1usize..12) {
            let placed = place(&root(seed), 1, replicas, &peers);
            prop_assert_eq!(placed.len(), replicas.min(peers.len()));
            let domains: BTreeSet<_> = peers.iter().map(|p| &p.domain).collect();
            let used: BTreeSet<_> = placed.iter().map(|p| &p.domain).collect();
            prop_assert_eq!(used.len(), domains.len().min(placed.len()));
        }

        #[test]
        fn the_order_of_the_list_does_not_matter(peers in peers(), seed: u64) {
            let mut turned = peers.clone();
            turned.reverse();
            prop_assert_eq!(rank(&root(seed), 1, &peers), rank(&root(seed), 1, &turned));
        }

        #[test]
        fn a_plan_leads_to_the_number_and_then_rests(
            peers in peers(), seed: u64, replicas in 0usize..10, held in proptest::collection::vec(any::<prop::sample::Index>(), 0..10),
        ) {
            let root = root(seed);
            let holders: BTreeSet<String> = held.iter().map(|i| peers[i.index(peers.len())].id.clone()).collect();
            let holders: Vec<String> = holders.into_iter().collect();
            let first = plan(&root, 1, replicas, &peers, &holders);
            prop_assert!(first.add.is_empty() || first.remove.is_empty(), "nothing is moved for its own sake");
            let after: Vec<String> =
                holders.iter().filter(|h| !first.remove.contains(h)).chain(&first.add).cloned().collect();
            prop_assert_eq!(after.len(), replicas.min(peers.len()));
            let second = plan(&root, 1, replicas, &peers, &after);
            prop_assert!(second.add.is_empty() && second.remove.is_empty());
        }
    }

    #[test]
    fn shares_follow_weights() {
        // Weights 1, 2, 4 and 8, each in a domain of its own.
        let peers: Vec<Candidate> = (0..4).map(|i| peer(i, i, 1 << (20 + i))).collect();
        let mut wins = [0f64; 4];
        let rounds = 30_000;
        for seed in 0..rounds {
            let best = place(&root(seed), 1, 1, &peers)[0];
            wins[peers.iter().position(|p| p.id == best.id).unwrap()] += 1.0;
        }
        for (i, wins) in wins.iter().enumerate() {
            let share = f64::from(1 << i) / 15.0;
            // Four standard deviations of a binomial count.
            let slack = 4.0 * (share * (1.0 - share) / rounds as f64).sqrt();
            assert!((wins / rounds as f64 - share).abs() < slack, "{i}: {wins} of {rounds}, share {share}");
        }
    }

    #[test]
    fn who_has_no_room_or_no_trust_gets_nothing() {
        let mut peers = vec![peer(0, 0, 100), peer(1, 1, 99), peer(2, 2, 1000), peer(0, 3, 100)];
        peers[2].score = 0.0;
        assert_eq!(ids(&place(&root(1), 100, 5, &peers)), BTreeSet::from(["peer-0".to_owned()]));
        assert!(place(&root(1), 101, 5, &peers).is_empty());
    }
}
