//! The time that the replay store takes, for a sink.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Verifier;
use super::request::TokenRequest;
use crate::event::{Correlation, Event, EventSink, ReplayEvent, ReplayNews};
use crate::port::PortError;

/// A question to the replay store, with what is reported about it.
struct Asked<'a> {
    events: &'a dyn EventSink,
    at: Instant,
    threshold: Duration,
    correlation: Option<&'a Correlation>,
}

impl Asked<'_> {
    /// Reports a store that has failed, or has taken too long, whether it has `answered` or not.
    fn report(&self, answered: bool, failure: Option<&PortError>) {
        let &Self { events, threshold, correlation, .. } = self;
        let took = self.at.elapsed();
        let news = match failure {
            Some(error) => ReplayNews::Failed(error),
            None if took > threshold => ReplayNews::Slow { threshold, answered },
            None => return,
        };
        events.record(&Event::Replay(ReplayEvent { news, took, correlation }));
    }
}

/// Watches a store that answers later. A store that hangs is reported even if no client waits for
/// it as long as the verifier would.
pub(super) struct ReplayWatch {
    events: Arc<dyn EventSink>,
    at: Instant,
    threshold: Duration,
    correlation: Option<Correlation>,
    is_over: bool,
}

impl ReplayWatch {
    /// Reports what came of it, if that is news.
    pub(super) fn end(mut self, failure: Option<&PortError>) {
        self.is_over = true;
        self.asked().report(true, failure);
    }

    fn asked(&self) -> Asked<'_> {
        let Self { events, at, threshold, correlation, .. } = self;
        Asked { events: &**events, at: *at, threshold: *threshold, correlation: correlation.as_ref() }
    }
}

/// The request is dropped while it waits.
impl Drop for ReplayWatch {
    fn drop(&mut self) {
        if !self.is_over {
            self.asked().report(false, None);
        }
    }
}

impl Verifier {
    /// Returns the time at which the replay store is asked, if there is a sink.
    pub(super) fn replay_asked(&self) -> Option<Instant> {
        self.events.is_some().then(Instant::now)
    }

    /// Reports what came of a question that was answered immediately, if that is news.
    pub(super) fn report_replay(
        &self,
        request: &TokenRequest<'_>,
        asked: Option<Instant>,
        failure: Option<&PortError>,
    ) {
        let (Some(events), Some(asked)) = (&self.events, asked) else { return };
        let (threshold, correlation) = (self.slow_replay, request.correlation);
        Asked { events: &**events, at: asked, threshold, correlation }.report(true, failure);
    }

    /// Watches the store until it answers.
    pub(super) fn watch_replay(&self, request: &TokenRequest<'_>, asked: Option<Instant>) -> Option<Box<ReplayWatch>> {
        let (events, at) = (Arc::clone(self.events.as_ref()?), asked?);
        let (threshold, correlation) = (self.slow_replay, request.correlation.cloned());
        Some(Box::new(ReplayWatch { events, at, threshold, correlation, is_over: false }))
    }
}
