//! The tenant of a verifier: which verifiers on one store refuse what another one has accepted.

use std::sync::Arc;

use crate::common::{AUDIENCE, ISSUER, Jwt, client_fault, fixture, form, store, verify};
use tower_client_assertion::rejection::ClientFault;
use tower_client_assertion::{ConfigError, Policy, VerifierBuilder};

const OTHER: &str = "https://other.example";

type Change = fn(VerifierBuilder) -> VerifierBuilder;

#[test]
fn verifiers_share_assertions_within_their_tenant_only() {
    const REDOX: Policy = Policy::REDOX.dangerous().optional_jti();
    const OIDC: Policy = Policy::OIDC.dangerous().optional_jti();
    let url: Change = |builder| builder.audience(AUDIENCE);
    let alias: Change = |builder| builder.audience(AUDIENCE).audience(OTHER);
    let reversed: Change = |builder| builder.audience(OTHER).audience(AUDIENCE);
    let larger: Change = |builder| builder.audience("https://z.example").audience(AUDIENCE);
    let repeated: Change = |builder| builder.audience(AUDIENCE).audience(AUDIENCE);
    let smaller: Change = |builder| builder.audience(AUDIENCE).audience("https://a.example");
    let longer: Change = |builder| builder.audience(format!("{AUDIENCE}/v2")).audience(AUDIENCE);
    let named: Change = |builder| builder.audience(OTHER).audience(AUDIENCE).tenant(AUDIENCE);
    let other: Change = |builder| builder.audience(AUDIENCE).tenant("other");
    let issuer: Change = |builder| builder.issuer(ISSUER).audience(AUDIENCE);
    let later: Change = |builder| builder.audience(AUDIENCE).issuer(ISSUER);
    let other_issuer: Change = |builder| builder.issuer(OTHER).audience(AUDIENCE);
    let named_issuer: Change = |builder| builder.issuer(OTHER).audience(AUDIENCE).tenant(ISSUER);
    let table = [
        ("the same URL", REDOX, url, url, true),
        ("another alias", REDOX, url, alias, true),
        ("the same URLs in another order", REDOX, alias, reversed, true),
        ("a larger URL, set first", REDOX, url, larger, true),
        ("a URL that begins like the other, set first", REDOX, url, longer, true),
        ("a URL twice", REDOX, url, repeated, true),
        ("a smaller URL", REDOX, url, smaller, false),
        ("a name equal to the URL", REDOX, url, named, true),
        ("a different name", REDOX, url, other, false),
        ("two equal names", REDOX, other, other, true),
        ("the same issuer, set later", OIDC, issuer, later, true),
        ("another issuer", OIDC, issuer, other_issuer, false),
        ("a name equal to the issuer", OIDC, issuer, named_issuer, true),
    ];
    for (case, policy, first, second, shared) in table {
        let store = Arc::new(store());
        let [first, second] = [first, second].map(|change| {
            let bare = fixture().policy(policy.clone()).at_no_address().replay(Arc::clone(&store));
            change(bare.builder()).build().unwrap()
        });
        for jwt in [Jwt::new(), Jwt::new().without_claim("jti")] {
            let form = form(&jwt.signed());
            assert!(verify(&first, &form).is_ok(), "{case}");
            let again = verify(&second, &form).map(drop).map_err(client_fault);
            let expected = if shared { Err(ClientFault::Replayed) } else { Ok(()) };
            assert_eq!(again, expected, "{case}");
        }
    }
}

#[test]
fn an_empty_tenant_does_not_build() {
    let build = |tenant: &str| fixture().builder().tenant(tenant).build();
    let error = build("").unwrap_err();
    assert!(matches!(error, ConfigError::Setting(_)) && error.to_string().starts_with("tenant: \"\""), "{error}");
    assert!(build(" ").is_ok());
}
