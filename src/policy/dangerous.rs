//! What loosens a policy, apart from what narrows it, so that neither is done by mistake.

use std::time::Duration;

use super::{AudienceRule, Policy, Presence};

/// Makes a [`Policy`] accept more than its profile does: each method is a risk that somebody should have weighed.
///
/// ```
/// use tower_client_assertion::Policy;
/// use tower_client_assertion::policy::AudienceRule;
///
/// // Clients that still put the URL of the token endpoint into `aud`.
/// const POLICY: Policy = Policy::RFC7523.dangerous().audience(AudienceRule::IssuerOrUrls);
/// # let _ = POLICY;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct DangerousPolicy(pub(super) Policy);

impl DangerousPolicy {
    /// Accepts the audiences of `rule`. An assertion with the `typ` `client-authentication+jwt` keeps asking for the sole
    /// issuer in [`RFC7523`](Policy::RFC7523) and [`OIDC`](Policy::OIDC).
    ///
    /// The risk: an authorization server that names our token endpoint as its own comes by assertions that are good here.
    pub const fn audience(mut self, rule: AudienceRule) -> Policy {
        self.0.audience = rule;
        self.0
    }

    /// Accepts these values of `typ`, besides an absent one where that is accepted. Values are media types, whose case and
    /// `application/` prefix do not matter (RFC 7515, section 4.1.9). The types of other JWTs, `at+jwt` for instance, cannot
    /// be among them.
    ///
    /// The risk: a JWT that was made for another purpose passes for an assertion (RFC 8725, section 2.8).
    pub const fn accept_typ(mut self, typ: &'static [&'static str]) -> Policy {
        self.0.typ_accepted = typ;
        self.0
    }

    /// Accepts an assertion without a `kid` header parameter, if its client has but one key for its algorithm.
    ///
    /// The risk: clients that cannot be told to rotate their keys.
    pub const fn optional_kid(mut self) -> Policy {
        self.0.kid = Presence::Optional;
        self.0
    }

    /// Tries as many keys of one `kid`.
    ///
    /// The risk: each costs a signature check, also of an assertion that is forged.
    pub const fn key_trials(mut self, count: usize) -> Policy {
        self.0.key_trials = count;
        self.0.bounds.key_trials = usize::MAX;
        self.0
    }

    /// Accepts an assertion without a `jti` claim.
    ///
    /// The risk: without one, whoever overhears the assertion can use it until it expires.
    pub const fn optional_jti(mut self) -> Policy {
        self.0.jti = Presence::Optional;
        self.0
    }

    /// Accepts an assertion without an `iat` claim.
    ///
    /// The risk: its age is unknown, so nothing but `exp` ends it.
    pub const fn optional_iat(mut self) -> Policy {
        self.0.iat = Presence::Optional;
        self.0
    }

    /// Accepts an assertion without an `exp` claim.
    ///
    /// The risk: nothing but the age of `iat` ends it, and the client does not say when.
    pub const fn optional_exp(mut self) -> Policy {
        self.0.exp = Presence::Optional;
        self.0
    }

    /// Takes a client's clock that is as far ahead of ours as this, at most 300 s (RFC 7519, section 4.1.4: "no more than a few
    /// minutes"). FAPI 2.0's 60 s stay the most.
    ///
    /// The risk: whoever comes by a client's key for a moment can sign assertions for later.
    pub const fn future_skew(mut self, skew: Duration) -> Policy {
        let [_, expiry] = self.0.bounds.skews;
        self.0.future_skew = skew;
        self.0.bounds.skews = [None, expiry];
        self.0
    }

    /// Takes a client's clock that is as far behind ours as this, at most 300 s.
    ///
    /// The risk: an assertion is good for so much longer than it says.
    pub const fn expiry_skew(mut self, skew: Duration) -> Policy {
        let [future, _] = self.0.bounds.skews;
        self.0.expiry_skew = skew;
        self.0.bounds.skews = [future, None];
        self.0
    }

    /// Accepts an `iat` as old as this, or of any age.
    ///
    /// The risk: an assertion that was overheard long ago is still good, and must be remembered for as long.
    pub const fn max_age(mut self, max_age: Option<Duration>) -> Policy {
        self.0.max_age = max_age;
        self.0.bounds.max_age = None;
        self.0
    }

    /// Accepts an `exp` as far ahead as this, or as far as the client likes.
    ///
    /// The risk: as for [`max_age`](Self::max_age).
    pub const fn max_lifetime(mut self, max_lifetime: Option<Duration>) -> Policy {
        self.0.max_lifetime = max_lifetime;
        self.0.bounds.max_lifetime = None;
        self.0
    }
}
