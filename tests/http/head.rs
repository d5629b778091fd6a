//! What the head of a request says, however often and among whatever else it says it, and what the handler then reads there.

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

/// Good once for each verifier.
static BODY: LazyLock<Bytes> = LazyLock::new(|| form(&Jwt::new().signed()).into());

/// Sends a right form under these headers, and shows what became of it: why it was refused, or the headers that the handler
/// was given.
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

/// Before, among and behind others, of our own kind and of nobody's.
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

/// Headers beside a right form, and what they lead to.
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
fn of_a_repeated_header_all_values_count_or_the_first() {
    for (list, expected) in REPEATED {
        assert_eq!(&send(&headers(list)).map(drop), expected, "{list:?}");
        assert_eq!(&send(&crowded(list)).map(drop), expected, "{list:?} among others");
    }
}

#[test]
fn a_handler_reads_a_plain_form_of_the_right_length_however_it_came() {
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
    // Nothing else is touched.
    let crowded = crowded(&[("content-type", FORM), ("content-length", &length), ("x-other-1", "again")]);
    assert_eq!(send(&crowded).as_ref(), Ok(&crowded));
}
