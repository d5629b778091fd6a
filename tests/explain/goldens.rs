//! The formats as they are: text and JSON of whole explanations. `GOLDENS=write cargo test
//! --all-features --test explain goldens` rewrites the files.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::explain::{Explanation, NoClients, NoReplay, Part};
use tower_client_assertion::jwks::{JwksRequest, JwksUrl, KeySetCache};
use tower_client_assertion::registry::Client;
use tower_client_assertion::secret::ClientSecret;
use tower_client_assertion::{ClientAssertionLayer, JWT_BEARER, Policy, TokenRequest, VerifierBuilder};

use crate::common::vectors::{NoRegistry, SECRET};
use crate::common::{AUDIENCE, CLIENT, FORM, Fixture, ISSUER, NOW, Signer, fixture, key_set, now_or_never, with};
use crate::schema;

/// The public key of RFC 7515, appendix A.3.
fn ec_key() -> Value {
    json!({
        "kty": "EC", "crv": "P-256", "kid": "key-1",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })
}

/// Always the same key, so that the signatures are as well.
fn ed25519() -> Signer {
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519", "kid": "key-1",
        "x": "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw", "d": URL_SAFE_NO_PAD.encode([7; 32])});
    Signer::of_jwk("Ed25519", "key-1", &jwk)
}

fn ed25519_key() -> Value {
    ed25519().jwk()
}

fn claims(changes: Value) -> Value {
    let claims = json!({"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "jti": "a1b2c3", "iat": NOW, "exp": NOW + 300});
    with(claims, changes)
}

fn signed(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let input = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(sign(input.as_bytes()));
    format!("{input}.{signature}")
}

/// With the key of RFC 8037.
fn with_key(header: Value, changes: Value) -> String {
    let header = with(json!({"alg": "Ed25519", "kid": "key-1", "typ": "JWT"}), header);
    signed(&header, &claims(changes), |input| ed25519().signature(input))
}

fn with_secret(changes: Value) -> String {
    let header = json!({"alg": "HS384", "typ": "JWT"});
    let claims = claims(with(json!({"aud": AUDIENCE}), changes));
    signed(&header, &claims, |input| Signer::secret("HS384", SECRET.as_bytes()).signature(input))
}

fn form(assertion: &str) -> String {
    format!(
        "grant_type=client_credentials&client_assertion_type={}&client_assertion={assertion}",
        JWT_BEARER.replace(':', "%3A")
    )
}

fn post(content_type: &str, body: String) -> Request<Bytes> {
    Request::post("/v2/auth/token").header("content-type", content_type).body(body.into()).unwrap()
}

fn keyed(jwk: Value) -> Fixture {
    fixture().policy(Policy::RFC7523).at_issuer().clients([Client::new(CLIENT, key_set(&[jwk])).unwrap()])
}

fn secret() -> Fixture {
    fixture().clients([Client::with_secret(CLIENT, ClientSecret::new(SECRET).unwrap()).unwrap()])
}

fn explain(builder: VerifierBuilder, request: Request<Bytes>, at: u64) -> Explanation {
    let layer = ClientAssertionLayer::new(builder.build().unwrap());
    now_or_never(layer.explain(&request, UnixTime::from_secs(at)))
}

fn scenarios() -> Vec<(&'static str, Explanation)> {
    let sent = |assertion: String| post(FORM, form(&assertion));
    let none = json!({});
    vec![
        ("accepted", explain(secret().builder(), sent(with_secret(json!({"environment": "production"}))), NOW)),
        (
            "wrong_twice",
            explain(secret().builder(), sent(with_secret(json!({"aud": format!("{AUDIENCE}/")}))), NOW + 453),
        ),
        (
            "unknown_client",
            explain(
                keyed(ed25519_key()).builder(),
                sent(with_key(none.clone(), json!({"iss": "clinic-8", "sub": "clinic-8"}))),
                NOW,
            ),
        ),
        (
            "wrong_kid",
            explain(keyed(ed25519_key()).builder(), sent(with_key(json!({"kid": "Key-1"}), none.clone())), NOW),
        ),
        ("der_signature", explain(keyed(ec_key()).builder(), sent(der()), NOW)),
        ("json_body", explain(secret().builder(), post("application/json", "{\"grant_type\":1}".into()), NOW)),
        ("no_assertion", explain(secret().builder(), post(FORM, "grant_type=client_credentials&scope=a".into()), NOW)),
        ("replayed", replayed()),
        (
            "registry_down",
            explain(
                keyed(ed25519_key()).registry(NoRegistry).builder(),
                sent(with_key(none.clone(), none.clone())),
                NOW,
            ),
        ),
        ("keys_not_at_hand", explain(published(), sent(with_key(none.clone(), none.clone())), NOW)),
        ("bare_assertion", bare(&with_key(none.clone(), json!({"aud": AUDIENCE})))),
        ("let_pass", {
            let layer = ClientAssertionLayer::new(secret().build()).optional();
            let request = post(FORM, "grant_type=client_credentials&client_id=clinic-7".into());
            now_or_never(layer.explain(&request, UnixTime::from_secs(NOW)))
        }),
        ("malformed_by_get", {
            let mut request = sent(with_key(none.clone(), none).replacen('.', "=.", 1));
            *request.method_mut() = http::Method::GET;
            explain(keyed(ed25519_key()).builder(), request, NOW)
        }),
    ]
}

/// A signature as libraries outside of JOSE make it.
fn der() -> String {
    let integer = [&[0x02, 0x20, 0x11][..], &[0x22; 31]].concat();
    let signature = [&[0x30, 0x44][..], &integer, &integer].concat();
    signed(&json!({"alg": "ES256", "kid": "key-1"}), &claims(json!({})), |_| signature)
}

fn replayed() -> Explanation {
    let verifier = secret().build();
    let body = form(&with_secret(json!({})));
    now_or_never(verifier.verify(&TokenRequest::new(body.as_bytes()))).unwrap();
    let layer = ClientAssertionLayer::new(verifier);
    now_or_never(layer.explain(&post(FORM, body), UnixTime::from_secs(NOW + 1)))
}

fn published() -> VerifierBuilder {
    let fetch = |_: JwksRequest| async { Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default())) };
    let cache = KeySetCache::builder(fetch).build().unwrap();
    let url = JwksUrl::parse("https://clinic.example/keys").unwrap();
    let client = Client::with_key_set_url(CLIENT, &url, &cache).unwrap();
    fixture().policy(Policy::RFC7523).at_issuer().clients([client]).builder()
}

fn bare(assertion: &str) -> Explanation {
    let verifier = fixture().policy(Policy::RFC7523).at_issuer().registry(NoClients).replay(NoReplay).build();
    let layer = ClientAssertionLayer::new(verifier);
    now_or_never(layer.explain_part(Part::Assertion(assertion), UnixTime::from_secs(NOW)))
}

#[test]
fn explanations_read_as_committed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain/goldens");
    let rewrite = std::env::var_os("GOLDENS").is_some_and(|value| value == "write");
    for (name, explanation) in scenarios() {
        let json = serde_json::to_value(&explanation).unwrap();
        schema::check(&json, name);
        for (ending, found) in
            [("txt", explanation.to_string()), ("json", serde_json::to_string_pretty(&explanation).unwrap() + "\n")]
        {
            let path = folder.join(format!("{name}.{ending}"));
            if rewrite {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, &found).unwrap();
            }
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(found, committed, "{}: rewrite it with GOLDENS=write", path.display());
        }
    }
}
