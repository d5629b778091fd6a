//! The other endpoints of an authorization server: the same verifier, no grant type, and one replay
//! store.

use std::sync::Arc;

use crate::common::attempt::{Attempt, answer};
use crate::common::{AUDIENCE, ISSUER, Jwt, SIGNER, fixture, form, now_or_never, verifier};
use serde_json::json;
use tower_client_assertion::policy::Policy;
use tower_client_assertion::{ClientAssertionLayer, Endpoint, PreservedBodies, TokenRequest, Verifier};

const ENDPOINTS: [Endpoint; 5] = [
    Endpoint::Token,
    Endpoint::PushedAuthorizationRequest,
    Endpoint::Introspection,
    Endpoint::Revocation,
    Endpoint::DeviceAuthorization,
];

fn layer(verifier: &Arc<Verifier>, endpoint: Endpoint) -> ClientAssertionLayer<PreservedBodies> {
    ClientAssertionLayer::new(Arc::clone(verifier)).endpoint(endpoint).preserve_body_types()
}

#[test]
fn form_09_only_the_token_endpoint_has_a_grant_type() {
    let verifier = Arc::new(verifier());
    for endpoint in ENDPOINTS {
        for (grant_type, at_the_token_endpoint) in
            [(Some("client_credentials"), 200), (Some("password"), 400), (None, 400)]
        {
            let attempt = Attempt::with(|a| {
                a.drop_parameter("grant_type");
                grant_type.into_iter().for_each(|value| a.parameter("grant_type", value));
            });
            let expected = if endpoint == Endpoint::Token { at_the_token_endpoint } else { 200 };
            assert_eq!(answer(&layer(&verifier, endpoint), &attempt).0, expected, "{endpoint:?}, {grant_type:?}");
        }
    }
    assert_eq!(Endpoint::default(), Endpoint::Token);
}

/// Other endpoints ignore the value of `grant_type`, but the form must be well formed.
#[test]
fn form_09_forms_are_read_equally_strictly_at_all_endpoints() {
    let verifier = Arc::new(verifier());
    for endpoint in ENDPOINTS {
        for (change, text) in [
            ("&grant_type=x&grant_type=y", "Parameter 'grant_type' must not be repeated"),
            ("&client_id=%zz", "Request body is not valid form data"),
            ("&client_secret=hush", "More than one client authentication method was used"),
            ("&client_id=another", "Unexpected iss claim value"),
        ] {
            let attempt = Attempt::with(|a| {
                if change.contains("grant_type") {
                    a.drop_parameter("grant_type");
                }
                a.tail = change;
            });
            let (_, body) = answer(&layer(&verifier, endpoint), &attempt);
            assert_eq!(body["error_description"], text, "{endpoint:?}");
        }
        let none = Attempt::with(|a| {
            a.drop_parameter("client_assertion");
            a.drop_parameter("client_assertion_type");
        });
        let (status, body) = answer(&layer(&verifier, endpoint), &none);
        assert_eq!(
            (status, &body["error_description"]),
            (400, &json!("Missing client assertion type")),
            "{endpoint:?}"
        );
    }
}

#[test]
fn e56_an_assertion_is_accepted_once_across_endpoints() {
    let verifier = Arc::new(verifier());
    for first in ENDPOINTS {
        let attempt = Attempt::new();
        assert_eq!(answer(&layer(&verifier, first), &attempt).0, 200, "{first:?}");
        for second in ENDPOINTS {
            let (status, body) = answer(&layer(&verifier, second), &attempt);
            let told = (status, body["error_description"].as_str());
            assert_eq!(told, (400, Some("Unexpected jti claim value")), "{first:?}, then {second:?}");
        }
    }
}

/// RFC 9126, section 2, also accepts the URL of the endpoint itself. RFC 10070 does not.
#[test]
fn clm_03d_the_audience_rule_is_the_same_at_all_endpoints() {
    let cases = [
        (fixture().policy(Policy::RFC7523).at_issuer(), [true, false, false]),
        (fixture().policy(Policy::OIDC).at_issuer_and_url(), [true, true, false]),
        (fixture().policy(Policy::SMART_BACKEND_SERVICES), [false, true, false]),
    ];
    for (fixture, accepted) in cases {
        let verifier = Arc::new(fixture.build());
        for endpoint in ENDPOINTS {
            for (aud, accepted) in [ISSUER, AUDIENCE, "https://as.example.com/par"].into_iter().zip(accepted) {
                let attempt = Attempt::of(&SIGNER, Jwt::new().claim("aud", aud));
                let (status, _) = answer(&layer(&verifier, endpoint), &attempt);
                assert_eq!(status == 200, accepted, "{endpoint:?} {aud}");
            }
        }
    }
}

#[test]
fn the_verifier_distinguishes_endpoints_without_http() {
    let verifier = verifier();
    let body = form(&Jwt::new().signed()).replace("grant_type", "token_type_hint");
    let request = TokenRequest::new(body.as_bytes());
    assert!(now_or_never(verifier.verify(&request)).is_err());
    assert!(now_or_never(verifier.verify(&request.with_endpoint(Endpoint::Revocation))).is_ok());
}
