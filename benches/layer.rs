//! What the layer costs on top of the signature check.
//!
//! - `cargo bench --bench layer` measures wall time, in about two minutes.
//! - `benches/instructions.sh` counts instructions, by running this program under callgrind.
//! - `cargo test --benches` runs everything once, to see that it still works.
//!
//! `benches/README.md` explains how to read the numbers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../tests/common/mod.rs"]
mod common;
mod support;

use std::path::Path;

use support::candidate::{Batch, Candidate};
use support::pool::{ALGORITHMS, Pool, SIZE};
use support::timing::{Effort, Series, measure};

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--mint", directory, ref names @ ..] => mint(Path::new(directory), names),
        ["--cheap", ..] => Candidate::cheap().for_each(|candidate| println!("{}", candidate.name())),
        ["--instructions", directory, candidate, algorithm, count, ..] => {
            let pool = Pool::load(Path::new(directory), algorithm);
            run_exactly(Candidate::from_name(candidate), &pool, count.parse().unwrap());
        }
        _ if arguments.contains(&"--bench") => compare(Effort::FULL),
        _ => compare(Effort::SMOKE),
    }
}

/// Saves a pool of each of these algorithms, so that several processes can use the same. Cargo adds
/// its own option.
fn mint(directory: &Path, names: &[&str]) {
    for name in names.iter().filter(|name| !name.starts_with("--")) {
        Pool::mint(name, SIZE).save(directory);
    }
}

/// Makes this many calls of a candidate to warm up, and as many again that callgrind counts. What
/// is left over is never freed.
fn run_exactly(candidate: Candidate, pool: &Pool, count: usize) {
    let mut batch = candidate.batch(pool, 2 * count);
    batch(count);
    counted(&mut batch, count);
    std::process::exit(0);
}

/// The function that callgrind is told to count, by its name.
#[inline(never)]
fn counted(batch: &mut Batch, count: usize) {
    batch(count);
}

fn compare(effort: Effort) {
    let size = effort.warm_up + effort.calls;
    println!("| algorithm | candidate | min ns | median ns | ratio of medians |");
    println!("|---|---|--:|--:|--:|");
    for algorithm in ALGORITHMS {
        let pool = Pool::mint(algorithm, size);
        Candidate::accepted(&pool).for_each(|candidate| candidate.check(&pool));
        print_accepted(algorithm, &measure(Candidate::accepted(&pool), &pool, effort));
    }
    let pool = Pool::mint("ES256", size);
    Candidate::cheap().for_each(|candidate| candidate.check(&pool));
    print_cheap(&measure(Candidate::cheap(), &pool, effort));
}

fn print_accepted(algorithm: &str, series: &[Series]) {
    let bare = series[0].median();
    for one in series {
        let (name, min, median) = (one.candidate.name(), one.min(), one.median());
        println!("| {algorithm} | {name} | {min:.0} | {median:.0} | {:.3} |", median / bare);
    }
}

/// Prints the candidates that check no signature. The first only takes and drops a request, which
/// is part of all others.
fn print_cheap(series: &[Series]) {
    println!("\n| candidate | min ns | median ns | over the first |");
    println!("|---|--:|--:|--:|");
    let first = series[0].median();
    for one in series {
        let (name, min, median) = (one.candidate.name(), one.min(), one.median());
        println!("| {name} | {min:.0} | {median:.0} | {:.0} |", median - first);
    }
}
