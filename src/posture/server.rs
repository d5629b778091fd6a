//! The rules about the verifier itself.

use super::finding::{Subject, Verdict};
use super::report::Posture;
use super::rule::{Rule, rules};
use crate::loosening::Loosening;
use crate::policy::Limits;
use crate::text::Excerpt;
use crate::verifier::Configured;

rules! {
    ISSUER_HTTPS = "P03" issuer_https, "issuer":
        asks { both "an https URL" = "RFC 8414, section 2" },
        risk Loosening::IssuerWithoutTls.risk(),
        advice "serve the issuer over TLS, and set it with issuer.";
    EVENTS = "O01" events, "events":
        asks { both "a sink for events" = "this crate, event" },
        risk "no refusal and no attack leaves a trace, and no client can be told what is wrong.",
        advice "call VerifierBuilder::events, for example with TracingEvents.";
    OVERLOAD = "O02" overload, "signature_checks":
        asks { both "a bound on concurrent signature checks" = "this crate, overload" },
        risk "a flood of forged assertions occupies every core.",
        advice "call VerifierBuilder::signature_checks.";
    LIMITS = "O03" limits, "limits":
        asks { both "no more than the defaults" = "this crate, policy::Limits" },
        risk "an attacker's requests cost more before they are refused.",
        advice "find the clients that need more, and set the limits to what they send.";
    CLIENTS_LISTED = "O04" clients_listed, "ClientRegistry::all":
        asks { both "the clients, so that they can be judged" = "this crate, posture" },
        risk "two clients with one key, weak keys and secrets that expire are not found, and the caches of key sets are \
            not judged.",
        advice "pass the clients to Verifier::posture_with, for example those of FileRegistry::clients.";
}

/// Judges the verifier by every rule. `listed` is the number of clients that are known.
pub(super) fn judge(posture: &mut Posture, configured: &Configured<'_>, listed: Option<usize>) {
    let verdicts: [(&'static Rule, Verdict); 5] = [
        (&ISSUER_HTTPS, issuer_https(configured)),
        (&EVENTS, present(configured.reports_events, "set")),
        (&OVERLOAD, present(configured.bounds_checks, "bounded")),
        (&LIMITS, limits(configured.limits)),
        (&CLIENTS_LISTED, clients_listed(listed)),
    ];
    for (rule, verdict) in verdicts {
        posture.push(rule, Subject::Server, verdict);
    }
}

/// An issuer has no user name, no query and no fragment, so it can be shown.
fn issuer_https(configured: &Configured<'_>) -> Verdict {
    match configured.audiences.issuer.as_deref() {
        None => Verdict::not_judged("not set"),
        Some(issuer) if issuer.starts_with("https://") => Verdict::meets(Excerpt::new(issuer).to_string()),
        Some(issuer) => Verdict::weaker(Excerpt::new(issuer).to_string()).by(Loosening::IssuerWithoutTls),
    }
}

fn present(is_set: bool, value: &str) -> Verdict {
    match is_set {
        true => Verdict::meets(value),
        false => Verdict::weaker("not set"),
    }
}

fn clients_listed(listed: Option<usize>) -> Verdict {
    match listed {
        Some(count) => Verdict::meets(count.to_string()),
        None => Verdict::not_judged("the registry does not list its clients"),
    }
}

fn limits(limits: &Limits) -> Verdict {
    let defaults = Limits::default();
    type Limit = (&'static str, fn(&Limits) -> usize);
    let compared: [Limit; 8] = [
        ("parameters", Limits::parameters),
        ("assertion", Limits::assertion),
        ("header", Limits::header),
        ("json_depth", Limits::json_depth),
        ("kid", Limits::kid),
        ("jti", Limits::jti),
        ("client_id", Limits::client_id),
        ("audiences", Limits::audiences),
    ];
    let with_value = |name: &str, of: fn(&Limits) -> usize| format!("{name} {}", of(limits));
    let larger: Vec<_> = compared.iter().filter(|(_, of)| of(limits) > of(&defaults)).collect();
    match larger.is_empty() {
        true if *limits == defaults => Verdict::meets("the defaults"),
        true => Verdict::stricter("some are smaller than the defaults"),
        false => {
            let larger: Vec<_> = larger.into_iter().map(|(name, of)| with_value(name, *of)).collect();
            Verdict::weaker(larger.join(", "))
        }
    }
}
