//! Clients that have registered one URL: they share its key set and each fetch of it, and nothing
//! else.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_test::task;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::jwks::{JwksRequest, JwksUrl, KeySetCache, KeySource};

use crate::common::NOW;
use crate::script::{Script, assert_kids, at, cached, document, key_set, of_vendor, said, settle, source, status};

fn clients(cache: &KeySetCache, count: usize) -> Vec<KeySource> {
    (0..count).map(|index| of_vendor(cache, &format!("clinic-{index}"))).collect()
}

#[tokio::test]
async fn key_23_ten_thousand_clients_of_one_url_are_one_fetch() {
    let script = Script::default();
    let cache = script.cache();
    let clients = clients(&cache, 10_000);
    let fetch = script.later();
    let waiting: Vec<_> = clients.iter().map(|source| source.keys(at(0))).collect();
    settle().await;
    fetch.send(Ok(key_set(&["a"]))).unwrap();
    let mut sets = Vec::new();
    for answer in waiting {
        sets.push(answer.get().await.unwrap());
    }
    assert!(sets.iter().all(|keys| Arc::ptr_eq(keys, &sets[0])), "one set in memory");
    assert_eq!(script.fetches(), 1);
    assert_eq!((cache.kept_sources(), cache.kept_bytes()), (1, document(&["a"]).len() * 4 + 2 * 1024));
    assert_eq!(script.events(), ["clinic-0: fetched 1 usable key, fresh for 300 s"], "one event for all");
    // The background refresh, and the end of the freshness.
    for (now, fetches) in [(at(290), 2), (at(900), 3)] {
        script.then_keys(&["b"]);
        for source in &clients {
            drop(source.keys(now));
        }
        settle().await;
        assert_eq!(script.fetches(), fetches);
    }
    assert_kids(cached(&clients[9_999], at(900)), &["b"]);
    assert_eq!(cache.sources().len(), 10_000);
}

#[tokio::test]
async fn urls_that_differ_by_a_byte_share_nothing() {
    let script = Script::default();
    let cache = script.cache();
    let same = "https://vendor.example/keys";
    let others = [
        "https://vendor.example/keys/",
        "https://vendor.example/keys?",
        "https://vendor.example/keys?tenant=7",
        "https://vendor.example/KEYS",
        "https://VENDOR.example/keys",
        "https://vendor.example./keys",
        "https://vendor.example:443/keys",
    ];
    for (index, url) in [same].into_iter().chain(others).chain([same]).enumerate() {
        script.then_keys(&["a"]);
        let source = cache.source(&format!("clinic-{index}"), &JwksUrl::parse(url).unwrap()).unwrap();
        assert_kids(source.keys(at(0)).get().await, &["a"]);
    }
    assert_eq!(script.fetches(), 1 + others.len());
}

#[tokio::test]
async fn unknown_kids_of_many_clients_share_one_cooldown() {
    let script = Script::default();
    let cache = script.cache();
    let clients = clients(&cache, 300);
    script.then_keys(&["a"]);
    let seen = clients[0].keys(at(0)).get().await.unwrap();
    for (second, fetches) in [(1, 2), (2, 2), (30, 2), (31, 3)] {
        script.then_keys(&["b"]);
        for source in &clients {
            // Newer keys that one client has caused to be fetched serve all others.
            let newer = source.newer(&seen, at(second)).get().await;
            assert_kids(Ok(newer.unwrap()), &["b"]);
        }
        let newest = cached(&clients[0], at(second)).unwrap();
        for source in &clients {
            source.newer(&newest, at(second)).get().await;
        }
        assert_eq!(script.fetches(), fetches, "after {second} s");
    }
}

#[tokio::test]
async fn a_failure_pauses_the_url_for_all_its_clients() {
    let script = Script::default();
    let cache = script.cache();
    let clients = clients(&cache, 100);
    script.then(status(500));
    for source in &clients {
        let error = said(source.keys(at(0)).get().await).unwrap_err();
        assert_eq!(error, "the server answered with the status 500");
    }
    assert_eq!((script.fetches(), script.events().len()), (1, 1));
    assert!(clients.iter().all(|source| source.state().failures() == 1));
}

#[tokio::test]
async fn stale_keys_are_reported_once_for_all_clients() {
    let script = Script::default();
    let cache = script.cache();
    let clients = clients(&cache, 10);
    script.then_keys(&["a"]).then(status(500));
    assert_kids(clients[0].keys(at(0)).get().await, &["a"]);
    script.events();
    for source in &clients {
        assert_kids(source.keys(at(400)).get().await, &["a"]);
    }
    let events = script.events();
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[1], "clinic-0: fetch failed; still using keys that went stale 100 s ago");
}

#[tokio::test]
async fn invalidating_a_client_leaves_the_others_their_keys() {
    let script = Script::default();
    let cache = script.cache();
    let [mine, also_mine, yours] = ["mine", "also-mine", "yours"].map(|client| of_vendor(&cache, client));
    script.then_keys(&["a"]);
    assert_kids(mine.keys(at(0)).get().await, &["a"]);
    let generation = mine.generation();
    assert_eq!(cache.invalidate("mine") + cache.invalidate("also-mine"), 2);
    let once = mine.generation();
    assert!(once > generation, "a request that holds the old keys can tell");
    cache.invalidate("mine");
    assert!(mine.generation() > once, "so can one that began since, without a fetch in between");
    assert!(mine.state().keys().is_none() && yours.state().keys().is_some());
    let new = script.later();
    let (mut one, mut two) = (task::spawn(mine.keys(at(1)).get()), task::spawn(also_mine.keys(at(1)).get()));
    assert!(one.poll().is_pending() && two.poll().is_pending());
    settle().await;
    assert_eq!(script.fetches(), 2, "one fetch for all that need a newer set");
    assert_kids(cached(&yours, at(1)), &["a"]);
    new.send(Ok(key_set(&["b"]))).unwrap();
    assert_kids(one.await, &["b"]);
    assert_kids(two.await, &["b"]);
    assert_kids(cached(&yours, at(1)), &["b"]);
}

#[tokio::test]
async fn a_fetch_from_before_an_invalidation_serves_the_others() {
    let script = Script::default();
    let cache = script.cache();
    let (mine, yours) = (of_vendor(&cache, "mine"), of_vendor(&cache, "yours"));
    let old = script.later();
    let (mut my_wait, mut your_wait) = (task::spawn(mine.keys(at(0)).get()), task::spawn(yours.keys(at(0)).get()));
    assert!(my_wait.poll().is_pending() && your_wait.poll().is_pending());
    settle().await;
    cache.invalidate("mine");
    assert!(my_wait.is_woken() && !your_wait.is_woken());
    assert!(my_wait.await.unwrap_err().is_superseded(), "without waiting for the old fetch");
    let new = script.later();
    let mut later = task::spawn(mine.keys(at(0)).get());
    assert!(later.poll().is_pending());
    settle().await;
    assert_eq!(script.fetches(), 2, "the old fetch does not count for this client");
    old.send(Ok(key_set(&["old"]))).unwrap();
    assert_kids(your_wait.await, &["old"]);
    assert!(later.poll().is_pending());
    assert!(mine.state().keys().is_none());
    new.send(Ok(key_set(&["new"]))).unwrap();
    assert_kids(later.await, &["new"]);
    assert_kids(cached(&yours, at(0)), &["new"]);
}

#[tokio::test]
async fn an_older_fetch_never_replaces_newer_keys() {
    for old_reply in [Ok(key_set(&["old"])), status(404), status(500)] {
        let script = Script::default();
        let cache = script.cache();
        let (mine, yours) = (of_vendor(&cache, "mine"), of_vendor(&cache, "yours"));
        let old = script.later();
        let waiting = yours.keys(at(0));
        settle().await;
        cache.invalidate("mine");
        script.then_keys(&["new"]);
        assert_kids(mine.keys(at(0)).get().await, &["new"]);
        old.send(old_reply).unwrap();
        assert_kids(waiting.get().await, &["new"]);
        assert_kids(cached(&mine, at(0)), &["new"]);
        assert_eq!((yours.state().failures(), yours.state().is_fetching()), (0, false));
    }
}

#[tokio::test]
async fn key_24_unseen_clients_get_no_keys_from_before() {
    let script = Script::default();
    let cache = script.cache();
    let yours = of_vendor(&cache, "yours");
    script.then_keys(&["stolen"]);
    assert_kids(yours.keys(at(0)).get().await, &["stolen"]);
    assert_eq!(cache.invalidate("mine"), 0, "it was never seen here");
    assert_kids(cached(&of_vendor(&cache, "other"), at(200)), &["stolen"]);
    script.then_keys(&["new"]);
    assert_kids(of_vendor(&cache, "mine").keys(at(200)).get().await, &["new"]);
    assert_kids(cached(&yours, at(200)), &["new"]);
    assert_kids(cached(&of_vendor(&cache, "mine"), at(200)), &["new"]);
    assert_eq!(script.fetches(), 2);
}

#[tokio::test]
async fn key_24_unseen_clients_wait_for_no_earlier_fetch() {
    let script = Script::default();
    let cache = script.cache();
    let yours = of_vendor(&cache, "yours");
    let old = script.later();
    let your_wait = yours.keys(at(0));
    settle().await;
    cache.invalidate("mine");
    let mine = of_vendor(&cache, "mine");
    let new = script.later();
    let mut my_wait = task::spawn(mine.keys(at(0)).get());
    assert!(my_wait.poll().is_pending());
    settle().await;
    assert_eq!(script.fetches(), 2);
    old.send(Ok(key_set(&["stolen"]))).unwrap();
    assert_kids(your_wait.get().await, &["stolen"]);
    assert!(my_wait.poll().is_pending() && mine.state().keys().is_none());
    new.send(Ok(key_set(&["new"]))).unwrap();
    assert_kids(my_wait.await, &["new"]);
}

#[tokio::test]
async fn an_invalidation_needs_no_fetch_of_other_documents() {
    let script = Script::default();
    let cache = script.cache();
    script.then_keys(&["a"]).then_keys(&["b"]);
    let (apart, shared) = (source(&cache, "yours"), of_vendor(&cache, "yours"));
    assert_kids(apart.keys(at(0)).get().await, &["a"]);
    assert_kids(shared.keys(at(0)).get().await, &["b"]);
    (0..100).for_each(|index| assert_eq!(cache.invalidate(&format!("stranger-{index}")), 0));
    assert_kids(cached(&apart, at(1)), &["a"]);
    assert_kids(cached(&shared, at(1)), &["b"]);
    assert_eq!(cache.sources().len(), 2, "strangers have no source");
}

#[tokio::test]
async fn key_27_an_earlier_fetch_never_undoes_a_revocation() {
    for revocation in [status(404), status(410), Ok(key_set(&[]))] {
        let script = Script::default();
        let cache = script.cache();
        let (mine, yours) = (of_vendor(&cache, "mine"), of_vendor(&cache, "yours"));
        script.then_keys(&["a"]);
        assert_kids(yours.keys(at(0)).get().await, &["a"]);
        let old = script.later();
        let waiting = yours.keys(at(400));
        settle().await;
        cache.invalidate("mine");
        script.then(revocation);
        assert!(said(mine.keys(at(400)).get().await).unwrap_or_default().is_empty());
        old.send(Ok(key_set(&["removed"]))).unwrap();
        assert!(said(waiting.get().await).unwrap_or_default().is_empty());
        for source in [&mine, &yours] {
            assert!(source.state().keys().is_none_or(|keys| keys.is_empty()));
            assert!(said(cached(source, at(400))).unwrap_or_default().is_empty());
        }
    }
}

#[tokio::test]
async fn key_24_every_wait_ends_when_its_client_is_invalidated() {
    let script = Script::default();
    let cache = script.cache();
    let source = of_vendor(&cache, "mine");
    script.then_keys(&["a"]);
    let seen = source.keys(at(0)).get().await.unwrap();
    // The fetches hang. One was started for newer keys, one because the keys are stale.
    let mut newer = task::spawn(source.newer(&seen, at(1)).get());
    let mut stale = task::spawn(source.keys(at(400)).get());
    assert!(newer.poll().is_pending() && stale.poll().is_pending());
    cache.invalidate("mine");
    assert!(newer.is_woken() && stale.is_woken());
    assert!(newer.await.is_none());
    assert!(stale.await.unwrap_err().is_superseded());
}

#[tokio::test]
async fn key_24_keys_that_arrive_with_an_invalidation_are_not_used() {
    let script = Script::default();
    let cache = script.cache();
    let source = of_vendor(&cache, "mine");
    let fetch = script.later();
    let mut waiting = task::spawn(source.keys(at(0)).get());
    assert!(waiting.poll().is_pending());
    fetch.send(Ok(key_set(&["a"]))).unwrap();
    settle().await;
    assert!(waiting.is_woken(), "the keys have arrived");
    cache.invalidate("mine");
    assert!(waiting.await.unwrap_err().is_superseded());
}

#[tokio::test]
async fn a_pause_is_interrupted_once_by_an_invalidation() {
    let script = Script::default();
    let cache = script.cache();
    let (mine, yours) = (of_vendor(&cache, "mine"), of_vendor(&cache, "yours"));
    script.then_keys(&["a"]).then(status(500)).then(status(500));
    assert_kids(mine.keys(at(0)).get().await, &["a"]);
    assert_kids(yours.keys(at(400)).get().await, &["a"]);
    cache.invalidate("mine");
    assert!(mine.state().next_refresh().is_none() && yours.state().next_refresh().is_some());
    assert!(mine.keys(at(400)).get().await.is_err());
    assert_eq!(script.fetches(), 3);
    for _ in 0..10 {
        assert!(said(cached(&mine, at(400))).is_err());
        assert_kids(cached(&yours, at(400)), &["a"]);
    }
    assert_eq!(script.fetches(), 3);
}

#[tokio::test]
async fn an_invalidation_outlives_the_sources_of_its_client() {
    let script = Script::default();
    let cache = script.cache();
    let yours = of_vendor(&cache, "yours");
    script.then_keys(&["old"]);
    assert_kids(of_vendor(&cache, "mine").keys(at(0)).get().await, &["old"]);
    assert_eq!(cache.invalidate("mine"), 1, "only the cache knows the source");
    script.then_keys(&["new"]);
    assert_kids(of_vendor(&cache, "mine").keys(at(1)).get().await, &["new"]);
    assert_kids(cached(&yours, at(1)), &["new"]);
}

#[tokio::test]
async fn a_set_goes_with_the_last_client_that_uses_it() {
    let script = Script::default();
    let cache = script.cache();
    let sources = ["one", "two"].map(|client| of_vendor(&cache, client));
    script.then_keys(&["a"]);
    assert_kids(sources[0].keys(at(0)).get().await, &["a"]);
    cache.invalidate("one");
    assert_eq!(cache.kept_sources(), 1);
    cache.invalidate("two");
    assert_eq!((cache.kept_sources(), cache.kept_bytes()), (0, 0));
    drop(sources);
    assert!(cache.sources().is_empty());
}

#[tokio::test]
async fn clients_that_are_gone_keep_no_set_in_memory() {
    let script = Script::default();
    let cache = script.cache();
    let (gone, stays) = (of_vendor(&cache, "gone"), of_vendor(&cache, "stays"));
    script.then_keys(&["a"]).then_keys(&["b"]);
    let first = gone.keys(at(0)).get().await.unwrap();
    cache.invalidate("gone");
    drop(gone);
    // The new set is from after the invalidation, but it is of no use to the client.
    let second = stays.keys(at(1000)).get().await.unwrap();
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 2));
    cache.invalidate("stays");
    assert_eq!((Arc::strong_count(&second), cache.kept_sources()), (1, 0));
}

#[tokio::test]
async fn a_fetch_for_no_client_any_more_leaves_nothing() {
    for reply in [Ok(key_set(&["a"])), status(500)] {
        let script = Script::default();
        let cache = script.cache();
        let source = of_vendor(&cache, "mine");
        let fetch = script.later();
        drop(source.keys(at(0)));
        settle().await;
        cache.invalidate("mine");
        fetch.send(reply).unwrap();
        settle().await;
        assert_eq!((cache.kept_sources(), script.events().len()), (0, 0));
        assert!(source.state().last_error().is_none() && !source.state().is_fetching());
    }
}

#[tokio::test]
async fn an_event_names_every_client_that_it_concerns() {
    let named = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&named);
    let fetch = |_: JwksRequest| async { Ok::<_, Infallible>(key_set(&["a"])) };
    let cache = KeySetCache::builder(fetch).events(event::sink(move |event| {
        if let Event::KeySet(event) = event {
            let mut clients: Vec<_> = event.clients().map(ToOwned::to_owned).collect();
            assert_eq!(event.clients().len(), clients.len());
            clients.sort();
            log.lock().unwrap().push((event.client_id().to_owned(), clients));
        }
    }));
    let cache = cache.build().unwrap();
    let _elsewhere = source(&cache, "elsewhere");
    let (one, two) = (of_vendor(&cache, "one"), of_vendor(&cache, "two"));
    let _ = two.keys(at(0)).get().await;
    // A client that is gone is not concerned.
    cache.invalidate("two");
    drop(two);
    let _ = one.keys(at(1000)).get().await;
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let expected = [("two".to_owned(), ids(&["one", "two"])), ("one".to_owned(), ids(&["one"]))];
    assert_eq!(*named.lock().unwrap(), expected);
}

/// Each fetched set names the number of its fetch. No request that begins after an invalidation has
/// returned may get a set whose fetch began before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn key_24_no_thread_gets_keys_from_before_an_invalidation() {
    let fetches = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&fetches);
    let fetch = move |_: JwksRequest| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(key_set(&[&number.to_string()]))
        }
    };
    let cache = KeySetCache::builder(fetch).timeout(Duration::from_secs(60)).build().unwrap();
    let floor = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8_u64 {
        let (cache, floor) = (cache.clone(), Arc::clone(&floor));
        tasks.spawn(async move {
            for step in 0..300 {
                let first = floor.load(Ordering::SeqCst);
                let now = UnixTime::from_secs(NOW + step + task % 3);
                match of_vendor(&cache, "mine").keys(now).get().await {
                    Ok(keys) => {
                        let number: usize = keys.iter().next().unwrap().key_id().unwrap().parse().unwrap();
                        assert!(number >= first, "{number} is from before {first}");
                    }
                    Err(error) => assert!(error.is_superseded(), "{}", error.error()),
                }
                let _ = of_vendor(&cache, "yours").keys(now).get().await.unwrap();
            }
        });
    }
    for _ in 0..200 {
        let begun = fetches.load(Ordering::SeqCst);
        cache.invalidate("mine");
        floor.fetch_max(begun, Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}
