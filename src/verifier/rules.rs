//! What a policy requires of each header parameter and claim whose value is text.
//! [`times`](super::times) has the same for dates.

use std::borrow::Cow;
use std::sync::Arc;

use super::assertion::{Audience, Claims, Field, Header};
use crate::client::ClientId;
use crate::clock::UnixTime;
use crate::jose::algorithm::Algorithm;
use crate::jose::json;
use crate::jose::media_type::is_media_type;
use crate::policy::{AudienceRule, Audiences, JkuRule, Limits, Policy, Presence};
use crate::rejection::{ClaimFault, ClientFault};
use crate::text::has_control;

/// The rules that apply to an assertion.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'v> {
    pub(crate) policy: &'v Policy,
    pub(crate) limits: &'v Limits,
    pub(crate) audiences: &'v Audiences,
    pub(crate) now: UnixTime,
}

/// A member that the policy requires must be there, and one that is there must have the right type.
pub(crate) fn check_presence<T>(field: &Field<T>, presence: Presence) -> Result<(), ClaimFault> {
    match field {
        Field::Absent if presence == Presence::Required => Err(ClaimFault::Missing),
        Field::Absent | Field::Is(_) => Ok(()),
        Field::WrongType(_) => Err(ClaimFault::Malformed),
    }
}

/// Returns a string that is required. An empty one counts as missing.
fn required<'c>(field: &'c Field<Cow<'_, str>>) -> Result<&'c str, ClaimFault> {
    match field {
        Field::Is(text) if !text.is_empty() => Ok(text),
        Field::Is(_) | Field::Absent => Err(ClaimFault::Missing),
        Field::WrongType(_) => Err(ClaimFault::Malformed),
    }
}

impl<'v> Rules<'v> {
    /// Returns the algorithm of the header, if the policy allows it.
    pub(crate) fn allowed_algorithm(&self, header: &Header<'_>) -> Option<Algorithm> {
        match &header.alg {
            Field::Is(alg) => Algorithm::from_name(alg).filter(|alg| self.policy.algorithms.contains(*alg)),
            Field::Absent | Field::WrongType(_) => None,
        }
    }

    /// A client that signs with a secret has no key to name.
    pub(crate) fn check_kid(&self, header: &Header<'_>, algorithm: Option<Algorithm>) -> Result<(), ClientFault> {
        let needed = self.policy.kid == Presence::Required && !algorithm.is_some_and(Algorithm::is_mac);
        match &header.kid {
            Field::Is(kid) if kid.is_empty() => Err(ClientFault::KidMissing),
            Field::Is(kid) if kid.len() > self.limits.kid => Err(ClientFault::KidTooLong),
            Field::Is(kid) if has_control(kid) => Err(ClientFault::KidInvalid),
            Field::Is(_) => Ok(()),
            Field::Absent if !needed => Ok(()),
            Field::Absent | Field::WrongType(_) => Err(ClientFault::KidMissing),
        }
    }

    /// A `jku` never supplies a key. If the policy looks at it, it must be the URL that the client
    /// registered (SMART App Launch 2.2, key retrieval).
    pub(crate) fn check_jku(&self, header: &Header<'_>, registered: Option<&str>) -> Result<(), ClientFault> {
        let allowed = match &header.jku {
            _ if self.policy.jku == JkuRule::Ignored => true,
            Field::Absent => true,
            Field::WrongType(_) => false,
            Field::Is(jku) => registered == Some(&**jku),
        };
        allowed.then_some(()).ok_or(ClientFault::JkuMismatch)
    }

    /// An explicit type of another kind of JWT is always refused (RFC 8725, section 3.11).
    pub(crate) fn check_typ(&self, header: &Header<'_>) -> Result<(), ClaimFault> {
        let accepted = |typ: &str| self.policy.accepted_typ.any(|expected| is_media_type(typ, expected));
        match &header.typ {
            Field::Is(typ) if accepted(typ) => Ok(()),
            Field::Is(_) => Err(ClaimFault::Unexpected),
            absent_or_wrong => check_presence(absent_or_wrong, self.policy.typ),
        }
    }

    /// The issuer is the client (RFC 7523, section 3, items 1 and 2B), so it has the form of a
    /// client id.
    pub(crate) fn check_iss(&self, claims: &Claims<'_>) -> Result<(), ClaimFault> {
        let iss = required(&claims.iss)?;
        match iss.len() <= self.limits.client_id {
            true if ClientId::is_valid(iss) => Ok(()),
            true => Err(ClaimFault::Malformed),
            false => Err(ClaimFault::TooLong),
        }
    }

    /// The subject is the client as well (RFC 7523, section 3, item 2B).
    pub(crate) fn check_sub(&self, claims: &Claims<'_>) -> Result<(), ClaimFault> {
        let sub = required(&claims.sub)?;
        match &claims.iss {
            Field::Is(iss) if sub != iss => Err(ClaimFault::Unexpected),
            _ => Ok(()),
        }
    }

    /// Where a `jti` may be absent, an empty one is still no identifier.
    pub(crate) fn check_jti(&self, claims: &Claims<'_>) -> Result<(), ClaimFault> {
        match required(&claims.jti) {
            Ok(jti) if jti.len() > self.limits.jti => Err(ClaimFault::TooLong),
            Ok(jti) if has_control(jti) => Err(ClaimFault::Malformed),
            Ok(_) => Ok(()),
            Err(_) if matches!(claims.jti, Field::Absent) && self.policy.jti == Presence::Optional => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// The audience must be this server (RFC 7523, section 3, item 3) and nothing else, because any
    /// other audience could replay the assertion here. Values are compared byte for byte (RFC 7519,
    /// section 2).
    pub(crate) fn check_aud(&self, header: &Header<'_>, claims: &Claims<'_>) -> Result<(), ClaimFault> {
        let rule = self.audience_rule(header);
        match &claims.aud {
            Field::Absent => Err(ClaimFault::Missing),
            Field::WrongType(_) => Err(ClaimFault::Malformed),
            Field::Is(Audience::One(aud)) if aud.is_empty() => Err(ClaimFault::Missing),
            Field::Is(Audience::One(aud)) if self.audiences.named(rule, aud).is_none() => Err(ClaimFault::Unexpected),
            Field::Is(Audience::One(_)) => Ok(()),
            Field::Is(Audience::Many(_)) if rule == AudienceRule::IssuerString => Err(ClaimFault::Malformed),
            Field::Is(Audience::Many(array)) => self.check_aud_array(array, rule),
        }
    }

    fn check_aud_array(&self, array: &str, rule: AudienceRule) -> Result<(), ClaimFault> {
        let most = if rule == AudienceRule::SoleIssuer { 1 } else { self.limits.audiences };
        let mut count = 0;
        let mut all_accepted = true;
        for element in json::elements(array) {
            count += 1;
            match element {
                _ if count > self.limits.audiences => return Err(ClaimFault::TooLong),
                Some(aud) => all_accepted &= self.audiences.named(rule, &aud).is_some(),
                None => return Err(ClaimFault::Malformed),
            }
        }
        match count {
            0 => Err(ClaimFault::Missing),
            _ if !all_accepted || count > most => Err(ClaimFault::Unexpected),
            _ => Ok(()),
        }
    }

    /// An assertion with the `typ` that RFC 10070 defines is held to the audience rule of that RFC.
    pub(crate) fn audience_rule(&self, header: &Header<'_>) -> AudienceRule {
        match (&header.typ, self.policy.audience) {
            (_, AudienceRule::IssuerString) => AudienceRule::IssuerString,
            (Field::Is(typ), _) if self.policy.strict_by_typ && is_media_type(typ, "client-authentication+jwt") => {
                AudienceRule::SoleIssuer
            }
            (_, rule) => rule,
        }
    }

    /// Returns whether `aud` is not the issuer as the sole value, under a policy or a profile that
    /// accepts the issuer.
    pub(crate) fn is_audience_lax(&self, claims: &Claims<'_>) -> bool {
        let sole = |aud: &str| self.audiences.named(AudienceRule::SoleIssuer, aud).is_some();
        let rule = self.policy.audience;
        rule.knows_urls()
            && (rule.knows_issuer() || self.policy.strict_by_typ)
            && match &claims.aud {
                Field::Is(Audience::One(aud)) => !sole(aud),
                Field::Is(Audience::Many(array)) => self.check_aud_array(array, AudienceRule::SoleIssuer).is_err(),
                Field::Absent | Field::WrongType(_) => true,
            }
    }

    /// Returns the first of our names in `aud`.
    pub(crate) fn first_audience(&self, header: &Header<'_>, claims: &Claims<'_>) -> Option<&'v Arc<str>> {
        let named = |aud: &str| self.audiences.named(self.audience_rule(header), aud);
        match &claims.aud {
            Field::Is(Audience::One(aud)) => named(aud),
            Field::Is(Audience::Many(array)) => named(&json::elements(array).next()??),
            Field::Absent | Field::WrongType(_) => None,
        }
    }
}
