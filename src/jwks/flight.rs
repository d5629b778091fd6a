//! One fetch under way, and those who wait for it.

use std::sync::Arc;

use tokio::sync::watch;

use super::error::FetchError;
use super::source::{Fetched, KeySource, Keys};
use crate::clock::UnixTime;
use crate::keys::KeySet;

/// How a fetch has ended, for those who wait.
#[derive(Clone)]
pub(crate) enum Landed {
    Fetched(Arc<KeySet>),
    Failed,
    /// The source was invalidated meanwhile.
    Superseded,
}

/// Sees to it that a fetch ends in some way, even if its task panics or is dropped.
pub(crate) struct Landing(Option<Pending>);

struct Pending {
    source: KeySource,
    sender: watch::Sender<Option<Landed>>,
    generation: u64,
    now: UnixTime,
}

impl Landing {
    pub(crate) fn new(
        source: KeySource,
        sender: watch::Sender<Option<Landed>>,
        generation: u64,
        now: UnixTime,
    ) -> Self {
        Self(Some(Pending { source, sender, generation, now }))
    }

    pub(crate) async fn fly(self) {
        let fetched = match &self.0 {
            Some(pending) => pending.source.fetch(pending.now).await,
            None => return,
        };
        self.land(fetched);
    }

    pub(crate) fn land(mut self, fetched: Result<Fetched, FetchError>) {
        if let Some(pending) = self.0.take() {
            pending.land(fetched);
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if let Some(pending) = self.0.take() {
            pending.land(Err(FetchError::Aborted));
        }
    }
}

impl Pending {
    fn land(self, fetched: Result<Fetched, FetchError>) {
        let landed = match self.source.land(fetched, self.generation, self.now) {
            Some(Ok(keys)) => Landed::Fetched(keys),
            Some(Err(())) => Landed::Failed,
            None => Landed::Superseded,
        };
        // Nobody may be waiting any more.
        let _ = self.sender.send(Some(landed));
    }
}

/// The keys that the fetch brings, or what there is without it.
pub(crate) async fn keys(source: KeySource, flight: watch::Receiver<Option<Landed>>, now: UnixTime) -> Keys {
    match landed(flight).await {
        Landed::Fetched(keys) => Ok(keys),
        Landed::Failed => source.fall_back(now),
        Landed::Superseded => source.ask(now).get().await,
    }
}

/// The keys that the fetch brings.
pub(crate) async fn newer(flight: watch::Receiver<Option<Landed>>) -> Option<Arc<KeySet>> {
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
