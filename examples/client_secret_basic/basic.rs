//! The header of `client_secret_basic` (RFC 6749, section 2.3.1): `Basic`, and in base64 the client
//! id, a colon and the secret. Id and secret are form-encoded first, so that either can have a
//! colon. `curl -u` and many HTTP clients do not do that by themselves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// A client id and a secret that nothing has checked.
pub(crate) struct Credentials {
    pub(crate) client_id: String,
    pub(crate) secret: String,
}

/// The header is not what RFC 6749 and RFC 7617 describe.
#[derive(Debug)]
pub(crate) struct Malformed;

/// The longest header value that is read.
const LONGEST: usize = 2048;

/// Reads the header. Returns `None` if there is none, or if it has another scheme.
pub(crate) fn read(headers: &HeaderMap) -> Result<Option<Credentials>, Malformed> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return if headers.contains_key(AUTHORIZATION) { Err(Malformed) } else { Ok(None) };
    };
    let value = value.to_str().ok().filter(|value| value.len() <= LONGEST).ok_or(Malformed)?.trim();
    let (scheme, encoded) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("Basic") {
        return Ok(None);
    }
    let decoded = STANDARD.decode(encoded.trim_start_matches(' ')).map_err(|_| Malformed)?;
    let pair = String::from_utf8(decoded).map_err(|_| Malformed)?;
    let (client_id, secret) = pair.split_once(':').ok_or(Malformed)?;
    Ok(Some(Credentials { client_id: decode(client_id)?, secret: decode(secret)? }))
}

/// Decodes one value of a form (RFC 6749, appendix B). The result has one or more of the visible
/// characters and the space (RFC 6749, appendices A.1 and A.2).
fn decode(encoded: &str) -> Result<String, Malformed> {
    let mut parts = encoded.split('%');
    let mut decoded = parts.next().unwrap_or_default().replace('+', " ");
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or(Malformed)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex).ok_or(Malformed)?;
        decoded.push(char::from(byte));
        decoded += &rest.replace('+', " ");
    }
    let is_sound = !decoded.is_empty() && decoded.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    is_sound.then_some(decoded).ok_or(Malformed)
}

/// Encodes one value.
pub(crate) fn encode(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}
