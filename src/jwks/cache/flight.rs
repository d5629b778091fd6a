//! One fetch under way, and those who wait for it.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use super::fetched::Fetched;
use super::source::{KeySource, Keys};
use crate::clock::UnixTime;
use crate::jose::keys::KeySet;
use crate::jwks::fetch::FetchError;

/// How a fetch has ended, for those who wait.
#[derive(Clone)]
pub(super) enum Landed {
    Fetched(Arc<KeySet>),
    Failed,
    /// The source was invalidated meanwhile.
    Superseded,
}

/// Sees to it that a fetch ends in some way, even if its task panics or is dropped.
pub(super) struct Landing(Option<Flight>);

struct Flight {
    source: KeySource,
    sender: watch::Sender<Option<Landed>>,
    generation: u64,
    now: UnixTime,
    began: Instant,
}

impl Landing {
    pub(super) fn new(
        source: KeySource,
        sender: watch::Sender<Option<Landed>>,
        generation: u64,
        now: UnixTime,
    ) -> Self {
        Self(Some(Flight { source, sender, generation, now, began: Instant::now() }))
    }

    /// Outside of all locks: a runtime that is shutting down drops the task at once, and dropping it lands it.
    pub(super) fn launch(self) {
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(self.fly())),
            Err(_) => self.land(Err(FetchError::NoRuntime)),
        }
    }

    async fn fly(self) {
        let fetched = match &self.0 {
            Some(flight) => flight.source.fetch(flight.now).await,
            None => return,
        };
        self.land(fetched);
    }

    fn land(mut self, fetched: Result<Fetched, FetchError>) {
        if let Some(flight) = self.0.take() {
            flight.land(fetched);
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if let Some(flight) = self.0.take() {
            flight.land(Err(FetchError::Aborted));
        }
    }
}

impl Flight {
    fn land(self, fetched: Result<Fetched, FetchError>) {
        let landed = match fetched {
            Ok(fetched) => self.source.land(fetched, self.generation),
            Err(error) => self.source.crash(&error, self.generation, self.now_by_now()),
        };
        // Nobody may be waiting any more.
        let _ = self.sender.send(Some(landed));
    }

    /// The clock was read when the fetch began, and the fetch has taken some seconds.
    fn now_by_now(&self) -> u64 {
        self.now.as_secs().saturating_add(self.began.elapsed().as_secs())
    }
}

/// The keys that the fetch brings, or what there is without it.
pub(super) async fn keys(source: KeySource, flight: watch::Receiver<Option<Landed>>, now: UnixTime) -> Keys {
    match landed(flight).await {
        Landed::Fetched(keys) => Ok(keys),
        Landed::Failed => source.fall_back(now),
        Landed::Superseded => source.ask(now).get().await,
    }
}

/// The keys that the fetch brings.
pub(super) async fn newer(flight: watch::Receiver<Option<Landed>>) -> Option<Arc<KeySet>> {
    match landed(flight).await {
        Landed::Fetched(keys) => Some(keys),
        Landed::Failed | Landed::Superseded => None,
    }
}

async fn landed(mut flight: watch::Receiver<Option<Landed>>) -> Landed {
    match flight.wait_for(Option::is_some).await {
        Ok(landed) => landed.clone().unwrap_or(Landed::Failed),
        // Every landing is sent before its sender goes.
        Err(_) => Landed::Failed,
    }
}
