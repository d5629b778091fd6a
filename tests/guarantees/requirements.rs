//! The requirements that are listed in `tests/README.md`: those that no other table covers, and a
//! check that tests cite exactly the listed numbers.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::attempt::{Attempt, Change, answer, flip_signature, send};
use crate::common::{CLIENT, Down, Fixture, ISSUER, Jwt, SIGNER, Signer, fixture, form, key_set, outcome, verify};
use serde_json::{Value, json};
use tower_client_assertion::ClientAssertionLayer;
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::policy::{AlgorithmSet, Policy};
use tower_client_assertion::registry::Client;
use tower_client_assertion::rejection::{ClientFault, RejectionKind, ServerFault};

fn strict() -> Fixture {
    fixture().policy(Policy::RFC7523).at_issuer()
}

fn jwt(signer: &Signer, client: &str) -> Jwt {
    Jwt::by(signer, client).claim("aud", ISSUER)
}

const NOT_BASE64URL: &str = "Client assertion has characters that are not base64url";
const WHITE_SPACE: &str = "Client assertion has characters that are not base64url: white space";
const PADDING: &str = "Client assertion has characters that are not base64url: padding";
const SEVERAL: &str = "More than one client authentication method was used";

/// The number, the change, and the answer: status, code and description. An accepted request has no
/// code.
type Row = (&'static str, Change, u16, &'static str, &'static str);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("HTTP-01 GET", |a| a.method = "GET", 405, "invalid_request", "Token requests must use POST"),
    ("HTTP-01 in lower case", |a| a.method = "post", 405, "invalid_request", "Token requests must use POST"),
    ("HTTP-03 another type", |a| a.header("content-type", "application/json"), 400, "invalid_request", "Content-Type must be application/x-www-form-urlencoded"),
    ("HTTP-03 none", |a| a.headers.clear(), 400, "invalid_request", "Content-Type must be application/x-www-form-urlencoded"),
    ("HTTP-03 another charset", |a| a.header("content-type", "application/x-www-form-urlencoded; charset=utf-16"), 400, "invalid_request", "Content-Type must be application/x-www-form-urlencoded in UTF-8"),
    ("HTTP-03 in any case", |a| a.header("content-type", "Application/X-WWW-form-urlencoded;Charset=\"UTF-8\""), 200, "", ""),
    ("HTTP-04", |a| a.parameter("x", &"x".repeat(65_536)), 413, "invalid_request", "Request body too large"),
    ("HTTP-05 gzip", |a| a.header("content-encoding", "gzip"), 415, "invalid_request", "Request body must not have a content encoding"),
    ("HTTP-05 identity", |a| a.header("content-encoding", "Identity"), 200, "", ""),
    ("FORM-01 escape", |a| a.tail = "&client_id=%zz", 400, "invalid_request", "Request body is not valid form data"),
    ("FORM-01 UTF-8", |a| a.tail = "&client_id=%ff", 400, "invalid_request", "Request body is not valid form data"),
    ("FORM-01 plus is space", |a| a.tail = "&client_id=clinic+7", 400, "invalid_client", "client_id does not match the client assertion"),
    ("FORM-02 a space is a value", |a| a.parameter("client_assertion", " "), 400, "invalid_client", "Client assertion must have three components"),
    ("FORM-02 client_id", |a| a.parameter("client_id", ""), 200, "", ""),
    ("FORM-02 counted first, FORM-03", |a| a.tail = "&client_assertion=", 400, "invalid_request", "Parameter 'client_assertion' must not be repeated"),
    ("FORM-03", |a| a.tail = "&scope=a&scope=a", 400, "invalid_request", "Parameter 'scope' must not be repeated"),
    ("FORM-03 resource", |a| a.tail = "&resource=a&resource=b&audience=c&audience=d", 200, "", ""),
    ("FORM-04", |a| a.tail = "&unknown=%zz&\u{e9}=1", 200, "", ""),
    ("FORM-05", |a| a.query = "?client_secret=x", 400, "invalid_request", "Client credentials must not be sent in the query string"),
    ("FORM-05 others", |a| a.query = "?tenant=7", 200, "", ""),
    ("AUTH-01", |a| a.form.clear(), 400, "invalid_client", "Client authentication required"),
    ("AUTH-02 secret", |a| a.parameter("client_secret", "x"), 400, "invalid_client", SEVERAL),
    ("AUTH-02 header", |a| a.header("authorization", "Basic eDp5"), 401, "invalid_client", SEVERAL),
    ("AUTH-02 attestation", |a| a.header("oauth-client-attestation", "x"), 400, "invalid_client", SEVERAL),
    ("AUTH-03", |a| a.drop_parameter("client_assertion_type"), 400, "invalid_request", "Missing client_assertion_type parameter"),
    ("AUTH-04 SAML", |a| a.parameter("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"), 400, "invalid_request", "Unsupported client_assertion_type"),
    ("AUTH-04 SPIFFE", |a| a.parameter("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"), 400, "invalid_request", "Unsupported client_assertion_type"),
    ("AUTH-04 case", |a| a.parameter("client_assertion_type", "URN:ietf:params:oauth:client-assertion-type:jwt-bearer"), 400, "invalid_request", "Unsupported client_assertion_type"),
    ("AUTH-05", |a| a.drop_parameter("client_assertion"), 400, "invalid_request", "Missing client_assertion parameter"),
    ("AUTH-05 two JWTs", |a| a.mangle = |text| format!("{text} {text}"), 400, "invalid_client", "Client assertion must have three components"),
    ("AUTH-06 other", |a| a.parameter("client_id", "clinic-8"), 400, "invalid_client", "client_id does not match the client assertion"),
    ("AUTH-06 same", |a| a.parameter("client_id", CLIENT), 200, "", ""),
    ("JWS-01", |a| a.mangle = |text| text + "\n", 400, "invalid_client", WHITE_SPACE),
    ("JWS-01 quotes", |a| a.mangle = |text| format!("\"{text}\""), 400, "invalid_client", NOT_BASE64URL),
    ("JWS-02", |a| a.mangle = |text| text.replacen('.', "", 1), 400, "invalid_client", "Client assertion must have three components"),
    ("JWS-03", |a| a.mangle = |text| text + ".AA.AA", 400, "invalid_client", "Client assertion must have three components"),
    ("JWS-03 enc", |a| a.jose("enc", "A128GCM"), 400, "invalid_client", "Encrypted client assertions are not supported"),
    ("JWS-03 cty", |a| a.jose("cty", "JWT"), 400, "invalid_client", "Encrypted client assertions are not supported"),
    ("JWS-04", |a| a.mangle = |text| text.replacen('.', "==.", 1), 400, "invalid_client", PADDING),
    ("JWS-15", |a| a.jose("jwk", json!({"kty": "oct", "k": "AA"})), 200, "", ""),
    ("SIG-01", |a| a.mangle = flip_signature, 400, "invalid_client", "Client assertion signature is invalid"),
];

#[test]
fn err_01_err_02_err_07_each_row_gets_its_answer() {
    let layer = strict().layer();
    for (row, change, status, error, description) in ROWS {
        let (found, body) = answer(&layer, &Attempt::at_issuer(change));
        let expected = match *status {
            200 => Value::Null,
            _ => json!({"error": error, "error_description": description}),
        };
        assert_eq!((found, body), (*status, expected), "{row}");
        // ERR-07: only `invalid_client` may be 401.
        assert!(*status != 401 || *error == "invalid_client", "{row}");
    }
}

#[test]
fn err_03_err_04_err_05_err_06_every_refusal_is_well_formed() {
    let layer = strict().layer();
    for (row, change, status, ..) in ROWS.iter().filter(|(_, _, status, ..)| *status != 200) {
        let response = send(&layer, &Attempt::at_issuer(change));
        let headers = response.headers();
        for (name, value) in
            [("content-type", "application/json"), ("cache-control", "no-store"), ("pragma", "no-cache")]
        {
            assert_eq!(headers[name], value, "{row}");
        }
        assert_eq!(headers["content-length"], response.body().len().to_string(), "{row}");
        assert_eq!(headers.contains_key("www-authenticate"), *status == 401, "{row}");
        assert_eq!(headers.contains_key("allow"), *status == 405, "{row}");
        assert_eq!(headers.contains_key("accept-encoding"), *status == 415, "{row}");
        assert!(!headers.contains_key("set-cookie") && !headers.contains_key("retry-after"), "{row}");
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        for text in body.as_object().unwrap().values() {
            let allowed = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
            let text = text.as_str().unwrap();
            assert!(!text.is_empty() && text.bytes().all(allowed), "{row}: {text}");
        }
    }
}

#[test]
fn jws_05_jws_06_repeated_names_are_refused() {
    let twice = |object: &serde_json::Map<String, Value>| {
        let text = serde_json::to_string(object).unwrap();
        text.replacen('{', "{\"x\":1,", 1).replace('}', ",\"\\u0078\":1}")
    };
    let Jwt { header, claims } = jwt(&SIGNER, CLIENT);
    let (header, claims) = (json!(header).to_string(), json!(claims).to_string());
    let layer = strict().layer();
    for (header, claims, text) in [
        (twice(&serde_json::from_str(&header).unwrap()), claims.clone(), "JWT header has a repeated member"),
        (header, twice(&serde_json::from_str(&claims).unwrap()), "JWT claims set has a repeated member"),
    ] {
        let assertion = SIGNER.sign(header, claims);
        let (_, body) = answer(&layer, &Attempt::at_issuer(|a| a.parameter("client_assertion", &assertion)));
        assert_eq!(body["error_description"], text);
    }
}

/// RFC 8725, section 3.8.
#[test]
fn key_04_a_key_belongs_to_one_client() {
    let (mine, yours) = (Signer::es256("shared"), Signer::es256("shared"));
    let clients =
        vec![Client::new("me", key_set(&[mine.jwk()])).unwrap(), Client::new("you", key_set(&[yours.jwk()])).unwrap()];
    let verifier = strict().clients(clients).build();
    for (client, signer, accepted) in
        [("me", &mine, true), ("you", &yours, true), ("me", &yours, false), ("you", &mine, false)]
    {
        let outcome = verify(&verifier, &form(&jwt(signer, client).signed_by(signer)));
        assert_eq!(outcome.is_ok(), accepted, "{client}");
    }
}

#[test]
fn key_09_key_10_key_12_unusable_keys_are_skipped_one_by_one() {
    let odd = [
        json!({"kty": "unknown", "kid": "1"}),
        json!({"kty": "EC", "crv": "P-256", "kid": "2"}),
        json!({"kty": "oct", "kid": "3", "k": "AA"}),
        json!({"kty": "EC", "crv": "P-256", "kid": "4", "x": "AA", "y": "AA"}),
    ];
    for key in &odd {
        let set = json!({"keys": [key, SIGNER.jwk(), key]}).to_string();
        let keys = KeySet::parse(set.as_bytes()).unwrap();
        assert_eq!((keys.len(), keys.skipped().len()), (1, 2), "{key}");
    }
}

/// SMART App Launch 2.2 requires one of RS384 and ES384.
#[test]
fn key_18_smart_accepts_rs384_and_es384() {
    for signer in [Signer::rsa("RS384", "one"), Signer::es384("one")] {
        let verifier = fixture().policy(Policy::SMART_BACKEND_SERVICES).keys(&[signer.jwk()]).build();
        let assertion = Jwt::by(&signer, CLIENT).signed_by(&signer);
        assert!(verify(&verifier, &form(&assertion)).is_ok(), "{}", signer.alg);
        assert_eq!(outcome(&verifier, &assertion).unwrap_err(), ClientFault::Replayed, "RPL-01");
    }
}

#[test]
fn sig_02_sig_03_signatures_have_the_length_of_their_algorithm() {
    let all = Policy::RFC7523.with_algorithms(AlgorithmSet::ASYMMETRIC);
    let signers = [Signer::es256("one"), Signer::es384("one"), Signer::es512("one"), Signer::rsa("PS256", "one")];
    for signer in signers {
        let verifier = strict().policy(all.clone()).keys(&[signer.jwk()]).build();
        let assertion = jwt(&signer, CLIENT).signed_by(&signer);
        let (input, signature) = assertion.rsplit_once('.').unwrap();
        for signature in [format!("{signature}AAAA"), signature[4..].to_owned(), format!("AAAA{signature}")] {
            let fault = outcome(&verifier, &format!("{input}.{signature}")).unwrap_err();
            let fixed = !signer.alg.starts_with("PS");
            let expected = if fixed { ClientFault::SignatureLength } else { ClientFault::BadSignature };
            assert_eq!(fault, expected, "{}", signer.alg);
        }
        assert!(verify(&verifier, &form(&assertion)).is_ok(), "{}", signer.alg);
    }
}

/// RFC 7519, section 4.1.4: "no more than a few minutes".
#[test]
fn time_10_skews_over_five_minutes_do_not_build() {
    for (secs, builds) in [(299, true), (300, true), (301, false)] {
        for policy in [
            Policy::RFC7523.dangerous().future_skew(Duration::from_secs(secs)),
            Policy::RFC7523.dangerous().expiry_skew(Duration::from_secs(secs)),
        ] {
            assert_eq!(strict().policy(policy).builder().build().is_ok(), builds, "{secs}");
        }
    }
}

#[test]
fn rpl_06_rpl_07_an_unavailable_store_refuses_and_comes_last() {
    let verifier = strict().replay(Down).build();
    let rejection = verify(&verifier, &form(&jwt(&SIGNER, CLIENT).signed())).unwrap_err();
    assert_eq!(
        (rejection.kind().clone(), rejection.is_proven()),
        (RejectionKind::Server(ServerFault::ReplayStore), true)
    );
    let layer = ClientAssertionLayer::new(verifier).preserve_body_types();
    let response = send(&layer, &Attempt::at_issuer(|_| {}));
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"5".parse().unwrap()));
    // Faults of the client are found first.
    let (status, body) = answer(&layer, &Attempt::at_issuer(|a| a.mangle = flip_signature));
    assert_eq!((status, &body["error"]), (400, &json!("invalid_client")));
}

#[test]
fn clm_06_sub_and_iss_name_the_registered_client() {
    let layer = strict().layer();
    for (iss, sub, text) in [
        (CLIENT, "stranger", "iss and sub must both be the client id"),
        ("stranger", CLIENT, "iss and sub must both be the client id"),
        ("stranger", "stranger", "Client authentication failed"),
    ] {
        let attempt = Attempt::at_issuer(|a| {
            a.claim("iss", iss);
            a.claim("sub", sub);
        });
        assert_eq!(answer(&layer, &attempt).1["error_description"], text, "{iss}, {sub}");
    }
}

/// The list, with a number in the first column of each row.
const LIST: &str = include_str!("../README.md");

/// `KEY-06`, `CLM-03a` or `E36`.
fn is_number(text: &str) -> bool {
    let counted = |rest: &str| match rest.as_bytes() {
        [tens, ones, part @ ..] => tens.is_ascii_digit() && ones.is_ascii_digit() && matches!(part, [] | [b'a'..=b'z']),
        _ => false,
    };
    match text.split_once('-') {
        Some((kind, rest)) => kind.bytes().all(|byte| byte.is_ascii_uppercase()) && counted(rest),
        None => text.strip_prefix('E').is_some_and(|rest| rest.len() == 2 && counted(rest)),
    }
}

fn listed() -> Vec<&'static str> {
    let first_cells = LIST.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    first_cells.filter(|cell| is_number(cell)).collect()
}

/// The words of all tests that may be numbers: from names of functions, and from strings.
fn words() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let folders = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")).unwrap();
    let folders = folders.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    for path in files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        let text = std::fs::read_to_string(path).unwrap();
        for line in text.lines().map(str::trim_start).filter(|line| !line.starts_with("//")) {
            let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            if let Some(name) = function.and_then(|rest| rest.split('(').next()) {
                let parts: Vec<_> = name.split('_').collect();
                words.extend(parts.windows(2).map(|pair| format!("{}-{}", pair[0].to_uppercase(), pair[1])));
                words.extend(parts.iter().map(|part| part.to_uppercase()));
            }
            let strings = line.split('"').skip(1).step_by(2);
            words.extend(strings.flat_map(|text| text.split([' ', ','])).map(str::to_owned));
        }
    }
    words
}

#[test]
fn tests_cite_exactly_the_listed_requirements() {
    let (listed, words) = (listed(), words());
    let unique: BTreeSet<_> = listed.iter().copied().collect();
    assert_eq!(unique.len(), listed.len(), "a number is listed twice");
    assert!(listed.len() > 140, "the tables of tests/README.md are not found");
    let uncited: Vec<_> = unique.iter().filter(|number| !words.contains(**number)).collect();
    assert!(uncited.is_empty(), "listed in tests/README.md, but cited by no test: {uncited:?}");
    // Other words have this shape too, such as `UTF-16`.
    let kind =
        |number: &str| number.split('-').next().unwrap_or_default().trim_end_matches(char::is_numeric).to_owned();
    let kinds: BTreeSet<_> = unique.iter().map(|number| kind(number)).collect();
    let cited = words.iter().filter(|word| is_number(word) && kinds.contains(&kind(word)));
    let unlisted: Vec<_> = cited.filter(|number| !unique.contains(number.as_str())).collect();
    assert!(unlisted.is_empty(), "cited by a test, but not listed in tests/README.md: {unlisted:?}");
}
