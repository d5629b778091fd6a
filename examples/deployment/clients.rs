//! The clients of a server: a file of metadata, and the key sets at their URLs.

use tower_client_assertion::Policy;
use tower_client_assertion::jwks::{
    AddressError, AddressGuard, HyperFetch, JwksFetch, KeySetCache, KeySetCacheBuilder,
};
use tower_client_assertion::registry::FileRegistry;

/// Key sets come from public addresses over TLS, unless the server and its clients are tried out on
/// one machine.
pub(crate) fn guard(allow_http: bool) -> Result<AddressGuard, AddressError> {
    match allow_http {
        true => AddressGuard::default().allow_http().allow_range("127.0.0.0/8")?.allow_range("::1"),
        false => Ok(AddressGuard::default()),
    }
}

/// A container may have no roots of the platform.
pub(crate) fn fetch() -> HyperFetch {
    HyperFetch::with_platform_roots().unwrap_or_else(|_| HyperFetch::with_webpki_roots())
}

/// Keeps key sets as the policy asks for.
pub(crate) fn key_sets(fetch: impl JwksFetch, guard: AddressGuard, policy: &Policy) -> KeySetCacheBuilder {
    let builder = KeySetCache::builder(fetch).guard(guard);
    if policy.name() == "smart" { builder.smart() } else { builder }
}

/// Describes what is wrong with clients, with the id of each. One bad registration does not keep
/// the other clients out. The first policy is that of the clients that name none.
pub(crate) fn unusable(registry: &FileRegistry, policies: &[Policy]) -> Vec<(Option<String>, String)> {
    let problems = registry.problems();
    let lines = problems.iter().map(|problem| (problem.client_id().map(str::to_owned), problem.to_string()));
    let mut lines: Vec<_> = lines.collect();
    for client in registry.clients() {
        let (id, usable) = (client.id(), client.algorithms());
        let policy = match client.policy() {
            Some(name) => policies.iter().find(|policy| policy.name() == name),
            None => policies.first(),
        };
        let named = policy.or(policies.first());
        let foreign = named.filter(|policy| !usable.is_empty() && usable.intersection(policy.algorithms()).is_empty());
        // A client without any algorithm is among the problems above.
        if let Some(policy) = foreign {
            let (profile, allowed) = (policy.name(), policy.algorithms());
            let line = format!("client {id:?}: it can use {usable}, but the profile {profile} allows only {allowed}");
            lines.push((Some(id.to_string()), line));
        }
        if let (Some(name), None) = (client.policy(), policy) {
            let expected = match policies {
                [only] => format!("{:?}, the only policy here", only.name()),
                all => all.iter().map(|policy| format!("{:?}", policy.name())).collect::<Vec<_>>().join(" or "),
            };
            let line = format!("client {id:?}: client_assertion_policy: {name:?}: expected {expected}");
            lines.push((Some(id.to_string()), line));
        }
    }
    lines
}
