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
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
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

    /// Returns the HMAC of `input`, or `None` if the secret does not serve the algorithm.
    #[cfg(feature = "mint")]
    pub(crate) fn sign(&self, algorithm: Algorithm, input: &[u8]) -> Option<Vec<u8>> {
        self.key(algorithm).map(|key| hmac::sign(key, input).as_ref().to_vec())
    }

    /// Like [`verifies`](Self::verifies), without keeping a key for later.
    pub(crate) fn verifies_once(&self, algorithm: Algorithm, input: &[u8], tag: &[u8]) -> bool {
        let hash = hash(algorithm).filter(|_| self.serves(algorithm));
        hash.is_some_and(|(_, hash)| hmac::verify(&hmac::Key::new(hash, &self.secret.octets), input, tag).is_ok())
    }

    /// Returns how a client must have decoded this secret to make `tag`, the HMAC of `input`, with
    /// what it decoded. This explains a tag and accepts none.
    pub(crate) fn verifies_decoded(&self, algorithm: Algorithm, input: &[u8], tag: &[u8]) -> Option<Decoding> {
        let (_, hash) = hash(algorithm)?;
        let verifies = |octets: Zeroizing<Vec<u8>>| hmac::sign(&hmac::Key::new(hash, &octets), input).as_ref() == tag;
        let text = self.secret.octets.trim_ascii();
        let decoded = [(Decoding::Hex, from_hex(text)), (Decoding::Base64, from_base64(text))];
        let mut decoded = decoded.into_iter().filter_map(|(decoding, octets)| Some((decoding, octets?)));
        decoded.find_map(|(decoding, octets)| verifies(octets).then_some(decoding))
    }

    fn key(&self, algorithm: Algorithm) -> Option<&hmac::Key> {
        let (index, hash) = hash(algorithm).filter(|_| self.serves(algorithm))?;
        let key = self.secret.keys.get(index)?;
        Some(key.get_or_init(|| Box::new(hmac::Key::new(hash, &self.secret.octets))))
    }
}

/// How a client decoded its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decoding {
    /// From base64 or base64url, padded or not.
    Base64,
    /// From hexadecimal digits.
    Hex,
}

fn from_base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let decode = |alphabet| GeneralPurpose::new(alphabet, LENIENT).decode(text).ok().map(Zeroizing::new);
    decode(&alphabet::URL_SAFE).or_else(|| decode(&alphabet::STANDARD))
}

fn from_hex(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    // With room for all of it: a vector that grows leaves copies behind, which are not wiped.
    let mut octets = Zeroizing::new(Vec::with_capacity(text.len()));
    for pair in text.chunks(2) {
        let [high, low] = *pair else { return None };
        octets.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
    }
    Some(octets)
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

    use super::{Algorithm, ClientSecret, Decoding, Secret, hmac};

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

    /// The octets of the secrets are `0x00` to `0x1f`, or encode to the characters in which the
    /// alphabets of base64 differ.
    #[test]
    fn tags_of_decoded_secrets_are_explained() {
        let hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        let cases = [
            (hex, Some((Decoding::Hex, (0..32).collect()))),
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", Some((Decoding::Base64, (0..32).collect()))),
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", Some((Decoding::Base64, (0..32).collect()))),
            ("--__--__--__--__--__--__--__--__", Some((Decoding::Base64, [0xFB, 0xEF, 0xFF].repeat(8)))),
            ("++//++//++//++//++//++//++//++//", Some((Decoding::Base64, [0xFB, 0xEF, 0xFF].repeat(8)))),
            ("++//++//++//++//++//++//++//++__", None),
            ("not base64, and neither hexadecimal digits", None),
        ];
        for (text, expected) in cases {
            let secret = ClientSecret::new(text).unwrap();
            let explained = |key: &[u8]| {
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"input");
                secret.verifies_decoded(Algorithm::HS256, b"input", tag.as_ref())
            };
            let octets: Vec<u8> = expected.iter().flat_map(|(_, octets)| octets.clone()).collect();
            assert_eq!(explained(&octets), expected.map(|(decoding, _)| decoding), "{text}");
            assert_eq!(explained(text.as_bytes()), None, "{text} itself");
            assert_eq!(explained(b"another"), None, "{text} and another key");
            assert_eq!(secret.verifies_decoded(Algorithm::ES256, b"input", &octets), None, "{text}");
        }
    }
}
