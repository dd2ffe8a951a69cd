//! Retrieval: content by CID from whoever has it, verified block by block.
//!
//! A [`Provider`] is whoever can be asked: a trustless gateway or another Pelago
//! ([`HttpProvider`]), or a Kubo daemon ([`KuboProvider`]). [`fetch`] asks many of
//! them at once and writes into [`pelago_dag::Blocks`]. [`Routing`] and [`Discovery`]
//! find more of them.
//!
//! Nobody is asked whom the caller did not name, or asked to be found. Nothing
//! that a source sends is handed on before it was hashed. Nothing here knows
//! models, names, or the layout of the store.

mod bandwidth;
pub(crate) mod body;
mod discover;
mod error;
pub(crate) mod http;
mod kind;
mod kubo;
mod multiaddr;
pub(crate) mod net;
mod provider;
mod routing;
mod schedule;

pub use bandwidth::Bandwidth;
pub use body::Pace;
pub use discover::{Announcement, Discovery, Extent};
pub use error::{Dropped, FetchError, ProviderError};
pub use http::{HttpOptions, HttpProvider};
pub use kind::Kind;
pub use kubo::KuboProvider;
pub use net::Reach;
pub use provider::{BlockStream, Meter, Provider, Request, Scope};
pub use routing::Routing;
pub use schedule::{
    CarUse, Fetched, Hints, Limits, Options, Progress, Source, SourceProgress, SourceReport, Sources, fetch,
};
