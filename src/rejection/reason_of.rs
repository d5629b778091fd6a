//! The reason of each fault. No match has a wildcard over faults, so a new fault needs a reason.

use super::{Claim, ClaimFault, ClientFault, Reason, RejectionKind, ServerFault};

impl RejectionKind {
    /// Returns the reason, which has a stable code.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Client(fault) => fault.reason(),
            Self::Server(fault) => fault.reason(),
        }
    }

    /// Returns what to do: the [advice](Reason::advice) of the reason, or closer advice where the
    /// reason covers faults that are fixed in different ways.
    ///
    /// ```
    /// use tower_client_assertion::rejection::{
    ///     Base64UrlFault, ClientFault, JwtPart, RejectionKind,
    /// };
    ///
    /// let padded =
    ///     ClientFault::NotBase64Url(JwtPart::Claims, Base64UrlFault::Padding);
    /// let advice = "Leave out the = at the end of each part.";
    /// assert_eq!(RejectionKind::Client(padded).advice(), advice);
    ///
    /// let replayed = RejectionKind::Client(ClientFault::Replayed);
    /// assert_eq!(replayed.advice(), replayed.reason().advice());
    /// ```
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Client(ClientFault::NotBase64Url(_, fault)) => fault.advice(),
            Self::Client(ClientFault::NotJsonObject(_, fault)) => fault.advice(),
            _ => self.reason().advice(),
        }
    }
}

impl ClientFault {
    /// Returns the reason, which has a stable code.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::TenantUnknown => Reason::TenantUnknown,
            Self::Method => Reason::Method,
            Self::ContentEncoding => Reason::ContentEncoding,
            Self::ContentType => Reason::ContentType,
            Self::Charset => Reason::Charset,
            Self::BodyTooLarge => Reason::BodyTooLarge,
            Self::BodyUnreadable => Reason::BodyUnreadable,
            Self::BodyTimeout => Reason::BodyTimeout,
            Self::FormMalformed => Reason::FormMalformed,
            Self::TooManyParameters => Reason::TooManyParameters,
            Self::RepeatedParameter(_) => Reason::ParameterRepeated,
            Self::CredentialsInQuery => Reason::CredentialsInQuery,
            Self::MissingGrantType => Reason::GrantTypeMissing,
            Self::UnsupportedGrantType => Reason::GrantTypeUnsupported,
            Self::SeveralMechanisms(_) => Reason::SeveralMechanisms,
            Self::NoAuthentication(_) => Reason::NoAuthentication,
            Self::MissingAssertionType => Reason::AssertionTypeMissing,
            Self::UnsupportedAssertionType => Reason::AssertionTypeUnsupported,
            Self::MissingAssertion => Reason::AssertionMissing,
            Self::AssertionTooLong => Reason::AssertionTooLong,
            Self::NotThreeParts => Reason::NotThreeParts,
            Self::Encrypted => Reason::Encrypted,
            Self::NotBase64Url(..) | Self::NotJsonObject(..) => Reason::Malformed,
            Self::HeaderTooLong => Reason::HeaderTooLong,
            Self::KidMissing => Reason::KidMissing,
            Self::KidTooLong => Reason::KidTooLong,
            Self::KidInvalid => Reason::KidInvalid,
            Self::AlgorithmNotAllowed => Reason::AlgNotAllowed,
            Self::AlgorithmNotRegistered => Reason::AlgNotRegistered,
            Self::CriticalHeader => Reason::CriticalHeader,
            Self::Claim(claim, fault) => of_claim(*claim, *fault),
            Self::ClientIdMismatch => Reason::ClientIdMismatch,
            Self::UnknownClient => Reason::UnknownClient,
            Self::MethodNotRegistered => Reason::MethodNotRegistered,
            Self::JkuMismatch => Reason::KeySetUrl,
            Self::KeySetUnavailable => Reason::KeySetUnavailable,
            Self::NoKey => Reason::NoKey,
            Self::AmbiguousKey => Reason::AmbiguousKey,
            Self::KidNeeded => Reason::KidNeeded,
            Self::WeakKey => Reason::WeakKey,
            Self::SignatureLength => Reason::SignatureLength,
            Self::BadSignature => Reason::BadSignature,
            Self::Replayed => Reason::Replayed,
            Self::OtherMethod(_) => Reason::OtherMethod,
        }
    }
}

/// A claim has few of the faults that the type permits: a text is never in the past. The others
/// count as malformed, or as unexpected where a value is compared.
const fn of_claim(claim: Claim, fault: ClaimFault) -> Reason {
    use ClaimFault as F;
    match (claim, fault) {
        (Claim::Iss, F::Missing) => Reason::IssMissing,
        (Claim::Iss, F::TooLong) => Reason::IssTooLong,
        (Claim::Iss, F::Malformed | F::Unexpected | F::Past | F::Future) => Reason::IssMalformed,
        (Claim::Sub, F::Missing) => Reason::SubMissing,
        (Claim::Sub, F::Malformed | F::TooLong) => Reason::SubMalformed,
        (Claim::Sub, F::Unexpected | F::Past | F::Future) => Reason::SubUnexpected,
        (Claim::Jti, F::Missing) => Reason::JtiMissing,
        (Claim::Jti, F::TooLong) => Reason::JtiTooLong,
        (Claim::Jti, F::Malformed | F::Unexpected | F::Past | F::Future) => Reason::JtiMalformed,
        (Claim::Aud, F::Missing) => Reason::AudMissing,
        (Claim::Aud, F::Malformed) => Reason::AudMalformed,
        (Claim::Aud, F::TooLong) => Reason::AudTooLong,
        (Claim::Aud, F::Unexpected | F::Past | F::Future) => Reason::AudUnexpected,
        (Claim::Typ, F::Missing) => Reason::TypMissing,
        (Claim::Typ, F::Malformed | F::TooLong) => Reason::TypMalformed,
        (Claim::Typ, F::Unexpected | F::Past | F::Future) => Reason::TypUnexpected,
        (Claim::Iat, F::Missing) => Reason::IatMissing,
        (Claim::Iat, F::Malformed | F::TooLong | F::Unexpected) => Reason::IatMalformed,
        (Claim::Iat, F::Past) => Reason::IatPast,
        (Claim::Iat, F::Future) => Reason::IatFuture,
        (Claim::Nbf, F::Malformed | F::TooLong | F::Unexpected | F::Missing | F::Past) => Reason::NbfMalformed,
        (Claim::Nbf, F::Future) => Reason::NbfFuture,
        (Claim::Exp, F::Missing) => Reason::ExpMissing,
        (Claim::Exp, F::Malformed | F::TooLong | F::Unexpected) => Reason::ExpMalformed,
        (Claim::Exp, F::Past) => Reason::ExpPast,
        (Claim::Exp, F::Future) => Reason::ExpFuture,
    }
}

impl ServerFault {
    /// Returns the reason, which has a stable code.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Clock => Reason::Clock,
            Self::Registry => Reason::Registry,
            Self::KeySetFetch => Reason::KeySetFetch,
            Self::ReplayStore => Reason::ReplayStore,
            Self::ClientQuota => Reason::ClientQuota,
            Self::Timer => Reason::Timer,
            Self::Overloaded => Reason::Overloaded,
            Self::ClientOverloaded => Reason::ClientOverloaded,
            Self::MountedTwice => Reason::MountedTwice,
            Self::BodyConsumed => Reason::BodyConsumed,
        }
    }
}
