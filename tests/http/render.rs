//! What each fault looks like on the wire in the standard vocabulary and in the opaque one, and
//! that texts use only the characters that RFC 6749 allows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tower_client_assertion::Rejection;
use tower_client_assertion::rejection::{
    AuthScheme, Base64UrlFault, Claim, ClaimFault, ClientFault, JsonFault, JsonPart, RejectionKind, ServerFault,
};
use tower_client_assertion::render::{Opaque, Redox, RenderRejection, Rfc6749};

use ClientFault as F;

/// Faults without data: status, `error` and `error_description`.
const PLAIN: &[(F, u16, &str, &str)] = &[
    (F::TenantUnknown, 404, "invalid_request", "Unknown tenant"),
    (F::Method, 405, "invalid_request", "Token requests must use POST"),
    (F::ContentEncoding, 415, "invalid_request", "Request body must not have a content encoding"),
    (F::ContentType, 400, "invalid_request", "Content-Type must be application/x-www-form-urlencoded"),
    (F::Charset, 400, "invalid_request", "Content-Type must be application/x-www-form-urlencoded in UTF-8"),
    (F::BodyTooLarge, 413, "invalid_request", "Request body too large"),
    (F::BodyUnreadable, 400, "invalid_request", "Request body could not be read"),
    (F::BodyTimeout, 408, "invalid_request", "Request body did not arrive in time"),
    (F::FormMalformed, 400, "invalid_request", "Request body is not valid form data"),
    (F::TooManyParameters, 400, "invalid_request", "Request body has too many parameters"),
    (F::CredentialsInQuery, 400, "invalid_request", "Client credentials must not be sent in the query string"),
    (F::MissingGrantType, 400, "invalid_request", "Missing grant_type parameter"),
    (F::UnsupportedGrantType, 400, "unsupported_grant_type", "Grant type is not supported"),
    (F::MissingAssertionType, 400, "invalid_request", "Missing client_assertion_type parameter"),
    (F::UnsupportedAssertionType, 400, "invalid_request", "Unsupported client_assertion_type"),
    (F::MissingAssertion, 400, "invalid_request", "Missing client_assertion parameter"),
    (F::AssertionTooLong, 400, "invalid_client", "Client assertion is too long"),
    (F::NotThreeParts, 400, "invalid_client", "Client assertion must have three components"),
    (F::Encrypted, 400, "invalid_client", "Encrypted client assertions are not supported"),
    (F::HeaderTooLong, 400, "invalid_client", "JWT header is too long"),
    (F::KidMissing, 400, "invalid_client", "JWT header 'kid' is required"),
    (F::KidNeeded, 400, "invalid_client", "JWT header 'kid' is required"),
    (F::KidTooLong, 400, "invalid_client", "JWT header 'kid' is too long"),
    (F::KidInvalid, 400, "invalid_client", "JWT header 'kid' is invalid"),
    (F::AlgorithmNotAllowed, 400, "invalid_client", "Signing algorithm is not allowed"),
    (F::AlgorithmNotRegistered, 400, "invalid_client", "Signing algorithm does not match the registered one"),
    (F::CriticalHeader, 400, "invalid_client", "Unsupported critical header parameter"),
    (F::ClientIdMismatch, 400, "invalid_client", "client_id does not match the client assertion"),
    (F::UnknownClient, 400, "invalid_client", "Client authentication failed"),
    (F::MethodNotRegistered, 400, "invalid_client", "Authentication method is not registered for this client"),
    (F::JkuMismatch, 400, "invalid_client", "JWT header 'jku' does not match the registered key set URL"),
    (F::KeySetUnavailable, 400, "invalid_client", "Client key set could not be retrieved"),
    (F::NoKey, 400, "invalid_client", "Client authentication failed"),
    (F::AmbiguousKey, 400, "invalid_client", "Client authentication failed"),
    (F::WeakKey, 400, "invalid_client", "Client authentication failed"),
    (F::SignatureLength, 400, "invalid_client", "Client assertion signature has the wrong length for its algorithm"),
    (F::BadSignature, 400, "invalid_client", "Client assertion signature is invalid"),
    (F::Replayed, 400, "invalid_client", "Client assertion has already been used"),
];

/// The answer of the standard vocabulary to a fault: status, `error` and `error_description`.
fn expected(fault: &F) -> (u16, &'static str, String) {
    let (status, error, text) = match fault {
        F::RepeatedParameter(parameter) => {
            return (400, "invalid_request", format!("Parameter '{parameter}' must not be repeated"));
        }
        F::SeveralMechanisms(scheme) => {
            (challenge(*scheme), "invalid_client", "More than one client authentication method was used")
        }
        F::OtherMethod(scheme) => (challenge(*scheme), "invalid_client", "Client authentication failed"),
        F::NoAuthentication(None) => (400, "invalid_client", "Client authentication required"),
        F::NoAuthentication(Some(AuthScheme::Basic)) => (401, "invalid_client", "Client authentication required"),
        // A challenge of another scheme would invite the client to use it.
        F::NoAuthentication(_) => (
            400,
            "invalid_client",
            "client_assertion is missing from the form and cannot be sent in the Authorization header",
        ),
        F::NotBase64Url(_, fault) => (400, "invalid_client", base64url_text(*fault)),
        F::NotJsonObject(part, fault) => return (400, "invalid_client", json_text(*part, *fault)),
        F::Claim(claim, fault) => (400, "invalid_client", claim_text(*claim, *fault)),
        plain => {
            let row = PLAIN.iter().find(|(fault, ..)| fault == plain);
            let (_, status, error, text) = row.unwrap_or_else(|| panic!("{plain:?} needs a row"));
            (*status, *error, *text)
        }
    };
    (status, error, text.to_owned())
}

/// Only a client that used a scheme with a known challenge gets a 401 (RFC 6749, section 5.2).
fn challenge(scheme: Option<AuthScheme>) -> u16 {
    match scheme {
        Some(AuthScheme::Basic | AuthScheme::Bearer | AuthScheme::DPoP) => 401,
        Some(AuthScheme::Other) | None => 400,
        Some(other) => panic!("{other:?} needs a status"),
    }
}

fn base64url_text(fault: Base64UrlFault) -> &'static str {
    match fault {
        Base64UrlFault::Padding => "Client assertion has characters that are not base64url: padding",
        Base64UrlFault::StandardAlphabet => "Client assertion has characters that are not base64url: '+' or '/'",
        Base64UrlFault::WhiteSpace => "Client assertion has characters that are not base64url: white space",
        Base64UrlFault::Character => "Client assertion has characters that are not base64url",
        Base64UrlFault::Incomplete => "Client assertion is not complete base64url",
        other => panic!("{other:?} needs a text"),
    }
}

fn json_text(part: JsonPart, fault: JsonFault) -> String {
    let part = match part {
        JsonPart::Header => "JWT header",
        JsonPart::Claims => "JWT claims set",
        other => panic!("{other:?} needs a text"),
    };
    let fault = match fault {
        JsonFault::ByteOrderMark => "begins with a byte order mark",
        JsonFault::NotUtf8 => "is not UTF-8",
        JsonFault::Syntax => "is not valid JSON",
        JsonFault::NotAnObject => "is not a JSON object",
        JsonFault::RepeatedMember => "has a repeated member",
        JsonFault::TooDeep => "is nested too deeply",
        other => panic!("{other:?} needs a text"),
    };
    format!("{part} {fault}")
}

fn claim_text(claim: Claim, fault: ClaimFault) -> &'static str {
    use ClaimFault::{Future, Malformed, Missing, Past, TooLong, Unexpected};
    match (claim, fault) {
        (Claim::Iss, TooLong) => "iss claim is too long",
        (Claim::Jti, TooLong) => "jti claim is too long",
        (Claim::Aud, TooLong) => "aud claim has too many values",
        (Claim::Sub, Unexpected) => "iss and sub must both be the client id",
        (Claim::Iss, _) => "Unexpected iss claim",
        (Claim::Sub, _) => "Unexpected sub claim",
        (Claim::Jti, _) => "Unexpected jti claim",
        (Claim::Aud, _) => "Unexpected aud claim",
        (Claim::Typ, _) => "Unexpected JWT type",
        (Claim::Iat, Missing) => "Missing iat claim",
        (Claim::Iat, Malformed | TooLong | Unexpected) => "The iat claim must be a number",
        (Claim::Iat, Past) => "iat is too far in the past",
        (Claim::Iat, Future) => "iat is in the future",
        (Claim::Nbf, Malformed | TooLong | Unexpected) => "The nbf claim must be a number",
        (Claim::Nbf, Missing | Past | Future) => "Client assertion is not yet valid",
        (Claim::Exp, Missing) => "Missing exp claim",
        (Claim::Exp, Malformed | TooLong | Unexpected) => "The exp claim must be a number",
        (Claim::Exp, Past) => "Client assertion has expired",
        (Claim::Exp, Future) => "exp is too far in the future",
        other => panic!("{other:?} needs a text"),
    }
}

/// Every fault of a client that exists.
fn client_faults() -> impl Iterator<Item = F> {
    RejectionKind::all().filter_map(|kind| match kind {
        RejectionKind::Client(fault) => Some(fault),
        _ => None,
    })
}

fn json_of(renderer: &dyn RenderRejection, rejection: &Rejection) -> (u16, Value) {
    let response = renderer.render(rejection);
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

#[test]
fn every_client_fault_has_its_status_code_and_description() {
    for fault in client_faults() {
        let (status, error, description) = expected(&fault);
        let rejection = Rejection::from(fault.clone());
        let body = json!({"error": error, "error_description": description});
        assert_eq!(json_of(&Rfc6749::default(), &rejection), (status, body), "{fault:?}");
        assert_eq!(json_of(&Opaque, &rejection), (status, json!({"error": error})), "{fault:?}");
    }
    assert!(PLAIN.iter().all(|(plain, ..)| client_faults().any(|fault| fault == *plain)));
}

#[test]
fn descriptions_use_only_characters_of_rfc_6749_and_grpc() {
    for fault in client_faults() {
        let (_, body) = json_of(&Rfc6749::default(), &Rejection::from(fault));
        let description = body["error_description"].as_str().unwrap();
        // A percent sign would need encoding in a `grpc-message`.
        let allowed = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E) && byte != b'%';
        assert!(!description.is_empty() && description.bytes().all(allowed), "{description}");
    }
}

#[test]
fn server_faults_are_503_429_or_500_with_fitting_retry_after() {
    let unavailable = "temporarily_unavailable";
    let cases = [
        (ServerFault::Clock, 503, unavailable, Some("5")),
        (ServerFault::Registry, 503, unavailable, Some("5")),
        (ServerFault::KeySetFetch, 503, unavailable, Some("5")),
        (ServerFault::ReplayStore, 503, unavailable, Some("5")),
        (ServerFault::ClientQuota, 429, unavailable, Some("30")),
        (ServerFault::Timer, 503, unavailable, Some("5")),
        (ServerFault::Overloaded, 503, unavailable, Some("1")),
        (ServerFault::ClientOverloaded, 429, unavailable, Some("1")),
        (ServerFault::MountedTwice, 500, "server_error", None),
        (ServerFault::BodyConsumed, 500, "server_error", None),
    ];
    let listed: Vec<_> = cases.iter().map(|(fault, ..)| RejectionKind::Server(fault.clone())).collect();
    let all = RejectionKind::all().filter(|kind| matches!(kind, RejectionKind::Server(_)));
    assert!(all.eq(listed), "each fault of the server is in the table, in the order of the enum");
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
fn statuses_that_require_a_header_have_it() {
    let cases = [
        (F::Method, "allow", "POST"),
        (F::ContentEncoding, "accept-encoding", "identity"),
        (F::SeveralMechanisms(Some(AuthScheme::DPoP)), "www-authenticate", "DPoP realm=\"token endpoint\""),
    ];
    for (fault, header, value) in cases {
        assert_eq!(Rfc6749::default().render(&Rejection::from(fault)).headers()[header], value);
    }
}

#[test]
fn redox_uses_invalid_request_and_400_above_the_transport() {
    for fault in client_faults() {
        let (status, ..) = expected(&fault);
        let (found, body) = json_of(&Redox::default(), &Rejection::from(fault.clone()));
        let expected = if status == 401 { 400 } else { status };
        assert_eq!((found, body["error"].as_str()), (expected, Some("invalid_request")), "{fault:?}");
        let (found, _) = json_of(&Redox::default().standard_codes(), &Rejection::from(fault.clone()));
        assert_eq!(found, status, "{fault:?}");
    }
}

#[test]
fn configured_texts_are_validated() {
    const REFUSED: [&str; 19] = [
        "",
        "https://a b",
        "https://\"",
        "https://\\",
        "https://\u{e9}",
        "https://\n",
        "<script>",
        ">",
        "a^",
        "{",
        "|",
        "}",
        "`",
        "https://x/%zz",
        "%",
        "a%2",
        "%2g",
        "%%20",
        "https://a/#b#c",
    ];
    for uri in REFUSED {
        assert!(Rfc6749::default().error_uri(uri).is_err(), "{uri:?}");
        assert!(Redox::default().error_uri(uri).is_err(), "{uri:?}");
    }
    for base in REFUSED.into_iter().chain(["https://a/#", "https://a/#b"]) {
        for error in [Rfc6749::default().error_pages(base).err(), Redox::default().error_pages(base).err()] {
            assert!(error.unwrap().to_string().starts_with("error_pages: "), "{base:?}");
        }
    }
    for base in ["/errors", "errors?a=%20%Ff", "https://[::1]:8/a-b_~!$&'()*+,;=:@/?d", "%00"] {
        assert!(Rfc6749::default().error_pages(base).is_ok() && Redox::default().error_uri(base).is_ok(), "{base:?}");
    }
    for name in ["", "a\"b", "a\\b", "\u{e9}", "a\tb"] {
        let error = Redox::default().settings_name(name).unwrap_err();
        assert!(error.to_string().starts_with("settings_name: "), "{name:?}");
    }
    let renderer = Rfc6749::default().error_uri("https://docs.example/#e").unwrap();
    let (_, body) = json_of(&renderer, &Rejection::from(F::Replayed));
    assert_eq!(body["error_uri"], "https://docs.example/#e");
}

/// The table of error responses in the README has exactly the texts of the Redox vocabulary.
#[test]
fn the_readmes_table_has_the_texts_of_redox() {
    let lines = include_str!("../../README.md").lines().skip_while(|line| !line.starts_with("| `error_description` |"));
    let cells = lines.skip(2).map_while(|line| line.strip_prefix("| ")?.split(" | ").next());
    let listed: BTreeSet<_> = cells.map(|cell| if cell == "*(empty)*" { "" } else { cell.trim_matches('`') }).collect();
    assert!(listed.len() > 15, "the README has no such table");
    let text = |renderer: &dyn RenderRejection, fault: &F| {
        let (_, body) = json_of(renderer, &Rejection::from(fault.clone()));
        body["error_description"].as_str().unwrap().to_owned()
    };
    let texts: BTreeMap<_, _> =
        client_faults().map(|fault| (text(&Redox::default(), &fault), text(&Rfc6749::default(), &fault))).collect();
    for listed in &listed {
        assert!(texts.contains_key(*listed), "{listed:?} is the text of no fault");
    }
    for (redox, _) in texts.iter().filter(|(redox, standard)| redox != standard) {
        assert!(listed.contains(redox.as_str()), "{redox:?} is not in the README");
    }
}
