//! Copies of a model elsewhere: ordered, looked at, taken back.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use pelago_content::Cid;

use super::{Network, NetworkError};
use pelago_content::replicate::{
    ClusterEngine, Credentials, KuboEngine, Ledger, Order, PeerEngine, PinningEngine, ReplicaEngine, ReplicaError,
    Replicas, Standing,
};

/// The longest wait for an answer. Kubo answers when it has all blocks.
const DEADLINE: Duration = Duration::from_secs(30);
const KUBO_DEADLINE: Duration = Duration::from_secs(3600);

/// Who holds replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReplicaKind {
    /// IPFS Cluster's REST API.
    Cluster,
    /// A pinning service (<https://ipfs.github.io/pinning-services-api-spec/>).
    Pinning,
    /// A Kubo daemon's RPC API.
    Kubo,
    /// Another Pelago that takes replicas.
    Peer,
}

impl ReplicaKind {
    /// Its words.
    pub const WORDS: [&str; 4] = ["cluster", "pinning", "kubo", "peer"];

    fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Pinning => "pinning",
            Self::Kubo => "kubo",
            Self::Peer => "peer",
        }
    }
}

/// Who is to hold replicas, as a user names it: `cluster=http://127.0.0.1:9094`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplicaAddress {
    /// What it is.
    pub kind: ReplicaKind,
    /// Its address, http or https.
    pub url: String,
}

impl fmt::Display for ReplicaAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.kind.as_str(), self.url)
    }
}

impl FromStr for ReplicaAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "write it as KIND=URL, e.g. cluster=http://127.0.0.1:9094";
        let (kind, url) = text.split_once('=').ok_or(expected)?;
        let kind = match kind {
            "cluster" => ReplicaKind::Cluster,
            "pinning" => ReplicaKind::Pinning,
            "kubo" => ReplicaKind::Kubo,
            "peer" => ReplicaKind::Peer,
            other => {
                let words = ReplicaKind::WORDS.join(", ");
                return Err(format!("{other:?} does not hold replicas: use one of {words}"));
            }
        };
        // All kinds take the same addresses. One that cannot be used is told when it is read.
        ClusterEngine::new(url, None, DEADLINE).map_err(|error| error.to_string())?;
        Ok(Self { kind, url: url.to_owned() })
    }
}

/// What a front end decides of replicas.
#[derive(Clone, Debug, Default)]
pub struct ReplicateOptions {
    /// Replicas at least; 0 stands for 1.
    pub min: u32,
    /// Replicas that are aimed at, and at most where they follow demand.
    pub max: u32,
    /// A name for people, which services show.
    pub name: String,
    /// What proves to a cluster, a pinning service or a daemon who asks.
    pub credentials: Option<Credentials>,
    /// The token that Pelagos share. Needed for peers.
    pub token: Option<String>,
    /// The gateway at which peers find this store's blocks, e.g. `http://192.168.1.4:8081/`. Needed to order
    /// from peers.
    pub gateway: Option<String>,
    /// Multiaddresses at which a pinning service may find the blocks.
    pub origins: Vec<String>,
    /// Whether the order stands: whoever serves this store with [`super::KeepOptions`] looks after it.
    pub standing: bool,
    /// Whether a standing order's number follows demand, between `min` and `max`.
    pub on_demand: bool,
}

impl Network {
    /// Has a model held elsewhere: by one cluster, service or daemon, or by several peers. Does not wait for
    /// the blocks, except with Kubo.
    ///
    /// # Errors
    ///
    /// `Order` where something is missing; `Replica`; `Store`, where the model is not whole here.
    pub async fn replicate(
        &self,
        root: Cid,
        to: &[ReplicaAddress],
        options: &ReplicateOptions,
    ) -> Result<Replicas, NetworkError> {
        let ledger = self.ledger().await?;
        let engine = engine(to, options, &ledger, true)?;
        let size = self.models.store().stat_dag(root).await?.bytes;
        let min = options.min.max(1);
        let order = Order { root, name: options.name.clone(), size, min, max: options.max.max(min) };
        // An order that stands begins with the least, and grows.
        let first = Order { max: if options.on_demand { min } else { order.max }, ..order.clone() };
        let replicas = engine.replicate(&first).await?;
        if options.standing || options.on_demand {
            ledger.put(&place(to), Standing { order, on_demand: options.on_demand }).await?;
        }
        Ok(replicas)
    }

    /// How far the replicas of a model are.
    ///
    /// # Errors
    ///
    /// As `replicate`.
    pub async fn replicas(
        &self,
        root: Cid,
        at: &[ReplicaAddress],
        options: &ReplicateOptions,
    ) -> Result<Replicas, NetworkError> {
        Ok(engine(at, options, &self.ledger().await?, false)?.status(&root).await?)
    }

    /// Has the replicas of a model let go, and takes back an order that stands.
    ///
    /// # Errors
    ///
    /// As `replicate`; `Replica` with `Remains` where some peers could not be told.
    pub async fn remove_replicas(
        &self,
        root: Cid,
        from: &[ReplicaAddress],
        options: &ReplicateOptions,
    ) -> Result<(), NetworkError> {
        let ledger = self.ledger().await?;
        let engine = engine(from, options, &ledger, false)?;
        // First, or it would be filled anew.
        ledger.remove(&place(from), root).await?;
        Ok(engine.remove(&root).await?)
    }

    /// The orders that stand, each with where it stands.
    ///
    /// # Errors
    ///
    /// `Store`.
    pub async fn standing(&self) -> Result<Vec<(String, Standing)>, NetworkError> {
        Ok(self.ledger().await?.standing().await?)
    }

    pub(super) async fn ledger(&self) -> Result<Ledger, NetworkError> {
        Ok(Ledger::open(self.models.store().clone()).await?)
    }
}

/// Where orders to these stand: the same whichever is named first.
pub(super) fn place(to: &[ReplicaAddress]) -> String {
    let mut all: Vec<String> = to.iter().map(|address| address.to_string().trim_end_matches('/').to_owned()).collect();
    all.sort();
    all.dedup();
    all.join(" ")
}

/// The engine that speaks to these; `orders` says whether it is to have replicas made.
pub(super) fn engine(
    to: &[ReplicaAddress],
    options: &ReplicateOptions,
    ledger: &Ledger,
    orders: bool,
) -> Result<Arc<dyn ReplicaEngine>, NetworkError> {
    let failed = |reason| NetworkError::Order { reason };
    let [first, others @ ..] = to else {
        return Err(failed("name who is to hold them: --to cluster=URL, pinning=URL, kubo=URL or peer=URL"));
    };
    if first.kind == ReplicaKind::Peer {
        if others.iter().any(|other| other.kind != ReplicaKind::Peer) {
            return Err(failed("peers and services are asked one kind at a time: use one command for each"));
        }
        let token = options.token.as_deref().ok_or_else(|| failed("peers need the token that all of them share"))?;
        let urls: Vec<String> = to.iter().map(|address| address.url.clone()).collect();
        // To look and to take back nobody has to pull.
        let gateway = options.gateway.as_deref().unwrap_or("http://127.0.0.1/");
        if options.gateway.is_none() && orders {
            return Err(failed("peers need the address of this store's gateway (pelago model serve) to pull from"));
        }
        return Ok(Arc::new(PeerEngine::new(&urls, gateway, token, ledger.trust(), DEADLINE)?));
    }
    if !others.is_empty() {
        return Err(failed("a cluster, a service and a daemon place replicas themselves: name one of them"));
    }
    let (url, credentials) = (&first.url, options.credentials.clone());
    Ok(match first.kind {
        ReplicaKind::Cluster => Arc::new(ClusterEngine::new(url, credentials, DEADLINE)?),
        ReplicaKind::Kubo => Arc::new(KuboEngine::new(url, credentials, KUBO_DEADLINE)?),
        ReplicaKind::Pinning | ReplicaKind::Peer => {
            let credentials = credentials.ok_or(NetworkError::Replica(ReplicaError::Credentials))?;
            Arc::new(PinningEngine::new(url, credentials, options.origins.clone(), DEADLINE)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_kind_and_a_url() {
        let good: ReplicaAddress = "pinning=https://example.org/psa".parse().unwrap();
        assert_eq!((good.kind, good.to_string().as_str()), (ReplicaKind::Pinning, "pinning=https://example.org/psa"));
        let refused = |text: &str| text.parse::<ReplicaAddress>().unwrap_err();
        assert!(refused("https://example.org").contains("KIND=URL"));
        assert!(refused("gateway=https://example.org").contains("cluster, pinning, kubo, peer"));
        assert!(refused("kubo=https://me:secret@example.org").contains("it has a user"));
        assert!(!refused("kubo=https://me:secret@example.org").contains("secret"));
    }

    #[test]
    fn the_place_of_an_order_does_not_depend_on_who_is_named_first() {
        let [a, b]: [ReplicaAddress; 2] = ["peer=http://a", "peer=http://b/"].map(|text| text.parse().unwrap());
        assert_eq!(place(&[a.clone(), b.clone()]), place(&[b, a.clone(), a]));
    }
}
