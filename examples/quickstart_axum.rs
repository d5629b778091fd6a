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
use axum::http::{StatusCode, header};
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
    // A restart empties it: see `refuse_issued_before`, or use `RedisReplay`.
    let replay = MemoryReplay::new(1_000_000)?;
    let verifier = Verifier::builder(Policy::RFC7523, clients, replay).issuer(ISSUER).build()?;
    let app = Router::new().route("/token", post(issue).layer(ClientAssertionLayer::new(verifier)));

    let listener = support::listen().await?;
    demo.introduce(&listener).await?;
    axum::serve(listener, app).await?;
    Ok(())
}

#[derive(serde::Deserialize)]
struct TokenForm {
    scope: Option<String>,
}

/// The scopes that a client may have. A real server reads those that the client has registered.
const REGISTERED: &str = "notes calendar";

/// Runs only for authenticated clients. The layer leaves the form readable for extractors.
async fn issue(client: ClientIdentity, Form(form): Form<TokenForm>) -> impl IntoResponse {
    // RFC 6749, section 3.3: a request without a scope gets a default.
    let requested = form.scope.filter(|scope| !scope.is_empty()).unwrap_or(REGISTERED.to_owned());
    let registered = |scope: &&str| REGISTERED.split(' ').any(|one| one == *scope);
    let scope = requested.split(' ').filter(registered).collect::<Vec<_>>().join(" ");
    let (status, body) = if scope.is_empty() {
        let description = "The client is not registered for the requested scope";
        (StatusCode::BAD_REQUEST, json!({"error": "invalid_scope", "error_description": description}))
    } else {
        let token = format!("a token for {}", client.client_id());
        (StatusCode::OK, json!({"access_token": token, "token_type": "bearer", "expires_in": 300, "scope": scope}))
    };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body))
}
