//! Errors in registered clients.

use std::error::Error;
use std::fmt;

use super::id::InvalidClientId;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jwks::UrlError;
use crate::setting::debug_is_display;
use crate::text::Excerpt;

/// A client that cannot be registered.
///
/// The sentence that it displays may change between releases; the variants do not.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// The client id is empty or has characters other than printable ASCII (RFC 6749, appendix
    /// A.1).
    #[non_exhaustive]
    InvalidId {
        /// The id that was given.
        client_id: String,
    },
    /// Two clients have the same id.
    #[non_exhaustive]
    Duplicate {
        /// The id.
        client_id: String,
    },
    /// The client has no usable key.
    #[non_exhaustive]
    NoKeys {
        /// The client.
        client_id: String,
        /// How many keys of its set were skipped.
        skipped: usize,
        /// Why, for the first of them.
        reasons: String,
    },
    /// The client registered an algorithm that neither its keys nor its secret can verify.
    #[non_exhaustive]
    SigningAlg {
        /// The client.
        client_id: String,
        /// The algorithm.
        algorithm: Algorithm,
        /// What its keys or its secret can verify.
        usable: AlgorithmSet,
    },
    /// Keys may not be fetched from the client's key set URL.
    #[non_exhaustive]
    KeySetUrl {
        /// The client.
        client_id: String,
        /// What is wrong with the URL.
        error: UrlError,
    },
    /// The metadata of the client cannot be used (RFC 7591, section 2).
    #[non_exhaustive]
    Metadata {
        /// The client, if its id could be read.
        client_id: Option<String>,
        /// The member that is wrong.
        member: &'static str,
        /// Why. It contains no secret and no key material.
        why: String,
    },
}

impl From<InvalidClientId> for ClientError {
    fn from(invalid: InvalidClientId) -> Self {
        Self::InvalidId { client_id: invalid.client_id().to_owned() }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidId { client_id } => write!(
                f,
                "client_id: {} is not valid; use printable ASCII, at least one character (RFC 6749, appendix A.1)",
                Excerpt::new(client_id)
            ),
            Self::Duplicate { client_id } => {
                write!(f, "client_id: {client_id:?} is registered twice; give each client a different id")
            }
            Self::NoKeys { client_id, skipped, reasons } => write!(
                f,
                "jwks: the client {client_id:?} has no usable key ({skipped} skipped); register a public key for \
                 signatures{reasons}"
            ),
            Self::SigningAlg { client_id, algorithm, usable } => write!(
                f,
                "token_endpoint_auth_signing_alg: the client {client_id:?} registered {algorithm}, but its keys or \
                 secret can only verify {usable}; register one of these or another key"
            ),
            Self::KeySetUrl { client_id, error } => {
                write!(f, "jwks_uri: keys of the client {client_id:?} may not be fetched from its URL: {error}")
            }
            Self::Metadata { client_id: Some(client_id), member, why } => {
                write!(f, "{member}: the client {}: {why}", Excerpt::new(client_id))
            }
            Self::Metadata { client_id: None, member, why } => write!(f, "{member}: {why}"),
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::KeySetUrl { error, .. } => error.source(),
            _ => None,
        }
    }
}

debug_is_display!(ClientError);
