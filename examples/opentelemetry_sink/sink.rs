//! The sink. Its attributes have closed sets of values: no client can add a series.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use tower_client_assertion::Endpoint;
use tower_client_assertion::event::{Event, EventSink, KeySetNews, StepTimes};
use tower_client_assertion::rejection::{RejectionKind, ServerFault};

/// In seconds. The bounds that the SDK takes by default fit milliseconds.
const BOUNDS: [f64; 11] = [0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 5.0];

/// Counts and times outcomes, and counts fetches of key sets and warnings.
pub(crate) struct OpenTelemetry {
    requests: Counter<u64>,
    duration: Histogram<f64>,
    fetches: Counter<u64>,
    warnings: Counter<u64>,
}

impl OpenTelemetry {
    /// Creates the instruments. Names and units are in the style of the semantic conventions.
    pub(crate) fn new(meter: &Meter) -> Self {
        let counter = |name, unit| meter.u64_counter(name).with_unit(unit).build();
        let duration = meter.f64_histogram("client_assertion.duration").with_unit("s");
        Self {
            requests: counter("client_assertion.requests", "{request}"),
            duration: duration.with_boundaries(BOUNDS.to_vec()).build(),
            fetches: counter("client_assertion.key_set.fetches", "{fetch}"),
            warnings: counter("client_assertion.warnings", "{warning}"),
        }
    }

    /// Each value comes from a closed set: the policies of the verifier, and the enums and codes of
    /// the crate. No client can choose one. `error.type` is absent if there is no error.
    fn count(&self, of: (Endpoint, &str, StepTimes), outcome: &'static str, code: Option<&'static str>) {
        let (endpoint, policy, times) = of;
        let outcome = KeyValue::new("client_assertion.outcome", outcome);
        if let Some(total) = times.total() {
            self.duration.record(total.as_secs_f64(), std::slice::from_ref(&outcome));
        }
        let endpoint = KeyValue::new("client_assertion.endpoint", endpoint.name());
        let policy = KeyValue::new("client_assertion.policy", policy.to_owned());
        let error = code.map(|code| KeyValue::new("error.type", code));
        self.requests.add(1, &[outcome, endpoint, policy].into_iter().chain(error).collect::<Vec<_>>());
    }

    fn count_fetch(&self, result: &'static str) {
        self.fetches.add(1, &[KeyValue::new("client_assertion.key_set.result", result)]);
    }
}

impl EventSink for OpenTelemetry {
    fn record(&self, event: &Event<'_>) {
        match event {
            Event::Accepted(of) => {
                self.count((of.endpoint(), of.identity().policy(), of.times()), "accepted", None);
            }
            Event::Refused(of) => {
                self.count((of.endpoint(), of.policy(), of.times()), outcome(of.rejection().kind()), Some(of.code()));
            }
            Event::LetPass(of) => self.count((of.endpoint(), "", of.times()), "let_pass", None),
            Event::KeySet(event) => match event.news() {
                KeySetNews::Fetched { .. } => self.count_fetch("ok"),
                KeySetNews::Failed { error, .. } => self.count_fetch(error.code()),
                _ => {}
            },
            Event::Warning(of) => self.warnings.add(1, &[KeyValue::new("client_assertion.source", of.source())]),
            _ => {}
        }
    }

    fn needs_times(&self) -> bool {
        true
    }
}

/// A client that takes too much is refused. All other faults of the server are outages.
fn outcome(kind: &RejectionKind) -> &'static str {
    match kind {
        RejectionKind::Client(_) | RejectionKind::Server(ServerFault::ClientOverloaded | ServerFault::ClientQuota) => {
            "refused"
        }
        _ => "unavailable",
    }
}
