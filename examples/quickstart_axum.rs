//! A token endpoint in axum. Type
//!
//! ```sh
//! cargo run --example quickstart_axum --features axum
//! ```
//!
//! and paste the `curl` line that it prints into another terminal; then paste it again, and be refused.

mod support;

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

/// Called for proven clients only. The form is there as if nobody had read it.
async fn issue(client: ClientIdentity, Form(form): Form<TokenForm>) -> impl IntoResponse {
    let token = format!("a token for {}", client.client_id());
    let body = json!({"access_token": token, "token_type": "bearer", "expires_in": 300, "scope": form.scope});
    ([(header::CACHE_CONTROL, "no-store")], Json(body))
}
