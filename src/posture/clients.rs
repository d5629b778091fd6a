//! The rules about clients. Those that meet a rule share one finding, since there may be many.

use std::time::Duration;

use super::Baseline;
use super::finding::{Standing, Subject, Verdict};
use super::known::Known;
use super::laxer::laxer;
use super::policies;
use super::report::Posture;
use super::rule::{Rule, rules};
use super::shared_keys::Holders;
use crate::client::Client;
use crate::clock::UnixTime;
use crate::jose::keys::{KeySet, SkipReason};
use crate::policy::Policy;
use crate::verifier::Verifier;

rules! {
    OWN_POLICY = "C01" own_policy, "with_policy":
        asks { both "no policy that is weaker than the first" = "this crate, VerifierBuilder::client_policy" },
        risk "the weaker rules hold for what this client may do.",
        advice "bring the client to the rules of the first policy, then register it without a policy.";
    SHARED_KEY = "C02" shared_key, "keys":
        asks { both "keys that no other client has" = "RFC 7523, section 3, item 9; RFC 8725, section 3.8" },
        risk "each of these clients can authenticate as the others.",
        advice "have each of these clients generate its own key pair.";
    KEY_STRENGTH = "C03" key_strength, "keys":
        asks { fapi2 "2048 bits or more for RSA" = "FAPI 2.0 Security Profile, section 5.4.1",
            rfc7523 "2048 bits or more for RSA" = "RFC 7518, section 3.3" },
        risk "keys under 3072 bits have a strength of less than 128 bits, which NIST SP 800-57 part 1 permits until \
            2030 only.",
        advice "at its next rotation, have the client move to ES256, Ed25519 or RSA with 3072 bits.";
    PRIVATE_PUBLISHED = "C04" private_published, "keys":
        asks { both "public keys alone" = "OpenID Connect Registration, section 2; RFC 7517, section 9.2" },
        risk "everyone who can read the key set can authenticate as the client. The key is skipped here, but may be in \
            use elsewhere.",
        advice "tell the client that its key is compromised, and to publish a new one without private members.";
    ALG_PINNED = "C05" alg_pinned, "token_endpoint_auth_signing_alg":
        asks { both "one algorithm for each key" = "RFC 8725, section 3.1" },
        risk "a weakness of one algorithm also concerns assertions that the client signs by another.",
        advice "register token_endpoint_auth_signing_alg, or an alg in each key.";
    PROBLEMS = "C06" problems, "registration":
        asks { both "clients and keys that can be used" = "this crate, Verifier::problems_of" },
        risk "requests of this client, or those with one of its keys, are refused.",
        advice "correct the registration; FileRegistry::problems has the details for clients of a file.";
    SECRET_EXPIRES = "C07" secret_expires, "client_secret_expires_at":
        asks { both "no expiry within 30 days" =
            "this crate, secret::ClientSecret; RFC 7591, section 3.2.1, permits secrets that never expire" },
        risk "a secret that leaked stays valid for ever if it does not expire. When it expires, the client is refused.",
        advice "register a new secret with an expiry, or public keys.";
}

/// What the rules need to know about the server.
struct Context<'v> {
    verifier: &'v Verifier,
    baseline: Baseline,
    now: Option<UnixTime>,
    /// In what each policy is laxer than the first, in the order of the policies.
    laxities: Vec<(&'v Policy, Vec<String>)>,
    holders: Holders<'v>,
}

/// Returns `None` if the rule cannot apply to the client.
type Judge = fn(&Context<'_>, &Known<'_>) -> Option<Verdict>;

static JUDGES: &[(&Rule, Judge)] = &[
    (&policies::NO_SHARED_SECRET, secret),
    (&OWN_POLICY, own_policy),
    (&SHARED_KEY, shared_key),
    (&KEY_STRENGTH, key_strength),
    (&PRIVATE_PUBLISHED, private_published),
    (&ALG_PINNED, alg_pinned),
    (&PROBLEMS, problems),
    (&SECRET_EXPIRES, secret_expires),
];

/// Judges each client by every rule.
pub(super) fn judge(posture: &mut Posture, verifier: &Verifier, clients: &[&Client], baseline: Baseline) {
    let known: Vec<_> = clients.iter().map(|client| Known::new(client)).collect();
    let configured = verifier.configured();
    let compared =
        configured.policies.first().map(|first| configured.policies.iter().map(|own| (own, laxer(own, first))));
    let laxities = compared.into_iter().flatten().collect();
    let context = Context { verifier, baseline, now: configured.now, laxities, holders: Holders::of(&known) };
    for (rule, judge) in JUDGES {
        let (mut met, mut judged) = (0, 0);
        for client in &known {
            let Some(verdict) = judge(&context, client) else { continue };
            judged += 1;
            match verdict.standing() {
                Standing::Meets if !verdict.is_note() => met += 1,
                Standing::Weaker | Standing::NotJudged | Standing::Stricter | Standing::Meets => {
                    posture.push(rule, Subject::Client(client.client.id().as_str().into()), verdict);
                }
            }
        }
        if met > 0 {
            posture.push(rule, Subject::Clients, Verdict::meets(format!("{met} of {judged}")));
        }
    }
}

fn secret(context: &Context<'_>, known: &Known<'_>) -> Option<Verdict> {
    let standing = context.baseline.choose(Standing::Weaker, Standing::Meets);
    Some(match known.client.secret() {
        Some(_) => Verdict::new(standing, "registered"),
        None => Verdict::meets("none"),
    })
}

/// What the first policy is weaker in is a finding about that policy.
fn own_policy(context: &Context<'_>, known: &Known<'_>) -> Option<Verdict> {
    let Some(name) = known.client.policy() else { return Some(Verdict::meets("the first")) };
    // A policy that the verifier does not have is a problem.
    let (policy, laxer) = context.laxities.iter().find(|(policy, _)| policy.name() == name)?;
    Some(match laxer.is_empty() {
        true => Verdict::meets(policy.name()),
        false => Verdict::weaker(format!("{}: {}", policy.name(), laxer.join("; "))),
    })
}

fn shared_key(context: &Context<'_>, known: &Known<'_>) -> Option<Verdict> {
    Some(match context.holders.shared(known) {
        Some(value) => Verdict::weaker(value),
        None => unless_unfetched(known, "its own"),
    })
}

/// Nothing is known about keys that were not fetched.
fn unless_unfetched(known: &Known<'_>, value: &str) -> Verdict {
    match known.is_unfetched() {
        true => Verdict::not_judged("its keys were not fetched yet"),
        false => Verdict::meets(value),
    }
}

fn key_strength(_: &Context<'_>, known: &Known<'_>) -> Option<Verdict> {
    const ENOUGH: usize = 3072;
    if known.client.secret().is_some() {
        return None;
    }
    let sizes = known.keys().into_iter().flatten().map(|key| key.rsa_bits());
    let weakest = sizes.filter(|bits| (1..ENOUGH).contains(bits)).min();
    Some(match weakest {
        Some(bits) => Verdict::note(format!("RSA with {bits} bits")),
        None => unless_unfetched(known, "strong"),
    })
}

fn private_published(_: &Context<'_>, known: &Known<'_>) -> Option<Verdict> {
    if known.client.secret().is_some() {
        return None;
    }
    let skipped = known.keys().map(KeySet::skipped).unwrap_or_default();
    let mut published = skipped.iter().filter(|key| key.reason() == SkipReason::PrivateMembers);
    Some(match published.next() {
        Some(key) => Verdict::weaker(key.to_string()),
        None => unless_unfetched(known, "public keys alone"),
    })
}

fn alg_pinned(context: &Context<'_>, known: &Known<'_>) -> Option<Verdict> {
    if let Some(pinned) = known.client.signing_alg() {
        return Some(Verdict::meets(pinned.name()));
    }
    let first = || context.laxities.first();
    let named = |name: &str| context.laxities.iter().find(|(policy, _)| policy.name() == name);
    let (policy, _) = known.client.policy().map_or_else(first, named)?;
    let mut several = known.algorithms(policy.algorithms()).filter(|algorithms| algorithms.iter().count() > 1);
    Some(match several.next() {
        Some(algorithms) => {
            let what = if known.client.secret().is_some() { "its secret" } else { "one key" };
            Verdict::weaker(format!("not set, and {what} is for {algorithms}"))
        }
        None => unless_unfetched(known, "one for each key"),
    })
}

fn problems(context: &Context<'_>, known: &Known<'_>) -> Option<Verdict> {
    let mut found = context.verifier.problems_of(known.client);
    if !known.client.is_usable() {
        found.insert(0, "no usable key or secret is registered".to_owned());
    }
    let skipped = known.keys().map(KeySet::skipped).unwrap_or_default();
    found.extend(skipped.iter().map(ToString::to_string));
    Some(match found.is_empty() {
        true => Verdict::meets("none"),
        false => Verdict::weaker(found.join("; ")),
    })
}

fn secret_expires(context: &Context<'_>, known: &Known<'_>) -> Option<Verdict> {
    const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);
    let expiry = known.client.secret()?.expires_at();
    Some(match (expiry, context.now) {
        (None, _) => Verdict::note("never"),
        (Some(_), None) => Verdict::not_judged("the clock has no time"),
        (Some(expiry), Some(now)) if expiry <= now => Verdict::weaker("expired"),
        (Some(expiry), Some(now)) if expiry - now < SOON => {
            Verdict::weaker(format!("in {} s", (expiry - now).as_secs()))
        }
        (Some(_), Some(_)) => Verdict::meets("later than in 30 days"),
    })
}
