//! A token endpoint on axum.
//!
//! ```sh
//! cargo run --example quickstart_axum --features axum
//! ```
//!
//! Paste the `curl` line that it prints into another terminal. Paste it again to see a refusal: an
//! assertion is accepted once. When copying this, replace `mod support`, which plays the
//! client and opens the listener.

mod support; // Plays the client.

use axum::extract::Form;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;
use support::{Demo, ISSUER, Result};
use tower_client_assertion::registry::FixedRegistry;
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, Policy, Verifier};

#[tokio::main]
async fn main() -> Result {
    let demo = Demo::new()?;
    let clients = FixedRegistry::new([demo.client()?])?;
    let verifier = Verifier::builder(Policy::RFC7523, clients, MemoryReplay::new(1_000_000)?).issuer(ISSUER).build()?;
    let app = Router::new().route("/token", post(issue).layer(ClientAssertionLayer::new(verifier)));

    let listener = support::listen().await?;
    demo.introduce(&listener)?;
    axum::serve(listener, app).await?;
    Ok(())
}

#[derive(serde::Deserialize)]
struct TokenForm {
    scope: Option<String>,
}

/// Runs only for authenticated clients. The layer leaves the form readable for extractors.
async fn issue(client: ClientIdentity, Form(form): Form<TokenForm>) -> impl IntoResponse {
    let token = format!("a token for {}", client.client_id());
    let body = json!({"access_token": token, "token_type": "bearer", "expires_in": 300, "scope": form.scope});
    ([(header::CACHE_CONTROL, "no-store")], Json(body))
}
