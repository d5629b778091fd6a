//! All faults of a form, for explanations. A request is told the first.

use std::borrow::Cow;

use super::form::{
    Fields, check_assertion_type, check_grant_type, check_grant_type_by_any, check_mechanisms, decode_assertion_type,
    refuse_query_credentials,
};
use super::request::TokenRequest;
use super::urlencoded::{Pairs, Raw};
use crate::endpoint::Endpoint;
use crate::policy::{Limits, Policy};
use crate::rejection::{ClientFault, Parameter};
use crate::text::is_utf8;

type Judged = Result<(), ClientFault>;

/// The outcome of every check of a form, and what could be read of it.
pub(crate) struct FormFaults<'a> {
    /// The number of parameters in the body.
    pub(crate) parameters: Judged,
    pub(crate) encoding: Judged,
    pub(crate) repeats: Judged,
    pub(crate) query: Judged,
    /// `None` if the value cannot be decoded.
    pub(crate) grant_type: Option<Judged>,
    pub(crate) mechanisms: Judged,
    /// `None` if the value cannot be decoded.
    pub(crate) assertion_type: Option<Judged>,
    pub(crate) assertion: Judged,
    /// Whether there is an assertion or its type.
    pub(crate) is_asserted: bool,
    /// The value of `client_assertion`, decoded once. It may be anything.
    pub(crate) text: Option<Cow<'a, [u8]>>,
    /// Whether that is UTF-8.
    pub(crate) is_text: bool,
    pub(crate) client_id: Option<Cow<'a, str>>,
    pub(crate) is_client_id_readable: bool,
    given_grant_type: Option<Cow<'a, [u8]>>,
    endpoint: Endpoint,
}

impl<'a> FormFaults<'a> {
    /// Judges the form of `request`. Each check is done, and by the functions that judge requests.
    pub(crate) fn of(request: &TokenRequest<'a>, policies: &[Policy], limits: &Limits) -> Self {
        let all = limits.clone().with_parameters(usize::MAX);
        let fields = Fields::collect(request.body, &all).unwrap_or_default();
        let grant_type = fields.grant_type.map(Raw::decode).transpose();
        let assertion_type = fields.assertion_type.map(decode_assertion_type).transpose();
        let text = fields.assertion.map(Raw::unescape).transpose();
        let client_id = fields.client_id.map(Raw::decode_text).transpose();
        let asserted = fields.assertion.is_some() || fields.assertion_type.is_some();
        let is_text = text.as_ref().is_ok_and(|text| text.as_deref().is_none_or(is_utf8));
        let decodes = grant_type.is_ok() && assertion_type.is_ok() && client_id.is_ok() && is_text;
        let judge_grant =
            |given: &Option<Cow<'_, [u8]>>| check_grant_type_by_any(policies, request.endpoint, given.as_deref());
        Self {
            parameters: Fields::collect(request.body, limits).map(drop),
            encoding: decodes.then_some(()).ok_or(ClientFault::FormMalformed),
            repeats: fields.refuse_repeats(),
            query: refuse_query_credentials(request.query, asserted, limits),
            grant_type: grant_type.as_ref().ok().map(judge_grant),
            mechanisms: check_mechanisms(request, asserted, fields.has_secret),
            assertion_type: assertion_type.ok().map(|given| check_assertion_type(given.as_deref())),
            assertion: fields.assertion.map(drop).ok_or(ClientFault::MissingAssertion),
            is_asserted: asserted,
            is_text,
            is_client_id_readable: client_id.is_ok(),
            text: text.unwrap_or_default(),
            client_id: client_id.unwrap_or_default(),
            given_grant_type: grant_type.unwrap_or_default(),
            endpoint: request.endpoint,
        }
    }

    /// Judges the grant type by the policy of the client.
    pub(crate) fn grant_type_under(&self, policy: &Policy) -> Judged {
        check_grant_type(policy, self.endpoint, self.given_grant_type.as_deref())
    }
}

/// Returns the values of parameters that are credentials, as they are written and decoded.
pub(crate) fn secret_values(form: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let secret = Pairs::of(form).filter(|(name, _)| name.parameter().is_some_and(is_secret));
    secret.flat_map(|(_, value)| [Some(Cow::Borrowed(value.bytes)), value.unescape().ok()]).flatten()
}

fn is_secret(parameter: Parameter) -> bool {
    matches!(
        parameter,
        Parameter::ActorToken
            | Parameter::Assertion
            | Parameter::ClientAssertion
            | Parameter::ClientSecret
            | Parameter::Code
            | Parameter::CodeVerifier
            | Parameter::DeviceCode
            | Parameter::Password
            | Parameter::RefreshToken
            | Parameter::SubjectToken
            | Parameter::Token
    )
}
