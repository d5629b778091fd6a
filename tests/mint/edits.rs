//! Assertions that servers refuse, and by which rule.

use serde_json::json;
use tower_client_assertion::clock::ManualClock;
use tower_client_assertion::mint::{KeyRing, MinterBuilder};
use tower_client_assertion::policy::{Algorithm, Policy};

use crate::support::{NOW, key, mint, minter, registered, verifier, verify};

/// A door, and the code of the refusal behind it.
type Case = (&'static str, fn(MinterBuilder) -> MinterBuilder, &'static str);

const CASES: &[Case] = &[
    (
        "another audience",
        |minter| minter.dangerous().replace_claim("aud", json!("https://b.example.com")),
        "aud_unexpected",
    ),
    ("no audience", |minter| minter.dangerous().drop_claim("aud"), "aud_missing"),
    ("no expiry", |minter| minter.dangerous().drop_claim("exp"), "exp_missing"),
    ("expired", |minter| minter.dangerous().replace_claim("exp", json!(1_699_999_000)), "exp_past"),
    ("null", |minter| minter.dangerous().replace_claim("iss", json!(null)), "iss_malformed"),
    ("another subject", |minter| minter.dangerous().replace_claim("sub", json!("clinic-8")), "sub_unexpected"),
    ("another algorithm", |minter| minter.dangerous().replace_header("alg", json!("none")), "alg_not_allowed"),
    ("another key", |minter| minter.dangerous().replace_header("kid", json!("other")), "no_key"),
    ("another type", |minter| minter.dangerous().replace_header("typ", json!("at+jwt")), "typ_unexpected"),
    ("a flipped bit", |minter| minter.dangerous().flip_signature(), "bad_signature"),
];

#[tokio::test]
async fn each_door_leads_to_its_refusal() {
    let ring = KeyRing::new(key(Algorithm::ES256));
    let verifier = verifier(&Policy::RFC7523, registered(&ring), &ManualClock::at(NOW));
    for (name, edit, code) in CASES {
        let minter = edit(minter(&Policy::RFC7523, ring.clone())).build().unwrap();
        let refused = verify(&verifier, &mint(&minter).await).await.unwrap_err();
        assert_eq!(refused.code(), *code, "{name}");
    }
}

#[tokio::test]
async fn the_same_jti_is_accepted_once() {
    let ring = KeyRing::new(key(Algorithm::ES256));
    let verifier = verifier(&Policy::RFC7523, registered(&ring), &ManualClock::at(NOW));
    let minter = minter(&Policy::RFC7523, ring).dangerous().jti("once").build().unwrap();
    assert!(verify(&verifier, &mint(&minter).await).await.is_ok());
    assert!(verify(&verifier, &mint(&minter).await).await.is_err());
}

#[tokio::test]
async fn an_issuer_without_tls_is_for_tests() {
    let ring = KeyRing::new(key(Algorithm::ES256));
    let local = "http://127.0.0.1:8080";
    let minter = || minter(&Policy::RFC7523, ring.clone());
    assert!(minter().issuer(local).build().is_err());
    let built = minter().dangerous().issuer_without_tls(local).build().unwrap();
    assert_eq!(crate::support::decoded(&mint(&built).await)[1]["aud"], local);
    // A second issuer is judged again.
    assert!(minter().dangerous().issuer_without_tls(local).issuer(local).build().is_err());
}
