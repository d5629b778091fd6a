//! `--audit`: a line of JSON for each request at the token endpoint.

use std::path::Path;
use std::sync::Arc;

use tower_client_assertion::event::{AuditLog, Correlation, EventSink};
use tower_client_assertion::metrics::Gauges;

use crate::hangup;
use crate::log::{self, log};
use crate::request_id;

/// The audit log, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Audit(Option<Arc<AuditLog>>);

impl Audit {
    /// Opens the file now, and again on each SIGHUP, so that it can be rotated.
    pub(crate) fn open(path: Option<&Path>, events: Arc<dyn EventSink>) -> Result<Self, String> {
        let Some(path) = path else { return Ok(Self(None)) };
        let failed = |error| format!("--audit: {error}");
        let builder = AuditLog::file(path).map_err(failed)?.events(events);
        let audit = Arc::new(builder.start().map_err(failed)?);
        let rotated = Arc::clone(&audit);
        hangup::on_each(move || rotated.reopen()).map_err(failed)?;
        Ok(Self(Some(audit)))
    }

    /// The sink of the verifier: lines on stderr, and the audit log.
    pub(crate) fn events(&self) -> Arc<dyn EventSink> {
        match &self.0 {
            Some(audit) => Arc::new(log::events().and(Arc::clone(audit))),
            None => Arc::new(log::events()),
        }
    }

    /// Adds what is lost to what is read for each scrape.
    pub(crate) fn watched(&self, gauges: Gauges) -> Gauges {
        match &self.0 {
            Some(audit) => gauges.audit(Arc::clone(audit)),
            None => gauges,
        }
    }

    /// Writes what is left, once no request is in flight.
    pub(crate) fn close(&self) {
        if let Some(Err(incomplete)) = self.0.as_ref().map(|audit| audit.close()) {
            log(&format!("the audit log is incomplete: {incomplete}"));
        }
    }
}

/// The id of the request that is being served, which its response and the lines on stderr have.
pub(crate) fn correlation() -> Option<Correlation> {
    request_id::current().map(|id| Correlation::new(&id))
}
