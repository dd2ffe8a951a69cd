//! Sees that orders stay filled: as many replicas as demand is worth, each
//! challenged now and then, and new ones for those that are lost.

use std::sync::Arc;
use std::time::Duration;

use pelago_dag::Cid;
use pelago_store::StoreError;

use super::ledger::now_ms;
use super::{DemandOptions, Ledger, Order, Outcome, ReplicaEngine, ReplicaError, Replicas, Standing};

/// How replicas are kept.
#[derive(Clone, Copy, Debug)]
pub struct KeeperOptions {
    /// Between two looks at all orders.
    pub interval: Duration,
    /// The longest time for one challenge.
    pub challenge: Duration,
    /// What demand is worth. An order's own bounds count before those here.
    pub demand: DemandOptions,
}

impl Default for KeeperOptions {
    /// A look every 10 minutes, 30 s for a challenge.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(600),
            challenge: Duration::from_secs(30),
            demand: DemandOptions::default(),
        }
    }
}

/// What one look at one order found and did.
#[derive(Debug)]
pub struct Looked {
    /// The root.
    pub root: Cid,
    /// Replicas that demand is worth now.
    pub wanted: u32,
    /// How each holder answered its challenge.
    pub challenged: Vec<(String, Outcome)>,
    /// Holders that were told to let go what they have lost, so that they or others take it anew.
    pub lost: Vec<String>,
    /// The replicas after that.
    pub replicas: Replicas,
}

/// Why an order could not be looked after. The next look tries again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// The engine.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks after the orders of one engine.
#[derive(Clone)]
pub struct Keeper {
    engine: Arc<dyn ReplicaEngine>,
    place: String,
    ledger: Ledger,
    options: KeeperOptions,
}

impl Keeper {
    /// For the orders that stand at a place, by the engine that fills them.
    #[must_use]
    pub fn new(engine: Arc<dyn ReplicaEngine>, place: &str, ledger: Ledger, options: KeeperOptions) -> Self {
        Self { engine, place: place.to_owned(), ledger, options }
    }

    /// Looks after one order once.
    ///
    /// # Errors
    ///
    /// `Replica`, `Store`.
    pub async fn look(&self, standing: &Standing) -> Result<Looked, KeepError> {
        let Order { root, min, max, .. } = standing.order;
        let challenged = self.engine.challenge(&root, self.options.challenge).await;
        let mut lost = Vec::new();
        for (holder, outcome) in &challenged {
            self.ledger.challenged(holder, outcome, now_ms()).await?;
            // Silence may be the line's fault: who is silent loses trust, not the replica.
            if matches!(outcome, Outcome::Missing { .. } | Outcome::Wrong { .. }) {
                tracing::warn!(%root, holder, ?outcome, "a replica is lost");
                self.engine.release(&root, holder).await?;
                lost.push(holder.clone());
            }
        }
        let now = self.engine.status(&root).await?;
        let wanted = if standing.on_demand {
            let demand = self.ledger.demand(root).await?;
            let options = DemandOptions { min, max: max.max(min), ..self.options.demand };
            demand.wanted(now_ms(), now.expected(), &options)
        } else {
            max.max(min)
        };
        let replicas = if now.expected() == wanted {
            now
        } else {
            let order = Order { min: min.min(wanted), max: wanted, ..standing.order.clone() };
            self.engine.replicate(&order).await?
        };
        Ok(Looked { root, wanted, challenged, lost, replicas })
    }

    /// Looks after all orders once. What fails is told and left to the next look.
    ///
    /// # Errors
    ///
    /// `Store` where the ledger cannot be read.
    pub async fn round(&self) -> Result<Vec<Result<Looked, KeepError>>, KeepError> {
        let mut looked = Vec::new();
        for (place, standing) in self.ledger.standing().await? {
            if place == self.place {
                looked.push(self.look(&standing).await);
            }
        }
        Ok(looked)
    }

    /// Looks after all orders again and again, until it is told to stop; never in the middle of an order.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let mut stop = std::pin::pin!(stop);
        loop {
            match self.round().await {
                Ok(looked) => {
                    for error in looked.into_iter().filter_map(Result::err) {
                        tracing::warn!(%error, place = self.place, "an order could not be looked after");
                    }
                }
                Err(error) => tracing::warn!(%error, "orders of replicas could not be read"),
            }
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(self.options.interval) => {}
            }
        }
    }
}
