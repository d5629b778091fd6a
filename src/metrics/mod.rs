//! Events and states as metrics, through the facade [`metrics`](https://docs.rs/metrics): for a
//! dashboard and for alerts.
//!
//! [`MetricsEvents`] is an [event sink](crate::event) that counts and times what happens.
//! [`Gauges`] read how full and how busy things are when metrics are scraped. [`SERIES`] is the
//! table of all series. An exporter, for example `metrics-exporter-prometheus`, is part of the
//! application.
//!
//! ```
//! use std::sync::Arc;
//!
//! use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
//! use tower_client_assertion::event::EventSink;
//! use tower_client_assertion::metrics::{MetricsEvents, SERIES};
//! use tower_client_assertion::registry::FixedRegistry;
//! use tower_client_assertion::replay::MemoryReplay;
//! use tower_client_assertion::{Policy, TokenRequest, Verifier};
//! # use tower_client_assertion::mint::{Minter, SecretSigner};
//! # use tower_client_assertion::policy::Algorithm;
//! # use tower_client_assertion::registry::Client;
//! # use tower_client_assertion::secret::ClientSecret;
//! # const SECRET: &str = "a secret of more than thirty-two bytes";
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let client = Client::with_secret("reports", ClientSecret::new(SECRET)?)?;
//! # let clients = FixedRegistry::new([client])?;
//! # let signer = SecretSigner::new(ClientSecret::new(SECRET)?, Algorithm::HS256)?;
//! # let minter = Minter::builder(Policy::OIDC, "reports", signer).issuer("https://as.example.com").build()?;
//! # let form = minter.request("/token").client_credentials().build().await?.into_body().into_bytes();
//! // Histograms need the bounds of their buckets.
//! let mut exporter = PrometheusBuilder::new();
//! for series in SERIES.iter().filter(|series| !series.buckets().is_empty()) {
//!     let name = Matcher::Full(series.name().to_owned());
//!     exporter = exporter.set_buckets_for_metric(name, series.buckets())?;
//! }
//! let recorder = exporter.build_recorder();
//! let page = recorder.handle();
//!
//! let sink = MetricsEvents::new(recorder).with_times().per_client(100)?;
//! let replay = Arc::new(MemoryReplay::new(100_000)?);
//! let gauges = sink.gauges().replay(replay.clone());
//! let events: Arc<dyn EventSink> = Arc::new(sink);
//! let verifier = Verifier::builder(Policy::OIDC, clients, replay)
//!     .issuer("https://as.example.com")
//!     .events(events)
//!     .build()?;
//! let gauges = gauges.policies(&verifier);
//!
//! // The form has an assertion of the client "reports".
//! let request = TokenRequest::new(&form);
//! assert!(verifier.verify(&request).await.is_ok());
//! assert!(verifier.verify(&request).await.is_err());
//!
//! // In the handler of `GET /metrics`:
//! gauges.refresh();
//! let page = page.render();
//!
//! let has = |line: &str| page.lines().any(|other| other == line);
//! assert!(has(
//!     "client_assertion_requests_total{endpoint=\"token\",policy=\"oidc\",\
//!      outcome=\"refused\",reason=\"replayed\"} 1"
//! ));
//! assert!(has(
//!     "client_assertion_clients_accepted_total{client=\"reports\",\
//!      policy=\"oidc\",lax_audience=\"false\"} 1"
//! ));
//! assert!(has("client_assertion_replay_entries{store=\"memory\"} 1"));
//! # Ok(())
//! # }
//! ```
//!
//! # How many series there can be
//!
//! Every label has a closed set of values. Nothing that the sender of a request writes becomes a
//! label, except the id of a client after its signature was verified, and only if
//! [`per_client`](MetricsEvents::per_client) asks for it. Other ids are in the events, for logs.
//!
//! A policy has 6 endpoints with one outcome for each [code](crate::rejection::Reason) and one
//! without a code, and at most 16 policies are told apart; all others are counted as `other`. With
//! the outcome without a policy, `client_assertion_requests_total` has at most
//! 6 x 17 x (codes + 1) + 6 series. A server with one policy and one endpoint has about 25, since a
//! series is made when it is first needed. With `per_client(n)`, each policy adds at most n + 1
//! series, and two more for each client with a lax audience. All other metrics together have less
//! than 100 series, where a histogram is one.
//!
//! # What it costs
//!
//! On the accepted path: no allocation, and fewer than 1,500 instructions, which
//! `benches/check.sh` measures. [Times](MetricsEvents::with_times) come on top: twelve readings of
//! the clock, and seven values in histograms. What the exporter does with a value is its own: the
//! recorder of the measurement increments an atomic counter. Without the sink, nothing of this is
//! on the way of a request.

mod clients;
mod facade;
mod gauges;
mod requests;
mod series;
mod sink;
mod times;

pub use facade::NoRecorder;
pub use gauges::Gauges;
pub use series::{SERIES, Series, SeriesKind};
pub use sink::MetricsEvents;
