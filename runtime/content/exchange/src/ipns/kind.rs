//! What sources of IPNS records there are, and how long a record may be.

/// The largest record, bytes.
pub const RECORD_MAX: usize = 10 << 10;

/// What a source of records is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameSourceKind {
    /// Delegated routing: `GET /routing/v1/ipns/<name>` (<https://specs.ipfs.tech/routing/http-routing-v1/>).
    Router,
    /// A trustless gateway: `GET /ipns/<name>?format=ipns-record`.
    Gateway,
    /// A Kubo daemon: `/api/v0/name/resolve`. Its word is taken.
    Kubo,
}

impl std::fmt::Display for NameSourceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Router => "router",
            Self::Gateway => "gateway",
            Self::Kubo => "kubo",
        })
    }
}
