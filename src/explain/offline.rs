//! Stand-ins for what is not known when a captured request is explained elsewhere.

use crate::clock::UnixTime;
use crate::port::{Answer, PortError};
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
}

/// A replay store for explanations without one: whether an assertion was used before is not judged.
///
/// A verifier that has it accepts no request: it refuses every request as unavailable (503).
#[derive(Clone, Copy, Debug, Default)]
pub struct NoReplay;

impl ReplayStore for NoReplay {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        None
    }

    fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> Answer<AdmitResult> {
        Answer::Ready(Err(PortError::new("no replay store was given")))
    }

    fn admissions_per_client(&self) -> usize {
        1
    }

    fn how_to_look(&self, _: ReplayKey<'_>) -> String {
        "no replay store was given".to_owned()
    }
}
