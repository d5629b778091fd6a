//! Attacks on the JWT itself, and mistakes that other implementations have made. The numbers are
//! those of the pitfalls in `tests/README.md`.

use crate::common::attempt::{Attempt, Change, description, send};
use crate::common::{CLIENT, ISSUER, Jwt, NOW, SIGNER, Signer, fixture, key_set, with};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_client_assertion::keys::SkipReason;
use tower_client_assertion::policy::{Algorithm, Policy};
use tower_client_assertion::{ClientAssertionLayer, PreservedBodies};

const ALG: &str = "Signing algorithm is not allowed";
const AUD: &str = "Unexpected aud claim";
const ISS: &str = "Unexpected iss claim";
const CRIT: &str = "Unsupported critical header parameter";
const FAILED: &str = "Client authentication failed";
const CHARACTERS: &str = "Client assertion has characters that are not base64url";
const STANDARD: &str = "Client assertion has characters that are not base64url: '+' or '/'";
const WHITE_SPACE: &str = "Client assertion has characters that are not base64url: white space";
const PARTS: &str = "Client assertion must have three components";
const SIGNATURE: &str = "Client assertion signature is invalid";

fn layer_of(policy: Policy, jwks: &[Value]) -> ClientAssertionLayer<PreservedBodies> {
    fixture().policy(policy).at_issuer().keys(jwks).layer()
}

fn layer() -> ClientAssertionLayer<PreservedBodies> {
    layer_of(Policy::RFC7523, &[SIGNER.jwk()])
}

#[track_caller]
fn assert_told(layer: &ClientAssertionLayer<PreservedBodies>, attempt: &Attempt, text: Option<&str>, name: &str) {
    assert_eq!(description(&send(layer, attempt)).as_deref(), text, "{name}");
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A request whose assertion has exactly these two texts, signed by the client's key.
fn raw(header: &str, claims: &str) -> Attempt {
    let assertion = SIGNER.sign(header, claims);
    Attempt::at_issuer(|a| a.parameter("client_assertion", &assertion))
}

const HEADER: &str = r#"{"alg":"ES384","kid":"key-1"}"#;

/// Valid claims, with `more` before the closing brace.
fn claims(more: &str) -> String {
    let jwt = Jwt::new().claim("aud", ISSUER);
    serde_json::to_string(&jwt.claims).unwrap().replace('}', &format!("{more}}}"))
}

#[test]
fn e01_no_spelling_of_none_is_an_algorithm() {
    let layer = layer();
    for alg in
        [json!("none"), json!("None"), json!("nOnE"), json!("NONE"), json!(""), json!(0), json!(["ES384"]), json!(null)]
    {
        for mangle in [|text| text, |text: String| text[..=text.rfind('.').unwrap()].to_owned()] {
            let mut attempt = Attempt::at_issuer(|a| a.jose("alg", alg.clone()));
            attempt.mangle = mangle;
            assert_told(&layer, &attempt, Some(ALG), &alg.to_string());
        }
    }
    assert_told(&layer, &Attempt::at_issuer(|a| a.drop_jose("alg")), Some(ALG), "missing");
}

#[test]
fn e02_a_public_key_is_never_used_as_a_secret() {
    let rsa = Signer::rsa("RS256", "key-1");
    let layer = layer_of(Policy::OIDC, &[rsa.jwk()]);
    let jwk = rsa.jwk();
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n", jwk["n"]);
    for key in [jwk.to_string().into_bytes(), modulus, pem.into_bytes(), b"AQAB".to_vec()] {
        for alg in ["HS256", "HS384", "HS512"] {
            let mac = Signer::secret(alg, &key);
            let assertion = Jwt::by(&mac, CLIENT).claim("aud", ISSUER).header("kid", "key-1").signed_by(&mac);
            let attempt = Attempt::at_issuer(|a| a.parameter("client_assertion", &assertion));
            let refused = "Authentication method is not registered for this client";
            assert_told(&layer, &attempt, Some(refused), alg);
        }
    }
}

#[test]
fn e03_an_rsa_key_is_used_with_the_named_algorithm_only() {
    let signer: &Signer = Box::leak(Box::new(Signer::rsa("RS256", "key-1")));
    let layer = |policy, members: Value| layer_of(policy, &[with(signer.jwk(), members)]);
    let attempt = |alg: &str| {
        let mut attempt = Attempt::of(signer, Jwt::by(signer, CLIENT).claim("aud", ISSUER));
        attempt.jose("alg", alg);
        attempt
    };
    let any = layer(Policy::RFC7523, json!({}));
    assert_told(&any, &attempt("RS256"), None, "as it is");
    assert_told(&any, &attempt("RS384"), Some(SIGNATURE), "the other hash");
    let narrowed = layer(Policy::RFC7523.with_algorithms(Algorithm::RS256.into()), json!({}));
    assert_told(&narrowed, &attempt("RS384"), Some(ALG), "not of this policy");
    assert_told(&any, &attempt("PS256"), Some(SIGNATURE), "the other padding");
    let pss = layer(Policy::RFC7523, json!({"alg": "PS256"}));
    assert_told(&pss, &attempt("RS256"), Some(FAILED), "a key for the other padding");
}

#[test]
fn e04_e05_e06_a_header_neither_supplies_nor_finds_a_key() {
    let evil: &Signer = Box::leak(Box::new(Signer::es384("key-1")));
    let layer = layer();
    let urls =
        ["https://evil.example/jwks", "http://127.0.0.1/", "http://169.254.169.254/latest/meta-data", "file:///x"];
    let mut attempt = Attempt::at_issuer(|a| {
        a.jose("jwk", evil.jwk());
        a.jose("x5c", json!(["MIIB"]));
        a.jose("x5u", urls[0]);
        a.jose("x5t", "AAAA");
        a.jose("x5t#S256", "AAAA");
    });
    assert_told(&layer, &attempt, None, "ignored parameters do no harm");
    attempt.signer = evil;
    attempt.claim("jti", "e04");
    assert_told(&layer, &attempt, Some(SIGNATURE), "nor do they help");
    for url in urls {
        let refused = "JWT header 'jku' does not match the registered key set URL";
        assert_told(&layer, &Attempt::at_issuer(|a| a.jose("jku", url)), Some(refused), url);
    }
}

#[test]
fn e07_e08_critical_extensions_are_refused() {
    let layer = layer();
    for crit in [
        json!(["exp"]),
        json!([]),
        json!(["x", "x"]),
        json!("exp"),
        json!(null),
        json!(["http://example.invalid/UNDEFINED"]),
    ] {
        assert_told(&layer, &Attempt::at_issuer(|a| a.jose("crit", crit.clone())), Some(CRIT), &crit.to_string());
    }
    for b64 in [json!(false), json!(true), json!(null)] {
        assert_told(&layer, &Attempt::at_issuer(|a| a.jose("b64", b64.clone())), Some(CRIT), "b64");
    }
    // RFC 7515, appendix E, with an algorithm that would pass.
    let header = r#"{"alg":"ES384","kid":"key-1","crit":["http://example.invalid/UNDEFINED"],"http://example.invalid/UNDEFINED":true}"#;
    assert_told(&layer, &raw(header, &claims("")), Some(CRIT), "appendix E");
}

#[test]
fn e09_repeated_members_are_refused_in_any_spelling() {
    let layer = layer();
    for more in [r#","iss":"x""#, r#","\u0069ss":"clinic-7""#, r#","x":1,"x":1"#, r#","x":1,"\u0078":2"#] {
        assert_told(&layer, &raw(HEADER, &claims(more)), Some("JWT claims set has a repeated member"), more);
    }
    for header in [
        r#"{"alg":"ES384","kid":"key-1","alg":"none"}"#,
        r#"{"alg":"ES384","kid":"key-1","\u0061lg":"ES384"}"#,
        r#"{"alg":"ES384","kid":"key-1","x":1,"x":1}"#,
    ] {
        assert_told(&layer, &raw(header, &claims("")), Some("JWT header has a repeated member"), header);
    }
}

#[test]
fn e10_dates_are_numbers_that_a_double_can_hold() {
    let layer = layer();
    let number = "The exp claim must be a number";
    let syntax = "JWT claims set is not valid JSON";
    for (exp, text) in [
        ("\"1700000300\"", Some(number)),
        ("1e400", Some(number)),
        ("-1e400", Some(number)),
        ("NaN", Some(syntax)),
        ("Infinity", Some(syntax)),
        ("+1", Some(syntax)),
        ("01", Some(syntax)),
        ("0x65", Some(syntax)),
        ("1.", Some(syntax)),
        ("1_0", Some(syntax)),
        ("-0", Some("Client assertion has expired")),
        ("-1", Some("Client assertion has expired")),
        ("-9223372036854775809", Some("Client assertion has expired")),
        ("9223372036854775808", Some("exp is too far in the future")),
        ("18446744073709551616", Some("exp is too far in the future")),
        ("1e30", Some("exp is too far in the future")),
        ("1e308", Some("exp is too far in the future")),
        ("1.7000001e9", None),
        ("1700000300.999", None),
        ("17000003000e-1", None),
    ] {
        let jwt = Jwt::new().claim("aud", ISSUER).claim("exp", "@");
        let claims = serde_json::to_string(&jwt.claims).unwrap().replace("\"@\"", exp);
        assert_told(&layer, &raw(HEADER, &claims), text, exp);
    }
}

#[test]
fn e11_now_must_be_before_exp_to_the_fraction() {
    let layer = layer_of(Policy::RFC7523.with_expiry_skew(std::time::Duration::ZERO), &[SIGNER.jwk()]);
    let now = NOW as f64;
    for (exp, accepted) in [(now, false), (now - 0.001, false), (now + 0.5, true), (now + 1.0, true)] {
        assert_eq!(
            description(&send(&layer, &Attempt::at_issuer(|a| a.claim("exp", exp)))).is_none(),
            accepted,
            "{exp}"
        );
    }
}

#[test]
fn e12_iss_is_a_string_and_missing_claims_are_refused() {
    let layer = layer();
    let cases: &[(&str, Change, &str)] = &[
        ("iss array", |a| a.claim("iss", json!([CLIENT])), ISS),
        ("iss missing", |a| a.drop_claim("iss"), ISS),
        ("aud missing", |a| a.drop_claim("aud"), AUD),
        ("aud intersects", |a| a.claim("aud", json!(["https://other.example", ISSUER])), AUD),
    ];
    for (name, change, text) in cases {
        assert_told(&layer, &Attempt::at_issuer(change), Some(text), name);
    }
}

#[test]
fn e13_e14_one_odd_key_does_not_affect_the_others() {
    let odd = [
        json!({"kty": "AKP", "alg": "ML-DSA-99", "kid": "a", "pub": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "kid": "b", "x": "AA"}),
        json!({"kty": "OKP", "crv": "Ed448", "kid": "c", "x": "AA"}),
        json!({"kty": "EC", "crv": "secp256k1", "kid": "d", "x": "AA", "y": "AA"}),
        json!({"kty": "quantum"}),
        json!(7),
    ];
    let jwks = [&odd[..], &[SIGNER.jwk()]].concat();
    let keys = key_set(&jwks);
    assert_eq!((keys.len(), keys.skipped().len()), (1, 6));
    let layer = layer_of(Policy::RFC7523, &jwks);
    assert_told(&layer, &Attempt::at_issuer(|_| {}), None, "the good one");
    // An unknown algorithm is not a malformed header.
    for alg in ["Ed448", "ES256K", "ML-DSA-99", "x"] {
        assert_told(&layer, &Attempt::at_issuer(|a| a.jose("alg", alg)), Some(ALG), alg);
    }
    let ed25519: &Signer = Box::leak(Box::new(Signer::ed25519("Ed25519", "key-1")));
    let layer = layer_of(Policy::RFC7523, &[ed25519.jwk()]);
    for alg in ["Ed25519", "EdDSA"] {
        let mut attempt = Attempt::of(ed25519, Jwt::by(ed25519, CLIENT).claim("aud", ISSUER));
        attempt.jose("alg", alg);
        assert_told(&layer, &attempt, None, alg);
    }
}

/// Asserts why this key is skipped, next to a usable one.
#[track_caller]
fn assert_skipped(jwk: &Value, reason: SkipReason) {
    let keys = key_set(&[jwk.clone(), SIGNER.jwk()]);
    assert_eq!(keys.skipped().iter().map(|key| key.reason()).collect::<Vec<_>>(), [reason], "{jwk}");
}

#[test]
fn e15_e28_e29_e31_weak_and_invalid_keys_are_skipped() {
    let with = |members: Value| {
        let kty = members["kty"].as_str().unwrap();
        let base = match kty {
            "RSA" => Signer::rsa("RS256", "k").jwk(),
            "EC" => Signer::es256("k").jwk(),
            _ => Signer::ed25519("EdDSA", "k").jwk(),
        };
        with(base, members)
    };
    let ones = |len: usize, last: u8| {
        let mut number = vec![0xff; len];
        number[len - 1] = last;
        encode(number)
    };
    let cases = [
        (json!({"kty": "RSA", "n": ones(255, 0xff)}), SkipReason::Weak),
        (json!({"kty": "RSA", "n": ones(1025, 0xff)}), SkipReason::Weak),
        (json!({"kty": "RSA", "n": ones(256, 0xfe)}), SkipReason::Weak),
        (json!({"kty": "RSA", "e": "AQ"}), SkipReason::Weak),
        (json!({"kty": "RSA", "e": "Ag"}), SkipReason::Weak),
        (json!({"kty": "RSA", "e": ones(5, 0xff)}), SkipReason::Weak),
        (json!({"kty": "EC", "x": encode([1; 32])}), SkipReason::Invalid),
        (json!({"kty": "EC", "x": encode([0; 32]), "y": encode([0; 32])}), SkipReason::Invalid),
        (json!({"kty": "EC", "crv": "P-384"}), SkipReason::Invalid),
        (json!({"kty": "EC", "y": "AA"}), SkipReason::Invalid),
        (json!({"kty": "EC", "y": ""}), SkipReason::Malformed),
        (json!({"kty": "EC", "alg": "ES384"}), SkipReason::AlgorithmConflict),
        (json!({"kty": "OKP", "x": encode([0; 32])}), SkipReason::Weak),
        (json!({"kty": "OKP", "x": encode([1; 31])}), SkipReason::Invalid),
    ];
    for (members, reason) in cases {
        assert_skipped(&with(members), reason);
    }
}

#[test]
fn e16_nesting_and_length_are_bounded() {
    let layer = layer();
    let deep = Some("JWT claims set is nested too deeply");
    for (levels, text) in [(14, None), (15, None), (16, deep), (5000, deep)] {
        let nested = format!(r#","x":{}1{}"#, "[".repeat(levels), "]".repeat(levels));
        let attempt = raw(HEADER, &claims(&nested));
        assert_told(&layer, &attempt, text, &levels.to_string());
    }
    let long = Attempt::at_issuer(|a| a.claim("x", "x".repeat(16 * 1024)));
    assert_told(&layer, &long, Some("Client assertion is too long"), "long");
}

#[test]
fn e17_text_is_strict_utf_8() {
    let layer = layer();
    let refused = |claims: Vec<u8>| {
        let assertion = SIGNER.sign(HEADER, claims);
        description(&send(&layer, &Attempt::at_issuer(|a| a.parameter("client_assertion", &assertion))))
    };
    let text = claims(r#","x":"@""#);
    let with_bytes = |bytes: &[u8]| {
        let at = text.find('@').unwrap();
        [&text.as_bytes()[..at], bytes, &text.as_bytes()[at + 1..]].concat()
    };
    let not_utf8 = Some("JWT claims set is not UTF-8");
    for bytes in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"] {
        assert_eq!(refused(with_bytes(bytes)).as_deref(), not_utf8, "{bytes:?}");
    }
    for bytes in [&b"\\ud800"[..], b"\\udc00\\ud800", b"\0", b"\n"] {
        assert_eq!(refused(with_bytes(bytes)).as_deref(), Some("JWT claims set is not valid JSON"), "{bytes:?}");
    }
    let marked = refused([b"\xef\xbb\xbf", text.as_bytes()].concat());
    assert_eq!(marked.as_deref(), Some("JWT claims set begins with a byte order mark"));
    assert_eq!(refused(text.encode_utf16().flat_map(u16::to_be_bytes).collect()).as_deref(), not_utf8, "UTF-16");
    assert_eq!(refused(with_bytes("\u{1F600}\\ud83d\\ude00".as_bytes())), None, "what is right");
    for (claim, text) in
        [("jti", "Unexpected jti claim"), ("iss", ISS), ("sub", "iss and sub must both be the client id")]
    {
        assert_told(&layer, &Attempt::at_issuer(|a| a.claim(claim, "a\0b")), Some(text), claim);
    }
}

#[test]
fn e18_e19_an_assertion_has_one_spelling() {
    let layer = layer();
    type Mangled = (&'static str, fn(String) -> String, &'static str);
    let mangles: &[Mangled] = &[
        ("padded", |text| text + "==", "Client assertion has characters that are not base64url: padding"),
        ("in the other alphabet", |text| text.replace('.', "+."), STANDARD),
        ("with a slash", |text| text + "/", STANDARD),
        ("with a space before", |text| format!(" {text}"), WHITE_SPACE),
        ("with a line break after", |text| text + "\r\n", WHITE_SPACE),
        ("after Bearer", |text| format!("Bearer {text}"), WHITE_SPACE),
        ("with a NUL after", |text| text + "\0", CHARACTERS),
        ("twice", |text| format!("{text},{text}"), PARTS),
        ("twice, by a space", |text| format!("{text} {text}"), PARTS),
        ("with stray bits", stray_bits, "Client assertion is not complete base64url"),
    ];
    for (name, mangle, text) in mangles {
        assert_told(&layer, &Attempt::at_issuer(|a| a.mangle = *mangle), Some(text), name);
    }
}

/// The last of four characters carries two bits that no byte needs. 97 bytes leave four such bits.
fn stray_bits(text: String) -> String {
    let (input, signature) = text.rsplit_once('.').unwrap();
    let longer = [URL_SAFE_NO_PAD.decode(signature).unwrap(), vec![0]].concat();
    let spelt = encode(longer);
    format!("{input}.{}B", spelt.strip_suffix('A').unwrap())
}

#[test]
fn e20_e21_e22_only_compact_signed_jwts_are_accepted() {
    let layer = layer();
    let refused = |assertion: &str| {
        description(&send(&layer, &Attempt::at_issuer(|a| a.parameter("client_assertion", assertion))))
    };
    assert_eq!(refused(r#"{"payload":"e30","protected":"e30","signature":"AA"}"#).as_deref(), Some(PARTS));
    assert_eq!(refused(r#"{"payload":"a.b.c"}"#).as_deref(), Some(CHARACTERS));
    let jwe = format!(
        "{}.AA.AA.AA.AA",
        encode(r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"zip":"DEF"}"#)
    );
    assert_eq!(refused(&jwe).as_deref(), Some(PARTS));
    let encrypted = "Encrypted client assertions are not supported";
    assert_told(&layer, &Attempt::at_issuer(|a| a.jose("enc", "A128GCM")), Some(encrypted), "enc");
    for cty in ["JWT", "jwt", "application/jwt"] {
        assert_told(&layer, &Attempt::at_issuer(|a| a.jose("cty", cty)), Some(encrypted), cty);
    }
}

#[test]
fn e23_e24_aud_is_the_issuer_alone() {
    let layer = layer();
    for aud in [
        json!([ISSUER, "https://evil.example"]),
        json!([]),
        json!([1]),
        json!({ISSUER: 1}),
        json!(format!("{ISSUER}/")),
        json!(ISSUER.to_uppercase()),
        json!("https://as.example.com:443"),
        json!("https://as%2Eexample.com"),
        json!("https://as.example.com/token"),
    ] {
        assert_told(&layer, &Attempt::at_issuer(|a| a.claim("aud", aud.clone())), Some(AUD), &aud.to_string());
    }
}
