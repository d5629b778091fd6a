//! From the body of a token request to the parameters that concern us, strictly decoded and borrowed where nothing is escaped.
//!
//! Only what we read is judged. Other parameters are passed on to the handler as they came (RFC 6749, section 3.2), except
//! that a parameter of RFC 6749 itself may not be repeated, lest the handler's parser see another value than ours.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3};

use crate::endpoint::Endpoint;
use crate::identity::ClientIdentity;
use crate::policy::{Limits, Policy};
use crate::rejection::{AuthScheme, ClientFault, Parameter};

/// The only `client_assertion_type` that this crate serves (RFC 7523, section 2.2).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a [`Verifier`](crate::Verifier) needs to see of a request: the form, and what could carry credentials beside it.
///
/// The layer makes one of every request that it guards. Make one by hand to verify without HTTP.
///
/// ```
/// use tower_client_assertion::TokenRequest;
///
/// let request = TokenRequest::new(b"grant_type=client_credentials&client_assertion=..")
///     .query("resource=notes")
///     .authorization(b"Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW");
/// # let _ = request;
/// ```
#[derive(Clone, Copy)]
#[must_use]
pub struct TokenRequest<'a> {
    body: &'a [u8],
    query: &'a [u8],
    authorization: Option<AuthScheme>,
    attestation: bool,
    endpoint: Endpoint,
    optional: bool,
    earlier: Option<&'a ClientIdentity>,
}

impl<'a> TokenRequest<'a> {
    /// A request with this form as its body and no other credentials.
    pub fn new(body: &'a [u8]) -> Self {
        let endpoint = Endpoint::default();
        Self { body, query: b"", authorization: None, attestation: false, endpoint, optional: false, earlier: None }
    }

    /// The endpoint that the request is for. Default: [`Endpoint::Token`].
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// Whether the request may go without an assertion.
    pub(crate) fn with_optional(self, optional: bool) -> Self {
        Self { optional, ..self }
    }

    /// Who an outer layer says the client is. That is not believed; it only explains a replay.
    pub(crate) fn with_earlier(self, earlier: Option<&'a ClientIdentity>) -> Self {
        Self { earlier, ..self }
    }

    pub(crate) fn earlier(&self) -> Option<&'a ClientIdentity> {
        self.earlier
    }

    /// What other mechanisms a head was found to hold.
    pub(crate) fn with_rivals(self, authorization: Option<AuthScheme>, attestation: bool) -> Self {
        Self { authorization, attestation, ..self }
    }

    /// The query of the request's URI, without its question mark. Credentials there are refused.
    pub fn query(mut self, query: &'a str) -> Self {
        self.query = query.as_bytes();
        self
    }

    /// The value of the request's `Authorization` header. It is another authentication mechanism, so an assertion beside it
    /// is refused; only its scheme is looked at.
    pub fn authorization(mut self, value: &[u8]) -> Self {
        self.authorization = Some(AuthScheme::of(value));
        self
    }

    /// The request has an `OAuth-Client-Attestation` header: another authentication mechanism, like `Authorization`.
    pub fn attestation(mut self) -> Self {
        self.attestation = true;
        self
    }
}

/// A form holds secrets: nothing of it is printed but its length.
impl std::fmt::Debug for TokenRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenRequest").field("body_len", &self.body.len()).finish_non_exhaustive()
    }
}

/// A form that carries an assertion of the right type, and nothing else that authenticates.
pub(crate) struct TokenForm<'a> {
    pub(crate) assertion: Cow<'a, [u8]>,
    pub(crate) client_id: Option<Cow<'a, str>>,
    grant_type: Option<Cow<'a, [u8]>>,
    endpoint: Endpoint,
}

impl<'a> TokenForm<'a> {
    /// The form of `request`, or `None` if it carries no assertion and need not. Its grant type is refused if none of the
    /// policies permits it; whether the client's own does is [asked](Self::check_grant_type) when the client is known.
    pub(crate) fn parse(
        request: &TokenRequest<'a>,
        policies: &[Policy],
        limits: &Limits,
    ) -> Result<Option<Self>, ClientFault> {
        let fields = Fields::collect(request.body, limits)?;
        let grant_type = fields.grant_type.map(Raw::decode).transpose()?;
        let assertion_type = fields.assertion_type.map(Raw::decode_type).transpose()?;
        let assertion = fields.assertion.map(Raw::decode).transpose()?;
        let client_id = fields.client_id.map(Raw::decode_text).transpose()?;
        fields.refuse_repeats()?;
        refuse_query_credentials(request.query, limits)?;
        let asserted = assertion.is_some() || assertion_type.is_some();
        if request.optional && !asserted {
            return Ok(None);
        }
        let judged = policies.iter().map(|policy| check_grant_type(request.endpoint, grant_type.as_deref(), policy));
        if !judged.clone().any(|judged| judged.is_ok()) {
            judged.collect::<Result<(), _>>()?;
        }
        let rivals = request.authorization.is_some() || request.attestation || fields.secret;
        match (asserted, rivals) {
            (true, true) => return Err(ClientFault::SeveralMechanisms(request.authorization)),
            (true, false) => {}
            (false, _) => return Err(ClientFault::NoAuthentication(request.authorization)),
        }
        match assertion_type.as_deref() {
            Some(given) if given == JWT_BEARER.as_bytes() => {}
            Some(_) => return Err(ClientFault::UnsupportedAssertionType),
            None => return Err(ClientFault::MissingAssertionType),
        }
        let assertion = assertion.ok_or(ClientFault::MissingAssertion)?;
        Ok(Some(Self { assertion, client_id, grant_type, endpoint: request.endpoint }))
    }

    pub(crate) fn check_grant_type(&self, policy: &Policy) -> Result<(), ClientFault> {
        check_grant_type(self.endpoint, self.grant_type.as_deref(), policy)
    }
}

/// Where the policy leaves the grant type to the handler, its absence is the handler's business too. Only the token endpoint
/// has one.
fn check_grant_type(endpoint: Endpoint, given: Option<&[u8]>, policy: &Policy) -> Result<(), ClientFault> {
    match given {
        _ if endpoint != Endpoint::Token => Ok(()),
        None if policy.grant_types.is_some() => Err(ClientFault::MissingGrantType),
        Some(given) if !policy.permits_grant_type(given) => Err(ClientFault::UnsupportedGrantType),
        _ => Ok(()),
    }
}

/// Credentials belong into the body: a URI ends up in logs (RFC 6749, section 2.3.1).
fn refuse_query_credentials(query: &[u8], limits: &Limits) -> Result<(), ClientFault> {
    for (index, (name, _)) in pairs(query).enumerate() {
        match parameter(name) {
            _ if index >= limits.parameters => return Err(ClientFault::TooManyParameters),
            Some(Parameter::ClientAssertion | Parameter::ClientSecret) => return Err(ClientFault::CredentialsInQuery),
            _ => {}
        }
    }
    Ok(())
}

/// The raw values of the parameters that we read. One without a value counts as omitted (RFC 6749, section 3.2), but still
/// as an occurrence.
#[derive(Default)]
struct Fields<'a> {
    grant_type: Option<Raw<'a>>,
    assertion_type: Option<Raw<'a>>,
    assertion: Option<Raw<'a>>,
    client_id: Option<Raw<'a>>,
    secret: bool,
    seen: u16,
    repeated: Option<Parameter>,
}

impl<'a> Fields<'a> {
    fn collect(body: &'a [u8], limits: &Limits) -> Result<Self, ClientFault> {
        let mut fields = Self::default();
        for (index, (name, value)) in pairs(body).enumerate() {
            if index >= limits.parameters {
                return Err(ClientFault::TooManyParameters);
            }
            if let Some(parameter) = parameter(name) {
                fields.take(parameter, value);
            }
        }
        Ok(fields)
    }

    fn take(&mut self, parameter: Parameter, value: Raw<'a>) {
        let bit = 1 << parameter as u16;
        if self.seen & bit != 0 {
            self.repeated.get_or_insert(parameter);
        }
        self.seen |= bit;
        let value = (!value.bytes.is_empty()).then_some(value);
        match parameter {
            Parameter::GrantType => self.grant_type = self.grant_type.or(value),
            Parameter::ClientAssertionType => self.assertion_type = self.assertion_type.or(value),
            Parameter::ClientAssertion => self.assertion = self.assertion.or(value),
            Parameter::ClientId => self.client_id = self.client_id.or(value),
            Parameter::ClientSecret => self.secret |= value.is_some(),
            Parameter::Code
            | Parameter::CodeVerifier
            | Parameter::RedirectUri
            | Parameter::RefreshToken
            | Parameter::Scope => {}
        }
    }

    fn refuse_repeats(&self) -> Result<(), ClientFault> {
        self.repeated.map_or(Ok(()), |parameter| Err(ClientFault::RepeatedParameter(parameter)))
    }
}

/// Splits a form at its ampersands and each pair at its first equals sign, as the WHATWG URL standard does: a semicolon is data.
fn pairs(form: &[u8]) -> impl Iterator<Item = (&[u8], Raw<'_>)> {
    let mut rest = Some(form).filter(|form| !form.is_empty());
    std::iter::from_fn(move || {
        let form = rest?;
        let (name, value) = split(form, memchr2(b'=', b'&', form));
        let (value, others) = match value {
            Some((b'=', value)) => Raw::before_ampersand(value),
            Some((_, others)) => (Raw::default(), Some(others)),
            None => (Raw::default(), None),
        };
        rest = others;
        Some((name, value))
    })
}

/// What comes before the byte at this place, if there is a place; then that byte, and what comes after it.
fn split(bytes: &[u8], at: Option<usize>) -> (&[u8], Option<(u8, &[u8])>) {
    match at.and_then(|at| bytes.split_at_checked(at)) {
        Some((head, [byte, tail @ ..])) => (head, Some((*byte, tail))),
        Some((_, [])) | None => (bytes, None),
    }
}

/// The parameter that this raw name means, escaped or not. A name that does not decode is none of ours.
fn parameter(name: &[u8]) -> Option<Parameter> {
    Parameter::from_name(name).or_else(|| {
        memchr2(b'%', b'+', name)?;
        Parameter::from_name(&Bytes(name).collect::<Option<Vec<_>>>()?)
    })
}

/// A value as it stands in a form.
#[derive(Clone, Copy, Default)]
struct Raw<'a> {
    bytes: &'a [u8],
    /// Whether it has a percent or a plus sign.
    escaped: bool,
}

impl<'a> Raw<'a> {
    /// The value at the beginning of `form`, and what follows it, if anything does.
    fn before_ampersand(form: &'a [u8]) -> (Self, Option<&'a [u8]>) {
        let first = memchr3(b'&', b'%', b'+', form);
        match split(form, first) {
            (bytes, None) => (Self { bytes, escaped: false }, None),
            (bytes, Some((b'&', others))) => (Self { bytes, escaped: false }, Some(others)),
            (_, Some(_)) => {
                let (bytes, others) = split(form, memchr(b'&', form));
                (Self { bytes, escaped: true }, others.map(|(_, others)| others))
            }
        }
    }

    /// Decodes the `client_assertion_type`. Nearly every client escapes its colons, and only those: that spelling is known
    /// by sight, so that it need not be copied to be read.
    fn decode_type(self) -> Result<Cow<'a, [u8]>, ClientFault> {
        const USUAL: &[u8] = b"urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        if self.bytes == USUAL { Ok(Cow::Borrowed(JWT_BEARER.as_bytes())) } else { self.decode() }
    }

    fn decode_text(self) -> Result<Cow<'a, str>, ClientFault> {
        let text = match self.unescape()? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).ok(),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).ok(),
        };
        text.ok_or(ClientFault::FormMalformed)
    }

    /// Decodes a value (RFC 6749, appendix B). Unlike a browser, we forgive nothing: `%zz` and invalid UTF-8 are errors.
    fn decode(self) -> Result<Cow<'a, [u8]>, ClientFault> {
        let bytes = self.unescape()?;
        // Does not stop early, and so goes over many bytes at once.
        let is_ascii = bytes.iter().fold(0, |all, byte| all | byte).is_ascii();
        let is_text = is_ascii || std::str::from_utf8(&bytes).is_ok();
        is_text.then_some(bytes).ok_or(ClientFault::FormMalformed)
    }

    fn unescape(self) -> Result<Cow<'a, [u8]>, ClientFault> {
        if !self.escaped {
            return Ok(Cow::Borrowed(self.bytes));
        }
        Bytes(self.bytes).collect::<Option<_>>().map(Cow::Owned).ok_or(ClientFault::FormMalformed)
    }
}

/// The decoded bytes of a raw value; `None` where an escape is not one.
struct Bytes<'a>(&'a [u8]);

impl Iterator for Bytes<'_> {
    type Item = Option<u8>;

    fn next(&mut self) -> Option<Option<u8>> {
        let (byte, rest) = match self.0 {
            [] => return None,
            [b'+', rest @ ..] => (Some(b' '), rest),
            [b'%', high, low, rest @ ..] => (hex(*high, *low), rest),
            [b'%', rest @ ..] => (None, rest),
            [byte, rest @ ..] => (Some(*byte), rest),
        };
        self.0 = rest;
        Some(byte)
    }
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
