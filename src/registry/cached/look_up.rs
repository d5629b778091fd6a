//! The answer to a question: from memory, or by one look-up in the registry for all requests that
//! wait for it.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::shared::Shared;
use super::table::RunningLookUp;
use crate::flight::{Flight, Job, Lost};
use crate::lock::lock;
use crate::order::Number;
use crate::port::{Answer, PortError, PortErrorKind};
use crate::registry::{ClientRegistry, FindResult};
use crate::timer::{timer, within};

impl<R: ClientRegistry> Shared<R> {
    pub(super) fn find(self: &Arc<Self>, id: &str) -> Answer<FindResult> {
        match self.ask(id) {
            Step::Known(found) => Answer::Ready(found),
            Step::Wait(running) => Answer::later(Arc::clone(self).answer(id.into(), running)),
        }
    }

    /// Waits for a look-up, and for another one if the id was invalidated meanwhile.
    async fn answer(self: Arc<Self>, id: Box<str>, mut running: RunningLookUp) -> FindResult {
        loop {
            let number = running.number();
            let found = running.outcome().await.unwrap_or_else(|| Err(aborted()));
            if self.accepts(&id, number) {
                return found;
            }
            match self.ask(&id) {
                Step::Known(found) => return found,
                Step::Wait(next) => running = next,
            }
        }
    }

    fn ask(self: &Arc<Self>, id: &str) -> Step {
        let now = Instant::now();
        let mut table = lock(&self.table);
        if let Some(found) = table.known(id, now) {
            return Step::Known(found);
        }
        if let Some(running) = table.running(id) {
            return Step::Wait(running);
        }
        let slot = match table.has_client(id) {
            true => None,
            false => match Arc::clone(&self.slots).try_acquire_owned() {
                Ok(slot) => Some(slot),
                Err(_) => return Step::Known(Err(self.crowded())),
            },
        };
        let (id, number) = (Arc::<str>::from(id), self.order.next());
        let look_up = LookUp { shared: Arc::clone(self), id: Arc::clone(&id), number, begun: now, _slot: slot };
        let (running, flight) = Flight::new(number, look_up);
        table.start(id, running.clone());
        drop(table);
        flight.spawn();
        Step::Wait(running)
    }

    fn crowded(&self) -> PortError {
        let most = self.settings.max_look_ups;
        PortError::new(format!("{most} look-ups of other ids are running; raise max_look_ups"))
            .with_kind(PortErrorKind::Full)
    }
}

/// What a question leads to.
enum Step {
    Known(FindResult),
    Wait(RunningLookUp),
}

/// One look-up.
struct LookUp<R> {
    shared: Arc<Shared<R>>,
    id: Arc<str>,
    number: Number,
    begun: Instant,
    /// Of an id of no remembered client.
    _slot: Option<OwnedSemaphorePermit>,
}

impl<R: ClientRegistry> Job for LookUp<R> {
    type Output = FindResult;
    type Outcome = FindResult;

    async fn run(&self) -> FindResult {
        let limit = self.shared.settings.timeout;
        let Some(timer) = timer(limit) else { return Err(no_timer()) };
        let found = within(timer, async { self.shared.registry().find(&self.id).get().await }).await;
        found.unwrap_or_else(|| {
            let error = PortError::new(format!("the registry did not answer within {limit:?}"));
            Err(error.with_kind(PortErrorKind::Timeout))
        })
    }

    fn record(self, output: Result<FindResult, Lost>) -> FindResult {
        let found = output.unwrap_or_else(|lost| {
            Err(match lost {
                Lost::NoRuntime => no_timer(),
                Lost::Aborted => aborted(),
            })
        });
        self.shared.record(&self.id, self.number, self.begun, found)
    }
}

fn aborted() -> PortError {
    PortError::new("the look-up in the registry was aborted: it panicked, or its runtime has shut down")
}

fn no_timer() -> PortError {
    PortError::new("a look-up in the registry needs a Tokio runtime with timers; build it with enable_time")
}
