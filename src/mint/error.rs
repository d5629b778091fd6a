//! Why a minter does not build, and why it does not mint.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::needs::Misfit;
use crate::client::InvalidClientId;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::policy::{Policy, PolicyError};
use crate::port::PortError;
use crate::setting::{SettingError, debug_is_display};

/// A minter that the server of its policy would refuse.
#[derive(Clone)]
#[non_exhaustive]
pub enum MinterConfigError {
    /// The rules of the policy make no sense.
    Policy(PolicyError),
    /// A setting has a value that it cannot have.
    Setting(SettingError),
    /// The client id is not one (RFC 6749, appendix A.1).
    ClientId(InvalidClientId),
    /// The client id is longer than verifiers accept by default.
    #[non_exhaustive]
    ClientIdTooLong {
        /// Its length, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The policy does not allow the algorithm of a key.
    #[non_exhaustive]
    Algorithm {
        /// The name of the policy.
        policy: String,
        /// The algorithm of the key.
        algorithm: Algorithm,
        /// What the policy allows.
        allowed: AlgorithmSet,
    },
    /// A signer publishes a key for another algorithm than it signs with, or has no key to publish
    /// and no secret.
    #[non_exhaustive]
    PublicKey {
        /// The algorithm of the signer.
        algorithm: Algorithm,
    },
    /// The policy has the issuer in `aud`, and none is set.
    #[non_exhaustive]
    NoIssuer {
        /// The name of the policy.
        policy: String,
        /// Whether the policy accepts nothing else.
        only: bool,
    },
    /// The policy has a URL in `aud`, and none is set.
    #[non_exhaustive]
    NoAudience {
        /// The name of the policy.
        policy: String,
    },
    /// The issuer is not an `https` URL without user, query and fragment (RFC 8414, section 2).
    #[non_exhaustive]
    InvalidIssuer {
        /// The issuer that was given.
        issuer: String,
    },
    /// The audience is empty or has characters other than printable ASCII without spaces.
    #[non_exhaustive]
    InvalidAudience {
        /// The audience that was given.
        audience: String,
    },
    /// An audience is set, and the policy accepts the issuer only.
    #[non_exhaustive]
    UnusedAudience {
        /// The name of the policy.
        policy: String,
    },
    /// The key set URL is not an `https` URL without a fragment.
    #[non_exhaustive]
    KeySetUrl {
        /// The URL that was given.
        url: String,
    },
    /// The policy refuses a `typ`, or requires another.
    #[non_exhaustive]
    Typ {
        /// The name of the policy.
        policy: String,
        /// The `typ`.
        typ: String,
    },
    /// The minter itself writes this member, or servers refuse it.
    #[non_exhaustive]
    Reserved {
        /// The member.
        name: String,
    },
    /// A member is added twice.
    #[non_exhaustive]
    Repeated {
        /// The member.
        name: String,
    },
    /// What is added makes the assertion larger, or nests it deeper, than verifiers accept by
    /// default.
    #[non_exhaustive]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for MinterConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(error) => error.fmt(f),
            Self::Setting(error) => error.fmt(f),
            Self::ClientId(error) => error.fmt(f),
            Self::ClientIdTooLong { bytes, limit } => {
                write!(f, "the client id has {bytes} bytes, expected at most {limit}")
            }
            Self::Algorithm { policy, algorithm, allowed } => {
                write!(f, "policy {policy} does not allow {algorithm}; use a key for one of {allowed}")
            }
            Self::PublicKey { algorithm } => write!(f, "a signer for {algorithm} has no public key for {algorithm}"),
            Self::NoIssuer { policy, only: true } => {
                write!(f, "policy {policy} has the issuer in aud; set it with issuer")
            }
            Self::NoIssuer { policy, only: false } => {
                write!(f, "policy {policy} has the issuer or a URL in aud; set one with issuer or audience")
            }
            Self::NoAudience { policy } => {
                write!(f, "policy {policy} has the URL of the token endpoint in aud; set it with audience")
            }
            Self::InvalidIssuer { issuer } => {
                write!(f, "issuer {issuer:?} is not an https URL without user, query and fragment")?;
                match issuer.starts_with("http://") {
                    true => f.write_str("; for a server on localhost there is dangerous().issuer_without_tls(..)"),
                    false => Ok(()),
                }
            }
            Self::InvalidAudience { audience } => {
                write!(f, "audience {audience:?} is empty or has characters other than printable ASCII without spaces")
            }
            Self::UnusedAudience { policy } => {
                write!(f, "policy {policy} accepts only the issuer in aud; set issuer instead of audience")
            }
            Self::KeySetUrl { url } => write!(f, "key set URL {url:?} is not an https URL without a fragment"),
            Self::Typ { policy, typ } => write!(f, "policy {policy} does not accept typ {typ:?} with this aud"),
            Self::Reserved { name } => write!(f, "{name} cannot be added: the minter writes it, or servers refuse it"),
            Self::Repeated { name } => write!(f, "{name} is added twice"),
            Self::TooLarge { what, limit } => write!(f, "{what} exceeds the limit of {limit}"),
        }
    }
}

impl MinterConfigError {
    pub(super) fn of(misfit: Misfit, policy: &Policy) -> Self {
        match misfit {
            Misfit::Algorithm { algorithm, allowed } => {
                Self::Algorithm { policy: policy.name().to_owned(), algorithm, allowed }
            }
            Misfit::PublicKey { algorithm } => Self::PublicKey { algorithm },
            Misfit::TooLarge { what, limit } => Self::TooLarge { what, limit },
        }
    }
}

debug_is_display!(MinterConfigError);

impl Error for MinterConfigError {}

/// Makes `?` convert the errors of the parts.
macro_rules! from {
    ($($part:ident => $variant:ident,)+) => {
        $(impl From<$part> for MinterConfigError {
            fn from(error: $part) -> Self {
                Self::$variant(error)
            }
        })+
    };
}

from! {
    PolicyError => Policy,
    SettingError => Setting,
    InvalidClientId => ClientId,
}

/// An assertion, or a request with one, that was not made. No message contains anything of a key or
/// of an assertion.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MintError {
    /// The clock has no time.
    NoTime,
    /// The operating system has no random bytes for a `jti`.
    NoRandom,
    /// The signer failed.
    Signer(PortError),
    /// The signer took longer than half the lifetime of an assertion. The assertion could expire
    /// before it arrives.
    #[non_exhaustive]
    SignerTooSlow {
        /// The longest permitted time.
        limit: Duration,
    },
    /// The secret has expired (`client_secret_expires_at`, RFC 7591, section 3.2.1).
    SecretExpired,
    /// The signer must be waited for, and there is no Tokio runtime with timers to bound the wait.
    NoTimer,
    /// The signer returned something that the key that it publishes does not verify.
    #[non_exhaustive]
    Signature {
        /// The algorithm of the signer.
        algorithm: Algorithm,
        /// The length of what it returned, in bytes.
        bytes: usize,
    },
    /// The endpoint of a request is neither an `https` URL without user and fragment nor a path.
    /// `http` is permitted for `localhost`, `127.0.0.1` and `[::1]`.
    #[non_exhaustive]
    Endpoint {
        /// What was given.
        endpoint: String,
    },
    /// A form has more parameters than servers accept by default.
    #[non_exhaustive]
    TooManyParameters {
        /// The limit.
        limit: usize,
    },
    /// A parameter of a form is one that the minter writes, is another credential, or occurs twice
    /// (RFC 6749, section 3.2).
    #[non_exhaustive]
    Parameter {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTime => f.write_str("the clock has no time"),
            Self::NoRandom => f.write_str("the operating system has no random bytes"),
            Self::Signer(_) => f.write_str("the signer failed"),
            Self::SignerTooSlow { limit } => {
                write!(f, "the signature came later than {limit:?}, half the lifetime of an assertion")
            }
            Self::Signature { algorithm, bytes } => {
                write!(f, "the signer returned {bytes} bytes that its public key for {algorithm} does not verify")
            }
            Self::SecretExpired => f.write_str("the secret has expired"),
            Self::NoTimer => {
                f.write_str("there is no Tokio runtime with timers, by which to bound the wait for the signer")
            }
            Self::Endpoint { endpoint } => {
                write!(f, "endpoint {endpoint:?} is neither an https URL without user and fragment nor a path")
            }
            Self::TooManyParameters { limit } => write!(f, "the form has more than {limit} parameters"),
            Self::Parameter { name } => {
                write!(f, "parameter {name:?} is written by the minter, is another credential, or occurs twice")
            }
        }
    }
}

impl Error for MintError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Signer(error) => Some(error),
            _ => None,
        }
    }
}
