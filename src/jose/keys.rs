//! Public keys, checked once when they are registered, so that every [`VerificationKey`] may be
//! used.
//!
//! A JWK Set is read key by key. A key that cannot be used is skipped and listed with the reason;
//! the other keys of the set are not affected (RFC 7517, section 5). [`KeySet::from_pem`] and
//! [`KeySet::from_jwk`] read keys in other forms, by the same rules.
//!
//! Public keys are read as programs write them. None of this lets a key pass that is not the
//! client's; the [manual](crate::manual::decisions) has the reasons.
//!
//! - A member that is `null`, `""` or `[]` counts as left out, `key_ops` and private members
//!   included.
//! - A coordinate of an elliptic curve key, a modulus and an exponent may have leading zeros or
//!   lack them.
//! - Entries with the same `kid` and the same thumbprint are one key, which verifies what either
//!   permits.
//! - One byte order mark before the document is skipped.
//!
//! Everything else is strict: base64url without padding, no repeated members, no private member
//! with any content, and RSA keys of 2048 to 8192 bits with an exponent of at most 65537.
//!
//! ```
//! use tower_client_assertion::keys::{KeySet, SkipReason};
//!
//! let keys = KeySet::parse(br#"{"keys":[
//!     {"kty":"OKP","crv":"Ed25519","kid":"a",
//!      "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
//!     {"kty":"oct","kid":"b","k":"c2VjcmV0"}
//! ]}"#)?;
//!
//! assert_eq!(keys.len(), 1);
//! assert_eq!(keys.skipped()[0].key_id(), Some("b"));
//! assert_eq!(keys.skipped()[0].reason(), SkipReason::PrivateMembers);
//!
//! assert!(KeySet::parse(b"not a key set").is_err());
//! # Ok::<(), tower_client_assertion::keys::KeySetError>(())
//! ```

use std::fmt;

use serde_json::value::RawValue;

pub use crate::jose::key_set_error::{Document, KeySetError, PemProblem};
pub use crate::jose::skip::SkipReason;
pub use crate::jose::verification_key::VerificationKey;

use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::base64url;
use crate::jose::candidates::{Candidates, NoCandidate};
use crate::jose::document::{read_keys, read_value};
use crate::jose::jwk::{Judged, Jwk};
use crate::jose::pem;
use crate::jose::skip::Flaw;
use crate::jose::verification_key::KeyId;
use crate::text::Excerpt;

/// The largest JWK Set that [`KeySet::parse`] reads: 256 KiB.
pub const MAX_BYTES: usize = 256 * 1024;

/// The most keys that [`KeySet::parse`] reads: 100.
pub const MAX_KEYS: usize = 100;

/// The public keys of one client.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    /// Ordered by `kid`, so that it can be searched.
    keys: Vec<VerificationKey>,
    skipped: Vec<SkippedKey>,
}

impl KeySet {
    /// Reads a JWK Set (RFC 7517, section 5) of at most [`MAX_BYTES`] and [`MAX_KEYS`].
    ///
    /// # Errors
    ///
    /// Fails if the text is too long, is not JSON, has no array `keys`, or has too many keys. If
    /// such a text has a private key, [that is the error](KeySetError::PrivateKey). A key that
    /// cannot be used is not an error: see [`skipped`](Self::skipped).
    pub fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        Self::parse_within(json, MAX_BYTES, MAX_KEYS)
    }

    /// Does the same as [`parse`](Self::parse) with other limits.
    ///
    /// # Errors
    ///
    /// See [`parse`](Self::parse).
    pub fn parse_within(json: &[u8], max_bytes: usize, max_keys: usize) -> Result<Self, KeySetError> {
        Ok(Self::of_jwks(read_keys(json, max_bytes, max_keys)?))
    }

    /// Reads a single JWK (RFC 7517, section 4) of at most [`MAX_BYTES`]. If the key cannot be
    /// used, the set has none, and [`skipped`](Self::skipped) has the reason.
    ///
    /// ```
    /// use tower_client_assertion::keys::{KeySet, SkipReason};
    ///
    /// let public = br#"{"kty":"OKP","crv":"Ed25519","kid":"a",
    ///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// assert_eq!(KeySet::from_jwk(public)?.len(), 1);
    ///
    /// let private = br#"{"kty":"OKP","crv":"Ed25519","kid":"a",
    ///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    ///     "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#;
    /// let keys = KeySet::from_jwk(private)?;
    /// assert!(keys.is_empty());
    /// assert_eq!(keys.skipped()[0].reason(), SkipReason::PrivateMembers);
    /// # Ok::<(), tower_client_assertion::keys::KeySetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the text is too long or is not JSON. If it is a private key in PEM, [that is the
    /// error](KeySetError::PrivateKey).
    pub fn from_jwk(json: &[u8]) -> Result<Self, KeySetError> {
        Ok(Self::of_jwks(vec![read_value(json, MAX_BYTES)?]))
    }

    /// Reads public keys in PEM (RFC 7468), of at most [`MAX_BYTES`] and [`MAX_KEYS`]. These labels
    /// are known:
    ///
    /// - `PUBLIC KEY`: RSA, P-256, P-384, P-521, Ed25519 and ML-DSA
    /// - `RSA PUBLIC KEY`
    /// - `CERTIFICATE`: only its public key is used. **Nothing else is judged**: a certificate may
    ///   have expired, and need not be signed by anyone. The registration is what makes its key the
    ///   client's.
    ///
    /// Each block is a key. The keys must be as strong as those of a JWK Set, and one that cannot
    /// be used is [skipped](Self::skipped). PEM has no `kid`. Each key gets its thumbprint instead,
    /// in base64url (RFC 7638): clients that choose a `kid` by this convention need no setting. For
    /// others, see [`with_kid`](Self::with_kid). A key is found without a `kid` as well, if the
    /// policy permits that and the client has no other that fits.
    ///
    /// ```
    /// use tower_client_assertion::keys::{KeySet, KeySetError};
    ///
    /// let keys = KeySet::from_pem(b"-----BEGIN PUBLIC KEY-----
    /// MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
    /// -----END PUBLIC KEY-----")?;
    /// let kid = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    /// assert_eq!(keys.iter().next().unwrap().key_id(), Some(kid));
    ///
    /// let keys = keys.with_kid("key-1");
    /// assert_eq!(keys.iter().next().unwrap().key_id(), Some("key-1"));
    ///
    /// let private = KeySet::from_pem(b"-----BEGIN PRIVATE KEY-----");
    /// assert!(matches!(private, Err(KeySetError::PrivateKey { .. })));
    /// # Ok::<(), KeySetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the document is too long, has too many blocks or none, has a private key, or if a
    /// block cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeySetError> {
        let keys = pem::read_keys(pem, MAX_BYTES, MAX_KEYS)?;
        Ok(Self::of(keys.into_iter().map(|key| {
            let (key, algorithms) = key?;
            let kid = Some(base64url::encode(&key.thumbprint).into());
            Ok(Judged { key, algorithms, kid })
        })))
    }

    /// Gives every key this `kid` in place of the one that it has. With several keys for one
    /// algorithm, an assertion is then ambiguous under policies that [try one
    /// key](crate::Policy::with_key_trials).
    #[must_use]
    pub fn with_kid(self, kid: &str) -> Self {
        let keys = self.keys.into_iter().map(|key| key.named(kid)).enumerate().collect();
        Self { keys: united(keys), ..self }
    }

    fn of_jwks(jwks: Vec<&RawValue>) -> Self {
        Self::of(jwks.into_iter().map(|json| {
            let jwk = Jwk::read(json)?;
            jwk.judge().map_err(|flaw| Unusable { flaw, key_id: jwk.key_id(), algorithms: jwk.algorithms() })
        }))
    }

    fn of(keys: impl Iterator<Item = Result<Judged, Unusable>>) -> Self {
        let (mut usable, mut skipped) = (Vec::new(), Vec::new());
        for (index, key) in keys.enumerate() {
            match key {
                Ok(judged) => usable.push((index, VerificationKey::from(judged))),
                Err(unusable) => skipped.push(SkippedKey { index, unusable }),
            }
        }
        Self { keys: united(usable), skipped }
    }

    /// Returns the number of usable keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns whether there is no usable key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the usable keys, ordered by `kid`.
    pub fn iter(&self) -> std::slice::Iter<'_, VerificationKey> {
        self.keys.iter()
    }

    /// Returns the keys that cannot be used, in the order of the document.
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// Says why keys were skipped, each behind a semicolon, for at most eight of them.
    pub(crate) fn skipped_reasons(&self) -> String {
        const MOST: usize = 8;
        let reasons = self.skipped.iter().take(MOST).map(|key| format!("; {key}"));
        let others = self.skipped.len().saturating_sub(MOST);
        reasons.chain((others > 0).then(|| format!("; and {others} more are skipped"))).collect()
    }

    /// Returns every algorithm that some key can verify.
    pub fn algorithms(&self) -> AlgorithmSet {
        self.iter().fold(AlgorithmSet::EMPTY, |all, key| all.union(key.algorithms()))
    }

    /// Returns the keys that may have made a signature with `algorithm`. At most `trials` of them
    /// are tried, and fewer if a check is expensive. With a `kid`, these are the keys of that
    /// `kid`: exactly one if `trials` is 1 (SMART App Launch, key retrieval, step 3), otherwise up
    /// to `trials` (FAPI 2.0, section 5.4.3). Without a `kid`, it is the only key that fits (OpenID
    /// Connect Core, section 10.1).
    pub(crate) fn candidates(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        trials: usize,
    ) -> Result<Candidates<'_>, NoCandidate> {
        let candidates = Candidates::new(kid.map_or(self.keys.as_slice(), |kid| self.named(kid)), algorithm, trials);
        let mut fitting = candidates.fitting();
        match (fitting.next(), fitting.next(), kid) {
            (None, ..) if self.has_weak(kid, algorithm) => Err(NoCandidate::Weak),
            (None, ..) => Err(NoCandidate::NoKey),
            (Some(_), Some(_), None) => Err(NoCandidate::KidNeeded),
            (Some(_), Some(_), Some(_)) if trials == 1 => Err(NoCandidate::Ambiguous),
            _ => Ok(candidates),
        }
    }

    /// Returns whether the key with these identifiers is here, and may verify `algorithm`.
    pub(crate) fn has(&self, id: &KeyId, algorithm: Algorithm) -> bool {
        self.iter().any(|key| key.serves_as(id, algorithm))
    }

    fn named(&self, kid: &str) -> &[VerificationKey] {
        let start = self.keys.partition_point(|key| key.key_id() < Some(kid));
        let rest = self.keys.get(start..).unwrap_or_default();
        let len = rest.iter().take_while(|key| key.key_id() == Some(kid)).count();
        rest.get(..len).unwrap_or_default()
    }

    fn has_weak(&self, kid: Option<&str>, algorithm: Algorithm) -> bool {
        let weak = |key: &SkippedKey| key.reason() == SkipReason::Weak && key.unusable.algorithms.contains(algorithm);
        self.skipped.iter().any(|key| (kid.is_none() || key.key_id() == kid) && weak(key))
    }
}

/// Makes entries of one `kid` and one thumbprint one key with the algorithms of both: some servers
/// list a key once for each `alg`. Each entry was judged by itself, so the key gets no algorithm
/// that the set does not give it. Keys of one `kid` stay in the order of the document.
fn united(mut keys: Vec<(usize, VerificationKey)>) -> Vec<VerificationKey> {
    keys.sort_by(|(_, a), (_, b)| (a.key_id(), a.thumbprint()).cmp(&(b.key_id(), b.thumbprint())));
    keys.dedup_by(|(_, later), (_, first)| {
        let same = (later.key_id(), later.thumbprint()) == (first.key_id(), first.thumbprint());
        if same {
            first.permit(later.algorithms());
        }
        same
    });
    keys.sort_by(|(one, a), (other, b)| (a.key_id(), one).cmp(&(b.key_id(), other)));
    let mut keys: Vec<_> = keys.into_iter().map(|(_, key)| key).collect();
    // A set is kept for long, and collecting keeps the allocation with the numbers.
    keys.shrink_to_fit();
    keys
}

impl<'k> IntoIterator for &'k KeySet {
    type Item = &'k VerificationKey;
    type IntoIter = std::slice::Iter<'k, VerificationKey>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Checks keys that `jsonwebtoken` has parsed. The parser drops private members, so a client that
/// publishes its private key goes unnoticed: prefer to [`parse`](KeySet::parse) the document
/// itself.
#[cfg(feature = "jsonwebtoken")]
impl TryFrom<&jsonwebtoken::jwk::JwkSet> for KeySet {
    type Error = KeySetError;

    fn try_from(set: &jsonwebtoken::jwk::JwkSet) -> Result<Self, KeySetError> {
        let json = serde_json::to_vec(set).map_err(|_| KeySetError::NotAKeySet { found: Document::Value })?;
        Self::parse(&json)
    }
}

/// A key of a JWK Set that cannot be used.
#[derive(Clone, Debug)]
pub struct SkippedKey {
    index: usize,
    unusable: Unusable,
}

/// What is wrong with a key, and what could be read of it.
#[derive(Clone, Debug)]
struct Unusable {
    flaw: Flaw,
    key_id: Option<String>,
    /// What it would verify if it could be used.
    algorithms: AlgorithmSet,
}

impl From<Flaw> for Unusable {
    fn from(flaw: Flaw) -> Self {
        Self { flaw, key_id: None, algorithms: AlgorithmSet::EMPTY }
    }
}

impl SkippedKey {
    /// Returns its position in the array, counted from zero.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns its `kid`, if one could be read.
    pub fn key_id(&self) -> Option<&str> {
        self.unusable.key_id.as_deref()
    }

    /// Returns why it cannot be used.
    pub fn reason(&self) -> SkipReason {
        self.unusable.flaw.reason
    }

    /// Returns what exactly is wrong with it: the member, what was expected and what was found. The
    /// text is short and safe to print, and contains no key material. It may change between
    /// releases; [`reason`](Self::reason) does not.
    pub fn detail(&self) -> &str {
        &self.unusable.flaw.detail
    }
}

/// Shows position, `kid` and [`detail`](SkippedKey::detail), as a sentence.
impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", self.index)?;
        if let Some(key_id) = self.key_id() {
            write!(f, " ({})", Excerpt::new(key_id))?;
        }
        write!(f, " is skipped: {}", self.detail())
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::Value;

    use super::{Algorithm, KeySet, VerificationKey};

    fn key(jwk: &Value) -> VerificationKey {
        let set = KeySet::parse(serde_json::json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
        set.iter().next().unwrap().clone()
    }

    /// The examples of RFC 7515, RFC 8037 and RFC 9964 are not assertions, so they cannot be sent
    /// as requests.
    #[test]
    fn example_signatures_of_the_standards_verify() {
        for vectors in [include_str!("../../tests/vectors/jws.json"), include_str!("../../tests/vectors/ml_dsa.json")] {
            for vector in serde_json::from_str::<Vec<Value>>(vectors).unwrap() {
                let key = key(&vector["jwk"]);
                let algorithm = Algorithm::from_name(vector["algorithm"].as_str().unwrap()).unwrap();
                let (input, signature) = vector["jws"].as_str().unwrap().rsplit_once('.').unwrap();
                let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
                assert!(key.verifies(algorithm, input.as_bytes(), &signature), "{vector}");
                for at in [0, signature.len() / 2, signature.len() - 1] {
                    let mut other = signature.clone();
                    other[at] ^= 1;
                    assert!(!key.verifies(algorithm, input.as_bytes(), &other), "{algorithm}: byte {at}");
                }
                assert!(!key.verifies(algorithm, &input.as_bytes()[1..], &signature), "{algorithm}");
                let others = Algorithm::ALL.into_iter().filter(|other| !key.algorithms().contains(*other));
                for other in others {
                    assert!(!key.verifies(other, input.as_bytes(), &signature), "{algorithm} as {other}");
                }
            }
        }
    }
}
