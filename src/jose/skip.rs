//! Why a key cannot be used: the kind of the reason, and what exactly was found.

use std::fmt;

/// Why a key of a JWK Set cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// It is not a JSON object, or a member has the wrong type, is missing, is repeated or is not
    /// base64url. A member that is `null`, `""` or `[]` is missing.
    Malformed,
    /// This crate does not verify with its `kty` or `crv` (RFC 7517, section 5: such keys are
    /// ignored).
    UnsupportedType,
    /// It has a private or symmetric member with a value: `d`, `p`, `q`, `dp`, `dq`, `qi`, `oth`,
    /// `k` or `priv`. **That secret is now public.**
    PrivateMembers,
    /// Its `use` or `key_ops` do not permit verification, or contradict each other (RFC 7517,
    /// section 4.3).
    NotForSignatures,
    /// Its `alg` does not belong to its type.
    AlgorithmConflict,
    /// It is an RSA key of fewer than 2048 or more than 8192 bits, with an even modulus, or with an
    /// exponent that is even, below 3 or above 65537; or it is an Ed25519 point of low order.
    Weak,
    /// It is not a public key: the point is not on its curve, or the key has the wrong length.
    Invalid,
}

impl SkipReason {
    /// Every reason.
    pub const ALL: &'static [Self] = &[
        Self::Malformed,
        Self::UnsupportedType,
        Self::PrivateMembers,
        Self::NotForSignatures,
        Self::AlgorithmConflict,
        Self::Weak,
        Self::Invalid,
    ];

    /// Returns a name that never changes, for labels, for example `private_members`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnsupportedType => "unsupported_type",
            Self::PrivateMembers => "private_members",
            Self::NotForSignatures => "not_for_signatures",
            Self::AlgorithmConflict => "algorithm_conflict",
            Self::Weak => "weak",
            Self::Invalid => "invalid",
        }
    }
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

/// What is wrong with a key. The detail names the member, what was expected and what was found. It
/// is bounded, escaped, and contains no key material.
#[derive(Clone, Debug)]
pub(crate) struct Flaw {
    pub(crate) reason: SkipReason,
    pub(crate) detail: String,
}

impl SkipReason {
    /// Adds what was found.
    pub(crate) fn with(self, detail: impl Into<String>) -> Flaw {
        Flaw { reason: self, detail: detail.into() }
    }
}
