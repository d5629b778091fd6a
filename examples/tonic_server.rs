//! A gRPC service with client authentication, and a token endpoint, on one port with one verifier.
//!
//! ```sh
//! cargo run --example tonic_server
//! ```
//!
//! Paste the `curl` line that it prints into another terminal, or, if you have it, the line for
//! `grpc_health_probe`.

mod support; // Plays the client.

use std::sync::Arc;

use axum::routing::post;
use axum::{Extension, Router};
use support::{Demo, ISSUER, Result};
use tonic::service::{LayerExt as _, Routes};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tower_client_assertion::grpc::GrpcAssertionLayer;
use tower_client_assertion::registry::FixedRegistry;
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, JWT_BEARER, Policy, Verifier};

#[tokio::main]
async fn main() -> Result {
    let demo = Demo::new()?;
    let clients = FixedRegistry::new([demo.client()?])?;
    let verifier = Verifier::builder(Policy::RFC7523, clients, MemoryReplay::new(1_000_000)?).issuer(ISSUER);
    let verifier = Arc::new(verifier.build()?);

    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("", ServingStatus::Serving).await;
    // `named_layer` keeps the service's name, by which tonic routes calls.
    let health = GrpcAssertionLayer::new(Arc::clone(&verifier)).named_layer(health);
    let token = Router::new().route("/token", post(issue).layer(ClientAssertionLayer::new(verifier)));
    let routes = Routes::from(token).add_service(health);

    let listener = support::listen().await?;
    demo.introduce(&listener).await?;
    let (address, assertion) = (listener.local_addr()?, demo.assertion().await?);
    println!(
        "grpc_health_probe -addr={address} -rpc-header=client-assertion-type:{JWT_BEARER} \
         -rpc-header=client-assertion:{assertion}"
    );
    // The token endpoint also answers over HTTP/1; gRPC needs HTTP/2.
    let server = Server::builder().accept_http1(true).add_routes(routes);
    server.serve_with_incoming(TcpIncoming::from(listener)).await?;
    Ok(())
}

async fn issue(Extension(client): Extension<ClientIdentity>) -> String {
    format!("a token for {}", client.client_id())
}
