//! The rules about clients.

use aws_lc_rs::rsa::KeySize;
use serde_json::{Value, json};
use tower_client_assertion::Policy;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::policy::Algorithm;
use tower_client_assertion::posture::{Baseline, Posture, Standing, Subject};
use tower_client_assertion::registry::{Client, FileRegistry};
use tower_client_assertion::secret::ClientSecret;

use crate::common::{NOW, Signer, TempFile, clock, key_set, with_member};
use crate::{by, key_set_cache, published, sound, standing};

const DAYS_30: u64 = 30 * 24 * 60 * 60;

fn judged(policy: Policy, clients: impl IntoIterator<Item = Client>) -> Posture {
    sound(policy, clients).build().unwrap().posture(&Baseline::FAPI2)
}

fn with_keys(id: &str, jwks: &[Value]) -> Client {
    Client::new(id, key_set(jwks)).unwrap()
}

fn with_secret(id: &str, expiry: Option<u64>) -> Client {
    let secret =
        ClientSecret::new(&format!("a secret of {id} that is longer than 64 bytes, for each HMAC algorithm")).unwrap();
    let secret = match expiry {
        Some(secs) => secret.with_expiry(UnixTime::from_secs(secs)),
        None => secret,
    };
    Client::with_secret(id, secret).unwrap()
}

/// The findings of a rule about single clients: id, standing and value.
fn found(posture: &Posture, rule: &str) -> Vec<(String, Standing, String)> {
    let of_clients = by(posture, rule).into_iter().filter(|finding| matches!(finding.subject(), Subject::Client(_)));
    let text = |it: &str| it.to_owned();
    of_clients.map(|it| (text(it.subject().id().unwrap()), it.standing(), text(it.value()))).collect()
}

/// The value of the finding that one client has by a rule, or `None` if the client meets it.
fn weakness(policy: Policy, rule: &str, client: Client) -> Option<String> {
    let posture = judged(policy, [client]);
    match &found(&posture, rule)[..] {
        [] => {
            let met = by(&posture, rule).into_iter().filter(|finding| *finding.subject() == Subject::Clients);
            assert_eq!(met.map(|it| it.value()).collect::<Vec<_>>(), ["1 of 1"], "{rule}\n{posture}");
            None
        }
        [(_, Standing::Weaker | Standing::Meets, value)] => Some(value.clone()),
        other => panic!("{rule}: {other:?}"),
    }
}

#[test]
fn a_secret_is_weaker_than_keys() {
    let policy = || Policy::RFC7523.allow_client_secret_jwt();
    assert_eq!(weakness(policy(), "P05", with_keys("a", &[Signer::es256("a").jwk()])), None);
    let posture = judged(policy(), [with_secret("a", None)]);
    assert_eq!(found(&posture, "P05"), [("a".to_owned(), Standing::Weaker, "registered".to_owned())]);
    let verifier = sound(policy(), [with_secret("a", None)]).build().unwrap();
    assert_eq!(found(&verifier.posture(&Baseline::RFC7523), "P05"), []);
}

#[test]
fn one_key_at_two_clients_is_found() {
    let (shared, own) = (Signer::es256("a").jwk(), Signer::ed25519("EdDSA", "b").jwk());
    let named = with_member(&shared, "kid", "another name");
    let clients = [
        with_keys("clinic-1", &[own, shared.clone()]),
        with_keys("clinic-2", &[shared.clone(), with_member(&shared, "kid", "twice")]),
        with_keys("clinic-3", &[named]),
        with_keys("clinic-4", &[Signer::es256("a").jwk()]),
    ];
    let thumbprint = clients[2].keys().unwrap().iter().next().unwrap().thumbprint();
    let thumbprint = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, thumbprint);
    let posture = judged(Policy::FAPI2, clients);
    let mut found = found(&posture, "C02");
    found.sort();
    let ids: Vec<_> = found.iter().map(|(id, standing, _)| (id.as_str(), *standing)).collect();
    assert_eq!(ids, ["clinic-1", "clinic-2", "clinic-3"].map(|id| (id, Standing::Weaker)));
    for (id, _, value) in found {
        assert!(value.starts_with(&format!("the key {thumbprint} is also that of \"clinic-")), "{value}");
        assert!(value.ends_with(" and 1 more") && !value.contains(&id), "{value}");
    }
    assert_eq!(by(&posture, "C02").last().unwrap().value(), "1 of 4");
}

#[test]
fn one_secret_and_one_url_at_two_clients_are_found() {
    let secret = || ClientSecret::new("a secret that two clients were given by mistake").unwrap();
    let cache = key_set_cache(&[]).build().unwrap();
    let clients = [
        Client::with_secret("a", secret()).unwrap(),
        Client::with_secret("b", secret()).unwrap(),
        with_secret("c", None),
        published("d", &cache),
        published("e", &cache),
    ];
    let mut found = found(&judged(Policy::RFC7523.allow_client_secret_jwt(), clients), "C02");
    found.sort();
    let values: Vec<_> = found.iter().map(|(id, _, value)| (id.as_str(), value.as_str())).collect();
    assert_eq!(
        values,
        [
            ("a", "its secret is also that of \"b\""),
            ("b", "its secret is also that of \"a\""),
            ("d", "the URL of its keys is also that of \"e\""),
            ("e", "the URL of its keys is also that of \"d\""),
        ]
    );
}

#[test]
fn rsa_keys_under_3072_bits_are_noted() {
    let rsa = |size| Signer::rsa_of("PS256", "a", size).jwk();
    let cases = [
        (vec![rsa(KeySize::Rsa3072)], None),
        (vec![rsa(KeySize::Rsa2048)], Some("RSA with 2048 bits")),
        (vec![Signer::es256("b").jwk(), rsa(KeySize::Rsa2048)], Some("RSA with 2048 bits")),
        (vec![Signer::es256("b").jwk()], None),
    ];
    for (jwks, expected) in cases {
        assert_eq!(weakness(Policy::FAPI2, "C03", with_keys("a", &jwks)).as_deref(), expected);
    }
    // FAPI 2.0 and RFC 7518 ask for 2048.
    let posture = judged(Policy::FAPI2, [with_keys("a", &[rsa(KeySize::Rsa2048)])]);
    assert_note(&posture, "C03");
}

/// The rule is met, and this crate advises more.
#[track_caller]
fn assert_note(posture: &Posture, rule: &str) {
    let [note] = by(posture, rule)[..] else { panic!("{posture}") };
    assert_eq!((note.standing(), note.risk().is_some(), note.advice().is_some()), (Standing::Meets, true, true));
    assert!(note.to_string().starts_with("meets ") && note.to_string().contains(" What to do: "), "{note}");
}

#[test]
fn published_private_keys_and_skipped_keys_are_found() {
    let good = Signer::es256("good").jwk();
    let private = json!({"kty": "OKP", "crv": "Ed25519", "kid": "bad", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"});
    let unknown = json!({"kty": "LWE", "kid": "odd"});
    let cases = [
        (vec![good.clone()], None, None),
        (vec![good.clone(), private], Some("key 1 (\"bad\") is skipped"), Some("key 1 (\"bad\") is skipped")),
        (vec![unknown, good], None, Some("key 0 (\"odd\") is skipped")),
    ];
    for (jwks, published, problem) in cases {
        for (rule, expected) in [("C04", published), ("C06", problem)] {
            let found = weakness(Policy::FAPI2, rule, with_keys("a", &jwks));
            let fits = match (&found, expected) {
                (Some(found), Some(expected)) => found.starts_with(expected) && !found.contains("nWGxne"),
                (found, expected) => found.is_none() && expected.is_none(),
            };
            assert!(fits, "{rule}: {found:?}");
        }
    }
}

#[test]
fn a_key_for_several_algorithms_must_be_pinned() {
    let rsa = Signer::rsa_of("PS256", "a", KeySize::Rsa3072).jwk();
    let pinned = with_member(&rsa, "alg", "PS256");
    let keys = |jwks: &[Value]| with_keys("a", jwks);
    let several = "not set, and one key is for RS256, RS384, RS512, PS256, PS384, PS512";
    let cases = [
        (Policy::RFC7523, keys(std::slice::from_ref(&rsa)), Some(several)),
        (Policy::RFC7523, keys(&[pinned]), None),
        (Policy::RFC7523, keys(std::slice::from_ref(&rsa)).with_signing_alg(Algorithm::PS256).unwrap(), None),
        // The policy allows only one of them.
        (Policy::FAPI2, keys(&[rsa]), None),
        (Policy::RFC7523, keys(&[Signer::ed25519("EdDSA", "a").jwk()]), None),
        (Policy::RFC7523, keys(&[Signer::es256("a").jwk(), Signer::es384("b").jwk()]), None),
        (
            Policy::RFC7523.allow_client_secret_jwt(),
            with_secret("a", None),
            Some("not set, and its secret is for HS256, HS384, HS512"),
        ),
    ];
    for (policy, client, expected) in cases {
        assert_eq!(weakness(policy, "C05", client.clone()).as_deref(), expected, "{client:?}");
    }
}

#[test]
fn clients_that_cannot_be_used_are_found() {
    let file = TempFile::new(
        json!([{"client_id": "a"}, {"client_id": "b", "jwks": {"keys": [Signer::es384("k").jwk()]}}]).to_string(),
    );
    let clients = FileRegistry::load(file.path()).unwrap().clients();
    let verifier = sound(Policy::FAPI2, []).build().unwrap();
    let posture = verifier.posture_with(&Baseline::FAPI2, clients.iter().map(AsRef::as_ref));
    let mut found = found(&posture, "C06");
    found.sort();
    let values: Vec<_> = found.into_iter().map(|(id, _, value)| (id, value)).collect();
    let nothing = "no usable key or secret is registered".to_owned();
    let unmet = "algorithms: the client can use ES384, but the policy fapi2 allows only PS256, ES256, EdDSA, Ed25519";
    assert_eq!(values, [("a".to_owned(), nothing), ("b".to_owned(), unmet.to_owned())]);
}

#[test]
fn secrets_that_expire_soon_or_never_are_found() {
    let policy = || Policy::RFC7523.allow_client_secret_jwt();
    let cases = [
        (None, Some("never")),
        (Some(NOW), Some("expired")),
        (Some(NOW + 1), Some("in 1 s")),
        (Some(NOW + DAYS_30 - 1), Some("in 2591999 s")),
        (Some(NOW + DAYS_30), None),
        (Some(NOW + DAYS_30 + 1), None),
    ];
    for (expiry, expected) in cases {
        assert_eq!(weakness(policy(), "C07", with_secret("a", expiry)).as_deref(), expected, "{expiry:?}");
    }
    // RFC 7591 permits it.
    assert_note(&judged(policy(), [with_secret("a", None)]), "C07");
    let stopped = clock();
    stopped.stop();
    let verifier = sound(policy(), [with_secret("a", Some(NOW + 1))]).clock(stopped).build().unwrap();
    assert_eq!(standing(&verifier.posture(&Baseline::FAPI2), "C07"), Some(Standing::NotJudged));
    // A client with keys has no secret that could expire.
    let keyed = judged(policy(), [with_keys("a", &[Signer::es256("a").jwk()])]);
    assert_eq!(standing(&keyed, "C07"), None);
}

#[tokio::test]
async fn keys_at_a_url_are_judged_once_they_were_fetched() {
    let weak = Signer::rsa_of("PS256", "a", KeySize::Rsa2048).jwk();
    let cache = key_set_cache(std::slice::from_ref(&weak)).build().unwrap();
    let client = published("clinic-7", &cache);
    let verifier = sound(Policy::FAPI2, [client.clone(), with_keys("clinic-8", &[weak])]).build().unwrap();
    let standings = |posture: &Posture, rule| {
        let found = found(posture, rule);
        found.into_iter().filter(|(id, ..)| id == "clinic-7").map(|(_, standing, _)| standing).collect::<Vec<_>>()
    };
    let before = verifier.posture(&Baseline::FAPI2);
    for rule in ["C02", "C03", "C04", "C05"] {
        assert_eq!(standings(&before, rule), [Standing::NotJudged], "{rule}");
    }
    let kept = client.key_source().unwrap().state();
    assert!(kept.last_attempt().is_none(), "the posture fetched keys");

    client.key_source().unwrap().keys(UnixTime::from_secs(NOW)).get().await.unwrap();
    let after = verifier.posture(&Baseline::FAPI2);
    assert_eq!(standings(&after, "C02"), [Standing::Weaker]);
    assert_eq!(standings(&after, "C03"), [Standing::Meets]);
    assert_eq!(standings(&after, "C04"), []);
}
