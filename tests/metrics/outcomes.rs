//! What is counted for each outcome.

use std::sync::Arc;

use crate::common::recorder::Recorded;
use crate::common::vectors::VECTORS;
use crate::common::{CLIENT, Down, Jwt, NOW, Signer, fixture, form, now_or_never, post, store, verify};
use crate::{shared, sink, watched};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::{self, Event, EventSink};
use tower_client_assertion::overload::SignatureChecks;
use tower_client_assertion::port::{Answer, PortError, PortErrorKind};
use tower_client_assertion::replay::{AdmitResult, MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::secret::ClientSecret;
use tower_client_assertion::{ClientAssertionLayer, Endpoint, Policy, TokenRequest, registry};

const REQUESTS: &str = "client_assertion_requests_total";

/// The series of a request at the token endpoint under the policy of Redox.
fn redox(outcome: &str, reason: &str) -> String {
    format!("{REQUESTS}{{endpoint=\"token\",policy=\"redox\",outcome=\"{outcome}\",reason=\"{reason}\"}}")
}

#[test]
fn each_outcome_is_counted_under_its_code() {
    for vector in VECTORS {
        let recorded = Recorded::default();
        let sink = shared(sink(&recorded));
        let builder = vector.server.builder(store()).events(Arc::clone(&sink));
        let layer = ClientAssertionLayer::new(builder.build().unwrap());
        let handler = service_fn(|_: Request<_>| async {
            Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
        });
        let response = now_or_never(layer.layer(handler).call(vector.attempt().request())).unwrap();
        let outcome = match (vector.code, response.status().as_u16()) {
            ("", _) => "accepted",
            (_, 500..) => "unavailable",
            _ => "refused",
        };
        let all = recorded.series();
        let counted: Vec<_> = all.iter().filter(|series| series.starts_with(REQUESTS)).collect();
        let expected = format!("outcome=\"{outcome}\",reason=\"{}\"}}", vector.code);
        assert!(matches!(counted[..], [only] if only.ends_with(&expected)), "{vector:?}: {counted:?}");
        assert_eq!(recorded.sum(REQUESTS), 1, "{vector:?}");
    }
}

#[test]
fn an_answer_of_429_is_no_outage() {
    let recorded = Recorded::default();
    let replay = MemoryReplay::new(100).unwrap().per_client(1).unwrap();
    let checks = SignatureChecks::new(2).unwrap().per_client(1).unwrap();
    let builder = fixture().replay(replay).builder().signature_checks(checks.clone()).events(sink(&recorded));
    let verifier = builder.build().unwrap();
    verify(&verifier, &form(&Jwt::new().signed())).unwrap();
    verify(&verifier, &form(&Jwt::new().signed())).unwrap_err();
    let running = checks.begin(&CLIENT.parse().unwrap()).unwrap();
    verify(&verifier, &form(&Jwt::new().signed())).unwrap_err();
    drop(running);
    assert_eq!(recorded.counter(&redox("refused", "client_quota")), Some(1));
    assert_eq!(recorded.counter(&redox("refused", "client_overloaded")), Some(1));
    assert_eq!(recorded.sum(REQUESTS), 3);
}

#[test]
fn requests_that_are_let_pass_have_no_policy() {
    let recorded = Recorded::default();
    let verifier = watched(fixture(), sink(&recorded));
    let request = TokenRequest::new(b"grant_type=client_credentials");
    assert!(now_or_never(verifier.verify_optional(&request)).unwrap().is_none());
    let series = format!("{REQUESTS}{{endpoint=\"token\",policy=\"\",outcome=\"let_pass\",reason=\"\"}}");
    assert_eq!(recorded.counter(&series), Some(1));
}

#[test]
fn endpoints_are_told_apart() {
    let recorded = Recorded::default();
    let verifier = Arc::new(watched(fixture(), sink(&recorded)));
    for &endpoint in Endpoint::ALL {
        let layer = ClientAssertionLayer::new(Arc::clone(&verifier)).endpoint(endpoint);
        let handler = service_fn(|_: Request<_>| async {
            Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
        });
        let mut service = layer.layer(handler);
        now_or_never(service.call(post(form(&Jwt::new().signed())))).unwrap();
        now_or_never(service.call(post("grant_type=client_credentials"))).unwrap();
        let count = |rest: &str| {
            let name = endpoint.name();
            recorded.counter(&format!("{REQUESTS}{{endpoint=\"{name}\",policy=\"redox\",{rest}}}"))
        };
        assert_eq!(count("outcome=\"accepted\",reason=\"\""), Some(1), "{endpoint:?}");
        assert_eq!(count("outcome=\"refused\",reason=\"no_authentication\""), Some(1), "{endpoint:?}");
    }
    assert_eq!(recorded.sum(REQUESTS), 2 * Endpoint::ALL.len() as u64);
}

#[test]
fn counters_equal_the_requests_of_many_threads() {
    const THREADS: u64 = 8;
    const EACH: u64 = 500;
    let recorded = Recorded::default();
    let secret = "0f8fad5b-d9cb-469f-a165-70867728950e-0f8fad5b-d9cb";
    let signer = Signer::secret("HS384", secret.as_bytes());
    let client = registry::Client::with_secret(CLIENT, ClientSecret::new(secret).unwrap()).unwrap();
    let replay = MemoryReplay::new(100_000).unwrap().per_client(100_000).unwrap();
    let verifier = watched(fixture().clients([client]).replay(replay), sink(&recorded));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for turn in 0..EACH {
                    let jwt = Jwt::by(&signer, CLIENT);
                    let jwt = if turn % 5 == 0 { jwt.claim("aud", "https://other.example") } else { jwt };
                    let form = form(&jwt.signed_by(&signer));
                    assert_eq!(verify(&verifier, &form).is_ok(), turn % 5 != 0);
                    if turn % 5 == 1 {
                        verify(&verifier, &form).unwrap_err();
                    }
                }
            });
        }
    });
    let fifth = THREADS * EACH / 5;
    assert_eq!(recorded.counter(&redox("accepted", "")), Some(4 * fifth));
    assert_eq!(recorded.counter(&redox("refused", "aud_unexpected")), Some(fifth));
    assert_eq!(recorded.counter(&redox("refused", "replayed")), Some(fifth));
    assert_eq!(recorded.sum(REQUESTS), 6 * fifth);
    assert_eq!(recorded.sum("client_assertion_clients_accepted_total"), 4 * fifth);
}

#[test]
fn policies_beyond_the_bound_share_a_label() {
    const NAMES: [&str; 18] = [
        "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13", "p14", "p15", "p16",
        "p17",
    ];
    let recorded = Recorded::default();
    let sink = shared(sink(&recorded));
    let count = |name: &str| {
        let rest = "outcome=\"accepted\",reason=\"\"";
        recorded.counter(&format!("{REQUESTS}{{endpoint=\"token\",policy=\"{name}\",{rest}}}"))
    };
    for name in NAMES {
        let verifier = watched(fixture().policy(Policy::REDOX.with_name(name)), Arc::clone(&sink));
        verify(&verifier, &form(&Jwt::new().signed())).unwrap();
    }
    assert_eq!((count("p14"), count("p15"), count("p16"), count("other")), (Some(1), Some(1), None, Some(2)));
}

#[test]
fn two_sinks_get_every_event() {
    let (recorded, other) = (Recorded::default(), Recorded::default());
    let lines = Arc::new(std::sync::Mutex::new(0));
    let log = Arc::clone(&lines);
    let log = event::sink(move |event| {
        if let Event::Refused(_) = event {
            *log.lock().unwrap() += 1;
        }
    });
    let both = sink(&recorded).and(sink(&other).with_times()).and(log);
    assert!(both.needs_times());
    let verifier = watched(fixture(), both);
    verify(&verifier, "grant_type=client_credentials").unwrap_err();
    let series = redox("refused", "no_authentication");
    assert_eq!((recorded.counter(&series), other.counter(&series), *lines.lock().unwrap()), (Some(1), Some(1), 1));
}

#[test]
fn times_are_recorded_if_they_are_asked_for() {
    for timed in [false, true] {
        let recorded = Recorded::default();
        let sink = sink(&recorded);
        let verifier = watched(fixture(), if timed { sink.with_times() } else { sink });
        verify(&verifier, &form(&Jwt::new().signed())).unwrap();
        let count = |series: &str| recorded.histogram(series).map(|(count, _)| count);
        let expected = timed.then_some(1);
        assert_eq!(count("client_assertion_duration_seconds{outcome=\"accepted\"}"), expected);
        assert_eq!(count("client_assertion_step_duration_seconds{step=\"signature\"}"), expected);
        assert_eq!(count("client_assertion_replay_duration_seconds{store=\"memory\"}"), expected);
        // There is no body to wait for without a layer.
        assert_eq!(count("client_assertion_step_duration_seconds{step=\"body\"}"), None);
    }
}

#[test]
fn dates_are_recorded_by_the_clock_of_the_sink() {
    // From one second in the future to the oldest that is accepted.
    for (iat, age) in [(NOW + 1, -1.0), (NOW, 0.0), (NOW - 300, 300.0)] {
        let recorded = Recorded::default();
        let verifier = watched(fixture(), sink(&recorded));
        verify(&verifier, &form(&Jwt::new().claim("iat", iat).claim("exp", NOW + 7).signed())).unwrap();
        assert_eq!(recorded.histogram("client_assertion_age_seconds"), Some((1, age)));
        assert_eq!(recorded.histogram("client_assertion_remaining_seconds"), Some((1, 7.0)));
    }
    // A refused assertion has no age: its dates are not proven.
    let recorded = Recorded::default();
    let verifier = watched(fixture(), sink(&recorded));
    verify(&verifier, &form(&Jwt::new().claim("aud", "https://other.example").signed())).unwrap_err();
    assert_eq!(recorded.histogram("client_assertion_age_seconds"), None);
}

/// Fails with an error of this kind.
#[derive(Debug)]
struct Failing(PortErrorKind);

impl ReplayStore for Failing {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        None
    }

    fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> Answer<AdmitResult> {
        Answer::Ready(Err(PortError::not_recorded("no").with_kind(self.0)))
    }

    fn admissions_per_client(&self) -> usize {
        10
    }
}

#[test]
fn errors_of_the_replay_store_are_counted_by_kind() {
    for &kind in PortErrorKind::ALL {
        let recorded = Recorded::default();
        let verifier = watched(fixture().replay(Failing(kind)), sink(&recorded).replay_store("table"));
        verify(&verifier, &form(&Jwt::new().signed())).unwrap_err();
        let series = format!("client_assertion_replay_errors_total{{store=\"table\",error=\"{}\"}}", kind.name());
        assert_eq!(recorded.counter(&series), Some(1));
        assert_eq!(recorded.counter(&redox("unavailable", "replay_store")), Some(1));
    }
}

#[test]
fn a_full_store_is_an_error_of_that_kind() {
    let recorded = Recorded::default();
    let replay = MemoryReplay::new(1).unwrap().per_client(10).unwrap();
    let verifier = watched(fixture().replay(replay), sink(&recorded));
    let refused = (0..10).filter(|_| verify(&verifier, &form(&Jwt::new().signed())).is_err()).count();
    assert!(refused > 0);
    let series = "client_assertion_replay_errors_total{store=\"memory\",error=\"full\"}";
    assert_eq!(recorded.counter(series), Some(refused as u64));
}

#[test]
fn a_store_of_no_kind_is_an_error_of_another() {
    let recorded = Recorded::default();
    let verifier = watched(fixture().replay(Down), sink(&recorded));
    verify(&verifier, &form(&Jwt::new().signed())).unwrap_err();
    let series = "client_assertion_replay_errors_total{store=\"memory\",error=\"other\"}";
    assert_eq!(recorded.counter(series), Some(1));
}
