//! What can be wrong with the configuration of key sets by URL.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::setting::{SettingError, debug_is_display};

/// A host or a range that an [`AddressGuard`](super::AddressGuard) cannot allow.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// Not the name of a host, or a name with a scheme, a port or a wildcard.
    #[non_exhaustive]
    InvalidHost {
        /// The host that was given.
        value: String,
    },
    /// Neither a range of addresses nor one address.
    #[non_exhaustive]
    InvalidRange {
        /// The range that was given.
        value: String,
    },
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidHost { value } => {
                write!(f, "allow_host: {value:?} is not the name of a host; write, for example, keys.example")
            }
            Self::InvalidRange { value } => write!(
                f,
                "allow_range: {value:?} is not a range of addresses; write, for example, 10.20.0.0/16 or \
                 fd12:3456::/32"
            ),
        }
    }
}

impl Error for AddressError {}

debug_is_display!(AddressError);

/// Root certificates that a [`HyperFetch`](super::HyperFetch) cannot use.
#[cfg(feature = "jwks-client")]
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetcherError {
    /// There is no root certificate at all.
    #[non_exhaustive]
    NoRootCertificates {
        /// Why there is none.
        why: String,
    },
    /// A root certificate is not one.
    #[non_exhaustive]
    InvalidRootCertificate {
        /// What rustls reported.
        why: String,
    },
    /// The TLS client cannot be configured.
    #[non_exhaustive]
    Tls {
        /// What rustls reported.
        why: String,
    },
}

#[cfg(feature = "jwks-client")]
impl fmt::Display for FetcherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRootCertificates { why } => write!(
                f,
                "root certificates: none found ({why}); install those of the platform, give your own, or use \
                 with_webpki_roots()"
            ),
            Self::InvalidRootCertificate { why } => {
                write!(f, "root certificates: one is not valid ({why}); give each as one certificate in DER")
            }
            Self::Tls { why } => write!(f, "TLS: the client cannot be configured ({why})"),
        }
    }
}

#[cfg(feature = "jwks-client")]
impl Error for FetcherError {}

#[cfg(feature = "jwks-client")]
debug_is_display!(FetcherError);

/// Settings with which a [`KeySetCache`](super::KeySetCache) does not build.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySetCacheError {
    /// A setting has a value that it cannot have.
    Setting(SettingError),
    /// The longest freshness is shorter than the shortest.
    #[non_exhaustive]
    FreshnessReversed {
        /// The shortest freshness.
        shortest: Duration,
        /// The longest freshness.
        longest: Duration,
    },
}

impl fmt::Display for KeySetCacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(error) => error.fmt(f),
            Self::FreshnessReversed { shortest, longest } => write!(
                f,
                "fresh_between: the longest freshness, {longest:?}, is shorter than the shortest, {shortest:?}; swap them"
            ),
        }
    }
}

impl Error for KeySetCacheError {}

impl From<SettingError> for KeySetCacheError {
    fn from(error: SettingError) -> Self {
        Self::Setting(error)
    }
}

debug_is_display!(KeySetCacheError);
