//! The share of one client in the replay store: which requests it refuses, how, and that other
//! clients are still served.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;

use crate::common::{CLIENT, Jwt, NOW, Signer, client, clock, fixture, form, key_set, post, verify};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_client_assertion::clock::{ManualClock, UnixTime};
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::port::{Answer, Awaited, PortError};
use tower_client_assertion::registry::Client;
use tower_client_assertion::rejection::{ClientFault, RejectionKind, ServerFault};
use tower_client_assertion::replay::{
    Admission, AdmitResult, AsyncReplayStore, MemoryReplay, ReplayKey, ReplayStore, TieredReplay,
};
use tower_client_assertion::{ClientAssertionLayer, RequestBody, Verifier};

const VICTIM: &str = "clinic-8";
const SHARE: usize = 4;

const QUOTA: RejectionKind = RejectionKind::Server(ServerFault::ClientQuota);
const UNAVAILABLE: RejectionKind = RejectionKind::Server(ServerFault::ReplayStore);
const REPLAYED: RejectionKind = RejectionKind::Client(ClientFault::Replayed);

/// A user's own store, on a set. It counts nothing per client.
#[derive(Clone, Debug)]
struct Own {
    spent: Arc<Mutex<HashSet<String>>>,
    share: usize,
    answer: fn(Admission) -> AdmitResult,
}

impl Own {
    fn new(share: usize) -> Self {
        Self { spent: Arc::default(), share, answer: Ok }
    }

    fn insert(&self, key: ReplayKey<'_>) -> AdmitResult {
        let fresh = self.spent.lock().unwrap().insert(format!("{:?}", key.digest()));
        (self.answer)(if fresh { Admission::Fresh } else { Admission::Replayed })
    }
}

impl ReplayStore for Own {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        None
    }

    fn admit(&self, key: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> Answer<AdmitResult> {
        Answer::Ready(self.insert(key))
    }

    fn admissions_per_client(&self) -> usize {
        self.share
    }
}

/// The same store, which answers after a moment.
#[derive(Debug)]
struct Later(Own);

impl AsyncReplayStore for Later {
    async fn admit(&self, key: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> AdmitResult {
        tokio::task::yield_now().await;
        self.0.insert(key)
    }

    fn admissions_per_client(&self) -> usize {
        self.0.share
    }
}

/// The same store, which records immediately and answers after a moment.
#[derive(Debug)]
struct Recorded(Own);

impl AsyncReplayStore for Recorded {
    async fn admit(&self, key: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> AdmitResult {
        let admitted = self.0.insert(key);
        tokio::task::yield_now().await;
        admitted
    }

    fn admissions_per_client(&self) -> usize {
        self.0.share
    }
}

struct Server {
    verifier: Verifier,
    clock: ManualClock,
    victim: Signer,
}

impl Server {
    fn with(store: impl ReplayStore) -> Self {
        let (clock, victim) = (clock(), Signer::es384("key-2"));
        let clients = [client(), Client::new(VICTIM, key_set(&[victim.jwk()])).unwrap()];
        let verifier = fixture().clients(clients).replay(store).clock(&clock).build();
        Self { verifier, clock, victim }
    }

    async fn answer(&self, assertion: &str) -> Result<(), RejectionKind> {
        let form = form(assertion);
        let request = tower_client_assertion::TokenRequest::new(form.as_bytes());
        self.verifier.verify(&request).await.map(drop).map_err(|rejection| {
            let kind = rejection.kind().clone();
            // A replay is proven if only the store has noticed it.
            assert!(rejection.is_proven() == [QUOTA, UNAVAILABLE].contains(&kind) || kind == REPLAYED, "{rejection}");
            kind
        })
    }

    /// The answer to one more assertion of [`CLIENT`].
    async fn evil(&self) -> Result<(), RejectionKind> {
        self.answer(&Jwt::new().signed()).await
    }

    async fn victim(&self) -> Result<(), RejectionKind> {
        self.answer(&Jwt::by(&self.victim, VICTIM).signed_by(&self.victim)).await
    }
}

#[tokio::test]
async fn rpl_08_one_client_closes_no_store_to_others() {
    let memory = |capacity: usize| MemoryReplay::new(capacity).unwrap();
    let stores: [(&str, Arc<dyn ReplayStore>); 6] = [
        ("memory, by default", Arc::new(memory(SHARE * 16))),
        ("memory, as set", Arc::new(memory(SHARE + 1).per_client(SHARE).unwrap())),
        ("tiers, the local share", Arc::new(TieredReplay::new(memory(SHARE * 16), Own::new(1_000)))),
        ("tiers, the shared share", Arc::new(TieredReplay::new(memory(1_000), Own::new(SHARE)))),
        ("a user's own", Arc::new(Own::new(SHARE))),
        ("a user's own, later", Arc::new(Awaited::new(Later(Own::new(SHARE))))),
    ];
    for (name, store) in stores {
        let server = Server::with(store);
        for number in 0..SHARE {
            assert_eq!(server.evil().await, Ok(()), "{name}, {number}");
        }
        for _ in 0..100 {
            assert_eq!(server.evil().await, Err(QUOTA), "{name}");
        }
        assert_eq!(server.victim().await, Ok(()), "{name}");
    }
}

#[tokio::test]
async fn a_used_up_share_frees_up_as_assertions_expire() {
    let server = Server::with(MemoryReplay::new(1_000).unwrap().per_client(1).unwrap());
    // Remembered for both skews and a second longer than it is valid.
    let short = || Jwt::new().claim("exp", NOW + 10).signed();
    assert_eq!(server.answer(&short()).await, Ok(()));
    for (secs, expected) in [(0, Err(QUOTA)), (20, Err(QUOTA)), (21, Ok(())), (21, Err(QUOTA))] {
        server.clock.set(UnixTime::from_secs(NOW + secs));
        assert_eq!(server.evil().await, expected, "after {secs} s");
    }
}

#[tokio::test]
async fn what_has_recorded_nothing_is_refunded() {
    type Case = (&'static str, bool, fn(Admission) -> AdmitResult, RejectionKind, usize);
    let cases: [Case; 5] = [
        ("a replay", false, |_| Ok(Admission::Replayed), REPLAYED, 0),
        ("a replay, later", true, |_| Ok(Admission::Replayed), REPLAYED, 0),
        ("an error, immediately", false, |_| Err(PortError::new("down")), UNAVAILABLE, 0),
        ("an error later that says so", true, |_| Err(PortError::not_recorded("down")), UNAVAILABLE, 0),
        ("an error later", true, |_| Err(PortError::new("down")), UNAVAILABLE, SHARE),
    ];
    for (name, later, answer, kind, charged) in cases {
        let own = Own { answer, ..Own::new(SHARE) };
        let store: Arc<dyn ReplayStore> = if later { Arc::new(Awaited::new(Later(own))) } else { Arc::new(own) };
        let verifier = fixture().clients([client()]).replay(store).clock(&clock()).build();
        for number in 0..2 * SHARE {
            let form = form(&Jwt::new().signed());
            let request = tower_client_assertion::TokenRequest::new(form.as_bytes());
            let found = verifier.verify(&request).await.unwrap_err().kind().clone();
            let expected = if charged > 0 && number >= charged { QUOTA } else { kind.clone() };
            assert_eq!(found, expected, "{name}, {number}");
        }
    }
}

/// What a client sends while others have filled the store does not use up its share.
#[tokio::test]
async fn a_full_store_uses_up_no_share() {
    let memory = || MemoryReplay::new(2 * SHARE).unwrap().per_client(SHARE).unwrap();
    let stores: [(&str, Arc<dyn ReplayStore>); 2] = [
        ("memory", Arc::new(memory())),
        ("tiers", Arc::new(TieredReplay::new(MemoryReplay::new(1_000).unwrap(), memory()))),
    ];
    for (name, store) in stores {
        for number in 0..2 * SHARE {
            let (jti, until) = (number.to_string(), UnixTime::from_secs(NOW + 5));
            let filled = store.admit(ReplayKey::new("t", "others", &jti), until, UnixTime::from_secs(NOW));
            assert!(filled.get().await.is_ok(), "{name}");
        }
        let server = Server::with(store);
        for _ in 0..10 * SHARE {
            assert_eq!(server.evil().await, Err(UNAVAILABLE), "{name}");
        }
        server.clock.advance(5);
        for number in 0..SHARE {
            assert_eq!(server.evil().await, Ok(()), "{name}, {number}");
        }
        assert_eq!(server.evil().await, Err(QUOTA), "{name}");
    }
}

#[tokio::test]
async fn a_dropped_request_stays_charged() {
    let server = Server::with(Awaited::new(Later(Own::new(SHARE))));
    for _ in 0..SHARE {
        let form = form(&Jwt::new().signed());
        let request = tower_client_assertion::TokenRequest::new(form.as_bytes());
        let mut future = Box::pin(server.verifier.verify(&request));
        assert!(futures_poll(future.as_mut()).is_pending(), "the store has the assertion");
    }
    assert_eq!(server.evil().await, Err(QUOTA), "the store may have recorded what was dropped");
    assert_eq!(server.victim().await, Ok(()));
}

/// A request whose connection is lost while the store is asked.
fn drop_while_asked(server: &Server, assertion: &str) {
    let form = form(assertion);
    let request = tower_client_assertion::TokenRequest::new(form.as_bytes());
    drop(futures_poll(Box::pin(server.verifier.verify(&request)).as_mut()));
}

#[tokio::test]
async fn rpl_08_an_assertion_sent_again_uses_up_no_share() {
    type Way = (&'static str, fn(usize) -> bool);
    type Store = (&'static str, fn(Own) -> Arc<dyn ReplayStore>);
    let ways: [Way; 4] = [
        ("all are dropped", |_| true),
        ("one is dropped, one is answered", |number| number % 2 == 0),
        ("one is answered, one is dropped", |number| number % 2 == 1),
        ("few are dropped", |number| number % 5 == 0),
    ];
    let stores: [Store; 3] = [
        ("records late", |own| Arc::new(Awaited::new(Later(own)))),
        ("records immediately, answers late", |own| Arc::new(Awaited::new(Recorded(own)))),
        ("tiers", |own| Arc::new(TieredReplay::new(MemoryReplay::new(1_000).unwrap(), Awaited::new(Recorded(own))))),
    ];
    for ((way, is_dropped), (name, store)) in ways.iter().flat_map(|way| stores.iter().map(move |store| (way, store))) {
        for spent_before in [true, false] {
            let server = Server::with(store(Own::new(SHARE)));
            let stolen = Jwt::new().signed();
            if spent_before {
                assert_eq!(server.answer(&stolen).await, Ok(()));
            }
            for number in 0..10 * SHARE {
                match is_dropped(number) {
                    true => drop_while_asked(&server, &stolen),
                    false => assert_ne!(server.answer(&stolen).await, Err(QUOTA), "{name}, {way}"),
                }
            }
            for number in 0..SHARE - 2 {
                assert_eq!(server.evil().await, Ok(()), "{name}, {way}, {spent_before}, {number}");
            }
        }
    }
}

/// However a client uses its connections, the store never has more of its assertions.
#[tokio::test]
async fn rpl_08_no_order_of_answers_frees_a_place_twice() {
    let own = Own::new(SHARE);
    let server = Server::with(Awaited::new(Recorded(own.clone())));
    for _ in 0..10 * SHARE {
        let form = form(&Jwt::new().signed());
        let request = || tower_client_assertion::TokenRequest::new(form.as_bytes());
        let (one, two) = (request(), request());
        let (mut first, mut second) = (Box::pin(server.verifier.verify(&one)), Box::pin(server.verifier.verify(&two)));
        // The second is the replay, and its answer comes first.
        let _asked = futures_poll(first.as_mut());
        if futures_poll(second.as_mut()).is_pending() {
            drop(second.await);
        }
        drop(first);
        drop_while_asked(&server, &Jwt::new().signed());
    }
    assert!(own.spent.lock().unwrap().len() <= SHARE, "{}", own.spent.lock().unwrap().len());
}

fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test]
async fn unproven_assertions_use_up_no_share() {
    let server = Server::with(Own::new(SHARE));
    for _ in 0..10 * SHARE {
        let forged = Jwt::new().signed_by(&server.victim);
        assert_eq!(server.answer(&forged).await, Err(RejectionKind::Client(ClientFault::BadSignature)));
    }
    assert_eq!(server.evil().await, Ok(()));
}

#[test]
fn a_used_up_share_is_answered_429_and_reported() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&events);
    let builder = fixture().replay(Own::new(1)).builder().events(event::sink(move |event| {
        if let Event::Refused(refused) = event {
            let client = refused.claimed_client().unwrap().to_string();
            log.lock().unwrap().push((client, refused.rejection().to_string()));
        }
    }));
    let verifier = builder.build().unwrap();
    verify(&verifier, &form(&Jwt::new().signed())).unwrap();
    let handler = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let mut service = ClientAssertionLayer::new(verifier).layer(handler);
    let response = crate::common::now_or_never(service.call(post(form(&Jwt::new().signed())))).unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (429, &"30".parse().unwrap()));
    let body = crate::common::body_of(response);
    assert!(body.ends_with(br#""error_description":"This client has too many unexpired assertions"}"#), "{body:?}");
    let text = "the client has used up its share of the replay store";
    assert_eq!(*events.lock().unwrap(), [(format!("{CLIENT:?}"), text.to_owned())]);
}

#[test]
fn a_store_that_allows_no_admission_does_not_build() {
    let error = fixture().replay(Own::new(0)).builder().build().unwrap_err().to_string();
    assert!(error.starts_with("replay admissions_per_client: 0 is not allowed"), "{error}");
    assert!(fixture().replay(Own::new(1)).builder().build().is_ok());
}
