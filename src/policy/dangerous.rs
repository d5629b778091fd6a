//! The settings that loosen a policy. They are separate from those that narrow it, so that neither
//! happens by mistake.

use std::mem::{self, ManuallyDrop};
use std::time::Duration;

use super::{AudienceRule, Policy, Presence};
use crate::name::Names;

/// Makes a [`Policy`] accept more than its profile. Weigh the risk that each method names.
///
/// ```
/// use tower_client_assertion::Policy;
/// use tower_client_assertion::policy::AudienceRule;
///
/// // For clients that still put the URL of the token endpoint into `aud`.
/// const POLICY: Policy = Policy::RFC7523
///     .dangerous()
///     .audience(AudienceRule::IssuerOrUrls);
/// # let _ = POLICY;
/// ```
// Without `ManuallyDrop`, the methods could not be constant: moving the policy out would leave
// something to destroy. A value that is dropped unused leaks the owned names of its policy.
#[derive(Clone, Debug)]
#[must_use]
pub struct DangerousPolicy(pub(super) ManuallyDrop<Policy>);

impl DangerousPolicy {
    const fn into_policy(self) -> Policy {
        ManuallyDrop::into_inner(self.0)
    }

    /// Accepts the audiences of `rule`. In policies based on [`RFC7523`](Policy::RFC7523) or
    /// [`OIDC`](Policy::OIDC), an assertion with the `typ` `client-authentication+jwt` still needs
    /// the issuer as the sole value.
    ///
    /// The risk: another authorization server that names this token endpoint as its own can obtain
    /// assertions that are valid here.
    pub const fn audience(self, rule: AudienceRule) -> Policy {
        let mut policy = self.into_policy();
        policy.audience = rule;
        policy
    }

    /// Accepts these values of `typ`, and no `typ` where the policy does not require one. The
    /// values are media types: their case and an `application/` prefix do not matter (RFC 7515,
    /// section 4.1.9). The types of other kinds of JWT, for example `at+jwt`, are never accepted.
    ///
    /// The risk: a JWT that was issued for another purpose is accepted as an assertion (RFC 8725,
    /// section 2.8).
    pub const fn accept_typ(self, typ: &'static [&'static str]) -> Policy {
        let mut policy = self.into_policy();
        mem::forget(mem::replace(&mut policy.accepted_typ, Names::Static(typ)));
        policy
    }

    /// Accepts values of `typ` like [`accept_typ`](Self::accept_typ), for values that are read from
    /// a configuration.
    ///
    /// The risk: as for [`accept_typ`](Self::accept_typ).
    pub fn accept_owned_typ<N: Into<Box<str>>>(self, typ: impl IntoIterator<Item = N>) -> Policy {
        Policy { accepted_typ: Names::shared(typ), ..self.into_policy() }
    }

    /// Accepts assertions without a `kid` header parameter, if their client has only one key for
    /// the algorithm.
    ///
    /// The risk: such clients cannot rotate their keys without an interruption.
    pub const fn optional_kid(self) -> Policy {
        let mut policy = self.into_policy();
        policy.kid = Presence::Optional;
        policy
    }

    /// Tries up to `count` keys that share a `kid`.
    ///
    /// The risk: each trial costs a signature check, for forged assertions too.
    pub const fn key_trials(self, count: usize) -> Policy {
        let mut policy = self.into_policy();
        policy.key_trials = count;
        policy.bounds.key_trials = usize::MAX;
        policy
    }

    /// Accepts assertions without a `jti` claim. Each is accepted once, and known by the SHA-256
    /// hash of its signing input.
    ///
    /// The risk: a client that signs the same claims twice within a second, with an algorithm
    /// without randomness, sends the same assertion twice, and the second is refused.
    pub const fn optional_jti(self) -> Policy {
        let mut policy = self.into_policy();
        policy.jti = Presence::Optional;
        policy
    }

    /// Accepts assertions without a `jti` claim, each any number of times until it expires. One
    /// with a `jti` is still accepted once.
    ///
    /// The risk: an attacker who intercepts such an assertion can use it until it expires.
    pub const fn reusable_without_jti(self) -> Policy {
        let mut policy = self.into_policy();
        policy.jti = Presence::Optional;
        policy.reusable_without_jti = true;
        policy
    }

    /// Accepts assertions without an `iat` claim.
    ///
    /// The risk: the age of such an assertion is unknown, so only `exp` ends it.
    pub const fn optional_iat(self) -> Policy {
        let mut policy = self.into_policy();
        policy.iat = Presence::Optional;
        policy
    }

    /// Accepts assertions without an `exp` claim.
    ///
    /// The risk: only the age of `iat` ends such an assertion, so its client cannot make it expire
    /// sooner.
    pub const fn optional_exp(self) -> Policy {
        let mut policy = self.into_policy();
        policy.exp = Presence::Optional;
        policy
    }

    /// Allows a client's clock to run ahead of the server's by up to this much, at most 300 s (RFC
    /// 7519, section 4.1.4: "no more than a few minutes"). In FAPI 2.0 the limit stays 60 s.
    ///
    /// The risk: an attacker who can use a client's key for a moment can sign assertions for later.
    pub const fn future_skew(self, skew: Duration) -> Policy {
        let mut policy = self.into_policy();
        policy.future_skew = skew;
        policy.bounds.future_skew = None;
        policy
    }

    /// Allows a client's clock to run behind the server's by up to this much, at most 300 s.
    ///
    /// The risk: assertions stay valid this much longer than they say.
    pub const fn expiry_skew(self, skew: Duration) -> Policy {
        let mut policy = self.into_policy();
        policy.expiry_skew = skew;
        policy.bounds.expiry_skew = None;
        policy
    }

    /// Accepts an `iat` as old as this, at most one day. `None` accepts any age.
    ///
    /// The risk: an assertion that was intercepted long ago is still valid, and the replay store
    /// must record assertions for that long.
    pub const fn max_age(self, max_age: Option<Duration>) -> Policy {
        let mut policy = self.into_policy();
        policy.max_age = max_age;
        policy.bounds.max_age = None;
        policy
    }

    /// Accepts an `exp` as far in the future as this, at most one day. `None` accepts any.
    ///
    /// The risk: as for [`max_age`](Self::max_age).
    pub const fn max_lifetime(self, max_lifetime: Option<Duration>) -> Policy {
        let mut policy = self.into_policy();
        policy.max_lifetime = max_lifetime;
        policy.bounds.max_lifetime = None;
        policy
    }
}
