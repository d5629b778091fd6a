//! What events say about a request in addition to its outcome: the name by which other logs know
//! it, and how long its steps took.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;

use crate::endpoint::Endpoint;
use crate::event::{Correlation, RequestInfo, Stopwatch, TimedStep};
use crate::verifier::{TokenRequest, Verifier};

/// Finds the name of a request in its head.
#[derive(Clone)]
pub(crate) struct Correlate(Arc<Find>);

type Find = dyn Fn(&Parts) -> Option<Correlation> + Send + Sync;

impl Correlate {
    pub(crate) fn new(find: impl Fn(&Parts) -> Option<Correlation> + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    /// Returns the name of a request, unless it is empty.
    pub(crate) fn name(&self, parts: &Parts) -> Option<Correlation> {
        (self.0)(parts).filter(|name| !name.as_str().is_empty())
    }
}

impl fmt::Debug for Correlate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Correlate")
    }
}

/// What is kept of a request for its events. Nothing, and no allocation, unless a server asks for
/// it.
#[derive(Default)]
pub(crate) struct EventNotes(Option<Box<Notes>>);

struct Notes {
    correlation: Option<Correlation>,
    stopwatch: Option<Stopwatch>,
}

impl EventNotes {
    /// Takes notes of a request that arrives, if `verifier` reports events.
    #[inline]
    pub(crate) fn take(verifier: &Verifier, correlate: Option<&Correlate>, parts: &Parts) -> Self {
        match verifier.needs_times() || (correlate.is_some() && verifier.reports_events()) {
            true => Self(Some(Box::new(Notes::of(verifier, correlate, parts)))),
            false => Self(None),
        }
    }

    #[inline]
    fn stopwatch(&self) -> Option<&Stopwatch> {
        self.0.as_ref()?.stopwatch.as_ref()
    }

    /// Notes that the body is read from now on.
    #[inline]
    pub(crate) fn enter_body(&self) {
        if let Some(stopwatch) = self.stopwatch() {
            stopwatch.enter(TimedStep::Body);
        }
    }

    /// Notes that the body was read.
    #[inline]
    pub(crate) fn leave_body(&self) {
        if let Some(stopwatch) = self.stopwatch() {
            stopwatch.leave();
        }
    }

    /// Adds the notes to the request as the verifier sees it.
    #[inline]
    pub(crate) fn on<'a>(&'a self, request: TokenRequest<'a>) -> TokenRequest<'a> {
        let Some(notes) = &self.0 else { return request };
        let request = request.with_stopwatch(notes.stopwatch.as_ref());
        match &notes.correlation {
            Some(correlation) => request.with_correlation(correlation),
            None => request,
        }
    }

    /// Returns what events say about the request.
    pub(crate) fn info(&self, endpoint: Endpoint) -> RequestInfo<'_> {
        let correlation = self.0.as_ref().and_then(|notes| notes.correlation.as_ref());
        RequestInfo::new(endpoint, correlation, self.stopwatch())
    }
}

impl Notes {
    #[cold]
    fn of(verifier: &Verifier, correlate: Option<&Correlate>, parts: &Parts) -> Self {
        let correlation = correlate.and_then(|correlate| correlate.name(parts));
        Self { correlation, stopwatch: verifier.stopwatch() }
    }
}
