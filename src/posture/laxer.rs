//! In what one policy is laxer than another, by the values of their rules.

use super::policies::life;
use crate::jose::media_type::is_media_type;
use crate::policy::Policy;
use crate::text::Excerpt;

/// Returns what `own` accepts and `first` refuses.
pub(super) fn laxer(own: &Policy, first: &Policy) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |is_laxer: bool, value: String| found.extend(is_laxer.then_some(value));
    note(own.audience.is_laxer_than(first.audience), format!("audience {:?}", own.audience));
    let by_typ = first.strict_by_typ && !own.strict_by_typ && own.audience.knows_urls();
    note(by_typ, "no sole issuer by typ".to_owned());
    let algorithms = own.algorithms().difference(first.algorithms());
    note(!algorithms.is_empty(), format!("algorithms {algorithms}"));
    for (name, is_required) in PRESENCES {
        note(is_required(first) && !is_required(own), format!("{name} is optional"));
    }
    note(own.is_reusable_without_jti() && !first.is_reusable_without_jti(), "reusable without jti".to_owned());
    note(first.checks_jku() && !own.checks_jku(), "jku is ignored".to_owned());
    note(own.key_trials() > first.key_trials(), format!("key_trials {}", own.key_trials()));
    for (name, secs) in TIMES {
        let secs = [own, first].map(secs);
        note(secs[0] > secs[1], format!("{name} {} s", secs[0]));
    }
    let known = |typ: &str| first.accepted_typ().any(|known| is_media_type(typ, known));
    let types = quoted(own.accepted_typ().filter(|typ| !known(typ)));
    note(!types.is_empty(), format!("typ {types}"));
    found.extend(grant_types(own, first));
    found
}

type Named<T> = (&'static str, fn(&Policy) -> T);

static PRESENCES: [Named<bool>; 5] = [
    ("kid", Policy::requires_kid),
    ("typ", Policy::requires_typ),
    ("jti", Policy::requires_jti),
    ("iat", Policy::requires_iat),
    ("exp", Policy::requires_exp),
];

static TIMES: [Named<u64>; 3] = [
    // There is always a bound, or the verifier would not have been built.
    ("lifetime", |policy| life(policy).map_or(u64::MAX, |(time, _)| time.as_secs())),
    ("future_skew", |policy| policy.future_skew().as_secs()),
    ("expiry_skew", |policy| policy.expiry_skew().as_secs()),
];

fn grant_types(own: &Policy, first: &Policy) -> Option<String> {
    let known: Vec<_> = first.grant_types()?.collect();
    let Some(names) = own.grant_types() else { return Some("any grant type".to_owned()) };
    let names = quoted(names.filter(|name| !known.contains(name)));
    (!names.is_empty()).then(|| format!("grant types {names}"))
}

fn quoted<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.map(|text| Excerpt::new(text).to_string()).collect::<Vec<_>>().join(", ")
}
