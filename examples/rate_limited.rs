//! A token endpoint with every limit in its place. Type
//!
//! ```sh
//! cargo run --example rate_limited
//! ```
//!
//! and paste the `curl` line that it prints into another terminal. The second request from your address is refused for the
//! assertion, the sixth for its haste.

mod support;

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

/// Counts requests by the client that was proven to have sent them, from wherever.
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
    let verifier = Verifier::builder(Policy::RFC7523, clients, MemoryReplay::new(1_000_000)?)
        .issuer(ISSUER)
        // At most four threads check signatures, and at most two for one client, whoever sends in its name.
        .signature_checks(SignatureChecks::at_once(4)?.per_client(2)?)
        .build()?;

    let by_address = GovernorConfigBuilder::default().per_second(1).burst_size(5).finish();
    let by_client = GovernorConfigBuilder::default().per_second(1).burst_size(3).key_extractor(ByClient).finish();
    let by_address = by_address.ok_or("a limit by address is zero")?;
    let by_client = by_client.ok_or("a limit by client is zero")?;
    let limits = ServiceBuilder::new()
        // Outside: what needs only an address, so that it costs next to nothing.
        .layer(GovernorLayer::new(by_address))
        // The governor insists on axum's response, which `preserve_body_types` leaves as it is.
        .layer(ClientAssertionLayer::new(verifier).preserve_body_types())
        // Inside: what needs to know the client, and what must not be held by those who are not yet known.
        .layer(GovernorLayer::new(by_client))
        .layer(ConcurrencyLimitLayer::new(100));
    let app = Router::new().route("/token", post(issue)).route_layer(limits);

    let listener = support::listen().await?;
    demo.introduce(&listener)?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

async fn issue(Extension(client): Extension<ClientIdentity>) -> String {
    format!("a token for {}", client.client_id())
}
