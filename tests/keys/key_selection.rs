//! Which of a client's keys an assertion is checked with: by `kid` and type, or by type alone. How
//! many are tried, and what is answered if none fits.

use std::sync::LazyLock;

use crate::common::{self, AUDIENCE, CLIENT, ISSUER, Jwt, Signer, client_with, fixture};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_client_assertion::Verifier;
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, Policy};
use tower_client_assertion::rejection::ClientFault;

static KEYS: LazyLock<[Signer; 6]> = LazyLock::new(|| std::array::from_fn(|_| Signer::es256("one")));
static P384: LazyLock<Signer> = LazyLock::new(|| Signer::es384("one"));
static ED25519: LazyLock<Signer> = LazyLock::new(|| Signer::ed25519("EdDSA", "one"));
static RSA: LazyLock<Signer> = LazyLock::new(|| Signer::rsa("RS256", "one"));

fn verifier(policy: Policy, keys: &[Value]) -> Verifier {
    let fixture = fixture().policy(policy).keys(keys).at_issuer_and_url();
    fixture.builder().client_policy(Policy::OIDC.with_name("second")).build().unwrap()
}

/// The `kid` of the key that verified it, or the fault.
fn outcome(verifier: &Verifier, signer: &Signer, kid: Option<&str>) -> Result<Option<String>, ClientFault> {
    let aud = if verifier.policies()[0].name() == "smart" { AUDIENCE } else { ISSUER };
    let jwt = Jwt::by(signer, CLIENT).claim("aud", aud).without_header("kid");
    let jwt = kid.into_iter().fold(jwt, |jwt, kid| jwt.header("kid", kid));
    let identity = common::outcome(verifier, &jwt.signed_by(signer))?;
    Ok(identity.key_id().map(str::to_owned))
}

fn jwk(signer: &Signer, members: Value) -> Value {
    common::with(signer.jwk(), members)
}

fn nameless(signer: &Signer) -> Value {
    let mut jwk = signer.jwk();
    jwk.as_object_mut().unwrap().remove("kid");
    jwk
}

/// Policies in which `kid` may be absent.
const LENIENT: [Policy; 3] = [Policy::RFC7523, Policy::FAPI2, Policy::OIDC];

/// OpenID Connect Core, section 10.1.
#[test]
fn key_07_without_a_kid_the_only_key_that_fits_is_used() {
    let [first, second, ..] = &*KEYS;
    let named = |signer, kid| jwk(signer, json!({"kid": kid}));
    // The client's keys, and the outcome of an assertion without `kid` by the first of them.
    let table = [
        ("one key", vec![first.jwk()], Ok(Some("one".to_owned()))),
        ("one key without a kid", vec![nameless(first)], Ok(None)),
        ("also keys of other types", vec![RSA.jwk(), first.jwk(), ED25519.jwk()], Ok(Some("one".to_owned()))),
        ("also another curve", vec![P384.jwk(), first.jwk()], Ok(Some("one".to_owned()))),
        (
            "one of its type for encryption",
            vec![first.jwk(), jwk(second, json!({"use": "enc"}))],
            Ok(Some("one".to_owned())),
        ),
        ("two", vec![named(first, "a"), named(second, "b")], Err(ClientFault::KidNeeded)),
        ("two of one kid", vec![first.jwk(), second.jwk()], Err(ClientFault::KidNeeded)),
        ("two without", vec![nameless(first), nameless(second)], Err(ClientFault::KidNeeded)),
        ("the same twice", vec![first.jwk(), first.jwk()], Ok(Some("one".to_owned()))),
        ("none of its type", vec![ED25519.jwk()], Err(ClientFault::NoKey)),
        ("another of its type", vec![second.jwk()], Err(ClientFault::BadSignature)),
    ];
    for policy in LENIENT {
        for (name, keys, expected) in &table {
            assert_eq!(outcome(&verifier(policy.clone(), keys), first, None), *expected, "{}: {name}", policy.name());
        }
        // With its `kid`, the first of several is found again.
        let both = verifier(policy.clone(), &[named(first, "a"), named(second, "b")]);
        assert_eq!(outcome(&both, first, Some("a")), Ok(Some("a".into())));
        assert_eq!(outcome(&both, first, Some("b")), Err(ClientFault::BadSignature), "the other's name");
        // A key without a `kid` matches no `kid`.
        assert_eq!(outcome(&verifier(policy, &[nameless(first)]), first, Some("one")), Err(ClientFault::NoKey));
    }
}

/// FAPI 2.0 Security Profile, section 5.4.3.
#[test]
fn key_06_up_to_four_keys_of_one_kid_are_tried_in_order() {
    let all: Vec<_> = KEYS.iter().map(Signer::jwk).collect();
    let trials: [(Policy, usize); 6] = [
        (Policy::FAPI2, 4),
        (Policy::OIDC, 4),
        (Policy::RFC7523, 4),
        (Policy::FAPI2.with_key_trials(2), 2),
        (Policy::FAPI2.dangerous().key_trials(5), 5),
        (Policy::FAPI2.dangerous().key_trials(usize::MAX), 6),
    ];
    for (policy, tried) in trials {
        let verifier = verifier(policy.clone(), &all);
        for (place, signer) in KEYS.iter().enumerate() {
            let expected = if place < tried { Ok(Some("one".into())) } else { Err(ClientFault::BadSignature) };
            assert_eq!(outcome(&verifier, signer, Some("one")), expected, "{policy:?}: {place}");
        }
        let stranger = Signer::es256("one");
        assert_eq!(outcome(&verifier, &stranger, Some("one")), Err(ClientFault::BadSignature));
    }
}

/// Trials are spent on keys that could have signed, not on others with the same `kid`.
#[test]
fn key_06_keys_of_other_types_use_up_no_trial() {
    let [first, second, ..] = &*KEYS;
    let odd =
        [P384.jwk(), ED25519.jwk(), RSA.jwk(), jwk(second, json!({"use": "enc"})), jwk(second, json!({"kty": "x"}))];
    let verifier = verifier(Policy::FAPI2.with_key_trials(1), &[&odd[..], &[first.jwk()]].concat());
    assert_eq!(outcome(&verifier, first, Some("one")), Ok(Some("one".into())));
    assert_eq!(outcome(&verifier, &ED25519, Some("one")), Ok(Some("one".into())));
}

/// SMART App Launch 2.2, key retrieval, step 3.
#[test]
fn key_05_smart_requires_exactly_one_key_per_kid_and_type() {
    let [first, ..] = &*KEYS;
    let other = Signer::es384("one");
    let table = [
        ("one", vec![P384.jwk()], Ok(Some("one".to_owned()))),
        ("one of each type", vec![first.jwk(), P384.jwk(), RSA.jwk()], Ok(Some("one".to_owned()))),
        ("two", vec![P384.jwk(), other.jwk()], Err(ClientFault::AmbiguousKey)),
        ("two, the other first", vec![other.jwk(), P384.jwk()], Err(ClientFault::AmbiguousKey)),
        ("the same twice", vec![P384.jwk(), P384.jwk()], Ok(Some("one".to_owned()))),
        ("none of the type", vec![first.jwk(), RSA.jwk()], Err(ClientFault::NoKey)),
    ];
    for policy in [Policy::SMART_BACKEND_SERVICES, Policy::RFC7523.with_key_trials(1)] {
        for (name, keys, expected) in &table {
            assert_eq!(outcome(&verifier(policy.clone(), keys), &P384, Some("one")), *expected, "{name}");
        }
    }
    let verifier = verifier(Policy::SMART_BACKEND_SERVICES, &[P384.jwk()]);
    assert_eq!(outcome(&verifier, &P384, None), Err(ClientFault::KidMissing));
}

/// RFC 8725, section 3.1: a key is used with the algorithm that it names. RFC 9864: two names of
/// one algorithm.
#[test]
fn key_08_key_13_a_key_is_used_with_its_alg_only() {
    let all = Policy::RFC7523.with_algorithms(AlgorithmSet::ASYMMETRIC);
    let signers = [Signer::rsa("PS256", "one"), Signer::ed25519("Ed25519", "one")];
    let table = [
        (&signers[0], json!({}), Ok(())),
        (&signers[0], json!({"alg": "PS256"}), Ok(())),
        (&signers[0], json!({"alg": "RS256"}), Err(ClientFault::NoKey)),
        (&signers[0], json!({"use": "sig", "key_ops": ["verify"]}), Ok(())),
        (&signers[1], json!({}), Ok(())),
        (&signers[1], json!({"alg": "EdDSA"}), Ok(())),
        (&signers[1], json!({"alg": "Ed25519"}), Ok(())),
    ];
    for (signer, members, expected) in table {
        let keys = [jwk(signer, members.clone()), KEYS[0].jwk()];
        let found = outcome(&verifier(all.clone(), &keys), signer, Some("one")).map(|_| ());
        assert_eq!(found, expected, "{} under {members}", signer.alg);
    }
}

/// OpenID Connect Registration, section 2.
#[test]
fn jws_09_only_the_registered_algorithm_is_accepted() {
    let [first, ..] = &*KEYS;
    let client = client_with(&[first.jwk(), P384.jwk()]).with_signing_alg(Algorithm::ES384).unwrap();
    let verifier = fixture().policy(Policy::OIDC).clients([client]).at_issuer().build();
    assert!(outcome(&verifier, &P384, Some("one")).is_ok());
    assert_eq!(outcome(&verifier, first, Some("one")), Err(ClientFault::AlgorithmNotRegistered));
}

/// Faults of the client's registration come before those of the signature.
#[test]
fn key_11_weak_keys_are_told_apart_from_missing_ones() {
    let weak = json!({"kty": "RSA", "kid": "weak", "n": "sXchTQ", "e": "AQAB"});
    let verifier = verifier(Policy::RFC7523, &[KEYS[0].jwk(), weak]);
    for (kid, expected) in
        [(Some("weak"), ClientFault::WeakKey), (None, ClientFault::WeakKey), (Some("absent"), ClientFault::NoKey)]
    {
        assert_eq!(outcome(&verifier, &RSA, kid), Err(expected), "{kid:?}");
    }
}

/// A public key of this size that signs nothing: any odd number looks like a modulus.
fn modulus(bits: usize, number: u8) -> Value {
    let mut n = vec![number; bits.div_ceil(8)];
    *n.last_mut().unwrap() |= 1;
    n[0] = 0xFF >> (n.len() * 8 - bits);
    json!({"kty": "RSA", "kid": "one", "n": URL_SAFE_NO_PAD.encode(n), "e": "AQAB"})
}

/// Otherwise a client could raise the price of each forged assertion that names its keys.
#[test]
fn key_06_an_expensive_key_uses_up_more_than_one_trial() {
    let [large, same] = [4097, 4096].map(|bits| move |number| modulus(bits, number));
    let signer = &*RSA;
    let small = |number| modulus(2048, number);
    let key = signer.jwk();
    let rsa = [
        (4, vec![large(1), key.clone()], true),
        (4, vec![large(1), large(2), key.clone()], false),
        (4, vec![large(1), small(1), key.clone()], true),
        (4, vec![large(1), small(1), small(2), key.clone()], false),
        (4, vec![small(1), large(1), key.clone()], true),
        // An expensive key that does not fit is passed over, and a cheap one after it is tried.
        (4, vec![small(1), small(2), small(3), large(1), key.clone()], true),
        (4, vec![small(1), small(2), small(3), large(1), small(4), key.clone()], false),
        (4, vec![same(1), same(2), same(3), key.clone()], true),
        (4, vec![same(1), same(2), same(3), same(4), key.clone()], false),
        (2, vec![large(1), key.clone()], false),
        (2, vec![same(1), key.clone()], true),
        (6, vec![large(1), large(2), key.clone()], true),
        (6, vec![large(1), large(2), large(3), key], false),
    ];
    for (trials, keys, tried) in rsa {
        assert_tried(trials, &keys, signer, tried);
    }
}

type MakeSigner = fn(&'static str) -> Signer;

#[test]
fn key_06_two_p_521_keys_and_four_others_are_tried() {
    let curves: [(MakeSigner, [usize; 5]); 3] =
        [(Signer::es256, [1, 2, 4, 7, 8]), (Signer::es384, [1, 2, 4, 7, 8]), (Signer::es512, [1, 1, 2, 3, 4])];
    for (make, tried) in curves {
        let signers: Vec<_> = (0..9).map(|_| make("one")).collect();
        let keys: Vec<_> = signers.iter().map(Signer::jwk).collect();
        for (trials, tried) in [1, 2, 4, 7, 8].into_iter().zip(tried) {
            // With one trial, a second key is ambiguous.
            let keys = if trials == 1 { &keys[..1] } else { &keys };
            for (place, signer) in signers.iter().enumerate().take(keys.len()) {
                assert_tried(trials, keys, signer, place < tried);
            }
        }
    }
}

/// Asserts whether the key of `signer` is among those that are tried.
#[track_caller]
fn assert_tried(trials: usize, keys: &[Value], signer: &Signer, tried: bool) {
    let policy = Policy::RFC7523.with_algorithms(AlgorithmSet::ASYMMETRIC).dangerous().key_trials(trials);
    let expected = if tried { Ok(Some("one".into())) } else { Err(ClientFault::BadSignature) };
    assert_eq!(outcome(&verifier(policy, keys), signer, Some("one")), expected, "{trials} trials of {keys:?}");
}
