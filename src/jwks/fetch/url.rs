//! The URL of a key set, judged when it is registered.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use http::Uri;

use super::address::RefusedAddress;
use crate::setting::debug_is_display;

/// The URL of a client's key set: `jwks_uri` (RFC 7591, section 2). Cheap to clone.
///
/// `Display` writes it as it was registered. `Debug` leaves its query out, which may hold a secret.
///
/// ```
/// use tower_client_assertion::jwks::{JwksUrl, UrlError};
///
/// let url = JwksUrl::parse("https://clinic.example/keys")?;
/// assert_eq!(url.host(), "clinic.example");
///
/// let with_user = JwksUrl::parse("https://me@clinic.example/keys");
/// assert_eq!(with_user, Err(UrlError::UserInfo));
/// # Ok::<(), UrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct JwksUrl(Arc<Parts>);

#[derive(PartialEq, Eq)]
struct Parts {
    text: Box<str>,
    uri: Uri,
    host: Box<str>,
}

impl JwksUrl {
    /// The maximum length of a URL: 2048 bytes.
    pub const MAX_LEN: usize = 2048;

    /// Parses an absolute `https` or `http` URL. The [`AddressGuard`](crate::jwks::AddressGuard)
    /// decides later whether plain `http` is allowed.
    ///
    /// # Errors
    ///
    /// The text is not such a URL, is too long, or has a user name, a password or a fragment.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > Self::MAX_LEN {
            return Err(UrlError::TooLong);
        }
        // The parser would drop a fragment silently.
        if text.contains('#') {
            return Err(UrlError::Fragment);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Malformed)?;
        if !matches!(uri.scheme_str().ok_or(UrlError::Malformed)?, "https" | "http") {
            return Err(UrlError::Scheme);
        }
        let authority = uri.authority().ok_or(UrlError::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::UserInfo);
        }
        let host = plain_host(authority.host()).ok_or(UrlError::Host)?;
        let port = authority.as_str().rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
        if port.is_some_and(|(_, port)| !matches!(port.parse(), Ok(1..=u16::MAX))) {
            return Err(UrlError::Host);
        }
        Ok(Self(Arc::new(Parts { text: text.into(), uri, host })))
    }

    /// Returns the URL as it was registered, byte for byte.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Returns the URL up to its query, for logs: a query may hold a secret.
    pub fn without_query(&self) -> &str {
        self.as_str().split_once('?').map_or(self.as_str(), |(before, _)| before)
    }

    /// Returns the parsed URL.
    pub fn uri(&self) -> &Uri {
        &self.0.uri
    }

    /// Returns the host in lower case, without the brackets around an IPv6 address.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.uri.scheme_str() == Some("https")
    }

    /// Returns the host's address if the host is written as one.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.0.host.parse().ok()
    }
}

impl FromStr for JwksUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

impl AsRef<str> for JwksUrl {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for JwksUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for JwksUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = if self.uri().query().is_some() { "?.." } else { "" };
        f.debug_tuple("JwksUrl").field(&format_args!("{}{query}", self.without_query())).finish()
    }
}

fn plain_host(host: &str) -> Option<Box<str>> {
    if let Some(literal) = host.strip_prefix('[') {
        let address: Ipv6Addr = literal.strip_suffix(']')?.parse().ok()?;
        return Some(address.to_string().into());
    }
    let known = is_host_name(host) || host.parse::<Ipv4Addr>().is_ok();
    known.then(|| host.to_ascii_lowercase().into())
}

/// Whether `host` consists of letters, digits, hyphens and underscores between periods, and does
/// not end in a number: resolvers read `127.1`, `2130706433` and `0x7f.1` as addresses.
pub(super) fn is_host_name(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut labels = host.strip_suffix('.').unwrap_or(host).split('.');
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
    let is_number = |label: &str| {
        let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
        hex.map_or(label.bytes().all(|byte| byte.is_ascii_digit()), |digits| {
            digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    host.len() <= 253 && labels.clone().all(is_label) && labels.next_back().is_some_and(|last| !is_number(last))
}

/// The reason why a text cannot be the URL of a key set.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// Not an absolute URL.
    Malformed,
    /// Longer than [`JwksUrl::MAX_LEN`].
    TooLong,
    /// Neither `https` nor `http`.
    Scheme,
    /// `http`, which the [`AddressGuard`](crate::jwks::AddressGuard) does not allow.
    PlainHttp,
    /// A user name or a password, which would be sent to any server that answers.
    UserInfo,
    /// A fragment. It is never sent, so it can only be a mistake.
    Fragment,
    /// No host, a host that is neither a name nor an address in its usual form, or a port out of
    /// range.
    Host,
    /// A host that is written as an address that the [`AddressGuard`](crate::jwks::AddressGuard)
    /// refuses.
    Address(RefusedAddress),
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("it is not an absolute URL; write https://host/path"),
            Self::TooLong => write!(f, "it is longer than {} bytes", JwksUrl::MAX_LEN),
            Self::Scheme => f.write_str("its scheme is not https"),
            Self::PlainHttp => f.write_str("its scheme is http, which is not allowed; use https"),
            Self::UserInfo => f.write_str("it has a user name or a password; remove them"),
            Self::Fragment => f.write_str("it has a fragment; remove it"),
            Self::Host => f.write_str("its host is neither a name nor a plain address, or its port is out of range"),
            Self::Address(refused) => write!(f, "{refused}; allow the host or its range if it is yours"),
        }
    }
}

impl Error for UrlError {}

debug_is_display!(UrlError);
