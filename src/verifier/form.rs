//! From the body of a token request to the parameters that concern us, strictly decoded and borrowed where nothing is escaped.
//!
//! Only what we read is judged. Other parameters are passed on to the handler as they came (RFC 6749, section 3.2), except
//! that a parameter of RFC 6749 itself may not be repeated, lest the handler's parser see another value than ours.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3};

use crate::endpoint::Endpoint;
use crate::identity::ClientIdentity;
use crate::jose::stride::{self, Stride};
use crate::policy::{Limits, Policy};
use crate::rejection::{AuthScheme, ClientFault, Parameter};
use crate::text::is_utf8;

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
        // An assertion that is not text is refused for that first, whatever else is wrong.
        Self::judge(&fields, request, policies, limits).map_err(|fault| match fields.assertion.map(Raw::decode) {
            Some(Err(malformed)) => malformed,
            Some(Ok(_)) | None => fault,
        })
    }

    /// Leaves it open whether the assertion is text. It is, if it turns out to be base64url.
    fn judge(
        fields: &Fields<'a>,
        request: &TokenRequest<'a>,
        policies: &[Policy],
        limits: &Limits,
    ) -> Result<Option<Self>, ClientFault> {
        let grant_type = fields.grant_type.map(Raw::decode).transpose()?;
        let assertion_type = fields.assertion_type.map(Raw::decode_type).transpose()?;
        let assertion = fields.assertion.map(Raw::unescape).transpose()?;
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
    let mut left = limits.parameters;
    for (name, _) in Pairs::of(query) {
        left = left.checked_sub(1).ok_or(ClientFault::TooManyParameters)?;
        if let Some(Parameter::ClientAssertion | Parameter::ClientSecret) = parameter(name) {
            return Err(ClientFault::CredentialsInQuery);
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
        let (mut fields, mut left) = (Self::default(), limits.parameters);
        for (name, value) in Pairs::of(body) {
            left = left.checked_sub(1).ok_or(ClientFault::TooManyParameters)?;
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
            return;
        }
        self.seen |= bit;
        let value = (!value.bytes.is_empty()).then_some(value);
        match parameter {
            Parameter::GrantType => self.grant_type = value,
            Parameter::ClientAssertionType => self.assertion_type = value,
            Parameter::ClientAssertion => self.assertion = value,
            Parameter::ClientId => self.client_id = value,
            Parameter::ClientSecret => self.secret = value.is_some(),
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

/// The pairs of a form, split at its ampersands, and each at its first equals sign, as the WHATWG URL standard does: a semicolon
/// is data.
struct Pairs<'a> {
    form: &'a [u8],
    /// Where the next pair begins, if there is one.
    next: Option<usize>,
}

impl<'a> Pairs<'a> {
    fn of(form: &'a [u8]) -> Self {
        Self { form, next: (!form.is_empty()).then_some(0) }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Raw<'a>, Raw<'a>);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let form = self.form;
        let (name, end) = Raw::name(form, self.next?)?;
        let (value, end) = match form.get(end) {
            Some(b'=') => Raw::value(form, end + 1)?,
            _ => (Raw::default(), end),
        };
        self.next = (end < form.len()).then_some(end + 1);
        Some((name, value))
    }
}

/// The parameter that this name means, escaped or not. A name that does not decode is none of ours.
fn parameter(name: Raw<'_>) -> Option<Parameter> {
    if name.escaped { escaped_parameter(name) } else { Parameter::from_name(name.bytes) }
}

#[cold]
fn escaped_parameter(name: Raw<'_>) -> Option<Parameter> {
    Parameter::from_name(&name.unescape().ok()?)
}

/// A name or a value as it stands in a form.
#[derive(Clone, Copy, Default)]
struct Raw<'a> {
    bytes: &'a [u8],
    /// Whether it has to be unescaped to be read. A name that cannot be one of ours need not be.
    escaped: bool,
}

impl<'a> Raw<'a> {
    /// The name that begins at this place of `form`, and where it ends.
    #[inline(always)]
    fn name(form: &'a [u8], start: usize) -> Option<(Self, usize)> {
        const _: () = assert!(
            Parameter::ClientAssertionType.name().len() < stride::NEAR,
            "our longest name must end within what is looked at first"
        );
        // None of ours has a space, which a plus sign stands for. One that has no mark near its beginning is longer than any of
        // ours, whatever is escaped in the rest of it.
        let marks = |bytes: Stride| bytes.is(b'=') | bytes.is(b'&') | bytes.is(b'%');
        let first = stride::find_near(form, start, marks, |far| memchr2(b'=', b'&', far));
        Self::between(form, start, first, |far| memchr2(b'=', b'&', far))
    }

    /// The value that begins at this place of `form`, and where it ends.
    #[inline(always)]
    fn value(form: &'a [u8], start: usize) -> Option<(Self, usize)> {
        let marks = |bytes: Stride| bytes.is(b'&') | bytes.is(b'%') | bytes.is(b'+');
        let first = stride::find_near(form, start, marks, |far| memchr3(b'&', b'%', b'+', far));
        Self::between(form, start, first, |far| memchr(b'&', far))
    }

    /// What ends at the `first` mark that is found in it, unless that is an escape.
    #[inline(always)]
    fn between(
        form: &'a [u8],
        start: usize,
        first: Option<usize>,
        end: impl FnOnce(&[u8]) -> Option<usize>,
    ) -> Option<(Self, usize)> {
        let first = first.unwrap_or(form.len());
        let escaped = matches!(form.get(first), Some(b'%' | b'+'));
        let end = if escaped { end(form.get(first..)?).map_or(form.len(), |len| first + len) } else { first };
        Some((Self { bytes: form.get(start..end)?, escaped }, end))
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
        is_utf8(&bytes).then_some(bytes).ok_or(ClientFault::FormMalformed)
    }

    fn unescape(self) -> Result<Cow<'a, [u8]>, ClientFault> {
        match self.escaped {
            false => Ok(Cow::Borrowed(self.bytes)),
            true => unescape(self.bytes).map(Cow::Owned).ok_or(ClientFault::FormMalformed),
        }
    }
}

/// What these bytes mean; `None` where an escape is not one.
#[cold]
fn unescape(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut text, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(mark) = stride::find(bytes, at, |bytes| bytes.is(b'%') | bytes.is(b'+')) {
        text.extend_from_slice(bytes.get(at..mark)?);
        let (byte, rest) = match bytes.get(mark..)? {
            [b'%', high, low, rest @ ..] => (hex(*high, *low)?, rest),
            [b'+', rest @ ..] => (b' ', rest),
            _ => return None,
        };
        text.push(byte);
        at = bytes.len() - rest.len();
    }
    text.extend_from_slice(bytes.get(at..)?);
    Some(text)
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
