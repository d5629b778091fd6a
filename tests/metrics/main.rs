//! Metrics: which series there are, what they count, and that nothing a stranger writes adds one.

#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod clients;
mod gauges;
mod outcomes;
mod series;
mod strangers;

use std::sync::Arc;

use common::recorder::Recorded;
use common::{Fixture, clock};
use tower_client_assertion::Verifier;
use tower_client_assertion::event::EventSink;
use tower_client_assertion::metrics::MetricsEvents;

/// A sink that records here, with the clock of the fixture.
fn sink(recorded: &Recorded) -> MetricsEvents {
    MetricsEvents::new(recorded.clone()).clock(clock())
}

fn watched(fixture: Fixture, sink: impl EventSink) -> Verifier {
    fixture.builder().events(sink).build().unwrap()
}

fn shared(sink: MetricsEvents) -> Arc<dyn EventSink> {
    Arc::new(sink)
}
