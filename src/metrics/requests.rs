//! The counters of outcomes: one for each endpoint, policy and code, made when it is first needed.

use std::sync::OnceLock;

use ::metrics::{Counter, SharedString};

use super::facade::Facade;
use super::series::REQUESTS;
use crate::endpoint::Endpoint;
use crate::rejection::{Reason, RejectionKind, ServerFault};

/// How many policies are told apart: as many as one verifier can have.
pub(super) const MOST_POLICIES: usize = 16;

/// The label of everything beyond a bound.
pub(super) const OTHER: &str = "other";

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    Refused,
    Unavailable,
    LetPass,
}

impl Outcome {
    pub(super) const COUNT: usize = 4;

    /// The server's faults are those that are answered with 503 or 500.
    pub(super) fn of(kind: &RejectionKind) -> Self {
        match kind {
            RejectionKind::Client(_)
            | RejectionKind::Server(ServerFault::ClientOverloaded | ServerFault::ClientQuota) => Self::Refused,
            RejectionKind::Server(_) => Self::Unavailable,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::LetPass => "let_pass",
        }
    }
}

/// The counters of one policy.
#[derive(Debug)]
pub(super) struct OfPolicy {
    /// The number of the policy, up to [`MOST_POLICIES`].
    pub(super) index: usize,
    pub(super) name: Box<str>,
    accepted: [OnceLock<Counter>; Endpoint::ALL.len()],
    /// By endpoint and reason.
    refused: Box<[OnceLock<Counter>]>,
}

impl OfPolicy {
    fn new(index: usize, name: &str) -> Self {
        let refused = (0..Endpoint::ALL.len() * Reason::ALL.len()).map(|_| OnceLock::new()).collect();
        Self { index, name: name.into(), accepted: Default::default(), refused }
    }

    pub(super) fn label(&self) -> SharedString {
        SharedString::from(self.name.to_string())
    }
}

/// The counters of all policies. Policies are known by their names, in the order in which they are
/// first seen, so that a policy that is added later is counted too.
#[derive(Debug, Default)]
pub(super) struct Requests {
    policies: [OnceLock<OfPolicy>; MOST_POLICIES],
    /// The policies beyond the bound.
    others: OnceLock<OfPolicy>,
    let_pass: [OnceLock<Counter>; Endpoint::ALL.len()],
}

impl Requests {
    pub(super) fn policy(&self, name: &str) -> &OfPolicy {
        for (index, slot) in self.policies.iter().enumerate() {
            let policy = slot.get_or_init(|| OfPolicy::new(index, name));
            if *policy.name == *name {
                return policy;
            }
        }
        self.others.get_or_init(|| OfPolicy::new(MOST_POLICIES, OTHER))
    }

    pub(super) fn count_accepted(&self, facade: &Facade, policy: &OfPolicy, endpoint: Endpoint) {
        count(policy.accepted.get(endpoint as usize), || {
            let outcome = Outcome::Accepted.name();
            facade.counter(&REQUESTS, [endpoint.name().into(), policy.label(), outcome.into(), "".into()])
        });
    }

    pub(super) fn count_refused(&self, facade: &Facade, policy: &OfPolicy, endpoint: Endpoint, kind: &RejectionKind) {
        let (reason, outcome) = (kind.reason(), Outcome::of(kind).name());
        let index = endpoint as usize * Reason::ALL.len() + reason as usize;
        count(policy.refused.get(index), || {
            let values = [endpoint.name().into(), policy.label(), outcome.into(), reason.code().into()];
            facade.counter(&REQUESTS, values)
        });
    }

    /// A request without an assertion was judged by no policy.
    pub(super) fn count_let_pass(&self, facade: &Facade, endpoint: Endpoint) {
        count(self.let_pass.get(endpoint as usize), || {
            let outcome = Outcome::LetPass.name();
            facade.counter(&REQUESTS, [endpoint.name().into(), "".into(), outcome.into(), "".into()])
        });
    }
}

/// Counts one more. There is a slot for each value of each label.
pub(super) fn count(slot: Option<&OnceLock<Counter>>, counter: impl FnOnce() -> Counter) {
    if let Some(slot) = slot {
        slot.get_or_init(counter).increment(1);
    }
}
