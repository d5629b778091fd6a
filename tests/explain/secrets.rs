//! No explanation shows an assertion, its signature, its `jti`, or a secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Request;
use serde_json::json;
use tower_client_assertion::ClientAssertionLayer;
use tower_client_assertion::explain::{Check, Explanation};
use tower_client_assertion::registry::Client;

use crate::common::attempt::Attempt;
use crate::common::secrets::{has_run_of, leak_of, secrets, unescaped};
use crate::common::vectors::{SECRET, Server};
use crate::common::{SIGNER, fixture, key_set, with_member};
use crate::hints::fetching;
use crate::layer::{AT, explain, layer, whole};

/// Checks that no run of 16 bytes of a secret occurs in the explanation of `request`.
#[track_caller]
pub(crate) fn check_hidden(explanation: &Explanation, request: &Request<Bytes>, what: &str) {
    let json = serde_json::to_string(explanation).unwrap();
    let text = explanation.to_string();
    let shown = [&*text, &unescaped(&text), &json, &unescaped(&unescaped(&json))].join("\n");
    for secret in secrets(request).into_iter().chain([SECRET.as_bytes().to_vec()]) {
        if let Some(part) = leak_of(&shown, &secret) {
            panic!("{what}: a part of {} is shown\n{explanation}", part.escape_ascii());
        }
    }
}

const JTI: &str = "a-jti-of-more-than-sixteen-bytes";

/// Replaces the claims of a JWT by this text.
fn with_claims(jwt: &str, claims: &str) -> String {
    let mut parts = jwt.split('.');
    let mut next = || parts.next().unwrap();
    let (header, _, signature) = (next(), next(), next());
    format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims))
}

/// A sender who mixes up its parameters and members.
#[test]
fn a_secret_in_the_wrong_place_is_not_shown() {
    const HUSH: &str = "hush-hush-this-is-a-client-secret";
    type Change = fn(&mut Attempt);
    let table: [(&str, Change); 16] = [
        ("escaped", |a| {
            a.claim("jti", "it's a 'jti' with apostrophes");
            a.claim("sub", "it's a 'jti' with apostrophes");
        }),
        ("not ASCII", |a| {
            a.claim("jti", "\u{e4}\u{f6}\u{fc}\u{e4}\u{f6}\u{fc}\u{e4}\u{f6}");
            a.claim("sub", "\u{e4}\u{f6}\u{fc}\u{e4}\u{f6}\u{fc}\u{e4}\u{f6}");
        }),
        ("the name of a repeated member", |a| {
            a.mangle = |jwt| with_claims(&jwt, &format!(r#"{{"jti":"{JTI}","{JTI}":1,"{JTI}":2}}"#));
        }),
        ("grant_type of a malformed one", |a| {
            a.mangle = |jwt| with_claims(&jwt, &format!(r#"{{"iss":1,"iss":2,"jti":"{JTI}"}}"#));
            a.parameter("grant_type", JTI);
        }),
        ("method", |a| a.method = JTI),
        ("iss", |a| a.claim("iss", JTI)),
        ("sub", |a| a.claim("sub", JTI)),
        ("aud", |a| a.claim("aud", JTI)),
        ("kid", |a| a.jose("kid", JTI)),
        ("typ", |a| a.jose("typ", JTI)),
        ("name", |a| a.claim(JTI, 1)),
        ("client_id", |a| a.parameter("client_id", JTI)),
        ("grant_type", |a| {
            a.parameter("client_secret", HUSH);
            a.parameter("grant_type", HUSH);
        }),
        ("client_assertion_type", |a| {
            a.parameter("client_secret", HUSH);
            a.parameter("client_assertion_type", HUSH);
        }),
        ("aud of a secret", |a| {
            a.parameter("client_secret", HUSH);
            a.claim("aud", HUSH);
        }),
        ("authorization", |a| {
            a.header("authorization", HUSH);
            a.claim("aud", HUSH);
        }),
    ];
    for (what, change) in table {
        let mut attempt = Attempt::new();
        attempt.claim("jti", JTI);
        change(&mut attempt);
        let request = whole(attempt.request());
        let explanation = explain(&layer(Server::Redox), &request, AT);
        assert!(explanation.verdict().reason().is_some() || what == "name" || what == "typ", "{what}");
        check_hidden(&explanation, &request, what);
        assert!(!format!("{explanation:?}").contains(JTI), "{what}");
    }
}

/// However short they are.
#[test]
fn whole_secrets_and_beginnings_of_jwts_are_not_shown() {
    type Change = fn(&mut Attempt);
    let table: [(&str, &str, Change); 4] = [
        ("a method", "eyJ0.eyJ1", |a| a.method = "eyJ0.eyJ1"),
        ("a content type", "eyJ0.eyJ1", |a| a.header("content-type", "eyJ0.eyJ1")),
        ("a claim of a secret", "hush", |a| {
            a.parameter("client_secret", "hush");
            a.claim("aud", "hush");
        }),
        ("a name of a jti", "hush", |a| {
            a.claim("jti", "hush");
            a.claim("hush", 1);
        }),
    ];
    for (what, secret, change) in table {
        let explanation = explain(&layer(Server::Redox), &whole(Attempt::with(change).request()), AT);
        let shown = format!("{explanation}{}", serde_json::to_string(&explanation).unwrap());
        assert!(!shown.contains(secret), "{what}: {explanation}");
    }
}

/// The `kid` stands in what was expected, of a client whose keys are all skipped.
#[tokio::test]
async fn a_jti_as_the_kid_is_not_shown_as_expected() {
    let unusable = json!({"keys": [with_member(&SIGNER.jwk(), "use", "enc")]}).to_string();
    let (cache, verifier) = fetching(200, unusable);
    cache.sources()[0].keys(AT).get().await.unwrap();
    let layer = ClientAssertionLayer::new(verifier).preserve_body_types();
    for (what, jti) in [("long", JTI), ("short", "jti-1")] {
        let attempt = Attempt::with(|a| {
            a.claim("jti", jti);
            a.jose("kid", jti);
        });
        let request = whole(attempt.request());
        let explanation = explain(&layer, &request, AT);
        let key = explanation.steps().iter().find(|step| step.check() == Check::Key).unwrap();
        assert!(key.expected().unwrap().starts_with("withheld: "), "{what}: {key:?}");
        assert!(!explanation.to_string().contains(jti), "{what}: {explanation}");
        check_hidden(&explanation, &request, what);
    }
}

#[test]
fn what_is_registered_is_shown_though_a_jti_has_it() {
    let id = "a-clinic-with-a-long-id";
    let client = Client::new(id, key_set(&[SIGNER.jwk()])).unwrap();
    let claimed = |layer, jti: &str| {
        let attempt = Attempt::with(|a| {
            a.claim("iss", id);
            a.claim("sub", id);
            a.claim("jti", jti);
        });
        let explanation = explain(layer, &whole(attempt.request()), AT);
        let json = serde_json::to_value(&explanation).unwrap();
        let sub = explanation.steps().iter().find(|step| step.check() == Check::Sub).unwrap();
        (
            json["claimed_client"].as_str().unwrap().to_owned(),
            sub.received().unwrap().to_owned(),
            explanation.to_string(),
        )
    };
    let knows = ClientAssertionLayer::new(fixture().clients([client]).build()).preserve_body_types();
    for jti in [format!("{id}:1"), id.to_owned()] {
        let (name, sub, _) = claimed(&knows, &jti);
        assert_eq!((name.as_str(), sub), (id, format!("{id:?}")), "{jti}");
    }
    let (name, sub, text) = claimed(&layer(Server::Redox), &format!("{id}:1"));
    assert!(name.starts_with("withheld: ") && sub == name, "{name} {sub}");
    assert!(text.contains(&format!("client    {name} (claimed)")), "{text}");
}

#[test]
fn a_short_secret_as_a_whole_value_is_not_shown() {
    let attempt = Attempt::with(|a| {
        a.claim("jti", "a1b2c3");
        a.claim("sub", "a1b2c3");
        a.claim("a1b2c3", 1);
        a.parameter("client_secret", "it's");
        a.jose("typ", "it's");
    });
    let text = explain(&layer(Server::Redox), &whole(attempt.request()), AT).to_string();
    assert!(!text.contains("a1b2c3") && !text.contains("it\\'s"), "{text}");
    let attempt = Attempt::with(|a| {
        a.claim("jti", "a1b2c3");
        a.claim("sub", "a1b2c3-d");
    });
    let text = explain(&layer(Server::Redox), &whole(attempt.request()), AT).to_string();
    assert!(text.contains("a1b2c3-d"), "{text}");
}

/// Nothing says that these are secrets but their look.
#[test]
fn a_signature_in_place_of_a_word_is_not_shown() {
    for name in ["grant_type", "client_assertion_type", "content-type", "content-encoding"] {
        let jwt = Attempt::new().jwt.signed();
        let signature = jwt.rsplit_once('.').unwrap().1.get(..43).unwrap();
        let mut attempt = Attempt::new();
        attempt.drop_parameter("client_assertion");
        match name.starts_with("content") {
            true => attempt.header(name, signature),
            false => attempt.parameter(name, signature),
        }
        let explanation = explain(&layer(Server::Redox), &whole(attempt.request()), AT);
        let text = serde_json::to_string(&explanation).unwrap();
        assert!(
            text.contains(r#""received":"43 bytes""#) && !has_run_of(&text, signature.as_bytes()),
            "{name}: {text}"
        );
    }
}

/// The whole body is not searched above the limit, and no long value of a sender is shown then.
#[test]
fn long_values_are_withheld_if_there_is_too_much_to_search() {
    let attempt = Attempt::with(|a| {
        a.claim("sub", "a-sub-of-some-length");
        a.parameter("client_secret", &"x".repeat(300_000));
    });
    let text = explain(&layer(Server::Redox), &whole(attempt.request()), AT).to_string();
    assert!(!text.contains("a-sub-of-some-length") && text.contains("\"clinic-7\""), "{text}");
}

#[test]
fn a_jti_is_shown_by_its_length_and_its_hash() {
    let request = whole(Attempt::with(|a| a.claim("jti", "a1b2c3")).request());
    let text = explain(&layer(Server::Redox), &request, AT).to_string();
    // `printf a1b2c3 | sha256sum`
    assert!(text.contains("6 bytes, SHA-256 4f32044a.."), "{text}");
}
