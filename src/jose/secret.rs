//! The secret of a client that authenticates by HMAC (`client_secret_jwt`), checked when it is
//! registered.
//!
//! A client has either a secret or public keys. The two have different types throughout, so a
//! public key is never used as a secret, or a secret as a public key.
//!
//! ```
//! use tower_client_assertion::policy::Algorithm;
//! use tower_client_assertion::secret::ClientSecret;
//!
//! let text = "0f8fad5b-d9cb-469f-a165-70867728950e-and-more";
//! let secret = ClientSecret::new(text)?;
//! assert!(secret.algorithms().contains(Algorithm::HS256));
//! // HS384 needs 48 bytes, and the secret has 45.
//! assert!(!secret.algorithms().contains(Algorithm::HS384));
//!
//! let error = ClientSecret::new("too short").unwrap_err();
//! let text = error.to_string();
//! assert!(text.starts_with("client_secret: 9 bytes are too few; use 32 or more"));
//! # Ok::<(), tower_client_assertion::secret::SecretError>(())
//! ```

use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::clock::UnixTime;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::digest::sha256;

/// A client's secret. It cannot be read back, and its memory is wiped when the last clone is
/// dropped. Cheap to clone.
#[derive(Clone)]
pub struct ClientSecret {
    secret: Arc<Secret>,
    expires_at: Option<UnixTime>,
}

/// The secret, and an HMAC key of about a kilobyte for each algorithm that it was used with.
struct Secret {
    octets: Zeroizing<Box<[u8]>>,
    keys: [OnceLock<Box<hmac::Key>>; 3],
}

impl ClientSecret {
    /// Creates a secret whose UTF-8 octets are the key (OpenID Connect Core, section 9). The caller
    /// still owns `secret` and should wipe it.
    ///
    /// A key must be at least as long as the hash (RFC 7518, section 3.2): HS256 needs 32 bytes,
    /// HS384 48 and HS512 64. The secret should be random: an attacker can test guesses against a
    /// single assertion.
    ///
    /// # Errors
    ///
    /// Fails if the secret is shorter than 32 bytes.
    pub fn new(secret: &str) -> Result<Self, SecretError> {
        match secret.len() {
            bytes @ 0..32 => Err(SecretError::TooShort { bytes }),
            _ => {
                let octets = Zeroizing::new(Box::from(secret.as_bytes()));
                Ok(Self { secret: Arc::new(Secret { octets, keys: Default::default() }), expires_at: None })
            }
        }
    }

    /// Refuses assertions made with this secret from `time` on: `client_secret_expires_at`
    /// (RFC 7591, section 3.2.1). Default: it does not expire.
    #[must_use]
    pub fn with_expiry(mut self, time: UnixTime) -> Self {
        self.expires_at = Some(time);
        self
    }

    /// Returns when the secret expires, if it does.
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }

    pub(crate) fn is_expired(&self, now: UnixTime) -> bool {
        self.expires_at.is_some_and(|time| time <= now)
    }

    /// Returns the algorithms for which the secret is long enough.
    pub fn algorithms(&self) -> AlgorithmSet {
        AlgorithmSet::MAC.iter().filter(|algorithm| self.serves(*algorithm)).collect()
    }

    /// Returns a digest of the secret, to find out whether two are the same. It is never shown.
    pub(crate) fn digest(&self) -> [u8; 32] {
        sha256(&self.secret.octets)
    }

    pub(crate) fn serves(&self, algorithm: Algorithm) -> bool {
        hash(algorithm).is_some_and(|(_, hash)| self.secret.octets.len() >= hash.digest_algorithm().output_len())
    }

    /// Returns whether `tag` is the HMAC of `input`, compared in constant time.
    pub(crate) fn verifies(&self, algorithm: Algorithm, input: &[u8], tag: &[u8]) -> bool {
        self.key(algorithm).is_some_and(|key| hmac::verify(key, input, tag).is_ok())
    }

    fn key(&self, algorithm: Algorithm) -> Option<&hmac::Key> {
        let (index, hash) = hash(algorithm).filter(|_| self.serves(algorithm))?;
        let key = self.secret.keys.get(index)?;
        Some(key.get_or_init(|| Box::new(hmac::Key::new(hash, &self.secret.octets))))
    }
}

/// Returns the index of an algorithm's key, and its hash. Asymmetric algorithms have none, so a
/// secret cannot be used with them.
fn hash(algorithm: Algorithm) -> Option<(usize, hmac::Algorithm)> {
    match algorithm {
        Algorithm::HS256 => Some((0, hmac::HMAC_SHA256)),
        Algorithm::HS384 => Some((1, hmac::HMAC_SHA384)),
        Algorithm::HS512 => Some((2, hmac::HMAC_SHA512)),
        _ => None,
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSecret").field("algorithms", &self.algorithms()).finish_non_exhaustive()
    }
}

/// A secret that cannot be used.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretError {
    /// The secret is shorter than the shortest hash (RFC 7518, section 3.2).
    #[non_exhaustive]
    TooShort {
        /// Its length.
        bytes: usize,
    },
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { bytes } => {
                write!(f, "client_secret: {bytes} bytes are too few; use 32 or more (RFC 7518, section 3.2)")
            }
        }
    }
}

/// The sentence of `Display`: a program that unwraps its configuration prints this.
impl fmt::Debug for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for SecretError {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::Value;
    use zeroize::Zeroizing;

    use super::{Algorithm, ClientSecret, Secret};

    /// The example of RFC 7515, appendix A.1. Its key is not text, so `ClientSecret::new` cannot
    /// take it.
    #[test]
    fn the_example_mac_of_rfc_7515_verifies() {
        let vector: Value = serde_json::from_str(include_str!("../../tests/vectors/mac.json")).unwrap();
        let octets = URL_SAFE_NO_PAD.decode(vector["k"].as_str().unwrap()).unwrap();
        let octets = Zeroizing::new(octets.into_boxed_slice());
        let secret = ClientSecret { secret: Arc::new(Secret { octets, keys: Default::default() }), expires_at: None };
        let (input, tag) = vector["jws"].as_str().unwrap().rsplit_once('.').unwrap();
        let mut tag = URL_SAFE_NO_PAD.decode(tag).unwrap();
        assert!(secret.verifies(Algorithm::HS256, input.as_bytes(), &tag));
        assert!(!secret.verifies(Algorithm::HS384, input.as_bytes(), &tag));
        assert!(!secret.verifies(Algorithm::ES256, input.as_bytes(), &tag));
        assert!(!secret.verifies(Algorithm::HS256, input.as_bytes(), &tag[..31]));
        tag[31] ^= 1;
        assert!(!secret.verifies(Algorithm::HS256, input.as_bytes(), &tag));
    }
}
