//! The Redox profile over HTTP: every row of its troubleshooting page byte for byte, its boundaries
//! to the second, and which of several faults is answered.

use crate::common::attempt::{Attempt, Change, description, flip_signature, send};
use crate::common::{AUDIENCE, CLIENT, Jwt, NOW, SIGNER, Signer, client, clock, fixture, fresh_jti, key_set, outcome};
use http::StatusCode;
use serde_json::{Value, json};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet};
use tower_client_assertion::registry::Client;
use tower_client_assertion::render::Redox;
use tower_client_assertion::{ClientAssertionLayer, Policy, PreservedBodies, Rejection};

fn layer() -> ClientAssertionLayer<PreservedBodies> {
    fixture().layer()
}

#[track_caller]
fn assert_refused(name: &str, layer: &ClientAssertionLayer<PreservedBodies>, attempt: &Attempt, text: &str) {
    let response = send(layer, attempt);
    let body = json!({"error": "invalid_request", "error_description": text}).to_string();
    assert_eq!(std::str::from_utf8(response.body()), Ok(body.as_str()), "{name}");
    assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{name}");
}

#[track_caller]
fn assert_accepted(name: &str, layer: &ClientAssertionLayer<PreservedBodies>, attempt: &Attempt) {
    let response = send(layer, attempt);
    assert_eq!(response.status(), StatusCode::OK, "{name}: {:?}", response.body());
}

const KEY_NOT_FOUND: &str = "Public key not found, check client_id, kid and Redox dashboard settings";
const IAT_FUTURE: &str = "\"iat\" claim timestamp check failed (it should be in the past)";
const IAT_PAST: &str = "\"iat\" claim timestamp check failed (too far in the past)";
const IAT: &str = "\"iat\" claim timestamp check failed";
const NBF: &str = "\"nbf\" claim timestamp check failed";
const EXP: &str = "\"exp\" claim timestamp check failed";

#[test]
fn a_correct_request_is_accepted() {
    assert_accepted(
        "as Redox's sample: no typ, no exp, a scope claim",
        &layer(),
        &Attempt::with(|a| {
            a.jwt.header.remove("typ");
            a.jwt.claims.remove("exp");
            a.claim("scope", "fhir:production");
        }),
    );
    let variants: &[(&str, Change)] = &[
        ("everything", |_| {}),
        ("typ in lower case", |a| a.jose("typ", "jwt")),
        ("typ with its prefix", |a| a.jose("typ", "application/JWT")),
        ("a matching client_id", |a| a.parameter("client_id", CLIENT)),
        ("an empty client_id", |a| a.parameter("client_id", "")),
        ("an empty client_secret", |a| a.parameter("client_secret", "")),
        ("aud as an array of us", |a| a.claim("aud", json!([AUDIENCE]))),
        ("aud as an array of us twice", |a| a.claim("aud", json!([AUDIENCE, AUDIENCE]))),
        ("an unknown header parameter", |a| a.jose("x", json!({"y": [1]}))),
        ("a key in the header, which is ignored", |a| a.jose("jwk", json!({"kty": "oct", "k": "AA"}))),
        ("an unknown parameter, twice", |a| a.tail = "&resource=a&resource=b"),
        ("an unknown parameter that does not decode", |a| a.tail = "&note=%zz%ff"),
        ("a content type with a charset", |a| {
            a.header("content-type", "Application/X-WWW-Form-Urlencoded ; charset=\"UTF-8\"");
        }),
        ("identity encoding", |a| a.header("content-encoding", "identity")),
        ("a query without credentials", |a| a.query = "?a=client_assertion&b"),
    ];
    let layer = layer();
    for (name, change) in variants {
        assert_accepted(name, &layer, &Attempt::with(change));
    }
}

#[test]
fn every_row_is_reproduced_byte_for_byte() {
    let rows: &[(&str, Change, &str)] = &[
        ("1 alg absent", |a| drop(a.jwt.header.remove("alg")), ""),
        ("1 alg no string", |a| a.jose("alg", json!(["ES384"])), ""),
        ("1 alg none", |a| a.jose("alg", "none"), ""),
        ("1 alg nOnE", |a| a.jose("alg", "nOnE"), ""),
        ("1 alg empty", |a| a.jose("alg", ""), ""),
        ("1 alg HS256", |a| a.jose("alg", "HS256"), ""),
        ("1 alg known and not allowed", |a| a.jose("alg", "ES256"), ""),
        ("1 alg in another case", |a| a.jose("alg", "es384"), ""),
        ("1 crit", |a| a.jose("crit", json!(["exp"])), ""),
        ("1 crit empty", |a| a.jose("crit", json!([])), ""),
        ("1 crit of another type", |a| a.jose("crit", Value::Null), ""),
        ("1 b64", |a| a.jose("b64", true), ""),
        ("1 signature", |a| a.mangle = flip_signature, ""),
        ("1 signature empty", |a| a.mangle = |text| text[..=text.rfind('.').unwrap()].to_owned(), ""),
        ("1 jku", |a| a.jose("jku", "https://evil.example/jwks"), ""),
        ("2 absent", |a| a.headers.clear(), "x-www-form-urlencoded content-type required"),
        ("2 JSON", |a| a.header("content-type", "application/json"), "x-www-form-urlencoded content-type required"),
        (
            "2 twice",
            |a| {
                let first = a.headers[0].clone();
                a.headers.push(first);
            },
            "x-www-form-urlencoded content-type required",
        ),
        (
            "2 another charset",
            |a| {
                a.header("content-type", "application/x-www-form-urlencoded; charset=latin1");
            },
            "x-www-form-urlencoded content-type required",
        ),
        ("3a", |a| a.drop_parameter("grant_type"), "Missing grant_type parameter"),
        ("3a empty", |a| a.parameter("grant_type", ""), "Missing grant_type parameter"),
        ("3b", |a| a.parameter("grant_type", "password"), "The grant_type parameter should equal 'client_credentials'"),
        (
            "3b case",
            |a| {
                a.parameter("grant_type", "Client_Credentials");
            },
            "The grant_type parameter should equal 'client_credentials'",
        ),
        ("4a", |a| a.drop_parameter("client_assertion_type"), "Missing client assertion type"),
        ("4a empty", |a| a.parameter("client_assertion_type", ""), "Missing client assertion type"),
        (
            "4a nothing at all",
            |a| {
                a.drop_parameter("client_assertion_type");
                a.drop_parameter("client_assertion");
            },
            "Missing client assertion type",
        ),
        ("4b", |a| a.parameter("client_assertion_type", "jwt-bearer"), "Invalid client assertion type"),
        (
            "4b saml",
            |a| {
                a.parameter("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer");
            },
            "Invalid client assertion type",
        ),
        ("5", |a| a.drop_parameter("client_assertion"), "Missing client assertion"),
        ("6 absent", |a| drop(a.jwt.header.remove("kid")), "JWT header kid property is required"),
        ("6 empty", |a| a.jose("kid", ""), "JWT header kid property is required"),
        ("6 null", |a| a.jose("kid", Value::Null), "JWT header kid property is required"),
        ("6 number", |a| a.jose("kid", 1), "JWT header kid property is required"),
        ("6 too long", |a| a.jose("kid", "k".repeat(257)), "JWT header kid property is required"),
        ("6 control", |a| a.jose("kid", "key-1\0"), "JWT header kid property is required"),
        (
            "7a",
            |a| {
                a.claim("iss", "stranger");
                a.claim("sub", "stranger");
            },
            KEY_NOT_FOUND,
        ),
        ("7c", |a| a.jose("kid", "key-2"), KEY_NOT_FOUND),
        ("7c the longest kid", |a| a.jose("kid", "k".repeat(256)), KEY_NOT_FOUND),
        ("7c case", |a| a.jose("kid", "KEY-1"), KEY_NOT_FOUND),
        ("7c an algorithm that the key is not for", |a| a.jose("alg", "RS384"), KEY_NOT_FOUND),
        ("8a absent", |a| drop(a.jwt.claims.remove("iss")), "Unexpected iss claim value"),
        ("8a array", |a| a.claim("iss", json!([CLIENT])), "Unexpected iss claim value"),
        ("8a empty", |a| a.claim("iss", ""), "Unexpected iss claim value"),
        ("8a null", |a| a.claim("iss", Value::Null), "Unexpected iss claim value"),
        ("8a not ASCII", |a| a.claim("iss", "clínic-7"), "Unexpected iss claim value"),
        ("8a client_id", |a| a.parameter("client_id", "clinic-8"), "Unexpected iss claim value"),
        ("8b absent", |a| drop(a.jwt.claims.remove("sub")), "Unexpected sub claim value"),
        ("8b other", |a| a.claim("sub", "clinic-8"), "Unexpected sub claim value"),
        ("8b array", |a| a.claim("sub", json!([CLIENT])), "Unexpected sub claim value"),
        ("8c absent", |a| drop(a.jwt.claims.remove("jti")), "Unexpected jti claim value"),
        ("8c number", |a| a.claim("jti", 7), "Unexpected jti claim value"),
        ("8c empty", |a| a.claim("jti", ""), "Unexpected jti claim value"),
        ("8c too long", |a| a.claim("jti", "j".repeat(257)), "Unexpected jti claim value"),
        ("8c control", |a| a.claim("jti", "a\nb"), "Unexpected jti claim value"),
        ("8d absent", |a| drop(a.jwt.claims.remove("aud")), "Unexpected aud claim value"),
        ("8d null", |a| a.claim("aud", Value::Null), "Unexpected aud claim value"),
        ("8d number", |a| a.claim("aud", 5), "Unexpected aud claim value"),
        ("8d object", |a| a.claim("aud", json!({"x": AUDIENCE})), "Unexpected aud claim value"),
        ("8d empty", |a| a.claim("aud", ""), "Unexpected aud claim value"),
        ("8d empty array", |a| a.claim("aud", json!([])), "Unexpected aud claim value"),
        ("8d one of many", |a| a.claim("aud", json!([AUDIENCE, "https://other"])), "Unexpected aud claim value"),
        ("8d member of another type", |a| a.claim("aud", json!([AUDIENCE, 1])), "Unexpected aud claim value"),
        ("8d nine members", |a| a.claim("aud", json!(vec![AUDIENCE; 9])), "Unexpected aud claim value"),
        ("8d slash", |a| a.claim("aud", format!("{AUDIENCE}/")), "Unexpected aud claim value"),
        ("8d port", |a| a.claim("aud", AUDIENCE.replace(".com", ".com:443")), "Unexpected aud claim value"),
        ("8d case", |a| a.claim("aud", AUDIENCE.replace("api", "API")), "Unexpected aud claim value"),
        ("8e other", |a| a.jose("typ", "at+jwt"), "Unexpected typ claim value"),
        ("8e empty", |a| a.jose("typ", ""), "Unexpected typ claim value"),
        ("8e null", |a| a.jose("typ", Value::Null), "Unexpected typ claim value"),
        ("9 nbf string", |a| a.claim("nbf", NOW.to_string()), NBF),
        ("9 nbf null", |a| a.claim("nbf", Value::Null), NBF),
        ("9 exp string", |a| a.claim("exp", (NOW + 300).to_string()), EXP),
        ("9 exp null", |a| a.claim("exp", Value::Null), EXP),
        ("9 iat absent", |a| drop(a.jwt.claims.remove("iat")), IAT),
        ("9 iat string", |a| a.claim("iat", NOW.to_string()), IAT),
        ("9 iat bool", |a| a.claim("iat", true), IAT),
        ("9 iat null", |a| a.claim("iat", Value::Null), IAT),
        (
            "11 two parts",
            |a| a.mangle = |text| text[..text.rfind('.').unwrap()].to_owned(),
            "JWTs must have three components",
        ),
        ("11 one part", |a| a.mangle = |_| "x".to_owned(), "JWTs must have three components"),
        ("11 four parts", |a| a.mangle = |text| text + ".x", "JWTs must have three components"),
        ("11 five parts", |a| a.mangle = |_| "a.b.c.d.e".to_owned(), "JWTs must have three components"),
        ("11 enc", |a| a.jose("enc", "A256GCM"), "JWTs must have three components"),
        ("11 nested", |a| a.jose("cty", "JWT"), "JWTs must have three components"),
        ("12 padding", |a| a.mangle = |text| text + "=", "JWT is malformed"),
        ("12 illegal character", |a| a.mangle = |text| format!("{text}!"), "JWT is malformed"),
        ("12 Bearer prefix", |a| a.mangle = |text| format!("Bearer {text}"), "JWT is malformed"),
        ("12 line break", |a| a.mangle = |text| text + "\n", "JWT is malformed"),
        ("12 empty header", |a| a.mangle = |text| text[text.find('.').unwrap()..].to_owned(), "JWT is malformed"),
        ("12 over 16 KiB", |a| a.mangle = |text| text + &"A".repeat(16 * 1024), "JWT is malformed"),
        ("12 too large", |a| a.jose("x", "x".repeat(12 * 1024)), "JWT is malformed"),
    ];
    let layer = layer();
    for (name, change, text) in rows {
        assert_refused(name, &layer, &Attempt::with(change), text);
    }
}

#[test]
fn numbers_beyond_a_double_are_format_errors() {
    let cases = [
        ("iat", "1e400", Some(IAT)),
        ("exp", "1e400", Some(EXP)),
        ("nbf", "-1e400", Some(NBF)),
        ("exp", "1e308", None),
        ("exp", "1.7000003e9", None),
        ("exp", "-0", Some(EXP)),
        ("exp", "9223372036854775808", None),
        ("nbf", "-1", None),
    ];
    let layer = layer();
    for (claim, number, text) in cases {
        let Jwt { header, mut claims } = Jwt::new();
        claims.insert(claim.into(), json!("@"));
        let claims = serde_json::to_string(&claims).unwrap().replace("\"@\"", number);
        let assertion = SIGNER.sign(serde_json::to_vec(&header).unwrap(), claims);
        let attempt = Attempt::with(|a| a.parameter("client_assertion", &assertion));
        match text {
            Some(text) => assert_refused(number, &layer, &attempt, text),
            None => assert_accepted(number, &layer, &attempt),
        }
    }
}

#[test]
fn time_boundaries_match_the_reference_implementation() {
    const N: f64 = NOW as f64;
    /// The claims that replace those of a valid assertion. `None` removes one.
    type Vector<'a> = (&'a [(&'a str, Option<f64>)], Option<&'a str>);
    let vectors: &[Vector<'_>] = &[
        (&[("iat", Some(N - 310.0)), ("exp", Some(N + 1.0))], None),
        (&[("iat", Some(N - 310.0)), ("exp", None)], None),
        (&[("iat", Some(N - 311.0)), ("exp", Some(N + 1.0))], Some(IAT_PAST)),
        (&[("iat", Some(N - 311.0)), ("exp", None)], Some(IAT_PAST)),
        (&[("iat", Some(N - 310.5)), ("exp", Some(N + 1.0))], Some(IAT_PAST)),
        (&[("iat", Some(N + 10.0))], None),
        (&[("iat", Some(N + 11.0))], Some(IAT_FUTURE)),
        (&[("iat", Some(N + 10.5))], Some(IAT_FUTURE)),
        (&[("nbf", Some(N + 10.0))], None),
        (&[("nbf", Some(N + 11.0))], Some(NBF)),
        (&[("exp", Some(N - 9.0)), ("iat", Some(N - 60.0))], None),
        (&[("exp", Some(N - 10.0)), ("iat", Some(N - 60.0))], Some(EXP)),
        (&[("exp", Some(N))], None),
        (&[("exp", Some(-1.0))], Some(EXP)),
        (&[("iat", Some(0.0))], Some(IAT_PAST)),
        (&[("exp", Some(N + 1e9))], None),
        (&[("exp", Some(1e308))], None),
        (&[("exp", None)], None),
        (&[("iat", Some(N - 311.0)), ("exp", Some(N - 10.0))], Some(EXP)),
        (&[("exp", Some(N - 10.0)), ("nbf", Some(N + 11.0))], Some(NBF)),
        (&[("iat", Some(N + 11.0)), ("nbf", Some(N + 11.0))], Some(NBF)),
        (&[("iat", Some(N + 11.0)), ("nbf", Some(N + 11.0)), ("exp", None)], Some(IAT_FUTURE)),
    ];
    let layer = layer();
    for (claims, text) in vectors {
        let attempt = Attempt::with(|a| {
            for (name, value) in *claims {
                match value {
                    Some(value) => a.claim(name, *value),
                    None => drop(a.jwt.claims.remove(*name)),
                }
            }
        });
        let name = format!("{claims:?}");
        match text {
            Some(text) => assert_refused(&name, &layer, &attempt, text),
            None => assert_accepted(&name, &layer, &attempt),
        }
    }
}

#[test]
fn a_replay_is_refused_until_the_assertion_expires() {
    let time = clock();
    let layer = fixture().clock(&time).layer();
    let attempt = Attempt::with(|a| drop(a.jwt.claims.remove("exp")));

    assert_accepted("first", &layer, &attempt);
    assert_refused("second", &layer, &attempt, "Unexpected jti claim value");
    time.advance(310);
    assert_refused("at its last second", &layer, &attempt, "Unexpected jti claim value");
    time.advance(1);
    assert_refused("a second later", &layer, &attempt, IAT_PAST);
}

/// The faults in the order in which they are found. Two with the same tag cannot be combined.
const PRECEDENCE: &[(&str, &str, Change, &str)] = &[
    ("encoding", "a", |a| a.header("content-encoding", "gzip"), "Request body must not have a content encoding"),
    ("content type", "b", |a| a.header("content-type", "text/plain"), "x-www-form-urlencoded content-type required"),
    (
        "too large",
        "c",
        |a| {
            a.parameter("padding", &"x".repeat(70_000));
        },
        "Request body too large",
    ),
    ("form", "d", |a| a.tail = "&client_id=%zz", "Request body is not valid form data"),
    ("repeated", "d", |a| a.tail = "&scope=a&scope=b", "Parameter 'scope' must not be repeated"),
    ("query", "e", |a| a.query = "?client%5Fsecret=x", "Client credentials must not be sent in the query string"),
    ("no grant", "f", |a| a.drop_parameter("grant_type"), "Missing grant_type parameter"),
    (
        "grant",
        "f",
        |a| {
            a.parameter("grant_type", "password");
        },
        "The grant_type parameter should equal 'client_credentials'",
    ),
    ("several", "g", |a| a.parameter("client_secret", "s"), "More than one client authentication method was used"),
    ("no type", "h", |a| a.drop_parameter("client_assertion_type"), "Missing client assertion type"),
    ("type", "h", |a| a.parameter("client_assertion_type", "x"), "Invalid client assertion type"),
    ("no assertion", "i", |a| a.drop_parameter("client_assertion"), "Missing client assertion"),
    ("parts", "i", |a| a.mangle = |text| text + ".x!", "JWTs must have three components"),
    ("malformed", "i", |a| a.mangle = |text| text + "=", "JWT is malformed"),
    ("encrypted", "j", |a| a.jose("enc", "A256GCM"), "JWTs must have three components"),
    ("kid", "k", |a| drop(a.jwt.header.remove("kid")), "JWT header kid property is required"),
    ("alg", "l", |a| a.jose("alg", "none"), ""),
    ("crit", "m", |a| a.jose("crit", json!(["x"])), ""),
    ("iss", "n", |a| a.claim("iss", 1), "Unexpected iss claim value"),
    ("client_id", "o", |a| a.parameter("client_id", "other"), "Unexpected iss claim value"),
    ("sub", "p", |a| a.claim("sub", 1), "Unexpected sub claim value"),
    ("jti", "q", |a| a.claim("jti", 1), "Unexpected jti claim value"),
    ("aud", "r", |a| a.claim("aud", "x"), "Unexpected aud claim value"),
    ("typ", "s", |a| a.jose("typ", "x"), "Unexpected typ claim value"),
    ("iat bare", "t", |a| a.claim("iat", "x"), IAT),
    ("nbf", "u", |a| a.claim("nbf", NOW + 11), NBF),
    ("exp", "v", |a| a.claim("exp", NOW - 10), EXP),
    ("iat past", "t", |a| a.claim("iat", NOW - 311), IAT_PAST),
    ("iat future", "t", |a| a.claim("iat", NOW + 11), IAT_FUTURE),
    (
        "client",
        "n",
        |a| {
            a.claim("iss", "stranger");
            if a.jwt.claims["sub"] == CLIENT {
                a.claim("sub", "stranger");
            }
        },
        KEY_NOT_FOUND,
    ),
    ("jku", "w", |a| a.jose("jku", "https://x"), ""),
    ("key", "k", |a| a.jose("kid", "key-2"), KEY_NOT_FOUND),
    ("signature", "i", |a| a.mangle = flip_signature, ""),
];

#[test]
fn the_earlier_of_any_two_faults_is_answered() {
    let layer = layer();
    for (index, (earlier, tag, change, text)) in PRECEDENCE.iter().enumerate() {
        assert!(description(&send(&layer, &Attempt::with(change))).as_deref() == Some(*text), "{earlier} alone");
        for (later, other_tag, other, _) in &PRECEDENCE[index + 1..] {
            // A repeated or escaped parameter is appended, so dropping it from the form would not
            // undo it.
            let exclusive = tag == other_tag || (*earlier == "form" && *later == "client_id");
            if exclusive {
                continue;
            }
            let attempt = Attempt::with(|a| {
                other(a);
                change(a);
            });
            let told = description(&send(&layer, &attempt));
            assert_eq!(told.as_deref(), Some(*text), "{earlier} before {later}");
        }
    }
}

#[test]
fn method_is_checked_first_and_replay_before_signature() {
    let layer = layer();
    let attempt = Attempt::with(|a| {
        a.method = "PUT";
        a.headers.clear();
    });
    let response = send(&layer, &attempt);
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()["allow"], "POST");
    assert_eq!(description(&response).as_deref(), Some("Token requests must use POST"));

    let mut attempt = Attempt::new();
    assert_accepted("first", &layer, &attempt);
    attempt.mangle = flip_signature;
    assert_refused("spent and badly signed", &layer, &attempt, "Unexpected jti claim value");
    attempt.claim("jti", fresh_jti());
    assert_refused("badly signed", &layer, &attempt, "");
}

#[test]
fn a_forged_assertion_does_not_use_up_its_jti() {
    let layer = layer();
    let mut attempt = Attempt::new();
    attempt.mangle = flip_signature;
    assert_refused("forged", &layer, &attempt, "");
    attempt.mangle = |text| text;
    assert_accepted("genuine", &layer, &attempt);
}

#[test]
fn a_registered_algorithm_is_the_only_one_accepted() {
    let rsa = Signer::rsa("RS384", "key-2");
    let weak = json!({"kty": "RSA", "kid": "key-3", "n": "sXchTQ", "e": "AQAB"});
    let keys = key_set(&[
        SIGNER.jwk(),
        rsa.jwk(),
        weak,
        SIGNER
            .jwk()
            .as_object()
            .map(|jwk| {
                let mut jwk = jwk.clone();
                jwk.insert("kid".into(), json!("key-4"));
                Value::Object(jwk)
            })
            .unwrap(),
        {
            let mut jwk = Signer::es384("key-4").jwk();
            jwk["use"] = json!("sig");
            jwk
        },
    ]);
    let client = Client::new(CLIENT, keys).unwrap().with_signing_alg(Algorithm::ES384).unwrap();
    let layer = fixture().clients([client]).layer();

    assert_accepted("the registered algorithm", &layer, &Attempt::new());
    let signed = Jwt::by(&rsa, CLIENT).signed_by(&rsa);
    let attempt = Attempt::with(|a| a.parameter("client_assertion", &signed));
    assert_refused("another algorithm, though the client has a key for it", &layer, &attempt, "");
    assert_refused("two keys of this kid", &layer, &Attempt::with(|a| a.jose("kid", "key-4")), KEY_NOT_FOUND);
}

#[test]
fn redox_describes_a_weak_key_with_the_empty_text() {
    let weak = json!({"kty": "RSA", "kid": "key-3", "n": "sXchTQ", "e": "AQAB"});
    let layer = fixture().keys(&[SIGNER.jwk(), weak]).layer();
    let weak = Attempt::with(|a| {
        a.jose("kid", "key-3");
        a.jose("alg", "RS384");
    });
    assert_refused("weak", &layer, &weak, "");
}

#[test]
fn typ_can_be_required() {
    let layer = fixture().policy(Policy::REDOX.require_typ()).layer();
    assert_accepted("with typ", &layer, &Attempt::new());
    let untyped = Attempt::with(|a| drop(a.jwt.header.remove("typ")));
    assert_refused("without typ", &layer, &untyped, "Unexpected typ claim value");
}

#[test]
fn exp_can_be_required() {
    let layer = fixture().policy(Policy::REDOX.require_exp()).layer();
    assert_accepted("with exp", &layer, &Attempt::new());
    assert_refused("without exp", &layer, &Attempt::with(|a| drop(a.jwt.claims.remove("exp"))), EXP);
}

#[test]
fn rs384_is_accepted_as_well_as_es384() {
    let rsa = Signer::rsa("RS384", "rsa-1");
    let clients = [Client::new("lab-1", key_set(&[rsa.jwk()])).unwrap(), client()];
    let identity = outcome(&fixture().clients(clients).build(), &Jwt::by(&rsa, "lab-1").signed_by(&rsa)).unwrap();
    assert_eq!((identity.client_id().as_str(), identity.algorithm()), ("lab-1", Algorithm::RS384));
    assert_eq!(identity.key_id(), Some("rsa-1"));
    let allowed = AlgorithmSet::of(&[Algorithm::RS384, Algorithm::ES384, Algorithm::HS384]);
    assert_eq!(Policy::REDOX.algorithms(), allowed);
}

#[test]
fn every_refusal_has_the_required_headers() {
    let attempts: &[(&str, Change)] = &[
        ("form", |a| a.tail = "&client_id=%zz"),
        ("claims", |a| a.claim("aud", "x")),
        ("signature", |a| a.mangle = flip_signature),
        ("method", |a| a.method = "GET"),
        ("too large", |a| a.parameter("padding", &"x".repeat(70_000))),
    ];
    let layer = layer();
    for (name, change) in attempts {
        let response = send(&layer, &Attempt::with(change));
        let headers = response.headers();
        assert_eq!(headers["content-type"], "application/json", "{name}");
        assert_eq!(headers["cache-control"], "no-store", "{name}");
        assert_eq!(headers["pragma"], "no-cache", "{name}");
        assert_eq!(headers["content-length"], response.body().len().to_string(), "{name}");
        assert!(response.extensions().get::<Rejection>().is_some(), "{name}");
    }
}

#[test]
fn settings_name_and_error_uri_are_configurable() {
    let renderer = Redox::default().settings_name("the portal").unwrap().error_uri("https://docs.example/e1").unwrap();
    let layer = fixture().layer().render(renderer);
    let response = send(&layer, &Attempt::with(|a| a.jose("kid", "other")));
    assert_eq!(
        response.body(),
        concat!(
            r#"{"error":"invalid_request","error_description":"Public key not found, check client_id, kid and the portal","#,
            r#""error_uri":"https://docs.example/e1"}"#
        )
    );
}

#[test]
fn standard_codes_can_be_chosen() {
    let layer = fixture().layer().render(Redox::default().standard_codes());
    let cases: &[(Change, &str)] = &[
        (|a| a.mangle = flip_signature, r#"{"error":"invalid_client","error_description":""}"#),
        (
            |a| a.drop_parameter("grant_type"),
            r#"{"error":"invalid_request","error_description":"Missing grant_type parameter"}"#,
        ),
        (
            |a| a.parameter("grant_type", "x"),
            r#"{"error":"unsupported_grant_type","error_description":"The grant_type parameter should equal 'client_credentials'"}"#,
        ),
    ];
    for (change, body) in cases {
        assert_eq!(send(&layer, &Attempt::with(change)).body(), body);
    }
}
