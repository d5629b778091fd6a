//! Errors in the configuration of fetching.

use std::error::Error;
use std::fmt;

use crate::setting::debug_is_display;

/// The reason why an [`AddressGuard`](crate::jwks::AddressGuard) does not accept a host or a range.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// Not the name of a host, or a name with a scheme, a port or a wildcard.
    #[non_exhaustive]
    InvalidHost {
        /// The host that was given.
        value: String,
    },
    /// Neither the name of a host nor an address, or one with a scheme, a port or a wildcard.
    #[non_exhaustive]
    InvalidHttpHost {
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
            Self::InvalidHttpHost { value } => write!(
                f,
                "allow_http_for: {value:?} is neither the name of a host nor an address; write, for example, \
                 keys.internal or 127.0.0.1"
            ),
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

/// The reason why a [`HyperFetch`](crate::jwks::HyperFetch) does not accept its root certificates.
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
    /// A root certificate is not valid.
    #[non_exhaustive]
    InvalidRootCertificate {
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
        }
    }
}

#[cfg(feature = "jwks-client")]
impl Error for FetcherError {}

#[cfg(feature = "jwks-client")]
debug_is_display!(FetcherError);
