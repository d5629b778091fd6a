//! The key set cache by itself, with a scripted fetcher: when it fetches, what it keeps, and what
//! it reports.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{NOW, now_or_never};
use crate::script::{Script, assert_kids, at, cached, cached_for, document, key_set, said, settle, source, status};
use http::Response;
use http_body_util::Full;
use serde_json::json;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::{self, Event, EventSink};
use tower_client_assertion::jwks::{
    AddressGuard, FetchError, JwksFetch, JwksRequest, JwksUrl, KeySetCache, KeySetCacheBuilder, KeySource, KeysResult,
    Prefetched, UrlError,
};
use tower_client_assertion::port::{Answer, PortError};
use tower_client_assertion::registry::{Client, ClientError};

/// How many sources are ready after a prefetch, and how many failed.
async fn prefetched(cache: &KeySetCache) -> (usize, usize) {
    let Prefetched { ready, failed, .. } = cache.prefetch(at(0)).await;
    (ready, failed)
}

#[tokio::test]
async fn key_16_fresh_keys_are_served_without_a_fetch() {
    for (cache_control, lifetime) in [
        (None, 300),
        (Some("max-age=100"), 100),
        (Some("max-age=5"), 60),
        (Some("no-store"), 60),
        (Some("max-age=9999"), 3600),
    ] {
        let script = Script::default();
        script.then(match cache_control {
            Some(value) => cached_for(&["a"], value),
            None => Ok(key_set(&["a"])),
        });
        let source = script.source();
        assert_kids(source.keys(at(0)).get().await, &["a"]);
        assert_kids(cached(&source, at(0)), &["a"]);
        assert_kids(cached(&source, at(lifetime / 2)), &["a"]);
        assert_eq!(script.fetches(), 1, "{cache_control:?}");
        // In the last fifth of the freshness, a background fetch starts. It hangs here.
        assert_kids(cached(&source, at(lifetime - 1)), &["a"]);
        settle().await;
        assert_eq!(script.fetches(), 2, "{cache_control:?}");
        assert!(matches!(source.keys(at(lifetime)), Answer::Pending(_)), "{cache_control:?}");
        assert_eq!(source.state().fresh_until(), Some(at(lifetime)));
    }
}

#[tokio::test]
async fn key_16_smart_never_exceeds_cache_control() {
    let script = Script::default();
    let source = source(&script.builder().smart().build().unwrap(), "clinic-7");
    script.then(cached_for(&["a"], "max-age=5")).then(cached_for(&["b"], "no-store")).then(status(500));
    assert_kids(source.keys(at(0)).get().await, &["a"]);
    assert_kids(cached(&source, at(4)), &["a"]);
    assert_kids(source.keys(at(5)).get().await, &["b"]);
    assert_kids(cached(&source, at(5)), &["b"]);
    let answer = said(source.keys(at(6)).get().await);
    assert_eq!(answer.unwrap_err(), "the server answered with the status 500", "stale keys are never served");
    assert_eq!(script.fetches(), 3);
}

#[tokio::test]
async fn a_background_refresh_replaces_keys_and_never_merges() {
    let script = Script::default();
    let source = script.source();
    script.then_keys(&["a", "b"]).then_keys(&["b", "c"]);
    assert_kids(source.keys(at(0)).get().await, &["a", "b"]);
    let due = source.state().next_refresh().unwrap();
    assert!(due > at(200) && due <= at(240), "{due:?}");
    assert_kids(cached(&source, UnixTime::from_secs(due.as_secs() - 1)), &["a", "b"]);
    settle().await;
    assert_eq!(script.fetches(), 1, "not before it is due");
    for _ in 0..3 {
        assert_kids(cached(&source, due), &["a", "b"]);
    }
    settle().await;
    assert_kids(cached(&source, due), &["b", "c"]);
    assert_eq!(script.fetches(), 2);
    assert_eq!(source.state().fetched_at(), Some(due));
}

#[tokio::test]
async fn concurrent_first_requests_share_one_fetch() {
    let script = Script::default();
    let source = script.source();
    let fetch = script.later();
    let waiting: Vec<_> = (0..200).map(|_| tokio::spawn(source.keys(at(0)).get())).collect();
    settle().await;
    assert_eq!(script.fetches(), 1);
    assert!(source.state().is_fetching());
    fetch.send(Ok(key_set(&["a"]))).unwrap();
    for keys in waiting {
        assert_kids(keys.await.unwrap(), &["a"]);
    }
    assert_eq!(script.fetches(), 1);
    assert!(!source.state().is_fetching());
}

#[tokio::test]
async fn a_fetch_outlives_the_request_that_started_it() {
    let script = Script::default();
    let source = script.source();
    let fetch = script.later();
    let leader = source.keys(at(0));
    let mut follower = tokio_test::task::spawn(source.keys(at(0)).get());
    assert!(follower.poll().is_pending());
    settle().await;
    drop(leader);
    settle().await;
    assert!(follower.poll().is_pending());
    fetch.send(Ok(key_set(&["a"]))).unwrap();
    settle().await;
    assert!(follower.is_woken());
    let std::task::Poll::Ready(keys) = follower.poll() else { panic!("the fetch has ended") };
    assert_kids(keys, &["a"]);
    assert_eq!(script.fetches(), 1);
}

#[tokio::test]
async fn a_fetch_completes_without_waiters() {
    let script = Script::default();
    let source = script.source();
    let fetch = script.later();
    drop(source.keys(at(0)));
    settle().await;
    fetch.send(Ok(key_set(&["a"]))).unwrap();
    settle().await;
    assert_kids(cached(&source, at(0)), &["a"]);
}

#[tokio::test]
async fn key_17_e43_unknown_kids_cause_one_fetch_per_cooldown() {
    let script = Script::default();
    let source = script.source();
    script.then_keys(&["a"]);
    let first = source.keys(at(0)).get().await.unwrap();
    let mut seen = first;
    for (second, fetches) in [(1, 2), (1, 2), (2, 2), (30, 2), (31, 3), (60, 3), (61, 4)] {
        script.then_keys(&["a"]);
        for _ in 0..250 {
            if let Some(newer) = source.newer(&seen, at(second)).get().await {
                assert!(!Arc::ptr_eq(&newer, &seen));
                seen = newer;
            }
        }
        assert_eq!(script.fetches(), fetches, "after {second} s");
    }
}

#[tokio::test]
async fn newer_cached_keys_are_returned_without_a_fetch() {
    let script = Script::default();
    let source = script.source();
    script.then_keys(&["a"]).then_keys(&["b"]);
    let old = source.keys(at(0)).get().await.unwrap();
    let new = source.newer(&old, at(1)).get().await.unwrap();
    let Answer::Ready(Some(again)) = source.newer(&old, at(2)) else { panic!("newer keys are cached") };
    assert!(Arc::ptr_eq(&new, &again));
    assert!(matches!(source.newer(&new, at(2)), Answer::Ready(None)));
    assert_eq!(script.fetches(), 2);
}

#[tokio::test]
async fn an_unknown_kid_joins_a_running_fetch() {
    let script = Script::default();
    let source = script.source();
    script.then_keys(&["a"]);
    let seen = source.keys(at(0)).get().await.unwrap();
    let fetch = script.later();
    assert_kids(cached(&source, at(299)), &["a"]);
    let newer: Vec<_> = (0..5).map(|_| tokio::spawn(source.newer(&seen, at(299)).get())).collect();
    settle().await;
    assert_eq!(script.fetches(), 2);
    fetch.send(Ok(key_set(&["b"]))).unwrap();
    for newer in newer {
        assert_kids(Ok(newer.await.unwrap().unwrap()), &["b"]);
    }
    assert_eq!(script.fetches(), 2);
}

#[tokio::test]
async fn a_failed_fetch_on_demand_keeps_the_keys() {
    let script = Script::default();
    let source = script.source();
    script.then_keys(&["a"]).then(status(500));
    let seen = source.keys(at(0)).get().await.unwrap();
    assert!(source.newer(&seen, at(1)).get().await.is_none());
    assert_kids(cached(&source, at(1)), &["a"]);
    assert_eq!(source.state().failures(), 1);
}

#[tokio::test]
async fn failures_are_cached_until_the_pause_ends() {
    let script = Script::default();
    let source = script.source();
    for (error, text) in [
        (status(500), "the server answered with the status 500"),
        (status(301), "the server answered with the status 301, and redirects are not followed"),
        (status(404), "the server answered with the status 404"),
        (Err(FetchError::Unreachable(PortError::new("no route"))), "the server could not be reached"),
    ] {
        script.then(error);
        let before = script.fetches();
        let start = source.state().next_refresh().map_or(0, |next| next.as_secs() - NOW);
        assert_eq!(said(source.keys(at(start)).get().await).unwrap_err(), text);
        let retry = source.state().next_refresh().unwrap();
        let last = UnixTime::from_secs(retry.as_secs() - 1);
        for now in [at(start), last] {
            for _ in 0..100 {
                assert_eq!(said(cached(&source, now)).unwrap_err(), text);
            }
        }
        assert_eq!(script.fetches(), before + 1, "no fetch before the pause is over");
    }
    script.then_keys(&["a"]);
    let retry = source.state().next_refresh().unwrap();
    assert_eq!(source.state().failures(), 4);
    assert_kids(source.keys(retry).get().await, &["a"]);
    let state = source.state();
    assert_eq!((state.failures(), state.last_error().is_none()), (0, true), "success clears the failures");
}

/// An error as HTTP clients make them, which shows the URL.
#[derive(Debug)]
struct Shows(String, Option<Box<Shows>>);

impl std::fmt::Display for Shows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.split('|').next().unwrap())
    }
}

impl std::error::Error for Shows {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.1.as_deref().map(|cause| cause as _)
    }
}

#[tokio::test]
async fn the_query_of_a_url_is_in_no_cause() {
    let url = "https://clinic.example/keys?token=hunter2";
    let inside = |text: &str| Shows("no connection".into(), Some(Box::new(Shows(text.into(), None))));
    let unreachable = |cause| FetchError::Unreachable(PortError::new(cause));
    for (error, shown) in [
        (unreachable(Shows(format!("no route to {url}"), None)), "no route to https://clinic.example/keys?.."),
        (
            unreachable(inside(&format!("no {url}, {url}"))),
            "no connection: no https://clinic.example/keys?.., https://clinic.example/keys?..",
        ),
        (unreachable(Shows(format!("no route|{url}"), None)), "no route"),
        (FetchError::Tls(PortError::new(format!("for ({url})"))), "for (https://clinic.example/keys?..)"),
        (unreachable(inside("no route")), "no connection: no route"),
    ] {
        let script = Script::default();
        script.then(Err(error));
        let source = script.cache().source("clinic-7", &JwksUrl::parse(url).unwrap()).unwrap();
        let error = source.keys(at(0)).get().await.unwrap_err();
        let chain = std::iter::successors(std::error::Error::source(error.error()), |error| error.source());
        assert_eq!(chain.map(ToString::to_string).collect::<Vec<_>>().join(": "), shown);
        let everything = format!("{error:?} {:?} {:?}", source.state(), script.events());
        assert!(!everything.contains("hunter2"), "{everything}");
    }
}

#[tokio::test]
async fn an_unknown_kid_respects_the_pause_after_a_failure() {
    let script = Script::default();
    let source = script.source();
    script.then_keys(&["a"]).then(status(500));
    let seen = source.keys(at(0)).get().await.unwrap();
    assert_kids(cached(&source, at(280)), &["a"]);
    settle().await;
    assert_eq!(source.state().failures(), 1);
    assert!(matches!(source.newer(&seen, at(280)), Answer::Ready(None)));
    assert_eq!(script.fetches(), 2);
}

#[tokio::test]
async fn a_failed_refresh_is_retried_after_its_pause() {
    let script = Script::default();
    let source = script.source();
    script.then_keys(&["a"]).then(status(500)).then_keys(&["b"]);
    assert_kids(source.keys(at(0)).get().await, &["a"]);
    for _ in 0..10 {
        assert_kids(cached(&source, at(280)), &["a"]);
        settle().await;
    }
    assert_eq!(script.fetches(), 2);
    let retry = source.state().next_refresh().unwrap();
    assert_kids(cached(&source, retry), &["a"]);
    settle().await;
    assert_kids(cached(&source, retry), &["b"]);
    assert_eq!(script.fetches(), 3);
}

#[tokio::test]
async fn e44_stale_keys_are_served_up_to_the_limit() {
    let script = Script::default();
    let source = script.source();
    script.then_keys(&["a"]);
    assert_kids(source.keys(at(0)).get().await, &["a"]);
    script.events();
    let limit = 60 * 60;
    for now in [300, 300 + limit - 1] {
        script.then(status(503));
        assert_kids(source.keys(at(now)).get().await, &["a"]);
        assert_kids(cached(&source, at(now)), &["a"]);
        let events = script.events();
        assert_eq!(events.len(), 2, "one failure and one report of stale keys: {events:?}");
        assert!(
            events[0].starts_with("clinic-7: fetch failed: the server answered with the status 503; "),
            "{events:?}"
        );
        let stale = format!("clinic-7: fetch failed; still using keys that went stale {} s ago", now - 300);
        assert_eq!(events[1], stale);
    }
    assert!(said(cached(&source, at(300 + limit))).is_err());
    script.then_keys(&["b"]);
    assert_kids(source.keys(at(300 + limit + 1000)).get().await, &["b"]);
}

#[tokio::test]
async fn e44_status_404_410_or_an_empty_set_revokes_immediately() {
    for (answer, expected) in [
        (status(404), Err("the server answered with the status 404".to_owned())),
        (status(410), Err("the server answered with the status 410".to_owned())),
        (Ok(key_set(&[])), Ok(vec![])),
    ] {
        let script = Script::default();
        let source = script.source();
        script.then_keys(&["a"]).then(answer);
        let seen = source.keys(at(0)).get().await.unwrap();
        script.events();
        let _ = source.newer(&seen, at(10)).get().await;
        assert_eq!(said(cached(&source, at(10))), expected);
        assert!(script.events().contains(&"clinic-7: no usable key is left".to_owned()));
    }
    for code in [400, 401, 403, 429, 500, 502] {
        let script = Script::default();
        let source = script.source();
        script.then_keys(&["a"]).then(status(code));
        let seen = source.keys(at(0)).get().await.unwrap();
        let _ = source.newer(&seen, at(10)).get().await;
        assert_kids(cached(&source, at(10)), &["a"]);
    }
}

#[tokio::test]
async fn e40_a_clock_set_back_does_not_extend_keys() {
    let script = Script::default();
    let source = script.source();
    script.then(cached_for(&["a"], "max-age=3600"));
    assert_kids(source.keys(at(1000)).get().await, &["a"]);
    assert_kids(cached(&source, at(995)), &["a"]);
    assert_eq!(script.fetches(), 1, "threads may be a little out of order");
    script.then_keys(&["b"]);
    assert_kids(source.keys(at(994)).get().await, &["b"]);
    assert_kids(cached(&source, at(995)), &["b"]);
    script.then(status(500));
    assert!(said(source.keys(at(0)).get().await).is_err(), "without a known age, nothing is served stale");
    assert_kids(cached(&source, at(996)), &["b"]);
}

#[tokio::test]
async fn e40_a_clock_set_back_ends_pauses_and_cooldowns() {
    let script = Script::default();
    let source = script.source();
    script.then(status(500)).then_keys(&["a"]).then_keys(&["b"]).then_keys(&["c"]);
    assert!(source.keys(at(10_000)).get().await.is_err());
    let seen = source.keys(at(100)).get().await.unwrap();
    let newer = source.newer(&seen, at(100)).get().await.unwrap();
    assert!(matches!(source.newer(&newer, at(100)), Answer::Ready(None)));
    assert_kids(Ok(source.newer(&newer, at(50)).get().await.unwrap()), &["c"]);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_fetch_times_out_and_delays_no_other() {
    let script = Script::default();
    let cache = script.builder_by_default().build().unwrap();
    let (slow, quick) = (source(&cache, "slow"), source(&cache, "quick"));
    let hanging = slow.keys(at(0));
    settle().await;
    script.then_keys(&["a"]);
    let started = tokio::time::Instant::now();
    assert_kids(quick.keys(at(0)).get().await, &["a"]);
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(said(hanging.get().await).unwrap_err(), "the response was not complete in time");
    let taken = started.elapsed();
    assert!(taken >= Duration::from_secs(3) && taken < Duration::from_millis(3_100), "{taken:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pause_counts_from_the_end_of_the_fetch() {
    let script = Script::default();
    let source = source(&script.builder_by_default().build().unwrap(), "clinic-7");
    assert!(source.keys(at(0)).get().await.is_err());
    let retry = source.state().next_refresh().unwrap();
    assert!((at(4)..=at(5)).contains(&retry), "3 s of fetch and 1 or 2 of pause: {retry:?}");
    assert!(matches!(source.keys(at(3)), Answer::Ready(Err(_))));
    assert_eq!(script.fetches(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_never_fetch_one_source_concurrently() {
    const SOURCES: usize = 4;
    let under_way: Arc<[AtomicUsize; SOURCES]> = Arc::default();
    let counts = Arc::clone(&under_way);
    let fetch = move |request: JwksRequest| {
        let counts = Arc::clone(&counts);
        let index: usize = request.url().uri().path()[1..].parse().unwrap();
        async move {
            assert_eq!(counts[index].fetch_add(1, Ordering::SeqCst), 0, "two fetches of one source");
            for _ in 0..index {
                tokio::task::yield_now().await;
            }
            counts[index].fetch_sub(1, Ordering::SeqCst);
            if index == 3 { status(500) } else { cached_for(&["a"], "max-age=60") }
        }
    };
    let cache = KeySetCache::builder(fetch).max_fetches(2).timeout(Duration::from_secs(60)).build().unwrap();
    let sources = (0..SOURCES).map(|index| JwksUrl::parse(&format!("https://clinic.example/{index}")).unwrap());
    let sources: Vec<_> = sources.map(|url| cache.source("clinic-7", &url).unwrap()).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..16_u64 {
        let sources = sources.clone();
        tasks.spawn(async move {
            for step in 0..500 {
                let source = &sources[(task + step) as usize % SOURCES];
                let now = at(step * 7 + task % 3);
                // Every third waiter gives up.
                let answer = source.keys(now);
                if step % 3 == 0 {
                    continue;
                }
                match answer.get().await {
                    Ok(keys) => drop(source.newer(&keys, now).get().await),
                    Err(error) => assert!(matches!(error.error(), FetchError::Status(500)), "{}", error.error()),
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    assert!(under_way.iter().all(|count| count.load(Ordering::SeqCst) <= 1));
    assert!(sources[..3].iter().all(|source| source.state().last_error().is_none()));
}

#[tokio::test(start_paused = true)]
async fn fetches_queue_and_a_long_queue_is_a_server_fault() {
    let script = Script::default();
    let cache = script.builder_by_default().max_fetches(1).build().unwrap();
    let (first, second) = (source(&cache, "first"), source(&cache, "second"));
    let fetch = script.later();
    let (one, two) = (first.keys(at(0)), second.keys(at(0)));
    settle().await;
    assert_eq!(script.fetches(), 1);
    script.then_keys(&["b"]);
    fetch.send(Ok(key_set(&["a"]))).unwrap();
    assert_kids(one.get().await, &["a"]);
    assert_kids(two.get().await, &["b"]);
    let hanging: Vec<_> =
        ["third", "fourth", "fifth"].map(|client| source(&cache, client).keys(at(0))).into_iter().collect();
    let mut errors = Vec::new();
    for answer in hanging {
        errors.push(said(answer.get().await).unwrap_err());
    }
    let late = "the response was not complete in time";
    assert_eq!(errors, [late, late, "ours: too many key sets are being fetched"]);
    script.then_keys(&["c"]);
    assert_kids(source(&cache, "fifth").keys(at(3)).get().await, &["c"]);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_host_blocks_only_its_own_fetches() {
    let fetch = |request: JwksRequest| async move {
        if request.url().host() == "slow.example" {
            std::future::pending::<()>().await;
        }
        Ok::<_, Infallible>(key_set(&["a"]))
    };
    let cache = KeySetCache::builder(fetch).max_fetches(4).max_fetches_per_host(2).build().unwrap();
    let of_host = |client: &str, host: &str| {
        cache.source(client, &JwksUrl::parse(&format!("https://{host}/{client}")).unwrap()).unwrap()
    };
    let started = tokio::time::Instant::now();
    let slow: Vec<_> = (0..5).map(|index| of_host(&format!("client-{index}"), "slow.example").keys(at(0))).collect();
    settle().await;
    for index in 0..3 {
        let quick = of_host(&format!("client-{index}"), &format!("quick-{index}.example"));
        assert_kids(quick.keys(at(0)).get().await, &["a"]);
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    let mut errors = Vec::new();
    for answer in slow {
        errors.push(said(answer.get().await).unwrap_err());
    }
    // A fetch that waits for a slot may still get one when the first are given up.
    let late = "the response was not complete in time";
    let busy = "ours: too many fetches from the host are running, and none ended in time";
    assert_eq!(errors[..2], [late; 2]);
    assert!(errors.iter().all(|error| [late, busy].contains(&&**error)), "{errors:?}");
}

/// A healthy host that is slow: in the time of a fetch, it answers two at a time.
#[tokio::test(start_paused = true)]
async fn a_url_that_was_not_asked_is_not_paused() {
    type Limit = fn(KeySetCacheBuilder) -> KeySetCacheBuilder;
    let (in_total, at_host): (Limit, Limit) = (|b| b.max_fetches(2), |b| b.max_fetches_per_host(2));
    for (limit, expected) in [
        (at_host, "ours: too many fetches from the host are running, and none ended in time"),
        (in_total, "ours: too many key sets are being fetched"),
    ] {
        let fetch = |_: JwksRequest| async {
            tokio::time::sleep(Duration::from_millis(1600)).await;
            Ok::<_, Infallible>(key_set(&["a"]))
        };
        let cache = limit(KeySetCache::builder(fetch).timeout(Duration::from_secs(3))).build().unwrap();
        let sources: Vec<_> = (0..10).map(|index| source(&cache, &format!("client-{index}"))).collect();
        let mut left = sources.len();
        for second in [0, 0, 1] {
            let answers: Vec<_> = sources.iter().map(|source| source.keys(at(second))).collect();
            let mut refused = Vec::new();
            for answer in answers {
                refused.extend(said(answer.get().await).err());
            }
            assert!(refused.iter().all(|error| error == expected), "{refused:?}");
            assert!(refused.len() < left, "some were served after {second} s");
            left = refused.len();
            for state in sources.iter().map(KeySource::state) {
                assert_eq!(state.failures(), 0, "{state:?}");
                assert!(state.last_error().is_none() || state.next_refresh().is_none(), "{state:?}");
            }
        }
        assert_eq!(left, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_fetch_that_asked_starts_a_cool_down() {
    let fetches = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&fetches);
    let fetch = move |_: JwksRequest| {
        count.fetch_add(1, Ordering::SeqCst);
        async {
            tokio::time::sleep(Duration::from_millis(1600)).await;
            Ok::<_, Infallible>(key_set(&["a"]))
        }
    };
    let cache = KeySetCache::builder(fetch).timeout(Duration::from_secs(3)).max_fetches_per_host(1).build().unwrap();
    let [mine, first, second] = ["mine", "first", "second"].map(|client| source(&cache, client));
    let seen = mine.keys(at(0)).get().await.unwrap();
    let others = [first.keys(at(0)), second.keys(at(0))];
    settle().await;
    assert!(mine.newer(&seen, at(1)).get().await.is_none());
    for other in others {
        assert_kids(other.get().await, &["a"]);
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 3, "it was not asked");
    let newer = mine.newer(&seen, at(2)).get().await.unwrap();
    assert_eq!(fetches.load(Ordering::SeqCst), 4);
    assert!(mine.newer(&newer, at(3)).get().await.is_none());
    assert_eq!(fetches.load(Ordering::SeqCst), 4, "it was asked");
}

#[tokio::test]
async fn a_panicking_fetcher_is_a_server_fault() {
    let cache = KeySetCache::builder(|_: JwksRequest| async {
        if std::hint::black_box(true) {
            panic!("a bug in the fetcher");
        }
        Ok::<_, Infallible>(key_set(&[]))
    });
    let source = source(&cache.build().unwrap(), "clinic-7");
    let answer = said(source.keys(at(0)).get().await);
    assert_eq!(answer.unwrap_err(), "ours: the fetch of the key set was aborted");
}

#[test]
fn fetching_without_a_runtime_is_a_server_fault() {
    let script = Script::default();
    let source = script.source();
    let answer = said(now_or_never(source.keys(at(0)).get()));
    assert_eq!(answer.unwrap_err(), "ours: there is no Tokio runtime with a timer to fetch the key set in");
    assert_eq!(script.fetches(), 0);
}

#[test]
fn a_runtime_without_a_timer_is_a_server_fault() {
    let script = Script::default();
    let source = script.source();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..2 {
        let answer = said(runtime.block_on(async { source.keys(at(0)).get().await }));
        assert_eq!(answer.unwrap_err(), "ours: there is no Tokio runtime with a timer to fetch the key set in");
    }
    assert_eq!((script.fetches(), source.state().is_fetching()), (0, false));
}

#[test]
fn a_runtime_shutdown_aborts_its_fetches() {
    let script = Script::default();
    let source = script.source();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let waiting = {
        let _entered = runtime.enter();
        source.keys(at(0))
    };
    drop(runtime);
    let answer = said(now_or_never(waiting.get()));
    assert_eq!(answer.unwrap_err(), "ours: the fetch of the key set was aborted");
    assert!(!source.state().is_fetching());
}

#[tokio::test]
async fn invalidating_a_client_drops_its_keys_and_fetches() {
    let script = Script::default();
    let cache = script.builder().build().unwrap();
    let (mine, other) = (source(&cache, "mine"), source(&cache, "other"));
    script.then_keys(&["a"]).then_keys(&["o"]);
    assert_kids(mine.keys(at(0)).get().await, &["a"]);
    assert_kids(other.keys(at(0)).get().await, &["o"]);
    let seen = mine.keys(at(0)).get().await.unwrap();
    let old = script.later();
    let (demand, behind) = (mine.newer(&seen, at(1)), mine.newer(&seen, at(1)));
    settle().await;
    assert_eq!(cache.invalidate("mine"), 1);
    assert_eq!(cache.invalidate("stranger"), 0);
    assert!(mine.state().keys().is_none());
    let new = script.later();
    let waiting = mine.keys(at(1));
    settle().await;
    assert_eq!(script.fetches(), 4, "neither the old fetch nor the old cool-down counts");
    old.send(Ok(key_set(&["leaked"]))).unwrap();
    assert!(demand.get().await.is_none());
    assert!(behind.get().await.is_none());
    assert!(mine.state().keys().is_none(), "the aborted fetch has no effect");
    new.send(Ok(key_set(&["b"]))).unwrap();
    assert_kids(waiting.get().await, &["b"]);
    assert_kids(cached(&other, at(1)), &["o"]);
}

#[tokio::test]
async fn waiters_of_an_invalidated_client_must_begin_again() {
    let script = Script::default();
    let cache = script.builder().build().unwrap();
    let source = source(&cache, "mine");
    let old = script.later();
    let waiting = source.keys(at(0));
    settle().await;
    cache.invalidate("mine");
    old.send(Ok(key_set(&["leaked"]))).unwrap();
    let superseded = waiting.get().await.unwrap_err();
    assert!(superseded.is_superseded() && superseded.is_server_fault());
    assert_eq!(script.fetches(), 1, "nothing is fetched for a registration that may be gone");
    script.then_keys(&["new"]);
    assert_kids(source.keys(at(0)).get().await, &["new"]);
}

#[tokio::test]
async fn our_network_is_blamed_after_several_silent_hosts() {
    let script = Script::default();
    let cache = script.builder().blame_own_network_after(NonZeroUsize::new(2).unwrap()).build().unwrap();
    let at_host =
        |host: &str| cache.source("clinic-7", &JwksUrl::parse(&format!("https://{host}/keys")).unwrap()).unwrap();
    let silent = || Err(FetchError::Unreachable(PortError::new("no route")));
    let blamed = |keys: KeysResult| keys.unwrap_err().is_server_fault();
    script.then(silent());
    assert!(!blamed(at_host("a.example").keys(at(0)).get().await));
    script.then(silent());
    assert!(!blamed(at_host("a.example").keys(at(10)).get().await), "one host alone may be down for any time");
    script.then(silent());
    assert!(blamed(at_host("b.example").keys(at(10)).get().await));
    assert!(blamed(cached(&at_host("a.example"), at(10))), "earlier failures count too");
    script.then(Err(FetchError::Address(AddressGuard::default().judge("c", "10.0.0.1".parse().unwrap()).unwrap_err())));
    assert!(!blamed(at_host("c.example").keys(at(10)).get().await), "refusals by the guard are never our fault");
    script.then(status(500));
    assert!(!blamed(at_host("d.example").keys(at(10)).get().await));
    assert!(!blamed(cached(&at_host("a.example"), at(10))), "any response clears the network");
}

#[tokio::test]
async fn a_silent_host_is_the_clients_fault_by_default() {
    let script = Script::default();
    let cache = script.builder().build().unwrap();
    for host in ["a.example", "b.example", "c.example"] {
        script.then(Err(FetchError::Unreachable(PortError::new("no route"))));
        let source = cache.source("clinic-7", &JwksUrl::parse(&format!("https://{host}/")).unwrap()).unwrap();
        assert!(!source.keys(at(0)).get().await.unwrap_err().is_server_fault());
    }
}

#[tokio::test]
async fn sets_are_separate_by_url_and_sources_by_client() {
    let script = Script::default();
    let cache = script.builder().build().unwrap();
    let url = |path: &str| JwksUrl::parse(&format!("https://clinic.example/{path}")).unwrap();
    script.then_keys(&["a"]).then_keys(&["b"]);
    assert_kids(cache.source("one", &url("keys")).unwrap().keys(at(0)).get().await, &["a"]);
    // Only the cache holds the source now.
    assert_kids(cached(&cache.source("one", &url("keys")).unwrap(), at(1)), &["a"]);
    assert_kids(cached(&cache.source("two", &url("keys")).unwrap(), at(1)), &["a"]);
    assert_kids(cache.source("one", &url("Keys")).unwrap().keys(at(0)).get().await, &["b"]);
    assert_eq!((script.fetches(), cache.kept_sources()), (2, 2));
    let sources = cache.sources();
    let mut names: Vec<_> = sources.iter().map(|source| (source.client_id(), source.url().uri().path())).collect();
    names.sort_unstable();
    assert_eq!(names, [("one", "/Keys"), ("one", "/keys"), ("two", "/keys")]);
}

#[tokio::test]
async fn the_least_recently_used_sets_are_evicted() {
    let script = Script::default();
    let cache = script.builder().max_sets(3).build().unwrap();
    let sources: Vec<_> = (0..5).map(|index| source(&cache, &format!("client-{index}"))).collect();
    for (index, source) in sources.iter().enumerate().take(3) {
        script.then_keys(&["a"]);
        let now = at(index as u64);
        assert_kids(source.keys(now).get().await, &["a"]);
        assert_kids(cached(source, now), &["a"]);
    }
    assert_eq!(cache.kept_sources(), 3);
    // The first is used again, so the second is now the least recently used.
    assert_kids(cached(&sources[0], at(10)), &["a"]);
    script.then_keys(&["a"]);
    assert_kids(sources[3].keys(at(11)).get().await, &["a"]);
    assert_eq!(cache.kept_sources(), 3);
    let has_keys: Vec<_> = sources.iter().map(|source| source.state().keys().is_some()).collect();
    assert_eq!(has_keys, [true, false, true, true, false]);
    script.then_keys(&["back"]);
    assert_kids(sources[1].keys(at(12)).get().await, &["back"]);
}

#[tokio::test]
async fn key_sets_are_evicted_to_bound_memory() {
    let script = Script::default();
    let kids: Vec<_> = (0..50).map(|index| format!("kid-{index}")).collect();
    let kids: Vec<_> = kids.iter().map(String::as_str).collect();
    let weight = document(&kids).len() * 4 + 50 * 1024 + 1024;
    let cache = script.builder().max_memory(weight * 3 - 1).build().unwrap();
    for index in 0..10 {
        script.then_keys(&kids);
        let _ = source(&cache, &format!("client-{index}")).keys(at(index)).get().await.unwrap();
        let (sets, bytes) = (cache.kept_sources(), cache.kept_bytes());
        assert_eq!((sets, bytes), (2.min(index as usize + 1), weight * 2.min(index as usize + 1)));
    }
}

#[tokio::test]
async fn prefetching_fetches_missing_sets_a_few_at_a_time() {
    let script = Script::default();
    let cache = script.builder().max_fetches(2).build().unwrap();
    let sources: Vec<_> = (0..5).map(|index| source(&cache, &format!("client-{index}"))).collect();
    script.then_keys(&["a"]);
    assert_kids(sources[0].keys(at(0)).get().await, &["a"]);
    script.then_keys(&["a"]).then(status(500)).then_keys(&["a"]).then_keys(&["a"]);
    assert_eq!(prefetched(&cache).await, (4, 1));
    assert_eq!(script.fetches(), 5);
    let states: Vec<_> = sources.iter().map(|source| source.state()).collect();
    assert_eq!(states.iter().filter(|state| state.last_error().is_some()).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn prefetching_does_not_time_out_in_its_own_queue() {
    let fetch = |_: JwksRequest| async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok::<_, Infallible>(key_set(&["a"]))
    };
    let cache = KeySetCache::builder(fetch).max_fetches(2).build().unwrap();
    let _sources: Vec<_> = (0..8).map(|index| source(&cache, &format!("client-{index}"))).collect();
    assert_eq!(prefetched(&cache).await, (8, 0));
}

#[tokio::test]
async fn fetches_are_reported_and_state_is_visible() {
    let script = Script::default();
    let source = script.source();
    let state = source.state();
    assert!(state.keys().is_none() && state.fetched_at().is_none() && state.last_attempt().is_none());
    let odd = json!({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty": "oct", "kid": "s\n", "k": "c2VjcmV0"},
        {"kty": "??"},
    ]});
    script.then(Ok(Response::new(Full::from(odd.to_string()))));
    let _ = source.keys(at(0)).get().await;
    let skipped = "it has private or symmetric members (k), which must never leave the client";
    assert_eq!(
        script.events(),
        [
            "clinic-7: fetched 1 usable key, fresh for 300 s".to_owned(),
            format!(r#"clinic-7: key 1 ("s\u{{a}}") is skipped: {skipped}"#),
            "clinic-7: key 2 is skipped: kty is \"??\", expected RSA, EC, OKP or AKP".to_owned(),
        ]
    );
    let state = source.state();
    assert_eq!((state.client_id(), state.url().as_str()), ("clinic-7", "https://clinic.example/clinic-7"));
    assert_eq!(state.keys().unwrap().iter().next().unwrap().key_id(), Some("a"));
    assert_eq!(state.keys().unwrap().skipped().len(), 2);
    assert_eq!(
        (state.fetched_at(), state.last_attempt(), state.fresh_until()),
        (Some(at(0)), Some(at(0)), Some(at(300)))
    );
    assert!(state.last_error().is_none());
}

#[test]
fn invalid_settings_do_not_build() {
    type Set = fn(KeySetCacheBuilder) -> KeySetCacheBuilder;
    let secs = Duration::from_secs;
    let cases: [(&str, Set); 15] = [
        ("fresh_between: 0 is not allowed", |b| b.fresh_between(Duration::ZERO, Duration::ZERO)),
        ("fresh_between: the longest freshness, 1s, is shorter", |b| {
            b.fresh_between(Duration::from_secs(2), Duration::from_secs(1))
        }),
        ("fresh_between: 1ms has a fraction", |b| b.fresh_between(Duration::from_millis(1), Duration::from_secs(1))),
        ("fresh_by_default: 1.5s has a fraction", |b| b.fresh_by_default(Duration::from_millis(1500))),
        ("cooldown: 0 is not allowed", |b| b.cooldown(Duration::ZERO)),
        ("stale_for: 1ms has a fraction", |b| b.stale_for(Duration::from_millis(1))),
        ("retry_between: 0 is not allowed", |b| b.retry_between(Duration::ZERO, Duration::from_secs(1))),
        ("timeout: 0 is not allowed", |b| b.timeout(Duration::ZERO)),
        ("timeout: 60.000000001s is too long; use 60s", |b| b.timeout(Duration::from_nanos(60_000_000_001))),
        ("stale_for: 604801s is too long; use 604800s", |b| b.stale_for(Duration::from_secs(604_801))),
        ("max_bytes: 0 is not allowed", |b| b.max_bytes(0)),
        ("max_sets: 0 is not allowed", |b| b.max_sets(0)),
        ("max_memory: 0 is not allowed", |b| b.max_memory(0)),
        ("max_fetches: 0 is not allowed", |b| b.max_fetches(0)),
        ("max_fetches_per_host: 0 is not allowed", |b| b.max_fetches_per_host(0)),
    ];
    for (expected, set) in cases {
        let error = set(Script::default().builder()).build().unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let builder = Script::default().builder().fresh_between(Duration::ZERO, secs(1)).stale_for(Duration::ZERO);
    assert!(builder.timeout(Duration::from_millis(1)).build().is_ok());
}

#[test]
fn urls_are_validated_at_registration() {
    let long = |len: usize| format!("https://clinic.example/{}", "x".repeat(len - 23));
    let ok = |text: &str| assert!(JwksUrl::parse(text).is_ok(), "{text}");
    ok(&long(2048));
    for text in [
        "https://clinic.example",
        "https://clinic.example/",
        "https://clinic.example:8443/keys?tenant=7",
        "https://Clinic.Example/keys",
        "https://clinic.example./keys",
        "https://my_host/keys",
        "https://1.1.1.1/keys",
        "https://[2606:4700::1111]:8443/keys",
        "http://clinic.example/keys",
        "https://xn--bcher-kva.example/",
    ] {
        ok(text);
    }
    for (text, expected) in [
        (long(2049).as_str(), UrlError::TooLong),
        ("", UrlError::Malformed),
        ("/keys", UrlError::Malformed),
        ("clinic.example/keys", UrlError::Malformed),
        ("https:///keys", UrlError::Malformed),
        ("https://clinic.example/a b", UrlError::Malformed),
        ("https://b\u{fc}cher.example/", UrlError::Malformed),
        ("ftp://clinic.example/keys", UrlError::Scheme),
        ("file://clinic.example/keys", UrlError::Scheme),
        ("https://me@clinic.example/keys", UrlError::UserInfo),
        ("https://me:secret@clinic.example/keys", UrlError::UserInfo),
        ("https://@clinic.example/keys", UrlError::UserInfo),
        ("https://clinic.example/keys#a", UrlError::Fragment),
        ("https://clinic.example/keys#", UrlError::Fragment),
        ("https://127.1/keys", UrlError::Host),
        ("https://2130706433/keys", UrlError::Host),
        ("https://0x7f.0.0.1/keys", UrlError::Host),
        ("https://0x7f000001/keys", UrlError::Host),
        ("https://0177.0.0.1/keys", UrlError::Host),
        ("https://a..b/keys", UrlError::Host),
        ("https://clinic.example:0/keys", UrlError::Host),
        ("https://clinic.example:70000/keys", UrlError::Host),
    ] {
        assert_eq!(JwksUrl::parse(text), Err(expected), "{text}");
    }
    assert_eq!(JwksUrl::parse("https://CLINIC.example/Keys").unwrap().host(), "clinic.example");
    assert_eq!(JwksUrl::parse("https://CLINIC.example/Keys").unwrap().as_str(), "https://CLINIC.example/Keys");
    let parsed: JwksUrl = "https://CLINIC.example/Keys".parse().unwrap();
    assert_eq!((parsed.as_ref(), parsed.host()), ("https://CLINIC.example/Keys", "clinic.example"));
    assert_eq!("clinic.example".parse::<JwksUrl>(), Err(UrlError::Malformed));
}

#[tokio::test]
async fn the_query_of_a_url_is_not_printed() {
    let (script, printed) = (Script::default(), Arc::new(Mutex::new(String::new())));
    let log = Arc::clone(&printed);
    let cache = script.builder().events(event::sink(move |event| {
        let Event::KeySet(news) = event else { return };
        write!(log.lock().unwrap(), "{event:?} {news:?} {news} {}", news.url_without_query()).unwrap();
        assert!(news.url().ends_with("?token=secret"), "but it can be had");
    }));
    let cache = cache.build().unwrap();
    let url = JwksUrl::parse("https://clinic.example/keys?token=secret").unwrap();
    script.then(status(500));
    let source = cache.source("clinic-7", &url).unwrap();
    let error = source.keys(at(0)).get().await.unwrap_err();
    let client = Client::with_key_set_url("clinic-7", &url, &cache).unwrap();
    let metadata = JwksUrl::parse("https://127.0.0.1/keys?token=secret").unwrap();
    let refused = Client::with_key_set_url("clinic-7", &metadata, &cache).unwrap_err();
    let mut printed = printed.lock().unwrap();
    write!(printed, "{url:?} {source:?} {:?} {cache:?} {error:?} {error}", source.state()).unwrap();
    write!(printed, "{client:?} {refused:?} {refused} {:?}", error.error()).unwrap();
    assert!(printed.contains("https://clinic.example/keys") && !printed.contains("secret"), "{printed}");
    assert_eq!(url.to_string(), "https://clinic.example/keys?token=secret");
    for (text, expected) in [
        ("https://clinic.example/keys", "https://clinic.example/keys"),
        ("https://clinic.example/keys?", "https://clinic.example/keys"),
        ("https://clinic.example?a?b", "https://clinic.example"),
    ] {
        assert_eq!(JwksUrl::parse(text).unwrap().without_query(), expected);
    }
}

#[test]
fn urls_refused_by_the_guard_get_no_source() {
    let script = Script::default();
    let source = |guard: AddressGuard, url: &str| {
        script.builder().guard(guard).build().unwrap().source("clinic-7", &JwksUrl::parse(url).unwrap())
    };
    for (url, expected) in [
        ("http://clinic.example/keys", "its scheme is http, which is not allowed; use https"),
        ("https://127.0.0.1/keys", "the address 127.0.0.1 is loopback; allow the host or its range if it is yours"),
        ("https://[::1]/keys", "the address ::1 is loopback; "),
        ("https://[::ffff:10.0.0.1]/keys", "the address 10.0.0.1 is private; "),
    ] {
        let error = source(AddressGuard::default(), url).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        let cache = script.builder().build().unwrap();
        let error = Client::with_key_set_url("clinic-7", &JwksUrl::parse(url).unwrap(), &cache).unwrap_err();
        let start = format!("jwks_uri: keys of the client \"clinic-7\" may not be fetched from its URL: {expected}");
        assert!(error.to_string().starts_with(&start), "{error}");
        assert!(matches!(error, ClientError::KeySetUrl { .. }));
    }
    let guard = AddressGuard::default().allow_http().allow_range("127.0.0.0/8").unwrap();
    assert!(source(guard.clone(), "http://127.0.0.1/keys").is_ok());
    assert!(source(guard, "http://[::1]/keys").is_err());
    assert!(
        source(AddressGuard::default(), "https://localhost/keys").is_ok(),
        "a name is judged when it is connected to"
    );
}

#[test]
fn plain_http_is_allowed_by_host() {
    let guard = AddressGuard::default().allow_http_for("Keys.Internal").unwrap();
    let guard = guard.allow_http_for("127.0.0.1").unwrap().allow_http_for("::1").unwrap();
    let guard = guard.allow_range("127.0.0.0/8").unwrap().allow_range("::1").unwrap();
    for (url, expected) in [
        ("http://keys.internal/keys", Ok(())),
        ("http://KEYS.INTERNAL:8080/keys", Ok(())),
        ("https://keys.internal/keys", Ok(())),
        ("http://127.0.0.1:8080/keys", Ok(())),
        ("http://[::1]/keys", Ok(())),
        ("https://clinic.example/keys", Ok(())),
        ("http://clinic.example/keys", Err(UrlError::PlainHttp)),
        ("http://sub.keys.internal/keys", Err(UrlError::PlainHttp)),
        ("http://keys.internal.example/keys", Err(UrlError::PlainHttp)),
        ("http://keys.internal./keys", Err(UrlError::PlainHttp)),
        ("http://127.0.0.2/keys", Err(UrlError::PlainHttp)),
        ("http://localhost/keys", Err(UrlError::PlainHttp)),
    ] {
        assert_eq!(guard.judge_url(&JwksUrl::parse(url).unwrap()), expected, "{url}");
    }
    let allowed = AddressGuard::default().allow_http_for("10.0.0.1").unwrap();
    let refused = allowed.judge_url(&JwksUrl::parse("http://10.0.0.1/").unwrap());
    assert!(matches!(refused, Err(UrlError::Address(_))), "the address is judged as before");
    for host in ["", "*", "http://keys.internal", "keys.internal:80", "127.1", "[::1]", "10.0.0.0/8", "keys/internal"] {
        let error = AddressGuard::default().allow_http_for(host).unwrap_err().to_string();
        assert!(error.starts_with(&format!("allow_http_for: {host:?} is neither")), "{error}");
    }
}

#[test]
fn e42_special_use_addresses_are_refused() {
    for (address, refused) in [
        ("1.1.1.1", None),
        ("0.0.0.0", Some("unspecified")),
        ("0.255.255.255", Some("unspecified")),
        ("1.0.0.0", None),
        ("9.255.255.255", None),
        ("10.0.0.0", Some("private")),
        ("10.255.255.255", Some("private")),
        ("11.0.0.0", None),
        ("100.63.255.255", None),
        ("100.64.0.0", Some("shared")),
        ("100.100.100.200", Some("shared")),
        ("100.128.0.0", None),
        ("126.255.255.255", None),
        ("127.0.0.1", Some("loopback")),
        ("127.255.255.255", Some("loopback")),
        ("128.0.0.0", None),
        ("168.63.129.15", None),
        ("168.63.129.16", Some("metadata")),
        ("169.253.255.255", None),
        ("169.254.169.254", Some("metadata")),
        ("169.255.0.0", None),
        ("172.15.255.255", None),
        ("172.16.0.0", Some("private")),
        ("172.31.255.255", Some("private")),
        ("172.32.0.0", None),
        ("192.0.0.192", Some("protocols")),
        ("192.0.1.0", None),
        ("192.0.2.1", Some("documentation")),
        ("192.88.99.1", Some("tunnel")),
        ("192.167.255.255", None),
        ("192.168.0.0", Some("private")),
        ("192.169.0.0", None),
        ("198.17.255.255", None),
        ("198.18.0.0", Some("benchmarks")),
        ("198.19.255.255", Some("benchmarks")),
        ("198.51.100.1", Some("documentation")),
        ("203.0.113.1", Some("documentation")),
        ("223.255.255.255", None),
        ("224.0.0.1", Some("multicast")),
        ("239.255.255.255", Some("multicast")),
        ("240.0.0.0", Some("reserved")),
        ("255.255.255.255", Some("reserved")),
        ("::", Some("unspecified")),
        ("::1", Some("loopback")),
        ("::2", Some("outside")),
        ("::7f00:1", Some("outside")),
        ("::ffff:1.1.1.1", None),
        ("::ffff:127.0.0.1", Some("loopback")),
        ("::ffff:169.254.169.254", Some("metadata")),
        ("::ffff:0:127.0.0.1", Some("outside")),
        ("64:ff9b::1.1.1.1", None),
        ("64:ff9b::10.0.0.1", Some("private")),
        ("64:ff9b::169.254.169.254", Some("metadata")),
        ("64:ff9b:1::1.1.1.1", Some("NAT64")),
        ("100::1", Some("outside")),
        ("1fff::1", Some("outside")),
        ("2000::1", None),
        ("2001::1", Some("protocols")),
        ("2001:1ff::1", Some("protocols")),
        ("2001:200::1", None),
        ("2001:db8::1", Some("documentation")),
        ("2002:7f00:1::", Some("tunnel")),
        ("2606:4700:4700::1111", None),
        ("3fff::1", Some("documentation")),
        ("3fff:1000::1", None),
        ("4000::1", Some("outside")),
        ("fbff::1", Some("outside")),
        ("fc00::1", Some("unique local")),
        ("fd00:ec2::254", Some("unique local")),
        ("fe80::1", Some("link-local")),
        ("febf::1", Some("link-local")),
        ("fec0::1", Some("private")),
        ("ff02::1", Some("multicast")),
    ] {
        let judged = AddressGuard::default().judge("clinic.example", address.parse().unwrap());
        match refused {
            None => assert_eq!(judged, Ok(()), "{address}"),
            Some(why) => {
                assert!(judged.clone().is_err_and(|refused| refused.to_string().contains(why)), "{address}: {judged:?}")
            }
        }
    }
}

#[test]
fn hosts_and_ranges_can_be_allowed() {
    let guard = AddressGuard::default();
    let guard = guard.allow_host("Keys.Internal").unwrap().allow_range("10.1.0.0/16").unwrap();
    let guard = guard.allow_range("fd12:3456::/32").unwrap().allow_range("192.168.7.7").unwrap();
    for (host, address, allowed) in [
        ("keys.internal", "10.9.9.9", true),
        ("KEYS.INTERNAL", "127.0.0.1", true),
        ("other.keys.internal", "10.9.9.9", false),
        ("keys.internal.example", "10.9.9.9", false),
        ("clinic.example", "10.0.255.255", false),
        ("clinic.example", "10.1.0.0", true),
        ("clinic.example", "10.1.255.255", true),
        ("clinic.example", "10.2.0.0", false),
        ("clinic.example", "::ffff:10.1.0.1", true),
        ("clinic.example", "64:ff9b::10.1.0.1", true),
        ("clinic.example", "fd12:3456:ffff::1", true),
        ("clinic.example", "fd12:3457::1", false),
        ("clinic.example", "192.168.7.7", true),
        ("clinic.example", "192.168.7.8", false),
    ] {
        assert_eq!(guard.judge(host, address.parse().unwrap()).is_ok(), allowed, "{host} at {address}");
    }
    for host in
        ["", "*", "*.internal", "https://keys.internal", "keys.internal:443", "a b", "10.0.0.1", "keys/internal"]
    {
        assert!(AddressGuard::default().allow_host(host).is_err(), "{host}");
    }
    for range in ["", "10.0.0.0/33", "10.0.0/8", "10.*", "keys.internal", "::/129"] {
        let error = AddressGuard::default().allow_range(range).unwrap_err().to_string();
        assert!(error.contains(&format!("{range:?}")), "{error}");
    }
}

#[tokio::test]
async fn fetchers_and_sinks_can_be_shared() {
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    let sink: Arc<dyn EventSink> = Arc::new(event::sink(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    }));
    let fetch: Arc<dyn JwksFetch> = Arc::new(|_: JwksRequest| async { Ok::<_, Infallible>(key_set(&["a"])) });
    for _ in 0..2 {
        let cache = KeySetCache::builder(Arc::clone(&fetch)).events(Arc::clone(&sink)).build().unwrap();
        assert_kids(source(&cache, "clinic-7").keys(at(0)).get().await, &["a"]);
    }
    assert_eq!(seen.load(Ordering::Relaxed), 2);
}
