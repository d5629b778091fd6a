//! Where a fetch may go: an address is judged when it is connected to, and the one that was judged is connected to.
//!
//! A URL that a client registers is a request that we are made to send. Were every address allowed, a client could have us
//! ask the cloud's metadata service, or whatever listens on loopback (RFC 8725, section 3.10). Judging the *name* would not
//! do: a name may answer with another address a moment later.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::url::{JwksUrl, UrlError, is_host_name};
use crate::jwks::AddressError;

/// Which hosts and addresses key sets may be fetched from.
///
/// By default those that are public, over `https`. Hosts of your own network are allowed by name or by range:
///
/// ```
/// use tower_client_assertion::jwks::AddressGuard;
///
/// let guard = AddressGuard::default().allow_host("keys.internal")?.allow_range("10.20.0.0/16")?;
/// let judge = |host, address: &str| guard.judge(host, address.parse().unwrap());
///
/// assert!(judge("clinic.example", "1.1.1.1").is_ok());
/// assert!(judge("clinic.example", "10.20.3.4").is_ok());
/// assert!(judge("keys.internal", "192.168.1.1").is_ok());
///
/// let refused = judge("clinic.example", "::ffff:169.254.169.254").unwrap_err();
/// assert_eq!(refused.to_string(), "the address 169.254.169.254 is link-local, where clouds keep their metadata");
/// # Ok::<(), tower_client_assertion::jwks::AddressError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct AddressGuard {
    hosts: Vec<Box<str>>,
    ranges: Vec<IpNet>,
    http: bool,
}

impl AddressGuard {
    /// Allows this host, whatever its name resolves to. Compared as a whole and without regard to case; a subdomain is
    /// another host.
    ///
    /// # Errors
    ///
    /// It is not the name of a host, or has a scheme, a port or a wildcard.
    pub fn allow_host(mut self, host: &str) -> Result<Self, AddressError> {
        if !is_host_name(host) {
            return Err(AddressError::InvalidHost { value: host.to_owned() });
        }
        self.hosts.push(host.to_ascii_lowercase().into());
        Ok(self)
    }

    /// Allows the addresses of a range such as `10.20.0.0/16` or `fd12:3456::/32`, or one address.
    ///
    /// # Errors
    ///
    /// It is neither.
    pub fn allow_range(mut self, range: &str) -> Result<Self, AddressError> {
        let single = |_| range.parse().map(|address: IpAddr| IpNet::from(address));
        let parsed = range.parse().or_else(single);
        self.ranges.push(parsed.map_err(|_| AddressError::InvalidRange { value: range.to_owned() })?);
        Ok(self)
    }

    /// Allows plain `http`. Whoever sits between us and the client's server can then authenticate as that client.
    #[must_use]
    pub fn allow_http(mut self) -> Self {
        self.http = true;
        self
    }

    /// Whether `address`, at which `host` was found, may be connected to.
    ///
    /// # Errors
    ///
    /// It may not. IPv4 addresses inside of IPv6 ones, mapped or of NAT64, are judged as what they are.
    pub fn judge(&self, host: &str, address: IpAddr) -> Result<(), RefusedAddress> {
        let plain = unwrapped(address);
        let allowed = self.ranges.iter().any(|range| range.contains(&address) || range.contains(&plain));
        if allowed || self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)) {
            return Ok(());
        }
        match refusal(plain) {
            Some(why) => Err(RefusedAddress { address: plain, why }),
            None => Ok(()),
        }
    }

    /// Whether a key set may be fetched from `url` at all. A host that is an address is judged here too, before anything is
    /// fetched; a name only when it is connected to.
    ///
    /// # Errors
    ///
    /// It is plain `http`, or its host is an address that is refused.
    pub fn admit(&self, url: &JwksUrl) -> Result<(), UrlError> {
        if !url.is_https() && !self.http {
            return Err(UrlError::PlainHttp);
        }
        match url.address() {
            Some(address) => self.judge(url.host(), address).map_err(UrlError::Address),
            None => Ok(()),
        }
    }
}

/// An address that may not be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedAddress {
    address: IpAddr,
    why: &'static str,
}

impl RefusedAddress {
    /// The address.
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

impl fmt::Display for RefusedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the address {} is {}", self.address, self.why)
    }
}

impl Error for RefusedAddress {}

/// The IPv4 address inside of an IPv6 one: mapped (RFC 4291, section 2.5.5.2), or behind a NAT64 (RFC 6052, section 2.1).
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        _ => address,
    }
}

fn refusal(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => REFUSED_V4.iter().find(|(range, _)| range.contains(&v4)).map(|(_, why)| *why),
        IpAddr::V6(v6) => {
            let named = REFUSED_V6.iter().find(|(range, _)| range.contains(&v6)).map(|(_, why)| *why);
            named.or((!GLOBAL_V6.contains(&v6)).then_some("outside of the global unicast range"))
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

const DOCUMENTATION: &str = "for documentation only";
const LINK_LOCAL: &str = "link-local, where clouds keep their metadata";
const LOOPBACK: &str = "loopback";
const MULTICAST: &str = "multicast";
const PRIVATE: &str = "private";
const TUNNEL: &str = "of a tunnel to some other address";

/// The IANA special-purpose registry of IPv4 (RFC 6890), multicast, and one metadata address that lies among public ones.
const REFUSED_V4: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "unspecified"),
    (v4(10, 0, 0, 0, 8), PRIVATE),
    (v4(100, 64, 0, 0, 10), "of a carrier's shared range"),
    (v4(127, 0, 0, 0, 8), LOOPBACK),
    (v4(168, 63, 129, 16, 32), "a cloud's metadata service"),
    (v4(169, 254, 0, 0, 16), LINK_LOCAL),
    (v4(172, 16, 0, 0, 12), PRIVATE),
    (v4(192, 0, 0, 0, 24), "reserved for protocols"),
    (v4(192, 0, 2, 0, 24), DOCUMENTATION),
    (v4(192, 88, 99, 0, 24), TUNNEL),
    (v4(192, 168, 0, 0, 16), PRIVATE),
    (v4(198, 18, 0, 0, 15), "for benchmarks only"),
    (v4(198, 51, 100, 0, 24), DOCUMENTATION),
    (v4(203, 0, 113, 0, 24), DOCUMENTATION),
    (v4(224, 0, 0, 0, 4), MULTICAST),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// All that IPv6 has given out for global use (RFC 4291, section 2.4).
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

/// What lies outside of [`GLOBAL_V6`] and has a name, and what lies inside and is not public.
const REFUSED_V6: &[(Ipv6Net, &str)] = &[
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), LOOPBACK),
    (Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128), "unspecified"),
    (v6(0x64, 0xff9b, 1, 48), "of a local NAT64"),
    (v6(0x2001, 0, 0, 23), "reserved for protocols"),
    (v6(0x2001, 0xdb8, 0, 32), DOCUMENTATION),
    (v6(0x2002, 0, 0, 16), TUNNEL),
    (v6(0x3fff, 0, 0, 20), DOCUMENTATION),
    (v6(0xfc00, 0, 0, 7), "unique local"),
    (v6(0xfe80, 0, 0, 10), LINK_LOCAL),
    (v6(0xfec0, 0, 0, 10), PRIVATE),
    (v6(0xff00, 0, 0, 8), MULTICAST),
];
