//! Which rejections a verifier with certain policies can produce.

use crate::policy::{AudienceRule, Policy};
use crate::rejection::{Claim, ClaimFault, ClientFault, RejectionKind};

/// Whether some of these policies can lead to this rejection. If it depends on more than the
/// policies, it counts as possible: on the registered clients, the layer, the replay store, or
/// [`refuse_issued_before`](crate::VerifierBuilder::refuse_issued_before).
pub(super) fn can_occur(kind: &RejectionKind, policies: &[Policy]) -> bool {
    match kind {
        RejectionKind::Client(fault) => can_have(fault, policies),
        RejectionKind::Server(_) => true,
    }
}

fn can_have(fault: &ClientFault, policies: &[Policy]) -> bool {
    use ClientFault as F;
    let any = |condition: fn(&Policy) -> bool| policies.iter().any(condition);
    match fault {
        F::MissingGrantType | F::UnsupportedGrantType => any(|policy| policy.grant_types.is_some()),
        F::Claim(claim, fault) => can_fail(*claim, *fault, policies),
        F::JkuMismatch => any(Policy::checks_jku),
        F::AmbiguousKey => any(|policy| policy.key_trials() == 1),
        F::KidNeeded => any(|policy| !policy.requires_kid()),
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
fn can_fail(claim: Claim, fault: ClaimFault, policies: &[Policy]) -> bool {
    use ClaimFault::{Future, Malformed, Missing, Past, TooLong, Unexpected};
    let any = |condition: fn(&Policy) -> bool| policies.iter().any(condition);
    match (claim, fault) {
        // An empty `jti` counts as missing even if it may be absent.
        (Claim::Iss | Claim::Sub | Claim::Jti | Claim::Aud, Missing) => true,
        (Claim::Typ, Missing) => any(Policy::requires_typ),
        (Claim::Exp, Missing) => any(Policy::requires_exp),
        (Claim::Iat, Missing | Past) => true,
        (Claim::Nbf, Missing | Past) => false,
        (_, Malformed) => true,
        (Claim::Iss | Claim::Jti, TooLong) => true,
        (Claim::Aud, TooLong) => any(|policy| policy.audience() != AudienceRule::IssuerString),
        (Claim::Sub | Claim::Typ | Claim::Iat | Claim::Nbf | Claim::Exp, TooLong) => false,
        (Claim::Sub | Claim::Aud | Claim::Typ, Unexpected) => true,
        (Claim::Iss | Claim::Jti | Claim::Iat | Claim::Nbf | Claim::Exp, Unexpected) => false,
        (Claim::Iat | Claim::Nbf, Future) | (Claim::Exp, Past) => true,
        (Claim::Exp, Future) => any(|policy| policy.max_lifetime().is_some()),
        (Claim::Iss | Claim::Sub | Claim::Jti | Claim::Aud | Claim::Typ, Past | Future) => false,
    }
}
