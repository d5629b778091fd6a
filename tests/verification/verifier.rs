//! The verifier without HTTP: configurations that do not build, ports that are slow or fail, and
//! what the operator is told.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{
    AUDIENCE, CLIENT, ISSUER, Jwt, NOW, SIGNER, Signer, builder, client, client_fault, clock, fixture, form, key_set,
    outcome, store, verifier, verify,
};
use tokio::sync::Semaphore;
use tower_client_assertion::clock::{ManualClock, UnixTime};
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, Limits};
use tower_client_assertion::port::{Answer, Awaited, PortError};
use tower_client_assertion::registry::{
    AsyncClientRegistry, Client, ClientError, ClientRegistry, FindResult, FixedRegistry,
};
use tower_client_assertion::rejection::{Claim, ClaimFault, ClientFault, RejectionKind, ServerFault};
use tower_client_assertion::replay::{Admission, AdmitResult, AsyncReplayStore, MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::{Policy, TokenRequest, Verifier, VerifierBuilder};

fn without_audience(policy: Policy) -> VerifierBuilder {
    fixture().policy(policy).at_no_address().builder()
}

#[test]
fn invalid_configurations_do_not_build_and_say_why() {
    let secs = Duration::from_secs;
    let set = |algorithms: &[Algorithm]| AlgorithmSet::of(algorithms);
    let limits = |limits| builder(Policy::REDOX).limits(limits);
    let cases = [
        (without_audience(Policy::REDOX), "audience: not set, but the policy redox"),
        (without_audience(Policy::REDOX).audience(""), "audience: \"\" is not valid; use printable ASCII"),
        (
            without_audience(Policy::REDOX).audience("https://a").audience("https://\u{e4}"),
            "audience: \"https://\u{e4}\"",
        ),
        (without_audience(Policy::REDOX).audience("https://a b"), "audience: \"https://a b\""),
        (builder(Policy::REDOX.with_future_skew(secs(301))), "future_skew: 301s is too long; use 300s or less"),
        (builder(Policy::REDOX.with_expiry_skew(secs(301))), "expiry_skew: 301s is too long; use 300s or less"),
        (builder(Policy::REDOX.with_future_skew(Duration::from_millis(9_500))), "future_skew: 9.5s has a fraction"),
        (builder(Policy::REDOX.with_expiry_skew(Duration::from_millis(9_500))), "expiry_skew: 9.5s has a fraction"),
        (builder(Policy::REDOX.with_max_age(Duration::from_nanos(1))), "max_age: 1ns has a fraction"),
        (builder(Policy::REDOX.with_max_age(Duration::ZERO)), "max_age: 0 is not allowed"),
        (
            builder(Policy::REDOX.dangerous().max_age(Some(secs(86_401)))),
            "max_age: 86401s is too long; use 86400s or less",
        ),
        (builder(Policy::REDOX.with_algorithms(AlgorithmSet::EMPTY)), "algorithms: the policy redox allows none"),
        (
            builder(Policy::REDOX.with_algorithms(set(&[Algorithm::RS384, Algorithm::PS256]))),
            "algorithms: the policies allow RS384, PS256, but the registered clients can only use ES384",
        ),
        (limits(Limits::default().with_parameters(0)), "limit parameters: 0 is not allowed"),
        (limits(Limits::default().with_assertion(0)), "limit assertion: 0 is not allowed"),
        (limits(Limits::default().with_header(0)), "limit header: 0 is not allowed"),
        (limits(Limits::default().with_json_depth(0)), "limit json_depth: 0 is not allowed"),
        (limits(Limits::default().with_json_depth(65)), "limit json_depth: 65 is too large; use 64 or less"),
        (limits(Limits::default().with_kid(0)), "limit kid: 0 is not allowed"),
        (limits(Limits::default().with_jti(0)), "limit jti: 0 is not allowed"),
        (limits(Limits::default().with_client_id(0)), "limit client_id: 0 is not allowed"),
        (limits(Limits::default().with_audiences(0)), "limit audiences: 0 is not allowed"),
    ];
    for (builder, message) in cases {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn configurations_at_their_limits_build() {
    let secs = Duration::from_secs;
    for builder in [
        builder(Policy::REDOX.dangerous().future_skew(secs(300)).dangerous().expiry_skew(secs(300))),
        builder(Policy::REDOX.dangerous().max_age(Some(secs(86_400)))),
        builder(Policy::REDOX.with_future_skew(Duration::ZERO).with_expiry_skew(Duration::ZERO).with_max_age(secs(1))),
        builder(Policy::REDOX).limits(Limits::default().with_json_depth(64)),
        fixture().clients([]).builder(),
    ] {
        assert!(builder.build().is_ok());
    }
}

#[test]
fn policies_can_be_narrowed_to_the_second() {
    let policy = Policy::REDOX
        .with_max_age(Duration::from_secs(60))
        .with_expiry_skew(Duration::ZERO)
        .with_future_skew(Duration::ZERO);
    let verifier = builder(policy).build().unwrap();
    let cases = [("iat", NOW - 60, true), ("iat", NOW - 61, false), ("iat", NOW, true), ("iat", NOW + 1, false)];
    let more = [("exp", NOW + 1, true), ("exp", NOW, false), ("nbf", NOW, true), ("nbf", NOW + 1, false)];
    for (claim, value, accepted) in cases.into_iter().chain(more) {
        let outcome = verify(&verifier, &form(&Jwt::new().claim(claim, value).signed()));
        assert_eq!(outcome.is_ok(), accepted, "{claim} {value}");
    }
}

#[test]
fn each_direction_has_its_own_skew() {
    let secs = Duration::from_secs;
    let policy = Policy::RFC7523
        .with_max_age(secs(60))
        .with_max_lifetime(secs(100))
        .with_future_skew(secs(5))
        .with_expiry_skew(secs(20));
    let verifier = fixture().policy(policy).at_issuer().build();
    let cases = [
        ("iat", NOW - 81, false),
        ("iat", NOW - 80, true),
        ("iat", NOW + 5, true),
        ("iat", NOW + 6, false),
        ("nbf", NOW + 5, true),
        ("nbf", NOW + 6, false),
        ("exp", NOW - 20, false),
        ("exp", NOW - 19, true),
        ("exp", NOW + 105, true),
        ("exp", NOW + 106, false),
    ];
    for (claim, value, accepted) in cases {
        let jwt = Jwt::new().claim("aud", ISSUER).claim("exp", NOW + 60).claim(claim, value);
        assert_eq!(verify(&verifier, &form(&jwt.signed())).is_ok(), accepted, "{claim} {value}");
    }
    let jwt = Jwt::new().claim("aud", ISSUER).claim("iat", NOW - 10).claim("exp", NOW + 60);
    let identity = verify(&verifier, &form(&jwt.signed())).unwrap();
    assert_eq!(identity.valid_until(), UnixTime::from_secs(NOW + 71), "the age of iat ends it, 20 s later");
}

#[test]
fn the_identity_describes_the_verification() {
    let verifier = verifier();
    let identity = verify(&verifier, &form(&Jwt::new().signed())).unwrap();
    assert_eq!(identity.client_id().as_str(), CLIENT);
    assert_eq!(identity.algorithm(), Algorithm::ES384);
    assert_eq!(identity.key_id(), Some("key-1"));
    // The earlier of exp and iat + 300 s, plus 10 s of skew, plus one second.
    assert_eq!(identity.valid_until(), UnixTime::from_secs(NOW + 311));
    let identity = verify(&verifier, &form(&Jwt::new().claim("exp", NOW + 60).signed())).unwrap();
    assert_eq!(identity.valid_until(), UnixTime::from_secs(NOW + 71));
}

#[test]
fn an_unavailable_clock_is_a_server_fault_except_for_junk() {
    let time = clock();
    let verifier = fixture().clock(&time).build();
    time.stop();
    let rejection = verify(&verifier, &form(&Jwt::new().signed())).unwrap_err();
    assert_eq!(*rejection.kind(), RejectionKind::Server(ServerFault::Clock));
    assert_eq!(outcome(&verifier, "a.b").unwrap_err(), ClientFault::NotThreeParts);
}

/// A port whose answers wait for permits, and fail if it is `broken`.
#[derive(Clone, Debug)]
struct Slow {
    permits: Arc<Semaphore>,
    calls: Arc<AtomicUsize>,
    broken: bool,
}

impl Slow {
    fn new(permits: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(permits)), calls: Arc::default(), broken: false }
    }

    async fn pass(&self) -> Result<(), PortError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.permits.acquire().await.unwrap().forget();
        if self.broken { Err(PortError::new("the database is gone")) } else { Ok(()) }
    }
}

#[derive(Debug)]
struct SlowRegistry(Slow);

impl AsyncClientRegistry for SlowRegistry {
    async fn find(&self, client_id: &str) -> FindResult {
        self.0.pass().await?;
        Ok((client_id == CLIENT).then(|| Arc::new(client())))
    }
}

#[derive(Debug)]
struct SlowReplay(Slow, MemoryReplay);

impl AsyncReplayStore for SlowReplay {
    async fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> AdmitResult {
        self.0.pass().await?;
        self.1.admit(key, until, now).get().await
    }

    fn admissions_per_client(&self) -> usize {
        1_000
    }
}

fn slow(registry: &Slow, store: &Slow, time: ManualClock) -> Verifier {
    let registry = Awaited::new(SlowRegistry(registry.clone()));
    let replay = Awaited::new(SlowReplay(store.clone(), self::store()));
    fixture().registry(registry).replay(replay).clock(&time).build()
}

#[tokio::test]
async fn slow_ports_are_awaited() {
    let (registry, store) = (Slow::new(2), Slow::new(2));
    let verifier = slow(&registry, &store, clock());
    let body = form(&Jwt::new().signed());
    let request = TokenRequest::new(body.as_bytes());
    assert_eq!(verifier.verify(&request).await.unwrap().client_id().as_str(), CLIENT);
    let rejection = verifier.verify(&request).await.unwrap_err();
    assert_eq!(*rejection.kind(), RejectionKind::Client(ClientFault::Replayed));
    assert!(rejection.is_proven());
}

#[tokio::test]
async fn assertions_expiring_during_a_lookup_are_refused() {
    let (registry, store, time) = (Slow::new(0), Slow::new(9), clock());
    let verifier = slow(&registry, &store, time.clone());
    let body = form(&Jwt::new().signed());
    let request = TokenRequest::new(body.as_bytes());
    let (outcome, ()) = tokio::join!(verifier.verify(&request), async {
        time.advance(311);
        registry.permits.add_permits(1);
    });
    assert_eq!(client_fault(outcome.unwrap_err()), ClientFault::Claim(Claim::Exp, ClaimFault::Past));
    assert_eq!(store.calls.load(Ordering::SeqCst), 0);
}

/// A store may drop an entry when it expires. If it answers just then, it must not let the
/// assertion in a second time.
#[tokio::test]
async fn assertions_expiring_during_admission_are_refused() {
    for (advance, accepted) in [(310, true), (311, false)] {
        let (registry, store, time) = (Slow::new(9), Slow::new(0), clock());
        let verifier = slow(&registry, &store, time.clone());
        let body = form(&Jwt::new().without_claim("exp").signed());
        let request = TokenRequest::new(body.as_bytes());
        let (outcome, ()) = tokio::join!(verifier.verify(&request), async {
            time.advance(advance);
            store.permits.add_permits(1);
        });
        let kind = outcome.map(|_| ()).map_err(|rejection| (rejection.kind().clone(), rejection.is_proven()));
        let late = Err((RejectionKind::Client(ClientFault::Claim(Claim::Iat, ClaimFault::Past)), true));
        assert_eq!(kind, if accepted { Ok(()) } else { late }, "{advance}");
    }
}

#[tokio::test]
async fn a_clock_failing_during_admission_is_a_server_fault() {
    let (registry, store, time) = (Slow::new(9), Slow::new(0), clock());
    let verifier = slow(&registry, &store, time.clone());
    let body = form(&Jwt::new().signed());
    let request = TokenRequest::new(body.as_bytes());
    let (outcome, ()) = tokio::join!(verifier.verify(&request), async {
        time.stop();
        store.permits.add_permits(1);
    });
    assert_eq!(*outcome.unwrap_err().kind(), RejectionKind::Server(ServerFault::Clock));
}

#[tokio::test]
async fn dropping_a_verification_at_any_wait_spends_nothing() {
    let body = form(&Jwt::new().signed());
    let request = TokenRequest::new(body.as_bytes());
    for (at_registry, at_store) in [(0, 9), (9, 0)] {
        let (registry, store) = (Slow::new(at_registry), Slow::new(at_store));
        let verifier = slow(&registry, &store, clock());
        {
            let mut attempt = Box::pin(verifier.verify(&request));
            let waiting = std::future::poll_fn(|cx| std::task::Poll::Ready(attempt.as_mut().poll(cx).is_pending()));
            assert!(waiting.await);
        }
        registry.permits.add_permits(9);
        store.permits.add_permits(9);
        assert!(verifier.verify(&request).await.is_ok(), "the assertion is still unspent");
    }
}

#[tokio::test]
async fn port_failures_are_server_faults_with_their_cause() {
    let broken = Slow { broken: true, ..Slow::new(9) };
    let cases = [
        (slow(&broken, &Slow::new(9), clock()), ServerFault::Registry, false),
        (slow(&Slow::new(9), &broken, clock()), ServerFault::ReplayStore, true),
    ];
    for (verifier, fault, proven) in cases {
        let body = form(&Jwt::new().signed());
        let rejection = verifier.verify(&TokenRequest::new(body.as_bytes())).await.unwrap_err();
        assert_eq!(*rejection.kind(), RejectionKind::Server(fault));
        assert_eq!(rejection.source().unwrap().to_string(), "the database is gone");
        assert_eq!(rejection.is_proven(), proven);
    }
}

#[test]
fn a_registry_answering_with_another_client_is_a_server_fault() {
    #[derive(Debug)]
    struct Confused;
    impl ClientRegistry for Confused {
        fn find(&self, _: &str) -> Answer<FindResult> {
            Answer::Ready(Ok(Some(Arc::new(client()))))
        }
    }
    let verifier = fixture().registry(Confused).build();
    let jwt = Jwt::by(&SIGNER, "clinic-8").signed();
    assert_eq!(*verify(&verifier, &form(&jwt)).unwrap_err().kind(), RejectionKind::Server(ServerFault::Registry));
}

#[test]
fn a_full_replay_store_is_a_server_fault() {
    let store = Arc::new(MemoryReplay::new(1).unwrap().per_client(2).unwrap());
    let verifier = fixture().replay(Arc::clone(&store)).build();
    assert!(verify(&verifier, &form(&Jwt::new().signed())).is_ok());
    let rejection = verify(&verifier, &form(&Jwt::new().signed())).unwrap_err();
    assert_eq!(*rejection.kind(), RejectionKind::Server(ServerFault::ReplayStore));
    assert_eq!(store.len(), 1);
}

/// Records the calls, and answers that everything is fresh.
#[derive(Clone, Debug, Default)]
struct Watched(Arc<Mutex<Vec<&'static str>>>);

impl ClientRegistry for Watched {
    fn find(&self, _: &str) -> Answer<FindResult> {
        self.0.lock().unwrap().push("find");
        Answer::Ready(Ok(Some(Arc::new(client()))))
    }
}

impl ReplayStore for Watched {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        self.0.lock().unwrap().push("seen");
        None
    }

    fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> Answer<AdmitResult> {
        self.0.lock().unwrap().push("admit");
        Answer::Ready(Ok(Admission::Fresh))
    }

    fn admissions_per_client(&self) -> usize {
        1_000
    }
}

#[test]
fn junk_reaches_no_port_and_the_insert_comes_last() {
    let other = Signer::es384("key-1");
    let cases = [
        ("junk", "a.b.c".to_owned(), &[][..]),
        ("expired", Jwt::new().claim("exp", 1).signed(), &[]),
        ("mis-addressed", Jwt::new().claim("aud", "x").signed(), &[]),
        ("no key", Jwt::new().header("kid", "x").signed(), &["find"]),
        ("badly signed", Jwt::new().signed_by(&other), &["find", "seen"]),
        ("right", Jwt::new().signed(), &["find", "seen", "admit"]),
    ];
    for (name, assertion, asked) in cases {
        let ports = Watched::default();
        let verifier = fixture().registry(ports.clone()).replay(ports.clone()).build();
        assert_eq!(verify(&verifier, &form(&assertion)).is_ok(), name == "right");
        assert_eq!(*ports.0.lock().unwrap(), asked, "{name}");
    }
}

#[test]
fn findings_list_every_failed_claim() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&lines);
    let sink = event::sink(move |event| match event {
        Event::Accepted(event) => log.lock().unwrap().push(format!("accepted {}", event.identity().client_id())),
        Event::Refused(refused) => {
            let mut log = log.lock().unwrap();
            log.push(format!("refused {:?}: {}", refused.claimed_client(), refused.rejection()));
            log.extend(refused.findings().iter().map(ToString::to_string));
        }
        other => panic!("{other:?}"),
    });
    let verifier = fixture().builder().events(sink).build().unwrap();
    let evil = format!("x\u{1b}[31m\n\"{}", "y".repeat(100));
    let jwt = Jwt::new().claim("sub", evil).claim("jti", 5).claim("aud", "https://other").claim("exp", NOW - 10);
    let jwt = jwt.header("typ", "at+jwt").without_claim("iat");
    verify(&verifier, &form(&jwt.signed())).unwrap_err();
    verify(&verifier, &form("junk")).unwrap_err();
    verify(&verifier, &form(&Jwt::new().signed())).unwrap();

    let y = "y".repeat(56);
    let expected = [
        "refused Some(\"clinic-7\"): sub is not an accepted value".to_owned(),
        format!(
            r#"sub is not an accepted value: expected the client id in iss and sub, received "x\u{{1b}}[31m\u{{a}}\"{y}"... with the iss "{CLIENT}""#
        ),
        "jti is malformed: expected 1 to 256 bytes without control characters, received a number".to_owned(),
        format!("aud is not an accepted value: expected only {AUDIENCE}, received \"https://other\""),
        "typ is not an accepted value: expected jwt, received \"at+jwt\"".to_owned(),
        "iat is missing: expected a time from 1699999690 to 1700000010, received nothing".to_owned(),
        "exp is too far in the past: expected a time after 1699999990, received 1699999990, 1 s too old".to_owned(),
        "refused None: the client assertion does not have three parts".to_owned(),
        "the client assertion does not have three parts: expected three parts, received 1 part".to_owned(),
        "accepted clinic-7".to_owned(),
    ];
    assert_eq!(*lines.lock().unwrap(), expected);
}

#[test]
fn debug_output_hides_assertion_and_secret() {
    let assertion = Jwt::new().signed();
    let body = form(&assertion);
    let request = TokenRequest::new(body.as_bytes()).with_query("client_secret=hush");
    let verifier = verifier();
    let rejection = verify(&verifier, &(body.clone() + "&client_id=other")).unwrap_err();
    let printed = format!("{request:?} {verifier:?} {rejection:?} {rejection}");
    for part in assertion.split('.').chain(["hush", "client_assertion="]) {
        assert!(!printed.contains(part), "{part} in {printed}");
    }
}

#[test]
fn duplicate_clients_are_named() {
    let error = FixedRegistry::new([client(), client()]).unwrap_err();
    assert!(matches!(&error, ClientError::Duplicate { client_id, .. } if client_id == CLIENT));
    let other = Client::new("clinic-8", key_set(&[SIGNER.jwk()])).unwrap();
    assert!(FixedRegistry::new([client(), other]).is_ok());
}
