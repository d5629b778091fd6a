//! The rules about the key sets that clients publish at a URL.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
#[cfg(feature = "jwks-client")]
use tower_client_assertion::jwks::HyperFetch;
use tower_client_assertion::jwks::{
    AddressGuard, FetchError, FetchFact, JwksFetch, JwksRequest, KeySetCache, KeySetCacheBuilder,
};
use tower_client_assertion::posture::{Baseline, Posture, Standing};
use tower_client_assertion::registry::{Client, FileRegistry};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{Policy, Verifier};

use crate::common::{AUDIENCE, ISSUER, TempFile};
use crate::{Document, by, key_set_cache, published, sound, standing};

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

/// What a fetcher does not tell about itself is not judged, also behind a lax guard.
#[test]
fn a_fetcher_is_judged_by_what_it_tells() {
    use FetchFact::{ConfiguredTls, Guarded, Verified};
    use Standing::{Meets, NotJudged, Weaker};
    let strict = AddressGuard::default;
    let lax = || strict().allow_http().allow_range("10.0.0.0/8").unwrap();
    type Case = (Vec<FetchFact>, AddressGuard, &'static [Standing], &'static [Standing]);
    let cases: [Case; 7] = [
        (vec![Guarded, Verified], strict(), &[Meets], &[Meets]),
        (vec![Guarded, ConfiguredTls], strict(), &[NotJudged], &[Meets]),
        (vec![Guarded, Verified, ConfiguredTls], strict(), &[NotJudged], &[Meets]),
        (vec![Verified], strict(), &[Meets], &[NotJudged]),
        (vec![], strict(), &[NotJudged], &[NotJudged]),
        (vec![], lax(), &[Weaker, NotJudged], &[Weaker, NotJudged]),
        (vec![Guarded, Verified], lax(), &[Weaker], &[Weaker]),
    ];
    for (facts, guard, https, addresses) in cases {
        // Also behind an `Arc`, which must pass on what it wraps.
        let fetch = Arc::new(Document(Bytes::new(), facts.clone()));
        let cache = KeySetCache::builder(fetch).guard(guard).build().unwrap();
        let posture = sound(Policy::FAPI2, [published("a", &cache)]).build().unwrap().posture(&Baseline::FAPI2);
        let standings = |rule| by(&posture, rule).iter().map(|finding| finding.standing()).collect::<Vec<_>>();
        assert_eq!((&standings("K01")[..], &standings("K02")[..]), (https, addresses), "{facts:?}");
    }
    let closure = |_: JwksRequest| async { Err::<Response<String>, _>(FetchError::Timeout) };
    assert_eq!(JwksFetch::about(&closure), []);
}

#[cfg(feature = "jwks-client")]
#[test]
fn the_fetcher_of_this_crate_tells_whose_tls_it_uses() {
    use FetchFact::{ConfiguredTls, Guarded, Verified};
    assert_eq!(HyperFetch::with_webpki_roots().about(), [Guarded, Verified]);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    assert_eq!(HyperFetch::with_tls_config(config).about(), [Guarded, ConfiguredTls]);
}

const RULES: [&str; 4] = ["K01", "K02", "K03", "K04"];

#[test]
fn without_published_keys_nothing_is_said_about_them() {
    let posture = sound(Policy::FAPI2, []).build().unwrap().posture(&Baseline::FAPI2);
    for rule in RULES {
        assert!(by(&posture, rule).is_empty(), "{rule}");
    }
}

/// Clients with a URL may exist or come later, and their cache is not known.
#[test]
fn key_sets_of_unknown_clients_are_not_judged() {
    let verifier = |policy| {
        let registry = FileRegistry::load(TempFile::new("[]").path()).unwrap();
        Verifier::builder(policy, registry, MemoryReplay::new(1000).unwrap())
    };
    for (builder, judged) in [
        (verifier(Policy::FAPI2).issuer(ISSUER), &RULES[..3]),
        (verifier(Policy::SMART_BACKEND_SERVICES).audience(AUDIENCE), &RULES[..]),
    ] {
        let verifier = builder.build().unwrap();
        let (unlisted, none) = (verifier.posture(&Baseline::FAPI2), verifier.posture_with(&Baseline::FAPI2, []));
        for (posture, value) in
            [(unlisted, "the registry does not list its clients"), (none, "no client has a URL yet")]
        {
            for rule in RULES {
                let found: Vec<_> = by(&posture, rule).iter().map(|it| (it.standing(), it.value())).collect();
                let expected = judged.contains(&rule).then_some((Standing::NotJudged, value));
                assert_eq!(found, Vec::from_iter(expected), "{rule}");
            }
            assert!(by(&posture, "K01")[0].advice().unwrap().contains("posture_with"), "{posture}");
        }
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
