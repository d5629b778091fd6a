//! From the body of a token request to the parameters that the verifier reads.
//!
//! Only those are checked. Other parameters reach the handler unchanged (RFC 6749, section 3.2),
//! but a [`Parameter`] that a standard defines must not be repeated: the handler's parser might use
//! a different one of its values.

use std::borrow::Cow;

use super::assertion::{Assertion, Parts};
use super::request::TokenRequest;
use super::urlencoded::{Pairs, Raw};
use crate::endpoint::{Endpoint, JWT_BEARER};
use crate::jose::base64url::DecodeBuffer;
use crate::policy::{Limits, Policy};
use crate::rejection::{ClientFault, Parameter};
use crate::text::is_utf8;

/// A form with an assertion of the right type and no other credentials.
pub(crate) struct TokenForm<'a> {
    assertion: Cow<'a, [u8]>,
    client_id: Option<Cow<'a, str>>,
    grant_type: Option<Cow<'a, [u8]>>,
    endpoint: Endpoint,
}

impl<'a> TokenForm<'a> {
    /// Reads the form of `request`. Returns `None` if there is no assertion and the request may
    /// come without one.
    ///
    /// A grant type is refused here if no policy permits it. Whether the client's own policy does
    /// is [checked](Self::check_grant_type) once the client is known.
    pub(crate) fn parse(
        request: &TokenRequest<'a>,
        policies: &[Policy],
        limits: &Limits,
    ) -> Result<Option<Self>, ClientFault> {
        let fields = Fields::collect(request.body, limits)?;
        Self::from_fields(&fields, request, policies, limits).map_err(|fault| {
            match fields.assertion.map(Raw::unescape) {
                Some(Ok(assertion)) => text_first(&assertion, fault),
                Some(Err(malformed)) => malformed,
                None => fault,
            }
        })
    }

    fn from_fields(
        fields: &Fields<'a>,
        request: &TokenRequest<'a>,
        policies: &[Policy],
        limits: &Limits,
    ) -> Result<Option<Self>, ClientFault> {
        let grant_type = fields.grant_type.map(Raw::decode).transpose()?;
        let assertion_type = fields.assertion_type.map(decode_assertion_type).transpose()?;
        let assertion = fields.assertion.map(Raw::unescape).transpose()?;
        let client_id = fields.client_id.map(Raw::decode_text).transpose()?;
        fields.refuse_repeats()?;
        let asserted = assertion.is_some() || assertion_type.is_some();
        refuse_query_credentials(request.query, asserted, limits)?;
        if request.optional && !asserted {
            return Ok(None);
        }
        check_grant_type_by_any(policies, request.endpoint, grant_type.as_deref())?;
        check_mechanisms(request, asserted, fields.has_secret)?;
        check_assertion_type(assertion_type.as_deref())?;
        let assertion = assertion.ok_or(ClientFault::MissingAssertion)?;
        Ok(Some(Self { assertion, client_id, grant_type, endpoint: request.endpoint }))
    }

    /// Returns the `client_assertion` parameter.
    pub(crate) fn assertion(&self) -> &[u8] {
        &self.assertion
    }

    /// Returns the `client_id` parameter.
    pub(crate) fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// Checks the grant type by the policy of the client.
    pub(crate) fn check_grant_type(&self, policy: &Policy) -> Result<(), ClientFault> {
        check_grant_type(policy, self.endpoint, self.grant_type.as_deref())
    }

    /// Reads the assertion, decoded into `buffer`.
    pub(crate) fn read_assertion<'b>(
        &'b self,
        buffer: &'b mut DecodeBuffer,
        limits: &Limits,
    ) -> Result<Assertion<'b>, ClientFault> {
        let parts = Parts::decode(&self.assertion, buffer, limits);
        Assertion::read(parts.map_err(|fault| text_first(&self.assertion, fault))?, limits)
    }
}

/// Returns the fault to report for a request that has `fault`. An assertion that is not text counts
/// as a malformed form (RFC 6749, appendix B) and comes before all other faults.
///
/// Only refused requests are checked for this: what decodes as base64url is text.
fn text_first(assertion: &[u8], fault: ClientFault) -> ClientFault {
    if is_utf8(assertion) { fault } else { ClientFault::FormMalformed }
}

/// Decodes the `client_assertion_type`. Nearly all clients escape its colons and nothing else. That
/// spelling is recognised without being copied.
pub(super) fn decode_assertion_type(value: Raw<'_>) -> Result<Cow<'_, [u8]>, ClientFault> {
    const USUAL: &[u8] = b"urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    if value.bytes == USUAL { Ok(Cow::Borrowed(JWT_BEARER.as_bytes())) } else { value.decode() }
}

pub(super) fn check_assertion_type(given: Option<&[u8]>) -> Result<(), ClientFault> {
    match given {
        Some(given) if given == JWT_BEARER.as_bytes() => Ok(()),
        Some(_) => Err(ClientFault::UnsupportedAssertionType),
        None => Err(ClientFault::MissingAssertionType),
    }
}

/// Returns the fault under the first policy if no policy permits the grant type.
pub(super) fn check_grant_type_by_any(
    policies: &[Policy],
    endpoint: Endpoint,
    given: Option<&[u8]>,
) -> Result<(), ClientFault> {
    let mut outcomes = policies.iter().map(|policy| check_grant_type(policy, endpoint, given));
    match outcomes.clone().any(|outcome| outcome.is_ok()) {
        true => Ok(()),
        false => outcomes.next().unwrap_or(Ok(())),
    }
}

/// Only the token endpoint has a grant type. A policy that permits any grant type leaves a missing
/// one to the handler as well.
pub(super) fn check_grant_type(policy: &Policy, endpoint: Endpoint, given: Option<&[u8]>) -> Result<(), ClientFault> {
    match given {
        _ if endpoint != Endpoint::Token => Ok(()),
        None if policy.grant_types.is_some() => Err(ClientFault::MissingGrantType),
        Some(given) if !policy.permits_grant_type(given) => Err(ClientFault::UnsupportedGrantType),
        _ => Ok(()),
    }
}

/// An assertion must be the only mechanism (RFC 6749, section 2.3; RFC 7521, section 4.2.1).
pub(super) fn check_mechanisms(
    request: &TokenRequest<'_>,
    asserted: bool,
    has_secret: bool,
) -> Result<(), ClientFault> {
    let others = request.authorization.is_some() || request.attestation || has_secret;
    match (asserted, others) {
        (true, false) => Ok(()),
        (true, true) => Err(ClientFault::SeveralMechanisms(request.authorization)),
        (false, _) => Err(ClientFault::NoAuthentication(request.authorization)),
    }
}

/// Credentials belong in the body, because URIs end up in logs (RFC 6749, section 2.3.1). The same
/// section keeps `client_id` out of the URI. Next to an assertion it could name another client.
/// A request that is let through without an assertion may have one there.
pub(super) fn refuse_query_credentials(query: &[u8], asserted: bool, limits: &Limits) -> Result<(), ClientFault> {
    let mut left = limits.parameters;
    for (name, _) in Pairs::of(query) {
        left = left.checked_sub(1).ok_or(ClientFault::TooManyParameters)?;
        match name.parameter() {
            Some(Parameter::ClientAssertion | Parameter::ClientAssertionType | Parameter::ClientSecret) => {
                return Err(ClientFault::CredentialsInQuery);
            }
            Some(Parameter::ClientId) if asserted => return Err(ClientFault::CredentialsInQuery),
            _ => {}
        }
    }
    Ok(())
}

/// The parameters that the verifier reads, still escaped. One without a value counts as omitted
/// (RFC 6749, section 3.2), but still as an occurrence.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) grant_type: Option<Raw<'a>>,
    pub(super) assertion_type: Option<Raw<'a>>,
    pub(super) assertion: Option<Raw<'a>>,
    pub(super) client_id: Option<Raw<'a>>,
    pub(super) has_secret: bool,
    /// A bit for each [`Parameter`] seen so far.
    seen: u32,
    repeated: Option<Parameter>,
}

impl<'a> Fields<'a> {
    pub(super) fn collect(body: &'a [u8], limits: &Limits) -> Result<Self, ClientFault> {
        let (mut fields, mut left) = (Self::default(), limits.parameters);
        for (name, value) in Pairs::of(body) {
            left = left.checked_sub(1).ok_or(ClientFault::TooManyParameters)?;
            if let Some(parameter) = name.parameter() {
                fields.add(parameter, value);
            }
        }
        Ok(fields)
    }

    fn add(&mut self, parameter: Parameter, value: Raw<'a>) {
        let bit = 1 << parameter as u32;
        if self.seen & bit != 0 {
            self.repeated.get_or_insert(parameter);
            return;
        }
        self.seen |= bit;
        let value = (!value.bytes.is_empty()).then_some(value);
        match parameter {
            Parameter::GrantType => self.grant_type = value,
            Parameter::ClientAssertionType => self.assertion_type = value,
            Parameter::ClientAssertion => self.assertion = value,
            Parameter::ClientId => self.client_id = value,
            Parameter::ClientSecret => self.has_secret = value.is_some(),
            Parameter::ActorToken
            | Parameter::ActorTokenType
            | Parameter::Assertion
            | Parameter::Code
            | Parameter::CodeChallenge
            | Parameter::CodeChallengeMethod
            | Parameter::CodeVerifier
            | Parameter::DeviceCode
            | Parameter::Password
            | Parameter::RedirectUri
            | Parameter::RefreshToken
            | Parameter::Request
            | Parameter::RequestUri
            | Parameter::RequestedTokenType
            | Parameter::ResponseType
            | Parameter::Scope
            | Parameter::State
            | Parameter::SubjectToken
            | Parameter::SubjectTokenType
            | Parameter::Token
            | Parameter::TokenTypeHint
            | Parameter::Username => {}
        }
    }

    pub(super) fn refuse_repeats(&self) -> Result<(), ClientFault> {
        self.repeated.map_or(Ok(()), |parameter| Err(ClientFault::RepeatedParameter(parameter)))
    }
}
