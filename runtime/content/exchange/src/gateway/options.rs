//! How a gateway is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::time::Duration;

/// Which web pages may read answers. Programs that are not pages are not concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cors {
    /// None.
    #[default]
    Nobody,
    /// Those of these origins, e.g. `https://example.org`.
    Origins(Vec<String>),
    /// All: a page that knows a CID can then read it, also if it is a private model's.
    Anybody,
}

/// Where a gateway listens, and what it grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayOptions {
    /// The address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether an address that other machines can reach is meant.
    pub beyond_loopback: bool,
    /// Connections at once. Some more are answered with 429, then they are dropped.
    pub connections: usize,
    /// Answers being sent at once, over all connections; more are answered with 429.
    pub requests: usize,
    /// Bytes a second that are sent, over all connections; `None` for no limit.
    pub rate: Option<NonZeroU64>,
    /// The time in which the head of a request must be here, from the connection's start or from the
    /// end of the answer before; so it is the time, too, that an idle connection stays.
    pub head: Duration,
    /// The time in which 64 KiB of an answer must go out, or all of it if it is shorter; a peer that
    /// reads more slowly is cut off. Waiting for `rate` does not count.
    pub stall: Duration,
    /// Which web pages may read answers.
    pub cors: Cors,
    /// This node's name among those that fetch from each other (`retrieve::HttpOptions::node`). With
    /// it, a node that asks for a block which a fetch of this one brings is told to come again.
    pub node: Option<String>,
}

impl Default for GatewayOptions {
    /// Loopback, any free port, 256 connections, 64 answers, no limit of the rate, 15 s for a head, 30 s for 64 KiB.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            beyond_loopback: false,
            connections: 256,
            requests: 64,
            rate: None,
            head: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            cors: Cors::Nobody,
            node: None,
        }
    }
}
