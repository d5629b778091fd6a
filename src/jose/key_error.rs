//! Why a private key cannot be used.

use std::error::Error;
use std::fmt;

use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::key_set_error::{KeySetError, PemProblem};
use crate::jose::skip::Flaw;

/// The longest `kid` that verifiers of this crate accept by default, in bytes.
pub(crate) const MAX_KEY_ID: usize = 256;

/// A key that cannot sign, or that cannot be published. No message contains anything of a private
/// key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The algorithm is an HMAC, which needs a secret: see
    /// [`SecretSigner`](crate::mint::SecretSigner).
    Symmetric(Algorithm),
    /// The algorithm is no HMAC, which is all that a secret is for.
    Asymmetric(Algorithm),
    /// The secret is too short for the algorithm (RFC 7518, section 3.2).
    ShortSecret(Algorithm),
    /// The operating system or the crypto library failed to make a key.
    NotGenerated(Algorithm),
    /// The key is for other algorithms.
    #[non_exhaustive]
    OtherAlgorithm {
        /// The algorithm that was asked for.
        wanted: Algorithm,
        /// The algorithms that the key is for. None if its type is not supported.
        usable: AlgorithmSet,
    },
    /// The document has no private key in PEM.
    NoPem,
    /// The document has more than one private key.
    SeveralKeys,
    /// The key is encrypted. Decrypt it first, for example with `openssl pkey`.
    Encrypted,
    /// It is a public key, or a certificate.
    NotPrivate,
    /// It is a key in the format of OpenSSH. Convert it with `ssh-keygen -p -m PKCS8`.
    OpenSsh,
    /// A block of PEM cannot be read.
    Pem(PemProblem),
    /// A document with a public key cannot be read.
    Document(KeySetError),
    /// The DER is no private key for the algorithm: PKCS #8, PKCS #1 for RSA, or SEC 1 for elliptic
    /// curves.
    NotDer(Algorithm),
    /// The JWK is no private key that can be used.
    #[non_exhaustive]
    Jwk {
        /// What is wrong. It quotes no value of a private member.
        problem: String,
    },
    /// The key is too weak, or its parts do not fit together.
    #[non_exhaustive]
    Unusable {
        /// What is wrong.
        problem: String,
    },
    /// The `kid` is empty, longer than 256 bytes, or has a control character.
    #[non_exhaustive]
    KeyId {
        /// Its length.
        bytes: usize,
    },
}

impl KeyError {
    pub(crate) fn flawed(flaw: Flaw) -> Self {
        Self::Unusable { problem: flaw.detail }
    }

    pub(crate) fn jwk(problem: impl Into<String>) -> Self {
        Self::Jwk { problem: problem.into() }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symmetric(algorithm) => write!(f, "{algorithm} signs with a secret: use SecretSigner"),
            Self::Asymmetric(algorithm) => write!(f, "{algorithm} signs with a private key, not with a secret"),
            Self::ShortSecret(algorithm) => {
                write!(f, "the secret is too short for {algorithm} (RFC 7518, section 3.2)")
            }
            Self::NotGenerated(algorithm) => write!(f, "no key for {algorithm} could be generated"),
            Self::OtherAlgorithm { wanted, usable: AlgorithmSet::EMPTY } => {
                write!(f, "the key has a type that is not supported, expected one for {wanted}")
            }
            Self::OtherAlgorithm { wanted, usable } => write!(f, "the key is for {usable}, not for {wanted}"),
            Self::NoPem => f.write_str("the document has no private key in PEM"),
            Self::SeveralKeys => f.write_str("the document has more than one private key, expected one"),
            Self::Encrypted => f.write_str("the key is encrypted; decrypt it first, for example with openssl pkey"),
            Self::NotPrivate => f.write_str("this is a public key or a certificate, expected a private key"),
            Self::OpenSsh => f.write_str("the key has the format of OpenSSH; convert it with ssh-keygen -p -m PKCS8"),
            Self::Pem(problem) => write!(f, "the block of PEM {problem}"),
            Self::Document(error) => error.fmt(f),
            Self::NotDer(algorithm) => write!(
                f,
                "this is no private key for {algorithm} in DER, expected PKCS #8, PKCS #1 (RSA) or SEC 1 (elliptic curves)"
            ),
            Self::Jwk { problem } => write!(f, "the JWK cannot sign: {problem}"),
            Self::Unusable { problem } => write!(f, "the key cannot be used: {problem}"),
            Self::KeyId { bytes } => {
                write!(f, "the kid has {bytes} bytes, expected 1 to {MAX_KEY_ID} without control characters")
            }
        }
    }
}

impl Error for KeyError {}
