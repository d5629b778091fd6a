//! The response future with slow ports: it waits, calls the inner service once, and can be dropped
//! at any time.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{CLIENT, Jwt, client, fixture, form, post};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::sync::Semaphore;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::port::Awaited;
use tower_client_assertion::registry::{AsyncClientRegistry, FindResult};
use tower_client_assertion::replay::{AdmitResult, AsyncReplayStore, MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, RequestBody};

#[derive(Debug)]
struct Registry(Arc<Semaphore>);

impl AsyncClientRegistry for Registry {
    async fn find(&self, client_id: &str) -> FindResult {
        self.0.acquire().await.unwrap().forget();
        Ok((client_id == CLIENT).then(|| Arc::new(client())))
    }
}

#[derive(Debug)]
struct Store(Arc<Semaphore>, MemoryReplay);

impl AsyncReplayStore for Store {
    async fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> AdmitResult {
        self.0.acquire().await.unwrap().forget();
        self.1.admit(key, until, now).get().await
    }

    fn admissions_per_client(&self) -> usize {
        1_000
    }
}

/// A layer whose registry and store wait for a permit each.
fn layer() -> (ClientAssertionLayer, Arc<Semaphore>, Arc<Semaphore>) {
    let (registry, store) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let replay = Store(Arc::clone(&store), MemoryReplay::new(100).unwrap());
    let fixture = fixture().registry(Awaited::new(Registry(Arc::clone(&registry)))).replay(Awaited::new(replay));
    (ClientAssertionLayer::new(fixture.build()), registry, store)
}

async fn polled_once<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_ready())).await
}

#[tokio::test]
async fn the_handler_is_called_once_after_both_ports_answer() {
    let (layer, registry, store) = layer();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let body = form(&Jwt::new().signed());
    let expected = body.clone();
    let handler = service_fn(move |request: Request<RequestBody<Full<Bytes>>>| {
        counted.fetch_add(1, Ordering::SeqCst);
        let expected = expected.clone();
        async move {
            assert!(request.extensions().get::<ClientIdentity>().is_some());
            assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), expected);
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    });
    let mut attempt = Box::pin(layer.layer(handler).oneshot(post(body.clone())));
    assert!(!polled_once(&mut attempt).await);
    registry.add_permits(1);
    assert!(!polled_once(&mut attempt).await);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    store.add_permits(1);
    assert_eq!(attempt.await.unwrap().status(), StatusCode::OK);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refusal_found_after_a_wait_is_a_response() {
    let (layer, registry, store) = layer();
    registry.add_permits(9);
    store.add_permits(9);
    let handler = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let mut service = layer.layer(handler);
    let body = form(&Jwt::new().signed());
    assert_eq!(service.call(post(body.clone())).await.unwrap().status(), StatusCode::OK);
    let response = service.call(post(body.clone())).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.ends_with(b"\"Unexpected jti claim value\"}"));
}

#[tokio::test]
async fn dropping_the_future_at_any_wait_releases_everything() {
    for registry_permits in [0, 1] {
        let (layer, registry, store) = layer();
        registry.add_permits(registry_permits);
        let held = Arc::new(());
        let watched = Arc::clone(&held);
        let handler = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
            let _held = Arc::clone(&watched);
            async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
        });
        let mut service = layer.layer(handler);
        let references = Arc::strong_count(&held);
        let body = form(&Jwt::new().signed());
        {
            let mut attempt = Box::pin(service.call(post(body.clone())));
            assert!(!polled_once(&mut attempt).await);
            assert!(Arc::strong_count(&held) > references);
        }
        assert_eq!(Arc::strong_count(&held), references, "the inner service is dropped");
        registry.add_permits(9);
        store.add_permits(9);
        let response = service.call(post(body.clone())).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "the assertion is unspent");
    }
}
