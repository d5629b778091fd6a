//! Explanations of requests that no verifier judges.

use super::Explanation;
use super::check::Check;
use super::draft::Draft;
use super::step::Step;
use super::verdict::Verdict;
use crate::clock::UnixTime;
use crate::endpoint::Endpoint;
use crate::rejection::Rejection;

/// Explains a request that the layer does not guard.
pub(crate) fn unguarded(policy: &str, endpoint: Endpoint, at: UnixTime) -> Explanation {
    let step = |check| Step::not_judged(check, "the layer does not guard this path");
    of(Verdict::LetPass, without_choice().map(step), policy, endpoint, at)
}

/// Explains a request for which the layer finds no verifier, with the step that says so.
pub(crate) fn without_verifier(rejection: Rejection, tenant: Step, endpoint: Endpoint, at: UnixTime) -> Draft {
    let later = without_choice().map(|check| Step::not_reached(check, Check::Tenant));
    let steps = std::iter::once(tenant).chain(later);
    Draft::refusing(of(Verdict::from(&rejection), steps, "", endpoint, at), rejection)
}

/// Explains a part of a request, for which the layer would choose a verifier by what was not given.
pub(crate) fn undecided(endpoint: Endpoint, at: UnixTime) -> Explanation {
    let step = |check: &Check| Step::not_judged(*check, "the head of the request decides by which verifier");
    let verdict = Verdict::NotDecided { check: Check::Tenant };
    of(verdict, Check::ALL.iter().map(step), "", endpoint, at)
}

/// The checks of a layer with one verifier.
fn without_choice() -> impl Iterator<Item = Check> {
    Check::ALL.iter().copied().filter(|check| *check != Check::Tenant)
}

fn of(
    verdict: Verdict,
    steps: impl Iterator<Item = Step>,
    policy: &str,
    endpoint: Endpoint,
    at: UnixTime,
) -> Explanation {
    Explanation {
        at,
        claimed_client: None,
        policy: policy.into(),
        endpoint,
        acceptable: None,
        verdict,
        answer: None,
        steps: steps.collect(),
        hints: Vec::new(),
        advice: Vec::new(),
        unjudged: Vec::new(),
    }
}
