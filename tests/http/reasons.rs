//! The codes of all refusals: what provokes each, and that there are no others.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_client_assertion::jwks::{FetchError, JwksRequest, JwksUrl, KeySetCache};
use tower_client_assertion::overload::SignatureChecks;
use tower_client_assertion::registry::Client;
use tower_client_assertion::rejection::{ClientFault, Reason};
use tower_client_assertion::replay::{MemoryReplay, ReplayStore};
use tower_client_assertion::{ClientAssertionLayer, ClientId, Rejection, RequestBody, VerifierBuilder};

use super::outcomes::Outcomes;
use crate::common::attempt::Attempt;
use crate::common::vectors::VECTORS;
use crate::common::{CLIENT, Down, Fixture, clock, fixture, now_or_never, store};

/// The code of the refusal, or nothing.
fn code<B>(response: &Response<B>) -> &'static str {
    response.extensions().get().map_or("", Rejection::code)
}

async fn send<B>(builder: VerifierBuilder, request: Request<B>) -> &'static str
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
{
    let outcomes = Outcomes::default();
    let builder = builder.events(outcomes.sink());
    let layer = ClientAssertionLayer::new(builder.build().unwrap()).body_timeout(Duration::from_secs(1)).unwrap();
    let handler =
        service_fn(|_: Request<RequestBody<B>>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
    let code = code(&layer.layer(handler).oneshot(request).await.unwrap());
    let outcomes = outcomes.take();
    let reported = if code.is_empty() { "accepted" } else { code };
    assert!(outcomes.len() == 1 && outcomes[0].starts_with(&format!("{reported} by ")), "{code}: {outcomes:?}");
    code
}

#[test]
fn each_vector_is_refused_by_its_code() {
    for vector in VECTORS {
        let found = now_or_never(send(vector.server.builder(store()), vector.attempt().request()));
        assert_eq!(found, vector.code, "{}", vector.name);
    }
}

#[test]
fn names_of_vectors_are_unique() {
    let mut seen = BTreeSet::new();
    for vector in VECTORS {
        let name = (vector.code, vector.name, format!("{:?}", vector.server));
        assert!(seen.insert(name), "{} {}", vector.code, vector.name);
    }
}

/// A body that never comes.
struct Silent;

impl http_body::Body for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

fn silent() -> Request<Silent> {
    Attempt::new().request().map(|_| Silent)
}

/// A server whose client publishes its keys at a URL that answers with `error`.
fn by_url(error: FetchError) -> Fixture {
    let fetch = move |_: JwksRequest| std::future::ready(Err::<Response<Full<Bytes>>, _>(error.clone()));
    let cache = KeySetCache::builder(fetch).build().unwrap();
    let url = JwksUrl::parse("https://clinic.example/jwks.json").unwrap();
    fixture().clients([Client::with_key_set_url(CLIENT, &url, &cache).unwrap()])
}

/// A verifier that has as many signature checks as it may have, in all or for the client.
fn busy(in_all: bool) -> (VerifierBuilder, impl Sized) {
    let checks = SignatureChecks::new(2).unwrap().per_client(1).unwrap();
    let running = checks.begin(&ClientId::new(CLIENT).unwrap()).unwrap();
    let other = in_all.then(|| checks.begin(&ClientId::new("another").unwrap()).unwrap());
    (fixture().builder().signature_checks(checks), (running, other))
}

/// Two layers around one handler.
async fn mounted_twice() -> &'static str {
    let layer = ClientAssertionLayer::new(fixture().build()).preserve_body_types();
    let handler =
        service_fn(|_: Request<Full<Bytes>>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
    code(&layer.clone().layer(layer.layer(handler)).call(Attempt::new().request()).await.unwrap())
}

/// A layer that has no verifier for any request.
async fn unknown_tenant() -> &'static str {
    let handler = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    code(&ClientAssertionLayer::choose(|_| None).layer(handler).call(Attempt::new().request()).await.unwrap())
}

/// As many assertions of one client as its share, and one more.
async fn over_quota() -> &'static str {
    let replay = Arc::new(MemoryReplay::new(16).unwrap());
    let share = replay.admissions_per_client();
    let layer = ClientAssertionLayer::new(fixture().replay(replay).build()).preserve_body_types();
    let handler =
        service_fn(|_: Request<Full<Bytes>>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
    let mut service = layer.layer(handler);
    for _ in 0..share {
        assert_eq!(code(&service.call(Attempt::new().request()).await.unwrap()), "");
    }
    code(&service.call(Attempt::new().request()).await.unwrap())
}

/// A request that the application refuses behind an optional layer.
fn refused_by_the_application() -> &'static str {
    let (head, _) = Attempt::new().request().into_parts();
    let layer = ClientAssertionLayer::new(fixture().build()).optional();
    code(&layer.refuse(&head, ClientFault::OtherMethod(None), None))
}

/// What provokes the codes that no request provokes by itself.
async fn circumstances() -> Vec<&'static str> {
    let request = || Attempt::new().request();
    let stopped = clock();
    stopped.stop();
    let (busy_in_all, _all) = busy(true);
    let (busy_with_one, _one) = busy(false);
    vec![
        send(fixture().builder(), silent()).await,
        send(fixture().clock(&stopped).builder(), request()).await,
        send(fixture().replay(Down).builder(), request()).await,
        send(by_url(FetchError::Timeout).builder(), request()).await,
        send(by_url(FetchError::Busy).builder(), request()).await,
        send(busy_in_all, request()).await,
        send(busy_with_one, request()).await,
        mounted_twice().await,
        unknown_tenant().await,
        over_quota().await,
        refused_by_the_application(),
    ]
}

#[tokio::test(start_paused = true)]
async fn each_code_is_provoked_and_no_other_occurs() {
    let mut provoked: BTreeSet<_> = circumstances().await.into_iter().collect();
    // Outside of a runtime.
    provoked.insert(std::thread::spawn(|| now_or_never(send(fixture().builder(), silent()))).join().unwrap());
    provoked.extend(VECTORS.iter().map(|vector| vector.code).filter(|code| !code.is_empty()));
    let listed: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(provoked, listed);
}
