//! What a policy requires of `iat`, `nbf` and `exp`, at one moment.

use std::time::Duration;

use super::assertion::{Claims, Field, NumericDate};
use super::rules::Rules;
use crate::clock::UnixTime;
use crate::rejection::ClaimFault;

impl Rules<'_> {
    /// A time may be ahead of the server's clock by at most the skew. For `nbf` this is RFC 7519,
    /// section 4.1.5. For `iat` no RFC says so: an `iat` in the future means a wrong clock, or an
    /// assertion signed in advance.
    pub(crate) fn check_not_future(&self, date: &Field<NumericDate>) -> Result<(), ClaimFault> {
        let Some(date) = date_of(date) else { return Ok(()) };
        let latest = self.now() + seconds(self.policy.future_skew);
        fails(date.as_secs() > latest, ClaimFault::Future)
    }

    /// RFC 7519, section 4.1.4: the current time must be before `exp`, so `exp` itself is too late.
    pub(crate) fn check_not_expired(&self, exp: &Field<NumericDate>) -> Result<(), ClaimFault> {
        let Some(exp) = date_of(exp) else { return Ok(()) };
        let earliest = self.now() - seconds(self.policy.expiry_skew);
        fails(exp.as_secs() <= earliest, ClaimFault::Past)
    }

    /// RFC 7523, section 3, item 4: an `exp` unreasonably far in the future. The skew is added, so
    /// that a client with a fast clock can use the whole lifetime.
    pub(crate) fn check_lifetime(&self, exp: &Field<NumericDate>) -> Result<(), ClaimFault> {
        let (Some(exp), Some(max_lifetime)) = (date_of(exp), self.policy.max_lifetime) else { return Ok(()) };
        let longest = max_lifetime.saturating_add(self.policy.future_skew);
        fails(exp.as_secs() > self.now() + seconds(longest), ClaimFault::Future)
    }

    /// RFC 7523, section 3, item 6: an `iat` unreasonably far in the past.
    pub(crate) fn check_age(&self, iat: &Field<NumericDate>) -> Result<(), ClaimFault> {
        let (Some(iat), Some(max_age)) = (date_of(iat), self.policy.max_age) else { return Ok(()) };
        let oldest = max_age.saturating_add(self.policy.expiry_skew);
        fails(iat.as_secs() < self.now() - seconds(oldest), ClaimFault::Past)
    }

    /// An assertion may be from before `start` if it was issued then. Without an `iat`, this is one
    /// that could have been accepted before. Clocks count whole seconds: what was issued in the
    /// second of `start` may have been accepted before it.
    pub(crate) fn check_issued(
        &self,
        claims: &Claims<'_>,
        valid_until: UnixTime,
        start: UnixTime,
    ) -> Result<(), ClaimFault> {
        match date_of(&claims.iat) {
            Some(iat) => fails(iat.as_secs() < start.as_secs() as f64 + 1.0, ClaimFault::Past),
            None => match self.policy.longest_life() {
                Some(life) if valid_until > start + life => Ok(()),
                _ => Err(ClaimFault::Missing),
            },
        }
    }

    /// Returns the second at which the assertion stops being acceptable because of `exp` or the age
    /// of `iat`, skew included. A replay store must remember the assertion until then.
    pub(crate) fn valid_until(&self, claims: &Claims<'_>) -> UnixTime {
        let too_old = date_of(&claims.iat).zip(self.policy.max_age);
        let too_old = too_old.map_or(f64::INFINITY, |(iat, max_age)| iat.as_secs() + seconds(max_age));
        let expired = date_of(&claims.exp).map_or(f64::INFINITY, NumericDate::as_secs);
        let last = too_old.min(expired) + seconds(self.policy.expiry_skew);
        UnixTime::from_secs((last.floor() as u64).saturating_add(1))
    }

    fn now(&self) -> f64 {
        self.now.as_secs() as f64
    }
}

/// Returns the date. [`check_presence`](super::rules::check_presence) judges one that is absent or
/// of the wrong type.
pub(crate) fn date_of(field: &Field<NumericDate>) -> Option<NumericDate> {
    match field {
        Field::Is(date) => Some(*date),
        Field::Absent | Field::WrongType(_) => None,
    }
}

fn fails(condition: bool, fault: ClaimFault) -> Result<(), ClaimFault> {
    if condition { Err(fault) } else { Ok(()) }
}

/// Converts a duration of a policy. Policies have whole seconds only.
fn seconds(duration: Duration) -> f64 {
    duration.as_secs() as f64
}
