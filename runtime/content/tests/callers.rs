//! The facade as its callers use it: every path, and the errors that they match.

use std::sync::Arc;

use pelago_content::car::{self, Exported, Imported};
use pelago_content::ipns::{self, Address, NameError, NameSource, NameSourceKind, ResolveError, ResolveOptions};
use pelago_content::origin::{self, FetchProgress, Origin, OriginError, OriginOptions, Selection, Staged, Token};
use pelago_content::replicate::{
    self, ClusterEngine, CountedBlocks, Credentials, Keeper, KeeperOptions, KuboEngine, Ledger, Order, PeerEngine,
    PinningEngine, ReplicaEngine, ReplicaError, Replicas, ServerOptions, Standing, StoreHost,
};
use pelago_content::retrieve::{
    self, Announcement, Bandwidth, Discovery, Extent, FetchError, Fetched, HttpOptions, HttpProvider, KuboProvider,
    Options, Progress, Provider, ProviderError, Reach, Request, Routing, Source, SourceReport, Sources,
};
use pelago_content::{
    AddOptions, AddProgress, Added, Blocks, CarError, CarLimits, CarReader, Cid, DagStat, Entry, Gateway, GatewayError,
    GatewayOptions, Ingest, Kind, MemoryBlocks, Profile, Scope, Stamp, Store, StoreError, StoreOptions, TierCounter,
    Walk, WalkOptions, of_gateway, parse_address,
};

/// An error as callers have it: it is made of the store's, and of those of CAR files and fetches.
#[derive(Debug)]
enum Failure {
    Store(StoreError),
    Car,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CarError> for Failure {
    fn from(_: CarError) -> Self {
        Self::Car
    }
}

async fn follow(root: Cid, path: &str) -> Result<Option<Cid>, Failure> {
    let blocks: Arc<dyn Blocks> = Arc::new(MemoryBlocks::default());
    let walk = Walk::open(blocks, root, path, WalkOptions { scope: Scope::Block, dups: false }).await?;
    Ok(walk.roots().last().copied())
}

#[tokio::test]
async fn what_is_not_here_is_named_by_the_stores_own_error() -> Result<(), Failure> {
    let (root, path) = parse_address("ipfs://bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e")?;
    assert!(matches!(follow(root, &path).await, Err(Failure::Store(StoreError::MissingBlock { .. }))));
    assert!(matches!(parse_address("nonsense"), Err(StoreError::Address { .. })));
    let dir = tempfile::tempdir().map_err(|_| Failure::Car)?;
    let store = Store::open(dir.path())?;
    assert!(matches!(store.stat_dag(root).await, Err(StoreError::UnknownRoot { .. })));
    let exported = car::export(Arc::new(store.clone()), root, Vec::new()).await;
    let Err(error) = exported else { panic!("it is not here") };
    assert_eq!(error.to_string(), format!("block {root} is not in this store: add the content it belongs to"));
    // A block that is refused says so through every crate.
    let ingest = store.ingest(root).await?;
    let put = ingest.put(root, bytes::Bytes::from_static(b"another")).await;
    assert!(matches!(put.map_err(StoreError::from), Err(StoreError::Block(_))));
    Ok(())
}

#[test]
fn every_path_of_the_callers_leads_to_something() {
    fn is<T: ?Sized>() {}
    is::<(Exported, Imported, CarError, CarLimits, CarReader<&[u8]>)>();
    is::<(Address, NameError, NameSource, NameSourceKind, ResolveError, ResolveOptions, ipns::Resolved)>();
    is::<(origin::Address, FetchProgress, Origin, OriginError, OriginOptions, Selection, Staged, Token)>();
    is::<(ClusterEngine, CountedBlocks, Credentials, Keeper, KeeperOptions, KuboEngine, Ledger, Order, PeerEngine)>();
    is::<(PinningEngine, ReplicaError, Replicas, ServerOptions, Standing, StoreHost)>();
    is::<dyn ReplicaEngine>();
    is::<(Announcement, Bandwidth, Discovery, Extent, FetchError, Fetched, HttpOptions, HttpProvider)>();
    is::<(KuboProvider, retrieve::Kind, Options, Progress, ProviderError, Reach, Request, Routing)>();
    is::<(retrieve::Scope, Source, SourceReport, Sources)>();
    is::<dyn Provider>();
    is::<(AddOptions, AddProgress, Added, DagStat, Entry, Gateway, GatewayError, GatewayOptions, Ingest, Kind)>();
    is::<(Profile, Stamp, StoreOptions, TierCounter)>();
    let _ = (of_gateway, replicate::router);
}
