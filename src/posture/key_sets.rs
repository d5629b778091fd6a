//! The rules about the key sets that clients publish at a URL: the settings of their cache, and of
//! the guard that judges what it fetches from.

use std::time::Duration;

use super::finding::{Standing, Subject, Verdict};
use super::report::Posture;
use super::rule::{Rule, rules};
use crate::client::Client;
use crate::jwks::{AddressGuard, CacheSettings, FetchFact, KeySource};
use crate::loosening::Loosening;
use crate::policy::Policy;
use crate::verifier::Configured;

rules! {
    HTTPS = "K01" key_set_https, "AddressGuard":
        asks { fapi2 "key sets over TLS alone" = "FAPI 2.0 Security Profile, section 5.4.2",
            rfc7523 "key sets over TLS alone" = "OpenID Connect Registration, section 2" },
        risk Loosening::AllowHttp.risk(),
        advice "ask the clients to publish their keys at an https URL, then allow no plain http.";
    GUARD = "K02" key_set_guard, "AddressGuard":
        asks { both "no address that is not public" = "RFC 8725, section 3.10" },
        risk Loosening::AllowRange.risk(),
        advice "allow only the hosts and addresses at which clients publish keys, as few as possible.";
    STALE_FOR = "K03" key_set_stale_for, "KeySetCacheBuilder::stale_for":
        asks { both "at most 24 h" = "this crate, manual::key_sets" },
        risk "a key that its client has removed stays valid for this time, if an attacker silences the client's server.",
        advice "shorten stale_for to the longest outage of a client's server that clients must not notice.";
    SMART = "K04" key_set_smart, "KeySetCacheBuilder::smart":
        asks { both "no key set longer than its server declares, for SMART policies" =
            "SMART App Launch 2.2, key retrieval" },
        risk "a key that its client has removed stays valid for longer than the client declared.",
        advice "call KeySetCacheBuilder::smart for the cache of these clients.";
}

/// Judges the caches of these clients, or of none if they are not known. Nothing is said if no
/// client publishes its keys at a URL, and none ever will.
pub(super) fn judge(posture: &mut Posture, configured: &Configured<'_>, clients: Option<&[&Client]>, may_change: bool) {
    let (listed, clients) = (clients.is_some(), clients.unwrap_or_default());
    let mut unknown = |rules: &[&'static Rule]| {
        let value = if listed { "no client has a URL yet" } else { "the registry does not list its clients" };
        for rule in rules.iter().filter(|_| may_change) {
            posture.push(rule, Subject::KeySets, Verdict::not_judged(value).with_advice(PASS));
        }
    };
    let sources: Vec<_> = clients.iter().filter_map(|client| client.key_source()).collect();
    if sources.is_empty() {
        unknown(&[&HTTPS, &GUARD, &STALE_FOR]);
    }
    let smart = clients.iter().filter(|client| is_smart(client, configured.policies));
    let smart = smart.filter_map(|client| client.key_source()).map(|source| as_declared(source.settings()));
    match smart.reduce(|worst, verdict| if worst.0 { verdict } else { worst }) {
        Some((_, verdict)) => posture.push(&SMART, Subject::KeySets, verdict),
        None if configured.policies.iter().any(is_based_on_smart) => unknown(&[&SMART]),
        None => {}
    }
    judge_caches(posture, &sources);
}

const PASS: &str = "pass clients that publish their keys at a URL to Verifier::posture_with.";

/// Judges each cache once.
fn judge_caches(posture: &mut Posture, sources: &[&KeySource]) {
    let mut seen: Vec<*const CacheSettings> = Vec::new();
    for source in sources {
        let settings = source.settings();
        if !seen.contains(&std::ptr::from_ref(settings)) {
            seen.push(settings);
            judge_cache(posture, settings, &source.about_fetch());
        }
    }
}

fn judge_cache(posture: &mut Posture, settings: &CacheSettings, fetcher: &[FetchFact]) {
    for verdict in plain_http(&settings.guard, fetcher) {
        posture.push(&HTTPS, Subject::KeySets, verdict);
    }
    for verdict in addresses(&settings.guard, fetcher) {
        posture.push(&GUARD, Subject::KeySets, verdict);
    }
    posture.push(&STALE_FOR, Subject::KeySets, stale_for(settings.stale_for));
}

fn plain_http(guard: &AddressGuard, fetcher: &[FetchFact]) -> Vec<Verdict> {
    let everywhere = guard.allows_http().then(|| Verdict::weaker("every host").by(Loosening::AllowHttp));
    let hosts = guard.http_hosts().iter().map(|host| Verdict::weaker(&**host).by(Loosening::AllowHttpFor));
    let fetched = if fetcher.contains(&FetchFact::ConfiguredTls) {
        Verdict::not_judged("the certificates that your configuration of rustls accepts").by(Loosening::TlsConfig)
    } else if fetcher.contains(&FetchFact::Verified) {
        Verdict::meets("https alone")
    } else {
        Verdict::not_judged("the fetcher does not tell whether it verifies certificates").with_advice(TELL)
    };
    and_fetcher(everywhere.into_iter().chain(hosts), fetched)
}

fn addresses(guard: &AddressGuard, fetcher: &[FetchFact]) -> Vec<Verdict> {
    let hosts = guard.hosts().iter().map(|host| Verdict::weaker(&**host).by(Loosening::AllowHost));
    let ranges = guard.ranges().map(|range| Verdict::weaker(range).by(Loosening::AllowRange));
    let fetched = match fetcher.contains(&FetchFact::Guarded) {
        true => Verdict::meets("public addresses alone"),
        false => Verdict::not_judged("the fetcher does not tell whether it obeys the guard").with_advice(TELL),
    };
    and_fetcher(hosts.chain(ranges), fetched)
}

const TELL: &str =
    "read the rules of JwksFetch, and return from its about which ones your fetcher keeps, or use HyperFetch.";

/// Adds what the fetcher does, unless that is only what is asked and the guard is weaker.
fn and_fetcher(weaker: impl Iterator<Item = Verdict>, fetched: Verdict) -> Vec<Verdict> {
    let mut verdicts: Vec<_> = weaker.collect();
    if verdicts.is_empty() || fetched.standing() != Standing::Meets {
        verdicts.push(fetched);
    }
    verdicts
}

fn stale_for(time: Duration) -> Verdict {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let value = format!("{} s", time.as_secs());
    if time > DAY { Verdict::weaker(value) } else { Verdict::meets(value) }
}

/// Whether a client is judged by a policy that is based on SMART Backend Services.
fn is_smart(client: &Client, policies: &[Policy]) -> bool {
    let policy = policies.iter().find(|policy| client.policy().is_none_or(|name| policy.name() == name));
    policy.is_some_and(is_based_on_smart)
}

fn is_based_on_smart(policy: &Policy) -> bool {
    policy.profile() == Policy::SMART_BACKEND_SERVICES.profile()
}

/// Whether keys are used no longer than their server declares.
fn as_declared(settings: &CacheSettings) -> (bool, Verdict) {
    match settings.shortest.is_zero() && settings.stale_for.is_zero() {
        true => (true, Verdict::meets("as long as declared")),
        false => {
            let (shortest, stale_for) = (settings.shortest.as_secs(), settings.stale_for.as_secs());
            (false, Verdict::weaker(format!("for at least {shortest} s, and {stale_for} s when they are stale")))
        }
    }
}
