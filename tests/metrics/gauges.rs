//! What is read when metrics are scraped.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use crate::common::recorder::Recorded;
use crate::common::{CLIENT, Jwt, NOW, SIGNER, TempFile, clock, fixture, form, verify};
use crate::{shared, sink};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::json;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::AuditLog;
use tower_client_assertion::jwks::{JwksRequest, JwksUrl, KeySetCache};
use tower_client_assertion::metrics::MetricsEvents;
use tower_client_assertion::overload::SignatureChecks;
use tower_client_assertion::policy::Policy;
use tower_client_assertion::port::Answer;
use tower_client_assertion::registry::FileRegistry;
use tower_client_assertion::replay::{Admission, AdmitResult, MemoryReplay, ReplayKey, ReplayStore, TieredReplay};

#[test]
fn only_what_is_given_is_read() {
    let recorded = Recorded::default();
    sink(&recorded).gauges().refresh();
    assert_eq!(recorded.series(), Vec::<String>::new());
}

#[test]
fn running_signature_checks_are_read() {
    let recorded = Recorded::default();
    let (one, two) = (SignatureChecks::new(3).unwrap(), SignatureChecks::new(4).unwrap());
    let gauges = sink(&recorded).gauges().signature_checks(&one).signature_checks(&two);
    let client = CLIENT.parse().unwrap();
    let read = || {
        gauges.refresh();
        let gauge = |name| recorded.gauge(name).unwrap();
        (gauge("client_assertion_signature_checks"), gauge("client_assertion_signature_checks_limit"))
    };
    assert_eq!(read(), (0.0, 7.0));
    let running = [one.begin(&client).unwrap(), one.begin(&client).unwrap(), two.begin(&client).unwrap()];
    assert_eq!(read(), (3.0, 7.0));
    drop(running);
    assert_eq!(read(), (0.0, 7.0));
}

#[test]
fn entries_of_replay_stores_are_read() {
    let recorded = Recorded::default();
    let store = Arc::new(MemoryReplay::new(1_000).unwrap());
    let local = Arc::new(MemoryReplay::new(500).unwrap());
    let tiered = TieredReplay::new(Arc::clone(&local), Arc::clone(&store));
    let gauges = sink(&recorded).gauges().replay(store).replay(local);
    let verifier = fixture().replay(tiered).build();
    for _ in 0..3 {
        verify(&verifier, &form(&Jwt::new().signed())).unwrap();
    }
    gauges.refresh();
    assert_eq!(recorded.gauge("client_assertion_replay_entries{store=\"memory\"}"), Some(6.0));
    assert_eq!(recorded.gauge("client_assertion_replay_capacity{store=\"memory\"}"), Some(1_500.0));
}

/// A full store refuses everyone, so what is cleared for the next assertion does not count.
#[test]
fn expired_entries_do_not_count() {
    let recorded = Recorded::default();
    let store = Arc::new(MemoryReplay::new(1_000).unwrap());
    let clock = clock();
    let gauges = MetricsEvents::new(recorded.clone()).clock(clock.clone()).gauges().replay(store.clone());
    let now = UnixTime::from_secs(NOW);
    for (id, seconds) in [("a", 10), ("b", 20), ("c", 20)] {
        let key = ReplayKey::new("https://as.example.com", CLIENT, id);
        let admitted = store.admit(key, now + Duration::from_secs(seconds), now);
        assert!(matches!(admitted, Answer::Ready(Ok(Admission::Fresh))), "{id}");
    }
    for (later, entries) in [(0, 3.0), (9, 3.0), (1, 2.0), (9, 2.0), (1, 0.0)] {
        clock.advance(later);
        gauges.refresh();
        assert_eq!(recorded.gauge("client_assertion_replay_entries{store=\"memory\"}"), Some(entries), "{later}");
    }
    assert_eq!(store.len(), 3, "none is cleared yet");
}

/// A full store in front of a shared one refuses nothing.
#[test]
fn a_store_in_front_of_another_does_not_count() {
    let occupancy = |shared: Option<usize>| {
        let recorded = Recorded::default();
        let local = || MemoryReplay::new(2).unwrap();
        let store: Arc<dyn ReplayStore> = match shared {
            Some(capacity) => Arc::new(TieredReplay::new(local(), MemoryReplay::new(capacity).unwrap())),
            None => Arc::new(TieredReplay::new(local(), Remote)),
        };
        sink(&recorded).gauges().replay(store).refresh();
        recorded.gauge("client_assertion_replay_capacity{store=\"memory\"}")
    };
    assert_eq!((occupancy(Some(1_000)), occupancy(None)), (Some(1_000.0), None));
}

/// A store that does not know how full it is.
#[derive(Debug)]
struct Remote;

impl ReplayStore for Remote {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        None
    }

    fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> Answer<AdmitResult> {
        Answer::Ready(Ok(Admission::Fresh))
    }

    fn admissions_per_client(&self) -> usize {
        1
    }
}

#[test]
fn events_of_an_audit_log_are_counted() {
    let recorded = Recorded::default();
    let log = Arc::new(AuditLog::to(std::io::sink()).start().unwrap());
    let gauges = sink(&recorded).gauges().audit(Arc::clone(&log));
    let read = || {
        let events = |result| recorded.counter(&format!("client_assertion_audit_events_total{{result=\"{result}\"}}"));
        (events("written"), events("dropped"), recorded.counter("client_assertion_audit_errors_total"))
    };
    assert_eq!(read(), (Some(0), Some(0), Some(0)), "counters start at zero");
    let verifier = fixture().builder().events(Arc::clone(&log)).build().unwrap();
    let accept = || verify(&verifier, &form(&Jwt::new().signed())).unwrap();
    accept();
    accept();
    log.close().unwrap();
    accept();
    gauges.refresh();
    assert_eq!(read(), (Some(2), Some(1), Some(0)), "after the end, events are dropped");

    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let full = Arc::new(AuditLog::to(Full).start().unwrap());
    let gauges = gauges.audit(Arc::clone(&full));
    let verifier = fixture().builder().events(Arc::clone(&full)).build().unwrap();
    verify(&verifier, &form(&Jwt::new().signed())).unwrap();
    assert!(full.close().is_err());
    gauges.refresh();
    assert_eq!((read().0, read().1), (Some(2), Some(1)), "logs are added up");
    assert!(read().2 > Some(0));
}

#[test]
fn policies_are_shown() {
    let recorded = Recorded::default();
    let verifier = fixture().at_issuer_and_url().builder().client_policy(Policy::FAPI2).build().unwrap();
    sink(&recorded).gauges().policies(&verifier).policies(&verifier).refresh();
    let info = "client_assertion_policy_info";
    let expected = [
        format!("{info}{{policy=\"fapi2\",audience_rule=\"issuer_string\",algorithms=\"PS256,ES256,EdDSA,Ed25519\"}}"),
        format!("{info}{{policy=\"redox\",audience_rule=\"urls\",algorithms="),
    ];
    let series = recorded.series();
    assert_eq!(series.len(), 2, "{series:?}");
    for (series, expected) in series.iter().zip(&expected) {
        assert!(series.starts_with(expected), "{series}");
        assert_eq!(recorded.gauge(series), Some(1.0));
    }
}

#[test]
fn clients_of_a_file_are_read() {
    let recorded = Recorded::default();
    let file = TempFile::new(json!([{"client_id": "a", "jwks": {"keys": [SIGNER.jwk()]}}]).to_string());
    let clock = clock();
    let sink = Arc::new(MetricsEvents::new(recorded.clone()).clock(clock.clone()));
    let registry = Arc::new(FileRegistry::load(file.path()).unwrap().events(Arc::clone(&sink)));
    let gauges = sink.gauges().registry(Arc::clone(&registry));
    let read = || {
        gauges.refresh();
        let gauge = |name: &str| recorded.gauge(&format!("client_assertion_registry_{name}")).unwrap();
        (gauge("clients"), gauge("problems"), gauge("last_reload_timestamp_seconds"))
    };
    let reloads = |result: &str| {
        let count = recorded.counter(&format!("client_assertion_registry_reloads_total{{result=\"{result}\"}}"));
        let name = format!("client_assertion_registry_reload_duration_seconds{{result=\"{result}\"}}");
        (count, recorded.histogram(&name).map(|(count, _)| count))
    };
    // The file may have been read in the second before.
    let (clients, problems, loaded) = read();
    assert_eq!((clients, problems), (1.0, 0.0));
    assert!(loaded <= NOW as f64 && loaded > NOW as f64 - 600.0, "{loaded}");
    assert_eq!((reloads("ok"), reloads("failed")), ((Some(0), None), (Some(0), None)), "counters start at zero");

    clock.advance(60);
    file.write(r#"[{"client_id": "a"}, {"client_id": "b"}]"#);
    registry.reload().unwrap();
    assert_eq!(read(), (2.0, 2.0, (NOW + 60) as f64));
    clock.advance(60);
    file.write("half a file");
    registry.reload().unwrap_err();
    assert_eq!(read(), (2.0, 2.0, (NOW + 60) as f64), "a reload that fails changes nothing");
    assert_eq!((reloads("ok"), reloads("failed")), ((Some(1), Some(1)), (Some(1), Some(1))));
}

/// A cache whose server answers with this status, and with the key set if it is 200.
fn cache(status: &Arc<AtomicU16>, sink: MetricsEvents) -> KeySetCache {
    let status = Arc::clone(status);
    let private = json!({"kty": "oct", "k": "c2VjcmV0", "kid": "b"});
    let document = json!({"keys": [SIGNER.jwk(), private]}).to_string();
    let fetch = move |_: JwksRequest| {
        let response = Response::builder().status(status.load(Ordering::Relaxed));
        let response = response.body(Full::<Bytes>::from(document.clone())).unwrap();
        async move { Ok::<_, Infallible>(response) }
    };
    let times = (Duration::from_secs(60), Duration::from_secs(60));
    let builder = KeySetCache::builder(fetch).fresh_between(times.0, times.1).stale_for(Duration::from_secs(600));
    builder.events(shared(sink)).build().unwrap()
}

#[tokio::test]
async fn states_of_key_sets_are_read() {
    let (recorded, clock, status) = (Recorded::default(), clock(), Arc::new(AtomicU16::new(200)));
    let sink = || MetricsEvents::new(recorded.clone()).clock(clock.clone());
    let cache = cache(&status, sink());
    let gauges = sink().gauges().key_sets(&cache);
    let sources = ["https://one.example/", "https://two.example/"]
        .map(|url| cache.source(CLIENT, &JwksUrl::parse(url).unwrap()).unwrap());
    let read = || {
        gauges.refresh();
        let state = |state| recorded.gauge(&format!("client_assertion_key_sets{{state=\"{state}\"}}")).unwrap();
        let oldest = recorded.gauge("client_assertion_key_set_oldest_stale_seconds").unwrap();
        (["fresh", "stale", "failing", "absent"].map(state), oldest)
    };
    let at = |seconds: u64| {
        let now = UnixTime::from_secs(NOW + seconds);
        clock.set(now);
        now
    };
    assert_eq!(read(), ([0.0, 0.0, 0.0, 2.0], 0.0));
    sources[0].keys(at(0)).get().await.unwrap();
    assert_eq!(read(), ([1.0, 0.0, 0.0, 1.0], 0.0));
    assert!(recorded.gauge("client_assertion_key_set_bytes").unwrap() > 0.0);
    at(59);
    assert_eq!(read(), ([1.0, 0.0, 0.0, 1.0], 0.0), "the last second of freshness");
    at(60);
    assert_eq!(read(), ([0.0, 1.0, 0.0, 1.0], 0.0), "stale, and not needed");
    status.store(500, Ordering::Relaxed);
    sources[0].keys(at(70)).get().await.unwrap();
    sources[1].keys(at(70)).get().await.unwrap_err();
    assert_eq!(read(), ([0.0, 0.0, 2.0, 0.0], 10.0), "one is still used");
    at(659);
    assert_eq!(read(), ([0.0, 0.0, 2.0, 0.0], 599.0), "for the last second");
    at(660);
    assert_eq!(read(), ([0.0, 0.0, 2.0, 0.0], 0.0), "and then no more");
    status.store(200, Ordering::Relaxed);
    sources[0].keys(at(1_000)).get().await.unwrap();
    assert_eq!(read(), ([1.0, 0.0, 1.0, 0.0], 0.0));

    let fetches = |result: &str| {
        let count = recorded.counter(&format!("client_assertion_key_set_fetches_total{{result=\"{result}\"}}"));
        let name = format!("client_assertion_key_set_fetch_duration_seconds{{result=\"{result}\"}}");
        (count, recorded.histogram(&name).map(|(count, _)| count))
    };
    assert_eq!((fetches("ok"), fetches("status")), ((Some(2), Some(2)), (Some(2), Some(2))));
    assert_eq!(fetches("timeout"), (Some(0), None), "counters start at zero");
    let skipped = |reason| recorded.counter(&format!("client_assertion_keys_skipped_total{{reason=\"{reason}\"}}"));
    let skipped = ["private_members", "unsupported_type", "weak"].map(skipped);
    assert_eq!(skipped.iter().map(|count| count.unwrap()).sum::<u64>(), 2, "{skipped:?}");
}
