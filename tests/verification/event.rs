//! Events as `tracing` events: each family has its level, and none shows any part of an assertion.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use crate::common::{ISSUER, Jwt, NOW, TempFile, clock, fixture, form, now_or_never, store, verify};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::{self, Correlation, Event, TracingEvents};
use tower_client_assertion::jwks::{JwksRequest, JwksUrl, KeySetCache};
use tower_client_assertion::overload::SignatureChecks;
use tower_client_assertion::port::{Awaited, PortError};
use tower_client_assertion::registry::FileRegistry;
use tower_client_assertion::replay::{AdmitResult, AsyncReplayStore, MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::{ClientId, Endpoint, Policy, TokenRequest};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

/// Writes each event as one line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn events_have_a_level_and_show_no_assertion() {
    let lines = Lines::default();
    let time = clock();
    let checks = SignatureChecks::new(1).unwrap();
    let store = store().per_client(2).unwrap();
    let builder = fixture().replay(store).clock(&time).builder().signature_checks(checks.clone());
    let verifier = builder.events(TracingEvents).build().unwrap();
    let assertion = Jwt::new().signed();
    tracing::subscriber::with_default(lines.clone(), || {
        verify(&verifier, &form(&assertion)).unwrap();
        verify(&verifier, &form(&Jwt::new().claim("aud", "https://other").signed())).unwrap_err();
        let check = checks.begin(&ClientId::new("clinic-7").unwrap()).unwrap();
        verify(&verifier, &form(&Jwt::new().signed())).unwrap_err();
        drop(check);
        verify(&verifier, &form(&Jwt::new().signed())).unwrap();
        verify(&verifier, &form(&Jwt::new().signed())).unwrap_err();
        time.stop();
        verify(&verifier, &form(&assertion)).unwrap_err();
    });
    let lines = lines.0.lock().unwrap();
    let starts = [
        ("DEBUG", "client authenticated", "clinic-7"),
        ("INFO", "client refused: aud is not an accepted value", "https://other"),
        ("WARN", "client not authenticated: too many signatures are being checked", "clinic-7"),
        ("DEBUG", "client authenticated", "clinic-7"),
        ("WARN", "client not authenticated: the client has used up its share of the replay store", "proven=true"),
        ("ERROR", "client not authenticated: the clock is unavailable", "clinic-7"),
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:?}");
    for (line, (level, message, detail)) in lines.iter().zip(starts) {
        assert!(line.starts_with(level) && line.contains(message) && line.contains(detail), "{line}");
        assert!(assertion.split('.').all(|part| !line.contains(part)), "{line}");
    }
}

/// Operators use this to see when a policy can be tightened.
#[test]
fn accepted_events_name_policy_and_lax_audience() {
    let lines = Lines::default();
    let fixture = fixture().policy(Policy::OIDC).at_issuer_and_url();
    let verifier = fixture.builder().events(TracingEvents).build().unwrap();
    tracing::subscriber::with_default(lines.clone(), || {
        verify(&verifier, &form(&Jwt::new().signed())).unwrap();
        verify(&verifier, &form(&Jwt::new().claim("aud", ISSUER).signed())).unwrap();
    });
    let lines = lines.0.lock().unwrap();
    for (line, lax) in lines.iter().zip(["lax_audience=true", "lax_audience=false"]) {
        assert!(
            line.contains("policy=\"oidc\"") && line.contains(lax) && line.contains("algorithm=\"ES384\""),
            "{line}"
        );
    }
    assert_eq!(lines.len(), 2);
}

/// The value of a field, as it was recorded.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(" {name}="))?;
    let names = rest.match_indices(' ').find(|(at, _)| {
        let word = rest[at + 1..].split('=').next().unwrap();
        word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') && rest[at + 1..].contains('=')
    });
    Some(names.map_or(rest, |(at, _)| &rest[..at]))
}

/// A filter finds a client under one text in every outcome.
#[test]
fn fields_have_one_form_in_all_outcomes() {
    let lines = Lines::default();
    let verifier = fixture().builder().events(TracingEvents).build().unwrap();
    let valid = form(&Jwt::new().signed());
    let ids = [Some(Correlation::new("call 7")), None];
    let identity = tracing::subscriber::with_default(lines.clone(), || {
        let send = |form: &str, id: Option<&Correlation>| {
            let request = TokenRequest::new(form.as_bytes()).with_endpoint(Endpoint::Revocation);
            let request = id.into_iter().fold(request, TokenRequest::with_correlation);
            now_or_never(verifier.verify(&request))
        };
        let accepted = send(&valid, ids[0].as_ref());
        send(&valid, ids[0].as_ref()).unwrap_err();
        send(&form(&Jwt::new().header("kid", "a b").claim("aud", "x").signed()), None).unwrap_err();
        send("client_id=clinic-7&client_assertion=", None).unwrap_err();
        send("", None).unwrap_err();
        let request = TokenRequest::new(b"token=x").with_endpoint(Endpoint::Revocation);
        assert_eq!(now_or_never(verifier.verify_optional(&request)).unwrap(), None);
        accepted.unwrap()
    });
    let encoded = |hash: Option<[u8; 32]>| format!("{:?}", URL_SAFE_NO_PAD.encode(hash.unwrap()));
    let (jti, thumbprint) = (encoded(identity.claims().jti_hash()), encoded(identity.key_thumbprint()));
    let lines = lines.0.lock().unwrap();
    // The name of each field, and its value in each line: accepted, a replay, an audience, nothing
    // to read with a `client_id` and without one, and let pass.
    let expected: &[(&str, [Option<&str>; 6])] = &[
        (
            "client",
            [Some("\"clinic-7\""), Some("\"clinic-7\""), Some("\"clinic-7\""), Some("\"clinic-7\""), None, None],
        ),
        ("endpoint", [Some("\"revocation\""); 6]),
        (
            "policy",
            [Some("\"redox\""), Some("\"redox\""), Some("\"redox\""), Some("\"redox\""), Some("\"redox\""), None],
        ),
        (
            "code",
            [
                None,
                Some("\"replayed\""),
                Some("\"aud_unexpected\""),
                Some("\"no_authentication\""),
                Some("\"no_authentication\""),
                None,
            ],
        ),
        ("proven", [None, Some("false"), Some("false"), Some("false"), Some("false"), None]),
        ("method", [Some("\"private_key_jwt\""), None, None, None, None, None]),
        ("algorithm", [Some("\"ES384\""), None, None, None, None, None]),
        ("kid", [Some("\"key-1\""), Some("\"key-1\""), Some("\"a b\""), None, None, None]),
        ("thumbprint", [Some(&thumbprint), None, None, None, None, None]),
        ("jti_hash", [Some(&jti), Some(&jti), None, None, None, None]),
        ("lax_audience", [Some("false"), None, None, None, None, None]),
        ("correlation", [Some(r#""call\\u{20}7""#), Some(r#""call\\u{20}7""#), None, None, None, None]),
        ("cause", [None; 6]),
        ("total_us", [None; 6]),
        (
            "findings",
            [
                None,
                None,
                Some(
                    "\"aud_unexpected: aud is not an accepted value: expected only \
                 https://api.example.com/v2/auth/token, received \\\"x\\\"\"",
                ),
                Some(
                    "\"no_authentication: no client assertion was sent: expected \
                 client_assertion in the form, received nothing\"",
                ),
                Some(
                    "\"no_authentication: no client assertion was sent: expected \
                 client_assertion in the form, received nothing\"",
                ),
                None,
            ],
        ),
    ];
    assert_eq!(lines.len(), 6, "{lines:?}");
    for (name, values) in expected {
        for (line, value) in lines.iter().zip(values) {
            assert_eq!(field(line, name), *value, "{name}: {line}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn times_are_fields_where_they_are_asked_for() {
    let names = ["total_us", "registry_us", "keys_us", "signature_us", "replay_us"];
    for timed in [false, true] {
        let lines = Lines::default();
        let builder = fixture().builder();
        let builder = if timed { builder.events(TracingEvents.with_times()) } else { builder.events(TracingEvents) };
        let verifier = builder.build().unwrap();
        tracing::subscriber::with_default(lines.clone(), || verify(&verifier, &form(&Jwt::new().signed())).unwrap());
        let lines = lines.0.lock().unwrap();
        let expected = timed.then_some("0");
        assert!(names.iter().all(|name| field(&lines[0], name) == expected), "{lines:?}");
        assert_eq!(field(&lines[0], "body_us"), None, "there is no layer");
    }
}

/// The parameter stands in for an assertion that cannot be read, and never shows one.
#[test]
fn a_refusal_names_the_client_of_the_parameter() {
    let jwt = Jwt::new().signed();
    let readable = form(&Jwt::new().claim("aud", "x").signed());
    let nameless = form(&Jwt::new().claim("iss", "").signed());
    let unreadable = form("a.b.c");
    let (long, longest) = ("x".repeat(513), "x".repeat(512));
    let cases = [
        (format!("{readable}&client_id=other"), Some("\"clinic-7\"".to_owned())),
        (format!("{unreadable}&client_id=other"), Some("\"other\"".to_owned())),
        (format!("{nameless}&client_id=other"), Some("\"other\"".to_owned())),
        (nameless, None),
        ("client_id=a%20b".to_owned(), Some("\"a b\"".to_owned())),
        (format!("client_id={longest}"), Some(format!("\"{}\"...", "x".repeat(64)))),
        (format!("client_id={long}"), None),
        ("client_id=".to_owned(), None),
        ("client_id=a%0Ab".to_owned(), None),
        ("client_id=a&client_id=b".to_owned(), None),
        (format!("client_id={jwt}"), None),
        (format!("{unreadable}&client_id={jwt}"), None),
        (unreadable.clone(), None),
        (String::new(), None),
    ];
    for (form, expected) in cases {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let sink = event::sink(move |event| {
            let Event::Refused(refused) = event else { panic!("{event:?}") };
            log.lock().unwrap().push(refused.claimed_client().map(|id| id.to_string()));
        });
        let verifier = fixture().builder().events(sink).build().unwrap();
        verify(&verifier, &form).unwrap_err();
        assert_eq!(*seen.lock().unwrap(), [expected], "{form}");
    }
}

#[test]
fn empty_texts_count_as_absent() {
    let lines = Lines::default();
    let verifier = fixture().builder().events(TracingEvents).build().unwrap();
    let jwt = Jwt::new().header("kid", "").claim("iss", "").signed();
    tracing::subscriber::with_default(lines.clone(), || {
        let (form, name) = (form(&jwt), Correlation::new(""));
        let request = TokenRequest::new(form.as_bytes()).with_correlation(&name);
        now_or_never(verifier.verify(&request)).unwrap_err();
    });
    let lines = lines.0.lock().unwrap();
    for name in ["client", "kid", "correlation"] {
        assert_eq!(field(&lines[0], name), None, "{name}: {lines:?}");
    }
}

#[test]
fn a_finding_has_its_parts() {
    let parts = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&parts);
    let sink = event::sink(move |event| {
        let Event::Refused(refused) = event else { panic!("{event:?}") };
        log.lock().unwrap().extend(refused.findings().iter().map(|finding| {
            let sentence =
                format!("{}: expected {}, received {}", finding.fault(), finding.expected(), finding.received());
            assert_eq!(finding.to_string(), sentence);
            (finding.fault().reason().code(), finding.expected().to_owned(), finding.received().to_string())
        }));
    });
    let verifier = fixture().builder().events(sink).build().unwrap();
    verify(&verifier, &form(&Jwt::new().claim("aud", "x").without_claim("jti").signed())).unwrap_err();
    let part = |code, expected: &str, received: &str| (code, expected.to_owned(), received.to_owned());
    let expected = [
        part("jti_missing", "1 to 256 bytes without control characters", "nothing"),
        part("aud_unexpected", "only https://api.example.com/v2/auth/token", "\"x\""),
    ];
    assert_eq!(*parts.lock().unwrap(), expected);
}

#[test]
fn a_correlation_is_bounded_and_safe_to_print() {
    let jwt = Jwt::new().signed();
    let visible: String = ('!'..='~').collect();
    let long = "x".repeat(129);
    let withheld = |text: &str| format!("{}-bytes-not-shown", text.len());
    let cases = [
        (String::new(), String::new()),
        (visible.clone(), visible),
        (long[1..].to_owned(), long[1..].to_owned()),
        (long.clone(), long[1..].to_owned()),
        ("a b\r\n\u{7f}\u{e9}".to_owned(), r"a\u{20}b\u{d}\u{a}\u{7f}\u{e9}".to_owned()),
        ("\n".repeat(200), r"\u{a}".repeat(128)),
        (jwt.clone(), withheld(&jwt)),
        (jwt[..40].to_owned(), withheld(&jwt[..40])),
        (jwt[..39].to_owned(), jwt[..39].to_owned()),
        (format!("id={jwt}"), withheld(&format!("id={jwt}"))),
        (format!("{}{jwt}", &long[..100]), withheld(&format!("{}{jwt}", &long[..100]))),
    ];
    for (text, expected) in cases {
        let correlation = Correlation::new(&text);
        assert_eq!(correlation.as_str(), expected, "{text}");
        assert_eq!(correlation.to_string(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn news_of_the_store_and_the_clients_have_a_level() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let file = TempFile::new("[]");
    let registry = FileRegistry::load(file.path()).unwrap().events(TracingEvents);
    registry.reload().unwrap();
    file.write(r#"[{"client_id":"clinic-8"}]"#);
    registry.reload().unwrap();
    file.write("{");
    registry.reload().unwrap_err();
    for failing in [false, true] {
        let store = Awaited::new(Late { store: store(), failing });
        let verifier = fixture().replay(store).builder().events(TracingEvents).build().unwrap();
        let form = form(&Jwt::new().signed());
        assert_eq!(verifier.verify(&TokenRequest::new(form.as_bytes())).await.is_err(), failing);
    }
    let lines = lines.0.lock().unwrap();
    let starts = [
        ("INFO message=registry: reloaded 0 clients in ", " clients=0 problems=0 took_us="),
        ("INFO message=registry: reloaded 1 client in ", ", with 1 problem path="),
        ("ERROR message=registry: kept the clients as they were, after ", " took_us="),
        ("WARN message=replay store: answered after 1s, which is later than 100ms", " took_us=1000000"),
        ("DEBUG message=client authenticated", ""),
        ("ERROR message=replay store: failed after 1s: no route", " took_us=1000000"),
        ("ERROR message=client not authenticated: the replay store is unavailable", " code=\"replay_store\""),
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:?}");
    for (line, (start, part)) in lines.iter().zip(starts) {
        assert!(line.starts_with(start) && line.contains(part), "{line}");
    }
}

/// Answers after a second.
#[derive(Debug)]
struct Late {
    store: MemoryReplay,
    failing: bool,
}

impl AsyncReplayStore for Late {
    async fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> AdmitResult {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        match self.failing {
            true => Err(PortError::new("no route")),
            false => self.store.admit(key, until, now).get().await,
        }
    }

    fn admissions_per_client(&self) -> usize {
        self.store.admissions_per_client()
    }
}

/// A warning about a server that evicts entries, found while connecting.
#[cfg(all(unix, feature = "redis"))]
#[tokio::test(flavor = "current_thread")]
async fn warnings_have_the_level_warn() {
    let redis = crate::common::redis::Redis::with(&["--maxmemory-policy", "allkeys-lru"]).await;
    let lines = Lines::default();
    let guard = tracing::subscriber::set_default(lines.clone());
    redis.builder().events(TracingEvents).connect().await.unwrap();
    drop(guard);
    let lines = lines.0.lock().unwrap();
    let warnings: Vec<_> = lines.iter().filter(|line| line.starts_with("WARN")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("redis: maxmemory-policy is allkeys-lru"), "{lines:?}");
}

#[test]
fn key_set_events_are_debug_or_warn() {
    let lines = Lines::default();
    let replies = Mutex::new(vec![
        (
            200,
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},1]}"#,
        ),
        (500, ""),
        (404, ""),
    ]);
    let fetch = move |_: JwksRequest| {
        let (status, body) = replies.lock().unwrap().remove(0);
        let response = Response::builder().status(status).body(Full::<Bytes>::from(body)).unwrap();
        async move { Ok::<_, std::convert::Infallible>(response) }
    };
    let cache = KeySetCache::builder(fetch).events(TracingEvents).build().unwrap();
    let source = cache.source("clinic-7", &JwksUrl::parse("https://clinic.example/?token=secret").unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    tracing::subscriber::with_default(lines.clone(), || {
        for now in [0, 1000, 2000] {
            let _ = runtime.block_on(async { source.keys(UnixTime::from_secs(NOW + now)).get().await });
        }
    });
    let lines = lines.0.lock().unwrap();
    let starts = [
        ("DEBUG", "key set: fetched 1 usable key, fresh for 300 s"),
        ("WARN", "key set: key 1 is skipped: it is "),
        ("WARN", "key set: fetch failed: the server answered with the status 500"),
        ("WARN", "key set: fetch failed; still using keys that went stale 700 s ago"),
        ("WARN", "key set: fetch failed: the server answered with the status 404"),
        ("WARN", "key set: no usable key is left"),
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:?}");
    for (line, (level, message)) in lines.iter().zip(starts) {
        assert!(line.starts_with(level) && line.contains(message), "{line}");
        assert!(line.contains("client=\"clinic-7\" clients=1 url=\"https://clinic.example/\""), "{line}");
    }
}
