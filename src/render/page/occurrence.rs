//! Which rejections a verifier can produce.

use crate::policy::{AudienceRule, Policy};
use crate::rejection::{Claim, ClaimFault, ClientFault, RejectionKind, ServerFault};
use crate::verifier::{Configured, Verifier};

/// What decides about the rejections of a verifier.
pub(super) struct Scope<'v>(Configured<'v>);

impl<'v> Scope<'v> {
    pub(super) fn of(verifier: &'v Verifier) -> Self {
        Self(verifier.configured())
    }

    /// Whether the verifier, in a layer or without, can refuse a request in this way. If it depends
    /// on more than the verifier, it counts as possible: on the registered clients, or the layer.
    pub(super) fn includes(&self, kind: &RejectionKind) -> bool {
        match kind {
            RejectionKind::Client(fault) => self.has(fault),
            RejectionKind::Server(fault) => self.can_suffer(fault),
        }
    }

    fn any(&self, condition: impl Fn(&Policy) -> bool) -> bool {
        self.0.policies.iter().any(condition)
    }

    fn can_suffer(&self, fault: &ServerFault) -> bool {
        use ServerFault as F;
        match fault {
            F::Overloaded => self.0.bounds_checks,
            F::ClientOverloaded => self.0.bounds_checks_per_client,
            F::ClientQuota => self.0.admissions_per_client < usize::MAX,
            F::Clock | F::Registry | F::KeySetFetch | F::ReplayStore | F::Timer | F::MountedTwice | F::BodyConsumed => {
                true
            }
        }
    }

    fn has(&self, fault: &ClientFault) -> bool {
        use ClientFault as F;
        match fault {
            // No verifier is asked.
            F::TenantUnknown | F::OtherMethod(_) => false,
            F::MissingGrantType | F::UnsupportedGrantType => self.any(|policy| policy.grant_types.is_some()),
            F::Claim(claim, fault) => self.can_fail(*claim, *fault),
            F::JkuMismatch => self.any(Policy::checks_jku),
            F::AmbiguousKey => self.any(|policy| policy.key_trials() == 1),
            F::KidNeeded => self.any(|policy| !policy.requires_kid()),
            F::Method
            | F::ContentEncoding
            | F::ContentType
            | F::Charset
            | F::BodyTooLarge
            | F::BodyUnreadable
            | F::BodyTimeout
            | F::FormMalformed
            | F::TooManyParameters
            | F::RepeatedParameter(_)
            | F::CredentialsInQuery
            | F::SeveralMechanisms(_)
            | F::NoAuthentication(_)
            | F::MissingAssertionType
            | F::UnsupportedAssertionType
            | F::MissingAssertion
            | F::AssertionTooLong
            | F::NotThreeParts
            | F::Encrypted
            | F::NotBase64Url(..)
            | F::HeaderTooLong
            | F::NotJsonObject(..)
            | F::KidMissing
            | F::KidTooLong
            | F::KidInvalid
            | F::AlgorithmNotAllowed
            | F::AlgorithmNotRegistered
            | F::CriticalHeader
            | F::ClientIdMismatch
            | F::UnknownClient
            | F::MethodNotRegistered
            | F::KeySetUnavailable
            | F::NoKey
            | F::WeakKey
            | F::SignatureLength
            | F::BadSignature
            | F::Replayed => true,
        }
    }

    /// A text is never in the past, and a `jti` of any value is accepted: most pairs do not occur.
    fn can_fail(&self, claim: Claim, fault: ClaimFault) -> bool {
        use ClaimFault::{Future, Malformed, Missing, Past, TooLong, Unexpected};
        // A verifier with `refuse_issued_before` asks all policies for an `iat`.
        let restarted = self.0.issued_from.is_some();
        match (claim, fault) {
            // An empty `jti` counts as missing even if it may be absent.
            (Claim::Iss | Claim::Sub | Claim::Jti | Claim::Aud, Missing) => true,
            (Claim::Typ, Missing) => self.any(Policy::requires_typ),
            (Claim::Exp, Missing) => self.any(Policy::requires_exp),
            (Claim::Iat, Missing) => restarted || self.any(Policy::requires_iat),
            (Claim::Iat, Past) => restarted || self.any(|policy| policy.max_age().is_some()),
            (Claim::Nbf, Missing | Past) => false,
            (_, Malformed) => true,
            (Claim::Iss | Claim::Jti, TooLong) => true,
            (Claim::Aud, TooLong) => self.any(|policy| policy.audience() != AudienceRule::IssuerString),
            (Claim::Sub | Claim::Typ | Claim::Iat | Claim::Nbf | Claim::Exp, TooLong) => false,
            (Claim::Sub | Claim::Aud | Claim::Typ, Unexpected) => true,
            (Claim::Iss | Claim::Jti | Claim::Iat | Claim::Nbf | Claim::Exp, Unexpected) => false,
            (Claim::Iat | Claim::Nbf, Future) | (Claim::Exp, Past) => true,
            (Claim::Exp, Future) => self.any(|policy| policy.max_lifetime().is_some()),
            (Claim::Iss | Claim::Sub | Claim::Jti | Claim::Aud | Claim::Typ, Past | Future) => false,
        }
    }
}
