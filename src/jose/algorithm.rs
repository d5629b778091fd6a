//! The algorithms that a client assertion may be signed with (RFC 7518, RFC 8037, RFC 9864 and
//! RFC 9964), and sets of them.
//!
//! `none` is not a value of [`Algorithm`], so no policy can allow it.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Declares [`Algorithm`], [`Algorithm::ALL`] and the conversions from and to names in one table.
macro_rules! algorithms {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A signature algorithm, by its registered JOSE name.
        ///
        /// ```
        /// use tower_client_assertion::policy::Algorithm;
        ///
        /// assert_eq!("ES256".parse(), Ok(Algorithm::ES256));
        /// assert_eq!(Algorithm::MlDsa44.to_string(), "ML-DSA-44");
        ///
        /// let error = "none".parse::<Algorithm>().unwrap_err();
        /// let text = "\"none\" is not an algorithm that this crate verifies";
        /// assert_eq!(error.to_string(), text);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Algorithm {
            $($(#[$doc])* $variant,)*
        }

        impl Algorithm {
            /// Every algorithm that this crate verifies.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Returns the algorithm with this JOSE name, compared byte for byte: names are
            /// case-sensitive (RFC 7515, section 4.1.1).
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Returns the JOSE name, as the `alg` header parameter carries it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

algorithms! {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3).
    RS256 = "RS256",
    /// RSASSA-PKCS1-v1_5 with SHA-384 (RFC 7518, section 3.3).
    RS384 = "RS384",
    /// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 7518, section 3.3).
    RS512 = "RS512",
    /// RSASSA-PSS with SHA-256 (RFC 7518, section 3.5).
    PS256 = "PS256",
    /// RSASSA-PSS with SHA-384 (RFC 7518, section 3.5).
    PS384 = "PS384",
    /// RSASSA-PSS with SHA-512 (RFC 7518, section 3.5).
    PS512 = "PS512",
    /// ECDSA on P-256 with SHA-256 (RFC 7518, section 3.4).
    ES256 = "ES256",
    /// ECDSA on P-384 with SHA-384 (RFC 7518, section 3.4).
    ES384 = "ES384",
    /// ECDSA on P-521 with SHA-512 (RFC 7518, section 3.4).
    ES512 = "ES512",
    /// Ed25519 under its older, polymorphic name (RFC 8037, section 3.1; deprecated by RFC 9864).
    EdDSA = "EdDSA",
    /// Ed25519 under its fully specified name (RFC 9864, section 2.2).
    Ed25519 = "Ed25519",
    /// ML-DSA-44 (RFC 9964, section 3).
    MlDsa44 = "ML-DSA-44",
    /// ML-DSA-65 (RFC 9964, section 3).
    MlDsa65 = "ML-DSA-65",
    /// ML-DSA-87 (RFC 9964, section 3).
    MlDsa87 = "ML-DSA-87",
    /// HMAC with SHA-256 (RFC 7518, section 3.2). Only clients registered with a
    /// [secret](crate::secret::ClientSecret) can use it, and they can use no asymmetric algorithm.
    HS256 = "HS256",
    /// HMAC with SHA-384 (RFC 7518, section 3.2).
    HS384 = "HS384",
    /// HMAC with SHA-512 (RFC 7518, section 3.2).
    HS512 = "HS512",
}

impl Algorithm {
    /// Returns whether the algorithm is symmetric: the key that verifies can also sign.
    pub const fn is_mac(self) -> bool {
        AlgorithmSet::MAC.contains(self)
    }

    /// Returns the length of every signature with this algorithm, in bytes. That of an RSA
    /// signature depends on the key.
    pub(crate) const fn signature_len(self) -> Option<usize> {
        match self {
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512 => None,
            // R and S (RFC 7518, section 3.4).
            Self::ES256 => Some(64),
            Self::ES384 => Some(96),
            Self::ES512 => Some(132),
            // RFC 8032, section 5.1.6.
            Self::EdDSA | Self::Ed25519 => Some(64),
            // FIPS 204, table 2.
            Self::MlDsa44 => Some(2420),
            Self::MlDsa65 => Some(3309),
            Self::MlDsa87 => Some(4627),
            // RFC 7518, section 3.2.
            Self::HS256 => Some(32),
            Self::HS384 => Some(48),
            Self::HS512 => Some(64),
        }
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

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::from_name(name).ok_or_else(|| UnknownAlgorithm(name.into()))
    }
}

/// As its JOSE name.
impl Serialize for Algorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A name that is not one of [`Algorithm::ALL`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownAlgorithm(Box<str>);

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not an algorithm that this crate verifies", self.0)
    }
}

impl Error for UnknownAlgorithm {}

/// A set of algorithms.
///
/// ```
/// use tower_client_assertion::policy::{Algorithm, AlgorithmSet};
///
/// const ALLOWED: AlgorithmSet =
///     AlgorithmSet::of(&[Algorithm::RS384, Algorithm::ES384]);
/// assert!(ALLOWED.contains(Algorithm::ES384));
/// assert!(!ALLOWED.contains(Algorithm::RS256));
/// assert_eq!(ALLOWED.to_string(), "RS384, ES384");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct AlgorithmSet(u32);

impl AlgorithmSet {
    /// The set without members. A policy that allows no algorithm does not build.
    pub const EMPTY: Self = Self(0);

    /// HS256, HS384 and HS512: the algorithms of clients that are registered with a secret.
    pub const MAC: Self = Self::of(&[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512]);

    /// All other algorithms: those of clients that are registered with public keys.
    pub const ASYMMETRIC: Self = Self::of(&Algorithm::ALL).difference(Self::MAC);

    /// Creates the set of these algorithms.
    pub const fn of(algorithms: &[Algorithm]) -> Self {
        let mut bits = 0;
        let mut rest = algorithms;
        while let [first, others @ ..] = rest {
            bits |= first.bit();
            rest = others;
        }
        Self(bits)
    }

    /// Returns whether the set has no member.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns whether `algorithm` is a member.
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & algorithm.bit() != 0
    }

    /// Returns the algorithms that are in both sets.
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the algorithms that are in either set.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the algorithms of this set that are not in `other`.
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the members, in the order of [`Algorithm::ALL`].
    pub fn iter(self) -> AlgorithmSetIter {
        AlgorithmSetIter { set: self, all: Algorithm::ALL.iter() }
    }
}

/// The members of an [`AlgorithmSet`], in the order of [`Algorithm::ALL`].
#[derive(Clone, Debug)]
pub struct AlgorithmSetIter {
    set: AlgorithmSet,
    all: std::slice::Iter<'static, Algorithm>,
}

impl Iterator for AlgorithmSetIter {
    type Item = Algorithm;

    fn next(&mut self) -> Option<Algorithm> {
        self.all.find(|algorithm| self.set.contains(**algorithm)).copied()
    }
}

impl IntoIterator for AlgorithmSet {
    type Item = Algorithm;
    type IntoIter = AlgorithmSetIter;

    fn into_iter(self) -> AlgorithmSetIter {
        self.iter()
    }
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        let mut set = Self::EMPTY;
        set.extend(algorithms);
        set
    }
}

impl Extend<Algorithm> for AlgorithmSet {
    fn extend<I: IntoIterator<Item = Algorithm>>(&mut self, algorithms: I) {
        self.0 = algorithms.into_iter().fold(self.0, |bits, algorithm| bits | algorithm.bit());
    }
}

impl From<Algorithm> for AlgorithmSet {
    fn from(algorithm: Algorithm) -> Self {
        Self(algorithm.bit())
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
