//! How the members of both tables of a policy are applied.

use super::path::Path;
use super::value::{AlgorithmName, Flag};
use crate::jose::algorithm::AlgorithmSet;
use crate::policy::Policy;

/// A member that is `true` or `false`: its name, what was given, what `true` does, and whether a
/// policy is so.
pub(super) type Switch = (&'static str, Option<Flag>, fn(Policy) -> Policy, fn(&Policy) -> bool);

/// Applies what is `true`.
pub(super) fn switched(policy: Policy, switches: &[Switch]) -> Policy {
    let on = switches.iter().filter(|(_, given, ..)| given.is_some_and(|Flag(on)| on));
    on.fold(policy, |policy, (_, _, set, _)| set(policy))
}

/// Refuses `false` for what the policy is: it would change nothing, and read as if it did.
pub(super) fn wrong_off(path: Path<'_>, policy: &Policy, switches: &[Switch]) -> Result<(), String> {
    let wrong = switches.iter().find(|(_, given, _, is)| given.is_some_and(|Flag(on)| !on) && is(policy));
    let Some((name, ..)) = wrong else { return Ok(()) };
    let profile = policy.profile();
    let narrower = match name.strip_prefix("optional_") {
        Some(claim) => format!("set require_{claim} = true in the table of the policy"),
        None => "start from another profile".to_owned(),
    };
    Err(path.member(name).problem(format_args!(
        "false is not valid, because it is so in the profile {profile}; remove it, or {narrower}"
    )))
}

/// Applies what was given.
pub(super) fn or<T>(policy: Policy, given: Option<T>, set: impl FnOnce(Policy, T) -> Policy) -> Policy {
    match given {
        Some(given) => set(policy, given),
        None => policy,
    }
}

pub(super) fn set_of(names: &[AlgorithmName]) -> AlgorithmSet {
    names.iter().map(|AlgorithmName(name)| *name).collect()
}
