//! What an assertion must be like, as data: the rules of a profile, and the limits that hold in all of them.
//!
//! A [`Policy`] decides nothing by itself; it is the row of a table that the checks read, and an auditor may. The
//! [profiles](crate::manual::profiles) page has the whole table.

mod audience;
mod check;
mod dangerous;
mod error;
mod limits;
mod profiles;

use std::time::Duration;

pub use crate::jose::algorithm::{Algorithm, AlgorithmSet};
pub use audience::AudienceRule;
pub(crate) use audience::Audiences;
pub use dangerous::DangerousPolicy;
pub use error::PolicyError;
pub use limits::Limits;

/// Whether something must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    /// May be absent; what is present must still be right.
    Optional,
}

/// What to make of a `jku` header parameter, which never supplies a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeySetUrl {
    /// It must be the URL that the client registered (SMART App Launch 2.2, key retrieval).
    Registered,
    /// It is not looked at.
    Ignored,
}

/// The vocabulary of the answers to a refused client, unless the layer is given another [renderer](crate::render).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wording {
    /// [`Redox`](crate::render::Redox)
    Redox,
    /// [`Rfc6749`](crate::render::Rfc6749)
    Rfc6749,
}

/// What a profile does not let itself be configured out of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) profile: &'static str,
    pub(crate) algorithms: AlgorithmSet,
    /// At least one of these must be allowed, if there are any.
    pub(crate) one_of: AlgorithmSet,
    pub(crate) key_trials: usize,
    /// The least and the most that the specification allows.
    pub(crate) future_skew: (Duration, Duration),
    /// The most that goes without [`dangerous`](Policy::dangerous): the future skew, and that of expiry.
    pub(crate) skews: [Option<Duration>; 2],
    pub(crate) max_age: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
}

/// The rules of a profile, which a client's assertion must keep.
///
/// Start from a profile and narrow it, or set what it leaves to the deployment: algorithms and grant types. What would loosen
/// it stands behind [`dangerous`](Self::dangerous):
///
/// ```
/// use std::time::Duration;
/// use tower_client_assertion::policy::{Algorithm, AlgorithmSet, AudienceRule, Policy};
///
/// const STRICT: Policy = Policy::RFC7523
///     .algorithms(AlgorithmSet::of(&[Algorithm::ES256, Algorithm::Ed25519]))
///     .max_lifetime(Duration::from_secs(120))
///     .require_jti();
///
/// const LEGACY: Policy = Policy::RFC7523.dangerous().audience(AudienceRule::IssuerOrUrls).named("legacy");
///
/// assert_eq!((STRICT.name(), LEGACY.name()), ("rfc7523", "legacy"));
/// ```
///
/// Whether the rules make sense together is found when the [`Verifier`](crate::Verifier) is built. One verifier may serve
/// clients under several policies: see [`client_policy`](crate::VerifierBuilder::client_policy).
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Policy {
    pub(crate) name: &'static str,
    /// `None`: whatever the handler serves.
    pub(crate) grant_types: Option<&'static [&'static str]>,
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) kid: Presence,
    pub(crate) key_trials: usize,
    pub(crate) jku: KeySetUrl,
    pub(crate) typ: Presence,
    pub(crate) typ_accepted: &'static [&'static str],
    pub(crate) audience: AudienceRule,
    /// Whether `client-authentication+jwt` asks for the sole issuer, whatever `audience` would let pass.
    pub(crate) strict_by_typ: bool,
    pub(crate) jti: Presence,
    pub(crate) iat: Presence,
    pub(crate) exp: Presence,
    pub(crate) max_age: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) future_skew: Duration,
    pub(crate) expiry_skew: Duration,
    pub(crate) wording: Wording,
    pub(crate) bounds: Bounds,
}

impl Policy {
    /// The name by which [clients](crate::registry::Client::policy) refer to the policy, and by which a
    /// [`ClientIdentity`](crate::ClientIdentity) tells which one accepted it. Default: that of the profile.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The algorithms that are allowed.
    pub const fn allowed_algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// Gives the policy a name of its own.
    pub const fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Permits these grant types and no others at the token endpoint (RFC 6749, section 5.2); names are compared byte for byte.
    pub const fn grant_types(mut self, grant_types: &'static [&'static str]) -> Self {
        self.grant_types = Some(grant_types);
        self
    }

    /// Leaves the `grant_type` to the handler, also when it is missing.
    pub const fn any_grant_type(mut self) -> Self {
        self.grant_types = None;
        self
    }

    /// Allows these algorithms and no others (RFC 8725, section 3.1). FAPI 2.0 has a list of its own and takes only members
    /// of it.
    pub const fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = algorithms;
        self
    }

    /// Allows HS256, HS384 and HS512 besides, for clients that are registered with a
    /// [secret](crate::secret::ClientSecret): `client_secret_jwt` (OpenID Connect Core, section 9). SMART Backend Services
    /// and FAPI 2.0 do not have it, so a policy of theirs does not build with it.
    pub const fn client_secret_jwt(mut self) -> Self {
        self.algorithms = self.algorithms.union(AlgorithmSet::MAC);
        self
    }

    /// Refuses an assertion without a `kid` header parameter, unless it is signed with a secret.
    pub const fn require_kid(mut self) -> Self {
        self.kid = Presence::Required;
        self
    }

    /// How many keys of one `kid` that fit the algorithm are tried, in the order of the key set: FAPI 2.0, section 5.4.3,
    /// allows a set to have several. With 1, a second such key makes the assertion ambiguous and refused. At most what the
    /// profile has.
    pub const fn key_trials(mut self, count: usize) -> Self {
        self.key_trials = count;
        self
    }

    /// Refuses an assertion without a `typ` header parameter (RFC 8725, section 3.11).
    pub const fn require_typ(mut self) -> Self {
        self.typ = Presence::Required;
        self
    }

    /// Accepts only the issuer identifier as the sole value of `aud`, as RFC 7523 does since 2026: as a string, or as an array of
    /// that one member.
    pub const fn sole_issuer(mut self) -> Self {
        self.audience = AudienceRule::SoleIssuer;
        self
    }

    /// Accepts only the issuer identifier as a JSON string in `aud`, and no array, as FAPI 2.0 does (section 5.3.2.1).
    pub const fn issuer_as_string(mut self) -> Self {
        self.audience = AudienceRule::IssuerString;
        self
    }

    /// Refuses an assertion without a `jti` claim, so that each is good for one use.
    pub const fn require_jti(mut self) -> Self {
        self.jti = Presence::Required;
        self
    }

    /// Refuses an assertion without an `iat` claim.
    pub const fn require_iat(mut self) -> Self {
        self.iat = Presence::Required;
        self
    }

    /// Refuses an assertion without an `exp` claim (RFC 7523, section 3, item 4).
    pub const fn require_exp(mut self) -> Self {
        self.exp = Presence::Required;
        self
    }

    /// Refuses an assertion whose `iat` lies further back than this, [skew](Self::expiry_skew) added (RFC 7523, section 3,
    /// item 6). At most what the profile has, and a day.
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Refuses an assertion whose `exp` lies further ahead than this, [skew](Self::future_skew) added (RFC 7523, section 3,
    /// item 4). At most what the profile has, and a day.
    pub const fn max_lifetime(mut self, max_lifetime: Duration) -> Self {
        self.max_lifetime = Some(max_lifetime);
        self
    }

    /// How far a client's clock may be ahead of ours: allowed for `iat` and `nbf`, and added to the
    /// [maximum lifetime](Self::max_lifetime). At most what the profile has; in FAPI 2.0, 10 s to 60 s.
    pub const fn future_skew(mut self, skew: Duration) -> Self {
        self.future_skew = skew;
        self
    }

    /// How far a client's clock may be behind ours: allowed for `exp` and for the age of `iat`. At most what the profile has.
    pub const fn expiry_skew(mut self, skew: Duration) -> Self {
        self.expiry_skew = skew;
        self
    }

    /// What makes the policy accept more than its profile does.
    pub const fn dangerous(self) -> DangerousPolicy {
        DangerousPolicy(self)
    }

    pub(crate) fn permits_grant_type(&self, given: &[u8]) -> bool {
        self.grant_types.is_none_or(|permitted| permitted.iter().any(|name| name.as_bytes() == given))
    }
}
