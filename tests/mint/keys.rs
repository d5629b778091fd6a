//! Private keys from every format, and what is told about those that cannot be used. The files were
//! made with OpenSSL and OpenSSH.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::mint::{KeyRing, PublicJwk, SigningKey};
use tower_client_assertion::policy::{Algorithm, Policy};

use crate::support::{key, minter};

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("../vectors/private_keys/", $name, ".pem"))
    };
}

/// Files with a key, and the algorithms that it is for.
const FILES: &[(&str, &str, &[Algorithm])] = &[
    ("SEC 1", file!("p256_sec1"), &[Algorithm::ES256]),
    ("SEC 1 behind its parameters", file!("p256_sec1_with_parameters"), &[Algorithm::ES256]),
    ("P-384", file!("p384_pkcs8"), &[Algorithm::ES384]),
    ("P-521", file!("p521_pkcs8"), &[Algorithm::ES512]),
    ("Ed25519", file!("ed25519_pkcs8"), &[Algorithm::EdDSA, Algorithm::Ed25519]),
    ("PKCS #1", file!("rsa2048_pkcs1"), RSA),
    ("PKCS #8", file!("rsa2048_pkcs8"), RSA),
];

const RSA: &[Algorithm] =
    &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

#[test]
fn keys_of_every_format_serve_their_algorithms_and_no_others() {
    for (name, pem, algorithms) in FILES {
        for algorithm in Algorithm::ALL {
            let read = SigningKey::from_pem(algorithm, pem);
            let expected = algorithms.contains(&algorithm);
            assert_eq!(read.is_ok(), expected, "{name} for {algorithm}: {read:?}");
            let Ok(key) = read else { continue };
            let again = SigningKey::from_pem(algorithm, key.to_pem().unwrap().expose()).unwrap();
            assert_eq!(again.public_jwk(), key.public_jwk(), "{name}");
        }
    }
}

#[test]
fn the_public_half_is_the_one_that_openssl_writes() {
    let public = PublicJwk::from_pem(Algorithm::ES256, file!("public").as_bytes()).unwrap();
    let private = SigningKey::from_pem(Algorithm::ES256, file!("p256_sec1")).unwrap();
    assert_eq!(&public, private.public_jwk());
    assert_eq!(public.to_pem().unwrap(), file!("public"));
}

#[test]
fn the_published_key_is_the_one_that_verifiers_read() {
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.is_mac()) {
        let key = key(algorithm);
        let keys = KeySet::parse(&KeyRing::new(key.clone()).jwks()).unwrap();
        let [read] = keys.iter().collect::<Vec<_>>()[..] else { panic!("{algorithm}: {keys:?}") };
        assert_eq!(read.key_id(), Some(key.key_id()), "{algorithm}");
        assert_eq!(read.thumbprint(), key.public_jwk().thumbprint(), "{algorithm}");
        assert!(read.algorithms().contains(algorithm), "{algorithm}");
        let pem = key.public_jwk().to_pem().unwrap();
        let from_pem = KeySet::from_pem(pem.as_bytes()).unwrap();
        assert_eq!(from_pem.iter().next().unwrap().thumbprint(), read.thumbprint(), "{algorithm}");
    }
}

#[test]
fn a_key_that_cannot_be_used_is_told_apart() {
    let two = [file!("p256_sec1"), file!("p384_pkcs8")].concat();
    let cut = file!("p256_sec1").split_at(120).0;
    let broken = file!("p256_sec1").replace("MH", "!!");
    let cases = [
        ("", "the document has no private key in PEM"),
        ("no PEM", "the document has no private key in PEM"),
        (file!("encrypted_pkcs8"), "the key is encrypted; decrypt it first"),
        (file!("encrypted_pkcs1"), "the key is encrypted; decrypt it first"),
        (file!("openssh"), "the key has the format of OpenSSH; convert it with ssh-keygen"),
        (file!("public"), "this is a public key or a certificate, expected a private key"),
        (file!("secp256k1_pkcs8"), "the key has a type that is not supported, expected one for ES256"),
        (file!("x25519_pkcs8"), "the key has a type that is not supported, expected one for ES256"),
        (file!("p384_pkcs8"), "the key is for ES384, not for ES256"),
        (&two, "the document has more than one private key, expected one"),
        (cut, "the block of PEM has no end; is the file complete?"),
        (&broken, "the block of PEM is not base64"),
    ];
    for (pem, expected) in cases {
        let error = SigningKey::from_pem(Algorithm::ES256, pem).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error:?}, expected {expected:?}");
    }
    let weak = SigningKey::from_pem(Algorithm::RS256, file!("rsa1024_pkcs1")).unwrap_err().to_string();
    assert!(weak.contains("1024") || weak.starts_with("this is no private key for RS256"), "{weak}");
    let secret = SigningKey::from_pem(Algorithm::HS256, file!("p256_sec1")).unwrap_err().to_string();
    assert_eq!(secret, "HS256 signs with a secret: use SecretSigner");
    assert_eq!(
        SigningKey::generate(Algorithm::HS512).unwrap_err().to_string(),
        "HS512 signs with a secret: use SecretSigner"
    );
}

#[test]
fn der_of_something_else_is_told_apart() {
    let der = |pem: &str| {
        let base64: String = pem.lines().filter(|line| !line.starts_with('-') && !line.contains(':')).collect();
        STANDARD.decode(base64).unwrap()
    };
    let cases = [
        (der(file!("public")), "this is a public key or a certificate"),
        (der(file!("encrypted_pkcs8")), "the key is encrypted"),
        (b"garbage".to_vec(), "this is no private key for ES256 in DER"),
        (Vec::new(), "this is no private key for ES256 in DER"),
        (der(file!("rsa2048_pkcs1")), "this is no private key for ES256 in DER"),
    ];
    for (der, expected) in cases {
        let error = SigningKey::from_der(Algorithm::ES256, &der).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error:?}, expected {expected:?}");
    }
    assert!(SigningKey::from_der(Algorithm::ES256, &der(file!("p256_sec1"))).is_ok());
}

#[test]
fn key_ids_are_within_their_limits() {
    let key = key(Algorithm::ES256);
    for (key_id, is_valid) in [
        ("a", true),
        ("", false),
        (&*"k".repeat(256), true),
        (&*"k".repeat(257), false),
        ("a\nb", false),
        ("ключ", true),
    ] {
        let named = key.clone().with_key_id(key_id);
        assert_eq!(named.is_ok(), is_valid, "{key_id:?}");
        if let Ok(named) = named {
            assert_eq!(named.key_id(), key_id);
            assert!(minter(&Policy::RFC7523, named).build().is_ok());
        }
    }
}

/// RFC 8037, appendix A.1, and RFC 7517, appendix A.2.
fn jwks() -> [Value; 3] {
    [
        json!({"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
        json!({"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}),
        json!({"kty": "RSA", "alg": "RS256", "kid": "2011-04-29", "e": "AQAB",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "d": "X4cTteJY_gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH-HLLKD9M7dx5oo7GURknchnrRweUkC7hT5fJLM0WbFAKNLWY2vv7B6NqXSzUvxT0_YSfqijwp3RTzlBaCxWp4doFk5N2o8Gy_nHNKroADIkJ46pRUohsXywbReAdYaMwFs9tv8d_cPVY3i07a3t8MN6TNwm0dSawm9v47UiCl3Sk5ZiG7xojPLu4sbg1U2jx4IBTNBznbJSzFHK66jT8bgkuqsk0GjskDJk19Z4qwjwbsnn4j2WBii3RL-Us2lGVkY8fkFzme1z0HbIkfz0Y6mqnOYtqc0X4jfcKoAC8Q",
            "p": "83i-7IvMGXoMXCskv73TKr8637FiO7Z27zv8oj6pbWUQyLPQBQxtPVnwD20R-60eTDmD2ujnMt5PoqMrm8RfmNhVWDtjjMmCMjOpSXicFHj7XOuVIYQyqVWlWEh6dN36GVZYk93N8Bc9vY41xy8B9RzzOGVQzXvNEvn7O0nVbfs",
            "q": "3dfOR9cuYq-0S-mkFLzgItgMEfFzB2q3hWehMuG0oCuqnb3vobLyumqjVZQO1dIrdwgTnCdpYzBcOfW5r370AFXjiWft_NGEiovonizhKpo9VVS78TzFgxkIdrecRezsZ-1kYd_s1qDbxtkDEgfAITAG9LUnADun4vIcb6yelxk",
            "dp": "G4sPXkc6Ya9y8oJW9_ILj4xuppu0lzi_H7VTkS8xj5SdX3coE0oimYwxIi2emTAue0UOa5dpgFGyBJ4c8tQ2VF402XRugKDTP8akYhFo5tAA77Qe_NmtuYZc3C3m3I24G2GvR5sSDxUyAN2zq8Lfn9EUms6rY3Ob8YeiKkTiBj0",
            "dq": "s9lAH9fggBsoFR8Oac2R_E2gw282rT2kGOAhvIllETE1efrA6huUUvMfBcMpn8lqeW6vzznYY5SSQF7pMdC_agI3nG8Ibp1BUb0JUiraRNqUfLhcQb_d9GF4Dh7e74WbRsobRonujTYN1xCaP6TO61jvWrX-L18txXw494Q_cgk",
            "qi": "GyM_p6JrXySiz1toFgKbWV-JdI3jQ4ypu9rbMWx3rQJBfmt0FoYzgUIZEVFEcOqwemRN81zoDAaa-Bk0KWNGDjJHZDdDmFhW3AN7lI-puxk_mHZGJ11rxyR8O55XLSe3SPmRfKwZI6yU24ZxvQKFYItdldUKGzO6Ia6zTKhAVRU"}),
    ]
}

#[test]
fn private_jwks_are_read_with_their_alg_and_kid() {
    let read = jwks().map(|jwk| SigningKey::from_jwk(jwk.to_string().as_bytes()).unwrap());
    let thumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    let expected = [(Algorithm::EdDSA, thumbprint), (Algorithm::ES256, "1"), (Algorithm::RS256, "2011-04-29")];
    assert_eq!(read.each_ref().map(|key| (key.algorithm(), key.key_id())), expected);
}

#[test]
fn a_jwk_of_ml_dsa_is_read_from_its_seed() {
    // RFC 9964, section 3: the private key is its seed.
    let jwk = |public: Option<&str>| {
        let seed = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let mut jwk = json!({"kty": "AKP", "alg": "ML-DSA-44", "priv": seed});
        if let Some(public) = public {
            jwk["pub"] = public.into();
        }
        SigningKey::from_jwk(jwk.to_string().as_bytes())
    };
    let key = jwk(None).unwrap();
    let public: Value = serde_json::from_str(&key.public_jwk().to_string()).unwrap();
    assert_eq!(jwk(public["pub"].as_str()).unwrap().public_jwk(), key.public_jwk());
    let error = jwk(Some("AAAA")).unwrap_err().to_string();
    assert_eq!(error, "the JWK cannot sign: its pub does not belong to its priv");
}

#[test]
fn a_jwk_that_cannot_sign_is_told_apart_and_not_quoted() {
    let [okp, ec, rsa] = jwks();
    let with = |jwk: &Value, name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        jwk.to_string()
    };
    let cases = [
        ("[]".to_owned(), "it is not a JSON object"),
        (r#"{"kty":"EC","kty":"EC"}"#.to_owned(), "kty occurs more than once"),
        (json!({"d": "AA"}).to_string(), "kty is missing"),
        (with(&ec, "d", json!(null)), "d is missing; is it a public key?"),
        (with(&ec, "d", json!("not base64url!")), "d is not base64url without padding"),
        (with(&ec, "d", json!(7)), "d is a number, expected a string"),
        (with(&ec, "crv", json!("secp256k1")), "its crv is not P-256, P-384 or P-521"),
        (with(&ec, "alg", json!("ES384")), "its alg is not one of those of its type: ES256"),
        (with(&ec, "use", json!("enc")), r#"its use is not "sig""#),
        (with(&ec, "x", ec["y"].clone()), "its parts are no key for ES256, or do not fit together"),
        (with(&okp, "x", ec["x"].clone()), "its parts are no key for EdDSA, or do not fit together"),
        (with(&okp, "crv", json!("X25519")), "its type is not supported"),
        (with(&rsa, "alg", json!(null)), "alg is missing, and the key could serve several algorithms"),
        (with(&rsa, "p", rsa["q"].clone()), "its parts are no key for RS256, or do not fit together"),
        (with(&rsa, "oth", json!([{"r": "AA"}])), "it has more than two primes (oth)"),
        (with(&ec, "key_ops", json!(["verify"])), r#"its key_ops do not have "sign""#),
        (json!({"keys": [ec]}).to_string(), "it is a JWK Set; pass one of its keys"),
        (json!({"kty": "oct", "k": "c2VjcmV0"}).to_string(), "it is a secret; use SecretSigner"),
    ];
    for (jwk, expected) in cases {
        let error = SigningKey::from_jwk(jwk.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("the JWK cannot sign: {expected}")), "{error:?}, expected {expected:?}");
        assert!(!error.contains(ec["d"].as_str().unwrap()), "{error}");
    }
}

#[test]
fn a_public_key_that_is_not_the_signers_is_refused() {
    let public = file!("public").as_bytes();
    let error = PublicJwk::from_pem(Algorithm::ES384, public).unwrap_err().to_string();
    assert_eq!(error, "the key is for ES256, not for ES384");
    let error = PublicJwk::from_pem(Algorithm::ES256, file!("p256_sec1").as_bytes()).unwrap_err().to_string();
    assert!(error.contains("private key"), "{error}");
    let error = PublicJwk::from_pem(Algorithm::ES256, b"").unwrap_err().to_string();
    assert!(error.contains("no public key"), "{error}");
}
