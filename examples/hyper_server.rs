//! A token endpoint on hyper without a framework, over HTTP/1 and HTTP/2.
//!
//! ```sh
//! cargo run --example hyper_server
//! ```
//!
//! Paste the `curl` line that it prints into another terminal. Ctrl-C stops the server after it has
//! answered the requests that it has received.

mod support; // Plays the client.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use support::{Demo, ISSUER, Result};
use tower::{Layer, service_fn};
use tower_client_assertion::registry::FixedRegistry;
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, Policy, RequestBody, Verifier};

#[tokio::main]
async fn main() -> Result {
    let demo = Demo::new()?;
    let clients = FixedRegistry::new([demo.client()?])?;
    let verifier = Verifier::builder(Policy::RFC7523, clients, MemoryReplay::new(1_000_000)?).issuer(ISSUER).build()?;
    // One service answers all paths here. Requests for any path except this one pass the layer
    // untouched.
    let service = ClientAssertionLayer::new(verifier).path("/token")?.layer(service_fn(answer));

    let listener = support::listen().await?;
    demo.introduce(&listener).await?;
    let mut server = auto::Builder::new(TokioExecutor::new());
    // Without a timer, hyper does not limit the time that a client takes to send the head of its
    // request.
    server.http1().timer(TokioTimer::new());
    let graceful = GracefulShutdown::new();
    // One for all turns of the loop: another would miss a signal that came before it.
    let mut stop = pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Out of file descriptors, or the client is gone: try again a moment later.
                let Ok((stream, _)) = accepted else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let service = TowerToHyperService::new(service.clone());
                let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
                tokio::spawn(graceful.watch(connection));
            }
            stopped = &mut stop => {
                stopped?;
                break;
            }
        }
    }
    let _ = tokio::time::timeout(Duration::from_secs(15), graceful.shutdown()).await;
    Ok(())
}

/// Answers all paths. The layer has read the body of a token request and hands it on from memory.
async fn answer(request: Request<RequestBody<Incoming>>) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let Some(client) = request.extensions().get::<ClientIdentity>() else {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    };
    let token = format!("a token for {}", client.client_id());
    let body = json!({"access_token": token, "token_type": "bearer", "expires_in": 300});
    let mut response = Response::new(Full::from(body.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    Ok(response)
}
