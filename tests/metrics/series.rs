//! The table of series: that it is complete, and that labels have closed sets of values.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use crate::common::recorder::Recorded;
use crate::common::vectors::VECTORS;
use crate::common::{
    AUDIENCE, CLIENT, Down, ISSUER, Jwt, NOW, SIGNER, Signer, TempFile, client, fixture, form, key_set, now_or_never,
    store, verify,
};
use crate::sink;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;
use tower::{Layer, Service, service_fn};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::{AuditLog, EventSink};
use tower_client_assertion::jwks::{FetchError, JwksRequest, JwksUrl, KeySetCache};
use tower_client_assertion::keys::SkipReason;
use tower_client_assertion::metrics::{MetricsEvents, NoRecorder, SERIES, SeriesKind};
use tower_client_assertion::overload::SignatureChecks;
use tower_client_assertion::port::PortErrorKind;
use tower_client_assertion::registry::{Client, FileRegistry};
use tower_client_assertion::rejection::Reason;
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{ClientAssertionLayer, Endpoint, Policy};

#[test]
fn every_series_is_described() {
    let recorded = Recorded::default();
    let _sink = sink(&recorded);
    let mut names = BTreeSet::new();
    for series in SERIES {
        let name = series.name();
        assert!(names.insert(name), "{name} occurs twice");
        assert!(name.starts_with("client_assertion_"), "{name}");
        assert_eq!(name.ends_with("_total"), series.kind() == SeriesKind::Counter, "{name}");
        assert_eq!(series.buckets().is_empty(), series.kind() != SeriesKind::Histogram, "{name}");
        assert!(series.buckets().is_sorted_by(|one, next| one < next), "{name}");
        assert!(series.help().ends_with('.'), "{name}");
        assert_eq!(recorded.described(name), Some((Some(series.unit()), series.help().to_owned())), "{name}");
    }
}

/// Makes every kind of event, and reads every gauge.
async fn drive(recorded: &Recorded) {
    let sink = Arc::new(sink(recorded).with_times().per_client(2).unwrap());
    let events: Arc<dyn EventSink> = sink.clone();
    for vector in VECTORS {
        let layer = ClientAssertionLayer::new(vector.server.builder(store()).events(events.clone()).build().unwrap());
        let handler =
            service_fn(|_: Request<_>| async { Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::default())) });
        now_or_never(layer.layer(handler).call(vector.attempt().request())).unwrap();
    }
    let replay = Arc::new(MemoryReplay::new(100).unwrap());
    let checks = SignatureChecks::new(2).unwrap();
    let builder = fixture().policy(Policy::OIDC).at_issuer_and_url().replay(Arc::clone(&replay)).builder();
    let verifier = builder.signature_checks(checks.clone()).events(events.clone()).build().unwrap();
    for aud in [ISSUER, AUDIENCE] {
        verify(&verifier, &form(&Jwt::new().claim("aud", aud).signed())).unwrap();
    }
    let down = fixture().replay(Down).builder().events(events.clone()).build().unwrap();
    verify(&down, &form(&Jwt::new().signed())).unwrap_err();
    // A client whose algorithm the policy does not allow is warned of.
    let odd = Client::new("odd", key_set(&[Signer::es256("key-1").jwk()])).unwrap();
    drop(fixture().clients([client(), odd]).builder().events(events.clone()).build());

    let document = json!({"keys": [SIGNER.jwk(), {"kty": "oct", "k": "c2VjcmV0"}]}).to_string();
    let fetch = move |_: JwksRequest| {
        let response = Response::new(Full::<bytes::Bytes>::from(document.clone()));
        async move { Ok::<_, Infallible>(response) }
    };
    let cache = KeySetCache::builder(fetch).events(events.clone()).build().unwrap();
    let source = cache.source(CLIENT, &JwksUrl::parse("https://clinic.example/").unwrap()).unwrap();
    source.keys(UnixTime::from_secs(NOW)).get().await.unwrap();

    let file = TempFile::new("[]");
    let registry = Arc::new(FileRegistry::load(file.path()).unwrap().events(events));
    registry.reload().unwrap();
    let gauges = sink.gauges().signature_checks(&checks).replay(replay).key_sets(&cache).registry(registry);
    let log = Arc::new(AuditLog::to(std::io::sink()).start().unwrap());
    gauges.audit(log).policies(&verifier).refresh();
}

/// The values that a label may have.
fn values(label: &str) -> Vec<&'static str> {
    match label {
        "endpoint" => Endpoint::ALL.iter().map(|endpoint| endpoint.name()).collect(),
        "policy" => vec!["", "redox", "rfc7523", "smart_backend_services", "smart", "fapi2", "oidc", "other"],
        "outcome" => vec!["accepted", "refused", "unavailable", "let_pass"],
        "reason" => {
            let reasons = Reason::ALL.iter().map(|reason| reason.code());
            reasons.chain(SkipReason::ALL.iter().map(|reason| reason.name())).chain([""]).collect()
        }
        "client" => vec![CLIENT, "other"],
        "lax_audience" => vec!["true", "false"],
        "step" => vec!["body", "registry", "keys", "signature", "replay"],
        "store" => vec!["memory"],
        "error" => PortErrorKind::ALL.iter().map(|kind| kind.name()).collect(),
        "result" => FetchError::CODES.iter().copied().chain(["ok", "failed", "written", "dropped"]).collect(),
        "state" => vec!["fresh", "stale", "failing", "absent"],
        "source" => vec!["audit", "redis", "registry", "replay"],
        "audience_rule" => vec!["issuer_string", "sole_issuer", "urls", "issuer_or_urls"],
        other => panic!("{other} has no set of values"),
    }
}

/// The labels of a series with their values.
fn labels(series: &str) -> Vec<(&str, &str)> {
    let Some((_, labels)) = series.split_once('{') else { return Vec::new() };
    let labels = labels.trim_end_matches("\"}").split("\",");
    labels.map(|label| label.split_once("=\"").unwrap()).collect()
}

#[tokio::test]
async fn a_driven_verifier_makes_every_series_with_closed_labels() {
    let recorded = Recorded::default();
    drive(&recorded).await;
    let made = recorded.series();
    for series in SERIES {
        let name = series.name();
        let of: Vec<_> = made.iter().filter(|made| made.split('{').next() == Some(name)).collect();
        assert!(!of.is_empty(), "{name} is not made");
        for one in of {
            let labels = labels(one);
            assert_eq!(labels.iter().map(|(label, _)| *label).collect::<Vec<_>>(), series.labels(), "{one}");
            for (label, value) in labels.into_iter().filter(|(label, _)| *label != "algorithms") {
                assert!(values(label).contains(&value), "{one}: {label}");
            }
        }
    }
    let known = |made: &&String| SERIES.iter().any(|series| made.split('{').next() == Some(series.name()));
    assert_eq!(made.iter().filter(|made| !known(made)).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn a_process_without_a_recorder_is_told_so() {
    let missing: NoRecorder = MetricsEvents::installed().unwrap_err();
    assert_eq!(missing.to_string(), "no recorder of the crate metrics is installed; install an exporter first");
    let recorded = Recorded::default();
    metrics::with_local_recorder(&recorded, || {
        let verifier = fixture().builder().events(MetricsEvents::installed().unwrap()).build().unwrap();
        verify(&verifier, &form(&Jwt::new().signed())).unwrap();
    });
    assert_eq!(recorded.sum("client_assertion_requests_total"), 1);
    assert!(recorded.described("client_assertion_requests_total").is_some());
}
