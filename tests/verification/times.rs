//! How long the steps of a request took, and which replay stores are reported. Time is paused, so
//! each wait has an exact length.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use crate::common::{CLIENT, Jwt, NOW, SIGNER, fixture, form, now_or_never, store};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::json;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::{self, Correlation, Event, EventSink, ReplayNews, StepTimes};
use tower_client_assertion::jwks::{JwksRequest, JwksUrl, KeySetCache};
use tower_client_assertion::port::{Answer, Awaited, PortError};
use tower_client_assertion::registry::{AsyncClientRegistry, Client, FindResult};
use tower_client_assertion::replay::{Admission, AdmitResult, MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::{TokenRequest, Verifier, VerifierBuilder};

/// Answers after a while.
#[derive(Debug)]
struct Slow<T>(Duration, T);

impl AsyncClientRegistry for Slow<Arc<Client>> {
    async fn find(&self, id: &str) -> FindResult {
        tokio::time::sleep(self.0).await;
        Ok((id == CLIENT).then(|| Arc::clone(&self.1)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ends {
    Fresh,
    Failing,
    Never,
}

/// A store that looks like a remote one.
#[derive(Debug)]
struct Remote {
    memory: Arc<MemoryReplay>,
    delay: Duration,
    ends: Ends,
}

impl ReplayStore for Remote {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        None
    }

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<AdmitResult> {
        let (delay, ends) = (self.delay, self.ends);
        let admitted = now_or_never(self.memory.admit(key, until, now).get());
        Answer::later(async move {
            tokio::time::sleep(delay).await;
            match ends {
                Ends::Fresh => admitted,
                Ends::Failing => Err(PortError::new("no route to the store")),
                Ends::Never => std::future::pending().await,
            }
        })
    }

    fn admissions_per_client(&self) -> usize {
        self.memory.admissions_per_client()
    }
}

fn remote(delay: Duration, ends: Ends) -> Remote {
    Remote { memory: Arc::new(store()), delay, ends }
}

/// Keeps the times of outcomes.
#[derive(Clone, Default)]
struct Times(Arc<Mutex<Vec<StepTimes>>>);

impl Times {
    fn only(&self) -> StepTimes {
        let times = self.0.lock().unwrap();
        assert_eq!(times.len(), 1, "one outcome");
        times[0]
    }
}

/// Needs no times, and gets them if another sink does.
struct Modest(Times);

impl EventSink for Modest {
    fn record(&self, event: &Event<'_>) {
        self.0.0.lock().unwrap().extend(match event {
            Event::Accepted(event) => Some(event.times()),
            Event::Refused(event) => Some(event.times()),
            Event::LetPass(event) => Some(event.times()),
            _ => None,
        });
    }
}

struct Curious(Times);

impl EventSink for Curious {
    fn record(&self, event: &Event<'_>) {
        Modest(self.0.clone()).record(event);
    }

    fn needs_times(&self) -> bool {
        true
    }
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A verifier whose registry takes 1 s, whose keys take 2 s, and whose replay store takes 4 s.
fn slow() -> VerifierBuilder {
    let fetch = |_: JwksRequest| async {
        tokio::time::sleep(secs(2)).await;
        let keys = json!({"keys": [SIGNER.jwk()]}).to_string();
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(keys)))
    };
    let cache = KeySetCache::builder(fetch).build().unwrap();
    let url = JwksUrl::parse("https://clinic.example/keys").unwrap();
    let client = Client::with_key_set_url(CLIENT, &url, &cache).unwrap();
    let registry = Awaited::new(Slow(secs(1), Arc::new(client)));
    let fixture = fixture().registry(registry).replay(remote(secs(4), Ends::Fresh));
    fixture.builder().port_timeout(secs(20))
}

async fn verify(verifier: &Verifier, form: &str) -> bool {
    verifier.verify(&TokenRequest::new(form.as_bytes())).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn each_step_has_the_time_of_its_waits() {
    let times = Times::default();
    let verifier = slow().events(Curious(times.clone())).build().unwrap();
    assert!(verify(&verifier, &form(&Jwt::new().signed())).await);
    let times = times.only();
    assert_eq!(times.total(), Some(secs(7)));
    assert_eq!(times.body(), None, "there is no layer");
    assert_eq!(times.registry(), Some(secs(1)));
    assert_eq!(times.keys(), Some(secs(2)));
    assert_eq!(times.signature(), Some(secs(0)));
    assert_eq!(times.replay(), Some(secs(4)));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_was_not_reached_has_no_time() {
    let expired = form(&Jwt::new().claim("iat", 1000).signed());
    let stranger = form(&Jwt::by(&SIGNER, "stranger").signed());
    for (form, total, registry) in [("x", 0, None), (&*expired, 0, None), (&*stranger, 1, Some(secs(1)))] {
        let times = Times::default();
        let verifier = slow().events(Curious(times.clone())).build().unwrap();
        assert!(!verify(&verifier, form).await);
        let times = times.only();
        assert_eq!((times.total(), times.registry()), (Some(secs(total)), registry), "{form}");
        assert_eq!((times.keys(), times.signature(), times.replay()), (None, None, None), "{form}");
    }
}

/// The fetch that a wrong signature causes counts for the keys, and the check is repeated.
#[tokio::test(start_paused = true)]
async fn a_step_that_is_repeated_has_the_sum() {
    let times = Times::default();
    let verifier = slow().events(Curious(times.clone())).build().unwrap();
    assert!(verify(&verifier, &form(&Jwt::new().signed())).await);
    tokio::time::advance(secs(40)).await;
    times.0.lock().unwrap().clear();
    let unknown = form(&Jwt::new().header("kid", "unknown").signed());
    assert!(!verify(&verifier, &unknown).await);
    let times = times.only();
    assert_eq!((times.keys(), times.signature()), (Some(secs(2)), None));
}

#[tokio::test(start_paused = true)]
async fn times_are_taken_only_for_a_sink_that_needs_them() {
    let outcome = |sink: fn(Times) -> Box<dyn Fn(VerifierBuilder) -> VerifierBuilder>| async move {
        let times = Times::default();
        let verifier = sink(times.clone())(slow()).build().unwrap();
        assert!(verify(&verifier, &form(&Jwt::new().signed())).await);
        times.only()
    };
    let modest = outcome(|times| Box::new(move |builder| builder.events(Modest(times.clone())))).await;
    assert_eq!(modest, StepTimes::default());
    let shared = outcome(|times| {
        let sink: Arc<dyn EventSink> = Arc::new(Modest(times));
        Box::new(move |builder| builder.events(Arc::clone(&sink)))
    });
    assert_eq!(shared.await, StepTimes::default());
    for both in [
        outcome(|times| Box::new(move |builder| builder.events(Modest(times.clone()).and(Curious(Times::default())))))
            .await,
        outcome(|times| {
            let sink: Arc<dyn EventSink> = Arc::new(Curious(Times::default()).and(Modest(times)));
            Box::new(move |builder| builder.events(Arc::clone(&sink)))
        })
        .await,
    ] {
        assert_eq!(both.total(), Some(secs(7)));
    }
}

/// What a sink is told about the store, as text, with the name of the request.
async fn news(replay: impl ReplayStore, set: impl FnOnce(VerifierBuilder) -> VerifierBuilder) -> Vec<String> {
    news_until(Duration::MAX, replay, set).await
}

/// The same, of a request that is dropped after this time.
async fn news_until(
    hangs_up: Duration,
    replay: impl ReplayStore,
    set: impl FnOnce(VerifierBuilder) -> VerifierBuilder,
) -> Vec<String> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&lines);
    let sink = event::sink(move |event| {
        let Event::Replay(event) = event else { return };
        let news = match event.news() {
            ReplayNews::Slow { threshold, answered: true, .. } => format!("slow over {threshold:?}"),
            ReplayNews::Slow { threshold, .. } => format!("no answer over {threshold:?}"),
            ReplayNews::Failed(error) => format!("failed: {error}"),
            other => panic!("{other:?}"),
        };
        let id = event.correlation().map_or("", Correlation::as_str);
        log.lock().unwrap().push(format!("{id} {news} after {:?}", event.took()));
    });
    let builder = set(fixture().replay(replay).builder()).events(sink);
    let form = form(&Jwt::new().signed());
    let id = Correlation::new("call-7");
    let request = TokenRequest::new(form.as_bytes()).with_correlation(&id);
    let verifier = builder.build().unwrap();
    let _ = tokio::time::timeout(hangs_up, verifier.verify(&request)).await;
    std::mem::take(&mut *lines.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_replay_store_is_slow_beyond_the_threshold() {
    let millis = Duration::from_millis;
    let cases: [(Duration, Option<Duration>, &[&str]); 6] = [
        (millis(99), None, &[]),
        (millis(100), None, &[]),
        (millis(101), None, &["call-7 slow over 100ms after 101ms"]),
        (millis(101), Some(millis(101)), &[]),
        (millis(1), Some(Duration::ZERO), &["call-7 slow over 0ns after 1ms"]),
        (millis(4_999), Some(Duration::MAX), &[]),
    ];
    for (delay, threshold, expected) in cases {
        let set = |builder: VerifierBuilder| match threshold {
            Some(threshold) => builder.slow_replay(threshold),
            None => builder,
        };
        assert_eq!(news(remote(delay, Ends::Fresh), set).await, expected, "{delay:?} {threshold:?}");
    }
}

/// Also if slow ones are not.
#[tokio::test(start_paused = true)]
async fn a_replay_store_that_fails_is_always_reported() {
    let never_slow = |builder: VerifierBuilder| builder.slow_replay(Duration::MAX);
    let failing = news(remote(secs(1), Ends::Failing), never_slow).await;
    assert_eq!(failing, ["call-7 failed: no route to the store after 1s"]);
    let silent = news(remote(secs(0), Ends::Never), never_slow).await;
    assert_eq!(silent, ["call-7 failed: no answer within 5s, which all ports share after 5s"]);
    let full = MemoryReplay::new(1).unwrap();
    let now = UnixTime::from_secs(NOW);
    let key = ReplayKey::new("", "another", "jti");
    assert_eq!(now_or_never(full.admit(key, now + secs(60), now).get()).unwrap(), Admission::Fresh);
    let full = news(full, never_slow).await;
    assert!(full.len() == 1 && full[0].starts_with("call-7 failed: ") && full[0].ends_with(" after 0ns"), "{full:?}");
}

/// Also if its clients give up before the verifier does.
#[tokio::test(start_paused = true)]
async fn a_replay_store_that_hangs_is_reported_on_a_drop() {
    let millis = Duration::from_millis;
    let cases: [(Duration, Ends, &[&str]); 4] = [
        (millis(99), Ends::Never, &[]),
        (millis(100), Ends::Never, &[]),
        (millis(101), Ends::Never, &["call-7 no answer over 100ms after 101ms"]),
        (millis(101), Ends::Fresh, &[]),
    ];
    for (hangs_up, ends, expected) in cases {
        let seen = news_until(hangs_up, remote(Duration::ZERO, ends), |builder| builder).await;
        assert_eq!(seen, expected, "{hangs_up:?} {ends:?}");
    }
}

/// A store that blocks the thread in each question.
#[derive(Debug)]
struct Blocking {
    memory: MemoryReplay,
    look: Duration,
    admission: Duration,
}

fn block(time: Duration) {
    // The clock goes on at the first poll.
    let mut context = Context::from_waker(Waker::noop());
    assert!(std::pin::pin!(tokio::time::advance(time)).poll(&mut context).is_pending());
}

impl ReplayStore for Blocking {
    fn seen(&self, key: ReplayKey<'_>, now: UnixTime) -> Option<bool> {
        block(self.look);
        self.memory.seen(key, now)
    }

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<AdmitResult> {
        block(self.admission);
        self.memory.admit(key, until, now)
    }

    fn admissions_per_client(&self) -> usize {
        self.memory.admissions_per_client()
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_store_that_blocks_is_slow() {
    let millis = Duration::from_millis;
    let cases: [(u64, u64, &[&str]); 4] = [
        (0, 0, &[]),
        (100, 100, &[]),
        (101, 0, &["call-7 slow over 100ms after 101ms"]),
        (0, 102, &["call-7 slow over 100ms after 102ms"]),
    ];
    for (look, admission, expected) in cases {
        let blocking = Blocking { memory: store(), look: millis(look), admission: millis(admission) };
        assert_eq!(news(blocking, |builder| builder).await, expected, "{look} {admission}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_in_memory_is_not_slow() {
    assert_eq!(news(store(), |builder| builder.slow_replay(Duration::ZERO)).await, [""; 0]);
}
