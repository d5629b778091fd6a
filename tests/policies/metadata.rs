//! Metadata about client authentication (RFC 8414, section 2): exactly the algorithms and methods
//! that the verifier enforces.

use crate::common::{AUDIENCE, ISSUER, fixture};
use serde_json::{Value, json};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, AudienceRule, Policy};
use tower_client_assertion::{ClientAuthMetadata, Endpoint, VerifierBuilder};

fn builder(policy: Policy) -> VerifierBuilder {
    fixture().policy(policy).clients([]).at_issuer().builder()
}

fn metadata(policy: Policy) -> ClientAuthMetadata {
    let urls = [Policy::REDOX.name(), Policy::SMART_BACKEND_SERVICES.name(), Policy::OIDC.name()];
    let builder = if urls.contains(&policy.name()) { builder(policy).audience(AUDIENCE) } else { builder(policy) };
    builder.build().unwrap().metadata()
}

fn json_of(metadata: &ClientAuthMetadata) -> Value {
    serde_json::to_value(metadata).unwrap()
}

#[test]
fn meta_01_metadata_matches_each_profile() {
    let keys = &["private_key_jwt"][..];
    let both = &["private_key_jwt", "client_secret_jwt"][..];
    let asymmetric =
        "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519 ML-DSA-44 ML-DSA-65 ML-DSA-87";
    let all = format!("{asymmetric} HS256 HS384 HS512");
    let only = |algorithms: &[Algorithm]| AlgorithmSet::of(algorithms);
    let table = [
        (Policy::REDOX, both, "RS384 ES384 HS384"),
        (Policy::REDOX.with_algorithms(only(&[Algorithm::ES384])), keys, "ES384"),
        (Policy::SMART_BACKEND_SERVICES, keys, "RS384 ES384"),
        (Policy::RFC7523, keys, asymmetric),
        (Policy::RFC7523.allow_client_secret_jwt(), both, &all),
        (Policy::RFC7523.with_algorithms(AlgorithmSet::MAC), &["client_secret_jwt"], "HS256 HS384 HS512"),
        (
            Policy::RFC7523.with_algorithms(only(&[Algorithm::MlDsa87, Algorithm::ES512, Algorithm::MlDsa44])),
            keys,
            "ES512 ML-DSA-44 ML-DSA-87",
        ),
        (Policy::FAPI2, keys, "PS256 ES256 EdDSA Ed25519"),
        (Policy::OIDC, both, &all),
    ];
    for (policy, methods, algorithms) in table {
        let enforced = policy.algorithms();
        let metadata = metadata(policy.clone());
        let expected = json!({
            "token_endpoint_auth_methods_supported": methods,
            "token_endpoint_auth_signing_alg_values_supported": algorithms.split(' ').collect::<Vec<_>>(),
        });
        assert_eq!(json_of(&metadata), expected, "{}", policy.name());
        assert_eq!(metadata.algorithms(), enforced);
        assert_eq!(metadata.methods().collect::<Vec<_>>(), methods);
        // RFC 8414, section 2: `none` must not be used.
        assert!(!json_of(&metadata).to_string().contains("none"));
    }
}

/// RFC 7523, section 5.
#[test]
fn meta_02_rs256_is_in_the_profiles_of_rfc_7523() {
    for policy in [Policy::RFC7523, Policy::OIDC] {
        assert!(metadata(policy).algorithms().contains(Algorithm::RS256));
    }
}

#[test]
fn introspection_and_revocation_have_their_own_members() {
    let pair = |prefix: &str| {
        [
            format!("{prefix}_endpoint_auth_methods_supported"),
            format!("{prefix}_endpoint_auth_signing_alg_values_supported"),
        ]
    };
    let table: [(&[Endpoint], &[&str]); 7] = [
        (&[], &["token"]),
        (&[Endpoint::Token], &["token"]),
        (&[Endpoint::PushedAuthorizationRequest, Endpoint::DeviceAuthorization], &["token"]),
        (&[Endpoint::Introspection], &["token", "introspection"]),
        (&[Endpoint::Revocation], &["token", "revocation"]),
        (
            &[Endpoint::Revocation, Endpoint::Introspection, Endpoint::Revocation],
            &["token", "introspection", "revocation"],
        ),
        (&[Endpoint::Introspection, Endpoint::Token], &["token", "introspection"]),
    ];
    for (endpoints, prefixes) in table {
        let named =
            endpoints.iter().fold(metadata(Policy::FAPI2), |metadata, endpoint| metadata.with_endpoint(*endpoint));
        let json = json_of(&named);
        let mut expected: Vec<_> = prefixes.iter().flat_map(|prefix| pair(prefix)).collect();
        expected.sort();
        let mut members: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        members.sort();
        assert_eq!(members, expected, "{endpoints:?}");
        for prefix in prefixes {
            let [methods, algorithms] = pair(prefix);
            assert_eq!(json[methods], json!(["private_key_jwt"]));
            assert_eq!(json[algorithms], json!(["PS256", "ES256", "EdDSA", "Ed25519"]));
        }
    }
}

#[test]
fn foreign_methods_are_added_once_without_algorithms() {
    let metadata = metadata(Policy::SMART_BACKEND_SERVICES)
        .with_method("client_secret_basic")
        .with_method("private_key_jwt")
        .with_method("client_secret_basic")
        .with_endpoint(Endpoint::Introspection);
    let expected = json!({
        "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "introspection_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic"],
        "introspection_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
    });
    assert_eq!(json_of(&metadata), expected);
}

#[test]
fn metadata_covers_all_policies() {
    let old = Policy::RFC7523.with_algorithms(AlgorithmSet::of(&[Algorithm::RS512])).dangerous();
    let old = old.audience(AudienceRule::IssuerOrUrls).with_name("old");
    let secret = Policy::RFC7523.with_algorithms(AlgorithmSet::of(&[Algorithm::HS512])).with_name("secret");
    let verifier = builder(Policy::FAPI2).audience(AUDIENCE).client_policy(secret).client_policy(old).build().unwrap();
    let expected = json!({
        "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS512", "PS256", "ES256", "EdDSA", "Ed25519", "HS512"],
    });
    assert_eq!(json_of(&verifier.metadata()), expected);
}

#[test]
fn metadata_can_be_part_of_another_document() {
    #[derive(serde::Serialize)]
    struct Document {
        issuer: &'static str,
        #[serde(flatten)]
        client_auth: ClientAuthMetadata,
        scopes_supported: [&'static str; 1],
    }
    let client_auth = metadata(Policy::FAPI2);
    let document = Document { issuer: ISSUER, client_auth, scopes_supported: ["x"] };
    let json = serde_json::to_string(&document).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"issuer":"https://as.example.com","token_endpoint_auth_methods_supported":["private_key_jwt"],"#,
            r#""token_endpoint_auth_signing_alg_values_supported":["PS256","ES256","EdDSA","Ed25519"],"#,
            r#""scopes_supported":["x"]}"#
        )
    );
}
