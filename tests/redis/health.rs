//! Whether the shared store could decide now, behind a local tier, with a killed, a full, a demoted
//! and a mute server.

use std::time::Duration;

use crate::common::redis::{Proxy, Redis, admit, impatient, soon, until};
use crate::common::{NOW, fixture, store};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::port::Health;
use tower_client_assertion::replay::{Admission, RedisReplay, ReplayStore, TieredReplay};
use tower_client_assertion::{Readiness, Verifier};

async fn health(store: &impl ReplayStore) -> Health {
    soon("the health of the store", store.health(UnixTime::from_secs(NOW)).get()).await
}

async fn is_healthy(store: &impl ReplayStore) -> bool {
    matches!(health(store).await, Health::Healthy)
}

async fn failure(store: &impl ReplayStore) -> String {
    match health(store).await {
        Health::Unhealthy(error) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

async fn ready(verifier: &Verifier) -> Readiness {
    soon("the readiness", verifier.ready()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_local_tier_does_not_hide_an_outage() {
    let mut redis = Redis::start().await;
    let builder = || redis.builder().connect_timeout(Duration::from_secs(1)).command_timeout(Duration::from_secs(1));
    let shared = impatient(builder).await;
    let tiered = TieredReplay::new(store(), shared);
    let verifier = fixture().replay(tiered.clone()).build();
    until("a healthy store", async || ready(&verifier).await.is_ready()).await;
    // The local tier knows this one, also during the outage.
    let admitted = async |jti| admit(&tiered, jti).await.ok();
    until("an admission", async || admitted("known").await.is_some()).await;

    redis.kill().await;
    let readiness = ready(&verifier).await;
    assert!(!readiness.is_ready(), "{readiness}");
    assert!(readiness.to_string().starts_with("not ready; replay_store: redis: "), "{readiness}");
    assert_eq!(admitted("known").await, Some(Admission::Replayed));

    redis.restart().await;
    until("a store that has recovered", async || ready(&verifier).await.is_ready()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_refuses_assertions_is_unhealthy() {
    let redis = Redis::start().await;
    let store = redis.store().await;
    assert!(is_healthy(&store).await);
    for (break_it, code, repair) in [
        ("CONFIG SET maxmemory 1", "OOM", "CONFIG SET maxmemory 0"),
        ("REPLICAOF 127.0.0.1 1", "ReadOnly", "REPLICAOF NO ONE"),
        ("CONFIG SET min-replicas-to-write 1", "replicas", "CONFIG SET min-replicas-to-write 0"),
    ] {
        assert_eq!(redis.ask(break_it).await, "OK", "{break_it}");
        let told = failure(&store).await;
        assert!(told.contains(code), "{break_it}: {told}");
        assert_eq!(redis.ask(repair).await, "OK", "{repair}");
        until("a healthy store", async || is_healthy(&store).await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_do_not_confirm_are_unhealthy() {
    let redis = Redis::start().await;
    let store = redis.builder().wait_replicas(1, Duration::from_millis(20)).connect().await.unwrap();
    assert_eq!(failure(&store).await, "redis: 0 of 1 replicas confirmed the entry within 20 ms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mute_server_is_unhealthy_in_time() {
    let redis = Redis::start().await;
    let proxy = Proxy::before(redis.port).await;
    let builder = || RedisReplay::standalone(proxy.url()).command_timeout(Duration::from_secs(1));
    let store = impatient(builder).await;
    until("a healthy store", async || is_healthy(&store).await).await;
    proxy.lose_answers(true);
    assert_eq!(failure(&store).await, "redis: no answer within 1000 ms");
    proxy.lose_answers(false);
    // Without an assertion, the probes alone replace the connection.
    until("a store that has recovered", async || is_healthy(&store).await).await;
}

/// The user of a fleet need not have any permission but that to insert its keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_needs_only_the_insert_and_leaves_no_key() {
    let redis = Redis::start().await;
    let rule = "ACL SETUSER node on >pass ~fleet:* resetchannels -@all +set +info +hello";
    assert_eq!(redis.ask(rule).await, "OK");
    let url = format!("redis://node:pass@127.0.0.1:{}", redis.port);
    let store = crate::common::redis::patient(RedisReplay::standalone(url)).prefix("fleet").connect().await.unwrap();
    assert!(is_healthy(&store).await, "{:?}", health(&store).await);
    until("no key", async || redis.keys().await.is_empty()).await;
}
