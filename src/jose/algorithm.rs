//! The algorithms of RFC 7518, RFC 8037, RFC 9864 and RFC 9964 that a client assertion may use, and sets of them.
//!
//! `none` is not a value of [`Algorithm`]: what cannot be named cannot be allowed.

use std::fmt;

/// A signature algorithm, by its registered JOSE name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3).
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384 (RFC 7518, section 3.3).
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 7518, section 3.3).
    RS512,
    /// RSASSA-PSS with SHA-256 (RFC 7518, section 3.5).
    PS256,
    /// RSASSA-PSS with SHA-384 (RFC 7518, section 3.5).
    PS384,
    /// RSASSA-PSS with SHA-512 (RFC 7518, section 3.5).
    PS512,
    /// ECDSA on P-256 with SHA-256 (RFC 7518, section 3.4).
    ES256,
    /// ECDSA on P-384 with SHA-384 (RFC 7518, section 3.4).
    ES384,
    /// ECDSA on P-521 with SHA-512 (RFC 7518, section 3.4).
    ES512,
    /// Ed25519 under its older, polymorphic name (RFC 8037, section 3.1; deprecated by RFC 9864).
    EdDSA,
    /// Ed25519 under its fully specified name (RFC 9864, section 2.2).
    Ed25519,
    /// ML-DSA-44 (RFC 9964, section 3).
    MlDsa44,
    /// ML-DSA-65 (RFC 9964, section 3).
    MlDsa65,
    /// ML-DSA-87 (RFC 9964, section 3).
    MlDsa87,
    /// HMAC with SHA-256 (RFC 7518, section 3.2). Only a client that is registered with a
    /// [secret](crate::secret::ClientSecret) can use it, and such a client can use no other kind.
    HS256,
    /// HMAC with SHA-384 (RFC 7518, section 3.2).
    HS384,
    /// HMAC with SHA-512 (RFC 7518, section 3.2).
    HS512,
}

impl Algorithm {
    /// Every algorithm that this crate verifies.
    pub const ALL: [Self; 17] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
        Self::Ed25519,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
        Self::HS256,
        Self::HS384,
        Self::HS512,
    ];

    /// The algorithm of this JOSE name, compared byte for byte (RFC 7515, section 4.1.1: names are case-sensitive).
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::RS256,
            "RS384" => Self::RS384,
            "RS512" => Self::RS512,
            "PS256" => Self::PS256,
            "PS384" => Self::PS384,
            "PS512" => Self::PS512,
            "ES256" => Self::ES256,
            "ES384" => Self::ES384,
            "ES512" => Self::ES512,
            "EdDSA" => Self::EdDSA,
            "Ed25519" => Self::Ed25519,
            "ML-DSA-44" => Self::MlDsa44,
            "ML-DSA-65" => Self::MlDsa65,
            "ML-DSA-87" => Self::MlDsa87,
            "HS256" => Self::HS256,
            "HS384" => Self::HS384,
            "HS512" => Self::HS512,
            _ => return None,
        })
    }

    /// The JOSE name, as it stands in the `alg` header parameter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    /// Whether it is symmetric: whoever can verify can also sign.
    pub const fn is_mac(self) -> bool {
        AlgorithmSet::MAC.contains(self)
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of algorithms.
///
/// ```
/// use tower_client_assertion::policy::{Algorithm, AlgorithmSet};
///
/// const ALLOWED: AlgorithmSet = AlgorithmSet::of(&[Algorithm::RS384, Algorithm::ES384]);
/// assert!(ALLOWED.contains(Algorithm::ES384));
/// assert!(!ALLOWED.contains(Algorithm::RS256));
/// assert_eq!(ALLOWED.to_string(), "RS384, ES384");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlgorithmSet(u32);

impl AlgorithmSet {
    /// The set without members. A policy that allows nothing does not build.
    pub const EMPTY: Self = Self(0);

    /// HS256, HS384 and HS512: what a client can use that is registered with a secret.
    pub const MAC: Self = Self::of(&[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512]);

    /// All others: what a client can use that is registered with public keys.
    pub const ASYMMETRIC: Self = Self::of(&Algorithm::ALL).difference(Self::MAC);

    /// The set of these algorithms.
    pub const fn of(algorithms: &[Algorithm]) -> Self {
        let mut bits = 0;
        let mut rest = algorithms;
        while let [first, others @ ..] = rest {
            bits |= first.bit();
            rest = others;
        }
        Self(bits)
    }

    /// Whether the set has no member.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `algorithm` is a member.
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & algorithm.bit() != 0
    }

    /// The members of both sets.
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The members of either set.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The members of this set that are not in the other.
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The members, in the order of [`Algorithm::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(move |algorithm| self.contains(*algorithm))
    }
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        Self(algorithms.into_iter().fold(0, |bits, algorithm| bits | algorithm.bit()))
    }
}

impl fmt::Display for AlgorithmSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, algorithm) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{algorithm}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for AlgorithmSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
