//! What can be wrong with a configuration. Every message names the setting and the mend.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jwks::UrlError;
#[cfg(feature = "redis")]
use crate::port::PortError;

/// A configuration that does not build.
///
/// The sentence that it displays is for whoever runs the endpoint, and is no stable interface; the variants are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The rules of a policy, each of which may be right by itself, cannot hold together.
    Contradiction {
        /// The policy.
        policy: &'static str,
        /// The names of the two settings that clash.
        settings: [&'static str; 2],
        /// Why, and what would mend it.
        why: String,
    },
    /// No URL was given for a policy that accepts nothing else as an audience.
    NoAudience,
    /// No issuer was given for a policy that accepts it as an audience.
    NoIssuer {
        /// The policy.
        policy: &'static str,
    },
    /// The issuer is no `https` URL without user, query and fragment (RFC 8414, section 2).
    InvalidIssuer {
        /// The issuer as it was given.
        issuer: String,
    },
    /// URLs were given as audiences, and no policy accepts any.
    UnusedAudience,
    /// Two policies of a verifier have the same name.
    DuplicatePolicy {
        /// The name.
        policy: &'static str,
    },
    /// A client is registered under a policy that the verifier does not have.
    UnknownPolicy {
        /// The client.
        client_id: String,
        /// The name of the policy.
        policy: String,
    },
    /// The policy permits no grant type.
    NoGrantTypes,
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
    /// No registered client can use any algorithm that its policy allows.
    UnmeetableAlgorithms {
        /// What the policies of these clients allow.
        allowed: AlgorithmSet,
        /// What the registered clients can use.
        registered: AlgorithmSet,
    },
    /// A client registered an algorithm that none of its keys, or not its secret, can verify.
    SigningAlgUnusable {
        /// The client.
        client_id: String,
        /// The algorithm.
        algorithm: Algorithm,
        /// What its keys or its secret can verify.
        usable: AlgorithmSet,
    },
    /// A client secret is shorter than the shortest hash (RFC 7518, section 3.2).
    SecretTooShort {
        /// Its length.
        bytes: usize,
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
    /// The URL of a client's key set is not one that may be fetched.
    InvalidKeySetUrl {
        /// The client.
        client_id: String,
        /// What is wrong with the URL; also the [source](Error::source).
        error: UrlError,
    },
    /// A host or range that the address guard should allow is not one.
    InvalidAllowance {
        /// The host or range as it was given.
        value: String,
    },
    /// The longest time for which key sets are fresh is shorter than the shortest.
    FreshnessReversed,
    /// There are no root certificates to judge servers by.
    NoRootCertificates {
        /// What went wrong with those of the platform, or with the one that was given.
        why: String,
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
    /// The Redis store cannot be used as it is configured, or it cannot be reached.
    #[cfg(feature = "redis")]
    Redis {
        /// The name of the setting.
        setting: &'static str,
        /// What is wrong with it, and what to do about it. It never holds a password.
        problem: String,
        /// What the server or the driver said; also the [source](Error::source).
        cause: Option<PortError>,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contradiction { policy, settings: [one, other], why } => {
                write!(f, "{one} and {other} of the policy {policy} contradict each other: {why}")
            }
            Self::NoIssuer { policy } => write!(
                f,
                "issuer: none is set, and the policy {policy} accepts it in aud; set the issuer identifier of your \
                 authorization server"
            ),
            Self::InvalidIssuer { issuer } => write!(
                f,
                "issuer: {issuer:?} is not an https URL without user, query and fragment (RFC 8414, section 2)"
            ),
            Self::UnusedAudience => f.write_str(
                "audience: URLs are set, and no policy accepts any; leave them out, or choose another audience rule \
                 through dangerous()",
            ),
            Self::DuplicatePolicy { policy } => {
                write!(
                    f,
                    "client_policy: there are two policies of the name {policy:?}; give each its own with named()"
                )
            }
            Self::UnknownPolicy { client_id, policy } => write!(
                f,
                "policy: the client {client_id:?} is registered under {policy:?}, which the verifier does not have; add \
                 it with client_policy()"
            ),
            Self::NoGrantTypes => f.write_str("grant_types: the policy permits none; permit at least one"),
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
                "algorithms: the policy allows {allowed}, but the registered clients can only use {registered}; \
                 allow one of these or register other keys"
            ),
            Self::SigningAlgUnusable { client_id, algorithm, usable } => write!(
                f,
                "token_endpoint_auth_signing_alg: the client {client_id:?} registered {algorithm}, but what it has \
                 verifies {usable}; register one of these or another key"
            ),
            Self::SecretTooShort { bytes } => {
                write!(f, "client_secret: it has {bytes} bytes; HS256 needs 32 or more (RFC 7518, section 3.2)")
            }
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
            Self::InvalidKeySetUrl { client_id, error } => {
                write!(f, "jwks_uri: the client {client_id:?} cannot have its keys there: {error}")
            }
            Self::InvalidAllowance { value } => write!(
                f,
                "address guard: {value:?} is neither the name of a host nor a range; \
                 write keys.example, 10.20.0.0/16 or fd12:3456::/32"
            ),
            Self::FreshnessReversed => {
                f.write_str("fresh_between: the longest time is shorter than the shortest; exchange them")
            }
            Self::NoRootCertificates { why } => {
                write!(
                    f,
                    "root certificates: none can be used ({why}); install the platform's, give your own, or use with_webpki_roots()"
                )
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
            #[cfg(feature = "redis")]
            Self::Redis { setting, problem, .. } => write!(f, "{setting}: {problem}"),
        }
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InvalidKeySetUrl { error, .. } => Some(error),
            Self::ClientFileUnreadable { cause, .. } => Some(&**cause),
            #[cfg(feature = "redis")]
            Self::Redis { cause, .. } => cause.as_ref().map(|cause| cause as _),
            _ => None,
        }
    }
}
