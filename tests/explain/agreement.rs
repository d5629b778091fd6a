//! The verdict of an explanation is what the server decides.

use serde_json::Value;
use tower_client_assertion::explain::{Check, Explanation, Outcome, Verdict};

use crate::common::vectors::VECTORS;
use crate::layer::{AT, code, explain, layer, whole};

/// What must hold for every explanation.
pub(crate) fn check_shape(explanation: &Explanation, what: &str) {
    let steps = explanation.steps();
    let checks: std::collections::BTreeSet<Check> = steps.iter().map(|step| step.check()).collect();
    assert_eq!((checks.len(), steps.len()), (Check::ALL.len(), Check::ALL.len()), "{what}: each check occurs once");
    let failed: Vec<_> = steps.iter().filter_map(|step| step.reason()).collect();
    let codes: std::collections::BTreeSet<_> = failed.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), failed.len(), "{what}: each code occurs once");
    match explanation.verdict() {
        Verdict::Accepted { .. } => {
            assert!(failed.is_empty(), "{what}: {failed:?}");
            let judged = |step: &tower_client_assertion::explain::Step| match step.outcome() {
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

#[test]
fn the_verdict_is_that_of_the_server_for_each_vector() {
    for vector in VECTORS {
        let what = format!("{} {} at {:?}", vector.code, vector.name, vector.server);
        let request = whole(vector.attempt().request());
        let explanation = explain(&layer(vector.server), &request, AT);
        check_shape(&explanation, &what);
        let found = code(&layer(vector.server), &request);
        let expected = found.as_ref().map(|(code, ..)| *code).unwrap_or_default();
        assert_eq!(expected, vector.code, "{what}");
        assert_eq!(explanation.verdict().reason().map(|reason| reason.code()).unwrap_or_default(), expected, "{what}");
        match found {
            None => assert!(matches!(explanation.verdict(), Verdict::Accepted { .. }), "{what}"),
            Some((_, proven, response)) => {
                let answer = explanation.answer().unwrap();
                let body: Value = serde_json::from_slice(response.body()).unwrap();
                assert_eq!(answer.status, response.status().as_u16(), "{what}");
                assert_eq!(answer.error.as_deref(), body["error"].as_str(), "{what}");
                assert_eq!(answer.error_description.as_deref(), body["error_description"].as_str(), "{what}");
                let json = serde_json::to_value(&explanation).unwrap();
                assert_eq!(json["verdict"]["proven"], proven, "{what}");
            }
        }
    }
}
