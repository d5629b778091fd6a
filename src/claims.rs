//! The header and the claims of an assertion against a policy, at one moment in time.
//!
//! What is judged here depends only on what the sender wrote and on public configuration, so it comes before the signature: a
//! junk, expired or mis-addressed assertion costs neither a look-up nor a signature check, and its sender learns nothing
//! that it did not know. All claims are judged in one pass. The client is told of the first that fails, the operator of all.
//!
//! Who the client is, and so which policy is its own, is not known at first. An assertion that fails every policy can be no
//! client's. One that meets some policy is judged again, by its client's, if that is another one.

use std::borrow::Cow;
use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::assertion::{Assertion, Audience, Claims, Field, Header, NumericDate, is_media_type};
use crate::clock::UnixTime;
use crate::identity::ClientId;
use crate::json;
use crate::policy::{AudienceRule, Audiences, KeySetUrl, Limits, Policy, Presence};
use crate::registry::Client;
use crate::rejection::{Claim, ClaimFault, ClientFault, PolicyIndex, Rejection};
use crate::verified::{Jti, VerifiedClaims};

/// What an assertion is judged by.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'v> {
    pub(crate) policy: &'v Policy,
    pub(crate) limits: &'v Limits,
    pub(crate) audiences: &'v Audiences,
    pub(crate) now: UnixTime,
}

/// An assertion that says all the right things under some policy, and still is unproven.
pub(crate) struct PlausibleAssertion<'a> {
    assertion: Assertion<'a>,
    algorithm: Algorithm,
    client_id: Cow<'a, str>,
    met: PolicyIndex,
}

impl<'a> PlausibleAssertion<'a> {
    /// Judges `assertion`, which came with this `client_id` parameter, by each policy until one is met. If none is, the
    /// refusal is by the one that it met furthest.
    pub(crate) fn judge<'v>(
        assertion: Assertion<'a>,
        parameter: Option<&str>,
        policies: impl Iterator<Item = Rules<'v>>,
    ) -> Result<Self, Rejection> {
        let mut furthest: Option<(usize, Rejection)> = None;
        for (index, rules) in (0..).map(PolicyIndex).zip(policies) {
            match judge(&assertion, parameter, &rules) {
                Ok(algorithm) => return Self::met(assertion, algorithm, index),
                Err((passed, fault)) if furthest.as_ref().is_none_or(|(most, _)| passed > *most) => {
                    furthest = Some((passed, Rejection::from(fault).under(index)));
                }
                Err(_) => {}
            }
        }
        Err(furthest.map_or_else(|| ClientFault::Malformed.into(), |(_, rejection)| rejection))
    }

    fn met(assertion: Assertion<'a>, algorithm: Algorithm, met: PolicyIndex) -> Result<Self, Rejection> {
        let Field::Is(client_id) = &assertion.claims.iss else { return Err(ClientFault::Malformed.into()) };
        Ok(Self { client_id: client_id.clone(), assertion, algorithm, met })
    }

    /// Who the sender says it is: printable ASCII of bounded length.
    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Judges what the client itself narrows or widens: its algorithm, then its policy if that is another than the one that
    /// was met, then its key set URL.
    pub(crate) fn bind(
        self,
        client: &Client,
        index: PolicyIndex,
        rules: &Rules<'_>,
    ) -> Result<BoundAssertion<'a>, ClientFault> {
        let Self { assertion, algorithm, client_id, met } = self;
        client.check_algorithm(algorithm)?;
        if index != met {
            judge(&assertion, None, rules).map_err(|(_, fault)| fault)?;
        }
        if !rules.allows_jku(&assertion.header, client.key_set_url()) {
            return Err(ClientFault::KeySetUrl);
        }
        BoundAssertion::of(assertion, algorithm, client_id, rules).ok_or(ClientFault::Malformed)
    }
}

/// An assertion that its client's own policy would accept. It is unproven: nothing of it may be used but to refuse it.
pub(crate) struct BoundAssertion<'a> {
    pub(crate) client_id: Cow<'a, str>,
    pub(crate) jti: Option<Cow<'a, str>>,
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<Cow<'a, str>>,
    /// A whole second from which on the assertion cannot be accepted any more.
    pub(crate) valid_until: UnixTime,
    pub(crate) lax_audience: bool,
    pub(crate) policy: &'static str,
    pub(crate) signing_input: &'a [u8],
    pub(crate) signature: &'a [u8],
    audience: Arc<str>,
    dates: [Option<NumericDate>; 3],
    with_others: Option<&'a str>,
}

impl<'a> BoundAssertion<'a> {
    fn of(assertion: Assertion<'a>, algorithm: Algorithm, client_id: Cow<'a, str>, rules: &Rules<'_>) -> Option<Self> {
        let Assertion { header, claims, signing_input, signature } = assertion;
        Some(Self {
            client_id,
            algorithm,
            valid_until: rules.valid_until(&claims),
            lax_audience: rules.is_lax(&claims),
            policy: rules.policy.name,
            signing_input,
            signature,
            audience: rules.first_audience(&header, &claims)?,
            dates: [date(&claims.iat), date(&claims.nbf), date(&claims.exp)],
            with_others: claims.with_others,
            jti: claims.jti.present(),
            kid: header.kid.present(),
        })
    }

    /// The claims, to be kept with an identity once they are proven.
    pub(crate) fn claims(&self) -> VerifiedClaims {
        let [issued_at, not_before, expires_at] = self.dates.map(|date| date.map(NumericDate::floor));
        VerifiedClaims {
            audience: Arc::clone(&self.audience),
            jti: self.jti.as_deref().map(Jti::new),
            issued_at,
            not_before,
            expires_at,
            with_others: self.with_others.map(Arc::from),
        }
    }
}

/// The algorithm, if everything is as the policy asks; else the first fault, after so many checks.
fn judge(
    assertion: &Assertion<'_>,
    parameter: Option<&str>,
    rules: &Rules<'_>,
) -> Result<Algorithm, (usize, ClientFault)> {
    let algorithm = check_header(&assertion.header, rules)?;
    match findings(assertion, parameter, rules).first() {
        Some((at, fault)) => Err((HEADER_CHECKS + at, fault)),
        None => Ok(algorithm),
    }
}

const HEADER_CHECKS: usize = 3;

/// The `kid`, the algorithm, and no critical extension, in this order. Who signs with a secret has no key to name.
fn check_header(header: &Header<'_>, rules: &Rules<'_>) -> Result<Algorithm, (usize, ClientFault)> {
    let named = match &header.alg {
        Field::Is(alg) => Algorithm::from_name(alg).filter(|alg| rules.policy.algorithms.contains(*alg)),
        Field::Absent | Field::WrongType => None,
    };
    let needs_kid = rules.policy.kid == Presence::Required && !named.is_some_and(Algorithm::is_mac);
    check_kid(&header.kid, needs_kid, rules.limits).map_err(|fault| (0, fault))?;
    let algorithm = named.ok_or((1, ClientFault::AlgorithmNotAllowed))?;
    match header.has_extension {
        true => Err((2, ClientFault::CriticalHeader)),
        false => Ok(algorithm),
    }
}

fn check_kid(kid: &Field<Cow<'_, str>>, needed: bool, limits: &Limits) -> Result<(), ClientFault> {
    match kid {
        Field::Is(kid) if kid.is_empty() => Err(ClientFault::KidMissing),
        Field::Is(kid) if kid.len() > limits.kid || has_control(kid) => Err(ClientFault::KidInvalid),
        Field::Is(_) => Ok(()),
        Field::Absent if !needed => Ok(()),
        Field::Absent | Field::WrongType => Err(ClientFault::KidMissing),
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
    findings.note_fault(mismatch(client_id, &claims.iss).then_some(ClientFault::ClientIdMismatch));
    findings.note(Claim::Sub, rules.sub(claims));
    findings.note(Claim::Jti, rules.jti(claims));
    findings.note(Claim::Aud, rules.aud(header, claims));
    findings.note(Claim::Typ, rules.typ(header));
    // The order of the reference implementation, jose 2: an assertion without `exp` has its `iat` judged first.
    let iat_future = fault_of(&claims.iat, |iat| rules.is_future(iat));
    findings.note(Claim::Iat, presence(&claims.iat, rules.policy.iat));
    if matches!(claims.exp, Field::Absent) {
        findings.note(Claim::Iat, iat_future);
    }
    findings.note(Claim::Nbf, presence(&claims.nbf, Presence::Optional));
    findings.note(Claim::Nbf, fault_of(&claims.nbf, |nbf| rules.is_future(nbf)));
    findings.note(Claim::Exp, presence(&claims.exp, rules.policy.exp));
    findings.note(Claim::Exp, fault_of(&claims.exp, |exp| rules.is_expired(exp)));
    findings.note(Claim::Exp, fault_of(&claims.exp, |exp| rules.is_excessive(exp)));
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

    /// Where it may be absent, an empty one is still no identifier.
    fn jti(&self, claims: &Claims<'_>) -> Option<ClaimFault> {
        match required(&claims.jti) {
            Ok(jti) if jti.len() <= self.limits.jti && !has_control(jti) => None,
            Ok(_) => Some(ClaimFault::Malformed),
            Err(_) if matches!(claims.jti, Field::Absent) && self.policy.jti == Presence::Optional => None,
            Err(fault) => Some(fault),
        }
    }

    /// The audience must be us (RFC 7523, section 3, item 3), and nobody else: whoever else is addressed could use the
    /// assertion here. Compared byte for byte (RFC 7519, section 2).
    fn aud(&self, header: &Header<'_>, claims: &Claims<'_>) -> Option<ClaimFault> {
        let rule = self.audience_rule(header);
        match &claims.aud {
            Field::Absent => Some(ClaimFault::Missing),
            Field::WrongType => Some(ClaimFault::Malformed),
            Field::Is(Audience::One(aud)) if aud.is_empty() => Some(ClaimFault::Missing),
            Field::Is(Audience::One(aud)) if self.audiences.named(rule, aud).is_none() => Some(ClaimFault::Unexpected),
            Field::Is(Audience::One(_)) => None,
            Field::Is(Audience::Many(_)) if rule == AudienceRule::IssuerString => Some(ClaimFault::Malformed),
            Field::Is(Audience::Many(array)) => self.aud_array(array, rule),
        }
    }

    fn aud_array(&self, array: &str, rule: AudienceRule) -> Option<ClaimFault> {
        let most = if rule == AudienceRule::SoleIssuer { 1 } else { self.limits.audiences };
        let mut count = 0;
        let mut all_ours = true;
        for element in json::elements(array) {
            count += 1;
            match element {
                Some(aud) if count <= self.limits.audiences => all_ours &= self.audiences.named(rule, &aud).is_some(),
                _ => return Some(ClaimFault::Malformed),
            }
        }
        match count {
            0 => Some(ClaimFault::Missing),
            _ => (!all_ours || count > most).then_some(ClaimFault::Unexpected),
        }
    }

    /// Whoever gives its assertion the type that the 2026 update of RFC 7523 defines asks for the audience rule of that
    /// update.
    pub(crate) fn audience_rule(&self, header: &Header<'_>) -> AudienceRule {
        match (&header.typ, self.policy.audience) {
            (_, AudienceRule::IssuerString) => AudienceRule::IssuerString,
            (Field::Is(typ), _) if self.policy.strict_by_typ && is_media_type(typ, "client-authentication+jwt") => {
                AudienceRule::SoleIssuer
            }
            (_, rule) => rule,
        }
    }

    /// Whether the issuer as the sole value was not there, though the policy or its profile knows of it.
    fn is_lax(&self, claims: &Claims<'_>) -> bool {
        let sole = |aud: &str| self.audiences.named(AudienceRule::SoleIssuer, aud).is_some();
        let rule = self.policy.audience;
        rule.knows_urls()
            && (rule.knows_issuer() || self.policy.strict_by_typ)
            && match &claims.aud {
                Field::Is(Audience::One(aud)) => !sole(aud),
                Field::Is(Audience::Many(array)) => self.aud_array(array, AudienceRule::SoleIssuer).is_some(),
                Field::Absent | Field::WrongType => true,
            }
    }

    fn first_audience(&self, header: &Header<'_>, claims: &Claims<'_>) -> Option<Arc<str>> {
        let named = |aud: &str| self.audiences.named(self.audience_rule(header), aud).cloned();
        match &claims.aud {
            Field::Is(Audience::One(aud)) => named(aud),
            Field::Is(Audience::Many(array)) => named(&json::elements(array).next()??),
            Field::Absent | Field::WrongType => None,
        }
    }

    /// `jku` never supplies a key; where it must be right, it is the URL that the client registered (SMART App Launch 2.2, key
    /// retrieval).
    fn allows_jku(&self, header: &Header<'_>, registered: Option<&str>) -> bool {
        match &header.jku {
            _ if self.policy.jku == KeySetUrl::Ignored => true,
            Field::Absent => true,
            Field::WrongType => false,
            Field::Is(jku) => registered == Some(&**jku),
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

    /// RFC 7523, section 3, item 4: an `exp` unreasonably far in the future. The skew is added, so that a client whose clock is
    /// ahead may use all of the time that it has.
    fn is_excessive(&self, exp: NumericDate) -> Option<ClaimFault> {
        let longest = self.policy.max_lifetime?.saturating_add(self.policy.future_skew);
        (exp.as_secs() > self.now() + longest.as_secs_f64()).then_some(ClaimFault::Future)
    }

    /// RFC 7523, section 3, item 6: an `iat` unreasonably far in the past.
    fn is_stale(&self, iat: NumericDate) -> Option<ClaimFault> {
        let oldest = self.policy.max_age?.saturating_add(self.policy.expiry_skew);
        let earliest = self.now() - oldest.as_secs_f64();
        (iat.as_secs() < earliest).then_some(ClaimFault::Past)
    }

    /// The moment from which on neither `exp` nor the age of `iat` lets the assertion pass, skew included. A replay store
    /// that remembers it until then has remembered it for long enough.
    fn valid_until(&self, claims: &Claims<'_>) -> UnixTime {
        let stale = date(&claims.iat).zip(self.policy.max_age);
        let stale = stale.map_or(f64::INFINITY, |(iat, max_age)| iat.as_secs() + max_age.as_secs_f64());
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

/// The faults of one assertion, each with the number of checks before it. There are at most as many as there are checks.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    faults: [Option<(usize, ClientFault)>; 16],
    checks: usize,
    len: usize,
}

impl Findings {
    fn note(&mut self, claim: Claim, fault: Option<ClaimFault>) {
        self.note_fault(fault.map(|fault| ClientFault::Claim(claim, fault)));
    }

    fn note_fault(&mut self, fault: Option<ClientFault>) {
        if let (Some(fault), Some(slot)) = (fault, self.faults.get_mut(self.len)) {
            *slot = Some((self.checks, fault));
            self.len += 1;
        }
        self.checks += 1;
    }

    fn first(&self) -> Option<(usize, ClientFault)> {
        self.faults.first().copied().flatten()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = ClientFault> {
        self.faults.iter().copied().flatten().map(|(_, fault)| fault)
    }
}
