//! The rules that an assertion must meet, as data.
//!
//! A [`Policy`] is one row of rules. Five are predefined, the profiles: [`Policy::REDOX`],
//! [`Policy::SMART_BACKEND_SERVICES`], [`Policy::RFC7523`], [`Policy::FAPI2`] and [`Policy::OIDC`].
//! The [profiles](crate::manual::profiles) page compares them. [`Limits`] bound the size of what a
//! client sends, under every policy.
//!
//! A policy decides nothing by itself. The [verifier](crate::Verifier) reads its rules, and there
//! is a getter for each, for audits. The rules are checked against each other when a verifier is
//! built.

mod audience;
mod check;
mod dangerous;
mod error;
mod limits;
mod profiles;
mod setters;

use std::time::Duration;

pub use crate::jose::algorithm::{Algorithm, AlgorithmSet};
pub use audience::AudienceRule;
pub(crate) use audience::{Audiences, is_audience, is_issuer};
pub use dangerous::DangerousPolicy;
pub use error::PolicyError;
pub use limits::Limits;

use crate::loosening::Loosenings;
use crate::name::{Name, Names};

/// Whether a parameter or a claim must be present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    /// It may be absent. If it is present, it must be right.
    Optional,
}

/// The meaning of a `jku` header parameter. It never supplies a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JkuRule {
    /// It must be the URL that the client registered (SMART App Launch 2.2, key retrieval).
    Registered,
    /// It is ignored.
    Ignored,
}

/// The vocabulary of error responses, unless the layer has its own [renderer](crate::render).
///
/// It is part of the policy although nothing here renders: a vendor's profile includes the error
/// texts of its documentation, and a layer without a custom renderer must use them. The layer
/// maps it to a renderer, so this room does not depend on `render`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wording {
    /// [`Redox`](crate::render::Redox)
    Redox,
    /// [`Rfc6749`](crate::render::Rfc6749)
    Rfc6749,
}

/// The bounds that a profile sets to its own configuration.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) profile: &'static str,
    /// No other algorithms can be allowed.
    pub(crate) algorithms: AlgorithmSet,
    /// At least one of these must be allowed, if there are any.
    pub(crate) one_of: AlgorithmSet,
    /// The range that the specification prescribes for the future skew. It holds even behind
    /// [`dangerous`](Policy::dangerous).
    pub(crate) future_skew_range: (Duration, Duration),
    /// This and the following are the largest values that need no [`dangerous`](Policy::dangerous).
    /// A method there removes the bound.
    pub(crate) key_trials: usize,
    pub(crate) future_skew: Option<Duration>,
    pub(crate) expiry_skew: Option<Duration>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
}

/// The rules that a client's assertion must meet.
///
/// Start from a profile and narrow it, or set what it leaves to the deployment: algorithms and
/// grant types. Everything that loosens a profile is behind [`dangerous`](Self::dangerous):
///
/// ```
/// use std::time::Duration;
/// use tower_client_assertion::policy::{
///     Algorithm, AlgorithmSet, AudienceRule, Policy,
/// };
///
/// const STRICT: Policy = Policy::RFC7523
///     .with_algorithms(AlgorithmSet::of(&[Algorithm::ES256, Algorithm::Ed25519]))
///     .with_max_lifetime(Duration::from_secs(120))
///     .require_jti();
///
/// const LEGACY: Policy = Policy::RFC7523
///     .dangerous()
///     .audience(AudienceRule::IssuerOrUrls)
///     .with_name("legacy");
///
/// assert_eq!((STRICT.name(), LEGACY.name()), ("rfc7523", "legacy"));
/// assert!(STRICT.requires_jti() && !LEGACY.requires_jti());
/// ```
///
/// The setters work in constants. For names that are read from a configuration there are
/// [`with_owned_name`](Self::with_owned_name),
/// [`with_owned_grant_types`](Self::with_owned_grant_types) and
/// [`accept_owned_typ`](DangerousPolicy::accept_owned_typ).
///
/// A policy whose rules make no sense, each by itself or together, is refused when the
/// [`Verifier`](crate::Verifier) is built. One verifier can serve clients under several policies:
/// see [`client_policy`](crate::VerifierBuilder::client_policy).
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Policy {
    pub(crate) name: Name,
    /// `None`: the handler decides.
    pub(crate) grant_types: Option<Names>,
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) kid: Presence,
    pub(crate) key_trials: usize,
    pub(crate) jku: JkuRule,
    pub(crate) typ: Presence,
    pub(crate) accepted_typ: Names,
    pub(crate) audience: AudienceRule,
    pub(crate) strict_by_typ: bool,
    pub(crate) jti: Presence,
    pub(crate) reusable_without_jti: bool,
    pub(crate) iat: Presence,
    pub(crate) exp: Presence,
    pub(crate) max_age: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) future_skew: Duration,
    pub(crate) expiry_skew: Duration,
    pub(crate) wording: Wording,
    pub(crate) bounds: Bounds,
    /// What was set through [`dangerous`](Self::dangerous).
    pub(crate) loosened: Loosenings,
}

/// The rules, for an auditor.
impl Policy {
    /// Returns the name by which [clients](crate::registry::Client::with_policy) refer to the
    /// policy. A [`ClientIdentity`](crate::ClientIdentity::policy) has the name of the policy that
    /// accepted it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the name of the profile that the policy is based on.
    pub const fn profile(&self) -> &'static str {
        self.bounds.profile
    }

    /// Returns the permitted grant types, or `None` if the handler decides.
    pub fn grant_types(&self) -> Option<impl Iterator<Item = &str>> {
        self.grant_types.as_ref().map(Names::iter)
    }

    /// Returns the allowed algorithms.
    pub const fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// Returns whether a `kid` header parameter is required, except from clients that sign with a
    /// secret.
    pub const fn requires_kid(&self) -> bool {
        self.kid.is_required()
    }

    /// Returns how many keys that share a `kid` are tried.
    pub const fn key_trials(&self) -> usize {
        self.key_trials
    }

    /// Returns whether a `jku` header parameter must be the key set URL that the client registered.
    /// If not, it is ignored.
    pub const fn checks_jku(&self) -> bool {
        matches!(self.jku, JkuRule::Registered)
    }

    /// Returns whether a `typ` header parameter is required.
    pub const fn requires_typ(&self) -> bool {
        self.typ.is_required()
    }

    /// Returns the accepted values of a `typ` header parameter.
    pub fn accepted_typ(&self) -> impl Iterator<Item = &str> {
        self.accepted_typ.iter()
    }

    /// Returns what `aud` must contain.
    pub const fn audience(&self) -> AudienceRule {
        self.audience
    }

    /// Returns whether an assertion with the `typ` `client-authentication+jwt` needs the issuer as
    /// the sole value of `aud` (RFC 10070), even if [`audience`](Self::audience) accepts more.
    pub const fn requires_sole_issuer_by_typ(&self) -> bool {
        self.strict_by_typ
    }

    /// Returns whether a `jti` claim is required.
    pub const fn requires_jti(&self) -> bool {
        self.jti.is_required()
    }

    /// Returns whether an assertion without a `jti` claim may be used any number of times until it
    /// expires. If not, every assertion is accepted once.
    pub const fn is_reusable_without_jti(&self) -> bool {
        !self.jti.is_required() && self.reusable_without_jti
    }

    /// Returns whether an `iat` claim is required.
    pub const fn requires_iat(&self) -> bool {
        self.iat.is_required()
    }

    /// Returns whether an `exp` claim is required.
    pub const fn requires_exp(&self) -> bool {
        self.exp.is_required()
    }

    /// Returns how far `iat` may be in the past, without the skew. `None` means no bound.
    pub const fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// Returns how far `exp` may be in the future, without the skew. `None` means no bound.
    pub const fn max_lifetime(&self) -> Option<Duration> {
        self.max_lifetime
    }

    /// Returns how far a client's clock may run ahead of the server's.
    pub const fn future_skew(&self) -> Duration {
        self.future_skew
    }

    /// Returns how far a client's clock may run behind the server's.
    pub const fn expiry_skew(&self) -> Duration {
        self.expiry_skew
    }
}

impl Policy {
    /// Returns for how long an assertion without `iat` must be remembered at most: the maximum
    /// lifetime, both skews and the second of RPL-05.
    pub(crate) fn longest_life(&self) -> Option<Duration> {
        let skews = self.future_skew.saturating_add(self.expiry_skew);
        Some(self.max_lifetime?.saturating_add(skews).saturating_add(Duration::from_secs(1)))
    }

    pub(crate) fn permits_grant_type(&self, given: &[u8]) -> bool {
        self.grant_types.as_ref().is_none_or(|permitted| permitted.any(|name| name.as_bytes() == given))
    }
}

impl Presence {
    const fn is_required(self) -> bool {
        matches!(self, Self::Required)
    }
}
