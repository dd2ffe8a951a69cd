//! js-ipfs, which has Kubo's RPC API: Pelago fetches from it, and has it pin.

use std::sync::Arc;
use std::time::Duration;

use pelago_exchange::replicate::{KuboEngine, ReplicaEngine, ReplicaError};
use pelago_exchange::retrieve::{CarUse, HttpOptions, Kind, KuboProvider, Provider, ProviderError, Source};

use super::{DEADLINE, Peer, absent, fetched, order, shown};

#[tokio::test]
#[ignore = "needs the peers that scripts/peers.sh installs: set PELAGO_TEST_PEERS"]
async fn pelago_fetches_over_the_rpc_api() {
    let home = tempfile::tempdir().unwrap();
    let peer = Peer::with_content("js-ipfs.js", home.path());
    for (car, with_car) in [(CarUse::Never, false), (CarUse::Always, true)] {
        let kubo = KuboProvider::new(&peer.url, true, &HttpOptions::default()).unwrap();
        let fetched = fetched(&peer, Source::new(Arc::new(kubo)), car).await;
        assert_eq!((fetched.main_kind(), fetched.car_bytes > 0), (Some(Kind::Kubo), with_car));
    }
    let kubo = KuboProvider::new(&peer.url, true, &HttpOptions::default()).unwrap();
    assert!(kubo.has(&peer.root()).await.unwrap());
    assert!(!kubo.has(&absent(1)).await.unwrap());
    let lacks = kubo.fetch_block(&absent(1), &Default::default()).await;
    assert!(matches!(lacks, Err(ProviderError::Lacks)), "{lacks:?}");
}

#[tokio::test]
#[ignore = "needs the peers that scripts/peers.sh installs: set PELAGO_TEST_PEERS"]
async fn it_pins() {
    let home = tempfile::tempdir().unwrap();
    let peer = Peer::with_content("js-ipfs.js", home.path());
    let (engine, root) = (KuboEngine::new(&peer.url, None, DEADLINE).unwrap(), peer.root());
    engine.remove(&root).await.unwrap();
    assert_eq!(engine.status(&root).await.unwrap().replicas, []);
    let replicas = engine.replicate(&order(root)).await.unwrap();
    assert_eq!(shown(&replicas), "Held -");
    assert_eq!(engine.status(&root).await.unwrap(), replicas);
    // Said again it is no error.
    engine.replicate(&order(root)).await.unwrap();
    engine.remove(&root).await.unwrap();
    assert_eq!(engine.status(&root).await.unwrap().replicas, []);
    engine.remove(&root).await.unwrap();
}

#[tokio::test]
#[ignore = "needs the peers that scripts/peers.sh installs: set PELAGO_TEST_PEERS"]
async fn what_it_cannot_find_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let peer = Peer::with_content("js-ipfs.js", home.path());
    let engine = KuboEngine::new(&peer.url, None, Duration::from_secs(5)).unwrap();
    let error = engine.replicate(&order(absent(1))).await.unwrap_err();
    assert!(matches!(error, ReplicaError::Unavailable { .. } | ReplicaError::Silent { .. }), "{error}");
    assert_eq!(engine.status(&absent(1)).await.unwrap().replicas, []);
}
