//! Metrics for OpenTelemetry: an event sink to copy.
//!
//! ```sh
//! cargo run --example opentelemetry_sink
//! ```
//!
//! It lets a verifier decide about an assertion twice, and prints what an exporter gets: one
//! request is accepted, and its replay is refused. In production, use an exporter for OTLP instead
//! of the one in memory.
//!
//! The library does not depend on OpenTelemetry, because each minor version of that crate is
//! incompatible with the one before. With the feature `metrics`, it counts more than this sink.
//!
//! - `sink.rs` is the part to copy.

mod sink;
#[path = "../support/mod.rs"]
mod support;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use tower_client_assertion::registry::FixedRegistry;
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{JWT_BEARER, Policy, TokenRequest, Verifier};

use crate::sink::OpenTelemetry;
use crate::support::{Demo, ISSUER, Result};

#[tokio::main]
async fn main() -> Result {
    let exporter = InMemoryMetricExporter::default();
    let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter.clone()).build();
    let sink = OpenTelemetry::new(&provider.meter("token-endpoint"));

    let demo = Demo::new()?;
    let clients = FixedRegistry::new([demo.client()?])?;
    let verifier = Verifier::builder(Policy::RFC7523, clients, MemoryReplay::new(1000)?);
    let verifier = verifier.issuer(ISSUER).events(sink).build()?;

    let assertion = demo.assertion().await?;
    let form = format!("client_assertion_type={JWT_BEARER}&client_assertion={assertion}");
    let request = TokenRequest::new(form.as_bytes());
    assert!(verifier.verify(&request).await.is_ok());
    assert!(verifier.verify(&request).await.is_err());

    // At the end of a program: what was recorded since the last export would be lost.
    provider.shutdown()?;
    let exported = exporter.get_finished_metrics()?;
    let metrics = exported.iter().flat_map(|resource| resource.scope_metrics()).flat_map(|scope| scope.metrics());
    let mut lines: Vec<_> = metrics.flat_map(lines).collect();
    lines.sort();
    let accepted = "client_assertion.requests{client_assertion.endpoint=token, client_assertion.outcome=accepted, \
                    client_assertion.policy=rfc7523} 1";
    let refused = "client_assertion.requests{client_assertion.endpoint=token, client_assertion.outcome=refused, \
                   client_assertion.policy=rfc7523, error.type=replayed} 1";
    for expected in [accepted, refused] {
        assert!(lines.iter().any(|line| line == expected), "{expected} is not among {lines:?}");
    }
    lines.iter().for_each(|line| println!("{line}"));
    Ok(())
}

/// Returns a line for each series: its attributes, and its value or the number of its values.
fn lines(metric: &Metric) -> Vec<String> {
    let line = |attributes: &mut dyn Iterator<Item = &KeyValue>, value: u64| {
        let mut attributes: Vec<_> = attributes.map(|pair| format!("{}={}", pair.key, pair.value)).collect();
        attributes.sort();
        format!("{}{{{}}} {value}", metric.name(), attributes.join(", "))
    };
    match metric.data() {
        AggregatedMetrics::U64(MetricData::Sum(sum)) => {
            sum.data_points().map(|point| line(&mut point.attributes(), point.value())).collect()
        }
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
            histogram.data_points().map(|point| line(&mut point.attributes(), point.count())).collect()
        }
        _ => Vec::new(),
    }
}
