//! The time at which a request is judged.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The first second of the year 10000.
pub(super) const END: u64 = 253_402_300_800;
/// Milliseconds of this century.
const MILLISECONDS: std::ops::Range<u64> = 946_684_800_000..4_102_444_800_000;

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
                text.parse().ok().filter(|_| !is_milliseconds(text)).map(Self::At)
            }
            text => rfc3339(text).map(Self::At),
        }
    }
}

/// Returns whether a time is meant in milliseconds, though it could be seconds of a year far away.
pub(crate) fn is_milliseconds(text: &str) -> bool {
    text.parse().is_ok_and(|time: u64| MILLISECONDS.contains(&time))
}

/// Returns Unix seconds, without the fraction.
pub(crate) fn rfc3339(text: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp()).ok().filter(|secs| *secs < END)
}
