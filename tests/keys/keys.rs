//! Keys: which JWKs are usable, why others are skipped, that one unusable key does not affect the
//! others, and which key an assertion is checked with.

use std::sync::LazyLock;

use crate::common::{self, CLIENT, Jwt, Signer, fixture, key_set, with};
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tower_client_assertion::keys::{KeySet, KeySetError, MAX_BYTES, MAX_KEYS, SkipReason};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet};
use tower_client_assertion::rejection::ClientFault;
use tower_client_assertion::{Policy, Verifier};

use Algorithm::{ES256, ES384, ES512, Ed25519, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};

static P256: LazyLock<Signer> = LazyLock::new(|| Signer::es256("judged"));
static P384: LazyLock<Signer> = LazyLock::new(|| Signer::es384("judged"));
static P521: LazyLock<Signer> = LazyLock::new(|| Signer::es512("judged"));
static ED25519: LazyLock<Signer> = LazyLock::new(|| Signer::ed25519("EdDSA", "judged"));
static RSA: LazyLock<Signer> = LazyLock::new(|| Signer::rsa("RS256", "judged"));
static OTHER: LazyLock<Signer> = LazyLock::new(|| Signer::es384("other"));

const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decoded(jwk: &Value, member: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap()).unwrap()
}

fn without(jwk: Value, member: &str) -> Value {
    let Value::Object(mut jwk) = jwk else { panic!("an object is needed") };
    assert!(jwk.remove(member).is_some(), "{member} is not there");
    jwk.into()
}

/// The outcome for a key between two usable ones: its algorithms, or why it was skipped. Asserts
/// that the other two stay usable.
#[track_caller]
fn judge_text(jwk: &str) -> Result<AlgorithmSet, SkipReason> {
    let good = OTHER.jwk();
    let another = with(P256.jwk(), json!({"kid": "another"}));
    let set = KeySet::parse(format!(r#"{{"keys":[{good},{jwk},{another}]}}"#).as_bytes()).unwrap();
    let good = |key_id| matches!(key_id, Some("other" | "another"));
    assert_eq!(set.iter().filter(|key| good(key.key_id())).count(), 2, "the good keys stay usable next to {jwk}");
    let mut judged = set.iter().filter(|key| !good(key.key_id()));
    match (judged.next(), set.skipped()) {
        (Some(key), []) => Ok(key.algorithms()),
        (None, [skipped]) => {
            assert_eq!(skipped.index(), 1);
            Err(skipped.reason())
        }
        other => panic!("neither usable nor skipped: {other:?}"),
    }
}

#[track_caller]
fn judge(jwk: &Value) -> Result<AlgorithmSet, SkipReason> {
    judge_text(&jwk.to_string())
}

fn all_keys() -> [(&'static str, Value); 5] {
    [
        ("P-256", P256.jwk()),
        ("P-384", P384.jwk()),
        ("P-521", P521.jwk()),
        ("Ed25519", ED25519.jwk()),
        ("RSA", RSA.jwk()),
    ]
}

#[test]
fn a_key_of_each_type_serves_the_algorithms_of_its_type() {
    let cases = [
        (P256.jwk(), AlgorithmSet::of(&[ES256])),
        (P384.jwk(), AlgorithmSet::of(&[ES384])),
        (P521.jwk(), AlgorithmSet::of(&[ES512])),
        (ED25519.jwk(), AlgorithmSet::of(&[EdDSA, Ed25519])),
        (RSA.jwk(), AlgorithmSet::of(&[RS256, RS384, RS512, PS256, PS384, PS512])),
    ];
    for (jwk, algorithms) in cases {
        assert_eq!(judge(&jwk), Ok(algorithms), "{jwk}");
        assert_eq!(
            judge(&with(jwk.clone(), json!({"x5t": "x", "iat": 1, "nested": {"d": 1}}))),
            Ok(algorithms),
            "{jwk}"
        );
        assert_eq!(judge(&without(jwk, "kid")), Ok(algorithms), "a kid is optional");
    }
}

#[test]
fn an_unknown_kty_or_crv_is_unsupported() {
    let cases = [
        json!({"kty": "PQC", "alg": "ML-DSA-44", "pub": "AAAA"}),
        json!({"kty": "oct", "alg": "HS256"}),
        with(P256.jwk(), json!({"kty": "ec"})),
        with(RSA.jwk(), json!({"kty": "rsa"})),
        with(P256.jwk(), json!({"kty": "RSA2"})),
        with(P256.jwk(), json!({"crv": "secp256k1"})),
        with(P256.jwk(), json!({"crv": "p-256"})),
        with(P256.jwk(), json!({"crv": "P-224"})),
        with(P256.jwk(), json!({"crv": "Ed25519"})),
        with(ED25519.jwk(), json!({"crv": "X25519"})),
        with(ED25519.jwk(), json!({"crv": "Ed448"})),
        with(ED25519.jwk(), json!({"crv": "P-256"})),
    ];
    for jwk in cases {
        assert_eq!(judge(&jwk), Err(SkipReason::UnsupportedType), "{jwk}");
    }
}

#[test]
fn keys_with_private_members_are_skipped() {
    let contents = ["AQAB", "AA", "A", " ", "\u{0}", "null"].map(Value::from);
    let others = [json!(1), json!(0), json!(true), json!(false), json!({}), json!([[]]), json!([""]), json!([null])];
    for (name, jwk) in all_keys() {
        for member in PRIVATE {
            for value in contents.iter().chain(&others) {
                let jwk = with(jwk.clone(), json!({ member: value }));
                assert_eq!(judge(&jwk), Err(SkipReason::PrivateMembers), "{name} with {member}: {value}");
            }
        }
    }
    assert_eq!(judge(&json!({"kty": "oct", "k": "c2VjcmV0"})), Err(SkipReason::PrivateMembers));
    for (member, value) in [("kty", json!(1)), ("kid", json!(1)), ("alg", json!([1])), ("use", json!("enc"))] {
        let jwk = with(json!({"kty": "RSA", "d": "AQ"}), json!({ member: value }));
        assert_eq!(judge(&jwk), Err(SkipReason::PrivateMembers), "even if it is no key at all: {jwk}");
    }
    for text in [r#"{"kty":"RSA","d":"","d":"AQ"}"#, r#"{"kty":"RSA","d":"AQ","d":""}"#, r#"{"kid":"","kid":"","d":0}"#]
    {
        assert_eq!(judge_text(text), Err(SkipReason::PrivateMembers), "{text}");
    }
}

/// An odd number of exactly this many bits. It need not be a product of two primes to look like a
/// modulus.
fn modulus(bits: usize) -> Vec<u8> {
    let mut n = vec![0xA5; bits.div_ceil(8)];
    let top = (bits - 1) % 8;
    n[0] = (1 << top) | (n[0] & ((1 << top) - 1));
    n
}

fn rsa(n: &[u8], e: &[u8]) -> Value {
    json!({"kty": "RSA", "kid": "judged", "n": encode(n), "e": encode(e)})
}

const F4: &[u8] = &[1, 0, 1];

fn all_rsa() -> AlgorithmSet {
    AlgorithmSet::of(&[RS256, RS384, RS512, PS256, PS384, PS512])
}

#[test]
fn a_modulus_has_2048_to_8192_bits_and_is_odd() {
    let weak = Err(SkipReason::Weak);
    let usable = [2048, 2049, 3072, 4096, 8191, 8192];
    for bits in usable {
        assert_eq!(judge(&rsa(&modulus(bits), F4)), Ok(all_rsa()), "{bits} bits");
        let padded = [&[0, 0], modulus(bits).as_slice()].concat();
        assert_eq!(judge(&rsa(&padded, F4)), Ok(all_rsa()), "{bits} bits after leading zero octets");
        let mut even = modulus(bits);
        *even.last_mut().unwrap() &= 0xFE;
        assert_eq!(judge(&rsa(&even, F4)), weak, "{bits} bits, even");
    }
    for bits in [1, 512, 1024, 2047, 8193, 16_384] {
        assert_eq!(judge(&rsa(&modulus(bits), F4)), weak, "{bits} bits");
    }
    let short_but_padded = [[0; 128], modulus(1024).try_into().unwrap()].concat();
    assert_eq!(judge(&rsa(&short_but_padded, F4)), weak, "zero octets make no modulus longer");
    assert_eq!(judge(&rsa(&[0; 256], F4)), weak, "a modulus of zero");
}

#[test]
fn an_exponent_is_odd_and_from_3_to_65537() {
    let cases: [(&str, &[u8], bool); 19] = [
        ("0", &[0], false),
        ("1", &[1], false),
        ("1 after a zero octet", &[0, 1], false),
        ("2", &[2], false),
        ("3", &[3], true),
        ("4", &[4], false),
        ("17", &[17], true),
        ("255", &[255], true),
        ("257", &[1, 1], true),
        ("65535", &[0xFF, 0xFF], true),
        ("65536", &[1, 0, 0], false),
        ("65537", F4, true),
        ("65537 after zero octets", &[0, 0, 0, 0, 1, 0, 1], true),
        ("65538", &[1, 0, 2], false),
        ("65539", &[1, 0, 3], false),
        ("2^24 + 1", &[1, 0, 0, 1], false),
        ("2^32 - 1", &[0xFF, 0xFF, 0xFF, 0xFF], false),
        ("2^32 + 1", &[1, 0, 0, 0, 1], false),
        ("2^64 - 1", &[0xFF; 8], false),
    ];
    for (name, e, usable) in cases {
        let expected = if usable { Ok(all_rsa()) } else { Err(SkipReason::Weak) };
        assert_eq!(judge(&rsa(&modulus(2048), e)), expected, "{name}");
    }
    let n = modulus(2048);
    assert_eq!(judge(&rsa(&n, &n)), Err(SkipReason::Weak), "an exponent as long as the modulus");
}

#[test]
fn an_alg_does_not_relax_the_modulus_check() {
    for alg in all_rsa().iter().map(Algorithm::name) {
        let jwk = |bits| with(rsa(&modulus(bits), F4), json!({"alg": alg}));
        assert_eq!(judge(&jwk(2047)), Err(SkipReason::Weak), "{alg}");
        assert_eq!(judge(&jwk(2048)), Ok(AlgorithmSet::of(&[Algorithm::from_name(alg).unwrap()])), "{alg}");
        assert_eq!(judge(&jwk(8192)), Ok(AlgorithmSet::of(&[Algorithm::from_name(alg).unwrap()])), "{alg}");
        assert_eq!(judge(&jwk(8193)), Err(SkipReason::Weak), "{alg}");
    }
}

#[test]
fn a_point_off_its_curve_or_of_another_length_is_invalid() {
    for (name, jwk) in [("P-256", P256.jwk()), ("P-384", P384.jwk()), ("P-521", P521.jwk())] {
        let (x, y) = (decoded(&jwk, "x"), decoded(&jwk, "y"));
        let point = |x: &[u8], y: &[u8]| with(jwk.clone(), json!({"x": encode(x), "y": encode(y)}));
        assert_eq!(judge(&point(&x, &y)).map(|_| ()), Ok(()), "{name}");
        let flipped = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            *bytes.last_mut().unwrap() ^= 1;
            bytes
        };
        let longer = |bytes: &[u8]| [bytes, &[0]].concat();
        let shorter = |bytes: &[u8]| bytes[..bytes.len() - 1].to_vec();
        let excess = |bytes: &[u8]| [&[1], bytes].concat();
        let (zero, ones) = (vec![0; x.len()], vec![0xFF; x.len()]);
        let cases = [
            ("x off by a bit", point(&flipped(&x), &y)),
            ("y off by a bit", point(&x, &flipped(&y))),
            ("swapped coordinates", point(&y, &x)),
            ("x twice", point(&x, &x)),
            ("the origin", point(&zero, &zero)),
            ("the origin, in one octet", point(&[0], &[0])),
            ("larger than the field", point(&ones, &ones)),
            ("x without its last octet", point(&shorter(&x), &y)),
            ("y without its last octet", point(&x, &shorter(&y))),
            ("a zero behind x", point(&longer(&x), &y)),
            ("a zero behind y", point(&x, &longer(&y))),
            ("a one before x", point(&excess(&x), &y)),
            ("a one before y", point(&x, &excess(&y))),
            ("an octet moved from y to x", point(&[x.as_slice(), &y[..1]].concat(), &y[1..])),
        ];
        for (what, jwk) in cases {
            assert_eq!(judge(&jwk), Err(SkipReason::Invalid), "{name}: {what}");
        }
        for crv in ["P-256", "P-384", "P-521"].into_iter().filter(|crv| *crv != name) {
            let jwk = with(jwk.clone(), json!({ "crv": crv }));
            assert_eq!(judge(&jwk), Err(SkipReason::Invalid), "a key of {name} that says {crv}");
        }
    }
}

fn okp(x: &[u8]) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": "judged", "x": encode(x)})
}

fn from_hex(hex: &str) -> [u8; 32] {
    let bytes: Vec<_> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    bytes.try_into().unwrap()
}

/// The encoding of a small number, and the same number plus the prime 2^255 - 19, little-endian.
fn small_y(y: u8) -> ([u8; 32], [u8; 32]) {
    let (mut canonical, mut excessive) = ([0; 32], [0xFF; 32]);
    (canonical[0], excessive[0], excessive[31]) = (y, 0xED + y, 0x7F);
    (canonical, excessive)
}

#[test]
fn no_ed25519_point_of_low_order_is_usable_in_any_encoding() {
    let encodings = [
        ("y = 0, order 4", "0000000000000000000000000000000000000000000000000000000000000000"),
        ("y = 1, the neutral element", "0100000000000000000000000000000000000000000000000000000000000000"),
        ("y = -1, order 2", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ("order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        ("order 8, the other y", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        ("y = p, not canonical", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ("y = p + 1, not canonical", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ];
    for (name, hex) in encodings {
        for sign in [0, 0x80] {
            let mut x = from_hex(hex);
            x[31] |= sign;
            assert_eq!(judge(&okp(&x)), Err(SkipReason::Weak), "{name}, sign {sign:#x}");
        }
    }
}

#[test]
fn an_ed25519_point_has_one_encoding() {
    let mut points = 0;
    for y in 2..=18 {
        let (canonical, excessive) = small_y(y);
        for sign in [0, 0x80] {
            let signed = |mut x: [u8; 32]| {
                x[31] |= sign;
                okp(&x)
            };
            points += usize::from(judge(&signed(canonical)).is_ok());
            assert_eq!(judge(&signed(excessive)), Err(SkipReason::Invalid), "y = p + {y}, sign {sign:#x}");
        }
    }
    assert!(points >= 2, "some of these numbers are points when they are written as they should be");
}

/// The curve is symmetric in y. An encoding just below the prime, or that differs from it in one
/// octet, is therefore as usable as its negative.
#[test]
fn ed25519_points_just_below_the_prime_are_usable() {
    let mut points = 0;
    for (octet, y) in [0, 1, 15, 30, 31].into_iter().flat_map(|octet| (2..=40).map(move |y| (octet, y))) {
        let (mut small, mut negative) = ([0; 32], small_y(0).1);
        (small[octet], negative[octet]) = (y, negative[octet] - y);
        for sign in [0, 0x80] {
            let signed = |mut x: [u8; 32]| {
                x[31] |= sign;
                judge(&okp(&x))
            };
            assert_eq!(signed(negative), signed(small), "p - {y} * 256^{octet}, sign {sign:#x}");
            points += usize::from(signed(small).is_ok());
        }
    }
    assert!(points > 100, "about half of all numbers are points: {points}");
}

#[test]
fn values_that_are_not_ed25519_points_are_invalid() {
    let x = decoded(&ED25519.jwk(), "x");
    assert_eq!(judge(&okp(&x)), Ok(AlgorithmSet::of(&[EdDSA, Ed25519])));
    let cases: [(&str, Vec<u8>); 6] = [
        ("y = 2 is on no point", small_y(2).0.to_vec()),
        ("y = 7 is on no point", small_y(7).0.to_vec()),
        ("31 octets", x[..31].to_vec()),
        ("33 octets", [x.as_slice(), &[0]].concat()),
        ("one octet", vec![0]),
        ("57 octets, as Ed448 has", vec![1; 57]),
    ];
    for (name, x) in cases {
        assert_eq!(judge(&okp(&x)), Err(SkipReason::Invalid), "{name}");
    }
}

#[test]
fn use_and_key_ops_must_permit_verifying_and_agree() {
    let refused = Err(SkipReason::NotForSignatures);
    let cases = [
        (json!({"use": "sig"}), Ok(())),
        (json!({"use": "enc"}), refused),
        (json!({"use": "SIG"}), refused),
        (json!({"use": "verify"}), refused),
        (json!({"use": ""}), Ok(())),
        (json!({"use": " "}), refused),
        (json!({"key_ops": ["verify"]}), Ok(())),
        (json!({"key_ops": ["sign", "verify"]}), Ok(())),
        (json!({"key_ops": ["verify", "encrypt"]}), Ok(())),
        (json!({"key_ops": []}), Ok(())),
        (json!({"key_ops": [""]}), refused),
        (json!({"key_ops": ["sign"]}), refused),
        (json!({"key_ops": ["encrypt"]}), refused),
        (json!({"key_ops": ["Verify"]}), refused),
        (json!({"key_ops": ["sign, verify"]}), refused),
        (json!({"key_ops": ["verify", "verify"]}), refused),
        (json!({"key_ops": ["sign", "verify", "sign"]}), refused),
        (json!({"use": "sig", "key_ops": ["verify"]}), Ok(())),
        (json!({"use": "sig", "key_ops": ["verify", "sign"]}), Ok(())),
        (json!({"use": "sig", "key_ops": ["verify", "encrypt"]}), refused),
        (json!({"use": "sig", "key_ops": ["sign"]}), refused),
        (json!({"use": "sig", "key_ops": []}), Ok(())),
        (json!({"use": "enc", "key_ops": []}), refused),
        (json!({"use": "enc", "key_ops": ["verify"]}), refused),
    ];
    for (members, expected) in cases {
        for (name, jwk) in all_keys() {
            assert_eq!(judge(&with(jwk, members.clone())).map(|_| ()), expected, "{name} with {members}");
        }
    }
}

#[test]
fn key_ops_has_at_most_sixteen_values() {
    let operations = |count: usize| {
        let others = (1..count).map(|index| format!("operation-{index}"));
        others.chain(["verify".to_owned()]).collect::<Vec<_>>()
    };
    for (count, expected) in [(15, Ok(())), (16, Ok(())), (17, Err(SkipReason::NotForSignatures))] {
        let jwk = with(P256.jwk(), json!({"key_ops": operations(count)}));
        assert_eq!(judge(&jwk).map(|_| ()), expected, "{count}");
    }
}

#[test]
fn alg_narrows_a_key_and_never_widens_it() {
    let conflict = Err(SkipReason::AlgorithmConflict);
    let only = |algorithm| Ok(AlgorithmSet::of(&[algorithm]));
    let both = Ok(AlgorithmSet::of(&[EdDSA, Ed25519]));
    let cases = [
        (&P256, "ES256", only(ES256)),
        (&P256, "ES384", conflict),
        (&P256, "ES512", conflict),
        (&P256, "ES256K", conflict),
        (&P256, "ECDH-ES", conflict),
        (&P384, "ES384", only(ES384)),
        (&P384, "ES256", conflict),
        (&P384, "RS384", conflict),
        (&P521, "ES512", only(ES512)),
        (&P521, "ES521", conflict),
        (&ED25519, "EdDSA", both),
        (&ED25519, "Ed25519", both),
        (&ED25519, "Ed448", conflict),
        (&ED25519, "ed25519", conflict),
        (&ED25519, "ES256", conflict),
        (&RSA, "RS256", only(RS256)),
        (&RSA, "RS384", only(RS384)),
        (&RSA, "RS512", only(RS512)),
        (&RSA, "PS256", only(PS256)),
        (&RSA, "PS384", only(PS384)),
        (&RSA, "PS512", only(PS512)),
        (&RSA, "rs256", conflict),
        (&RSA, "RS1", conflict),
        (&RSA, "RSA-OAEP", conflict),
        (&RSA, "HS256", conflict),
        (&RSA, "none", conflict),
        (&RSA, "", Ok(all_rsa())),
        (&RSA, " ", conflict),
    ];
    for (signer, alg, expected) in cases {
        assert_eq!(judge(&with(signer.jwk(), json!({"alg": alg}))), expected, "{alg} on a key for {}", signer.alg);
    }
}

#[test]
fn members_of_the_wrong_type_are_refused() {
    let (ec, rsa) = (P256.jwk(), RSA.jwk());
    let wrong = [json!(1), json!(true), json!({}), json!(["x"])];
    for value in wrong {
        for (member, keys) in [
            ("kty", [&ec, &rsa]),
            ("kid", [&ec, &rsa]),
            ("alg", [&ec, &rsa]),
            ("use", [&ec, &rsa]),
            ("crv", [&ec, &ec]),
            ("x", [&ec, &ec]),
            ("y", [&ec, &ec]),
            ("n", [&rsa, &rsa]),
            ("e", [&rsa, &rsa]),
        ] {
            for jwk in keys {
                let jwk = with(jwk.clone(), json!({ member: value }));
                assert_eq!(judge(&jwk), Err(SkipReason::Malformed), "{member}: {value}");
            }
        }
    }
    for value in [json!("verify"), json!({}), json!([1]), json!(["verify", null])] {
        let jwk = with(ec.clone(), json!({"key_ops": value}));
        assert_eq!(judge(&jwk), Err(SkipReason::Malformed), "key_ops: {value}");
    }
}

#[test]
fn keys_with_missing_members_are_skipped() {
    let required = [
        (&P256, ["kty", "crv", "x", "y"].as_slice()),
        (&ED25519, ["kty", "crv", "x"].as_slice()),
        (&RSA, ["kty", "n", "e"].as_slice()),
    ];
    for (signer, members) in required {
        for member in members {
            assert_eq!(
                judge(&without(signer.jwk(), member)),
                Err(SkipReason::Malformed),
                "{} without {member}",
                signer.alg
            );
        }
    }
}

#[test]
fn repeated_members_are_refused_even_if_escaped() {
    for (name, jwk) in all_keys() {
        let Value::Object(members) = &jwk else { panic!("a JWK is an object") };
        let inner = jwk.to_string();
        let inner = inner.trim_start_matches('{').trim_end_matches('}');
        for (member, value) in members {
            let escaped = format!("\\u{:04x}{}", member.as_bytes()[0], &member[1..]);
            for again in [member.as_str(), &escaped] {
                let text = format!(r#"{{{inner},"{again}":{value}}}"#);
                assert_eq!(judge_text(&text), Err(SkipReason::Malformed), "{name}: {again} twice");
            }
        }
    }
}

#[test]
fn entries_that_are_not_objects_are_malformed() {
    for entry in ["null", "1", "true", r#""key""#, "[]", r#"["EC"]"#, "{}"] {
        assert_eq!(judge_text(entry), Err(SkipReason::Malformed), "{entry}");
    }
}

#[test]
fn an_array_of_member_values_is_not_a_key() {
    let jwk = P256.jwk();
    let array = json!(["EC", "judged", "ES256", "sig", ["verify"], "P-256", jwk["x"], jwk["y"]]);
    assert_eq!(judge(&array), Err(SkipReason::Malformed));
}

#[test]
fn a_nested_array_of_keys_is_not_a_key_set() {
    let document = json!([[P256.jwk()]]).to_string();
    assert_eq!(
        KeySet::parse(document.as_bytes()).unwrap_err().to_string(),
        "this is not a JWK Set: it is an array; wrap it in {\"keys\":..}"
    );
}

#[test]
fn members_must_be_strict_base64url() {
    for (signer, members) in [(&P256, ["x", "y"].as_slice()), (&ED25519, &["x"]), (&RSA, &["n", "e"])] {
        for member in members {
            let good = signer.jwk()[*member].as_str().unwrap().to_owned();
            let padded = URL_SAFE.encode(decoded(&signer.jwk(), member));
            let mut cases = vec![
                format!("+{}", &good[1..]),
                format!("/{}", &good[1..]),
                format!("{good} "),
                format!("{good}\n"),
                format!(" {good}"),
                format!("{good}="),
                format!("{good}."),
                format!("\u{e4}{}", &good[1..]),
            ];
            // Some lengths need no padding and leave no bits over.
            if padded != good {
                cases.push(padded);
                cases.push(format!("{}_", &good[..good.len() - 1]));
            }
            for text in cases {
                let jwk = with(signer.jwk(), json!({ *member: text }));
                assert_eq!(judge(&jwk), Err(SkipReason::Malformed), "{} {member}: {text:?}", signer.alg);
            }
        }
    }
}

#[test]
fn skipped_keys_are_listed_in_document_order() {
    let keys = [
        with(P256.jwk(), json!({"kid": "z"})),
        json!({"kty": "oct", "kid": "symmetric", "k": "c2VjcmV0"}),
        json!("not a key"),
        with(P384.jwk(), json!({"kid": "a"})),
        json!({"kty": "PQC"}),
        with(rsa(&modulus(1024), F4), json!({"kid": "small"})),
        without(ED25519.jwk(), "kid"),
    ];
    let set = key_set(&keys);
    let skipped: Vec<_> = set.skipped().iter().map(|key| (key.index(), key.key_id(), key.reason())).collect();
    assert_eq!(
        skipped,
        [
            (1, Some("symmetric"), SkipReason::PrivateMembers),
            (2, None, SkipReason::Malformed),
            (4, None, SkipReason::UnsupportedType),
            (5, Some("small"), SkipReason::Weak),
        ]
    );
    assert_eq!(set.iter().map(|key| key.key_id()).collect::<Vec<_>>(), [None, Some("a"), Some("z")]);
    assert_eq!((set.len(), set.is_empty()), (3, false));
    assert_eq!(set.algorithms(), AlgorithmSet::of(&[ES256, ES384, EdDSA, Ed25519]));
}

#[test]
fn every_skip_reason_has_its_own_sentence() {
    let sentences = [
        (SkipReason::Malformed, "it is not a well-formed JWK"),
        (SkipReason::UnsupportedType, "its kty or crv is not supported"),
        (SkipReason::PrivateMembers, "it has private or symmetric members, which must never leave the client"),
        (SkipReason::NotForSignatures, "its use or key_ops do not permit verification, or contradict each other"),
        (SkipReason::AlgorithmConflict, "its alg does not belong to its type"),
        (SkipReason::Weak, "it is too weak or too large"),
        (SkipReason::Invalid, "it is not a valid public key"),
    ];
    for (reason, sentence) in sentences {
        assert_eq!(reason.to_string(), sentence);
    }
}

#[test]
fn documents_may_be_empty_and_have_other_members() {
    let good = OTHER.jwk();
    let set = KeySet::parse(format!(" {{\"iss\" : 1, \"keys\" : [ {good} ] , \"x\":[]}}\r\n\t").as_bytes()).unwrap();
    assert_eq!(set.len(), 1);
    let set = KeySet::parse(br#"{"keys":[]}"#).unwrap();
    assert!(set.is_empty() && set.skipped().is_empty() && set.algorithms().is_empty());
}

#[test]
fn deep_nesting_affects_one_key_at_most() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for levels in [100, 1_000, 50_000] {
        // It does not matter whether such a key is usable. Parsing must end, and the other keys
        // must stay usable.
        let _ = judge_text(&format!(r#"{{"kty":"EC","crv":"P-256","unknown":{}}}"#, deep(levels)));
        let _ = judge_text(&format!(r#"{{"kty":"EC","d":{}}}"#, deep(levels)));
        assert_eq!(
            judge_text(&format!(r#"{{"kty":{}}}"#, deep(levels))),
            Err(SkipReason::Malformed),
            "{levels} levels"
        );
    }
}

#[test]
fn documents_over_the_byte_limit_are_refused() {
    let text = json!({"keys": [OTHER.jwk()]}).to_string();
    let of_length = |len: usize| format!("{text}{}", " ".repeat(len - text.len()));
    for limit in [text.len(), text.len() + 1, MAX_BYTES] {
        assert_eq!(KeySet::parse_within(of_length(limit).as_bytes(), limit, 1).map(|set| set.len()), Ok(1), "{limit}");
        let outcome = KeySet::parse_within(of_length(limit + 1).as_bytes(), limit, 1).map(|_| ());
        assert_eq!(outcome, Err(KeySetError::TooLong { limit }), "{limit}");
    }
    assert_eq!(KeySet::parse(of_length(MAX_BYTES - 1).as_bytes()).map(|set| set.len()), Ok(1));
    assert_eq!(MAX_BYTES, 262_144);
    assert_eq!(KeySet::parse(of_length(MAX_BYTES).as_bytes()).map(|set| set.len()), Ok(1));
    let error = KeySet::parse(of_length(MAX_BYTES + 1).as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "the document is longer than 262144 bytes");
}

#[test]
fn documents_over_the_key_limit_are_refused() {
    let key = |index: usize| with(OTHER.jwk(), json!({"kid": format!("key-{index}")}));
    let document = |count: usize| json!({"keys": (0..count).map(key).collect::<Vec<_>>()}).to_string();
    assert_eq!(MAX_KEYS, 100);
    for count in [99, 100] {
        assert_eq!(KeySet::parse(document(count).as_bytes()).map(|set| set.len()), Ok(count));
    }
    let error = KeySet::parse(document(101).as_bytes()).unwrap_err();
    assert_eq!(error, KeySetError::TooManyKeys { limit: 100 });
    assert_eq!(error.to_string(), "the document has more than 100 keys");
    assert_eq!(KeySet::parse_within(document(2).as_bytes(), MAX_BYTES, 2).map(|set| set.len()), Ok(2));
    let junk = json!({"keys": vec![Value::Null; 101]}).to_string();
    assert_eq!(KeySet::parse(junk.as_bytes()).map(|_| ()), Err(KeySetError::TooManyKeys { limit: 100 }));
    assert_eq!(KeySet::parse_within(br#"{"keys":[]}"#, 100, 0).map(|set| set.len()), Ok(0));
}

#[test]
fn debug_output_shows_keys_without_key_material() {
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";
    let mut keys: Vec<_> = all_keys().into_iter().map(|(_, jwk)| jwk).collect();
    keys.push(json!({"kty": "oct", "kid": "symmetric", "k": secret}));
    let set = key_set(&keys);
    let each = set.iter().map(|key| format!("{key:?} {key:#?}"));
    let text = each.chain([format!("{set:?} {set:#?}")]).collect::<String>();
    assert!(text.contains("judged") && text.contains("symmetric") && text.contains("ES256"), "{text}");
    assert!(!text.contains(secret), "{text}");
    for jwk in &keys[..5] {
        for member in ["x", "y", "n"].into_iter().filter(|member| jwk.get(member).is_some()) {
            let bytes = decoded(jwk, member);
            assert!(!text.contains(jwk[member].as_str().unwrap()), "{member} in {text}");
            assert!(!text.contains(&format!("{}, {}, {}", bytes[0], bytes[1], bytes[2])), "{member} in {text}");
            let hex: String = bytes[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(!text.contains(&hex), "{member} in {text}");
        }
    }
}

#[cfg(feature = "jsonwebtoken")]
mod from_jsonwebtoken {
    use super::*;

    fn converted(keys: &[Value]) -> KeySet {
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(json!({"keys": keys})).unwrap();
        KeySet::try_from(&set).unwrap()
    }

    #[test]
    fn jwk_sets_of_jsonwebtoken_are_checked_again() {
        let keys = [
            with(P384.jwk(), json!({"kid": "p-384", "alg": "ES384", "use": "sig", "key_ops": ["verify"]})),
            with(RSA.jwk(), json!({"kid": "rsa"})),
            with(ED25519.jwk(), json!({"kid": "ed25519", "alg": "EdDSA"})),
            with(P521.jwk(), json!({"kid": "p-521"})),
            with(rsa(&modulus(1024), F4), json!({"kid": "small"})),
            with(P256.jwk(), json!({"kid": "encryption", "use": "enc"})),
            json!({"kty": "oct", "kid": "symmetric", "k": "c2VjcmV0"}),
            json!({"kty": "PQC", "kid": "unknown", "pub": "AAAA"}),
        ];
        let set = converted(&keys);
        let usable: Vec<_> = set.iter().map(|key| (key.key_id().unwrap(), key.algorithms())).collect();
        let expected = [
            ("ed25519", AlgorithmSet::of(&[EdDSA, Ed25519])),
            ("p-384", AlgorithmSet::of(&[ES384])),
            ("p-521", AlgorithmSet::of(&[ES512])),
            ("rsa", all_rsa()),
        ];
        assert_eq!(usable, expected);
        let skipped: Vec<_> = set.skipped().iter().map(|key| (key.key_id().unwrap(), key.reason())).collect();
        let expected = [
            ("small", SkipReason::Weak),
            ("encryption", SkipReason::NotForSignatures),
            ("symmetric", SkipReason::PrivateMembers),
            ("unknown", SkipReason::UnsupportedType),
        ];
        assert_eq!(skipped, expected);
    }

    #[test]
    fn an_alg_unknown_to_jsonwebtoken_never_widens_a_key() {
        for jwk in [with(P521.jwk(), json!({"alg": "ES512"})), with(RSA.jwk(), json!({"alg": "RS1"}))] {
            let set = converted(&[jwk]);
            assert!(set.is_empty(), "{set:?}");
            assert_eq!(set.skipped()[0].reason(), SkipReason::AlgorithmConflict);
        }
    }

    #[test]
    fn too_many_keys_are_an_error() {
        let keys = vec![P384.jwk(); MAX_KEYS + 1];
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(json!({"keys": keys})).unwrap();
        assert_eq!(KeySet::try_from(&set).map(|_| ()), Err(KeySetError::TooManyKeys { limit: MAX_KEYS }));
    }
}

fn verifier(jwks: &[Value]) -> Verifier {
    fixture().policy(Policy::REDOX.with_algorithms(AlgorithmSet::of(&Algorithm::ALL))).keys(jwks).build()
}

/// The outcome of an assertion of this signer with this `kid`, for a client with these keys.
#[track_caller]
fn outcome(jwks: &[Value], signer: &Signer, kid: &str) -> Result<(), ClientFault> {
    let assertion = Jwt::by(signer, CLIENT).header("kid", kid).signed_by(signer);
    let identity = common::outcome(&verifier(jwks), &assertion)?;
    assert_eq!(identity.key_id(), Some(kid));
    assert_eq!(identity.algorithm().name(), signer.alg);
    Ok(())
}

#[test]
fn two_keys_of_one_kid_and_algorithm_are_ambiguous() {
    let (one, two) = (Signer::es384("same"), Signer::es384("same"));
    let keys = [one.jwk(), OTHER.jwk(), two.jwk()];
    for signer in [&one, &two, &*OTHER] {
        assert_eq!(outcome(&keys, signer, "same"), Err(ClientFault::AmbiguousKey));
    }
    assert_eq!(outcome(&keys, &OTHER, "other"), Ok(()), "another kid is not affected");
}

#[test]
fn unusable_keys_cause_no_ambiguity() {
    let (one, two) = (Signer::es384("same"), Signer::es384("same"));
    let unusable = with(two.jwk(), json!({"use": "enc"}));
    for keys in [[one.jwk(), unusable.clone()], [unusable, one.jwk()]] {
        assert_eq!(outcome(&keys, &one, "same"), Ok(()));
        assert_eq!(outcome(&keys, &two, "same"), Err(ClientFault::BadSignature));
    }
}

#[test]
fn the_algorithm_selects_among_keys_of_one_kid() {
    let signers = [&*P256, &P384, &P521, &ED25519, &RSA];
    let mut keys: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
    for _ in 0..keys.len() {
        keys.rotate_left(1);
        for signer in signers {
            assert_eq!(outcome(&keys, signer, "judged"), Ok(()), "{}", signer.alg);
        }
    }
}

#[test]
fn keys_of_one_kid_are_ambiguous_for_shared_algorithms_only() {
    let other_rsa = with(rsa(&modulus(2048), F4), json!({"alg": "RS384"}));
    let keys = [RSA.jwk(), other_rsa];
    assert_eq!(outcome(&keys, &RSA, "judged"), Ok(()), "RS256 means the first");
    let narrowed = [with(RSA.jwk(), json!({"alg": "RS256"})), with(rsa(&modulus(2048), F4), json!({"alg": "PS256"}))];
    assert_eq!(outcome(&narrowed, &RSA, "judged"), Ok(()));
    let shared = [RSA.jwk(), with(rsa(&modulus(2048), F4), json!({"alg": "RS256"}))];
    assert_eq!(outcome(&shared, &RSA, "judged"), Err(ClientFault::AmbiguousKey));
}

#[test]
fn a_key_for_one_algorithm_refuses_the_others_of_its_type() {
    let rs384 = with(RSA.jwk(), json!({"alg": "RS384"}));
    assert_eq!(outcome(&[rs384], &RSA, "judged"), Err(ClientFault::NoKey));
    let rs256 = with(RSA.jwk(), json!({"alg": "RS256"}));
    assert_eq!(outcome(&[rs256], &RSA, "judged"), Ok(()));
}

#[test]
fn a_kid_is_compared_byte_for_byte() {
    let key = |kid: &str| with(OTHER.jwk(), json!({ "kid": kid }));
    let another = P256.jwk();
    for registered in ["Key-1", "key-1 ", "key-", "key-10", "key-1\u{301}", ""] {
        let keys = [key(registered), another.clone()];
        assert_eq!(outcome(&keys, &OTHER, "key-1"), Err(ClientFault::NoKey), "{registered:?} is not key-1");
    }
    assert_eq!(outcome(&[key("key-1"), another.clone()], &OTHER, "key-1"), Ok(()));
    assert_eq!(outcome(&[key("schl\u{fc}ssel"), another.clone()], &OTHER, "schl\u{fc}ssel"), Ok(()));
    let nameless = without(OTHER.jwk(), "kid");
    assert_eq!(
        outcome(&[nameless, another], &OTHER, "other"),
        Err(ClientFault::NoKey),
        "a key without a kid is not found"
    );
}

#[test]
fn each_key_of_a_large_set_is_found() {
    let signers: Vec<_> = (0..20).map(|_| Signer::es256("unnamed")).collect();
    let kid = |index: usize| format!("key-{index}");
    let jwks: Vec<_> = signers
        .iter()
        .enumerate()
        .rev()
        .map(|(index, signer)| with(signer.jwk(), json!({"kid": kid(index)})))
        .collect();
    for (index, signer) in signers.iter().enumerate() {
        assert_eq!(outcome(&jwks, signer, &kid(index)), Ok(()));
        assert_eq!(outcome(&jwks, signer, &kid((index + 1) % 20)), Err(ClientFault::BadSignature));
    }
    assert_eq!(outcome(&jwks, &signers[0], &kid(20)), Err(ClientFault::NoKey));
}

#[test]
fn weak_keys_are_reported_for_their_own_algorithms_only() {
    let weak = rsa(&modulus(2047), F4);
    let keys = [weak.clone(), OTHER.jwk()];
    assert_eq!(outcome(&keys, &RSA, "judged"), Err(ClientFault::WeakKey));
    assert_eq!(outcome(&keys, &P256, "judged"), Err(ClientFault::NoKey), "there is no weak key for ES256");
    assert_eq!(outcome(&keys, &RSA, "missing"), Err(ClientFault::NoKey), "there is no key of this kid");
    let for_another = [with(weak.clone(), json!({"alg": "RS384"})), OTHER.jwk()];
    assert_eq!(outcome(&for_another, &RSA, "judged"), Err(ClientFault::NoKey), "the weak key is one for RS384");
    assert_eq!(outcome(&[weak, RSA.jwk()], &RSA, "judged"), Ok(()), "a strong key of the same kid is used");
    let low_order = [okp(&small_y(1).0), OTHER.jwk()];
    assert_eq!(outcome(&low_order, &ED25519, "judged"), Err(ClientFault::WeakKey));
    let invalid = [okp(&small_y(2).0), OTHER.jwk()];
    assert_eq!(outcome(&invalid, &ED25519, "judged"), Err(ClientFault::NoKey), "what is no key is not weak");
}
