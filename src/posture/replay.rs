//! The rules about the replay store, from what it tells about itself.

use super::finding::{Subject, Verdict};
use super::report::Posture;
use super::rule::rules;
use crate::replay::StoreFact;
use crate::text::Excerpt;
use crate::verifier::Configured;

rules! {
    SHARED = "R01" replay_shared, "store":
        asks { both "one store for all nodes" = "this crate, manual::fleet" },
        risk "each node accepts an assertion once.",
        advice "with more than one node, use RedisReplay or another store that the nodes share.";
    DURABLE = "R02" replay_durable, "persistence":
        asks { both "no loss by a restart" = "this crate, manual::fleet" },
        risk "an assertion that was accepted before a restart is accepted once more after it.",
        advice "call refuse_issued_before with the time of the start, or use a store that persists.";
    EVICTION = "R03" replay_eviction, "maxmemory-policy":
        asks { both "noeviction" = "this crate, manual::fleet" },
        risk "when memory is short, entries are dropped and their assertions accepted again.",
        advice "set maxmemory-policy to noeviction, and maxmemory to a size for all entries.";
    TLS = "R04" replay_tls, "connection":
        asks { both "an encrypted connection" = "this crate, manual::fleet" },
        risk "an attacker on the path can answer that a spent assertion is fresh, and read the password.",
        advice "use a rediss:// URL.";
    REPLICAS = "R05" replay_replicas, "wait_replicas":
        asks { both "confirmation by every replica that may be promoted" = "this crate, manual::fleet" },
        risk "an assertion that was accepted just before a failover is accepted once more after it.",
        advice "call wait_replicas with the number of replicas that may be promoted.";
}

const UNKNOWN: &str = "the store does not tell";

/// Judges the replay store by every rule that can apply to it.
pub(super) fn judge(posture: &mut Posture, configured: &Configured<'_>) {
    let facts = configured.replay.about();
    let has = |fact: &StoreFact| facts.contains(fact);
    let in_process = has(&StoreFact::OneProcess);
    posture.push(&SHARED, Subject::Replay, shared(in_process, has(&StoreFact::Shared)));
    posture.push(&DURABLE, Subject::Replay, durable(configured.issued_from.is_some(), &facts));
    posture.push(&EVICTION, Subject::Replay, eviction(&facts));
    // A store in this process has no connection and no replica.
    if !in_process {
        posture.push(&TLS, Subject::Replay, tls(&facts));
        posture.push(&REPLICAS, Subject::Replay, replicas(&facts));
    }
}

fn shared(in_process: bool, is_shared: bool) -> Verdict {
    match (in_process, is_shared) {
        (true, _) => Verdict::not_judged("holds for one process"),
        (false, true) => Verdict::meets("shared"),
        (false, false) => Verdict::not_judged(UNKNOWN),
    }
}

/// The time of `refuse_issued_before` is that of this process, and such a store restarts by itself.
const PERSIST: &str = "enable appendonly on the store. refuse_issued_before does not help: it is set when this process \
    starts, and the store may restart later.";

fn durable(refuses_older: bool, facts: &[StoreFact]) -> Verdict {
    let has = |fact| facts.contains(&fact);
    match (has(StoreFact::NotDurable), has(StoreFact::OneProcess), has(StoreFact::Durable)) {
        (true, ..) => Verdict::weaker("a restart of the store may empty it").with_advice(PERSIST),
        (_, true, _) if refuses_older => Verdict::meets("a restart empties it, and refuse_issued_before is set"),
        (_, true, _) => Verdict::weaker("a restart empties it"),
        (.., true) => Verdict::meets("persists"),
        _ => Verdict::not_judged(UNKNOWN),
    }
}

fn eviction(facts: &[StoreFact]) -> Verdict {
    let evicts = facts.iter().find_map(|fact| match fact {
        StoreFact::Evicts(policy) => Some(Excerpt::new(policy).to_string()),
        _ => None,
    });
    match evicts {
        Some(policy) => Verdict::weaker(policy),
        None if facts.contains(&StoreFact::NeverEvicts) => Verdict::meets("keeps its entries"),
        None => Verdict::not_judged(UNKNOWN),
    }
}

fn tls(facts: &[StoreFact]) -> Verdict {
    let has = |fact| facts.contains(&fact);
    match (has(StoreFact::Unencrypted), has(StoreFact::Local), has(StoreFact::Encrypted)) {
        (true, ..) => Verdict::weaker("not encrypted"),
        (_, true, _) => Verdict::meets("on this machine"),
        (.., true) => Verdict::meets("encrypted"),
        _ => Verdict::not_judged(UNKNOWN),
    }
}

fn replicas(facts: &[StoreFact]) -> Verdict {
    let known = facts.iter().filter_map(|fact| match fact {
        StoreFact::Replicas { connected, confirmed } => Some((*connected, *confirmed)),
        _ => None,
    });
    // The server with the most replicas that may not have an entry.
    let Some((connected, confirmed)) = known.max_by_key(|(connected, confirmed)| connected.saturating_sub(*confirmed))
    else {
        return Verdict::not_judged(UNKNOWN);
    };
    let value = format!("{connected} connected, {confirmed} confirm each entry");
    match connected > confirmed {
        true => Verdict::weaker(value),
        false => Verdict::meets(value),
    }
}
