//! The choice of a verifier for each request, where one layer serves several tenants.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;

use super::correlate::Correlate;
use crate::endpoint::Endpoint;
use crate::event::{Event, EventSink, Excerpt, Finding, Received, Refused, RequestInfo};
use crate::rejection::{ClientFault, Rejection};
use crate::verifier::Verifier;

/// What was expected of a request for an unknown tenant.
pub(super) const KNOWN_TENANT: &str = "a request for a known tenant";

/// Finds the verifier of a request in its head.
#[derive(Clone)]
pub(crate) struct Choice {
    find: Arc<Find>,
    /// Learns of requests for which no verifier was found.
    pub(crate) unknown: Option<Arc<dyn EventSink>>,
}

type Find = dyn Fn(&Parts) -> Option<Arc<Verifier>> + Send + Sync;

impl Choice {
    pub(crate) fn new(find: impl Fn(&Parts) -> Option<Arc<Verifier>> + Send + Sync + 'static) -> Self {
        Self { find: Arc::new(find), unknown: None }
    }

    pub(crate) fn verifier(&self, parts: &Parts) -> Option<Arc<Verifier>> {
        (self.find)(parts)
    }

    /// Refuses a request for which no verifier was found, and reports it.
    pub(crate) fn refuse(&self, parts: &Parts, endpoint: Endpoint, correlate: Option<&Correlate>) -> Rejection {
        let rejection = Rejection::from(ClientFault::TenantUnknown);
        if let Some(events) = &self.unknown {
            let correlation = correlate.and_then(|correlate| correlate.name(parts));
            let info = RequestInfo::new(endpoint, correlation.as_ref(), None);
            let received = Received::Text(Excerpt::new(parts.uri.path()));
            let finding = Finding::new(ClientFault::TenantUnknown, KNOWN_TENANT, received);
            // Policies belong to verifiers.
            let refused = Refused::new(&rejection, "", info);
            events.record(&Event::Refused(Refused { findings: &[finding], ..refused }));
        }
        rejection
    }
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Choice")
    }
}
