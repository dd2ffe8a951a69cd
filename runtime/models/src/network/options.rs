//! Which sources the user named, and how much may come from them.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::NetworkError;
use pelago_content::ipns::{NameSource, NameSourceKind};
use pelago_content::origin::OriginOptions;
use pelago_content::retrieve::{
    Extent, HttpOptions, HttpProvider, KuboProvider, ProviderError, Reach, Routing, Source,
};

/// What a front end decides.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// Who is asked for content that is not here. Nobody else is.
    pub sources: Vec<SourceAddress>,
    /// Bytes a second that may come in.
    pub download_limit: Option<NonZeroU64>,
    /// How hubs and web servers are spoken to.
    pub origin: OriginOptions,
    /// Folder of downloads from them that are not whole yet.
    pub staging: PathBuf,
    /// Whether names that follow an IPNS name are refreshed in the background when their time is over.
    pub refresh_names: bool,
    /// Where other Pelagos are searched for by multicast DNS; `None` searches nowhere and announces nothing.
    pub discover: Option<Extent>,
}

impl NetworkOptions {
    /// No sources, the public hub, no limit; names are refreshed, nobody is searched for.
    ///
    /// # Errors
    ///
    /// `Origin` where the hub's address cannot be used.
    pub fn new(staging: PathBuf, hub: &str) -> Result<Self, NetworkError> {
        let origin = OriginOptions::new(hub)?;
        Ok(Self { sources: Vec::new(), download_limit: None, origin, staging, refresh_names: true, discover: None })
    }
}

/// The hub of `hf://`.
pub const HUGGING_FACE: &str = "https://huggingface.co";

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Another Pelago: `pelago model serve`.
    Peer,
    /// A trustless gateway (<https://specs.ipfs.tech/http-gateways/trustless-gateway/>).
    Gateway,
    /// A Kubo daemon's RPC API.
    Kubo,
    /// A delegated routing service, which names further sources
    /// (<https://specs.ipfs.tech/routing/http-routing-v1/>).
    Router,
}

impl SourceKind {
    /// Its words.
    pub const WORDS: [&str; 4] = ["peer", "gateway", "kubo", "router"];
}

/// A source as a user names it: `peer=http://192.168.1.5:8081`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceAddress {
    /// What it is.
    pub kind: SourceKind,
    /// Its address, http or https.
    pub url: String,
}

impl FromStr for SourceAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "write it as KIND=URL, e.g. peer=http://192.168.1.5:8081";
        let (kind, url) = text.split_once('=').ok_or(expected)?;
        let kind = match kind {
            "peer" => SourceKind::Peer,
            "gateway" => SourceKind::Gateway,
            "kubo" => SourceKind::Kubo,
            "router" => SourceKind::Router,
            other => {
                return Err(format!("{other:?} is no kind of source: use one of {}", SourceKind::WORDS.join(", ")));
            }
        };
        let address = Self { kind, url: url.to_owned() };
        // An address that cannot be used is told when it is read, not when it is needed.
        address.open().map_err(|error| error.to_string())?;
        Ok(address)
    }
}

/// What can be asked.
pub(super) enum Opened {
    /// For blocks.
    Source(Source),
    /// For those who have them.
    Router(Box<Routing>),
}

impl SourceAddress {
    pub(super) fn open(&self) -> Result<Opened, NetworkError> {
        let options = HttpOptions::default();
        let opened = || -> Result<Opened, ProviderError> {
            Ok(match self.kind {
                SourceKind::Peer => source(HttpProvider::peer(&self.url, Reach::Named, &options)?),
                SourceKind::Gateway => source(HttpProvider::gateway(&self.url, Reach::Named, &options)?),
                // A daemon may look further than its own repository: the user named it for that.
                SourceKind::Kubo => source(KuboProvider::new(&self.url, false, &options)?),
                SourceKind::Router => Opened::Router(Box::new(Routing::new(&self.url, &options)?)),
            })
        };
        opened().map_err(|source| NetworkError::Source { source })
    }
}

impl SourceAddress {
    /// The same source, asked what names stand for. Other Pelagos do not know.
    pub(super) fn names(&self) -> Result<Option<NameSource>, NetworkError> {
        let kind = match self.kind {
            SourceKind::Peer => return Ok(None),
            SourceKind::Gateway => NameSourceKind::Gateway,
            SourceKind::Kubo => NameSourceKind::Kubo,
            SourceKind::Router => NameSourceKind::Router,
        };
        let source = NameSource::new(kind, &self.url, &HttpOptions::default());
        source.map(Some).map_err(|source| NetworkError::Source { source })
    }
}

fn source(provider: impl pelago_content::retrieve::Provider) -> Opened {
    Opened::Source(Source::new(Arc::new(provider)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_kind_and_an_address() {
        let good: SourceAddress = "gateway=https://example.org/".parse().unwrap();
        assert_eq!((good.kind, good.url.as_str()), (SourceKind::Gateway, "https://example.org/"));
        let refused = |text: &str| text.parse::<SourceAddress>().unwrap_err();
        assert!(refused("http://example.org").contains("KIND=URL"));
        assert!(refused("swarm=http://example.org").contains("peer, gateway, kubo, router"));
        assert!(refused("peer=ftp://example.org").contains("http://"));
    }
}
