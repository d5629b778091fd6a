//! Policies that contradict themselves, their profile or who we are: none builds, and the sentence names the settings that
//! clash. Beside each, the boundary that does build.

use std::time::Duration;

use crate::common::{AUDIENCE, ISSUER, fixture};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, AudienceRule};
use tower_client_assertion::{ConfigError, Policy, VerifierBuilder};

const PROFILES: [Policy; 5] =
    [Policy::REDOX, Policy::SMART_BACKEND_SERVICES, Policy::RFC7523, Policy::FAPI2, Policy::OIDC];

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn bare(policy: Policy) -> VerifierBuilder {
    fixture().policy(policy).clients([]).at_no_address().builder()
}

/// With an issuer, and with a URL; a second policy has a use for what the first has none for.
fn builder(policy: Policy) -> VerifierBuilder {
    bare(policy).issuer(ISSUER).audience(AUDIENCE).client_policy(Policy::OIDC.named("second"))
}

fn error(builder: VerifierBuilder) -> String {
    builder.build().map(|_| "it builds").unwrap_err().to_string()
}

#[test]
fn each_profile_builds_as_it_is() {
    for policy in PROFILES {
        let name = policy.name();
        assert_eq!(builder(policy).build().unwrap().policies()[0].name(), name);
    }
}

#[test]
fn a_contradiction_names_the_two_settings_and_the_mend() {
    let set = AlgorithmSet::of;
    let fapi2 = || Policy::FAPI2;
    let smart = || Policy::SMART_BACKEND_SERVICES;
    let nothing_ends = "nothing would end an assertion; require exp and bound its max_lifetime, or require iat and bound its \
                        max_age";
    let cases: Vec<(Policy, String)> = vec![
        (
            fapi2().client_secret_jwt(),
            "algorithms and profile of the policy fapi2 contradict each other: fapi2 does not have HS256, HS384, HS512; \
             leave it out, or take another profile"
                .into(),
        ),
        (
            fapi2().algorithms(set(&[Algorithm::HS256])),
            "algorithms and profile of the policy fapi2 contradict each other: fapi2 does not have HS256; leave it out, or \
             take another profile"
                .into(),
        ),
        (
            fapi2().algorithms(set(&[Algorithm::PS256, Algorithm::RS256])).named("ours"),
            "algorithms and profile of the policy ours contradict each other: fapi2 does not have RS256; leave it out, or \
             take another profile"
                .into(),
        ),
        (
            fapi2().algorithms(set(&[Algorithm::ES384])),
            "algorithms and profile of the policy fapi2 contradict each other: fapi2 does not have ES384; leave it out, or \
             take another profile"
                .into(),
        ),
        (
            smart().client_secret_jwt(),
            "algorithms and profile of the policy smart contradict each other: smart does not have HS256, HS384, HS512; \
             leave it out, or take another profile"
                .into(),
        ),
        (
            fapi2().future_skew(secs(9)),
            "future_skew and profile of the policy fapi2 contradict each other: the skew is 9 s, and fapi2 asks for 10 s to \
             60 s"
                .into(),
        ),
        (
            fapi2().future_skew(secs(0)),
            "future_skew and profile of the policy fapi2 contradict each other: the skew is 0 s, and fapi2 asks for 10 s to \
             60 s"
                .into(),
        ),
        (
            fapi2().future_skew(secs(61)),
            "future_skew and profile of the policy fapi2 contradict each other: the skew is 61 s, and fapi2 asks for 10 s \
             to 60 s"
                .into(),
        ),
        (
            fapi2().dangerous().future_skew(secs(61)),
            "future_skew and profile of the policy fapi2 contradict each other: the skew is 61 s, and fapi2 asks for 10 s \
             to 60 s"
                .into(),
        ),
        (
            fapi2().expiry_skew(secs(11)),
            "expiry_skew and profile of the policy fapi2 contradict each other: 11 s is more than the 10 s of fapi2; \
             shorten it, or set it through dangerous()"
                .into(),
        ),
        (
            smart().future_skew(secs(31)),
            "future_skew and profile of the policy smart contradict each other: 31 s is more than the 30 s of smart; \
             shorten it, or set it through dangerous()"
                .into(),
        ),
        (
            smart().algorithms(AlgorithmSet::of(&[Algorithm::ES256])),
            "algorithms and profile of the policy smart contradict each other: smart asks for at least one of RS384, ES384; \
             allow one of these too"
                .into(),
        ),
        (
            smart().max_lifetime(secs(301)),
            "max_lifetime and profile of the policy smart contradict each other: 301 s is more than the 300 s of smart; \
             shorten it, or set it through dangerous()"
                .into(),
        ),
        (
            fapi2().max_lifetime(secs(301)),
            "max_lifetime and profile of the policy fapi2 contradict each other: 301 s is more than the 300 s of fapi2; \
             shorten it, or set it through dangerous()"
                .into(),
        ),
        (
            Policy::RFC7523.max_lifetime(secs(3601)),
            "max_lifetime and profile of the policy rfc7523 contradict each other: 3601 s is more than the 3600 s of \
             rfc7523; shorten it, or set it through dangerous()"
                .into(),
        ),
        (
            Policy::OIDC.max_lifetime(secs(3601)),
            "max_lifetime and profile of the policy oidc contradict each other: 3601 s is more than the 3600 s of oidc; \
             shorten it, or set it through dangerous()"
                .into(),
        ),
        (
            Policy::REDOX.max_age(secs(301)),
            "max_age and profile of the policy redox contradict each other: 301 s is more than the 300 s of redox; shorten \
             it, or set it through dangerous()"
                .into(),
        ),
        (
            Policy::RFC7523.key_trials(0),
            "optional_kid and key_trials of the policy rfc7523 contradict each other: without a kid a key must be tried, \
             and none may be; allow at least one trial"
                .into(),
        ),
        (
            smart().dangerous().optional_kid().key_trials(0),
            "optional_kid and key_trials of the policy smart contradict each other: without a kid a key must be tried, and \
             none may be; allow at least one trial"
                .into(),
        ),
        (
            Policy::FAPI2.dangerous().key_trials(0),
            "optional_kid and key_trials of the policy fapi2 contradict each other: without a kid a key must be tried, and \
             none may be; allow at least one trial"
                .into(),
        ),
        (
            Policy::FAPI2.key_trials(5),
            "key_trials and profile of the policy fapi2 contradict each other: 5 is more than the 4 of fapi2; set it through \
             dangerous()"
                .into(),
        ),
        (
            smart().key_trials(2),
            "key_trials and profile of the policy smart contradict each other: 2 is more than the 1 of smart; set it through \
             dangerous()"
                .into(),
        ),
        (
            Policy::REDOX.key_trials(2),
            "key_trials and profile of the policy redox contradict each other: 2 is more than the 1 of redox; set it through \
             dangerous()"
                .into(),
        ),
        (
            Policy::RFC7523.dangerous().accept_typ(&["JWT", "at+jwt"]),
            "accept_typ and profile of the policy rfc7523 contradict each other: at+jwt is the type of another kind of JWT, \
             which must never pass for an assertion"
                .into(),
        ),
        (
            Policy::REDOX.dangerous().accept_typ(&["Application/DPoP+JWT"]),
            "accept_typ and profile of the policy redox contradict each other: Application/DPoP+JWT is the type of another \
             kind of JWT, which must never pass for an assertion"
                .into(),
        ),
        (
            Policy::OIDC.require_typ().dangerous().accept_typ(&[]),
            "accept_typ and require_typ of the policy oidc contradict each other: a type is required, and none is accepted"
                .into(),
        ),
        (
            Policy::RFC7523.dangerous().max_lifetime(None),
            format!("max_lifetime and max_age of the policy rfc7523 contradict each other: {nothing_ends}"),
        ),
        (
            Policy::RFC7523.max_age(secs(60)).dangerous().max_lifetime(None),
            format!("max_lifetime and max_age of the policy rfc7523 contradict each other: {nothing_ends}"),
        ),
        (
            Policy::RFC7523.dangerous().optional_exp(),
            format!("optional_exp and max_age of the policy rfc7523 contradict each other: {nothing_ends}"),
        ),
        (
            Policy::RFC7523.max_age(secs(60)).dangerous().optional_exp(),
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
    ];
    for (policy, sentence) in cases {
        let outcome = builder(policy.clone()).build();
        assert!(matches!(outcome, Err(ConfigError::Contradiction { .. })), "{sentence}");
        assert_eq!(error(builder(policy.clone())), sentence);
        // As one of several, too.
        assert_eq!(error(builder(Policy::OIDC.named("first")).client_policy(policy)), sentence);
    }
}

#[test]
fn a_setting_that_makes_no_sense_by_itself_is_named() {
    let cases = [
        (Policy::RFC7523.algorithms(AlgorithmSet::EMPTY), "algorithms: the policy allows none; allow at least one"),
        (Policy::RFC7523.grant_types(&[]), "grant_types: the policy permits none; permit at least one"),
        (Policy::REDOX.key_trials(0), "key_trials: it is zero, so nothing could pass; give a positive value"),
        (
            Policy::SMART_BACKEND_SERVICES.max_lifetime(secs(0)),
            "max_lifetime (seconds): it is zero, so nothing could pass; give a positive value",
        ),
        (
            Policy::RFC7523.max_age(secs(0)),
            "max_age (seconds): it is zero, so nothing could pass; give a positive value",
        ),
        (
            Policy::RFC7523.max_lifetime(Duration::from_millis(1500)),
            "max_lifetime (seconds): it has a fraction of a second; give whole seconds",
        ),
        (
            Policy::OIDC.dangerous().max_lifetime(Some(secs(86_401))),
            "max_lifetime (seconds): it is over 86400; give 86400 or less",
        ),
        (Policy::RFC7523.max_age(secs(86_401)), "max_age (seconds): it is over 86400; give 86400 or less"),
        (Policy::OIDC.future_skew(secs(301)), "future_skew: it is over 300 s; give 300 s or less"),
        (Policy::FAPI2.expiry_skew(secs(301)), "expiry_skew: it is over 300 s; give 300 s or less"),
        (
            Policy::RFC7523.dangerous().accept_typ(&["application/"]),
            "accept_typ: it is empty or has a character that RFC 6749 does not allow; use printable ASCII without quotation \
             marks and backslashes, and in a URI without spaces",
        ),
        (
            Policy::RFC7523.dangerous().accept_typ(&["jwt", ""]),
            "accept_typ: it is empty or has a character that RFC 6749 does not allow; use printable ASCII without quotation \
             marks and backslashes, and in a URI without spaces",
        ),
        (
            Policy::FAPI2.future_skew(Duration::from_millis(10_500)),
            "future_skew: it has a fraction of a second; give whole seconds",
        ),
    ];
    for (policy, sentence) in cases {
        assert_eq!(error(builder(policy)), sentence);
    }
}

#[test]
fn the_boundaries_build() {
    for policy in [
        Policy::FAPI2.future_skew(secs(10)),
        Policy::FAPI2.future_skew(secs(60)),
        Policy::FAPI2.expiry_skew(secs(0)),
        Policy::FAPI2.expiry_skew(secs(10)),
        Policy::FAPI2.dangerous().expiry_skew(secs(300)),
        Policy::FAPI2.dangerous().future_skew(secs(60)),
        Policy::REDOX.future_skew(secs(10)).expiry_skew(secs(10)),
        Policy::FAPI2.max_lifetime(secs(300)),
        Policy::FAPI2.dangerous().max_lifetime(Some(secs(301))),
        Policy::FAPI2.algorithms(AlgorithmSet::of(&[Algorithm::Ed25519])),
        Policy::SMART_BACKEND_SERVICES.max_lifetime(secs(300)),
        Policy::SMART_BACKEND_SERVICES.dangerous().max_lifetime(Some(secs(301))),
        Policy::SMART_BACKEND_SERVICES.algorithms(AlgorithmSet::ASYMMETRIC),
        Policy::SMART_BACKEND_SERVICES.max_lifetime(secs(1)),
        Policy::RFC7523.max_lifetime(secs(3600)),
        Policy::RFC7523.future_skew(secs(0)).expiry_skew(secs(0)),
        Policy::RFC7523.future_skew(secs(30)).expiry_skew(secs(30)),
        Policy::RFC7523.dangerous().future_skew(secs(300)).dangerous().expiry_skew(secs(300)),
        Policy::RFC7523.client_secret_jwt(),
        Policy::RFC7523.key_trials(1),
        Policy::RFC7523.key_trials(4),
        Policy::RFC7523.dangerous().key_trials(5),
        Policy::SMART_BACKEND_SERVICES.key_trials(1),
        Policy::SMART_BACKEND_SERVICES.dangerous().key_trials(2),
        Policy::RFC7523.max_age(secs(86_400)),
        Policy::RFC7523.dangerous().max_lifetime(Some(secs(86_400))),
        Policy::RFC7523.require_iat().max_age(secs(60)).dangerous().optional_exp(),
        Policy::RFC7523.require_iat().max_age(secs(60)).dangerous().max_lifetime(None),
        Policy::RFC7523.dangerous().accept_typ(&[]),
        Policy::RFC7523.dangerous().accept_typ(&["at+jwt2", "bat+jwt"]),
        Policy::OIDC.issuer_as_string(),
        Policy::REDOX.max_age(secs(300)),
        Policy::REDOX.client_secret_jwt(),
        Policy::REDOX.algorithms(AlgorithmSet::of(&Algorithm::ALL)),
        Policy::REDOX.grant_types(&["x"]),
    ] {
        let outcome = builder(policy.clone()).build();
        assert!(outcome.is_ok(), "{policy:?}: {}", outcome.unwrap_err());
    }
}

#[test]
fn a_policy_builds_only_with_whom_it_accepts_as_an_audience() {
    let no_audience = "audience: none is set; add the URL that clients put into aud";
    let no_issuer = |policy: &str| {
        format!(
            "issuer: none is set, and the policy {policy} accepts it in aud; set the issuer identifier of your authorization \
             server"
        )
    };
    let unused = "audience: URLs are set, and no policy accepts any; leave them out, or choose another audience rule through \
                  dangerous()";
    let lax = || Policy::RFC7523.dangerous().audience(AudienceRule::IssuerOrUrls);
    let urls = || Policy::RFC7523.dangerous().audience(AudienceRule::Urls);
    // The policy; what is said of nothing, of an issuer alone, of a URL alone, and of both.
    let table: Vec<(Policy, [Option<String>; 4])> = vec![
        (Policy::REDOX, [Some(no_audience.into()), Some(no_audience.into()), None, None]),
        (Policy::SMART_BACKEND_SERVICES, [Some(no_audience.into()), Some(no_audience.into()), None, None]),
        (Policy::RFC7523, [Some(no_issuer("rfc7523")), None, Some(unused.into()), Some(unused.into())]),
        (Policy::FAPI2, [Some(no_issuer("fapi2")), None, Some(unused.into()), Some(unused.into())]),
        (Policy::OIDC, [Some(no_issuer("oidc")), None, Some(no_issuer("oidc")), None]),
        (Policy::OIDC.issuer_as_string(), [Some(no_issuer("oidc")), None, Some(unused.into()), Some(unused.into())]),
        (lax(), [Some(no_issuer("rfc7523")), None, Some(no_issuer("rfc7523")), None]),
        // Its clients may ask for the issuer by typ.
        (urls(), [Some(no_issuer("rfc7523")), Some(no_audience.into()), Some(no_issuer("rfc7523")), None]),
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
        let sentence =
            format!("issuer: {issuer:?} is not an https URL without user, query and fragment (RFC 8414, section 2)");
        assert_eq!(found, if valid { Ok(()) } else { Err(sentence) });
        // Of http the tried-out server may be, and of nothing else that is not an issuer.
        let without_tls = bare(Policy::RFC7523).dangerous().issuer_without_tls(issuer).build();
        assert_eq!(without_tls.is_ok(), valid || issuer == "http://as.example.com", "{issuer}");
    }
}

#[test]
fn what_was_dangerous_of_one_issuer_is_not_of_the_next() {
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
fn policies_have_names_of_their_own_and_are_not_many() {
    let sentence = "client_policy: there are two policies of the name \"rfc7523\"; give each its own with named()";
    assert_eq!(error(bare(Policy::RFC7523).issuer(ISSUER).client_policy(Policy::RFC7523.require_jti())), sentence);
    let both = bare(Policy::RFC7523.named("a")).issuer(ISSUER).client_policy(Policy::OIDC.named("b"));
    assert_eq!(
        error(both.client_policy(Policy::FAPI2.named("b"))),
        "client_policy: there are two policies of the name \"b\"; give each its own with named()"
    );

    const NAMES: [&str; 16] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"];
    let with = |count: usize| {
        let first = bare(Policy::RFC7523.named("first")).issuer(ISSUER);
        NAMES[..count].iter().fold(first, |builder, name| builder.client_policy(Policy::RFC7523.named(name)))
    };
    assert_eq!(with(14).build().unwrap().policies().len(), 15);
    assert_eq!(with(15).build().unwrap().policies().len(), 16);
    assert_eq!(error(with(16)), "client_policy (count): it is over 15; give 15 or less");
}
