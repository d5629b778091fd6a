//! What dates look like that are not accepted.

use super::MAX_DEPTH;
use crate::clock::UnixTime;
use crate::explain::hint::Hint;
use crate::explain::kind::DateText;
use crate::jose::json::{self, Value, Visit};
use crate::rejection::Claim;

/// A date of the claims, in seconds, and whether it failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Date {
    pub(super) claim: Claim,
    pub(super) secs: f64,
    pub(super) failed: bool,
}

/// Returns hints about dates of which at least one failed, or is too large to be in seconds.
pub(super) fn about_dates(dates: &[Date], now: UnixTime) -> Vec<Hint> {
    let mut hints = units(dates);
    if hints.is_empty() && dates.iter().any(|date| date.failed) {
        hints.extend(time_zone(dates, now));
    }
    hints
}

/// The limits are far from any date in seconds: 10^11 seconds is the year 5138, and 10^11
/// milliseconds is 1973. What is below a year cannot be a date of a JWT.
fn units(dates: &[Date]) -> Vec<Hint> {
    /// In seconds: a leap year.
    const LONGEST_DURATION: f64 = 366.0 * 86_400.0;
    let within = |low: f64, high: f64| {
        let claims = dates.iter().filter(|date| (low..high).contains(&date.secs));
        claims.map(|date| date.claim).collect::<Vec<_>>()
    };
    let failed_only = |claim: &Claim| dates.iter().any(|date| date.claim == *claim && date.failed);
    let durations = within(1.0, LONGEST_DURATION).into_iter().filter(failed_only).collect();
    let found = [
        Hint::Milliseconds { claims: within(1e11, 1e14) },
        Hint::Microseconds { claims: within(1e14, 1e17) },
        Hint::Nanoseconds { claims: within(1e17, 1e20) },
        Hint::Duration { claims: durations },
    ];
    found.into_iter().filter(|hint| !claims_of(hint).is_empty()).collect()
}

fn claims_of(hint: &Hint) -> &[Claim] {
    match hint {
        Hint::Milliseconds { claims }
        | Hint::Microseconds { claims }
        | Hint::Nanoseconds { claims }
        | Hint::Duration { claims } => claims,
        _ => &[],
    }
}

/// Compares a time of issue that failed with the clock. The offsets of time zones are multiples of
/// 15 minutes, from 12 hours behind to 14 hours ahead.
fn time_zone(dates: &[Date], now: UnixTime) -> Option<Hint> {
    const STEP: f64 = 900.0;
    /// How far the clocks may differ otherwise, in seconds.
    const TOLERANCE: f64 = 60.0;
    let issued = dates.iter().find(|date| date.failed && matches!(date.claim, Claim::Iat | Claim::Nbf))?;
    let difference = issued.secs - now.as_secs() as f64;
    let steps = (difference / STEP).round();
    let is_near = (difference - steps * STEP).abs() <= TOLERANCE;
    (is_near && steps != 0.0 && (-48.0..=56.0).contains(&steps)).then(|| Hint::TimeZone { minutes: steps as i32 * 15 })
}

/// Returns hints about dates that are strings, from the text of the claims. No policy accepts them.
pub(super) fn about_texts(claims: &str) -> Vec<Hint> {
    const DATES: [Claim; 3] = [Claim::Iat, Claim::Nbf, Claim::Exp];
    let mut found = Vec::new();
    let read = json::object(claims, MAX_DEPTH, &mut |name, value| {
        let claim = DATES.into_iter().find(|claim| claim.to_string() == name);
        found.extend(claim.zip(style(value)));
        Visit::Ignored
    });
    if read.is_err() {
        return Vec::new();
    }
    let of = |kind: DateText| DATES.into_iter().filter(|claim| found.contains(&(*claim, kind))).collect::<Vec<_>>();
    let kinds = DateText::ALL.iter().map(|kind| (*kind, of(*kind))).filter(|(_, claims)| !claims.is_empty());
    kinds.map(|(kind, claims)| Hint::DateAsString { kind, claims }).collect()
}

fn style(value: Value<'_>) -> Option<DateText> {
    let text = value.text()?;
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match () {
        () if are_digits(whole) && are_digits(fraction) => Some(DateText::Seconds),
        () if is_calendar_date(text.as_bytes()) => Some(DateText::Calendar),
        () => None,
    }
}

/// Whether the text begins as the `full-date` of RFC 3339 does.
fn is_calendar_date(text: &[u8]) -> bool {
    let pattern = |(index, byte): (usize, &u8)| match index {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.get(..10).is_some_and(|date| date.iter().enumerate().all(pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_796_000_000;

    fn hints(dates: &[(Claim, f64, bool)]) -> Vec<Hint> {
        let dates: Vec<_> = dates.iter().map(|&(claim, secs, failed)| Date { claim, secs, failed }).collect();
        about_dates(&dates, UnixTime::from_secs(NOW))
    }

    #[test]
    fn units_are_told_by_their_size() {
        let now = NOW as f64;
        let iat = || vec![Claim::Iat];
        let cases = [
            (now * 1e3, Some(Hint::Milliseconds { claims: iat() })),
            (now * 1e6, Some(Hint::Microseconds { claims: iat() })),
            (now * 1e9, Some(Hint::Nanoseconds { claims: iat() })),
            (1e11, Some(Hint::Milliseconds { claims: iat() })),
            (1e11 - 1.0, None),
            (1e14 - 1.0, Some(Hint::Milliseconds { claims: iat() })),
            (1e14, Some(Hint::Microseconds { claims: iat() })),
            (1e17, Some(Hint::Nanoseconds { claims: iat() })),
            (1e20, None),
            (300.0, Some(Hint::Duration { claims: iat() })),
            (1.0, Some(Hint::Duration { claims: iat() })),
            (0.0, None),
            (-300.0, None),
            (31_622_399.0, Some(Hint::Duration { claims: iat() })),
            (31_622_400.0, None),
            (now + 86_400.0, None),
        ];
        for (secs, expected) in cases {
            let found = hints(&[(Claim::Iat, secs, true)]);
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{secs}");
            let accepted = hints(&[(Claim::Iat, secs, false)]);
            assert_eq!(accepted, if secs >= 1e11 { found } else { vec![] }, "{secs}, not failed");
        }
        let both = [(Claim::Iat, now * 1e3, true), (Claim::Exp, now * 1e3 + 3e5, false)];
        assert_eq!(hints(&both), [Hint::Milliseconds { claims: vec![Claim::Iat, Claim::Exp] }]);
        let one = [(Claim::Nbf, 0.5, false), (Claim::Iat, 5.0, false), (Claim::Exp, 300.0, true)];
        assert_eq!(hints(&one), [Hint::Duration { claims: vec![Claim::Exp] }]);
    }

    #[test]
    fn time_zones_are_multiples_of_15_minutes() {
        let cases: &[(i64, Option<i32>)] = &[
            (-5 * 3600, Some(-300)),
            (5 * 3600 + 1800, Some(330)),
            (5 * 3600 + 2700, Some(345)),
            (900, Some(15)),
            (-900, Some(-15)),
            (900 + 60, Some(15)),
            (900 + 61, None),
            (900 - 60, Some(15)),
            (900 - 61, None),
            (-900 - 60, Some(-15)),
            (-900 - 61, None),
            (0, None),
            (60, None),
            (450, None),
            (14 * 3600 + 60, Some(14 * 60)),
            (14 * 3600 + 61, None),
            (14 * 3600 + 900, None),
            (-12 * 3600 - 60, Some(-12 * 60)),
            (-12 * 3600 - 900, None),
            (86_400, None),
        ];
        for (difference, expected) in cases {
            let secs = NOW as f64 + *difference as f64;
            let expected: Vec<_> = expected.iter().map(|&minutes| Hint::TimeZone { minutes }).collect();
            for claim in [Claim::Iat, Claim::Nbf] {
                assert_eq!(hints(&[(claim, secs, true)]), expected, "{difference} in {claim}");
            }
            assert_eq!(hints(&[(Claim::Exp, secs, true)]), [], "{difference} in exp says nothing");
            assert_eq!(hints(&[(Claim::Iat, secs, false)]), [], "{difference}, not failed");
            let both_failed = [(Claim::Iat, secs, true), (Claim::Exp, secs + 60.0, true)];
            assert_eq!(hints(&both_failed), expected, "{difference}, exp failed as well");
            let only_exp_failed = [(Claim::Iat, secs, false), (Claim::Exp, secs + 60.0, true)];
            assert_eq!(hints(&only_exp_failed), [], "{difference}, only exp failed");
        }
    }

    #[test]
    fn dates_in_strings_are_told_by_their_form() {
        let cases = [
            (r#""1796000000""#, Some(DateText::Seconds)),
            (r#""1796000000.25""#, Some(DateText::Seconds)),
            (r#"" 1796000000 ""#, Some(DateText::Seconds)),
            (r#""2026-11-30T12:00:00Z""#, Some(DateText::Calendar)),
            (r#""2026-11-30""#, Some(DateText::Calendar)),
            (r#""2026-11-3""#, None),
            (r#""tomorrow""#, None),
            (r#""""#, None),
            (r#"".""#, None),
            (r#""-5""#, None),
            ("1796000000", None),
            ("null", None),
            (r#"["1796000000"]"#, None),
        ];
        for (value, expected) in cases {
            let text = format!(r#"{{"iss":{value},"exp":{value},"iat":{value}}}"#);
            let claims = || vec![Claim::Iat, Claim::Exp];
            let expected = expected.map(|kind| Hint::DateAsString { kind, claims: claims() });
            assert_eq!(about_texts(&text), expected.into_iter().collect::<Vec<_>>(), "{value}");
        }
    }
}
