//! What a client is told about an assertion that cannot be read, and about each limit: the reason
//! in the words of the standards, and one text in Redox's.

use crate::common::attempt::{Attempt, Change, description, send};
use crate::common::{AUDIENCE, Jwt, SIGNER, fixture};
use serde_json::json;
use tower_client_assertion::policy::Limits;
use tower_client_assertion::render::Rfc6749;
use tower_client_assertion::{ClientAssertionLayer, PreservedBodies};

const REDOX: &str = "JWT is malformed";

/// The texts of both vocabularies.
fn told(attempt: &Attempt) -> [Option<String>; 2] {
    told_within(Limits::default(), attempt)
}

fn told_within(limits: Limits, attempt: &Attempt) -> [Option<String>; 2] {
    let layer = || -> ClientAssertionLayer<PreservedBodies> {
        let verifier = fixture().builder().limits(limits.clone()).build().unwrap();
        ClientAssertionLayer::new(verifier).preserve_body_types()
    };
    [layer().render(Rfc6749::default()), layer()].map(|layer| description(&send(&layer, attempt)))
}

#[track_caller]
fn assert_told(attempt: &Attempt, standard: &str, redox: &str, name: &str) {
    assert_eq!(told(attempt), [Some(standard.to_owned()), Some(redox.to_owned())], "{name}");
}

#[test]
fn each_malformation_has_a_text_except_in_redox() {
    let characters = "Client assertion has characters that are not base64url";
    let cases: &[(&str, Change, &str)] = &[
        ("padding", |a| a.mangle = |text| text + "==", ": padding"),
        ("padding of the header", |a| a.mangle = |text| text.replacen('.', "=.", 1), ": padding"),
        ("standard base64", |a| a.mangle = |text| text.replacen('.', "+.", 1), ": '+' or '/'"),
        ("a slash", |a| a.mangle = |text| text + "/", ": '+' or '/'"),
        ("a line break inside", |a| a.mangle = |text| text.replacen('.', ".\n", 1), ": white space"),
        ("a line break at the end", |a| a.mangle = |text| text + "\n", ": white space"),
        ("a body that ends in a line feed", |a| a.tail = "\n", ": white space"),
        ("a body that ends in a line break of Windows", |a| a.tail = "\r\n", ": white space"),
        ("a plus sign that is not escaped", |a| a.tail = "+", ": white space"),
        ("Bearer", |a| a.mangle = |text| format!("Bearer {text}"), ": white space"),
        ("quotation marks", |a| a.mangle = |text| format!("\"{text}\""), ""),
        ("a byte order mark", |a| a.mangle = |text| format!("\u{feff}{text}"), ""),
        ("UTF-16", |a| a.mangle = |text| text.chars().flat_map(|c| [c, '\0']).collect(), ""),
        ("escaped twice", |a| a.mangle = |text| text.replacen('e', "%65", 1), ""),
    ];
    for (name, change, more) in cases {
        assert_told(&Attempt::with(change), &format!("{characters}{more}"), REDOX, name);
    }
    let two = Attempt::with(|a| a.mangle = |text| format!("{text} {text}"));
    assert_told(&two, "Client assertion must have three components", "JWTs must have three components", "two JWTs");
}

#[test]
fn each_fault_of_the_json_has_a_text_except_in_redox() {
    let cases: &[(&[u8], &str)] = &[
        (b"\xef\xbb\xbf{}", "begins with a byte order mark"),
        (b"{\0}\0", "is not UTF-8"),
        (b"{\"a\":\"\xff\"}", "is not UTF-8"),
        (b"{'a':1}", "is not valid JSON"),
        (b"{\"a\":1,}", "is not valid JSON"),
        (b"{}{}", "is not valid JSON"),
        (b"", "is not valid JSON"),
        (b"[{}]", "is not a JSON object"),
        (b"{\"a\":1,\"a\":1}", "has a repeated member"),
    ];
    let (header, claims) = (json!(Jwt::new().header).to_string(), json!(Jwt::new().claims).to_string());
    for (json, text) in cases {
        for (part, assertion) in [("header", SIGNER.sign(json, &claims)), ("claims set", SIGNER.sign(&header, json))] {
            let attempt = Attempt::with(|a| a.parameter("client_assertion", &assertion));
            assert_told(&attempt, &format!("JWT {part} {text}"), REDOX, text);
        }
    }
}

/// A chain of certificates in the header is ignored.
#[test]
fn a_header_with_a_certificate_chain_is_accepted() {
    for len in [4_096, 4_436, 5_900, 11_000] {
        let attempt = Attempt::with(|a| a.jose("x5c", json!(["x".repeat(len)])));
        assert_eq!(told(&attempt), [None, None], "{len}");
    }
    let attempt = Attempt::with(|a| a.jose("x5c", json!(["x".repeat(12_288)])));
    assert_told(&attempt, "Client assertion is too long", REDOX, "over the limit of the assertion");
}

/// Each limit, at it and one over.
#[test]
fn no_limit_is_answered_as_a_syntax_error() {
    let header = serde_json::to_vec(&Jwt::new().header).unwrap().len();
    let assertion = Jwt::new().claim("jti", "j").signed().len();
    let limit = Limits::default;
    let long = "Client assertion is too long";
    type Case = (Limits, Limits, Change, &'static str, &'static str);
    let cases: &[Case] = &[
        (
            limit().with_assertion(assertion),
            limit().with_assertion(assertion - 1),
            |a| a.claim("jti", "j"),
            long,
            REDOX,
        ),
        (limit().with_header(header), limit().with_header(header - 1), |_| {}, "JWT header is too long", REDOX),
        (
            limit().with_json_depth(3),
            limit().with_json_depth(2),
            |a| a.jose("x", json!([[1]])),
            "JWT header is nested too deeply",
            REDOX,
        ),
        (
            limit().with_json_depth(3),
            limit().with_json_depth(2),
            |a| a.claim("x", json!([[1]])),
            "JWT claims set is nested too deeply",
            REDOX,
        ),
        (
            limit().with_kid(5),
            limit().with_kid(4),
            |_| {},
            "JWT header 'kid' is too long",
            "JWT header kid property is required",
        ),
        (
            limit().with_jti(3),
            limit().with_jti(2),
            |a| a.claim("jti", "abc"),
            "jti claim is too long",
            "Unexpected jti claim value",
        ),
        (
            limit().with_client_id(8),
            limit().with_client_id(7),
            |_| {},
            "iss claim is too long",
            "Unexpected iss claim value",
        ),
        (
            limit().with_audiences(3),
            limit().with_audiences(2),
            |a| a.claim("aud", json!([AUDIENCE, AUDIENCE, AUDIENCE])),
            "aud claim has too many values",
            "Unexpected aud claim value",
        ),
        (
            limit().with_parameters(3),
            limit().with_parameters(2),
            |_| {},
            "Request body has too many parameters",
            "Request body has too many parameters",
        ),
    ];
    for (at, over, change, standard, redox) in cases {
        assert_eq!(told_within(at.clone(), &Attempt::with(change)), [None, None], "{standard}");
        let refused = told_within(over.clone(), &Attempt::with(change));
        assert_eq!(refused, [Some((*standard).to_owned()), Some((*redox).to_owned())]);
    }
}
