//! Every setting of a builder can be in a configuration file, or is listed as code only.

use std::collections::{BTreeMap, BTreeSet};

use crate::public_api::{documentation, documented_methods};

/// How a setting is reached.
enum Reach {
    /// By a member of the file.
    File(&'static str),
    /// Only in code, for this reason.
    Code(&'static str),
}

use Reach::{Code, File};

const CLOSURE: &str = "it takes a function or an object of the program";
const STEP: &str = "a step of the construction, and no setting";
const PROGRAM: &str = "it depends on the routes and the frameworks of the program";
const WORDING: &str = "the program chooses its renderer, and has members for the links of that";
const AUDIT: &str = "the log is a sink of the program, which may have a member for it";
const DATABASE: &str = "the file has its own registry, and one on a database is of the program";
const CONSTANT: &str = "its twin for constants or for owned names is in the file";

/// By type: its constructors, and its methods that take `self` by value.
#[rustfmt::skip]
const SETTINGS: &[(&str, &[(&str, Reach)])] = &[
    ("VerifierBuilder", &[
        ("issuer", File("issuer")), ("audience", File("audiences")), ("client_policy", File("policies.legacy")),
        ("tenant", File("tenant")), ("limits", File("limits")), ("port_timeout", File("limits.port_timeout")),
        ("slow_replay", File("limits.slow_replay_ms")), ("signature_checks", File("overload.signature_checks")),
        ("clock", Code(CLOSURE)), ("events", Code(CLOSURE)), ("dangerous", Code(STEP)), ("build", Code(STEP)),
        ("refuse_issued_before", Code("a moment that only the program knows: that of its start")),
    ]),
    ("DangerousVerifierBuilder", &[("issuer_without_tls", File("dangerous.issuer_without_tls"))]),
    ("Policy", &[
        ("with_name", Code(CONSTANT)), ("with_owned_name", File("policy.name")),
        ("with_grant_types", Code(CONSTANT)), ("with_owned_grant_types", File("policy.grant_types")),
        ("allow_any_grant_type", File("policy.dangerous.allow_any_grant_type")),
        ("with_algorithms", File("policy.algorithms")),
        ("allow_client_secret_jwt", File("policy.dangerous.allow_client_secret_jwt")),
        ("require_kid", File("policy.require_kid")), ("with_key_trials", File("policy.key_trials")),
        ("require_typ", File("policy.require_typ")), ("require_sole_issuer", File("policy.require_sole_issuer")),
        ("require_issuer_string", File("policy.require_issuer_string")), ("require_jti", File("policy.require_jti")),
        ("require_iat", File("policy.require_iat")), ("require_exp", File("policy.require_exp")),
        ("with_max_age", File("policy.max_age")), ("with_max_lifetime", File("policy.max_lifetime")),
        ("with_future_skew", File("policy.future_skew")), ("with_expiry_skew", File("policy.expiry_skew")),
        ("dangerous", File("policy.dangerous")),
    ]),
    ("DangerousPolicy", &[
        ("audience", File("policy.dangerous.audience")), ("accept_typ", Code(CONSTANT)),
        ("accept_owned_typ", File("policy.dangerous.accept_typ")),
        ("optional_kid", File("policy.dangerous.optional_kid")), ("key_trials", File("policy.dangerous.key_trials")),
        ("optional_jti", File("policy.dangerous.optional_jti")),
        ("reusable_without_jti", File("policy.dangerous.reusable_without_jti")),
        ("optional_iat", File("policy.dangerous.optional_iat")),
        ("optional_exp", File("policy.dangerous.optional_exp")),
        ("future_skew", File("policy.dangerous.future_skew")), ("expiry_skew", File("policy.dangerous.expiry_skew")),
        ("max_age", File("policy.dangerous.max_age")), ("max_lifetime", File("policy.dangerous.max_lifetime")),
    ]),
    ("Limits", &[
        ("with_parameters", File("limits.parameters")), ("with_assertion", File("limits.assertion")),
        ("with_header", File("limits.header")), ("with_json_depth", File("limits.json_depth")),
        ("with_kid", File("limits.kid")), ("with_jti", File("limits.jti")),
        ("with_client_id", File("limits.client_id")), ("with_audiences", File("limits.audiences")),
    ]),
    ("SignatureChecks", &[("new", File("overload.signature_checks")), ("per_client", File("overload.per_client"))]),
    ("ClientAssertionLayer", &[
        ("new", Code(STEP)), ("body_limit", File("limits.body")), ("body_timeout", File("limits.body_timeout")),
        ("correlate", Code(CLOSURE)), ("render", Code(WORDING)), ("endpoint", Code(PROGRAM)),
        ("identify_responses", Code(PROGRAM)), ("optional", Code(PROGRAM)), ("path", Code(PROGRAM)),
        ("preserve_body_types", Code(PROGRAM)), ("rebuild_bodies_with", Code(PROGRAM)),
        ("choose", Code(CLOSURE)), ("report_unknown_tenants", Code(CLOSURE)), ("render_by_profile", Code(WORDING)),
    ]),
    ("GrpcAssertionLayer", &[
        ("new", Code(STEP)), ("correlate", Code(CLOSURE)), ("identify_responses", Code(PROGRAM)),
        ("opaque", Code(WORDING)), ("choose", Code(CLOSURE)), ("report_unknown_tenants", Code(CLOSURE)),
    ]),
    ("AuditLogBuilder", &[
        ("capacity", Code(AUDIT)), ("when_full", Code(AUDIT)), ("close_timeout", Code(AUDIT)),
        ("with_news", Code(AUDIT)), ("events", Code(CLOSURE)), ("start", Code(STEP)),
    ]),
    ("Rfc6749", &[("error_uri", Code(WORDING)), ("error_pages", Code(WORDING))]),
    ("Redox", &[
        ("error_uri", Code(WORDING)), ("error_pages", Code(WORDING)), ("settings_name", Code(WORDING)),
        ("standard_codes", Code(WORDING)),
    ]),
    ("KeySetCacheBuilder", &[
        ("smart", File("key_sets.smart")), ("fresh_between", File("key_sets.fresh_between")),
        ("fresh_by_default", File("key_sets.fresh_by_default")), ("cooldown", File("key_sets.cooldown")),
        ("stale_for", File("key_sets.stale_for")), ("retry_between", File("key_sets.retry_between")),
        ("timeout", File("key_sets.timeout")), ("max_bytes", File("key_sets.max_bytes")),
        ("max_keys", File("key_sets.max_keys")), ("max_sets", File("key_sets.max_sets")),
        ("max_memory", File("key_sets.max_memory")), ("max_fetches", File("key_sets.max_fetches")),
        ("max_fetches_per_host", File("key_sets.max_fetches_per_host")),
        ("blame_own_network_after", File("key_sets.blame_own_network_after")),
        ("guard", File("fetch")), ("events", Code(CLOSURE)), ("build", Code(STEP)),
    ]),
    ("AddressGuard", &[
        ("allow_host", File("fetch.allow_hosts")), ("allow_range", File("fetch.allow_addresses")),
        ("allow_http", File("key_sets.allow_http")), ("allow_http_for", File("key_sets.allow_http_for")),
    ]),
    ("HyperFetch", &[
        ("with_platform_roots", File("fetch")), ("with_platform_roots_and", File("fetch.ca_file")),
        ("with_webpki_roots", File("fetch")), ("with_roots", Code("certificates in the memory of the program")),
        ("with_tls_config", Code(CLOSURE)), ("resolver", Code(CLOSURE)),
    ]),
    ("ClientReader", &[
        ("new", Code(STEP)), ("key_set_cache", File("key_sets")), ("limits", File("limits")),
        ("max_keys", File("clients.max_keys")), ("max_key_set_bytes", File("clients.max_key_set_bytes")),
    ]),
    ("FileRegistry", &[
        ("load", File("clients")), ("load_with", File("clients")), ("load_with_reader", File("clients")),
        ("events", Code(CLOSURE)),
    ]),
    ("CachedBuilder", &[
        ("fresh_for", Code(DATABASE)), ("absent_for", Code(DATABASE)), ("stale_for", Code(DATABASE)),
        ("timeout", Code(DATABASE)), ("max_clients", Code(DATABASE)), ("max_absences", Code(DATABASE)),
        ("max_look_ups", Code(DATABASE)), ("events", Code(CLOSURE)), ("build", Code(STEP)),
    ]),
    ("MemoryReplay", &[
        ("new", File("replay.capacity")), ("per_client", File("replay.per_client")), ("events", Code(CLOSURE)),
    ]),
    ("TieredReplay", &[("new", File("replay.local_capacity"))]),
    ("RedisReplay", &[("standalone", File("replay.url")), ("cluster", File("replay.urls"))]),
    ("RedisReplayBuilder", &[
        ("prefix", File("replay.prefix")), ("previous_prefix", File("replay.previous_prefix")),
        ("clock_margin", File("replay.clock_margin")), ("connect_timeout", File("replay.connect_timeout_ms")),
        ("command_timeout", File("replay.command_timeout_ms")), ("max_in_flight", File("replay.max_in_flight")),
        ("connections", File("replay.connections")), ("wait_replicas", File("replay.wait_replicas")),
        ("per_client", File("replay.per_client")), ("root_certificates", File("replay.root_certificates")),
        ("events", Code(CLOSURE)), ("connect", Code(STEP)),
    ]),
];

/// The builders of the client's end, which no server configures.
const OF_CLIENTS: [&str; 4] = ["DangerousMinterBuilder", "FormBuilder", "KeyRingBuilder", "MinterBuilder"];

#[test]
fn every_setting_is_in_the_file_or_listed_as_code_only() {
    let documentation = documentation();
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    for (owner, item) in documented_methods(&documentation) {
        let inputs = &item["inner"]["function"]["sig"]["inputs"];
        let (first, kind) = (&inputs[0][0], &inputs[0][1]);
        // Not `&self`: a constructor, or a method that returns the changed value.
        if item["visibility"] == "public" && (first != "self" || kind["generic"] == "Self") && inputs.is_array() {
            let owner = owner.rsplit("::").next().unwrap();
            found.entry(owner).or_default().insert(item["name"].as_str().unwrap());
        }
    }
    let members = members();
    for (owner, settings) in SETTINGS {
        let listed: BTreeSet<_> = settings.iter().map(|(name, _)| *name).collect();
        assert_eq!(found.get(owner), Some(&listed), "{owner}: public, and listed in {}", file!());
        for (name, reach) in *settings {
            match reach {
                File(member) => assert!(members.contains(*member), "{owner}::{name}: {member} is not in the reference"),
                Code(reason) => assert!(!reason.is_empty(), "{owner}::{name}"),
            }
        }
    }
    let builders = found.keys().filter(|owner| owner.ends_with("Builder") && !OF_CLIENTS.contains(owner));
    for builder in builders {
        assert!(SETTINGS.iter().any(|(owner, _)| owner == builder), "{builder} is not listed in {}", file!());
    }
}

/// The members of the reference file, with those of their tables. A test next to the code compares
/// that file with the code.
fn members() -> BTreeSet<String> {
    let reference = include_str!("../../examples/token_server/reference.toml");
    let (mut table, mut members) = (String::new(), BTreeSet::new());
    for member in reference.lines().filter_map(|line| line.strip_prefix('#')) {
        if let Some(name) = member.strip_prefix('[') {
            table = name.trim_end_matches(']').to_owned();
            members.insert(table.clone());
        } else if let (false, Some((name, _))) = (member.starts_with(' '), member.split_once(" = ")) {
            members.insert(if table.is_empty() { name.to_owned() } else { format!("{table}.{name}") });
        }
    }
    members
}
