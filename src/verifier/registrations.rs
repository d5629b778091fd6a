//! Registrations that a verifier could never accept, found when it is built.

use std::sync::Arc;

use crate::config::ConfigError;
use crate::event::{Event, EventSink, Warning};
use crate::jose::algorithm::AlgorithmSet;
use crate::jose::verification_key::VerificationKey;
use crate::policy::{Limits, Policy};
use crate::registry::{Client, out_of_reach};
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
pub(super) fn warn(clients: &[Arc<Client>], policies: &[Policy], limits: &Limits, events: &dyn EventSink) {
    for client in clients {
        let tell = |member: &str, why: &str| {
            let message = format!("client {}: {member}: {why}", Excerpt::new(client.id().as_str()));
            events.record(&Event::Warning(Warning::new("registry", &message)));
        };
        for found in out_of_reach(client, limits) {
            tell(found.member, &found.why);
        }
        let Ok(policy) = policy_of(client, policies) else { continue };
        let (usable, allowed) = (client.algorithms(), policy.algorithms);
        if usable.intersection(allowed).is_empty() {
            tell("algorithms", &format!("it can use {usable}, but the policy {} allows only {allowed}", policy.name()));
            continue;
        }
        let keys = client.keys().into_iter().flatten();
        for key in keys.filter(|key| key.algorithms().intersection(allowed).is_empty()) {
            tell("jwks", &forbidden(key, policy));
        }
    }
}

fn forbidden(key: &VerificationKey, policy: &Policy) -> String {
    let (usable, allowed) = (key.algorithms(), policy.algorithms);
    let name = key.key_id().map(|kid| format!("the key {}", Excerpt::new(kid)));
    let name = name.unwrap_or_else(|| "a key without a kid".to_owned());
    format!("{name} is for {usable}, but the policy {} allows only {allowed}", policy.name())
}
