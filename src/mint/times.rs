//! How long assertions are valid, so that the clocks of client and server may differ.

use std::time::Duration;

use crate::policy::Policy;
use crate::setting::{Setting, SettingError, no_longer_than, no_shorter_than, whole_seconds};

const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(3600);
const USUAL: Duration = Duration::from_secs(60);
/// How far the clock of a client may be ahead of a server's without any skew.
const SLACK: Duration = Duration::from_secs(30);
const BACKDATE: Duration = Duration::from_secs(10);

/// When an assertion was issued and expires, relative to the moment at which it is minted. Whole
/// seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) lifetime: Duration,
    pub(super) backdate: Duration,
}

/// Judges the times that were set, and completes those that were not.
pub(super) fn judge(
    policy: &Policy,
    lifetime: Option<Duration>,
    backdate: Option<Duration>,
) -> Result<Times, SettingError> {
    let oldest = policy.max_age().unwrap_or(2 * LONGEST);
    let backdate = backdate.unwrap_or(BACKDATE.min(half(oldest)));
    whole_seconds(Setting::MintBackdate, backdate)?;
    no_longer_than(Setting::MintBackdate, backdate, oldest.saturating_sub(SHORTEST).min(LONGEST))?;
    // It is accepted while it is not expired and `iat` is not too old.
    let by_expiry = policy.max_lifetime().map_or(LONGEST, |most| most.saturating_sub(SLACK).max(half(most)));
    let longest = by_expiry.min(oldest.saturating_sub(backdate)).min(LONGEST);
    let lifetime = lifetime.unwrap_or(USUAL.min(longest));
    whole_seconds(Setting::MintLifetime, lifetime)?;
    no_shorter_than(Setting::MintLifetime, lifetime, SHORTEST)?;
    no_longer_than(Setting::MintLifetime, lifetime, longest)?;
    Ok(Times { lifetime, backdate })
}

fn half(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn times_left_out_suit_the_policy() {
        let cases = [
            (Policy::RFC7523, 60, 10),
            (Policy::FAPI2, 60, 10),
            (Policy::REDOX, 60, 10),
            (Policy::RFC7523.with_max_lifetime(secs(60)), 30, 10),
            (Policy::RFC7523.with_max_lifetime(secs(40)), 20, 10),
            (Policy::REDOX.with_max_age(secs(30)), 20, 10),
            (Policy::REDOX.with_max_age(secs(12)), 6, 6),
        ];
        for (policy, lifetime, backdate) in cases {
            let expected = Times { lifetime: secs(lifetime), backdate: secs(backdate) };
            assert_eq!(judge(&policy, None, None), Ok(expected), "{policy:?}");
        }
    }

    #[test]
    fn times_beyond_the_policy_are_refused() {
        let smart = Policy::SMART_BACKEND_SERVICES;
        let cases = [
            (smart.clone(), secs(270), secs(10), None),
            (smart.clone(), secs(271), secs(10), Some(Setting::MintLifetime)),
            (smart.clone(), secs(5), secs(3600), None),
            (smart.clone(), secs(4), secs(10), Some(Setting::MintLifetime)),
            (smart.clone(), secs(60), secs(3601), Some(Setting::MintBackdate)),
            (smart.clone(), Duration::from_millis(60_500), secs(10), Some(Setting::MintLifetime)),
            (smart, secs(60), Duration::from_millis(500), Some(Setting::MintBackdate)),
            (Policy::REDOX, secs(290), secs(10), None),
            (Policy::REDOX, secs(291), secs(10), Some(Setting::MintLifetime)),
            (Policy::REDOX, secs(5), secs(295), None),
            (Policy::REDOX, secs(5), secs(296), Some(Setting::MintBackdate)),
            (Policy::RFC7523, secs(3570), secs(0), None),
            (Policy::RFC7523, secs(3571), secs(0), Some(Setting::MintLifetime)),
        ];
        for (policy, lifetime, backdate, refused) in cases {
            let judged = judge(&policy, Some(lifetime), Some(backdate));
            assert_eq!(judged.err().map(|error| error.setting()), refused, "{lifetime:?}, {backdate:?}");
        }
    }

    #[test]
    fn a_policy_that_leaves_no_time_is_refused() {
        for (policy, is_long_enough) in [
            (Policy::RFC7523.with_max_lifetime(secs(10)), true),
            (Policy::RFC7523.with_max_lifetime(secs(9)), false),
            (Policy::REDOX.with_max_age(secs(9)), true),
            (Policy::REDOX.with_max_age(secs(4)), false),
        ] {
            assert_eq!(judge(&policy, None, None).is_ok(), is_long_enough, "{policy:?}");
        }
    }
}
