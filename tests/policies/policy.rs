//! Policies that contradict themselves, their profile or the server's addresses do not build, and
//! the error names the settings that clash. The nearest limit that does build is tested too.

use std::time::Duration;

use crate::common::{AUDIENCE, ISSUER, fixture};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, AudienceRule, PolicyError};
use tower_client_assertion::{ConfigError, Policy, VerifierBuilder};

const PROFILES: [Policy; 5] =
    [Policy::REDOX, Policy::SMART_BACKEND_SERVICES, Policy::RFC7523, Policy::FAPI2, Policy::OIDC];

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn bare(policy: Policy) -> VerifierBuilder {
    fixture().policy(policy).clients([]).at_no_address().builder()
}

/// With an issuer and a URL. The second policy uses those that the first does not.
fn builder(policy: Policy) -> VerifierBuilder {
    bare(policy).issuer(ISSUER).audience(AUDIENCE).client_policy(Policy::OIDC.with_name("second"))
}

fn error(builder: VerifierBuilder) -> String {
    builder.build().map(|_| "it builds").unwrap_err().to_string()
}

#[test]
fn every_profile_builds_unchanged() {
    for policy in PROFILES {
        let name = policy.name().to_owned();
        assert_eq!(builder(policy).build().unwrap().policies()[0].name(), name);
    }
}

#[test]
fn contradictions_name_both_settings_and_the_fix() {
    let set = AlgorithmSet::of;
    let fapi2 = || Policy::FAPI2;
    let smart = || Policy::SMART_BACKEND_SERVICES;
    let nothing_ends = "an assertion would never expire; require exp and set max_lifetime, or require iat and set \
                        max_age";
    let an_array = "audience rule: the policy fapi2 does not fit its profile: fapi2 requires IssuerString, but it is \
        SoleIssuer; set that through dangerous()";
    let cases: Vec<(Policy, String)> = vec![
        (
            fapi2().allow_client_secret_jwt(),
            "algorithms: the policy fapi2 does not fit its profile: fapi2 does not allow HS256, HS384, HS512; allow \
             fewer, or start from another profile"
                .into(),
        ),
        (
            fapi2().with_algorithms(set(&[Algorithm::HS256])),
            "algorithms: the policy fapi2 does not fit its profile: fapi2 does not allow HS256; allow fewer, or start \
             from another profile"
                .into(),
        ),
        (
            fapi2().with_algorithms(set(&[Algorithm::PS256, Algorithm::RS256])).with_name("ours"),
            "algorithms: the policy ours does not fit its profile: fapi2 does not allow RS256; allow fewer, or start \
             from another profile"
                .into(),
        ),
        (
            fapi2().with_algorithms(set(&[Algorithm::ES384])),
            "algorithms: the policy fapi2 does not fit its profile: fapi2 does not allow ES384; allow fewer, or start \
             from another profile"
                .into(),
        ),
        (
            smart().allow_client_secret_jwt(),
            "algorithms: the policy smart does not fit its profile: smart does not allow HS256, HS384, HS512; allow \
             fewer, or start from another profile"
                .into(),
        ),
        (
            fapi2().with_future_skew(secs(9)),
            "future_skew: the policy fapi2 does not fit its profile: fapi2 requires 10s to 60s, but it is 9s".into(),
        ),
        (
            fapi2().with_future_skew(secs(0)),
            "future_skew: the policy fapi2 does not fit its profile: fapi2 requires 10s to 60s, but it is 0s".into(),
        ),
        (
            fapi2().with_future_skew(secs(61)),
            "future_skew: the policy fapi2 does not fit its profile: fapi2 requires 10s to 60s, but it is 61s".into(),
        ),
        (
            fapi2().dangerous().future_skew(secs(61)),
            "future_skew: the policy fapi2 does not fit its profile: fapi2 requires 10s to 60s, but it is 61s".into(),
        ),
        (
            fapi2().with_expiry_skew(secs(11)),
            "expiry_skew: the policy fapi2 does not fit its profile: 11s is more than the 10s of fapi2; shorten it, \
             or set it through dangerous()"
                .into(),
        ),
        (
            smart().with_future_skew(secs(31)),
            "future_skew: the policy smart does not fit its profile: 31s is more than the 30s of smart; shorten it, \
             or set it through dangerous()"
                .into(),
        ),
        (
            smart().with_algorithms(AlgorithmSet::of(&[Algorithm::ES256])),
            "algorithms: the policy smart does not fit its profile: smart requires at least one of RS384, ES384; \
             allow one of them as well"
                .into(),
        ),
        (
            smart().with_max_lifetime(secs(301)),
            "max_lifetime: the policy smart does not fit its profile: 301s is more than the 300s of smart; shorten \
             it, or set it through dangerous()"
                .into(),
        ),
        (
            fapi2().with_max_lifetime(secs(301)),
            "max_lifetime: the policy fapi2 does not fit its profile: 301s is more than the 300s of fapi2; shorten \
             it, or set it through dangerous()"
                .into(),
        ),
        (
            Policy::RFC7523.with_max_lifetime(secs(3601)),
            "max_lifetime: the policy rfc7523 does not fit its profile: 3601s is more than the 3600s of rfc7523; \
             shorten it, or set it through dangerous()"
                .into(),
        ),
        (
            Policy::OIDC.with_max_lifetime(secs(3601)),
            "max_lifetime: the policy oidc does not fit its profile: 3601s is more than the 3600s of oidc; shorten \
             it, or set it through dangerous()"
                .into(),
        ),
        (
            Policy::REDOX.with_max_age(secs(301)),
            "max_age: the policy redox does not fit its profile: 301s is more than the 300s of redox; shorten it, or \
             set it through dangerous()"
                .into(),
        ),
        (
            Policy::RFC7523.with_key_trials(0),
            "optional_kid and key_trials of the policy rfc7523 contradict each other: without a kid a key must be \
             tried, and no trial is allowed; allow at least one"
                .into(),
        ),
        (
            smart().dangerous().optional_kid().with_key_trials(0),
            "optional_kid and key_trials of the policy smart contradict each other: without a kid a key must be \
             tried, and no trial is allowed; allow at least one"
                .into(),
        ),
        (
            Policy::FAPI2.dangerous().key_trials(0),
            "optional_kid and key_trials of the policy fapi2 contradict each other: without a kid a key must be \
             tried, and no trial is allowed; allow at least one"
                .into(),
        ),
        (
            Policy::FAPI2.with_key_trials(5),
            "key_trials: the policy fapi2 does not fit its profile: 5 is more than the limit of fapi2, which is 4; \
             lower it, or set it through dangerous()"
                .into(),
        ),
        (
            smart().with_key_trials(2),
            "key_trials: the policy smart does not fit its profile: 2 is more than the limit of smart, which is 1; \
             lower it, or set it through dangerous()"
                .into(),
        ),
        (
            Policy::REDOX.with_key_trials(2),
            "key_trials: the policy redox does not fit its profile: 2 is more than the limit of redox, which is 1; \
             lower it, or set it through dangerous()"
                .into(),
        ),
        (
            Policy::RFC7523.dangerous().accept_typ(&["JWT", "at+jwt"]),
            "accept_typ of the policy rfc7523: at+jwt is the type of another kind of JWT and is never accepted; \
             remove it"
                .into(),
        ),
        (
            Policy::REDOX.dangerous().accept_typ(&["Application/DPoP+JWT"]),
            "accept_typ of the policy redox: Application/DPoP+JWT is the type of another kind of JWT and is never \
             accepted; remove it"
                .into(),
        ),
        (
            Policy::OIDC.require_typ().dangerous().accept_typ(&[]),
            "accept_typ and require_typ of the policy oidc contradict each other: a type is required, and none is \
             accepted; accept one, or do not require it"
                .into(),
        ),
        (
            Policy::RFC7523.dangerous().max_lifetime(None),
            format!("max_lifetime and max_age of the policy rfc7523 contradict each other: {nothing_ends}"),
        ),
        (
            Policy::RFC7523.with_max_age(secs(60)).dangerous().max_lifetime(None),
            format!("max_lifetime and max_age of the policy rfc7523 contradict each other: {nothing_ends}"),
        ),
        (
            Policy::RFC7523.dangerous().optional_exp(),
            format!("optional_exp and max_age of the policy rfc7523 contradict each other: {nothing_ends}"),
        ),
        (
            Policy::RFC7523.with_max_age(secs(60)).dangerous().optional_exp(),
            format!("optional_exp and max_age of the policy rfc7523 contradict each other: {nothing_ends}"),
        ),
        (
            Policy::REDOX.dangerous().max_age(None),
            format!("optional_exp and max_age of the policy redox contradict each other: {nothing_ends}"),
        ),
        (
            Policy::REDOX.dangerous().optional_iat(),
            format!("optional_exp and max_age of the policy redox contradict each other: {nothing_ends}"),
        ),
        (Policy::FAPI2.require_sole_issuer(), an_array.to_owned()),
        (Policy::FAPI2.dangerous().audience(AudienceRule::Urls).require_sole_issuer(), an_array.to_owned()),
    ];
    for (policy, sentence) in cases {
        let outcome = builder(policy.clone()).build().unwrap_err();
        let contradicts = matches!(
            outcome,
            ConfigError::Policy(
                PolicyError::Contradiction { .. } | PolicyError::OutsideProfile { .. } | PolicyError::ForeignTyp { .. }
            )
        );
        assert!(contradicts, "{sentence}");
        assert_eq!(error(builder(policy.clone())), sentence);
        // Also as one of several.
        assert_eq!(error(builder(Policy::OIDC.with_name("first")).client_policy(policy)), sentence);
    }
}

#[test]
fn invalid_settings_are_named_with_their_limit() {
    let cases = [
        (
            Policy::RFC7523.with_algorithms(AlgorithmSet::EMPTY),
            "algorithms: the policy rfc7523 allows none; allow at least one",
        ),
        (Policy::RFC7523.with_grant_types(&[]), "grant_types: the policy rfc7523 permits none; permit at least one"),
        (Policy::REDOX.with_key_trials(0), "key_trials: 0 is not allowed; use a positive value (policy redox)"),
        (
            Policy::SMART_BACKEND_SERVICES.with_max_lifetime(secs(0)),
            "max_lifetime: 0 is not allowed; use a positive value (policy smart)",
        ),
        (Policy::RFC7523.with_max_age(secs(0)), "max_age: 0 is not allowed; use a positive value (policy rfc7523)"),
        (
            Policy::RFC7523.with_max_lifetime(Duration::from_millis(1500)),
            "max_lifetime: 1.5s has a fraction of a second; use whole seconds (policy rfc7523)",
        ),
        (
            Policy::OIDC.dangerous().max_lifetime(Some(secs(86_401))),
            "max_lifetime: 86401s is too long; use 86400s or less (policy oidc)",
        ),
        (
            Policy::RFC7523.with_max_age(secs(86_401)),
            "max_age: 86401s is too long; use 86400s or less (policy rfc7523)",
        ),
        (Policy::OIDC.with_future_skew(secs(301)), "future_skew: 301s is too long; use 300s or less (policy oidc)"),
        (Policy::FAPI2.with_expiry_skew(secs(301)), "expiry_skew: 301s is too long; use 300s or less (policy fapi2)"),
        (
            Policy::RFC7523.dangerous().accept_typ(&["application/"]),
            "accept_typ: \"application/\" is not valid; use a media type such as JWT (policy rfc7523)",
        ),
        (
            Policy::RFC7523.dangerous().accept_typ(&["jwt", ""]),
            "accept_typ: \"\" is not valid; use a media type such as JWT (policy rfc7523)",
        ),
        (
            Policy::FAPI2.with_future_skew(Duration::from_millis(10_500)),
            "future_skew: 10.5s has a fraction of a second; use whole seconds (policy fapi2)",
        ),
    ];
    for (policy, sentence) in cases {
        assert_eq!(error(builder(policy)), sentence);
    }
}

#[test]
fn settings_at_their_limits_build() {
    for policy in [
        Policy::FAPI2.with_future_skew(secs(10)),
        Policy::FAPI2.with_future_skew(secs(60)),
        Policy::FAPI2.with_expiry_skew(secs(0)),
        Policy::FAPI2.with_expiry_skew(secs(10)),
        Policy::FAPI2.dangerous().expiry_skew(secs(300)),
        Policy::FAPI2.dangerous().future_skew(secs(60)),
        Policy::REDOX.with_future_skew(secs(10)).with_expiry_skew(secs(10)),
        Policy::FAPI2.with_max_lifetime(secs(300)),
        Policy::FAPI2.dangerous().max_lifetime(Some(secs(301))),
        Policy::FAPI2.with_algorithms(AlgorithmSet::of(&[Algorithm::Ed25519])),
        Policy::SMART_BACKEND_SERVICES.with_max_lifetime(secs(300)),
        Policy::SMART_BACKEND_SERVICES.dangerous().max_lifetime(Some(secs(301))),
        Policy::SMART_BACKEND_SERVICES.with_algorithms(AlgorithmSet::ASYMMETRIC),
        Policy::SMART_BACKEND_SERVICES.with_max_lifetime(secs(1)),
        Policy::RFC7523.with_max_lifetime(secs(3600)),
        Policy::RFC7523.with_future_skew(secs(0)).with_expiry_skew(secs(0)),
        Policy::RFC7523.with_future_skew(secs(30)).with_expiry_skew(secs(30)),
        Policy::RFC7523.dangerous().future_skew(secs(300)).dangerous().expiry_skew(secs(300)),
        Policy::RFC7523.allow_client_secret_jwt(),
        Policy::RFC7523.with_key_trials(1),
        Policy::RFC7523.with_key_trials(4),
        Policy::RFC7523.dangerous().key_trials(5),
        Policy::SMART_BACKEND_SERVICES.with_key_trials(1),
        Policy::SMART_BACKEND_SERVICES.dangerous().key_trials(2),
        Policy::RFC7523.with_max_age(secs(86_400)),
        Policy::RFC7523.dangerous().max_lifetime(Some(secs(86_400))),
        Policy::RFC7523.require_iat().with_max_age(secs(60)).dangerous().optional_exp(),
        Policy::RFC7523.require_iat().with_max_age(secs(60)).dangerous().max_lifetime(None),
        Policy::RFC7523.dangerous().accept_typ(&[]),
        Policy::RFC7523.dangerous().accept_typ(&["at+jwt2", "bat+jwt"]),
        Policy::OIDC.require_issuer_string(),
        Policy::REDOX.with_max_age(secs(300)),
        Policy::REDOX.allow_client_secret_jwt(),
        Policy::REDOX.with_algorithms(AlgorithmSet::of(&Algorithm::ALL)),
        Policy::REDOX.with_grant_types(&["x"]),
    ] {
        let outcome = builder(policy.clone()).build();
        assert!(outcome.is_ok(), "{policy:?}: {}", outcome.unwrap_err());
    }
}

#[test]
fn a_policy_needs_the_addresses_it_accepts() {
    let no_audience = |policy: &str| {
        format!(
            "audience: not set, but the policy {policy} accepts only configured URLs in aud; add .audience(..) with the URL \
             that clients put into aud"
        )
    };
    let no_issuer = |policy: &str, accepts: &str| {
        Some(format!(
            "issuer: not set, but the policy {policy} accepts {accepts} in aud; set .issuer(..) to the issuer \
             identifier of your server"
        ))
    };
    let (only, also) = ("only the issuer", "the issuer");
    let unused = "audience: URLs are set, but no policy accepts any; remove .audience(..), or accept URLs with \
         Policy::dangerous().audience(..)";
    let lax = || Policy::RFC7523.dangerous().audience(AudienceRule::IssuerOrUrls);
    let urls = || Policy::RFC7523.dangerous().audience(AudienceRule::Urls);
    // The policy; the error without addresses, with an issuer, with a URL, and with both.
    let table: Vec<(Policy, [Option<String>; 4])> = vec![
        (Policy::REDOX, [Some(no_audience("redox")), Some(no_audience("redox")), None, None]),
        (Policy::SMART_BACKEND_SERVICES, [Some(no_audience("smart")), Some(no_audience("smart")), None, None]),
        (Policy::RFC7523, [no_issuer("rfc7523", only), None, no_issuer("rfc7523", only), Some(unused.into())]),
        (Policy::FAPI2, [no_issuer("fapi2", only), None, no_issuer("fapi2", only), Some(unused.into())]),
        (Policy::OIDC, [no_issuer("oidc", also), None, no_issuer("oidc", also), None]),
        (
            Policy::OIDC.require_issuer_string(),
            [no_issuer("oidc", only), None, no_issuer("oidc", only), Some(unused.into())],
        ),
        (lax(), [no_issuer("rfc7523", also), None, no_issuer("rfc7523", also), None]),
        // Its clients may ask for the issuer by `typ`.
        (urls(), [no_issuer("rfc7523", also), Some(no_audience("rfc7523")), no_issuer("rfc7523", also), None]),
    ];
    for (policy, expected) in table {
        let builders = [
            bare(policy.clone()),
            bare(policy.clone()).issuer(ISSUER),
            bare(policy.clone()).audience(AUDIENCE),
            bare(policy.clone()).issuer(ISSUER).audience(AUDIENCE),
        ];
        for (column, (builder, expected)) in builders.into_iter().zip(expected).enumerate() {
            let found = builder.build().map(|_| ()).map_err(|error| error.to_string());
            assert_eq!(found.err(), expected, "{}, {column}", policy.name());
        }
    }
}

/// RFC 8414, section 2.
#[test]
fn an_issuer_is_an_https_url_without_query_and_fragment() {
    let cases = [
        ("https://as.example.com", true),
        ("https://as.example.com/", true),
        ("https://as.example.com/tenant/7", true),
        ("https://as.example.com:8443", true),
        ("https://[::1]:8443/a", true),
        ("https://a", true),
        ("http://as.example.com", false),
        ("HTTPS://as.example.com", false),
        ("https:as.example.com", false),
        ("https:/as.example.com", false),
        ("https://", false),
        ("https:///a", false),
        ("https://:8443", false),
        ("https://user@as.example.com", false),
        ("https://as.example.com?", false),
        ("https://as.example.com?x=y", false),
        ("https://as.example.com#", false),
        ("https://as.example.com/#x", false),
        ("https://as.example.com/a b", false),
        ("https://as.example.com\n", false),
        ("https://as.example.com\\@evil.example", false),
        ("https://as.ex\u{e4}mple.com", false),
        ("as.example.com", false),
        ("", false),
    ];
    for (issuer, valid) in cases {
        let found = bare(Policy::RFC7523).issuer(issuer).build().map(|_| ()).map_err(|error| error.to_string());
        let on_localhost = match issuer {
            "http://as.example.com" => ", or dangerous().issuer_without_tls(..) to try a server on localhost",
            _ => "",
        };
        let sentence = format!(
            "issuer: {issuer:?} is not valid; use an https URL without user, query and fragment (RFC 8414, \
             section 2){on_localhost}"
        );
        assert_eq!(found, if valid { Ok(()) } else { Err(sentence) });
        // A server that is tried out may use http, but nothing else that is not an issuer.
        let without_tls = bare(Policy::RFC7523).dangerous().issuer_without_tls(issuer).build();
        assert_eq!(without_tls.is_ok(), valid || issuer == "http://as.example.com", "{issuer}");
    }
}

#[test]
fn allowing_http_applies_to_one_issuer_only() {
    let builder = bare(Policy::RFC7523).dangerous().issuer_without_tls("http://127.0.0.1:1");
    assert!(builder.issuer("http://as.example.com").build().is_err());
    let builder = bare(Policy::RFC7523).dangerous().issuer_without_tls("http://127.0.0.1:1");
    assert!(builder.issuer(ISSUER).build().is_ok());
    assert!(bare(Policy::RFC7523).issuer(ISSUER).dangerous().issuer_without_tls("http://127.0.0.1:1").build().is_ok());
}

#[test]
fn an_audience_is_printable_ascii_without_spaces() {
    for (audience, valid) in
        [("x", true), ("urn:x", true), ("", false), ("https://a b", false), ("https://\u{e4}", false)]
    {
        let found = bare(Policy::REDOX).audience(AUDIENCE).audience(audience).build();
        assert_eq!(found.is_ok(), valid, "{audience:?}");
    }
}

#[test]
fn policy_names_are_unique_and_their_number_is_bounded() {
    let sentence = "client_policy: two policies have the name \"rfc7523\"; give each a different name";
    assert_eq!(error(bare(Policy::RFC7523).issuer(ISSUER).client_policy(Policy::RFC7523.require_jti())), sentence);
    let both = bare(Policy::RFC7523.with_name("a")).issuer(ISSUER).client_policy(Policy::OIDC.with_name("b"));
    assert_eq!(
        error(both.client_policy(Policy::FAPI2.with_name("b"))),
        "client_policy: two policies have the name \"b\"; give each a different name"
    );

    const NAMES: [&str; 16] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"];
    let with = |count: usize| {
        let first = bare(Policy::RFC7523.with_name("first")).issuer(ISSUER);
        NAMES[..count].iter().fold(first, |builder, name| builder.client_policy(Policy::RFC7523.with_name(name)))
    };
    assert_eq!(with(14).build().unwrap().policies().len(), 15);
    assert_eq!(with(15).build().unwrap().policies().len(), 16);
    assert_eq!(error(with(16)), "client_policy: 16 is too large; use 15 or less");
}
