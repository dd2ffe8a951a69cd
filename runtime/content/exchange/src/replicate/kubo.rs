//! A Kubo daemon, by the pin commands of its RPC API
//! (<https://docs.ipfs.tech/reference/kubo/rpc/>). Tried against js-ipfs, which
//! speaks the same, and not against Kubo itself.
//!
//! A daemon is one replica. It answers when it has all blocks, so `replicate`
//! waits for that up to the deadline; pinning ends if nobody waits.

use std::time::Duration;

use futures::future::BoxFuture;
use pelago_dag::Cid;
use reqwest::Method;
use serde_json::Value;

use super::rest::{Answer, Rest, is_cid};
use super::{Credentials, Order, Replica, ReplicaEngine, ReplicaError, ReplicaState, Replicas};

/// A Kubo daemon.
#[derive(Debug)]
pub struct KuboEngine {
    rest: Rest,
}

impl KuboEngine {
    /// A daemon's RPC API, e.g. `http://127.0.0.1:5001`. `deadline` is for each request, and so for all
    /// blocks of a root to reach the daemon.
    ///
    /// # Errors
    ///
    /// `Address`, `Client`.
    pub fn new(address: &str, credentials: Option<Credentials>, deadline: Duration) -> Result<Self, ReplicaError> {
        Ok(Self { rest: Rest::new(address, credentials, deadline)? })
    }

    async fn ask(&self, command: &str, query: &[(&str, &str)]) -> Result<Answer, ReplicaError> {
        self.rest.ask(Method::POST, &["api", "v0", "pin", command], query, None).await
    }

    fn held(&self) -> Replicas {
        let holder = self.rest.address().to_owned();
        Replicas { replicas: vec![Replica { holder, state: ReplicaState::Held, detail: None }] }
    }
}

/// Kubo answers 500 for whatever went wrong, and says in words what it was.
fn is_not_pinned(answer: &Answer) -> bool {
    answer.status == 500 && answer.message().contains("not pinned")
}

impl ReplicaEngine for KuboEngine {
    fn name(&self) -> &'static str {
        "kubo"
    }

    fn replicate<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Replicas, ReplicaError>> {
        Box::pin(async move {
            let root = order.root.to_string();
            let query = [("arg", &root[..]), ("recursive", "true"), ("name", &order.name[..])];
            let answer = self.ask("add", &query).await?.ok()?;
            let said: Value = answer.json()?;
            let is_it = |pin: &Value| pin.as_str().is_some_and(|pin| is_cid(pin, &order.root));
            if said["Pins"].as_array().is_some_and(|pins| pins.iter().any(is_it)) {
                return Ok(self.held());
            }
            Err(answer.unexpected(format!("its pins are {}, {root} was expected", said["Pins"])))
        })
    }

    fn status<'a>(&'a self, root: &'a Cid) -> BoxFuture<'a, Result<Replicas, ReplicaError>> {
        Box::pin(async move {
            let answer = self.ask("ls", &[("arg", &root.to_string()), ("type", "recursive")]).await?;
            if is_not_pinned(&answer) {
                return Ok(Replicas::default());
            }
            let said: Value = answer.ok()?.json()?;
            let held = said["Keys"].as_object().is_some_and(|keys| keys.keys().any(|key| is_cid(key, root)));
            Ok(if held { self.held() } else { Replicas::default() })
        })
    }

    fn remove<'a>(&'a self, root: &'a Cid) -> BoxFuture<'a, Result<(), ReplicaError>> {
        Box::pin(async move {
            let answer = self.ask("rm", &[("arg", &root.to_string()), ("recursive", "true")]).await?;
            if is_not_pinned(&answer) { Ok(()) } else { answer.ok().map(drop) }
        })
    }
}
