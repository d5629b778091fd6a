//! What the operator is told about a refusal: the part, the reason, the place, what was expected
//! and what was received, and never a stretch of an assertion, a secret or a `jti`.

use std::sync::{Arc, Mutex};

use crate::common::{
    AUDIENCE, CLIENT, Fixture, Jwt, NOW, SIGNER, Signer, client_with, fixture, form, fresh_jti, key_set, now_or_never,
    outcome, with,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};
use tower_client_assertion::event::{self, Event, EventSink};
use tower_client_assertion::jwks::{JwksRequest, JwksUrl, KeySetCache};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, Limits};
use tower_client_assertion::registry::Client;
use tower_client_assertion::{JWT_BEARER, Policy, TokenRequest};

/// The findings that a sink got, as sentences.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn sink(&self) -> impl EventSink {
        let Self(lines) = self.clone();
        event::sink(move |event| {
            if let Event::Refused(refused) = event {
                lines.lock().unwrap().extend(refused.findings().iter().map(ToString::to_string));
            }
        })
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// What the sink gets about the refusal of a request.
fn reported_of(fixture: Fixture, limits: Limits, request: &TokenRequest<'_>) -> Vec<String> {
    let lines = Lines::default();
    let verifier = fixture.builder().limits(limits).events(lines.sink()).build().unwrap();
    now_or_never(verifier.verify(request)).unwrap_err();
    lines.take()
}

#[track_caller]
fn assert_reported(request: &TokenRequest<'_>, finding: &str) {
    assert_eq!(reported_of(fixture(), Limits::default(), request), [finding]);
}

/// What the sink gets about an assertion.
fn reported(fixture: Fixture, assertion: &str) -> Vec<String> {
    reported_of(fixture, Limits::default(), &TokenRequest::new(form(assertion).as_bytes()))
}

/// The same without escaping it: a plus sign becomes a space.
fn reported_raw(assertion: &str) -> Vec<String> {
    let body = form("@").replace("%40", assertion);
    reported_of(fixture(), Limits::default(), &TokenRequest::new(body.as_bytes()))
}

const HEADER: &str = r#"{"alg":"ES384","kid":"key-1"}"#;

fn claims() -> String {
    let jti = fresh_jti();
    format!(r#"{{"iss":"{CLIENT}","sub":"{CLIENT}","aud":"{AUDIENCE}","jti":"{jti}","iat":{NOW}}}"#)
}

#[test]
fn undecodable_parts_are_reported_with_reason_and_place() {
    let jwt = Jwt::new().signed();
    let len = jwt.len();
    let (first, second) = (jwt.find('.').unwrap(), jwt.rfind('.').unwrap());
    let at = |at: usize, text: &str| format!("{}{text}{}", &jwt[..at], &jwt[at..]);
    let plus = "a plus sign that is not escaped arrives as a space";
    let cases = [
        (at(first, "="), "header", "has base64 padding", format!("'=' at byte {first} of the value")),
        (at(second, "=="), "claims set", "has base64 padding", format!("'=' at byte {second} of the value")),
        (at(len, "="), "signature", "has base64 padding", format!("'=' at byte {len} of the value")),
        (at(4, "+"), "header", STANDARD_ALPHABET, "'+' at byte 4 of the value".to_owned()),
        (at(second, "/"), "claims set", STANDARD_ALPHABET, format!("'/' at byte {second} of the value")),
        (
            at(len, "\n"),
            "signature",
            WHITE_SPACE,
            format!("a line feed at byte {len} of the value, which ends with it"),
        ),
        (
            at(len, "\r\n"),
            "signature",
            WHITE_SPACE,
            format!("a carriage return at byte {len} of the value, which ends with it"),
        ),
        (at(9, "\n"), "header", WHITE_SPACE, "a line feed at byte 9 of the value".to_owned()),
        (at(9, "\t"), "header", WHITE_SPACE, "a tab at byte 9 of the value".to_owned()),
        (at(0, " "), "header", WHITE_SPACE, format!("a space at byte 0 of the value; {plus}")),
        (
            at(0, "Bearer "),
            "header",
            WHITE_SPACE,
            "a space at byte 6 of the value, which begins with Bearer".to_owned(),
        ),
        (
            at(0, "bearer "),
            "header",
            WHITE_SPACE,
            "a space at byte 6 of the value, which begins with Bearer".to_owned(),
        ),
        (format!("\"{jwt}\""), "header", CHARACTER, "a quotation mark at byte 0 of the value".to_owned()),
        (format!("'{jwt}'"), "header", CHARACTER, "an apostrophe at byte 0 of the value".to_owned()),
        (format!("<{jwt}>"), "header", CHARACTER, "'<' at byte 0 of the value".to_owned()),
        (at(0, "\u{feff}"), "header", CHARACTER, "U+FEFF at byte 0 of the value".to_owned()),
        (at(second, "\u{200b}"), "claims set", CHARACTER, format!("U+200B at byte {second} of the value")),
        (
            jwt.chars().flat_map(|character| [character, '\0']).collect(),
            "header",
            CHARACTER,
            "U+0000 at byte 1 of the value, which looks like UTF-16".to_owned(),
        ),
        (
            at(len, "A"),
            "signature",
            "does not end with a whole byte",
            format!("a part that ends within a byte, at byte {len} of the value"),
        ),
    ];
    for (assertion, part, reason, received) in cases {
        let expected = format!(
            "the {part} of the client assertion {reason}: expected base64url without padding, received {received}"
        );
        assert_eq!(reported(fixture(), &assertion), [expected], "{assertion:?}");
    }
    let unescaped = at(second, "+");
    let expected = format!(
        "the claims set of the client assertion has white space: expected base64url without padding, \
         received a space at byte {second} of the value; {plus}"
    );
    assert_eq!(reported_raw(&unescaped), [expected]);
}

const STANDARD_ALPHABET: &str = "uses the standard base64 alphabet instead of base64url";
const WHITE_SPACE: &str = "has white space";
const CHARACTER: &str = "has a character that is not base64url";

#[test]
fn a_wrong_number_of_parts_is_reported_with_a_guess() {
    let jwt = Jwt::new().signed();
    let len = jwt.len();
    let cases = [
        ("x".to_owned(), "1 part".to_owned()),
        (jwt.rsplit_once('.').unwrap().0.to_owned(), "2 parts".to_owned()),
        (format!("{jwt}.AA"), "4 parts".to_owned()),
        (format!("{jwt}.AA.AA"), "5 parts, as many as an encrypted JWT has".to_owned()),
        (format!("{jwt} {jwt}"), format!("5 parts, and a space at byte {len}: perhaps two JWTs")),
        (format!("{jwt}\n{jwt}"), format!("5 parts, and a line feed at byte {len}: perhaps two JWTs")),
        (format!("{jwt},{jwt}"), format!("5 parts, and ',' at byte {len}: perhaps two JWTs")),
        (
            r#"{"payload":"e30","signature":"AA"}"#.to_owned(),
            "1 part; the value begins like the JSON serialization".to_owned(),
        ),
    ];
    for (assertion, received) in cases {
        let expected =
            format!("the client assertion does not have three parts: expected three parts, received {received}");
        assert_eq!(reported(fixture(), &assertion), [expected]);
    }
}

#[test]
fn unreadable_objects_are_reported_with_reason_and_place() {
    let cases: &[(Vec<u8>, &str, &str, &str)] = &[
        (b"".to_vec(), "is not valid JSON", "one JSON object", "nothing"),
        (b"{".to_vec(), "is not valid JSON", "one JSON object", "the end at byte 1 of the decoded @"),
        (b"{'a':1}".to_vec(), "is not valid JSON", "one JSON object", "an apostrophe at byte 1 of the decoded @"),
        (b"{\"a\":1,}".to_vec(), "is not valid JSON", "one JSON object", "'}' at byte 7 of the decoded @"),
        (b"{\"a\":NaN}".to_vec(), "is not valid JSON", "one JSON object", "'N' at byte 5 of the decoded @"),
        (b"{}\n{}".to_vec(), "is not valid JSON", "one JSON object", "'{' at byte 3 of the decoded @"),
        (b"{\"a\":\"\n\"}".to_vec(), "is not valid JSON", "one JSON object", "a line feed at byte 6 of the decoded @"),
        (b" [1]".to_vec(), "is not a JSON object", "a JSON object", "'[' at byte 1 of the decoded @"),
        (b"\"{}\"".to_vec(), "is not a JSON object", "a JSON object", "a quotation mark at byte 0 of the decoded @"),
        (b"{\"a\":\"\xe9\"}".to_vec(), "is not UTF-8", "UTF-8", "0xe9 at byte 6 of the decoded @"),
        (b"{\"a\":\"\xc0\xaf\"}".to_vec(), "is not UTF-8", "UTF-8", "0xc0 at byte 6 of the decoded @"),
        (b"{\0}\0".to_vec(), "is not UTF-8", "UTF-8", "text that looks like UTF-16 at byte 0 of the decoded @"),
        (b"\xff\xfe{\0}\0".to_vec(), "is not UTF-8", "UTF-8", "text that looks like UTF-16 at byte 0 of the decoded @"),
        (
            b"\xef\xbb\xbf{}".to_vec(),
            "begins with a byte order mark",
            "no byte order mark",
            "U+FEFF at byte 0 of the decoded @",
        ),
        (
            b"{\"iss\":1,\"\\u0069ss\":2}".to_vec(),
            "has a repeated member",
            "each member once",
            "\"iss\" again at byte 9 of the decoded @",
        ),
        (
            b"{\"a-jti-1\":1,\"a-jti-1\":2}".to_vec(),
            "has a repeated member",
            "each member once",
            "a name of 7 bytes again at byte 13 of the decoded @",
        ),
        (
            [b"{\"a\":".as_slice(), &b"[".repeat(15), b"[", &b"]".repeat(16), b"}"].concat(),
            "is nested too deeply",
            "at most 16 levels",
            "one more at byte 20 of the decoded @",
        ),
    ];
    for (json, reason, expected, received) in cases {
        for (part, assertion) in [("header", SIGNER.sign(json, claims())), ("claims set", SIGNER.sign(HEADER, json))] {
            let received = received.replace('@', part);
            let line = format!("the {part} of the client assertion {reason}: expected {expected}, received {received}");
            assert_eq!(reported(fixture(), &assertion), [line], "{json:?}");
        }
    }
}

/// At the limit nothing is wrong; one over, the limit and what came are reported.
#[test]
fn every_limit_is_reported_with_what_came() {
    let jwt = Jwt::new().header("x", "y".repeat(200));
    let assertion = jwt.signed();
    let body = form(&assertion);
    let header = serde_json::to_vec(&jwt.header).unwrap().len();
    let limits = Limits::default;
    let cases: Vec<(Limits, Limits, String)> = vec![
        (
            limits().with_assertion(assertion.len()),
            limits().with_assertion(assertion.len() - 1),
            format!(
                "the client assertion is too long: expected at most {} bytes, received {} bytes",
                assertion.len() - 1,
                assertion.len()
            ),
        ),
        (
            limits().with_header(header),
            limits().with_header(header - 1),
            format!(
                "the header of the client assertion is too long: expected at most {} bytes, received {header} bytes",
                header - 1
            ),
        ),
        (
            limits().with_parameters(3),
            limits().with_parameters(2),
            "the form has too many parameters: expected at most 2, received 3 in the body".to_owned(),
        ),
        (
            limits().with_kid(5),
            limits().with_kid(4),
            "the header parameter kid is too long: expected 1 to 4 bytes without control characters, received 5 bytes"
                .to_owned(),
        ),
        (
            limits().with_client_id(8),
            limits().with_client_id(7),
            "iss is too long: expected 1 to 7 printable ASCII characters, received 8 bytes".to_owned(),
        ),
    ];
    for (at, over, finding) in cases {
        let verifier = fixture().builder().limits(at).build().unwrap();
        let accepted = now_or_never(verifier.verify(&TokenRequest::new(body.as_bytes())));
        assert!(accepted.is_ok(), "{finding}: {accepted:?}");
        assert_eq!(reported_of(fixture(), over, &TokenRequest::new(body.as_bytes())), [finding]);
    }

    let jti = |len: usize| Jwt::new().claim("jti", "j".repeat(len)).signed();
    let finding = "jti is too long: expected 1 to 9 bytes without control characters, received 10 bytes".to_owned();
    let request = form(&jti(10));
    assert_eq!(reported_of(fixture(), limits().with_jti(9), &TokenRequest::new(request.as_bytes())), [finding]);
    let aud = form(&Jwt::new().claim("aud", vec![AUDIENCE; 3]).signed());
    let finding = "aud is too long: expected at most 2 values, received 3 values".to_owned();
    assert_eq!(reported_of(fixture(), limits().with_audiences(2), &TokenRequest::new(aud.as_bytes())), [finding]);
    let query = "a&b&c&d";
    let request = TokenRequest::new(body.as_bytes()).with_query(query);
    let finding = "the form has too many parameters: expected at most 3, received 4 in the query".to_owned();
    assert_eq!(reported_of(fixture(), limits().with_parameters(3), &request), [finding]);
}

#[test]
fn a_form_is_reported_with_its_parameter_and_place() {
    let good = form(&Jwt::new().signed());
    let escape = "expected two hexadecimal digits after each percent sign";
    let malformed = "the body is not valid form data";
    let utf8 = |received: &str| format!("{malformed}: expected UTF-8, received {received}");
    let cases = [
        (
            good.replace("client_credentials", "client%zz"),
            format!("{malformed}: {escape}, received a percent sign without them at byte 6 of grant_type"),
        ),
        (
            format!("{good}%4"),
            format!("{malformed}: {escape}, received a percent sign without them at byte @ of client_assertion"),
        ),
        (
            format!("{good}&client_id=a%e9"),
            utf8("0xe9 at byte 1 of the decoded client_id"),
        ),
        (
            good.replace("client_assertion=", "client_assertion=%FF%FE"),
            utf8("0xff at byte 0 of the decoded client_assertion, which looks like UTF-16"),
        ),
        (
            format!("{good}&scope=a&scope=b&scope=c"),
            "the parameter scope is repeated: expected one value, received 3 values".to_owned(),
        ),
        (
            good.replace("client_credentials", "client_credentials%0A"),
            r#"the grant type is not permitted: expected client_credentials, received "client_credentials\u{a}""#
                .to_owned(),
        ),
        (
            good.replace("client_credentials", ""),
            "the parameter grant_type is missing: expected client_credentials, received nothing".to_owned(),
        ),
        (
            good.replace("jwt-bearer", "saml2-bearer"),
            format!(
                "the client assertion type is not the JWT bearer type: expected {JWT_BEARER}, \
                 received \"{}\"",
                JWT_BEARER.replace("jwt-bearer", "saml2-bearer")
            ),
        ),
        (
            good.split("&client_assertion=").next().unwrap().to_owned(),
            "the parameter client_assertion is missing: expected a JWT, received nothing".to_owned(),
        ),
        (
            format!("{good}&client_id=clinic-7%0A"),
            r#"the parameter client_id does not match the client assertion: expected the client id in client_id and iss, received "clinic-7\u{a}" with the iss "clinic-7""#
                .to_owned(),
        ),
    ];
    let len = good.split("&client_assertion=").nth(1).unwrap().len();
    for (body, finding) in cases {
        assert_reported(&TokenRequest::new(body.as_bytes()), &finding.replace('@', &len.to_string()));
    }
    // A client that mixes up its parameters does not get its assertion into a log.
    let jwt = Jwt::new().signed();
    for (body, fault) in [
        (good.replace("client_credentials", &jwt), "the grant type is not permitted: expected client_credentials"),
        (
            format!("grant_type=client_credentials&client_assertion=x&client_assertion_type={jwt}"),
            &*format!("the client assertion type is not the JWT bearer type: expected {JWT_BEARER}"),
        ),
    ] {
        let finding = format!("{fault}, received {} bytes that look like a JWT", jwt.len());
        assert_reported(&TokenRequest::new(body.as_bytes()), &finding);
    }
    let request = TokenRequest::new(good.as_bytes()).with_query("a=b&client%5Fid=clinic-7");
    assert_reported(&request, "the query contains client credentials: expected them in the body, received client_id");
}

#[test]
fn a_body_that_is_no_form_is_recognised() {
    let good = form(&Jwt::new().signed());
    let utf16 = |bytes: fn(u16) -> [u8; 2]| good.encode_utf16().flat_map(bytes).collect::<Vec<_>>();
    let cases = [
        (Vec::new(), "nothing"),
        (b"x".to_vec(), "nothing"),
        (format!("\u{feff}{good}").into_bytes(), "nothing; the body begins with a byte order mark"),
        (utf16(u16::to_le_bytes), "nothing; the body looks like UTF-16"),
        (utf16(u16::to_be_bytes), "nothing; the body looks like UTF-16"),
        ([&b"\xff\xfe"[..], &utf16(u16::to_le_bytes)].concat(), "nothing; the body looks like UTF-16"),
        (b"{\"grant_type\":\"client_credentials\"}".to_vec(), "nothing; the body begins like JSON"),
        (b"--boundary\r\n".to_vec(), "nothing; the body begins like multipart data"),
        (good.replace('=', "%3D").replace('&', "%26").into_bytes(), "nothing; the whole body is percent-encoded"),
    ];
    for (body, received) in cases {
        let finding = format!("the parameter grant_type is missing: expected client_credentials, received {received}");
        assert_reported(&TokenRequest::new(&body), &finding);
    }
}

#[test]
fn all_mechanisms_of_a_request_are_named() {
    let asserted = form(&Jwt::new().signed());
    let secret = format!("{asserted}&client_secret=hush");
    let bare = "grant_type=client_credentials";
    let bare_secret = "grant_type=client_credentials&client_secret=hush";
    let request = |body: &'static str| TokenRequest::new(body.as_bytes());
    let (asserted, secret) = (TokenRequest::new(asserted.as_bytes()), TokenRequest::new(secret.as_bytes()));
    let several = "more than one client authentication method was used: expected one of them, received";
    let none = "no client assertion was sent: expected client_assertion in the form, received";
    let cases = [
        (asserted.clone().with_authorization(b"Basic eDp5"), several, "client_assertion and Authorization: Basic"),
        (asserted.clone().with_authorization(b"bearer x"), several, "client_assertion and Authorization: Bearer"),
        (asserted.clone().with_authorization(b"DPoP x"), several, "client_assertion and Authorization: DPoP"),
        (asserted.clone().with_authorization(b"hush"), several, "client_assertion and Authorization: another scheme"),
        (
            asserted.clone().with_authorization(b"").with_authorization(b"Basic eDp5"),
            several,
            "client_assertion and Authorization: Basic",
        ),
        (asserted.clone().with_attestation(), several, "client_assertion and OAuth-Client-Attestation"),
        (secret.clone(), several, "client_assertion and client_secret"),
        (
            secret.with_attestation().with_authorization(b"Basic eDp5"),
            several,
            "client_assertion and Authorization: Basic and OAuth-Client-Attestation and client_secret",
        ),
        (request(bare), none, "nothing"),
        (request(bare).with_authorization(b" \t"), none, "nothing"),
        (request(bare).with_authorization(b"Bearer e30.e30.AA"), none, "Authorization: Bearer"),
        (request(bare).with_authorization(b"e30.e30.AA"), none, "Authorization: another scheme"),
        (request(bare_secret), none, "client_secret"),
    ];
    for (request, fault, received) in cases {
        assert_reported(&request, &format!("{fault} {received}"));
    }
}

#[test]
fn an_empty_credential_is_none() {
    for empty in [&b""[..], b" ", b"\t", b" \t "] {
        let body = form(&Jwt::new().signed());
        let request = TokenRequest::new(body.as_bytes()).with_authorization(empty);
        let verifier = fixture().build();
        assert!(now_or_never(verifier.verify(&request)).is_ok(), "{empty:?}");
        let body = form(&Jwt::new().signed());
        let request = TokenRequest::new(body.as_bytes()).with_authorization(empty).with_authorization(b"x");
        assert!(now_or_never(verifier.verify(&request)).is_err(), "{empty:?} and another");
    }
}

#[test]
fn the_header_is_reported_with_what_is_allowed() {
    let kid = "expected 1 to 256 bytes without control characters, received";
    let cases = [
        (Jwt::new().header("kid", ""), format!("the header parameter kid is missing: {kid} \"\"")),
        (Jwt::new().without_header("kid"), format!("the header parameter kid is missing: {kid} nothing")),
        (Jwt::new().header("kid", json!(["key-1"])), format!("the header parameter kid is missing: {kid} an array")),
        (
            Jwt::new().header("kid", "a\nb"),
            format!("the header parameter kid has control characters: {kid} \"a\\u{{a}}b\""),
        ),
        (
            Jwt::new().header("alg", "ES256"),
            "the signature algorithm is not allowed: expected RS384 or ES384, received \"ES256\"".to_owned(),
        ),
        (
            Jwt::new().header("alg", Value::Null),
            "the signature algorithm is not allowed: expected RS384 or ES384, received null".to_owned(),
        ),
        (
            Jwt::new().header("crit", json!(["exp"])),
            "the header has a critical extension: expected neither crit nor b64, received one of them".to_owned(),
        ),
        (
            Jwt::new().header("cty", "JWT"),
            "the client assertion is encrypted or nested: expected a signed JWT, \
             received a header with enc, or with a cty of JWT"
                .to_owned(),
        ),
        (
            Jwt::new().header("jku", "https://evil.example/keys?token=hush"),
            "the header parameter jku is not the client's registered key set URL: expected no jku, \
             received \"https://evil.example/keys\""
                .to_owned(),
        ),
    ];
    let urls = [
        ("https://me:hush@evil.example/keys?token=hush#hush", "https://evil.example/keys"),
        ("https://me@hush@evil.example:8443/@me/keys", "https://evil.example:8443/@me/keys"),
        ("https://me:hush@evil.example", "https://evil.example"),
        ("https:\\\\me:hush@evil.example\\keys", r"evil.example\\keys"),
        ("me:hush@evil.example/keys", "evil.example/keys"),
        ("https://evil.example/@me", "https://evil.example/@me"),
        ("?hush", ""),
    ];
    for (url, shown) in urls {
        let found = reported(fixture(), &Jwt::new().header("jku", url).signed());
        assert!(found[0].ends_with(&format!("received \"{shown}\"")), "{found:?}");
    }
    for (jwt, finding) in cases {
        let found = reported(fixture(), &jwt.signed());
        assert_eq!(found.iter().map(|found| found.replace(" or HS384", "")).collect::<Vec<_>>(), [finding]);
    }
}

/// By how much a claim of the profile `oidc` is ahead.
fn ahead_by(value: f64, claim: &str) -> String {
    let lifetime = if claim == "exp" { 3600.0 } else { 0.0 };
    format!(", {} s too far ahead", value - (NOW as f64 + 30.0 + lifetime))
}

/// The second that is just accepted is not reported, and the next one is missed by one second.
#[test]
fn a_time_is_reported_with_the_seconds_by_which_it_misses() {
    let at = |difference: f64| NOW as f64 + difference;
    // The Redox profile has a skew of 10 s and an age of 5 minutes, and no lifetime. That of `oidc`
    // is an hour, and its skew 30 s.
    let cases: &[(&str, f64, &str)] = &[
        ("iat", -310.0, ""),
        ("iat", -310.5, "1 s too old"),
        ("iat", -311.0, "1 s too old"),
        ("iat", -311.5, "2 s too old"),
        ("iat", -350.0, "40 s too old"),
        ("iat", 10.0, ""),
        ("iat", 10.5, "1 s too far ahead"),
        ("iat", 11.0, "1 s too far ahead"),
        ("iat", 50.0, "40 s too far ahead"),
        ("nbf", 10.0, ""),
        ("nbf", 11.0, "1 s too far ahead"),
        ("exp", -9.5, ""),
        ("exp", -10.0, "1 s too old"),
        ("exp", -10.5, "1 s too old"),
        ("exp", -11.0, "2 s too old"),
        ("exp", -49.0, "40 s too old"),
        ("exp", 3630.0, ""),
        ("exp", 3630.5, "1 s too far ahead"),
        ("exp", 3670.0, "40 s too far ahead"),
    ];
    for (claim, difference, missed) in cases {
        let policy = if *difference > 1000.0 { Policy::OIDC } else { Policy::REDOX };
        let fixture = || fixture().policy(policy.clone()).at_issuer_and_url();
        let jwt = Jwt::new().claim(claim, at(*difference)).signed();
        match missed.is_empty() {
            true => assert_eq!(outcome(&fixture().build(), &jwt).err(), None, "{claim} {difference}"),
            false => {
                let found = reported(fixture(), &jwt).join("; ");
                assert!(found.ends_with(&format!(", received {}, {missed}", at(*difference))), "{claim}: {found}");
            }
        }
    }
}

#[test]
fn a_wrong_type_or_unit_of_time_is_recognised() {
    let now = NOW as f64;
    let wrong: &[(Value, &str)] = &[
        (json!("2026-11-30T12:00:00Z"), "a string"),
        (json!("1796040000"), "a string"),
        (json!({}), "an object"),
        (json!([NOW]), "an array"),
        (json!(true), "a boolean"),
        (Value::Null, "null"),
    ];
    let ahead: &[(f64, &str)] = &[
        (now * 1e3 + 5e4, ", which looks like milliseconds"),
        (now * 1e6 + 5e7, ", which looks like microseconds"),
        (now * 1e9 + 5e10, ", which looks like nanoseconds"),
        (now * 30.0, ", "),
        (now + 100_000.0, ", "),
    ];
    let policy = || fixture().policy(Policy::OIDC).at_issuer_and_url();
    for claim in ["iat", "nbf", "exp"] {
        for (value, received) in wrong {
            let found = reported(policy(), &Jwt::new().claim(claim, value.clone()).signed()).join("; ");
            assert!(found.starts_with(&format!("{claim} is malformed: expected a number of seconds ")), "{found}");
            assert!(found.ends_with(&format!(", received {received}")), "{found}");
        }
        for (value, hint) in ahead {
            let found = reported(policy(), &Jwt::new().claim(claim, *value).signed()).join("; ");
            assert!(found.starts_with(&format!("{claim} is too far in the future: expected a time ")), "{found}");
            let hint = if *hint == ", " { ahead_by(*value, claim) } else { (*hint).to_owned() };
            assert!(found.ends_with(&format!(", received {value}{hint}")), "{found}");
        }
    }
    let old = |exp: u64| format!(", {} s too old", NOW - 30 - exp + 1);
    for (exp, hint) in [(300, ", which looks like a duration".to_owned()), (0, old(0)), (NOW - 1000, old(NOW - 1000))] {
        let found = reported(policy(), &Jwt::new().claim("exp", exp).signed()).join("; ");
        assert!(found.ends_with(&format!(", received {exp}{hint}")), "{found}");
    }
    let large = SIGNER.sign(HEADER, claims().replace(&format!("\"iat\":{NOW}"), "\"iat\":1e400"));
    let found = reported(fixture(), &large).join("; ");
    assert!(found.ends_with(", received a number that is too large"), "{found}");
}

#[test]
fn iss_and_sub_are_both_reported_whichever_is_wrong() {
    let tool = Jwt::new().claim("iss", "https://tool.example");
    let body = form(&tool.signed()) + "&client_id=" + CLIENT;
    let both = [
        "the parameter client_id does not match the client assertion: expected the client id in client_id and iss, \
         received \"clinic-7\" with the iss \"https://tool.example\"",
        "sub is not an accepted value: expected the client id in iss and sub, \
         received \"clinic-7\" with the iss \"https://tool.example\"",
    ];
    assert_eq!(reported_of(fixture(), Limits::default(), &TokenRequest::new(body.as_bytes())), both);
    for (iss, sub) in [("https://tool.example", CLIENT), (CLIENT, "a-user")] {
        let expected = format!(
            "sub is not an accepted value: expected the client id in iss and sub, \
             received \"{sub}\" with the iss \"{iss}\""
        );
        assert_eq!(reported(fixture(), &Jwt::new().claim("iss", iss).claim("sub", sub).signed()), [expected]);
    }
}

/// A DER `SEQUENCE` of two `INTEGER`s (RFC 3279, section 2.2.3).
fn der(fixed: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let sign: &[u8] = if number[0] >= 0x80 { &[0] } else { &[] };
        [&[2, (sign.len() + number.len()) as u8], sign, number].concat()
    };
    let (r, s) = fixed.split_at(fixed.len() / 2);
    let content = [integer(r), integer(s)].concat();
    let len: &[u8] = if content.len() < 0x80 { &[] } else { &[0x81] };
    [&[0x30], len, &[content.len() as u8], &content].concat()
}

#[test]
fn a_signature_of_the_wrong_length_is_described() {
    let all = || Policy::OIDC.with_algorithms(AlgorithmSet::ASYMMETRIC);
    let signers = [
        (Signer::es256("k"), Some(64)),
        (Signer::es384("k"), Some(96)),
        (Signer::es512("k"), Some(132)),
        (Signer::ed25519("EdDSA", "k"), Some(64)),
        (Signer::ed25519("Ed25519", "k"), Some(64)),
        (Signer::ml_dsa("ML-DSA-44", "k"), Some(2420)),
        (Signer::ml_dsa("ML-DSA-65", "k"), Some(3309)),
        (Signer::ml_dsa("ML-DSA-87", "k"), Some(4627)),
        (Signer::rsa("RS256", "k"), None),
        (Signer::rsa("PS384", "k"), None),
    ];
    for (signer, len) in &signers {
        let jwt = Jwt::by(signer, CLIENT);
        let assertion = jwt.signed_by(signer);
        let (input, signature) = assertion.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut encodings = vec![
            (signature[1..].to_vec(), String::new()),
            ([&signature[..], &[0]].concat(), String::new()),
            (hex.into_bytes(), " that look like hexadecimal text".to_owned()),
            (STANDARD.encode(&signature).into_bytes(), " that look like base64 text".to_owned()),
        ];
        if signer.alg.starts_with("ES") {
            encodings.push((der(&signature), " that look like DER".to_owned()));
        }
        for (signature, looks) in encodings {
            let received = format!("{} bytes{looks}", signature.len());
            let assertion = format!("{input}.{}", URL_SAFE_NO_PAD.encode(&signature));
            let found = reported(fixture().policy(all()).at_issuer_and_url().keys(&[signer.jwk()]), &assertion);
            let expected = match len {
                Some(len) => format!(
                    "the signature has the wrong length for its algorithm: expected {len} bytes for {}, received {received}",
                    signer.alg
                ),
                None => format!(
                    "the signature does not verify: expected a signature by the client over the first two parts, \
                     received {received}"
                ),
            };
            if assertion.len() <= Limits::default().assertion() {
                assert_eq!(found, [expected], "{}", signer.alg);
            }
        }
    }
}

#[test]
fn a_missing_key_is_reported_with_what_exists() {
    let no_key = "the client has no usable key for this algorithm and kid: expected";
    let unknown = "received the kid \"key-9\"";
    let rsa = Signer::rsa("RS384", "key-9");
    let other = SIGNER.jwk();
    let many: Vec<_> = (0..12).map(|n| with(other.clone(), json!({"kid": format!("k{n:02}")}))).collect();
    let named: Vec<_> = (0..8).map(|n| format!("\"k{n:02}\"")).collect();
    let hostile = with(other.clone(), json!({"kid": "a\n\"b"}));
    let private = with(rsa.jwk(), json!({"d": "AQAB"}));
    let cases = [
        (vec![other.clone()], format!("{no_key} a kid among \"key-1\", {unknown}")),
        (many, format!("{no_key} a kid among {} and 4 more, {unknown}", named.join(", "))),
        (vec![hostile], format!("{no_key} a kid among \"a\\u{{a}}\\\"b\", {unknown}")),
        (
            vec![with(other.clone(), json!({"kid": null}))],
            format!("{no_key} no kid, because the client's keys have none, {unknown}"),
        ),
        (
            vec![with(rsa.jwk(), json!({"alg": "RS256"})), other.clone()],
            format!("{no_key} RS256, for which the kid \"key-9\" is registered, received RS384"),
        ),
        (
            vec![with(other.clone(), json!({"kid": "key-9"}))],
            format!("{no_key} ES384, for which the kid \"key-9\" is registered, received RS384"),
        ),
        (
            vec![with(rsa.jwk(), json!({"use": "enc"})), other.clone()],
            format!("{no_key} a usable key with the kid \"key-9\", received none: key 0 (\"key-9\") is skipped: "),
        ),
        (
            vec![private, other.clone()],
            format!("{no_key} a usable key with the kid \"key-9\", received none: key 0 (\"key-9\") is skipped: "),
        ),
        (
            vec![with(rsa.jwk(), json!({"e": "AQ"})), other.clone()],
            "the client's key with this kid is too weak: expected a usable key with the kid \"key-9\", \
             received none: key 0 (\"key-9\") is skipped: "
                .to_owned(),
        ),
        (
            vec![rsa.jwk(), Signer::rsa("RS384", "key-9").jwk()],
            "the client has several keys with this kid for this algorithm: \
             expected one key with the kid \"key-9\" for RS384, received 2 keys"
                .to_owned(),
        ),
    ];
    for (jwks, finding) in cases {
        let found = reported(fixture().keys(&jwks), &Jwt::by(&rsa, CLIENT).signed_by(&rsa));
        let exact = !finding.ends_with("skipped: ");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(if exact { found[0] == finding } else { found[0].starts_with(&finding) }, "{found:?} {finding}");
        assert!(!found[0].contains("AQAB"), "{found:?}");
    }
}

#[test]
fn an_assertion_without_kid_is_reported_with_what_exists() {
    let policy = Policy::RFC7523.with_algorithms(AlgorithmSet::ASYMMETRIC);
    let (a, b, rsa) = (Signer::es384("a"), Signer::es384("b"), Signer::rsa("RS256", "c"));
    let cases = [
        (
            vec![a.jwk(), b.jwk()],
            "the header has no kid, but the client has several keys for this algorithm: \
             expected a kid among \"a\", \"b\", received no kid"
                .to_owned(),
        ),
        (
            vec![with(rsa.jwk(), json!({"alg": "RS256"}))],
            "the client has no usable key for this algorithm and kid: \
             expected RS256, for which the client has keys, received ES384"
                .to_owned(),
        ),
        (
            vec![with(a.jwk(), json!({"kid": null})), with(b.jwk(), json!({"kid": null}))],
            "the header has no kid, but the client has several keys for this algorithm: \
             expected one key for ES384, received 2 keys without a kid"
                .to_owned(),
        ),
    ];
    for (jwks, finding) in cases {
        let client = Client::new(CLIENT, key_set(&jwks)).unwrap();
        let jwt = Jwt::by(&a, CLIENT).without_header("kid").claim("aud", crate::common::ISSUER);
        let found = reported(fixture().policy(policy.clone()).at_issuer().clients([client]), &jwt.signed_by(&a));
        assert!(found.len() == 1 && found[0].starts_with(&finding), "{found:?} {finding}");
    }
}

/// The same three findings about keys that the client publishes at a URL.
#[tokio::test]
async fn a_missing_key_of_a_url_is_reported_with_what_exists() {
    let rsa = Signer::rsa("RS384", "key-9");
    let no_key = "the client has no usable key for this algorithm and kid: expected";
    let cases = [
        (vec![SIGNER.jwk()], format!("{no_key} a kid among \"key-1\", received the kid \"key-9\"")),
        (
            vec![with(rsa.jwk(), json!({"alg": "RS256"}))],
            format!("{no_key} RS256, for which the kid \"key-9\" is registered, received RS384"),
        ),
        (
            vec![with(rsa.jwk(), json!({"use": "enc"})), SIGNER.jwk()],
            format!("{no_key} a usable key with the kid \"key-9\", received none: key 0 (\"key-9\") is skipped: "),
        ),
        (
            vec![with(SIGNER.jwk(), json!({"use": "enc"}))],
            format!("{no_key} a usable key with the kid \"key-9\", received none: key 0 (\"key-1\") is skipped: "),
        ),
    ];
    for (jwks, finding) in cases {
        let document = json!({ "keys": jwks }).to_string();
        let fetch = move |_: JwksRequest| {
            let response = Response::new(Full::<Bytes>::from(document.clone()));
            async move { Ok::<_, std::convert::Infallible>(response) }
        };
        let cache = KeySetCache::builder(fetch).build().unwrap();
        let url = JwksUrl::parse("https://clinic.example/keys").unwrap();
        let lines = Lines::default();
        let fixture = fixture().clients([Client::with_key_set_url(CLIENT, &url, &cache).unwrap()]);
        let verifier = fixture.builder().events(lines.sink()).build().unwrap();
        let body = form(&Jwt::by(&rsa, CLIENT).signed_by(&rsa));
        verifier.verify(&TokenRequest::new(body.as_bytes())).await.unwrap_err();
        let found = lines.take();
        assert!(found.len() == 1 && found[0].starts_with(&finding), "{found:?} {finding}");
    }
}

#[test]
fn a_registered_algorithm_is_named() {
    let client = client_with(&[SIGNER.jwk()]).with_signing_alg(Algorithm::ES384).unwrap();
    let rsa = Signer::rsa("RS384", "key-1");
    let found = reported(fixture().clients([client]), &Jwt::by(&rsa, CLIENT).signed_by(&rsa));
    let expected = "the signature algorithm is not the one that the client registered: expected ES384, received RS384";
    assert_eq!(found, [expected]);
}

#[test]
fn a_jku_like_the_registered_one_is_told_from_it() {
    let fetch = |_: JwksRequest| async {
        let response = Response::new(Full::<Bytes>::from("{}"));
        Ok::<_, std::convert::Infallible>(response)
    };
    let cache = KeySetCache::builder(fetch).build().unwrap();
    let url = JwksUrl::parse("https://clinic.example/keys?token=hush").unwrap();
    for (jku, received) in [
        ("https://me:hush@clinic.example/keys?token=hush", "the same with another user, query or end"),
        ("https://clinic.example/keys?token=other", "the same with another user, query or end"),
        ("https://me:hush@clinic.example/key", "\"https://clinic.example/key\""),
    ] {
        let client = Client::with_key_set_url(CLIENT, &url, &cache).unwrap();
        let found = reported(fixture().clients([client]), &Jwt::new().header("jku", jku).signed());
        let expected = format!("expected \"https://clinic.example/keys\", received {received}");
        assert!(found.len() == 1 && found[0].ends_with(&expected), "{found:?}");
    }
}

/// A client that mixes up its parameters does not get its assertion into a log, wherever it puts it
/// and however its header is written.
#[test]
fn an_assertion_in_another_place_is_not_shown() {
    let headers = [
        HEADER.to_owned(),
        HEADER.replacen('{', "{ ", 1),
        HEADER.replacen('{', "{\n  ", 1),
        HEADER.replacen('{', "{\r\n\t", 1),
        format!(" {HEADER}"),
        r#"{"alg":"none"}"#.to_owned(),
    ];
    for stray in headers.map(|header| SIGNER.sign(&header, claims())) {
        let good = form(&Jwt::new().signed());
        let in_form = |name: &str, value: &str| good.replace(&format!("{name}={value}"), &format!("{name}={stray}"));
        let in_claim = |jwt: Jwt| form(&jwt.signed());
        let scheme = form_urlencoded::byte_serialize(JWT_BEARER.as_bytes()).collect::<String>();
        let bodies = [
            format!("{good}&client_id={stray}"),
            format!("{good}&client_id=Bearer+{stray}"),
            in_form("grant_type", "client_credentials"),
            in_form("client_assertion_type", &scheme),
            in_claim(Jwt::new().claim("iss", &*stray)),
            in_claim(Jwt::new().claim("sub", &*stray)),
            in_claim(Jwt::new().claim("aud", &*stray)),
            in_claim(Jwt::new().claim("aud", json!([stray, "https://other.example"]))),
            in_claim(Jwt::new().header("kid", &*stray)),
            in_claim(Jwt::new().header("typ", &*stray)),
            in_claim(Jwt::new().header("alg", &*stray)),
            in_claim(Jwt::new().header("jku", &*stray)),
            in_claim(Jwt::new().header("jku", format!("https://a@clinic.example/{stray}"))),
        ];
        for body in bodies {
            let lines = reported_of(fixture(), Limits::default(), &TokenRequest::new(body.as_bytes()));
            assert!(!lines.is_empty(), "{body}");
            for line in lines {
                let windows = stray.as_bytes().windows(13).map(|window| std::str::from_utf8(window).unwrap());
                let shown = windows.filter(|window| line.contains(window)).collect::<Vec<_>>();
                assert!(shown.is_empty(), "{line}");
            }
        }
    }
}

/// No report contains a part of the assertion or its `jti`.
#[test]
fn findings_contain_no_stretch_of_an_assertion() {
    let jwt = Jwt::new().claim("jti", "a-jti-that-must-stay-secret");
    let good = jwt.signed();
    let marks = ["=", "+", " ", "\n", "\"", "\u{feff}", ".", ".AA.AA", "%", "\0"];
    let spoilt = marks
        .iter()
        .flat_map(|mark| [0, 5, good.len() / 2, good.len()].map(|at| format!("{}{mark}{}", &good[..at], &good[at..])));
    for assertion in spoilt {
        for line in reported(fixture(), &assertion) {
            let windows = good.as_bytes().windows(9).map(|window| std::str::from_utf8(window).unwrap());
            for window in windows {
                assert!(!line.contains(window), "{line}");
            }
            assert!(line.len() < 400 && line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
        }
    }
    for (from, to) in [("{", "{\"x\":1,\"x\":2,"), ("}", ",}"), ("\"jti\":\"", "\"jti\":\"\n")] {
        let claims = serde_json::to_string(&jwt.claims).unwrap().replace(from, to);
        for line in reported(fixture(), &SIGNER.sign(HEADER, claims)) {
            assert!(!line.contains("must-stay-secret"), "{line}");
        }
    }
}
