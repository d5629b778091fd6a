//! What an assertion claims, as far as this program needs it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::moment::END;

/// Returns `iat`, in Unix seconds without the fraction.
pub(crate) fn issued_at(assertion: &[u8]) -> Option<u64> {
    let iat = claim(assertion, "iat")?;
    let secs = iat.as_u64().or_else(|| iat.as_f64().filter(|secs| *secs >= 0.0).map(|secs| secs as u64))?;
    Some(secs).filter(|secs| *secs < END)
}

/// Returns `iss`, the client that the assertion names.
pub(crate) fn client_id(assertion: &[u8]) -> Option<String> {
    claim(assertion, "iss")?.as_str().map(str::to_owned)
}

fn claim(assertion: &[u8], name: &str) -> Option<Value> {
    let claims = assertion.split(|byte| *byte == b'.').nth(1)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    claims.get(name).cloned()
}
