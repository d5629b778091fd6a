//! The profiles over HTTP, cell by cell: each claim and header parameter in each of its states,
//! with the outcome in each profile. Then what a profile does beyond its cells.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use crate::common::attempt::{Attempt, Change, answer, flip_signature, send};
use crate::common::{AUDIENCE, CLIENT, Fixture, ISSUER, Jwt, NOW, SIGNER, Signer, clock, fixture, fresh_jti, key_set};
use serde_json::{Value, json};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, Policy};
use tower_client_assertion::registry::Client;
use tower_client_assertion::{ClientAssertionLayer, PreservedBodies};

static ES256: LazyLock<Signer> = LazyLock::new(|| Signer::es256("key-1"));

/// What a valid assertion of a profile looks like, and where its boundaries lie.
pub(crate) struct Profile {
    pub(crate) policy: Policy,
    pub(crate) signer: &'static LazyLock<Signer>,
    pub(crate) aud: &'static str,
    /// The longest accepted `aud` array with our name only.
    most_audiences: usize,
    pub(crate) expiry: u64,
    pub(crate) future: u64,
    /// How far ahead `exp` may lie, without the skew.
    pub(crate) life: Option<u64>,
}

pub(crate) const PROFILES: [Profile; 5] = [
    Profile {
        policy: Policy::REDOX,
        signer: &SIGNER,
        aud: AUDIENCE,
        most_audiences: 8,
        expiry: 10,
        future: 10,
        life: None,
    },
    Profile {
        policy: Policy::SMART_BACKEND_SERVICES,
        signer: &SIGNER,
        aud: AUDIENCE,
        most_audiences: 8,
        expiry: 30,
        future: 30,
        life: Some(300),
    },
    Profile {
        policy: Policy::RFC7523,
        signer: &SIGNER,
        aud: ISSUER,
        most_audiences: 1,
        expiry: 30,
        future: 30,
        life: Some(3600),
    },
    Profile {
        policy: Policy::FAPI2,
        signer: &ES256,
        aud: ISSUER,
        most_audiences: 0,
        expiry: 10,
        future: 10,
        life: Some(300),
    },
    Profile {
        policy: Policy::OIDC,
        signer: &SIGNER,
        aud: AUDIENCE,
        most_audiences: 8,
        expiry: 30,
        future: 30,
        life: Some(3600),
    },
];

impl Profile {
    pub(crate) fn fixture(&self) -> Fixture {
        let fixture = fixture().policy(self.policy.clone()).keys(&[self.signer.jwk()]);
        if self.aud == AUDIENCE { fixture.at_issuer_and_url() } else { fixture.at_issuer() }
    }

    fn layer_of(&self, policy: Policy) -> ClientAssertionLayer<PreservedBodies> {
        self.fixture().policy(policy).layer()
    }

    pub(crate) fn layer(&self) -> ClientAssertionLayer<PreservedBodies> {
        self.layer_of(self.policy.clone())
    }

    pub(crate) fn attempt(&self) -> Attempt {
        Attempt::of(self.signer, Jwt::by(self.signer, CLIENT).claim("aud", self.aud))
    }

    /// The status and the body of a refusal in this profile.
    pub(crate) fn refusal(&self, (redox, standard): Told) -> (u16, Value) {
        let (error, text) =
            if self.policy.name() == "redox" { ("invalid_request", redox) } else { ("invalid_client", standard) };
        (400, json!({"error": error, "error_description": text}))
    }
}

/// The text of a refusal: in Redox's wording, and in that of all other profiles.
pub(crate) type Told = (&'static str, &'static str);
pub(crate) type Outcome = Option<Told>;

const OK: Outcome = None;
const ISS: Outcome = Some(("Unexpected iss claim value", "Unexpected iss claim"));
const ISS_LONG: Outcome = Some(("Unexpected iss claim value", "iss claim is too long"));
const SUB: Outcome = Some(("Unexpected sub claim value", "Unexpected sub claim"));
const SUB_OTHER: Outcome = Some(("Unexpected sub claim value", "iss and sub must both be the client id"));
const AUD: Outcome = Some(("Unexpected aud claim value", "Unexpected aud claim"));
const AUD_LONG: Outcome = Some(("Unexpected aud claim value", "aud claim has too many values"));
const JTI: Outcome = Some(("Unexpected jti claim value", "Unexpected jti claim"));
const JTI_LONG: Outcome = Some(("Unexpected jti claim value", "jti claim is too long"));
const TYP: Outcome = Some(("Unexpected typ claim value", "Unexpected JWT type"));
const IAT_MISSING: Outcome = Some(("\"iat\" claim timestamp check failed", "Missing iat claim"));
const IAT_FORM: Outcome = Some(("\"iat\" claim timestamp check failed", "The iat claim must be a number"));
const IAT_AHEAD: Outcome =
    Some(("\"iat\" claim timestamp check failed (it should be in the past)", "iat is in the future"));
const IAT_OLD: Outcome =
    Some(("\"iat\" claim timestamp check failed (too far in the past)", "iat is too far in the past"));
const NBF_FORM: Outcome = Some(("\"nbf\" claim timestamp check failed", "The nbf claim must be a number"));
const NBF_AHEAD: Outcome = Some(("\"nbf\" claim timestamp check failed", "Client assertion is not yet valid"));
const EXP_MISSING: Outcome = Some(("\"exp\" claim timestamp check failed", "Missing exp claim"));
const EXP_FORM: Outcome = Some(("\"exp\" claim timestamp check failed", "The exp claim must be a number"));
const EXP_PAST: Outcome = Some(("\"exp\" claim timestamp check failed", "Client assertion has expired"));
const EXP_FAR: Outcome = Some(("\"exp\" claim timestamp check failed", "exp is too far in the future"));
const KID: Outcome = Some(("JWT header kid property is required", "JWT header 'kid' is required"));
const KID_FORM: Outcome = Some(("JWT header kid property is required", "JWT header 'kid' is invalid"));
const KID_LONG: Outcome = Some(("JWT header kid property is required", "JWT header 'kid' is too long"));
const ALG: Outcome = Some(("", "Signing algorithm is not allowed"));
const CRIT: Outcome = Some(("", "Unsupported critical header parameter"));
const JKU: Outcome = Some(("", "JWT header 'jku' does not match the registered key set URL"));
const NO_KEY: Outcome =
    Some(("Public key not found, check client_id, kid and Redox dashboard settings", "Client authentication failed"));

const fn all(outcome: Outcome) -> [Outcome; 5] {
    [outcome; 5]
}

/// The part that is changed, its state, the change, and the outcome in Redox, SMART, RFC 7523, FAPI
/// 2.0 and OpenID Connect.
pub(crate) type Cell = (&'static str, &'static str, fn(&mut Attempt, &Profile), [Outcome; 5]);

/// The numbers are those of the requirements that a cell covers.
pub(crate) const CELLS: &[Cell] = &[
    ("iss", "absent CLM-01", |a, _| a.drop_claim("iss"), all(ISS)),
    ("iss", "null", |a, _| a.claim("iss", Value::Null), all(ISS)),
    ("iss", "wrong type CLM-01", |a, _| a.claim("iss", json!([CLIENT])), all(ISS)),
    ("iss", "empty", |a, _| a.claim("iss", ""), all(ISS)),
    ("iss", "boundary - 1 KEY-01", |a, _| a.client(&"c".repeat(511)), all(NO_KEY)),
    ("iss", "boundary KEY-01", |a, _| a.client(&"c".repeat(512)), all(NO_KEY)),
    ("iss", "boundary + 1", |a, _| a.client(&"c".repeat(513)), all(ISS_LONG)),
    ("iss", "not ASCII", |a, _| a.client("clínic-7"), all(ISS)),
    ("iss", "with a NUL", |a, _| a.client("clinic-7\0"), all(ISS)),
    ("iss", "another case KEY-01", |a, _| a.client("Clinic-7"), all(NO_KEY)),
    ("sub", "absent CLM-02", |a, _| a.drop_claim("sub"), all(SUB)),
    ("sub", "null", |a, _| a.claim("sub", Value::Null), all(SUB)),
    ("sub", "wrong type", |a, _| a.claim("sub", json!([CLIENT])), all(SUB)),
    ("sub", "empty", |a, _| a.claim("sub", ""), all(SUB)),
    ("sub", "boundary - 1 CLM-02", |a, _| a.claim("sub", &CLIENT[..CLIENT.len() - 1]), all(SUB_OTHER)),
    ("sub", "boundary", |a, _| a.claim("sub", CLIENT), all(OK)),
    ("sub", "boundary + 1 CLM-02", |a, _| a.claim("sub", format!("{CLIENT}0")), all(SUB_OTHER)),
    ("aud", "absent CLM-03", |a, _| a.drop_claim("aud"), all(AUD)),
    ("aud", "null", |a, _| a.claim("aud", Value::Null), all(AUD)),
    ("aud", "wrong type CLM-03", |a, p| a.claim("aud", json!({"aud": p.aud})), all(AUD)),
    ("aud", "wrong type inside CLM-03", |a, p| a.claim("aud", json!([p.aud, 1])), all(AUD)),
    ("aud", "empty", |a, _| a.claim("aud", ""), all(AUD)),
    ("aud", "empty array CLM-03", |a, _| a.claim("aud", json!([])), all(AUD)),
    ("aud", "boundary - 1", |a, p| a.audiences(p, p.most_audiences.saturating_sub(1)), [OK, OK, AUD, AUD, OK]),
    ("aud", "boundary CLM-03a CLM-03c", |a, p| a.audiences(p, p.most_audiences), [OK, OK, OK, AUD, OK]),
    (
        "aud",
        "boundary + 1 CLM-03b",
        |a, p| a.audiences(p, p.most_audiences + 1),
        [AUD_LONG, AUD_LONG, AUD, AUD, AUD_LONG],
    ),
    ("jti", "absent CLM-04", |a, _| a.drop_claim("jti"), [JTI, JTI, OK, JTI, JTI]),
    ("jti", "null", |a, _| a.claim("jti", Value::Null), all(JTI)),
    ("jti", "wrong type", |a, _| a.claim("jti", 7), all(JTI)),
    ("jti", "empty", |a, _| a.claim("jti", ""), all(JTI)),
    ("jti", "boundary - 1", |a, _| a.claim("jti", long_jti(255)), all(OK)),
    ("jti", "boundary", |a, _| a.claim("jti", long_jti(256)), all(OK)),
    ("jti", "boundary + 1", |a, _| a.claim("jti", long_jti(257)), all(JTI_LONG)),
    ("jti", "with a line break", |a, _| a.claim("jti", "a\nb"), all(JTI)),
    ("iat", "absent TIME-09", |a, _| a.drop_claim("iat"), [IAT_MISSING, OK, OK, OK, OK]),
    ("iat", "null TIME-01", |a, _| a.claim("iat", Value::Null), all(IAT_FORM)),
    ("iat", "wrong type TIME-01", |a, _| a.claim("iat", NOW.to_string()), all(IAT_FORM)),
    ("iat", "empty", |a, _| a.claim("iat", ""), all(IAT_FORM)),
    ("iat", "boundary - 1 TIME-06", |a, p| a.claim("iat", NOW + p.future - 1), all(OK)),
    ("iat", "boundary TIME-06 TIME-08", |a, p| a.claim("iat", NOW + p.future), all(OK)),
    ("iat", "boundary + 1 TIME-08", |a, p| a.claim("iat", NOW + p.future + 1), all(IAT_AHEAD)),
    ("iat", "a minute and a second ahead TIME-06", |a, _| a.claim("iat", NOW + 61), all(IAT_AHEAD)),
    ("iat", "oldest TIME-07", |a, _| a.claim("iat", NOW - 310), all(OK)),
    ("iat", "a second older than that TIME-07", |a, _| a.claim("iat", NOW - 311), [IAT_OLD, OK, OK, OK, OK]),
    ("iat", "years old TIME-07", |a, _| a.claim("iat", 1), [IAT_OLD, OK, OK, OK, OK]),
    ("nbf", "absent TIME-05", |a, _| a.drop_claim("nbf"), all(OK)),
    ("nbf", "null TIME-01", |a, _| a.claim("nbf", Value::Null), all(NBF_FORM)),
    ("nbf", "wrong type TIME-01", |a, _| a.claim("nbf", json!([NOW])), all(NBF_FORM)),
    ("nbf", "empty", |a, _| a.claim("nbf", ""), all(NBF_FORM)),
    ("nbf", "boundary - 1 TIME-05", |a, p| a.claim("nbf", NOW + p.future - 1), all(OK)),
    ("nbf", "boundary TIME-05 TIME-06", |a, p| a.claim("nbf", NOW + p.future), all(OK)),
    ("nbf", "boundary + 1 TIME-05", |a, p| a.claim("nbf", NOW + p.future + 1), all(NBF_AHEAD)),
    ("nbf", "a minute and a second ahead TIME-06", |a, _| a.claim("nbf", NOW + 61), all(NBF_AHEAD)),
    ("exp", "absent TIME-02", |a, _| a.drop_claim("exp"), [OK, EXP_MISSING, EXP_MISSING, EXP_MISSING, EXP_MISSING]),
    ("exp", "null TIME-01", |a, _| a.claim("exp", Value::Null), all(EXP_FORM)),
    ("exp", "wrong type TIME-01", |a, _| a.claim("exp", (NOW + 60).to_string()), all(EXP_FORM)),
    ("exp", "empty", |a, _| a.claim("exp", ""), all(EXP_FORM)),
    ("exp", "boundary - 1 TIME-03", |a, p| a.claim("exp", NOW - p.expiry - 1), all(EXP_PAST)),
    ("exp", "boundary TIME-03", |a, p| a.claim("exp", NOW - p.expiry), all(EXP_PAST)),
    ("exp", "boundary + 1 TIME-03", |a, p| a.claim("exp", NOW - p.expiry + 1), all(OK)),
    ("exp", "a fraction over TIME-01 TIME-03", |a, p| a.claim("exp", (NOW - p.expiry) as f64 + 0.5), all(OK)),
    ("exp", "furthest - 1 TIME-04", |a, p| a.claim("exp", p.furthest() - 1), all(OK)),
    ("exp", "furthest TIME-04 TIME-04a", |a, p| a.claim("exp", p.furthest()), all(OK)),
    (
        "exp",
        "furthest + 1 TIME-04 TIME-04a",
        |a, p| a.claim("exp", p.furthest() + 1),
        [OK, EXP_FAR, EXP_FAR, EXP_FAR, EXP_FAR],
    ),
    ("exp", "five minutes ahead and no iat TIME-04a", |a, _| a.drop_claim("iat"), [IAT_MISSING, OK, OK, OK, OK]),
    ("typ", "absent JWS-16", |a, _| a.drop_jose("typ"), all(OK)),
    ("typ", "null", |a, _| a.jose("typ", Value::Null), all(TYP)),
    ("typ", "wrong type", |a, _| a.jose("typ", json!(["JWT"])), all(TYP)),
    ("typ", "empty", |a, _| a.jose("typ", ""), all(TYP)),
    ("typ", "boundary - 1", |a, _| a.jose("typ", "JW"), all(TYP)),
    ("typ", "boundary", |a, _| a.jose("typ", "JWT"), all(OK)),
    ("typ", "boundary + 1", |a, _| a.jose("typ", "JWTs"), all(TYP)),
    ("typ", "in lower case JWS-16", |a, _| a.jose("typ", "jwt"), all(OK)),
    ("typ", "with its prefix JWS-16", |a, _| a.jose("typ", "Application/Jwt"), all(OK)),
    ("typ", "with another prefix JWS-16", |a, _| a.jose("typ", "text/jwt"), all(TYP)),
    ("typ", "with a parameter", |a, _| a.jose("typ", "JWT; charset=utf-8"), all(TYP)),
    // In OpenID Connect it requires the issuer, and the assertion addresses the token endpoint.
    ("typ", "of an assertion", |a, _| a.jose("typ", "client-authentication+jwt"), [TYP, OK, OK, OK, AUD]),
    ("kid", "absent JWS-13 KEY-07", |a, _| a.drop_jose("kid"), [KID, KID, OK, OK, OK]),
    ("kid", "null JWS-12", |a, _| a.jose("kid", Value::Null), all(KID)),
    ("kid", "wrong type JWS-12", |a, _| a.jose("kid", 1), all(KID)),
    ("kid", "empty JWS-13", |a, _| a.jose("kid", ""), all(KID)),
    ("kid", "boundary - 1", |a, _| a.jose("kid", "k".repeat(255)), all(NO_KEY)),
    ("kid", "boundary", |a, _| a.jose("kid", "k".repeat(256)), all(NO_KEY)),
    ("kid", "boundary + 1 JWS-12", |a, _| a.jose("kid", "k".repeat(257)), all(KID_LONG)),
    ("kid", "with a control character JWS-12", |a, _| a.jose("kid", "key-1\r"), all(KID_FORM)),
    ("kid", "another case JWS-12", |a, _| a.jose("kid", "KEY-1"), all(NO_KEY)),
    ("alg", "absent JWS-07", |a, _| a.drop_jose("alg"), all(ALG)),
    ("alg", "null JWS-07", |a, _| a.jose("alg", Value::Null), all(ALG)),
    ("alg", "wrong type JWS-07", |a, p| a.jose("alg", json!([p.signer.alg])), all(ALG)),
    ("alg", "empty JWS-07", |a, _| a.jose("alg", ""), all(ALG)),
    ("alg", "boundary - 1", |a, p| a.jose("alg", &p.signer.alg[..4]), all(ALG)),
    ("alg", "boundary", |a, p| a.jose("alg", p.signer.alg), all(OK)),
    ("alg", "boundary + 1", |a, p| a.jose("alg", format!("{}0", p.signer.alg)), all(ALG)),
    ("alg", "in lower case JWS-07", |a, p| a.jose("alg", p.signer.alg.to_lowercase()), all(ALG)),
    ("alg", "none JWS-08", |a, _| a.jose("alg", "none"), all(ALG)),
    ("alg", "none in another case JWS-08", |a, _| a.jose("alg", "nOnE"), all(ALG)),
    ("alg", "known, not for the key JWS-07", |a, _| a.jose("alg", "ES512"), [ALG, ALG, NO_KEY, ALG, NO_KEY]),
    ("alg", "allowed and not for the key KEY-08", |a, p| a.jose("alg", p.other_algorithm()), all(NO_KEY)),
    ("crit", "present JWS-10", |a, _| a.jose("crit", json!(["exp"])), all(CRIT)),
    ("crit", "empty JWS-10", |a, _| a.jose("crit", json!([])), all(CRIT)),
    ("b64", "true JWS-11", |a, _| a.jose("b64", true), all(CRIT)),
    ("b64", "false JWS-11", |a, _| a.jose("b64", false), all(CRIT)),
    ("jku", "not registered JWS-14", |a, _| a.jose("jku", "https://evil.example/jwks"), [JKU, JKU, JKU, JKU, OK]),
    ("jku", "null JWS-14", |a, _| a.jose("jku", Value::Null), [JKU, JKU, JKU, JKU, OK]),
    ("x", "unknown to us JWS-18", |a, _| a.jose("x", json!({"y": [1, null]})), all(OK)),
    ("x", "unknown to us CLM-05", |a, _| a.claim("x", json!({"y": [1, null]})), all(OK)),
];

impl Attempt {
    fn client(&mut self, id: &str) {
        self.claim("iss", id);
        self.claim("sub", id);
    }

    fn audiences(&mut self, profile: &Profile, count: usize) {
        self.claim("aud", json!(vec![profile.aud; count]));
    }
}

impl Profile {
    /// The last moment at which an assertion may expire.
    fn furthest(&self) -> u64 {
        self.life.map_or(NOW + 1_000_000_000, |life| NOW + life + self.future)
    }

    /// An algorithm that the profile allows and the client has no key for.
    fn other_algorithm(&self) -> &'static str {
        let allowed = self.policy.algorithms().difference(AlgorithmSet::MAC);
        allowed.iter().map(Algorithm::name).find(|name| *name != self.signer.alg).unwrap()
    }
}

fn long_jti(len: usize) -> String {
    format!("{:j<len$}", fresh_jti())
}

#[test]
fn every_cell_has_the_outcome_of_its_profile() {
    for (column, profile) in PROFILES.iter().enumerate() {
        let layer = profile.layer();
        for (name, state, change, outcomes) in CELLS {
            let mut attempt = profile.attempt();
            change(&mut attempt, profile);
            let expected = outcomes[column].map_or((200, Value::Null), |told| profile.refusal(told));
            assert_eq!(answer(&layer, &attempt), expected, "{}: {name} {state}", profile.policy.name());
        }
    }
}

#[test]
fn no_cell_is_missing() {
    let there: HashSet<_> = CELLS.iter().map(|(name, state, ..)| format!("{name} {state} ")).collect();
    for name in ["iss", "sub", "aud", "jti", "iat", "nbf", "exp", "typ", "kid", "alg"] {
        for state in ["absent", "null", "wrong type", "empty", "boundary - 1", "boundary", "boundary + 1"] {
            let cell = format!("{name} {state} ");
            let found = there.iter().any(|row| {
                row.strip_prefix(&cell).is_some_and(|ids| ids.is_empty() || ids.starts_with(char::is_uppercase))
            });
            assert!(found, "{cell}");
        }
    }
}

/// The order of the checks is part of each profile's contract: the first fault is answered.
const ORDER: [&str; 11] = ["kid", "alg", "crit", "iss", "sub", "jti", "aud", "typ", "iat", "nbf", "exp"];

#[test]
fn the_earlier_of_two_faults_is_answered_in_every_profile() {
    let broken = |name: &str| {
        let state = if name == "crit" { "present" } else { "wrong type" };
        CELLS.iter().find(|cell| cell.0 == name && cell.1.starts_with(state)).unwrap()
    };
    for (column, profile) in PROFILES.iter().enumerate() {
        let layer = profile.layer();
        for (index, earlier) in ORDER.iter().enumerate() {
            for later in &ORDER[index + 1..] {
                let mut attempt = profile.attempt();
                broken(later).2(&mut attempt, profile);
                broken(earlier).2(&mut attempt, profile);
                let expected = profile.refusal(broken(earlier).3[column].unwrap());
                assert_eq!(answer(&layer, &attempt), expected, "{}: {earlier}, {later}", profile.policy.name());
            }
        }
    }
}

/// RFC 8725, section 3.12: the types of other JWTs, and similar ones.
const FOREIGN_TYPES: [&str; 16] = [
    "at+jwt",
    "dpop+jwt",
    "entity-statement+jwt",
    "kb+jwt",
    "logout+jwt",
    "oauth-authz-req+jwt",
    "oauth-client-attestation+jwt",
    "oauth-client-attestation-pop+jwt",
    "secevent+jwt",
    "statuslist+jwt",
    "token-introspection+jwt",
    "trust-mark+jwt",
    "vc+jwt",
    "wit+jwt",
    "application/AT+JWT",
    "dc+sd-jwt",
];

#[test]
fn jws_17_other_explicit_types_are_refused_in_every_profile() {
    for profile in PROFILES {
        let layer = profile.layer();
        for typ in FOREIGN_TYPES {
            let mut attempt = profile.attempt();
            attempt.jose("typ", typ);
            assert_eq!(answer(&layer, &attempt), profile.refusal(TYP.unwrap()), "{} {typ}", profile.policy.name());
        }
    }
}

#[test]
fn configured_types_are_compared_as_media_types() {
    let [_, _, rfc7523, ..] = PROFILES;
    for configured in ["private+jwt", "application/private+jwt", "Application/Private+JWT"] {
        let policy = Policy::RFC7523.dangerous().accept_typ(Vec::leak(vec![configured]));
        let layer = rfc7523.layer_of(policy);
        for (given, accepted) in [
            (Some("private+jwt"), true),
            (Some("application/private+jwt"), true),
            (Some("PRIVATE+JWT"), true),
            (None, true),
            (Some("application/application/private+jwt"), false),
            (Some("JWT"), false),
            (Some("client-authentication+jwt"), false),
        ] {
            let mut attempt = rfc7523.attempt();
            attempt.drop_jose("typ");
            given.into_iter().for_each(|typ| attempt.jose("typ", typ));
            assert_eq!(answer(&layer, &attempt).0 == 200, accepted, "{configured}, {given:?}");
        }
    }
}

#[test]
fn requirements_can_be_tightened_in_every_profile() {
    type Narrowed = (&'static str, fn(Policy) -> Policy, Change, Outcome);
    let cases: &[Narrowed] = &[
        ("kid", |policy| policy.require_kid(), |a| a.drop_jose("kid"), KID),
        ("typ", |policy| policy.require_typ(), |a| a.drop_jose("typ"), TYP),
        ("jti", |policy| policy.require_jti(), |a| a.drop_claim("jti"), JTI),
        ("iat", |policy| policy.require_iat(), |a| a.drop_claim("iat"), IAT_MISSING),
        ("exp", |policy| policy.require_exp(), |a| a.drop_claim("exp"), EXP_MISSING),
    ];
    for profile in PROFILES {
        for (name, narrow, change, told) in cases {
            let layer = profile.layer_of(narrow(profile.policy.clone()));
            let mut attempt = profile.attempt();
            assert_eq!(answer(&layer, &attempt).0, 200, "{}: with {name}", profile.policy.name());
            attempt.claim("jti", fresh_jti());
            change(&mut attempt);
            let expected = profile.refusal(told.unwrap());
            assert_eq!(answer(&layer, &attempt), expected, "{}: without {name}", profile.policy.name());
        }
    }
}

#[test]
fn a_loosened_rule_loosens_nothing_else() {
    let [redox, smart, ..] = PROFILES;
    /// What is accepted then, and what is still refused.
    type Loosened<'p> = (&'p Profile, fn(Policy) -> Policy, Change, Change);
    let cases: &[Loosened<'_>] = &[
        (&redox, |p| p.dangerous().optional_kid(), |a| a.drop_jose("kid"), |a| a.jose("kid", "")),
        (&redox, |p| p.dangerous().optional_jti(), |a| a.drop_claim("jti"), |a| a.claim("jti", "")),
        (
            &redox,
            |p| p.require_exp().dangerous().max_lifetime(Some(secs(60))).dangerous().optional_iat(),
            |a| {
                a.drop_claim("iat");
                a.claim("exp", NOW + 70);
            },
            |a| a.claim("iat", ""),
        ),
        (
            &smart,
            |p| p.with_max_age(secs(60)).require_iat().dangerous().optional_exp(),
            |a| a.drop_claim("exp"),
            |a| a.claim("exp", ""),
        ),
        (
            &redox,
            |p| p.dangerous().max_age(Some(secs(600))),
            |a| a.claim("iat", NOW - 610),
            |a| a.claim("iat", NOW - 611),
        ),
        (
            &smart,
            |p| p.dangerous().max_lifetime(Some(secs(301))),
            |a| a.claim("exp", NOW + 331),
            |a| a.claim("exp", NOW + 332),
        ),
    ];
    for (row, (profile, loosen, accepted, refused)) in cases.iter().enumerate() {
        for (change, layer, status) in [
            (accepted, profile.layer(), 400),
            (accepted, profile.layer_of(loosen(profile.policy.clone())), 200),
            (refused, profile.layer_of(loosen(profile.policy.clone())), 400),
        ] {
            let mut attempt = profile.attempt();
            change(&mut attempt);
            assert_eq!(answer(&layer, &attempt).0, status, "row {row}");
        }
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn form_06_form_07_the_grant_type_must_be_in_the_set() {
    const TWO: &[&str] = &["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"];
    type Given = (&'static str, Option<&'static str>);
    let cases: &[(Policy, &[Given])] = &[
        (
            Policy::SMART_BACKEND_SERVICES,
            &[
                ("client_credentials", None),
                ("Client_Credentials", Some("unsupported_grant_type")),
                ("client_credentials ", Some("unsupported_grant_type")),
                ("authorization_code", Some("unsupported_grant_type")),
                ("", Some("invalid_request")),
            ],
        ),
        (
            Policy::SMART_BACKEND_SERVICES.with_grant_types(TWO),
            &[
                ("client_credentials", None),
                ("urn:ietf:params:oauth:grant-type:token-exchange", None),
                ("urn:ietf:params:oauth:grant-type:", Some("unsupported_grant_type")),
                ("", Some("invalid_request")),
            ],
        ),
        (
            Policy::SMART_BACKEND_SERVICES.allow_any_grant_type(),
            &[("authorization_code", None), ("x", None), ("", None)],
        ),
        (Policy::RFC7523, &[("authorization_code", None), ("x", None), ("", None)]),
        (Policy::FAPI2, &[("password", None), ("", None)]),
        (Policy::OIDC, &[("refresh_token", None), ("", None)]),
    ];
    for (policy, given) in cases {
        let profile = PROFILES.into_iter().find(|profile| profile.policy.name() == policy.name()).unwrap();
        let layer = profile.layer_of(policy.clone());
        for (grant_type, error) in *given {
            for present in [true, false] {
                if !present && !grant_type.is_empty() {
                    continue;
                }
                let mut attempt = profile.attempt();
                attempt.drop_parameter("grant_type");
                if present {
                    attempt.parameter("grant_type", grant_type);
                }
                let (status, body) = answer(&layer, &attempt);
                let expected = if error.is_some() { 400 } else { 200 };
                assert_eq!((status, body["error"].as_str()), (expected, *error), "{} {grant_type:?}", policy.name());
            }
        }
    }
}

#[test]
fn rpl_02_rpl_04_a_jti_is_spent_until_its_assertion_expires() {
    for profile in PROFILES {
        let time = clock();
        let client = Client::new(CLIENT, key_set(&[profile.signer.jwk()])).unwrap();
        let layer = profile.fixture().clients([client]).clock(&time).layer();

        let mut attempt = profile.attempt();
        attempt.claim("exp", NOW + 60);
        assert_eq!(answer(&layer, &attempt).0, 200);
        let replayed = profile.refusal(("Unexpected jti claim value", "Client assertion has already been used"));
        assert_eq!(answer(&layer, &attempt), replayed);
        time.advance(60 + profile.expiry - 1);
        assert_eq!(answer(&layer, &attempt), replayed, "{}: in its last second", profile.policy.name());
        time.advance(1);
        assert_eq!(answer(&layer, &attempt), profile.refusal(EXP_PAST.unwrap()));
        // The same `jti` in another assertion, once the extra second of RPL-05 is over.
        attempt.claim("iat", NOW + 60 + profile.expiry);
        attempt.claim("exp", NOW + 120);
        assert_eq!(answer(&layer, &attempt), replayed, "{}: RPL-05", profile.policy.name());
        time.advance(1);
        assert_eq!(answer(&layer, &attempt).0, 200, "{}: a second later", profile.policy.name());
    }
}

#[test]
fn rpl_03_assertions_without_a_jti_are_single_use_too() {
    let [redox, _, rfc7523, ..] = PROFILES;
    let optional = Policy::REDOX.dangerous().optional_jti();
    for (profile, policy) in [(&rfc7523, Policy::RFC7523), (&redox, optional)] {
        let layer = profile.fixture().policy(policy).layer();
        let mut attempt = profile.attempt();
        attempt.drop_claim("jti");
        let replayed = profile.refusal(("Unexpected jti claim value", "Client assertion has already been used"));
        // The signing input is the same each time. The signature is not: ECDSA has a random part.
        assert_eq!(answer(&layer, &attempt).0, 200);
        for _ in 0..3 {
            assert_eq!(answer(&layer, &attempt), replayed);
        }
        attempt.claim("exp", NOW + 299);
        assert_eq!(answer(&layer, &attempt).0, 200, "another signing input is another assertion");
    }
}

#[test]
fn rpl_03_reuse_without_a_jti_is_a_dangerous_setting() {
    let [redox, _, rfc7523, ..] = PROFILES;
    for profile in [&rfc7523, &redox] {
        let policy = profile.policy.clone().dangerous().reusable_without_jti();
        assert!(policy.is_reusable_without_jti() && !policy.requires_jti());
        assert!(!policy.clone().require_jti().is_reusable_without_jti() && !profile.policy.is_reusable_without_jti());
        let layer = profile.fixture().policy(policy).layer();
        let mut attempt = profile.attempt();
        let replayed = profile.refusal(("Unexpected jti claim value", "Client assertion has already been used"));
        assert_eq!(answer(&layer, &attempt).0, 200);
        assert_eq!(answer(&layer, &attempt), replayed, "with a jti it is single use");
        attempt.drop_claim("jti");
        for _ in 0..3 {
            assert_eq!(answer(&layer, &attempt).0, 200);
        }
    }
}

#[test]
fn err_01_sig_01_each_profile_has_its_error_codes() {
    for profile in PROFILES {
        let layer = profile.layer();
        let mut attempt = profile.attempt();
        attempt.mangle = flip_signature;
        let response = send(&layer, &attempt);
        let told: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!((400, told), profile.refusal(("", "Client assertion signature is invalid")));
        for (name, value) in
            [("content-type", "application/json"), ("cache-control", "no-store"), ("pragma", "no-cache")]
        {
            assert_eq!(response.headers()[name], value, "{}", profile.policy.name());
        }
    }
}

#[test]
fn each_profile_accepts_exactly_its_algorithms() {
    let table = [
        ("redox", "RS384, ES384, HS384"),
        ("smart", "RS384, ES384"),
        (
            "rfc7523",
            "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519, ML-DSA-44, ML-DSA-65, ML-DSA-87",
        ),
        ("fapi2", "PS256, ES256, EdDSA, Ed25519"),
        (
            "oidc",
            "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519, ML-DSA-44, ML-DSA-65, ML-DSA-87, HS256, HS384, HS512",
        ),
    ];
    for (profile, (name, algorithms)) in PROFILES.iter().zip(table) {
        assert_eq!((profile.policy.name(), &*profile.policy.algorithms().to_string()), (name, algorithms));
        let layer = profile.layer();
        for algorithm in Algorithm::ALL {
            let mut attempt = profile.attempt();
            attempt.jose("alg", algorithm.name());
            let (_, body) = answer(&layer, &attempt);
            let told = body.get("error_description").and_then(Value::as_str);
            let refused = told == Some("Signing algorithm is not allowed") || told == Some("");
            let allowed = profile.policy.algorithms().contains(algorithm);
            // In Redox's wording, HMAC by a client with keys is as blank as an algorithm that is
            // not allowed.
            assert_eq!(refused, !allowed || (name == "redox" && algorithm.is_mac()), "{name} {algorithm}: {told:?}");
        }
    }
}
