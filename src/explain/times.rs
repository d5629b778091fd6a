//! Times as people read them.

use std::fmt;

use crate::clock::UnixTime;

/// The first second of the year 10000, which RFC 3339 cannot write.
const YEAR_10000: u64 = 253_402_300_800;

/// A time as RFC 3339 writes it, or in seconds beyond the year 9999.
pub(super) struct Time(pub(super) UnixTime);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: u64 = 24 * 60 * 60;
        let seconds = self.0.as_secs();
        if seconds >= YEAR_10000 {
            return write!(f, "{seconds} s");
        }
        let (year, month, day) = civil(seconds / DAY);
        let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Returns year, month and day of a day since 1970. Years are counted from March, so that a leap
/// day is their last, and in eras of 400 years, which have equally many days.
fn civil(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    /// The days from the first of March of the year 0 to 1970.
    const TO_1970: u64 = 719_468;
    let days = days + TO_1970;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
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
