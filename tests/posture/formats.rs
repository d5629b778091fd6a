//! Text and JSON, and what neither may hold.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::jwks::AddressGuard;
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::policy::{AudienceRule, Limits};
use tower_client_assertion::posture::{self, Baseline, Posture, Rule, Standing};
use tower_client_assertion::registry::{Client, FixedRegistry};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::secret::ClientSecret;
use tower_client_assertion::{Policy, Verifier};

use crate::common::{NOW, clock, schema};
use crate::{BASELINES, key_set_cache, published, sound};

const SECRET: &str = "hush-hush-this-secret-is-of-no-concern-to-any-reader-of-reports";
/// The private part of a key of RFC 8037, appendix A.1.
const PRIVATE: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const AUDIENCE: &str = "https://operator:password-of-the-operator@as.example.com/token?key=query-of-the-audience";

fn keys() -> KeySet {
    let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let private = json!({"kty": "OKP", "crv": "Ed25519", "kid": "b", "d": PRIVATE,
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    KeySet::parse(json!({"keys": [key, private]}).to_string().as_bytes()).unwrap()
}

/// A configuration in which nearly everything is weaker.
fn lax() -> Verifier {
    const LEGACY: Policy = Policy::RFC7523
        .allow_client_secret_jwt()
        .dangerous()
        .audience(AudienceRule::IssuerOrUrls)
        .dangerous()
        .reusable_without_jti()
        .with_name("legacy");
    let guard = AddressGuard::default().allow_http_for("keys.internal").unwrap().allow_range("10.0.0.0/8").unwrap();
    let cache = key_set_cache(&[]).guard(guard).build().unwrap();
    let secret = ClientSecret::new(SECRET).unwrap().with_expiry(UnixTime::from_secs(NOW + 24 * 60 * 60));
    let clients = [
        Client::new("clinic-7", keys()).unwrap(),
        Client::new("clinic-8", keys()).unwrap().with_policy("legacy"),
        Client::with_secret("lab-1", secret).unwrap().with_policy("legacy"),
        published("reports", &cache),
    ];
    let registry = FixedRegistry::new(clients).unwrap();
    Verifier::builder(Policy::FAPI2, registry, MemoryReplay::new(1000).unwrap())
        .dangerous()
        .issuer_without_tls("http://as.internal")
        .audience(AUDIENCE)
        .client_policy(LEGACY)
        .limits(Limits::default().with_jti(1024))
        .clock(clock())
        .build()
        .unwrap()
}

#[track_caller]
fn assert_golden(name: &str, found: &str) {
    let path = format!("{}/tests/posture/goldens/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert!(expected == found, "{name} differs; run with GOLDEN=write and look at the change:\n{found}");
}

fn as_json(posture: &Posture) -> Value {
    serde_json::to_value(posture).unwrap()
}

#[test]
fn texts_and_documents_are_as_committed() {
    for (name, verifier) in [("lax", lax()), ("sound", sound(Policy::FAPI2, []).build().unwrap())] {
        let posture = verifier.posture(&Baseline::FAPI2);
        assert_golden(&format!("{name}.txt"), &posture.to_string());
        assert_golden(&format!("{name}.json"), &format!("{:#}\n", as_json(&posture)));
    }
}

#[test]
fn documents_are_valid_by_the_committed_schema() {
    let schema: Value = serde_json::from_str(include_str!("../vectors/posture.schema.json")).unwrap();
    for baseline in &BASELINES {
        for verifier in [lax(), sound(Policy::FAPI2, []).build().unwrap(), sound(Policy::REDOX, []).build().unwrap()] {
            let document = as_json(&verifier.posture(baseline));
            assert_eq!(schema::faults(&closed(&schema), &document), [""; 0], "{document:#}");
            assert_eq!(document["baseline"], baseline.id());
        }
    }
    let mut broken = as_json(&lax().posture(&Baseline::FAPI2));
    broken["findings"][0]["standing"] = json!("fine");
    broken["findings"][1]["more"] = json!(1);
    assert_eq!(schema::faults(&closed(&schema), &broken).len(), 2);
    // A reader must accept the members of a later release.
    assert_eq!(schema::faults(&schema, &broken).len(), 1);
}

/// The schema, without the members that a later release may add.
fn closed(schema: &Value) -> Value {
    let mut schema = schema.clone();
    for place in ["", "/$defs/finding", "/$defs/subject"] {
        schema.pointer_mut(place).unwrap()["additionalProperties"] = json!(false);
    }
    schema
}

#[test]
fn risk_and_advice_are_given_where_something_is_open() {
    for baseline in &BASELINES {
        for finding in lax().posture(baseline).findings() {
            let is_note = finding.standing() == Standing::Meets && ["C03", "C07"].contains(&finding.rule().id());
            let open = matches!(finding.standing(), Standing::Weaker | Standing::NotJudged);
            let open = open || is_note && finding.subject().kind() == "client";
            assert_eq!((finding.risk().is_some(), finding.advice().is_some()), (open, open), "{finding}");
            assert!(!finding.value().is_empty() && !finding.setting().is_empty(), "{finding}");
            assert!(!finding.to_string().contains('\n'), "{finding}");
        }
    }
}

#[test]
fn every_rule_has_its_own_id_and_a_source() {
    let mut seen = BTreeSet::new();
    for rule in posture::rules() {
        assert!(seen.insert(rule.id()) && seen.insert(rule.name()), "{} occurs twice", rule.id());
        for baseline in &BASELINES {
            let source = rule.source(baseline);
            assert!(
                source.contains("section") || source.ends_with("key retrieval") || source.starts_with("this crate, "),
                "{}: {source}",
                rule.id()
            );
            assert!(!rule.asks(baseline).is_empty() && !rule.asks(baseline).ends_with('.'), "{}", rule.id());
        }
        assert!(rule.risk().ends_with('.') && rule.advice().ends_with('.'), "{}", rule.id());
    }
    let expected = "O01 O02 O03 O04 P01 P02 P03 P04 P05 P06 P07 P08 P09 P10 P11 P12 P13 R01 R02 R03 R04 R05 K01 K02 K03 \
        K04 C01 C02 C03 C04 C05 C06 C07";
    for id in expected.split_whitespace() {
        assert!(seen.contains(id), "{id} is missing");
    }
}

/// The table of the manual is written from the rules. To rewrite it, run this with GOLDEN=write.
#[test]
fn the_manual_lists_every_rule() {
    let cell = |rule: &Rule, baseline: &Baseline| format!("{} ({})", rule.asks(baseline), rule.source(baseline));
    let row = |rule: &Rule| {
        let [fapi2, rfc7523] = [&BASELINES[0], &BASELINES[1]].map(|baseline| cell(rule, baseline));
        let rfc7523 = if rfc7523 == fapi2 { "the same" } else { &rfc7523 };
        format!("| {} `{}` | {fapi2} | {rfc7523} |\n", rule.id(), rule.name())
    };
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/posture.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (text, _) = page.split_once("\n| P03 ").unwrap();
    let expected = format!("{text}\n{}", posture::rules().map(row).collect::<String>());
    if std::env::var_os("GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(path, &expected).unwrap();
        return;
    }
    assert_eq!(page, expected);
}

#[test]
fn weaker_findings_come_first() {
    let posture = lax().posture(&Baseline::FAPI2);
    let standings: Vec<_> = posture.findings().iter().map(|finding| finding.standing()).collect();
    assert!(standings.is_sorted(), "{standings:?}");
    assert_eq!(posture.weaker().count(), standings.iter().filter(|standing| **standing == Standing::Weaker).count());
    let verifier = lax();
    assert_eq!(verifier.posture(&Baseline::FAPI2), verifier.posture(&Baseline::FAPI2));
}

/// Looks for runs of 16 bytes of what is secret, as it is and in the usual encodings.
#[test]
fn no_secret_occurs_in_a_report() {
    let private = URL_SAFE_NO_PAD.decode(PRIVATE).unwrap();
    let secrets: [&[u8]; 4] =
        [SECRET.as_bytes(), &private, b"password-of-the-operator", b"query-of-the-audience hush-hush-hush-hush"];
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let encodings = secrets.iter().flat_map(|secret| {
        // Base64 of the secret at each alignment.
        let base64 = (0..3).flat_map(|skip| [STANDARD, URL_SAFE_NO_PAD].map(|engine| engine.encode(&secret[skip..])));
        base64.chain([String::from_utf8_lossy(secret).into_owned(), hex(secret), hex(secret).to_uppercase()])
    });
    let runs: BTreeSet<String> = encodings
        .flat_map(|text| {
            let characters: Vec<char> = text.chars().collect();
            characters.windows(16).map(|run| run.iter().collect()).collect::<Vec<String>>()
        })
        .collect();
    for baseline in &BASELINES {
        let posture = lax().posture(baseline);
        let texts = [posture.to_string(), as_json(&posture).to_string(), format!("{posture:?}")];
        for text in &texts {
            let found = runs.iter().find(|run| text.contains(run.as_str()));
            assert_eq!(found, None, "{text}");
        }
        // Otherwise nothing could have been found.
        assert!(texts[0].contains("lab-1") && texts[0].contains("key 1 (\"b\") is skipped"), "{posture}");
    }
}
