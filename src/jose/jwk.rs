//! One JWK, judged: what it may be used for, and the parsed public key that it holds.
//!
//! Sizes, exponents, curves and low-order points are judged here because the backend does not judge them all. Only this
//! file, [`keys`](crate::keys) and [`signature`](crate::verifier::signature) know the crypto libraries.

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents};
use curve25519_dalek::edwards::CompressedEdwardsY;
use serde::de::{Deserialize, Deserializer, IgnoredAny};

use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::base64url;
use crate::jose::digest::sha256;

/// The members of a JWK that concern us. One of another type than it should have, `null` included, spoils the key.
#[derive(serde::Deserialize)]
pub(crate) struct Jwk {
    kty: String,
    #[serde(default, deserialize_with = "present")]
    pub(crate) kid: Option<String>,
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
    #[serde(default, rename = "pub", deserialize_with = "present")]
    public: Option<String>,
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
    /// The algorithms that the key may verify, the key itself, and its thumbprint.
    pub(crate) fn judge(&self) -> Result<(AlgorithmSet, Material, [u8; 32]), SkipReason> {
        self.refuse_private_members()?;
        let algorithms = self.algorithms()?;
        self.check_use()?;
        let material = match self.kty.as_str() {
            "RSA" => Material::Rsa(Box::new(RsaKey::from_jwk(self)?)),
            "EC" => Material::Single(self.ec_key()?),
            "OKP" => Material::Single(self.ed25519_key()?),
            "AKP" => Material::Single(self.ml_dsa_key()?),
            _ => return Err(SkipReason::UnsupportedType),
        };
        Ok((algorithms, material, self.thumbprint()))
    }

    /// RFC 7638: SHA-256 of the required members of the key, in lexicographic order and without white space. None of their
    /// values has a character that JSON would escape: they were found to be names that we know, and base64url.
    fn thumbprint(&self) -> [u8; 32] {
        let text = |member: &Option<String>| member.clone().unwrap_or_default();
        // Some write these with leading zeros, and still mean the same key.
        let number = |member| decode(member).map(|number| base64url::encode(&without_leading_zeros(number)));
        let (kty, crv, x, y) = (&self.kty, text(&self.crv), text(&self.x), text(&self.y));
        let canonical = match kty.as_str() {
            "RSA" => {
                let (e, n) = (number(&self.e).unwrap_or_default(), number(&self.n).unwrap_or_default());
                format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
            }
            "EC" => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
            "OKP" => format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x}"}}"#),
            // RFC 9964, section 6.
            _ => format!(r#"{{"alg":"{}","kty":"{kty}","pub":"{}"}}"#, text(&self.alg), text(&self.public)),
        };
        sha256(canonical.as_bytes())
    }

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
        // RFC 7517 registers eight. Each is compared with each, so there had better not be many.
        if operations.len() > 16 {
            return Err(SkipReason::NotForSignatures);
        }
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
    pub(crate) fn algorithms(&self) -> Result<AlgorithmSet, SkipReason> {
        use Algorithm::{ES256, ES384, ES512, Ed25519, EdDSA, MlDsa44, MlDsa65, MlDsa87};
        use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
        let of_type = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => AlgorithmSet::of(&[RS256, RS384, RS512, PS256, PS384, PS512]),
            ("EC", Some("P-256")) => AlgorithmSet::of(&[ES256]),
            ("EC", Some("P-384")) => AlgorithmSet::of(&[ES384]),
            ("EC", Some("P-521")) => AlgorithmSet::of(&[ES512]),
            ("OKP", Some("Ed25519")) => AlgorithmSet::of(&[EdDSA, Ed25519]),
            // Its `alg` is required: the type alone says nothing (RFC 9964, section 3).
            ("AKP", _) if self.alg.is_some() => AlgorithmSet::of(&[MlDsa44, MlDsa65, MlDsa87]),
            ("AKP", _) => return Err(SkipReason::Malformed),
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

    /// A raw public key of exactly the length of its algorithm (RFC 9964, section 3). The backend would also take one that is
    /// wrapped in a certificate's structure.
    fn ml_dsa_key(&self) -> Result<ParsedPublicKey, SkipReason> {
        let (algorithm, len) = match self.alg.as_deref() {
            Some("ML-DSA-44") => (&signature::ML_DSA_44, 1312),
            Some("ML-DSA-65") => (&signature::ML_DSA_65, 1952),
            Some("ML-DSA-87") => (&signature::ML_DSA_87, 2592),
            _ => return Err(SkipReason::UnsupportedType),
        };
        let key = decode(&self.public)?;
        match key.len() == len {
            true => ParsedPublicKey::new(algorithm, key).map_err(|_| SkipReason::Invalid),
            false => Err(SkipReason::Invalid),
        }
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
        if !is_reduced(&encoded) {
            return Err(SkipReason::Invalid);
        }
        ParsedPublicKey::new(&signature::ED25519, x).map_err(|_| SkipReason::Invalid)
    }
}

/// Whether y is less than the prime 2^255 - 19: little-endian, beside the sign of x in the highest bit. The sign has a second
/// form only where x is zero, and such points are of low order.
fn is_reduced(encoded: &CompressedEdwardsY) -> bool {
    let [low, middle @ .., high] = encoded.to_bytes();
    low < 0xED || middle != [0xFF; 30] || high & 0x7F != 0x7F
}

/// A public key, ready to verify with.
#[derive(Clone)]
pub(crate) enum Material {
    /// An elliptic curve or ML-DSA key serves one algorithm, and Ed25519 one under two names.
    Single(ParsedPublicKey),
    Rsa(Box<RsaKey>),
}

impl Material {
    /// The parsed key for an algorithm of its type.
    pub(crate) fn parsed(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        match self {
            Self::Single(key) => Some(key),
            Self::Rsa(key) => key.parsed(algorithm),
        }
    }
}

/// An RSA key. The backend binds a parsed key to one padding and hash, so it is parsed once for each that is used.
#[derive(Clone)]
pub(crate) struct RsaKey {
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
            _ => return None,
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
    base64url::decode(text).ok_or(SkipReason::Malformed)
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
    /// Not a key at all: a point that is not on its curve, or a key of the wrong length.
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
