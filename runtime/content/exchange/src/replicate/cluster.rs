//! IPFS Cluster, by its REST API (<https://ipfscluster.io/documentation/reference/api/>).
//!
//! The cluster chooses its peers itself. Tried against a server that follows
//! the published API, not against a cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;
use pelago_dag::Cid;
use reqwest::Method;
use serde::Deserialize;

use super::rest::Rest;
use super::{Credentials, Order, Replica, ReplicaEngine, ReplicaError, ReplicaState, Replicas};

/// A cluster.
#[derive(Debug)]
pub struct ClusterEngine {
    rest: Rest,
}

impl ClusterEngine {
    /// A cluster's REST API, e.g. `http://127.0.0.1:9094`. `deadline` is for each request.
    ///
    /// # Errors
    ///
    /// `Address`, `Client`.
    pub fn new(address: &str, credentials: Option<Credentials>, deadline: Duration) -> Result<Self, ReplicaError> {
        Ok(Self { rest: Rest::new(address, credentials, deadline)? })
    }
}

/// The state of a pin on all peers.
#[derive(Deserialize)]
struct GlobalPinInfo {
    #[serde(default)]
    peer_map: BTreeMap<String, PinInfo>,
}

#[derive(Deserialize)]
struct PinInfo {
    #[serde(default)]
    peername: String,
    status: String,
    #[serde(default)]
    error: String,
}

impl ReplicaEngine for ClusterEngine {
    fn name(&self) -> &'static str {
        "cluster"
    }

    fn replicate<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Replicas, ReplicaError>> {
        Box::pin(async move {
            let (min, max) = (order.min.max(1).to_string(), order.max.max(order.min).max(1).to_string());
            let query = [("name", order.name.as_str()), ("replication-min", &min), ("replication-max", &max)];
            self.rest.ask(Method::POST, &["pins", &order.root.to_string()], &query, None).await?.ok()?;
            self.status(&order.root).await
        })
    }

    fn status<'a>(&'a self, root: &'a Cid) -> BoxFuture<'a, Result<Replicas, ReplicaError>> {
        Box::pin(async move {
            let answer = self.rest.ask(Method::GET, &["pins", &root.to_string()], &[], None).await?;
            if answer.status == 404 {
                return Ok(Replicas::default());
            }
            let info: GlobalPinInfo = answer.ok()?.json()?;
            Ok(Replicas { replicas: info.peer_map.into_iter().filter_map(|(id, info)| replica(id, info)).collect() })
        })
    }

    fn remove<'a>(&'a self, root: &'a Cid) -> BoxFuture<'a, Result<(), ReplicaError>> {
        Box::pin(async move {
            let answer = self.rest.ask(Method::DELETE, &["pins", &root.to_string()], &[], None).await?;
            if answer.status == 404 { Ok(()) } else { answer.ok().map(drop) }
        })
    }
}

/// A peer's replica. Peers that are not meant to have one are listed, too.
fn replica(id: String, info: PinInfo) -> Option<Replica> {
    let state = match &info.status[..] {
        "pinned" => ReplicaState::Held,
        "pinning" => ReplicaState::Pulling,
        "pin_queued" => ReplicaState::Queued,
        "pin_error" | "cluster_error" | "unexpectedly_unpinned" => ReplicaState::Failed,
        "unpinned" | "unpinning" | "unpin_queued" | "unpin_error" | "remote" => return None,
        other => ReplicaState::Unknown(other.to_owned()),
    };
    let holder = if info.peername.is_empty() { id } else { format!("{} ({id})", info.peername) };
    Some(Replica { holder, state, detail: Some(info.error).filter(|error| !error.is_empty()) })
}
