//! Allocations on the Rust heap, so that none creeps in: for an accepted request, for one of
//! another path, and for the replay store. The allocator counts. Memory that the C library takes
//! for its big numbers is not seen.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;
#[path = "../benches/support/inner.rs"]
mod inner;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use allocation_counter::measure;
use bytes::Bytes;
#[cfg(feature = "metrics")]
use common::recorder::Recorded;
use common::{CLIENT, Jwt, NOW, Signer, fixture, form, key_set, now_or_never};
use http::{Request, StatusCode};
use http_body_util::Full;
use inner::Inner;
use tower::{Layer, Service};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::AuditLog;
#[cfg(feature = "metrics")]
use tower_client_assertion::metrics::MetricsEvents;
use tower_client_assertion::policy::{Algorithm, AlgorithmSet};
use tower_client_assertion::port::Answer;
use tower_client_assertion::registry::Client;
use tower_client_assertion::replay::{Admission, MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::secret::ClientSecret;
use tower_client_assertion::{ClientAssertion, ClientAssertionLayer, Policy, TokenRequest, Verifier};

/// The number of requests of each kind. The replay store grows now and then, so the median counts.
const REQUESTS: usize = 33;
const SECRET: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

fn signers() -> [Signer; 6] {
    [
        Signer::es256("key-1"),
        Signer::es384("key-1"),
        Signer::ed25519("EdDSA", "key-1"),
        Signer::rsa("RS256", "key-1"),
        Signer::rsa("PS256", "key-1"),
        Signer::secret("HS256", SECRET.as_bytes()),
    ]
}

fn verifier(signer: &Signer) -> Verifier {
    let algorithm = Algorithm::from_name(signer.alg).unwrap();
    let client = match algorithm.is_mac() {
        true => Client::with_secret(CLIENT, ClientSecret::new(SECRET).unwrap()),
        false => Client::new(CLIENT, key_set(&[signer.jwk()])),
    };
    let policy = Policy::REDOX.with_algorithms(AlgorithmSet::of(&[algorithm]));
    fixture().policy(policy).clients([client.unwrap()]).build()
}

fn forms(signer: &Signer) -> Vec<Bytes> {
    let form = |_| form(&Jwt::by(signer, CLIENT).signed_by(signer)).into();
    (0..REQUESTS).map(form).collect()
}

/// The number of allocations of `run` for the median input.
fn allocations<T>(inputs: Vec<T>, mut run: impl FnMut(T)) -> u64 {
    let mut counts: Vec<_> = inputs.into_iter().map(|input| measure(|| run(input)).count_total).collect();
    counts.sort_unstable();
    counts[counts.len() / 2]
}

#[test]
fn verification_allocates_nothing() {
    for signer in signers() {
        let verifier = verifier(&signer);
        let count = allocations(forms(&signer), |form| {
            now_or_never(verifier.verify(&TokenRequest::new(&form))).unwrap();
        });
        assert_eq!(count, 0, "{}", signer.alg);
    }
}

/// The queue has room from the start. The thread that formats and writes is not counted.
#[test]
fn an_audit_log_allocates_nothing_for_an_accepted_request() {
    let signer = Signer::es256("key-1");
    let audit = Arc::new(AuditLog::to(std::io::sink()).start().unwrap());
    let policy = Policy::REDOX.with_algorithms(AlgorithmSet::of(&[Algorithm::ES256]));
    let verifier = fixture().policy(policy).keys(&[signer.jwk()]).builder().events(Arc::clone(&audit)).build().unwrap();
    let count = allocations(forms(&signer), |form| {
        now_or_never(verifier.verify(&TokenRequest::new(&form))).unwrap();
    });
    assert_eq!(count, 0);
    audit.close().unwrap();
    assert_eq!(audit.counts().written, REQUESTS as u64);
}

#[cfg(feature = "metrics")]
#[test]
fn metrics_of_accepted_requests_allocate_nothing() {
    for timed in [false, true] {
        let signer = Signer::es256("key-1");
        let sink = MetricsEvents::new(Recorded::default()).per_client(10).unwrap();
        let sink = if timed { sink.with_times() } else { sink };
        let client = Client::new(CLIENT, key_set(&[signer.jwk()])).unwrap();
        let policy = Policy::REDOX.with_algorithms(AlgorithmSet::of(&[Algorithm::ES256]));
        let verifier = fixture().policy(policy).clients([client]).builder().events(sink).build().unwrap();
        let count = allocations(forms(&signer), |form| {
            now_or_never(verifier.verify(&TokenRequest::new(&form))).unwrap();
        });
        assert_eq!(count, 0, "with times: {timed}");
    }
}

#[test]
fn long_assertions_are_decoded_into_one_allocation() {
    let signer = Signer::ml_dsa("ML-DSA-44", "key-1");
    let verifier = verifier(&signer);
    let count = allocations(forms(&signer), |form| {
        now_or_never(verifier.verify(&TokenRequest::new(&form))).unwrap();
    });
    assert!(count <= 1, "{count}");
}

/// Counts its clones, and with them those of the service that holds it.
#[derive(Debug, Default)]
struct Clones(Arc<AtomicUsize>);

impl Clone for Clones {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

fn guarded(signer: &Signer, clones: Clones) -> ClientAssertion<Inner<Clones>> {
    ClientAssertionLayer::new(verifier(signer)).path("/token").unwrap().layer(Inner(clones))
}

fn requests(path: &str, forms: Vec<Bytes>) -> Vec<Request<Full<Bytes>>> {
    let request = |form: Bytes| {
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        request.header("content-length", form.len()).body(Full::new(form)).unwrap()
    };
    forms.into_iter().map(request).collect()
}

#[test]
fn accepted_requests_allocate_for_extensions_only() {
    // `http` allocates a map, a box for the identity, and room for the map to grow.
    for signer in signers() {
        let mut service = guarded(&signer, Clones::default());
        let count = allocations(requests("/token", forms(&signer)), |request| {
            let response = now_or_never(service.call(request)).unwrap();
            assert_eq!(response.status(), StatusCode::OK);
        });
        assert!(count <= 3, "{}: {count}", signer.alg);
    }
}

#[test]
fn refused_requests_allocate_for_headers_and_extensions_only() {
    // Two for the map of headers, and three for extensions. The body was rendered before.
    let signer = Signer::es256("key-1");
    let stranger = |_| form(&Jwt::by(&signer, CLIENT).claim("aud", "https://other.example.com").signed()).into();
    let refused = [(0..REQUESTS).map(stranger).collect(), vec![Bytes::new(); REQUESTS]];
    for forms in refused {
        let mut service = guarded(&signer, Clones::default());
        let count = allocations(requests("/token", forms), |request| {
            let response = now_or_never(service.call(request)).unwrap();
            assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        });
        assert!(count <= 5, "{count}");
    }
}

#[test]
fn requests_for_other_paths_allocate_and_clone_nothing() {
    let (signer, clones) = (Signer::es256("key-1"), Arc::default());
    let mut service = guarded(&signer, Clones(Arc::clone(&clones)));
    let before = clones.load(Ordering::Relaxed);
    let most = requests("/other", forms(&signer)).into_iter().map(|request| {
        let info = measure(|| {
            let response = now_or_never(service.call(request)).unwrap();
            assert_eq!(response.status(), StatusCode::OK);
        });
        info.count_total
    });
    assert_eq!(most.max(), Some(0));
    assert_eq!(clones.load(Ordering::Relaxed), before);
}

fn admit(store: &MemoryReplay, (client, jti): (usize, usize), now: u64) {
    let (client, jti) = (client.to_string(), jti.to_string());
    let (until, now) = (UnixTime::from_secs(now + 10), UnixTime::from_secs(now));
    let admission = store.admit(ReplayKey::new("as", &client, &jti), until, now);
    assert!(matches!(admission, Answer::Ready(Ok(Admission::Fresh))));
}

#[test]
fn a_replay_store_takes_at_most_32_bytes_for_a_live_entry() {
    const LIVE: usize = 200_000;
    let store = MemoryReplay::new(2 * LIVE).unwrap();
    let filled = measure(|| (0..LIVE).for_each(|jti| admit(&store, (jti % 10, jti), NOW)));
    assert!(filled.bytes_current <= 32 * LIVE as i64, "grown: {}", filled.bytes_current);
    // Entries expire as fast as they arrive, twice over.
    let steady = measure(|| {
        for jti in LIVE..3 * LIVE {
            let now = NOW + (jti * 10 / LIVE) as u64;
            admit(&store, (jti % 10, jti), now);
        }
    });
    let left = filled.bytes_current + steady.bytes_current;
    assert!(left <= 32 * LIVE as i64, "in steady work: {left}");
}

#[test]
fn a_replay_store_frees_expired_entries() {
    const LIVE: usize = 50_000;
    let store = MemoryReplay::new(4 * LIVE).unwrap();
    let filled = measure(|| (0..LIVE).for_each(|jti| admit(&store, (jti, jti), NOW)));
    // A new generation with a tenth of the entries and clients, several times over.
    let replaced = measure(|| {
        for generation in 1..40 {
            (0..LIVE / 10).for_each(|jti| admit(&store, (generation * LIVE + jti, jti), NOW + 10 * generation as u64));
        }
    });
    let left = filled.bytes_current + replaced.bytes_current;
    assert!(left < filled.bytes_current / 2, "{left} of {}", filled.bytes_current);
    assert!(store.len() < LIVE / 2, "{}", store.len());
}
