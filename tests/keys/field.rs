//! Keys as programs really write them: with empty members, with coordinates of another length, and
//! listed twice. Next to each, the neighbour that stays refused.

use std::convert::Infallible;
use std::sync::LazyLock;

use crate::common::{self, CLIENT, Jwt, NOW, Signer, fixture, key_set, with_member};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_client_assertion::Policy;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::jwks::{JwksRequest, JwksUrl, KeySetCache};
use tower_client_assertion::keys::{KeySet, SkipReason};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet};
use tower_client_assertion::rejection::ClientFault;

static EC: LazyLock<Signer> = LazyLock::new(|| Signer::es256("ec"));
static RSA: LazyLock<Signer> = LazyLock::new(|| Signer::rsa("RS256", "rsa"));

/// A public key of each type.
static KEYS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let signers = [&*EC, &Signer::es384("p-384"), &Signer::es512("p-521"), &*RSA];
    let others = [Signer::ed25519("EdDSA", "ed25519"), Signer::ml_dsa("ML-DSA-44", "ml-dsa")];
    signers.into_iter().chain(&others).map(Signer::jwk).collect()
});

const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

fn empty_forms() -> [Value; 3] {
    [json!(null), json!(""), json!([])]
}

/// The keys of a set that a client serves at a URL.
async fn fetched(jwks: &[Value]) -> KeySet {
    let body = json!({ "keys": jwks }).to_string();
    let fetch = move |_: JwksRequest| {
        let body = body.clone();
        async move { Ok::<_, Infallible>(http::Response::new(http_body_util::Full::new(bytes::Bytes::from(body)))) }
    };
    let cache = KeySetCache::builder(fetch).build().unwrap();
    let source = cache.source(CLIENT, &JwksUrl::parse("https://clinic.example/keys").unwrap()).unwrap();
    KeySet::clone(&source.keys(UnixTime::from_secs(NOW)).get().await.unwrap())
}

#[tokio::test]
async fn key_19_empty_members_are_absent_inline_and_by_url() {
    let required = ["kty", "crv", "x", "y", "n", "e", "pub"];
    let optional = ["kid", "use", "key_ops", "alg", "x5u", "x5c", "x5t", "x5t#S256", "iat", "anything"];
    let mut keys = Vec::new();
    for key in KEYS.iter() {
        let members = required.iter().filter(|member| key.get(member).is_none()).chain(&optional).chain(&PRIVATE);
        // `alg` is required for ML-DSA.
        let members = members.filter(|member| **member != "alg" || key["kty"] != "AKP");
        for (member, form) in members.flat_map(|member| empty_forms().map(|form| (*member, form))) {
            keys.push(with_member(&with_member(key, "kid", format!("{} {member} {form}", key["kid"])), member, form));
        }
    }
    // The whole of a public key as many programs write it.
    let all = PRIVATE.iter().chain(&optional[1..]).filter(|member| **member != "alg");
    keys.extend(
        KEYS.iter().map(|key| all.clone().fold(key.clone(), |key, member| with_member(&key, member, json!(null)))),
    );
    let per_url = 90;
    for keys in keys.chunks(per_url) {
        for set in [key_set(keys), fetched(keys).await] {
            assert!(set.skipped().is_empty(), "{:?}", set.skipped());
            // Keys without a `kid` are one key where they are the same.
            let named = keys.iter().filter(|key| key["kid"].as_str().is_some_and(|kid| !kid.is_empty()));
            let found: Vec<_> = set.iter().filter_map(|key| key.key_id()).collect();
            let mut named: Vec<_> = named.map(|key| key["kid"].as_str().unwrap()).collect();
            named.sort_unstable();
            assert_eq!(found, named);
        }
    }
    let spaced =
        format!(r#"{{"keys":[{}]}}"#, with_member(&KEYS[0], "d", "[]").to_string().replace(r#""[]""#, "[ \n ]"));
    assert_eq!(KeySet::parse(spaced.as_bytes()).unwrap().len(), 1, "white space within an empty array");
}

#[test]
fn an_empty_required_member_is_missing_and_named() {
    for key in KEYS.iter() {
        let required: &[&str] = match key["kty"].as_str().unwrap() {
            "EC" => &["kty", "crv", "x", "y"],
            "RSA" => &["kty", "n", "e"],
            "OKP" => &["kty", "crv", "x"],
            _ => &["kty", "alg", "pub"],
        };
        for (member, form) in required.iter().flat_map(|member| empty_forms().map(|form| (*member, form))) {
            let set = key_set(&[with_member(key, member, form.clone())]);
            let [skipped] = set.skipped() else { panic!("{member} {form} of {key} is usable") };
            assert_eq!((skipped.reason(), skipped.detail()), (SkipReason::Malformed, &*format!("{member} is missing")));
        }
    }
}

#[tokio::test]
async fn a_real_private_key_of_each_type_raises_the_alarm() {
    let number = URL_SAFE_NO_PAD.encode([7; 32]);
    for key in KEYS.iter() {
        let secrets: &[&str] = match key["kty"].as_str().unwrap() {
            "RSA" => &["d", "p", "q", "dp", "dq", "qi"],
            "AKP" => &["priv"],
            _ => &["d"],
        };
        let private = secrets.iter().fold(key.clone(), |key, member| with_member(&key, member, number.clone()));
        let one = PRIVATE.iter().fold(key.clone(), |key, member| with_member(&key, member, json!([])));
        for private in [private, with_member(&one, secrets[0], number.clone())] {
            for set in [key_set(std::slice::from_ref(&private)), fetched(std::slice::from_ref(&private)).await] {
                let [skipped] = set.skipped() else { panic!("{private} is usable") };
                assert_eq!(skipped.reason(), SkipReason::PrivateMembers, "{private}");
                assert!(skipped.detail().contains(secrets[0]) && !skipped.detail().contains(&number), "{skipped}");
            }
        }
    }
}

#[test]
fn an_empty_kid_is_no_kid() {
    for form in empty_forms() {
        let set = key_set(&[with_member(&EC.jwk(), "kid", form)]);
        assert_eq!(set.iter().map(|key| key.key_id()).collect::<Vec<_>>(), [None]);
    }
}

type MakeSigner = fn(&'static str) -> Signer;

/// Keys whose coordinates begin with a zero octet. About one of 128 keys is.
fn short_keys() -> Vec<(Signer, [Vec<u8>; 2], usize)> {
    let make: [(MakeSigner, usize); 3] = [(Signer::es256, 32), (Signer::es384, 48), (Signer::es512, 66)];
    let short = |signer: &Signer| {
        let jwk = signer.jwk();
        ["x", "y"].map(|member| URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap()).unwrap())
    };
    let mut found = Vec::new();
    for (make, len) in make {
        for of in [0, 1] {
            let mut tries = std::iter::repeat_with(|| make("key-1")).take(20_000);
            let signer = tries.find(|signer| short(signer)[of][0] == 0).expect("one of 256 keys");
            let coordinates = short(&signer);
            found.push((signer, coordinates, len));
        }
    }
    found
}

#[test]
fn key_20_coordinates_of_any_length_are_the_same_numbers() {
    for (signer, [x, y], len) in short_keys() {
        let jwk = signer.jwk();
        let point = |x: &[u8], y: &[u8]| {
            let jwk = with_member(&jwk, "x", URL_SAFE_NO_PAD.encode(x));
            with_member(&jwk, "y", URL_SAFE_NO_PAD.encode(y))
        };
        let trim = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
        let signed = |number: &[u8]| [&[0], number].concat();
        let long = |number: &[u8]| [&[0; 40], number].concat();
        // RFC 7638, section 3.2, with the coordinates in full length.
        let (crv, [of_x, of_y]) = (&jwk["crv"], [&x, &y].map(|number| URL_SAFE_NO_PAD.encode(number)));
        assert_eq!((x.len(), y.len()), (len, len));
        let canonical = format!(r#"{{"crv":{crv},"kty":"EC","x":"{of_x}","y":"{of_y}"}}"#);
        let thumbprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
        for jwk in
            [jwk.clone(), point(&trim(&x), &trim(&y)), point(&signed(&x), &signed(&y)), point(&long(&x), &trim(&y))]
        {
            let keys = key_set(std::slice::from_ref(&jwk));
            assert!(keys.skipped().is_empty(), "{:?}", keys.skipped());
            assert_eq!(keys.iter().next().unwrap().thumbprint(), thumbprint.as_ref());
            let policy = Policy::RFC7523.with_algorithms(AlgorithmSet::ASYMMETRIC);
            let verifier = fixture().policy(policy).at_issuer().keys(&[jwk]).build();
            let assertion = Jwt::by(&signer, CLIENT).claim("aud", common::ISSUER).signed_by(&signer);
            assert_eq!(common::outcome(&verifier, &assertion).map(|_| ()), Ok(()));
        }
        // One octet that is not zero is another number.
        let excess = [vec![1], signed(&x)].concat();
        let keys = key_set(&[point(&excess[..len + 1], &y)]);
        let crv = jwk["crv"].as_str().unwrap();
        assert_eq!(keys.skipped()[0].detail(), format!("x has {} bytes, {crv} has {len}", len + 1));
        let keys = key_set(&[point(&x, &[&[0, 1], y.as_slice()].concat())]);
        assert_eq!(keys.skipped()[0].detail(), format!("y has {} bytes, {crv} has {len}", len + 1));
        let keys = key_set(&[point(&trim(&x)[1..], &y)]);
        assert_eq!(keys.skipped()[0].detail(), format!("x and y are not a point on {crv}"));
    }
}

#[test]
fn keys_that_are_not_numbers_have_an_exact_length() {
    let ed25519 = KEYS.iter().find(|key| key["kty"] == "OKP").unwrap();
    let ml_dsa = KEYS.iter().find(|key| key["kty"] == "AKP").unwrap();
    for (key, member, text, len) in [(ed25519, "x", "Ed25519 has 32", 32), (ml_dsa, "pub", "ML-DSA-44 has 1312", 1312)]
    {
        let bytes = URL_SAFE_NO_PAD.decode(key[member].as_str().unwrap()).unwrap();
        let changed = [
            bytes[1..].to_vec(),
            bytes[..len - 1].to_vec(),
            [&[0], bytes.as_slice()].concat(),
            [bytes.as_slice(), &[0]].concat(),
        ];
        for bytes in changed {
            let keys = key_set(&[with_member(key, member, URL_SAFE_NO_PAD.encode(&bytes))]);
            assert_eq!(keys.skipped()[0].reason(), SkipReason::Invalid);
            assert_eq!(keys.skipped()[0].detail(), format!("{member} has {} bytes, {text}", bytes.len()));
        }
    }
}

/// What a policy that accepts one key says about an assertion of this signer.
fn strict_outcome(jwks: &[Value], signer: &Signer, kid: Option<&str>) -> Result<(), ClientFault> {
    let policy = Policy::REDOX.with_algorithms(AlgorithmSet::of(&Algorithm::ALL));
    let policy = if kid.is_none() { policy.dangerous().optional_kid() } else { policy };
    assert_eq!(policy.key_trials(), 1);
    let verifier = fixture().policy(policy).keys(jwks).build();
    let assertion = Jwt::by(signer, CLIENT);
    let assertion = match kid {
        Some(kid) => assertion.header("kid", kid),
        None => assertion.without_header("kid"),
    };
    common::outcome(&verifier, &assertion.signed_by(signer)).map(|_| ())
}

#[test]
fn key_21_the_same_key_twice_has_both_algorithms() {
    let (key, other) = (RSA.jwk(), EC.jwk());
    let rs256 = with_member(&key, "alg", "RS256");
    let twins = [
        ("identical", key.clone(), key.clone()),
        ("with and without alg", key.clone(), rs256.clone()),
        ("for two algorithms", rs256.clone(), with_member(&key, "alg", "PS384")),
        ("with and without use", with_member(&key, "use", "sig"), with_member(&key, "key_ops", json!(["verify"]))),
        ("with leading zeros", key.clone(), with_member(&key, "e", "AAEAAQ")),
    ];
    for (what, first, second) in twins {
        for jwks in [[first.clone(), other.clone(), second.clone()], [second, other.clone(), first]] {
            let keys = key_set(&jwks);
            assert_eq!((keys.len(), keys.skipped().len()), (2, 0), "{what}");
            assert_eq!(strict_outcome(&jwks, &RSA, Some("rsa")), Ok(()), "{what}");
            let nameless = jwks.map(|jwk| with_member(&jwk, "kid", json!(null)));
            assert_eq!(strict_outcome(&nameless, &RSA, None), Ok(()), "{what}, without a kid");
        }
    }
    let united = key_set(&[with_member(&key, "alg", "PS384"), rs256]);
    let algorithms: Vec<_> = united.iter().map(|key| key.algorithms()).collect();
    assert_eq!(algorithms, [AlgorithmSet::of(&[Algorithm::RS256, Algorithm::PS384])], "and no third");
}

#[test]
fn different_keys_of_one_kid_stay_two_keys() {
    let (one, two) = (Signer::es384("same"), Signer::es384("same"));
    let jwks = [one.jwk(), two.jwk(), one.jwk()];
    assert_eq!(key_set(&jwks).len(), 2);
    for signer in [&one, &two] {
        assert_eq!(strict_outcome(&jwks, signer, Some("same")), Err(ClientFault::AmbiguousKey));
        let nameless = jwks.clone().map(|jwk| with_member(&jwk, "kid", json!("")));
        assert_eq!(strict_outcome(&nameless, signer, None), Err(ClientFault::KidNeeded));
    }
}

#[test]
fn one_key_under_two_kids_is_found_under_both() {
    let jwks = [with_member(&RSA.jwk(), "kid", "old"), with_member(&RSA.jwk(), "kid", "new")];
    assert_eq!(key_set(&jwks).len(), 2);
    for kid in ["old", "new"] {
        assert_eq!(strict_outcome(&jwks, &RSA, Some(kid)), Ok(()));
    }
    assert_eq!(strict_outcome(&jwks, &RSA, Some("rsa")), Err(ClientFault::NoKey));
}

#[test]
fn a_skipped_twin_stays_skipped_and_gives_nothing() {
    let key = with_member(&RSA.jwk(), "alg", "RS256");
    let twins = [
        (with_member(&with_member(&key, "alg", "RS384"), "use", "enc"), SkipReason::NotForSignatures),
        (with_member(&key, "alg", "RSA-OAEP"), SkipReason::AlgorithmConflict),
        (with_member(&with_member(&key, "alg", "RS384"), "d", "AQ"), SkipReason::PrivateMembers),
        (with_member(&with_member(&key, "alg", "RS384"), "e", "AQ"), SkipReason::Weak),
    ];
    for (twin, reason) in twins {
        for jwks in [[key.clone(), twin.clone()], [twin.clone(), key.clone()]] {
            let keys = key_set(&jwks);
            assert_eq!(keys.algorithms(), Algorithm::RS256.into(), "{twin}");
            assert_eq!(keys.skipped().iter().map(|key| key.reason()).collect::<Vec<_>>(), [reason]);
            assert_eq!(strict_outcome(&jwks, &RSA, Some("rsa")), Ok(()));
        }
    }
}

#[test]
fn keys_of_one_kid_keep_their_order_between_twins() {
    let signers: Vec<_> = (0..6).map(|_| Signer::es256("same")).collect();
    let jwks: Vec<_> = signers.iter().chain(signers.iter().rev()).map(Signer::jwk).collect();
    let thumbprints = |keys: &KeySet| keys.iter().map(|key| key.thumbprint()).collect::<Vec<_>>();
    assert_eq!(thumbprints(&key_set(&jwks)), thumbprints(&key_set(&jwks[..6])));
    let each: Vec<_> = signers.iter().flat_map(|signer| thumbprints(&key_set(&[signer.jwk()]))).collect();
    assert_eq!(thumbprints(&key_set(&jwks)), each);
}

#[test]
fn details_name_the_member_and_what_was_expected() {
    let (ec, rsa) = (EC.jwk(), RSA.jwk());
    let n = rsa["n"].as_str().unwrap();
    let long = "x".repeat(300);
    let number = |bits: usize| {
        let mut number = vec![0xFF; bits.div_ceil(8)];
        number[0] >>= number.len() * 8 - bits;
        URL_SAFE_NO_PAD.encode(number)
    };
    let cases = [
        (json!(7), "it is a number, expected an object"),
        (json!(["EC"]), "it is an array, expected an object"),
        (with_member(&rsa, "n", format!("{n}==")), "n is not base64url: it has padding"),
        (
            with_member(&rsa, "n", format!("+/{}", &n[2..])),
            "n is not base64url: it is base64, which has another alphabet",
        ),
        (
            with_member(&rsa, "n", format!("+{}==", &n[1..])),
            "n is not base64url: it is base64, which has another alphabet",
        ),
        (with_member(&rsa, "n", format!("{n}\n")), "n is not base64url: it has white space"),
        (with_member(&ec, "x", "\u{e4}"), "x is not base64url: it has a character of no base64 alphabet"),
        (with_member(&ec, "x", "-----BEGIN PUBLIC KEY-----\nMFkw"), "x is not base64url: it is PEM"),
        (with_member(&ec, "y", "A"), "y is not base64url: its length is impossible"),
        (with_member(&ec, "y", "AB"), "y is not base64url: its last character has bits that belong to no byte"),
        (with_member(&ec, "x", 7), "x is a number, expected a string"),
        (with_member(&ec, "kid", json!({})), "kid is an object, expected a string"),
        (with_member(&ec, "alg", true), "alg is a boolean, expected a string"),
        (with_member(&ec, "use", json!(["sig"])), "use is an array, expected a string"),
        (with_member(&ec, "key_ops", "verify"), "key_ops is a string, expected an array of strings"),
        (with_member(&ec, "key_ops", json!(["verify", 1])), "key_ops is an array, expected an array of strings"),
        (with_member(&ec, "kty", "oct"), r#"kty is "oct", expected RSA, EC, OKP or AKP"#),
        (with_member(&ec, "crv", "secp256k1"), r#"crv is "secp256k1", expected P-256, P-384 or P-521"#),
        (json!({"kty": "OKP", "crv": "X25519", "x": "AA"}), r#"crv is "X25519", expected Ed25519"#),
        (with_member(&with_member(&rsa, "alg", "RSA-OAEP"), "use", "enc"), r#"use is "enc", expected "sig""#),
        (with_member(&ec, "key_ops", json!(["sign"])), r#"key_ops does not have "verify""#),
        (with_member(&ec, "key_ops", json!(["verify", "verify"])), r#"key_ops has "verify" more than once"#),
        (
            with_member(&with_member(&ec, "use", "sig"), "key_ops", json!(["verify", "encrypt"])),
            r#"key_ops has "encrypt", which contradicts the use "sig""#,
        ),
        (with_member(&ec, "key_ops", json!(vec!["verify"; 17])), "key_ops has 17 values, expected at most 16"),
        (with_member(&ec, "alg", "ES384"), r#"alg is "ES384", but a key of type P-256 is for ES256"#),
        (
            with_member(&rsa, "alg", "RSA-OAEP"),
            r#"alg is "RSA-OAEP", but a key of type RSA is for RS256, RS384, RS512, PS256, PS384, PS512"#,
        ),
        (
            json!({"kty": "AKP", "alg": "ES256", "pub": "AA"}),
            r#"alg is "ES256", but a key of type AKP is for ML-DSA-44, ML-DSA-65, ML-DSA-87"#,
        ),
        (with_member(&rsa, "n", number(2047)), "n has 2047 bits, expected 2048 to 8192"),
        (with_member(&rsa, "n", number(8193)), "n has 8193 bits, expected 2048 to 8192"),
        (
            with_member(&rsa, "n", URL_SAFE_NO_PAD.encode([0xFE; 256])),
            "n is even, expected the product of two large primes",
        ),
        (with_member(&rsa, "e", "AQ"), "e is one, expected an odd number from 3 to 65537"),
        (with_member(&rsa, "e", "AA"), "e is zero, expected an odd number from 3 to 65537"),
        (with_member(&rsa, "e", "Ag"), "e is even, expected an odd number from 3 to 65537"),
        (with_member(&rsa, "e", number(32)), "e is a number of 32 bits, expected an odd number from 3 to 65537"),
        (with_member(&ec, "x", ec["y"].clone()), "x and y are not a point on P-256"),
        (json!({"kty": "OKP", "crv": "Ed25519", "x": number(248)}), "x has 31 bytes, Ed25519 has 32"),
        (
            with_member(&with_member(&rsa, "d", "AQ"), "p", "AQ"),
            "it has private or symmetric members (d, p), which must never leave the client",
        ),
    ];
    for (jwk, detail) in cases {
        let set = key_set(std::slice::from_ref(&jwk));
        let [skipped] = set.skipped() else { panic!("{jwk} is usable") };
        assert_eq!(skipped.detail(), detail, "{jwk}");
        assert!(skipped.to_string().ends_with(&format!(" is skipped: {detail}")), "{skipped}");
    }
    // Nothing long or unprintable comes through.
    for member in ["kty", "crv", "alg", "use"] {
        for value in [long.clone(), "\u{1b}[31m\n\u{202e}".repeat(50)] {
            let set = key_set(&[with_member(&with_member(&ec, member, value), "kid", long.clone())]);
            let text = set.skipped()[0].to_string();
            assert!(text.len() < 1_200 && text.chars().all(|character| matches!(character, ' '..='~')), "{text}");
        }
    }
    let text = ec.to_string();
    for repeated in [r#""x":"AA""#, r#""kid":"""#, r#""\u0078":null"#] {
        let set = format!(r#"{{"keys":[{},{repeated}}}]}}"#, &text[..text.len() - 1]);
        let set = KeySet::parse(set.as_bytes()).unwrap();
        let member = if repeated.contains("kid") { "kid" } else { "x" };
        assert_eq!(set.skipped()[0].detail(), format!("{member} occurs more than once"));
    }
}

#[test]
fn an_assertion_with_a_byte_order_mark_is_refused() {
    let signer = Signer::es384("key-1");
    let jwt = |mark: &str, part: usize| {
        let header =
            format!("{}{}", if part == 0 { mark } else { "" }, json!({"alg": "ES384", "kid": "key-1", "typ": "JWT"}));
        let claims = json!({"iss": CLIENT, "sub": CLIENT, "aud": common::AUDIENCE, "jti": common::fresh_jti(), "iat": NOW, "exp": NOW + 60});
        signer.sign(header, format!("{}{claims}", if part == 1 { mark } else { "" }))
    };
    let verifier = fixture().keys(&[signer.jwk()]).build();
    assert_eq!(common::outcome(&verifier, &jwt("", 0)).map(|_| ()), Ok(()));
    for part in [0, 1] {
        assert!(common::outcome(&verifier, &jwt("\u{feff}", part)).is_err(), "part {part}");
    }
}
