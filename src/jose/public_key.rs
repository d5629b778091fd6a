//! Public keys that passed every check of their strength, from any format.
//!
//! Sizes, exponents, curves and low-order points are checked here, because the crypto library does
//! not check all of them.

use std::sync::OnceLock;

use aws_lc_rs::signature::{self, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaPublicKeyComponents};
use curve25519_dalek::edwards::CompressedEdwardsY;

use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::base64url::encode;
use crate::jose::digest::sha256;
use crate::jose::skip::{Flaw, SkipReason};

/// A public key, ready to verify with.
#[derive(Clone)]
pub(crate) struct PublicKey {
    pub(crate) material: Material,
    /// The SHA-256 of the required members of the key, in lexicographic order and without white
    /// space (RFC 7638). Numbers are those of the key, not as they were written.
    pub(crate) thumbprint: [u8; 32],
}

impl PublicKey {
    /// The modulus must have at least 2048 bits (RFC 7518, section 3.3) and at most 8192, the limit
    /// of the crypto library, at which a check already takes a third of a millisecond. With an
    /// exponent of 1, every message would be its own signature. A long exponent only makes checks
    /// expensive: 65537 is the largest in use.
    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, Flaw> {
        let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
        let bits = bit_length(n);
        if !(2048..=8192).contains(&bits) {
            return Err(SkipReason::Weak.with(format!("n has {bits} bits, expected 2048 to 8192")));
        }
        if !is_odd(n) {
            return Err(SkipReason::Weak.with("n is even, expected the product of two large primes"));
        }
        check_exponent(e)?;
        let thumbprint = thumbprint(&[("e", &encode(e)), ("kty", "RSA"), ("n", &encode(n))]);
        Ok(Self { material: Material::Rsa(Box::new(RsaKey::new(n, e))), thumbprint })
    }

    /// A coordinate is a number, so leading zeros do not change the key. Some programs leave them
    /// out, although a coordinate should have the full length of the field (RFC 7518, section
    /// 6.2.1.2), and others add one. This lets no other key pass: the crypto library refuses a
    /// point that is not on the curve.
    pub(crate) fn ec(curve: &Curve, x: &[u8], y: &[u8]) -> Result<Self, Flaw> {
        let (x, y) = (curve.coordinate("x", x)?, curve.coordinate("y", y)?);
        // SEC 1, section 2.3.3: an uncompressed point.
        let point = [&[4], x.as_slice(), y.as_slice()].concat();
        let off_curve = |_| SkipReason::Invalid.with(format!("x and y are not a point on {}", curve.name));
        let parsed = ParsedPublicKey::new(curve.verification, point).map_err(off_curve)?;
        let members = [("crv", curve.name), ("kty", "EC"), ("x", &encode(&x)), ("y", &encode(&y))];
        Ok(Self { material: Material::Single(parsed), thumbprint: thumbprint(&members) })
    }

    /// The point must have its canonical encoding (RFC 8032, section 5.1.3) and must not be one of
    /// the eight points of low order, under which anyone can sign anything. The crypto library
    /// checks neither.
    pub(crate) fn ed25519(x: &[u8]) -> Result<Self, Flaw> {
        let wrong_length = |_| SkipReason::Invalid.with(format!("x has {} bytes, Ed25519 has 32", x.len()));
        let encoded = CompressedEdwardsY::from_slice(x).map_err(wrong_length)?;
        let no_point = || SkipReason::Invalid.with("x is not a point on Ed25519");
        let point = encoded.decompress().ok_or_else(no_point)?;
        if point.is_small_order() {
            return Err(SkipReason::Weak.with("x is a point of low order, under which anyone can sign"));
        }
        if !is_reduced(&encoded) {
            return Err(no_point());
        }
        let parsed = ParsedPublicKey::new(&signature::ED25519, x).map_err(|_| no_point())?;
        let thumbprint = thumbprint(&[("crv", "Ed25519"), ("kty", "OKP"), ("x", &encode(x))]);
        Ok(Self { material: Material::Single(parsed), thumbprint })
    }

    /// The raw public key must have exactly the length of its algorithm (RFC 9964, section 3). The
    /// crypto library would also accept a SubjectPublicKeyInfo.
    pub(crate) fn ml_dsa(algorithm: Algorithm, key: &[u8]) -> Result<Self, Flaw> {
        let (verification, len) = match algorithm {
            Algorithm::MlDsa44 => (&signature::ML_DSA_44, 1312),
            Algorithm::MlDsa65 => (&signature::ML_DSA_65, 1952),
            Algorithm::MlDsa87 => (&signature::ML_DSA_87, 2592),
            _ => return Err(SkipReason::UnsupportedType.with(format!("{algorithm} has no key of this type"))),
        };
        if key.len() != len {
            return Err(SkipReason::Invalid.with(format!("pub has {} bytes, {algorithm} has {len}", key.len())));
        }
        let invalid = |_| SkipReason::Invalid.with(format!("pub is not a key of {algorithm}"));
        let parsed = ParsedPublicKey::new(verification, key).map_err(invalid)?;
        // RFC 9964, section 6.
        let thumbprint = thumbprint(&[("alg", algorithm.name()), ("kty", "AKP"), ("pub", &encode(key))]);
        Ok(Self { material: Material::Single(parsed), thumbprint })
    }
}

/// None of the values needs escaping in JSON: they are known names or base64url.
fn thumbprint(members: &[(&str, &str)]) -> [u8; 32] {
    let members: Vec<_> = members.iter().map(|(name, value)| format!(r#""{name}":"{value}""#)).collect();
    sha256(format!("{{{}}}", members.join(",")).as_bytes())
}

fn check_exponent(e: &[u8]) -> Result<(), Flaw> {
    let expected = "expected an odd number from 3 to 65537";
    let found = match e {
        [3..=255] | [_, _] | [1, 0, 1] if is_odd(e) => return Ok(()),
        [] => "zero".to_owned(),
        _ if !is_odd(e) => "even".to_owned(),
        [1] => "one".to_owned(),
        _ => format!("a number of {} bits", bit_length(e)),
    };
    Err(SkipReason::Weak.with(format!("e is {found}, {expected}")))
}

/// Returns whether y is less than the prime 2^255 - 19. It is little-endian, with the sign of x in
/// the highest bit. The sign is ambiguous only where x is zero, and those points are of low order.
fn is_reduced(encoded: &CompressedEdwardsY) -> bool {
    let [low, middle @ .., high] = encoded.to_bytes();
    low < 0xED || middle != [0xFF; 30] || high & 0x7F != 0x7F
}

/// A curve for ECDSA.
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    pub(crate) algorithm: Algorithm,
    /// The length of a coordinate, in bytes.
    pub(crate) len: usize,
    verification: &'static EcdsaVerificationAlgorithm,
}

pub(crate) static CURVES: [Curve; 3] = [
    Curve { name: "P-256", algorithm: Algorithm::ES256, len: 32, verification: &signature::ECDSA_P256_SHA256_FIXED },
    Curve { name: "P-384", algorithm: Algorithm::ES384, len: 48, verification: &signature::ECDSA_P384_SHA384_FIXED },
    Curve { name: "P-521", algorithm: Algorithm::ES512, len: 66, verification: &signature::ECDSA_P521_SHA512_FIXED },
];

impl Curve {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        CURVES.iter().find(|curve| curve.name == name)
    }

    #[cfg(feature = "mint")]
    pub(crate) fn of(algorithm: Algorithm) -> Option<&'static Self> {
        CURVES.iter().find(|curve| curve.algorithm == algorithm)
    }

    /// Writes a coordinate in the length of the field.
    fn coordinate(&self, member: &str, number: &[u8]) -> Result<Vec<u8>, Flaw> {
        let significant = without_leading_zeros(number);
        let Some(zeros) = self.len.checked_sub(significant.len()) else {
            let detail = format!("{member} has {} bytes, {} has {}", significant.len(), self.name, self.len);
            return Err(SkipReason::Invalid.with(detail));
        };
        Ok([vec![0; zeros].as_slice(), significant].concat())
    }
}

/// What signatures are verified with.
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

    /// Returns the length of the modulus. Other keys have none.
    pub(crate) fn rsa_bits(&self) -> usize {
        match self {
            Self::Single(_) => 0,
            Self::Rsa(key) => bit_length(&key.n),
        }
    }
}

/// An RSA key. The crypto library binds a parsed key to one padding and hash, so it is parsed once
/// for each combination, when it is first used. Parsing costs about half as much as a check, and a
/// set can have a hundred keys of which one is ever used.
#[derive(Clone)]
pub(crate) struct RsaKey {
    n: Box<[u8]>,
    e: Box<[u8]>,
    parsed: [OnceLock<Option<ParsedPublicKey>>; 6],
}

impl RsaKey {
    pub(crate) const ALGORITHMS: AlgorithmSet = AlgorithmSet::of(&[
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ]);

    fn new(n: &[u8], e: &[u8]) -> Self {
        Self { n: n.into(), e: e.into(), parsed: Default::default() }
    }

    /// Returns the modulus and the exponent.
    #[cfg(feature = "mint")]
    pub(crate) fn numbers(&self) -> (&[u8], &[u8]) {
        (&self.n, &self.e)
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

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|byte| byte & 1 == 1)
}

fn bit_length(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |byte| byte.leading_zeros() as usize);
    number.len() * 8 - leading
}

#[cfg(test)]
mod tests {
    use super::{PublicKey, RsaKey};

    /// A key is parsed when it is first used. The crypto library must not refuse one that was
    /// registered as usable.
    #[test]
    fn every_usable_rsa_key_can_be_parsed_for_each_algorithm() {
        let exponents: [&[u8]; 6] = [&[3], &[17], &[255], &[1, 1], &[255, 255], &[1, 0, 1]];
        for bits in [2048, 2049, 2056, 3072, 4095, 4096, 8191, 8192_usize] {
            for filler in [0, 0xA5, 0xFF] {
                let mut n = vec![filler; bits.div_ceil(8)];
                let last = n.len() - 1;
                (n[0], n[last]) = (0xFF >> (n.len() * 8 - bits), filler | 1);
                for e in exponents {
                    let key = PublicKey::rsa(&n, e).map_err(|flaw| flaw.detail).unwrap();
                    for algorithm in RsaKey::ALGORITHMS {
                        assert!(key.material.parsed(algorithm).is_some(), "{bits} bits, e = {e:?}, {algorithm}");
                    }
                }
            }
        }
    }
}
