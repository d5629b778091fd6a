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
        ["--mint", directory, ..] => mint(Path::new(directory)),
        ["--instructions", directory, candidate, algorithm, count, ..] => {
            let pool = Pool::load(Path::new(directory), algorithm);
            run_exactly(Candidate::from_name(candidate), &pool, count.parse().unwrap());
        }
        _ if arguments.contains(&"--bench") => compare(Effort::FULL),
        _ => compare(Effort::SMOKE),
    }
}

/// Saves a pool of every algorithm, for counts that are to be compared.
fn mint(directory: &Path) {
    for algorithm in ALGORITHMS {
        Pool::mint(algorithm, SIZE).save(directory);
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
    let mut cheap = Vec::new();
    println!("| algorithm | candidate | min ns | median ns | ratio of medians |");
    println!("|---|---|--:|--:|--:|");
    for algorithm in ALGORITHMS {
        let pool = Pool::mint(algorithm, effort.warm_up + effort.calls);
        Candidate::all().for_each(|candidate| candidate.check(&pool));
        let mut series = measure(&pool, effort);
        cheap.push(series.split_off(Candidate::ACCEPTED.len()));
        print_accepted(algorithm, &series);
    }
    print_cheap(&cheap);
}

fn print_accepted(algorithm: &str, series: &[Series]) {
    let bare = series[0].median();
    for one in series {
        let (name, min, median) = (one.candidate.name(), one.min(), one.median());
        println!("| {algorithm} | {name} | {min:.0} | {median:.0} | {:.3} |", median / bare);
    }
}

/// The medians of those that check no signature, with a column for each algorithm.
fn print_cheap(algorithms: &[Vec<Series>]) {
    println!("\n| median ns | {} |", ALGORITHMS.join(" | "));
    println!("|---|{}", "--:|".repeat(ALGORITHMS.len()));
    for (index, candidate) in Candidate::CHEAP.iter().enumerate() {
        let medians: Vec<_> = algorithms.iter().map(|series| format!("{:.0}", series[index].median())).collect();
        println!("| {} | {} |", candidate.name(), medians.join(" | "));
    }
}
