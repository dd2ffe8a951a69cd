//! A peer of the IPFS network, over bitswap, with the node of `rust-ipfs`.
//!
//! The node is this provider's alone, keeps nothing, listens nowhere, knows no
//! other peer than the one that was named, and looks for none: no bootstrap, no
//! DHT, no mDNS, no relay and no gateways.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use rust_ipfs::builder::DefaultIpfsBuilder;
use rust_ipfs::{Ipfs, Multiaddr, PeerId, Protocol};
use tokio::sync::Mutex;

use super::{Kind, Meter, Pace, Provider, ProviderError};
use crate::{BLOCK_MAX, Cid};

/// A peer that speaks bitswap.
pub struct BitswapProvider {
    name: String,
    peer: PeerId,
    node: Ipfs,
    pace: Pace,
    /// Held while a block is asked for. Of two at once a peer makes one message, and the node refuses
    /// messages of more than 2 MiB without a word.
    turn: Mutex<()>,
}

impl std::fmt::Debug for BitswapProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BitswapProvider").field("name", &self.name).finish_non_exhaustive()
    }
}

impl BitswapProvider {
    /// The peer at an address such as `/ip4/192.0.2.7/tcp/4001/p2p/12D3…`, with a node to speak to it. The
    /// connection is made when something is asked for. Whoever names the address is taken at their word,
    /// wherever it leads.
    ///
    /// # Errors
    ///
    /// `Multiaddr`; `Node` where the node does not start.
    pub async fn new(address: &str, pace: Pace) -> Result<Self, ProviderError> {
        let (peer, at) = parse(address)?;
        let failed = |source: rust_ipfs::Error| ProviderError::Node { source: source.into() };
        // In memory, without identity or listeners, and with none of the protocols that find others.
        let node = DefaultIpfsBuilder::new().with_bitswap().enable_tcp().start().await.map_err(failed)?;
        // Told where it is, the node connects again by itself when the connection is lost.
        let known = rust_ipfs::AddPeerOpt::with_peer_id(peer).add_address(at).set_dial(false);
        node.add_peer(known).await.map_err(failed)?;
        Ok(Self { name: address.to_owned(), peer, node, pace, turn: Mutex::new(()) })
    }

    async fn block(&self, cid: &Cid, meter: &Meter) -> Result<Bytes, ProviderError> {
        let failed = |source: rust_ipfs::Error| ProviderError::Node { source: source.into() };
        // That crate's CIDs have room for 64 bytes of digest; all that are asked for have 32.
        let wanted = rust_ipfs_cid(cid)?;
        let wait = self.pace.answer;
        let _turn = self.turn.lock().await;
        let asked = self.node.get_block(wanted).provider(self.peer).timeout(Some(wait + Duration::from_secs(1)));
        // Bitswap has words for not having a block, but the node keeps them to itself and waits for others.
        let block = tokio::time::timeout(wait, asked).await.map_err(|_| ProviderError::Silent { waited: wait })?;
        let (_, bytes) = block.map_err(failed)?.into_inner();
        // The store has its own copy soon.
        self.node.remove_block(wanted, false).await.map_err(failed)?;
        meter.answered();
        if bytes.len() as u64 > BLOCK_MAX {
            return Err(ProviderError::TooLarge { limit: BLOCK_MAX });
        }
        meter.arrived(bytes.len()).await;
        Ok(bytes)
    }
}

impl Provider for BitswapProvider {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> Kind {
        Kind::Bitswap
    }

    fn fetch_block<'a>(&'a self, cid: &'a Cid, meter: &'a Meter) -> BoxFuture<'a, Result<Bytes, ProviderError>> {
        Box::pin(self.block(cid, meter))
    }

    /// Fetches the block to know: the node asks for a block's presence only on its way to the block.
    fn has<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<bool, ProviderError>> {
        Box::pin(async move {
            match self.block(cid, &Meter::default()).await {
                Ok(_) => Ok(true),
                Err(ProviderError::Silent { .. }) if self.node.is_connected(self.peer).await.unwrap_or(false) => {
                    Ok(false)
                }
                Err(error) => Err(error),
            }
        })
    }
}

fn rust_ipfs_cid(cid: &Cid) -> Result<ipld_core::cid::Cid, ProviderError> {
    let unexpected = |_| ProviderError::Unexpected { expected: "a CID of 64 bytes at most", found: cid.to_string() };
    ipld_core::cid::Cid::try_from(cid.to_bytes()).map_err(unexpected)
}

/// Who, and where.
fn parse(address: &str) -> Result<(PeerId, Multiaddr), ProviderError> {
    let bad = |reason: String| ProviderError::Multiaddr { address: address.to_owned(), reason };
    let mut at: Multiaddr = address.parse().map_err(|error| bad(format!("{error}")))?;
    let Some(Protocol::P2p(peer)) = at.pop() else { return Err(bad("it names no peer".to_owned())) };
    match at.iter().collect::<Vec<_>>()[..] {
        [Protocol::Ip4(_) | Protocol::Ip6(_), Protocol::Tcp(_)] => Ok((peer, at)),
        _ => Err(bad(format!("{at} is no address of TCP"))),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[tokio::test]
    async fn only_a_peer_at_an_address_is_spoken_to() {
        let peer = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
        for (address, expected) in [
            ("", "it names no peer"),
            ("/ip4/127.0.0.1/tcp/4001", "it names no peer"),
            ("/p2p/PEER", "is no address of TCP"),
            ("/dns4/peer.example/tcp/4001/p2p/PEER", "/dns4/peer.example/tcp/4001 is no address of TCP"),
            ("/ip4/127.0.0.1/udp/4001/quic-v1/p2p/PEER", "/quic-v1 is no address of TCP"),
            ("/ip4/127.0.0.1/tcp/4001/p2p/PEER/p2p-circuit/p2p/PEER", "/p2p-circuit is no address of TCP"),
        ] {
            let error = BitswapProvider::new(&address.replace("PEER", peer), Pace::default()).await.unwrap_err();
            assert!(matches!(&error, ProviderError::Multiaddr { reason, .. } if reason.ends_with(expected)), "{error}");
        }
        let error = BitswapProvider::new("localhost", Pace::default()).await.unwrap_err().to_string();
        expect![[
            r#"the address "localhost" cannot be used (invalid multiaddr): /ip4/<address>/tcp/<port>/p2p/<peer> was expected"#
        ]]
        .assert_eq(&error);
        let provider = BitswapProvider::new(&format!("/ip6/::1/tcp/1/p2p/{peer}"), Pace::default()).await.unwrap();
        assert!(provider.node.listening_addresses().await.unwrap().is_empty());
    }
}
