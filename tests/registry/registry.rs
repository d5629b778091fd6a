//! Registries: what can be registered, what is reported about a wrong client file, that one
//! unusable client does not affect the others, and that a file is reloaded as a whole or not at
//! all.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, mpsc};

use crate::common::{self, CLIENT, Jwt, SIGNER, Signer, TempFile, fixture, key_set, now_or_never, with};
use serde_json::{Value, json};
use tower_client_assertion::event::{self, Event, RegistryNews};
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::policy::{Algorithm, AlgorithmSet};
use tower_client_assertion::port::{Answer, Awaited};
use tower_client_assertion::registry::{
    AsyncClientRegistry, Client, ClientError, ClientFileError, ClientProblem, ClientRegistry, FileRegistry, FindResult,
    FixedRegistry,
};
use tower_client_assertion::rejection::ClientFault;
use tower_client_assertion::{Policy, Verifier};

static ODD: LazyLock<Signer> = LazyLock::new(|| Signer::es384("odd-key"));

const SECRET: &str = "s3cr3t-that-must-not-leak";

/// A file of clients.
struct File(TempFile);

impl File {
    fn new(text: impl AsRef<[u8]>) -> Self {
        Self(TempFile::new(text))
    }

    fn of(clients: &[Value]) -> Self {
        Self::new(json!(clients).to_string())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, text: impl AsRef<[u8]>) {
        self.0.write(text);
    }

    fn load(&self) -> Result<FileRegistry, ClientFileError> {
        FileRegistry::load(self.path())
    }
}

fn metadata(client_id: &str, keys: &[Value]) -> Value {
    json!({"client_id": client_id, "jwks": {"keys": keys}})
}

/// The client that stays usable in every file.
fn good() -> Value {
    metadata(CLIENT, &[SIGNER.jwk()])
}

/// The metadata of a valid client, with members replaced or added.
fn odd(members: Value) -> Value {
    with(metadata("odd", &[ODD.jwk()]), members)
}

fn odd_without(member: &str) -> Value {
    let Value::Object(mut client) = odd(json!({})) else { unreachable!() };
    client.remove(member);
    client.into()
}

fn find(registry: &impl ClientRegistry, client_id: &str) -> Option<Arc<Client>> {
    match registry.find(client_id) {
        Answer::Ready(found) => found.unwrap(),
        Answer::Pending(_) => panic!("memory answers immediately"),
    }
}

fn verifier(registry: impl ClientRegistry + 'static) -> Verifier {
    fixture().policy(Policy::REDOX.with_algorithms(AlgorithmSet::of(&Algorithm::ALL))).registry(registry).build()
}

fn outcome(verifier: &Verifier, signer: &Signer, client_id: &str) -> Result<(), ClientFault> {
    let identity = common::outcome(verifier, &Jwt::by(signer, client_id).signed_by(signer))?;
    assert_eq!(identity.client_id().as_str(), client_id);
    Ok(())
}

fn texts(registry: &FileRegistry) -> Vec<String> {
    registry.problems().iter().map(ToString::to_string).collect()
}

#[test]
fn duplicate_client_ids_are_refused() {
    let client = |id| Client::new(id, key_set(&[SIGNER.jwk()])).unwrap();
    let error = FixedRegistry::new([client("a"), client("b"), client("a")]).unwrap_err();
    assert!(matches!(&error, ClientError::Duplicate { client_id, .. } if client_id == "a"), "{error:?}");
    assert_eq!(error.to_string(), "client_id: \"a\" is registered twice; give each client a different id");
    assert!(error.source().is_none());
    assert!(FixedRegistry::new([client("a"), client("A"), client("a ")]).is_ok(), "ids are compared byte for byte");
}

#[test]
fn a_fixed_registry_finds_exactly_its_clients() {
    let client = |id, signer: &Signer| Client::new(id, key_set(&[signer.jwk()])).unwrap();
    let registry = FixedRegistry::new([client("a", &SIGNER), client("b", &Signer::es256("b"))]).unwrap();
    for id in ["a", "b"] {
        assert_eq!(find(&registry, id).unwrap().id().as_str(), id);
    }
    for id in ["", "A", "a ", " a", "ab", "a\0", "c"] {
        assert!(find(&registry, id).is_none(), "{id:?}");
    }
    assert_eq!(registry.all().unwrap().len(), 2);
    assert!(find(&FixedRegistry::default(), "a").is_none());
    assert!(FixedRegistry::default().all().unwrap().is_empty());
    let shared = Arc::new(registry);
    assert!(find(&shared, "a").is_some());
    assert_eq!(shared.all().unwrap().len(), 2);
}

#[test]
fn a_client_id_is_printable_ascii_and_not_empty() {
    let new = |id: &str| Client::new(id, key_set(&[SIGNER.jwk()]));
    for id in ["a", " ", "~", "https://example.com/client?a=b&c", "a b", &"x".repeat(10_000)] {
        assert_eq!(new(id).unwrap().id().as_str(), id);
    }
    for id in ["", "\u{1f}", "\u{7f}", "a\n", "a\0b", "\t", "\u{e9}", "a\u{202e}"] {
        let error = new(id).unwrap_err();
        assert!(matches!(&error, ClientError::InvalidId { client_id, .. } if client_id == id), "{error:?}");
        let text = error.to_string();
        let escaped = |character: char| match character {
            ' '..='~' => character.to_string(),
            other => other.escape_unicode().to_string(),
        };
        let shown: String = id.chars().map(escaped).collect();
        assert_eq!(
            text,
            format!(
                "client_id: \"{shown}\" is not valid; use printable ASCII, at least one character (RFC 6749, appendix A.1)"
            )
        );
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}

#[test]
fn a_client_without_usable_keys_is_refused() {
    let one = "; key 0 is skipped: kty is \"PQC\", expected RSA, EC, OKP or AKP";
    let two = "; key 0 is skipped: it is a number, expected an object; key 1 is skipped: kty is missing";
    for (skipped, keys, why) in [
        (0, KeySet::default(), ""),
        (1, key_set(&[json!({"kty": "PQC"})]), one),
        (2, key_set(&[json!(1), json!({})]), two),
    ] {
        let error = Client::new("a", keys).unwrap_err();
        assert!(
            matches!(&error, ClientError::NoKeys { client_id, skipped: found, .. } if client_id == "a" && *found == skipped),
            "{error:?}"
        );
        let text = format!(
            "jwks: the client \"a\" has no usable key ({skipped} skipped); register a public key for signatures{why}"
        );
        assert_eq!(error.to_string(), text);
    }
    assert_eq!(Client::new("a", key_set(&[json!(1), SIGNER.jwk()])).unwrap().keys().unwrap().skipped().len(), 1);
}

#[test]
fn a_registered_algorithm_narrows_those_of_the_keys() {
    let keys = key_set(&[SIGNER.jwk(), Signer::es256("other").jwk()]);
    let client = Client::new("a", keys).unwrap();
    assert_eq!(client.algorithms(), AlgorithmSet::of(&[Algorithm::ES256, Algorithm::ES384]));
    let narrowed = client.clone().with_signing_alg(Algorithm::ES256).unwrap();
    assert_eq!(narrowed.algorithms(), AlgorithmSet::of(&[Algorithm::ES256]));
    assert_eq!(
        client.clone().with_signing_alg(Algorithm::RS384).unwrap_err().to_string(),
        "token_endpoint_auth_signing_alg: the client \"a\" registered RS384, but its keys or secret can only verify ES256, ES384; register \
         one of these or another key"
    );
    assert_eq!(client.scope(), None);
    assert_eq!(client.with_scope("a b").scope(), Some("a b"));
}

#[test]
fn clients_of_a_file_are_accepted() {
    let ed25519 = Signer::ed25519("EdDSA", "ed25519");
    let mut full = metadata("full", &[ODD.jwk(), ed25519.jwk()]);
    full["token_endpoint_auth_method"] = json!("private_key_jwt");
    full["token_endpoint_auth_signing_alg"] = json!("ES384");
    full["scope"] = json!("system/Patient.rs openid");
    full["client_name"] = json!({"anything": ["else"]});
    let file = File::of(&[good(), full]);
    let registry = Arc::new(file.load().unwrap());

    assert_eq!(texts(&registry), Vec::<String>::new());
    let mut ids: Vec<_> = registry.clients().iter().map(|client| client.id().to_string()).collect();
    ids.sort();
    assert_eq!(ids, [CLIENT, "full"]);
    assert_eq!(find(&registry, "full").unwrap().scope(), Some("system/Patient.rs openid"));
    assert_eq!(find(&registry, CLIENT).unwrap().scope(), None);
    assert!(find(&registry, "FULL").is_none());
    assert!(registry.all().is_none(), "a file may change");

    let verifier = verifier(registry);
    assert_eq!(outcome(&verifier, &SIGNER, CLIENT), Ok(()));
    assert_eq!(outcome(&verifier, &ODD, "full"), Ok(()));
    assert_eq!(outcome(&verifier, &ed25519, "full"), Err(ClientFault::AlgorithmNotRegistered));
    assert_eq!(outcome(&verifier, &ODD, "unknown"), Err(ClientFault::UnknownClient));
    assert_eq!(outcome(&verifier, &ODD, CLIENT), Err(ClientFault::NoKey), "keys are not shared between clients");
}

#[test]
fn an_empty_array_is_a_registry_without_clients() {
    let registry = File::new(" [ ] \n").load().unwrap();
    assert!(registry.clients().is_empty() && registry.problems().is_empty());
}

#[test]
fn an_unreadable_file_is_reported_with_its_cause() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("there-is-no-such-file.json");
    let error = FileRegistry::load(&path).unwrap_err();
    let text = format!("client file {}: cannot be read; check its path and permissions", path.display());
    assert_eq!(error.to_string(), text);
    let cause = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(cause.kind(), io::ErrorKind::NotFound);
    assert!(matches!(&error, ClientFileError::Unreadable { path: found, .. } if *found == path), "{error:?}");
    let directory = FileRegistry::load(env!("CARGO_TARGET_TMPDIR")).unwrap_err();
    assert!(matches!(directory, ClientFileError::Unreadable { .. }), "{directory:?}");
}

#[test]
fn invalid_json_is_reported_by_position_without_content() {
    let cases = [
        (String::new(), 1, 0),
        (SECRET.to_owned(), 1, 1),
        (format!("[{{\"client_secret\":\"{SECRET}\"}}"), 1, SECRET.len() + 21),
        (format!("[\n{{\"client_secret\":{SECRET}}}]"), 2, 18),
        (format!("[]\n{SECRET}"), 2, 1),
        (format!("[]\n\n  \"{SECRET}\""), 3, 3),
    ];
    for (text, line, column) in cases {
        let file = File::new(&text);
        let error = file.load().unwrap_err();
        let path = file.path().display();
        let expected = format!("client file {path}: invalid JSON at line {line}, column {column}; correct it there");
        assert_eq!(error.to_string(), expected, "{text:?}");
        assert!(matches!(&error, ClientFileError::NotJson { path, .. } if *path == file.path()));
        assert!(!format!("{error:?} {error:#?}").contains(SECRET), "{error:?}");
        assert!(error.source().is_none(), "the parser's message may quote the file");
    }
    for text in
        [format!("\"{SECRET}\""), format!("{{\"client_secret\":\"{SECRET}\"}}"), "7".to_owned(), "null".to_owned()]
    {
        let file = File::new(&text);
        let error = file.load().unwrap_err();
        let path = file.path().display();
        let expected =
            format!("client file {path}: not a JSON array; write an array of client metadata (RFC 7591, section 2)");
        assert_eq!(error.to_string(), expected, "{text:?}");
        assert!(matches!(&error, ClientFileError::NotAnArray { path, .. } if *path == file.path()));
    }
    let error = File::new(b"[\"\xFF\"]").load().unwrap_err();
    assert!(matches!(error, ClientFileError::NotJson { .. }), "{error:?}");
}

/// Loads a file with this entry between two usable ones. Returns its problems and a verifier.
#[track_caller]
fn load_among_others(entry: &Value) -> (Vec<ClientProblem>, Verifier) {
    load_text_among_others(&entry.to_string())
}

#[track_caller]
fn load_text_among_others(entry: &str) -> (Vec<ClientProblem>, Verifier) {
    let last = Signer::es256("last");
    let file = File::new(format!("[{},{entry},{}]", good(), metadata("last", &[last.jwk()])));
    let registry = file.load().unwrap();
    let problems = registry.problems();
    let verifier = verifier(registry);
    assert_eq!(outcome(&verifier, &SIGNER, CLIENT), Ok(()), "the client before {entry}");
    assert_eq!(outcome(&verifier, &last, "last"), Ok(()), "the client after {entry}");
    (problems, verifier)
}

#[test]
fn unusable_clients_are_refused_and_reported() {
    let private = json!({"kty": "EC", "crv": "P-256", "x": SECRET, "y": SECRET, "d": SECRET});
    let unknown_alg = "not an algorithm that this crate verifies";
    let no_string = [
        (json!(1), "a number, expected a string"),
        (json!(true), "a boolean, expected a string"),
        (json!(["x"]), "an array, expected a string"),
        (json!({}), "an object, expected a string"),
    ];
    let mut cases = vec![
        (odd_without("jwks"), "jwks", "missing; register the client's public keys, or their URL as jwks_uri"),
        (odd(json!({"jwks": null})), "jwks", "missing; register the client's public keys, or their URL as jwks_uri"),
        (
            odd(json!({"jwks": {"keys": []}})),
            "jwks",
            "missing; register the client's public keys, or their URL as jwks_uri",
        ),
        (
            odd(json!({"jwks": {"keys": [private]}})),
            "jwks",
            "no usable key; key 0 is skipped: it has private or symmetric members (d), which must never leave the client",
        ),
        (
            odd(json!({"jwks": {"keys": [{"kty": "PQC"}, 1]}})),
            "jwks",
            "no usable key; key 0 is skipped: kty is \"PQC\", expected RSA, EC, OKP or AKP; key 1 is skipped: it is a number, \
             expected an object",
        ),
        (odd(json!({"jwks": {}})), "jwks", "missing; register the client's public keys, or their URL as jwks_uri"),
        (
            odd(json!({"jwks": SECRET})),
            "jwks",
            "this is not a JWK Set: it is a single value, expected an object {\"keys\":[..]}",
        ),
        (odd(json!({"jwks": [ODD.jwk()]})), "jwks", "this is not a JWK Set: it is an array; wrap it in {\"keys\":..}"),
        (odd(json!({"jwks": {"keys": vec![1; 101]}})), "jwks", "the document has more than 100 keys"),
        (
            odd(json!({"jwks": {"keys": [], "x": "x".repeat(256 * 1024)}})),
            "jwks",
            "the document is longer than 262144 bytes",
        ),
        (
            odd(json!({"jwks_uri": "https://example.com/jwks"})),
            "jwks_uri",
            "jwks is registered too; register only one of them",
        ),
        (
            odd(json!({"jwks": null, "jwks_uri": "https://example.com/jwks"})),
            "jwks_uri",
            "there is no key set cache; set one with ClientReader::key_set_cache, or register jwks",
        ),
        (odd(json!({"jwks_uri": 7})), "jwks_uri", "a number, expected a string"),
        (
            odd(json!({"token_endpoint_auth_method": "client_secret_jwt"})),
            "client_secret",
            "missing; client_secret_jwt needs one",
        ),
        (
            odd(json!({"token_endpoint_auth_method": "client_secret_jwt", "client_secret": "x".repeat(31)})),
            "client_secret",
            "31 bytes are too few; use 32 or more",
        ),
        (
            odd(json!({"token_endpoint_auth_method": "client_secret_jwt", "client_secret": "x".repeat(32),
                       "client_secret_expires_at": "never"})),
            "client_secret_expires_at",
            "not a whole number of seconds since 1970",
        ),
        (
            odd(json!({"token_endpoint_auth_signing_alg": "RS384"})),
            "token_endpoint_auth_signing_alg",
            "RS384, but its keys or its secret can only verify ES384",
        ),
    ];
    for method in ["none", "client_secret_basic", "tls_client_auth", "PRIVATE_KEY_JWT", " ", SECRET] {
        let entry = odd(json!({"token_endpoint_auth_method": method}));
        cases.push((entry, "token_endpoint_auth_method", "neither private_key_jwt nor client_secret_jwt"));
    }
    for alg in ["none", "es384", " ", SECRET] {
        let entry = odd(json!({"token_endpoint_auth_signing_alg": alg}));
        cases.push((entry, "token_endpoint_auth_signing_alg", unknown_alg));
    }
    for member in ["token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "scope"] {
        for (value, why) in &no_string {
            cases.push((odd(json!({ member: value })), member, why));
        }
    }
    for (entry, member, why) in cases {
        let (problems, verifier) = load_among_others(&entry);
        let [problem] = problems.as_slice() else { panic!("one problem is expected of {entry}: {problems:?}") };
        assert_eq!(problem.to_string(), format!("client 1 (\"odd\"): {member}: {why}"), "{entry}");
        assert_eq!((problem.index(), problem.client_id(), problem.member()), (1, Some("odd"), member), "{entry}");
        assert!(problem.is_unusable(), "{entry}");
        assert!(!format!("{problem:?}").contains(SECRET), "{problem:?}");
        // Known, and refused because it has no key.
        assert_eq!(outcome(&verifier, &ODD, "odd"), Err(ClientFault::NoKey), "{entry}");
        assert_eq!(outcome(&verifier, &SIGNER, "odd"), Err(ClientFault::NoKey), "{entry}");
    }
}

#[test]
fn entries_without_a_usable_id_are_reported() {
    let invalid = "client_id: not printable ASCII (RFC 6749, appendix A.1)";
    let no_object = |found: &str| format!("metadata: {found}, expected an object");
    let twice = |member: &str| format!("{member}: occurs more than once");
    let id = |value: Value| odd(json!({ "client_id": value })).to_string();
    let text = odd(json!({})).to_string();
    let repeated = |member: &str| format!("{},{member}}}", &text[..text.len() - 1]);
    let cases = [
        (odd_without("client_id").to_string(), None, "client_id: missing".to_owned()),
        (id(json!(null)), None, "client_id: missing".to_owned()),
        (id(json!("")), None, "client_id: missing".to_owned()),
        (id(json!([])), None, "client_id: missing".to_owned()),
        (id(json!(7)), None, "client_id: a number, expected a string".to_owned()),
        (id(json!(["odd"])), None, "client_id: an array, expected a string".to_owned()),
        (id(json!("odd\n")), Some("odd\n"), invalid.to_owned()),
        (id(json!("\u{f6}dd")), Some("\u{f6}dd"), invalid.to_owned()),
        ("null".to_owned(), None, no_object("null")),
        ("7".to_owned(), None, no_object("a number")),
        (format!("\"{SECRET}\""), None, no_object("a string")),
        ("[]".to_owned(), None, no_object("an array")),
        (repeated(r#""client_id":"odd""#), None, twice("client_id")),
        (repeated(r#""scope":"a","scope":"b""#), Some("odd"), twice("scope")),
        (repeated(r#""\u006awks":{"keys":[]}"#), Some("odd"), twice("jwks")),
    ];
    for (entry, client_id, why) in cases {
        let (problems, verifier) = load_text_among_others(&entry);
        let [problem] = problems.as_slice() else { panic!("one problem is expected of {entry}: {problems:?}") };
        let escaped = |id: &str| id.replace('\n', r"\u{a}").replace('\u{f6}', r"\u{f6}");
        let named = client_id.map(|id| format!(" (\"{}\")", escaped(id))).unwrap_or_default();
        assert_eq!(problem.to_string(), format!("client 1{named}: {why}"), "{entry}");
        assert_eq!((problem.index(), problem.client_id()), (1, client_id), "{entry}");
        assert!(problem.is_unusable(), "{entry}");
        assert!(!format!("{problem:?}").contains(SECRET), "{problem:?}");
        assert_eq!(outcome(&verifier, &ODD, "odd"), Err(ClientFault::UnknownClient), "{entry}");
    }
}

#[test]
fn an_array_of_member_values_is_not_a_client() {
    let entry = json!(["odd", {"keys": [ODD.jwk()]}, null, null, null, null]);
    let (problems, verifier) = load_among_others(&entry);
    assert_eq!(outcome(&verifier, &ODD, "odd"), Err(ClientFault::UnknownClient));
    assert_eq!(problems.len(), 1);
}

#[test]
fn two_entries_of_one_id_are_both_unusable() {
    let other = Signer::es384("other-key");
    let entries = [metadata("odd", &[ODD.jwk()]), metadata("odd", &[other.jwk()])];
    let unusable = json!({"client_id": "odd"});
    let twice = "client_id: another client of the file has the same id; neither is used";
    let missing = "jwks: missing; register the client's public keys, or their URL as jwks_uri";
    let tables = [
        (vec![good(), entries[0].clone(), entries[1].clone()], vec![(2, twice)]),
        (vec![entries[0].clone(), good(), entries[0].clone()], vec![(2, twice)]),
        (vec![entries[0].clone(), entries[1].clone(), entries[0].clone(), good()], vec![(1, twice), (2, twice)]),
        (vec![unusable.clone(), entries[0].clone(), good()], vec![(0, missing), (1, twice)]),
        (vec![entries[0].clone(), unusable, good()], vec![(1, missing), (1, twice)]),
    ];
    for (entries, expected) in tables {
        let registry = File::of(&entries).load().unwrap();
        let expected: Vec<_> = expected.iter().map(|(index, why)| format!("client {index} (\"odd\"): {why}")).collect();
        assert_eq!(texts(&registry), expected);
        assert!(registry.problems().iter().all(ClientProblem::is_unusable));
        assert_eq!(registry.clients().len(), 2);
        let verifier = verifier(registry);
        for signer in [&*ODD, &other] {
            assert_eq!(outcome(&verifier, signer, "odd"), Err(ClientFault::NoKey));
        }
        assert_eq!(outcome(&verifier, &SIGNER, CLIENT), Ok(()));
    }
}

#[test]
fn one_good_key_suffices_and_bad_keys_are_listed() {
    let keys = [
        json!({"kty": "oct", "kid": "symmetric \"\n\"", "k": SECRET}),
        ODD.jwk(),
        json!({"kty": "PQC"}),
        json!("not a key"),
    ];
    let (problems, verifier) = load_among_others(&metadata("odd", &keys));
    assert_eq!(outcome(&verifier, &ODD, "odd"), Ok(()));
    let expected = [
        r#"client 1 ("odd"): jwks: key 0 ("symmetric \"\u{a}\"") is skipped: it has private or symmetric members (k), which must never leave the client"#,
        r#"client 1 ("odd"): jwks: key 2 is skipped: kty is "PQC", expected RSA, EC, OKP or AKP"#,
        r#"client 1 ("odd"): jwks: key 3 is skipped: it is a string, expected an object"#,
    ];
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    for problem in problems {
        assert_eq!((problem.index(), problem.client_id(), problem.member()), (1, Some("odd"), "jwks"));
        assert!(!problem.is_unusable());
        assert!(!format!("{problem:?}").contains(SECRET), "{problem:?}");
    }
}

#[test]
fn debug_output_of_a_registry_shows_no_key_material() {
    let private = json!({"kty": "oct", "kid": "symmetric", "k": SECRET});
    let registry = File::of(&[metadata("odd", &[ODD.jwk(), private])]).load().unwrap();
    let text = format!("{registry:?} {registry:#?}");
    assert!(text.contains("odd"), "{text}");
    assert!(!text.contains(SECRET) && !text.contains(ODD.jwk()["x"].as_str().unwrap()), "{text}");
}

#[test]
fn a_reload_replaces_all_clients_and_problems() {
    let file = File::of(&[good(), json!({"client_id": "odd"})]);
    let registry = Arc::new(file.load().unwrap());
    let verifier = verifier(Arc::clone(&registry));
    assert_eq!(outcome(&verifier, &SIGNER, CLIENT), Ok(()));
    assert_eq!(outcome(&verifier, &ODD, "odd"), Err(ClientFault::NoKey));
    assert_eq!(registry.problems().len(), 1);

    file.write(json!([odd(json!({}))]).to_string());
    assert_eq!(outcome(&verifier, &SIGNER, CLIENT), Ok(()), "a file that is written is not a file that is read");
    registry.reload().unwrap();
    assert_eq!(outcome(&verifier, &ODD, "odd"), Ok(()));
    assert_eq!(outcome(&verifier, &SIGNER, CLIENT), Err(ClientFault::UnknownClient));
    assert_eq!((registry.problems().len(), registry.clients().len()), (0, 1));

    file.write(json!([metadata("odd", &[SIGNER.jwk()])]).to_string());
    registry.reload().unwrap();
    assert_eq!(outcome(&verifier, &ODD, "odd"), Err(ClientFault::NoKey), "the key was withdrawn");
    assert_eq!(outcome(&verifier, &SIGNER, "odd"), Ok(()));
}

#[test]
fn a_failed_reload_keeps_the_clients() {
    let file = File::of(&[good(), json!({"client_id": "odd"})]);
    let registry = Arc::new(file.load().unwrap());
    let verifier = verifier(Arc::clone(&registry));
    let before = texts(&registry);
    for text in ["", "{}", "[", "[] x", SECRET] {
        file.write(text);
        let error = registry.reload().unwrap_err();
        let expected = matches!(error, ClientFileError::NotJson { .. } | ClientFileError::NotAnArray { .. });
        assert!(expected, "{error:?}");
        assert_eq!(outcome(&verifier, &SIGNER, CLIENT), Ok(()), "after {text:?}");
        assert_eq!(texts(&registry), before);
    }
    std::fs::remove_file(file.path()).unwrap();
    let error = registry.reload().unwrap_err();
    assert!(matches!(error, ClientFileError::Unreadable { .. }), "{error:?}");
    assert_eq!(outcome(&verifier, &SIGNER, CLIENT), Ok(()));
    assert_eq!(outcome(&verifier, &ODD, "odd"), Err(ClientFault::NoKey));

    file.write("[]");
    registry.reload().unwrap();
    assert_eq!(outcome(&verifier, &SIGNER, CLIENT), Err(ClientFault::UnknownClient));
}

/// The first load is not: its error goes to the caller.
#[test]
fn each_reload_is_reported_with_its_counts() {
    let file = File::of(&[good(), json!({"client_id": "odd"})]);
    let news = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&news);
    let path = file.path().to_owned();
    let registry = file.load().unwrap().events(event::sink(move |event| {
        let Event::Registry(event) = event else { panic!("{event:?}") };
        assert_eq!(event.path(), path);
        log.lock().unwrap().push(match event.news() {
            RegistryNews::Reloaded { clients, problems, .. } => format!("{clients} {problems}"),
            RegistryNews::Failed(error) => {
                assert!(error.downcast_ref::<ClientFileError>().is_some(), "{error:?}");
                error.to_string()
            }
            other => panic!("{other:?}"),
        });
        assert!(event.to_string().contains(&format!("{:?}", event.took())) || event.to_string().starts_with("kept"));
    }));
    registry.reload().unwrap();
    file.write(json!([good()]).to_string());
    registry.reload().unwrap();
    file.write("{}");
    let error = registry.reload().unwrap_err();
    assert_eq!(*news.lock().unwrap(), ["2 1".to_owned(), "1 0".to_owned(), error.to_string()]);
}

#[test]
fn a_reload_keeps_unchanged_clients_and_replaces_others() {
    let secret = |secret: &str| json!({"client_id": "secret", "token_endpoint_auth_method": "client_secret_jwt", "client_secret": secret});
    let entries = [good(), odd(json!({})), secret(&"x".repeat(32))].map(|entry| entry.to_string());
    let changes = [
        ("nothing", "odd", entries[1].clone()),
        ("a key", "odd", metadata("odd", &[SIGNER.jwk()]).to_string()),
        ("one key more", "odd", metadata("odd", &[ODD.jwk(), SIGNER.jwk()]).to_string()),
        ("the scope", "odd", odd(json!({"scope": "a"})).to_string()),
        ("the policy", "odd", odd(json!({"client_assertion_policy": "legacy"})).to_string()),
        ("the algorithm", "odd", odd(json!({"token_endpoint_auth_signing_alg": "ES384"})).to_string()),
        ("a member that we do not read", "odd", odd(json!({"client_name": "a"})).to_string()),
        ("white space", "odd", entries[1].replacen(':', ": ", 1)),
        ("the last byte of a secret", "secret", secret(&format!("{}y", "x".repeat(31))).to_string()),
        ("its use", "odd", odd_without("jwks").to_string()),
    ];
    for (what, id, changed) in changes {
        let file = File::new(format!("[{}]", entries.join(",")));
        let registry = file.load().unwrap();
        let of_all = || [CLIENT, "odd", "secret"].map(|id| (id, find(&registry, id).unwrap()));
        let before = of_all();
        // In another order, and with one more.
        let others = entries.iter().filter(|entry| !entry.contains(&json!(id).to_string()));
        let mut after: Vec<_> = others.rev().cloned().collect();
        after.insert(1, changed);
        after.insert(0, metadata("new", &[SIGNER.jwk()]).to_string());
        file.write(format!("[{}]", after.join(",\n")));
        registry.reload().unwrap();
        for ((other, before), (_, after)) in before.iter().zip(of_all()) {
            let kept = *other != id || what == "nothing";
            assert_eq!(Arc::ptr_eq(before, &after), kept, "{other}: {what} of {id} changed");
        }
        assert!(find(&registry, "new").is_some());
    }
}

#[test]
fn kept_clients_are_judged_like_new_ones() {
    let skipped = metadata("skipped", &[ODD.jwk(), json!({"kty": "PQC"})]);
    let twin = metadata("twin", &[ODD.jwk()]);
    let unusable = json!({"client_id": "unusable"});
    let versions = [
        vec![skipped.clone(), twin.clone(), unusable.clone()],
        vec![unusable.clone(), good(), twin.clone(), skipped.clone()],
        vec![twin.clone(), skipped.clone(), twin.clone(), json!(7)],
        vec![twin.clone(), twin.clone(), twin.clone()],
        vec![skipped, unusable, twin],
    ];
    let file = File::of(&[]);
    let reloaded = file.load().unwrap();
    for version in versions.iter().chain(versions.iter().rev()) {
        file.write(json!(version).to_string());
        reloaded.reload().unwrap();
        let new = file.load().unwrap();
        assert_eq!(texts(&reloaded), texts(&new), "{version:?}");
        assert_eq!(reloaded.clients().len(), new.clients().len());
        for client in new.clients() {
            let kept = find(&reloaded, client.id().as_str()).unwrap();
            assert_eq!(kept.algorithms(), client.algorithms(), "{:?} of {version:?}", client.id());
        }
    }
}

#[test]
fn a_reload_frees_replaced_clients() {
    let file = File::of(&[good(), odd(json!({})), metadata("goes", &[ODD.jwk()])]);
    let registry = file.load().unwrap();
    let weak = |id| Arc::downgrade(&find(&registry, id).unwrap());
    let (kept, changed, goes) = (weak(CLIENT), weak("odd"), weak("goes"));
    let in_use = find(&registry, "goes").unwrap();
    file.write(json!([good(), odd(json!({"scope": "a"}))]).to_string());
    registry.reload().unwrap();
    assert!(kept.upgrade().is_some() && changed.upgrade().is_none());
    assert!(goes.upgrade().is_some(), "a request may hold one for longer");
    drop(in_use);
    assert!(goes.upgrade().is_none());
}

/// Whether this thread is blocked.
#[cfg(target_os = "linux")]
fn is_asleep(task: &Path) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(task).join("stat"));
    stat.is_ok_and(|stat| stat.rsplit_once(')').unwrap().1.starts_with(" S"))
}

/// The first reload reads from a pipe. It has not finished with the old content when the second one
/// could read the new.
#[cfg(target_os = "linux")]
#[test]
fn the_later_of_two_concurrent_reloads_wins() {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    let file = File::of(&[]);
    let registry = Arc::new(file.load().unwrap());
    let reload = |sender: Option<mpsc::Sender<PathBuf>>| {
        let registry = Arc::clone(&registry);
        std::thread::spawn(move || {
            if let Some(sender) = sender {
                sender.send(std::fs::read_link("/proc/thread-self").unwrap()).unwrap();
            }
            registry.reload().unwrap();
        })
    };
    let (reader, mut writer) = io::pipe().unwrap();
    std::fs::remove_file(file.path()).unwrap();
    std::os::unix::fs::symlink(format!("/proc/self/fd/{}", reader.as_raw_fd()), file.path()).unwrap();
    let older = reload(None);
    // More than fits into the pipe: when all is written, the reader has started.
    writer.write_all(json!([metadata("old", &[ODD.jwk()])]).to_string().as_bytes()).unwrap();
    writer.write_all(&[b' '; 1 << 20]).unwrap();
    std::fs::remove_file(file.path()).unwrap();
    file.write(json!([metadata("new", &[ODD.jwk()])]).to_string());
    let (sender, task) = mpsc::channel();
    let newer = reload(Some(sender));
    let task = task.recv().unwrap();
    while !is_asleep(&task) {
        assert!(find(&registry, "new").is_none(), "it has overtaken the other");
        std::thread::yield_now();
    }
    drop(writer);
    older.join().unwrap();
    newer.join().unwrap();
    assert!(find(&registry, "new").is_some() && find(&registry, "old").is_none());
}

#[test]
fn requests_during_a_reload_see_one_version() {
    const THREADS: usize = 4;
    let version = |version: &str| {
        let client = |id: &str, signer: &Signer| {
            let mut client = metadata(id, &[signer.jwk()]);
            client["scope"] = json!(version);
            client
        };
        json!([client(CLIENT, &SIGNER), client("odd", &ODD)]).to_string()
    };
    let versions = [version("a"), version("b")];
    let file = File::new(&versions[0]);
    let registry = Arc::new(file.load().unwrap());
    let verifier = verifier(Arc::clone(&registry));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (registry, verifier, done) = (&registry, &verifier, &done);
                scope.spawn(move || {
                    let mut rounds = 0;
                    // Two threads stay below the share that one client has of the replay store.
                    while rounds < 50 || (rounds < 250 && !done.load(Ordering::SeqCst)) {
                        let (signer, id) = if thread % 2 == 0 { (&*SIGNER, CLIENT) } else { (&*ODD, "odd") };
                        assert_eq!(outcome(verifier, signer, id), Ok(()));
                        assert_eq!(find(registry, id).unwrap().keys().unwrap().len(), 1);
                        assert!(find(registry, "unknown").is_none());
                        let clients = registry.clients();
                        assert_eq!(clients.len(), 2);
                        assert_eq!(clients[0].scope(), clients[1].scope(), "a mixed version");
                        assert!(registry.problems().is_empty());
                        rounds += 1;
                    }
                    rounds
                })
            })
            .collect();
        for reload in 1..=100 {
            file.write(&versions[reload % 2]);
            registry.reload().unwrap();
        }
        done.store(true, Ordering::SeqCst);
        assert!(threads.into_iter().all(|thread| thread.join().unwrap() >= 50));
    });
}

/// A database in which every client has the same key.
#[derive(Debug)]
struct Database;

impl AsyncClientRegistry for Database {
    async fn find(&self, client_id: &str) -> FindResult {
        let known = client_id != "unknown";
        Ok(known.then(|| Arc::new(Client::new(client_id, key_set(&[SIGNER.jwk()])).unwrap())))
    }
}

#[test]
fn an_async_registry_answers_later() {
    let registry = Awaited::new(Database);
    let Answer::Pending(future) = registry.find("a") else { panic!("an async registry needs time") };
    assert_eq!(now_or_never(future).unwrap().unwrap().id().as_str(), "a");
    let Answer::Pending(future) = registry.find("unknown") else { panic!("an async registry needs time") };
    assert!(now_or_never(future).unwrap().is_none());
    assert!(registry.all().is_none());
    let verifier = verifier(registry.clone());
    assert_eq!(outcome(&verifier, &SIGNER, "any client"), Ok(()));
    assert_eq!(outcome(&verifier, &SIGNER, "unknown"), Err(ClientFault::UnknownClient));
}
