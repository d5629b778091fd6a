//! Parts of requests, and servers of which not everything is known.

use tower_client_assertion::explain::{Check, Explanation, NoClients, NoReplay, Outcome, Part, Verdict};
use tower_client_assertion::rejection::{Reason, RejectionKind, ServerFault};
use tower_client_assertion::{ClientAssertionLayer, Policy, TokenRequest};

use crate::common::attempt::Attempt;
use crate::common::vectors::VECTORS;
use crate::common::{Jwt, fixture, form, now_or_never, verify};
use crate::layer::{AT, layer};

fn of(explanation: &Explanation, check: Check) -> Outcome {
    explanation.steps().iter().find(|step| step.check() == check).unwrap().outcome()
}

fn not_judged(explanation: &Explanation) -> Vec<Check> {
    let steps = explanation.steps().iter().filter(|step| step.outcome() == Outcome::NotJudged);
    steps.map(|step| step.check()).collect()
}

const HEAD: [Check; 3] = [Check::Method, Check::ContentEncoding, Check::ContentType];

#[test]
fn a_form_is_judged_without_its_head() {
    let layer = ClientAssertionLayer::new(fixture().build());
    let body = Attempt::new().body();
    let explanation = now_or_never(layer.explain_part(Part::Form(body.as_bytes()), AT));
    assert!(matches!(explanation.verdict(), Verdict::Accepted { .. }), "{explanation}");
    let expected: Vec<_> = HEAD.into_iter().chain([Check::BodyComplete, Check::Query]).collect();
    assert_eq!(not_judged(&explanation), expected);

    let long = format!("{body}&x={}", "x".repeat(65_536));
    let explanation = now_or_never(layer.explain_part(Part::Form(long.as_bytes()), AT));
    assert_eq!(explanation.verdict().reason(), Some(Reason::BodyTooLarge));
    assert_eq!(explanation.answer().unwrap().status, 413);
    assert_eq!(of(&explanation, Check::Signature), Outcome::Passed, "the form is read nevertheless");
}

#[test]
fn an_assertion_is_judged_without_its_form() {
    let layer = ClientAssertionLayer::new(fixture().build());
    let explain = |text: &str| now_or_never(layer.explain_part(Part::Assertion(text), AT));
    let jwt = Jwt::new().signed();
    let explanation = explain(&jwt);
    assert!(matches!(explanation.verdict(), Verdict::Accepted { .. }), "{explanation}");
    let before: Vec<_> = Check::ALL.iter().copied().skip(1).take_while(|check| *check != Check::Assertion).collect();
    let later = [Check::ClientId, Check::ClientGrantType];
    assert_eq!(not_judged(&explanation), before.into_iter().chain(later).collect::<Vec<_>>());
    assert_eq!(explanation.endpoint().name(), "token");

    for (text, reason) in [
        ("", Reason::AssertionMissing),
        (" ", Reason::NotThreeParts),
        ("a.b", Reason::NotThreeParts),
        ("%41.&x=1+.", Reason::Malformed),
        ("\u{e9}..", Reason::Malformed),
        (&*format!("{jwt}\n"), Reason::Malformed),
        (&*Jwt::new().claim("aud", "x").signed(), Reason::AudUnexpected),
    ] {
        assert_eq!(explain(text).verdict().reason(), Some(reason), "{text:?}\n{}", explain(text));
    }
}

/// As if the form around it were right: for each vector, the verdict on the assertion is that on
/// the request, unless what surrounds it comes first.
#[test]
fn a_bare_assertion_gets_the_verdict_of_its_request() {
    for vector in VECTORS {
        let attempt = vector.attempt();
        let body = attempt.body();
        let mut values = form_urlencoded::parse(body.as_bytes()).filter(|(name, _)| name == "client_assertion");
        let (Some((_, text)), None) = (values.next(), values.next()) else { continue };
        let explanation = now_or_never(layer(vector.server).explain_part(Part::Assertion(&text), AT));
        let whole = Reason::from_code(vector.code);
        let failed = explanation.steps().iter().find_map(|step| step.reason());
        assert_eq!(explanation.verdict().reason(), failed, "{} {}", vector.code, vector.name);
        let of_form =
            whole.is_some_and(|reason| reason < Reason::AssertionTooLong || reason == Reason::ClientIdMismatch);
        if !of_form {
            assert_eq!(failed, whole, "{} {}\n{explanation}", vector.code, vector.name);
        }
    }
}

#[test]
fn without_clients_only_what_comes_before_is_decided() {
    let verifier = fixture().registry(NoClients).build();
    let right = form(&Jwt::new().signed());
    let explanation = now_or_never(verifier.explain(&TokenRequest::new(right.as_bytes()), AT));
    assert!(matches!(explanation.verdict(), Verdict::NotDecided { check: Check::Client, .. }));
    assert_eq!(explanation.advice().count(), 0);
    let unknown: Vec<_> = Check::ALL.iter().copied().filter(|check| *check >= Check::Client).collect();
    assert!(not_judged(&explanation).ends_with(&unknown), "{explanation}");
    assert!(explanation.steps().iter().any(|step| step.why() == Some("no clients were given")));

    let wrong = form(&Jwt::new().claim("aud", "x").signed());
    let explanation = now_or_never(verifier.explain(&TokenRequest::new(wrong.as_bytes()), AT));
    assert_eq!(explanation.verdict().reason(), Some(Reason::AudUnexpected));

    let registry = RejectionKind::Server(ServerFault::Registry);
    assert_eq!(*verify(&verifier, &right).unwrap_err().kind(), registry, "it accepts no request");
}

#[test]
fn without_a_store_single_use_is_not_judged() {
    let verifier = fixture().replay(NoReplay).build();
    let form = form(&Jwt::new().signed());
    let explanation = now_or_never(verifier.explain(&TokenRequest::new(form.as_bytes()), AT));
    assert!(matches!(explanation.verdict(), Verdict::Accepted { .. }));
    let unspent = explanation.steps().iter().find(|step| step.check() == Check::Unspent).unwrap();
    assert_eq!(unspent.why(), Some("no replay store was given"));
    let store = RejectionKind::Server(ServerFault::ReplayStore);
    assert_eq!(*verify(&verifier, &form).unwrap_err().kind(), store, "it accepts no request");
}

#[test]
fn a_verifier_explains_without_an_answer_and_in_plain_words() {
    let verifier = fixture().policy(Policy::REDOX).build();
    let wrong = form(&Jwt::new().claim("aud", "x").signed());
    let explanation = now_or_never(verifier.explain(&TokenRequest::new(wrong.as_bytes()), AT));
    assert_eq!(explanation.answer(), None);
    assert_eq!(explanation.advice().collect::<Vec<_>>(), [Reason::AudUnexpected.advice()]);
    assert_eq!(not_judged(&explanation).len(), 5, "the head");
}
