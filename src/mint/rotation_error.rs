//! Why a key is not added to a ring.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::needs::Misfit;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};

/// A key that was not added to a [`KeyRing`](crate::mint::KeyRing).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotationError {
    /// Servers could still have a set without the next key when it signs, or it signs too late.
    #[non_exhaustive]
    After {
        /// When the next key would sign.
        after: Duration,
        /// The shortest permitted time.
        least: Duration,
        /// The longest permitted time.
        most: Duration,
    },
    /// The next key of an earlier rotation does not sign yet.
    #[non_exhaustive]
    Pending {
        /// How long it takes until it signs.
        wait: Duration,
    },
    /// A minter of the ring cannot use the algorithm.
    #[non_exhaustive]
    Algorithm {
        /// The algorithm of the key.
        algorithm: Algorithm,
        /// What the policy of that minter allows.
        allowed: AlgorithmSet,
    },
    /// The signer publishes a key for another algorithm, or has no key to publish and no secret.
    #[non_exhaustive]
    PublicKey {
        /// The algorithm of the signer.
        algorithm: Algorithm,
    },
    /// The assertions of a minter would be larger than verifiers accept by default.
    #[non_exhaustive]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Another key of the ring has this `kid`.
    #[non_exhaustive]
    KeyId {
        /// The `kid`.
        key_id: String,
    },
    /// The clock has no time.
    NoTime,
}

impl From<Misfit> for RotationError {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::Algorithm { algorithm, allowed } => Self::Algorithm { algorithm, allowed },
            Misfit::PublicKey { algorithm } => Self::PublicKey { algorithm },
            Misfit::TooLarge { what, limit } => Self::TooLarge { what, limit },
        }
    }
}

impl fmt::Display for RotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After { after, least, most } => {
                write!(f, "after: {after:?} is not between {least:?}, for which servers may keep the set, and {most:?}")
            }
            Self::Pending { wait } => write!(f, "the key of an earlier rotation signs in {wait:?}; wait until then"),
            Self::Algorithm { algorithm, allowed } => {
                write!(f, "the policy of a minter does not allow {algorithm}; use a key for one of {allowed}")
            }
            Self::PublicKey { algorithm } => write!(f, "a signer for {algorithm} has no public key for {algorithm}"),
            Self::TooLarge { what, limit } => write!(f, "with this key, {what} exceeds the limit of {limit} bytes"),
            Self::KeyId { key_id } => write!(f, "another key has the kid {key_id:?}; give each key its own"),
            Self::NoTime => f.write_str("the clock has no time"),
        }
    }
}

impl Error for RotationError {}
