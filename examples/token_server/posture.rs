//! What is weaker about this server than its baseline, for the operator.

use tower_client_assertion::Verifier;
use tower_client_assertion::posture::{Baseline, PostureFinding, Subject};
use tower_client_assertion::registry::FileRegistry;

/// Returns a line for each setting that is weaker than FAPI 2.0 asks, if that is the profile, or
/// than RFC 7523 and RFC 10070. There may be many clients, so only the finding about the first is
/// printed in full, with the ids of some others.
pub(crate) fn weaker(verifier: &Verifier, registry: &FileRegistry) -> Vec<String> {
    let is_fapi = verifier.policies().iter().any(|policy| policy.profile() == "fapi2");
    let baseline = if is_fapi { Baseline::FAPI2 } else { Baseline::RFC7523 };
    let clients = registry.clients();
    let posture = verifier.posture_with(&baseline, clients.iter().map(AsRef::as_ref));
    // Clients that cannot be used are reported in more detail.
    let weaker: Vec<_> = posture.weaker().filter(|finding| finding.rule().name() != "problems").collect();
    // Findings of one rule follow each other.
    weaker.chunk_by(|one, next| is_same_of_clients(one, next)).filter_map(line).collect()
}

fn is_same_of_clients(one: &PostureFinding, next: &PostureFinding) -> bool {
    let of_client = |finding: &PostureFinding| matches!(finding.subject(), Subject::Client(_));
    one.rule() == next.rule() && of_client(one) && of_client(next)
}

fn named(findings: &[&PostureFinding]) -> String {
    const MOST: usize = 10;
    let ids = findings.iter().filter_map(|finding| finding.subject().id()).take(MOST);
    let named = ids.map(|id| format!("{id:?}")).collect::<Vec<_>>().join(", ");
    match findings.len().saturating_sub(MOST) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn line(findings: &[&PostureFinding]) -> Option<String> {
    match findings {
        [] => None,
        [finding] => Some(finding.to_string()),
        [first, others @ ..] => Some(format!("{first} By this rule also: {}.", named(others))),
    }
}
