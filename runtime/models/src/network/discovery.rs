//! Other Pelagos on the local network: searched for while something is fetched.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;

use super::Network;
use pelago_content::retrieve::{Discovery, HttpOptions, Source};

/// How long is searched at the beginning of a fetch. Who is there answers within a second (RFC 6762,
/// section 6); a fetch that nobody else can fill must not wait for ever.
const SEARCH: Duration = Duration::from_secs(3);

impl Network {
    /// Those who announce themselves, where the options ask for a search. Nothing is announced. A network that
    /// refuses multicast is no reason for a fetch to fail.
    pub(super) fn announced(&self) -> Option<BoxStream<'static, Source>> {
        let extent = self.options.discover?;
        let begun = Discovery::listen(extent, HttpOptions::default())
            .and_then(|discovery| discovery.peers().map(|peers| (discovery, peers)));
        match begun {
            Ok((discovery, peers)) => {
                let found = peers.take_until(tokio::time::sleep(SEARCH));
                // Discovery ends with the search, and not before.
                let found = found.map(move |source| {
                    let _open: &Discovery = &discovery;
                    source
                });
                Some(found.boxed())
            }
            Err(error) => {
                tracing::warn!(%error, "the local network is not searched");
                None
            }
        }
    }
}
