//! A request that has to wait for the inner service after its client was accepted: time has passed,
//! so it is decided on again.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::common::{CLIENT, Jwt, NOW, SIGNER, Signer, client, client_with, clock, fixture, form, kind, post};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;
use tower::{Layer, Service};
use tower_client_assertion::clock::{ManualClock, UnixTime};
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::grpc::GrpcAssertionLayer;
use tower_client_assertion::jwks::{JwksRequest, JwksUrl, KeySetCache};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet};
use tower_client_assertion::port::{Answer, Awaited, PortError};
use tower_client_assertion::registry::{Client, ClientRegistry, FindResult};
use tower_client_assertion::rejection::{Claim, ClaimFault, ClientFault, RejectionKind, ServerFault};
use tower_client_assertion::replay::{AdmitResult, AsyncReplayStore, MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::secret::ClientSecret;
use tower_client_assertion::{ClientAssertionLayer, JWT_BEARER, Policy, Verifier};

/// A service that is ready when the test says so.
#[derive(Clone, Debug, Default)]
struct Busy {
    free: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
}

impl<B> Service<Request<B>> for Busy {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.free.load(Ordering::SeqCst) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        self.calls.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(Response::new(String::new())))
    }
}

/// Answers on the second poll, so that the layer gives up its reservation.
#[derive(Debug)]
struct Store(MemoryReplay);

impl AsyncReplayStore for Store {
    async fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> AdmitResult {
        tokio::task::yield_now().await;
        self.0.admit(key, until, now).get().await
    }

    fn admissions_per_client(&self) -> usize {
        1_000
    }
}

/// How a registry answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speed {
    AtOnce,
    Later,
    Never,
}

#[derive(Clone, Debug)]
struct Registry(Arc<Mutex<(FindResult, Speed)>>);

impl ClientRegistry for Registry {
    fn find(&self, _: &str) -> Answer<FindResult> {
        let (found, speed) = self.0.lock().unwrap().clone();
        match speed {
            Speed::AtOnce => Answer::Ready(found),
            Speed::Later => Answer::later(async {
                tokio::task::yield_now().await;
                found
            }),
            Speed::Never => Answer::later(std::future::pending()),
        }
    }
}

const SECRET: &str = "0f8fad5b-d9cb-469f-a165-70867728950e, 0f8fad5b-d9cb";
const OTHER: &str = "7d9f74b1-0c2d-4a43-9d1e-6a2f54f0b1c5, 7d9f74b1-0c2d";

struct World {
    verifier: Arc<Verifier>,
    clock: ManualClock,
    registry: Registry,
    inner: Busy,
    cache: KeySetCache,
    /// The key set at the URL. There is no answer if it is empty.
    published: Arc<Mutex<Bytes>>,
    /// What the operator has learned.
    events: Arc<Mutex<Vec<&'static str>>>,
}

impl World {
    fn new() -> Self {
        let registry = Registry(Arc::new(Mutex::new((Ok(Some(Arc::new(client()))), Speed::AtOnce))));
        let (clock, replay) = (clock(), Awaited::new(Store(MemoryReplay::new(100).unwrap())));
        let events = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&events);
        let strict = Policy::REDOX.with_algorithms(AlgorithmSet::of(&[Algorithm::RS384])).with_name("strict");
        let builder = fixture().registry(registry.clone()).replay(replay).clock(&clock).builder();
        let once = Policy::REDOX.dangerous().optional_jti();
        let reusable = once.clone().dangerous().reusable_without_jti().with_name("reusable");
        let builder = builder.client_policy(once.with_name("once")).client_policy(reusable);
        let builder = builder.client_policy(strict).events(event::sink(move |event| {
            recorded.lock().unwrap().push(match event {
                Event::Accepted(_) => "accepted",
                Event::Refused(refused) if refused.rejection().is_proven() => "refused",
                Event::Refused(_) => "refused, in doubt",
                _ => return,
            });
        }));
        let published = Arc::new(Mutex::new(Bytes::new()));
        let served = Arc::clone(&published);
        let fetch = move |_: JwksRequest| {
            let body = served.lock().unwrap().clone();
            async move {
                if body.is_empty() {
                    std::future::pending::<()>().await;
                }
                let response = Response::builder().header("cache-control", "max-age=60");
                Ok::<_, Infallible>(response.body(Full::new(body)).unwrap())
            }
        };
        let cache = KeySetCache::builder(fetch).build().unwrap();
        let verifier = Arc::new(builder.build().unwrap());
        let world = Self { verifier, clock, registry, inner: Busy::default(), cache, published, events };
        world.publish(&SIGNER);
        world
    }

    /// What becomes of a request that waits for the inner service while something happens.
    async fn outcome<F: Future<Output = Result<Response<B>, Infallible>>, B>(
        &self,
        call: F,
        meanwhile: impl FnOnce(&Self),
    ) -> Option<RejectionKind> {
        let mut call = std::pin::pin!(call);
        for _ in 0..20 {
            let polled = std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
            assert!(polled.is_pending(), "the inner service is busy");
            // A fetch is a task.
            tokio::task::yield_now().await;
        }
        assert_eq!(*self.events.lock().unwrap(), [""; 0], "nothing is decided yet");
        meanwhile(self);
        self.inner.free.store(true, Ordering::SeqCst);
        let response = tokio::time::timeout(Duration::from_secs(60), call).await.expect("an end");
        kind(&response.unwrap())
    }

    /// What becomes of this assertion.
    async fn outcome_of(&self, assertion: &str, grpc: bool, meanwhile: impl FnOnce(&Self)) -> Option<RejectionKind> {
        if grpc {
            let call = Request::post("/package.Service/Method").header("client-assertion-type", JWT_BEARER);
            let call = call.header("client-assertion", assertion).body(()).unwrap();
            let mut service = GrpcAssertionLayer::new(Arc::clone(&self.verifier)).layer(self.inner.clone());
            return self.outcome(service.call(call), meanwhile).await;
        }
        let mut service = ClientAssertionLayer::new(Arc::clone(&self.verifier)).layer(self.inner.clone());
        self.outcome(service.call(post(form(assertion))), meanwhile).await
    }

    fn find(&self, found: FindResult) {
        self.registry.0.lock().unwrap().0 = found;
    }

    fn register(&self, client: Client) {
        self.find(Ok(Some(Arc::new(client))));
    }

    fn answer(&self, speed: Speed) {
        self.registry.0.lock().unwrap().1 = speed;
    }

    fn publish(&self, signer: &Signer) {
        *self.published.lock().unwrap() = serde_json::to_vec(&json!({"keys": [signer.jwk()]})).unwrap().into();
    }

    fn client_by_url(&self) -> Client {
        let url = JwksUrl::parse("https://clinic.example/keys").unwrap();
        Client::with_key_set_url(CLIENT, &url, &self.cache).unwrap()
    }

    /// Checks that exactly one outcome is known, and that it is this one.
    fn check(&self, found: Option<&RejectionKind>, expected: Option<&RejectionKind>, case: &str) {
        assert_eq!(found, expected, "{case}");
        assert_eq!(self.inner.calls.load(Ordering::SeqCst), usize::from(expected.is_none()), "{case}");
        let event = match expected {
            None => "accepted",
            Some(RejectionKind::Client(ClientFault::Claim(..)) | RejectionKind::Server(_)) => "refused",
            Some(_) => "refused, in doubt",
        };
        assert_eq!(*self.events.lock().unwrap(), [event], "{case}");
    }
}

/// A client with another key, which has this `kid`.
fn client_with_other_key(kid: &'static str) -> Client {
    client_with(&[Signer::es384(kid).jwk()])
}

fn client_with_secret(secret: &str) -> Client {
    Client::with_secret(CLIENT, ClientSecret::new(secret).unwrap()).unwrap()
}

fn theirs(fault: ClientFault) -> Option<RejectionKind> {
    Some(RejectionKind::Client(fault))
}

fn ours(fault: ServerFault) -> Option<RejectionKind> {
    Some(RejectionKind::Server(fault))
}

type Case = (&'static str, fn(&World), Option<RejectionKind>);

/// Tries each case with requests and with calls, in a world that `before` has prepared.
async fn each(before: impl Fn(&World), signer: &Signer, cases: impl IntoIterator<Item = Case>) {
    for (case, meanwhile, expected) in cases {
        for grpc in [false, true] {
            let world = World::new();
            before(&world);
            let assertion = Jwt::by(signer, CLIENT).claim("exp", NOW + 60).signed_by(signer);
            let found = world.outcome_of(&assertion, grpc, meanwhile).await;
            world.check(found.as_ref(), expected.as_ref(), &format!("{case}, gRPC: {grpc}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn assertions_expiring_before_the_handler_is_free_are_refused() {
    let expired = || theirs(ClientFault::Claim(Claim::Exp, ClaimFault::Past));
    // The expiry and the skew of 10 s.
    let cases: [Case; 4] = [
        ("no time passes", |_| {}, None),
        ("its last second", |world| world.clock.set(UnixTime::from_secs(NOW + 69)), None),
        ("a second later", |world| world.clock.set(UnixTime::from_secs(NOW + 70)), expired()),
        ("a day later", |world| world.clock.set(UnixTime::from_secs(NOW + 86_400)), expired()),
    ];
    each(|_| {}, &SIGNER, cases).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_registered_when_the_handler_is_free_decides() {
    let both = |world: &World| world.register(client_with(&[Signer::es384("key-2").jwk(), SIGNER.jwk()]));
    let cases: [Case; 10] = [
        ("another client object", |world| world.register(client()), None),
        ("another key next to it", both, None),
        (
            "the key is replaced",
            |world| world.register(client_with_other_key("key-1")),
            theirs(ClientFault::BadSignature),
        ),
        ("the key is renamed", |world| world.register(client_with_other_key("key-2")), theirs(ClientFault::NoKey)),
        (
            "a secret instead",
            |world| world.register(client_with_secret(SECRET)),
            theirs(ClientFault::MethodNotRegistered),
        ),
        (
            "a stricter policy",
            |world| world.register(client().with_policy("strict")),
            theirs(ClientFault::AlgorithmNotAllowed),
        ),
        (
            "a policy that is unknown",
            |world| world.register(client().with_policy("other")),
            ours(ServerFault::Registry),
        ),
        ("the client is deleted", |world| world.find(Ok(None)), theirs(ClientFault::UnknownClient)),
        ("the registry fails", |world| world.find(Err(PortError::new("no connection"))), ours(ServerFault::Registry)),
        ("the keys are at a URL now", |world| world.register(world.client_by_url()), None),
    ];
    each(|_| {}, &SIGNER, cases).await;
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_answers_later_is_asked_again() {
    let cases: [Case; 5] = [
        ("nothing changes", |_| {}, None),
        (
            "the key is replaced",
            |world| world.register(client_with_other_key("key-1")),
            theirs(ClientFault::BadSignature),
        ),
        ("the client is deleted", |world| world.find(Ok(None)), theirs(ClientFault::UnknownClient)),
        ("the registry fails", |world| world.find(Err(PortError::new("no connection"))), ours(ServerFault::Registry)),
        ("no answer", |world| world.answer(Speed::Never), ours(ServerFault::Registry)),
    ];
    each(|world| world.answer(Speed::Later), &SIGNER, cases).await;
}

/// The first decision has not recorded such an assertion.
#[tokio::test(start_paused = true)]
async fn an_assertion_that_was_reusable_is_spent_by_a_stricter_policy() {
    for (policy, both) in [("reusable", true), ("once", false)] {
        let world = World::new();
        world.answer(Speed::Later);
        world.register(client().with_policy("reusable"));
        let assertion = Jwt::new().without_claim("jti").signed();
        let mut service = ClientAssertionLayer::new(Arc::clone(&world.verifier)).layer(world.inner.clone());
        let mut second = Box::pin(service.call(post(form(&assertion))));
        let first = service.call(post(form(&assertion)));
        for _ in 0..20 {
            assert!(std::future::poll_fn(|cx| Poll::Ready(second.as_mut().poll(cx))).await.is_pending());
        }
        let first = world.outcome(first, |world| world.register(client().with_policy(policy))).await;
        assert_eq!(first, None, "{policy}");
        let second = kind(&second.await.unwrap());
        assert_eq!(second, if both { None } else { theirs(ClientFault::Replayed) }, "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_replaced_before_the_handler_is_free_is_useless() {
    let cases: [Case; 3] = [
        ("the same secret", |world| world.register(client_with_secret(SECRET)), None),
        ("another secret", |world| world.register(client_with_secret(OTHER)), theirs(ClientFault::BadSignature)),
        ("keys instead", |world| world.register(client()), theirs(ClientFault::MethodNotRegistered)),
    ];
    let signer = Signer::secret("HS384", SECRET.as_bytes());
    each(|world| world.register(client_with_secret(SECRET)), &signer, cases).await;
}

#[tokio::test(start_paused = true)]
async fn keys_invalidated_before_the_handler_is_free_are_fetched() {
    let cases: [Case; 4] = [
        ("nothing changes", |_| {}, None),
        ("invalidated", |world| assert_eq!(world.cache.invalidate(CLIENT), 1), None),
        ("replaced, and not invalidated", |world| world.publish(&Signer::es384("key-1")), None),
        (
            "replaced and invalidated",
            |world| {
                world.publish(&Signer::es384("key-1"));
                world.cache.invalidate(CLIENT);
            },
            theirs(ClientFault::BadSignature),
        ),
    ];
    each(|world| world.register(world.client_by_url()), &SIGNER, cases).await;
}

/// Otherwise a client whose server does not answer could hold the inner service.
#[tokio::test(start_paused = true)]
async fn stale_keys_are_not_waited_for_with_a_reservation() {
    for grpc in [false, true] {
        let world = World::new();
        world.register(world.client_by_url());
        let started = tokio::time::Instant::now();
        let stale = |world: &World| {
            world.published.lock().unwrap().clear();
            world.clock.set(UnixTime::from_secs(NOW + 61));
        };
        let found = world.outcome_of(&Jwt::new().claim("exp", NOW + 100).signed(), grpc, stale).await;
        world.check(found.as_ref(), None, &format!("gRPC: {grpc}"));
        assert_eq!(started.elapsed(), Duration::ZERO, "gRPC: {grpc}");
    }
}

/// Is ready once, and then no more.
#[derive(Clone, Debug, Default)]
struct ReadyOnce(Busy);

impl<B> Service<Request<B>> for ReadyOnce {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.0.free.swap(false, Ordering::SeqCst) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.call(request)
    }
}

/// Otherwise a busy service and a slow registry would have it go back and forth.
#[tokio::test(start_paused = true)]
async fn a_request_waits_for_its_handler_once() {
    let world = World::new();
    world.answer(Speed::Later);
    let inner = ReadyOnce(world.inner.clone());
    let assertion = Jwt::new().signed();
    let mut service = ClientAssertionLayer::new(Arc::clone(&world.verifier)).layer(inner.clone());
    let found = world.outcome(service.call(post(form(&assertion))), |_| {}).await;
    world.check(found.as_ref(), None, "HTTP");
}
