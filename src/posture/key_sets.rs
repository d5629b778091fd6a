//! The rules about the key sets that clients publish at a URL: the settings of their cache, and of
//! the guard that judges what it fetches from.

use std::time::Duration;

use super::finding::{Subject, Verdict};
use super::report::Posture;
use super::rule::rules;
use crate::jwks::{AddressGuard, CacheSettings};
use crate::loosening::Loosening;
use crate::policy::Policy;
use crate::registry::Client;
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

/// Judges the caches of these clients. Nothing is said if no client publishes its keys at a URL.
pub(super) fn judge(posture: &mut Posture, configured: &Configured<'_>, clients: &[&Client]) {
    let mut seen: Vec<*const CacheSettings> = Vec::new();
    for settings in clients.iter().filter_map(|client| client.key_source()).map(|source| source.settings()) {
        if !seen.contains(&std::ptr::from_ref(settings)) {
            seen.push(settings);
            judge_cache(posture, settings);
        }
    }
    let smart = clients.iter().filter(|client| is_smart(client, configured.policies));
    let smart = smart.filter_map(|client| client.key_source()).map(|source| source.settings());
    if let Some(verdict) = smart.map(as_declared).reduce(|worst, verdict| if worst.0 { verdict } else { worst }) {
        posture.push(&SMART, Subject::KeySets, verdict.1);
    }
}

fn judge_cache(posture: &mut Posture, settings: &CacheSettings) {
    for verdict in plain_http(&settings.guard) {
        posture.push(&HTTPS, Subject::KeySets, verdict);
    }
    for verdict in addresses(&settings.guard) {
        posture.push(&GUARD, Subject::KeySets, verdict);
    }
    posture.push(&STALE_FOR, Subject::KeySets, stale_for(settings.stale_for));
}

fn plain_http(guard: &AddressGuard) -> Vec<Verdict> {
    let everywhere = guard.allows_http().then(|| Verdict::weaker("every host").by(Loosening::AllowHttp));
    let hosts = guard.http_hosts().iter().map(|host| Verdict::weaker(&**host).by(Loosening::AllowHttpFor));
    or_else(everywhere.into_iter().chain(hosts), "https alone")
}

fn addresses(guard: &AddressGuard) -> Vec<Verdict> {
    let hosts = guard.hosts().iter().map(|host| Verdict::weaker(&**host).by(Loosening::AllowHost));
    let ranges = guard.ranges().map(|range| Verdict::weaker(range).by(Loosening::AllowRange));
    or_else(hosts.chain(ranges), "public addresses alone")
}

fn or_else(weaker: impl Iterator<Item = Verdict>, value: &str) -> Vec<Verdict> {
    let weaker: Vec<_> = weaker.collect();
    if weaker.is_empty() { vec![Verdict::meets(value)] } else { weaker }
}

fn stale_for(time: Duration) -> Verdict {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let value = format!("{} s", time.as_secs());
    if time > DAY { Verdict::weaker(value) } else { Verdict::meets(value) }
}

/// Whether a client is judged by a policy that is based on SMART Backend Services.
fn is_smart(client: &Client, policies: &[Policy]) -> bool {
    let policy = policies.iter().find(|policy| client.policy().is_none_or(|name| policy.name() == name));
    policy.is_some_and(|policy| policy.profile() == Policy::SMART_BACKEND_SERVICES.profile())
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
