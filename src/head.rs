//! What the head of a token request must say before its body is worth reading, and what of it the verification needs.

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Method};

use crate::form::TokenRequest;
use crate::identity::{Anonymous, ClientIdentity};
use crate::layer::Guard;
use crate::rejection::{ClientFault, Rejection, ServerFault};

const FORM: &str = "application/x-www-form-urlencoded";
const ATTESTATION: [HeaderName; 2] =
    [HeaderName::from_static("oauth-client-attestation"), HeaderName::from_static("oauth-client-attestation-pop")];

/// The checks that need no body, cheapest and most basic first.
pub(crate) fn check(parts: &Parts, body_limit: usize) -> Result<(), ClientFault> {
    if parts.method != Method::POST {
        return Err(ClientFault::Method);
    }
    let is = |value: &HeaderValue, coding: &str| value.as_bytes().eq_ignore_ascii_case(coding.as_bytes());
    let encodings = parts.headers.get_all(CONTENT_ENCODING);
    // A server takes the chunks apart; what else a body was transferred in, it leaves to us (RFC 9112, section 6.1).
    let transfers = parts.headers.get_all(TRANSFER_ENCODING);
    if !encodings.iter().all(|value| is(value, "identity")) || !transfers.iter().all(|value| is(value, "chunked")) {
        return Err(ClientFault::ContentEncoding);
    }
    if !is_form(&parts.headers) {
        return Err(ClientFault::ContentType);
    }
    match content_length(&parts.headers) {
        Some(length) if length > body_limit as u64 => Err(ClientFault::BodyTooLarge),
        _ => Ok(()),
    }
}

/// Whether the body is as long as was said. One that was at its end when it came to us has been read by somebody before; one
/// that ends too soon was cut off, which over HTTP/2 can look like an end. A body that names no length cannot be found short.
pub(crate) fn check_complete(headers: &HeaderMap, came_empty: bool, body: &[u8]) -> Result<(), Rejection> {
    match content_length(headers) {
        _ if headers.contains_key(TRANSFER_ENCODING) => Ok(()),
        Some(length) if length > 0 && came_empty => Err(ServerFault::BodyConsumed.into()),
        Some(length) if length > body.len() as u64 => Err(ClientFault::BodyUnreadable.into()),
        _ => Ok(()),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// One content type, in any case, with any parameters; a charset must be UTF-8 or its subset (RFC 6749, appendix B).
fn is_form(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
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
pub(crate) fn token_request<'a>(guard: &Guard, parts: &'a Parts, body: &'a [u8]) -> TokenRequest<'a> {
    let request = TokenRequest::new(body).endpoint(guard.endpoint).with_optional(guard.optional);
    beside_form(request, parts)
}

/// What else of a request could carry credentials, or has carried some to a layer around this one.
pub(crate) fn beside_form<'a>(request: TokenRequest<'a>, parts: &'a Parts) -> TokenRequest<'a> {
    let mut request = request.query(parts.uri.query().unwrap_or_default()).with_earlier(parts.extensions.get());
    if let Some(value) = parts.headers.get(AUTHORIZATION) {
        request = request.authorization(value.as_bytes());
    }
    if ATTESTATION.iter().any(|name| parts.headers.contains_key(name)) {
        request = request.attestation();
    }
    request
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
pub(crate) fn describe_buffered(headers: &mut HeaderMap, len: usize) {
    headers.remove(TRANSFER_ENCODING);
    if content_length(headers) != Some(len as u64) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
}
