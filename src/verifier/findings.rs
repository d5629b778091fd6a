//! The findings about an assertion that could be read: for each fault of its header, its claims and
//! its signature, the expected and the received value.

use std::borrow::Cow;
use std::time::Duration;

use super::assertion::{Assertion, Audience, Claims, Field, Header, NumericDate};
use super::rules::Rules;
use super::signature_hint::{about_signature, expected_length};
use crate::event::{Excerpt, Finding, Received};
use crate::jose::algorithm::Algorithm;
use crate::jose::json::{self, JsonType};
use crate::rejection::{Claim, ClaimFault, ClientFault};

/// Returns the finding about a claim, which came with this `client_id` parameter.
pub(crate) fn claim_finding<'a>(
    fault: ClientFault,
    assertion: &'a Assertion<'a>,
    parameter: Option<&'a str>,
    rules: &Rules<'_>,
) -> Finding<'a> {
    let Assertion { header, claims, .. } = assertion;
    let (expected, received) = match fault {
        ClientFault::Claim(claim, fault) => {
            (expected(claim, fault, header, rules), received(claim, fault, header, claims, rules))
        }
        _ => {
            ("the client id in client_id and iss".into(), parameter.map_or(Received::Absent, |id| with_iss(id, claims)))
        }
    };
    Finding::new(fault, expected, received)
}

/// Returns the finding about the header or the signature, if there is more to say than the fault
/// says.
pub(crate) fn header_finding<'a>(
    fault: &ClientFault,
    assertion: &'a Assertion<'a>,
    rules: &Rules<'_>,
) -> Option<Finding<'a>> {
    use ClientFault as F;
    let Assertion { header, signature, .. } = assertion;
    let algorithm = rules.allowed_algorithm(header);
    let (expected, received): (Cow<'static, str>, _) = match fault {
        F::KidMissing | F::KidInvalid => (kid_form(rules), field(&header.kid, |kid| shown(kid))),
        F::KidTooLong => (kid_form(rules), field(&header.kid, |kid| Received::Length(kid.len()))),
        F::AlgorithmNotAllowed => (allowed(rules).into(), field(&header.alg, |alg| shown(alg))),
        F::CriticalHeader => ("neither crit nor b64".into(), Received::described("one of them")),
        F::SignatureLength => (expected_length(algorithm?)?.into(), about_signature(signature)),
        F::BadSignature => ("a signature by the client over the first two parts".into(), about_signature(signature)),
        _ => return None,
    };
    Some(Finding::new(fault.clone(), expected, received))
}

fn kid_form(rules: &Rules<'_>) -> Cow<'static, str> {
    format!("1 to {} bytes without control characters", rules.limits.kid).into()
}

fn allowed(rules: &Rules<'_>) -> String {
    rules.policy.algorithms.iter().map(Algorithm::name).collect::<Vec<_>>().join(" or ")
}

fn expected(claim: Claim, fault: ClaimFault, header: &Header<'_>, rules: &Rules<'_>) -> Cow<'static, str> {
    let Rules { policy, limits, audiences, now } = *rules;
    let now = now.as_secs();
    let (future, expiry) = (policy.future_skew.as_secs(), policy.expiry_skew.as_secs());
    let latest = now.saturating_add(future);
    let what = if fault == ClaimFault::Malformed { "a number of seconds" } else { "a time" };
    let text = match claim {
        Claim::Iss => format!("1 to {} printable ASCII characters", limits.client_id),
        Claim::Sub => return "the client id in iss and sub".into(),
        Claim::Jti => format!("1 to {} bytes without control characters", limits.jti),
        Claim::Aud if fault == ClaimFault::TooLong => format!("at most {} values", limits.audiences),
        Claim::Aud => {
            let rule = rules.audience_rule(header);
            format!("only {}{}", audiences.describe(rule), rule.form())
        }
        Claim::Typ => policy.accepted_typ().collect::<Vec<_>>().join(" or "),
        Claim::Iat => match policy.max_age {
            Some(age) => {
                let earliest = now.saturating_sub(age.as_secs().saturating_add(expiry));
                format!("{what} from {earliest} to {latest}")
            }
            None => format!("{what} up to {latest}"),
        },
        Claim::Nbf => format!("{what} up to {latest}"),
        Claim::Exp => {
            let after = now.saturating_sub(expiry);
            match policy.max_lifetime {
                Some(life) => format!("{what} after {after} and up to {}", latest.saturating_add(life.as_secs())),
                None => format!("{what} after {after}"),
            }
        }
    };
    text.into()
}

fn received<'a>(
    claim: Claim,
    fault: ClaimFault,
    header: &'a Header<'_>,
    claims: &'a Claims<'_>,
    rules: &Rules<'_>,
) -> Received<'a> {
    match claim {
        Claim::Iss if fault == ClaimFault::TooLong => field(&claims.iss, |text| Received::Length(text.len())),
        Claim::Iss => field(&claims.iss, |text| shown(text)),
        Claim::Sub => field(&claims.sub, |sub| with_iss(sub, claims)),
        Claim::Jti => field(&claims.jti, |text| Received::Length(text.len())),
        Claim::Aud => field(&claims.aud, |aud| match aud {
            Audience::One(text) => shown(text),
            Audience::Many(array) if fault == ClaimFault::TooLong => {
                Received::described(format!("{} values", json::elements(array).count()))
            }
            Audience::Many(array) => Received::described(shown_array(array)),
        }),
        Claim::Typ => field(&header.typ, |text| shown(text)),
        Claim::Iat => date(&claims.iat, claim, fault, rules),
        Claim::Nbf => date(&claims.nbf, claim, fault, rules),
        Claim::Exp => date(&claims.exp, claim, fault, rules),
    }
}

/// Shows each string of an array, which has as many as the limits allow.
fn shown_array(array: &str) -> String {
    let values = json::elements(array).map(|element| match element {
        Some(text) => Excerpt::new(&text).to_string(),
        None => "another type".to_owned(),
    });
    format!("[{}]", values.collect::<Vec<_>>().join(", "))
}

fn field<'a, T>(field: &'a Field<T>, show: impl FnOnce(&'a T) -> Received<'a>) -> Received<'a> {
    match field {
        Field::Absent => Received::Absent,
        Field::WrongType(found) => Received::described(found.to_string()),
        Field::Is(value) => show(value),
    }
}

fn date<'a>(value: &'a Field<NumericDate>, claim: Claim, fault: ClaimFault, rules: &Rules<'_>) -> Received<'a> {
    if let Field::WrongType(JsonType::Number) = value {
        return Received::described("a number that is too large");
    }
    field(value, |date| {
        let date = date.as_secs();
        let unit = wrong_unit(date, rules.now.as_secs() as f64);
        Received::described(match (unit, missed_by(date, claim, fault, rules)) {
            (Some(unit), _) => format!("{date}, which looks like {unit}"),
            (None, Some(missed)) => format!("{date}, {missed}"),
            (None, None) => date.to_string(),
        })
    })
}

/// Returns by how many seconds a date is outside of what is accepted.
fn missed_by(date: f64, claim: Claim, fault: ClaimFault, rules: &Rules<'_>) -> Option<String> {
    let Rules { policy, now, .. } = *rules;
    let ahead = |limit: Duration| date - (now + limit).as_secs() as f64;
    let (past, future) = (policy.expiry_skew, policy.future_skew);
    let missed = match (claim, fault) {
        // The moment of `exp` itself is too late.
        (Claim::Exp, ClaimFault::Past) => ((now - past).as_secs() as f64 - date).floor() + 1.0,
        (Claim::Exp, ClaimFault::Future) => ahead(policy.max_lifetime?.saturating_add(future)).ceil(),
        (Claim::Iat, ClaimFault::Past) => ((now - policy.max_age?.saturating_add(past)).as_secs() as f64 - date).ceil(),
        (_, ClaimFault::Future) => ahead(future).ceil(),
        _ => return None,
    };
    let direction = if fault == ClaimFault::Past { "too old" } else { "too far ahead" };
    (missed >= 1.0).then(|| format!("{missed} s {direction}"))
}

/// Returns what the number seems to count, if that is not seconds since 1970. Clients take their
/// time from functions that count smaller units, or send how long the assertion lives.
fn wrong_unit(date: f64, now: f64) -> Option<&'static str> {
    /// Nearly ten years. No time of today is that early.
    const LONGEST_DURATION: f64 = 3e8;
    let near = |units_per_second: f64| (now / 2.0..now * 2.0).contains(&(date / units_per_second));
    match date {
        _ if near(1e3) => Some("milliseconds"),
        _ if near(1e6) => Some("microseconds"),
        _ if near(1e9) => Some("nanoseconds"),
        _ if (1.0..LONGEST_DURATION).contains(&date) && now > LONGEST_DURATION => Some("a duration"),
        _ => None,
    }
}

/// Shows another name of the client and `iss`, since either of the two may be the wrong one.
fn with_iss<'a>(name: &'a str, claims: &Claims<'_>) -> Received<'a> {
    match &claims.iss {
        Field::Is(iss) => Received::described(format!("{} with the iss {}", Excerpt::new(name), Excerpt::new(iss))),
        Field::Absent | Field::WrongType(_) => shown(name),
    }
}

fn shown(text: &str) -> Received<'_> {
    Received::Text(Excerpt::new(text))
}

/// Returns the text of a field that has one.
pub(crate) fn excerpt<'a>(field: &'a Field<Cow<'_, str>>) -> Option<Excerpt<'a>> {
    field.text().filter(|text| !text.is_empty()).map(Excerpt::new)
}
