//! How the head of a request is read, also with repeated and unrelated headers, and what the
//! handler then sees of it.

use std::convert::Infallible;
use std::sync::{Arc, LazyLock, Mutex};

use crate::common::{FORM, Jwt, form, kind, now_or_never, verifier};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_client_assertion::rejection::{AuthScheme, ClientFault, RejectionKind};
use tower_client_assertion::{ClientAssertionLayer, RequestBody};

type Header = (&'static str, &'static str);

const TYPED: Header = ("content-type", FORM);

/// Accepted once by each verifier.
static BODY: LazyLock<Bytes> = LazyLock::new(|| form(&Jwt::new().signed()).into());

/// Sends a valid form with these headers. Returns why it was refused, or the headers that the
/// handler saw.
fn send(headers: &HeaderMap) -> Result<HeaderMap, ClientFault> {
    let seen = Arc::new(Mutex::new(HeaderMap::new()));
    let handler = service_fn(|request: Request<RequestBody<Full<Bytes>>>| {
        seen.lock().unwrap().clone_from(request.headers());
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let mut request = Request::post("/token").body(Full::new(BODY.clone())).unwrap();
    request.headers_mut().clone_from(headers);
    let response = now_or_never(ClientAssertionLayer::new(verifier()).layer(handler).call(request)).unwrap();
    match kind(&response) {
        Some(RejectionKind::Client(fault)) => Err(fault.clone()),
        Some(other) => panic!("{other}"),
        None => Ok(seen.lock().unwrap().clone()),
    }
}

fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
    list.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

/// The headers among many others, some of which are similar.
fn crowded(list: &[(&'static str, &str)]) -> HeaderMap {
    let other = |number: usize| (format!("x-other-{number}").parse::<HeaderName>().unwrap(), "x".parse().unwrap());
    let mut all: HeaderMap = (0..40).map(other).collect();
    all.extend(headers(&[("host", "localhost"), ("accept", "*/*"), ("content-language", "en")]));
    for (number, (name, value)) in list.iter().enumerate() {
        all.append(*name, value.parse().unwrap());
        all.extend([other(40 + number)]);
    }
    all
}

/// Headers of a valid form, and the outcome.
const REPEATED: &[(&[Header], Result<(), ClientFault>)] = &[
    (&[TYPED], Ok(())),
    (&[], Err(ClientFault::ContentType)),
    (&[TYPED, TYPED], Err(ClientFault::ContentType)),
    (&[TYPED, ("content-type", "text/plain")], Err(ClientFault::ContentType)),
    (&[("content-type", "text/plain"), TYPED], Err(ClientFault::ContentType)),
    (&[TYPED, TYPED, TYPED], Err(ClientFault::ContentType)),
    (&[TYPED, ("content-encoding", "identity"), ("content-encoding", "Identity")], Ok(())),
    (&[TYPED, ("content-encoding", "identity"), ("content-encoding", "gzip")], Err(ClientFault::ContentEncoding)),
    (&[TYPED, ("content-encoding", "gzip"), ("content-encoding", "identity")], Err(ClientFault::ContentEncoding)),
    (&[TYPED, ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], Ok(())),
    (&[TYPED, ("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")], Err(ClientFault::ContentEncoding)),
    (&[("content-encoding", "gzip"), ("content-type", "text/plain")], Err(ClientFault::ContentEncoding)),
    (&[TYPED, ("content-length", "10"), ("content-length", "9999999")], Ok(())),
    (&[TYPED, ("content-length", "9999999"), ("content-length", "10")], Err(ClientFault::BodyTooLarge)),
    (&[TYPED, ("content-length", "x"), ("content-length", "9999999")], Ok(())),
    (
        &[TYPED, ("authorization", "Basic YTpi"), ("authorization", "Bearer x")],
        Err(ClientFault::SeveralMechanisms(Some(AuthScheme::Basic))),
    ),
    (
        &[TYPED, ("authorization", "Bearer x"), ("authorization", "Basic YTpi")],
        Err(ClientFault::SeveralMechanisms(Some(AuthScheme::Bearer))),
    ),
    (&[TYPED, ("oauth-client-attestation", "x")], Err(ClientFault::SeveralMechanisms(None))),
    (&[TYPED, ("oauth-client-attestation-pop", "x")], Err(ClientFault::SeveralMechanisms(None))),
    (&[TYPED, ("oauth-client-attestation-po", "x"), ("oauth-client-attestations", "x")], Ok(())),
];

#[test]
fn repeated_headers_count_by_first_or_all_values() {
    for (list, expected) in REPEATED {
        assert_eq!(&send(&headers(list)).map(drop), expected, "{list:?}");
        assert_eq!(&send(&crowded(list)).map(drop), expected, "{list:?} among others");
    }
}

#[test]
fn handlers_always_see_a_plain_form_of_known_length() {
    let length = BODY.len().to_string();
    let plain = headers(&[("content-type", FORM), ("content-length", &length)]);
    let cases: [&[(&'static str, &str)]; 9] = [
        &[("content-type", FORM), ("content-length", &length)],
        &[("content-type", FORM)],
        &[("content-type", "application/x-www-form-urlencoded;charset=utf-8"), ("content-length", &length)],
        &[("content-type", "APPLICATION/x-www-form-urlencoded")],
        &[("content-type", FORM), ("content-length", "1")],
        &[("content-type", FORM), ("content-length", "x")],
        &[("content-type", FORM), ("transfer-encoding", "chunked")],
        &[("content-type", FORM), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
        &[("content-type", " application/x-www-form-urlencoded"), ("content-length", &length)],
    ];
    for case in cases {
        assert_eq!(send(&headers(case)).as_ref(), Ok(&plain), "{case:?}");
    }
    // Other headers stay as they are.
    let crowded = crowded(&[("content-type", FORM), ("content-length", &length), ("x-other-1", "again")]);
    assert_eq!(send(&crowded).as_ref(), Ok(&crowded));
}
