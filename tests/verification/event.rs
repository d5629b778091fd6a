//! Events as `tracing` events: each family has its level, and none shows any part of an assertion.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use crate::common::{ISSUER, Jwt, NOW, clock, fixture, form, store, verify};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::TracingEvents;
use tower_client_assertion::jwks::{JwksRequest, JwksUrl, KeySetCache};
use tower_client_assertion::overload::SignatureChecks;
use tower_client_assertion::{ClientId, Policy};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

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

    fn event(&self, event: &Event<'_>) {
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
