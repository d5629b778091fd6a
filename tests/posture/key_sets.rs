//! The rules about the key sets that clients publish at a URL.

use std::time::Duration;

use tower_client_assertion::Policy;
use tower_client_assertion::jwks::{AddressGuard, KeySetCacheBuilder};
use tower_client_assertion::posture::{Baseline, Posture, Standing};
use tower_client_assertion::registry::Client;

use crate::{by, key_set_cache, published, sound, standing};

fn judged(policy: Policy, set: impl Fn(KeySetCacheBuilder) -> KeySetCacheBuilder) -> Posture {
    let cache = set(key_set_cache(&[])).build().unwrap();
    sound(policy, [published("clinic-7", &cache)]).build().unwrap().posture(&Baseline::FAPI2)
}

fn guarded(guard: AddressGuard) -> Posture {
    judged(Policy::FAPI2, |builder| builder.guard(guard.clone()))
}

fn stale_for(secs: u64) -> Posture {
    judged(Policy::FAPI2, |builder| builder.stale_for(Duration::from_secs(secs)))
}

#[test]
fn each_rule_about_key_sets_is_met_and_not_met() {
    use Standing::{Meets, Weaker};
    let (guard, day, smart) = (AddressGuard::default, 24 * 60 * 60, Policy::SMART_BACKEND_SERVICES);
    let cases: Vec<(&str, Posture, Option<Standing>, &[&str])> = vec![
        ("K01", guarded(guard()), Some(Meets), &["https alone"]),
        ("K01", guarded(guard().allow_http()), Some(Weaker), &["every host"]),
        (
            "K01",
            guarded(guard().allow_http_for("a.example").unwrap().allow_http_for("10.0.0.1").unwrap()),
            Some(Weaker),
            &["a.example", "10.0.0.1"],
        ),
        ("K02", guarded(guard()), Some(Meets), &["public addresses alone"]),
        (
            "K02",
            guarded(guard().allow_host("A.example").unwrap().allow_range("fd12::/32").unwrap()),
            Some(Weaker),
            &["a.example", "fd12::/32"],
        ),
        ("K03", stale_for(day), Some(Meets), &["86400 s"]),
        ("K03", stale_for(day + 1), Some(Weaker), &["86401 s"]),
        ("K04", judged(Policy::FAPI2, |builder| builder), None, &[]),
        (
            "K04",
            judged(smart.clone(), |builder| builder),
            Some(Weaker),
            &["for at least 60 s, and 3600 s when they are stale"],
        ),
        ("K04", judged(smart.clone(), KeySetCacheBuilder::smart), Some(Meets), &["as long as declared"]),
        (
            "K04",
            judged(smart, |builder| builder.smart().stale_for(Duration::from_secs(1))),
            Some(Weaker),
            &["for at least 0 s, and 1 s when they are stale"],
        ),
    ];
    for (rule, posture, expected, values) in cases {
        let found: Vec<_> = by(&posture, rule).iter().map(|finding| finding.value()).collect();
        assert_eq!((standing(&posture, rule), &found[..]), (expected, values), "{rule}");
    }
}

#[test]
fn each_cache_is_judged_once() {
    let caches = [0, 1].map(|secs| key_set_cache(&[]).stale_for(Duration::from_secs(secs)).build().unwrap());
    let clients = ["a", "b", "c"].iter().zip([&caches[0], &caches[1], &caches[0]]);
    let clients: Vec<Client> = clients.map(|(id, cache)| published(id, cache)).collect();
    let posture = sound(Policy::FAPI2, clients).build().unwrap().posture(&Baseline::FAPI2);
    let mut values: Vec<_> = by(&posture, "K03").iter().map(|finding| finding.value()).collect();
    values.sort_unstable();
    assert_eq!(values, ["0 s", "1 s"]);
}

#[test]
fn without_published_keys_nothing_is_said_about_them() {
    let posture = sound(Policy::FAPI2, []).build().unwrap().posture(&Baseline::FAPI2);
    for rule in ["K01", "K02", "K03", "K04"] {
        assert!(by(&posture, rule).is_empty(), "{rule}");
    }
}

#[test]
fn a_smart_client_of_a_second_policy_is_judged_by_it() {
    let cache = key_set_cache(&[]).build().unwrap();
    let client = |policy: Option<&str>| match policy {
        Some(name) => published("clinic-7", &cache).with_policy(name),
        None => published("clinic-7", &cache),
    };
    for (policy, expected) in [(None, None), (Some("smart"), Some(Standing::Weaker))] {
        let builder = sound(Policy::FAPI2, [client(policy)]).client_policy(Policy::SMART_BACKEND_SERVICES);
        let verifier = builder.audience(crate::AUDIENCE).build().unwrap();
        assert_eq!(standing(&verifier.posture(&Baseline::FAPI2), "K04"), expected, "{policy:?}");
    }
}
