//! Errors in registered clients, and in the file that lists them.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::identity::InvalidClientId;
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

/// A client file that cannot be loaded.
///
/// The sentence that it displays may change between releases; the variants do not.
#[derive(Clone)]
#[non_exhaustive]
pub enum ClientFileError {
    /// The file cannot be read.
    #[non_exhaustive]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system reported; also the [source](Error::source).
        cause: Arc<io::Error>,
    },
    /// The file is not valid JSON.
    #[non_exhaustive]
    NotJson {
        /// The file.
        path: PathBuf,
        /// The line, counted from one.
        line: usize,
        /// The column, counted from one.
        column: usize,
    },
    /// The file is in UTF-16. JSON is written in UTF-8 (RFC 8259, section 8.1).
    #[non_exhaustive]
    Utf16 {
        /// The file.
        path: PathBuf,
    },
    /// The file is valid JSON, but not an array.
    #[non_exhaustive]
    NotAnArray {
        /// The file.
        path: PathBuf,
    },
}

impl fmt::Display for ClientFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, .. } => {
                write!(f, "client file {}: cannot be read; check its path and permissions", path.display())
            }
            Self::NotJson { path, line, column } => write!(
                f,
                "client file {}: invalid JSON at line {line}, column {column}; correct it there",
                path.display()
            ),
            Self::Utf16 { path } => write!(f, "client file {}: in UTF-16; save it in UTF-8", path.display()),
            Self::NotAnArray { path } => write!(
                f,
                "client file {}: not a JSON array; write an array of client metadata (RFC 7591, section 2)",
                path.display()
            ),
        }
    }
}

impl Error for ClientFileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreadable { cause, .. } => Some(&**cause),
            Self::NotJson { .. } | Self::Utf16 { .. } | Self::NotAnArray { .. } => None,
        }
    }
}

debug_is_display!(ClientFileError);
