//! The rules about the replay store, from what it tells about itself.

use std::sync::Arc;

use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::port::{Answer, Awaited};
use tower_client_assertion::posture::{Baseline, Posture, Standing};
use tower_client_assertion::registry::FixedRegistry;
use tower_client_assertion::replay::{
    Admission, AdmitResult, AsyncReplayStore, MemoryReplay, ReplayKey, ReplayStore, StoreFact, TieredReplay,
};
use tower_client_assertion::{Policy, Verifier};

use crate::common::{ISSUER, NOW};
use crate::{by, standing};

/// A store that tells this.
#[derive(Debug)]
struct Telling(Vec<StoreFact>);

impl ReplayStore for Telling {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        None
    }

    fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> Answer<AdmitResult> {
        Answer::Ready(Ok(Admission::Fresh))
    }

    fn admissions_per_client(&self) -> usize {
        1
    }

    fn about(&self) -> Vec<StoreFact> {
        self.0.clone()
    }
}

/// A store that tells nothing.
#[derive(Debug)]
struct Silent;

impl AsyncReplayStore for Silent {
    async fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> AdmitResult {
        Ok(Admission::Fresh)
    }

    fn admissions_per_client(&self) -> usize {
        1
    }
}

fn judged(store: impl ReplayStore, refuses_older: bool) -> Posture {
    let builder = Verifier::builder(Policy::FAPI2, FixedRegistry::default(), store).issuer(ISSUER);
    let builder = if refuses_older { builder.refuse_issued_before(UnixTime::from_secs(NOW)) } else { builder };
    builder.build().unwrap().posture(&Baseline::FAPI2)
}

fn standings(posture: &Posture) -> [Option<Standing>; 5] {
    ["R01", "R02", "R03", "R04", "R05"].map(|rule| standing(posture, rule))
}

const MEETS: Option<Standing> = Some(Standing::Meets);
const WEAKER: Option<Standing> = Some(Standing::Weaker);
const UNKNOWN: Option<Standing> = Some(Standing::NotJudged);

#[test]
fn each_rule_about_the_store_is_met_and_not_met() {
    use StoreFact::{Durable, Encrypted, Evicts, Local, NeverEvicts, NotDurable, Shared, Unencrypted};
    let replicas = StoreFact::replicas;
    let cases = [
        (vec![Shared, Durable, NeverEvicts, Encrypted, replicas(2, 2)], [MEETS; 5]),
        (vec![Shared, Durable, NeverEvicts, Local, replicas(0, 0)], [MEETS; 5]),
        (
            vec![Shared, NotDurable, Evicts("volatile-ttl".into()), Unencrypted, replicas(2, 1)],
            [MEETS, WEAKER, WEAKER, WEAKER, WEAKER],
        ),
        // The weakest of several servers counts.
        (
            vec![
                Shared,
                Durable,
                NotDurable,
                NeverEvicts,
                Evicts("allkeys-lru".into()),
                Encrypted,
                Unencrypted,
                replicas(1, 1),
                replicas(2, 1),
            ],
            [MEETS, WEAKER, WEAKER, WEAKER, WEAKER],
        ),
        (vec![Shared], [MEETS, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]),
        (vec![], [UNKNOWN; 5]),
    ];
    for (facts, expected) in cases {
        assert_eq!(standings(&judged(Telling(facts.clone()), false)), expected, "{facts:?}");
    }
    let posture = judged(Telling(vec![StoreFact::Evicts("allkeys-lru".into())]), false);
    assert_eq!(by(&posture, "R03")[0].value(), "\"allkeys-lru\"");
}

#[test]
fn a_store_that_tells_nothing_is_not_judged() {
    assert_eq!(standings(&judged(Awaited::new(Silent), false)), [UNKNOWN; 5]);
    // The time of a start helps only if a restart is what empties the store.
    assert_eq!(standings(&judged(Awaited::new(Silent), true)), [UNKNOWN; 5]);
}

#[test]
fn the_store_in_memory_holds_for_one_process() {
    let memory = || MemoryReplay::new(1000).unwrap();
    let lost = judged(memory(), false);
    assert_eq!(standings(&lost), [UNKNOWN, WEAKER, MEETS, None, None]);
    assert_eq!(by(&lost, "R01")[0].value(), "holds for one process");
    assert_eq!(standings(&judged(memory(), true)), [UNKNOWN, MEETS, MEETS, None, None]);
    assert_eq!(standings(&judged(Arc::new(memory()), true)), [UNKNOWN, MEETS, MEETS, None, None]);
}

/// The time of `refuse_issued_before` is set once, and the store may restart at any later time.
#[test]
fn a_start_of_this_process_does_not_make_a_store_durable() {
    use StoreFact::{NotDurable, OneProcess, Shared};
    for facts in [vec![Shared, NotDurable], vec![OneProcess, NotDurable]] {
        let posture = judged(Telling(facts.clone()), true);
        assert_eq!(standing(&posture, "R02"), WEAKER, "{facts:?}");
        let advice = by(&posture, "R02")[0].advice().unwrap();
        assert!(advice.starts_with("enable appendonly"), "{facts:?}: {advice}");
    }
    let posture = judged(Telling(vec![OneProcess]), false);
    assert!(by(&posture, "R02")[0].advice().unwrap().starts_with("call refuse_issued_before"), "{posture}");
}

#[test]
fn a_tiered_store_passes_on_what_the_shared_one_tells() {
    let tiered = |facts| TieredReplay::new(MemoryReplay::new(1000).unwrap(), Telling(facts));
    let shared = tiered(vec![StoreFact::Shared, StoreFact::Durable]);
    assert_eq!(standings(&judged(shared, false)), [MEETS, MEETS, UNKNOWN, UNKNOWN, UNKNOWN]);
    assert_eq!(standings(&judged(tiered(vec![]), false)), [UNKNOWN; 5]);
}

#[cfg(all(unix, feature = "redis"))]
#[tokio::test]
async fn redis_is_judged_by_what_it_told_at_connect() {
    use std::time::Duration;

    use crate::common::redis::{Redis, soon};

    let plain = Redis::start().await;
    let posture = judged(plain.store().await, false);
    assert_eq!(standings(&posture), [MEETS, WEAKER, MEETS, MEETS, MEETS], "{posture}");

    let sound = Redis::with(&["--appendonly", "yes"]).await;
    assert_eq!(standings(&judged(sound.store().await, false)), [MEETS; 5]);

    let evicting = Redis::with(&["--maxmemory-policy", "allkeys-lru"]).await;
    let posture = judged(evicting.store().await, true);
    assert_eq!(standings(&posture), [MEETS, WEAKER, WEAKER, MEETS, MEETS]);
    assert_eq!(by(&posture, "R03")[0].value(), "\"allkeys-lru\"");

    let _replica = Redis::with(&["--replicaof", "127.0.0.1", &plain.port.to_string()]).await;
    let connected = async {
        while !plain.ask("INFO replication").await.contains("connected_slaves:1") {
            tokio::task::yield_now().await;
        }
    };
    soon("the replica", connected).await;
    assert_eq!(standing(&judged(plain.store().await, false), "R05"), WEAKER);
    let waiting = plain.builder().wait_replicas(1, Duration::from_secs(30)).connect().await.unwrap();
    assert_eq!(standing(&judged(waiting, false), "R05"), MEETS);

    sound.ask("ACL SETUSER narrow on nopass ~* +set +ping").await;
    let url = format!("redis://narrow:x@127.0.0.1:{}", sound.port);
    let narrow = tower_client_assertion::replay::RedisReplay::standalone(url).connect().await.unwrap();
    assert_eq!(standings(&judged(narrow, false)), [MEETS, UNKNOWN, UNKNOWN, MEETS, UNKNOWN]);
}
