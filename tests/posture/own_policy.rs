//! A client's own policy is compared with the first by the values of the rules.

use std::time::Duration;

use tower_client_assertion::Policy;
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, AudienceRule};
use tower_client_assertion::posture::{Baseline, Standing};
use tower_client_assertion::registry::Client;

use crate::common::{AUDIENCE, Signer, key_set};
use crate::{by, sound};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The findings about a client whose policy is not the first.
fn judged(first: Policy, own: Policy) -> Vec<(Standing, String)> {
    let client =
        Client::new("a", key_set(&[Signer::es256("a").jwk(), Signer::es384("b").jwk()])).unwrap().with_policy("own");
    let knows_urls = |policy: &Policy| matches!(policy.audience(), AudienceRule::Urls | AudienceRule::IssuerOrUrls);
    let needs_urls = knows_urls(&own) && !knows_urls(&first);
    let builder = sound(first, [client]).client_policy(own.with_name("own"));
    let builder = if needs_urls { builder.audience(AUDIENCE) } else { builder };
    let posture = builder.build().unwrap().posture(&Baseline::FAPI2);
    by(&posture, "C01").iter().map(|finding| (finding.standing(), finding.value().to_owned())).collect()
}

#[test]
fn each_rule_in_which_an_own_policy_is_laxer_is_named() {
    const REDOX: Policy = Policy::REDOX;
    const RFC7523: Policy = Policy::RFC7523;
    let only = |algorithm| AlgorithmSet::of(&[algorithm]);
    let by_both = || RFC7523.require_iat().with_max_age(secs(60));
    let cases: Vec<(Policy, Policy, &str)> = vec![
        (RFC7523.require_issuer_string(), RFC7523, "audience SoleIssuer"),
        (RFC7523, RFC7523.dangerous().audience(AudienceRule::IssuerOrUrls), "audience IssuerOrUrls"),
        (
            RFC7523.with_algorithms(only(Algorithm::ES256)),
            RFC7523.with_algorithms(AlgorithmSet::of(&[Algorithm::ES256, Algorithm::PS256])),
            "algorithms PS256",
        ),
        (RFC7523, RFC7523.allow_client_secret_jwt(), "algorithms HS256, HS384, HS512"),
        (RFC7523.require_kid(), RFC7523, "kid is optional"),
        (RFC7523.require_typ(), RFC7523, "typ is optional"),
        (RFC7523.require_jti(), RFC7523, "jti is optional"),
        (RFC7523.require_iat(), RFC7523, "iat is optional"),
        (by_both(), by_both().dangerous().optional_exp(), "exp is optional"),
        (RFC7523, RFC7523.dangerous().reusable_without_jti(), "reusable without jti"),
        (RFC7523.with_key_trials(3), RFC7523, "key_trials 4"),
        (RFC7523.with_max_lifetime(secs(3599)), RFC7523, "lifetime 3600 s"),
        (by_both(), by_both().with_max_age(secs(61)), "lifetime 61 s"),
        (RFC7523.with_future_skew(secs(29)), RFC7523, "future_skew 30 s"),
        (RFC7523.with_expiry_skew(secs(29)), RFC7523, "expiry_skew 30 s"),
        (RFC7523, RFC7523.dangerous().accept_typ(&["JWT", "odd"]), "typ \"odd\""),
        (RFC7523.with_grant_types(&["a", "b"]), RFC7523, "any grant type"),
        (RFC7523.with_grant_types(&["a"]), RFC7523.with_grant_types(&["a", "b"]), "grant types \"b\""),
        (Policy::OIDC, REDOX, "no sole issuer by typ; exp is optional"),
        (
            Policy::FAPI2.with_algorithms(only(Algorithm::ES256)),
            Policy::OIDC.with_algorithms(only(Algorithm::ES256)),
            "audience IssuerOrUrls; jku is ignored; lifetime 3600 s; future_skew 30 s; expiry_skew 30 s",
        ),
    ];
    for (first, own, expected) in cases {
        let found = judged(first.clone(), own.clone());
        assert_eq!(found, [(Standing::Weaker, format!("own: {expected}"))], "{own:?} after {first:?}");
    }
}

/// Exactly as lax, or stricter.
#[test]
fn an_own_policy_that_is_not_laxer_is_met() {
    let lax = Policy::RFC7523.dangerous().audience(AudienceRule::IssuerOrUrls);
    for (first, own) in [
        (Policy::RFC7523, Policy::RFC7523),
        (lax.clone(), lax.clone()),
        (lax, Policy::RFC7523),
        (Policy::OIDC, Policy::RFC7523.require_jti().require_kid()),
        (Policy::RFC7523, Policy::FAPI2.require_kid().require_typ().require_iat()),
        (Policy::RFC7523.with_grant_types(&["a", "b"]), Policy::RFC7523.with_grant_types(&["b"])),
        (Policy::RFC7523, Policy::RFC7523.dangerous().accept_typ(&["application/JWT"])),
    ] {
        let found = judged(first.clone(), own.clone());
        assert_eq!(found, [(Standing::Meets, "1 of 1".to_owned())], "{own:?} after {first:?}");
    }
}
