//! Documents that should be JWK Sets: which are read, and what is said about the others.

use std::sync::LazyLock;

use crate::common::Signer;
use serde_json::{Value, json};
use tower_client_assertion::keys::{Document, KeySet, KeySetError, SkipReason};

static KEY: LazyLock<Value> = LazyLock::new(|| Signer::es384("a").jwk());

fn error(document: impl AsRef<[u8]>) -> KeySetError {
    KeySet::parse(document.as_ref()).unwrap_err()
}

#[test]
fn documents_that_are_not_key_sets_are_named() {
    let key = &*KEY;
    let pem = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let cases = [
        (Document::Empty, vec![String::new(), " \r\n\t".to_owned(), json!("").to_string()]),
        (Document::Jwk, vec![key.to_string(), json!({"kty": "PQC"}).to_string(), format!(" {key} ")]),
        (Document::Array, vec![json!([key]).to_string(), "[]".to_owned(), json!([[key]]).to_string()]),
        (
            Document::OtherKeys,
            [json!(null), json!(""), json!("x"), json!({}), key.clone(), json!(1)]
                .map(|keys| json!({"keys": keys}).to_string())
                .to_vec(),
        ),
        (
            Document::RepeatedKeys,
            vec![format!(r#"{{"keys":[{key}],"keys":[]}}"#), format!(r#"{{"keys":[{key}],"\u006beys":[]}}"#)],
        ),
        (
            Document::ServerMetadata,
            vec![
                json!({"issuer": "https://as.example", "jwks_uri": "https://as.example/jwks"}).to_string(),
                json!({"issuer": "https://as.example"}).to_string(),
            ],
        ),
        (Document::ClientMetadata, vec![json!({"client_id": "a", "jwks": {"keys": [key]}}).to_string()]),
        (
            Document::Markup,
            vec!["<html>".to_owned(), "\n<!DOCTYPE html><p>404</p>".to_owned(), "<?xml version=\"1.0\"?>".to_owned()],
        ),
        (
            Document::Pem,
            vec![
                pem.to_owned(),
                format!("subject=/CN=a\n{certificate}"),
                json!(pem).to_string(),
                json!({"key-1": certificate, "key-2": certificate}).to_string(),
            ],
        ),
        (Document::Jwt, vec!["eyJhbGciOiJSUzI1NiJ9.eyJrZXlzIjpbXX0.AAAA".to_owned()]),
        (Document::UnreadableName, vec![format!(r#"{{"keys":[{key}],"\ud800":1}}"#)]),
        (Document::Object, vec!["{}".to_owned(), format!(r#"{{"Keys":[{key}]}}"#), json!({"error": "x"}).to_string()]),
        (Document::Value, vec!["null".to_owned(), "1".to_owned(), "true".to_owned(), json!("keys").to_string()]),
    ];
    let mut sentences = Vec::new();
    for (found, documents) in cases {
        for document in documents {
            let error = error(&document);
            assert!(
                matches!(&error, KeySetError::NotAKeySet { found: other, .. } if *other == found),
                "{error:?}: {document}"
            );
            assert_eq!(error.to_string(), format!("this is not a JWK Set: {found}"), "{document}");
        }
        sentences.push(found.to_string());
    }
    assert_eq!(Document::Jwk.to_string(), r#"it is one JWK; wrap it in {"keys":[..]}"#);
    assert_eq!(Document::Pem.to_string(), "it has keys or certificates in PEM; convert it to a JWK Set");
    let all = sentences.len();
    sentences.sort();
    sentences.dedup();
    assert_eq!(sentences.len(), all, "each kind has its own sentence");
}

#[test]
fn key_28_a_private_key_raises_the_alarm_in_any_form() {
    let keys = [
        (json!({"kty": "RSA", "n": "AQAB", "d": "c2VjcmV0", "p": ""}), "JWK with d"),
        (
            json!({"kty": "RSA", "oth": [{"r": "c2VjcmV0"}], "dp": "AQ", "dq": "AQ", "qi": "AQ"}),
            "JWK with dp, dq, qi, oth",
        ),
        (json!({"kty": "oct", "k": "c2VjcmV0"}), "JWK with k"),
        (json!({"crv": "P-256", "x": "AQAB", "d": 5}), "JWK with d"),
        (json!({"kid": "a", "p": "c2VjcmV0", "q": "AQAB"}), "JWK with p, q"),
        (json!({"pub": "AQAB", "priv": "c2VjcmV0"}), "JWK with priv"),
        (json!("-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n"), "EC PRIVATE KEY"),
    ];
    for (key, label) in keys {
        let documents = [
            key.clone(),
            json!([key]),
            json!([*KEY, key]),
            json!([[key]]),
            json!({"keys": key}),
            json!({"keys": {"a": *KEY, "b": key}}),
            json!({"keys": key.to_string()}),
            json!({"a": *KEY, "b": key}),
            json!({"client_id": "a", "jwks": {"keys": [*KEY, key]}}),
            json!({"issuer": "https://as.example", "key": key}),
            json!(key.to_string()),
            json!(json!({"keys": [key]}).to_string()),
        ]
        .map(|document| document.to_string());
        let repeated = [
            format!(r#"{{"keys":[{}],"keys":[{key}]}}"#, *KEY),
            format!(r#"{{"keys":[{key}],"\ud800":1}}"#),
            format!(r#"{{"kty":"EC","\ud800":1,"a":{key}}}"#),
        ];
        for document in documents.into_iter().chain(repeated) {
            let utf16: Vec<_> = document.encode_utf16().flat_map(u16::to_le_bytes).collect();
            for document in [document.as_bytes(), &utf16] {
                let error = error(document);
                let text = format!("the document has a private key ({label}), which must never leave the client");
                assert_eq!(error.to_string(), text, "{}", String::from_utf8_lossy(document));
                assert!(!format!("{error:?}").contains("c2Vj"), "{error:?}");
            }
        }
    }
}

#[test]
fn key_28_a_private_key_in_broken_json_raises_the_alarm() {
    let key = json!({"kty": "EC", "crv": "P-256", "d": "c2VjcmV0"}).to_string();
    let documents = [
        (format!("{key}\n{key}\n"), "d"),
        (format!("{}\n{key}", *KEY), "d"),
        (format!(r#"{{"keys":[{key},]}}"#), "d"),
        (format!("{{\"keys\":[{key}]"), "d"),
        (key.replace(":\"c2", "\t:\r\n \"c2") + "}", "d"),
        (r#"{"kty":"RSA","d":"","p":"c2VjcmV0","oth":[{"r":"AQ"}],}"#.to_owned(), "p, oth"),
        (json!(format!("{key},")).to_string(), "d"),
    ];
    for (document, members) in documents {
        let alarm = format!("the document has a private key (JWK with {members}), which must never leave the client");
        assert_eq!(error(&document).to_string(), alarm, "{document}");
    }
    for document in [
        r#"{"kty":"EC","kid":"d",}"#,
        r#"{"kty":"EC","d":"","oth":[ ],"k":null,}"#,
        r#"{"d":"data",}"#,
        r#"{"kty":"EC","d":"#,
        r#"{"kty":"EC","d""#,
    ] {
        assert!(matches!(error(document), KeySetError::NotJson { .. }), "{document}");
    }
}

#[test]
fn what_only_looks_like_a_private_key_is_named_as_before() {
    let cases = [
        (Document::Jwk, json!({"kty": "RSA", "n": "AQAB", "d": "", "p": null, "oth": [ ]})),
        (Document::Object, json!({"d": "data", "k": 1})),
        (Document::OtherKeys, json!({"keys": {"d": "data"}})),
        (Document::Array, json!([{"d": "data"}])),
        (Document::Value, json!("PRIVATE KEY")),
    ];
    for (found, document) in cases {
        let error = error(document.to_string());
        assert!(matches!(&error, KeySetError::NotAKeySet { found: other, .. } if *other == found), "{error:?}");
    }
    // The search is bounded: deeper than any program writes keys.
    let deep = format!("{}{}{}", "[".repeat(50_000), json!({"kty": "oct", "k": "x"}), "]".repeat(50_000));
    assert!(matches!(error(deep), KeySetError::NotAKeySet { found: Document::Array, .. }));
}

#[test]
fn key_28_a_private_key_in_a_set_is_told_from_other_flaws() {
    let private = json!({"kty": "oct", "k": "c2VjcmV0"});
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----";
    let jwk = private.to_string();
    let cases = [
        json!([private]).to_string(),
        json!(jwk).to_string(),
        json!(pem).to_string(),
        json!({"kty": "RSA", "n": pem, "e": "AQAB"}).to_string(),
        json!({"kty": "EC", "crv": "P-256", "x": pem, "y": "AQAB"}).to_string(),
        jwk.replacen('{', r#"{"\ud800":1,"#, 1),
        jwk.replacen('{', r#"{"\udc00\ud800":{},"kty":1,"#, 1),
    ];
    for key in cases {
        let keys = KeySet::parse(format!(r#"{{"keys":[{key}]}}"#).as_bytes()).unwrap();
        let [skipped] = keys.skipped() else { panic!("{key}") };
        assert_eq!(skipped.reason(), SkipReason::PrivateMembers, "{key}: {skipped}");
        assert!(!skipped.to_string().contains("c2Vj"), "{skipped}");
    }
    let unreadable = KEY.to_string().replacen('{', r#"{"\ud800":1,"#, 1);
    let keys = KeySet::parse(format!(r#"{{"keys":[{unreadable}]}}"#).as_bytes()).unwrap();
    assert_eq!(keys.skipped()[0].to_string(), "key 0 is skipped: it is not an object that can be read");
}

#[test]
fn documents_in_utf_16_are_named() {
    for text in [json!({"keys": [*KEY]}).to_string(), "<html>".to_owned()] {
        let units = || text.encode_utf16();
        let little: Vec<_> = units().flat_map(u16::to_le_bytes).collect();
        let big: Vec<_> = units().flat_map(u16::to_be_bytes).collect();
        let marked = [[&[0xFF, 0xFE], little.as_slice()].concat(), [&[0xFE, 0xFF], big.as_slice()].concat()];
        for document in [marked.to_vec(), vec![little, big]].concat() {
            assert_eq!(error(&document).to_string(), "this is not a JWK Set: it is UTF-16; write it in UTF-8");
        }
    }
}

#[test]
fn broken_json_is_reported_by_position_without_content() {
    let key = &*KEY;
    let cases: [(Vec<u8>, usize, usize); 7] = [
        (b"keys".to_vec(), 1, 1),
        (b"{\"keys\":\n[".to_vec(), 2, 1),
        (b"{\n\"keys\": secret}".to_vec(), 2, 9),
        (b"{\"keys\":[]}{}".to_vec(), 1, 12),
        (b"{\"keys\":[]}x".to_vec(), 1, 12),
        (b"{\"keys\":[\"\xFF\"]}".to_vec(), 1, 11),
        (format!("{{\"keys\":[{key},]}}").into_bytes(), 1, 11 + key.to_string().len()),
    ];
    for (document, line, column) in cases {
        let error = error(&document);
        let text = format!("the document is not well-formed JSON at line {line}, column {column}");
        assert_eq!(error.to_string(), text, "{}", String::from_utf8_lossy(&document));
        let same =
            matches!(error, KeySetError::NotJson { line: at, column: within, .. } if (at, within) == (line, column));
        assert!(same, "{error:?}");
    }
}

#[test]
fn key_22_one_byte_order_mark_before_a_set_is_skipped() {
    let set = json!({"keys": [*KEY]}).to_string();
    let mark = "\u{feff}";
    assert_eq!(KeySet::parse(format!("{mark}{set}").as_bytes()).map(|keys| keys.len()), Ok(1));
    assert_eq!(KeySet::parse(format!("{mark} {set}").as_bytes()).map(|keys| keys.len()), Ok(1));
    let position = |document: String| match error(&document) {
        KeySetError::NotJson { line, column, .. } => (line, column),
        other => panic!("{other:?}: {document:?}"),
    };
    assert_eq!(position(format!("{mark}{mark}{set}")), (1, 1), "two marks");
    assert_eq!(position(format!(" {mark}{set}")), (1, 2), "a mark that is not in front");
    assert_eq!(position(format!("{set}{mark}")), (1, set.len() + 1), "a mark at the end");
    assert_eq!(position(set.replacen(':', ":\u{feff}", 1)), (1, 9), "a mark inside");
    let cut = [b"\xEF\xBB", set.as_bytes()].concat();
    assert!(matches!(error(&cut), KeySetError::NotJson { line: 1, column: 1, .. }), "half a mark");
    let limit = set.len() + 3;
    let marked = format!("{mark}{set}");
    assert_eq!(KeySet::parse_within(marked.as_bytes(), limit, 1).map(|keys| keys.len()), Ok(1));
    let outcome = KeySet::parse_within(marked.as_bytes(), limit - 1, 1).map(|_| ());
    assert_eq!(outcome, Err(KeySetError::TooLong { limit: limit - 1 }), "the mark counts");
}
