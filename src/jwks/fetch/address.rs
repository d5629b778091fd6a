//! Which addresses are not public, and why.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// An address that must not be connected to, with the reason. It displays as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedAddress {
    address: IpAddr,
    why: &'static str,
}

impl RefusedAddress {
    /// Returns the address.
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

impl fmt::Display for RefusedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the address {} {}", self.address, self.why)
    }
}

impl Error for RefusedAddress {}

/// Refuses an address that is not public. An IPv4 address inside an IPv6 one must be
/// [`unwrapped`] first.
pub(super) fn check_public(address: IpAddr) -> Result<(), RefusedAddress> {
    let why = match address {
        IpAddr::V4(v4) => REFUSED_V4.iter().find(|(range, _)| range.contains(&v4)).map(|(_, why)| *why),
        IpAddr::V6(v6) => {
            let named = REFUSED_V6.iter().find(|(range, _)| range.contains(&v6)).map(|(_, why)| *why);
            named.or((!GLOBAL_V6.contains(&v6)).then_some("is outside the global unicast range"))
        }
    };
    why.map_or(Ok(()), |why| Err(RefusedAddress { address, why }))
}

/// Returns the IPv4 address inside an IPv6 one: mapped (RFC 4291, section 2.5.5.2), or behind a
/// NAT64 (RFC 6052, section 2.1).
pub(super) fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        _ => address,
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

const DOCUMENTATION: &str = "is for documentation only";
const LINK_LOCAL: &str = "is link-local, where clouds keep their metadata";
const LOOPBACK: &str = "is loopback";
const MULTICAST: &str = "is multicast";
const PRIVATE: &str = "is private";
const PROTOCOLS: &str = "is reserved for protocols";
const TUNNEL: &str = "belongs to a tunnelling range";
const UNSPECIFIED: &str = "is unspecified";

/// The IANA special-purpose registry of IPv4 (RFC 6890), multicast, and a metadata address that
/// lies among public ones.
const REFUSED_V4: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), UNSPECIFIED),
    (v4(10, 0, 0, 0, 8), PRIVATE),
    (v4(100, 64, 0, 0, 10), "belongs to the shared range of carriers"),
    (v4(127, 0, 0, 0, 8), LOOPBACK),
    (v4(168, 63, 129, 16, 32), "is a cloud's metadata service"),
    (v4(169, 254, 0, 0, 16), LINK_LOCAL),
    (v4(172, 16, 0, 0, 12), PRIVATE),
    (v4(192, 0, 0, 0, 24), PROTOCOLS),
    (v4(192, 0, 2, 0, 24), DOCUMENTATION),
    (v4(192, 88, 99, 0, 24), TUNNEL),
    (v4(192, 168, 0, 0, 16), PRIVATE),
    (v4(198, 18, 0, 0, 15), "is for benchmarks only"),
    (v4(198, 51, 100, 0, 24), DOCUMENTATION),
    (v4(203, 0, 113, 0, 24), DOCUMENTATION),
    (v4(224, 0, 0, 0, 4), MULTICAST),
    (v4(240, 0, 0, 0, 4), "is reserved"),
];

/// Everything that IPv6 assigns for global use (RFC 4291, section 2.4).
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

/// Ranges outside [`GLOBAL_V6`] that have a name, and ranges inside it that are not public.
const REFUSED_V6: &[(Ipv6Net, &str)] = &[
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), LOOPBACK),
    (Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128), UNSPECIFIED),
    (v6(0x64, 0xff9b, 1, 48), "belongs to a local NAT64"),
    (v6(0x2001, 0, 0, 23), PROTOCOLS),
    (v6(0x2001, 0xdb8, 0, 32), DOCUMENTATION),
    (v6(0x2002, 0, 0, 16), TUNNEL),
    (v6(0x3fff, 0, 0, 20), DOCUMENTATION),
    (v6(0xfc00, 0, 0, 7), "is unique local"),
    (v6(0xfe80, 0, 0, 10), LINK_LOCAL),
    (v6(0xfec0, 0, 0, 10), PRIVATE),
    (v6(0xff00, 0, 0, 8), MULTICAST),
];
