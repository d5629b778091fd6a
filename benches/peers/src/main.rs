//! Token endpoints that authenticate clients by signed JWT, and a load for them, over loopback
//! HTTP.
//!
//! `taskset -c 1 cargo run --release` compares all of them, in about five minutes. Each server runs
//! alone on the first processor, and the load on the second. `--smoke` only checks that everything
//! works. `--flood` compares only refusals. The number of requests is bounded, and a server stops
//! when the load that started it does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod load;
mod mint;
#[path = "../../support/plot.rs"]
mod plot;
mod report;
mod servers;

use std::path::Path;

/// The directory of the plots, relative to this package.
const PLOTS: &str = "../plots";
/// The issuer identifier of the authorization server, which assertions must have in `aud`.
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
