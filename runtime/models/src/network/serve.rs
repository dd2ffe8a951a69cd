//! Serving what the store has: the gateway, and beside it, where that is
//! wanted, replicas for others, orders of one's own, and an announcement.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::replicas::{engine, place};
use super::{Network, NetworkError, ReplicaAddress, ReplicateOptions};
use pelago_content::replicate::{CountedBlocks, Keeper, KeeperOptions, ServerOptions, StoreHost, router};
use pelago_content::retrieve::{Announcement, Discovery, Extent, HttpOptions};
use pelago_content::{Blocks, Gateway, GatewayOptions};

/// Between two looks at which orders there are to count requests for.
const RELOAD: Duration = Duration::from_secs(30);

/// How the store is served.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    /// The gateway.
    pub gateway: GatewayOptions,
    /// Whether replicas are held for others, and for whom.
    pub replicas: Option<HoldOptions>,
    /// Which orders of this store are looked after.
    pub keep: Option<KeepOptions>,
    /// Where the gateway is announced by multicast DNS.
    pub announce: Option<Extent>,
}

impl From<GatewayOptions> for ServeOptions {
    fn from(gateway: GatewayOptions) -> Self {
        Self { gateway, ..Self::default() }
    }
}

/// Replicas for others.
#[derive(Clone)]
pub struct HoldOptions {
    /// The token that Pelagos share, 16 characters at least.
    pub token: String,
    /// Who this is, and whom it serves.
    pub server: ServerOptions,
}

impl std::fmt::Debug for HoldOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HoldOptions").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Orders that are looked after while this serves: those that stand with just these.
#[derive(Clone, Debug)]
pub struct KeepOptions {
    /// Who holds the replicas.
    pub at: Vec<ReplicaAddress>,
    /// Credentials, token and gateway, as they were ordered with.
    pub options: ReplicateOptions,
    /// How often, and what demand is worth.
    pub keeper: KeeperOptions,
}

/// A store that is being served. Dropping it cuts connections; [`Serving::close`] lets answers end first.
#[derive(Debug)]
pub struct Serving {
    gateway: Gateway,
    discovery: Option<Discovery>,
    /// Dropped, they end what runs beside the gateway.
    stops: Vec<oneshot::Sender<()>>,
}

impl Serving {
    /// Where the gateway listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.gateway.addr()
    }

    /// Says good-bye, takes no more requests, and waits for the answers that are being sent.
    ///
    /// # Errors
    ///
    /// `Serve` where some were not through in this time.
    pub async fn close(self, within: Duration) -> Result<(), NetworkError> {
        drop(self.stops);
        if let Some(discovery) = self.discovery
            && let Err(error) = discovery.close().await
        {
            tracing::debug!(%error, "no good-bye was said");
        }
        Ok(self.gateway.close(within).await?)
    }
}

impl Network {
    /// Serves what the store has, to whoever can reach the address. Nothing is fetched for others, but
    /// replicas, for who has the token.
    ///
    /// # Errors
    ///
    /// `Serve` where the address cannot be listened on, or is not loopback and that was not allowed; `Replica`
    /// for a token that is too short; `Order` for orders that cannot be looked after; `Unreachable`, `Source`
    /// where the gateway cannot be announced; `Store`.
    pub async fn serve(&self, options: impl Into<ServeOptions>) -> Result<Serving, NetworkError> {
        let ServeOptions { gateway, replicas, keep, announce } = options.into();
        if announce == Some(Extent::Network) && gateway.listen.ip().is_loopback() {
            return Err(NetworkError::Unreachable { listen: gateway.listen });
        }
        let store = self.models.store().clone();
        let routes = match replicas {
            Some(HoldOptions { token, server }) => {
                let host = StoreHost::open(store.clone(), self.download.clone())?;
                Some(router(Arc::new(host), &token, server)?)
            }
            None => None,
        };
        let mut stops = Vec::new();
        let blocks: Arc<dyn Blocks> = match keep {
            Some(keep) => self.keep(keep, &mut stops).await?,
            None => Arc::new(store),
        };
        let gateway = Gateway::start_with(blocks, gateway, routes).await?;
        let discovery = announce.map(|extent| {
            let own = Announcement { node: node(), port: gateway.addr().port() };
            Discovery::start(own, extent, HttpOptions::default()).map_err(|source| NetworkError::Source { source })
        });
        Ok(Serving { gateway, discovery: discovery.transpose()?, stops })
    }

    /// Looks after orders, and counts who asks for what they are of.
    async fn keep(
        &self,
        keep: KeepOptions,
        stops: &mut Vec<oneshot::Sender<()>>,
    ) -> Result<Arc<CountedBlocks>, NetworkError> {
        let ledger = self.ledger().await?;
        let engine = engine(&keep.at, &keep.options, &ledger, true)?;
        let blocks = CountedBlocks::new(self.models.store().clone(), ledger.clone(), keep.keeper.demand);
        blocks.reload().await?;
        let blocks = Arc::new(blocks);
        let keeper = Keeper::new(engine, &place(&keep.at), ledger, keep.keeper);
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(keeper.run(async move {
            // That nobody can send any more is the sign.
            let _ = stopped.await;
        }));
        stops.push(stop);
        let (stop, mut stopped) = oneshot::channel::<()>();
        let counted = Arc::clone(&blocks);
        tokio::spawn(async move {
            while tokio::time::timeout(RELOAD, &mut stopped).await.is_err() {
                if let Err(error) = counted.reload().await {
                    tracing::warn!(%error, "orders of replicas could not be read");
                }
            }
        });
        stops.push(stop);
        Ok(blocks)
    }
}

/// A name that no other node has: the random end of a UUID.
fn node() -> String {
    let id = uuid::Uuid::now_v7().simple().to_string();
    format!("pelago-{}", &id[id.len() - 16..])
}
