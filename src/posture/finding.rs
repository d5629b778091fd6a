//! One line of the report: how one setting compares with one rule.

use std::fmt;

use super::Baseline;
use super::rule::Rule;
use crate::loosening::Loosening;
use crate::text::Excerpt;

/// How a setting compares with what a rule asks. They are ordered as a report lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// It falls short of what is asked.
    Weaker,
    /// It is not known whether it meets what is asked. Find out.
    NotJudged,
    /// It refuses more than is asked.
    Stricter,
    /// It is what is asked.
    Meets,
}

impl Standing {
    /// Returns the name: `weaker`, `not_judged`, `stricter` or `meets`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Weaker => "weaker",
            Self::NotJudged => "not_judged",
            Self::Stricter => "stricter",
            Self::Meets => "meets",
        }
    }

    const fn heading(self) -> &'static str {
        match self {
            Self::Weaker => "WEAKER",
            Self::NotJudged => "NOT JUDGED",
            Self::Stricter => "stricter",
            Self::Meets => "meets",
        }
    }
}

/// What a finding is about. It displays as in the text of a report.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// The verifier itself.
    Server,
    /// The policy of this name.
    Policy(Box<str>),
    /// All clients together.
    Clients,
    /// The client of this id.
    Client(Box<str>),
    /// The cache of the key sets that clients publish at a URL.
    KeySets,
    /// The replay store.
    Replay,
}

impl Subject {
    /// Returns the kind: `server`, `policy`, `clients`, `client`, `key_sets` or `replay`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Policy(_) => "policy",
            Self::Clients => "clients",
            Self::Client(_) => "client",
            Self::KeySets => "key_sets",
            Self::Replay => "replay",
        }
    }

    /// Returns the name of the policy or the id of the client.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Policy(id) | Self::Client(id) => Some(id),
            Self::Server | Self::Clients | Self::KeySets | Self::Replay => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeySets => "key sets",
            Self::Replay => "replay store",
            other => other.kind(),
        })?;
        self.id().map_or(Ok(()), |id| write!(f, " {}", Excerpt::new(id)))
    }
}

/// How one setting compares with one rule. It displays as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostureFinding {
    pub(super) rule: &'static Rule,
    pub(super) baseline: Baseline,
    pub(super) subject: Subject,
    pub(super) verdict: Verdict,
}

impl PostureFinding {
    /// Returns the rule.
    pub fn rule(&self) -> &'static Rule {
        self.rule
    }

    /// Returns what the finding is about.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Returns how the setting compares with what the rule asks.
    pub fn standing(&self) -> Standing {
        self.verdict.standing
    }

    /// Returns the setting, as users write it.
    pub fn setting(&self) -> &'static str {
        self.verdict.setting_of(self.rule)
    }

    /// Returns the value of the setting, in words. It never holds a secret, key material, or a URL
    /// with user information or a query.
    pub fn value(&self) -> &str {
        &self.verdict.value
    }

    /// Returns what the baseline asks for.
    pub fn asks(&self) -> &'static str {
        self.rule.asks(&self.baseline)
    }

    /// Returns the source of what is asked.
    pub fn source(&self) -> &'static str {
        self.rule.source(&self.baseline)
    }

    /// Returns the risk if the setting is weaker or not judged, or if it is what is asked and this
    /// crate advises more. If something loosened the setting, this is the sentence of its
    /// documentation.
    pub fn risk(&self) -> Option<&'static str> {
        let risk = self.verdict.loosening.map_or(self.rule.risk, Loosening::risk);
        self.is_open().then_some(risk)
    }

    /// Returns what to do, wherever there is a [`risk`](Self::risk).
    pub fn advice(&self) -> Option<&'static str> {
        self.is_open().then_some(self.verdict.advice.unwrap_or(self.rule.advice))
    }

    fn is_open(&self) -> bool {
        match self.verdict.standing {
            Standing::Weaker | Standing::NotJudged => true,
            Standing::Stricter | Standing::Meets => self.verdict.is_note,
        }
    }
}

impl fmt::Display for PostureFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (heading, rule, subject) = (self.standing().heading(), self.rule, &self.subject);
        write!(f, "{heading:<10}  {} {:<17}  {subject}: {}: {}", rule.id, rule.name, self.setting(), self.value())?;
        write!(f, "; asked: {} ({})", self.asks(), self.source())?;
        match (self.risk(), self.advice()) {
            (Some(risk), Some(advice)) => write!(f, ". The risk: {risk} What to do: {advice}"),
            _ => Ok(()),
        }
    }
}

/// How a setting was judged, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    standing: Standing,
    value: String,
    /// The setting that loosened it, which names the risk.
    loosening: Option<Loosening>,
    /// What to do, if that is not the advice of the rule.
    advice: Option<&'static str>,
    /// Whether the risk and the advice are of interest although the baseline is met.
    is_note: bool,
}

impl Verdict {
    pub(super) fn new(standing: Standing, value: impl Into<String>) -> Self {
        Self { standing, value: value.into(), loosening: None, advice: None, is_note: false }
    }

    pub(super) fn meets(value: impl Into<String>) -> Self {
        Self::new(Standing::Meets, value)
    }

    pub(super) fn stricter(value: impl Into<String>) -> Self {
        Self::new(Standing::Stricter, value)
    }

    pub(super) fn weaker(value: impl Into<String>) -> Self {
        Self::new(Standing::Weaker, value)
    }

    pub(super) fn not_judged(value: impl Into<String>) -> Self {
        Self::new(Standing::NotJudged, value)
    }

    /// It is what the baseline asks, and this crate advises more.
    pub(super) fn note(value: impl Into<String>) -> Self {
        Self { is_note: true, ..Self::meets(value) }
    }

    pub(super) fn with_advice(self, advice: &'static str) -> Self {
        Self { advice: Some(advice), ..self }
    }

    /// Names the setting that loosened the rule.
    pub(super) fn by(self, loosening: Loosening) -> Self {
        Self { loosening: Some(loosening), ..self }
    }

    pub(super) fn setting_of(&self, rule: &Rule) -> &'static str {
        self.loosening.map_or(rule.setting, Loosening::setting)
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    pub(super) fn is_note(&self) -> bool {
        self.is_note
    }
}
