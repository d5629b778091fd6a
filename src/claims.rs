//! The header and the claims of an assertion against the policy, at one moment in time.
//!
//! Everything here depends only on what the sender wrote and on public configuration, so it is judged before the signature:
//! a junk, expired or mis-addressed assertion costs neither a look-up nor a signature check, and its sender learns nothing
//! that it did not know. All claims are judged in one pass. The client is told of the first that fails, the operator of all.

use std::borrow::Cow;

use crate::algorithm::Algorithm;
use crate::assertion::{Assertion, Audience, Claims, Field, Header, NumericDate, is_media_type};
use crate::clock::UnixTime;
use crate::identity::ClientId;
use crate::json;
use crate::policy::{Limits, Policy, Presence};
use crate::rejection::{Claim, ClaimFault, ClientFault};

/// What an assertion is judged by.
pub(crate) struct Rules<'v> {
    pub(crate) policy: &'v Policy,
    pub(crate) limits: &'v Limits,
    pub(crate) audiences: &'v [Box<str>],
    pub(crate) now: UnixTime,
}

/// An assertion that says all the right things, and still is unproven: nothing of it may be used but to refuse it.
pub(crate) struct PlausibleAssertion<'a> {
    pub(crate) client_id: Cow<'a, str>,
    pub(crate) jti: Cow<'a, str>,
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Cow<'a, str>,
    pub(crate) has_jku: bool,
    /// The first whole second at which the assertion cannot be accepted any more.
    pub(crate) valid_until: UnixTime,
    pub(crate) signing_input: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl<'a> PlausibleAssertion<'a> {
    /// Judges `assertion`, which came with this `client_id` parameter.
    pub(crate) fn judge(
        assertion: Assertion<'a>,
        client_id: Option<&str>,
        rules: &Rules<'_>,
    ) -> Result<Self, ClientFault> {
        let algorithm = check_header(&assertion.header, rules)?;
        if let Some(first) = findings(&assertion, client_id, rules).first() {
            return Err(first);
        }
        let Assertion { header, claims, signing_input, signature } = assertion;
        let valid_until = rules.valid_until(&claims);
        let (Field::Is(client_id), Field::Is(jti), Field::Is(kid)) = (claims.iss, claims.jti, header.kid) else {
            return Err(ClientFault::Malformed);
        };
        let has_jku = header.has_jku;
        Ok(Self { client_id, jti, algorithm, kid, has_jku, valid_until, signing_input, signature })
    }
}

/// The `kid`, the algorithm, and no critical extension, in this order.
fn check_header(header: &Header<'_>, rules: &Rules<'_>) -> Result<Algorithm, ClientFault> {
    match &header.kid {
        Field::Is(kid) if kid.is_empty() => return Err(ClientFault::KidMissing),
        Field::Is(kid) if kid.len() > rules.limits.kid || has_control(kid) => return Err(ClientFault::KidInvalid),
        Field::Is(_) => {}
        Field::Absent | Field::WrongType => return Err(ClientFault::KidMissing),
    }
    let Field::Is(alg) = &header.alg else { return Err(ClientFault::AlgorithmNotAllowed) };
    let algorithm = Algorithm::from_name(alg).filter(|alg| rules.policy.algorithms.contains(*alg));
    let algorithm = algorithm.ok_or(ClientFault::AlgorithmNotAllowed)?;
    match header.has_extension {
        true => Err(ClientFault::CriticalHeader),
        false => Ok(algorithm),
    }
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// Everything wrong with the claims, in the order in which it is looked for.
pub(crate) fn findings(assertion: &Assertion<'_>, client_id: Option<&str>, rules: &Rules<'_>) -> Findings {
    let Assertion { header, claims, .. } = assertion;
    let mut findings = Findings::default();
    findings.note(Claim::Iss, rules.iss(claims));
    if mismatch(client_id, &claims.iss) {
        findings.push(ClientFault::ClientIdMismatch);
    }
    findings.note(Claim::Sub, rules.sub(claims));
    findings.note(Claim::Jti, rules.jti(claims));
    findings.note(Claim::Aud, rules.aud(claims));
    findings.note(Claim::Typ, rules.typ(header));
    // The order of the reference implementation, jose 2: an assertion without `exp` has its `iat` judged first.
    let iat_future = fault_of(&claims.iat, |iat| rules.is_future(iat));
    findings.note(Claim::Iat, presence(&claims.iat, Presence::Required));
    if matches!(claims.exp, Field::Absent) {
        findings.note(Claim::Iat, iat_future);
    }
    findings.note(Claim::Nbf, presence(&claims.nbf, Presence::Optional));
    findings.note(Claim::Nbf, fault_of(&claims.nbf, |nbf| rules.is_future(nbf)));
    findings.note(Claim::Exp, presence(&claims.exp, rules.policy.exp));
    findings.note(Claim::Exp, fault_of(&claims.exp, |exp| rules.is_expired(exp)));
    findings.note(Claim::Iat, fault_of(&claims.iat, |iat| rules.is_stale(iat)));
    if !matches!(claims.exp, Field::Absent) {
        findings.note(Claim::Iat, iat_future);
    }
    findings
}

/// A `client_id` parameter must name the client of the assertion (RFC 7521, section 4.2). Where the assertion names none,
/// that is what is wrong.
fn mismatch(parameter: Option<&str>, iss: &Field<Cow<'_, str>>) -> bool {
    match (parameter, iss) {
        (Some(parameter), Field::Is(iss)) => parameter != iss,
        _ => false,
    }
}

fn presence<T>(field: &Field<T>, presence: Presence) -> Option<ClaimFault> {
    match field {
        Field::Absent if presence == Presence::Required => Some(ClaimFault::Missing),
        Field::Absent | Field::Is(_) => None,
        Field::WrongType => Some(ClaimFault::Malformed),
    }
}

fn fault_of<T: Copy>(field: &Field<T>, fault: impl FnOnce(T) -> Option<ClaimFault>) -> Option<ClaimFault> {
    match field {
        Field::Is(value) => fault(*value),
        Field::Absent | Field::WrongType => None,
    }
}

/// A string that is required: absent and empty are the same to its reader.
fn required<'c>(field: &'c Field<Cow<'_, str>>) -> Result<&'c str, ClaimFault> {
    match field {
        Field::Is(text) if !text.is_empty() => Ok(text),
        Field::Is(_) | Field::Absent => Err(ClaimFault::Missing),
        Field::WrongType => Err(ClaimFault::Malformed),
    }
}

impl Rules<'_> {
    /// The issuer is the client (RFC 7523, section 3, items 1 and 2B), so it has the form of a client id.
    fn iss(&self, claims: &Claims<'_>) -> Option<ClaimFault> {
        match required(&claims.iss) {
            Ok(iss) if iss.len() <= self.limits.client_id && ClientId::is_valid(iss) => None,
            Ok(_) => Some(ClaimFault::Malformed),
            Err(fault) => Some(fault),
        }
    }

    /// The subject is the client too (RFC 7523, section 3, item 2B).
    fn sub(&self, claims: &Claims<'_>) -> Option<ClaimFault> {
        let sub = match required(&claims.sub) {
            Ok(sub) => sub,
            Err(fault) => return Some(fault),
        };
        match &claims.iss {
            Field::Is(iss) if sub != iss => Some(ClaimFault::Unexpected),
            _ => None,
        }
    }

    fn jti(&self, claims: &Claims<'_>) -> Option<ClaimFault> {
        match required(&claims.jti) {
            Ok(jti) if jti.len() <= self.limits.jti && !has_control(jti) => None,
            Ok(_) => Some(ClaimFault::Malformed),
            Err(fault) => Some(fault),
        }
    }

    /// The audience must be us (RFC 7523, section 3, item 3), and nobody else: whoever else is addressed could use the
    /// assertion here. Compared byte for byte (RFC 7519, section 2).
    fn aud(&self, claims: &Claims<'_>) -> Option<ClaimFault> {
        let ours = |given: &str| self.audiences.iter().any(|audience| **audience == *given);
        match &claims.aud {
            Field::Absent => Some(ClaimFault::Missing),
            Field::WrongType => Some(ClaimFault::Malformed),
            Field::Is(Audience::One(aud)) if aud.is_empty() => Some(ClaimFault::Missing),
            Field::Is(Audience::One(aud)) => (!ours(aud)).then_some(ClaimFault::Unexpected),
            Field::Is(Audience::Many(array)) => self.aud_array(array, ours),
        }
    }

    fn aud_array(&self, array: &str, ours: impl Fn(&str) -> bool) -> Option<ClaimFault> {
        let mut count = 0;
        let mut all_ours = true;
        for element in json::elements(array) {
            count += 1;
            match element {
                Some(aud) if count <= self.limits.audiences => all_ours &= ours(&aud),
                _ => return Some(ClaimFault::Malformed),
            }
        }
        match (count, all_ours) {
            (0, _) => Some(ClaimFault::Missing),
            (_, true) => None,
            (_, false) => Some(ClaimFault::Unexpected),
        }
    }

    /// An explicit type of another kind is always refused (RFC 8725, section 3.11).
    fn typ(&self, header: &Header<'_>) -> Option<ClaimFault> {
        let accepted = |typ: &str| self.policy.typ_accepted.iter().any(|expected| is_media_type(typ, expected));
        match &header.typ {
            Field::Is(typ) if accepted(typ) => None,
            Field::Is(_) => Some(ClaimFault::Unexpected),
            absent_or_wrong => presence(absent_or_wrong, self.policy.typ),
        }
    }

    fn now(&self) -> f64 {
        self.now.as_secs() as f64
    }

    /// The moment may be ahead of our clock by the skew, not more: RFC 7519, section 4.1.5, for `nbf`. For `iat` no RFC says
    /// so; an assertion from the future is a clock that is wrong or a sender that prepares.
    fn is_future(&self, date: NumericDate) -> Option<ClaimFault> {
        let latest = self.now() + self.policy.future_skew.as_secs_f64();
        (date.as_secs() > latest).then_some(ClaimFault::Future)
    }

    /// RFC 7519, section 4.1.4: now must be before `exp`, so the moment itself is too late.
    fn is_expired(&self, exp: NumericDate) -> Option<ClaimFault> {
        let earliest = self.now() - self.policy.expiry_skew.as_secs_f64();
        (exp.as_secs() <= earliest).then_some(ClaimFault::Past)
    }

    /// RFC 7523, section 3, item 6: an `iat` unreasonably far in the past.
    fn is_stale(&self, iat: NumericDate) -> Option<ClaimFault> {
        let earliest = self.now() - self.policy.max_age.saturating_add(self.policy.expiry_skew).as_secs_f64();
        (iat.as_secs() < earliest).then_some(ClaimFault::Past)
    }

    /// The moment from which on neither `exp` nor the age of `iat` lets the assertion pass, skew included. A replay store
    /// that remembers it until then has remembered it for long enough.
    fn valid_until(&self, claims: &Claims<'_>) -> UnixTime {
        let max_age = self.policy.max_age.as_secs_f64();
        let stale = date(&claims.iat).map_or(self.now(), NumericDate::as_secs) + max_age;
        let expired = date(&claims.exp).map_or(f64::INFINITY, NumericDate::as_secs);
        let last = stale.min(expired) + self.policy.expiry_skew.as_secs_f64();
        UnixTime::from_secs((last.floor() as u64).saturating_add(1))
    }
}

fn date(field: &Field<NumericDate>) -> Option<NumericDate> {
    match field {
        Field::Is(date) => Some(*date),
        Field::Absent | Field::WrongType => None,
    }
}

/// The faults of one assertion. There are at most as many as there are checks.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    faults: [Option<ClientFault>; 12],
    len: usize,
}

impl Findings {
    fn note(&mut self, claim: Claim, fault: Option<ClaimFault>) {
        if let Some(fault) = fault {
            self.push(ClientFault::Claim(claim, fault));
        }
    }

    fn push(&mut self, fault: ClientFault) {
        if let Some(slot) = self.faults.get_mut(self.len) {
            *slot = Some(fault);
            self.len += 1;
        }
    }

    fn first(&self) -> Option<ClientFault> {
        self.faults.first().copied().flatten()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = ClientFault> {
        self.faults.iter().copied().flatten()
    }
}
