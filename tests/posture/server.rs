//! The rules about the verifier itself.

use tower_client_assertion::policy::Limits;
use tower_client_assertion::posture::{Baseline, Standing};
use tower_client_assertion::registry::{Client, FileRegistry};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{Policy, Verifier, VerifierBuilder};

use crate::common::{AUDIENCE, ISSUER, Signer, TempFile, key_set};
use crate::{BASELINES, by, sound, standing};

fn plain() -> VerifierBuilder {
    let registry = FileRegistry::load(TempFile::new("[]").path()).unwrap();
    Verifier::builder(Policy::REDOX, registry, MemoryReplay::new(1000).unwrap()).audience(AUDIENCE)
}

fn limited(limits: Limits) -> VerifierBuilder {
    sound(Policy::FAPI2, []).limits(limits)
}

#[test]
fn each_rule_about_the_server_is_met_and_not_met() {
    use Standing::{Meets, NotJudged, Stricter, Weaker};
    let cases: [(&str, VerifierBuilder, Standing, &str); 15] = [
        ("P03", sound(Policy::FAPI2, []), Meets, "\"https://as.example.com\""),
        ("P03", plain(), NotJudged, "not set"),
        ("P03", plain().issuer(ISSUER), Meets, "\"https://as.example.com\""),
        ("P03", plain().dangerous().issuer_without_tls("http://as.example"), Weaker, "\"http://as.example\""),
        ("P03", plain().dangerous().issuer_without_tls(ISSUER), Meets, "\"https://as.example.com\""),
        ("O01", sound(Policy::FAPI2, []), Meets, "set"),
        ("O01", plain(), Weaker, "not set"),
        ("O02", sound(Policy::FAPI2, []), Meets, "bounded"),
        ("O02", plain(), Weaker, "not set"),
        ("O03", plain(), Meets, "the defaults"),
        ("O03", limited(Limits::default().with_kid(256)), Meets, "the defaults"),
        ("O03", limited(Limits::default().with_kid(255)), Stricter, "some are smaller than the defaults"),
        ("O03", limited(Limits::default().with_kid(257).with_jti(1)), Weaker, "kid 257"),
        ("O04", sound(Policy::FAPI2, []), Meets, "0"),
        ("O04", plain(), NotJudged, "the registry does not list its clients"),
    ];
    for (rule, builder, expected, value) in cases {
        let verifier = builder.build().unwrap();
        for baseline in &BASELINES {
            let posture = verifier.posture(baseline);
            let found: Vec<_> = by(&posture, rule).iter().map(|it| (it.standing(), it.value().to_owned())).collect();
            assert_eq!(found, [(expected, value.to_owned())], "{rule}");
        }
    }
}

#[test]
fn every_limit_is_compared_with_its_default() {
    type Set = fn(Limits, usize) -> Limits;
    let setters: [(&str, usize, Set); 8] = [
        ("parameters", 100, Limits::with_parameters),
        ("assertion", 16 * 1024, Limits::with_assertion),
        ("header", 12 * 1024, Limits::with_header),
        ("json_depth", 16, Limits::with_json_depth),
        ("kid", 256, Limits::with_kid),
        ("jti", 256, Limits::with_jti),
        ("client_id", 512, Limits::with_client_id),
        ("audiences", 8, Limits::with_audiences),
    ];
    for (name, default, set) in setters {
        let judged = |limit| limited(set(Limits::default(), limit)).build().unwrap().posture(&Baseline::FAPI2);
        let larger = judged(default + 1);
        assert_eq!(by(&larger, "O03")[0].value(), format!("{name} {}", default + 1));
        for (limit, expected) in [(default, Standing::Meets), (default - 1, Standing::Stricter)] {
            assert_eq!(standing(&judged(limit), "O03"), Some(expected), "{name} {limit}");
        }
    }
}

#[test]
fn clients_that_are_not_listed_can_be_passed() {
    let verifier = plain().build().unwrap();
    let unlisted = verifier.posture(&Baseline::FAPI2);
    assert!(!unlisted.findings().iter().any(|finding| finding.rule().id().starts_with('C')), "{unlisted}");

    let key = Signer::es384("a").jwk();
    let clients = ["a", "b"].map(|id| Client::new(id, key_set(std::slice::from_ref(&key))).unwrap());
    let posture = verifier.posture_with(&Baseline::FAPI2, &clients);
    assert_eq!(standing(&posture, "O04"), Some(Standing::Meets));
    assert_eq!(standing(&posture, "C02"), Some(Standing::Weaker));
    assert_eq!(posture, verifier.posture_with(&Baseline::FAPI2, clients.iter().rev()), "the order matters");
}
