//! Rotation: what is published, and what signs.

use std::time::Duration;

use tower_client_assertion::clock::ManualClock;
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::mint::{KeyRing, RotationError, SecretSigner, SigningKey};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, Policy};
use tower_client_assertion::secret::ClientSecret;

use crate::support::{NOW, decoded, mint, minter};

const HOUR: Duration = Duration::from_secs(3600);

fn key(key_id: &str) -> SigningKey {
    SigningKey::generate(Algorithm::ES256).unwrap().with_key_id(key_id).unwrap()
}

fn published(ring: &KeyRing) -> Vec<String> {
    let keys = KeySet::parse(&ring.jwks()).unwrap();
    keys.iter().map(|key| key.key_id().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_rotation_publishes_signs_and_drops_at_its_times() {
    let clock = ManualClock::at(NOW);
    let ring = KeyRing::builder(key("a")).clock(clock.clone()).build();
    let minter = minter(&Policy::RFC7523, ring.clone()).clock(clock.clone()).build().unwrap();
    ring.rotate(key("b"), HOUR).unwrap();
    let timeline = [(0, "a", "a b"), (3_599, "a", "a b"), (3_600, "b", "a b"), (7_199, "b", "a b"), (7_200, "b", "b")];
    for (after, signing, expected) in timeline {
        clock.set(NOW + Duration::from_secs(after));
        assert_eq!(published(&ring).join(" "), expected, "after {after} s");
        assert_eq!(decoded(&mint(&minter).await)[0]["kid"], signing, "after {after} s");
    }
}

#[test]
fn a_rotation_that_would_fail_later_is_refused() {
    let clock = ManualClock::at(NOW);
    let ring = KeyRing::builder(key("a")).clock(clock.clone()).max_age(HOUR).build();
    let after = HOUR + Duration::from_secs(60);
    let month = Duration::from_secs(30 * 24 * 3600);
    for refused in [after - Duration::from_secs(1), month + Duration::from_secs(1), Duration::MAX] {
        let refused = ring.rotate(key("b"), refused);
        assert!(matches!(refused, Err(RotationError::After { .. })), "{refused:?}");
    }
    for same in [ring.rotate(key("a"), after), ring.replace(key("a"))] {
        assert_eq!(same.unwrap_err().to_string(), "another key has the kid \"a\"; give each key its own");
    }
    let minter = minter(&Policy::RFC7523.with_algorithms(AlgorithmSet::of(&[Algorithm::ES256])), ring.clone());
    let minter = minter.build().unwrap();
    let other = SigningKey::generate(Algorithm::Ed25519).unwrap();
    for refused in [ring.rotate(other.clone(), after), ring.replace(other.clone())] {
        assert!(matches!(refused, Err(RotationError::Algorithm { .. })), "{refused:?}");
    }
    let secret = ClientSecret::new(&"s".repeat(32)).unwrap();
    let secret = SecretSigner::new(secret, Algorithm::HS256).unwrap();
    assert!(ring.rotate(secret, after).is_err());
    ring.rotate(key("b"), after).unwrap();
    let pending = ring.rotate(key("c"), after);
    assert!(matches!(pending, Err(RotationError::Pending { wait, .. }) if wait == after), "{pending:?}");
    clock.set(NOW + after);
    ring.rotate(key("c"), after).unwrap();
    assert_eq!(published(&ring), ["a", "b", "c"]);
    clock.stop();
    assert_eq!(ring.rotate(key("d"), after), Err(RotationError::NoTime));
    assert_eq!(minter.keys().max_age(), HOUR);
    // Without its minter, the ring takes any key.
    drop(minter);
    ring.replace(other).unwrap();
}

#[test]
fn a_minter_that_does_not_build_restricts_no_ring() {
    let ring = KeyRing::new(key("a"));
    let failed = minter(&Policy::FAPI2, ring.clone()).header("alg", "none".into()).build();
    assert!(failed.is_err());
    ring.replace(SigningKey::generate(Algorithm::ES384).unwrap()).unwrap();
}

#[test]
fn a_key_whose_signatures_are_too_large_for_a_minter_is_refused() {
    let ring = KeyRing::new(key("a"));
    let minter = minter(&Policy::RFC7523, ring.clone()).claim("a", "x".repeat(9_000).into()).build().unwrap();
    let refused = ring.replace(SigningKey::generate(Algorithm::MlDsa87).unwrap());
    assert!(matches!(refused, Err(RotationError::TooLarge { .. })), "{refused:?}");
    assert!(ring.replace(SigningKey::generate(Algorithm::ES384).unwrap()).is_ok());
    drop(minter);
}

#[test]
fn an_old_key_is_kept_as_long_as_the_rotation_or_an_hour() {
    for (after, dropped) in [(HOUR * 3, HOUR * 6), (Duration::from_secs(960), Duration::from_secs(960) + HOUR)] {
        let clock = ManualClock::at(NOW);
        let ring = KeyRing::builder(key("a")).clock(clock.clone()).build();
        ring.rotate(key("b"), after).unwrap();
        clock.set(NOW + dropped - Duration::from_secs(1));
        assert_eq!(published(&ring), ["a", "b"]);
        clock.set(NOW + dropped);
        assert_eq!(published(&ring), ["b"]);
    }
}

#[test]
fn keys_of_other_processes_are_published_and_stay() {
    let other = key("other").public_jwk().clone();
    let ring = KeyRing::builder(key("a")).publish(other).build();
    assert_eq!(published(&ring), ["a", "other"]);
    assert!(ring.replace(key("other")).is_err());
    ring.replace(key("b")).unwrap();
    assert_eq!(published(&ring), ["b", "other"]);
}

#[tokio::test]
async fn a_stolen_key_is_replaced_immediately() {
    let ring = KeyRing::new(key("a"));
    let minter = minter(&Policy::RFC7523, ring.clone()).build().unwrap();
    assert_eq!(decoded(&mint(&minter).await)[0]["kid"], "a");
    ring.replace(key("b")).unwrap();
    assert_eq!(published(&ring), ["b"]);
    assert_eq!(decoded(&mint(&minter).await)[0]["kid"], "b");
}

#[test]
fn without_a_time_all_keys_are_published() {
    let clock = ManualClock::at(NOW);
    let ring = KeyRing::builder(key("a")).clock(clock.clone()).build();
    ring.rotate(key("b"), HOUR).unwrap();
    clock.stop();
    assert_eq!(published(&ring), ["a", "b"]);
}

#[tokio::test]
async fn an_expired_secret_signs_nothing() {
    let secret = ClientSecret::new("a secret of more than thirty-two bytes").unwrap();
    for (expiry, signs) in [(NOW, false), (NOW + Duration::from_secs(1), true)] {
        let signer = SecretSigner::new(secret.clone().with_expiry(expiry), Algorithm::HS256).unwrap();
        let minter = minter(&Policy::OIDC, signer).build().unwrap();
        assert_eq!(minter.mint().get().await.is_ok(), signs);
    }
}

#[test]
fn a_secret_is_never_published() {
    let secret = ClientSecret::new("a secret of more than thirty-two bytes").unwrap();
    let ring = KeyRing::new(SecretSigner::new(secret, Algorithm::HS256).unwrap());
    assert_eq!(ring.jwks(), r#"{"keys":[]}"#);
}

/// Threads mint while the key changes: every header names the key that signed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_assertion_verifies_while_keys_are_replaced() {
    use crate::support::{verifier, verify};
    use tower_client_assertion::registry::Client;
    let keys = [key("a"), key("b")];
    let sets = keys.clone().map(|key| KeyRing::new(key).jwks());
    let ring = KeyRing::new(keys[0].clone());
    let minter = minter(&Policy::RFC7523, ring.clone()).build().unwrap();
    let replacing = tokio::spawn(async move {
        for turn in 1..201 {
            ring.replace(keys[turn % 2].clone()).unwrap();
            tokio::task::yield_now().await;
        }
    });
    let verifiers = sets.map(|set| {
        let client = Client::new(crate::support::CLIENT, KeySet::parse(&set).unwrap()).unwrap();
        verifier(&Policy::RFC7523, client, &ManualClock::at(NOW))
    });
    for _ in 0..200 {
        let assertion = mint(&minter).await;
        let signed_by_b = decoded(&assertion)[0]["kid"] == "b";
        assert!(verify(&verifiers[usize::from(signed_by_b)], &assertion).await.is_ok());
        tokio::task::yield_now().await;
    }
    replacing.await.unwrap();
}
