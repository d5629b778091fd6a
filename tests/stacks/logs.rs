//! The recipe of the manual: request ids, events and a `TraceLayer` outside agree on the name of a
//! request, for every outcome.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use http::{HeaderName, Request, Response};
use tower::{Service, ServiceBuilder};
use tower_client_assertion::event::{self, Correlation, Event};
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, Rejection};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;

use crate::common::{FORM, Jwt, fixture, form};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

type Lines = Arc<Mutex<Vec<String>>>;

fn id_of(headers: &http::HeaderMap) -> Option<&str> {
    headers.get(REQUEST_ID)?.to_str().ok()
}

/// The app, with the lines of its events and those of its access log.
fn app() -> (Router, Lines, Lines) {
    let (events, accesses) = (Lines::default(), Lines::default());
    let log = Arc::clone(&events);
    let sink = event::sink(move |event| {
        let (id, what) = match event {
            Event::Accepted(event) => (event.correlation(), event.identity().client_id().to_string()),
            Event::Refused(event) => (event.correlation(), event.code().to_owned()),
            other => panic!("{other:?}"),
        };
        log.lock().unwrap().push(format!("{} {what}", id.map_or("-", Correlation::as_str)));
    });
    let verifier = fixture().builder().events(sink).build().unwrap();
    let layer = ClientAssertionLayer::new(verifier)
        .correlate(|head| id_of(&head.headers).map(Correlation::new))
        .identify_responses();
    let log = Arc::clone(&accesses);
    let line = move |response: &Response<Body>, _: Duration, _: &tracing::Span| {
        let client = response.extensions().get::<ClientIdentity>().map(|identity| identity.client_id().to_string());
        let what = client.or_else(|| response.extensions().get::<Rejection>().map(|it| it.code().to_owned()));
        let id = id_of(response.headers()).map(Correlation::new);
        let id = id.as_ref().map_or("-", Correlation::as_str);
        log.lock().unwrap().push(format!("{id} {}", what.unwrap_or_default()));
    };
    let outside = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(TraceLayer::new_for_http().on_response(line))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID));
    let app = Router::new().route("/token", post(|| async { "a token" }).layer(layer)).layer(outside);
    (app, events, accesses)
}

#[tokio::test]
async fn events_and_access_logs_agree_on_the_name_of_a_request() {
    let assertion = form(&Jwt::new().signed());
    let expired = form(&Jwt::new().claim("iat", 1000).signed());
    let cases = [
        ("POST", &*assertion, Some("7f3a"), "clinic-7"),
        ("POST", &*assertion, Some("7f3b"), "replayed"),
        ("POST", &*expired, None, "iat_past"),
        ("GET", "", None, "method"),
        ("GET", "", Some("7f3c 200 OK clinic-7"), "method"),
    ];
    let (mut app, events, accesses) = app();
    for (method, body, id, what) in cases {
        let request = Request::builder().method(method).uri("/token").header("content-type", FORM);
        let request = id.into_iter().fold(request, |request, id| request.header(REQUEST_ID, id));
        let response = app.call(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let answered = id_of(response.headers()).unwrap().to_owned();
        assert!(id.is_none_or(|id| id == answered), "{what}: {answered}");
        let line = format!("{} {what}", answered.replace(' ', r"\u{20}"));
        assert_eq!(std::mem::take(&mut *events.lock().unwrap()), [&*line]);
        assert_eq!(std::mem::take(&mut *accesses.lock().unwrap()), [&*line]);
    }
}
