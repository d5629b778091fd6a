//! What the layer costs on top of the signature check that it is there to make.
//!
//! - `cargo bench --bench layer` measures wall time, in about a minute.
//! - `benches/instructions.sh` counts instructions, with this program under callgrind.
//! - `cargo test --benches` runs everything once, to see that it still works.
//!
//! `benches/README.md` says how to read the numbers.

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

/// Saves a pool of each of these algorithms, for counts that are to be compared. Cargo adds an option of its own.
fn mint(directory: &Path, names: &[&str]) {
    for name in names.iter().filter(|name| !name.starts_with("--")) {
        Pool::mint(name, SIZE).save(directory);
    }
}

/// Runs a candidate this often. The setup is the same for every count, and what is left over is never freed.
fn run_exactly(candidate: Candidate, pool: &Pool, count: usize) {
    let mut batch = candidate.batch(pool, SIZE);
    counted(&mut batch, count);
    std::process::exit(0);
}

/// The function that `instructions.sh` tells callgrind to look at. The hashes of the setup are seeded at random, so that no
/// two setups take quite the same number of instructions.
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

/// Those that check no signature. What it takes to hand over and drop a request is the first, and part of all others.
fn print_cheap(series: &[Series]) {
    println!("\n| candidate | min ns | median ns | over the first |");
    println!("|---|--:|--:|--:|");
    let first = series[0].median();
    for one in series {
        let (name, min, median) = (one.candidate.name(), one.min(), one.median());
        println!("| {name} | {min:.0} | {median:.0} | {:.0} |", median - first);
    }
}
