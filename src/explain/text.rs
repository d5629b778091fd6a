//! Explanations as text for people.

use std::fmt;

use super::check::Check;
use super::hint::Hint;
use super::secrets::Secrets;
use super::step::{Outcome, Step};
use super::times::{Time, with_times};
use super::verdict::Verdict;
use super::wrap::write_wrapped;
use super::{Explanation, FORMAT};
use crate::event::Excerpt;
use crate::rejection::Party;

/// Where the text behind a label begins.
const LABEL: usize = 10;

/// Where the text behind the name of a check begins.
const STEP: usize = 27;

/// Sections, separated by empty lines: what is explained, the steps, the hints about none of them,
/// and the verdict. The first line names the format. Lines end near the column 100.
///
/// A check that failed has its code behind its name, and what it looks like in the lines below.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        labelled(f, "format", &format!("{FORMAT} (text)"))?;
        match &self.claimed_client {
            Some(client) if client.starts_with('"') || client == Secrets::WITHHELD => {
                labelled(f, "client", &format!("{client} (claimed)"))?;
            }
            Some(client) => labelled(f, "client", &format!("{} (claimed)", Excerpt::new(client)))?,
            None => labelled(f, "client", "none is named")?,
        }
        let policy = if self.policy.is_empty() { "none" } else { &self.policy };
        labelled(f, "policy", &format!("{policy}, endpoint {}", self.endpoint.name()))?;
        labelled(f, "time", &format!("{}{}", Time(self.at), Dates(self)))?;
        if !self.unjudged.is_empty() {
            labelled(f, "others", &format!("claims that are not judged: {}", self.unjudged.join(", ")))?;
        }
        writeln!(f)?;
        self.steps.chunk_by(is_alike).try_for_each(|run| self.write_run(f, run))?;
        let mut others = self.hints.iter().filter(|hint| self.step_of(hint).is_none()).peekable();
        if others.peek().is_some() {
            writeln!(f)?;
        }
        others.try_for_each(|hint| labelled(f, "hint", &hint.to_string()))?;
        writeln!(f)?;
        self.write_verdict(f)?;
        self.write_advice(f)?;
        if let Some(uri) = self.answer.as_ref().and_then(|answer| answer.error_uri.as_deref()) {
            labelled(f, "page", uri)?;
        }
        Ok(())
    }
}

impl Explanation {
    /// Steps in a row that were not judged, or not reached, for the same reason are one line.
    fn write_run(&self, f: &mut fmt::Formatter<'_>, run: &[Step]) -> fmt::Result {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
        let mark = match first.outcome() {
            Outcome::Passed => "ok",
            Outcome::Failed(_) => "FAIL",
            Outcome::NotReached(_) => "-",
            Outcome::NotJudged => "?",
        };
        let name = match run.len() {
            1 => first.check().name().to_owned(),
            _ => format!("{} .. {}", first.check(), last.check()),
        };
        write_wrapped(f, &format!("  {mark:<4}  {name:<17}  "), STEP, &words(first))?;
        let hints = self.hints.iter().filter(|hint| self.step_of(hint) == Some(first.check()));
        let indented = " ".repeat(STEP);
        hints.into_iter().try_for_each(|hint| write_wrapped(f, &indented, STEP, &format!("looks like: {hint}")))
    }

    /// The check that a hint explains: the first of its checks that failed.
    fn step_of(&self, hint: &Hint) -> Option<Check> {
        let failed = self.steps.iter().filter(|step| step.reason().is_some()).map(Step::check);
        failed.into_iter().find(|check| hint.explains(*check))
    }

    fn write_verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Accepted { client, policy, method } => {
                let client = Excerpt::new(client.as_str());
                labelled(f, "verdict", &format!("accepted: {client}, policy {policy}, by {method}"))
            }
            Verdict::LetPass => labelled(f, "verdict", "passed on without an identity"),
            Verdict::NotDecided { check } => {
                let step = self.steps.iter().find(|step| step.check() == *check);
                let why = step.and_then(Step::why).map(|why| format!(": {why}")).unwrap_or_default();
                labelled(f, "verdict", &format!("not decided, by {check}{why}"))
            }
            Verdict::Refused { reason, proven } | Verdict::Unavailable { reason, proven } => {
                let mut text = format!("{}, {reason}", self.verdict.name());
                if let Some(answer) = &self.answer {
                    let error = answer.error.iter().map(|error| format!(" {error}"));
                    let description = answer.error_description.iter().map(|text| format!(" \"{text}\""));
                    text.extend([format!(": {}", answer.status)].into_iter().chain(error).chain(description));
                }
                text.push_str(if *proven { ", its sender is proven" } else { "" });
                let faults = self.steps.iter().filter(|step| step.reason().is_some()).count();
                if faults > 1 {
                    text.push_str(&format!("; the first of {faults} faults"));
                }
                labelled(f, "verdict", &text)?;
                let whose = match reason.party() {
                    Party::Client => "the client's",
                    Party::Network => "the network's, between client and server",
                    Party::Server => "the server's",
                };
                labelled(f, "whose", whose)
            }
        }
    }

    /// What to do, with the codes that it is about. A body that is no form explains all of them.
    fn write_advice(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut of_body = self.hints.iter().filter(|hint| hint.is_about_body());
        of_body.try_for_each(|hint| labelled(f, "fix", &format!("{}: {hint}", hint.name())))?;
        self.advice.iter().try_for_each(|advice| {
            let codes: Vec<_> = advice.reasons.iter().map(|reason| reason.code()).collect();
            labelled(f, "fix", &format!("{}: {}", codes.join(", "), advice.text))
        })
    }
}

fn labelled(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    write_wrapped(f, &format!("{label:<LABEL$}"), LABEL, text)
}

fn is_alike(one: &Step, other: &Step) -> bool {
    let is_unjudged = matches!(one.outcome(), Outcome::NotJudged | Outcome::NotReached(_));
    is_unjudged && one.outcome() == other.outcome() && one.why() == other.why()
}

fn details(expected: Option<String>, received: Option<String>) -> String {
    let expected = expected.map(|text| format!("expected {text}"));
    let received = received.map(|text| format!("received {text}"));
    [expected, received].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What there is to say about a step behind its name.
fn words(step: &Step) -> String {
    let is_date = matches!(step.check(), Check::Iat | Check::Nbf | Check::Exp);
    let shown = |text: &str| if is_date { with_times(text) } else { text.to_owned() };
    let [expected, received] = [step.expected(), step.received()].map(|text| text.map(shown));
    match step.outcome() {
        Outcome::Passed => received.unwrap_or_default(),
        Outcome::Failed(reason) => {
            let details = details(expected, received);
            if details.is_empty() { reason.code().to_owned() } else { format!("{reason}: {details}") }
        }
        Outcome::NotReached(needs) => format!("not reached: see {needs}"),
        Outcome::NotJudged => {
            let why = step.why().map_or("not judged".to_owned(), |why| format!("not judged: {why}"));
            let details = details(expected, received);
            if details.is_empty() { why } else { format!("{why}; {details}") }
        }
    }
}

/// When the dates of the assertion are accepted, if it could be read.
struct Dates<'a>(&'a Explanation);

impl fmt::Display for Dates<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(explanation) = self;
        let Some(window) = &explanation.acceptable else {
            let is_read = |step: &Step| matches!(step.outcome(), Outcome::Passed | Outcome::Failed(_));
            let has_dates = explanation.steps.iter().any(|step| step.check() == Check::Exp && is_read(step));
            return f.write_str(if has_dates { "\nits dates are accepted at no time" } else { "" });
        };
        let (from, to, at) = (*window.start(), *window.end(), explanation.at);
        let bounds = [
            (from.as_secs() > 0).then(|| format!(" from {}", Time(from))),
            (to.as_secs() < u64::MAX).then(|| format!(" to {}", Time(to))),
        ];
        let bounds: String = bounds.into_iter().flatten().collect();
        let bounds = if bounds.is_empty() { " at any time" } else { &bounds };
        write!(f, "\nits dates are accepted{bounds}")?;
        match () {
            () if at < from => write!(f, ": {} s early", (from - at).as_secs()),
            () if at > to => write!(f, ": {} s late", (at - to).as_secs()),
            () => Ok(()),
        }
    }
}
