//! The metadata of a call, in the place of a form.

use http::request::Parts;
use http::{HeaderMap, HeaderName};

use crate::endpoint::Endpoint;
use crate::layer::{DeclaredHeaders, with_other_credentials};
use crate::verifier::TokenRequest;

const METADATA: [(HeaderName, &str); 2] = [
    (HeaderName::from_static("client-assertion-type"), "client_assertion_type"),
    (HeaderName::from_static("client-assertion"), "client_assertion"),
];

/// Returns the form that a client would have sent instead of these metadata, so that one parser
/// judges both. Repeated metadata become repeated parameters.
pub(super) fn form(headers: &HeaderMap) -> String {
    let mut form = String::with_capacity(1024);
    for (metadata, parameter) in &METADATA {
        for value in headers.get_all(metadata) {
            form.push_str(if form.is_empty() { "" } else { "&" });
            form.push_str(parameter);
            form.push('=');
            escape(value.as_bytes(), &mut form);
        }
    }
    form
}

/// Returns the call as the verifier sees it. `form` comes from [`form`].
pub(super) fn token_request<'a>(form: &'a str, parts: &'a Parts) -> TokenRequest<'a> {
    let request = TokenRequest::new(form.as_bytes()).with_endpoint(Endpoint::Other);
    with_other_credentials(request, parts, &DeclaredHeaders::read(&parts.headers))
}

/// Keeps the assertion out of what a handler may print of its request.
pub(super) fn mark_sensitive(headers: &mut HeaderMap) {
    for (metadata, _) in &METADATA {
        if let Some(value) = headers.get_mut(metadata) {
            value.set_sensitive(true);
        }
    }
}

/// Percent-encodes everything but unreserved characters (RFC 3986, section 2.3) and colons.
fn escape(value: &[u8], form: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).map_or('0', |digit| char::from(*digit));
    for &byte in value {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => form.push(char::from(byte)),
            _ => form.extend(['%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
}
