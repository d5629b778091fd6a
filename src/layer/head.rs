//! What the head of a token request must say before its body is worth reading, and what of it the verification needs.

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Method};

use super::Guard;
use crate::identity::{Anonymous, ClientIdentity};
use crate::rejection::{AuthScheme, ClientFault, Rejection, ServerFault};
use crate::verifier::TokenRequest;

const FORM: &str = "application/x-www-form-urlencoded";
const ATTESTATION: [HeaderName; 2] =
    [HeaderName::from_static("oauth-client-attestation"), HeaderName::from_static("oauth-client-attestation-pop")];

/// What the headers say of the body, and of credentials beside it. One pass finds all of it: to look each of these headers up
/// takes longer, unless there are dozens of others.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Declared {
    encoded: bool,
    transferred: bool,
    content_type: ContentType,
    length: Option<Length>,
    authorization: Option<AuthScheme>,
    attestation: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ContentType {
    #[default]
    Missing,
    /// A form, spelled as we would spell it.
    PlainForm,
    Form,
    /// No form, or more than one type.
    Other,
}

/// What the first `Content-Length` says, if it is a number.
type Length = Option<u64>;

impl Declared {
    pub(crate) fn by(headers: &HeaderMap) -> Self {
        let mut declared = Self::default();
        headers.iter().for_each(|(name, value)| declared.note(name, value));
        declared
    }

    fn note(&mut self, name: &HeaderName, value: &HeaderValue) {
        let is = |coding: &str| value.as_bytes().eq_ignore_ascii_case(coding.as_bytes());
        if *name == CONTENT_TYPE {
            self.content_type = self.content_type.and(value);
        } else if *name == CONTENT_LENGTH {
            self.length.get_or_insert_with(|| value.to_str().ok()?.parse().ok());
        } else if *name == CONTENT_ENCODING {
            self.encoded |= !is("identity");
        } else if *name == TRANSFER_ENCODING {
            // A server takes the chunks apart; what else a body was transferred in, it leaves to us (RFC 9112, section 6.1).
            self.encoded |= !is("chunked");
            self.transferred = true;
        } else if *name == AUTHORIZATION {
            self.authorization.get_or_insert_with(|| AuthScheme::of(value.as_bytes()));
        } else {
            self.attestation |= ATTESTATION.contains(name);
        }
    }

    fn length(&self) -> Option<u64> {
        self.length.flatten()
    }
}

impl ContentType {
    fn and(self, value: &HeaderValue) -> Self {
        match self {
            Self::Missing if value == FORM => Self::PlainForm,
            Self::Missing if is_form(value) => Self::Form,
            _ => Self::Other,
        }
    }
}

/// The checks that need no body, cheapest and most basic first.
pub(crate) fn check(method: &Method, declared: &Declared, body_limit: usize) -> Result<(), ClientFault> {
    let form = matches!(declared.content_type, ContentType::PlainForm | ContentType::Form);
    match declared.length() {
        _ if method != Method::POST => Err(ClientFault::Method),
        _ if declared.encoded => Err(ClientFault::ContentEncoding),
        _ if !form => Err(ClientFault::ContentType),
        Some(length) if length > body_limit as u64 => Err(ClientFault::BodyTooLarge),
        _ => Ok(()),
    }
}

/// Whether the body is as long as was said. One that was at its end when it came to us has been read by somebody before; one
/// that ends too soon was cut off, which over HTTP/2 can look like an end. A body that names no length cannot be found short.
pub(crate) fn check_complete(declared: &Declared, came_empty: bool, body: &[u8]) -> Result<(), Rejection> {
    match declared.length() {
        _ if declared.transferred => Ok(()),
        Some(length) if length > 0 && came_empty => Err(ServerFault::BodyConsumed.into()),
        Some(length) if length > body.len() as u64 => Err(ClientFault::BodyUnreadable.into()),
        _ => Ok(()),
    }
}

/// A form's type, in any case, with any parameters; a charset must be UTF-8 or its subset (RFC 6749, appendix B).
fn is_form(value: &HeaderValue) -> bool {
    let Ok(value) = value.to_str() else { return false };
    let mut pieces = value.split(';').map(str::trim);
    let essence = pieces.next().unwrap_or_default();
    essence.eq_ignore_ascii_case(FORM) && pieces.all(is_acceptable_parameter)
}

/// RFC 9110, section 5.6.6, narrowed: a quoted value may hold only what it could hold without its quotes.
fn is_acceptable_parameter(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return parameter.is_empty() };
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let value = quoted.unwrap_or(value);
    let utf8 = ["utf-8", "us-ascii"].iter().any(|charset| value.eq_ignore_ascii_case(charset));
    is_token(name) && is_token(value) && (utf8 || !name.eq_ignore_ascii_case("charset"))
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let special = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || special(byte))
}

/// The request as the verification half sees it.
pub(crate) fn token_request<'a>(
    guard: &Guard,
    parts: &'a Parts,
    declared: &Declared,
    body: &'a [u8],
) -> TokenRequest<'a> {
    let request = TokenRequest::new(body).endpoint(guard.endpoint).with_optional(guard.optional);
    beside_form(request, parts, declared)
}

/// What else of a request could carry credentials, or has carried some to a layer around this one.
pub(crate) fn beside_form<'a>(request: TokenRequest<'a>, parts: &'a Parts, declared: &Declared) -> TokenRequest<'a> {
    let request = request.query(parts.uri.query().unwrap_or_default()).with_earlier(parts.extensions.get());
    request.with_rivals(declared.authorization, declared.attestation)
}

/// Tells the handler who the client was proven to be. What was there before is gone, whoever left it.
pub(crate) fn identify(extensions: &mut Extensions, identity: Option<ClientIdentity>) {
    match identity {
        Some(identity) => {
            extensions.insert(identity);
        }
        None => {
            extensions.remove::<ClientIdentity>();
            extensions.insert(Anonymous);
        }
    }
}

/// Makes the headers tell of a form that is now in memory. The content type gets its plain spelling, since parsers behind us
/// may know no other: a client must not be authenticated, its assertion spent, and then turned away over a capital letter.
pub(crate) fn describe_buffered(headers: &mut HeaderMap, declared: &Declared, len: usize) {
    if declared.transferred {
        headers.remove(TRANSFER_ENCODING);
    }
    if declared.length() != Some(len as u64) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
    }
    if declared.content_type != ContentType::PlainForm {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
    }
}
