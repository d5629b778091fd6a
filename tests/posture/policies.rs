//! The rules about policies, each met and not met.

use std::time::Duration;

use tower_client_assertion::Policy;
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, AudienceRule};
use tower_client_assertion::posture::{Baseline, Standing};

use crate::{BASELINES, posture, standing, weaker_of_policies};

const FAPI2: &Baseline = &Baseline::FAPI2;
const RFC7523: &Baseline = &Baseline::RFC7523;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn the_profiles_meet_their_own_baseline() {
    assert_eq!(weaker_of_policies(&posture(Policy::FAPI2, FAPI2)), [""; 0]);
    assert_eq!(weaker_of_policies(&posture(Policy::FAPI2, RFC7523)), [""; 0]);
    assert_eq!(weaker_of_policies(&posture(Policy::RFC7523, RFC7523)), [""; 0]);
}

#[test]
fn each_rule_about_policies_is_met_and_not_met() {
    use Standing::{Meets, NotJudged, Stricter, Weaker};
    let lax = |rule| Policy::RFC7523.dangerous().audience(rule);
    let es256 = |other| AlgorithmSet::of(&[Algorithm::ES256, other]);
    let cases: Vec<(&str, &Baseline, Policy, Standing)> = vec![
        ("P01", FAPI2, Policy::FAPI2, Meets),
        ("P01", RFC7523, Policy::RFC7523, Meets),
        ("P01", RFC7523, Policy::RFC7523.require_issuer_string(), Meets),
        ("P01", RFC7523, lax(AudienceRule::IssuerOrUrls), Weaker),
        ("P01", RFC7523, Policy::OIDC, Weaker),
        ("P01", FAPI2, Policy::REDOX, Weaker),
        ("P01", FAPI2, Policy::OIDC.require_sole_issuer(), Meets),
        ("P02", FAPI2, Policy::FAPI2, Meets),
        ("P02", FAPI2, Policy::FAPI2.dangerous().audience(AudienceRule::SoleIssuer), Weaker),
        ("P02", RFC7523, Policy::FAPI2, Stricter),
        ("P02", RFC7523, Policy::RFC7523, Meets),
        ("P02", RFC7523, Policy::OIDC, Weaker),
        ("P04", FAPI2, Policy::FAPI2, Meets),
        ("P04", FAPI2, Policy::FAPI2.with_algorithms(es256(Algorithm::PS256)), Stricter),
        ("P04", FAPI2, Policy::RFC7523.with_algorithms(es256(Algorithm::ES384)), Weaker),
        ("P04", RFC7523, Policy::RFC7523, Meets),
        ("P04", FAPI2, Policy::RFC7523.with_algorithms(AlgorithmSet::MAC), Stricter),
        ("P05", FAPI2, Policy::FAPI2, Meets),
        ("P05", FAPI2, Policy::RFC7523.allow_client_secret_jwt(), Weaker),
        ("P05", RFC7523, Policy::RFC7523.allow_client_secret_jwt(), Meets),
        ("P05", RFC7523, Policy::RFC7523, Stricter),
        ("P06", FAPI2, Policy::FAPI2, Meets),
        ("P06", FAPI2, Policy::RFC7523, Weaker),
        ("P06", RFC7523, Policy::RFC7523, Meets),
        ("P06", RFC7523, Policy::RFC7523.require_jti(), Stricter),
        ("P06", RFC7523, Policy::RFC7523.dangerous().reusable_without_jti(), Weaker),
        ("P06", FAPI2, Policy::FAPI2.dangerous().reusable_without_jti().require_jti(), Meets),
        ("P07", FAPI2, Policy::FAPI2, Meets),
        ("P07", FAPI2, Policy::FAPI2.require_typ(), Stricter),
        ("P07", FAPI2, Policy::FAPI2.dangerous().accept_typ(&["JWT", "x+jwt"]), Weaker),
        ("P07", FAPI2, Policy::FAPI2.dangerous().accept_typ(&["application/JWT"]), Meets),
        ("P08", FAPI2, Policy::FAPI2, Stricter),
        ("P08", FAPI2, Policy::RFC7523.with_max_lifetime(secs(3599)), Stricter),
        ("P08", FAPI2, Policy::RFC7523, Meets),
        ("P08", FAPI2, Policy::RFC7523.dangerous().max_lifetime(Some(secs(3601))), Weaker),
        // Bounded by the age alone.
        ("P08", FAPI2, Policy::REDOX, Stricter),
        ("P08", FAPI2, Policy::REDOX.dangerous().max_age(Some(secs(3601))), Weaker),
        ("P09", FAPI2, Policy::RFC7523.with_future_skew(secs(9)), Weaker),
        ("P09", FAPI2, Policy::RFC7523.with_future_skew(secs(10)), Meets),
        ("P09", FAPI2, Policy::RFC7523.dangerous().future_skew(secs(60)), Meets),
        ("P09", FAPI2, Policy::RFC7523.dangerous().future_skew(secs(61)), Weaker),
        ("P09", RFC7523, Policy::RFC7523.with_future_skew(secs(9)), Meets),
        ("P10", FAPI2, Policy::RFC7523.dangerous().expiry_skew(secs(60)), Meets),
        ("P10", FAPI2, Policy::RFC7523.dangerous().expiry_skew(secs(61)), Weaker),
        ("P11", FAPI2, Policy::FAPI2, Meets),
        ("P11", FAPI2, Policy::FAPI2.require_kid(), Stricter),
        ("P11", FAPI2, Policy::REDOX, Meets),
        ("P11", FAPI2, Policy::REDOX.dangerous().optional_kid(), Weaker),
        ("P12", FAPI2, Policy::FAPI2, NotJudged),
        ("P12", FAPI2, Policy::SMART_BACKEND_SERVICES, Meets),
        ("P12", FAPI2, Policy::SMART_BACKEND_SERVICES.allow_any_grant_type(), Weaker),
        ("P12", RFC7523, Policy::REDOX.allow_any_grant_type(), Weaker),
        ("P12", RFC7523, Policy::OIDC.allow_any_grant_type(), NotJudged),
        ("P12", FAPI2, Policy::FAPI2.with_grant_types(&["client_credentials", "password"]), Weaker),
    ];
    for (rule, baseline, policy, expected) in &cases {
        let found = standing(&posture(policy.clone(), baseline), rule);
        assert_eq!(found, Some(*expected), "{rule} of {policy:?}, compared with {baseline}");
    }
    for rule in tower_client_assertion::posture::rules().filter(|rule| rule.id().starts_with('P')) {
        let has = |standing| cases.iter().any(|case| case.0 == rule.id() && case.3 == standing);
        // The last is about the server, and the next to last has its own tests.
        let elsewhere = ["P03", "P13"].contains(&rule.id());
        assert!(elsewhere || has(Meets) && has(Weaker), "{} has no case of each kind", rule.id());
    }
}

/// The rule about what was loosened names the setting, as P13 does.
#[test]
fn a_weaker_time_names_its_setting() {
    let lax = |policy: Policy| policy.dangerous();
    let long = Some(secs(3601));
    let cases = [
        ("P08", lax(Policy::REDOX).max_age(long), "dangerous().max_age", "3601 s by iat"),
        ("P08", lax(Policy::RFC7523).max_lifetime(long), "dangerous().max_lifetime", "3601 s by exp"),
        ("P09", lax(Policy::RFC7523).future_skew(secs(61)), "dangerous().future_skew", "61 s"),
        ("P10", lax(Policy::RFC7523).expiry_skew(secs(61)), "dangerous().expiry_skew", "61 s"),
    ];
    for (rule, policy, setting, value) in cases {
        let posture = posture(policy, FAPI2);
        let found: Vec<_> = crate::by(&posture, rule).iter().map(|it| (it.setting(), it.value().to_owned())).collect();
        assert_eq!(found, [(setting, value.to_owned())], "{rule}");
    }
}

/// A loosening is compared with the profile that the policy is based on.
#[test]
fn every_profile_is_known_to_the_report() {
    let profiles = [Policy::REDOX, Policy::SMART_BACKEND_SERVICES, Policy::RFC7523, Policy::FAPI2, Policy::OIDC];
    for profile in profiles {
        let trials = profile.key_trials();
        for (count, expected) in [(trials, Standing::Meets), (trials + 1, Standing::Weaker)] {
            let judged = posture(profile.clone().dangerous().key_trials(count), FAPI2);
            assert_eq!(standing(&judged, "P13"), Some(expected), "{count} trials of {profile:?}");
        }
    }
}

#[test]
fn each_policy_is_judged_by_itself() {
    let verifier = crate::sound(Policy::FAPI2, []).client_policy(Policy::REDOX).audience(crate::AUDIENCE);
    let verifier = verifier.build().unwrap();
    for baseline in &BASELINES {
        let posture = verifier.posture(baseline);
        for rule in ["P01", "P02", "P04", "P05", "P06", "P07", "P08", "P09", "P10", "P11", "P12"] {
            let mut names: Vec<_> =
                crate::by(&posture, rule).iter().map(|finding| finding.subject().id().unwrap()).collect();
            names.sort_unstable();
            assert_eq!(names, ["fapi2", "redox"], "{rule}, compared with {baseline}");
        }
    }
}
