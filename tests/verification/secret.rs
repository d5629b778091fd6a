//! Clients that authenticate with a secret (`client_secret_jwt`): where it is allowed, how long a
//! secret must be, and that public keys and secrets are never interchangeable.

use crate::common::attempt::{Attempt, answer};
use crate::common::{AUDIENCE, CLIENT, ISSUER, Jwt, NOW, SIGNER, Signer, fixture, outcome};
use serde_json::{Value, json};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, Policy, PolicyError};
use tower_client_assertion::registry::Client;
use tower_client_assertion::rejection::ClientFault;
use tower_client_assertion::secret::{ClientSecret, SecretError};
use tower_client_assertion::{AuthMethod, ClientAssertionLayer, ClientIdentity, ConfigError, Setting, Verifier};

/// The HMAC algorithms, each with its minimum length of a secret (RFC 7518, section 3.2).
const MACS: [(&str, Algorithm, usize); 3] =
    [("HS256", Algorithm::HS256, 32), ("HS384", Algorithm::HS384, 48), ("HS512", Algorithm::HS512, 64)];

fn secret(len: usize) -> String {
    "0123456789abcdef".chars().cycle().take(len).collect()
}

fn client(secret: &str) -> Client {
    Client::with_secret(CLIENT, ClientSecret::new(secret).unwrap()).unwrap()
}

fn verifier(policy: Policy, client: Client) -> Verifier {
    let is_redox = policy.name() == "redox";
    let fixture = fixture().policy(policy).clients([client]);
    if is_redox { fixture } else { fixture.at_issuer() }.build()
}

fn jwt(verifier: &Verifier, signer: &Signer) -> Jwt {
    let aud = if verifier.policies()[0].name() == "redox" { AUDIENCE } else { ISSUER };
    Jwt::by(signer, CLIENT).claim("aud", aud).without_header("kid")
}

fn signed(verifier: &Verifier, signer: &Signer) -> Result<ClientIdentity, ClientFault> {
    outcome(verifier, &jwt(verifier, signer).signed_by(signer))
}

#[test]
fn each_profile_accepts_its_hmac_algorithms_only() {
    let key = secret(64);
    let table = [
        (Policy::REDOX, &["HS384"][..]),
        (Policy::REDOX.allow_client_secret_jwt(), &["HS256", "HS384", "HS512"]),
        (Policy::RFC7523, &[]),
        (Policy::RFC7523.allow_client_secret_jwt(), &["HS256", "HS384", "HS512"]),
        (Policy::OIDC, &["HS256", "HS384", "HS512"]),
    ];
    for (policy, served) in table {
        // If the registry lists its clients, a verifier that can accept none of them does not
        // build.
        if served.is_empty() {
            let builder = fixture().policy(policy).clients([client(&key)]).at_issuer().builder();
            assert!(matches!(builder.build(), Err(ConfigError::UnmeetableAlgorithms { .. })));
            continue;
        }
        let verifier = verifier(policy.clone(), client(&key));
        for (name, algorithm, _) in MACS {
            match signed(&verifier, &Signer::secret(name, key.as_bytes())) {
                Ok(identity) => {
                    assert!(served.contains(&name), "{policy:?}");
                    assert_eq!((identity.algorithm(), identity.method()), (algorithm, AuthMethod::ClientSecretJwt));
                    assert_eq!((identity.key_id(), identity.key_thumbprint()), (None, None));
                }
                Err(fault) => {
                    assert!(!served.contains(&name), "{policy:?}");
                    // A `kid` is required even if the algorithm is not allowed.
                    assert_eq!(fault, ClientFault::KidMissing);
                    let named = jwt(&verifier, &SIGNER).header("alg", name).header("kid", "x").signed();
                    assert_eq!(outcome(&verifier, &named).map(|_| ()), Err(ClientFault::AlgorithmNotAllowed));
                }
            }
        }
    }
    for policy in [Policy::SMART_BACKEND_SERVICES, Policy::FAPI2] {
        assert!(policy.algorithms().intersection(AlgorithmSet::MAC).is_empty());
        for (_, algorithm, _) in MACS {
            let policy = policy.clone().with_algorithms(policy.algorithms().union(AlgorithmSet::of(&[algorithm])));
            let builder = fixture().policy(policy).clients([client(&key)]).at_issuer().builder();
            let error = builder.build().unwrap_err();
            let outside =
                matches!(error, ConfigError::Policy(PolicyError::OutsideProfile { setting: Setting::Algorithms, .. }));
            assert!(outside, "{error}");
        }
    }
}

#[test]
fn key_14_a_secret_is_at_least_as_long_as_the_hash() {
    for bytes in [0, 1, 31] {
        let error = ClientSecret::new(&secret(bytes)).unwrap_err();
        assert!(matches!(error, SecretError::TooShort { bytes: found, .. } if found == bytes));
        let sentence = format!("client_secret: {bytes} bytes are too few; use 32 or more (RFC 7518, section 3.2)");
        assert_eq!(error.to_string(), sentence);
    }
    for bytes in [32, 33, 47, 48, 49, 63, 64, 65, 4096] {
        let key = secret(bytes);
        let verifier = verifier(Policy::OIDC, client(&key));
        for (name, algorithm, least) in MACS {
            let serves = bytes >= least;
            assert_eq!(ClientSecret::new(&key).unwrap().algorithms().contains(algorithm), serves);
            assert_eq!(client(&key).with_signing_alg(algorithm).is_ok(), serves);
            let found = signed(&verifier, &Signer::secret(name, key.as_bytes())).map(|_| ());
            assert_eq!(found, if serves { Ok(()) } else { Err(ClientFault::NoKey) }, "{name} of {bytes}");
        }
    }
}

/// OpenID Connect Core, section 9: the key is the UTF-8 octets of the secret.
#[test]
fn secrets_are_used_as_utf_8_octets() {
    let umlauts = "\u{e4}".repeat(16);
    assert_eq!(umlauts.chars().count(), 16);
    let verifier = verifier(Policy::OIDC, client(&umlauts));
    assert!(signed(&verifier, &Signer::secret("HS256", umlauts.as_bytes())).is_ok());
    assert!(ClientSecret::new(&umlauts[2..]).is_err());
}

#[test]
fn sig_01_only_the_clients_secret_verifies() {
    let key = secret(64);
    let verifier = verifier(Policy::OIDC, client(&key));
    let others = [
        secret(63),
        secret(65),
        key.to_uppercase(),
        key.clone() + "\0",
        format!(" {key}"),
        base64_of(&key),
        "x".repeat(64),
    ];
    for other in others {
        let found = signed(&verifier, &Signer::secret("HS256", other.as_bytes())).map(|_| ());
        assert_eq!(found, Err(ClientFault::BadSignature), "{other}");
    }
    // The tag of another algorithm, a shorter one, and none.
    let assertion = jwt(&verifier, &Signer::secret("HS256", b"")).header("alg", "HS256");
    let right = assertion.signed_by(&Signer::secret("HS256", key.as_bytes()));
    let (input, tag) = right.rsplit_once('.').unwrap();
    let longer = assertion.signed_by(&Signer::secret("HS512", key.as_bytes()));
    for tag in [longer.rsplit_once('.').unwrap().1, &tag[..tag.len() - 3], "", &format!("{tag}AAAA")] {
        let found = outcome(&verifier, &format!("{input}.{tag}")).map(|_| ());
        assert_eq!(found, Err(ClientFault::SignatureLength), "{tag}");
    }
    assert!(outcome(&verifier, &right).is_ok());
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

/// The attack of E02, from both sides.
#[test]
fn sig_04_key_02_keys_and_secrets_are_never_interchangeable() {
    let key_client = crate::common::client();
    let with_keys = verifier(Policy::OIDC, key_client);
    let jwk = SIGNER.jwk();
    let coordinates = format!("{}{}", jwk["x"].as_str().unwrap(), jwk["y"].as_str().unwrap());
    for public in [jwk.to_string(), coordinates, jwk["x"].as_str().unwrap().to_owned(), String::new()] {
        for (name, ..) in MACS {
            let signer = Signer::secret(name, public.as_bytes());
            assert_eq!(signed(&with_keys, &signer).map(|_| ()), Err(ClientFault::MethodNotRegistered), "{name}");
        }
    }
    let with_secret = verifier(Policy::OIDC, client(&secret(64)));
    let asymmetric = AlgorithmSet::ASYMMETRIC.intersection(Policy::OIDC.algorithms());
    for algorithm in asymmetric.iter() {
        let jwt = jwt(&with_secret, &SIGNER).header("alg", algorithm.name()).signed();
        assert_eq!(outcome(&with_secret, &jwt).map(|_| ()), Err(ClientFault::MethodNotRegistered), "{algorithm}");
    }
    assert!(crate::common::client().with_signing_alg(Algorithm::HS256).is_err());
    assert!(client(&secret(64)).with_signing_alg(Algorithm::ES384).is_err());
}

/// A secret is not a key that a `kid` could name.
#[test]
fn clients_with_a_secret_need_no_kid() {
    let key = secret(64);
    let signer = Signer::secret("HS384", key.as_bytes());
    let verifier = verifier(Policy::REDOX, client(&key));
    let jwt = || jwt(&verifier, &signer);
    let cases: [(Option<Value>, Result<(), ClientFault>); 7] = [
        (None, Ok(())),
        (Some(json!("anything")), Ok(())),
        (Some(json!("k".repeat(256))), Ok(())),
        (Some(json!("k".repeat(257))), Err(ClientFault::KidTooLong)),
        (Some(json!("")), Err(ClientFault::KidMissing)),
        (Some(json!(null)), Err(ClientFault::KidMissing)),
        (Some(json!(7)), Err(ClientFault::KidMissing)),
    ];
    for (kid, expected) in cases {
        let jwt = kid.iter().fold(jwt(), |jwt, kid| jwt.header("kid", kid.clone()));
        assert_eq!(outcome(&verifier, &jwt.signed_by(&signer)).map(|_| ()), expected, "{kid:?}");
    }
    // Clients with keys still need a `kid` in Redox, even if the algorithm is not allowed.
    let hs256 = Signer::secret("HS256", key.as_bytes());
    assert_eq!(signed(&verifier, &hs256).map(|_| ()), Err(ClientFault::KidMissing));
    assert_eq!(signed(&verifier, &SIGNER).map(|_| ()), Err(ClientFault::KidMissing));
}

#[test]
fn clients_with_a_secret_follow_all_other_rules() {
    let key = secret(64);
    let layer = ClientAssertionLayer::new(verifier(Policy::OIDC, client(&key))).preserve_body_types();
    let signer: &'static Signer = Box::leak(Box::new(Signer::secret("HS256", key.as_bytes())));
    let attempt = || Attempt::of(signer, Jwt::by(signer, CLIENT).claim("aud", ISSUER));
    let mut first = attempt();
    assert_eq!(answer(&layer, &first).0, 200);
    assert_eq!(answer(&layer, &first).1["error_description"], "Client assertion has already been used");
    first = attempt();
    first.claim("aud", "https://other.example");
    assert_eq!(answer(&layer, &first).1["error_description"], "Unexpected aud claim");
    let mut both = attempt();
    both.parameter("client_secret", &key);
    assert_eq!(answer(&layer, &both).1["error_description"], "More than one client authentication method was used");
}

#[test]
fn secrets_expire_to_the_second() {
    let long = secret(64);
    for (expires_at, accepted) in [(NOW + 1, true), (NOW, false), (NOW - 1, false)] {
        let secret = ClientSecret::new(&long).unwrap().with_expiry(UnixTime::from_secs(expires_at));
        let verifier = verifier(Policy::OIDC, Client::with_secret(CLIENT, secret).unwrap());
        let found = signed(&verifier, &Signer::secret("HS256", long.as_bytes())).map(|_| ());
        assert_eq!(found, if accepted { Ok(()) } else { Err(ClientFault::NoKey) }, "{expires_at}");
    }
}

#[test]
fn jws_09_a_registered_algorithm_narrows_a_secret() {
    let key = secret(64);
    let client = client(&key).with_signing_alg(Algorithm::HS512).unwrap();
    assert_eq!(client.algorithms(), AlgorithmSet::of(&[Algorithm::HS512]));
    let verifier = verifier(Policy::OIDC, client);
    assert!(signed(&verifier, &Signer::secret("HS512", key.as_bytes())).is_ok());
    let other = signed(&verifier, &Signer::secret("HS256", key.as_bytes()));
    assert_eq!(other.map(|_| ()), Err(ClientFault::AlgorithmNotRegistered));
}

#[test]
fn debug_output_never_shows_a_secret() {
    let key = secret(48);
    let secret = ClientSecret::new(&key).unwrap();
    let verifier = verifier(Policy::OIDC, client(&key));
    assert_eq!(format!("{secret:?}"), "ClientSecret { algorithms: {HS256, HS384}, .. }");
    let identity = signed(&verifier, &Signer::secret("HS256", key.as_bytes())).unwrap();
    for printed in [format!("{:?}", client(&key)), format!("{verifier:?}"), format!("{identity:?}")] {
        assert!(!printed.contains(&key[..8]), "{printed}");
    }
}
