//! The layer calls its renderer no more often than needed, and never answers with the response of
//! another kind.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{Jwt, body_of, fixture, form, now_or_never, post};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_client_assertion::rejection::RejectionKind;
use tower_client_assertion::render::{Opaque, Redox, RenderRejection, Rfc6749};
use tower_client_assertion::{ClientAssertion, PreservedBodies, Rejection};

/// How often each request is sent, so that responses come from the cache.
const TIMES: usize = 3;

/// Faults of an otherwise valid request: a header, or text appended to the form.
fn wrong() -> Vec<(&'static str, &'static str, String)> {
    let mut wrong = vec![("content-encoding", "gzip", String::new()), ("content-type", "text/plain", String::new())];
    wrong.push(("content-length", "9999999", String::new()));
    for scheme in ["Basic", "Bearer", "DPoP", "Hoba"] {
        wrong.push(("authorization", scheme, String::new()));
    }
    let parameters = "client_assertion client_assertion_type client_id client_secret code code_verifier grant_type";
    for name in parameters.split(' ').chain(["redirect_uri", "refresh_token", "scope"]) {
        wrong.push(("x-other", "", format!("&{name}=a&{name}=b")));
    }
    let tails = ["&client_secret=s", "&client_id=other", "&client_id=%zz"].map(str::to_owned);
    wrong.extend(tails.map(|tail| ("x-other", "", tail)));
    wrong
}

fn requests() -> Vec<Request<Full<Bytes>>> {
    let right = form(&Jwt::new().signed());
    let refused = |(name, value, tail): (&str, &str, String)| {
        let mut request = post(right.clone() + &tail);
        request.headers_mut().insert(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        request
    };
    let claims =
        ["iss", "sub", "jti", "aud", "iat", "nbf", "exp"].map(|claim| form(&Jwt::new().claim(claim, true).signed()));
    let bodies = claims.into_iter().chain([String::new(), "grant_type=client_credentials".to_owned()]);
    let gets = [Request::get("/token").body(Full::default()).unwrap()];
    wrong().into_iter().map(refused).chain(bodies.map(post)).chain(gets).collect()
}

type Handler = fn(Request<Full<Bytes>>) -> std::future::Ready<Result<Response<Full<Bytes>>, Infallible>>;

fn service(renderer: impl RenderRejection) -> ClientAssertion<tower::util::ServiceFn<Handler>, PreservedBodies> {
    let handler: Handler = |_| std::future::ready(Ok(Response::default()));
    fixture().layer().render(renderer).layer(service_fn(handler))
}

/// Renders like `inner`, and counts the calls. `alone` says whether the response depends on the
/// kind alone.
#[derive(Clone)]
struct Counting<R> {
    inner: R,
    alone: bool,
    asked: Arc<AtomicUsize>,
}

impl<R: RenderRejection> RenderRejection for Counting<R> {
    fn render(&self, rejection: &Rejection) -> Response<Bytes> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.inner.render(rejection)
    }

    fn depends_on_kind_alone(&self) -> bool {
        self.alone
    }
}

/// Sends all requests from several threads concurrently. Returns how many kinds were answered and
/// how often the renderer was called.
fn flood(renderer: impl RenderRejection + Clone, alone: bool) -> (usize, usize) {
    let counting = Counting { inner: renderer.clone(), alone, asked: Arc::default() };
    let (asked, service) = (Arc::clone(&counting.asked), service(counting));
    let threads = || {
        let mut service = service.clone();
        let renderer = renderer.clone();
        move || requests().into_iter().map(|request| answered(&mut service, &renderer, request)).collect::<HashSet<_>>()
    };
    let kinds: HashSet<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..TIMES).map(|_| scope.spawn(threads())).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    (kinds.len(), asked.load(Ordering::Relaxed))
}

/// Asserts that the response is what the renderer makes of the rejection in its extensions.
fn answered<S>(service: &mut S, renderer: &impl RenderRejection, request: Request<Full<Bytes>>) -> RejectionKind
where
    S: Service<Request<Full<Bytes>>, Response = Response<Full<Bytes>>, Error = Infallible>,
{
    let response = now_or_never(service.call(request)).unwrap_or_else(|never| match never {});
    let rejection = response.extensions().get::<Rejection>().unwrap().clone();
    let mut expected = renderer.render(&rejection);
    let length = expected.body().len();
    expected.headers_mut().insert("content-length", length.into());
    if response.status() == 413 {
        expected.headers_mut().insert("connection", "close".parse().unwrap());
    }
    assert_eq!((response.status(), response.headers()), (expected.status(), expected.headers()), "{rejection:?}");
    let body = body_of(response);
    assert_eq!(&body, expected.body(), "{rejection:?}");
    rejection.kind().clone()
}

#[test]
fn responses_that_depend_on_the_kind_are_rendered_once() {
    for alone in [true, false] {
        for (kinds, asked) in [flood(Rfc6749::default(), alone), flood(Redox::default(), alone), flood(Opaque, alone)] {
            assert!(kinds >= 25, "{kinds} kinds");
            assert_eq!(asked, if alone { kinds } else { TIMES * requests().len() });
        }
    }
}

#[test]
fn custom_renderers_are_called_for_each_refusal() {
    let ours: [&dyn RenderRejection; 3] = [&Rfc6749::default(), &Redox::default(), &Opaque];
    assert!(ours.iter().all(|renderer| renderer.depends_on_kind_alone()));
    let shared: Arc<dyn RenderRejection> = Arc::new(Opaque);
    assert!(shared.depends_on_kind_alone() && !Arc::new(|_: &Rejection| Response::default()).depends_on_kind_alone());

    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let numbered = move |_: &Rejection| Response::new(counted.fetch_add(1, Ordering::Relaxed).to_string().into());
    let mut service = service(numbered);
    for number in ["0", "1", "2"] {
        let response = now_or_never(service.call(Request::get("/token").body(Full::default()).unwrap())).unwrap();
        let body = body_of(response);
        assert_eq!(body, number);
    }
}

#[test]
fn each_renderer_has_its_own_cache() {
    let get = || Request::get("/token").body(Full::<Bytes>::default()).unwrap();
    let layer = fixture().layer();
    let handler: Handler = |_| std::future::ready(Ok(Response::default()));
    let opaque = layer.clone().render(Opaque);
    let renderers: [(_, &dyn RenderRejection); 2] = [(layer, &Redox::default()), (opaque, &Opaque)];
    for (layer, renderer) in renderers {
        let response = now_or_never(layer.layer(service_fn(handler)).call(get())).unwrap();
        let rejection = response.extensions().get::<Rejection>().unwrap().clone();
        let body = body_of(response);
        assert_eq!(&body, renderer.render(&rejection).body());
    }
}
