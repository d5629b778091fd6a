//! The rules about policies.

use std::cmp::Ordering;
use std::time::Duration;

use super::Baseline;
use super::finding::{Standing, Subject, Verdict};
use super::report::Posture;
use super::rule::{Rule, rules};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::media_type::is_media_type;
use crate::loosening::Loosening;
use crate::policy::{AudienceRule, Policy};
use crate::text::Excerpt;

rules! {
    SOLE_AUDIENCE = "P01" sole_audience, "audience":
        asks { fapi2 "no audience but the issuer" = "FAPI 2.0 Security Profile, section 5.3.2.1, item 8",
            rfc7523 "no audience but the issuer" = "RFC 10070, which updates RFC 7523, section 3, item 3" },
        risk Loosening::Audience.risk(),
        advice "ask the clients to put the issuer into aud. Events report those that do not. Then call \
            require_sole_issuer or require_issuer_string.";
    AUDIENCE_STRING = "P02" audience_string, "audience":
        asks { fapi2 "the issuer as a JSON string" = "FAPI 2.0 Security Profile, section 5.3.2.1, item 8",
            rfc7523 "one value, as a string or in an array" = "RFC 10070, which updates RFC 7523, section 3, item 3" },
        risk "clients rely on a form that the baseline does not permit. With several values, each server that is named \
            can use the assertion at the others.",
        advice "ask the clients to send aud as a string, then call require_issuer_string.";
    ALGORITHMS = "P04" algorithms, "algorithms":
        asks { fapi2 "PS256, ES256 and EdDSA with Ed25519 alone" = "FAPI 2.0 Security Profile, section 5.4.1",
            rfc7523 "algorithms that are considered secure" = "RFC 8725, section 3.2" },
        risk "each further algorithm is one more whose weakness lets an attacker forge assertions.",
        advice "move the clients to keys for these algorithms, then call with_algorithms.";
    NO_SHARED_SECRET = "P05" no_shared_secret, "client_secret_jwt":
        asks { fapi2 "private_key_jwt or mutual TLS" = "FAPI 2.0 Security Profile, section 5.3.2.1",
            rfc7523 "a signature or a MAC" = "RFC 7523, section 3, item 9" },
        risk "an attacker who reads the server's store of secrets can authenticate as each of these clients.",
        advice "register public keys of the clients instead of secrets, then allow no HMAC.";
    SINGLE_USE = "P06" single_use, "require_jti":
        asks { fapi2 "a jti in each assertion, and its single use" = "OpenID Connect Core, section 9",
            rfc7523 "the single use of each assertion" = "RFC 7523, section 3, item 7" },
        risk Loosening::OptionalJti.risk(),
        advice "ask the clients for a new jti in each assertion, then call require_jti.";
    EXPLICIT_TYPE = "P07" explicit_type, "accept_typ":
        asks { both "no typ but client-authentication+jwt and JWT" = "RFC 10070; RFC 8725, section 3.11" },
        risk Loosening::AcceptTyp.risk(),
        advice "ask the clients to send the typ client-authentication+jwt, then accept no other.";
    LIFETIME = "P08" lifetime, "with_max_lifetime or with_max_age":
        asks { both "at most one hour" = "RFC 7523, section 3, item 4; the hour is this crate's choice" },
        risk Loosening::MaxLifetime.risk(),
        advice "ask the clients to sign shortly before each request, then call with_max_lifetime, or with_max_age if \
            only iat ends their assertions.";
    FUTURE_SKEW = "P09" future_skew, "with_future_skew":
        asks { fapi2 "10 s to 60 s" = "FAPI 2.0 Security Profile, section 5.3.2.1, item 13",
            rfc7523 "no more than a few minutes" = "RFC 7519, section 4.1.4" },
        risk Loosening::FutureSkew.risk(),
        advice "call with_future_skew with a value in this range, and run NTP on the servers and at the clients.";
    EXPIRY_SKEW = "P10" expiry_skew, "with_expiry_skew":
        asks { both "at most 60 s" = "RFC 7519, section 4.1.4; the minute is this crate's choice" },
        risk Loosening::ExpirySkew.risk(),
        advice "call with_expiry_skew with a smaller value, and run NTP on the servers and at the clients.";
    KEY_NAMED = "P11" key_named, "require_kid":
        asks { both "a kid where the profile requires one or the client has several keys" =
            "OpenID Connect Core, section 10.1; SMART App Launch 2.2 for its profile" },
        risk Loosening::OptionalKid.risk(),
        advice "ask the clients to name their key by kid, then call require_kid.";
    GRANT_TYPES = "P12" grant_types, "with_grant_types":
        asks { fapi2 "no resource owner password grant" = "FAPI 2.0 Security Profile, section 5.3.2.1",
            rfc7523 "no resource owner password grant" = "RFC 9700, section 2.4" },
        risk "users give their passwords to clients, and phishing works on them.",
        advice "list the grant types that the token endpoint serves, without password.";
    LOOSENED = "P13" loosened, "dangerous()":
        asks { both "nothing looser than the profile" = "this crate, manual::profiles" },
        risk "the policy accepts more than its profile.",
        advice "find the clients that need it, and give them a policy for themselves. Remove it from the others.";
}

type Judge = fn(&Policy, Baseline) -> Verdict;

static JUDGES: &[(&Rule, Judge)] = &[
    (&SOLE_AUDIENCE, sole_audience),
    (&AUDIENCE_STRING, audience_string),
    (&ALGORITHMS, algorithms),
    (&NO_SHARED_SECRET, no_shared_secret),
    (&SINGLE_USE, single_use),
    (&EXPLICIT_TYPE, explicit_type),
    (&LIFETIME, lifetime),
    (&FUTURE_SKEW, future_skew),
    (&EXPIRY_SKEW, expiry_skew),
    (&KEY_NAMED, key_named),
    (&GRANT_TYPES, grant_types),
];

/// Judges one policy by every rule.
pub(super) fn judge(posture: &mut Posture, policy: &Policy, baseline: Baseline) {
    let judged = JUDGES.iter().map(|(rule, judge)| (*rule, judge(policy, baseline)));
    for (rule, verdict) in judged.chain(loosened(policy).map(|verdict| (&LOOSENED, verdict))) {
        posture.push(rule, Subject::Policy(policy.name().into()), verdict);
    }
}

/// Names the setting behind `dangerous()` if that was called. Some profiles are as loose by
/// themselves.
fn by_if_set(policy: &Policy, loosening: Loosening, verdict: Verdict) -> Verdict {
    match policy.loosened.contains(loosening) {
        true => verdict.by(loosening),
        false => verdict,
    }
}

fn sole_audience(policy: &Policy, _: Baseline) -> Verdict {
    match policy.audience() {
        rule @ (AudienceRule::IssuerString | AudienceRule::SoleIssuer) => Verdict::meets(format!("{rule:?}")),
        rule @ (AudienceRule::Urls | AudienceRule::IssuerOrUrls) => {
            by_if_set(policy, Loosening::Audience, Verdict::weaker(format!("{rule:?}")))
        }
    }
}

fn audience_string(policy: &Policy, baseline: Baseline) -> Verdict {
    let rule = policy.audience();
    let standing = match rule {
        AudienceRule::IssuerString => baseline.choose(Standing::Meets, Standing::Stricter),
        AudienceRule::SoleIssuer => baseline.choose(Standing::Weaker, Standing::Meets),
        AudienceRule::Urls | AudienceRule::IssuerOrUrls => Standing::Weaker,
    };
    let form = match rule {
        AudienceRule::IssuerString => "a string alone",
        AudienceRule::SoleIssuer => "a string or an array of one member",
        AudienceRule::Urls | AudienceRule::IssuerOrUrls => "a string or an array of several members",
    };
    Verdict::new(standing, format!("{rule:?}: {form}"))
}

/// Ed25519 is the name of the algorithm that FAPI 2.0 calls EdDSA with the Ed25519 variant.
const FAPI_ALGORITHMS: AlgorithmSet =
    AlgorithmSet::of(&[Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA, Algorithm::Ed25519]);

fn algorithms(policy: &Policy, baseline: Baseline) -> Verdict {
    let allowed = policy.algorithms().difference(AlgorithmSet::MAC);
    let foreign = allowed.difference(FAPI_ALGORITHMS);
    match (baseline.is_fapi2(), allowed == FAPI_ALGORITHMS) {
        _ if allowed.is_empty() => Verdict::stricter("no signatures"),
        (true, _) if !foreign.is_empty() => Verdict::weaker(format!("also {foreign}")),
        (true, false) => Verdict::stricter(allowed.to_string()),
        (true, true) | (false, _) => Verdict::meets(allowed.to_string()),
    }
}

fn no_shared_secret(policy: &Policy, baseline: Baseline) -> Verdict {
    let macs = policy.algorithms().intersection(AlgorithmSet::MAC);
    match macs.is_empty() {
        true => Verdict::new(baseline.choose(Standing::Meets, Standing::Stricter), "no HMAC"),
        false => Verdict::new(baseline.choose(Standing::Weaker, Standing::Meets), macs.to_string()),
    }
}

fn single_use(policy: &Policy, baseline: Baseline) -> Verdict {
    if policy.is_reusable_without_jti() {
        return Verdict::weaker("without a jti, any number of times").by(Loosening::ReusableWithoutJti);
    }
    match policy.requires_jti() {
        true => Verdict::new(baseline.choose(Standing::Meets, Standing::Stricter), "a jti is required"),
        false => Verdict::new(baseline.choose(Standing::Weaker, Standing::Meets), "without a jti, once by its hash"),
    }
}

fn explicit_type(policy: &Policy, _: Baseline) -> Verdict {
    let known = |typ: &str| is_media_type(typ, "client-authentication+jwt") || is_media_type(typ, "jwt");
    let other: Vec<_> = policy.accepted_typ().filter(|typ| !known(typ)).map(quoted).collect();
    match policy.requires_typ() {
        _ if !other.is_empty() => {
            by_if_set(policy, Loosening::AcceptTyp, Verdict::weaker(format!("also {}", other.join(", "))))
        }
        true => Verdict::stricter("a typ is required"),
        false => Verdict::meets("a typ is optional, and no other is accepted"),
    }
}

fn quoted(text: &str) -> String {
    Excerpt::new(text).to_string()
}

/// Returns how long an assertion may be valid without the skews, and the loosening of that bound.
pub(super) fn life(policy: &Policy) -> Option<(Duration, Loosening)> {
    let by_expiry = policy.max_lifetime().filter(|_| policy.requires_exp()).map(|time| (time, Loosening::MaxLifetime));
    let by_age = policy.max_age().filter(|_| policy.requires_iat()).map(|time| (time, Loosening::MaxAge));
    by_expiry.into_iter().chain(by_age).min_by_key(|(time, _)| *time)
}

fn lifetime(policy: &Policy, _: Baseline) -> Verdict {
    let Some((longest, loosening)) = life(policy) else {
        return by_if_set(policy, Loosening::MaxLifetime, Verdict::weaker("no limit"));
    };
    let by = if loosening == Loosening::MaxLifetime { "by exp" } else { "by iat" };
    let value = format!("{} {by}", seconds(longest));
    match longest.cmp(&HOUR) {
        Ordering::Less => Verdict::stricter(value),
        Ordering::Equal => Verdict::meets(value),
        Ordering::Greater => by_if_set(policy, loosening, Verdict::weaker(value)),
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
/// The clocks of clients that FAPI 2.0 requires a server to tolerate.
const LEAST_SKEW: Duration = Duration::from_secs(10);

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

fn future_skew(policy: &Policy, baseline: Baseline) -> Verdict {
    let skew = policy.future_skew();
    match !baseline.is_fapi2() || (LEAST_SKEW..=MINUTE).contains(&skew) {
        true => Verdict::meets(seconds(skew)),
        false => by_if_set(policy, Loosening::FutureSkew, Verdict::weaker(seconds(skew))),
    }
}

fn expiry_skew(policy: &Policy, _: Baseline) -> Verdict {
    let skew = policy.expiry_skew();
    match skew <= MINUTE {
        true => Verdict::meets(seconds(skew)),
        false => by_if_set(policy, Loosening::ExpirySkew, Verdict::weaker(seconds(skew))),
    }
}

fn key_named(policy: &Policy, _: Baseline) -> Verdict {
    match (policy.requires_kid(), policy.base().requires_kid()) {
        (true, true) => Verdict::meets("required, as by the profile"),
        (true, false) => Verdict::stricter("required"),
        (false, true) => Verdict::weaker("optional, against the profile").by(Loosening::OptionalKid),
        (false, false) => Verdict::meets("required where a client has several keys"),
    }
}

fn grant_types(policy: &Policy, _: Baseline) -> Verdict {
    let Some(names) = policy.grant_types() else {
        return match policy.base().grant_types() {
            Some(_) => Verdict::weaker("any, against the profile; the handler decides"),
            None => Verdict::not_judged("any; the handler decides"),
        };
    };
    let names: Vec<_> = names.collect();
    let value = names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    match names.contains(&"password") {
        true => Verdict::weaker(value),
        false => Verdict::meets(value),
    }
}

/// What was set through `dangerous()`, each by itself. The match is exhaustive, so that a new
/// loosening is judged.
fn loosened(policy: &Policy) -> impl Iterator<Item = Verdict> {
    let set = Loosening::ALL.iter().copied().filter(|loosening| policy.loosened.contains(*loosening));
    set.filter_map(|loosening| {
        let (value, is_looser) = effect(policy, loosening)?;
        let standing = if is_looser { Standing::Weaker } else { Standing::Meets };
        Some(Verdict::new(standing, value).by(loosening))
    })
}

/// Returns the value of what was loosened, and whether it is looser than the profile. `None` for
/// what is not a setting of a policy.
fn effect(policy: &Policy, loosening: Loosening) -> Option<(String, bool)> {
    let base = policy.base();
    let optional = |name: &str, is_required: fn(&Policy) -> bool| {
        Some((format!("{name} is optional"), is_required(base) && !is_required(policy)))
    };
    match loosening {
        Loosening::Audience => Some((format!("{:?}", policy.audience()), policy.audience.is_laxer_than(base.audience))),
        Loosening::AcceptTyp => Some(types(policy)),
        Loosening::OptionalKid => optional("kid", Policy::requires_kid),
        Loosening::KeyTrials => Some((policy.key_trials().to_string(), policy.key_trials() > base.key_trials())),
        Loosening::OptionalJti => optional("jti", Policy::requires_jti),
        Loosening::ReusableWithoutJti => optional("jti", |policy| !policy.is_reusable_without_jti()),
        Loosening::OptionalIat => optional("iat", Policy::requires_iat),
        Loosening::OptionalExp => optional("exp", Policy::requires_exp),
        Loosening::FutureSkew => Some(longer(Some(policy.future_skew()), base.bounds.future_skew)),
        Loosening::ExpirySkew => Some(longer(Some(policy.expiry_skew()), base.bounds.expiry_skew)),
        Loosening::MaxAge => Some(longer(policy.max_age(), base.max_age())),
        Loosening::MaxLifetime => Some(longer(policy.max_lifetime(), base.max_lifetime())),
        Loosening::IssuerWithoutTls
        | Loosening::TlsConfig
        | Loosening::AllowHttp
        | Loosening::AllowHttpFor
        | Loosening::AllowHost
        | Loosening::AllowRange => None,
    }
}

fn types(policy: &Policy) -> (String, bool) {
    let known = |typ: &str| policy.base().accepted_typ().any(|known| is_media_type(typ, known));
    let types: Vec<_> = policy.accepted_typ().map(quoted).collect();
    (types.join(", "), !policy.accepted_typ().all(known))
}

/// Whether a time is longer than the profile permits. `None` is no limit.
fn longer(given: Option<Duration>, profile: Option<Duration>) -> (String, bool) {
    let is_longer = profile.is_some_and(|profile| given.is_none_or(|given| given > profile));
    (given.map_or("no limit".to_owned(), seconds), is_longer)
}
