//! Whether a verifier could decide now: what is asked, what is missing, and that a probe ends in
//! time.

use std::sync::Arc;
use std::time::Duration;

use crate::common::{clock, fixture, now_or_never, store};
use tokio::time::Instant;
use tower_client_assertion::clock::{Clock, UnixTime};
use tower_client_assertion::explain::{NoClients, NoReplay};
use tower_client_assertion::port::{Answer, Awaited, Health, PortError, PortErrorKind};
use tower_client_assertion::registry::{AsyncClientRegistry, ClientRegistry, FindResult};
use tower_client_assertion::rejection::Reason;
use tower_client_assertion::replay::{
    AdmitResult, AsyncReplayStore, MemoryReplay, ReplayKey, ReplayStore, TieredReplay,
};
use tower_client_assertion::{Policy, Readiness, Verifier};

/// A port that does not tell its health.
#[derive(Debug)]
struct Silent;

impl ReplayStore for Silent {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        None
    }

    fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> Answer<AdmitResult> {
        Answer::Ready(Err(PortError::new("not asked")))
    }

    fn admissions_per_client(&self) -> usize {
        1
    }
}

impl AsyncClientRegistry for Silent {
    async fn find(&self, _: &str) -> FindResult {
        Ok(None)
    }
}

/// Answers after this time.
#[derive(Debug)]
struct Slow(Duration, Result<(), &'static str>);

impl Slow {
    async fn answer(&self) -> Health {
        tokio::time::sleep(self.0).await;
        self.1.into()
    }
}

impl AsyncReplayStore for Slow {
    async fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> AdmitResult {
        Err(PortError::new("not asked"))
    }

    fn admissions_per_client(&self) -> usize {
        1
    }

    async fn health(&self, _: UnixTime) -> Health {
        self.answer().await
    }
}

impl AsyncClientRegistry for Slow {
    async fn find(&self, _: &str) -> FindResult {
        Ok(None)
    }

    async fn health(&self) -> Health {
        self.answer().await
    }
}

const TIMEOUT: Duration = Duration::from_secs(2);
const BELOW: Duration = Duration::from_millis(1_999);
const ABOVE: Duration = Duration::from_millis(2_001);

fn verifier(registry: impl ClientRegistry, replay: impl ReplayStore) -> Verifier {
    fixture().registry(registry).replay(replay).builder().port_timeout(TIMEOUT).build().unwrap()
}

fn names(readiness: &Readiness) -> Vec<(&'static str, &'static str)> {
    readiness.parts().map(|part| (part.reason().code(), part.health().name())).collect()
}

#[test]
fn a_verifier_in_memory_is_ready_without_a_runtime() {
    let replay = TieredReplay::new(MemoryReplay::new(1).unwrap(), store());
    let readiness = now_or_never(fixture().replay(Arc::new(replay)).build().ready());
    assert!(readiness.is_ready());
    assert_eq!(names(&readiness), [("clock", "healthy"), ("registry", "healthy"), ("replay_store", "healthy")]);
    assert_eq!(readiness.to_string(), "ready");
}

#[test]
fn what_is_missing_is_named() {
    let silent = || Awaited::new(Silent);
    for (name, verifier, ready, line) in [
        ("no clients", verifier(NoClients, store()), false, "not ready; registry: no clients were given"),
        ("no store", fixture().replay(NoReplay).build(), false, "not ready; replay_store: no replay store was given"),
        ("silent store", fixture().replay(Silent).build(), true, "ready; replay_store: unknown"),
        (
            "both",
            verifier(NoClients, Silent),
            false,
            "not ready; registry: no clients were given; replay_store: unknown",
        ),
        (
            "shared is silent",
            fixture().replay(TieredReplay::new(store(), Silent)).build(),
            true,
            "ready; replay_store: unknown",
        ),
        // An adapter answers later, which needs a timer.
        (
            "no runtime",
            verifier(silent(), store()),
            false,
            "not ready; registry: unknown; timer: there is no Tokio runtime with timers",
        ),
    ] {
        let readiness = now_or_never(verifier.ready());
        assert_eq!((readiness.is_ready(), readiness.to_string().as_str()), (ready, line), "{name}");
    }
}

#[tokio::test]
async fn an_adapter_passes_the_health_on() {
    let readiness = verifier(Awaited::new(Silent), store()).ready().await;
    assert_eq!(readiness.to_string(), "ready; registry: unknown");
    let down = || Awaited::new(Slow(Duration::ZERO, Err("down")));
    let readiness = verifier(Arc::new(down()), Arc::new(down())).ready().await;
    assert_eq!(readiness.to_string(), "not ready; registry: down; replay_store: down");
}

#[test]
fn without_a_time_no_port_is_asked() {
    #[derive(Debug)]
    struct Stopped;
    impl Clock for Stopped {
        fn now(&self) -> Option<UnixTime> {
            None
        }
    }
    let verifier = fixture().clock(&clock()).builder().clock(Stopped).build().unwrap();
    let readiness = now_or_never(verifier.ready());
    assert_eq!(names(&readiness), [("clock", "unhealthy"), ("registry", "unknown"), ("replay_store", "unknown")]);
    assert!(!readiness.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_probe_ends_with_the_port_timeout() {
    let never = Duration::from_secs(1 << 30);
    let table = [
        (Duration::ZERO, BELOW, BELOW, "ready"),
        (BELOW, BELOW, BELOW, "ready"),
        (Duration::ZERO, ABOVE, TIMEOUT, "not ready; replay_store: no answer within 2s"),
        (ABOVE, Duration::ZERO, TIMEOUT, "not ready; registry: no answer within 2s"),
        (never, never, TIMEOUT, "not ready; registry: no answer within 2s; replay_store: no answer within 2s"),
    ];
    for (registry, replay, took, line) in table {
        let slow = |time| Awaited::new(Slow(time, Ok(())));
        let verifier = verifier(slow(registry), slow(replay));
        let start = Instant::now();
        let readiness = verifier.ready().await;
        assert_eq!((start.elapsed(), readiness.to_string().as_str()), (took, line), "{registry:?} {replay:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_that_hangs_hides_no_other_failure() {
    let hangs = Awaited::new(Slow(ABOVE, Ok(())));
    let readiness = verifier(hangs, Awaited::new(Slow(BELOW, Err("down")))).ready().await;
    assert_eq!(readiness.to_string(), "not ready; registry: no answer within 2s; replay_store: down");
    let kind = |reason| {
        let part = readiness.parts().find(|part| part.reason() == reason).unwrap();
        let Health::Unhealthy(error) = part.health() else { panic!("{part:?}") };
        error.kind()
    };
    assert_eq!(kind(Reason::Registry), PortErrorKind::Timeout);
    assert_eq!(kind(Reason::ReplayStore), PortErrorKind::Other);
}

#[test]
fn a_probe_can_be_sent_to_another_thread() {
    fn sent(_: &(impl Send + ?Sized)) {}
    sent(&Verifier::builder(Policy::REDOX, NoClients, NoReplay).audience("https://a.example").build().unwrap().ready());
}
