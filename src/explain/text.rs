//! Explanations as text for people.

use std::fmt;

use super::step::{Outcome, Step};
use super::verdict::Verdict;
use super::{Explanation, FORMAT};
use crate::clock::UnixTime;
use crate::event::Excerpt;
use crate::rejection::Party;

/// Sections, separated by empty lines: what is explained, the steps, the hints, and the verdict.
/// The first line names the format.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "format    {FORMAT} (text)")?;
        match &self.claimed_client {
            Some(client) if client.starts_with('"') => writeln!(f, "client    {client} (claimed)")?,
            Some(client) => writeln!(f, "client    {} (claimed)", Excerpt::new(client))?,
            None => writeln!(f, "client    none is named")?,
        }
        writeln!(f, "policy    {}, endpoint {}", self.policy, self.endpoint.name())?;
        writeln!(f, "time      {}{}", Time(self.at), Dates(self))?;
        if !self.unjudged.is_empty() {
            writeln!(f, "others    claims that are not judged: {}", self.unjudged.join(", "))?;
        }
        writeln!(f)?;
        self.steps.iter().try_for_each(|step| write_step(f, step))?;
        if !self.hints.is_empty() {
            writeln!(f)?;
            self.hints.iter().try_for_each(|hint| writeln!(f, "hint      {hint}"))?;
        }
        writeln!(f)?;
        self.write_verdict(f)?;
        self.advice.iter().try_for_each(|advice| write_lines(f, "fix", advice))?;
        if let Some(uri) = self.answer.as_ref().and_then(|answer| answer.error_uri.as_deref()) {
            writeln!(f, "page      {uri}")?;
        }
        Ok(())
    }
}

impl Explanation {
    fn write_verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Accepted { client, policy, method } => {
                let client = Excerpt::new(client.as_str());
                writeln!(f, "verdict   accepted: {client}, policy {policy}, by {method}")
            }
            Verdict::LetPass => writeln!(f, "verdict   passed on without an identity"),
            Verdict::NotDecided => writeln!(f, "verdict   not decided: it depends on what was not judged"),
            Verdict::Refused { reason, proven } | Verdict::Unavailable { reason, proven } => {
                write!(f, "verdict   {}, {reason}", self.verdict.name())?;
                if let Some(answer) = &self.answer {
                    write!(f, ": {}", answer.status)?;
                    answer.error.iter().try_for_each(|error| write!(f, " {error}"))?;
                    answer.error_description.iter().try_for_each(|text| write!(f, " \"{text}\""))?;
                }
                f.write_str(if *proven { ", its sender is proven\n" } else { "\n" })?;
                match reason.party() {
                    Party::Client => writeln!(f, "whose     the client's"),
                    Party::Network => writeln!(f, "whose     the network's, between client and server"),
                    Party::Server => writeln!(f, "whose     the server's"),
                }
            }
        }
    }
}

fn write_step(f: &mut fmt::Formatter<'_>, step: &Step) -> fmt::Result {
    let (mark, name) = match step.outcome() {
        Outcome::Passed => ("ok", step.check().name()),
        Outcome::Failed(reason) => ("FAIL", reason.code()),
        Outcome::NotReached(_) => ("-", step.check().name()),
        Outcome::NotJudged => ("?", step.check().name()),
    };
    let has_more = step.outcome() != Outcome::Passed || step.received().is_some();
    match has_more {
        true => write!(f, "  {mark:<4}  {name:<26}")?,
        false => write!(f, "  {mark:<4}  {name}")?,
    }
    match step.outcome() {
        Outcome::Failed(_) => {
            if step.reason().is_some_and(|reason| !reason.code().starts_with(step.check().name())) {
                write!(f, " {}:", step.check())?;
            }
            step.expected().iter().try_for_each(|expected| write!(f, " expected {expected}"))?;
            let comma = if step.expected().is_some() { "," } else { "" };
            step.received().iter().try_for_each(|received| write!(f, "{comma} received {received}"))?;
        }
        Outcome::Passed => step.received().iter().try_for_each(|received| write!(f, " {received}"))?,
        Outcome::NotReached(needs) => write!(f, " not reached: see {needs}")?,
        Outcome::NotJudged => {
            f.write_str(" not judged")?;
            step.why().iter().try_for_each(|why| write!(f, ": {why}"))?;
        }
    }
    writeln!(f)
}

/// A vendor's text may have several lines.
fn write_lines(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    let mut lines = text.lines();
    writeln!(f, "{label:<9} {}", lines.next().unwrap_or_default())?;
    lines.try_for_each(|line| writeln!(f, "{:<9} {line}", ""))
}

/// When the dates of the assertion are accepted.
struct Dates<'a>(&'a Explanation);

impl fmt::Display for Dates<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(window) = &self.0.acceptable else { return Ok(()) };
        let (from, to, at) = (*window.start(), *window.end(), self.0.at);
        write!(f, "; its dates are accepted from {} to {}", Time(from), Time(to))?;
        match () {
            () if at < from => write!(f, ": {} s early", (from - at).as_secs()),
            () if at > to => write!(f, ": {} s late", (at - to).as_secs()),
            () => Ok(()),
        }
    }
}

/// A time as RFC 3339 writes it, or in seconds beyond the year 9999.
struct Time(UnixTime);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: u64 = 24 * 60 * 60;
        /// The first second of the year 10000.
        const LONGEST: u64 = 253_402_300_800;
        let seconds = self.0.as_secs();
        if seconds >= LONGEST {
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
}
