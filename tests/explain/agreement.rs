//! The verdict of an explanation is what the server decides.

use std::collections::BTreeSet;

use tower_client_assertion::explain::{Check, Explanation, Outcome, Step, Verdict};

use crate::common::vectors::VECTORS;
use crate::layer::{AT, Found, explain, layer, said, send, whole};
use crate::schema;
use crate::secrets::check_hidden;

/// What must hold for every explanation.
pub(crate) fn check_shape(explanation: &Explanation, what: &str) {
    let steps = explanation.steps();
    let checks: BTreeSet<Check> = steps.iter().map(|step| step.check()).collect();
    assert_eq!(
        (checks.len(), steps.len()),
        (Check::ALL.len() - 1, Check::ALL.len() - 1),
        "{what}: each check occurs once"
    );
    assert!(!checks.contains(&Check::Tenant), "{what}: the layer has one verifier");
    let failed: Vec<_> = steps.iter().filter_map(|step| step.reason()).collect();
    let codes: BTreeSet<_> = failed.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), failed.len(), "{what}: each code occurs once");
    match explanation.verdict() {
        Verdict::Accepted { .. } => {
            assert!(failed.is_empty(), "{what}: {failed:?}");
            let judged = |step: &Step| match step.outcome() {
                Outcome::Passed => true,
                Outcome::NotJudged => step.why().is_some(),
                _ => false,
            };
            assert!(steps.iter().all(judged), "{what}: {explanation}");
        }
        verdict => {
            if let Some(reason) = verdict.reason() {
                assert_eq!(failed.first(), Some(&reason), "{what}: the first that failed\n{explanation}");
            }
        }
    }
}

/// Compares an explanation with what the layer did.
pub(crate) fn check(explanation: &Explanation, found: &Found, what: &str) {
    check_shape(explanation, what);
    assert_eq!(said(explanation).as_ref(), Some(found), "{what}\n{explanation}");
    let json = serde_json::to_value(explanation).unwrap();
    schema::check(&json, what);
}

#[test]
fn the_verdict_is_that_of_the_server_for_each_vector() {
    for vector in VECTORS {
        let what = format!("{} {} at {:?}", vector.code, vector.name, vector.server);
        let request = whole(vector.attempt().request());
        let found = send(&layer(vector.server), &request);
        let code = match &found {
            Found::Refused { code, .. } => code,
            Found::Accepted(..) | Found::LetPass => "",
        };
        assert_eq!(code, vector.code, "{what}");
        let explanation = explain(&layer(vector.server), &request, AT);
        check(&explanation, &found, &what);
        check_hidden(&explanation, &request, &what);
    }
}
