//! Times as people read them.

use std::fmt;

use crate::clock::{CivilTime, UnixTime};

/// A time as RFC 3339 writes it, or in seconds beyond the year 9999.
pub(super) struct Time(pub(super) UnixTime);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match CivilTime::of(self.0) {
            Some(time) => write!(f, "{time}Z"),
            None => write!(f, "{} s", self.0.as_secs()),
        }
    }
}

/// Adds to each date in a text what it is by RFC 3339. A date is a number of seconds since 1970, of
/// the years 1973 to 5138: smaller numbers are durations, and larger ones count other units.
pub(super) fn with_times(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|character: char| character.is_ascii_digit()) {
        let (before, number) = rest.split_at(start);
        let end = number.find(|character: char| !matches!(character, '0'..='9' | '.')).unwrap_or(number.len());
        let (number, after) = number.split_at(end);
        shown.push_str(before);
        shown.push_str(number);
        if let Some(time) = date(number).filter(|_| !before.ends_with('-') && !after.starts_with(" s ")) {
            shown.push_str(&format!(" ({})", Time(time)));
        }
        rest = after;
    }
    shown + rest
}

fn date(number: &str) -> Option<UnixTime> {
    let seconds = number.split('.').next()?.parse().ok()?;
    (100_000_000..100_000_000_000).contains(&seconds).then(|| UnixTime::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_in_rfc_3339() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "253402300800 s"),
            (u64::MAX, "18446744073709551615 s"),
        ] {
            assert_eq!(Time(UnixTime::from_secs(seconds)).to_string(), text);
        }
    }

    #[test]
    fn dates_in_a_text_get_their_times() {
        for (text, expected) in [
            ("1700000000", "1700000000 (2023-11-14T22:13:20Z)"),
            ("1700000000.5, ", "1700000000.5 (2023-11-14T22:13:20Z), "),
            (
                "a time from 1700000000 to 1700000001",
                "a time from 1700000000 (2023-11-14T22:13:20Z) to 1700000001 (2023-11-14T22:13:21Z)",
            ),
            ("99999999", "99999999"),
            ("100000000", "100000000 (1973-03-03T09:46:40Z)"),
            ("99999999999", "99999999999 (5138-11-16T09:46:39Z)"),
            ("100000000000", "100000000000"),
            ("99999999999999999999999", "99999999999999999999999"),
            ("1700000300, 1600000000 s too old", "1700000300 (2023-11-14T22:18:20Z), 1600000000 s too old"),
            ("-1700000000", "-1700000000"),
            ("nothing", "nothing"),
            ("", ""),
        ] {
            assert_eq!(with_times(text), expected);
        }
    }
}
