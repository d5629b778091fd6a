//! The reasons why a fetch fails, and who is at fault.

use std::error::Error;
use std::fmt;

use super::address::RefusedAddress;
use super::cause::without_query;
use super::url::JwksUrl;
use crate::jose::keys::KeySetError;
use crate::port::PortError;
use crate::text::Excerpt;

/// The limit on the nesting of a document. A JWK Set needs four levels, for its deepest member,
/// `x5c`.
pub(super) const MAX_DEPTH: usize = 16;

/// The reason why a fetch failed. It displays as a sentence.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// There was no response: the name does not resolve, no connection was made, or it broke off.
    Unreachable(PortError),
    /// The TLS connection failed, for example because the certificate is not trusted.
    Tls(PortError),
    /// The host has no address that the [guard](crate::jwks::AddressGuard) allows.
    Address(RefusedAddress),
    /// The name of the host was not resolved in time.
    LookUpTimeout,
    /// No address of the host accepted a connection in time.
    ConnectTimeout,
    /// The response was not complete in time.
    Timeout,
    /// The maximum number of fetches from this host was running, and none ended in time. The
    /// server's fault: the limit is its own, and the URL was not asked.
    HostBusy,
    /// The status of the response is not 200, and it is no redirect.
    Status(u16),
    /// The response is a redirect. It is not followed: the client registered another URL than the
    /// one to which its server refers.
    #[non_exhaustive]
    Redirect {
        /// The status of the response, from 300 to 399.
        status: u16,
        /// The scheme and the host of its `Location`, if it has one.
        location: Option<Box<str>>,
    },
    /// The content type of the response rules out JSON.
    #[non_exhaustive]
    ContentType {
        /// The beginning of the content type, not escaped.
        found: Box<str>,
    },
    /// The response has a content encoding, although the request did not allow one.
    #[non_exhaustive]
    ContentEncoding {
        /// The beginning of the content encoding, not escaped.
        found: Box<str>,
    },
    /// The response is nested deeper than 16 levels.
    TooDeep,
    /// The response is an object with two members of one name.
    #[non_exhaustive]
    RepeatedMember {
        /// The beginning of the name, not escaped.
        name: Box<str>,
    },
    /// The response has a string with an escape that stands for no character, or a member name
    /// that is reserved.
    Malformed,
    /// The response is not a JWK Set within the limits.
    KeySet(KeySetError),
    /// The maximum number of fetches was running, and none ended in time. The server's fault.
    Busy,
    /// There is no Tokio runtime to fetch in, or it was built without `enable_time`. The server's
    /// fault.
    NoRuntime,
    /// The fetch ended without a result: it panicked, or its runtime was shut down. The server's
    /// fault.
    Aborted,
    /// The client was [invalidated](crate::jwks::KeySetCache::invalidate) while its keys were being
    /// fetched. What it has registered may have changed, so look it up again. The server's fault.
    Superseded,
}

/// Lists the code of each kind once.
macro_rules! codes {
    ($($pattern:pat => $code:literal,)+) => {
        impl FetchError {
            /// Every [code](Self::code).
            pub const CODES: &'static [&'static str] = &[$($code),+];

            /// Returns a code that never changes, for labels: the name of the variant in snake
            /// case.
            pub const fn code(&self) -> &'static str {
                match self {
                    $($pattern => $code,)+
                }
            }
        }
    };
}

codes! {
    Self::Unreachable(_) => "unreachable",
    Self::Tls(_) => "tls",
    Self::Address(_) => "address",
    Self::LookUpTimeout => "look_up_timeout",
    Self::ConnectTimeout => "connect_timeout",
    Self::Timeout => "timeout",
    Self::HostBusy => "host_busy",
    Self::Status(_) => "status",
    Self::Redirect { .. } => "redirect",
    Self::ContentType { .. } => "content_type",
    Self::ContentEncoding { .. } => "content_encoding",
    Self::TooDeep => "too_deep",
    Self::RepeatedMember { .. } => "repeated_member",
    Self::Malformed => "malformed",
    Self::KeySet(_) => "key_set",
    Self::Busy => "busy",
    Self::NoRuntime => "no_runtime",
    Self::Aborted => "aborted",
    Self::Superseded => "superseded",
}

impl FetchError {
    /// Returns whether the authorization server is certainly at fault, and not the host that serves
    /// the key set.
    pub fn is_server_fault(&self) -> bool {
        self.is_before_asking() || matches!(self, Self::Aborted | Self::Superseded)
    }

    /// Whether the fetch ended before the host was asked for anything.
    pub(in crate::jwks) fn is_before_asking(&self) -> bool {
        matches!(self, Self::Busy | Self::HostBusy | Self::NoRuntime)
    }

    /// Hides the query of `url` in the cause, if there is one.
    pub(in crate::jwks) fn without_query(self, url: &JwksUrl) -> Self {
        match self {
            Self::Unreachable(cause) => Self::Unreachable(without_query(cause, url)),
            Self::Tls(cause) => Self::Tls(without_query(cause, url)),
            other => other,
        }
    }

    /// Whether the response means that the client no longer has keys (RFC 9110, sections 15.5.5 and
    /// 15.5.11).
    pub(in crate::jwks) fn revokes(&self) -> bool {
        matches!(self, Self::Status(404 | 410))
    }

    /// Whether nothing came back, so that the server's own network may be at fault as well.
    pub(in crate::jwks) fn is_silence(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::LookUpTimeout | Self::ConnectTimeout | Self::Timeout)
    }

    /// Whether the host was reached.
    pub(in crate::jwks) fn is_response(&self) -> bool {
        match self {
            Self::Status(_)
            | Self::Redirect { .. }
            | Self::ContentType { .. }
            | Self::ContentEncoding { .. }
            | Self::TooDeep
            | Self::RepeatedMember { .. }
            | Self::Malformed
            | Self::KeySet(_) => true,
            Self::Unreachable(_)
            | Self::Tls(_)
            | Self::Address(_)
            | Self::LookUpTimeout
            | Self::ConnectTimeout
            | Self::Timeout
            | Self::HostBusy
            | Self::Busy
            | Self::NoRuntime
            | Self::Aborted
            | Self::Superseded => false,
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(_) => f.write_str("the server could not be reached"),
            Self::Tls(_) => f.write_str("the TLS connection to the server failed"),
            Self::Address(refused) => refused.fmt(f),
            Self::LookUpTimeout => f.write_str("the name of the host was not resolved in time"),
            Self::ConnectTimeout => f.write_str("the host accepted no connection in time"),
            Self::Timeout => f.write_str("the response was not complete in time"),
            Self::HostBusy => f.write_str("too many fetches from the host are running, and none ended in time"),
            Self::Status(status) => write!(f, "the server answered with the status {status}"),
            Self::Redirect { status, location } => {
                write!(f, "the server answered with the status {status}, and redirects are not followed")?;
                match location {
                    Some(location) => write!(f, "; it refers to {}", Excerpt::new(location)),
                    None => Ok(()),
                }
            }
            Self::ContentType { found } => {
                write!(f, "the response has the content type {}, expected application/json", Excerpt::new(found))
            }
            Self::ContentEncoding { found } => {
                write!(f, "the response has the content encoding {}, expected none", Excerpt::new(found))
            }
            Self::TooDeep => write!(f, "the response is nested deeper than {MAX_DEPTH} levels"),
            Self::RepeatedMember { name } => {
                write!(f, "the response has two members {}", Excerpt::new(name))
            }
            Self::Malformed => f.write_str("the response has an escape that stands for no character"),
            Self::KeySet(error) => error.fmt(f),
            Self::Busy => f.write_str("too many key sets are being fetched"),
            Self::NoRuntime => f.write_str("there is no Tokio runtime with a timer to fetch the key set in"),
            Self::Aborted => f.write_str("the fetch of the key set was aborted"),
            Self::Superseded => f.write_str("the client was invalidated during the fetch of its key set"),
        }
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable(cause) | Self::Tls(cause) => Some(cause),
            _ => None,
        }
    }
}

impl From<RefusedAddress> for FetchError {
    fn from(refused: RefusedAddress) -> Self {
        Self::Address(refused)
    }
}

impl From<KeySetError> for FetchError {
    fn from(error: KeySetError) -> Self {
        Self::KeySet(error)
    }
}
