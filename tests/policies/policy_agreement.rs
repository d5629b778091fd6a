//! Several policies in one verifier neither help nor hinder a client: the verifier accepts exactly
//! what the client's own policy alone would accept.

use std::sync::LazyLock;

use crate::common::{AUDIENCE, ISSUER, Jwt, NOW, SIGNER, Signer, fixture, form, fresh_jti, key_set, verify};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use tower_client_assertion::policy::{AudienceRule, Policy};
use tower_client_assertion::port::Answer;
use tower_client_assertion::registry::{Client, ClientRegistry, FindResult, FixedRegistry};
use tower_client_assertion::{Verifier, VerifierBuilder};

const POLICIES: [Policy; 7] = [
    Policy::REDOX.allow_any_grant_type(),
    Policy::SMART_BACKEND_SERVICES.allow_any_grant_type(),
    Policy::RFC7523,
    Policy::FAPI2,
    Policy::OIDC,
    Policy::RFC7523.dangerous().audience(AudienceRule::IssuerOrUrls).with_name("lax"),
    Policy::RFC7523.require_kid().require_typ().require_jti().require_iat().with_name("strict"),
];

static ES256: LazyLock<Signer> = LazyLock::new(|| Signer::es256("key-1"));

/// A verifier with a client for each policy, named after it.
fn builder(policy: Policy) -> VerifierBuilder {
    let client = |policy: Policy, own: bool| {
        let client = Client::new(policy.name(), key_set(&[SIGNER.jwk(), ES256.jwk()])).unwrap();
        if own { client.with_policy(policy.name()) } else { client }
    };
    let first = policy.name();
    let clients = POLICIES.map(|policy| client(policy.clone(), policy.name() != first));
    let registry = Silent(FixedRegistry::new(clients).unwrap());
    fixture().policy(policy).registry(registry).at_issuer().builder()
}

/// Does not list its clients, most of which have no policy in a verifier with one policy.
#[derive(Debug)]
struct Silent(FixedRegistry);

impl ClientRegistry for Silent {
    fn find(&self, client_id: &str) -> Answer<FindResult> {
        self.0.find(client_id)
    }
}

fn alone(policy: &Policy) -> Verifier {
    let knows_urls = !["rfc7523", "fapi2", "strict"].contains(&policy.name());
    let builder = builder(policy.clone());
    if knows_urls { builder.audience(AUDIENCE) } else { builder }.build().unwrap()
}

/// All policies, beginning with the one at `first`.
fn together(first: usize) -> Verifier {
    let mut policies = POLICIES.to_vec();
    policies.rotate_left(first);
    let others = policies.split_off(1);
    let builder = builder(policies.remove(0)).audience(AUDIENCE);
    others.into_iter().fold(builder, VerifierBuilder::client_policy).build().unwrap()
}

static ALONE: LazyLock<Vec<Verifier>> = LazyLock::new(|| POLICIES.iter().map(alone).collect());
static TOGETHER: LazyLock<Vec<Verifier>> = LazyLock::new(|| (0..POLICIES.len()).map(together).collect());

/// A change of a header parameter or a claim. Without a value it is removed.
type Change = (&'static str, Option<Value>);

fn changes() -> Vec<Change> {
    let pools: [(&'static str, Vec<Value>); 8] = [
        ("aud", vec![json!(ISSUER), json!(AUDIENCE), json!([ISSUER]), json!([AUDIENCE]), json!([ISSUER, AUDIENCE])]),
        ("jti", vec![json!("")]),
        ("iat", vec![json!(NOW + 10), json!(NOW + 11), json!(NOW + 31), json!(NOW - 310), json!(NOW - 311)]),
        ("nbf", vec![json!(NOW), json!(NOW + 11), json!(NOW + 31)]),
        ("exp", [310, 311, 330, 331, 3630, 3631].map(|ahead| json!(NOW + ahead)).into()),
        ("typ", ["client-authentication+jwt", "at+jwt", "x"].map(Value::from).into()),
        ("kid", vec![json!("other"), json!("")]),
        ("jku", vec![json!("https://x")]),
    ];
    let single =
        |(name, values): (_, Vec<Value>)| values.into_iter().map(Some).chain([None]).map(move |value| (name, value));
    pools.into_iter().flat_map(single).collect()
}

/// A valid assertion under the policy of its client. Even without its `jti`, it differs from all
/// before.
fn right(policy: &Policy, signer: &Signer) -> Jwt {
    let aud = if ["redox", "smart"].contains(&policy.name()) { AUDIENCE } else { ISSUER };
    Jwt::by(signer, policy.name()).claim("aud", aud).claim("exp", NOW + 60).claim("nonce", fresh_jti())
}

fn changed(mut jwt: Jwt, (name, value): &Change) -> Jwt {
    let object = if ["typ", "kid", "jku"].contains(name) { &mut jwt.header } else { &mut jwt.claims };
    match value {
        Some(value) => drop(object.insert((*name).into(), value.clone())),
        None => drop(object.remove(*name)),
    }
    jwt
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn other_policies_do_not_change_an_outcome(
        changes in proptest::collection::vec(select(changes()), 0..4),
        client in 0..POLICIES.len(),
        first in 0..POLICIES.len(),
        other_key in proptest::bool::weighted(0.1),
    ) {
        let own = POLICIES[client].name() == "fapi2";
        let signer: &Signer = if own != other_key { &ES256 } else { &SIGNER };
        let jwt = changes.iter().fold(right(&POLICIES[client], signer), changed);
        let form = form(&jwt.signed_by(signer));
        let alone = verify(&ALONE[client], &form);
        let together = verify(&TOGETHER[first], &form);
        prop_assert_eq!(alone.is_ok(), together.is_ok(), "{:?}: {:?}, {:?}", changes, alone, together);
        if let (Ok(alone), Ok(together)) = (alone, together) {
            prop_assert_eq!(alone, together);
        }
    }
}
