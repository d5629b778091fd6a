//! The errors of a configuration: each names its setting, converts into `ConfigError`, shows its
//! message also as `Debug`, and never says the same thing twice. Policies can be read from a
//! configuration.

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use crate::common::{SIGNER, fixture, key_set};
use tower_client_assertion::jwks::{AddressGuard, HyperFetch, JwksUrl, KeySetCache};
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::overload::SignatureChecks;
use tower_client_assertion::policy::{AudienceRule, Limits, PolicyError};
use tower_client_assertion::registry::{Client, FileRegistry, FixedRegistry};
use tower_client_assertion::render::{Redox, Rfc6749};
use tower_client_assertion::replay::{MemoryReplay, RedisReplay};
use tower_client_assertion::secret::ClientSecret;
use tower_client_assertion::{
    ClientAssertionLayer, ConfigError, Policy, PreservedBodies, Setting, SettingError, VerifierBuilder,
};

/// What a user sees of an error, alone and wrapped.
#[track_caller]
fn seen<E: Error + Into<ConfigError> + Clone + 'static>(error: E) -> ConfigError {
    let wrapped: ConfigError = error.clone().into();
    assert_eq!(wrapped.to_string(), error.to_string());
    assert_eq!(source(&wrapped), source(&error), "{error}");
    wrapped
}

fn source(error: &dyn Error) -> Option<String> {
    error.source().map(ToString::to_string)
}

#[track_caller]
fn failed<T: Debug, E: Error + Into<ConfigError> + Clone + 'static>(result: Result<T, E>) -> ConfigError {
    seen(result.unwrap_err())
}

#[track_caller]
fn unbuilt(builder: VerifierBuilder) -> ConfigError {
    builder.build().unwrap_err()
}

fn key_set_cache() -> KeySetCache {
    KeySetCache::builder(HyperFetch::with_webpki_roots()).build().unwrap()
}

/// One error of each room and each variant of `ConfigError`, with the setting that its message
/// begins with.
fn errors() -> Vec<(&'static str, ConfigError)> {
    let builder = |policy| fixture().policy(policy).clients([]).at_issuer().builder();
    let bare = |policy| fixture().policy(policy).clients([]).at_no_address().builder();
    let client = |id: &str| Client::new(id, key_set(&[SIGNER.jwk()])).unwrap();
    let of = |clients: [Client; 1]| fixture().policy(Policy::FAPI2).clients(clients).at_issuer().builder();
    let cache = key_set_cache();
    let http = JwksUrl::parse("http://clinic.example/keys").unwrap();
    vec![
        ("max_lifetime", unbuilt(builder(Policy::RFC7523.with_max_lifetime(Duration::from_secs(3601))))),
        ("max_age", unbuilt(builder(Policy::RFC7523.with_max_age(Duration::ZERO)))),
        ("max_lifetime and max_age", unbuilt(builder(Policy::RFC7523.dangerous().max_lifetime(None)))),
        ("client_id", failed(Client::new("", key_set(&[SIGNER.jwk()])))),
        ("client_id", failed(FixedRegistry::new([client("a"), client("a")]))),
        ("jwks", failed(Client::new("a", KeySet::default()))),
        ("jwks_uri", failed(Client::with_key_set_url("a", &http, &cache))),
        ("client file", failed(FileRegistry::load("/there/is/no/such/file.json"))),
        ("client_secret", failed(ClientSecret::new("short"))),
        ("this is not a JWK Set", failed(KeySet::parse(b"[]"))),
        ("it is not an absolute URL", failed(JwksUrl::parse("keys"))),
        ("allow_host", failed(AddressGuard::default().allow_host("*"))),
        ("allow_range", failed(AddressGuard::default().allow_range("*"))),
        ("root certificates", failed(HyperFetch::with_roots([]).map(drop))),
        ("root certificates", failed(HyperFetch::with_roots([&b"no DER"[..]]).map(drop))),
        ("cooldown", failed(KeySetCache::builder(HyperFetch::with_webpki_roots()).cooldown(Duration::ZERO).build())),
        ("replay capacity", failed(MemoryReplay::new(0))),
        ("replay per_client", failed(MemoryReplay::new(1).unwrap().per_client(0))),
        ("signature_checks", failed(SignatureChecks::new(0))),
        ("error_uri", failed(Rfc6749::default().error_uri("a b"))),
        ("settings_name", failed(Redox::default().settings_name("\""))),
        ("limit kid", unbuilt(builder(Policy::RFC7523).limits(Limits::default().with_kid(0)))),
        ("audience", unbuilt(bare(Policy::REDOX))),
        ("issuer", unbuilt(bare(Policy::RFC7523))),
        ("issuer", unbuilt(bare(Policy::RFC7523).issuer("http://as.example.com"))),
        ("audience", unbuilt(bare(Policy::REDOX).audience("a b"))),
        ("audience", unbuilt(builder(Policy::RFC7523).audience("https://as.example.com/token"))),
        ("client_policy", unbuilt(builder(Policy::RFC7523).client_policy(Policy::RFC7523))),
        ("client_policy", unbuilt(of([client("a").with_policy("unheard of")]))),
        ("algorithms", unbuilt(of([Client::new("a", key_set(&[crate::common::Signer::es384("k").jwk()])).unwrap()]))),
        ("path", layer().path("token").unwrap_err()),
        ("body_limit", layer().body_limit(0).unwrap_err()),
    ]
}

fn layer() -> ClientAssertionLayer<PreservedBodies> {
    fixture().layer()
}

#[test]
fn every_configuration_error_names_its_setting_first() {
    for (setting, error) in errors() {
        let text = error.to_string();
        assert!(text.starts_with(setting), "{setting}: {text}");
        assert!(!text.contains('\n') && text.len() < 260, "{text}");
    }
}

#[test]
fn debug_of_a_configuration_error_is_its_message() {
    /// The message, then the sources: what `main` prints.
    fn check(error: &impl Error) {
        let mut expected = error.to_string();
        let mut next = error.source();
        while let Some(source) = next {
            expected.push_str(&format!(": {source}"));
            next = source.source();
        }
        assert_eq!(format!("{error:?}"), expected);
        assert_eq!(format!("{error:#?}"), expected);
    }
    for (_, error) in errors() {
        check(&error);
        match &error {
            ConfigError::Policy(error) => check(error),
            ConfigError::Client(error) => check(error),
            ConfigError::ClientFile(error) => check(error),
            ConfigError::Secret(error) => check(error),
            ConfigError::Address(error) => check(error),
            ConfigError::Fetcher(error) => check(error),
            ConfigError::KeySetCache(error) => check(error),
            ConfigError::Replay(error) => check(error),
            ConfigError::Setting(error) => check(error),
            _ => {}
        }
    }
}

#[test]
fn no_configuration_error_says_a_thing_twice() {
    for (_, error) in errors() {
        let mut texts = vec![error.to_string()];
        let mut next = error.source();
        while let Some(source) = next {
            let text = source.to_string();
            assert!(texts.iter().all(|before| !before.contains(&text)), "{texts:?}, {text}");
            texts.push(text);
            next = source.source();
        }
    }
}

#[tokio::test]
async fn errors_of_redis_name_their_setting_and_no_password() {
    let error = RedisReplay::standalone("redis://:hush@h:0x1").connect().await.unwrap_err();
    assert_eq!(error.setting(), Setting::RedisUrl);
    let error = seen(error);
    assert!(error.source().is_some() && !format!("{error:?}").contains("hush"), "{error}");
    let zero = RedisReplay::standalone("redis://h").connect_timeout(Duration::ZERO).connect().await.unwrap_err();
    assert_eq!(zero.to_string(), "redis connect_timeout: 0ns is too short; use 1ms or more");
}

#[test]
fn the_settings_of_an_error_can_be_matched() {
    let build = |policy| fixture().policy(policy).clients([]).at_issuer().builder().build();
    let error = build(Policy::FAPI2.with_max_age(Duration::ZERO)).unwrap_err();
    let ConfigError::Policy(PolicyError::Setting { policy, error, .. }) = error else { panic!("{error}") };
    assert_eq!((&*policy, error.setting()), ("fapi2", Setting::MaxAge));
    assert!(matches!(error, SettingError::Zero { setting: Setting::MaxAge, .. }));
}

#[test]
fn a_policy_from_a_configuration_equals_its_constant() {
    const CONSTANT: Policy = Policy::OIDC
        .with_name("legacy")
        .with_grant_types(&["client_credentials", "refresh_token"])
        .dangerous()
        .accept_typ(&["JWT", "custom+jwt"]);
    let (name, typ) = (String::from("legacy"), vec![String::from("JWT"), String::from("custom+jwt")]);
    let read = Policy::OIDC
        .with_owned_name(name)
        .with_owned_grant_types(["client_credentials", "refresh_token"])
        .dangerous()
        .accept_owned_typ(typ);
    assert_eq!(read, CONSTANT);
    assert_eq!(format!("{read:?}"), format!("{CONSTANT:?}"));
    assert_ne!(read.clone().with_owned_name("other"), CONSTANT);
    assert_eq!(read.clone().with_owned_name("other").name(), "other");
    assert_eq!(read.clone().allow_any_grant_type().grant_types().map(Iterator::count), None);
    let verifier = fixture().policy(read).clients([]).at_issuer_and_url().builder().build().unwrap();
    assert_eq!(verifier.policies()[0].name(), "legacy");
    let empty: [&str; 0] = [];
    let error = fixture().policy(Policy::OIDC.with_owned_grant_types(empty)).clients([]).at_issuer().builder();
    let error = error.build().unwrap_err();
    assert!(matches!(error, ConfigError::Policy(PolicyError::NoGrantTypes { .. })), "{error}");
}

/// An auditor reads the rules of a policy, not its `Debug` output.
#[test]
fn every_rule_of_a_policy_can_be_read() {
    let secs = Duration::from_secs;
    let policy = Policy::REDOX;
    assert_eq!((policy.name(), policy.profile()), ("redox", "redox"));
    assert_eq!(policy.grant_types().unwrap().collect::<Vec<_>>(), ["client_credentials"]);
    assert_eq!(policy.algorithms().to_string(), "RS384, ES384, HS384");
    assert_eq!((policy.requires_kid(), policy.key_trials(), policy.checks_jku()), (true, 1, true));
    assert_eq!((policy.requires_typ(), policy.accepted_typ().collect::<Vec<_>>()), (false, vec!["jwt"]));
    assert_eq!((policy.audience(), policy.requires_sole_issuer_by_typ()), (AudienceRule::Urls, false));
    assert_eq!((policy.requires_jti(), policy.requires_iat(), policy.requires_exp()), (true, true, false));
    assert_eq!((policy.max_age(), policy.max_lifetime()), (Some(secs(300)), None));
    assert_eq!((policy.future_skew(), policy.expiry_skew()), (secs(10), secs(10)));

    let policy = Policy::OIDC.with_name("ours").require_typ().require_kid().require_sole_issuer();
    assert_eq!((policy.name(), policy.profile()), ("ours", "oidc"));
    assert!(policy.grant_types().is_none() && policy.requires_typ() && policy.requires_kid());
    assert!(!policy.checks_jku() && policy.requires_sole_issuer_by_typ());
    assert_eq!(policy.audience(), AudienceRule::SoleIssuer);
    assert_eq!(policy.accepted_typ().collect::<Vec<_>>(), ["client-authentication+jwt", "jwt"]);
    assert_eq!((policy.max_age(), policy.max_lifetime()), (None, Some(secs(3600))));
}

#[test]
fn every_limit_can_be_set_and_read() {
    let limits = Limits::default();
    let read = |l: &Limits| {
        [l.parameters(), l.assertion(), l.header(), l.json_depth(), l.kid(), l.jti(), l.client_id(), l.audiences()]
    };
    assert_eq!(read(&limits), [100, 16 * 1024, 12 * 1024, 16, 256, 256, 512, 8]);
    let set = limits.with_parameters(1).with_assertion(2).with_header(3).with_json_depth(4);
    let set = set.with_kid(5).with_jti(6).with_client_id(7).with_audiences(8);
    assert_eq!(read(&set), [1, 2, 3, 4, 5, 6, 7, 8]);
}
