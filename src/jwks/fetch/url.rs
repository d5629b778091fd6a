//! The URL of a key set, judged when it is registered.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use http::Uri;

use super::guard::RefusedAddress;

/// The URL of a client's key set: `jwks_uri` (RFC 7591, section 2). Cheap to clone.
///
/// ```
/// use tower_client_assertion::jwks::{JwksUrl, UrlError};
///
/// let url = JwksUrl::parse("https://clinic.example/keys")?;
/// assert_eq!(url.host(), "clinic.example");
///
/// assert_eq!(JwksUrl::parse("https://me:secret@clinic.example/keys"), Err(UrlError::UserInfo));
/// # Ok::<(), UrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksUrl(Arc<Parts>);

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    text: Box<str>,
    uri: Uri,
    host: Box<str>,
}

impl JwksUrl {
    /// The longest URL: 2048 bytes.
    pub const MAX_LEN: usize = 2048;

    /// Reads an absolute `https` or `http` URL. Whether plain `http` is allowed is for the
    /// [`AddressGuard`](super::AddressGuard) to say.
    ///
    /// # Errors
    ///
    /// It is no such URL, is too long, or has a user name, a password or a fragment.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > Self::MAX_LEN {
            return Err(UrlError::TooLong);
        }
        // The parser drops fragments without a word.
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

    /// The URL as it was registered, byte for byte.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The URL, parsed.
    pub fn uri(&self) -> &Uri {
        &self.0.uri
    }

    /// Its host in lower case, without the brackets around an IPv6 address.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.uri.scheme_str() == Some("https")
    }

    /// The address that the host is, where it is no name.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.0.host.parse().ok()
    }
}

impl fmt::Display for JwksUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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

/// Letters, digits, hyphens and underscores between periods. A name that ends in a number is none: resolvers take `127.1`,
/// `2130706433` and `0x7f.1` for addresses.
pub(crate) fn is_host_name(host: &str) -> bool {
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

/// Why a URL cannot be one of a key set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// Not an absolute URL.
    Malformed,
    /// Longer than [`JwksUrl::MAX_LEN`].
    TooLong,
    /// Neither `https` nor `http`.
    Scheme,
    /// `http`, which nobody has allowed.
    PlainHttp,
    /// A user name or a password, which would be sent to whoever answers.
    UserInfo,
    /// A fragment, which is never sent, so that the URL says more than it does.
    Fragment,
    /// No host, one that is neither a name nor an address in its usual form, or a port out of range.
    Host,
    /// A host that is an address which may not be connected to.
    Address(RefusedAddress),
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("it is not an absolute URL; write https://host/path"),
            Self::TooLong => write!(f, "it is longer than {} bytes", JwksUrl::MAX_LEN),
            Self::Scheme => f.write_str("its scheme is not https"),
            Self::PlainHttp => f.write_str("its scheme is http, which is not allowed; use https"),
            Self::UserInfo => f.write_str("it has a user name or a password; leave them out"),
            Self::Fragment => f.write_str("it has a fragment; leave it out"),
            Self::Host => f.write_str("its host is neither a name nor a plain address, or its port is out of range"),
            Self::Address(refused) => write!(f, "{refused}; allow the host or its range if it is one of yours"),
        }
    }
}

impl Error for UrlError {}
