//! No explanation shows an assertion, its signature, its `jti`, or a secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Request;
use serde_json::Value;
use tower_client_assertion::JWT_BEARER;
use tower_client_assertion::explain::Explanation;

use crate::common::attempt::Attempt;
use crate::common::vectors::{SECRET, Server};
use crate::common::{AUDIENCE, ISSUER};
use crate::layer::{AT, explain, layer, whole};

/// Checks that no run of 16 bytes of a secret occurs in the explanation of `request`.
#[track_caller]
pub(crate) fn check_hidden(explanation: &Explanation, request: &Request<Bytes>, what: &str) {
    let json = serde_json::to_string(explanation).unwrap();
    let shown = format!("{explanation}\n{json}");
    for secret in secrets(request).into_iter().chain([SECRET.as_bytes().to_vec()]) {
        // A long value is searched at its ends.
        let (start, end) = (secret.len().min(300), secret.len().saturating_sub(300));
        for part in [&secret[..start], &secret[end..]] {
            assert!(!has_run_of(&shown, part), "{what}: a part of {} is shown\n{explanation}", part.escape_ascii());
        }
    }
}

/// Whether a run of 16 bytes of `secret` occurs in `shown`. Each has a block of 8 bytes at a
/// multiple of 8, which is searched first.
fn has_run_of(shown: &str, secret: &[u8]) -> bool {
    let occurs = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|text| shown.contains(text));
    let is_public = |run: &[u8]| PUBLIC.iter().any(|public| public.as_bytes().windows(16).any(|own| own == run));
    let is_leak = |start: usize| secret.get(start..start + 16).is_some_and(|run| occurs(run) && !is_public(run));
    let mut blocks = secret.chunks_exact(8).enumerate().filter(|(_, block)| occurs(block)).map(|(at, _)| at * 8);
    blocks.any(|at| (at.saturating_sub(8)..=at).any(is_leak))
}

/// Values that are public, although a mutation may send them as a secret.
const PUBLIC: [&str; 7] = [
    "client_credentials",
    "client_assertion_type",
    "client-authentication+jwt",
    "urn:example:posted",
    JWT_BEARER,
    ISSUER,
    AUDIENCE,
];

fn secrets(request: &Request<Bytes>) -> Vec<Vec<u8>> {
    let mut secrets: Vec<Vec<u8>> =
        request.headers().get_all("authorization").iter().map(|value| value.as_bytes().to_vec()).collect();
    for (name, value) in form_urlencoded::parse(request.body()) {
        match &*name {
            "client_secret" => secrets.push(value.clone().into_owned().into_bytes()),
            "client_assertion" => {
                let Some((input, signature)) = value.rsplit_once('.') else { continue };
                secrets.push(signature.as_bytes().to_vec());
                secrets.push(input.as_bytes().to_vec());
                let claims = input.split_once('.').map(|(_, claims)| claims).unwrap_or_default();
                let claims = URL_SAFE_NO_PAD.decode(claims).unwrap_or_default();
                let claims: Value = serde_json::from_slice(&claims).unwrap_or_default();
                secrets.extend(claims["jti"].as_str().map(|jti| jti.as_bytes().to_vec()));
            }
            _ => {}
        }
    }
    secrets.retain(|secret| !PUBLIC.iter().any(|public| public.as_bytes() == secret));
    secrets
}

#[test]
fn runs_of_sixteen_bytes_are_found() {
    let secret = b"0123456789abcdefghijklmnop";
    for start in 0..=10 {
        let run = std::str::from_utf8(&secret[start..start + 16]).unwrap();
        assert!(has_run_of(&format!("shown: {run}."), secret), "{run}");
        assert!(!has_run_of(&run[1..], secret), "{run} without its first byte");
    }
}

const JTI: &str = "a-jti-of-more-than-sixteen-bytes";

/// An assertion whose claims have the `jti` as a name, twice.
fn repeated(assertion: &str) -> String {
    let claims = URL_SAFE_NO_PAD.encode(format!("{{\"jti\":\"{JTI}\",\"{JTI}\":1,\"{JTI}\":2}}"));
    let parts: Vec<_> = assertion.split('.').collect();
    format!("{}.{claims}.{}", parts[0], parts[2])
}

/// A sender who mixes up its parameters and members.
#[test]
fn a_secret_in_the_wrong_place_is_not_shown() {
    const HUSH: &str = "hush-hush-this-is-a-client-secret";
    type Change = fn(&mut Attempt);
    let table: [(&str, Change); 12] = [
        ("a repeated member", |a| a.mangle = |text| repeated(&text)),
        ("iss", |a| a.claim("iss", JTI)),
        ("sub", |a| a.claim("sub", JTI)),
        ("aud", |a| a.claim("aud", JTI)),
        ("kid", |a| a.jose("kid", JTI)),
        ("typ", |a| a.jose("typ", JTI)),
        ("name", |a| a.claim(JTI, 1)),
        ("client_id", |a| a.parameter("client_id", JTI)),
        ("grant_type", |a| {
            a.parameter("client_secret", HUSH);
            a.parameter("grant_type", HUSH);
        }),
        ("client_assertion_type", |a| {
            a.parameter("client_secret", HUSH);
            a.parameter("client_assertion_type", HUSH);
        }),
        ("aud of a secret", |a| {
            a.parameter("client_secret", HUSH);
            a.claim("aud", HUSH);
        }),
        ("authorization", |a| {
            a.header("authorization", HUSH);
            a.claim("aud", HUSH);
        }),
    ];
    for (what, change) in table {
        let mut attempt = Attempt::new();
        attempt.claim("jti", JTI);
        change(&mut attempt);
        let request = whole(attempt.request());
        let explanation = explain(&layer(Server::Redox), &request, AT);
        assert!(explanation.verdict().reason().is_some() || what == "name" || what == "typ", "{what}");
        check_hidden(&explanation, &request, what);
        assert!(!format!("{explanation:?}").contains(JTI), "{what}");
    }
}

/// However short they are.
#[test]
fn whole_secrets_and_beginnings_of_jwts_are_not_shown() {
    type Change = fn(&mut Attempt);
    let table: [(&str, &str, Change); 4] = [
        ("a method", "eyJ0.eyJ1", |a| a.method = "eyJ0.eyJ1"),
        ("a content type", "eyJ0.eyJ1", |a| a.header("content-type", "eyJ0.eyJ1")),
        ("a claim of a secret", "hush", |a| {
            a.parameter("client_secret", "hush");
            a.claim("aud", "hush");
        }),
        ("a name of a jti", "hush", |a| {
            a.claim("jti", "hush");
            a.claim("hush", 1);
        }),
    ];
    for (what, secret, change) in table {
        let explanation = explain(&layer(Server::Redox), &whole(Attempt::with(change).request()), AT);
        let shown = format!("{explanation}{}", serde_json::to_string(&explanation).unwrap());
        assert!(!shown.contains(secret), "{what}: {explanation}");
    }
}

#[test]
fn a_jti_is_shown_by_its_length_and_its_hash() {
    let request = whole(Attempt::with(|a| a.claim("jti", "a1b2c3")).request());
    let text = explain(&layer(Server::Redox), &request, AT).to_string();
    // `printf a1b2c3 | sha256sum`
    assert!(text.contains("6 bytes, SHA-256 4f32044a.."), "{text}");
}
