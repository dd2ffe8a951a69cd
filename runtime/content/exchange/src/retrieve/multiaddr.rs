//! Multiaddrs of HTTP gateways, read into URLs
//! (<https://github.com/multiformats/multiaddr>). Others than these are left out:
//! they are reached by libp2p.
//!
//! The crate `multiaddr` would split the text, which is the least of what is done
//! here, and refuse a gateway for the kind of a peer's key that it does not know.

/// `/dns4/gateway.example/tcp/443/https`, `/ip6/2606:4700::1/tcp/443/tls/http`, `/dns/a.example/tcp/80/http`:
/// a name or address, a port, and HTTP with TLS or without. `None` for any other.
pub(super) fn to_url(multiaddr: &str) -> Option<String> {
    let mut parts = multiaddr.strip_prefix('/')?.split('/');
    let (kind, host) = (parts.next()?, parts.next()?);
    let host = match kind {
        "dns" | "dns4" | "dns6" if is_name(host) => host.to_owned(),
        "ip4" => host.parse::<std::net::Ipv4Addr>().ok()?.to_string(),
        "ip6" => format!("[{}]", host.parse::<std::net::Ipv6Addr>().ok()?),
        _ => return None,
    };
    if parts.next()? != "tcp" {
        return None;
    }
    let port: u16 = parts.next()?.parse().ok()?;
    let rest: Vec<&str> = parts.collect();
    let scheme = match rest.as_slice() {
        ["http"] => "http",
        ["https"] | ["tls", "http"] => "https",
        // The name that TLS asks for must be the one that the URL has: another would be certified for another host.
        ["tls", "sni", name, "http"] if *name == host => "https",
        // The peer's identity adds nothing where each block is verified.
        ["http", "p2p", _] => "http",
        ["https", "p2p", _] | ["tls", "http", "p2p", _] => "https",
        _ => return None,
    };
    Some(format!("{scheme}://{host}:{port}/"))
}

fn is_name(host: &str) -> bool {
    !host.is_empty() && host.len() <= 253 && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::to_url;

    #[test]
    fn gateways_are_read_and_all_else_is_left_out() {
        let check = |text: &str| to_url(text).unwrap_or_default();
        assert_eq!(check("/dns4/gateway.example/tcp/443/https"), "https://gateway.example:443/");
        assert_eq!(check("/dns/gateway.example/tcp/443/tls/http"), "https://gateway.example:443/");
        assert_eq!(check("/dns6/a.example/tcp/80/http"), "http://a.example:80/");
        assert_eq!(check("/ip4/192.0.2.1/tcp/8080/http/p2p/12D3KooW"), "http://192.0.2.1:8080/");
        assert_eq!(check("/ip6/2001:db8::1/tcp/443/tls/http"), "https://[2001:db8::1]:443/");
        assert_eq!(check("/dns/a.example/tcp/443/tls/sni/a.example/http"), "https://a.example:443/");
        for text in [
            "",
            "/",
            "dns/a/tcp/1/http",
            "/dns4/a.example/tcp/443",
            "/dns4/a.example/udp/443/quic-v1",
            "/ip4/1.2.3/tcp/80/http",
            "/ip4/1.2.3.4/tcp/70000/http",
            "/dns4/a@b/tcp/80/http",
            "/dns/a/tcp/443/wss",
            "/dns/a.example/tcp/443/tls/sni/b.example/http",
            "/unix/tmp/tcp/1/http",
        ] {
            assert_eq!(check(text), "", "{text}");
        }
    }
}
