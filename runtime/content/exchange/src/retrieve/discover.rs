//! Other Pelagos on the local network, by multicast DNS (RFC 6762, RFC 6763):
//! this one's gateway is announced, theirs are found. Begun only where the
//! configuration asks for it, since it tells the whole network of itself.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use mdns_sd::{IfKind, ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};

use super::{HttpOptions, HttpProvider, ProviderError, Reach, Source};

const SERVICE: &str = "_pelago._tcp.local.";
/// The TXT record's key of the node's name.
const NODE: &str = "node";
/// The longest wait for the good-bye to be sent.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// What is announced.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// A name that no other node has: letters, digits and dashes, at most 63.
    pub node: String,
    /// The port of the node's gateway, on all addresses of the machine.
    pub port: u16,
}

/// Where is searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// The networks that the machine is on.
    #[default]
    Network,
    /// This machine alone: nodes of several users, or a test.
    Machine,
}

/// Local discovery at work. Dropping it ends it without a good-bye.
pub struct Discovery {
    daemon: ServiceDaemon,
    /// What is announced, by its full name; none where this one only listens.
    own: Option<(Announcement, String)>,
    reach: Reach,
    http: HttpOptions,
}

impl std::fmt::Debug for Discovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Discovery").field("own", &self.own).finish_non_exhaustive()
    }
}

impl Discovery {
    /// Announces a node and begins to listen.
    ///
    /// # Errors
    ///
    /// `Discovery` where the network refuses multicast, or the node's name is none.
    pub fn start(own: Announcement, extent: Extent, http: HttpOptions) -> Result<Self, ProviderError> {
        let failed = |source| ProviderError::Discovery { source };
        let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if own.node.is_empty() || own.node.len() > 63 || !own.node.bytes().all(valid) {
            let said = format!("{:?} is no name for a node: letters, digits and dashes are, at most 63", own.node);
            return Err(failed(mdns_sd::Error::Msg(said)));
        }
        let (daemon, reach, address) = daemon(extent).map_err(failed)?;
        let host = format!("{}.local.", own.node);
        let properties = [(NODE, own.node.as_str())];
        let info = ServiceInfo::new(SERVICE, &own.node, &host, address, own.port, &properties[..]).map_err(failed)?;
        let info = if extent == Extent::Network { info.enable_addr_auto() } else { info };
        let fullname = info.get_fullname().to_owned();
        daemon.register(info).map_err(failed)?;
        Ok(Self { daemon, own: Some((own, fullname)), reach, http })
    }

    /// Listens, and announces nothing: for who only fetches.
    ///
    /// # Errors
    ///
    /// `Discovery` where the network refuses multicast.
    pub fn listen(extent: Extent, http: HttpOptions) -> Result<Self, ProviderError> {
        let (daemon, reach, _) = daemon(extent).map_err(|source| ProviderError::Discovery { source })?;
        Ok(Self { daemon, own: None, reach, http })
    }

    /// Other nodes, as they are found; it does not end by itself. A node that answers no more is left to
    /// the scheduler's breaker.
    ///
    /// # Errors
    ///
    /// `Discovery`.
    pub fn peers(&self) -> Result<BoxStream<'static, Source>, ProviderError> {
        let events = self.daemon.browse(SERVICE).map_err(|source| ProviderError::Discovery { source })?;
        let own = self.own.as_ref().map(|(own, _)| own.node.clone());
        let (reach, http) = (self.reach, self.http.clone());
        let found = futures::stream::unfold(events, |events| async move {
            let event = events.recv_async().await.ok()?;
            Some((event, events))
        });
        let sources = found.filter_map(move |event| {
            let source = match event {
                ServiceEvent::ServiceResolved(node)
                    if own.is_none() || node.get_property_val_str(NODE) != own.as_deref() =>
                {
                    source(&node, reach, &http)
                }
                _ => None,
            };
            futures::future::ready(source)
        });
        Ok(sources.boxed())
    }

    /// Says good-bye, so that others forget this node at once, and ends.
    ///
    /// # Errors
    ///
    /// `Discovery` where it has ended already.
    pub async fn close(self) -> Result<(), ProviderError> {
        let failed = |source| ProviderError::Discovery { source };
        if let Some((_, fullname)) = &self.own {
            let told = self.daemon.unregister(fullname).map_err(failed)?;
            // Nobody is harmed where it is not heard: announcements expire.
            let _ = tokio::time::timeout(CLOSE_MAX, told.recv_async()).await;
        }
        let ended = self.daemon.shutdown().map_err(failed)?;
        let _ = tokio::time::timeout(CLOSE_MAX, ended.recv_async()).await;
        Ok(())
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        // After `close` it has ended, and there is nothing to do.
        let _ = self.daemon.shutdown();
    }
}

/// The mDNS service on the interfaces that are meant, whom it may lead to, and what address is announced.
fn daemon(extent: Extent) -> Result<(ServiceDaemon, Reach, &'static str), mdns_sd::Error> {
    let daemon = ServiceDaemon::new()?;
    match extent {
        Extent::Network => {
            daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])?;
            Ok((daemon, Reach::Local, ""))
        }
        Extent::Machine => {
            daemon.disable_interface(IfKind::All)?;
            daemon.enable_interface(IfKind::LoopbackV4)?;
            Ok((daemon, Reach::Machine, "127.0.0.1"))
        }
    }
}

/// A node at one of its addresses. Those with a scope have no place in a URL.
fn source(node: &ResolvedService, reach: Reach, http: &HttpOptions) -> Option<Source> {
    let mut addresses: Vec<IpAddr> = node.get_addresses().iter().map(mdns_sd::ScopedIp::to_ip_addr).collect();
    addresses.retain(|ip| reach.allows(*ip) && !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()));
    addresses.sort_by_key(|ip| (ip.is_ipv6(), *ip));
    let address = addresses.first()?;
    let url = format!("http://{}/", std::net::SocketAddr::new(*address, node.get_port()));
    match HttpProvider::peer(&url, reach, http) {
        Ok(provider) => Some(Source::new(Arc::new(provider))),
        Err(error) => {
            tracing::debug!(url, %error, "a node that announced itself is not used");
            None
        }
    }
}
