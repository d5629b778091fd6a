//! The findings about a form: which parameter is wrong, why and where.

use std::borrow::Cow;

use super::request::TokenRequest;
use super::urlencoded::{Pairs, Raw};
use crate::client::ClientId;
use crate::endpoint::JWT_BEARER;
use crate::event::{Excerpt, Finding, Received};
use crate::policy::{Limits, Policy};
use crate::rejection::{ClientFault, Parameter};

/// Returns the finding about the form of `request`.
pub(crate) fn form_finding(
    fault: &ClientFault,
    request: &TokenRequest<'_>,
    policies: &[Policy],
    limits: &Limits,
) -> Option<Finding<'static>> {
    use ClientFault as F;
    let (expected, received): (Cow<'static, str>, _) = match fault {
        F::FormMalformed => about_encoding(request.body)?,
        F::TooManyParameters => (format!("at most {}", limits.parameters).into(), about_number(request, limits)),
        F::RepeatedParameter(parameter) => {
            let count = values(request.body, *parameter).count();
            ("one value".into(), Received::described(format!("{count} values")))
        }
        F::CredentialsInQuery => ("them in the body".into(), Received::described(credential_in(request.query)?.name())),
        F::MissingGrantType => (grant_types(policies), absence(request.body)),
        F::UnsupportedGrantType => (grant_types(policies), shown(request.body, Parameter::GrantType)),
        F::SeveralMechanisms(_) => ("one of them".into(), about_mechanisms(request)),
        F::NoAuthentication(_) => ("client_assertion in the form".into(), about_mechanisms(request)),
        F::MissingAssertionType => (JWT_BEARER.into(), absence(request.body)),
        F::UnsupportedAssertionType => (JWT_BEARER.into(), shown(request.body, Parameter::ClientAssertionType)),
        F::MissingAssertion => ("a JWT".into(), Received::Absent),
        _ => return None,
    };
    Some(Finding::new(fault.clone(), expected, received))
}

/// Returns the parameter `client_id`, if there is one and it could be the id of a client.
pub(super) fn client_id<'a>(request: &TokenRequest<'a>, limits: &Limits) -> Option<Cow<'a, str>> {
    let mut all = values(request.body, Parameter::ClientId);
    let (Some(value), None) = (all.next(), all.next()) else { return None };
    let id = value.decode_text().ok()?;
    let is_id = id.len() <= limits.client_id && ClientId::is_valid(&id) && !Excerpt::new(&id).is_withheld();
    is_id.then_some(id)
}

fn values(form: &[u8], wanted: Parameter) -> impl Iterator<Item = Raw<'_>> {
    Pairs::of(form).filter(move |(name, _)| name.parameter() == Some(wanted)).map(|(_, value)| value)
}

/// Whether the parameter is there and has a value.
fn has(form: &[u8], parameter: Parameter) -> bool {
    values(form, parameter).next().is_some_and(|value| !value.bytes.is_empty())
}

fn shown(form: &[u8], parameter: Parameter) -> Received<'static> {
    match values(form, parameter).next().and_then(|value| value.decode_text().ok()) {
        None => Received::Absent,
        Some(value) => Received::of_words(&value),
    }
}

/// Returns what the body seems to be in place of a form, if a parameter is not in it.
fn absence(body: &[u8]) -> Received<'static> {
    let hint = match body {
        [0xEF, 0xBB, 0xBF, ..] => "the body begins with a byte order mark",
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [_, 0, ..] | [0, ..] => "the body looks like UTF-16",
        [b'{', ..] => "the body begins like JSON",
        [b'-', b'-', ..] => "the body begins like multipart data",
        escaped if !escaped.contains(&b'=') && escaped.windows(3).any(|three| three.eq_ignore_ascii_case(b"%3D")) => {
            "the whole body is percent-encoded"
        }
        _ => return Received::Absent,
    };
    Received::described(format!("nothing; {hint}"))
}

/// Returns what is wrong with the first value that does not decode, among those that the verifier
/// reads.
fn about_encoding(form: &[u8]) -> Option<(Cow<'static, str>, Received<'static>)> {
    let read = [Parameter::GrantType, Parameter::ClientAssertionType, Parameter::ClientAssertion, Parameter::ClientId];
    read.into_iter().find_map(|parameter| {
        let value = values(form, parameter).next()?;
        let Ok(bytes) = value.unescape() else {
            let at = bad_escape(value.bytes)?;
            let received = format!("a percent sign without them at byte {at} of {parameter}");
            return Some(("two hexadecimal digits after each percent sign".into(), Received::described(received)));
        };
        let at = std::str::from_utf8(&bytes).err()?.valid_up_to();
        let byte = bytes.get(at)?;
        let utf16 = matches!(*bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]);
        let hint = if utf16 { ", which looks like UTF-16" } else { "" };
        let received = format!("0x{byte:02x} at byte {at} of the decoded {parameter}{hint}");
        Some(("UTF-8".into(), Received::described(received)))
    })
}

fn bad_escape(value: &[u8]) -> Option<usize> {
    let is_escape = |rest: &[u8]| matches!(rest, [_, a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    let mut escapes = value.iter().enumerate().filter(|(_, byte)| **byte == b'%').map(|(at, _)| at);
    escapes.find(|at| value.get(*at..).is_some_and(|rest| !is_escape(rest)))
}

fn about_number(request: &TokenRequest<'_>, limits: &Limits) -> Received<'static> {
    let body = Pairs::of(request.body).count();
    Received::described(match body > limits.parameters {
        true => format!("{body} in the body"),
        false => format!("{} in the query", Pairs::of(request.query).count()),
    })
}

fn credential_in(query: &[u8]) -> Option<Parameter> {
    Pairs::of(query).filter_map(|(name, _)| name.parameter()).find(|parameter| {
        matches!(
            parameter,
            Parameter::ClientAssertion | Parameter::ClientAssertionType | Parameter::ClientId | Parameter::ClientSecret
        )
    })
}

fn grant_types(policies: &[Policy]) -> Cow<'static, str> {
    let mut names: Vec<&str> = policies.iter().filter_map(Policy::grant_types).flatten().collect();
    names.sort_unstable();
    names.dedup();
    names.join(" or ").into()
}

/// Names everything by which the request authenticates a client.
fn about_mechanisms(request: &TokenRequest<'_>) -> Received<'static> {
    let in_form = |parameter| has(request.body, parameter).then(|| parameter.name().to_owned());
    let assertion = in_form(Parameter::ClientAssertion).or_else(|| in_form(Parameter::ClientAssertionType));
    let authorization = request.authorization.map(|scheme| format!("Authorization: {scheme}"));
    let attestation = request.attestation.then(|| "OAuth-Client-Attestation".to_owned());
    let secret = in_form(Parameter::ClientSecret);
    let found: Vec<_> = [assertion, authorization, attestation, secret].into_iter().flatten().collect();
    if found.is_empty() { absence(request.body) } else { Received::described(found.join(" and ")) }
}
