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
    let ring = KeyRing::new(key("a")).with_clock(clock.clone());
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
    let ring = KeyRing::new(key("a")).with_clock(clock.clone()).with_max_age(HOUR);
    let too_soon = ring.rotate(key("b"), HOUR - Duration::from_secs(1));
    assert!(matches!(too_soon, Err(RotationError::TooSoon { .. })), "{too_soon:?}");
    let same = ring.rotate(key("a"), HOUR);
    assert_eq!(same.unwrap_err().to_string(), "another key has the kid \"a\"; give each key its own");
    let minter = minter(&Policy::RFC7523.with_algorithms(AlgorithmSet::of(&[Algorithm::ES256])), ring.clone());
    let minter = minter.build().unwrap();
    let other = SigningKey::generate(Algorithm::Ed25519).unwrap();
    for refused in [ring.rotate(other.clone(), HOUR), ring.replace(other)] {
        assert!(matches!(refused, Err(RotationError::Algorithm { .. })), "{refused:?}");
    }
    let secret = ClientSecret::new(&"s".repeat(32)).unwrap();
    let secret = SecretSigner::new(secret, Algorithm::HS256).unwrap();
    assert!(ring.rotate(secret, HOUR).is_err());
    ring.rotate(key("b"), HOUR).unwrap();
    let pending = ring.rotate(key("c"), HOUR);
    assert!(matches!(pending, Err(RotationError::Pending { until, .. }) if until == NOW + HOUR), "{pending:?}");
    clock.set(NOW + HOUR);
    ring.rotate(key("c"), HOUR).unwrap();
    assert_eq!(published(&ring), ["a", "b", "c"]);
    clock.stop();
    assert_eq!(ring.rotate(key("d"), HOUR), Err(RotationError::NoTime));
    assert_eq!(minter.keys().max_age(), HOUR);
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

#[tokio::test]
async fn without_a_time_the_old_key_signs_and_all_are_published() {
    let clock = ManualClock::at(NOW);
    let ring = KeyRing::new(key("a")).with_clock(clock.clone());
    let minter = minter(&Policy::RFC7523, ring.clone()).build().unwrap();
    ring.rotate(key("b"), HOUR).unwrap();
    clock.stop();
    assert_eq!(published(&ring), ["a", "b"]);
    assert_eq!(decoded(&mint(&minter).await)[0]["kid"], "a");
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
        for turn in 0..200 {
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
