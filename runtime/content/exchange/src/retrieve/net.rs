//! Where a source may lead: names are resolved here, and a connection goes to
//! an address that was checked and to no other. So neither a name whose address
//! changes between check and use nor a redirect leads into a private network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use url::{Host, Url};

use super::ProviderError;

/// Redirects that are followed one after another.
const REDIRECTS_MAX: usize = 5;
/// Connections to a source that are kept open while nothing is asked.
const IDLE_MAX: usize = 32;

/// Which addresses a source may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Any: the user's own configuration names the host.
    Named,
    /// Public ones: others told us of the host.
    Public,
    /// Those of a local network, too: the host announced itself on it.
    Local,
    /// Those of a local network and of this machine: as `Local`, where both run on one machine.
    Machine,
}

impl Reach {
    /// Whether a connection may go there.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self {
            Self::Named => true,
            Self::Public => is_public(address),
            Self::Local => is_public(address) || is_private(address),
            Self::Machine => is_public(address) || is_private(address) || address.is_loopback(),
        }
    }
}

/// Addresses of a network at home or at work; not loopback.
fn is_private(address: IpAddr) -> bool {
    match address {
        // A link-local IPv4 address is where clouds serve their secrets.
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Addresses that the IANA special-purpose registries leave for the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let s = address.segments();
    // NAT64 carries an IPv4 address at its end.
    if s[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    let global = s[0] & 0xe000 == 0x2000;
    // 2001::/23 is for protocols (Teredo among them), 2002::/16 is 6to4, the others are for documentation.
    let special = (s[0] == 0x2001 && s[1] < 0x200)
        || s[0] == 0x2002
        || (s[0] == 0x2001 && s[1] == 0xdb8)
        || s[0] & 0xfff0 == 0x3ff0;
    global && !special
}

/// Resolves as the system does, and leaves out what must not be reached.
struct Checked(Reach);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let refused = found.iter().map(SocketAddr::ip).find(|ip| !reach.allows(*ip));
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|a| reach.allows(a.ip())).collect();
            match refused {
                Some(address) if allowed.is_empty() => {
                    Err(ProviderError::Blocked { host: name.as_str().to_owned(), address }.into())
                }
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// Reads the address of an HTTP source, and refuses what can be refused before a name is resolved.
///
/// # Errors
///
/// `Address`, `Blocked`.
pub(crate) fn parse_base(text: &str, reach: Reach) -> Result<Url, ProviderError> {
    let mut url = Url::parse(text)
        .map_err(|e| ProviderError::Address { address: without_secrets(text), reason: e.to_string() })?;
    let refused =
        |reason: &str| Err(ProviderError::Address { address: without_secrets(text), reason: reason.to_owned() });
    if !matches!(url.scheme(), "http" | "https") {
        return refused("it is neither http nor https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("it has a user name");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refused("it has a query or fragment");
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    check_literal(&url, reach)?;
    Ok(url)
}

/// What stands between `//` and `@` can be a password.
fn without_secrets(text: &str) -> String {
    match (text.find("//"), text.rfind('@')) {
        (Some(start), Some(end)) if start + 2 < end => format!("{}…{}", &text[..start + 2], &text[end..]),
        _ => text.to_owned(),
    }
}

/// An address in the place of a name is not resolved, so it is checked here.
fn check_literal(url: &Url, reach: Reach) -> Result<(), ProviderError> {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(v4)) => v4.into(),
        Some(Host::Ipv6(v6)) => v6.into(),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    if reach.allows(address) {
        return Ok(());
    }
    Err(ProviderError::Blocked { host: url.host_str().unwrap_or_default().to_owned(), address })
}

/// An HTTP client for one source. It follows redirects within the source, and to hosts that the
/// configuration names; it takes no proxy from the environment, which would resolve names elsewhere.
///
/// # Errors
///
/// `Connection` where TLS cannot be set up.
pub(crate) fn client(
    base: &Url,
    reach: Reach,
    redirects_to: &[String],
    connect: Duration,
) -> Result<reqwest::Client, ProviderError> {
    let (origin, named) = (base.clone(), redirects_to.to_vec());
    let policy = Policy::custom(move |attempt| {
        let to = attempt.url();
        let downgraded = origin.scheme() == "https" && to.scheme() != "https";
        let same = to.host() == origin.host() && to.port_or_known_default() == origin.port_or_known_default();
        let is_named = to.host_str().is_some_and(|host| named.iter().any(|n| n.eq_ignore_ascii_case(host)));
        // Named means that the user trusts the name, not that a name which others chose may lead to private addresses.
        let reaches = is_named || check_literal(to, reach).is_ok();
        if !downgraded && reaches && (same || is_named) && attempt.previous().len() <= REDIRECTS_MAX {
            attempt.follow()
        } else {
            attempt.stop()
        }
    });
    let client = reqwest::Client::builder()
        .dns_resolver(Arc::new(Checked(reach)))
        .redirect(policy)
        .no_proxy()
        .referer(false)
        .connect_timeout(connect)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(IDLE_MAX)
        .http2_adaptive_window(true)
        .user_agent(concat!("pelago/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        let private = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for text in private {
            assert!(!Reach::Public.allows(text.parse().unwrap()), "{text}");
        }
        for text in ["1.1.1.1", "8.8.8.8", "172.32.0.1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2606:4700::1111"] {
            assert!(Reach::Public.allows(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_local_announcement_does_not_reach_this_machine_or_a_clouds_secrets() {
        let allows = |reach: Reach, text: &str| reach.allows(text.parse().unwrap());
        assert!(allows(Reach::Local, "192.168.1.4") && allows(Reach::Local, "fe80::1"));
        assert!(!allows(Reach::Local, "127.0.0.1") && !allows(Reach::Local, "::ffff:127.0.0.1"));
        assert!(!allows(Reach::Local, "169.254.169.254") && !allows(Reach::Machine, "169.254.169.254"));
        assert!(allows(Reach::Machine, "127.0.0.1") && allows(Reach::Named, "169.254.1.1"));
    }

    #[test]
    fn an_address_is_http_with_a_host_and_nothing_else() {
        let check = |text: &str| parse_base(text, Reach::Public).map(|u| u.to_string()).map_err(|e| e.to_string());
        assert_eq!(check("https://gateway.example/at").unwrap(), "https://gateway.example/at/");
        for text in [
            "ftp://a.example",
            "https://a.example/?x",
            "https://u:secret@a.example",
            "file:///etc",
            "http://127.1/",
            "http://0x7f000001/",
            "http://[::ffff:10.0.0.1]/",
            "a.example",
            "",
        ] {
            let said = check(text).unwrap_err();
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
