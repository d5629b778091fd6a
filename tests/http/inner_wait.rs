//! A request that has to wait for the inner service after its client was accepted: time has passed,
//! so the assertion is judged again.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use crate::common::{Jwt, NOW, client, clock, fixture, form, kind, post};
use http::{Request, Response};
use tower::{Layer, Service};
use tower_client_assertion::clock::{ManualClock, UnixTime};
use tower_client_assertion::event::Event;
use tower_client_assertion::grpc::GrpcAssertionLayer;
use tower_client_assertion::port::{Answer, Awaited};
use tower_client_assertion::registry::{Client, ClientRegistry, FindResult};
use tower_client_assertion::rejection::{Claim, ClaimFault, ClientFault, RejectionKind};
use tower_client_assertion::replay::{AdmitResult, AsyncReplayStore, MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::{ClientAssertionLayer, JWT_BEARER, Verifier};

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

#[derive(Clone, Debug)]
struct Registry(Arc<Mutex<Option<Arc<Client>>>>);

impl ClientRegistry for Registry {
    fn find(&self, _: &str) -> Answer<FindResult> {
        Answer::Ready(Ok(self.0.lock().unwrap().clone()))
    }
}

struct World {
    verifier: Arc<Verifier>,
    clock: ManualClock,
    registry: Registry,
    inner: Busy,
    refused: Arc<AtomicUsize>,
}

impl World {
    fn new() -> Self {
        let (clock, registry) = (clock(), Registry(Arc::new(Mutex::new(Some(Arc::new(client()))))));
        let replay = Awaited::new(Store(MemoryReplay::new(100).unwrap()));
        let refused = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&refused);
        let builder = fixture().registry(registry.clone()).replay(replay).clock(&clock).builder();
        let builder = builder.events(move |event: &Event<'_>| {
            if let Event::Refused(refused) = event {
                assert!(refused.rejection().is_proven() && refused.claimed_client().is_some());
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { verifier: Arc::new(builder.build().unwrap()), clock, registry, inner: Busy::default(), refused }
    }

    /// What becomes of a request that waits for the inner service while something happens. `ready`
    /// leaves the reservation in place.
    async fn outcome<F: Future<Output = Result<Response<B>, Infallible>>, B>(
        &self,
        call: F,
        meanwhile: impl FnOnce(&Self),
    ) -> Option<RejectionKind> {
        let mut call = std::pin::pin!(call);
        for _ in 0..5 {
            let polled = std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
            assert!(polled.is_pending(), "the inner service is busy");
        }
        meanwhile(self);
        self.inner.free.store(true, Ordering::SeqCst);
        kind(&call.await.unwrap())
    }

    fn form(&self) -> String {
        form(&Jwt::new().claim("exp", NOW + 60).signed())
    }

    fn http(&self) -> impl Future<Output = Result<Response<impl Sized>, Infallible>> {
        let layer = ClientAssertionLayer::new(Arc::clone(&self.verifier));
        layer.layer(self.inner.clone()).call(post(self.form()))
    }

    fn grpc(&self) -> impl Future<Output = Result<Response<String>, Infallible>> {
        let assertion = Jwt::new().claim("exp", NOW + 60).signed();
        let call = Request::post("/package.Service/Method").header("client-assertion-type", JWT_BEARER);
        let call = call.header("client-assertion", assertion).body(()).unwrap();
        GrpcAssertionLayer::new(Arc::clone(&self.verifier)).layer(self.inner.clone()).call(call)
    }
}

const EXPIRED: Option<RejectionKind> = Some(RejectionKind::Client(ClientFault::Claim(Claim::Exp, ClaimFault::Past)));

#[tokio::test(start_paused = true)]
async fn assertions_expiring_before_the_handler_is_free_are_refused() {
    let unknown = Some(RejectionKind::Client(ClientFault::UnknownClient));
    // The expiry and the skew of 10 s.
    type Case = (&'static str, fn(&World), Option<RejectionKind>);
    let cases: [Case; 5] = [
        ("no time passes", |_| {}, None),
        ("its last second", |world| world.clock.set(UnixTime::from_secs(NOW + 69)), None),
        ("a second later", |world| world.clock.set(UnixTime::from_secs(NOW + 70)), EXPIRED),
        ("a day later", |world| world.clock.set(UnixTime::from_secs(NOW + 86_400)), EXPIRED),
        ("the client is deleted", |world| *world.registry.0.lock().unwrap() = None, unknown),
    ];
    for (case, meanwhile, expected) in cases {
        for grpc in [false, true] {
            let world = World::new();
            let found = match grpc {
                false => world.outcome(world.http(), meanwhile).await,
                true => world.outcome(world.grpc(), meanwhile).await,
            };
            assert_eq!(found, expected, "{case}, gRPC: {grpc}");
            let refused = usize::from(expected.is_some());
            assert_eq!(world.inner.calls.load(Ordering::SeqCst), 1 - refused, "{case}");
            assert_eq!(world.refused.load(Ordering::SeqCst), refused, "{case}");
        }
    }
}
