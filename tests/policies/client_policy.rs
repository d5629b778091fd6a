//! Several policies in one verifier: each client is judged by its own policy, even if another
//! would accept, and client and operator are told what that policy found.

use std::error::Error;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use crate::common::attempt::{Attempt, answer};
use crate::common::{AUDIENCE, ISSUER, Jwt, NOW, SIGNER, Signer, TempFile, fixture, form, key_set, verify};
use serde_json::{Value, json};
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, AudienceRule, Policy};
use tower_client_assertion::port::Answer;
use tower_client_assertion::registry::{Client, ClientRegistry, FileRegistry, FindResult, FixedRegistry};
use tower_client_assertion::rejection::{Claim, ClaimFault, ClientFault, RejectionKind, ServerFault};
use tower_client_assertion::secret::ClientSecret;
use tower_client_assertion::{ClientAssertionLayer, ConfigError, Verifier, VerifierBuilder};

/// The issuer only, two algorithms, with a `jti` and a `typ`, and a short lifetime.
const STRICT: Policy = Policy::RFC7523
    .with_algorithms(AlgorithmSet::of(&[Algorithm::PS256, Algorithm::ES384]))
    .require_jti()
    .require_typ()
    .with_max_lifetime(Duration::from_secs(300));

/// For clients that still send the URL and have no `jti`.
const LEGACY: Policy = Policy::RFC7523
    .with_algorithms(AlgorithmSet::of(&[Algorithm::ES384, Algorithm::RS512]))
    .dangerous()
    .audience(AudienceRule::IssuerOrUrls)
    .with_name("legacy");

const SECRET: Policy =
    Policy::RFC7523.with_algorithms(AlgorithmSet::MAC).dangerous().accept_typ(&["private+jwt"]).with_name("secret");

const KEY: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

static HS256: LazyLock<Signer> = LazyLock::new(|| Signer::secret("HS256", KEY.as_bytes()));
static RS512: LazyLock<Signer> = LazyLock::new(|| Signer::rsa("RS512", "key-2"));

fn clients() -> Vec<Client> {
    let client = |id| Client::new(id, key_set(&[SIGNER.jwk(), RS512.jwk()])).unwrap();
    vec![
        client("strict"),
        client("strict by name").with_policy("rfc7523"),
        client("legacy").with_policy("legacy"),
        Client::with_secret("secret", ClientSecret::new(KEY).unwrap()).unwrap().with_policy("secret"),
    ]
}

fn builder_of(registry: impl ClientRegistry + 'static, policies: [Policy; 3]) -> VerifierBuilder {
    let [first, second, third] = policies;
    let fixture = fixture().policy(first).registry(registry).at_issuer_and_url();
    fixture.builder().client_policy(second).client_policy(third)
}

fn verifier() -> Verifier {
    builder_of(FixedRegistry::new(clients()).unwrap(), [STRICT, LEGACY, SECRET]).build().unwrap()
}

fn jwt(client: &str) -> Jwt {
    Jwt::by(&SIGNER, client).claim("aud", ISSUER)
}

/// The policy that accepted it and whether the audience was lax, or the fault.
type Outcome = Result<(String, bool), RejectionKind>;

fn outcome(verifier: &Verifier, signer: &Signer, jwt: &Jwt) -> Outcome {
    let jwt = jwt.clone().header("alg", signer.alg).header("kid", signer.kid);
    let outcome = verify(verifier, &form(&jwt.signed_by(signer)));
    outcome
        .map(|identity| (identity.policy().to_owned(), identity.has_lax_audience()))
        .map_err(|rejection| rejection.kind().clone())
}

fn accepted(policy: &str, lax_audience: bool) -> Outcome {
    Ok((policy.to_owned(), lax_audience))
}

fn claim(claim: Claim, fault: ClaimFault) -> Outcome {
    Err(RejectionKind::Client(ClientFault::Claim(claim, fault)))
}

#[test]
fn each_client_is_judged_by_its_own_policy() {
    use ClaimFault::{Future, Missing, Unexpected};
    type Row = (&'static str, fn(Jwt) -> Jwt, [Outcome; 3]);
    let not_allowed = || Err(RejectionKind::Client(ClientFault::AlgorithmNotAllowed));
    let strict = || accepted("rfc7523", false);
    let legacy = |lax| accepted("legacy", lax);
    let secret = || accepted("secret", false);
    // What is sent; the outcome for the strict client, the legacy client and the client with a
    // secret.
    let table: Vec<Row> = vec![
        ("all right", |jwt| jwt, [strict(), legacy(false), claim(Claim::Typ, Unexpected)]),
        (
            "audience: the URL",
            |jwt| jwt.claim("aud", AUDIENCE),
            [claim(Claim::Aud, Unexpected), legacy(true), claim(Claim::Aud, Unexpected)],
        ),
        (
            "audience: both",
            |jwt| jwt.claim("aud", json!([ISSUER, AUDIENCE])),
            [claim(Claim::Aud, Unexpected), legacy(true), claim(Claim::Aud, Unexpected)],
        ),
        (
            "the URL, and a typ that asks for the issuer",
            |jwt| jwt.claim("aud", AUDIENCE).header("typ", "client-authentication+jwt"),
            [claim(Claim::Aud, Unexpected), claim(Claim::Aud, Unexpected), claim(Claim::Aud, Unexpected)],
        ),
        ("typ: none", |jwt| jwt.without_header("typ"), [claim(Claim::Typ, Missing), legacy(false), secret()]),
        (
            "typ: configured",
            |jwt| jwt.header("typ", "private+jwt"),
            [claim(Claim::Typ, Unexpected), claim(Claim::Typ, Unexpected), secret()],
        ),
        (
            "typ: another JWT's",
            |jwt| jwt.header("typ", "at+jwt"),
            [claim(Claim::Typ, Unexpected), claim(Claim::Typ, Unexpected), claim(Claim::Typ, Unexpected)],
        ),
        (
            "jti: none",
            |jwt| jwt.without_claim("jti").header("typ", "JWT"),
            [claim(Claim::Jti, Missing), legacy(false), claim(Claim::Typ, Unexpected)],
        ),
        (
            "lifetime: five minutes and the skew",
            |jwt| jwt.claim("exp", NOW + 330),
            [strict(), legacy(false), claim(Claim::Typ, Unexpected)],
        ),
        (
            "lifetime: a second more",
            |jwt| jwt.claim("exp", NOW + 331),
            [claim(Claim::Exp, Future), legacy(false), claim(Claim::Typ, Unexpected)],
        ),
    ];
    let orders = [[STRICT, LEGACY, SECRET], [STRICT, SECRET, LEGACY]];
    for order in orders {
        let verifier = builder_of(FixedRegistry::new(clients()).unwrap(), order).build().unwrap();
        for (name, change, [strict, legacy, secret]) in &table {
            let senders = [("strict", &*SIGNER, strict), ("legacy", &*SIGNER, legacy), ("secret", &*HS256, secret)];
            for (client, signer, expected) in senders {
                assert_eq!(outcome(&verifier, signer, &change(jwt(client))), *expected, "{client}: {name}");
            }
            let by_name = outcome(&verifier, &SIGNER, &change(jwt("strict by name")));
            assert_eq!(by_name, *strict, "strict by name: {name}");
        }
        assert_eq!(outcome(&verifier, &RS512, &jwt("strict")), not_allowed());
        assert_eq!(outcome(&verifier, &RS512, &jwt("legacy")), legacy(false));
    }
}

/// Each of the three meets another policy, but not the client's own.
#[test]
fn another_policy_does_not_make_up_for_the_clients_own() {
    let verifier = verifier();
    let not_registered = Err(RejectionKind::Client(ClientFault::MethodNotRegistered));
    let typed = |client| jwt(client).without_header("typ");
    assert_eq!(outcome(&verifier, &HS256, &typed("strict")), not_registered);
    assert_eq!(outcome(&verifier, &HS256, &typed("legacy")), not_registered);
    assert_eq!(outcome(&verifier, &SIGNER, &jwt("secret")), not_registered);
    assert_eq!(outcome(&verifier, &RS512, &jwt("secret")), not_registered);
}

/// If no policy is met, the fault is that of the policy that was met furthest.
#[test]
fn a_refusal_follows_the_policy_that_was_met_furthest() {
    use ClaimFault::{Missing, Past, Unexpected};
    let verifier = verifier();
    // The client is not looked up, so it need not exist.
    let cases = [
        ("alg, of all", jwt("stranger").header("alg", "none"), ClientFault::AlgorithmNotAllowed),
        ("aud, of all", jwt("stranger").claim("aud", "x"), ClientFault::Claim(Claim::Aud, Unexpected)),
        (
            "jti of the first, expiry of the second",
            jwt("stranger").without_claim("jti").claim("exp", NOW - 30),
            ClientFault::Claim(Claim::Exp, Past),
        ),
        (
            "aud of the first, expiry of the second",
            jwt("stranger").claim("aud", AUDIENCE).without_claim("exp"),
            ClientFault::Claim(Claim::Exp, Missing),
        ),
        ("iss before all that", jwt("stranger").claim("iss", 7), ClientFault::Claim(Claim::Iss, ClaimFault::Malformed)),
    ];
    for (name, jwt, fault) in cases {
        let found = verify(&verifier, &form(&jwt.signed())).map(|_| ()).map_err(|rejection| rejection.kind().clone());
        assert_eq!(found, Err(RejectionKind::Client(fault)), "{name}");
    }
}

#[test]
fn findings_are_those_of_the_refusing_policy() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&lines);
    let events = event::sink(move |event| {
        if let Event::Refused(refused) = event {
            log.lock().unwrap().extend(refused.findings().iter().map(ToString::to_string));
        }
    });
    let registry = FixedRegistry::new(clients()).unwrap();
    let verifier = builder_of(registry, [STRICT, LEGACY, SECRET]).events(events).build().unwrap();
    let wrong = |client| jwt(client).claim("aud", AUDIENCE).without_claim("jti").claim("exp", NOW + 331);
    outcome(&verifier, &SIGNER, &wrong("strict")).unwrap_err();
    outcome(&verifier, &SIGNER, &wrong("legacy")).unwrap();
    outcome(&verifier, &SIGNER, &wrong("legacy").claim("exp", NOW + 3631)).unwrap_err();
    let url = format!("received \"{AUDIENCE}\"");
    let expected = [
        "jti is missing: expected 1 to 256 bytes without control characters, received nothing".to_owned(),
        format!("aud is not an accepted value: expected only {ISSUER}, as the sole value, {url}"),
        format!(
            "exp is too far in the future: expected a time after {} and up to {}, received {}, 1 s too far ahead",
            NOW - 30,
            NOW + 330,
            NOW + 331
        ),
        format!(
            "exp is too far in the future: expected a time after {} and up to {}, received {}, 1 s too far ahead",
            NOW - 30,
            NOW + 3630,
            NOW + 3631
        ),
    ];
    assert_eq!(*lines.lock().unwrap(), expected);
}

/// This holds even if another policy, which is tried first, was met.
#[test]
fn findings_are_those_of_the_clients_policy() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&lines);
    let events = event::sink(move |event| {
        if let Event::Refused(refused) = event {
            log.lock().unwrap().extend(refused.findings().iter().map(ToString::to_string));
        }
    });
    let registry = FixedRegistry::new([clients().remove(0).with_policy("strict")]).unwrap();
    let policies = [LEGACY, SECRET, STRICT.with_name("strict")];
    let verifier = builder_of(registry, policies).events(events).build().unwrap();
    let jwt = jwt("strict").claim("aud", AUDIENCE).without_header("typ");
    assert_eq!(outcome(&verifier, &SIGNER, &jwt), claim(Claim::Aud, ClaimFault::Unexpected));
    let expected = [
        format!("aud is not an accepted value: expected only {ISSUER}, as the sole value, received \"{AUDIENCE}\""),
        "typ is missing: expected client-authentication+jwt or jwt, received nothing".to_owned(),
    ];
    assert_eq!(*lines.lock().unwrap(), expected);
}

#[test]
fn grant_types_follow_the_client_and_wording_the_first_policy() {
    let first = Policy::RFC7523.with_grant_types(&["client_credentials"]);
    let second = Policy::REDOX.with_name("redox").with_grant_types(&["password"]);
    let client = |id| Client::new(id, key_set(&[SIGNER.jwk()])).unwrap();
    let registry = FixedRegistry::new([client("clinic-7").with_policy("redox"), client("clinic-8")]).unwrap();
    let verifier = builder_of(registry, [first, second, SECRET]).build().unwrap();
    let layer = ClientAssertionLayer::new(verifier).preserve_body_types();
    let table = [
        ("clinic-7", "password", 200, Value::Null),
        ("clinic-7", "client_credentials", 400, json!("unsupported_grant_type")),
        ("clinic-7", "implicit", 400, json!("unsupported_grant_type")),
        ("clinic-8", "client_credentials", 200, Value::Null),
        ("clinic-8", "password", 400, json!("unsupported_grant_type")),
    ];
    for (client, grant_type, status, error) in table {
        let attempt = Attempt::with(|a| {
            a.jwt = Jwt::by(&SIGNER, client).claim("aud", if client == "clinic-7" { AUDIENCE } else { ISSUER });
            a.parameter("grant_type", grant_type);
        });
        let (found, body) = answer(&layer, &attempt);
        assert_eq!((found, &body["error"]), (status, &error), "{client} {grant_type}: {body}");
    }
    let stale = Attempt::with(|a| {
        a.parameter("grant_type", "password");
        a.claim("iat", NOW - 311);
    });
    let expected = json!({"error": "invalid_client", "error_description": "iat is too far in the past"});
    assert_eq!(answer(&layer, &stale), (400, expected));
}

/// A registry that does not list its clients, so that the name of a policy is first seen with a
/// request.
#[derive(Debug)]
struct Silent(Vec<Client>);

impl ClientRegistry for Silent {
    fn find(&self, client_id: &str) -> Answer<FindResult> {
        let found = self.0.iter().find(|client| client.id().as_str() == client_id);
        Answer::Ready(Ok(found.cloned().map(Arc::new)))
    }
}

#[test]
fn an_unknown_policy_name_is_a_server_fault() {
    let client = |id: &str, policy: &str| Client::new(id, key_set(&[SIGNER.jwk()])).unwrap().with_policy(policy);
    let mistyped = [client("a", "legasy"), client("b", "LEGACY"), client("c", ""), client("d", "legacy")];
    let verifier = builder_of(Silent(mistyped.to_vec()), [STRICT, LEGACY, SECRET]).build().unwrap();
    for (id, name) in [("a", "legasy"), ("b", "LEGACY"), ("c", "")] {
        let rejection = verify(&verifier, &form(&jwt(id).signed())).unwrap_err();
        assert_eq!(*rejection.kind(), RejectionKind::Server(ServerFault::Registry), "{id}");
        let cause = format!("the client is registered under the policy {name:?}, which the verifier does not have");
        assert_eq!(rejection.source().unwrap().to_string(), cause);
    }
    assert_eq!(outcome(&verifier, &SIGNER, &jwt("d")), accepted("legacy", false));

    let layer = ClientAssertionLayer::new(verifier).preserve_body_types();
    let (status, body) = answer(&layer, &Attempt::of(&SIGNER, jwt("a")));
    assert_eq!((status, &body["error"]), (503, &json!("temporarily_unavailable")));

    // If the registry lists its clients, the verifier does not build.
    let registry = FixedRegistry::new(mistyped).unwrap();
    let error = builder_of(registry, [STRICT, LEGACY, SECRET]).build().unwrap_err();
    assert!(matches!(error, ConfigError::UnknownPolicy { .. }), "{error}");
}

#[test]
fn a_verifier_builds_if_one_client_can_meet_its_own_policy() {
    let client = |policy: &str| Client::new(policy, key_set(&[RS512.jwk()])).unwrap().with_policy(policy);
    let build =
        |clients: Vec<Client>| builder_of(FixedRegistry::new(clients).unwrap(), [STRICT, LEGACY, SECRET]).build();
    // The strict policy allows PS256 for an RSA key, and the other one RS512.
    let narrowed = |policy| client(policy).with_signing_alg(Algorithm::RS512).unwrap();
    assert!(build(vec![narrowed("legacy")]).is_ok());
    assert!(build(vec![narrowed("legacy"), narrowed("rfc7523")]).is_ok());
    for (policy, algorithms) in [("rfc7523", "PS256, ES384"), ("secret", "HS256, HS384, HS512")] {
        let sentence = format!(
            "algorithms: the policies allow {algorithms}, but the registered clients can only use RS512; allow one of these or register \
             other keys"
        );
        assert_eq!(build(vec![narrowed(policy)]).unwrap_err().to_string(), sentence);
    }
}

#[test]
fn a_file_names_the_policy_of_a_client_and_its_secret() {
    let keys = json!({"keys": [SIGNER.jwk()]});
    let method = "client_secret_jwt";
    let entries = json!([
        {"client_id": "strict", "jwks": keys},
        {"client_id": "legacy", "jwks": keys, "client_assertion_policy": "legacy"},
        {"client_id": "mistyped", "jwks": keys, "client_assertion_policy": "legasy"},
        {"client_id": "no name", "jwks": keys, "client_assertion_policy": 7},
        {"client_id": "secret", "token_endpoint_auth_method": method, "client_secret": KEY, "client_assertion_policy": "secret"},
        {"client_id": "short", "token_endpoint_auth_method": method, "client_secret": "x".repeat(31), "client_assertion_policy": "secret"},
        // Members that the method does not use are ignored.
        {"client_id": "both", "jwks": keys, "client_secret": 7},
        {"client_id": "too long a hash", "token_endpoint_auth_method": method, "client_secret": KEY,
         "token_endpoint_auth_signing_alg": "HS384", "client_assertion_policy": "secret"},
    ]);
    let file = TempFile::new(entries.to_string());
    let registry = FileRegistry::load(file.path()).unwrap();
    let problems: Vec<_> = registry.problems().iter().map(ToString::to_string).collect();
    let expected = [
        "client 3 (\"no name\"): client_assertion_policy: a number, expected a string",
        "client 5 (\"short\"): client_secret: 31 bytes are too few; use 32 or more",
        "client 7 (\"too long a hash\"): token_endpoint_auth_signing_alg: HS384, but its keys or its secret can only verify HS256",
    ];
    assert_eq!(problems, expected);
    assert!(!format!("{registry:?} {problems:?}").contains(KEY));

    let verifier = builder_of(registry, [STRICT, LEGACY, SECRET]).build().unwrap();
    let url = |client| jwt(client).claim("aud", AUDIENCE);
    assert_eq!(outcome(&verifier, &SIGNER, &jwt("strict")), accepted("rfc7523", false));
    assert_eq!(outcome(&verifier, &SIGNER, &url("strict")), claim(Claim::Aud, ClaimFault::Unexpected));
    assert_eq!(outcome(&verifier, &SIGNER, &url("legacy")), accepted("legacy", true));
    assert_eq!(outcome(&verifier, &SIGNER, &jwt("both")), accepted("rfc7523", false));
    let ours = Err(RejectionKind::Server(ServerFault::Registry));
    assert_eq!(outcome(&verifier, &SIGNER, &jwt("mistyped")), ours);
    let no_key = Err(RejectionKind::Client(ClientFault::NoKey));
    assert_eq!(outcome(&verifier, &SIGNER, &jwt("no name")), no_key);
    let typed = |client| jwt(client).header("typ", "private+jwt");
    assert_eq!(outcome(&verifier, &HS256, &typed("secret")), accepted("secret", false));
    // They are judged by their own policy and refused because they have no key. The client did not
    // use the wrong method.
    for client in ["short", "too long a hash"] {
        assert_eq!(outcome(&verifier, &HS256, &typed(client)), no_key, "{client}");
    }
}
