//! The header and the claims of an assertion against a policy, at one moment in time.
//!
//! What is judged here depends only on what the sender wrote and on public configuration, so it comes before the signature: a
//! junk, expired or mis-addressed assertion costs neither a look-up nor a signature check, and its sender learns nothing
//! that it did not know. All claims are judged in one pass. The client is told of the first that fails, the operator of all.
//!
//! Who the client is, and so which policy is its own, is not known at first. An assertion that fails every policy can be no
//! client's. One that meets some policy is judged again, by its client's, if that is another one.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::UnixTime;
use crate::identity::ClientId;
use crate::identity::claims::{Jti, VerifiedClaims};
use crate::jose::algorithm::Algorithm;
use crate::jose::json;
use crate::jose::media_type::is_media_type;
use crate::policy::{AudienceRule, Audiences, KeySetUrl, Limits, Policy, Presence};
use crate::registry::Client;
use crate::rejection::{Claim, ClaimFault, ClientFault, PolicyIndex, Rejection};
use crate::replay::ReplayKey;
use crate::text::has_control;
use crate::verifier::assertion::{Assertion, Audience, Claims, Field, Header, NumericDate};

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
    assertion: &'a Assertion<'a>,
    algorithm: Algorithm,
    client_id: &'a str,
    met: PolicyIndex,
}

impl<'a> PlausibleAssertion<'a> {
    /// Judges `assertion`, which came with this `client_id` parameter, by each policy until one is met. If none is, the
    /// refusal is by the one that it met furthest.
    pub(crate) fn judge<'v>(
        assertion: &'a Assertion<'a>,
        parameter: Option<&str>,
        policies: impl Iterator<Item = Rules<'v>>,
    ) -> Result<Self, Rejection> {
        let mut furthest: Option<(usize, Rejection)> = None;
        for (met, rules) in (0..).map(PolicyIndex).zip(policies) {
            match judge(assertion, parameter, &rules) {
                Ok(algorithm) => {
                    let client_id = assertion.claims.iss.text().ok_or(ClientFault::Malformed)?;
                    return Ok(Self { assertion, algorithm, client_id, met });
                }
                Err((passed, fault)) if furthest.as_ref().is_none_or(|(most, _)| passed > *most) => {
                    furthest = Some((passed, Rejection::from(fault).under(met)));
                }
                Err(_) => {}
            }
        }
        Err(furthest.map_or_else(|| ClientFault::Malformed.into(), |(_, rejection)| rejection))
    }

    /// Who the sender says it is: printable ASCII of bounded length.
    pub(crate) fn client_id(&self) -> &'a str {
        self.client_id
    }

    /// Judges what the client itself narrows or widens: its algorithm, then its policy if that is another than the one that
    /// was met, then its key set URL.
    pub(crate) fn bind(
        self,
        client: &Client,
        index: PolicyIndex,
        rules: &Rules<'a>,
    ) -> Result<BoundAssertion<'a>, ClientFault> {
        let Self { assertion, algorithm, client_id, met } = self;
        client.check_algorithm(algorithm)?;
        if index != met {
            judge(assertion, None, rules).map_err(|(_, fault)| fault)?;
        }
        if !rules.allows_jku(&assertion.header, client.key_set_url()) {
            return Err(ClientFault::JkuMismatch);
        }
        let audience = rules.first_audience(assertion).ok_or(ClientFault::Malformed)?;
        let valid_until = rules.valid_until(&assertion.claims);
        Ok(BoundAssertion { assertion, client_id, algorithm, valid_until, rules: *rules, audience })
    }
}

/// An assertion that its client's own policy would accept. It is unproven: nothing of it may be used but to refuse it.
pub(crate) struct BoundAssertion<'a> {
    assertion: &'a Assertion<'a>,
    client_id: &'a str,
    pub(crate) algorithm: Algorithm,
    /// A whole second from which on the assertion cannot be accepted any more.
    pub(crate) valid_until: UnixTime,
    pub(crate) rules: Rules<'a>,
    audience: &'a Arc<str>,
}

impl<'a> BoundAssertion<'a> {
    fn jti(&self) -> Option<&'a str> {
        self.assertion.claims.jti.text()
    }

    /// What identifies it; `None` if the policy let it go without a `jti`, and it is good for as often as it is sent.
    pub(crate) fn replay_key(&self) -> Option<ReplayKey<'a>> {
        Some(ReplayKey::new(self.client_id, self.jti()?))
    }

    pub(crate) fn kid(&self) -> Option<&'a str> {
        self.assertion.header.kid.text()
    }

    pub(crate) fn signing_input(&self) -> &'a [u8] {
        self.assertion.signing_input
    }

    pub(crate) fn signature(&self) -> &'a [u8] {
        self.assertion.signature
    }

    pub(crate) fn has_lax_audience(&self) -> bool {
        self.rules.is_lax(&self.assertion.claims)
    }

    /// The claims, to be kept with an identity once they are proven.
    pub(crate) fn claims(&self) -> VerifiedClaims {
        let Claims { iat, nbf, exp, with_others, .. } = &self.assertion.claims;
        let second = |claim| date(claim).map(NumericDate::floor);
        VerifiedClaims {
            audience: Arc::clone(self.audience),
            jti: self.jti().map(Jti::new),
            issued_at: second(iat),
            not_before: second(nbf),
            expires_at: second(exp),
            with_others: with_others.map(Arc::from),
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
    let mut passed = HEADER_CHECKS;
    each_check(assertion, parameter, rules, |fault| {
        fault.map_or(Ok(()), |fault| Err((passed, fault)))?;
        passed += 1;
        Ok(())
    })?;
    Ok(algorithm)
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

/// Everything wrong with the claims, in the order in which it is looked for.
pub(crate) fn faults(assertion: &Assertion<'_>, client_id: Option<&str>, rules: &Rules<'_>) -> Vec<ClientFault> {
    let mut faults = Vec::new();
    let Ok(()) = each_check(assertion, client_id, rules, |fault| {
        faults.extend(fault);
        Ok::<_, Infallible>(())
    });
    faults
}

/// Gives the outcome of each check of the claims to `found`, for as long as that wants more.
fn each_check<E>(
    assertion: &Assertion<'_>,
    client_id: Option<&str>,
    rules: &Rules<'_>,
    mut found: impl FnMut(Option<ClientFault>) -> Result<(), E>,
) -> Result<(), E> {
    let Assertion { header, claims, .. } = assertion;
    let of = |claim| move |fault: ClaimFault| ClientFault::Claim(claim, fault);
    found(rules.iss(claims).map(of(Claim::Iss)))?;
    found(mismatch(client_id, &claims.iss).then_some(ClientFault::ClientIdMismatch))?;
    found(rules.sub(claims).map(of(Claim::Sub)))?;
    found(rules.jti(claims).map(of(Claim::Jti)))?;
    found(rules.aud(header, claims).map(of(Claim::Aud)))?;
    found(rules.typ(header).map(of(Claim::Typ)))?;
    // The order of the reference implementation, jose 2: an assertion without `exp` has its `iat` judged first.
    let iat_future = || fault_of(&claims.iat, |iat| rules.is_future(iat)).map(of(Claim::Iat));
    let has_exp = !matches!(claims.exp, Field::Absent);
    found(presence(&claims.iat, rules.policy.iat).map(of(Claim::Iat)))?;
    if !has_exp {
        found(iat_future())?;
    }
    found(presence(&claims.nbf, Presence::Optional).map(of(Claim::Nbf)))?;
    found(fault_of(&claims.nbf, |nbf| rules.is_future(nbf)).map(of(Claim::Nbf)))?;
    found(presence(&claims.exp, rules.policy.exp).map(of(Claim::Exp)))?;
    found(fault_of(&claims.exp, |exp| rules.is_expired(exp)).map(of(Claim::Exp)))?;
    found(fault_of(&claims.exp, |exp| rules.is_excessive(exp)).map(of(Claim::Exp)))?;
    found(fault_of(&claims.iat, |iat| rules.is_stale(iat)).map(of(Claim::Iat)))?;
    if has_exp {
        found(iat_future())?;
    }
    Ok(())
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

impl<'v> Rules<'v> {
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

    fn first_audience(&self, assertion: &Assertion<'_>) -> Option<&'v Arc<str>> {
        let named = |aud: &str| self.audiences.named(self.audience_rule(&assertion.header), aud);
        match &assertion.claims.aud {
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
        let latest = self.now() + seconds(self.policy.future_skew);
        (date.as_secs() > latest).then_some(ClaimFault::Future)
    }

    /// RFC 7519, section 4.1.4: now must be before `exp`, so the moment itself is too late.
    fn is_expired(&self, exp: NumericDate) -> Option<ClaimFault> {
        let earliest = self.now() - seconds(self.policy.expiry_skew);
        (exp.as_secs() <= earliest).then_some(ClaimFault::Past)
    }

    /// RFC 7523, section 3, item 4: an `exp` unreasonably far in the future. The skew is added, so that a client whose clock is
    /// ahead may use all of the time that it has.
    fn is_excessive(&self, exp: NumericDate) -> Option<ClaimFault> {
        let longest = self.policy.max_lifetime?.saturating_add(self.policy.future_skew);
        (exp.as_secs() > self.now() + seconds(longest)).then_some(ClaimFault::Future)
    }

    /// RFC 7523, section 3, item 6: an `iat` unreasonably far in the past.
    fn is_stale(&self, iat: NumericDate) -> Option<ClaimFault> {
        let oldest = self.policy.max_age?.saturating_add(self.policy.expiry_skew);
        let earliest = self.now() - seconds(oldest);
        (iat.as_secs() < earliest).then_some(ClaimFault::Past)
    }

    /// The moment from which on neither `exp` nor the age of `iat` lets the assertion pass, skew included. A replay store
    /// that remembers it until then has remembered it for long enough.
    fn valid_until(&self, claims: &Claims<'_>) -> UnixTime {
        let stale = date(&claims.iat).zip(self.policy.max_age);
        let stale = stale.map_or(f64::INFINITY, |(iat, max_age)| iat.as_secs() + seconds(max_age));
        let expired = date(&claims.exp).map_or(f64::INFINITY, NumericDate::as_secs);
        let last = stale.min(expired) + seconds(self.policy.expiry_skew);
        UnixTime::from_secs((last.floor() as u64).saturating_add(1))
    }
}

fn date(field: &Field<NumericDate>) -> Option<NumericDate> {
    match field {
        Field::Is(date) => Some(*date),
        Field::Absent | Field::WrongType => None,
    }
}

/// Of a policy's durations, which are whole seconds.
fn seconds(duration: Duration) -> f64 {
    duration.as_secs() as f64
}
