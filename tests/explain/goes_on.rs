//! A fault does not hide those behind it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_client_assertion::explain::{Check, Outcome, Part, Verdict};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, Limits};
use tower_client_assertion::rejection::Reason;
use tower_client_assertion::{ClientAssertionLayer, Policy};

use crate::common::attempt::{Attempt, Change, flip_signature};
use crate::common::vectors::Server;
use crate::common::{AUDIENCE, Jwt, NOW, SIGNER, client, fixture, now_or_never};
use crate::layer::{AT, explain, layer, said, send, whole};
use crate::servers::Unlisted;

/// The change to a request for the Redox API, and the checks with their codes that fail then, in
/// their order.
type Row = (&'static str, Change, &'static [(Check, &'static str)]);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("everything is right", |_| {}, &[]),
    ("method, type and audience", |a| { a.method = "PUT"; a.headers.clear(); a.claim("aud", "x"); },
        &[(Check::Method, "method"), (Check::ContentType, "content_type"), (Check::Aud, "aud_unexpected")]),
    ("a charset", |a| { a.header("content-type", "application/x-www-form-urlencoded; charset=latin1"); a.drop_claim("iat"); },
        &[(Check::ContentType, "charset"), (Check::Iat, "iat_missing")]),
    ("body and declared length", |a| a.header("content-length", "99999999"),
        &[(Check::BodySize, "body_too_large"), (Check::BodyComplete, "body_unreadable")]),
    ("every claim", |a| { for name in ["iss", "sub", "jti", "aud", "iat"] { a.claim(name, 1.5); } a.claim("exp", "x"); a.claim("nbf", "x"); a.jose("typ", "x"); },
        &[(Check::Iss, "iss_malformed"), (Check::Sub, "sub_malformed"), (Check::Jti, "jti_malformed"), (Check::Aud, "aud_malformed"),
          (Check::Typ, "typ_unexpected"), (Check::Nbf, "nbf_malformed"), (Check::Exp, "exp_malformed"), (Check::Iat, "iat_past")]),
    ("exp before the age of iat", |a| { a.claim("iat", NOW - 1_000); a.claim("exp", NOW - 700); },
        &[(Check::Exp, "exp_past"), (Check::Iat, "iat_past")]),
    ("a future iat without exp", |a| { a.claim("iat", NOW + 1_000); a.drop_claim("exp"); a.claim("nbf", NOW + 1_000); },
        &[(Check::Iat, "iat_future"), (Check::Nbf, "nbf_future")]),
    ("a future iat with exp", |a| { a.claim("iat", NOW + 1_000); a.claim("nbf", NOW + 1_000); },
        &[(Check::Nbf, "nbf_future"), (Check::Iat, "iat_future")]),
    ("header, claims and key", |a| { a.jose("kid", "key-9"); a.jose("crit", ["x"].as_slice()); a.claim("aud", format!("{AUDIENCE}/")); },
        &[(Check::Crit, "critical_header"), (Check::Aud, "aud_unexpected"), (Check::Key, "no_key")]),
    ("an unknown client and its dates", |a| { a.claim("iss", "unknown"); a.claim("sub", "unknown"); a.claim("exp", NOW - 20); },
        &[(Check::Exp, "exp_past"), (Check::Client, "unknown_client")]),
    ("repeats and a client id", |a| a.tail = "&scope=a&scope=b&client_id=clinic-8",
        &[(Check::Repeats, "parameter_repeated"), (Check::ClientId, "client_id_mismatch")]),
    ("padding and audience", |a| { a.claim("aud", "x"); a.mangle = |text| text.replacen('.', "=.", 1); },
        &[(Check::WellFormed, "malformed"), (Check::Aud, "aud_unexpected")]),
    ("line breaks", |a| { a.claim("aud", "x"); a.mangle = |text| text.replacen('.', "\r\n.", 1); },
        &[(Check::WellFormed, "malformed"), (Check::Aud, "aud_unexpected")]),
    ("apostrophes", |a| { a.claim("aud", "x"); a.mangle = |text| format!("'{text}'"); },
        &[(Check::WellFormed, "malformed"), (Check::Aud, "aud_unexpected")]),
    ("escaped too often", |a| { a.claim("aud", "x"); a.mangle = |text| text.replace('.', "%252E"); },
        &[(Check::ThreeParts, "not_three_parts"), (Check::Aud, "aud_unexpected")]),
    ("another signature in quotation marks", |a| a.mangle = |text| format!("\"{}\"", flip_signature(text)),
        &[(Check::WellFormed, "malformed"), (Check::Signature, "bad_signature")]),
    ("an exclamation mark in the signature", |a| { a.claim("aud", "x"); a.mangle = |text| format!("{text}!"); },
        &[(Check::WellFormed, "malformed"), (Check::Aud, "aud_unexpected")]),
    ("a header with a comma at its end", |a| { a.claim("aud", "x"); a.mangle = |text| with_part(&text, 0, ",}"); },
        &[(Check::WellFormed, "malformed"), (Check::Aud, "aud_unexpected")]),
    ("claims with a comma at their end", |a| { a.jose("alg", "x"); a.mangle = |text| with_part(&text, 1, ",}"); },
        &[(Check::WellFormed, "malformed"), (Check::Alg, "alg_not_allowed")]),
    ("a prefix and audience", |a| { a.claim("aud", "x"); a.mangle = |text| format!("Bearer {text}"); },
        &[(Check::WellFormed, "malformed"), (Check::Aud, "aud_unexpected")]),
    ("quotation marks and dates", |a| { a.claim("iat", NOW - 400); a.mangle = |text| format!("\"{text}\"\n"); },
        &[(Check::WellFormed, "malformed"), (Check::Iat, "iat_past")]),
    ("a long assertion", |a| { a.claim("x", "y".repeat(20_000)); a.claim("aud", "x"); },
        &[(Check::AssertionSize, "assertion_too_long"), (Check::Aud, "aud_unexpected")]),
    ("an algorithm that is not allowed", |a| a.jose("alg", "ES256"), &[(Check::Alg, "alg_not_allowed"), (Check::Key, "no_key")]),
    ("an unknown algorithm", |a| { a.jose("alg", "none"); a.jose("kid", "key-9"); },
        &[(Check::Alg, "alg_not_allowed"), (Check::Key, "no_key")]),
    ("an algorithm of secrets", |a| a.jose("alg", "HS256"),
        &[(Check::Alg, "alg_not_allowed"), (Check::AuthMethod, "method_not_registered")]),
    ("a nested assertion", |a| { a.jose("cty", "JWT"); a.claim("aud", "x"); },
        &[(Check::WellFormed, "encrypted"), (Check::Aud, "aud_unexpected")]),
    ("a long header", |a| { a.jose("x", "y".repeat(5_000)); a.claim("aud", "x"); },
        &[(Check::AssertionSize, "header_too_long"), (Check::Aud, "aud_unexpected")]),
];

/// Ends the JSON of the header (0) or the claims (1) in another way.
fn with_part(text: &str, at: usize, end: &str) -> String {
    let mut parts: Vec<String> = text.split('.').map(str::to_owned).collect();
    let mut json = URL_SAFE_NO_PAD.decode(&parts[at]).unwrap();
    json.pop();
    json.extend_from_slice(end.as_bytes());
    parts[at] = URL_SAFE_NO_PAD.encode(json);
    parts.join(".")
}

/// What was signed is not known if the characters were changed: by the client, or on the way.
#[test]
fn signatures_of_repaired_assertions_are_no_false_faults() {
    let in_standard = |text: &str| text.replace('-', "+").replace('_', "/");
    let jwt = Jwt::new().claim("x", ">>>???").signed();
    let input = in_standard(jwt.rsplit_once('.').unwrap().0);
    assert!(input.contains('+') || input.contains('/'), "{input}");
    let by_standard = format!("{input}.{}", in_standard(&URL_SAFE_NO_PAD.encode(SIGNER.signature(input.as_bytes()))));
    let right = Outcome::Passed;
    let cases = [
        ("signed, then in standard base64", in_standard(&jwt), right),
        ("signed in standard base64", by_standard.clone(), right),
        ("a plus sign that is not escaped", by_standard.replace('+', " "), right),
        ("padded", jwt.replacen('.', "=.", 1), right),
        ("another signature", in_standard(&flip_signature(jwt.clone())), Outcome::NotJudged),
    ];
    let layer = layer(Server::Redox);
    for (what, text, expected) in cases {
        let explanation = now_or_never(layer.explain_part(Part::Assertion(&text), AT));
        assert_eq!(explanation.verdict().reason(), Some(Reason::Malformed), "{what}\n{explanation}");
        let signature = explanation.steps().iter().find(|step| step.check() == Check::Signature).unwrap();
        assert_eq!(signature.outcome(), expected, "{what}\n{explanation}");
    }
}

/// What needs a part that cannot be read is not judged without it.
#[test]
fn the_header_and_the_claims_are_judged_each_on_its_own() {
    let of = |at: usize| {
        let text = with_part(&Jwt::new().signed(), at, ",}");
        now_or_never(layer(Server::Redox).explain_part(Part::Assertion(&text), AT))
    };
    let (no_header, no_claims) = (of(0), of(1));
    assert_eq!(no_claims.acceptable(), None);
    assert!(no_header.acceptable().is_some());
    let (mut of_header, mut of_claims) = (Vec::new(), Vec::new());
    for (explanation, without) in [(&no_header, &mut of_header), (&no_claims, &mut of_claims)] {
        let unread = Outcome::NotReached(Check::WellFormed);
        without.extend(explanation.steps().iter().filter(|step| step.outcome() == unread).map(|step| step.check()));
    }
    use Check as C;
    let expected = [C::Kid, C::Alg, C::Crit, C::Typ, C::AuthMethod, C::SigningAlg, C::Jku, C::Key, C::Signature];
    assert_eq!(of_header, expected, "{no_header}");
    let after = C::ALL
        .iter()
        .copied()
        .filter(|check| *check >= C::Iss && ![C::Typ, C::ClientId, C::ClientGrantType].contains(check));
    assert_eq!(of_claims, after.collect::<Vec<_>>(), "{no_claims}");
}

#[test]
fn every_fault_is_found() {
    for (what, change, expected) in TABLE {
        let explanation = explain(&layer(Server::Redox), &whole(Attempt::with(*change).request()), AT);
        let failed: Vec<_> =
            explanation.steps().iter().filter_map(|step| Some((step.check(), step.reason()?.code()))).collect();
        assert_eq!(failed, *expected, "{what}\n{explanation}");
        assert_eq!(explanation.verdict().reason().map(|reason| reason.code()), expected.first().map(|(_, code)| *code));
    }
}

/// The signature is checked although the claims failed, and the client is looked up.
#[test]
fn client_and_signature_are_judged_behind_failed_claims() {
    let explanation = explain(&layer(Server::Redox), &whole(Attempt::with(|a| a.claim("aud", "x")).request()), AT);
    let passed: Vec<_> =
        explanation.steps().iter().filter(|s| s.outcome() == Outcome::Passed).map(|s| s.check()).collect();
    for check in Check::ALL.iter().filter(|check| !matches!(check, Check::Tenant | Check::Aud)) {
        assert!(passed.contains(check), "{check}\n{explanation}");
    }
}

/// Of an algorithm that the policy does not allow, the key and the signature are judged.
#[test]
fn what_depends_on_the_algorithm_is_judged_if_it_is_known() {
    let clients = Unlisted(vec![client().into()]);
    let policy = Policy::REDOX.with_algorithms(AlgorithmSet::of(&[Algorithm::RS384]));
    let layer = ClientAssertionLayer::new(fixture().policy(policy).registry(clients).build()).preserve_body_types();
    let explanation = explain(&layer, &whole(Attempt::new().request()), AT);
    let failed: Vec<_> = explanation.steps().iter().filter_map(|step| step.reason()).collect();
    assert_eq!(failed, [Reason::AlgNotAllowed], "{explanation}");
    for check in [Check::AuthMethod, Check::SigningAlg, Check::Key, Check::Signature] {
        let step = explanation.steps().iter().find(|step| step.check() == check).unwrap();
        assert_eq!(step.outcome(), Outcome::Passed, "{check}\n{explanation}");
    }
}

/// An assertion that is longer than any body by default, under limits that permit it.
#[test]
fn assertions_within_raised_limits_are_judged() {
    const RAISED: usize = 256 * 1024;
    let limits = Limits::default().with_assertion(RAISED).with_header(RAISED);
    let layer =
        || ClientAssertionLayer::new(fixture().builder().limits(limits.clone()).build().unwrap()).preserve_body_types();
    let layer = || layer().body_limit(2 * RAISED).unwrap();
    let members: [Change; 2] = [|a| a.claim("x", "y".repeat(120_000)), |a| a.jose("x", "y".repeat(120_000))];
    for change in members {
        let request = whole(Attempt::with(change).request());
        let explanation = explain(&layer(), &request, AT);
        assert_eq!(said(&explanation), Some(send(&layer(), &request)), "{explanation}");
        assert!(matches!(explanation.verdict(), Verdict::Accepted { .. }), "{explanation}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let needs = |change: Change, check: Check| {
        let explanation = explain(&layer(Server::Redox), &whole(Attempt::with(change).request()), AT);
        let step = explanation.steps().iter().find(|step| step.check() == check).unwrap().clone();
        (step.outcome(), serde_json::to_value(&step).unwrap())
    };
    let table: [(Change, Check, Check); 9] = [
        (|a| a.form.clear(), Check::AssertionType, Check::OneMechanism),
        (|a| a.drop_parameter("client_assertion"), Check::Kid, Check::Assertion),
        (|a| a.mangle = |_| "a.b".into(), Check::WellFormed, Check::ThreeParts),
        (|a| a.mangle = |_| "a.b.!".into(), Check::Aud, Check::WellFormed),
        (|a| a.drop_claim("iss"), Check::Client, Check::Iss),
        (|a| a.claim("iss", "unknown"), Check::Signature, Check::Client),
        (|a| a.jose("alg", "none"), Check::Signature, Check::Alg),
        (|a| a.jose("kid", "key-9"), Check::Signature, Check::Key),
        (|a| a.claim("jti", 1), Check::Unspent, Check::Jti),
    ];
    for (change, check, missing) in table {
        let (outcome, json) = needs(change, check);
        assert_eq!(outcome, Outcome::NotReached(missing), "{check}");
        assert_eq!(json["needs"], missing.name(), "{check}");
    }
}
