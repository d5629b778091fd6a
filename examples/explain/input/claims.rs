//! What an assertion claims, as far as this program needs it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::moment::END;

/// Returns `iat` in Unix seconds without the fraction, and what is odd about it; or why there is
/// none.
pub(crate) fn issued_at(assertion: &[u8]) -> Result<(u64, Option<&'static str>), &'static str> {
    let iat = claim(assertion, "iat")?.ok_or("the assertion has no iat")?;
    let (number, odd) = match &iat {
        Value::String(text) => (text.trim().parse().ok(), Some("iat is a string")),
        iat => (iat.as_u64().or_else(|| iat.as_f64().filter(|secs| *secs >= 0.0).map(|secs| secs as u64)), None),
    };
    match number {
        Some(secs) if secs < END => Ok((secs, odd)),
        Some(milliseconds) if milliseconds / 1000 < END => Ok((milliseconds / 1000, Some("iat is in milliseconds"))),
        _ => Err("iat is no time"),
    }
}

/// Returns `iss`, the client that the assertion names; or why there is none.
pub(crate) fn client_id(assertion: &[u8]) -> Result<String, &'static str> {
    let iss = claim(assertion, "iss")?;
    iss.as_ref().and_then(Value::as_str).map(str::to_owned).ok_or("the assertion names no client")
}

fn claim(assertion: &[u8], name: &str) -> Result<Option<Value>, &'static str> {
    let claims = assertion.split(|byte| *byte == b'.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims: Option<Map<String, Value>> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    claims.map(|mut claims| claims.remove(name)).ok_or("the assertion cannot be read")
}
