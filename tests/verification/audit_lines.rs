//! The lines of the audit log: their schema, what they say, and what they never show.

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::{Layer, Service, service_fn};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::{AUDIT_SCHEMA, AuditLog, Correlation};
use tower_client_assertion::jwks::{FetchError, JwksRequest, JwksUrl, KeySetCache};
use tower_client_assertion::port::{Awaited, PortError};
use tower_client_assertion::registry::FileRegistry;
use tower_client_assertion::rejection::Reason;
use tower_client_assertion::replay::{Admission, AdmitResult, AsyncReplayStore, ReplayKey};
use tower_client_assertion::{ClientAssertionLayer, Endpoint, Policy, PreservedBodies, TokenRequest, VerifierBuilder};

use crate::audit::Written;
use crate::common::attempt::Attempt;
use crate::common::schema::faults;
use crate::common::secrets::{leak_of, secrets, unescaped};
use crate::common::vectors::{SECRET, VECTORS};
use crate::common::{
    CLIENT, Down, Jwt, NOW, SIGNER, Signer, TempFile, fixture, form, key_set, now_or_never, post, store,
};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(AUDIT_SCHEMA).unwrap());

/// Checks that each line meets the schema.
#[track_caller]
fn checked(lines: Vec<Value>) -> Vec<Value> {
    for line in &lines {
        assert_eq!(faults(&SCHEMA, line), [""; 0], "{line:#}");
    }
    lines
}

type TestLayer = ClientAssertionLayer<PreservedBodies>;
type Configure = fn(TestLayer) -> TestLayer;

/// Sends requests to a layer with an audit log, and returns its text.
fn logged(builder: VerifierBuilder, configure: Configure, requests: Vec<Request<Full<Bytes>>>) -> String {
    let written = Written::default();
    let audit = Arc::new(AuditLog::to(written.clone()).start().unwrap());
    let verifier = builder.events(Arc::clone(&audit)).build().unwrap();
    let handler =
        service_fn(|_: Request<Full<Bytes>>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
    let mut service = configure(ClientAssertionLayer::new(verifier).preserve_body_types()).layer(handler);
    for request in requests {
        now_or_never(service.call(request)).unwrap();
    }
    audit.close().unwrap();
    written.text()
}

fn lines(text: &str) -> Vec<Value> {
    checked(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Checks that no run of 16 bytes of a secret of the request is in the text.
#[track_caller]
fn check_hidden(text: &str, request: Request<Full<Bytes>>, what: &str) {
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts, now_or_never(body.collect()).unwrap().to_bytes());
    let shown = format!("{text}\n{}\n{}", unescaped(text), unescaped(&unescaped(text)));
    for secret in secrets(&request).into_iter().chain([SECRET.as_bytes().to_vec()]) {
        if let Some(part) = leak_of(&shown, &secret) {
            panic!("{what}: a part of {} is shown\n{text}", part.escape_ascii());
        }
    }
}

#[test]
fn each_vector_is_one_line_of_the_schema_without_a_secret() {
    for vector in VECTORS {
        let what = format!("{} {}", vector.code, vector.name);
        let mut attempt = vector.attempt();
        if attempt.jwt.claims.get("jti").is_some_and(Value::is_string) && vector.code != "claim_too_long" {
            let jti = attempt.jwt.claims["jti"].as_str().unwrap().to_owned();
            if jti.starts_with("jti-") && jti.len() < 16 {
                attempt.claim("jti", format!("{jti}-that-is-long-enough-to-be-found"));
            }
        }
        let request = attempt.request();
        let text = logged(vector.server.builder(store()), |layer| layer, vec![request.clone()]);
        let lines = lines(&text);
        assert_eq!(lines.len(), 1, "{what}");
        let event = &lines[0]["event"];
        assert_eq!(event["sequence"], 1, "{what}");
        if vector.code.is_empty() {
            assert_eq!((&event["outcome"], event.get("code")), (&json!("success"), None), "{what}");
        } else {
            let found = (&event["outcome"], event["code"].as_str());
            assert_eq!(found, (&json!("failure"), Some(vector.code)), "{what}");
        }
        check_hidden(&text, request, &what);
    }
}

#[test]
fn an_accepted_request_and_its_replay_are_told_in_full() {
    let request = Attempt::with(|a| a.claim("jti", "a1b2c3")).request();
    let mut found = lines(&logged(fixture().builder(), |layer| layer, vec![request.clone(), request]));
    for line in &mut found {
        let time = line.as_object_mut().unwrap().remove("@timestamp").unwrap();
        assert!(time.as_str().unwrap() > "2024", "the clock of the system, not that of the verifier: {time}");
    }
    let keys = key_set(&[SIGNER.jwk()]);
    let thumbprint = URL_SAFE_NO_PAD.encode(keys.iter().next().unwrap().thumbprint());
    // `printf a1b2c3 | openssl dgst -sha256 -binary | basenc --base64url`
    let hash = "TzIESmVfMuhSjt6mTb_RHLqBC4eQ5ubiPSitOnWYBzQ";
    assert_eq!(
        found[0],
        json!({
            "ecs": {"version": "8.11.0"},
            "event": {
                "kind": "event", "category": ["authentication"], "type": ["start", "allowed"],
                "action": "client-authentication", "outcome": "success", "provider": "tower-client-assertion",
                "sequence": 1,
            },
            "oauth": {
                "client": {"id": CLIENT, "proven": true}, "policy": "redox", "endpoint": "token",
                "method": "private_key_jwt", "alg": "ES384", "kid": "key-1", "jkt": thumbprint, "jti_sha256": hash,
                "lax_audience": false,
            },
        })
    );
    assert_eq!(
        found[1],
        json!({
            "ecs": {"version": "8.11.0"},
            "event": {
                "kind": "event", "category": ["authentication"], "type": ["start", "denied"],
                "action": "client-authentication", "outcome": "failure", "code": "replayed",
                "reason": "the client assertion has already been used", "provider": "tower-client-assertion",
                "sequence": 2,
            },
            "oauth": {
                "client": {"id": CLIENT, "proven": false}, "policy": "redox", "endpoint": "token", "kid": "key-1",
                "jti_sha256": hash, "findings": [],
            },
        })
    );
}

#[test]
fn all_findings_are_listed_and_an_id_is_not_proven_by_a_claim() {
    let attempt = Attempt::with(|a| {
        a.claim("aud", "https://other.example");
        a.claim("exp", NOW - 1_000);
    });
    let found = lines(&logged(fixture().builder(), |layer| layer, vec![attempt.request()]));
    assert_eq!(found[0]["oauth"]["findings"], json!(["aud_unexpected", "exp_past"]));
    assert_eq!(found[0]["oauth"]["client"], json!({"id": CLIENT, "proven": false}));
    // A store that fails is asked after the signature was checked.
    let found = lines(&logged(fixture().replay(Down).builder(), |layer| layer, vec![Attempt::new().request()]));
    assert_eq!(found[0]["oauth"]["client"], json!({"id": CLIENT, "proven": true}));
    assert_eq!(found[0]["event"]["code"], "replay_store");
}

#[test]
fn each_guarded_request_has_one_line_and_no_other_has_one() {
    let guarded = || Attempt::new().request();
    let mut other = guarded();
    *other.uri_mut() = "/other".parse().unwrap();
    let anonymous = post("grant_type=client_credentials");
    let get = Attempt::with(|a| a.method = "GET").request();
    let requests = vec![guarded(), other, get, anonymous, guarded()];
    let text = logged(
        fixture().builder(),
        |layer| layer.path("/v2/auth/token").unwrap().optional().endpoint(Endpoint::Revocation),
        requests,
    );
    let found: Vec<_> = lines(&text)
        .iter()
        .map(|line| (line["event"]["outcome"].as_str().unwrap().to_owned(), line["event"]["code"].clone()))
        .collect();
    let expected = [("success", json!(null)), ("failure", json!("method")), ("unknown", json!(null))];
    assert_eq!(found.len(), 4);
    for (found, (outcome, code)) in found.iter().zip(expected) {
        assert_eq!((&*found.0, &found.1), (outcome, &code));
    }
    assert!(lines(&text).iter().all(|line| line["oauth"]["endpoint"] == "revocation"));
}

#[test]
fn a_line_has_the_name_and_the_address_that_it_is_given() {
    let correlated: Configure = |layer| {
        layer.correlate(|head| {
            let name = Correlation::new(head.headers.get("x-request-id")?.to_str().ok()?);
            let address = head.headers.get("x-from").and_then(|from| from.to_str().ok()?.parse().ok());
            Some(address.map_or(name.clone(), |address| name.with_source_ip(address)))
        })
    };
    for (id, from, expected) in [
        (Some("7f3a"), None, (json!({"request": {"id": "7f3a"}}), json!(null))),
        (Some("7f3a"), Some("192.0.2.1"), (json!({"request": {"id": "7f3a"}}), json!({"ip": "192.0.2.1"}))),
        (Some("7"), Some("::ffff:192.0.2.1"), (json!({"request": {"id": "7"}}), json!({"ip": "192.0.2.1"}))),
        (Some("7"), Some("2001:DB8::1"), (json!({"request": {"id": "7"}}), json!({"ip": "2001:db8::1"}))),
        (Some("a \"b"), None, (json!({"request": {"id": "a\\u{20}\"b"}}), json!(null))),
        (None, Some("192.0.2.1"), (json!(null), json!(null))),
    ] {
        for method in ["POST", "GET"] {
            let mut attempt = Attempt::with(|a| a.method = if method == "GET" { "GET" } else { "POST" });
            id.into_iter().for_each(|id| attempt.header("x-request-id", id));
            from.into_iter().for_each(|from| attempt.header("x-from", from));
            let found = lines(&logged(fixture().builder(), correlated, vec![attempt.request()]));
            assert_eq!((found[0]["http"].clone(), found[0]["source"].clone()), expected, "{id:?} {from:?} {method}");
        }
    }
}

#[test]
fn texts_of_strangers_are_escaped_and_cut() {
    let long = format!("{}\"\n\u{202e}", "x".repeat(200));
    let attempt = Attempt::with(|a| {
        a.claim("iss", &*long);
        a.claim("sub", &*long);
        a.jose("kid", "a\"b\u{e9}");
    });
    let text = logged(fixture().builder(), |layer| layer, vec![attempt.request()]);
    assert!(text.is_ascii() && text.lines().count() == 1, "{text}");
    let line = &lines(&text)[0];
    assert_eq!(line["oauth"]["client"]["id"], format!("\"{}\"...", "x".repeat(64)));
    assert_eq!(line["oauth"]["kid"], "\"a\\\"b\\u{e9}\"");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_secret_of_any_request_is_shown(
        vector in 0..VECTORS.len(),
        jti in "[!-~]{16,256}",
        secret in proptest::option::of("[ -~]{16,80}"),
        basic in proptest::option::of("[!-~]{16,80}"),
        optional: bool,
    ) {
        let vector = &VECTORS[vector];
        let mut attempt = vector.attempt();
        attempt.claim("jti", jti);
        secret.iter().for_each(|secret| attempt.parameter("client_secret", secret));
        basic.iter().for_each(|basic| attempt.header("authorization", &format!("Basic {basic}")));
        let configure: Configure = if optional { |layer| layer.optional() } else { |layer| layer };
        let text = logged(vector.server.builder(store()), configure, vec![attempt.request()]);
        prop_assert_eq!(lines(&text).len(), 1);
        check_hidden(&text, attempt.request(), vector.name);
        // ECDSA has another signature each time: this is that of the request which was sent.
        let jti = attempt.jwt.claims["jti"].as_str().unwrap().to_owned();
        prop_assert!(!text.contains(&jti));
    }
}

/// A store that answers late, or fails.
#[derive(Debug)]
struct Slow {
    fails: bool,
}

impl AsyncReplayStore for Slow {
    async fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> AdmitResult {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if self.fails {
            return Err(PortError::new("redis://:hush-hush-hush@localhost failed"));
        }
        Ok(Admission::Fresh)
    }

    fn admissions_per_client(&self) -> usize {
        100
    }
}

fn fetched(json: Value, status: u16) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::from(json.to_string())).unwrap()
}

/// All that can happen to a key set.
async fn key_set_news(audit: &Arc<AuditLog>) {
    let unusable = json!({"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "kid": "x"});
    let mut next =
        vec![fetched(json!({}), 404), fetched(json!({}), 503), fetched(json!({"keys": [SIGNER.jwk(), unusable]}), 200)];
    let script = std::sync::Mutex::new(std::mem::take(&mut next));
    let fetch = move |_: JwksRequest| std::future::ready(Ok::<_, FetchError>(script.lock().unwrap().pop().unwrap()));
    let cache = KeySetCache::builder(fetch).events(Arc::clone(audit)).build().unwrap();
    let url = JwksUrl::parse("https://clinic.example/jwks.json?token=hush-hush-hush").unwrap();
    let source = cache.source(CLIENT, &url).unwrap();
    for (at, usable) in [(0, true), (301, true), (1_000, false)] {
        let keys = source.keys(UnixTime::from_secs(NOW + at)).get().await;
        assert_eq!(keys.is_ok(), usable, "{at}");
    }
}

#[tokio::test(start_paused = true)]
async fn news_is_written_if_it_is_asked_for() {
    for with_news in [false, true] {
        let written = Written::default();
        let builder = AuditLog::to(written.clone());
        let builder = if with_news { builder.with_news() } else { builder };
        let audit = Arc::new(builder.start().unwrap());
        key_set_news(&audit).await;
        let file = TempFile::new("[]");
        let registry = FileRegistry::load(file.path()).unwrap().events(Arc::clone(&audit));
        registry.reload().unwrap();
        file.write("[");
        registry.reload().unwrap_err();
        for fails in [false, true] {
            let builder = fixture().replay(Awaited::new(Slow { fails })).builder().events(Arc::clone(&audit));
            let verifier = builder.slow_replay(Duration::from_millis(100)).build().unwrap();
            let request = form(&Jwt::new().signed());
            assert_eq!(verifier.verify(&TokenRequest::new(request.as_bytes())).await.is_err(), fails);
        }
        // It warns of a key that cannot be used.
        let unusable = fixture().policy(Policy::FAPI2).at_issuer().keys(&[SIGNER.jwk(), Signer::es256("key-2").jwk()]);
        unusable.builder().events(Arc::clone(&audit)).build().unwrap();
        audit.close().unwrap();
        let text = written.text();
        assert!(!text.contains("hush"), "{text}");
        let found = checked(written.lines());
        let news = found.iter().filter(|line| line["event"]["category"] == json!(["configuration"]));
        let mut actions: Vec<_> = news.map(|line| line["event"]["action"].as_str().unwrap()).collect();
        actions.sort_unstable();
        actions.dedup();
        let mut all: Vec<_> = SCHEMA["$defs"]["news"]["properties"]["action"]["enum"]
            .as_array()
            .unwrap()
            .iter()
            .map(|action| action.as_str().unwrap())
            .collect();
        all.sort_unstable();
        assert_eq!(actions, if with_news { all } else { Vec::new() });
        let outcomes = found.iter().filter(|line| line["event"]["category"] == json!(["authentication"])).count();
        assert_eq!(outcomes, 2, "of two requests");
    }
}

#[test]
fn every_code_fits_the_schema() {
    for reason in Reason::ALL {
        assert_eq!(faults(&SCHEMA["$defs"]["name"], &json!(reason.code())), [""; 0]);
    }
}
