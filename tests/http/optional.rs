//! The optional mode: a form without an assertion passes unchanged and without an identity. A form
//! with an assertion must be fully valid.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use crate::common::attempt::{Attempt, Change, flip_signature};
use crate::common::{CLIENT, Jwt, client_fault, fixture, form, now_or_never, post, verifier, verify};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{Layer, Service, service_fn};
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::rejection::{AuthScheme, ClientFault, RejectionKind};
use tower_client_assertion::render::Rfc6749;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, Endpoint, TokenRequest};

/// What the handler saw, if it was called: whether there was an identity, and the body.
type Seen = Option<(bool, Bytes)>;

fn send(request: Request<Full<Bytes>>) -> (Response<Bytes>, Seen) {
    let seen = Arc::new(Mutex::new(None));
    let witness = Arc::clone(&seen);
    let handler = service_fn(move |request: Request<Full<Bytes>>| {
        let witness = Arc::clone(&witness);
        async move {
            let identity = request.extensions().get::<ClientIdentity>().cloned();
            assert!(identity.iter().all(|identity| identity.client_id().as_str() == CLIENT));
            let length = request.headers().get("content-length").map(|length| length.to_str().unwrap().to_owned());
            let body = request.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(length, Some(body.len().to_string()));
            *witness.lock().unwrap() = Some((identity.is_some(), body));
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    });
    let layer = ClientAssertionLayer::new(verifier()).render(Rfc6749::default()).optional().preserve_body_types();
    let response = now_or_never(layer.layer(handler).call(request)).unwrap();
    let (parts, body) = response.into_parts();
    let body = now_or_never(body.collect()).unwrap().to_bytes();
    let seen = seen.lock().unwrap().take();
    (Response::from_parts(parts, body), seen)
}

/// A `ClientIdentity` that other middleware, or an attacker behind it, has put there.
fn spoofed() -> ClientIdentity {
    verify(&verifier(), &form(&Jwt::new().signed())).unwrap()
}

#[test]
fn forms_without_an_assertion_pass_unchanged() {
    let forms: &[&[u8]] = &[
        b"",
        b"grant_type=client_credentials",
        // With another grant type than the profile's, or none.
        b"grant_type=authorization_code&code=x&redirect_uri=https%3A%2F%2Fapp.example",
        b"scope=x",
        b"client_id=clinic-8&client_secret=hush",
        b"client_id=clinic-9",
        b"client_assertion=",
        b"client_assertion",
        b"client_assertion=&client_assertion_type=",
        b"&&a=+%20%zz&b=\xff&=&a=1&a=2&client_assertion[]=x&CLIENT_ASSERTION=y",
    ];
    for form in forms {
        let mut request = post(*form);
        request.extensions_mut().insert(spoofed());
        let (response, seen) = send(request);
        let name = String::from_utf8_lossy(form);
        assert_eq!((response.status().as_u16(), seen), (200, Some((false, Bytes::from_static(form)))), "{name}");
    }
}

#[test]
fn other_credentials_pass_if_there_is_no_assertion() {
    for (name, value) in [("authorization", "Basic YTpi"), ("oauth-client-attestation", "x")] {
        let mut request = post("grant_type=refresh_token&refresh_token=x");
        request.headers_mut().insert(name, value.parse().unwrap());
        let (response, seen) = send(request);
        assert_eq!((response.status().as_u16(), seen.map(|(identity, _)| identity)), (200, Some(false)), "{name}");
    }
}

#[test]
fn forms_with_an_assertion_are_verified() {
    let attempt = Attempt::with(|a| a.tail = "&note=%zz&scope=a+b");
    let mut request = attempt.request();
    let body = now_or_never(request.body_mut().collect()).unwrap().to_bytes();
    request.extensions_mut().insert(spoofed());
    *request.body_mut() = Full::from(body.clone());
    let (response, seen) = send(request);
    assert_eq!((response.status().as_u16(), seen), (200, Some((true, body))));
}

#[test]
fn auth_02_a_request_with_an_assertion_must_be_fully_valid() {
    let refused: &[(&str, Change, u16, &str)] = &[
        ("signature", |a| a.mangle = flip_signature, 400, "Client assertion signature is invalid"),
        ("claims", |a| a.claim("aud", "x"), 400, "Unexpected aud claim"),
        ("junk", |a| a.mangle = |_| "junk".into(), 400, "Client assertion must have three components"),
        ("no type", |a| a.drop_parameter("client_assertion_type"), 400, "Missing client_assertion_type parameter"),
        ("empty type", |a| a.parameter("client_assertion_type", ""), 400, "Missing client_assertion_type parameter"),
        ("type alone", |a| a.drop_parameter("client_assertion"), 400, "Missing client_assertion parameter"),
        ("another type", |a| a.parameter("client_assertion_type", "x"), 400, "Unsupported client_assertion_type"),
        ("grant type", |a| a.parameter("grant_type", "password"), 400, "Grant type is not supported"),
        ("no grant type", |a| a.drop_parameter("grant_type"), 400, "Missing grant_type parameter"),
        (
            "a secret as well",
            |a| a.parameter("client_secret", "hush"),
            400,
            "More than one client authentication method was used",
        ),
        (
            "Basic as well",
            |a| a.header("authorization", "Basic YTpi"),
            401,
            "More than one client authentication method was used",
        ),
        (
            "an attestation as well",
            |a| a.header("oauth-client-attestation-pop", "x"),
            400,
            "More than one client authentication method was used",
        ),
        (
            "Basic with the type alone",
            |a| {
                a.drop_parameter("client_assertion");
                a.header("authorization", "Basic YTpi");
            },
            401,
            "More than one client authentication method was used",
        ),
        (
            "another client's id",
            |a| a.parameter("client_id", "x"),
            400,
            "client_id does not match the client assertion",
        ),
    ];
    for (name, change, status, text) in refused {
        let (response, seen) = send(Attempt::with(change).request());
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!((response.status().as_u16(), body["error_description"].as_str()), (*status, Some(*text)), "{name}");
        assert_eq!(seen, None, "{name}");
    }
}

/// An assertion that is hidden from the layer must not reach the handler either.
#[test]
fn attempts_to_hide_an_assertion_are_refused() {
    let assertion = Jwt::new().signed();
    let hidden = [
        (
            format!("client_assertion=&client_assertion={assertion}"),
            "Parameter 'client_assertion' must not be repeated",
        ),
        ("client_assertion=&client_assertion=".into(), "Parameter 'client_assertion' must not be repeated"),
        ("client_assertion=%zz".into(), "Request body is not valid form data"),
        (
            format!("grant_type=client_credentials&client%5Fassertion={assertion}"),
            "Missing client_assertion_type parameter",
        ),
    ];
    for (body, text) in hidden {
        let (response, seen) = send(post(body.clone()));
        let told: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!((told["error_description"].as_str(), seen), (Some(text), None), "{body}");
    }
    let mut request = post("grant_type=client_credentials");
    *request.uri_mut() = format!("/v2/auth/token?client_assertion={assertion}").parse().unwrap();
    assert_eq!(send(request).1, None, "in the query");
    let mut request = post(format!("client_assertion={assertion}"));
    request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(send(request).1, None, "in another type of body");
    let mut request = post("");
    *request.method_mut() = http::Method::GET;
    assert_eq!(send(request).0.status(), 405);
}

#[test]
fn every_outcome_behind_an_optional_layer_is_one_event() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&events);
    let sink = event::sink(move |event| {
        log.lock().unwrap().push(match event {
            Event::Accepted(event) => ("accepted", event.endpoint()),
            Event::Refused(event) => (event.code(), event.endpoint()),
            Event::LetPass(event) => ("let pass", event.endpoint()),
            other => panic!("{other:?}"),
        });
    });
    let verifier = fixture().builder().events(sink).build().unwrap();
    let optional = |body: &str, endpoint| {
        let request = TokenRequest::new(body.as_bytes()).with_endpoint(endpoint);
        now_or_never(verifier.verify_optional(&request))
    };
    assert_eq!(optional("grant_type=x", Endpoint::Token).unwrap(), None);
    assert!(optional(&form(&Jwt::new().signed()), Endpoint::Revocation).unwrap().is_some());
    assert!(optional("client_assertion=x", Endpoint::Introspection).is_err());
    let expected = [
        ("let pass", Endpoint::Token),
        ("accepted", Endpoint::Revocation),
        ("assertion_type_missing", Endpoint::Introspection),
    ];
    assert_eq!(*events.lock().unwrap(), expected);
}

/// The same requests, if an assertion is required.
#[test]
fn auth_01_verify_refuses_requests_without_an_assertion() {
    for (body, fault) in [
        ("", ClientFault::MissingGrantType),
        ("grant_type=client_credentials", ClientFault::NoAuthentication(None)),
        ("grant_type=client_credentials&client_assertion=", ClientFault::NoAuthentication(None)),
    ] {
        let found = client_fault(verify(&verifier(), body).unwrap_err());
        assert_eq!(found, fault, "{body}");
    }
}

/// By an application that authenticates by another method behind the layer.
#[test]
fn an_application_refuses_as_the_layer_does() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let sink = event::sink(move |event| {
        let Event::Refused(refused) = event else { return };
        let client = refused.claimed_client().map(|client| client.to_string());
        let request = refused.correlation().map(|name| name.as_str().to_owned());
        seen.lock().unwrap().push((refused.code(), refused.endpoint(), client, request));
    });
    let layer = ClientAssertionLayer::new(fixture().builder().events(sink).build().unwrap());
    let layer = layer.render(Rfc6749::default().error_uri("https://docs.example/errors").unwrap()).optional();
    let layer = layer.endpoint(Endpoint::Revocation).correlate(|_| Some(event::Correlation::new("call-7")));
    let (head, _) = post("token=x").into_parts();
    let basic = ClientFault::OtherMethod(Some(AuthScheme::Basic));
    let long = format!("{}.{}.{}", "eyJhbGciOiJFUzM4NCJ9", "eyJpc3MiOiJhIn0", "c".repeat(64));
    let table = [
        (basic.clone(), Some("clinic\n8"), 401, Some("Basic realm=\"token endpoint\""), Some(r#""clinic\u{a}8""#)),
        (basic, None, 401, Some("Basic realm=\"token endpoint\""), None),
        (ClientFault::OtherMethod(None), None, 400, None, None),
    ];
    for (fault, claimed, status, challenge, shown) in table {
        let response = layer.refuse(&head, fault.clone(), claimed);
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!((response.status().as_u16(), header("www-authenticate")), (status, challenge));
        assert_eq!(header("content-length"), Some(&*response.body().len().to_string()));
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["error"], "invalid_client");
        assert_eq!(body["error_uri"], "https://docs.example/errors");
        let rejection = response.extensions().get::<tower_client_assertion::Rejection>().unwrap();
        assert_eq!(*rejection.kind(), RejectionKind::Client(fault));
        let expected = ("other_method", Endpoint::Revocation, shown.map(str::to_owned), Some("call-7".to_owned()));
        assert_eq!(events.lock().unwrap().pop(), Some(expected));
    }
    // An assertion in the place of an id is not shown.
    layer.refuse(&head, ClientFault::OtherMethod(None), Some(&long));
    let (_, _, shown, _) = events.lock().unwrap().pop().unwrap();
    assert!(!shown.unwrap().contains("eyJ"));
    // A layer that finds no verifier refuses the tenant.
    let unknown = ClientAssertionLayer::choose(|_| None).optional();
    assert_eq!(unknown.refuse(&head, ClientFault::OtherMethod(None), None).status(), 404);
}
