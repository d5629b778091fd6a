//! For every policy, what its minter makes is accepted by its verifier, at every corner of the
//! settings. One step beyond, the minter does not build.

use std::time::Duration;

use proptest::prelude::*;
use tower_client_assertion::Setting;
use tower_client_assertion::clock::ManualClock;
use tower_client_assertion::mint::{KeyRing, Minter, MinterBuilder, MinterConfigError, SecretSigner};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, Policy};
use tower_client_assertion::registry::Client;
use tower_client_assertion::secret::ClientSecret;

use crate::support::{NOW, PROFILES, addressed, key, mint, minter, registered, usual_key, verifier, verify};

const SECRET: &str = "a secret of more than sixty-four bytes, which is enough for HS512 too";

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Returns the ring of a client with this algorithm, and the client.
fn client(algorithm: Algorithm) -> (KeyRing, Client) {
    match algorithm.is_mac() {
        true => {
            let secret = ClientSecret::new(SECRET).unwrap();
            let ring = KeyRing::new(SecretSigner::new(secret.clone(), algorithm).unwrap());
            (ring, Client::with_secret(crate::support::CLIENT, secret).unwrap())
        }
        false => {
            let ring = KeyRing::new(key(algorithm));
            let client = registered(&ring);
            (ring, client)
        }
    }
}

#[tokio::test]
async fn every_policy_accepts_its_minter_with_each_of_its_algorithms() {
    for policy in PROFILES {
        for algorithm in Algorithm::ALL {
            let (ring, client) = client(algorithm);
            let built = minter(&policy, ring).build();
            if !policy.algorithms().contains(algorithm) {
                let refused = matches!(built, Err(MinterConfigError::Algorithm { .. }));
                assert!(refused, "{} with {algorithm}", policy.name());
                continue;
            }
            let verifier = verifier(&policy, client, &ManualClock::at(NOW));
            let accepted = verify(&verifier, &mint(&built.unwrap()).await).await;
            assert!(accepted.is_ok(), "{} with {algorithm}: {accepted:?}", policy.name());
        }
    }
}

/// What is left out of a policy, and what it is narrowed to.
fn policies() -> impl Strategy<Value = Policy> {
    let narrowed = (0..5_usize, proptest::option::of(10_u64..=300), proptest::option::of(10_u64..=300));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (narrowed, flags).prop_map(|((profile, max_lifetime, max_age), (jti, iat, typ))| {
        let mut policy = PROFILES[profile].clone();
        if let Some(max_lifetime) = max_lifetime {
            policy = policy.with_max_lifetime(secs(max_lifetime));
        }
        if let Some(max_age) = max_age {
            policy = policy.with_max_age(secs(max_age));
        }
        policy = if jti { policy.require_jti() } else { policy };
        policy = if iat { policy.require_iat() } else { policy };
        if typ { policy.require_typ() } else { policy }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// The clocks may differ by the skew of the policy and by what the settings leave: an
    /// assertion is accepted from the moment it is minted to the last second before it expires.
    #[test]
    fn what_builds_is_accepted_and_one_second_more_does_not_build(
        policy in policies(),
        backdate in proptest::option::of(0_u64..=400),
        explicit in proptest::option::of(any::<bool>()),
        share in 0.0_f64..=1.0,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ring = KeyRing::new(usual_key(&policy));
        let client = registered(&ring);
        let with_lifetime = |lifetime: u64| {
            let builder = minter(&policy, ring.clone()).lifetime(secs(lifetime));
            let builder = backdate.into_iter().fold(builder, |builder, by| builder.backdate(secs(by)));
            explicit.into_iter().fold(builder, MinterBuilder::explicit_typ).build()
        };
        if let Err(refused) = with_lifetime(5) {
            prop_assert!(is_about_these_settings(&refused), "{:?}", refused);
            return Ok(());
        }
        let all: Vec<u64> = (5..=3_601).collect();
        let longest = 4 + all.partition_point(|lifetime| with_lifetime(*lifetime).is_ok()) as u64;
        prop_assert!(with_lifetime(longest + 1).is_err());
        prop_assert!(with_lifetime(4).is_err());
        let lifetime = 5 + ((longest - 5) as f64 * share) as u64;
        for lifetime in [5, lifetime, longest] {
            let minter = with_lifetime(lifetime).unwrap();
            for after in [0, lifetime / 2, lifetime - 1] {
                let verifier = verifier(&policy, client.clone(), &ManualClock::at(NOW + secs(after)));
                let accepted = runtime.block_on(async { verify(&verifier, &mint(&minter).await).await });
                prop_assert!(accepted.is_ok(), "{lifetime} s, after {after} s: {accepted:?}");
            }
        }
    }
}

fn is_about_these_settings(error: &MinterConfigError) -> bool {
    match error {
        MinterConfigError::Setting(error) => {
            matches!(error.setting(), Setting::MintLifetime | Setting::MintBackdate)
        }
        MinterConfigError::Typ { .. } => true,
        _ => false,
    }
}

#[tokio::test]
async fn the_longest_lifetime_is_accepted_from_a_clock_that_is_ahead() {
    for policy in [Policy::SMART_BACKEND_SERVICES, Policy::FAPI2, Policy::RFC7523, Policy::OIDC] {
        let ring = KeyRing::new(usual_key(&policy));
        let longest = policy.max_lifetime().unwrap() - secs(30);
        let minter = minter(&policy, ring.clone()).lifetime(longest).backdate(secs(30)).build().unwrap();
        let ahead = ManualClock::at(NOW - secs(30));
        let accepted = verify(&verifier(&policy, registered(&ring), &ahead), &mint(&minter).await).await;
        assert!(accepted.is_ok(), "{}: {accepted:?}", policy.name());
    }
}

#[tokio::test]
async fn an_assertion_is_only_accepted_where_the_rules_agree() {
    // Both ends of every pair, with a key that both allow. What matters is `aud` and `typ`.
    let accepted = [
        ("redox", "redox smart oidc"),
        ("smart", "redox smart oidc"),
        ("rfc7523", "rfc7523 oidc"),
        ("oidc", "rfc7523 oidc"),
    ];
    for (of, by) in accepted {
        for policy in PROFILES.into_iter().filter(|policy| policy.algorithms().contains(Algorithm::ES384)) {
            let of = PROFILES.into_iter().find(|policy| policy.name() == of).unwrap();
            let ring = KeyRing::new(key(Algorithm::ES384));
            let assertion = mint(&minter(&of, ring.clone()).build().unwrap()).await;
            let outcome = verify(&verifier(&policy, registered(&ring), &ManualClock::at(NOW)), &assertion).await;
            let expected = by.split(' ').any(|name| name == policy.name());
            assert_eq!(outcome.is_ok(), expected, "{} at {}: {outcome:?}", of.name(), policy.name());
        }
    }
}

#[tokio::test]
async fn no_two_assertions_have_one_jti() {
    let minter = minter(&Policy::RFC7523, key(Algorithm::Ed25519)).build().unwrap();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..2_000 {
        let [_, claims] = crate::support::decoded(&mint(&minter).await);
        let jti = claims["jti"].as_str().unwrap().to_owned();
        // 16 bytes in base64url.
        assert_eq!(jti.len(), 22);
        assert!(seen.insert(jti));
    }
}

#[tokio::test]
async fn a_policy_that_was_loosened_keeps_the_stricter_form() {
    use tower_client_assertion::policy::AudienceRule;
    let policy = Policy::RFC7523.dangerous().audience(AudienceRule::IssuerOrUrls);
    let ring = KeyRing::new(key(Algorithm::ES256));
    let builder = || Minter::builder(policy.clone(), crate::support::CLIENT, ring.clone()).clock(ManualClock::at(NOW));
    let verifier = verifier(&policy, registered(&ring), &ManualClock::at(NOW));
    let both = builder().issuer(crate::support::ISSUER).audience(crate::support::TOKEN_URL).build().unwrap();
    let assertion = mint(&both).await;
    assert_eq!(crate::support::decoded(&assertion)[1]["aud"], crate::support::ISSUER);
    assert!(verify(&verifier, &assertion).await.is_ok());
    let url = builder().audience(crate::support::TOKEN_URL).build().unwrap();
    assert!(verify(&verifier, &mint(&url).await).await.is_ok());
    // With the type of RFC 10070, `aud` is the issuer alone.
    let explicit = builder().audience(crate::support::TOKEN_URL).explicit_typ(true).build();
    assert!(matches!(explicit, Err(MinterConfigError::Typ { .. })), "{explicit:?}");
    let narrowed = policy.with_algorithms(AlgorithmSet::of(&[Algorithm::ES384]));
    let builder = Minter::builder(narrowed.clone(), "clinic-7", key(Algorithm::ES256));
    assert!(addressed(builder, narrowed.audience()).build().is_err());
}
