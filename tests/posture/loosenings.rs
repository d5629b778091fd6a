//! Everything that loosens a policy, a verifier or a guard is a finding with its risk.

use std::time::Duration;

use bytes::Bytes;
use tower_client_assertion::Policy;
use tower_client_assertion::jwks::{AddressGuard, FetchFact, KeySetCache};
use tower_client_assertion::policy::AudienceRule;
use tower_client_assertion::posture::{Baseline, Loosening, Posture, Standing};

use crate::{Document, key_set_cache, posture, published, sound};

const FAPI2: &Baseline = &Baseline::FAPI2;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A posture with the loosening, and its value.
fn loosened(loosening: Loosening) -> (Posture, &'static str) {
    let of = |policy, value| (posture(policy, FAPI2), value);
    let rfc7523 = || Policy::RFC7523.dangerous();
    match loosening {
        Loosening::Audience => of(rfc7523().audience(AudienceRule::Urls), "Urls"),
        Loosening::AcceptTyp => of(rfc7523().accept_typ(&["JWT", "odd"]), "\"JWT\", \"odd\""),
        Loosening::OptionalKid => of(Policy::REDOX.dangerous().optional_kid(), "kid is optional"),
        Loosening::KeyTrials => of(rfc7523().key_trials(5), "5"),
        Loosening::OptionalJti => of(Policy::FAPI2.dangerous().optional_jti(), "jti is optional"),
        Loosening::ReusableWithoutJti => of(rfc7523().reusable_without_jti(), "jti is optional"),
        Loosening::OptionalIat => {
            let policy = Policy::REDOX.with_max_lifetime(secs(300)).require_exp();
            of(policy.dangerous().optional_iat(), "iat is optional")
        }
        Loosening::OptionalExp => {
            let policy = Policy::RFC7523.require_iat().with_max_age(secs(60));
            of(policy.dangerous().optional_exp(), "exp is optional")
        }
        Loosening::FutureSkew => of(rfc7523().future_skew(secs(31)), "31 s"),
        Loosening::ExpirySkew => of(rfc7523().expiry_skew(secs(31)), "31 s"),
        Loosening::MaxAge => of(Policy::REDOX.dangerous().max_age(Some(secs(301))), "301 s"),
        Loosening::MaxLifetime => of(rfc7523().max_lifetime(Some(secs(3601))), "3601 s"),
        Loosening::IssuerWithoutTls => {
            let verifier = sound(Policy::FAPI2, []).dangerous().issuer_without_tls("http://127.0.0.1:1");
            (verifier.build().unwrap().posture(FAPI2), "\"http://127.0.0.1:1\"")
        }
        Loosening::TlsConfig => {
            let fetch = Document(Bytes::new(), vec![FetchFact::Guarded, FetchFact::ConfiguredTls]);
            let cache = KeySetCache::builder(fetch).build().unwrap();
            let verifier = sound(Policy::FAPI2, [published("clinic-7", &cache)]).build().unwrap();
            (verifier.posture(FAPI2), "the certificates that your configuration of rustls accepts")
        }
        Loosening::AllowHttp => (with_guard(AddressGuard::default().allow_http()), "every host"),
        Loosening::AllowHttpFor => {
            (with_guard(AddressGuard::default().allow_http_for("keys.example").unwrap()), "keys.example")
        }
        Loosening::AllowHost => {
            (with_guard(AddressGuard::default().allow_host("keys.example").unwrap()), "keys.example")
        }
        Loosening::AllowRange => (with_guard(AddressGuard::default().allow_range("10.0.0.0/8").unwrap()), "10.0.0.0/8"),
        other => panic!("{other:?} has no case"),
    }
}

fn with_guard(guard: AddressGuard) -> Posture {
    let cache = key_set_cache(&[]).guard(guard).build().unwrap();
    let client = published("clinic-7", &cache);
    sound(Policy::FAPI2, [client]).build().unwrap().posture(FAPI2)
}

#[test]
fn every_loosening_is_a_finding_with_its_risk() {
    for loosening in Loosening::ALL {
        let (posture, value) = loosened(*loosening);
        // A configuration of TLS may be as strict as the others.
        let expected = match loosening {
            Loosening::TlsConfig => Standing::NotJudged,
            _ => Standing::Weaker,
        };
        let found = posture.findings().iter().filter(|finding| finding.standing() == expected);
        let mut named = found.filter(|finding| finding.setting() == loosening.setting());
        let exact = named.find(|finding| finding.value() == value && finding.risk() == Some(loosening.risk()));
        assert!(exact.is_some(), "{loosening:?} is not among\n{posture}");
        assert!(posture.to_string().contains(&format!("The risk: {}", loosening.risk())), "{loosening:?}");
    }
}

#[test]
fn nothing_loosened_is_no_finding() {
    let posture = with_guard(AddressGuard::default());
    for loosening in Loosening::ALL {
        assert!(!posture.findings().iter().any(|finding| finding.setting() == loosening.setting()), "{loosening:?}");
    }
}

#[test]
fn a_loosening_within_the_profile_is_not_weaker() {
    let policies = [
        Policy::RFC7523.dangerous().audience(AudienceRule::SoleIssuer),
        Policy::RFC7523.dangerous().audience(AudienceRule::IssuerString),
        Policy::FAPI2.dangerous().audience(AudienceRule::IssuerString),
        Policy::REDOX.dangerous().audience(AudienceRule::SoleIssuer),
        Policy::REDOX.dangerous().audience(AudienceRule::Urls),
        Policy::OIDC.dangerous().audience(AudienceRule::Urls),
        Policy::OIDC.dangerous().audience(AudienceRule::IssuerOrUrls),
        Policy::RFC7523.dangerous().optional_kid(),
        Policy::RFC7523.dangerous().optional_jti(),
        Policy::RFC7523.dangerous().optional_iat(),
        Policy::REDOX.dangerous().optional_exp(),
        Policy::RFC7523.dangerous().accept_typ(&["jwt"]),
        Policy::RFC7523.dangerous().key_trials(4),
        Policy::RFC7523.dangerous().future_skew(secs(30)),
        Policy::RFC7523.dangerous().expiry_skew(secs(30)),
        Policy::RFC7523.dangerous().max_lifetime(Some(secs(3600))),
        Policy::REDOX.dangerous().max_age(Some(secs(300))),
    ];
    for policy in policies {
        let posture = posture(policy, FAPI2);
        let standings: Vec<_> = crate::by(&posture, "P13").iter().map(|finding| finding.standing()).collect();
        assert_eq!(standings, [Standing::Meets], "{posture}");
    }
}

#[test]
fn each_audience_that_the_profile_refuses_is_weaker() {
    use AudienceRule::{IssuerOrUrls, SoleIssuer, Urls};
    let cases: [(Policy, &[AudienceRule]); 4] = [
        (Policy::FAPI2, &[SoleIssuer, Urls, IssuerOrUrls]),
        (Policy::RFC7523, &[Urls, IssuerOrUrls]),
        (Policy::REDOX, &[IssuerOrUrls]),
        (Policy::SMART_BACKEND_SERVICES, &[IssuerOrUrls]),
    ];
    for (profile, rules) in cases {
        for rule in rules {
            let posture = posture(profile.clone().dangerous().audience(*rule), FAPI2);
            assert_eq!(crate::standing(&posture, "P13"), Some(Standing::Weaker), "{rule:?} of {}", profile.name());
        }
    }
}

#[test]
fn what_is_required_again_is_no_longer_loosened() {
    let policies = [
        Policy::OIDC.dangerous().audience(AudienceRule::Urls).require_sole_issuer(),
        Policy::OIDC.dangerous().audience(AudienceRule::Urls).require_issuer_string(),
        Policy::REDOX.dangerous().optional_kid().require_kid(),
        Policy::OIDC.dangerous().optional_jti().require_jti(),
        Policy::OIDC.dangerous().reusable_without_jti().require_jti(),
        Policy::REDOX.require_exp().with_max_lifetime(secs(60)).dangerous().optional_iat().require_iat(),
        Policy::REDOX.dangerous().optional_exp().require_exp().with_max_lifetime(secs(60)),
    ];
    for policy in policies {
        assert!(crate::by(&posture(policy.clone(), FAPI2), "P13").is_empty(), "{policy:?}");
    }
}
