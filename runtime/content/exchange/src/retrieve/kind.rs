//! What sources of content there are.

/// What a source is. Reports name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Another Pelago: gives what it has, never asks others for it.
    Peer,
    /// A trustless HTTP gateway.
    Gateway,
    /// A Kubo daemon, over its RPC API.
    Kubo,
}

impl Kind {
    /// Its word in reports: `peer`, `gateway` or `kubo`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Gateway => "gateway",
            Self::Kubo => "kubo",
        }
    }

    /// Whether the bytes come from a peer rather than from a service of the IPFS network.
    #[must_use]
    pub fn is_peer(self) -> bool {
        self == Self::Peer
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
