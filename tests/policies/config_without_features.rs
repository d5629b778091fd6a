//! `Config` in a program that was built without what a member needs.

use tower_client_assertion::Config;

#[test]
fn a_member_that_needs_a_feature_names_it() {
    let redis = "this program was built without the feature redis of tower-client-assertion";
    let fetch = "this program was built without the feature jwks-client of tower-client-assertion";
    for (json, path, expected) in [
        (r#"{"replay":"redis://:hush@h"}"#, "replay", redis),
        (r#"{"replay":{"url":"redis://:hush@h"}}"#, "replay", redis),
        (r#"{"replay":{"urls":["rediss://:hush@h"]}}"#, "replay", redis),
        (r#"{"fetch":{"ca_file":"ca.pem"}}"#, "fetch.ca_file", fetch),
    ] {
        let error = serde_json::from_str::<Config>(json).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{path}: {expected}")) && !error.contains("hush"), "{error}");
    }
    let mut config = Config::<()>::default();
    assert!(config.set_replay("redis://h").unwrap_err().to_string().starts_with(&format!("replay: {redis}")));
    config.set_replay("memory").unwrap();
}

#[test]
fn other_members_need_no_feature() {
    let json = r#"{"replay":{"capacity":9},"key_sets":{"cooldown":9},"fetch":{"allow_addresses":["10.0.0.0/8"]}}"#;
    assert!(serde_json::from_str::<Config>(json).is_ok());
}
