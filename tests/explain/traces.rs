//! An explanation leaves no trace, and asks for nothing but the client.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::explain::{Check, Explanation, Outcome, Step, Verdict};
use tower_client_assertion::jwks::{JwksRequest, JwksUrl, KeySetCache};
use tower_client_assertion::port::{Answer, Awaited, PortError};
use tower_client_assertion::registry::{Client, ClientRegistry, FindResult};
use tower_client_assertion::rejection::Reason;
use tower_client_assertion::replay::{Admission, AdmitResult, AsyncReplayStore, ReplayKey, ReplayStore};
use tower_client_assertion::{ClientAssertionLayer, TokenRequest, Verifier};

use crate::common::attempt::{Attempt, Change, flip_signature};
use crate::common::vectors::VECTORS;
use crate::common::{CLIENT, Jwt, NOW, SIGNER, client, fixture, form, now_or_never, store};
use crate::layer::{AT, whole};

/// A store that must not be asked to record anything.
#[derive(Debug)]
struct Untouched;

impl ReplayStore for Untouched {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        Some(false)
    }

    fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> Answer<AdmitResult> {
        panic!("an explanation spends nothing")
    }

    fn admissions_per_client(&self) -> usize {
        1
    }
}

#[test]
fn nothing_is_spent_and_nothing_is_reported() {
    for vector in VECTORS {
        let events = event::sink(|event: &Event<'_>| panic!("an explanation reports nothing: {event:?}"));
        let verifier = vector.server.builder(Untouched).events(events).build().unwrap();
        let request = whole(vector.attempt().request());
        let layer = ClientAssertionLayer::new(verifier);
        for _ in 0..3 {
            let explanation = now_or_never(layer.explain(&request, AT));
            let code = explanation.verdict().reason().map(Reason::code).unwrap_or_default();
            assert_eq!(code, vector.code, "{}", vector.name);
        }
    }
}

#[test]
fn explaining_does_not_spend_the_assertion() {
    let verifier = fixture().replay(store()).build();
    let form = form(&Jwt::new().signed());
    let request = TokenRequest::new(form.as_bytes());
    let explained = |verifier: &Verifier| now_or_never(verifier.explain(&request, AT));
    for _ in 0..2 {
        assert!(matches!(explained(&verifier).verdict(), Verdict::Accepted { .. }));
    }
    assert!(now_or_never(verifier.verify(&request)).is_ok());
    assert_eq!(explained(&verifier).verdict().reason(), Some(Reason::Replayed));
}

fn step(explanation: &Explanation, check: Check) -> &Step {
    explanation.steps().iter().find(|step| step.check() == check).unwrap()
}

/// A cache whose fetches are counted, and answered with this status.
fn cache(status: StatusCode) -> (KeySetCache, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let fetch = move |_: JwksRequest| {
        counted.fetch_add(1, Ordering::SeqCst);
        let keys = json!({"keys": [SIGNER.jwk()]}).to_string();
        let mut response = Response::new(Full::<Bytes>::from(keys));
        *response.status_mut() = status;
        async move { Ok::<_, Infallible>(response) }
    };
    (KeySetCache::builder(fetch).build().unwrap(), count)
}

fn published(cache: &KeySetCache) -> Client {
    Client::with_key_set_url(CLIENT, &JwksUrl::parse("https://clinic.example/keys?tenant=7").unwrap(), cache).unwrap()
}

#[tokio::test]
async fn keys_that_are_not_at_hand_are_not_fetched() {
    let (cache, count) = cache(StatusCode::OK);
    let layer = ClientAssertionLayer::new(fixture().clients([published(&cache)]).build());
    let explain = |change: fn(&mut Attempt)| {
        let request = whole(Attempt::with(change).request());
        let layer = layer.clone();
        async move { layer.explain(&request, AT).await }
    };
    let explanation = explain(|_| {}).await;
    assert!(matches!(explanation.verdict(), Verdict::NotDecided { check: Check::Key, .. }), "{explanation}");
    assert_eq!(step(&explanation, Check::Key).outcome(), Outcome::NotJudged);
    assert_eq!(step(&explanation, Check::Signature).outcome(), Outcome::NotReached(Check::Key));
    let explanation = explain(|a| a.claim("aud", "x")).await;
    assert_eq!(explanation.verdict().reason(), Some(Reason::AudUnexpected), "something before failed");
    assert_eq!(count.load(Ordering::SeqCst), 0);

    cache.sources()[0].keys(UnixTime::from_secs(NOW - 1)).get().await.unwrap();
    assert!(matches!(explain(|_| {}).await.verdict(), Verdict::Accepted { .. }));
    let explanation = explain(|a| a.mangle = flip_signature).await;
    assert_eq!(explanation.verdict().name(), "not_decided", "a request asks for newer keys\n{explanation}");
    assert_eq!(count.load(Ordering::SeqCst), 1, "no newer keys were asked for");
    let text = explanation.to_string();
    assert!(text.contains("https://clinic.example/keys") && !text.contains("tenant=7"), "{text}");
}

fn published_layer(cache: &KeySetCache) -> ClientAssertionLayer {
    ClientAssertionLayer::new(fixture().clients([published(cache)]).build())
}

/// A request with a fault that other keys may take away asks for them, and then no more for a
/// while. Only then is the fault certain.
#[tokio::test]
async fn faults_of_the_key_are_open_while_a_request_would_fetch() {
    let faults: [(Change, Check, Reason); 2] = [
        (|a| a.jose("kid", "key-9"), Check::Key, Reason::NoKey),
        (|a| a.mangle = flip_signature, Check::Signature, Reason::BadSignature),
    ];
    for (change, check, reason) in faults {
        let (cache, count) = cache(StatusCode::OK);
        let layer = published_layer(&cache);
        let source = &cache.sources()[0];
        let keys = source.keys(AT).get().await.unwrap();
        let request = whole(Attempt::with(change).request());
        let decided = layer.explain(&request, AT).await;
        assert_eq!(decided.verdict().reason(), Some(reason), "a request that has fetched these keys\n{decided}");
        let open = layer.explain(&request, AT + Duration::from_secs(1)).await;
        let is_it = |open: &Check| *open == check;
        assert!(matches!(open.verdict(), Verdict::NotDecided { check, .. } if is_it(check)), "{open}");
        assert_eq!(step(&open, check).outcome(), Outcome::NotJudged, "{open}");
        assert!(step(&open, check).why().unwrap().contains("fetches"), "{open}");
        let other = layer.explain(&whole(Attempt::with(|a| a.jose("jku", "https://x.example")).request()), AT).await;
        assert_ne!(other.verdict().name(), "not_decided", "no keys change it\n{other}");

        source.newer(&keys, AT).get().await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 2);
        let cooldown = 30;
        for (after, is_open) in [(0, false), (cooldown - 1, false), (cooldown, true)] {
            let second = NOW + after;
            let mut attempt = Attempt::with(change);
            attempt.claim("iat", second);
            attempt.claim("exp", second + 60);
            let explanation = layer.explain(&whole(attempt.request()), UnixTime::from_secs(second)).await;
            let expected = (!is_open).then_some(reason);
            assert_eq!(explanation.verdict().reason(), expected, "{after} s later\n{explanation}");
            assert_eq!(step(&explanation, check).reason(), expected, "{after} s later\n{explanation}");
        }
        assert_eq!(count.load(Ordering::SeqCst), 2, "nothing was fetched");
    }
}

/// A request fetches stale keys again, unless the last fetch has just failed.
#[tokio::test]
async fn faults_by_stale_keys_are_certain_only_in_a_pause() {
    let fails = Arc::new(AtomicUsize::new(0));
    let switch = Arc::clone(&fails);
    let fetch = move |_: JwksRequest| {
        let mut response = Response::new(Full::<Bytes>::from(json!({"keys": [SIGNER.jwk()]}).to_string()));
        if switch.load(Ordering::SeqCst) > 0 {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        async move { Ok::<_, Infallible>(response) }
    };
    let cache = KeySetCache::builder(fetch).build().unwrap();
    let layer = published_layer(&cache);
    let source = &cache.sources()[0];
    source.keys(AT).get().await.unwrap();
    let at = source.state().fresh_until().unwrap();
    let mut attempt = Attempt::with(|a| a.jose("kid", "key-9"));
    attempt.claim("iat", at.as_secs());
    attempt.claim("exp", at.as_secs() + 60);
    let request = whole(attempt.request());
    assert_eq!(layer.explain(&request, at).await.verdict().name(), "not_decided");
    fails.store(1, Ordering::SeqCst);
    source.keys(at).get().await.unwrap();
    let explanation = layer.explain(&request, at).await;
    assert_eq!(explanation.verdict().reason(), Some(Reason::NoKey), "{explanation}");
}

/// Stale keys are taken as long as they may be, without a fetch in the background.
#[tokio::test]
async fn stale_keys_are_taken_and_not_renewed() {
    let (cache, count) = cache(StatusCode::OK);
    let layer = ClientAssertionLayer::new(fixture().clients([published(&cache)]).build());
    let source = &cache.sources()[0];
    source.keys(AT).get().await.unwrap();
    let fresh_until = source.state().fresh_until().unwrap();
    let last = fresh_until + Duration::from_secs(3_599);
    for (at, decided) in [(fresh_until, true), (last, true), (last + Duration::from_secs(1), false)] {
        let second = at.as_secs();
        let request = whole(Attempt::with(|a| a.claim("iat", second)).request());
        let request = {
            let mut attempt = Attempt::new();
            attempt.claim("iat", second);
            attempt.claim("exp", second + 60);
            drop(request);
            whole(attempt.request())
        };
        let explanation = layer.explain(&request, at).await;
        assert_eq!(matches!(explanation.verdict(), Verdict::Accepted { .. }), decided, "{second}\n{explanation}");
        assert_eq!(matches!(explanation.verdict(), Verdict::NotDecided { .. }), !decided, "{second}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

/// During the pause after a failure, the server answers without a fetch.
#[tokio::test]
async fn a_key_set_that_failed_is_explained_without_a_fetch() {
    let (cache, count) = cache(StatusCode::NOT_FOUND);
    let layer = ClientAssertionLayer::new(fixture().clients([published(&cache)]).build());
    assert!(cache.sources()[0].keys(AT).get().await.is_err());
    let request = whole(Attempt::new().request());
    let explanation = layer.explain(&request, AT).await;
    assert_eq!(explanation.verdict().reason(), Some(Reason::KeySetUnavailable), "{explanation}");
    assert_eq!(step(&explanation, Check::Key).reason(), Some(Reason::KeySetUnavailable));
    let later = UnixTime::from_secs(NOW + 250);
    let later = layer.explain(&request, later).await;
    assert!(matches!(later.verdict(), Verdict::NotDecided { .. }), "the pause is over");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

/// A registry that is counted, and answers after a while.
#[derive(Debug)]
struct Slow(AtomicUsize, Duration);

impl ClientRegistry for Slow {
    fn find(&self, _: &str) -> Answer<FindResult> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let wait = self.1;
        Answer::later(async move {
            tokio::time::sleep(wait).await;
            Ok(Some(Arc::new(client())))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn the_registry_is_asked_once_and_waited_for_like_by_a_request() {
    for (seconds, answers) in [(4, true), (6, false)] {
        let registry = Arc::new(Slow(AtomicUsize::new(0), Duration::from_secs(seconds)));
        let layer = ClientAssertionLayer::new(fixture().registry(Arc::clone(&registry)).build());
        let explanation = layer.explain(&whole(Attempt::new().request()), AT).await;
        match answers {
            true => assert!(matches!(explanation.verdict(), Verdict::Accepted { .. }), "{explanation}"),
            false => {
                assert_eq!(explanation.verdict().reason(), Some(Reason::Registry), "{explanation}");
                assert_eq!(explanation.answer().unwrap().status, 503);
                assert_eq!(step(&explanation, Check::Client).reason(), Some(Reason::Registry));
            }
        }
        assert_eq!(registry.0.load(Ordering::SeqCst), 1, "{seconds} s");
    }
}

/// Without a timer nothing may be waited for.
#[test]
fn a_wait_without_a_timer_is_the_servers_fault() {
    let registry = Slow(AtomicUsize::new(0), Duration::ZERO);
    #[derive(Debug)]
    struct Never(Slow);
    impl ClientRegistry for Never {
        fn find(&self, _: &str) -> Answer<FindResult> {
            self.0.0.fetch_add(1, Ordering::SeqCst);
            Answer::later(std::future::pending())
        }
    }
    let layer = ClientAssertionLayer::new(fixture().registry(Never(registry)).build());
    let explanation = now_or_never(layer.explain(&whole(Attempt::new().request()), AT));
    assert_eq!(explanation.verdict().reason(), Some(Reason::Timer), "{explanation}");
    assert_eq!(step(&explanation, Check::Client).reason(), Some(Reason::Timer));
}

/// A store on another machine.
#[derive(Debug)]
struct Remote;

impl AsyncReplayStore for Remote {
    async fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> AdmitResult {
        Ok(Admission::Fresh)
    }

    fn admissions_per_client(&self) -> usize {
        1
    }
}

#[test]
fn a_store_that_cannot_look_is_not_asked() {
    let layer = ClientAssertionLayer::new(fixture().replay(Awaited::new(Remote)).build());
    let request = whole(Attempt::with(|a| a.claim("jti", "a1b2c3")).request());
    let explanation = now_or_never(layer.explain(&request, AT));
    let unspent = step(&explanation, Check::Unspent);
    assert_eq!(unspent.outcome(), Outcome::NotJudged);
    // `ReplayKey::digest` of the tenant, the client and the `jti`.
    let [a, b, c, d, ..] = ReplayKey::new(crate::common::AUDIENCE, CLIENT, "a1b2c3").digest();
    let start = format!("{a:02x}{b:02x}{c:02x}{d:02x}");
    assert_eq!(unspent.why(), Some(&*format!("the store is not asked; the digest of the key begins with {start}")));
    assert!(matches!(explanation.verdict(), Verdict::Accepted { .. }), "a fresh store would admit it");
}

#[test]
fn explanations_can_be_made_on_any_thread() {
    fn is_send<T: Send>(_: &T) {}
    let layer = ClientAssertionLayer::new(fixture().build());
    let request = whole(Attempt::new().request());
    is_send(&layer.explain(&request, AT));
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<Explanation>();
    let _ = PortError::new("");
}
