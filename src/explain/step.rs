//! The checks of one request with their outcomes.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::check::Check;
use crate::event::Finding;
use crate::rejection::{Reason, Rejection, RejectionKind};

/// What a check of a request found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing is wrong.
    Passed,
    /// The request would be refused for this reason, if no other came first.
    Failed(Reason),
    /// It needs what another check did not find.
    NotReached(Check),
    /// It needs something that was not given: see [`Step::why`].
    NotJudged,
}

impl Outcome {
    /// Returns the name, in lower snake case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::NotReached(_) => "not_reached",
            Self::NotJudged => "not_judged",
        }
    }
}

/// One check of a request, with its outcome.
#[derive(Clone, Debug)]
pub struct Step {
    check: Check,
    outcome: Outcome,
    expected: Option<Box<str>>,
    received: Option<Box<str>>,
    why: Option<Box<str>>,
    /// What exactly is wrong: a reason stands for several faults.
    pub(super) fault: Option<RejectionKind>,
    /// Why the request may be refused, if the check is not judged for want of newer keys.
    suspected: Option<Reason>,
    /// Where it stands among the steps.
    place: u16,
}

impl Step {
    /// The number of places between two checks, for failures that are found later.
    const SPACE: u16 = 8;

    /// Returns what is checked.
    pub fn check(&self) -> Check {
        self.check
    }

    /// Returns what the check found.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Returns the reason of a check that failed.
    pub fn reason(&self) -> Option<Reason> {
        match self.outcome {
            Outcome::Failed(reason) => Some(reason),
            Outcome::Passed | Outcome::NotReached(_) | Outcome::NotJudged => None,
        }
    }

    /// Returns what would have passed, if the check failed or may have.
    pub fn expected(&self) -> Option<&str> {
        self.expected.as_deref()
    }

    /// Returns what was sent or registered, if there is more to say than the outcome says.
    /// Untrusted text is escaped, and cut after 64 characters.
    pub fn received(&self) -> Option<&str> {
        self.received.as_deref()
    }

    /// Returns why the check was not judged.
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    pub(crate) fn passed(check: Check) -> Self {
        Self::new(check, Outcome::Passed)
    }

    pub(crate) fn failed(check: Check, fault: impl Into<Rejection>) -> Self {
        let rejection: Rejection = fault.into();
        let fault = rejection.kind().clone();
        let reason = fault.reason();
        Self { fault: Some(fault), ..Self::new(check, Outcome::Failed(reason)) }
    }

    pub(crate) fn not_reached(check: Check, needs: Check) -> Self {
        Self::new(check, Outcome::NotReached(needs))
    }

    pub(crate) fn not_judged(check: Check, why: impl Into<Box<str>>) -> Self {
        Self { why: Some(why.into()), ..Self::new(check, Outcome::NotJudged) }
    }

    fn new(check: Check, outcome: Outcome) -> Self {
        let place = check as u16 * Self::SPACE;
        Self { check, outcome, expected: None, received: None, why: None, fault: None, suspected: None, place }
    }

    /// A step that failed, but may pass when a request comes, and why.
    pub(super) fn left_open(self, why: &str) -> Self {
        let (suspected, why) = (self.reason(), Some(why.into()));
        Self { outcome: Outcome::NotJudged, fault: None, suspected, why, ..self }
    }

    /// The reason of a check that failed, or that may have.
    pub(super) fn suspected(&self) -> Option<Reason> {
        self.reason().or(self.suspected)
    }

    /// A step that passed or failed.
    pub(crate) fn judged<F: Into<Rejection>>(check: Check, judged: Result<(), F>) -> Self {
        match judged {
            Ok(()) => Self::passed(check),
            Err(fault) => Self::failed(check, fault),
        }
    }

    /// Adds what was expected and received, if it failed.
    pub(crate) fn with_finding(self, find: impl FnOnce(&RejectionKind) -> Option<Finding<'static>>) -> Self {
        match self.fault.as_ref().and_then(find) {
            Some(finding) => self.with_words(&finding),
            None => self,
        }
    }

    pub(crate) fn with_words(self, finding: &Finding<'_>) -> Self {
        self.expecting(finding.expected()).receiving(finding.received().to_string())
    }

    pub(crate) fn expecting(self, expected: impl Into<Box<str>>) -> Self {
        Self { expected: Some(expected.into()), ..self }
    }

    pub(crate) fn receiving(self, received: impl Into<Box<str>>) -> Self {
        Self { received: Some(received.into()), ..self }
    }

    /// Stands behind this check: that is where the verifier finds its fault. The `nth` of several.
    pub(super) fn behind(self, check: Check, nth: u16) -> Self {
        Self { place: check as u16 * Self::SPACE + nth, ..self }
    }

    /// Stands in front of this check.
    pub(super) fn before(self, check: Check) -> Self {
        Self { place: (check as u16 * Self::SPACE).saturating_sub(1), ..self }
    }

    pub(super) fn place(&self) -> u16 {
        self.place
    }

    /// Replaces each text for which `hide` has something to show in its place. What was expected
    /// may name what was sent.
    pub(super) fn redact(&mut self, hide: impl Fn(&str) -> Option<&'static str>) {
        for text in [&mut self.expected, &mut self.received, &mut self.why] {
            if let Some(hidden) = text.as_deref().and_then(&hide) {
                *text = Some(hidden.into());
            }
        }
    }
}

/// Sorts the steps. Each reason occurs once.
pub(super) fn in_order(mut steps: Vec<Step>) -> Vec<Step> {
    steps.sort_by_key(Step::place);
    let mut ordered: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps {
        let same = |earlier: &&Step| step.reason().is_some() && earlier.reason() == step.reason();
        let step = match ordered.iter().find(same) {
            Some(earlier) => Step::not_reached(step.check(), earlier.check()),
            None => step,
        };
        ordered.push(step);
    }
    ordered
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("check", &self.check)?;
        members.serialize_entry("outcome", self.outcome.name())?;
        match self.outcome {
            Outcome::Failed(reason) => members.serialize_entry("reason", reason.code())?,
            Outcome::NotReached(needs) => members.serialize_entry("needs", &needs)?,
            Outcome::Passed | Outcome::NotJudged => {}
        }
        let texts = [("expected", &self.expected), ("received", &self.received), ("why", &self.why)];
        for (name, text) in texts {
            if let Some(text) = text {
                members.serialize_entry(name, text)?;
            }
        }
        members.end()
    }
}
