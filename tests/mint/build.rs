//! Minters that do not build, and what the error says.

use serde_json::json;
use tower_client_assertion::mint::{KeyRing, Minter};
use tower_client_assertion::policy::{Algorithm, Policy};

use crate::support::{CLIENT, ISSUER, TOKEN_URL, decoded, key, mint, minter};

#[test]
fn errors_say_what_is_wrong_and_what_to_do() {
    let build = |policy: Policy, id: &str| Minter::builder(policy, id, key(Algorithm::ES384));
    let rfc7523 = || build(Policy::RFC7523, CLIENT).issuer(ISSUER);
    let deep = (0..15).fold(json!(1), |inner, _| json!([inner]));
    let deeper = json!([deep.clone()]);
    let cases = [
        (build(Policy::RFC7523, "").issuer(ISSUER), "client_id: \"\" is not valid"),
        (build(Policy::RFC7523, &"c".repeat(513)).issuer(ISSUER), "the client id has 513 bytes, expected at most 512"),
        (build(Policy::RFC7523, CLIENT), "policy rfc7523 has the issuer in aud; set it with issuer"),
        (build(Policy::REDOX, CLIENT).issuer(ISSUER), "policy redox has the URL of the token endpoint in aud"),
        (build(Policy::RFC7523, CLIENT).issuer("http://as.example.com"), "issuer \"http://as.example.com\" is not"),
        (rfc7523().audience(TOKEN_URL), "policy rfc7523 accepts only the issuer in aud"),
        (build(Policy::OIDC, CLIENT), "policy oidc has the issuer or a URL in aud; set one with issuer or audience"),
        (rfc7523().key_set_url("http://client.example.com/jwks"), "key set URL \"http://client.example.com/jwks\" is"),
        (rfc7523().key_set_url("https://client.example.com/jwks#a"), "is not an https URL without a fragment"),
        (rfc7523().key_set_url(""), "key set URL \"\" is not an https URL"),
        (build(Policy::REDOX, CLIENT).audience("a b"), "audience \"a b\" is empty or has characters"),
        (build(Policy::FAPI2, CLIENT).issuer(ISSUER), "policy fapi2 does not allow ES384; use a key for one of PS256"),
        (build(Policy::REDOX, CLIENT).audience(TOKEN_URL).explicit_typ(true), "policy redox does not accept typ"),
        (rfc7523().header("kid", json!("a")), "kid cannot be added"),
        (rfc7523().header("b64", json!(false)), "b64 cannot be added"),
        (rfc7523().claim("nbf", json!(1)), "nbf cannot be added"),
        (rfc7523().claim("a", json!(1)).claim("a", json!(2)), "a is added twice"),
        (rfc7523().claim("a", deeper.clone()), "the nesting of what is added exceeds the limit of 16"),
        (rfc7523().header("a", deeper), "the nesting of what is added exceeds the limit of 16"),
        (rfc7523().header("a", json!("x".repeat(12_288))), "the header exceeds the limit of 12288"),
        (rfc7523().claim("a", json!("x".repeat(12_288))), "the assertion exceeds the limit of 16384"),
    ];
    for (builder, expected) in cases {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} has no {expected:?}");
    }
    assert!(build(Policy::RFC7523, &"c".repeat(512)).issuer(ISSUER).build().is_ok());
    assert!(rfc7523().claim("a", deep).build().is_ok());
}

#[tokio::test]
async fn what_is_added_is_signed() {
    let minter = minter(&Policy::RFC7523, key(Algorithm::ES256))
        .header("x5t#S256", json!("dGh1bWJwcmludA"))
        .claim("tenant", json!({"name": "a \"quoted\" one"}))
        .key_set_url("https://client.example.com/jwks.json");
    let [header, claims] = decoded(&mint(&minter.build().unwrap()).await);
    assert_eq!(header["x5t#S256"], "dGh1bWJwcmludA");
    assert_eq!(header["jku"], "https://client.example.com/jwks.json");
    assert_eq!(claims["tenant"]["name"], "a \"quoted\" one");
}

#[tokio::test]
async fn the_members_are_those_of_the_table() {
    let key = key(Algorithm::ES256);
    let assertion = mint(&minter(&Policy::RFC7523, key.clone()).build().unwrap()).await;
    let [header, mut claims] = decoded(&assertion);
    assert_eq!(header, json!({"alg": "ES256", "kid": key.key_id(), "typ": "client-authentication+jwt"}));
    claims["jti"].take();
    let expected = json!({"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "iat": 1_699_999_990, "exp": 1_700_000_060,
        "jti": null});
    assert_eq!(claims, expected);
    for (policy, typ) in [(Policy::OIDC, "JWT"), (Policy::FAPI2, "client-authentication+jwt")] {
        let [header, _] = decoded(&mint(&minter(&policy, key.clone()).build().unwrap()).await);
        assert_eq!(header["typ"], typ, "{}", policy.name());
    }
}

#[tokio::test]
async fn without_a_time_nothing_is_minted() {
    use tower_client_assertion::clock::ManualClock;
    let clock = ManualClock::at(crate::support::NOW);
    let minter = minter(&Policy::RFC7523, key(Algorithm::ES256)).clock(clock.clone()).build().unwrap();
    clock.stop();
    let error = minter.mint().get().await.unwrap_err();
    assert_eq!(error.to_string(), "the clock has no time");
}

#[test]
fn nothing_secret_is_printed() {
    let key = key(Algorithm::ES256);
    let pem = key.to_pem().unwrap();
    let ring = KeyRing::new(key.clone());
    let minter = minter(&Policy::RFC7523, ring.clone()).build().unwrap();
    let form = minter.request("/token").parameter("code", "a-secret-code");
    let printed = format!("{key:?} {pem:?} {ring:?} {minter:?} {form:?}");
    assert!(printed.contains(key.key_id()));
    let secrets = pem.expose().lines().filter(|line| !line.starts_with('-')).chain(["a-secret-code"]);
    for secret in secrets {
        assert!(!printed.contains(secret), "{printed}");
    }
}
