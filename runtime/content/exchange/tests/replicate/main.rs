//! Replication against what others serve: a pinning service, Kubo's pin RPC, a cluster, and other Pelagos.
//! Implementations by others are in `../peers`; here is what these cannot be made to do.

#![allow(clippy::unwrap_used, reason = "a test may panic and say why")]

mod challenge;
mod cluster;
mod keeping;
mod kubo;
mod peers;
mod pinning;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use ipld_dagpb::{PbLink, PbNode};
use pelago_dag::Cid;
use pelago_exchange::replicate::{Order, Replicas};
use sha2::{Digest, Sha256};

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Serves routes on this machine, each told who asks; its address.
pub(crate) async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    address
}

pub(crate) fn cid(codec: u64, bytes: &[u8]) -> Cid {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    Cid::new_v1(codec, cid::multihash::Multihash::wrap(0x12, &digest).unwrap())
}

/// A node with `leaves` leaves of 1000 bytes, by way of nodes of at most three links.
pub(crate) fn dag(leaves: usize) -> (Cid, BTreeMap<Cid, Bytes>) {
    let mut blocks = BTreeMap::new();
    let mut level: Vec<(Cid, u64)> = (0..leaves)
        .map(|n| {
            let bytes = Bytes::from(format!("{n:1000}"));
            let leaf = cid(0x55, &bytes);
            blocks.insert(leaf, bytes);
            (leaf, 1000)
        })
        .collect();
    loop {
        level = level
            .chunks(3)
            .map(|children| {
                let links = children.iter().map(|(cid, size)| PbLink {
                    // That crate's CIDs have room for less.
                    cid: cid.to_bytes().try_into().unwrap(),
                    name: Some(String::new()),
                    size: Some(*size),
                });
                let bytes = Bytes::from(PbNode { links: links.collect(), data: None }.into_bytes());
                let node = cid(0x70, &bytes);
                let size = bytes.len() as u64 + children.iter().map(|(_, size)| size).sum::<u64>();
                blocks.insert(node, bytes);
                (node, size)
            })
            .collect();
        if let [(root, _)] = level[..] {
            return (root, blocks);
        }
    }
}

pub(crate) fn order(root: Cid, min: u32, max: u32) -> Order {
    Order { root, name: "a model".to_owned(), size: 20_000, min, max }
}

/// The replicas as text, without addresses and CIDs that change.
pub(crate) fn shown(replicas: &Replicas) -> String {
    let one = |r: &pelago_exchange::replicate::Replica| {
        let holder = r.holder.split("127.0.0.1:").next().unwrap().to_owned();
        format!("{holder} {:?} {}", r.state, r.detail.as_deref().unwrap_or("-"))
    };
    replicas.replicas.iter().map(one).collect::<Vec<_>>().join("\n")
}
