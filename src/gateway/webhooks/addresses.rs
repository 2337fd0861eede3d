//! Which addresses are of the internet: who may write a configuration, or answer for a name, must not have the gateway
//! ask what only its own network reaches.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A name leads into a network that is not the internet.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not of the internet")]
struct Refused;

/// Looks names up, and refuses those of which one address is not of the internet. What it gives is what is connected
/// to, so that a second look cannot give another.
pub(super) struct PublicAddresses;

impl Resolve for PublicAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().any(|address| !is_public(address.ip())) {
                return Err(Refused.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether a request failed as its name was refused.
pub(super) fn was_refused(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<Refused>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whether an address that is written as a number is of the internet; a name may be.
pub(super) fn is_public_host(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host.parse()
        .map_or(!host.is_empty() && host != "localhost", is_public)
}

/// Whether an address is of the internet (RFC 6890 and its successors).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        // Shared by customers of a provider (RFC 6598).
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        // Benchmarks (RFC 2544).
        || (a == 198 && (b == 18 || b == 19))
        // Multicast, reserved and broadcast.
        || a >= 224)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inside) = address.to_ipv4_mapped() {
        return is_public_v4(inside);
    }
    let s = address.segments();
    let inside = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // Translation to IPv4 (RFC 6052), and tunnels (RFC 3056).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inside(high, low),
        [0x2002, high, low, ..] => inside(high, low),
        // Documentation (RFC 3849).
        [0x2001, 0xdb8, ..] => false,
        // Only 2000::/3 is given out (RFC 4291).
        _ => s[0] & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_ones_own_are_told_apart() {
        for public in [
            "8.8.8.8",
            "1.1.1.1",
            "100.63.0.1",
            "2606:4700::1111",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for (url, public) in [
            ("https://alerts.example/x", true),
            ("https://[::1]/x", false),
            // Written otherwise it is the same.
            ("https://0x7f.1/x", false),
            ("https://2130706433/x", false),
            ("https://localhost/x", false),
        ] {
            assert_eq!(is_public_host(&Url::parse(url).unwrap()), public, "{url}");
        }
    }

    #[tokio::test]
    async fn names_that_lead_home_are_refused() {
        let looked = PublicAddresses.resolve("localhost".parse().unwrap()).await;
        assert!(looked.is_err_and(|error| error.is::<Refused>()));
    }
}
