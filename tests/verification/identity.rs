//! What a handler can rely on and bind to: the client, how it authenticated, with which key, and
//! its claims.

use crate::common::{AUDIENCE, CLIENT, ISSUER, Jwt, NOW, SIGNER, Signer, fixture, form, key_set, verifier, verify};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, Policy};
use tower_client_assertion::registry::Client;
use tower_client_assertion::{AuthMethod, ClientIdentity};

fn identity(jwt: &Jwt) -> ClientIdentity {
    verify(&verifier(), &form(&jwt.signed())).unwrap()
}

/// Verifies an assertion whose claims are written out, with `members` among them.
fn with_members(members: &str) -> ClientIdentity {
    let jwt = Jwt::new();
    let claims = serde_json::to_string(&jwt.claims).unwrap();
    let claims = format!("{},{members}}}", claims.strip_suffix('}').unwrap());
    let assertion = SIGNER.sign(serde_json::to_vec(&jwt.header).unwrap(), claims);
    verify(&verifier(), &form(&assertion)).unwrap()
}

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

fn thumbprint(jwk: &Value) -> String {
    let set = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
    let key = set.iter().next().unwrap_or_else(|| panic!("{:?}", set.skipped()));
    URL_SAFE_NO_PAD.encode(key.thumbprint())
}

#[test]
fn thumbprints_match_rfc_7638() {
    // Section 3.1.
    let jwk = json!({
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3ok\
              njhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu\
              6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8a\
              wapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29"
    });
    assert_eq!(thumbprint(&jwk), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    // Leading zeros change the text but not the numbers, so it is the same key.
    let n = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let mut padded = jwk.clone();
    padded["n"] = json!(URL_SAFE_NO_PAD.encode([&[0, 0], n.as_slice()].concat()));
    padded["e"] = json!("AAEAAQ");
    assert_eq!(thumbprint(&padded), thumbprint(&jwk));
}

#[test]
fn thumbprints_match_those_printed_in_standards() {
    let mut checked = 0;
    for vectors in [include_str!("../vectors/jws.json"), include_str!("../vectors/ml_dsa.json")] {
        let vectors: Vec<Value> = serde_json::from_str(vectors).unwrap();
        for vector in vectors.iter().filter(|vector| vector.get("thumbprint").is_some()) {
            assert_eq!(thumbprint(&vector["jwk"]), vector["thumbprint"], "{}", vector["source"]);
            checked += 1;
        }
    }
    assert_eq!(checked, 4);
}

/// RFC 7638, section 3.2: only the required members count.
#[test]
fn a_thumbprint_depends_on_key_material_only() {
    for signer in [
        Signer::es256("a"),
        Signer::es512("a"),
        Signer::rsa("RS256", "a"),
        Signer::ed25519("EdDSA", "a"),
        Signer::ml_dsa("ML-DSA-44", "a"),
    ] {
        let jwk = signer.jwk();
        let mut other = jwk.clone();
        other["kid"] = json!("b");
        other["use"] = json!("sig");
        other["x-ours"] = json!("\"\\");
        assert_eq!(thumbprint(&jwk), thumbprint(&other), "{}", signer.alg);
    }
    assert_ne!(thumbprint(&Signer::es256("a").jwk()), thumbprint(&Signer::es256("a").jwk()));
}

#[test]
fn an_identity_names_client_method_algorithm_and_key() {
    let secret = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let signers = [
        Signer::es256("one"),
        Signer::es512("one"),
        Signer::rsa("PS256", "one"),
        Signer::ed25519("Ed25519", "one"),
        Signer::ml_dsa("ML-DSA-65", "one"),
    ];
    let policy = Policy::RFC7523.with_algorithms(AlgorithmSet::of(&Algorithm::ALL)).with_name("ours");
    let verifier = |client: Client| fixture().policy(policy.clone()).clients([client]).at_issuer().build();
    for signer in &signers {
        let keys = key_set(&[signer.jwk()]);
        let printed = keys.iter().next().unwrap().thumbprint();
        let verifier = verifier(Client::new(CLIENT, keys).unwrap());
        for kid in [Some("one"), None] {
            let jwt = Jwt::by(signer, CLIENT).claim("aud", ISSUER).without_header("kid");
            let jwt = kid.into_iter().fold(jwt, |jwt, kid| jwt.header("kid", kid));
            let identity = verify(&verifier, &form(&jwt.signed_by(signer))).unwrap();
            assert_eq!(identity.client_id().as_str(), CLIENT);
            assert_eq!(identity.algorithm().name(), signer.alg);
            assert_eq!((identity.method(), identity.policy()), (AuthMethod::PrivateKeyJwt, "ours"));
            assert_eq!(identity.method().to_string(), "private_key_jwt");
            // The `kid` of the key, even if the assertion has none.
            assert_eq!((identity.key_id(), identity.key_thumbprint()), (Some("one"), Some(printed)));
        }
    }
    let secret_client = Client::with_secret(CLIENT, tower_client_assertion::secret::ClientSecret::new(secret).unwrap());
    let signer = Signer::secret("HS256", secret.as_bytes());
    let jwt = Jwt::by(&signer, CLIENT).claim("aud", ISSUER);
    let identity = verify(&verifier(secret_client.unwrap()), &form(&jwt.signed_by(&signer))).unwrap();
    assert_eq!((identity.method().name(), identity.key_id()), ("client_secret_jwt", None));
    assert_eq!(identity.key_thumbprint(), None);
}

#[test]
fn a_jti_hash_is_sha_256_of_its_bytes() {
    // Up to 46 bytes are stored inline.
    for jti in
        ["x".to_owned(), "x".repeat(45), "x".repeat(46), "x".repeat(47), "x".repeat(256), "\u{e4}\"\\/".to_owned()]
    {
        let expected: [u8; 32] = digest(&SHA256, jti.as_bytes()).as_ref().try_into().unwrap();
        assert_eq!(identity(&Jwt::new().claim("jti", &*jti)).claims().jti_hash(), Some(expected), "{jti}");
    }
    let abc = identity(&Jwt::new().claim("jti", "abc")).claims().jti_hash().unwrap();
    // FIPS 180-2, appendix B.1.
    assert_eq!(abc[..4], [0xba, 0x78, 0x16, 0xbf]);
    let verifier = fixture().policy(Policy::REDOX.dangerous().optional_jti()).build();
    let without = verify(&verifier, &form(&Jwt::new().without_claim("jti").signed())).unwrap();
    assert_eq!(without.claims().jti_hash(), None);
}

#[test]
fn times_are_whole_seconds_rounded_down() {
    let jwt = Jwt::new().claim("iat", NOW as f64 - 1.5).claim("nbf", -7).claim("exp", NOW as f64 + 60.25);
    let identity = identity(&jwt);
    let claims = identity.claims();
    assert_eq!(claims.issued_at(), Some(at(NOW - 2)));
    assert_eq!(claims.not_before(), Some(at(0)));
    assert_eq!(claims.expires_at(), Some(at(NOW + 60)));
    assert_eq!(identity.valid_until(), at(NOW + 71));

    let bare = self::identity(&Jwt::new().without_claim("exp"));
    assert_eq!((bare.claims().not_before(), bare.claims().expires_at()), (None, None));
    assert_eq!(bare.claims().issued_at(), Some(at(NOW)));
    assert_eq!(bare.valid_until(), at(NOW + 311));
    let endless = self::identity(&Jwt::new().claim("exp", 1e300));
    assert_eq!(endless.claims().expires_at(), Some(at(u64::MAX)));
    assert_eq!(endless.valid_until(), at(NOW + 311));
}

#[test]
fn the_audience_is_the_value_or_the_first_of_several() {
    let alias = "https://alias.example.com/token";
    let verifier = fixture().builder().audience(alias).build().unwrap();
    for (aud, expected) in [
        (json!(AUDIENCE), AUDIENCE),
        (json!(alias), alias),
        (json!([alias, AUDIENCE]), alias),
        (json!([AUDIENCE, alias]), AUDIENCE),
    ] {
        let identity = verify(&verifier, &form(&Jwt::new().claim("aud", aud.clone()).signed())).unwrap();
        assert_eq!(identity.claims().audience(), expected, "{aud}");
    }
}

#[test]
fn unknown_claims_are_available_as_json() {
    assert_eq!(identity(&Jwt::new().claim("nbf", NOW)).claims().others().unwrap(), serde_json::Map::new());
    let extension = json!({"version": "1", "purposes": ["TREAT", null, -1.5e3], "\"": "\u{e9}\u{1F600}"});
    let claims = identity(&Jwt::new().claim("hl7-b2b", extension.clone()).claim("scope", "a b").claim("azp", false));
    let expected = json!({"hl7-b2b": extension, "scope": "a b", "azp": false});
    assert_eq!(Value::Object(claims.claims().others().unwrap()), expected);

    // Known claims are not among them, however they are spelled.
    let spelt = with_members(r#""\u006ebf":1,"Iss":"x","aud ":1,"n\u0062f2":2,"":3"#);
    assert_eq!(Value::Object(spelt.claims().others().unwrap()), json!({"Iss": "x", "aud ": 1, "nbf2": 2, "": 3}));
    assert_eq!(spelt.claims().not_before(), Some(at(1)));

    let exact = with_members(r#""n":9007199254740993,"m":-9223372036854775808"#);
    let others = exact.claims().others().unwrap();
    assert_eq!((&others["n"], &others["m"]), (&json!(9_007_199_254_740_993_u64), &json!(i64::MIN)));

    // `serde_json` treats such a member as JSON to be parsed again, at any depth.
    let claims = json!({"$serde_json::private::RawValue": "[]"});
    let jwt = Jwt::new().claim("x", claims);
    assert!(verify(&verifier(), &form(&jwt.signed())).is_err());

    let beyond = with_members(r#""n":1e400"#);
    assert!(beyond.claims().others().is_err(), "a number that nothing can hold");
}

#[test]
fn debug_output_hides_jti_and_unknown_claims() {
    let jti = "8b2c51d4-never-shown";
    let long = format!("{jti}{}", "x".repeat(100));
    for jti in [jti, &long] {
        let identity = identity(&Jwt::new().claim("jti", jti).claim("password", "hush"));
        let printed = format!("{identity:?} {:#?} {:?}", identity, identity.claims());
        assert!(!printed.contains("never-shown") && !printed.contains("hush"), "{printed}");
        assert!(printed.contains(CLIENT) && printed.contains(AUDIENCE) && printed.contains("key-1"), "{printed}");
        let hash: [u8; 32] = digest(&SHA256, jti.as_bytes()).as_ref().try_into().unwrap();
        assert_eq!(identity.claims().jti_hash(), Some(hash));
    }
}

#[test]
fn identities_are_equal_if_all_proven_values_are() {
    let one = identity(&Jwt::new().claim("jti", "one"));
    assert_eq!(one, one.clone());
    assert_eq!(one, identity(&Jwt::new().claim("jti", "one")));
    assert_ne!(one, identity(&Jwt::new().claim("jti", "two")));
    assert_ne!(one, identity(&Jwt::new().claim("jti", "one").claim("exp", NOW + 299)));
}
