//! Public keys, judged once when they are registered: a key that exists is a key that may be used.
//!
//! A JWK Set is read key by key. What cannot be used is skipped and remembered with its reason, so that one odd key never
//! takes the others down (RFC 7517, section 5). Sizes, exponents, curves and low-order points are judged here because the
//! backend does not judge them all. Only this file and [`signature`](crate::signature) name the crypto libraries.
//!
//! ```
//! use tower_client_assertion::keys::{KeySet, SkipReason};
//!
//! let keys = KeySet::parse(br#"{"keys":[
//!     {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
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

use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use curve25519_dalek::edwards::CompressedEdwardsY;
use serde::de::{Deserialize, Deserializer, IgnoredAny};
use serde_json::value::RawValue;

use crate::algorithm::{Algorithm, AlgorithmSet};
use crate::rejection::ClientFault;

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
    /// The text is too long, is not JSON, has no array `keys`, or has too many keys. A key that cannot be used is no error:
    /// see [`skipped`](Self::skipped).
    pub fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        Self::parse_within(json, MAX_BYTES, MAX_KEYS)
    }

    /// Like [`parse`](Self::parse), within other limits.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse).
    pub fn parse_within(json: &[u8], max_bytes: usize, max_keys: usize) -> Result<Self, KeySetError> {
        if json.len() > max_bytes {
            return Err(KeySetError::TooLong { limit: max_bytes });
        }
        let set: JwkSet<'_> = serde_json::from_slice(json).map_err(|_| KeySetError::NotAKeySet)?;
        if set.keys.len() > max_keys {
            return Err(KeySetError::TooManyKeys { limit: max_keys });
        }
        let mut found = Self::default();
        for (index, jwk) in set.keys.iter().enumerate() {
            found.add(index, jwk);
        }
        found.keys.sort_by(|a, b| a.key_id().cmp(&b.key_id()));
        found.mark_ambiguous();
        Ok(found)
    }

    fn add(&mut self, index: usize, json: &RawValue) {
        let Ok(jwk) = serde_json::from_str::<Jwk>(json.get()) else {
            let reason = SkipReason::Malformed;
            return self.skipped.push(SkippedKey { index, key_id: None, algorithms: AlgorithmSet::EMPTY, reason });
        };
        match VerificationKey::from_jwk(&jwk) {
            Ok(key) => self.keys.push(key),
            Err(reason) => {
                let algorithms = jwk.algorithms().unwrap_or(AlgorithmSet::EMPTY);
                self.skipped.push(SkippedKey { index, key_id: jwk.kid, algorithms, reason });
            }
        }
    }

    /// Finds the keys that share a `kid` and an algorithm: no assertion could say which of them it means.
    fn mark_ambiguous(&mut self) {
        let shared: Vec<_> =
            self.keys.iter().enumerate().map(|(index, key)| self.shared_by_others(index, key)).collect();
        for (key, shared) in self.keys.iter_mut().zip(shared) {
            key.ambiguous = shared;
        }
    }

    fn shared_by_others(&self, index: usize, key: &VerificationKey) -> AlgorithmSet {
        let others = self.keys.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other);
        let namesakes = others.filter(|other| other.key_id == key.key_id);
        namesakes.fold(AlgorithmSet::EMPTY, |shared, other| shared.union(other.algorithms.intersection(key.algorithms)))
    }

    /// The number of usable keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no usable key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The usable keys, ordered by their `kid`.
    pub fn iter(&self) -> impl Iterator<Item = &VerificationKey> {
        self.keys.iter()
    }

    /// The keys that cannot be used, in the order of the document.
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// Every algorithm that some key can verify.
    pub fn algorithms(&self) -> AlgorithmSet {
        self.iter().fold(AlgorithmSet::EMPTY, |all, key| all.union(key.algorithms))
    }

    /// The one key of this `kid` for this algorithm (SMART App Launch: if there is none, or more than one, it fails).
    pub(crate) fn select(&self, kid: &str, algorithm: Algorithm) -> Result<&VerificationKey, ClientFault> {
        let start = self.keys.partition_point(|key| key.key_id() < Some(kid));
        let mut named = self.keys.iter().skip(start).take_while(|key| key.key_id() == Some(kid));
        match named.find(|key| key.algorithms.contains(algorithm)) {
            Some(key) if key.ambiguous.contains(algorithm) => Err(ClientFault::AmbiguousKey),
            Some(key) => Ok(key),
            None if self.has_weak(kid, algorithm) => Err(ClientFault::WeakKey),
            None => Err(ClientFault::NoKey),
        }
    }

    fn has_weak(&self, kid: &str, algorithm: Algorithm) -> bool {
        let weak = |key: &SkippedKey| key.reason == SkipReason::Weak && key.algorithms.contains(algorithm);
        self.skipped.iter().any(|key| key.key_id() == Some(kid) && weak(key))
    }
}

/// Reads the keys that `jsonwebtoken` has parsed, and judges them again.
#[cfg(feature = "jsonwebtoken")]
impl TryFrom<&jsonwebtoken::jwk::JwkSet> for KeySet {
    type Error = KeySetError;

    fn try_from(set: &jsonwebtoken::jwk::JwkSet) -> Result<Self, KeySetError> {
        let json = serde_json::to_vec(set).map_err(|_| KeySetError::NotAKeySet)?;
        Self::parse(&json)
    }
}

/// A public key that may verify signatures.
#[derive(Clone)]
pub struct VerificationKey {
    key_id: Option<Arc<str>>,
    algorithms: AlgorithmSet,
    /// Those for which another key of the same `kid` serves as well.
    ambiguous: AlgorithmSet,
    material: Material,
}

#[derive(Clone)]
enum Material {
    /// An elliptic curve key serves one algorithm, and Ed25519 one under two names.
    Single(ParsedPublicKey),
    Rsa(Box<RsaKey>),
}

impl VerificationKey {
    /// The `kid` of the key, if it has one.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    pub(crate) fn shared_key_id(&self) -> Option<Arc<str>> {
        self.key_id.clone()
    }

    /// The algorithms that the key may verify: those of its type, or the one that its `alg` names.
    pub fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// The parsed key for `algorithm`, if this key may be used with it.
    pub(crate) fn parsed(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        if !self.algorithms.contains(algorithm) {
            return None;
        }
        match &self.material {
            Material::Single(key) => Some(key),
            Material::Rsa(key) => key.parsed(algorithm),
        }
    }

    fn from_jwk(jwk: &Jwk) -> Result<Self, SkipReason> {
        jwk.refuse_private_members()?;
        let algorithms = jwk.algorithms()?;
        jwk.check_use()?;
        let material = match jwk.kty.as_str() {
            "RSA" => Material::Rsa(Box::new(RsaKey::from_jwk(jwk)?)),
            "EC" => Material::Single(jwk.ec_key()?),
            "OKP" => Material::Single(jwk.ed25519_key()?),
            _ => return Err(SkipReason::UnsupportedType),
        };
        let key_id = jwk.kid.as_deref().map(Arc::from);
        Ok(Self { key_id, algorithms, ambiguous: AlgorithmSet::EMPTY, material })
    }
}

/// Says which key it is, not what it is made of.
impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("VerificationKey");
        debug.field("key_id", &self.key_id).field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

/// An RSA key. The backend binds a parsed key to one padding and hash, so it is parsed once for each that is used.
#[derive(Clone)]
struct RsaKey {
    n: Vec<u8>,
    e: Vec<u8>,
    parsed: [OnceLock<Option<ParsedPublicKey>>; 6],
}

impl RsaKey {
    /// At least 2048 bits (RFC 7518, section 3.3), and at most 8192, beyond which the backend refuses and a check takes
    /// milliseconds. An exponent of 1 would make every message its own signature.
    fn from_jwk(jwk: &Jwk) -> Result<Self, SkipReason> {
        let n = without_leading_zeros(decode(&jwk.n)?);
        let e = without_leading_zeros(decode(&jwk.e)?);
        if !(2048..=8192).contains(&bit_length(&n)) {
            return Err(SkipReason::Weak);
        }
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        if !odd(&n) || !odd(&e) || e.len() > 4 || e == [1] {
            return Err(SkipReason::Weak);
        }
        let key = Self { n, e, parsed: Default::default() };
        let probe = jwk.algorithms()?.iter().next().unwrap_or(Algorithm::RS256);
        match key.parsed(probe) {
            Some(_) => Ok(key),
            None => Err(SkipReason::Invalid),
        }
    }

    fn parsed(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        let (index, parameters) = match algorithm {
            Algorithm::RS256 => (0, &signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::RS384 => (1, &signature::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::RS512 => (2, &signature::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::PS256 => (3, &signature::RSA_PSS_2048_8192_SHA256),
            Algorithm::PS384 => (4, &signature::RSA_PSS_2048_8192_SHA384),
            Algorithm::PS512 => (5, &signature::RSA_PSS_2048_8192_SHA512),
            Algorithm::ES256 | Algorithm::ES384 | Algorithm::ES512 | Algorithm::EdDSA | Algorithm::Ed25519 => {
                return None;
            }
        };
        let components = RsaPublicKeyComponents { n: &self.n, e: &self.e };
        let parse = || components.to_parsed_public_key(parameters).ok();
        self.parsed.get(index)?.get_or_init(parse).as_ref()
    }
}

fn without_leading_zeros(number: Vec<u8>) -> Vec<u8> {
    number.into_iter().skip_while(|byte| *byte == 0).collect()
}

fn bit_length(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |byte| byte.leading_zeros() as usize);
    number.len() * 8 - leading
}

fn decode(member: &Option<String>) -> Result<Vec<u8>, SkipReason> {
    let text = member.as_ref().ok_or(SkipReason::Malformed)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| SkipReason::Malformed)
}

#[derive(serde::Deserialize)]
struct JwkSet<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// The members of a JWK that concern us. One of another type than it should have, `null` included, spoils the key.
#[derive(serde::Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default, deserialize_with = "present")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    alg: Option<String>,
    #[serde(default, rename = "use", deserialize_with = "present")]
    public_use: Option<String>,
    #[serde(default, deserialize_with = "present")]
    key_ops: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    crv: Option<String>,
    #[serde(default, deserialize_with = "present")]
    x: Option<String>,
    #[serde(default, deserialize_with = "present")]
    y: Option<String>,
    #[serde(default, deserialize_with = "present")]
    n: Option<String>,
    #[serde(default, deserialize_with = "present")]
    e: Option<String>,
    #[serde(default, deserialize_with = "present")]
    d: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    p: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    q: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    dp: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    dq: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    qi: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    oth: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    k: Option<IgnoredAny>,
    #[serde(default, rename = "priv", deserialize_with = "present")]
    private: Option<IgnoredAny>,
}

fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Jwk {
    /// A key set is public: whoever puts a secret into it has lost that secret (OpenID Connect Registration, section 2).
    fn refuse_private_members(&self) -> Result<(), SkipReason> {
        let rsa = [&self.p, &self.q, &self.dp, &self.dq, &self.qi, &self.oth];
        let others = [&self.d, &self.k, &self.private];
        match rsa.into_iter().chain(others).any(Option::is_some) {
            true => Err(SkipReason::PrivateMembers),
            false => Ok(()),
        }
    }

    /// `use` and `key_ops` must permit verifying and must not contradict each other (RFC 7517, sections 4.2 and 4.3).
    fn check_use(&self) -> Result<(), SkipReason> {
        if self.public_use.as_deref().is_some_and(|public_use| public_use != "sig") {
            return Err(SkipReason::NotForSignatures);
        }
        let Some(operations) = &self.key_ops else { return Ok(()) };
        let repeated = operations
            .iter()
            .enumerate()
            .any(|(index, operation)| operations.iter().skip(index + 1).any(|other| other == operation));
        let foreign = |operation: &String| !matches!(operation.as_str(), "verify" | "sign");
        let contradiction = self.public_use.is_some() && operations.iter().any(foreign);
        match operations.iter().any(|operation| operation == "verify") && !repeated && !contradiction {
            true => Ok(()),
            false => Err(SkipReason::NotForSignatures),
        }
    }

    /// What a key of this type may verify, narrowed by its own `alg` (RFC 8725, section 3.1).
    fn algorithms(&self) -> Result<AlgorithmSet, SkipReason> {
        use Algorithm::{ES256, ES384, ES512, Ed25519, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        let of_type = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => AlgorithmSet::of(&[RS256, RS384, RS512, PS256, PS384, PS512]),
            ("EC", Some("P-256")) => AlgorithmSet::of(&[ES256]),
            ("EC", Some("P-384")) => AlgorithmSet::of(&[ES384]),
            ("EC", Some("P-521")) => AlgorithmSet::of(&[ES512]),
            ("OKP", Some("Ed25519")) => AlgorithmSet::of(&[EdDSA, Ed25519]),
            _ => return Err(SkipReason::UnsupportedType),
        };
        let Some(alg) = &self.alg else { return Ok(of_type) };
        let declared = match Algorithm::from_name(alg) {
            // Two names of one algorithm (RFC 9864, section 2.2): a key for the one is a key for the other.
            Some(EdDSA | Ed25519) => AlgorithmSet::of(&[EdDSA, Ed25519]),
            Some(algorithm) => AlgorithmSet::of(&[algorithm]),
            None => AlgorithmSet::EMPTY,
        };
        match of_type.intersection(declared) {
            AlgorithmSet::EMPTY => Err(SkipReason::AlgorithmConflict),
            algorithms => Ok(algorithms),
        }
    }

    /// Coordinates have the full length of the field (RFC 7518, section 6.2.1.2); the backend refuses what is off the curve.
    fn ec_key(&self) -> Result<ParsedPublicKey, SkipReason> {
        let (algorithm, len) = match self.crv.as_deref() {
            Some("P-256") => (&signature::ECDSA_P256_SHA256_FIXED, 32),
            Some("P-384") => (&signature::ECDSA_P384_SHA384_FIXED, 48),
            Some("P-521") => (&signature::ECDSA_P521_SHA512_FIXED, 66),
            _ => return Err(SkipReason::UnsupportedType),
        };
        let (x, y) = (decode(&self.x)?, decode(&self.y)?);
        if x.len() != len || y.len() != len {
            return Err(SkipReason::Invalid);
        }
        // SEC 1, section 2.3.3: an uncompressed point.
        let point = [&[4], x.as_slice(), y.as_slice()].concat();
        ParsedPublicKey::new(algorithm, point).map_err(|_| SkipReason::Invalid)
    }

    /// A point in its one canonical encoding (RFC 8032, section 5.1.3), and not one of the eight of low order, under which
    /// anybody can sign anything. The backend checks neither.
    fn ed25519_key(&self) -> Result<ParsedPublicKey, SkipReason> {
        let x = decode(&self.x)?;
        let encoded = CompressedEdwardsY::from_slice(&x).map_err(|_| SkipReason::Invalid)?;
        let point = encoded.decompress().ok_or(SkipReason::Invalid)?;
        if point.is_small_order() {
            return Err(SkipReason::Weak);
        }
        if point.compress() != encoded {
            return Err(SkipReason::Invalid);
        }
        ParsedPublicKey::new(&signature::ED25519, x).map_err(|_| SkipReason::Invalid)
    }
}

/// A key that stands in a JWK Set and cannot be used.
#[derive(Clone, Debug)]
pub struct SkippedKey {
    index: usize,
    key_id: Option<String>,
    algorithms: AlgorithmSet,
    reason: SkipReason,
}

impl SkippedKey {
    /// Where it stands in the array, counted from zero.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Its `kid`, where one could be read.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Why it cannot be used.
    pub fn reason(&self) -> SkipReason {
        self.reason
    }
}

/// Why a key of a JWK Set cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// Not a JSON object, a member of the wrong type, a missing or repeated member, or one that is not base64url.
    Malformed,
    /// A `kty` or `crv` that we do not verify with (RFC 7517, section 5: such keys are ignored).
    UnsupportedType,
    /// A private or symmetric member: `d`, `p`, `q`, `dp`, `dq`, `qi`, `oth`, `k` or `priv`. **That secret is public now.**
    PrivateMembers,
    /// `use` or `key_ops` do not permit verifying, or contradict each other (RFC 7517, section 4.3).
    NotForSignatures,
    /// `alg` does not belong to the type of the key.
    AlgorithmConflict,
    /// RSA of under 2048 or over 8192 bits, with an even modulus, or with an exponent that is 1, even or over 32 bits; or
    /// an Ed25519 point of low order.
    Weak,
    /// Not a key at all: a point that is not on its curve, or of the wrong length.
    Invalid,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is not a well-formed JWK",
            Self::UnsupportedType => "its kty or crv is not supported",
            Self::PrivateMembers => "it has private or symmetric members, which must never leave the client",
            Self::NotForSignatures => "its use or key_ops do not permit verifying, or contradict each other",
            Self::AlgorithmConflict => "its alg does not belong to its type",
            Self::Weak => "it is too weak or too large",
            Self::Invalid => "it is not a valid public key",
        })
    }
}

/// Why a document is not a JWK Set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySetError {
    /// The document is longer than the limit, in bytes.
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// The document is not a JSON object with an array `keys` (RFC 7517, section 5).
    NotAKeySet,
    /// The document has more keys than the limit.
    TooManyKeys {
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => write!(f, "the JWK Set is longer than {limit} bytes"),
            Self::NotAKeySet => f.write_str("the JWK Set is not a JSON object with one array named keys"),
            Self::TooManyKeys { limit } => write!(f, "the JWK Set has more than {limit} keys"),
        }
    }
}

impl Error for KeySetError {}
