//! What the operator is told about requests that are refused before their form is read, and which
//! headers count as credentials.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::common::{FORM, Jwt, fixture, form, kind, now_or_never};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use tower::{Layer, Service, service_fn};
use tower_client_assertion::event::{self, Event, EventSink};
use tower_client_assertion::rejection::{AuthScheme, ClientFault, RejectionKind};
use tower_client_assertion::render::Rfc6749;
use tower_client_assertion::{ClientAssertionLayer, RequestBody};

/// The names and values of headers.
type Headers<'a> = &'a [(&'a str, &'a str)];

type BoxedBody = BoxBody<Bytes, &'static str>;

/// A refusal as the sink sees it: the rejection, then its findings.
#[derive(Clone, Default)]
struct Reports(Arc<Mutex<Vec<Vec<String>>>>);

impl Reports {
    fn sink(&self) -> impl EventSink {
        let Self(reports) = self.clone();
        event::sink(move |event| {
            if let Event::Refused(refused) = event {
                let findings = refused.findings().iter().map(ToString::to_string);
                let report = [refused.rejection().to_string()].into_iter().chain(findings);
                reports.lock().unwrap().push(report.collect());
            }
        })
    }

    fn layer(&self) -> ClientAssertionLayer {
        let verifier = fixture().builder().events(self.sink()).build().unwrap();
        let layer = ClientAssertionLayer::new(verifier).render(Rfc6749::default()).body_limit(1024).unwrap();
        layer.body_timeout(Duration::from_secs(3)).unwrap()
    }
}

async fn ok(_: Request<RequestBody<BoxedBody>>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::default())
}

fn boxed(body: impl Into<Bytes>) -> BoxedBody {
    Full::new(body.into()).map_err(|never| match never {}).boxed()
}

/// A body that fails or never ends.
struct Stuck(Option<&'static str>);

impl Body for Stuck {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.0.map_or(Poll::Pending, |error| Poll::Ready(Some(Err(error))))
    }
}

fn head(method: &str, headers: Headers<'_>) -> http::request::Builder {
    let request = Request::builder().method(method).uri("/");
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

/// Each fault of a head or a body is reported once, with the value that was refused.
#[tokio::test(start_paused = true)]
async fn refused_heads_and_bodies_are_reported_with_their_value() {
    let long = "x".repeat(1025);
    let only_form = [("content-type", FORM)];
    let encoded = [("content-type", FORM), ("content-encoding", "gzip")];
    let transferred = [("content-type", FORM), ("transfer-encoding", "gzip, chunked")];
    let latin = [("content-type", "application/x-www-form-urlencoded; charset=ISO-8859-1")];
    let twice = [("content-type", FORM), ("content-type", FORM)];
    let sized = [("content-type", FORM), ("content-length", "1025")];
    let short = [("content-type", FORM), ("content-length", "9")];
    let stuck = |error| Stuck(error).boxed();
    let nothing = || Empty::new().map_err(|never| match never {}).boxed();
    let type_fault = "the content type is not application/x-www-form-urlencoded";
    let cases: Vec<(&str, Headers<'_>, BoxedBody, String)> = vec![
        ("GET", &only_form, nothing(), "the method is not POST: expected POST, received \"GET\"".into()),
        (
            "POST",
            &encoded,
            boxed("x"),
            "the body has a content encoding: expected no coding but identity or chunked, received \"gzip\"".into(),
        ),
        (
            "POST",
            &transferred,
            boxed("x"),
            "the body has a content encoding: expected no coding but identity or chunked, received \"gzip, chunked\""
                .into(),
        ),
        ("POST", &[], boxed("x"), format!("{type_fault}: expected {FORM}, received nothing")),
        (
            "POST",
            &[("content-type", "application/json")],
            boxed("x"),
            format!("{type_fault}: expected {FORM}, received \"application/json\""),
        ),
        ("POST", &twice, boxed("x"), format!("{type_fault}: expected {FORM}, received \"{FORM}\" and \"{FORM}\"")),
        (
            "POST",
            &latin,
            boxed("x"),
            "the charset of the form is not UTF-8: expected the charset UTF-8, \
             received \"application/x-www-form-urlencoded; charset=ISO-8859-1\""
                .into(),
        ),
        (
            "POST",
            &sized,
            boxed(long.clone()),
            "the body is too large: expected at most 1024 bytes, received 1025 bytes".into(),
        ),
        ("POST", &only_form, boxed(long), "the body is too large: expected at most 1024 bytes, received more".into()),
        (
            "POST",
            &short,
            boxed("8 bytes."),
            "the body could not be read: expected 9 bytes, received an error or an earlier end".into(),
        ),
        (
            "POST",
            &only_form,
            stuck(Some("broken")),
            "the body could not be read: expected the whole body, received an error".into(),
        ),
        (
            "POST",
            &only_form,
            stuck(None),
            "the body did not arrive in time: expected the whole body within 3s, received a part of it".into(),
        ),
    ];
    for (method, headers, body, finding) in cases {
        let reports = Reports::default();
        let request = head(method, headers).body(body).unwrap();
        let response = reports.layer().layer(service_fn(ok)).call(request).await.unwrap();
        assert!(response.status().is_client_error(), "{finding}");
        let reports = reports.0.lock().unwrap();
        let fault = kind(&response).map(|kind| kind_text(&kind)).unwrap();
        assert_eq!(*reports, [[fault, finding]]);
    }
}

fn kind_text(kind: &RejectionKind) -> String {
    kind.to_string()
}

/// At the limit, a body is read; one byte over, it is not.
#[test]
fn the_body_limit_is_no_fault_of_the_form() {
    let reports = Reports::default();
    for (len, refused) in [(1023, false), (1024, false), (1025, true)] {
        let request = head("POST", &[("content-type", FORM)]).body(boxed("x".repeat(len))).unwrap();
        let response = now_or_never(reports.layer().layer(service_fn(ok)).call(request)).unwrap();
        let expected = if refused { ClientFault::BodyTooLarge } else { ClientFault::MissingGrantType };
        assert_eq!(kind(&response), Some(RejectionKind::Client(expected)), "{len}");
    }
}

#[test]
fn only_headers_with_a_value_are_credentials() {
    let several = |scheme| Some(RejectionKind::Client(ClientFault::SeveralMechanisms(scheme)));
    let cases: &[(Headers<'_>, Option<RejectionKind>)] = &[
        (&[("authorization", "")], None),
        (&[("authorization", " ")], None),
        (&[("authorization", "\t")], None),
        (&[("authorization", ""), ("authorization", "")], None),
        (&[("oauth-client-attestation", "")], None),
        (&[("oauth-client-attestation", " "), ("oauth-client-attestation-pop", "")], None),
        (&[("authorization", "Basic")], several(Some(AuthScheme::Basic))),
        (&[("authorization", ""), ("authorization", "Basic eDp5")], several(Some(AuthScheme::Basic))),
        (&[("authorization", "Bearer x"), ("authorization", "")], several(Some(AuthScheme::Bearer))),
        (&[("authorization", "x")], several(Some(AuthScheme::Other))),
        (&[("oauth-client-attestation", ""), ("oauth-client-attestation-pop", "x")], several(None)),
        (&[("oauth-client-attestation", "x")], several(None)),
    ];
    for (headers, expected) in cases {
        let mut headers = headers.to_vec();
        headers.push(("content-type", FORM));
        let request = head("POST", &headers).body(boxed(form(&Jwt::new().signed()))).unwrap();
        let response = now_or_never(Reports::default().layer().layer(service_fn(ok)).call(request)).unwrap();
        assert_eq!(kind(&response), *expected, "{headers:?}");
    }
}

/// A client that put its assertion into the header is told where it belongs, and not invited to do
/// it again.
#[test]
fn an_assertion_in_the_header_is_not_challenged() {
    let missing = "client_assertion is missing from the form and cannot be sent in the Authorization header";
    let required = "Client authentication required";
    let bearer = format!("Bearer {}", Jwt::new().signed());
    let bare = Jwt::new().signed();
    let cases = [
        (&*bearer, StatusCode::BAD_REQUEST, None, missing),
        ("bearer", StatusCode::BAD_REQUEST, None, missing),
        (&*bare, StatusCode::BAD_REQUEST, None, missing),
        ("DPoP x", StatusCode::BAD_REQUEST, None, missing),
        ("Negotiate x", StatusCode::BAD_REQUEST, None, missing),
        ("", StatusCode::BAD_REQUEST, None, required),
        ("Basic eDp5", StatusCode::UNAUTHORIZED, Some("Basic realm=\"token endpoint\""), required),
        ("bAsIc eDp5", StatusCode::UNAUTHORIZED, Some("Basic realm=\"token endpoint\""), required),
    ];
    for (authorization, status, challenge, text) in cases {
        let headers = [("content-type", FORM), ("authorization", authorization)];
        let request = head("POST", &headers).body(boxed("grant_type=client_credentials")).unwrap();
        let response = now_or_never(Reports::default().layer().layer(service_fn(ok)).call(request)).unwrap();
        assert_eq!(response.status(), status, "{authorization}");
        let found = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap());
        assert_eq!(found, challenge, "{authorization}");
        let body = now_or_never(response.into_body().collect()).unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error_description"], text, "{authorization}");
        assert_eq!(body["error"], "invalid_client", "{authorization}");
    }
}
