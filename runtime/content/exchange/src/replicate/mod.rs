//! Replication: how often a model is to be held, by whom, and whether it is.
//!
//! [`Demand`] turns requests into a wanted number; an engine has that many
//! replicas made. Three engines speak to services that exist, and place as
//! these see fit: [`ClusterEngine`], [`PinningEngine`], [`KuboEngine`]. The
//! fourth, [`PeerEngine`], asks other Pelagos to pull from this one: it places
//! by [`placement`], and the other side is [`router`]. [`challenge`] finds out
//! whether a peer still holds what it took; its [`Score`] weighs the next
//! placement.
//!
//! [`Keeper`] goes on from there: it has orders filled as demand rises and falls,
//! challenges who holds them, and replaces what is lost. What it remembers
//! (orders, demands, scores) is in the [`Ledger`]. That and the [`StoreHost`],
//! which holds replicas for others, are the parts here that know the store;
//! nothing here knows models.

mod challenge;
mod cluster;
mod demand;
mod engine;
mod error;
mod host;
mod jobs;
mod keeper;
mod kubo;
mod ledger;
mod peers;
mod pinning;
pub mod placement;
mod replica_host;
mod rest;
mod server;

pub use challenge::{Outcome, Score, challenge};
pub use cluster::ClusterEngine;
pub use demand::{Demand, DemandOptions};
pub use engine::{Order, Replica, ReplicaEngine, ReplicaState, Replicas};
pub use error::ReplicaError;
pub use host::{CountedBlocks, StoreHost};
pub use keeper::{KeepError, Keeper, KeeperOptions, Looked};
pub use kubo::KuboEngine;
pub use ledger::{Ledger, Standing};
pub use peers::{PeerEngine, Trust};
pub use pinning::PinningEngine;
pub(crate) use placement::uniform;
pub use placement::{Candidate, Plan};
pub use replica_host::{HostError, ReplicaHost};
pub use rest::Credentials;
pub use server::{ServerOptions, router};
