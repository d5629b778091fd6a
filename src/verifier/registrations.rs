//! Registrations that a verifier could never accept, found when it is built.

use std::sync::Arc;

use super::Verifier;
use crate::client::Client;
use crate::clock::UnixTime;
use crate::config_error::ConfigError;
use crate::event::{Event, EventSink, Warning};
use crate::jose::algorithm::AlgorithmSet;
use crate::jose::verification_key::VerificationKey;
use crate::policy::{Limits, Policy};
use crate::registry::out_of_reach;
use crate::text::Excerpt;

/// A single client that no policy can accept is a problem of that client. If there is no other, the
/// configuration is wrong.
pub(super) fn check_clients(clients: &[Arc<Client>], policies: &[Policy]) -> Result<(), ConfigError> {
    let (mut allowed, mut registered) = (AlgorithmSet::EMPTY, AlgorithmSet::EMPTY);
    let mut served = clients.is_empty();
    for client in clients {
        let policy = policy_of(client, policies)?;
        allowed = allowed.union(policy.algorithms);
        registered = registered.union(client.algorithms());
        served |= !policy.algorithms.intersection(client.algorithms()).is_empty();
    }
    match served {
        true => Ok(()),
        false => Err(ConfigError::UnmeetableAlgorithms { allowed, registered }),
    }
}

fn policy_of<'p>(client: &Client, policies: &'p [Policy]) -> Result<&'p Policy, ConfigError> {
    let named = |policy: &&Policy| client.policy().is_none_or(|name| policy.name() == name);
    policies.iter().find(named).ok_or_else(|| ConfigError::UnknownPolicy {
        client_id: client.id().to_string(),
        policy: client.policy().unwrap_or_default().to_owned(),
    })
}

/// Reports each client that would be refused for ever, and each key that could never be used.
pub(super) fn warn(verifier: &Verifier, clients: &[Arc<Client>], events: &dyn EventSink) {
    for client in clients {
        for problem in verifier.problems_of(client) {
            let message = format!("client {}: {problem}", Excerpt::new(client.id().as_str()));
            events.record(&Event::Warning(Warning::new("registry", &message)));
        }
    }
}

/// Returns what of a client can never be accepted under these policies and limits, and from now on.
pub(super) fn problems(client: &Client, policies: &[Policy], limits: &Limits, now: Option<UnixTime>) -> Vec<String> {
    let mut problems: Vec<_> =
        out_of_reach(client, limits).map(|found| format!("{}: {}", found.member, found.why)).collect();
    if now.is_some_and(|now| client.has_expired(now)) {
        problems.push("client_secret_expires_at: the secret has expired".to_owned());
    }
    match policy_of(client, policies) {
        Ok(policy) => problems.extend(forbidden(client, policy)),
        Err(_) => {
            let name = Excerpt::new(client.policy().unwrap_or_default());
            problems.push(format!("client_assertion_policy: the verifier has no policy {name}"));
        }
    }
    problems
}

/// Returns the algorithms of a client, or of each of its keys, if the policy allows none of them. A
/// client without any credential was reported by its registry.
fn forbidden(client: &Client, policy: &Policy) -> Vec<String> {
    let (usable, allowed, name) = (client.algorithms(), policy.algorithms, policy.name());
    let allows = |algorithms: AlgorithmSet| algorithms.is_empty() || !algorithms.intersection(allowed).is_empty();
    if !allows(usable) {
        return vec![format!("algorithms: the client can use {usable}, but the policy {name} allows only {allowed}")];
    }
    let keys = client.keys().into_iter().flatten().filter(|key| !allows(key.algorithms()));
    let problem = |key: &VerificationKey| {
        let kid = key.key_id().map_or("without a kid".to_owned(), |kid| Excerpt::new(kid).to_string());
        format!("jwks: the key {kid} is for {}, but the policy {name} allows only {allowed}", key.algorithms())
    };
    keys.map(problem).collect()
}
