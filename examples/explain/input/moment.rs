//! The time at which a request is judged.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The first second of the year 10000. A later time is a mistake, such as milliseconds.
const END: u64 = 253_402_300_800;

/// A value of `--at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Now,
    /// The moment of issue that the assertion states.
    Iat,
    /// Unix seconds.
    At(u64),
}

impl Moment {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "now" => Some(Self::Now),
            "iat" => Some(Self::Iat),
            text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok().filter(|secs| *secs < END).map(Self::At)
            }
            text => rfc3339(text).map(Self::At),
        }
    }
}

/// Returns Unix seconds, without the fraction.
pub(crate) fn rfc3339(text: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp()).ok().filter(|secs| *secs < END)
}

/// Returns the `iat` of an assertion, in Unix seconds.
pub(crate) fn issued_at(assertion: &[u8]) -> Option<u64> {
    let claims = assertion.split(|byte| *byte == b'.').nth(1)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let iat = claims.get("iat")?;
    let secs = iat.as_u64().or_else(|| iat.as_f64().filter(|secs| *secs >= 0.0).map(|secs| secs as u64))?;
    Some(secs).filter(|secs| *secs < END)
}
