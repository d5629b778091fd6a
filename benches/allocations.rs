//! What a request takes from the Rust heap: `cargo bench --bench allocations`.
//!
//! It stands apart from the timing, because linking `allocation-counter` replaces the allocator. What the C library
//! allocates for its big numbers is not seen. Building the request is not counted; dropping it allocates nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../tests/common/mod.rs"]
mod common;
mod support;

use std::convert::Infallible;
use std::future::Ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use allocation_counter::measure;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use support::candidate::{Candidate, client, guarded};
use support::inner::Inner;
use support::pool::{ALGORITHMS, Pool};
use tower::Service;
use tower_client_assertion::RequestBody;

/// Requests of each candidate. The median is what a request costs, the most what one costs during which the replay store grows.
const REQUESTS: usize = 64;

fn main() {
    println!("| algorithm | candidate | allocations | bytes | most allocations | most bytes |");
    println!("|---|---|--:|--:|--:|--:|");
    for algorithm in ALGORITHMS {
        let pool = Pool::mint(algorithm, REQUESTS);
        Candidate::accepted(&pool).for_each(|candidate| count(candidate, &pool));
        assert_eq!(clones_of_pass_through(&pool), 0, "a request that is not guarded cloned the inner service");
    }
    let pool = Pool::mint("ES256", REQUESTS);
    Candidate::cheap().for_each(|candidate| count(candidate, &pool));
    println!("\nA request that is not guarded clones the inner service 0 times.");
}

fn count(candidate: Candidate, pool: &Pool) {
    candidate.check(pool);
    let mut batch = candidate.batch(pool, REQUESTS);
    let mut counts: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let info = measure(|| batch(1));
            (info.count_total, info.bytes_total)
        })
        .collect();
    counts.sort_unstable();
    let ((allocations, bytes), (most, most_bytes)) = (counts[REQUESTS / 2], counts[REQUESTS - 1]);
    let (algorithm, name) = (&pool.name, candidate.name());
    println!("| {algorithm} | {name} | {allocations} | {bytes} | {most} | {most_bytes} |");
}

fn clones_of_pass_through(pool: &Pool) -> usize {
    let mut service = guarded(pool, client(pool), Counted);
    let before = CLONES.load(Ordering::Relaxed);
    let request = Request::post("/other").body(Full::<Bytes>::default()).unwrap();
    let _response = common::now_or_never(service.call(request));
    CLONES.load(Ordering::Relaxed) - before
}

static CLONES: AtomicUsize = AtomicUsize::new(0);

/// [`Inner`], counting its clones.
struct Counted;

impl Clone for Counted {
    fn clone(&self) -> Self {
        CLONES.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Service<Request<RequestBody<Full<Bytes>>>> for Counted {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<Full<Bytes>>>) -> Self::Future {
        Inner.call(request)
    }
}
