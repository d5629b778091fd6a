//! `Config`: nothing outside of a table `dangerous` makes a server accept more than its profile.

use std::time::Duration;

use tower_client_assertion::Config;
use tower_client_assertion::jwks::HyperFetch;
use tower_client_assertion::policy::{AudienceRule, Policy};

use crate::config_file::{members, read, refused};

const BASES: [&str; 5] = ["redox", "smart", "rfc7523", "fapi2", "oidc"];

/// The members of a policy that neither narrow nor are in `dangerous`.
const NEUTRAL: [(&str, &str); 2] = [
    ("base", "it chooses the profile that everything else is compared with"),
    ("name", "clients refer to the policy by it, and no rule depends on it"),
];

/// What the specification of a profile leaves open, up to a number of seconds.
const OPEN: [(&str, &str, u64, &str); 1] =
    [("fapi2", "future_skew", 60, "10 s to 60 s (FAPI 2.0 Security Profile, section 5.3.2.1, item 13)")];

/// Values of every kind, most of which accept more than some profile does.
const VALUES: [&str; 16] = [
    "true",
    "false",
    "1",
    "4",
    "5",
    "29",
    "31",
    "61",
    "3599",
    "86400",
    "[\"HS256\"]",
    "[\"ES384\", \"RS256\"]",
    "[\"PS256\", \"HS384\"]",
    "[\"ES384\"]",
    "[\"client_credentials\"]",
    "[\"client_credentials\", \"authorization_code\"]",
];

fn policy(base: &str, more: &str) -> Result<Policy, String> {
    let config = read(&format!("[policy]\nbase = \"{base}\"\n{more}"))?;
    Ok(config.policy().unwrap().clone())
}

/// What `policy` accepts and `base` does not.
fn wider(policy: &Policy, base: &Policy) -> Vec<&'static str> {
    let audience = |policy: &Policy| match policy.audience() {
        AudienceRule::IssuerString => 0,
        AudienceRule::SoleIssuer => 1,
        AudienceRule::Urls => 2,
        _ => 3,
    };
    let bounded = |time: Option<Duration>| time.unwrap_or(Duration::MAX);
    let grants = |policy: &Policy| policy.grant_types().map(|names| names.map(str::to_owned).collect::<Vec<_>>());
    let more_grants = match (grants(policy), grants(base)) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(given), Some(of_base)) => given.iter().any(|name| !of_base.contains(name)),
    };
    let more_types = policy.accepted_typ().any(|typ| !base.accepted_typ().any(|of_base| of_base == typ));
    let lost = |required: fn(&Policy) -> bool| required(base) && !required(policy);
    let rules = [
        ("grant types", more_grants),
        ("algorithms", !policy.algorithms().difference(base.algorithms()).is_empty()),
        ("kid", lost(Policy::requires_kid)),
        ("key trials", policy.key_trials() > base.key_trials()),
        ("jku", lost(Policy::checks_jku)),
        ("typ", lost(Policy::requires_typ) || more_types),
        ("aud", audience(policy) > audience(base)),
        ("jti", lost(Policy::requires_jti) || (policy.is_reusable_without_jti() && !base.is_reusable_without_jti())),
        ("iat", lost(Policy::requires_iat)),
        ("exp", lost(Policy::requires_exp)),
        ("age", bounded(policy.max_age()) > bounded(base.max_age())),
        ("lifetime", bounded(policy.max_lifetime()) > bounded(base.max_lifetime())),
        ("future skew", policy.future_skew() > base.future_skew()),
        ("expiry skew", policy.expiry_skew() > base.expiry_skew()),
    ];
    rules.into_iter().filter(|(_, wider)| *wider).map(|(rule, _)| rule).collect()
}

#[test]
fn a_policy_is_no_wider_than_its_base_unless_dangerous() {
    let (mut read, mut loosened) = (0, 0);
    for (table, name) in members().into_iter().filter(|(table, _)| table.starts_with("policy")) {
        if NEUTRAL.iter().any(|(neutral, reason)| *neutral == name && !reason.is_empty()) {
            continue;
        }
        for (base, value) in BASES.iter().flat_map(|base| VALUES.map(|value| (*base, value))) {
            let header = if table == "policy" { String::new() } else { format!("[{table}]\n") };
            let Ok(given) = policy(base, &format!("{header}{name} = {value}")) else { continue };
            let more = wider(&given, &policy(base, "").unwrap());
            if let Some((.., most, _)) = OPEN.iter().find(|(profile, member, ..)| (*profile, *member) == (base, name)) {
                assert!(given.future_skew() <= Duration::from_secs(*most) || table == "policy.dangerous");
                continue;
            }
            assert!(more.is_empty() || table == "policy.dangerous", "{base}, {table}.{name} = {value}: {more:?}");
            read += 1;
            loosened += usize::from(!more.is_empty());
        }
    }
    assert!(read > 300 && loosened > 50, "{read} {loosened}");
}

#[test]
fn lists_with_more_than_the_base_are_dangerous() {
    for (base, member, list, more) in [
        ("rfc7523", "algorithms", "[\"ES256\", \"HS256\"]", "HS256"),
        ("redox", "algorithms", "[\"RS384\", \"ES256\"]", "ES256"),
        ("smart", "algorithms", "[\"RS384\", \"PS256\"]", "PS256"),
        ("redox", "grant_types", "[\"client_credentials\", \"a\"]", "\"a\""),
    ] {
        let table = format!("[policy]\nbase = \"{base}\"\n");
        assert_eq!(
            refused(&format!("{table}{member} = {list}")),
            format!(
                "policy.{member}: the profile {base} does not have {more}, so it loosens the policy; put the list into the \
                 table `dangerous` of the policy"
            )
        );
        let given = policy(base, &format!("[policy.dangerous]\n{member} = {list}")).unwrap();
        assert_eq!(wider(&given, &policy(base, "").unwrap()).len(), 1, "{base}.{member}");
    }
    for (base, list) in [("rfc7523", "[\"a\"]"), ("oidc", "[\"b\"]"), ("smart", "[\"client_credentials\"]")] {
        assert!(policy(base, &format!("grant_types = {list}")).is_ok(), "{base}");
    }
    // What no table can allow.
    let error = refused("[policy]\nbase = \"fapi2\"\nalgorithms = [\"RS256\"]");
    assert!(error.starts_with("policy.algorithms: ") && error.contains("fapi2 does not allow RS256"), "{error}");
    let error = refused("[policy]\nbase = \"fapi2\"\n[policy.dangerous]\nallow_client_secret_jwt = true");
    assert!(error.contains("fapi2 does not allow HS256"), "{error}");
}

#[test]
fn secrets_and_grants_are_allowed_in_dangerous() {
    let narrowed =
        policy("rfc7523", "algorithms = [\"ES256\"]\ndangerous = { allow_client_secret_jwt = true }").unwrap();
    assert_eq!(narrowed.algorithms().to_string(), "ES256, HS256, HS384, HS512");
    let any = policy("redox", "dangerous = { allow_any_grant_type = true }").unwrap();
    assert!(any.grant_types().is_none());
    for name in ["allow_any_grant_type", "allow_client_secret_jwt"] {
        for value in ["true", "false"] {
            let error = refused(&format!("[policy]\n{name} = {value}"));
            assert!(error.starts_with(&format!("policy.{name}: it loosens the policy; put it into")), "{error}");
        }
    }
}

#[test]
fn false_in_dangerous_must_say_what_is_so() {
    let optional = [
        ("optional_kid", "redox", "rfc7523", "require_kid"),
        ("optional_jti", "redox", "rfc7523", "require_jti"),
        ("optional_iat", "redox", "rfc7523", "require_iat"),
        ("optional_exp", "rfc7523", "redox", "require_exp"),
    ];
    for (name, required, optional, narrowing) in optional {
        let off = format!("dangerous = {{ {name} = false }}\n");
        assert_eq!(policy(required, &off), policy(required, ""), "{name}");
        let error = policy(optional, &off).unwrap_err();
        let expected =
            format!("policy.dangerous.{name}: false is not valid, because it is so in the profile {optional}; ");
        assert!(error.starts_with(&expected) && error.contains(&format!("{narrowing} = true")), "{error}");
        assert!(policy(optional, &format!("{narrowing} = true\n{off}")).is_ok(), "{name}");
    }
    for (name, refused_by, fits) in [
        ("allow_any_grant_type", "rfc7523", "redox"),
        ("allow_client_secret_jwt", "redox", "rfc7523"),
        ("allow_client_secret_jwt", "oidc", "fapi2"),
    ] {
        let off = format!("dangerous = {{ {name} = false }}");
        let error = policy(refused_by, &off).unwrap_err();
        assert!(error.starts_with(&format!("policy.dangerous.{name}: false is not valid")), "{error}");
        assert_eq!(policy(fits, &off), policy(fits, ""), "{name}");
    }
    assert!(policy("rfc7523", "dangerous = { reusable_without_jti = false }").is_ok());
}

#[test]
fn names_of_policies_are_bounded() {
    let longest = "n".repeat(64);
    for (name, valid) in [
        ("", false),
        ("a", true),
        ("Kliniken \u{fc}ber", true),
        (&*longest, true),
        (&*format!("{longest}n"), false),
        ("a\\nb", false),
        ("a\\u007fb", false),
    ] {
        for toml in [format!("[policies.\"{name}\"]"), format!("[policy]\nname = \"{name}\"")] {
            let Err(error) = read(&toml) else {
                assert!(valid, "{toml}");
                continue;
            };
            assert!(!valid && error.starts_with("polic") && error.len() < 300, "{toml}\n{error}");
            assert!(!error.contains(char::is_control), "{error:?}");
            let rule =
                if toml.ends_with("name = \"\"") { "not empty" } else { "1 to 64 bytes without control characters" };
            assert!(error.contains(rule), "{error}");
        }
    }
}

#[test]
fn the_rules_of_smart_are_only_ignored_in_dangerous() {
    let cache =
        |config: &Config| config.key_set_cache(HyperFetch::with_webpki_roots()).map(|builder| format!("{builder:?}"));
    let smart = "policy = \"smart\"\n";
    let ignored = "dangerous = { ignore_smart = true }\n";
    let error = refused(&format!("{smart}[key_sets]\nsmart = false"));
    assert!(
        error.starts_with("key_sets.smart: false is not valid, because a policy has the profile smart; "),
        "{error}"
    );
    let error = refused(&format!("[key_sets]\nsmart = true\n{ignored}"));
    assert!(error.starts_with("key_sets.smart: it contradicts key_sets.dangerous.ignore_smart"), "{error}");
    assert!(refused("[key_sets]\nignore_smart = true").starts_with("key_sets.ignore_smart: it loosens the profile"));
    for more in ["", "smart = false\n", "stale_for = 9\n", "fresh_between = [60, 604800]\n"] {
        let config = read(&format!("{smart}[key_sets]\n{more}{ignored}")).unwrap();
        let same = read(&format!("[key_sets]\n{more}")).unwrap();
        assert_eq!(cache(&config).unwrap(), cache(&same).unwrap(), "{more}");
    }
    let (with, without) = (read(smart).unwrap(), read("").unwrap());
    assert_ne!(cache(&with).unwrap(), cache(&without).unwrap());
}

/// A program can replace the policy after its file was read.
#[test]
fn a_policy_that_is_set_later_has_its_rules_for_key_sets() {
    for (more, member) in [
        ("smart = false", "key_sets.smart"),
        ("stale_for = 604800", "key_sets.stale_for"),
        ("fresh_between = [60, 604800]", "key_sets.fresh_between"),
    ] {
        let mut config = read(&format!("policy = \"rfc7523\"\n[key_sets]\n{more}")).unwrap();
        assert!(config.key_set_cache(HyperFetch::with_webpki_roots()).is_ok(), "{more}");
        config.set_policy(Policy::SMART_BACKEND_SERVICES.with_name("later"));
        let error = config.key_set_cache(HyperFetch::with_webpki_roots()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{member}: ")) && error.contains("smart"), "{error}");
        config.set_policy(Policy::FAPI2);
        assert!(config.key_set_cache(HyperFetch::with_webpki_roots()).is_ok(), "{more}");
    }
}

#[test]
fn times_of_key_sets_are_bounded() {
    let week = 7 * 24 * 60 * 60;
    for name in ["fresh_by_default", "cooldown", "stale_for"] {
        assert!(read(&format!("[key_sets]\n{name} = {week}")).is_ok(), "{name}");
        let error = refused(&format!("[key_sets]\n{name} = {}", week + 1));
        assert_eq!(error, format!("key_sets.{name}: 604801s is too long; use 604800s or less"));
    }
    for name in ["fresh_between", "retry_between"] {
        assert!(read(&format!("[key_sets]\n{name} = [1, {week}]")).is_ok(), "{name}");
        let error = refused(&format!("[key_sets]\n{name} = [1, {}]", week + 1));
        assert_eq!(error, format!("key_sets.{name}: 604801s is too long; use 604800s or less"));
    }
    assert!(read("[key_sets]\ntimeout = 60").is_ok());
    for too_long in ["61", "9223372036854775807"] {
        let error = refused(&format!("[key_sets]\ntimeout = {too_long}"));
        assert_eq!(error, format!("key_sets.timeout: {too_long}s is too long; use 60s or less"));
    }
}
