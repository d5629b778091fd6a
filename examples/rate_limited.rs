//! A token endpoint with rate limits outside and inside the layer, and bounds on signature checks
//! and on the replay store in between.
//!
//! ```sh
//! cargo run --example rate_limited
//! ```
//!
//! Paste the `curl` line that it prints into another terminal, six times within a second. The
//! second request is refused as a replay, the sixth by the limit for your address.

mod support; // Plays the client.

use std::net::SocketAddr;

use axum::routing::post;
use axum::{Extension, Router};
use http::Request;
use support::{Demo, ISSUER, Result};
use tower::ServiceBuilder;
use tower::limit::ConcurrencyLimitLayer;
use tower_client_assertion::overload::SignatureChecks;
use tower_client_assertion::registry::FixedRegistry;
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, Policy, Verifier};
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};

/// Counts requests by the authenticated client, from any address.
#[derive(Clone)]
struct ByClient;

impl KeyExtractor for ByClient {
    type Key = String;

    fn extract<T>(&self, request: &Request<T>) -> std::result::Result<String, GovernorError> {
        let client = request.extensions().get::<ClientIdentity>().ok_or(GovernorError::UnableToExtractKey)?;
        Ok(client.client_id().to_string())
    }
}

#[tokio::main]
async fn main() -> Result {
    let demo = Demo::new()?;
    let clients = FixedRegistry::new([demo.client()?])?;
    // One client may have at most 10,000 unexpired assertions, so that it cannot fill the store. A
    // limit behind the layer comes too late for that.
    let replay = MemoryReplay::new(1_000_000)?.per_client(10_000)?;
    let verifier = Verifier::builder(Policy::RFC7523, clients, replay)
        .issuer(ISSUER)
        // At most four signature checks at a time, at most two of them for one claimed client.
        .signature_checks(SignatureChecks::new(4)?.per_client(2)?)
        .build()?;

    let by_address = GovernorConfigBuilder::default().per_second(1).burst_size(5).finish();
    let by_client = GovernorConfigBuilder::default().per_second(1).burst_size(3).key_extractor(ByClient).finish();
    let by_address = by_address.ok_or("a limit by address is zero")?;
    let by_client = by_client.ok_or("a limit by client is zero")?;
    let limits = ServiceBuilder::new()
        // Outside: limits that need only an address. They cost little and protect the layer.
        .layer(GovernorLayer::new(by_address))
        // The governor requires axum's response type, which `preserve_body_types` keeps.
        .layer(ClientAssertionLayer::new(verifier).preserve_body_types())
        // Inside: limits that spare the handler and need the client, and slots that unauthenticated
        // requests must not occupy.
        .layer(GovernorLayer::new(by_client))
        .layer(ConcurrencyLimitLayer::new(100));
    let app = Router::new().route("/token", post(issue)).route_layer(limits);

    let listener = support::listen().await?;
    demo.introduce(&listener).await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

async fn issue(Extension(client): Extension<ClientIdentity>) -> String {
    format!("a token for {}", client.client_id())
}
