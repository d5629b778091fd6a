//! The findings for the operator: for each claim that failed, the expected and the received value.

use std::borrow::Cow;

use super::assertion::{Assertion, Audience, Claims, Field, Header, NumericDate};
use super::rules::Rules;
use crate::event::{Excerpt, Finding, Received};
use crate::rejection::{Claim, ClientFault};

pub(super) fn finding<'a>(
    fault: ClientFault,
    assertion: &'a Assertion<'a>,
    parameter: Option<&'a str>,
    rules: &Rules<'_>,
) -> Finding<'a> {
    let Assertion { header, claims, .. } = assertion;
    let (expected, received) = match fault {
        ClientFault::Claim(claim, _) => (expected(claim, header, rules), received(claim, header, claims)),
        _ => (String::from("the value of iss"), parameter.map_or(Received::Absent, shown)),
    };
    Finding::new(fault, expected, received)
}

fn expected(claim: Claim, header: &Header<'_>, rules: &Rules<'_>) -> String {
    let Rules { policy, limits, audiences, now } = *rules;
    let now = now.as_secs();
    let (future, expiry) = (policy.future_skew.as_secs(), policy.expiry_skew.as_secs());
    let latest = now.saturating_add(future);
    match claim {
        Claim::Iss => format!("1 to {} printable ASCII characters", limits.client_id),
        Claim::Sub => String::from("the value of iss"),
        Claim::Jti => format!("1 to {} bytes without control characters", limits.jti),
        Claim::Aud => {
            let rule = rules.audience_rule(header);
            format!("only {}{}", audiences.describe(rule), rule.form())
        }
        Claim::Typ => policy.accepted_typ().collect::<Vec<_>>().join(" or "),
        Claim::Iat => match policy.max_age {
            Some(age) => {
                let earliest = now.saturating_sub(age.as_secs().saturating_add(expiry));
                format!("a time from {earliest} to {latest}")
            }
            None => format!("a time up to {latest}"),
        },
        Claim::Nbf => format!("a time up to {latest}"),
        Claim::Exp => {
            let after = now.saturating_sub(expiry);
            match policy.max_lifetime {
                Some(life) => format!("a time after {after} and up to {}", latest.saturating_add(life.as_secs())),
                None => format!("a time after {after}"),
            }
        }
    }
}

fn received<'a>(claim: Claim, header: &'a Header<'_>, claims: &'a Claims<'_>) -> Received<'a> {
    match claim {
        Claim::Iss => field(&claims.iss, |text| shown(text)),
        Claim::Sub => field(&claims.sub, |text| shown(text)),
        Claim::Jti => field(&claims.jti, |text| Received::Length(text.len())),
        Claim::Aud => field(&claims.aud, |aud| match aud {
            Audience::One(text) => shown(text),
            Audience::Many(array) => shown(array),
        }),
        Claim::Typ => field(&header.typ, |text| shown(text)),
        Claim::Iat => date(&claims.iat),
        Claim::Nbf => date(&claims.nbf),
        Claim::Exp => date(&claims.exp),
    }
}

fn field<'a, T>(field: &'a Field<T>, show: impl FnOnce(&'a T) -> Received<'a>) -> Received<'a> {
    match field {
        Field::Absent => Received::Absent,
        Field::WrongType => Received::WrongType,
        Field::Is(value) => show(value),
    }
}

fn date(claim: &Field<NumericDate>) -> Received<'_> {
    field(claim, |date| Received::Number(date.as_secs()))
}

fn shown(text: &str) -> Received<'_> {
    Received::Text(Excerpt::new(text))
}

pub(super) fn excerpt<'a>(field: &'a Field<Cow<'_, str>>) -> Option<Excerpt<'a>> {
    field.text().map(Excerpt::new)
}
