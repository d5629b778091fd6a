//! Which failed check a hint is about.

use super::check::Check;
use super::hint::Hint;
use super::kind::EncodedTwice;
use super::of_claims::check_of_claim;

impl Hint {
    /// Returns whether it may be the cause of this failed check.
    pub(super) fn explains(&self, check: Check) -> bool {
        use Check as C;
        let checks: &[Check] = match self {
            Self::JsonBody | Self::MultipartBody | Self::DoubleEncoded { kind: EncodedTwice::Body } => {
                &[C::ContentType, C::Form, C::GrantType, C::OneMechanism, C::AssertionType, C::Assertion]
            }
            Self::DoubleEncoded { kind: EncodedTwice::AssertionType } => &[C::AssertionType],
            Self::DoubleEncoded { .. }
            | Self::PlusAsSpace
            | Self::StandardBase64
            | Self::WhiteSpace
            | Self::BearerPrefix
            | Self::Quoted
            | Self::LineBreak
            | Self::EncryptedOrNested { .. } => &[C::ThreeParts, C::WellFormed],
            Self::IdToken | Self::AccessToken | Self::OtherToken { .. } => &[C::Typ, C::Iss, C::Sub],
            Self::AudNear { .. } => &[C::Aud],
            Self::IssSubSwapped | Self::SubIsUser => &[C::Sub],
            Self::Milliseconds { claims }
            | Self::Microseconds { claims }
            | Self::Nanoseconds { claims }
            | Self::Duration { claims }
            | Self::DateAsString { claims, .. } => {
                return claims.iter().any(|claim| check_of_claim(*claim) == check);
            }
            Self::TimeZone { .. } => &[C::Iat, C::Nbf, C::Exp],
            Self::KidNear { .. } => &[C::Kid, C::Key],
            Self::OtherKey { .. } | Self::KeySetStale { .. } | Self::KeySetFailed { .. } => &[C::Key, C::Signature],
            Self::OtherClient { .. } => &[C::Client, C::AuthMethod, C::Key, C::Signature],
            Self::KeysSkipped { .. } => &[C::Key],
            Self::DerSignature | Self::SecretAsBase64 { .. } => &[C::Signature],
            Self::ClientRefused { .. } => {
                &[C::Kid, C::Alg, C::Iss, C::Client, C::AuthMethod, C::SigningAlg, C::Policy, C::Key]
            }
        };
        checks.contains(&check)
    }

    /// Whether the body is no form, so that no parameter was found.
    pub(super) fn is_about_body(&self) -> bool {
        matches!(self, Self::JsonBody | Self::MultipartBody | Self::DoubleEncoded { kind: EncodedTwice::Body })
    }
}
