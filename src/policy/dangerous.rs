//! The settings that loosen a policy. They are separate from those that narrow it, so that neither
//! happens by mistake.

use std::mem::{self, ManuallyDrop};
use std::time::Duration;

use super::{AudienceRule, Policy, Presence};
use crate::loosening::{Loosening, risk};
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
    /// Returns the policy, which records that it was loosened.
    const fn into_policy(self, by: Loosening) -> Policy {
        let mut policy = ManuallyDrop::into_inner(self.0);
        policy.loosened = policy.loosened.with(by);
        policy
    }

    /// Accepts the audiences of `rule`. In policies based on [`RFC7523`](Policy::RFC7523) or
    /// [`OIDC`](Policy::OIDC), an assertion with the `typ` `client-authentication+jwt` still needs
    /// the issuer as the sole value.
    ///
    #[doc = risk!(Audience)]
    pub const fn audience(self, rule: AudienceRule) -> Policy {
        let mut policy = self.into_policy(Loosening::Audience);
        policy.audience = rule;
        policy
    }

    /// Accepts these values of `typ`, and no `typ` where the policy does not require one. The
    /// values are media types: their case and an `application/` prefix do not matter (RFC 7515,
    /// section 4.1.9). The types of other kinds of JWT, for example `at+jwt`, are never accepted.
    ///
    #[doc = risk!(AcceptTyp)]
    pub const fn accept_typ(self, typ: &'static [&'static str]) -> Policy {
        let mut policy = self.into_policy(Loosening::AcceptTyp);
        mem::forget(mem::replace(&mut policy.accepted_typ, Names::Static(typ)));
        policy
    }

    /// Accepts values of `typ` like [`accept_typ`](Self::accept_typ), for values that are read from
    /// a configuration.
    ///
    #[doc = risk!(AcceptTyp)]
    pub fn accept_owned_typ<N: Into<Box<str>>>(self, typ: impl IntoIterator<Item = N>) -> Policy {
        Policy { accepted_typ: Names::shared(typ), ..self.into_policy(Loosening::AcceptTyp) }
    }

    /// Accepts assertions without a `kid` header parameter, if their client has only one key for
    /// the algorithm.
    ///
    #[doc = risk!(OptionalKid)]
    pub const fn optional_kid(self) -> Policy {
        let mut policy = self.into_policy(Loosening::OptionalKid);
        policy.kid = Presence::Optional;
        policy
    }

    /// Tries up to `count` keys that share a `kid`.
    ///
    #[doc = risk!(KeyTrials)]
    pub const fn key_trials(self, count: usize) -> Policy {
        let mut policy = self.into_policy(Loosening::KeyTrials);
        policy.key_trials = count;
        policy.bounds.key_trials = usize::MAX;
        policy
    }

    /// Accepts assertions without a `jti` claim. Each is accepted once, and known by the SHA-256
    /// hash of its signing input.
    ///
    #[doc = risk!(OptionalJti)]
    pub const fn optional_jti(self) -> Policy {
        let mut policy = self.into_policy(Loosening::OptionalJti);
        policy.jti = Presence::Optional;
        policy
    }

    /// Accepts assertions without a `jti` claim, each any number of times until it expires. One
    /// with a `jti` is still accepted once.
    ///
    #[doc = risk!(ReusableWithoutJti)]
    pub const fn reusable_without_jti(self) -> Policy {
        let mut policy = self.into_policy(Loosening::ReusableWithoutJti);
        policy.jti = Presence::Optional;
        policy.reusable_without_jti = true;
        policy
    }

    /// Accepts assertions without an `iat` claim.
    ///
    #[doc = risk!(OptionalIat)]
    pub const fn optional_iat(self) -> Policy {
        let mut policy = self.into_policy(Loosening::OptionalIat);
        policy.iat = Presence::Optional;
        policy
    }

    /// Accepts assertions without an `exp` claim.
    ///
    #[doc = risk!(OptionalExp)]
    pub const fn optional_exp(self) -> Policy {
        let mut policy = self.into_policy(Loosening::OptionalExp);
        policy.exp = Presence::Optional;
        policy
    }

    /// Allows a client's clock to run ahead of the server's by up to this much, at most 300 s (RFC
    /// 7519, section 4.1.4: "no more than a few minutes"). In FAPI 2.0 the limit stays 60 s.
    ///
    #[doc = risk!(FutureSkew)]
    pub const fn future_skew(self, skew: Duration) -> Policy {
        let mut policy = self.into_policy(Loosening::FutureSkew);
        policy.future_skew = skew;
        policy.bounds.future_skew = None;
        policy
    }

    /// Allows a client's clock to run behind the server's by up to this much, at most 300 s.
    ///
    #[doc = risk!(ExpirySkew)]
    pub const fn expiry_skew(self, skew: Duration) -> Policy {
        let mut policy = self.into_policy(Loosening::ExpirySkew);
        policy.expiry_skew = skew;
        policy.bounds.expiry_skew = None;
        policy
    }

    /// Accepts an `iat` as old as this, at most one day. `None` accepts any age.
    ///
    #[doc = risk!(MaxAge)]
    pub const fn max_age(self, max_age: Option<Duration>) -> Policy {
        let mut policy = self.into_policy(Loosening::MaxAge);
        policy.max_age = max_age;
        policy.bounds.max_age = None;
        policy
    }

    /// Accepts an `exp` as far in the future as this, at most one day. `None` accepts any.
    ///
    #[doc = risk!(MaxLifetime)]
    pub const fn max_lifetime(self, max_lifetime: Option<Duration>) -> Policy {
        let mut policy = self.into_policy(Loosening::MaxLifetime);
        policy.max_lifetime = max_lifetime;
        policy.bounds.max_lifetime = None;
        policy
    }
}
