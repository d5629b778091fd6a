//! Which foreign types the public interface names. A crate before its 1.0 may change them with any
//! release, which would break our users.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tower_client_assertion::posture::Loosening;

/// `axum-core`, `metrics` and `rustls`, behind features; the traits that make a Tower layer; and
/// what the macro of `pin-project-lite` writes into the `Unpin` of its types, which users cannot
/// name.
const PERMITTED: [&str; 6] = ["axum_core", "metrics", "pin_project_lite", "rustls", "tower_layer", "tower_service"];

#[test]
fn public_api_names_no_unstable_dependency() {
    let versions = versions();
    let named = named_crates(&documentation());
    // If the format of rustdoc changed, nothing would be found and the test would pass.
    for known in ["axum_core", "bytes", "core", "http", "http_body", "jsonwebtoken", "serde_json", "tower_service"] {
        assert!(named.contains_key(known), "{known} was not found among {:?}", named.keys());
    }
    for (name, places) in named {
        if PERMITTED.contains(&&*name) || matches!(&*name, "std" | "core" | "alloc") {
            continue;
        }
        let versions = versions.get(&name).unwrap_or_else(|| panic!("{name} is no dependency: {places:?}"));
        let unstable = versions.iter().any(|version| version.starts_with("0."));
        assert!(!unstable, "{name} {versions:?} is in the public interface, at {places:?}");
    }
}

/// Methods that loosen something although their name does not say so.
const LOOSENING: [&str; 1] = ["HyperFetch::with_tls_config"];

/// Methods that only seem to loosen something, each with the reason why it is not in the table.
const NO_LOOSENING: [(&str, &str); 2] = [
    ("Policy::allow_any_grant_type", "P12 of the posture judges the grant types themselves"),
    ("Policy::allow_client_secret_jwt", "P05 of the posture judges the algorithms themselves"),
];

/// It is for tests of servers: what it makes is refused.
const OF_CLIENTS: &str = "DangerousMinterBuilder";

/// A setting that loosens something says so in its documentation, and has a row in the table of
/// loosenings, by which the posture reports it. Settings behind `dangerous()` always do.
#[test]
fn every_loosening_is_in_the_table_with_its_risk() {
    let documentation = documentation();
    let (mut methods, mut judged) = (BTreeSet::new(), BTreeSet::new());
    for (owner, item) in documented_methods(&documentation) {
        let (name, docs) = (item["name"].as_str().unwrap(), item["docs"].as_str().unwrap_or_default());
        let risk = docs.split_once("The risk: ").map(|(_, risk)| risk);
        if owner.starts_with("Dangerous")
            && owner != OF_CLIENTS
            && item["inner"]["function"]["sig"]["inputs"][0][0] == "self"
        {
            assert!(risk.is_some(), "{owner}::{name} has no sentence about its risk");
        }
        let path = format!("{}::{name}", owner.rsplit("::").next().unwrap());
        if name.starts_with("allow_") || LOOSENING.contains(&&*path) {
            let is_exempt = NO_LOOSENING.iter().any(|(exempt, _)| *exempt == path);
            assert!(
                risk.is_some() != is_exempt,
                "{path} has neither a sentence about its risk nor an exemption, or both"
            );
            judged.insert(path);
        }
        let Some(risk) = risk else { continue };
        let listed = Loosening::ALL.iter().find(|loosening| risk.starts_with(loosening.risk()));
        let listed = listed.unwrap_or_else(|| panic!("{owner}::{name} is not in src/loosening.rs"));
        let method = listed.setting().rsplit([':', '.']).next().unwrap();
        // The twin for owned names.
        assert!(name == method || name == method.replace("accept_", "accept_owned_"), "{owner}::{name}: {listed:?}");
        methods.insert(method);
    }
    let table: BTreeSet<_> = Loosening::ALL.iter().filter_map(|it| it.setting().rsplit([':', '.']).next()).collect();
    assert_eq!(methods, table, "methods with a risk, and the table");
    for path in LOOSENING.iter().chain(NO_LOOSENING.iter().map(|(path, _)| path)) {
        assert!(judged.contains(*path), "there is no {path}");
    }
}

/// The public methods of types, each with the name of its type.
pub(crate) fn documented_methods(documentation: &Value) -> Vec<(&str, &Value)> {
    let index = documentation["index"].as_object().unwrap();
    let mut methods = Vec::new();
    for implementation in index.values().map(|item| &item["inner"]["impl"]) {
        let path = implementation["for"]["resolved_path"]["path"].as_str();
        let (Some(owner), true) = (path, implementation["trait"].is_null()) else { continue };
        let ids = implementation["items"].as_array().into_iter().flatten();
        methods.extend(ids.filter_map(|id| index.get(&id.to_string())).map(|item| (owner, item)));
    }
    methods
}

fn cargo(arguments: &[&str]) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root)
        .env("RUSTDOC", root.join(".ci/rustdoc-json"))
        .env_remove("RUSTDOCFLAGS")
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The versions of each package in the dependency graph, by the name of its library.
fn versions() -> BTreeMap<String, BTreeSet<String>> {
    let metadata: Value = serde_json::from_slice(&cargo(&["metadata", "--format-version", "1"])).unwrap();
    let mut versions = BTreeMap::<_, BTreeSet<_>>::new();
    for package in metadata["packages"].as_array().unwrap() {
        let version = package["version"].as_str().unwrap().to_owned();
        for target in package["targets"].as_array().unwrap() {
            let name = target["name"].as_str().unwrap().replace('-', "_");
            if target["kind"].as_array().unwrap().iter().any(|kind| kind != "bin" && kind != "test") {
                versions.entry(name).or_default().insert(version.clone());
            }
        }
    }
    versions
}

/// The public interface with every feature, as described by rustdoc.
pub(crate) fn documentation() -> Value {
    cargo(&["rustdoc", "--lib", "--all-features", "--", "-Zunstable-options", "--output-format=json"]);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let file = target.join("doc/tower_client_assertion.json");
    serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap()
}

/// The crates whose items are named, each with some of the places.
fn named_crates(documentation: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut named = BTreeMap::<_, BTreeSet<_>>::new();
    for item in documentation["index"].as_object().unwrap().values() {
        let implementation = &item["inner"]["impl"];
        let derived = implementation["is_synthetic"] == true || !implementation["blanket_impl"].is_null();
        if item["crate_id"] != 0 || derived {
            continue;
        }
        let mut ids = BTreeSet::new();
        collect_paths(&item["inner"], &mut ids);
        for id in ids {
            let path = &documentation["paths"][id.to_string()];
            let Some(krate) = path["crate_id"].as_u64().filter(|krate| *krate != 0) else { continue };
            let name = documentation["external_crates"][krate.to_string()]["name"].as_str().unwrap();
            let place = format!("{}:{}", item["span"]["filename"], item["span"]["begin"]);
            named.entry(name.to_owned()).or_default().insert(place);
        }
    }
    named
}

/// A path is an object with an id and generic arguments, at any depth.
fn collect_paths(value: &Value, ids: &mut BTreeSet<u64>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect_paths(value, ids)),
        Value::Object(members) => {
            if let (Some(id), true) = (members.get("id").and_then(Value::as_u64), members.contains_key("args")) {
                ids.insert(id);
            }
            members.values().for_each(|value| collect_paths(value, ids));
        }
        _ => {}
    }
}
