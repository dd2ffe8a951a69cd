//! A pinning service, by the vendor-neutral API
//! (<https://ipfs.github.io/pinning-services-api-spec/>, 1.0.0).
//!
//! To Pelago a service is one replica, however many copies it keeps.

use std::time::Duration;

use futures::future::BoxFuture;
use pelago_dag::Cid;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::rest::{Rest, is_cid};
use super::{Credentials, Order, Replica, ReplicaEngine, ReplicaError, ReplicaState, Replicas};

/// States in which a service may list a pin; without them it lists those alone that are pinned.
const ALL: &str = "queued,pinning,pinned,failed";
/// Pins of one listing: a service allows up to 1000, and one root seldom has two.
const LIMIT: &str = "1000";
/// The longest name that a service must accept, characters.
const NAME_MAX: usize = 255;
/// The most origins that a service must accept.
const ORIGINS_MAX: usize = 20;

/// A pinning service.
#[derive(Debug)]
pub struct PinningEngine {
    rest: Rest,
    origins: Vec<String>,
}

impl PinningEngine {
    /// A service's API, e.g. `https://service.example/psa`. `origins` are multiaddresses at which the service
    /// may find the blocks, at most 20; `deadline` is for each request.
    ///
    /// # Errors
    ///
    /// `Address`, `Client`.
    pub fn new(
        address: &str,
        credentials: Credentials,
        origins: Vec<String>,
        deadline: Duration,
    ) -> Result<Self, ReplicaError> {
        if origins.len() > ORIGINS_MAX {
            let reason = format!("{} origins were given, it takes up to {ORIGINS_MAX}", origins.len());
            return Err(ReplicaError::Address { address: address.to_owned(), reason });
        }
        Ok(Self { rest: Rest::new(address, Some(credentials), deadline)?, origins })
    }

    /// The service's pins of a root.
    async fn pins(&self, root: &Cid) -> Result<Vec<PinStatus>, ReplicaError> {
        let query = [("cid", &root.to_string()[..]), ("status", ALL), ("limit", LIMIT)];
        let answer = self.rest.ask(Method::GET, &["pins"], &query, None).await?.ok()?;
        let listed: PinResults = answer.json()?;
        // A service that ignores the query must not have others' pins removed by us.
        Ok(listed.results.into_iter().filter(|pin| is_cid(&pin.pin.cid, root)).collect())
    }

    fn replica(&self, pin: &PinStatus) -> Replica {
        let state = match &pin.status[..] {
            "queued" => ReplicaState::Queued,
            "pinning" => ReplicaState::Pulling,
            "pinned" => ReplicaState::Held,
            "failed" => ReplicaState::Failed,
            other => ReplicaState::Unknown(other.to_owned()),
        };
        let detail = pin.info.get("status_details").and_then(Value::as_str).map(str::to_owned);
        Replica { holder: self.rest.address().to_owned(), state, detail }
    }
}

#[derive(Deserialize)]
struct PinResults {
    results: Vec<PinStatus>,
}

#[derive(Deserialize)]
struct PinStatus {
    requestid: String,
    status: String,
    pin: Pin,
    #[serde(default)]
    info: Map<String, Value>,
}

#[derive(Deserialize)]
struct Pin {
    cid: String,
}

impl ReplicaEngine for PinningEngine {
    fn name(&self) -> &'static str {
        "pinning-service"
    }

    fn replicate<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Replicas, ReplicaError>> {
        Box::pin(async move {
            let pins = self.pins(&order.root).await?;
            let live = pins.iter().find(|pin| pin.status != "failed");
            let pin = match (live, pins.first()) {
                (Some(live), _) => self.replica(live),
                (None, failed) => {
                    let name: String = order.name.chars().take(NAME_MAX).collect();
                    let body = json!({ "cid": order.root.to_string(), "name": name, "origins": self.origins });
                    // One that failed is replaced, so that the service does not collect them.
                    let path: Vec<&str> = ["pins"].into_iter().chain(failed.map(|pin| &pin.requestid[..])).collect();
                    let answer = self.rest.ask(Method::POST, &path, &[], Some(&body)).await?.ok()?;
                    self.replica(&answer.json::<PinStatus>()?)
                }
            };
            Ok(Replicas { replicas: vec![pin] })
        })
    }

    fn status<'a>(&'a self, root: &'a Cid) -> BoxFuture<'a, Result<Replicas, ReplicaError>> {
        Box::pin(async move {
            let pins = self.pins(root).await?;
            // Several pins of one root at one service are still one replica: the one that is furthest.
            let best = pins.iter().min_by_key(|pin| match &pin.status[..] {
                "pinned" => 0,
                "pinning" => 1,
                "queued" => 2,
                _ => 3,
            });
            Ok(Replicas { replicas: best.map(|pin| self.replica(pin)).into_iter().collect() })
        })
    }

    fn remove<'a>(&'a self, root: &'a Cid) -> BoxFuture<'a, Result<(), ReplicaError>> {
        Box::pin(async move {
            for pin in self.pins(root).await? {
                let answer = self.rest.ask(Method::DELETE, &["pins", &pin.requestid], &[], None).await?;
                if answer.status != 404 {
                    answer.ok()?;
                }
            }
            Ok(())
        })
    }
}
