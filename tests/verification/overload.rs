//! The bound on concurrent signature checks: which requests it refuses, how, and that it does so
//! before the check.

use std::convert::Infallible;

use crate::common::{CLIENT, Jwt, Signer, body_of, client, fixture, form, key_set, now_or_never, post, verify};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_client_assertion::grpc::GrpcAssertionLayer;
use tower_client_assertion::overload::SignatureChecks;
use tower_client_assertion::registry::Client;
use tower_client_assertion::rejection::{ClientFault, RejectionKind, ServerFault};
use tower_client_assertion::{ClientAssertionLayer, ClientId, JWT_BEARER, RequestBody, Verifier};

const OTHER: &str = "clinic-8";

const IN_ALL: RejectionKind = RejectionKind::Server(ServerFault::Overloaded);
const FOR_ONE: RejectionKind = RejectionKind::Server(ServerFault::ClientOverloaded);

fn id(client: &str) -> ClientId {
    ClientId::new(client).unwrap()
}

/// A verifier with two clients, bounded by `checks`, and the key of the second client.
fn bounded(checks: &SignatureChecks) -> (Verifier, Signer) {
    let other = Signer::es384("key-2");
    let clients = [client(), Client::new(OTHER, key_set(&[other.jwk()])).unwrap()];
    let builder = fixture().clients(clients).builder().signature_checks(checks.clone());
    (builder.build().unwrap(), other)
}

fn outcome(verifier: &Verifier, assertion: &str) -> Result<String, RejectionKind> {
    let identity = verify(verifier, &form(assertion)).map_err(|rejection| rejection.kind().clone())?;
    Ok(identity.client_id().to_string())
}

#[test]
fn checks_are_bounded_in_total_and_per_client() {
    let checks = SignatureChecks::new(3).unwrap().per_client(2).unwrap();
    let (verifier, other) = bounded(&checks);
    let ours = || outcome(&verifier, &Jwt::new().signed());
    let theirs = || outcome(&verifier, &Jwt::by(&other, OTHER).signed_by(&other));

    let one = checks.begin(&id(CLIENT)).unwrap();
    assert_eq!(ours(), Ok(CLIENT.to_owned()), "one below the bound of a client");
    let two = checks.begin(&id(CLIENT)).unwrap();
    assert_eq!(ours(), Err(FOR_ONE), "at the bound of a client");
    assert_eq!(theirs(), Ok(OTHER.to_owned()), "other clients are not affected");
    let three = checks.begin(&id(OTHER)).unwrap();
    assert_eq!((ours(), theirs()), (Err(IN_ALL), Err(IN_ALL)), "at the bound of all");
    drop(two);
    assert_eq!((ours(), theirs()), (Ok(CLIENT.to_owned()), Ok(OTHER.to_owned())));
    drop((one, three));
}

#[test]
fn overload_refuses_before_the_signature_and_spends_nothing() {
    let checks = SignatureChecks::new(1).unwrap();
    let (verifier, other) = bounded(&checks);
    let (good, forged) = (Jwt::new().signed(), Jwt::new().signed_by(&other));
    let check = checks.begin(&id(OTHER)).unwrap();
    assert_eq!(outcome(&verifier, &good), Err(IN_ALL));
    assert_eq!(outcome(&verifier, &forged), Err(IN_ALL));
    drop(check);
    assert_eq!(outcome(&verifier, &forged), Err(RejectionKind::Client(ClientFault::BadSignature)));
    assert_eq!(outcome(&verifier, &good), Ok(CLIENT.to_owned()));
}

#[test]
fn requests_without_a_signature_check_are_not_bounded() {
    let checks = SignatureChecks::new(1).unwrap();
    let (verifier, _) = bounded(&checks);
    let spent = Jwt::new().signed();
    outcome(&verifier, &spent).unwrap();
    let check = checks.begin(&id(CLIENT)).unwrap();
    assert_eq!(outcome(&verifier, &spent), Err(RejectionKind::Client(ClientFault::Replayed)));
    assert_eq!(outcome(&verifier, "a.b"), Err(RejectionKind::Client(ClientFault::NotThreeParts)));
    drop(check);
}

#[test]
fn a_check_ends_with_any_outcome() {
    let checks = SignatureChecks::new(1).unwrap();
    let (verifier, other) = bounded(&checks);
    for _ in 0..3 {
        let forged = outcome(&verifier, &Jwt::new().signed_by(&other));
        assert_eq!(forged, Err(RejectionKind::Client(ClientFault::BadSignature)));
        assert_eq!(outcome(&verifier, &Jwt::new().signed()), Ok(CLIENT.to_owned()));
    }
}

#[test]
fn clones_share_one_bound() {
    let checks = SignatureChecks::new(1).unwrap();
    let ((first, _), (second, _)) = (bounded(&checks), bounded(&checks));
    let check = checks.clone().begin(&id("any-client")).unwrap();
    for verifier in [&first, &second] {
        assert_eq!(outcome(verifier, &Jwt::new().signed()), Err(IN_ALL));
    }
    drop(check);
    for verifier in [&first, &second] {
        assert_eq!(outcome(verifier, &Jwt::new().signed()), Ok(CLIENT.to_owned()));
    }
}

#[test]
fn overload_responses_have_retry_after() {
    let cases = [(1, StatusCode::SERVICE_UNAVAILABLE, "14"), (2, StatusCode::TOO_MANY_REQUESTS, "8")];
    for (allowed, status, grpc_status) in cases {
        let checks = SignatureChecks::new(allowed).unwrap().per_client(1).unwrap();
        let verifier = std::sync::Arc::new(bounded(&checks).0);
        let _check = checks.begin(&id(CLIENT)).unwrap();

        let handler = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        });
        let request = post(form(&Jwt::new().signed()));
        let mut service = ClientAssertionLayer::new(std::sync::Arc::clone(&verifier)).layer(handler);
        let response = now_or_never(service.call(request)).unwrap();
        assert_eq!((response.status(), &response.headers()["retry-after"]), (status, &"1".parse().unwrap()));
        let body = body_of(response);
        assert!(body.starts_with(br#"{"error":"temporarily_unavailable""#), "{body:?}");

        let handler = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
        let call = Request::post("/package.Service/Method").header("client-assertion-type", JWT_BEARER);
        let call = call.header("client-assertion", Jwt::new().signed()).body(()).unwrap();
        let response = now_or_never(GrpcAssertionLayer::new(verifier).layer(handler).call(call)).unwrap();
        assert_eq!(
            (response.status(), &response.headers()["grpc-status"]),
            (StatusCode::OK, &grpc_status.parse().unwrap())
        );
    }
}

#[test]
fn invalid_bounds_are_named() {
    let cases = [
        (SignatureChecks::new(0), "signature_checks: 0 is not allowed"),
        (SignatureChecks::new(1_025), "signature_checks: 1025 is too large; use 1024 or less"),
        (SignatureChecks::new(4).unwrap().per_client(0), "signature_checks per_client: 0 is not allowed"),
        (SignatureChecks::new(4).unwrap().per_client(5), "signature_checks per_client: 5 is too large; use 4 or less"),
    ];
    for (result, message) in cases {
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    assert!(SignatureChecks::new(1_024).unwrap().per_client(1_024).is_ok());
}
