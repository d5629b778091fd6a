//! Refusals in a shape and in words of your own. Type
//!
//! ```sh
//! cargo run --example custom_errors
//! ```
//!
//! and paste the `curl` line that it prints into another terminal; then paste it again, and read the refusal.

mod support;

use axum::routing::post;
use axum::{Extension, Router};
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use serde_json::json;
use support::{Demo, ISSUER, Result};
use tower_client_assertion::registry::FixedRegistry;
use tower_client_assertion::rejection::{ClientFault, RejectionKind};
use tower_client_assertion::render::{RenderRejection, Rfc6749};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, Policy, Rejection, Verifier};

/// A problem document (RFC 9457) with the status and the headers that the standard renderer has for the fault, a challenge or
/// a `Retry-After` say: those follow from the fault, whatever the body says of it.
struct Problems(Rfc6749);

impl RenderRejection for Problems {
    fn render(&self, rejection: &Rejection) -> Response<Bytes> {
        let mut response = self.0.render(rejection);
        let detail = match rejection.kind() {
            RejectionKind::Client(ClientFault::Replayed) => "Make a new assertion, with a new jti, for each request.",
            RejectionKind::Client(ClientFault::UnknownClient) => "Register your client first.",
            // Its sentence says what was wrong in words of this crate, and nothing of what was sent.
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
    let guard = ClientAssertionLayer::new(verifier).render(Problems(Rfc6749::default()));
    let app = Router::new().route("/token", post(issue).layer(guard));

    let listener = support::listen().await?;
    demo.introduce(&listener)?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn issue(Extension(client): Extension<ClientIdentity>) -> String {
    format!("a token for {}", client.client_id())
}
