//! Stand-ins for what is not known when a captured request is explained elsewhere.

use crate::clock::UnixTime;
use crate::port::{Answer, Health, PortError};
use crate::registry::{ClientRegistry, FindResult};
use crate::replay::{AdmitResult, ReplayKey, ReplayStore};
use crate::verifier::dry::UnknownClients;

/// A registry for explanations without clients. The steps from the client on are then not judged,
/// and a request that gets that far is not decided.
///
/// A verifier that has it accepts no request: it refuses every client as unavailable (503).
#[derive(Clone, Copy, Debug, Default)]
pub struct NoClients;

impl ClientRegistry for NoClients {
    fn find(&self, _: &str) -> Answer<FindResult> {
        Answer::Ready(Err(PortError::new(UnknownClients)))
    }

    fn health(&self) -> Answer<Health> {
        Answer::Ready(Health::Unhealthy(PortError::new(UnknownClients)))
    }
}

/// A replay store for explanations without one: whether an assertion was used before is not judged.
///
/// A verifier that has it accepts no request: it refuses every request as unavailable (503).
#[derive(Clone, Copy, Debug, Default)]
pub struct NoReplay;

const NO_STORE: &str = "no replay store was given";

impl ReplayStore for NoReplay {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        None
    }

    fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> Answer<AdmitResult> {
        Answer::Ready(Err(PortError::new(NO_STORE)))
    }

    fn admissions_per_client(&self) -> usize {
        1
    }

    fn health(&self, _: UnixTime) -> Answer<Health> {
        Answer::Ready(Health::Unhealthy(PortError::new(NO_STORE)))
    }

    fn how_to_look(&self, _: ReplayKey<'_>) -> String {
        NO_STORE.to_owned()
    }
}
