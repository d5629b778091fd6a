//! Whether a verifier could decide now, for a readiness probe.

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::task::{Context, Poll};

use super::Verifier;
use crate::port::{Answer, Health, PortError, PortErrorKind};
use crate::rejection::Reason;
use crate::timer::timer;

/// Whether a [`Verifier`] could decide now, and the health of each part that it needs.
///
/// It displays as one line for a log, with the errors of the parts. Do not send it to strangers:
/// the errors are those of your infrastructure.
#[derive(Clone, Debug)]
#[must_use]
pub struct Readiness(Vec<PartHealth>);

impl Readiness {
    /// Returns whether no part is [unhealthy](Health::Unhealthy). A part whose health is
    /// [unknown](Health::Unknown) does not count, so that a port that does not tell can serve.
    pub fn is_ready(&self) -> bool {
        !self.0.iter().any(|part| matches!(part.health, Health::Unhealthy(_)))
    }

    /// Returns the parts: the clock, the registry and the replay store. If a port had to be waited
    /// for without a Tokio runtime with timers, the timer comes last.
    pub fn parts(&self) -> impl Iterator<Item = &PartHealth> {
        self.0.iter()
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_ready() { "ready" } else { "not ready" })?;
        for part in self.parts() {
            match &part.health {
                Health::Healthy => {}
                Health::Unhealthy(error) => write!(f, "; {}: {error}", part.reason)?,
                Health::Unknown => write!(f, "; {}: unknown", part.reason)?,
            }
        }
        Ok(())
    }
}

/// One part that a verifier needs, and its health.
#[derive(Clone, Debug)]
pub struct PartHealth {
    reason: Reason,
    health: Health,
}

impl PartHealth {
    /// Returns the reason for which requests are refused (503) if this part is missing:
    /// [`Clock`](Reason::Clock), [`Registry`](Reason::Registry),
    /// [`ReplayStore`](Reason::ReplayStore) or [`Timer`](Reason::Timer). Its
    /// [code](Reason::code) names the part.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Returns whether the part could answer.
    pub fn health(&self) -> &Health {
        &self.health
    }
}

impl Verifier {
    /// Returns whether this verifier could decide about a request now, for a readiness probe. It
    /// asks the clock, and concurrently the [registry](crate::registry::ClientRegistry::health) and
    /// the [replay store](crate::replay::ReplayStore::health).
    ///
    /// It takes as long as the [`port_timeout`](crate::VerifierBuilder::port_timeout) at most. A
    /// port that has not answered by then is unhealthy. Nothing is recorded, and no event is
    /// reported.
    ///
    /// Key sets by URL are not asked: each is that of one client, and a client whose server is down
    /// must not end the service of the others. A verifier that is
    /// [overloaded](crate::overload) is ready, since it decides about other requests.
    ///
    /// The page about [operations](crate::manual::operations) has an endpoint for it, and says what
    /// does not belong in a liveness probe.
    ///
    /// ```
    /// use tower_client_assertion::clock::UnixTime;
    /// use tower_client_assertion::port::{Answer, Health, PortError};
    /// use tower_client_assertion::registry::FixedRegistry;
    /// use tower_client_assertion::rejection::Reason;
    /// # use tower_client_assertion::replay::{AdmitResult, ReplayKey};
    /// use tower_client_assertion::replay::{MemoryReplay, ReplayStore};
    /// use tower_client_assertion::{ConfigError, Policy, Verifier};
    ///
    /// /// Stands for a store whose server is down.
    /// #[derive(Debug)]
    /// struct Down;
    ///
    /// impl ReplayStore for Down {
    /// #     fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> { None }
    /// #     fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> Answer<AdmitResult> {
    /// #         Answer::Ready(Err(PortError::new("connection refused")))
    /// #     }
    /// #     fn admissions_per_client(&self) -> usize { 1 }
    ///     // Its other methods come here.
    ///     fn health(&self, _: UnixTime) -> Answer<Health> {
    ///         let error = PortError::new("connection refused");
    ///         Answer::Ready(Health::Unhealthy(error))
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), ConfigError> {
    /// let replay = MemoryReplay::new(100_000)?;
    /// let verifier =
    ///     Verifier::builder(Policy::RFC7523, FixedRegistry::new([])?, replay)
    ///         .issuer("https://as.example.com")
    ///         .build()?;
    /// let readiness = verifier.ready().await;
    /// assert!(readiness.is_ready());
    /// assert_eq!(readiness.to_string(), "ready");
    ///
    /// let verifier =
    ///     Verifier::builder(Policy::RFC7523, FixedRegistry::new([])?, Down)
    ///         .issuer("https://as.example.com")
    ///         .build()?;
    /// let readiness = verifier.ready().await;
    /// assert!(!readiness.is_ready());
    /// let line = "not ready; replay_store: connection refused";
    /// assert_eq!(readiness.to_string(), line);
    /// let missing = readiness.parts().last().map(|part| part.reason());
    /// assert_eq!(missing, Some(Reason::ReplayStore));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ready(&self) -> Readiness {
        let Some(now) = self.clock.now() else {
            let clock = Health::Unhealthy(PortError::new("the clock has no time"));
            let [registry, replay] = [Reason::Registry, Reason::ReplayStore].map(|reason| (reason, Health::Unknown));
            return Readiness::of([(Reason::Clock, clock), registry, replay]);
        };
        let mut asked = [self.registry.health(), self.replay.health(now)];
        let missing = self.wait_for_all(&mut asked).await;
        let [registry, replay] = asked.map(|answer| match (answer, &missing) {
            (Answer::Ready(health), _) => health,
            (Answer::Pending(_), Some(Missing::Answer(error))) => Health::Unhealthy(error.clone()),
            (Answer::Pending(_), Some(Missing::Timer) | None) => Health::Unknown,
        });
        let parts = [(Reason::Clock, Health::Healthy), (Reason::Registry, registry), (Reason::ReplayStore, replay)];
        let no_timer = || Health::Unhealthy(PortError::new("there is no Tokio runtime with timers"));
        let timer = matches!(missing, Some(Missing::Timer)).then(|| (Reason::Timer, no_timer()));
        Readiness::of(parts.into_iter().chain(timer))
    }

    /// Waits within the port timeout until each is ready. Returns why one of them is not.
    async fn wait_for_all(&self, asked: &mut [Answer<Health>]) -> Option<Missing> {
        if asked.iter().all(|answer| matches!(answer, Answer::Ready(_))) {
            return None;
        }
        let Some(mut timer) = timer(self.port_timeout) else { return Some(Missing::Timer) };
        poll_fn(|cx| {
            // Each is polled, so that all run concurrently.
            match asked.iter_mut().map(|answer| poll(answer, cx)).filter(Poll::is_pending).count() {
                0 => Poll::Ready(None),
                _ => timer.as_mut().poll(cx).map(|()| {
                    let error = PortError::new(format!("no answer within {:?}", self.port_timeout));
                    Some(Missing::Answer(error.with_kind(PortErrorKind::Timeout)))
                }),
            }
        })
        .await
    }
}

/// What a wait ended without.
enum Missing {
    Timer,
    Answer(PortError),
}

impl Readiness {
    fn of(parts: impl IntoIterator<Item = (Reason, Health)>) -> Self {
        Self(parts.into_iter().map(|(reason, health)| PartHealth { reason, health }).collect())
    }
}

fn poll(answer: &mut Answer<Health>, cx: &mut Context<'_>) -> Poll<()> {
    if let Answer::Pending(future) = answer {
        match future.as_mut().poll(cx) {
            Poll::Ready(health) => *answer = Answer::Ready(health),
            Poll::Pending => return Poll::Pending,
        }
    }
    Poll::Ready(())
}
