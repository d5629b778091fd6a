//! What each fault looks like on the wire in the general renderer and in the opaque one, and that neither says what RFC 6749
//! does not allow.

use serde_json::{Value, json};
use tower_client_assertion::Rejection;
use tower_client_assertion::rejection::{AuthScheme, Claim, ClaimFault, ClientFault, Parameter, ServerFault};
use tower_client_assertion::render::{Opaque, Redox, RenderRejection, Rfc6749};

use ClientFault as F;

/// Fault, status, error, description.
const TABLE: &[(F, u16, &str, &str)] = &[
    (F::Method, 405, "invalid_request", "Token requests must use POST"),
    (F::ContentEncoding, 415, "invalid_request", "Request body must not have a content encoding"),
    (F::ContentType, 400, "invalid_request", "Content-Type must be application/x-www-form-urlencoded"),
    (F::BodyTooLarge, 413, "invalid_request", "Request body too large"),
    (F::BodyUnreadable, 400, "invalid_request", "Request body could not be read"),
    (F::BodyTimeout, 408, "invalid_request", "Request body did not arrive in time"),
    (F::FormMalformed, 400, "invalid_request", "Request body is not valid form data"),
    (F::TooManyParameters, 400, "invalid_request", "Request body has too many parameters"),
    (F::RepeatedParameter(Parameter::Scope), 400, "invalid_request", "Parameter 'scope' must not be repeated"),
    (F::CredentialsInQuery, 400, "invalid_request", "Client credentials must not be sent in the query string"),
    (F::MissingGrantType, 400, "invalid_request", "Missing grant_type parameter"),
    (F::UnsupportedGrantType, 400, "unsupported_grant_type", "Grant type is not supported"),
    (F::SeveralMechanisms(None), 400, "invalid_client", "More than one client authentication method was used"),
    (
        F::SeveralMechanisms(Some(AuthScheme::Basic)),
        401,
        "invalid_client",
        "More than one client authentication method was used",
    ),
    (F::NoAuthentication(None), 400, "invalid_client", "Client authentication required"),
    (F::NoAuthentication(Some(AuthScheme::Bearer)), 401, "invalid_client", "Client authentication required"),
    (F::NoAuthentication(Some(AuthScheme::Other)), 400, "invalid_client", "Client authentication required"),
    (F::MissingAssertionType, 400, "invalid_request", "Missing client_assertion_type parameter"),
    (F::UnsupportedAssertionType, 400, "invalid_request", "Unsupported client_assertion_type"),
    (F::MissingAssertion, 400, "invalid_request", "Missing client_assertion parameter"),
    (F::AssertionTooLong, 400, "invalid_client", "Client assertion is too long"),
    (F::NotThreeParts, 400, "invalid_client", "Client assertion must have three components"),
    (F::Encrypted, 400, "invalid_client", "Encrypted client assertions are not supported"),
    (F::Malformed, 400, "invalid_client", "Client assertion is not a valid JWT"),
    (F::KidMissing, 400, "invalid_client", "JWT header 'kid' is required"),
    (F::KidInvalid, 400, "invalid_client", "JWT header 'kid' is invalid"),
    (F::AlgorithmNotAllowed, 400, "invalid_client", "Signing algorithm is not allowed"),
    (F::AlgorithmNotRegistered, 400, "invalid_client", "Signing algorithm does not match the registered one"),
    (F::CriticalHeader, 400, "invalid_client", "Unsupported critical header parameter"),
    (F::Claim(Claim::Iss, ClaimFault::Missing), 400, "invalid_client", "Unexpected iss claim"),
    (F::Claim(Claim::Sub, ClaimFault::Unexpected), 400, "invalid_client", "Unexpected sub claim"),
    (F::Claim(Claim::Jti, ClaimFault::Malformed), 400, "invalid_client", "Unexpected jti claim"),
    (F::Claim(Claim::Aud, ClaimFault::Unexpected), 400, "invalid_client", "Unexpected aud claim"),
    (F::Claim(Claim::Typ, ClaimFault::Unexpected), 400, "invalid_client", "Unexpected JWT type"),
    (F::Claim(Claim::Iat, ClaimFault::Missing), 400, "invalid_client", "Missing iat claim"),
    (F::Claim(Claim::Iat, ClaimFault::Malformed), 400, "invalid_client", "The iat claim must be a number"),
    (F::Claim(Claim::Iat, ClaimFault::Past), 400, "invalid_client", "iat is too far in the past"),
    (F::Claim(Claim::Iat, ClaimFault::Future), 400, "invalid_client", "iat is in the future"),
    (F::Claim(Claim::Nbf, ClaimFault::Malformed), 400, "invalid_client", "The nbf claim must be a number"),
    (F::Claim(Claim::Nbf, ClaimFault::Future), 400, "invalid_client", "Client assertion is not yet valid"),
    (F::Claim(Claim::Exp, ClaimFault::Missing), 400, "invalid_client", "Missing exp claim"),
    (F::Claim(Claim::Exp, ClaimFault::Malformed), 400, "invalid_client", "The exp claim must be a number"),
    (F::Claim(Claim::Exp, ClaimFault::Past), 400, "invalid_client", "Client assertion has expired"),
    (F::Claim(Claim::Exp, ClaimFault::Future), 400, "invalid_client", "exp is too far in the future"),
    (F::ClientIdMismatch, 400, "invalid_client", "client_id does not match the client assertion"),
    (F::UnknownClient, 400, "invalid_client", "Client authentication failed"),
    (F::JkuMismatch, 400, "invalid_client", "JWT header 'jku' does not match the registered key set URL"),
    (F::KeySetUnavailable, 400, "invalid_client", "Client key set could not be retrieved"),
    (F::NoKey, 400, "invalid_client", "Client authentication failed"),
    (F::AmbiguousKey, 400, "invalid_client", "Client authentication failed"),
    (F::WeakKey, 400, "invalid_client", "Client authentication failed"),
    (F::BadSignature, 400, "invalid_client", "Client assertion signature is invalid"),
    (F::Replayed, 400, "invalid_client", "Client assertion has already been used"),
];

fn json_of(renderer: &dyn RenderRejection, rejection: &Rejection) -> (u16, Value) {
    let response = renderer.render(rejection);
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

#[test]
fn each_fault_has_its_status_code_and_description() {
    for (fault, status, error, description) in TABLE {
        let rejection = Rejection::from(fault.clone());
        let expected = json!({"error": error, "error_description": description});
        assert_eq!(json_of(&Rfc6749::default(), &rejection), (*status, expected), "{fault:?}");
        assert_eq!(json_of(&Opaque, &rejection), (*status, json!({"error": error})), "{fault:?}");
    }
}

#[test]
fn descriptions_keep_to_the_characters_of_rfc_6749_and_of_grpc_messages() {
    for (fault, ..) in TABLE {
        let (_, body) = json_of(&Rfc6749::default(), &Rejection::from(fault.clone()));
        let description = body["error_description"].as_str().unwrap();
        // A percent sign would have to be encoded in a `grpc-message`.
        let allowed = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E) && byte != b'%';
        assert!(!description.is_empty() && description.bytes().all(allowed), "{description}");
    }
}

#[test]
fn what_is_our_fault_is_never_the_clients_and_says_when_to_come_again_if_that_would_help() {
    let unavailable = "temporarily_unavailable";
    let cases = [
        (ServerFault::Clock, 503, unavailable, Some("5")),
        (ServerFault::Registry, 503, unavailable, Some("5")),
        (ServerFault::KeySetFetch, 503, unavailable, Some("5")),
        (ServerFault::ReplayStore, 503, unavailable, Some("5")),
        (ServerFault::Timer, 503, unavailable, Some("5")),
        (ServerFault::Overloaded, 503, unavailable, Some("1")),
        (ServerFault::ClientOverloaded, 429, unavailable, Some("1")),
        (ServerFault::MountedTwice, 500, "server_error", None),
        (ServerFault::BodyConsumed, 500, "server_error", None),
    ];
    for (fault, status, error, retry_after) in cases {
        let renderers: [&dyn RenderRejection; 4] =
            [&Rfc6749::default(), &Opaque, &Redox::default(), &Redox::default().standard_codes()];
        for renderer in renderers {
            let rejection = Rejection::from(fault.clone());
            let response = renderer.render(&rejection);
            assert_eq!(response.status(), status, "{fault:?}");
            let found = response.headers().get("retry-after").map(|value| value.to_str().unwrap());
            assert_eq!(found, retry_after, "{fault:?}");
            assert_eq!(json_of(renderer, &rejection).1["error"], error, "{fault:?}");
        }
    }
}

#[test]
fn statuses_that_need_a_header_have_it() {
    let cases = [
        (F::Method, "allow", "POST"),
        (F::ContentEncoding, "accept-encoding", "identity"),
        (F::NoAuthentication(Some(AuthScheme::DPoP)), "www-authenticate", "DPoP realm=\"token endpoint\""),
    ];
    for (fault, header, value) in cases {
        assert_eq!(Rfc6749::default().render(&Rejection::from(fault)).headers()[header], value);
    }
}

#[test]
fn redox_keeps_to_400_and_invalid_request_but_for_the_transport() {
    for (fault, status, ..) in TABLE {
        let (found, body) = json_of(&Redox::default(), &Rejection::from(fault.clone()));
        let expected = if *status == 401 { 400 } else { *status };
        assert_eq!((found, body["error"].as_str()), (expected, Some("invalid_request")), "{fault:?}");
        let (found, _) = json_of(&Redox::default().standard_codes(), &Rejection::from(fault.clone()));
        assert_eq!(found, *status, "{fault:?}");
    }
}

#[test]
fn texts_that_are_configured_are_checked() {
    for uri in ["", "https://a b", "https://\"", "https://\\", "https://\u{e9}", "https://\n"] {
        assert!(Rfc6749::default().error_uri(uri).is_err(), "{uri:?}");
        assert!(Redox::default().error_uri(uri).is_err(), "{uri:?}");
    }
    for name in ["", "a\"b", "a\\b", "\u{e9}", "a\tb"] {
        let error = Redox::default().settings_name(name).unwrap_err();
        assert!(error.to_string().starts_with("settings_name: "), "{name:?}");
    }
    let renderer = Rfc6749::default().error_uri("https://docs.example/#e").unwrap();
    let (_, body) = json_of(&renderer, &Rejection::from(F::Replayed));
    assert_eq!(body["error_uri"], "https://docs.example/#e");
}
