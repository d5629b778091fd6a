//! `--metrics`: a page for Prometheus, at an address that clients do not reach.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio::net::TcpListener;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower_client_assertion::event::EventSink;
use tower_client_assertion::metrics::{Gauges, MetricsEvents, SERIES};
use tower_http::timeout::TimeoutLayer;

use crate::log::log;

const PATH: &str = "/metrics";
/// One for Prometheus, and one for a person who looks.
const SCRAPES: usize = 2;
const LONGEST: Duration = Duration::from_secs(10);
/// The exporter keeps each value of a histogram until then, or until a scrape.
const UPKEEP: Duration = Duration::from_secs(5);

/// What is counted, if an address was given.
pub(crate) struct Metrics(Option<Exporter>);

struct Exporter {
    listener: TcpListener,
    recorder: Arc<PrometheusRecorder>,
}

impl Metrics {
    /// Listens, so that an address that is taken is found before anything is served.
    pub(crate) async fn listen(address: Option<SocketAddr>) -> Result<Self, String> {
        let Some(address) = address else { return Ok(Self(None)) };
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|error| format!("--metrics: cannot listen on {address}: {error}"))?;
        let recorder = recorder().map_err(|error| format!("--metrics: {error}"))?;
        Ok(Self(Some(Exporter { listener, recorder: Arc::new(recorder) })))
    }

    /// Adds a sink to this one, of a replay store of this name. All share their series.
    pub(crate) fn and(&self, events: impl EventSink, store: &'static str) -> Arc<dyn EventSink> {
        match &self.0 {
            Some(exporter) => Arc::new(events.and(exporter.sink().with_times().replay_store(store))),
            None => Arc::new(events),
        }
    }

    /// Returns what is to be read for each scrape.
    pub(crate) fn gauges(&self) -> Option<Gauges> {
        self.0.as_ref().map(|exporter| exporter.sink().gauges())
    }

    /// Serves the page, and says where.
    pub(crate) fn serve(self, gauges: Option<Gauges>) -> io::Result<()> {
        let (Some(exporter), Some(gauges)) = (self.0, gauges) else { return Ok(()) };
        let address = exporter.listener.local_addr()?;
        let page = Page { gauges, exporter: exporter.recorder.handle() };
        tokio::spawn(keep_up(page.exporter.clone()));
        let app = Router::new()
            .route(PATH, get(show))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, LONGEST))
            .layer(GlobalConcurrencyLimitLayer::new(SCRAPES))
            .with_state(page);
        tokio::spawn(async move {
            if let Err(error) = axum::serve(exporter.listener, app).await {
                log(&format!("warning: metrics are no longer served: {error}"));
            }
        });
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "metrics on http://{address}{PATH}")?;
        stdout.flush()
    }
}

impl Exporter {
    fn sink(&self) -> MetricsEvents {
        MetricsEvents::new(Arc::clone(&self.recorder))
    }
}

/// The table of series has the bounds of the buckets.
fn recorder() -> Result<PrometheusRecorder, String> {
    let mut builder = PrometheusBuilder::new();
    for series in SERIES.iter().filter(|series| !series.buckets().is_empty()) {
        let name = Matcher::Full(series.name().to_owned());
        builder = builder.set_buckets_for_metric(name, series.buckets()).map_err(|error| error.to_string())?;
    }
    Ok(builder.build_recorder())
}

#[derive(Clone)]
struct Page {
    gauges: Gauges,
    exporter: PrometheusHandle,
}

async fn show(State(page): State<Page>) -> impl IntoResponse {
    page.gauges.refresh();
    let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (text, page.exporter.render())
}

/// Without scrapes, values would pile up.
async fn keep_up(exporter: PrometheusHandle) {
    let mut turns = tokio::time::interval(UPKEEP);
    loop {
        turns.tick().await;
        exporter.run_upkeep();
    }
}
