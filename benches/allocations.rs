//! Allocations of a request from the Rust heap: `cargo bench --bench allocations`.
//!
//! It is separate from the timing because `allocation-counter` replaces the allocator. Allocations
//! inside the C library are not seen. Building the request is not counted; dropping it allocates
//! nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../tests/common/mod.rs"]
mod common;
mod support;

use allocation_counter::measure;
use support::candidate::Candidate;
use support::pool::{ALGORITHMS, Pool};

/// Requests of each candidate. The median is the cost of an ordinary request, the maximum that of a
/// request during which the replay store grows.
const REQUESTS: usize = 64;

fn main() {
    println!("| algorithm | candidate | allocations | bytes | most allocations | most bytes |");
    println!("|---|---|--:|--:|--:|--:|");
    for algorithm in ALGORITHMS {
        let pool = Pool::mint(algorithm, REQUESTS);
        Candidate::accepted(&pool).for_each(|candidate| count(candidate, &pool));
    }
    let pool = Pool::mint("ES256", REQUESTS);
    Candidate::cheap().for_each(|candidate| count(candidate, &pool));
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
