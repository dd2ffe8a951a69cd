//! Helia over bitswap: Pelago fetches from it with the node of `rust-ipfs`.

use std::sync::Arc;
use std::time::Duration;

use pelago_content::retrieve::{BitswapProvider, CarUse, Kind, Pace, Provider, ProviderError, Source};

use super::{Peer, absent, fetched};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the peers that scripts/peers.sh installs: set PELAGO_TEST_PEERS"]
async fn pelago_fetches_from_helia() {
    let home = tempfile::tempdir().unwrap();
    let peer = Peer::with_content("helia-bitswap.js", home.path());
    let provider = Arc::new(BitswapProvider::new(&peer.url, Pace::default()).await.unwrap());
    // Also where a CAR is preferred: bitswap has none.
    let found = fetched(&peer, Source::new(provider.clone()), CarUse::Always).await;
    assert_eq!((found.main_kind(), found.car_bytes), (Some(Kind::Bitswap), 0));
    assert!(provider.has(&peer.root()).await.unwrap());

    let hasty = Pace { answer: Duration::from_secs(2), ..Pace::default() };
    let provider = BitswapProvider::new(&peer.url, hasty).await.unwrap();
    assert!(provider.has(&peer.root()).await.unwrap(), "so that it is connected");
    assert!(!provider.has(&absent(1)).await.unwrap());
    let lacks = provider.fetch_block(&absent(1), &Default::default()).await;
    assert!(matches!(lacks, Err(ProviderError::Silent { .. })), "{lacks:?}");
}
