//! One error type for a whole configuration. It wraps the errors of the rooms and adds those that
//! only a combination of settings can have.

use std::error::Error;
use std::fmt;

use crate::client::ClientError;
use crate::jose::algorithm::AlgorithmSet;
use crate::jose::keys::KeySetError;
use crate::jose::secret::SecretError;
#[cfg(feature = "jwks-client")]
use crate::jwks::FetcherError;
use crate::jwks::{AddressError, KeySetCacheError, UrlError};
#[cfg(feature = "mint")]
use crate::mint::MinterConfigError;
use crate::policy::PolicyError;
use crate::registry::ClientFileError;
use crate::replay::ReplayConfigError;
use crate::setting::{SettingError, debug_is_display};

/// A configuration that does not build.
///
/// Each part of this crate has its own configuration error. All of them convert into this one, so a
/// function that builds a whole configuration can use `?` throughout. The other variants are
/// problems that only a [verifier](crate::VerifierBuilder::build) or a
/// [layer](crate::ClientAssertionLayer) can detect.
///
/// The message names the setting, its value and what to change. It is written for the operator and
/// may change between releases; the variants do not. `Debug` prints the same message, followed by
/// its sources.
#[derive(Clone)]
#[non_exhaustive]
pub enum ConfigError {
    /// The rules of a policy make no sense.
    Policy(PolicyError),
    /// A client cannot be registered.
    Client(ClientError),
    /// A client file cannot be loaded.
    ClientFile(ClientFileError),
    /// A client secret cannot be used.
    Secret(SecretError),
    /// A key set cannot be parsed.
    KeySet(KeySetError),
    /// A key set URL cannot be used.
    Url(UrlError),
    /// A host or a range cannot be allowed for fetches.
    Address(AddressError),
    /// The HTTP client for key sets cannot be created.
    #[cfg(feature = "jwks-client")]
    Fetcher(FetcherError),
    /// The settings of a key set cache make no sense.
    KeySetCache(KeySetCacheError),
    /// A replay store cannot be created as configured.
    Replay(ReplayConfigError),
    /// A minter does not build.
    #[cfg(feature = "mint")]
    Minter(MinterConfigError),
    /// A setting has a value that it cannot have.
    Setting(SettingError),
    /// No URL is set for a policy that accepts nothing else in `aud`.
    #[non_exhaustive]
    NoAudience {
        /// The name of the policy.
        policy: String,
    },
    /// No issuer is set for a policy that accepts it in `aud`.
    #[non_exhaustive]
    NoIssuer {
        /// The name of the policy.
        policy: String,
        /// Whether the policy accepts nothing else.
        only: bool,
    },
    /// The issuer is not an `https` URL without user, query and fragment (RFC 8414, section 2).
    #[non_exhaustive]
    InvalidIssuer {
        /// The issuer that was given.
        issuer: String,
    },
    /// An audience is empty or has characters other than printable ASCII without spaces.
    #[non_exhaustive]
    InvalidAudience {
        /// The audience that was given.
        audience: String,
    },
    /// URLs are set as audiences, but no policy accepts any.
    UnusedAudience,
    /// Two policies of a verifier have the same name.
    #[non_exhaustive]
    DuplicatePolicy {
        /// The name.
        policy: String,
    },
    /// A client is registered under a policy that the verifier does not have.
    #[non_exhaustive]
    UnknownPolicy {
        /// The client.
        client_id: String,
        /// The name of the policy.
        policy: String,
    },
    /// No registered client can use any algorithm that its policy allows.
    #[non_exhaustive]
    UnmeetableAlgorithms {
        /// The algorithms that the policies of these clients allow.
        allowed: AlgorithmSet,
        /// The algorithms that the registered clients can use.
        registered: AlgorithmSet,
    },
    /// The path of the token endpoint is not an absolute path.
    #[non_exhaustive]
    InvalidPath {
        /// The path that was given.
        path: String,
    },
    /// A member of a [`Config`](crate::Config) is missing, or names a file that cannot be read.
    #[non_exhaustive]
    Member {
        /// The member, with the tables around it: for example `fetch.ca_file`.
        member: &'static str,
        /// What is wrong, and how to fix it.
        problem: String,
    },
}

impl ConfigError {
    /// Returns the error of the room that raised this one. It displays the same message.
    fn of_room(&self) -> Option<&(dyn Error + 'static)> {
        Some(match self {
            Self::Policy(error) => error,
            Self::Client(error) => error,
            Self::ClientFile(error) => error,
            Self::Secret(error) => error,
            Self::KeySet(error) => error,
            Self::Url(error) => error,
            Self::Address(error) => error,
            #[cfg(feature = "jwks-client")]
            Self::Fetcher(error) => error,
            Self::KeySetCache(error) => error,
            Self::Replay(error) => error,
            #[cfg(feature = "mint")]
            Self::Minter(error) => error,
            Self::Setting(error) => error,
            Self::NoAudience { .. }
            | Self::NoIssuer { .. }
            | Self::InvalidIssuer { .. }
            | Self::InvalidAudience { .. }
            | Self::UnusedAudience
            | Self::DuplicatePolicy { .. }
            | Self::UnknownPolicy { .. }
            | Self::UnmeetableAlgorithms { .. }
            | Self::InvalidPath { .. }
            | Self::Member { .. } => return None,
        })
    }
}

fn invalid_issuer(issuer: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let or_http = if issuer.starts_with("http://") { FOR_LOCALHOST } else { "" };
    write!(
        f,
        "issuer: {issuer:?} is not valid; use an https URL without user, query and fragment (RFC 8414, section \
         2){or_http}"
    )
}

/// The advice that is added for an `http` issuer.
const FOR_LOCALHOST: &str = ", or dangerous().issuer_without_tls(..) to try a server on localhost";

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(error) => error.fmt(f),
            Self::Client(error) => error.fmt(f),
            Self::ClientFile(error) => error.fmt(f),
            Self::Secret(error) => error.fmt(f),
            Self::KeySet(error) => error.fmt(f),
            Self::Url(error) => error.fmt(f),
            Self::Address(error) => error.fmt(f),
            #[cfg(feature = "jwks-client")]
            Self::Fetcher(error) => error.fmt(f),
            Self::KeySetCache(error) => error.fmt(f),
            Self::Replay(error) => error.fmt(f),
            #[cfg(feature = "mint")]
            Self::Minter(error) => error.fmt(f),
            Self::Setting(error) => error.fmt(f),
            Self::NoAudience { policy } => write!(
                f,
                "audience: not set, but the policy {policy} accepts only configured URLs in aud; add .audience(..) with the URL \
                 that clients put into aud"
            ),
            Self::NoIssuer { policy, only } => write!(
                f,
                "issuer: not set, but the policy {policy} accepts {}the issuer in aud; set .issuer(..) to the issuer \
                 identifier of your server",
                if *only { "only " } else { "" }
            ),
            Self::InvalidIssuer { issuer } => invalid_issuer(issuer, f),
            Self::InvalidAudience { audience } => {
                write!(
                    f,
                    "audience: {audience:?} is not valid; use printable ASCII without spaces, as clients write it"
                )
            }
            Self::UnusedAudience => f.write_str(
                "audience: URLs are set, but no policy accepts any; remove .audience(..), or accept URLs with \
                 Policy::dangerous().audience(..)",
            ),
            Self::DuplicatePolicy { policy } => {
                write!(f, "client_policy: two policies have the name {policy:?}; give each a different name")
            }
            Self::UnknownPolicy { client_id, policy } => write!(
                f,
                "client_policy: the client {client_id:?} is registered under {policy:?}, which the verifier does not have; add it"
            ),
            Self::UnmeetableAlgorithms { allowed, registered } => write!(
                f,
                "algorithms: the policies allow {allowed}, but the registered clients can only use {registered}; allow one of these or \
                 register other keys"
            ),
            Self::InvalidPath { path } => {
                write!(f, "path: {path:?} is not valid; start with a slash, and leave out patterns and queries")
            }
            Self::Member { member, problem } => write!(f, "{member}: {problem}"),
        }
    }
}

impl Error for ConfigError {
    /// Returns the source of the wrapped error, because this error already displays the wrapped
    /// error.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.of_room().and_then(Error::source)
    }
}

debug_is_display!(ConfigError);

/// Wraps the errors of rooms.
macro_rules! wraps {
    ($($error:ident as $variant:ident),+ $(,)?) => {
        $(impl From<$error> for ConfigError {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })+
    };
}

wraps!(
    AddressError as Address,
    ClientError as Client,
    ClientFileError as ClientFile,
    KeySetCacheError as KeySetCache,
    KeySetError as KeySet,
    PolicyError as Policy,
    ReplayConfigError as Replay,
    SecretError as Secret,
    SettingError as Setting,
    UrlError as Url,
);
#[cfg(feature = "jwks-client")]
wraps!(FetcherError as Fetcher);
#[cfg(feature = "mint")]
wraps!(MinterConfigError as Minter);
