//! When the dates of an assertion would be accepted.

use std::ops::RangeInclusive;

use crate::clock::UnixTime;
use crate::policy::Presence;
use crate::verifier::assertion::Claims;
use crate::verifier::rules::{Rules, check_presence};

/// Returns the seconds in which the dates of these claims are accepted. The skews are included, and
/// so are both ends. `None` if there is no such second.
///
/// Each check of a date fails either before a second or after it. So the seconds are found by the
/// checks themselves.
pub(super) fn acceptable(
    claims: &Claims<'_>,
    rules: Rules<'_>,
    issued_from: Option<UnixTime>,
) -> Option<RangeInclusive<UnixTime>> {
    let policy = rules.policy;
    check_presence(&claims.iat, policy.iat).ok()?;
    check_presence(&claims.nbf, Presence::Optional).ok()?;
    check_presence(&claims.exp, policy.exp).ok()?;
    let until = rules.valid_until(claims);
    issued_from.is_none_or(|start| rules.check_issued(claims, until, start).is_ok()).then_some(())?;
    let at = |second| Rules { now: UnixTime::from_secs(second), ..rules };
    let has_begun = |second| {
        let rules = at(second);
        let future = [rules.check_not_future(&claims.iat), rules.check_not_future(&claims.nbf)];
        future.iter().all(Result::is_ok) && rules.check_lifetime(&claims.exp).is_ok()
    };
    let is_over = |second| {
        let rules = at(second);
        rules.check_not_expired(&claims.exp).is_err() || rules.check_age(&claims.iat).is_err()
    };
    let from = first_second(has_begun)?;
    let to = match first_second(is_over) {
        Some(end) => end.checked_sub(1)?,
        None => u64::MAX,
    };
    (from <= to).then(|| UnixTime::from_secs(from)..=UnixTime::from_secs(to))
}

/// Returns the first second from which on `holds`, if there is one.
fn first_second(holds: impl Fn(u64) -> bool) -> Option<u64> {
    if !holds(u64::MAX) {
        return None;
    }
    let (mut below, mut from) = (0, u64::MAX);
    while below < from {
        let middle = below + (from - below) / 2;
        if holds(middle) { from = middle } else { below = middle + 1 }
    }
    Some(from)
}

#[cfg(test)]
mod tests {
    use super::first_second;

    #[test]
    fn the_first_second_is_found_exactly() {
        for first in [0, 1, 2, 1_700_000_000, u64::MAX - 1, u64::MAX] {
            assert_eq!(first_second(|second| second >= first), Some(first));
        }
        assert_eq!(first_second(|_| false), None);
    }
}
