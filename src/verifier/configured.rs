//! A verifier's configuration, for a report about it.

use super::Verifier;
use super::overload::SignatureChecks;
use crate::clock::UnixTime;
use crate::policy::{Audiences, Limits, Policy};
use crate::registry::ClientRegistry;
use crate::replay::ReplayStore;

/// What a verifier was configured with.
pub(crate) struct Configured<'v> {
    /// There is at least the first.
    pub(crate) policies: &'v [Policy],
    pub(crate) audiences: &'v Audiences,
    pub(crate) limits: &'v Limits,
    pub(crate) registry: &'v dyn ClientRegistry,
    pub(crate) replay: &'v dyn ReplayStore,
    pub(crate) issued_from: Option<UnixTime>,
    pub(crate) reports_events: bool,
    pub(crate) bounds_checks: bool,
    /// Whether a client can use up its own share of the checks before the total.
    pub(crate) bounds_checks_per_client: bool,
    pub(crate) admissions_per_client: usize,
    pub(crate) now: Option<UnixTime>,
}

impl Verifier {
    pub(crate) fn configured(&self) -> Configured<'_> {
        Configured {
            policies: &self.policies,
            audiences: &self.audiences,
            limits: &self.limits,
            registry: &*self.registry,
            replay: &*self.replay,
            issued_from: self.issued_from,
            reports_events: self.events.is_some(),
            bounds_checks: self.checks.is_some(),
            bounds_checks_per_client: self.checks.as_ref().is_some_and(SignatureChecks::bounds_clients),
            admissions_per_client: self.admissions.per_client(),
            now: self.clock.now(),
        }
    }
}
