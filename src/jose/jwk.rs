//! One JWK: what it may be used for, and the parsed public key that it holds.
//!
//! Sizes, exponents, curves and low-order points are checked here, because the crypto library does
//! not check all of them.

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents};
use curve25519_dalek::edwards::CompressedEdwardsY;
use serde::de::{Deserialize, Deserializer, IgnoredAny};

use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::base64url;
use crate::jose::digest::sha256;

/// The members of a JWK that matter here. A member of the wrong type, including `null`, makes the
/// key unusable.
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
    /// Returns the algorithms that the key may verify, the key itself, and its thumbprint.
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

    /// Computes the SHA-256 of the required members of the key, in lexicographic order and without
    /// white space (RFC 7638). None of their values needs escaping in JSON: they are known names or
    /// base64url.
    fn thumbprint(&self) -> [u8; 32] {
        let text = |member: &Option<String>| member.clone().unwrap_or_default();
        // A number with leading zeros is the same key.
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

    /// A key set is public, so a secret in it is no longer secret (OpenID Connect Registration,
    /// section 2).
    fn refuse_private_members(&self) -> Result<(), SkipReason> {
        let rsa = [&self.p, &self.q, &self.dp, &self.dq, &self.qi, &self.oth];
        let others = [&self.d, &self.k, &self.private];
        match rsa.into_iter().chain(others).any(Option::is_some) {
            true => Err(SkipReason::PrivateMembers),
            false => Ok(()),
        }
    }

    /// `use` and `key_ops` must permit verifying and must not contradict each other (RFC 7517,
    /// sections 4.2 and 4.3).
    fn check_use(&self) -> Result<(), SkipReason> {
        if self.public_use.as_deref().is_some_and(|public_use| public_use != "sig") {
            return Err(SkipReason::NotForSignatures);
        }
        let Some(operations) = &self.key_ops else { return Ok(()) };
        // RFC 7517 registers eight operations. The comparison below is quadratic, so their number
        // is bounded.
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

    /// Returns what a key of this type may verify, narrowed by its `alg` (RFC 8725, section 3.1).
    pub(crate) fn algorithms(&self) -> Result<AlgorithmSet, SkipReason> {
        use Algorithm::{ES256, ES384, ES512, Ed25519, EdDSA, MlDsa44, MlDsa65, MlDsa87};
        use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
        let of_type = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => AlgorithmSet::of(&[RS256, RS384, RS512, PS256, PS384, PS512]),
            ("EC", Some("P-256")) => AlgorithmSet::of(&[ES256]),
            ("EC", Some("P-384")) => AlgorithmSet::of(&[ES384]),
            ("EC", Some("P-521")) => AlgorithmSet::of(&[ES512]),
            ("OKP", Some("Ed25519")) => AlgorithmSet::of(&[EdDSA, Ed25519]),
            // `alg` is required, since this type covers several algorithms (RFC 9964, section 3).
            ("AKP", _) if self.alg.is_some() => AlgorithmSet::of(&[MlDsa44, MlDsa65, MlDsa87]),
            ("AKP", _) => return Err(SkipReason::Malformed),
            _ => return Err(SkipReason::UnsupportedType),
        };
        let Some(alg) = &self.alg else { return Ok(of_type) };
        let declared = match Algorithm::from_name(alg) {
            // Two names of one algorithm (RFC 9864, section 2.2).
            Some(EdDSA | Ed25519) => AlgorithmSet::of(&[EdDSA, Ed25519]),
            Some(algorithm) => AlgorithmSet::of(&[algorithm]),
            None => AlgorithmSet::EMPTY,
        };
        match of_type.intersection(declared) {
            AlgorithmSet::EMPTY => Err(SkipReason::AlgorithmConflict),
            algorithms => Ok(algorithms),
        }
    }

    /// Coordinates must have the full length of the field (RFC 7518, section 6.2.1.2). The crypto
    /// library refuses points that are not on the curve.
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

    /// The raw public key must have exactly the length of its algorithm (RFC 9964, section 3). The
    /// crypto library would also accept a SubjectPublicKeyInfo.
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

    /// The point must have its canonical encoding (RFC 8032, section 5.1.3) and must not be one of
    /// the eight points of low order, under which anyone can sign anything. The crypto library
    /// checks neither.
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

/// Returns whether y is less than the prime 2^255 - 19. It is little-endian, with the sign of x in
/// the highest bit. The sign is ambiguous only where x is zero, and those points are of low order.
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
    /// Returns the parsed key for an algorithm of its type.
    pub(crate) fn parsed(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        match self {
            Self::Single(key) => Some(key),
            Self::Rsa(key) => key.parsed(algorithm),
        }
    }
}

/// An RSA key. The crypto library binds a parsed key to one padding and hash, so it is parsed once
/// for each combination that is used.
#[derive(Clone)]
pub(crate) struct RsaKey {
    n: Vec<u8>,
    e: Vec<u8>,
    parsed: [OnceLock<Option<ParsedPublicKey>>; 6],
}

impl RsaKey {
    /// The modulus must have at least 2048 bits (RFC 7518, section 3.3) and at most 8192, the limit
    /// of the crypto library, at which a check already takes milliseconds. With an exponent of 1,
    /// every message would be its own signature.
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
    /// It is not a JSON object, a member has the wrong type, is missing, is repeated or is not
    /// base64url.
    Malformed,
    /// This crate does not verify with its `kty` or `crv` (RFC 7517, section 5: such keys are
    /// ignored).
    UnsupportedType,
    /// It has a private or symmetric member: `d`, `p`, `q`, `dp`, `dq`, `qi`, `oth`, `k` or `priv`.
    /// **That secret is now public.**
    PrivateMembers,
    /// Its `use` or `key_ops` do not permit verification, or contradict each other (RFC 7517,
    /// section 4.3).
    NotForSignatures,
    /// Its `alg` does not belong to its type.
    AlgorithmConflict,
    /// It is an RSA key of fewer than 2048 or more than 8192 bits, with an even modulus, or with an
    /// exponent that is 1, even or longer than 32 bits; or it is an Ed25519 point of low order.
    Weak,
    /// It is not a public key: the point is not on its curve, or the key has the wrong length.
    Invalid,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is not a well-formed JWK",
            Self::UnsupportedType => "its kty or crv is not supported",
            Self::PrivateMembers => "it has private or symmetric members, which must never leave the client",
            Self::NotForSignatures => "its use or key_ops do not permit verification, or contradict each other",
            Self::AlgorithmConflict => "its alg does not belong to its type",
            Self::Weak => "it is too weak or too large",
            Self::Invalid => "it is not a valid public key",
        })
    }
}
