//! The stages of an assertion before its signature is checked: well formed, then plausible, then
//! acceptable for its client.
//!
//! At first neither the client nor its policy is known. An assertion that no policy accepts cannot
//! belong to any client. One that some policy accepts is checked again by the policy of its client,
//! if that is another one.

use std::sync::Arc;

use super::assertion::{Assertion, Claims, NumericDate};
use super::checks::{FirstFault, check};
use super::refusal::{PolicyIndex, Refusal};
use super::rules::Rules;
use super::times::date_of;
use crate::client::Client;
use crate::clock::UnixTime;
use crate::identity::claims::{Jti, SingleUse, VerifiedClaims};
use crate::jose::algorithm::Algorithm;
use crate::port::PortError;
use crate::rejection::{Claim, ClaimFault, ClientFault, Rejection};
use crate::replay::{AssertionId, ReplayKey, Tenant};

/// An assertion whose header and claims meet some policy. It is unproven.
pub(super) struct PlausibleAssertion<'a> {
    assertion: &'a Assertion<'a>,
    algorithm: Algorithm,
    client_id: &'a str,
    /// The first policy that accepts it.
    policy: PolicyIndex,
}

impl<'a> PlausibleAssertion<'a> {
    /// Checks `assertion`, which came with this `client_id` parameter, by each policy until one
    /// accepts it. If none does, the refusal is that of the policy under which most checks passed.
    pub(super) fn check<'v>(
        assertion: &'a Assertion<'a>,
        client_id: Option<&str>,
        policies: impl Iterator<Item = Rules<'v>>,
    ) -> Result<Self, Refusal> {
        let mut furthest: Option<(FirstFault, PolicyIndex)> = None;
        for (policy, rules) in (0..).map(PolicyIndex).zip(policies) {
            match check(assertion, client_id, &rules) {
                Ok(algorithm) => {
                    let client_id =
                        assertion.claims.iss.text().ok_or(ClientFault::Claim(Claim::Iss, ClaimFault::Missing))?;
                    return Ok(Self { assertion, algorithm, client_id, policy });
                }
                Err(first) if furthest.as_ref().is_none_or(|(most, _)| first.passed > most.passed) => {
                    furthest = Some((first, policy));
                }
                Err(_) => {}
            }
        }
        Err(furthest
            // A verifier without a policy would allow no algorithm.
            .map_or_else(
                || ClientFault::AlgorithmNotAllowed.into(),
                |(first, policy)| Refusal::from(first.fault).under(policy),
            ))
    }

    /// Returns the policy that accepts it.
    pub(super) fn policy(&self) -> PolicyIndex {
        self.policy
    }

    /// Returns who the sender claims to be: printable ASCII of bounded length.
    pub(super) fn client_id(&self) -> &'a str {
        self.client_id
    }

    /// Checks what depends on the client: its algorithm, then its policy unless that has accepted
    /// the assertion already, then its key set URL.
    pub(super) fn for_client(
        self,
        client: &Client,
        policy: PolicyIndex,
        rules: Rules<'a>,
    ) -> Result<BoundAssertion<'a>, ClientFault> {
        let Self { assertion, algorithm, client_id, policy: accepted_by } = self;
        client.check_algorithm(algorithm)?;
        if policy != accepted_by {
            check(assertion, None, &rules).map_err(|first| first.fault)?;
        }
        rules.check_jku(&assertion.header, client.key_set_url())?;
        let audience = rules.first_audience(&assertion.header, &assertion.claims);
        let audience = audience.ok_or(ClientFault::Claim(Claim::Aud, ClaimFault::Unexpected))?;
        let valid_until = rules.valid_until(&assertion.claims);
        Ok(BoundAssertion { assertion, client_id, algorithm, valid_until, rules, audience })
    }
}

/// An assertion that the policy of its client accepts. It is still unproven: its contents may be
/// used to refuse it and for nothing else.
pub(super) struct BoundAssertion<'a> {
    assertion: &'a Assertion<'a>,
    client_id: &'a str,
    pub(super) algorithm: Algorithm,
    /// The second at which the assertion stops being acceptable.
    pub(super) valid_until: UnixTime,
    pub(super) rules: Rules<'a>,
    audience: &'a Arc<str>,
}

impl<'a> BoundAssertion<'a> {
    /// Refuses an assertion that may have been used before `start`, when the replay store knew
    /// nothing yet.
    pub(super) fn check_issued(&self, start: UnixTime) -> Result<(), Rejection> {
        self.rules.check_issued(&self.assertion.claims, self.valid_until, start).map_err(|fault| {
            let cause = PortError::new("the assertion may be from before the time of refuse_issued_before");
            Rejection::because(ClientFault::Claim(Claim::Iat, fault), cause)
        })
    }

    pub(super) fn replay_key(&self, tenant: &'a Tenant) -> Option<ReplayKey<'a>> {
        replay_key(self.assertion, self.client_id, &self.rules, tenant)
    }

    pub(super) fn kid(&self) -> Option<&'a str> {
        self.assertion.header.kid.text()
    }

    pub(super) fn signing_input(&self) -> &'a [u8] {
        self.assertion.signing_input
    }

    pub(super) fn signature(&self) -> &'a [u8] {
        self.assertion.signature
    }

    pub(super) fn has_lax_audience(&self) -> bool {
        self.rules.is_audience_lax(&self.assertion.claims)
    }

    /// Returns the claims for an identity, to be used once they are proven.
    pub(super) fn claims(&self, key: Option<ReplayKey<'_>>) -> VerifiedClaims {
        let Claims { iat, nbf, exp, with_others, .. } = &self.assertion.claims;
        let second = |claim| date_of(claim).map(NumericDate::floor);
        VerifiedClaims {
            audience: Arc::clone(self.audience),
            single_use: match key.map(|key| key.assertion_id()) {
                Some(AssertionId::Jti(jti)) => SingleUse::Jti(Jti::new(jti)),
                Some(AssertionId::SigningInput(input)) => SingleUse::SigningInput(input),
                None => SingleUse::No,
            },
            issued_at: second(iat),
            not_before: second(nbf),
            expires_at: second(exp),
            with_others: with_others.map(Arc::from),
        }
    }
}

/// Returns what the replay store knows an assertion by, or `None` if it may be used any number of
/// times: it has no `jti`, and [the policy](crate::policy::DangerousPolicy::reusable_without_jti)
/// allows that.
pub(crate) fn replay_key<'a>(
    assertion: &'a Assertion<'a>,
    client_id: &'a str,
    rules: &Rules<'_>,
    tenant: &'a Tenant,
) -> Option<ReplayKey<'a>> {
    let id = match assertion.claims.jti.text() {
        Some(jti) => AssertionId::Jti(jti),
        None if rules.policy.reusable_without_jti => return None,
        None => AssertionId::of_signing_input(assertion.signing_input),
    };
    Some(ReplayKey::of(tenant, client_id, id))
}
