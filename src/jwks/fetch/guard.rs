//! The hosts and addresses that a fetch may connect to. An address is checked when the fetcher
//! connects, and the fetcher connects to exactly that address.
//!
//! A client that registers a URL makes the server send a request. If every address were allowed, a
//! client could have the server call the cloud's metadata service or a service on loopback (RFC
//! 8725, section 3.10). Judging the *name* is not enough: it may resolve to another address a
//! moment later.

use std::net::IpAddr;

use ipnet::IpNet;

use super::address::{RefusedAddress, check_public, unwrapped};
use super::config_error::AddressError;
use super::url::{JwksUrl, UrlError, is_host_name};
use crate::loosening::risk;

/// Which hosts and addresses key sets may be fetched from.
///
/// The default allows public addresses over `https`. Allow hosts of a private network by name or by
/// range:
///
/// ```
/// use tower_client_assertion::jwks::{AddressError, AddressGuard};
///
/// let guard = AddressGuard::default()
///     .allow_host("keys.internal")?
///     .allow_range("10.20.0.0/16")?;
/// let judge = |host, address: &str| {
///     guard.judge(host, address.parse().unwrap())
/// };
///
/// assert!(judge("clinic.example", "1.1.1.1").is_ok());
/// assert!(judge("clinic.example", "10.20.3.4").is_ok());
/// assert!(judge("keys.internal", "192.168.1.1").is_ok());
///
/// let refused = judge("clinic.example", "::ffff:127.0.0.1").unwrap_err();
/// assert_eq!(refused.to_string(), "the address 127.0.0.1 is loopback");
/// # Ok::<(), AddressError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct AddressGuard {
    hosts: Vec<Box<str>>,
    ranges: Vec<IpNet>,
    http_hosts: Vec<Box<str>>,
    http_anywhere: bool,
}

impl AddressGuard {
    /// Allows a host at any address. The whole name is compared, ignoring case; a
    /// subdomain is another host.
    ///
    #[doc = risk!(AllowHost)]
    ///
    /// # Errors
    ///
    /// The text is not the name of a host, or has a scheme, a port or a wildcard.
    pub fn allow_host(mut self, host: &str) -> Result<Self, AddressError> {
        if !is_host_name(host) {
            return Err(AddressError::InvalidHost { value: host.to_owned() });
        }
        self.hosts.push(host.to_ascii_lowercase().into());
        Ok(self)
    }

    /// Allows a range of addresses such as `10.20.0.0/16` or `fd12:3456::/32`, or a single address.
    ///
    #[doc = risk!(AllowRange)]
    ///
    /// # Errors
    ///
    /// The text is neither.
    pub fn allow_range(mut self, range: &str) -> Result<Self, AddressError> {
        let single = |_| range.parse().map(|address: IpAddr| IpNet::from(address));
        let parsed = range.parse().or_else(single);
        self.ranges.push(parsed.map_err(|_| AddressError::InvalidRange { value: range.to_owned() })?);
        Ok(self)
    }

    /// Allows plain `http` for one host: a name, or an address. The whole name is compared,
    /// ignoring case. Its addresses are judged as before; allow them by
    /// [`allow_host`](Self::allow_host) or [`allow_range`](Self::allow_range).
    ///
    #[doc = risk!(AllowHttpFor)]
    ///
    /// # Errors
    ///
    /// The text is neither the name of a host nor an address, or has a scheme, a port or a
    /// wildcard.
    pub fn allow_http_for(mut self, host: &str) -> Result<Self, AddressError> {
        let address = host.parse::<IpAddr>().map(|address| address.to_string());
        let name = address.or_else(|_| match is_host_name(host) {
            true => Ok(host.to_ascii_lowercase()),
            false => Err(AddressError::InvalidHttpHost { value: host.to_owned() }),
        });
        self.http_hosts.push(name?.into());
        Ok(self)
    }

    /// Allows plain `http` for every host, for a server and clients that are tried out on one
    /// machine. Prefer [`allow_http_for`](Self::allow_http_for).
    ///
    #[doc = risk!(AllowHttp)]
    #[must_use]
    pub fn allow_http(mut self) -> Self {
        self.http_anywhere = true;
        self
    }

    /// Returns the hosts that are allowed at any address.
    pub(crate) fn hosts(&self) -> &[Box<str>] {
        &self.hosts
    }

    /// Returns the allowed ranges of addresses, as text.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = String> {
        self.ranges.iter().map(IpNet::to_string)
    }

    /// Returns the hosts that are allowed plain `http`.
    pub(crate) fn http_hosts(&self) -> &[Box<str>] {
        &self.http_hosts
    }

    /// Returns whether every host is allowed plain `http`.
    pub(crate) fn allows_http(&self) -> bool {
        self.http_anywhere
    }

    /// Judges whether a fetch may connect to `address`, which `host` resolved to. An IPv4 address
    /// inside an IPv6 one, mapped or behind a NAT64, is judged as the IPv4 address.
    ///
    /// # Errors
    ///
    /// The address is not public, and neither it nor the host is allowed.
    pub fn judge(&self, host: &str, address: IpAddr) -> Result<(), RefusedAddress> {
        let plain = unwrapped(address);
        let allowed = self.ranges.iter().any(|range| range.contains(&address) || range.contains(&plain));
        if allowed || self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)) {
            return Ok(());
        }
        check_public(plain)
    }

    /// Judges whether a key set may be fetched from `url`. A host that is an address is judged here
    /// as well, before any fetch. A name is judged only when a fetch connects.
    ///
    /// # Errors
    ///
    /// The URL is plain `http` and its host is not allowed that, or its host is a refused address.
    pub fn judge_url(&self, url: &JwksUrl) -> Result<(), UrlError> {
        let may_be_http = || self.http_anywhere || self.http_hosts.iter().any(|host| **host == *url.host());
        if !url.is_https() && !may_be_http() {
            return Err(UrlError::PlainHttp);
        }
        match url.address() {
            Some(address) => self.judge(url.host(), address).map_err(UrlError::Address),
            None => Ok(()),
        }
    }
}
