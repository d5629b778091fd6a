//! One event for each guarded request: which outcome, at which endpoint, by which policy, and under
//! which name. Then the identity in the extensions of responses.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_client_assertion::event::{self, Correlation, Event, EventSink, StepTimes};
use tower_client_assertion::grpc::GrpcAssertionLayer;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, Endpoint, JWT_BEARER, Rejection, Verifier};

use crate::common::{CLIENT, Jwt, fixture, form, post, verify};

/// The outcomes that a sink gets, each as one line.
#[derive(Clone, Default)]
pub(crate) struct Outcomes(Arc<Mutex<Vec<String>>>);

impl Outcomes {
    pub(crate) fn sink(&self) -> impl EventSink {
        let Self(lines) = self.clone();
        event::sink(move |event| {
            let (what, request) = match event {
                Event::Accepted(event) => {
                    let what = format!("accepted by {}", event.identity().policy());
                    (what, (event.endpoint(), event.correlation()))
                }
                Event::Refused(event) => {
                    let what = format!("{} by {}", event.code(), event.policy());
                    (what, (event.endpoint(), event.correlation()))
                }
                Event::LetPass(event) => ("let pass".to_owned(), (event.endpoint(), event.correlation())),
                _ => return,
            };
            let (endpoint, id) = (request.0.name(), request.1.map_or("-", Correlation::as_str));
            lines.lock().unwrap().push(format!("{what} at {endpoint} as {id}"));
        })
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    fn verifier(&self) -> Arc<Verifier> {
        Arc::new(fixture().builder().events(self.sink()).build().unwrap())
    }
}

/// A handler that has to be waited for, also by each of its clones.
#[derive(Default)]
struct Busy {
    asked: bool,
}

impl Clone for Busy {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<B> Service<Request<B>> for Busy {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if std::mem::replace(&mut self.asked, true) {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        std::future::ready(Ok(Response::default()))
    }
}

/// A body that may have to be waited for. The layer then gives the handler back.
struct Late {
    late: bool,
    body: Full<Bytes>,
}

impl Body for Late {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::take(&mut self.late) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }
}

fn named(head: &http::request::Parts) -> Option<Correlation> {
    Some(Correlation::new(head.headers.get("x-request-id")?.to_str().ok()?))
}

fn request(method: &str, body: &str, id: &str) -> Request<Full<Bytes>> {
    let mut request = post(body.to_owned()).map(Full::from);
    *request.method_mut() = method.parse().unwrap();
    if !id.is_empty() {
        request.headers_mut().insert("x-request-id", id.parse().unwrap());
    }
    request
}

/// If the body is late, the handler has to be waited for after the request was accepted.
async fn send(layer: &ClientAssertionLayer, request: Request<Full<Bytes>>, late: bool) -> Response<()> {
    let request = request.map(|body| Late { late, body });
    layer.layer(Busy::default()).oneshot(request).await.unwrap().map(|_| ())
}

#[tokio::test]
async fn each_guarded_request_has_one_outcome() {
    let assertion = || form(&Jwt::new().signed());
    let expired = || form(&Jwt::new().claim("iat", 1000).signed());
    let cases: [(&str, String, &str, &str); 6] = [
        ("POST", assertion(), "", "accepted by redox at introspection as -"),
        ("POST", assertion(), "7f3a", "accepted by redox at introspection as 7f3a"),
        ("POST", "token=x".to_owned(), "7f3b", "let pass at introspection as 7f3b"),
        ("GET", String::new(), "7f3c", "method by redox at introspection as 7f3c"),
        ("POST", expired(), "7f3d", "iat_past by redox at introspection as 7f3d"),
        ("POST", "client_assertion=x".to_owned(), "", "assertion_type_missing by redox at introspection as -"),
    ];
    for (method, body, id, outcome) in cases {
        let outcomes = Outcomes::default();
        let layer = ClientAssertionLayer::new(outcomes.verifier()).endpoint(Endpoint::Introspection).optional();
        let layer = layer.correlate(named);
        send(&layer, request(method, &body, id), false).await;
        assert_eq!(outcomes.take(), [outcome], "{method} {body}");
    }
}

/// A request that waited for its handler was decided on twice, and is reported once.
#[tokio::test]
async fn a_request_that_waits_for_its_handler_has_one_outcome() {
    let cases = [(form(&Jwt::new().signed()), "accepted by redox"), ("token=x".to_owned(), "let pass")];
    for (body, outcome) in cases {
        for late in [false, true] {
            let outcomes = Outcomes::default();
            let layer = ClientAssertionLayer::new(outcomes.verifier()).endpoint(Endpoint::Revocation).optional();
            let response = send(&layer.correlate(named), request("POST", &body, "a"), late).await;
            assert_eq!(response.status(), 200);
            assert_eq!(outcomes.take(), [format!("{outcome} at revocation as a")], "{late}");
        }
    }
}

#[tokio::test]
async fn requests_for_other_paths_have_no_outcome() {
    let outcomes = Outcomes::default();
    let layer = ClientAssertionLayer::new(outcomes.verifier()).path("/other").unwrap();
    let layer = layer.correlate(|_| panic!("asked about a request that is not guarded"));
    let response = send(&layer, request("GET", "", "a"), false).await;
    assert_eq!(response.status(), 200);
    assert_eq!(outcomes.take(), [""; 0]);
}

#[tokio::test]
async fn an_empty_name_counts_as_none() {
    for (method, body) in [("POST", form(&Jwt::new().signed())), ("GET", String::new())] {
        let outcomes = Outcomes::default();
        let layer = ClientAssertionLayer::new(outcomes.verifier()).correlate(|_| Some(Correlation::new("")));
        send(&layer, request(method, &body, ""), false).await;
        assert!(outcomes.take()[0].ends_with(" as -"), "{method}");
    }
}

#[tokio::test]
async fn no_name_is_looked_for_without_a_sink() {
    let layer = ClientAssertionLayer::new(fixture().build()).correlate(|_| panic!("asked without a sink"));
    let response = send(&layer, request("POST", &form(&Jwt::new().signed()), "a"), false).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn each_call_has_one_outcome() {
    let call = |assertion: &str| {
        let call = Request::post("/package.Service/Method").header("client-assertion-type", JWT_BEARER);
        call.header("x-request-id", "call-7").header("client-assertion", assertion).body(()).unwrap()
    };
    let outcomes = Outcomes::default();
    let layer = GrpcAssertionLayer::new(outcomes.verifier()).correlate(named);
    layer.layer(Busy::default()).oneshot(call(&Jwt::new().signed())).await.unwrap();
    layer.layer(Busy::default()).oneshot(call("a.b.c")).await.unwrap();
    let expected = ["accepted by redox at other as call-7", "malformed by redox at other as call-7"];
    assert_eq!(outcomes.take(), expected);
}

/// A body that takes two seconds.
struct Slow(Pin<Box<tokio::time::Sleep>>, Full<Bytes>);

impl Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::ready!(self.0.as_mut().poll(cx));
        Pin::new(&mut self.1).poll_frame(cx)
    }
}

struct Times(Arc<Mutex<Vec<StepTimes>>>);

impl EventSink for Times {
    fn record(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(match event {
            Event::Accepted(event) => event.times(),
            Event::Refused(event) => event.times(),
            Event::LetPass(event) => event.times(),
            other => panic!("{other:?}"),
        });
    }

    fn needs_times(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn an_outcome_has_the_time_of_the_body() {
    let two = Some(Duration::from_secs(2));
    let none = Some(Duration::ZERO);
    let cases = [
        ("POST", form(&Jwt::new().signed()), (two, two, none)),
        ("POST", "token=x".to_owned(), (two, two, None)),
        ("POST", "client_assertion=x".to_owned(), (two, two, None)),
        ("GET", String::new(), (none, None, None)),
    ];
    for (method, body, expected) in cases {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let verifier = fixture().builder().events(Times(Arc::clone(&seen))).build().unwrap();
        let layer = ClientAssertionLayer::new(verifier).endpoint(Endpoint::Revocation).optional();
        let sleep = Box::pin(tokio::time::sleep(Duration::from_secs(2)));
        let request = request(method, &body, "").map(|body| Slow(sleep, body));
        layer.layer(Busy::default()).oneshot(request).await.unwrap();
        let seen = seen.lock().unwrap();
        let found: Vec<_> = seen.iter().map(|times| (times.total(), times.body(), times.registry())).collect();
        assert_eq!(found, [expected], "{method} {body}");
    }
}

/// A handler that is ready after three seconds, and so is each of its clones.
struct Crowded(Pin<Box<tokio::time::Sleep>>);

impl Clone for Crowded {
    fn clone(&self) -> Self {
        Self(Box::pin(tokio::time::sleep(Duration::from_secs(3))))
    }
}

impl<B> Service<Request<B>> for Crowded {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.as_mut().poll(cx).map(Ok)
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        std::future::ready(Ok(Response::default()))
    }
}

/// The body is late, so the handler is waited for after the request was accepted.
#[tokio::test(start_paused = true)]
async fn the_wait_for_the_handler_is_in_the_total_alone() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let verifier = fixture().builder().events(Times(Arc::clone(&seen))).build().unwrap();
    let layer = ClientAssertionLayer::new(verifier);
    let request = request("POST", &form(&Jwt::new().signed()), "").map(|body| Late { late: true, body });
    let handler = Crowded(Box::pin(tokio::time::sleep(Duration::ZERO)));
    layer.layer(handler).oneshot(request).await.unwrap();
    let times = seen.lock().unwrap()[0];
    let (none, three) = (Some(Duration::ZERO), Some(Duration::from_secs(3)));
    assert_eq!((times.total(), times.replay(), times.signature(), times.keys()), (three, none, none, none));
}

fn client_of<B>(response: &Response<B>) -> Option<&str> {
    response.extensions().get::<ClientIdentity>().map(|identity| identity.client_id().as_str())
}

#[tokio::test]
async fn responses_have_the_identity_only_if_that_is_set() {
    let layer = ClientAssertionLayer::new(fixture().build());
    let valid = || request("POST", &form(&Jwt::new().signed()), "");
    for waits in [false, true] {
        assert_eq!(client_of(&send(&layer, valid(), waits).await), None);
        let identifying = layer.clone().identify_responses();
        assert_eq!(client_of(&send(&identifying, valid(), waits).await), Some(CLIENT));
        let optional = identifying.optional();
        assert_eq!(client_of(&send(&optional, request("POST", "grant_type=x", ""), waits).await), None);
        let refused = send(&optional, request("POST", "client_assertion=x", ""), waits).await;
        assert_eq!(client_of(&refused), None);
        assert!(refused.extensions().get::<Rejection>().is_some());
    }
    let call = Request::post("/package.Service/Method").header("client-assertion-type", JWT_BEARER);
    let call = call.header("client-assertion", Jwt::new().signed()).body(()).unwrap();
    let layer = GrpcAssertionLayer::new(fixture().build());
    assert_eq!(client_of(&layer.layer(Busy::default()).oneshot(call.clone()).await.unwrap()), None);
    let layer = GrpcAssertionLayer::new(fixture().build()).identify_responses();
    assert_eq!(client_of(&layer.layer(Busy::default()).oneshot(call).await.unwrap()), Some(CLIENT));
}

/// For example, of a request that the handler has sent on.
#[tokio::test]
async fn an_identity_of_the_handler_stays_in_the_response() {
    let earlier = form(&Jwt::new().signed());
    let own = verify(&fixture().build(), &earlier).unwrap();
    let expected = own.claims().jti_hash();
    let handler = service_fn(move |request: Request<Full<Bytes>>| {
        assert_ne!(request.extensions().get::<ClientIdentity>(), Some(&own));
        let mut response = Response::new(Full::<Bytes>::default());
        response.extensions_mut().insert(own.clone());
        async { Ok::<_, Infallible>(response) }
    });
    let layer = ClientAssertionLayer::new(fixture().build()).preserve_body_types().identify_responses();
    let response = layer.layer(handler).oneshot(post(form(&Jwt::new().signed()))).await.unwrap();
    let found = response.extensions().get::<ClientIdentity>().unwrap();
    assert_eq!(found.claims().jti_hash(), expected);
}
