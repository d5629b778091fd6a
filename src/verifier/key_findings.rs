//! The findings about what the client registered: its algorithms, the URL of its keys, and its
//! keys.

use super::assertion::Header;
use super::refusal::Evidence;
use crate::client::Client;
use crate::event::{Excerpt, Finding, Received};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::keys::{KeySet, SkippedKey, VerificationKey};
use crate::rejection::ClientFault;

/// The most keys that a finding names.
const MOST_NAMED: usize = 8;

/// What was expected, and what was received.
type Words = (String, String);

/// Returns the finding about an assertion with this header, as judged by `evidence`.
pub(crate) fn key_finding(
    fault: &ClientFault,
    evidence: &Evidence,
    header: &Header<'_>,
    algorithm: Algorithm,
) -> Option<Finding<'static>> {
    use ClientFault as F;
    let client = &*evidence.client;
    let (expected, received) = match fault {
        F::NoKey | F::WeakKey | F::AmbiguousKey | F::KidNeeded => match evidence.keys.as_deref().or(client.keys()) {
            Some(keys) => about_keys(keys, header.kid.text(), algorithm),
            None => about_secret(client, algorithm),
        },
        F::AlgorithmNotRegistered | F::MethodNotRegistered => (names(client.algorithms()), algorithm.name().to_owned()),
        F::JkuMismatch => about_jku(client, header.jku.text()),
        _ => return None,
    };
    Some(Finding::new(fault.clone(), expected, Received::described(received)))
}

/// Says why `keys` have no key, or too many, for an assertion.
fn about_keys(keys: &KeySet, kid: Option<&str>, algorithm: Algorithm) -> Words {
    let Some(kid) = kid else { return about_unnamed(keys, algorithm) };
    let named = |key: &&VerificationKey| key.key_id() == Some(kid);
    let fitting = keys.iter().filter(named).filter(|key| key.algorithms().contains(algorithm)).count();
    let algorithms = keys.iter().filter(named).fold(AlgorithmSet::EMPTY, |all, key| all.union(key.algorithms()));
    let skipped: Vec<_> = keys.skipped().iter().filter(|key| key.key_id() == Some(kid)).collect();
    let kid = Excerpt::new(kid);
    if fitting > 1 {
        (format!("one key with the kid {kid} for {algorithm}"), format!("{fitting} keys"))
    } else if !algorithms.is_empty() {
        (format!("{}, for which the kid {kid} is registered", names(algorithms)), algorithm.name().to_owned())
    } else if !skipped.is_empty() {
        (format!("a usable key with the kid {kid}"), reasons(skipped.into_iter()))
    } else if keys.is_empty() {
        (format!("a usable key with the kid {kid}"), reasons(keys.skipped().iter()))
    } else {
        (
            kids(keys).unwrap_or_else(|| "no kid, because the client's keys have none".to_owned()),
            format!("the kid {kid}"),
        )
    }
}

fn about_unnamed(keys: &KeySet, algorithm: Algorithm) -> Words {
    let fitting = keys.iter().filter(|key| key.algorithms().contains(algorithm)).count();
    match fitting {
        0 if keys.is_empty() => ("a usable key".to_owned(), reasons(keys.skipped().iter())),
        0 => (format!("{}, for which the client has keys", names(keys.algorithms())), algorithm.name().to_owned()),
        several => match kids(keys) {
            Some(kids) => (kids, "no kid".to_owned()),
            None => (format!("one key for {algorithm}"), format!("{several} keys without a kid")),
        },
    }
}

fn about_secret(client: &Client, algorithm: Algorithm) -> Words {
    match client.algorithms() {
        none if none.is_empty() => ("a registered key or secret".to_owned(), "none".to_owned()),
        served if served.contains(algorithm) => ("a secret that is in force".to_owned(), "an expired one".to_owned()),
        served => (names(served), algorithm.name().to_owned()),
    }
}

fn about_jku(client: &Client, jku: Option<&str>) -> Words {
    let shown = |url: &str| Excerpt::new(&without_secrets(url)).to_string();
    let registered = client.key_source().map_or_else(|| "no jku".to_owned(), |source| shown(source.url().as_str()));
    match jku.map(shown) {
        None => (registered, "a value that is not a string".to_owned()),
        Some(same) if same == registered => (registered, "the same with another user, query or end".to_owned()),
        Some(other) => (registered, other),
    }
}

/// Returns scheme, host and path of a URL. Its query may hold a secret, and so may its user
/// information (RFC 3986, section 3.2.1).
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    // Without a scheme and its slashes, it is not known where the host ends.
    let host_end = if scheme.is_empty() { rest.len() } else { rest.find(['/', '\\']).unwrap_or(rest.len()) };
    let (host, path) = rest.split_at_checked(host_end).unwrap_or((rest, ""));
    let host = host.rsplit('@').next().unwrap_or_default();
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{host}{path}")
}

fn names(algorithms: AlgorithmSet) -> String {
    algorithms.iter().map(Algorithm::name).collect::<Vec<_>>().join(" or ")
}

/// Names the `kid`s that exist, if there are any.
fn kids(keys: &KeySet) -> Option<String> {
    let mut kids: Vec<&str> = keys.iter().filter_map(VerificationKey::key_id).collect();
    kids.dedup();
    if kids.is_empty() {
        return None;
    }
    let named = kids.iter().take(MOST_NAMED).map(|kid| Excerpt::new(kid).to_string()).collect::<Vec<_>>().join(", ");
    Some(match kids.len().saturating_sub(MOST_NAMED) {
        0 => format!("a kid among {named}"),
        more => format!("a kid among {named} and {more} more"),
    })
}

/// Says why there is no usable key.
fn reasons<'k>(skipped: impl ExactSizeIterator<Item = &'k SkippedKey>) -> String {
    let more = skipped.len().saturating_sub(MOST_NAMED);
    let reasons: Vec<_> = skipped.take(MOST_NAMED).map(ToString::to_string).collect();
    match (reasons.is_empty(), more) {
        (true, _) => String::from("a key set without keys"),
        (false, 0) => format!("none: {}", reasons.join("; ")),
        (false, more) => format!("none: {}; and {more} more are skipped", reasons.join("; ")),
    }
}
