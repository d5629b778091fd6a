//! Error responses in your own format and words: problem documents (RFC 9457).
//!
//! ```sh
//! cargo run --example custom_errors
//! ```
//!
//! Paste the `curl` line that it prints into another terminal. Paste it again to see a refusal.
//! `quickstart_axum` shows how to serve.

mod support; // Plays the client.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use serde_json::json;
use support::{Demo, ISSUER, Result};
use tower_client_assertion::registry::FixedRegistry;
use tower_client_assertion::rejection::{ClientFault, RejectionKind};
use tower_client_assertion::render::{RenderRejection, Rfc6749};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{ClientAssertionLayer, Policy, Rejection, Verifier};

/// Keeps the status and the headers of the standard renderer, for example a challenge or
/// `Retry-After`, because they follow from the fault. Replaces the body.
struct Problems(Rfc6749);

impl RenderRejection for Problems {
    fn render(&self, rejection: &Rejection) -> Response<Bytes> {
        let mut response = self.0.render(rejection);
        let detail = match rejection.kind() {
            RejectionKind::Client(ClientFault::Replayed) => "Make a new assertion, with a new jti, for each request.",
            RejectionKind::Client(ClientFault::UnknownClient) => "Register your client first.",
            // The sentence of this crate. It contains nothing that the client sent.
            RejectionKind::Client(fault) => return with_body(response, &fault.to_string()),
            _ => "Try again later.",
        };
        response.headers_mut().insert("x-documentation", HeaderValue::from_static("https://docs.example.com/errors"));
        with_body(response, detail)
    }
}

fn with_body(mut response: Response<Bytes>, detail: &str) -> Response<Bytes> {
    let problem =
        json!({"title": "Client authentication failed", "status": response.status().as_u16(), "detail": detail});
    *response.body_mut() = Bytes::from(problem.to_string());
    let json = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[tokio::main]
async fn main() -> Result {
    let demo = Demo::new()?;
    let clients = FixedRegistry::new([demo.client()?])?;
    let verifier = Verifier::builder(Policy::RFC7523, clients, MemoryReplay::new(1_000_000)?).issuer(ISSUER).build()?;
    let layer = ClientAssertionLayer::new(verifier).render(Problems(Rfc6749::default()));
    support::serve(&demo, layer).await
}
