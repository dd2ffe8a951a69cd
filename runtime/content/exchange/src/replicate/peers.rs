//! Other Pelagos, each of which pulls from this one: see `server` for what is said.

use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use pelago_dag::Cid;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::json;

use super::placement::plan;
use super::rest::{Rest, parse};
use super::server::{PeerInfo, PeerState, PullRequest};
use super::{
    Candidate, Credentials, Order, Outcome, Replica, ReplicaEngine, ReplicaError, ReplicaState, Replicas, challenge,
};
use crate::retrieve::{HttpOptions, HttpProvider, Meter, Provider as _, Reach};

/// How well a peer answered challenges, in 0..=1, by its name; see [`super::Score`].
pub type Trust = Box<dyn Fn(&str) -> f64 + Send + Sync>;

/// Peers that hold replicas for this one.
pub struct PeerEngine {
    peers: Vec<Rest>,
    gateway: String,
    trust: Trust,
}

impl std::fmt::Debug for PeerEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerEngine").field("peers", &self.peers).field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

/// A peer that answered.
struct Peer<'a> {
    rest: &'a Rest,
    info: PeerInfo,
    /// How the root stands there; none where it is unknown.
    replica: Option<Replica>,
}

impl PeerEngine {
    /// Peers by address, e.g. `http://10.0.0.8:8082`; the gateway at which they find this one's blocks; the
    /// token that all share; and how far each is trusted. `deadline` is for each request.
    ///
    /// # Errors
    ///
    /// `Address`, `Credentials`, `Client`.
    pub fn new(
        peers: &[String],
        gateway: &str,
        token: &str,
        trust: Trust,
        deadline: Duration,
    ) -> Result<Self, ReplicaError> {
        let credentials = Credentials::bearer(token)?;
        let peers = peers.iter().map(|peer| Rest::new(peer, Some(credentials.clone()), deadline));
        Ok(Self { peers: peers.collect::<Result<_, _>>()?, gateway: parse(gateway)?.to_string(), trust })
    }

    /// All peers that answer, once each.
    ///
    /// # Errors
    ///
    /// What the first one said, where none does.
    async fn ask_all(&self, root: &Cid) -> Result<Vec<Peer<'_>>, ReplicaError> {
        let (mut peers, mut first) = (Vec::new(), None);
        for found in join_all(self.peers.iter().map(|rest| ask(rest, root))).await {
            match found {
                Ok(peer) => peers.push(peer),
                Err(error) => {
                    tracing::warn!(%error, "a peer is left out");
                    first = first.or(Some(error));
                }
            }
        }
        if let Some(error) = first.filter(|_| peers.is_empty()) {
            return Err(error);
        }
        // One peer by two addresses would count as two replicas.
        peers.sort_by(|a, b| a.info.id.cmp(&b.info.id));
        peers.dedup_by(|a, b| a.info.id == b.info.id);
        Ok(peers)
    }

    async fn pull(&self, peer: &Peer<'_>, order: &Order) -> Result<Replica, ReplicaError> {
        let asked = PullRequest { from: self.gateway.clone(), size: order.size };
        let path = ["pelago", "v1", "replicas", &order.root.to_string()];
        let answer = peer.rest.ask(Method::POST, &path, &[], Some(&json!(asked))).await?.ok()?;
        Ok(replica(&peer.info.id, answer.json()?))
    }
}

async fn ask<'a>(rest: &'a Rest, root: &Cid) -> Result<Peer<'a>, ReplicaError> {
    let info: PeerInfo = rest.ask(Method::GET, &["pelago", "v1", "replicas"], &[], None).await?.ok()?.json()?;
    let answer = rest.ask(Method::GET, &["pelago", "v1", "replicas", &root.to_string()], &[], None).await?;
    let replica = if answer.status == 404 { None } else { Some(replica(&info.id, answer.ok()?.json()?)) };
    Ok(Peer { rest, info, replica })
}

async fn release(rest: &Rest, root: &Cid) -> Result<(), ReplicaError> {
    let path = ["pelago", "v1", "replicas", &root.to_string()];
    let answer = rest.ask(Method::DELETE, &path, &[], None).await?;
    if answer.status == 404 { Ok(()) } else { answer.ok().map(drop) }
}

fn replica(holder: &str, said: PeerState) -> Replica {
    let state = match &said.state[..] {
        "queued" => ReplicaState::Queued,
        "pulling" => ReplicaState::Pulling,
        "held" => ReplicaState::Held,
        "failed" => ReplicaState::Failed,
        other => ReplicaState::Unknown(other.to_owned()),
    };
    Replica { holder: holder.to_owned(), state, detail: said.detail }
}

impl ReplicaEngine for PeerEngine {
    fn name(&self) -> &'static str {
        "peers"
    }

    fn replicate<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Replicas, ReplicaError>> {
        Box::pin(async move {
            let peers = self.ask_all(&order.root).await?;
            let candidates: Vec<Candidate> = peers
                .iter()
                .map(|Peer { info: PeerInfo { id, domain, free }, .. }| Candidate {
                    id: id.clone(),
                    domain: domain.clone(),
                    free: *free,
                    score: (self.trust)(id),
                })
                .collect();
            let live =
                |r: &Replica| matches!(r.state, ReplicaState::Held | ReplicaState::Pulling | ReplicaState::Queued);
            let holders: Vec<String> =
                peers.iter().filter(|p| p.replica.as_ref().is_some_and(live)).map(|p| p.info.id.clone()).collect();
            let wanted = order.max.max(order.min) as usize;
            let plan = plan(&order.root, order.size, wanted, &candidates, &holders);

            let find = |id: &String| peers.iter().find(|peer| peer.info.id == *id);
            let stay = |replica: &&Replica| live(replica) && !plan.remove.contains(&replica.holder);
            let mut replicas: Vec<Replica> =
                peers.iter().filter_map(|peer| peer.replica.as_ref()).filter(stay).cloned().collect();
            let mut missing = plan.add.len();
            // Where one cannot take it, the next one is asked.
            for peer in plan.add.iter().chain(&plan.spare).filter_map(find) {
                if missing == 0 {
                    break;
                }
                match self.pull(peer, order).await {
                    Ok(replica) => {
                        replicas.push(replica);
                        missing -= 1;
                    }
                    Err(error) => tracing::warn!(peer = peer.info.id, %error, "a peer does not take a replica"),
                }
            }
            for peer in plan.remove.iter().filter_map(find) {
                if let Err(error) = release(peer.rest, &order.root).await {
                    tracing::warn!(peer = peer.info.id, %error, "a peer keeps a replica that is not wanted");
                    replicas.extend(peer.replica.clone());
                }
            }
            replicas.sort_by(|a, b| a.holder.cmp(&b.holder));
            Ok(Replicas { replicas })
        })
    }

    fn status<'a>(&'a self, root: &'a Cid) -> BoxFuture<'a, Result<Replicas, ReplicaError>> {
        Box::pin(async move {
            let peers = self.ask_all(root).await?;
            Ok(Replicas { replicas: peers.into_iter().filter_map(|peer| peer.replica).collect() })
        })
    }

    fn remove<'a>(&'a self, root: &'a Cid) -> BoxFuture<'a, Result<(), ReplicaError>> {
        Box::pin(async move {
            let asked = self.peers.iter().map(|rest| async move {
                release(rest, root).await.err().map(|error| format!("{} ({error})", rest.address()))
            });
            let peers: Vec<String> = join_all(asked).await.into_iter().flatten().collect();
            if peers.is_empty() { Ok(()) } else { Err(ReplicaError::Remains { root: Box::new(*root), peers }) }
        })
    }

    /// Peers serve what they hold beside what is asked here, under `ipfs/` of the same address.
    fn challenge<'a>(&'a self, root: &'a Cid, deadline: Duration) -> BoxFuture<'a, Vec<(String, Outcome)>> {
        Box::pin(async move {
            // Who cannot be asked is not challenged.
            let peers = self.ask_all(root).await.unwrap_or_default();
            let held = |peer: &&Peer<'_>| peer.replica.as_ref().is_some_and(|r| r.state == ReplicaState::Held);
            let asked = peers.iter().filter(held).map(|peer| async move {
                let found = HttpProvider::peer(peer.rest.address(), Reach::Named, &HttpOptions::default());
                let Ok(provider) = found.inspect_err(|error| tracing::warn!(%error, "a peer is not challenged")) else {
                    return None;
                };
                let provider = &provider;
                let ask = |cid: Cid| async move { provider.fetch_block(&cid, &Meter::default()).await };
                let outcome = challenge(root, deadline, &mut StdRng::from_os_rng(), ask).await;
                Some((peer.info.id.clone(), outcome))
            });
            join_all(asked).await.into_iter().flatten().collect()
        })
    }

    fn release<'a>(&'a self, root: &'a Cid, holder: &'a str) -> BoxFuture<'a, Result<(), ReplicaError>> {
        Box::pin(async move {
            let peers = self.ask_all(root).await?;
            match peers.iter().find(|peer| peer.info.id == holder) {
                Some(peer) => release(peer.rest, root).await,
                None => Ok(()),
            }
        })
    }
}
