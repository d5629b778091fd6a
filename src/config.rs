//! What can be wrong with a configuration. Every message names the setting and the mend.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::algorithm::AlgorithmSet;

/// A configuration that does not build.
///
/// The sentence that it displays is for whoever runs the endpoint, and is no stable interface; the variants are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// No audience was given.
    NoAudience,
    /// An audience is empty, or has other characters than printable ASCII without spaces.
    InvalidAudience {
        /// The audience as it was given.
        audience: String,
    },
    /// A skew is longer than the five minutes that RFC 7519, section 4.1.4, calls "a few".
    SkewTooLarge {
        /// The name of the setting.
        setting: &'static str,
    },
    /// A duration, a count or a size is zero, so nothing could ever pass.
    Zero {
        /// The name of the setting.
        setting: &'static str,
    },
    /// A duration is not of whole seconds. Moments are compared exactly, and only whole seconds add up exactly.
    FractionOfASecond {
        /// The name of the setting.
        setting: &'static str,
    },
    /// A value is larger than the program can honour.
    TooLarge {
        /// The name of the setting.
        setting: &'static str,
        /// The largest value.
        limit: u64,
    },
    /// The policy allows no algorithm.
    NoAlgorithms,
    /// No registered key can verify any algorithm that the policy allows.
    UnmeetableAlgorithms {
        /// What the policy allows.
        allowed: AlgorithmSet,
        /// What the registered keys can verify.
        registered: AlgorithmSet,
    },
    /// A client id is empty or has other characters than printable ASCII.
    InvalidClientId {
        /// The id as it was given.
        client_id: String,
    },
    /// A client has no usable key.
    NoKeys {
        /// The client.
        client_id: String,
        /// How many keys of its set were skipped.
        skipped: usize,
    },
    /// Two clients have the same id.
    DuplicateClient {
        /// The id.
        client_id: String,
    },
    /// The client file cannot be read.
    ClientFileUnreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said; also the [source](Error::source).
        cause: Arc<io::Error>,
    },
    /// The client file is not valid JSON.
    ClientFileNotJson {
        /// The file.
        path: PathBuf,
        /// The line, counted from one.
        line: usize,
        /// The column, counted from one.
        column: usize,
    },
    /// The client file is valid JSON, and something other than an array.
    ClientFileNotAnArray {
        /// The file.
        path: PathBuf,
    },
    /// The path of the token endpoint is not an absolute path.
    InvalidPath {
        /// The path as it was given.
        path: String,
    },
    /// A text that goes into responses has a character that RFC 6749, section 5.2, does not allow there, or is empty. A URI
    /// may not have spaces either.
    InvalidText {
        /// The name of the setting.
        setting: &'static str,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAudience => f.write_str("audience: none is set; add the URL that clients put into aud"),
            Self::InvalidAudience { audience } => write!(
                f,
                "audience: {audience:?} is not printable ASCII without spaces; give the URL exactly as clients write it"
            ),
            Self::SkewTooLarge { setting } => write!(f, "{setting}: it is over 300 s; give 300 s or less"),
            Self::Zero { setting } => write!(f, "{setting}: it is zero, so nothing could pass; give a positive value"),
            Self::FractionOfASecond { setting } => {
                write!(f, "{setting}: it has a fraction of a second; give whole seconds")
            }
            Self::TooLarge { setting, limit } => write!(f, "{setting}: it is over {limit}; give {limit} or less"),
            Self::NoAlgorithms => f.write_str("algorithms: the policy allows none; allow at least one"),
            Self::UnmeetableAlgorithms { allowed, registered } => write!(
                f,
                "algorithms: the policy allows {allowed}, but the registered keys can only verify {registered}; \
                 allow one of these or register other keys"
            ),
            Self::InvalidClientId { client_id } => {
                write!(f, "client_id: {client_id:?} is empty or not printable ASCII (RFC 6749, appendix A.1)")
            }
            Self::NoKeys { client_id, skipped } => write!(
                f,
                "jwks: the client {client_id:?} has no usable key ({skipped} skipped); register a public key that verifies"
            ),
            Self::DuplicateClient { client_id } => {
                write!(f, "client_id: {client_id:?} is registered twice; give each client an id of its own")
            }
            Self::ClientFileUnreadable { path, .. } => {
                write!(f, "clients: the file {} cannot be read; check its path and permissions", path.display())
            }
            Self::ClientFileNotJson { path, line, column } => write!(
                f,
                "clients: the file {} is not valid JSON at line {line}, column {column}; mend it there",
                path.display()
            ),
            Self::ClientFileNotAnArray { path } => write!(
                f,
                "clients: the file {} is not a JSON array; write an array of RFC 7591 client metadata",
                path.display()
            ),
            Self::InvalidPath { path } => {
                write!(
                    f,
                    "path: {path:?} is not the literal path of a URI; start it with a slash, without pattern and query"
                )
            }
            Self::InvalidText { setting } => write!(
                f,
                "{setting}: it is empty or has a character that RFC 6749 does not allow; \
                 use printable ASCII without quotation marks and backslashes, and in a URI without spaces"
            ),
        }
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::ClientFileUnreadable { cause, .. } => Some(&**cause),
            _ => None,
        }
    }
}
