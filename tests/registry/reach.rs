//! Registrations that could never be used are reported when they are loaded, and not by silence and
//! a refusal for ever.

use std::sync::{Arc, Mutex};

use crate::common::{self, CLIENT, Jwt, NOW, SIGNER, Signer, TempFile, fixture, key_set};
use serde_json::{Value, json};
use tower_client_assertion::Policy;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, Limits};
use tower_client_assertion::registry::{Client, ClientReader, FileRegistry};
use tower_client_assertion::rejection::ClientFault;
use tower_client_assertion::secret::ClientSecret;

fn named(kid: &str) -> Value {
    let mut jwk = SIGNER.jwk();
    jwk["kid"] = kid.into();
    jwk
}

fn problems(client_id: &str, jwks: &[Value], limits: Limits) -> Vec<(String, bool)> {
    let file = TempFile::new(json!([{"client_id": client_id, "jwks": {"keys": jwks}}]).to_string());
    let registry = FileRegistry::load_with_reader(file.path(), ClientReader::new().limits(limits)).unwrap();
    registry.problems().iter().map(|problem| (problem.to_string(), problem.is_unusable())).collect()
}

#[test]
fn a_client_id_over_the_limit_is_a_problem_at_load() {
    let cases = [
        (512, Limits::default()),
        (600, Limits::default().with_client_id(600)),
        (1, Limits::default().with_client_id(1)),
    ];
    for (limit, limits) in cases {
        assert_eq!(problems(&"x".repeat(limit), &[SIGNER.jwk()], limits.clone()), [], "{limit}");
        let found = problems(&"x".repeat(limit + 1), &[SIGNER.jwk()], limits);
        let [(problem, unusable)] = found.as_slice() else { panic!("{found:?}") };
        let bytes = limit + 1;
        let why =
            format!("{bytes} bytes are over the limit of {limit} (limit client_id), so every assertion is refused");
        assert!(
            problem.ends_with(&format!("client_id: {why}"))
                && problem.starts_with("client 0 (\"xx")
                && problem.len() < 300,
            "{problem}"
        );
        assert!(unusable);
    }
}

#[test]
fn a_kid_that_no_assertion_can_have_is_a_problem_at_load() {
    for (limit, limits) in [(256, Limits::default()), (8, Limits::default().with_kid(8))] {
        let at = named(&"k".repeat(limit));
        assert_eq!(problems("a", std::slice::from_ref(&at), limits.clone()), []);
        let over = named(&"k".repeat(limit + 1));
        let found = problems("a", &[over, at], limits);
        let [(problem, unusable)] = found.as_slice() else { panic!("{found:?}") };
        let why =
            format!("has {} bytes, over the limit of {limit} (limit kid), so no assertion can name it", limit + 1);
        assert!(problem.starts_with("client 0 (\"a\"): jwks: the kid \"kkk") && problem.ends_with(&why), "{problem}");
        assert!(!unusable, "the other key works");
    }
    for kid in ["a\nb", "\u{0}", "\u{7f}", "\u{85}"] {
        let found = problems("a", &[named(kid)], Limits::default());
        let escaped: String = kid
            .chars()
            .map(|c| if c.is_control() { format!("\\u{{{:x}}}", c as u32) } else { c.to_string() })
            .collect();
        let why = format!(
            "client 0 (\"a\"): jwks: the kid \"{escaped}\" has a control character, so no assertion can name it"
        );
        assert_eq!(found, [(why, false)]);
    }
    for kid in ["a b", "schl\u{fc}ssel", "\u{202e}"] {
        assert_eq!(problems("a", &[named(kid)], Limits::default()), [], "{kid:?} can be named");
    }
}

/// The claims above agree with what the verifier does.
#[test]
fn what_is_reported_is_refused_and_the_rest_works() {
    let policy = Policy::REDOX.with_algorithms(AlgorithmSet::of(&Algorithm::ALL));
    let outcome = |client_id: &str, kid: &str| {
        let client = Client::new(client_id, key_set(&[named(kid), Signer::es256("other").jwk()])).unwrap();
        let verifier = fixture().policy(policy.clone()).clients([client]).build();
        common::outcome(&verifier, &Jwt::by(&SIGNER, client_id).header("kid", kid).signed()).map(|_| ())
    };
    assert_eq!(outcome(&"x".repeat(512), "a"), Ok(()));
    assert!(outcome(&"x".repeat(513), "a").is_err());
    assert_eq!(outcome(CLIENT, &"k".repeat(256)), Ok(()));
    assert_eq!(outcome(CLIENT, &"k".repeat(257)), Err(ClientFault::KidTooLong));
    assert_eq!(outcome(CLIENT, "a\nb"), Err(ClientFault::KidInvalid));
    assert_eq!(outcome(CLIENT, "schl\u{fc}ssel"), Ok(()));
}

fn warnings(clients: Vec<Client>, policy: Policy, limits: Limits) -> Vec<String> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let events = event::sink(move |event| {
        if let Event::Warning(warning) = event {
            sink.lock().unwrap().push(warning.to_string());
        }
    });
    fixture().policy(policy).clients(clients).builder().limits(limits).events(events).build().unwrap();
    let mut told = std::mem::take(&mut *told.lock().unwrap());
    told.sort();
    told
}

#[test]
fn a_verifier_warns_about_listed_clients_that_never_work() {
    let client = |id: &str, jwks: &[Value]| Client::new(id, key_set(jwks)).unwrap();
    let (es256, rsa) = (Signer::es256("small").jwk(), Signer::rsa("RS256", "rsa").jwk());
    let good = || client("good", &[SIGNER.jwk()]);
    assert_eq!(warnings(vec![good()], Policy::REDOX, Limits::default()), Vec::<String>::new());
    let clients = vec![
        good(),
        client(&"x".repeat(33), &[SIGNER.jwk()]),
        client("other-keys", &[es256.clone(), rsa.clone()]),
        client("one-key", &[SIGNER.jwk(), es256.clone()]),
        client("long-kid", &[SIGNER.jwk(), named("123456789")]),
        client("none", &[es256]),
    ];
    let limits = Limits::default().with_client_id(32).with_kid(8);
    assert_eq!(
        warnings(clients, Policy::REDOX, limits),
        [
            "registry: client \"long-kid\": jwks: the kid \"123456789\" has 9 bytes, over the limit of 8 (limit kid), so \
             no assertion can name it"
                .to_owned(),
            "registry: client \"none\": algorithms: the client can use ES256, but the policy redox allows only RS384, ES384, HS384".to_owned(),
            "registry: client \"one-key\": jwks: the key \"small\" is for ES256, but the policy redox allows only RS384, \
             ES384, HS384"
                .to_owned(),
            "registry: client \"other-keys\": jwks: the key \"small\" is for ES256, but the policy redox allows only \
             RS384, ES384, HS384"
                .to_owned(),
            format!(
                "registry: client \"{}\": client_id: 33 bytes are over the limit of 32 (limit client_id), so every \
                 assertion is refused",
                "x".repeat(33)
            ),
        ]
    );
}

#[test]
fn a_verifier_names_what_of_a_client_never_works() {
    let secret = |len: usize| {
        let secret = ClientSecret::new(&"x".repeat(len)).unwrap();
        Client::with_secret("secret", secret).unwrap()
    };
    let expiring = |at: u64| {
        let secret = ClientSecret::new(&"x".repeat(48)).unwrap().with_expiry(UnixTime::from_secs(at));
        Client::with_secret("secret", secret).unwrap()
    };
    let client = |jwks: &[Value]| Client::new("odd", key_set(jwks)).unwrap();
    let mut nameless = Signer::es256("").jwk();
    nameless.as_object_mut().unwrap().remove("kid");
    let only = "but the policy redox allows only RS384, ES384, HS384";
    let cases = [
        (client(&[SIGNER.jwk()]), vec![]),
        (client(&[Signer::rsa("RS256", "rsa").jwk()]), vec![]),
        (secret(48), vec![]),
        (expiring(NOW + 1), vec![]),
        (expiring(NOW), vec!["client_secret_expires_at: the secret has expired".to_owned()]),
        (secret(47), vec![format!("algorithms: the client can use HS256, {only}")]),
        (client(&[SIGNER.jwk(), nameless]), vec![format!("jwks: the key without a kid is for ES256, {only}")]),
        (
            client(&[SIGNER.jwk()]).with_policy("legasy"),
            vec!["client_assertion_policy: the verifier has no policy \"legasy\"".to_owned()],
        ),
    ];
    let verifier = fixture().build();
    for (client, expected) in cases {
        assert_eq!(verifier.problems_of(&client), expected, "{client:?}");
    }
    let file = TempFile::new(
        json!([{"client_id": "unusable"}, {"client_id": "x".repeat(513), "jwks": {"keys": [SIGNER.jwk()]}}])
            .to_string(),
    );
    let registry = FileRegistry::load(file.path()).unwrap();
    let problems: Vec<_> = registry.clients().iter().flat_map(|client| verifier.problems_of(client)).collect();
    assert_eq!(problems.len(), 1, "a client without a credential was reported before: {problems:?}");
}
