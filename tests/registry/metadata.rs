//! Client metadata as servers really write it: with empty members, with a URL and an empty set,
//! and behind a byte order mark. Also the limits of key sets in it.

use std::convert::Infallible;
use std::sync::LazyLock;

use crate::common::{Signer, TempFile, with_member};
use serde_json::{Value, json};
use tower_client_assertion::jwks::{JwksRequest, KeySetCache};
use tower_client_assertion::keys::MAX_BYTES;
use tower_client_assertion::policy::Algorithm;
use tower_client_assertion::registry::{Client, ClientError, ClientFileError, ClientReader, FileRegistry};

static KEY: LazyLock<Value> = LazyLock::new(|| Signer::es384("key-1").jwk());

const URL: &str = "https://clinic.example/keys";

fn keys() -> Value {
    json!({"client_id": "odd", "jwks": {"keys": [*KEY]}})
}

fn url() -> Value {
    json!({"client_id": "odd", "jwks_uri": URL})
}

fn secret() -> Value {
    json!({"client_id": "odd", "token_endpoint_auth_method": "client_secret_jwt", "client_secret": "x".repeat(48)})
}

/// Metadata is read with a cache that could fetch.
fn reader() -> ClientReader {
    let fetch = |_: JwksRequest| async {
        Ok::<_, Infallible>(http::Response::new(http_body_util::Full::<bytes::Bytes>::default()))
    };
    ClientReader::new().key_set_cache(&KeySetCache::builder(fetch).build().unwrap())
}

/// Reads metadata alone and in a file, which must agree.
#[track_caller]
fn read(metadata: &Value) -> Result<Client, String> {
    let alone = reader().read(metadata.to_string().as_bytes());
    let file = TempFile::new(json!([metadata]).to_string());
    let registry = FileRegistry::load_with_reader(file.path(), reader()).unwrap();
    match alone {
        Ok(client) => {
            assert!(registry.problems().is_empty(), "{metadata}: {:?}", registry.problems());
            Ok(client)
        }
        Err(ClientError::Metadata { client_id, member, why, .. }) => {
            let problems = registry.problems();
            assert_eq!(problems.iter().filter(|problem| problem.is_unusable()).count(), 1, "{metadata}: {problems:?}");
            assert_eq!((problems[0].client_id(), problems[0].member()), (client_id.as_deref(), member));
            assert!(problems[0].to_string().ends_with(&format!("{member}: {why}")));
            Err(format!("{member}: {why}"))
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn empty_forms() -> [Value; 3] {
    [json!(null), json!(""), json!([])]
}

#[test]
fn key_19_empty_members_of_metadata_are_left_out() {
    let others = ["client_secret_expires_at", "client_assertion_policy", "token_endpoint_auth_signing_alg", "scope"];
    let of_each: [(Value, &[&str]); 3] = [
        (keys(), &["jwks_uri", "client_secret", "token_endpoint_auth_method"]),
        (url(), &["jwks", "client_secret", "token_endpoint_auth_method"]),
        (secret(), &["jwks", "jwks_uri"]),
    ];
    for (metadata, members) in of_each {
        let plain = read(&metadata).unwrap();
        for (member, form) in members.iter().chain(&others).flat_map(|member| empty_forms().map(|form| (*member, form)))
        {
            let client = read(&with_member(&metadata, member, form.clone())).unwrap();
            assert_eq!(format!("{client:?}"), format!("{plain:?}"), "{member}: {form}");
        }
        let all = members.iter().chain(&others).chain(&["client_name", "x"]);
        let client = read(&all.fold(metadata, |metadata, member| with_member(&metadata, member, ""))).unwrap();
        assert_eq!((client.policy(), client.scope(), client.signing_alg()), (None, None, None));
    }
}

#[test]
fn only_empty_values_are_left_out() {
    let cases = [
        (with_member(&keys(), "jwks_uri", " "), "jwks_uri: jwks is registered too; register only one of them"),
        (with_member(&keys(), "jwks_uri", json!({})), "jwks_uri: an object, expected a string"),
        (with_member(&keys(), "jwks_uri", false), "jwks_uri: a boolean, expected a string"),
        (with_member(&keys(), "scope", 0), "scope: a number, expected a string"),
        (
            with_member(&keys(), "client_assertion_policy", json!([""])),
            "client_assertion_policy: an array, expected a string",
        ),
        (
            with_member(&keys(), "token_endpoint_auth_signing_alg", " "),
            "token_endpoint_auth_signing_alg: not an algorithm that this crate verifies",
        ),
        (
            with_member(&keys(), "token_endpoint_auth_method", " "),
            "token_endpoint_auth_method: neither private_key_jwt nor client_secret_jwt",
        ),
        (
            with_member(&secret(), "client_secret_expires_at", " "),
            "client_secret_expires_at: not a whole number of seconds since 1970",
        ),
        (with_member(&secret(), "client_secret", " "), "client_secret: 1 bytes are too few; use 32 or more"),
    ];
    for (metadata, why) in cases {
        assert_eq!(read(&metadata).unwrap_err(), why, "{metadata}");
    }
    assert_eq!(
        read(&with_member(&keys(), "client_assertion_policy", " ")).unwrap().policy(),
        Some(" "),
        "a space is a name"
    );
    for form in empty_forms() {
        let missing = "jwks: missing; register the client's public keys, or their URL as jwks_uri";
        assert_eq!(read(&with_member(&keys(), "jwks", form.clone())).unwrap_err(), missing);
        assert_eq!(read(&with_member(&url(), "jwks_uri", form.clone())).unwrap_err(), missing);
        assert_eq!(
            read(&with_member(&secret(), "client_secret", form.clone())).unwrap_err(),
            "client_secret: missing; client_secret_jwt needs one"
        );
        assert_eq!(read(&with_member(&secret(), "token_endpoint_auth_method", form.clone())).unwrap_err(), missing);
        assert_eq!(read(&with_member(&keys(), "client_id", form)).unwrap_err(), "client_id: missing");
    }
}

#[test]
fn a_set_without_content_is_left_out() {
    let empty =
        [json!({}), json!({"keys": null}), json!({"keys": []}), json!({"keys": ""}), json!({"keys": [], "x": null})];
    for jwks in empty {
        assert_eq!(
            read(&with_member(&url(), "jwks", jwks.clone())).unwrap().key_source().unwrap().url().as_str(),
            URL,
            "{jwks}"
        );
    }
    let both = "jwks_uri: jwks is registered too; register only one of them";
    let sets = [
        json!({"keys": [*KEY]}),
        json!({"keys": [null]}),
        json!({"keys": [{}]}),
        json!({"keys": {}}),
        json!({"keys": [], "x": 1}),
        json!({"Keys": [*KEY]}),
        KEY.clone(),
        json!([*KEY]),
        json!("keys"),
        json!(0),
        json!(false),
    ];
    for jwks in sets {
        assert_eq!(read(&with_member(&url(), "jwks", jwks.clone())).unwrap_err(), both, "{jwks}");
    }
}

#[test]
fn key_22_one_byte_order_mark_before_a_file_is_skipped() {
    let entry = keys().to_string();
    let load = |text: String| {
        let file = TempFile::new(text);
        FileRegistry::load(file.path()).map(|registry| registry.clients().len())
    };
    assert_eq!(load(format!("\u{feff}[{entry}]")).unwrap(), 1);
    assert_eq!(Client::from_metadata(format!("\u{feff}{entry}").as_bytes()).unwrap().id().as_str(), "odd");
    for text in [format!("\u{feff}\u{feff}[{entry}]"), format!("[\u{feff}{entry}]"), format!(" \u{feff}[{entry}]")] {
        assert!(matches!(load(text.clone()), Err(ClientFileError::NotJson { line: 1, .. })), "{text}");
    }
    let twice = Client::from_metadata(format!("\u{feff}\u{feff}{entry}").as_bytes()).unwrap_err();
    assert_eq!(twice.to_string(), "metadata: not well-formed JSON at line 1, column 1");
}

#[test]
fn a_file_in_utf_16_is_named() {
    let text = format!("\u{feff}{}", json!([keys()]));
    for unit_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        let file = TempFile::new(text.encode_utf16().flat_map(unit_bytes).collect::<Vec<_>>());
        let error = FileRegistry::load(file.path()).unwrap_err();
        assert!(matches!(error, ClientFileError::Utf16 { .. }), "{error:?}");
        let expected = format!("client file {}: in UTF-16; save it in UTF-8", file.path().display());
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn documents_that_are_no_key_sets_are_named() {
    let pem = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";
    let cases = [
        (json!(pem), "it has keys or certificates in PEM; convert it to a JWK Set"),
        (KEY.clone(), r#"it is one JWK; wrap it in {"keys":[..]}"#),
        (json!([*KEY]), r#"it is an array; wrap it in {"keys":..}"#),
        (json!({"keys": {"a": *KEY}}), "its member keys is not an array"),
    ];
    for (jwks, why) in cases {
        assert_eq!(
            read(&with_member(&keys(), "jwks", jwks)).unwrap_err(),
            format!("jwks: this is not a JWK Set: {why}")
        );
    }
}

#[test]
fn a_problem_explains_at_most_eight_skipped_keys() {
    for (count, more) in [(8, ""), (9, "; and 1 more are skipped"), (20, "; and 12 more are skipped")] {
        let why = read(&with_member(&keys(), "jwks", json!({"keys": vec![json!(1); count]}))).unwrap_err();
        assert_eq!(why.matches("expected an object").count(), 8);
        assert!(why.ends_with(&format!("expected an object{more}")), "{why}");
    }
}

#[test]
fn the_limits_of_key_sets_can_be_set() {
    let key = |index: usize| with_member(&KEY, "kid", format!("key-{index}"));
    let set = |count: usize| with_member(&keys(), "jwks", json!({"keys": (0..count).map(key).collect::<Vec<_>>()}));
    let read = |reader: ClientReader, metadata: &Value| {
        let client = reader.read(metadata.to_string().as_bytes());
        client.map(|client| client.keys().unwrap().len()).map_err(|error| error.to_string())
    };
    let over = |limit: usize| Err(format!("jwks: the client \"odd\": the document has more than {limit} keys"));
    assert_eq!(read(ClientReader::new(), &set(100)), Ok(100));
    assert_eq!(read(ClientReader::new(), &set(101)), over(100));
    assert_eq!(read(ClientReader::new().max_keys(101), &set(101)), Ok(101));
    assert_eq!(read(ClientReader::new().max_keys(101), &set(102)), over(101));
    assert_eq!(read(ClientReader::new().max_keys(2), &set(3)), over(2));

    let long = |len: usize| {
        let empty = with_member(&keys(), "jwks", json!({"keys": [*KEY], "x": ""}));
        let left = len - empty["jwks"].to_string().len();
        with_member(&empty, "jwks", json!({"keys": [*KEY], "x": "x".repeat(left)}))
    };
    let over = |limit: usize| Err(format!("jwks: the client \"odd\": the document is longer than {limit} bytes"));
    for (reader, limit) in [
        (ClientReader::new(), MAX_BYTES),
        (ClientReader::new().max_key_set_bytes(1000), 1000),
        (ClientReader::new().max_key_set_bytes(MAX_BYTES * 2), MAX_BYTES * 2),
    ] {
        assert_eq!(read(reader.clone(), &long(limit)), Ok(1), "{limit}");
        assert_eq!(read(reader, &long(limit + 1)), over(limit));
    }

    let file = TempFile::new(json!([set(101)]).to_string());
    let loaded = FileRegistry::load(file.path()).unwrap();
    let problem = "client 0 (\"odd\"): jwks: the document has more than 100 keys";
    assert_eq!(loaded.problems().iter().map(ToString::to_string).collect::<Vec<_>>(), [problem]);
    let loaded = FileRegistry::load_with_reader(file.path(), ClientReader::new().max_keys(101)).unwrap();
    assert!(loaded.problems().is_empty());
    loaded.reload().unwrap();
    assert!(loaded.problems().is_empty(), "a reload has the same limits");
}

#[test]
fn other_members_are_kept_unless_they_may_be_secret() {
    let text = json!({
        "client_id": "clinic-7", "jwks": {"keys": [*KEY]}, "scope": "a b", "client_name": "Clinic hidden-1",
        "contacts": ["a@example.com"], "lifetime": 600, "nested": {"a": [1, null]},
        "logo_uri": "", "redirect_uris": [], "tos_uri": null, "zero": 0, "off": false,
        "registration_access_token": "hidden-2", "Registration_Access_Token": "hidden-2", "clientSecret2": "hidden-2",
        "old_PASSWORD": "hidden-2", "privateKey": "hidden-2", "client_secret": "hidden-2",
        "client_secret_expires_at": 0,
    });
    let names = ["client_name", "contacts", "lifetime", "nested", "off", "zero"];
    let file = TempFile::new(json!([text]).to_string());
    let loaded = FileRegistry::load(file.path()).unwrap();
    let read = Client::from_metadata(text.to_string().as_bytes()).unwrap();
    for client in [&read, &*loaded.clients()[0]] {
        let mut kept: Vec<_> = client.other_metadata_names().collect();
        kept.sort_unstable();
        assert_eq!(kept, names);
        assert_eq!(client.other_metadata("client_name").unwrap(), Some("Clinic hidden-1"));
        assert_eq!(client.other_metadata("lifetime").unwrap(), Some(600));
        assert_eq!(client.other_metadata("nested").unwrap(), Some(json!({"a": [1, null]})));
        assert!(client.other_metadata::<u32>("client_name").is_err(), "another type");
        for none in ["client_id", "jwks", "scope", "logo_uri", "redirect_uris", "tos_uri", "registration_access_token"]
        {
            assert_eq!(client.other_metadata::<Value>(none).unwrap(), None, "{none}");
        }
        let printed = format!("{client:?}");
        assert!(printed.contains("client_name") && !printed.contains("hidden"), "{printed}");
    }
    let repeated = text.to_string().replacen('{', r#"{"lifetime":900,"#, 1);
    let client = Client::from_metadata(repeated.as_bytes()).unwrap();
    assert!(client.other_metadata::<u32>("lifetime").unwrap_err().to_string().contains("more than once"));
    assert_eq!(client.other_metadata("zero").unwrap(), Some(0));
    let in_code = Client::new("a", client.keys().unwrap().clone()).unwrap();
    assert_eq!(in_code.other_metadata_names().count(), 0);
}

#[test]
fn one_client_is_read_from_its_metadata() {
    let full = json!({
        "client_id": "clinic-7", "jwks": {"keys": [*KEY, {"kty": "PQC"}]}, "scope": "a b", "client_name": "Clinic",
        "token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES384",
        "client_assertion_policy": "legacy", "redirect_uris": [],
    });
    let client = Client::from_metadata(full.to_string().as_bytes()).unwrap();
    assert_eq!((client.id().as_str(), client.scope(), client.policy()), ("clinic-7", Some("a b"), Some("legacy")));
    assert_eq!(client.signing_alg(), Some(Algorithm::ES384));
    assert_eq!((client.keys().unwrap().len(), client.keys().unwrap().skipped().len()), (1, 1));
    let errors = [
        ("", "metadata: not well-formed JSON at line 1, column 0"),
        ("{\n  x", "metadata: not well-formed JSON at line 2, column 3"),
        ("[]", "metadata: an array, expected an object"),
        ("{}", "client_id: missing"),
        (r#"{"client_id":"a","client_id":"b"}"#, "client_id: occurs more than once"),
        (r#"{"client_id":"a","scope":"x","scope":"y"}"#, "scope: the client \"a\": occurs more than once"),
        (r#"{"client_id":"a","\ud800":1}"#, "metadata: the client \"a\": it has a member whose name cannot be read"),
        (
            r#"{"client_id":"a","jwks":{"kty":"oct","k":"c2VjcmV0"}}"#,
            "jwks: the client \"a\": the document has a private key (JWK with k), which must never leave the client",
        ),
        (
            r#"{"client_id":"a","jwks":{"keys":[{"kty":"oct","k":"c2VjcmV0","\udc00":1}]}}"#,
            "jwks: the client \"a\": no usable key; key 0 is skipped: it has private or symmetric members (k), \
             which must never leave the client",
        ),
        (r#"{"client_id":"a\n"}"#, "client_id: the client \"a\\u{a}\": not printable ASCII (RFC 6749, appendix A.1)"),
    ];
    for (text, expected) in errors {
        assert_eq!(Client::from_metadata(text.as_bytes()).unwrap_err().to_string(), expected, "{text}");
    }
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n";
    let error = Client::from_metadata(json!({"client_id": pem}).to_string().as_bytes()).unwrap_err();
    let shown = format!("{} bytes that look like a private key", pem.len());
    assert!(error.to_string().starts_with(&format!("client_id: the client {shown}: not printable")), "{error}");
    let error = Client::new(pem, client.keys().unwrap().clone()).unwrap_err();
    assert!(error.to_string().starts_with(&format!("client_id: {shown} is not valid")), "{error}");
    let error = Client::from_metadata(url().to_string().as_bytes()).unwrap_err();
    assert!(error.to_string().starts_with("jwks_uri: the client \"odd\": there is no key set cache"), "{error}");
}
