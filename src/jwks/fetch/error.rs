//! Why a key set could not be had, and whose fault that is.

use std::error::Error;
use std::fmt;

use super::guard::RefusedAddress;
use crate::jose::keys::KeySetError;
use crate::port::PortError;

/// Why a fetch brought no key set.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// Nobody answered: the name does not resolve, no connection came about, or it broke off.
    Unreachable(PortError),
    /// The server could not prove with TLS to be the one that was asked for.
    Tls(PortError),
    /// The host has no address that may be connected to.
    Address(RefusedAddress),
    /// The answer was not complete in time.
    Timeout,
    /// The status of the answer is not 200. Redirects are not followed.
    Status(u16),
    /// The answer says that it is something other than JSON.
    ContentType,
    /// The answer is compressed, which nobody has asked for.
    ContentEncoding,
    /// The answer is not JSON, has a member twice, or is nested deeper than 16 levels.
    Malformed,
    /// The answer is no JWK Set within the limits.
    KeySet(KeySetError),
    /// As many fetches as are allowed at a time were under way, and there was no turn for this one. Our fault.
    Busy,
    /// There is no Tokio runtime to fetch in. Our fault.
    NoRuntime,
    /// The fetch ended without a result: it panicked, or its runtime was shut down. Our fault.
    Aborted,
}

impl FetchError {
    /// Whether it is certainly our fault and not that of the client's server.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Busy | Self::NoRuntime | Self::Aborted)
    }

    /// Whether the client says that it has no keys any more (RFC 9110, sections 15.5.5 and 15.5.11).
    pub(crate) fn revokes(&self) -> bool {
        matches!(self, Self::Status(404 | 410))
    }

    /// Whether nothing came back, which may as well be the fault of our own network.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Timeout)
    }

    /// Whether the host was reached.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self, Self::Status(_) | Self::ContentType | Self::ContentEncoding | Self::Malformed | Self::KeySet(_))
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(_) => f.write_str("the server could not be reached"),
            Self::Tls(_) => f.write_str("the server could not prove its name by TLS"),
            Self::Address(refused) => refused.fmt(f),
            Self::Timeout => f.write_str("the answer did not come in time"),
            Self::Status(status) => write!(f, "the server answered with the status {status}"),
            Self::ContentType => f.write_str("the content type of the answer is not that of JSON"),
            Self::ContentEncoding => f.write_str("the answer is compressed"),
            Self::Malformed => f.write_str("the answer is not well-formed JSON of at most 16 levels"),
            Self::KeySet(error) => error.fmt(f),
            Self::Busy => f.write_str("too many key sets are being fetched"),
            Self::NoRuntime => f.write_str("there is no Tokio runtime to fetch the key set in"),
            Self::Aborted => f.write_str("the fetch of the key set was aborted"),
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

/// A source has no keys that may be used: none were ever fetched, or they are gone or too old.
#[derive(Clone, Debug)]
pub struct KeysUnavailable {
    pub(crate) error: FetchError,
    pub(crate) ours: bool,
}

impl KeysUnavailable {
    /// How the last fetch failed.
    pub fn error(&self) -> &FetchError {
        &self.error
    }

    /// Whether it is our fault, so that the client is told to come again (503), and not the fault of the client, whose
    /// server did not deliver.
    pub fn is_ours(&self) -> bool {
        self.ours
    }
}

impl fmt::Display for KeysUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client's key set could not be retrieved")
    }
}

impl Error for KeysUnavailable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
