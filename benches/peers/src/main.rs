//! Token endpoints that authenticate clients by signed JWT, and a load for them, over loopback HTTP.
//!
//! `taskset -c 1 cargo run --release` compares all of them, in about five minutes; each server runs by itself on the first
//! processor, the load on the second. With `--smoke` it only sees that everything works, with `--flood` it compares refusals
//! alone. It makes a bounded number of requests, and servers stop when the load that has started them does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod load;
mod mint;
#[path = "../../support/plot.rs"]
mod plot;
mod report;
mod servers;

use std::path::Path;

/// Where the plots are kept, seen from here.
const PLOTS: &str = "../plots";
/// The issuer identifier of the authorization server, whom assertions must address.
const ISSUER: &str = "https://as.example.com";

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", kind, jwk] => servers::serve(kind, &std::fs::read(Path::new(jwk)).unwrap()),
        ["--smoke"] => report::compare(&report::SMOKE),
        ["--flood"] => report::flood(&report::FULL),
        [] => report::compare(&report::FULL),
        _ => panic!("usage: peers [--smoke | --flood]"),
    }
}
