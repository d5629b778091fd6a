//! `Config`: what a file can say, what is refused, and that it means the same as code.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::common::{CLIENT, ISSUER, Jwt, NOW, Signer, TempFile, clock, form};
use serde::Deserialize;
use serde_json::json;
use tower_client_assertion::event;
use tower_client_assertion::jwks::{AddressGuard, HyperFetch, KeySetCache};
use tower_client_assertion::overload::SignatureChecks;
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, AudienceRule, Limits, Policy};
use tower_client_assertion::posture::Baseline;
use tower_client_assertion::registry::{ClientReader, FileRegistry};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{Config, TokenRequest, Verifier};

const REFERENCE: &str = include_str!("../../examples/token_server/reference.toml");

pub(crate) fn read(toml: &str) -> Result<Config, String> {
    toml::from_str(toml).map_err(|error: toml::de::Error| error.message().to_owned())
}

#[track_caller]
pub(crate) fn refused(toml: &str) -> String {
    read(toml).err().unwrap_or_else(|| panic!("this was read:\n{toml}"))
}

/// Each member of the reference file, with its table.
pub(crate) fn members() -> BTreeSet<(&'static str, &'static str)> {
    let (_, text) = REFERENCE.split_once("---- Members of every program.\n").unwrap();
    let (mut table, mut members) = ("", BTreeSet::new());
    for member in text.lines().filter_map(|line| line.strip_prefix('#')) {
        if let Some(name) = member.strip_prefix('[') {
            table = name.trim_end_matches(']');
        } else if let (false, Some((name, _))) = (member.starts_with(' '), member.split_once(" = ")) {
            members.insert((table, name));
        }
    }
    members
}

#[test]
fn wrong_values_are_refused_by_the_path_of_their_member() {
    let members = members();
    assert!(members.len() > 85, "{}", members.len());
    for (table, name) in members {
        let header = if table.is_empty() { String::new() } else { format!("[{table}]\n") };
        let path = if table.is_empty() { name.to_owned() } else { format!("{table}.{name}") };
        let values = ["true", "-1", "1.5", "\"\"", "[[]]", "[1]", "{ zzz = 1 }", "1979-05-27", "0", "3"];
        let refused = values.iter().filter(|value| match read(&format!("{header}{name} = {value}")) {
            Ok(_) => false,
            Err(error) => {
                // `optional_exp` of a policy whose assertions would then never expire, for example.
                let about_two = error.contains("missing") || error.contains("contradict");
                assert!(error.starts_with(&path) || about_two, "{path} = {value}: {error}");
                true
            }
        });
        assert!(refused.count() >= 8, "{path}");
        let error = self::refused(&format!("{header}{name}_ = 1"));
        assert!(error.starts_with(&format!("{path}_: there is no such member; did you mean {name}? ")), "{error}");
        let twice = serde_json::from_str::<Config>(&in_json(table, &format!("\"{name}\":0,\"{name}\":0"))).unwrap_err();
        assert!(twice.line() == 1 && twice.column() > 1, "{path}: {twice}");
    }
}

/// A JSON object with these members in a table.
fn in_json(table: &str, members: &str) -> String {
    let mut json = format!("{{{members}}}");
    for name in table.split('.').filter(|name| !name.is_empty()).rev() {
        json = format!("{{\"{name}\":{json}}}");
    }
    json
}

#[test]
fn no_loosening_counts_outside_of_its_table() {
    let members = members();
    let loosenings = members.iter().filter(|(table, _)| *table == "policy.dangerous").map(|(_, name)| *name);
    let narrows = |name: &str| members.contains(&("policy", name));
    for name in loosenings.filter(|name| !narrows(name)) {
        for table in ["policy", "policies.legacy"] {
            for value in ["true", "false", "1", "\"any\"", "[]"] {
                let error = refused(&format!("[{table}]\n{name} = {value}"));
                let place = "it loosens the policy; put it into the table `dangerous` of the policy";
                assert_eq!(error, format!("{table}.{name}: {place}"));
            }
        }
    }
    // What has the same name outside only narrows.
    for (base, name, most) in [
        ("rfc7523", "key_trials", 4),
        ("redox", "max_age", 300),
        ("rfc7523", "max_lifetime", 3600),
        ("rfc7523", "future_skew", 30),
        ("rfc7523", "expiry_skew", 30),
    ] {
        let policy = format!("[policy]\nbase = \"{base}\"\n");
        for value in [most - 1, most] {
            assert!(read(&format!("{policy}{name} = {value}")).is_ok(), "{name} = {value}");
        }
        let error = refused(&format!("{policy}{name} = {}", most + 1));
        assert!(error.starts_with(&format!("policy.{name}: ")) && error.contains("dangerous()"), "{error}");
        let config = read(&format!("{policy}[policy.dangerous]\n{name} = {}", most + 1)).unwrap();
        assert_ne!(config.policy(), read(&policy).unwrap().policy(), "{name}");
    }
    let error = refused("[dangerous]\noptional_iat = true");
    assert!(error.starts_with("dangerous.optional_iat: there is no such member"), "{error}");
    let error = refused("[policy.dangerous]\nrequire_iat = true");
    assert!(error.starts_with("policy.dangerous.require_iat: it does not loosen anything"), "{error}");
}

#[test]
fn contradictions_are_refused() {
    for (toml, expected) in [
        ("policy = \"oidc\"\n[policy]\nbase = \"oidc\"", "duplicate key"),
        ("[policy]\nrequire_jti = true\ndangerous = { optional_jti = true }", "policy.require_jti: it contradicts pol"),
        ("[policy]\nbase = \"fapi2\"\nrequire_jti = false", "policy.require_jti: false is not valid"),
        ("[policy]\nmax_age = 9\ndangerous = { max_age = 8 }", "policy.max_age: it contradicts policy.dangerous.max_a"),
        ("[policy]\nrequire_sole_issuer = true\nrequire_issuer_string = true", "policy.require_sole_issuer: it contra"),
        (
            "[policy]\ngrant_types = [\"a\"]\ndangerous = { allow_any_grant_type = true }",
            "policy.grant_types: it contradicts policy.dan",
        ),
        ("[policy]\nalgorithms = []", "policy.algorithms: the policy rfc7523 allows none"),
        (
            "[policy]\nbase = \"smart\"\ndangerous = { allow_client_secret_jwt = true }",
            "policy: algorithms: the policy smart does",
        ),
        ("[policy]\ndangerous = { accept_typ = [\"at+jwt\"] }", "policy.dangerous.accept_typ: "),
        ("policy = \"oidc\"\n[policies.oidc]\n", "policies.oidc: the policy of the other clients has this name"),
        ("[policies.rfc7523]\n", "policies.rfc7523: the policy of the other clients has this name"),
        ("[policies.a]\nname = \"b\"", "policies.a.name: the table is the name"),
        ("issuer = \"https://a\"\n[dangerous]\nissuer_without_tls = \"http://a\"", "issuer: it contradicts dangerous."),
        ("[replay]\nurl = \"redis://h\"\nurls = [\"redis://h\"]", "replay.urls: it contradicts replay.url"),
        ("[replay]\nurl = \"redis://h\"\ncapacity = 9", "replay.capacity: a setting of a store in memory"),
        ("[replay]\ncapacity = 9\nprefix = \"a\"", "replay.prefix: a setting of a Redis store; set replay.url too"),
        ("[replay]\nurls = []", "replay.urls: an empty list is not valid"),
        ("[replay]\nurl = \"redis://h\"\nwait_replicas = 1", "replay.wait_replicas_timeout_ms: missing"),
        ("[key_sets]\nsmart = true\nstale_for = 9", "key_sets.stale_for: it contradicts key_sets.smart"),
        ("policy = \"smart\"\n[key_sets]\nstale_for = 9", "key_sets.stale_for: the profile smart sets it"),
        ("[key_sets]\nfresh_between = [9, 8]", "key_sets.fresh_between: the longest freshness, 8s, is shorter"),
        ("[key_sets]\nfresh_between = [9]", "key_sets.fresh_between: a list of 1 is not valid"),
        ("[fetch]\nallow_addresses = [\"10.0.0.0/33\"]", "fetch.allow_addresses: \"10.0.0.0/33\" is not a range"),
        ("[fetch]\nallow_hosts = [\"*\"]", "fetch.allow_hosts: \"*\" is not the name of a host"),
        ("[overload]\nper_client = 2", "overload.signature_checks: missing"),
        ("[overload]\nsignature_checks = 2\nper_client = 3", "overload.per_client: 3 is too large; use 2 or less"),
        ("[overload]\nsignature_checks = 1025", "overload.signature_checks: 1025 is too large"),
        ("[clients]\nmax_keys = 1", "clients.file: missing"),
        ("policies = 3", "policies: 3 is not valid; use a table of tables by name"),
        ("policies = { a = 3 }", "policies.a: 3 is not valid; use a table"),
    ] {
        let error = refused(toml);
        assert!(error.starts_with(expected), "{toml}\n{error}");
    }
    let many: String = (0..16).map(|number| format!("[policies.p{number}]\n")).collect();
    assert!(refused(&many).starts_with("policies: there are more than 15"));
    assert!(read(&many.replace("[policies.p15]\n", "")).is_ok());
}

#[test]
fn bounds_are_where_the_methods_have_them() {
    for (table, name, valid, invalid) in [
        ("policy", "max_lifetime", &["1", "3600"][..], &["0", "-1", "3601", "120.0"][..]),
        ("policy.dangerous", "max_lifetime", &["1", "86400", "\"any\""][..1], &["0", "86401", "\"all\""]),
        ("policy", "future_skew", &["0", "30"], &["31", "-1"]),
        ("policy.dangerous", "expiry_skew", &["0", "300"], &["301"]),
        ("policy", "key_trials", &["1", "4"], &["0", "5"]),
        ("limits", "body", &["1", "9223372036854775807"], &["0"]),
        ("limits", "body_timeout", &["1"], &["0"]),
        ("limits", "port_timeout", &["1", "60"], &["0", "61"]),
        ("limits", "json_depth", &["1", "64"], &["0", "65"]),
        ("key_sets", "cooldown", &["1"], &["0"]),
        ("key_sets", "stale_for", &["0", "604800"], &["-1", "604801"]),
        ("key_sets", "fresh_between", &["[0, 1]", "[1, 1]"], &["[0, 0]", "[1, 0]", "[1, 2, 3]"]),
        ("replay", "capacity", &["1"], &["0"]),
        ("", "issuer", &["\"https://a\""], &["\"http://a\"", "\"https://a?b\"", "\"https://u@a\"", "\"a\""]),
        ("dangerous", "issuer_without_tls", &["\"http://a\"", "\"https://a\""], &["\"ftp://a\"", "\"http://a#b\""]),
        ("", "audiences", &["[]", "[\"a\", \"b\"]"], &["[\"a b\"]", "[\"\"]", "\"a\""]),
    ] {
        let header = if table.is_empty() { String::new() } else { format!("[{table}]\n") };
        for value in valid {
            assert!(read(&format!("{header}{name} = {value}")).is_ok(), "{table} {name} = {value}");
        }
        for value in invalid {
            refused(&format!("{header}{name} = {value}"));
        }
    }
}

#[test]
fn no_error_has_a_password() {
    for toml in [
        "replay = \"redi://:hush@h\"",
        "replay = [\"redis://:hush@h\"]",
        "[replay]\nurl = \"redi://:hush@h\"",
        "[replay]\nurl = [\"redis://:hush@h\"]",
        "[replay]\nurls = \"redis://:hush@h\"",
        "[replay]\nurls = [\"redi://:hush@h\"]",
        "[replay]\nurl = \"redis://:hush@h\"\nprefx = \"a\"",
        "[replay]\nprefix = 1\nurl = \"redis://:hush@h\"",
        "issuer = \"redis://:hush@h\"",
        "[clients]\nmax_keys = \"redis://:hush@h\"",
    ] {
        let error = refused(toml);
        assert!(!error.contains("hush"), "{error}");
    }
    let config = read("replay = \"redis://:hush@h\"").unwrap();
    assert!(!format!("{config:?}").contains("hush"));
    let error = Config::<()>::default().set_replay("redi://:hush@h").unwrap_err();
    assert_eq!(error.to_string(), "replay: unknown store; use memory, a redis:// URL, or a table");
}

#[test]
fn members_of_the_application_are_as_strict() {
    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Own {
        listen: Option<String>,
        nested: Option<Nested>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nested {
        depth: u8,
    }

    let text = "listen = \"a\"\ntenant = \"b\"\nnested = { depth = 3 }\npolicy = \"oidc\"";
    let config: Config<Own> = toml::from_str(text).unwrap();
    let own = config.application();
    assert_eq!((own.listen.as_deref(), own.nested.as_ref().map(|it| it.depth)), (Some("a"), Some(3)));
    assert_eq!(config.policy(), Some(&Policy::OIDC));
    for (text, expected, start) in [
        ("tenant = \"b\"\nlissen = \"a\"", "lissen: there is no such member; did you mean listen? ", 13),
        ("listen = 3", "invalid type: integer `3`, expected a string", 9),
        ("policy = \"oidc\"\nnested = { depth = 3, more = 1 }", "unknown field `more`", 38),
        ("listen = \"a\"\npolicy = \"none\"", "policy: \"none\" is not valid", 22),
    ] {
        let error = toml::from_str::<Config<Own>>(text).unwrap_err();
        assert!(error.message().starts_with(expected), "{text}\n{error}");
        assert_eq!(error.span().map(|span| span.start), Some(start), "{text}\n{error}");
    }
    let error = serde_json::from_str::<Config<Own>>("{\"listen\":\"a\",\"listen\":\"b\"}").unwrap_err();
    assert!(error.to_string().starts_with("duplicate field `listen`"), "{error}");
    let error = serde_json::from_str::<Config<Own>>("{\n \"tenant\":\"a\",\n \"limits\": {\"kid\":0}}").unwrap_err();
    assert_eq!((error.line(), error.column()), (3, 19), "{error}");

    #[derive(Debug, Deserialize)]
    struct Flattened {
        #[serde(flatten)]
        _all: std::collections::BTreeMap<String, String>,
    }
    #[derive(Debug, Deserialize)]
    struct Clash {
        #[serde(rename = "issuer")]
        _issuer: String,
    }
    let error = toml::from_str::<Config<Flattened>>("a = \"b\"").unwrap_err();
    assert!(error.message().contains("a struct without `flatten`"), "{error}");
    let error = toml::from_str::<Config<Clash>>("issuer = \"https://a\"").unwrap_err();
    assert!(error.message().starts_with("issuer: the application has a member of the same name"), "{error}");
}

/// The example of the README is read, and is what it seems to be.
#[test]
fn the_readme_has_a_configuration_that_is_read() {
    let readme = include_str!("../../README.md");
    let text = readme.split("```toml\n").find(|text| text.contains("policies.legacy")).unwrap();
    let text = text.split("```").next().unwrap();
    assert!(text.lines().count() <= 14, "{text}");
    let config = read(text).unwrap();
    assert_eq!(config.issuer(), Some("https://as.example.com"));
    assert_eq!(config.policy().unwrap().max_lifetime(), Some(Duration::from_secs(120)));
}

/// A file that sets nearly everything, and the same in code.
#[tokio::test]
async fn a_file_means_the_same_as_code() {
    let (modern, old) = (Signer::es256("a"), Signer::rsa("RS256", "b"));
    let clients = TempFile::new(
        json!([
            {"client_id": CLIENT, "jwks": {"keys": [modern.jwk()]}},
            {"client_id": "old", "jwks": {"keys": [old.jwk()]}, "client_assertion_policy": "legacy"},
        ])
        .to_string(),
    );
    let toml = r#"
        issuer = "https://as.example.com"
        audiences = ["https://api.example.com/v2/auth/token"]
        tenant = "example"
        clients = { file = "file.json", max_keys = 50 }
        [policy]
        base = "rfc7523"
        name = "strict"
        algorithms = ["ES256", "PS256"]
        max_lifetime = 120
        require_jti = true
        require_iat = true
        [policies.legacy]
        base = "rfc7523"
        [policies.legacy.dangerous]
        audience = "issuer-or-urls"
        optional_iat = true
        max_lifetime = 7200
        [replay]
        capacity = 1000
        per_client = 100
        [limits]
        assertion = 8192
        port_timeout = 3
        [overload]
        signature_checks = 6
        per_client = 2
        [key_sets]
        cooldown = 60
        allow_http_for = ["keys.internal"]
        [fetch]
        allow_addresses = ["10.0.0.0/8"]
    "#;
    let config = read(toml).unwrap().relative_to(clients.path().parent().unwrap());
    let cache = config.key_set_cache(HyperFetch::with_webpki_roots()).unwrap();
    let registry = Arc::new(config.registry(Some(&cache.build().unwrap())).unwrap());
    let replay = config.replay_store(event::sink(|_| {})).await.unwrap();
    let by_file = config.verifier(Arc::clone(&registry), replay).clock(clock()).build().unwrap();

    let guard = AddressGuard::default().allow_http_for("keys.internal").unwrap().allow_range("10.0.0.0/8").unwrap();
    let cache = KeySetCache::builder(HyperFetch::with_webpki_roots()).cooldown(Duration::from_secs(60)).guard(guard);
    let limits = Limits::default().with_assertion(8192);
    let reader = ClientReader::new().key_set_cache(&cache.build().unwrap()).max_keys(50).limits(limits.clone());
    let twin = FileRegistry::load_with_reader(clients.path(), reader).unwrap();
    let strict = Policy::RFC7523
        .with_name("strict")
        .with_algorithms(AlgorithmSet::of(&[Algorithm::ES256, Algorithm::PS256]))
        .with_max_lifetime(Duration::from_secs(120))
        .require_jti()
        .require_iat();
    let legacy = Policy::RFC7523.with_name("legacy").dangerous().audience(AudienceRule::IssuerOrUrls);
    let legacy = legacy.dangerous().optional_iat().dangerous().max_lifetime(Some(Duration::from_secs(7200)));
    assert_eq!(config.policy(), Some(&strict));
    let replay = MemoryReplay::new(1000).unwrap().per_client(100).unwrap();
    let by_code = Verifier::builder(strict, twin, replay)
        .issuer(ISSUER)
        .audience(crate::common::AUDIENCE)
        .client_policy(legacy)
        .tenant("example")
        .limits(limits)
        .port_timeout(Duration::from_secs(3))
        .signature_checks(SignatureChecks::new(6).unwrap().per_client(2).unwrap())
        .clock(clock())
        .build()
        .unwrap();

    let clients = registry.clients();
    let posture =
        |verifier: &Verifier| verifier.posture_with(&Baseline::FAPI2, clients.iter().map(AsRef::as_ref)).to_string();
    assert_eq!(posture(&by_file), posture(&by_code));
    assert_eq!(by_file.policies(), by_code.policies());
    let aud = crate::common::AUDIENCE;
    let of = |signer: &Signer, client: &str| Jwt::by(signer, client).claim("aud", ISSUER).claim("exp", NOW + 100);
    for (jwt, signer, expected) in [
        (of(&modern, CLIENT), &modern, None),
        (of(&modern, CLIENT).claim("aud", aud), &modern, Some("audience")),
        (of(&modern, CLIENT).claim("exp", NOW + 151), &modern, Some("exp")),
        (of(&modern, CLIENT).without_claim("jti"), &modern, Some("jti")),
        (of(&modern, CLIENT).without_claim("iat"), &modern, Some("iat")),
        (of(&old, "old"), &old, None),
        (of(&old, "old").claim("aud", aud).claim("exp", NOW + 7200), &old, None),
        (of(&old, "old").without_claim("iat"), &old, None),
        (of(&old, "old").claim("exp", NOW + 7231), &old, Some("exp")),
        (of(&old, CLIENT), &old, Some("algorithm")),
        (of(&modern, CLIENT).claim("more", "x".repeat(6200)), &modern, Some("size")),
    ] {
        let form = form(&jwt.signed_by(signer));
        let request = TokenRequest::new(form.as_bytes());
        let outcome =
            |result: Result<_, tower_client_assertion::Rejection>| result.map(drop).map_err(|it| it.kind().clone());
        let (one, other) = (outcome(by_file.verify(&request).await), outcome(by_code.verify(&request).await));
        assert_eq!(one, other, "{expected:?}");
        assert_eq!(one.is_err(), expected.is_some(), "{expected:?}: {one:?}");
    }
}
