//! The steps of the header and the claims.

use super::check::Check;
use super::step::Step;
use crate::event::Excerpt;
use crate::jose::digest::sha256;
use crate::rejection::{Claim, ClaimFault, ClientFault, Reason};
use crate::verifier::assertion::{Assertion, Field};
use crate::verifier::checks::claim_faults;
use crate::verifier::findings::{claim_finding, header_finding};
use crate::verifier::rules::Rules;
use crate::verifier::text_faults::Unread;

const HEADER: [Check; 3] = [Check::Kid, Check::Alg, Check::Crit];

const CLAIMS: [Check; 9] =
    [Check::Iss, Check::ClientId, Check::Sub, Check::Jti, Check::Aud, Check::Typ, Check::Iat, Check::Nbf, Check::Exp];

/// The steps of an assertion that cannot be read.
pub(super) fn unread(needs: Check) -> Vec<Step> {
    HEADER.into_iter().chain(CLAIMS).map(|check| Step::not_reached(check, needs)).collect()
}

/// Whether a step needs a part of the assertion that cannot be read.
pub(super) fn needs_unread(step: &Step, unread: Unread) -> bool {
    use Check as C;
    let check = step.check();
    let of_header = [C::Kid, C::Alg, C::Crit, C::Typ, C::AuthMethod, C::SigningAlg, C::Jku, C::Key, C::Signature];
    // A policy that the server does not have fails for any assertion.
    let by_header = check == C::Policy && step.reason().is_some_and(|reason| reason != Reason::Registry);
    let of_claims = !matches!(check, C::Kid | C::Alg | C::Crit | C::Typ);
    unread.header && (of_header.contains(&check) || by_header)
        || unread.claims && of_claims
        || unread.signature && check == C::Signature
}

/// Judges the header and the claims by `rules`, with this `client_id` parameter.
pub(super) fn steps<'a>(assertion: &'a Assertion<'a>, client_id: Option<&'a str>, rules: &Rules<'_>) -> Vec<Step> {
    let mut faults = header_faults(assertion, rules);
    faults.extend(claim_faults(assertion, client_id, rules));
    let mut latest = Check::Kid;
    let mut steps: Vec<Step> = Vec::new();
    for fault in faults {
        let check = check_of(&fault);
        if steps.iter().any(|step| step.check() == check) {
            continue;
        }
        let step = Step::failed(check, fault.clone());
        // The age of `iat` is judged after the other dates.
        let step = if check < latest { step.behind(latest, 1) } else { step };
        latest = latest.max(check);
        steps.push(with_words(step, fault, assertion, client_id, rules));
    }
    let failed: Vec<Check> = steps.iter().map(Step::check).collect();
    let passed = HEADER.into_iter().chain(CLAIMS).filter(|check| !failed.contains(check));
    steps.extend(passed.map(|check| passed_step(check, assertion, client_id, rules)));
    steps
}

/// Every fault of the header, in the order of the checks.
fn header_faults(assertion: &Assertion<'_>, rules: &Rules<'_>) -> Vec<ClientFault> {
    let header = &assertion.header;
    let algorithm = rules.allowed_algorithm(header);
    let kid = rules.check_kid(header, algorithm).err();
    let alg = algorithm.is_none().then_some(ClientFault::AlgorithmNotAllowed);
    let crit = header.has_extension.then_some(ClientFault::CriticalHeader);
    [kid, alg, crit].into_iter().flatten().collect()
}

fn check_of(fault: &ClientFault) -> Check {
    match fault {
        ClientFault::AlgorithmNotAllowed => Check::Alg,
        ClientFault::CriticalHeader => Check::Crit,
        ClientFault::ClientIdMismatch => Check::ClientId,
        ClientFault::Claim(claim, _) => check_of_claim(*claim),
        // The others are about `kid`.
        _ => Check::Kid,
    }
}

pub(super) fn check_of_claim(claim: Claim) -> Check {
    match claim {
        Claim::Iss => Check::Iss,
        Claim::Sub => Check::Sub,
        Claim::Jti => Check::Jti,
        Claim::Aud => Check::Aud,
        Claim::Typ => Check::Typ,
        Claim::Iat => Check::Iat,
        Claim::Nbf => Check::Nbf,
        Claim::Exp => Check::Exp,
    }
}

pub(super) fn with_words<'a>(
    step: Step,
    fault: ClientFault,
    assertion: &'a Assertion<'a>,
    client_id: Option<&'a str>,
    rules: &Rules<'_>,
) -> Step {
    let jti = matches!(fault, ClientFault::Claim(Claim::Jti, _));
    let finding = match fault {
        ClientFault::Claim(..) | ClientFault::ClientIdMismatch => {
            Some(claim_finding(fault, assertion, client_id, rules))
        }
        fault => header_finding(&fault, assertion, rules),
    };
    let step = finding.map_or(step.clone(), |finding| step.with_words(&finding));
    match about_jti(assertion).filter(|_| jti) {
        Some(about) => step.receiving(about),
        None => step,
    }
}

fn passed_step<'a>(check: Check, assertion: &'a Assertion<'a>, client_id: Option<&'a str>, rules: &Rules<'_>) -> Step {
    let step = Step::passed(check);
    let Assertion { header, claims, .. } = assertion;
    let shown = |text: &str| Excerpt::new(text).to_string();
    let of_claim = |claim| {
        let fault = ClientFault::Claim(claim, ClaimFault::Unexpected);
        claim_finding(fault, assertion, client_id, rules).received().to_string()
    };
    let received = match check {
        Check::Kid => header.kid.text().map(shown),
        Check::Alg => header.alg.text().map(shown),
        Check::Iss => claims.iss.text().map(shown),
        Check::ClientId => client_id.map(shown),
        Check::Sub => claims.sub.text().map(shown),
        Check::Jti => about_jti(assertion),
        Check::Aud => Some(of_claim(Claim::Aud)),
        Check::Typ => header.typ.text().map(shown),
        Check::Iat => Some(of_claim(Claim::Iat)),
        Check::Nbf => Some(of_claim(Claim::Nbf)),
        Check::Exp => Some(of_claim(Claim::Exp)),
        _ => None,
    };
    match received {
        Some(received) => step.receiving(received),
        None => step,
    }
}

/// Returns the length of a `jti` and the beginning of its hash, by which logs can be compared.
fn about_jti(assertion: &Assertion<'_>) -> Option<String> {
    let Field::Is(jti) = &assertion.claims.jti else { return None };
    let hash: String = sha256(jti.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let bytes = match jti.len() {
        1 => "1 byte".to_owned(),
        len => format!("{len} bytes"),
    };
    Some(format!("{bytes}, SHA-256 {hash}.."))
}
