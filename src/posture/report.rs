//! The report: all findings, as text and as JSON.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::Baseline;
use super::finding::{PostureFinding, Standing, Subject, Verdict};
use super::rule::Rule;

/// The name and version of the JSON format.
const FORMAT: &str = "client-assertion-posture/1";

/// How a configuration compares with a [`Baseline`], rule by rule: see
/// [`Verifier::posture`](crate::Verifier::posture).
///
/// It displays as text: a line that counts the findings, then one line for each, weaker ones first.
/// It serializes as JSON, with the `format` `client-assertion-posture/1`. A change that is not only
/// an addition gets another number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posture {
    baseline: Baseline,
    findings: Vec<PostureFinding>,
}

impl Posture {
    pub(super) fn new(baseline: Baseline) -> Self {
        Self { baseline, findings: Vec::new() }
    }

    pub(super) fn push(&mut self, rule: &'static Rule, subject: Subject, verdict: Verdict) {
        self.findings.push(PostureFinding { rule, baseline: self.baseline, subject, verdict });
    }

    /// Puts what an operator must look at first. Otherwise the order stays.
    pub(super) fn sorted(mut self) -> Self {
        self.findings.sort_by_key(PostureFinding::standing);
        self
    }

    /// Returns what the configuration was compared with.
    pub fn baseline(&self) -> Baseline {
        self.baseline
    }

    /// Returns all findings: weaker ones first, then those that were not judged, then stricter
    /// ones, then those that meet the baseline.
    pub fn findings(&self) -> &[PostureFinding] {
        &self.findings
    }

    /// Returns the findings whose setting falls short of the baseline.
    pub fn weaker(&self) -> impl Iterator<Item = &PostureFinding> {
        self.of(Standing::Weaker)
    }

    fn of(&self, standing: Standing) -> impl Iterator<Item = &PostureFinding> {
        self.findings.iter().filter(move |finding| finding.standing() == standing)
    }
}

impl fmt::Display for Posture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |standing| self.of(standing).count();
        writeln!(
            f,
            "compared with {}: {} weaker, {} not judged, {} stricter, {} met",
            self.baseline,
            count(Standing::Weaker),
            count(Standing::NotJudged),
            count(Standing::Stricter),
            count(Standing::Meets)
        )?;
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

impl Serialize for Posture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut posture = serializer.serialize_struct("Posture", 3)?;
        posture.serialize_field("format", FORMAT)?;
        posture.serialize_field("baseline", self.baseline.id())?;
        posture.serialize_field("findings", &self.findings)?;
        posture.end()
    }
}

impl Serialize for PostureFinding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let open = usize::from(self.risk().is_some()) + usize::from(self.advice().is_some());
        let mut finding = serializer.serialize_struct("PostureFinding", 8 + open)?;
        finding.serialize_field("rule", self.rule().id())?;
        finding.serialize_field("name", self.rule().name())?;
        finding.serialize_field("subject", self.subject())?;
        finding.serialize_field("standing", self.standing().name())?;
        finding.serialize_field("setting", self.setting())?;
        finding.serialize_field("value", self.value())?;
        finding.serialize_field("asks", self.asks())?;
        finding.serialize_field("source", self.source())?;
        match self.risk() {
            Some(risk) => finding.serialize_field("risk", risk)?,
            None => finding.skip_field("risk")?,
        }
        match self.advice() {
            Some(advice) => finding.serialize_field("advice", advice)?,
            None => finding.skip_field("advice")?,
        }
        finding.end()
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut subject = serializer.serialize_struct("Subject", 1 + usize::from(self.id().is_some()))?;
        subject.serialize_field("kind", self.kind())?;
        match self.id() {
            Some(id) => subject.serialize_field("id", id)?,
            None => subject.skip_field("id")?,
        }
        subject.end()
    }
}
