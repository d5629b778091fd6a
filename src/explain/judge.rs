//! By which policy the steps of an assertion are judged.

use crate::clock::UnixTime;
use crate::rejection::ClientFault;
use crate::verifier::Verifier;
use crate::verifier::assertion::Assertion;
use crate::verifier::checks::check;
use crate::verifier::dry::Registered;
use crate::verifier::form_faults::FormFaults;
use crate::verifier::refusal::PolicyIndex;
use crate::verifier::rules::Rules;

/// The rules that judge an assertion.
pub(super) struct Judging<'a> {
    /// Those by which the header and the claims are judged.
    pub(super) rules: Rules<'a>,
    /// Those of the client, if it and its policy are known.
    pub(super) own: Option<Rules<'a>>,
}

/// Returns the claimed client, if its id is possible.
pub(super) fn named_client<'a>(verifier: &Verifier, assertion: &'a Assertion<'a>, at: UnixTime) -> Option<&'a str> {
    let rules = verifier.rules_of(PolicyIndex::default(), at);
    rules.check_iss(&assertion.claims).ok()?;
    assertion.claims.iss.text()
}

/// Chooses the policy of the client, unless the request is refused by another one before.
///
/// The claims are judged by all policies before the client is known. If none accepts them, the
/// fault is that of the policy under which most checks passed. If one does, the faults under the
/// policy of the client come after those of its grant type and its algorithm. No policy has judged
/// an assertion that `is_faulty` as a text.
pub(super) fn rules<'a>(
    assertion: Option<&Assertion<'_>>,
    is_faulty: bool,
    form: &FormFaults<'_>,
    known: &Registered,
    verifier: &'a Verifier,
    at: UnixTime,
) -> Judging<'a> {
    let first = verifier.rules_of(PolicyIndex::default(), at);
    let Some(assertion) = assertion else { return Judging { rules: first, own: None } };
    let client = known.client().and_then(Result::ok);
    let own = client.and_then(|client| verifier.policy_of(client).ok()).map(|policy| verifier.rules_of(policy, at));
    if is_faulty {
        return Judging { rules: own.unwrap_or(first), own };
    }
    let accepting = verifier.first_to_accept(assertion, form.client_id.as_deref(), at);
    let (found, fault) = match &accepting {
        Ok(policy) => (verifier.rules_of(*policy, at), None),
        Err((policy, rejection)) => (verifier.rules_of(*policy, at), Some(rejection.kind().reason())),
    };
    let (Some(client), Some(rules)) = (client, own) else { return Judging { rules: found, own } };
    let may_judge = match fault {
        None => {
            let algorithm = found.allowed_algorithm(&assertion.header);
            let fits = algorithm.is_some_and(|algorithm| client.check_algorithm(algorithm).is_ok());
            fits && form.grant_type_under(rules.policy).is_ok()
        }
        Some(fault) => {
            let own_fault = check(assertion, form.client_id.as_deref(), &rules).err();
            own_fault.map(|first| ClientFault::reason(&first.fault)) == Some(fault)
        }
    };
    Judging { rules: if may_judge { rules } else { found }, own }
}
