//! What the layer costs a gRPC call that it does not guard: tonic's health service, called through
//! its routes without a socket, with and without the layer of a token endpoint around them.
//!
//! - `cargo bench --bench grpc` measures, in a few seconds.
//! - `cargo test --bench grpc` runs everything once, to see that it still works.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use bytes::Bytes;
use common::{now_or_never, verifier};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tonic::service::Routes;
use tower::{Layer, Service};
use tower_client_assertion::ClientAssertionLayer;

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let (rounds, calls) = if full { (60, 5_000) } else { (1, 10) };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let (_, health) = tonic_health::server::health_reporter();
    let mut bare = Routes::new(health).prepare();
    let mut guarded = ClientAssertionLayer::new(verifier()).path("/token").unwrap().layer(bare.clone());
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        without.push(time(&mut bare, calls));
        with.push(time(&mut guarded, calls));
    }
    let (without, with) = (median(without), median(with));
    println!("| calls | median ns | ratio |\n|---|--:|--:|");
    println!("| without the layer | {without:.0} | 1.000 |");
    println!("| with it | {with:.0} | {:.3} |", with / without);
}

/// Returns the nanoseconds of one call, the mean of `calls`.
fn time<S, B>(service: &mut S, calls: u32) -> f64
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: std::fmt::Debug>,
    B: Body<Error: std::fmt::Debug> + Unpin,
{
    let start = Instant::now();
    for _ in 0..calls {
        // An empty message: a flag for compression, and a length of zero.
        let request = Request::post("/grpc.health.v1.Health/Check").header("content-type", "application/grpc");
        let request = request.body(Full::from(Bytes::from_static(&[0; 5]))).unwrap();
        let response = now_or_never(service.call(request)).unwrap();
        let trailers = now_or_never(response.into_body().collect()).unwrap().trailers().cloned();
        assert_eq!(trailers.unwrap()["grpc-status"], "0");
    }
    start.elapsed().as_nanos() as f64 / f64::from(calls)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
