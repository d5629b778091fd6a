//! What an assertion must be like, as data: the profiles, and the limits that hold in all of them.
//!
//! A [`Policy`] decides nothing by itself; it is the table that the checks read.

use std::time::Duration;

pub use crate::algorithm::{Algorithm, AlgorithmSet};

/// Whether something must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    /// May be absent; what is present must still be right.
    Optional,
}

/// The vocabulary of the answers to a refused client, unless the layer is given another [renderer](crate::render).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wording {
    /// [`Redox`](crate::render::Redox)
    Redox,
}

/// The rules of a profile.
///
/// Start from a profile and narrow it:
///
/// ```
/// use std::time::Duration;
/// use tower_client_assertion::policy::{Algorithm, AlgorithmSet, Policy};
///
/// const POLICY: Policy = Policy::REDOX
///     .algorithms(AlgorithmSet::of(&[Algorithm::ES384]))
///     .max_age(Duration::from_secs(120))
///     .require_exp();
/// assert_eq!(POLICY.name(), "redox");
/// ```
///
/// Values that make no sense, such as a skew of more than five minutes, are found when the
/// [`Verifier`](crate::Verifier) is built.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Policy {
    pub(crate) name: &'static str,
    pub(crate) grant_types: &'static [&'static str],
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) typ: Presence,
    pub(crate) typ_accepted: &'static [&'static str],
    pub(crate) exp: Presence,
    pub(crate) max_age: Duration,
    pub(crate) future_skew: Duration,
    pub(crate) expiry_skew: Duration,
    pub(crate) wording: Wording,
}

impl Policy {
    /// The token endpoint of the Redox API, as its troubleshooting page describes it.
    ///
    /// | parameter | rule |
    /// |---|---|
    /// | `grant_type` | `client_credentials` |
    /// | algorithms | RS384, ES384 |
    /// | `kid` | required; exactly one usable key of this `kid` and algorithm |
    /// | `typ` | may be absent; else `JWT` in any case, also as `application/jwt` |
    /// | `iss`, `sub` | required; equal to each other, and to `client_id` where that is sent |
    /// | `aud` | required; a configured audience, or an array of nothing else |
    /// | `jti` | required; single use for each client |
    /// | `iat` | required; at most 5 minutes old |
    /// | `exp`, `nbf` | may be absent; must hold where they are present |
    /// | clock skew | 10 s, for the past and for the future |
    /// | refusals | 400 `invalid_request`, in Redox's own words |
    pub const REDOX: Self = Self {
        name: "redox",
        grant_types: &["client_credentials"],
        algorithms: AlgorithmSet::of(&[Algorithm::RS384, Algorithm::ES384]),
        typ: Presence::Optional,
        typ_accepted: &["jwt"],
        exp: Presence::Optional,
        max_age: Duration::from_secs(300),
        future_skew: Duration::from_secs(10),
        expiry_skew: Duration::from_secs(10),
        wording: Wording::Redox,
    };

    /// The name of the profile that this policy started from.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The algorithms that are allowed.
    pub const fn allowed_algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// Allows these algorithms and no others (RFC 8725, section 3.1).
    pub const fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = algorithms;
        self
    }

    /// Refuses an assertion without a `typ` header parameter (RFC 8725, section 3.11).
    pub const fn require_typ(mut self) -> Self {
        self.typ = Presence::Required;
        self
    }

    /// Refuses an assertion without an `exp` claim (RFC 7523, section 3).
    pub const fn require_exp(mut self) -> Self {
        self.exp = Presence::Required;
        self
    }

    /// Refuses an assertion whose `iat` lies further back than this, [skew](Self::expiry_skew) added.
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// How far a client's clock may be ahead of ours: allowed for `iat` and `nbf`. At most 300 s.
    pub const fn future_skew(mut self, skew: Duration) -> Self {
        self.future_skew = skew;
        self
    }

    /// How far a client's clock may be behind ours: allowed for `exp` and for the age of `iat`. At most 300 s.
    pub const fn expiry_skew(mut self, skew: Duration) -> Self {
        self.expiry_skew = skew;
        self
    }
}

/// How large the parts of a request may be before they are looked into any further. None of these has a source in a
/// specification; they keep an attacker's requests cheap.
///
/// ```
/// use tower_client_assertion::policy::Limits;
///
/// let limits = Limits::default().assertion(8 * 1024).jti(64);
/// # let _ = limits;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Limits {
    pub(crate) parameters: usize,
    pub(crate) assertion: usize,
    pub(crate) header: usize,
    pub(crate) json_depth: usize,
    pub(crate) kid: usize,
    pub(crate) jti: usize,
    pub(crate) client_id: usize,
    pub(crate) audiences: usize,
}

impl Limits {
    /// The form's parameters, counted. Default: 100.
    pub const fn parameters(mut self, count: usize) -> Self {
        self.parameters = count;
        self
    }

    /// The assertion, in bytes as it was sent. Default: 16 KiB.
    pub const fn assertion(mut self, bytes: usize) -> Self {
        self.assertion = bytes;
        self
    }

    /// The decoded JOSE header, in bytes. Default: 4 KiB.
    pub const fn header(mut self, bytes: usize) -> Self {
        self.header = bytes;
        self
    }

    /// The nesting of the header and of the claims, in levels. Default: 16. At most 64.
    pub const fn json_depth(mut self, levels: usize) -> Self {
        self.json_depth = levels;
        self
    }

    /// The `kid` header parameter, in bytes. Default: 256.
    pub const fn kid(mut self, bytes: usize) -> Self {
        self.kid = bytes;
        self
    }

    /// The `jti` claim, in bytes. Default: 256.
    pub const fn jti(mut self, bytes: usize) -> Self {
        self.jti = bytes;
        self
    }

    /// The `iss` claim, which is the client's id, in bytes. Default: 512.
    pub const fn client_id(mut self, bytes: usize) -> Self {
        self.client_id = bytes;
        self
    }

    /// The members of an `aud` array, counted. Default: 8.
    pub const fn audiences(mut self, count: usize) -> Self {
        self.audiences = count;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            parameters: 100,
            assertion: 16 * 1024,
            header: 4 * 1024,
            json_depth: 16,
            kid: 256,
            jti: 256,
            client_id: 512,
            audiences: 8,
        }
    }
}
