//! The comparisons: their order, and their tables and plots.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ISSUER;
use crate::load::{Run, Server};
use crate::mint::Signer;
use crate::plot::{Line, Plot};
use crate::servers::{FLOODED, KINDS};

/// How much is run.
pub(crate) struct Effort {
    rounds: usize,
    /// Requests of a round over one connection, and over [`CONNECTIONS`].
    requests: [usize; 2],
    flood: usize,
}

pub(crate) const FULL: Effort = Effort { rounds: 5, requests: [1_500, 6_000], flood: 60_000 };
pub(crate) const SMOKE: Effort = Effort { rounds: 1, requests: [20, 100], flood: 200 };
const CONNECTIONS: usize = 32;

/// A file with the public key for the servers, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn with(signer: &Signer) -> Self {
        let path = std::env::temp_dir().join(format!("peers-{}-{}.json", std::process::id(), signer.algorithm()));
        std::fs::write(&path, signer.jwk().to_string()).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(crate) fn compare(effort: &Effort) {
    println!("| algorithm | server | connections | requests/s | server CPU µs | p50 µs | p99 µs | p99.9 µs |");
    println!("|---|---|--:|--:|--:|--:|--:|--:|");
    for (index, signer) in [Signer::es256(), Signer::rs256()].iter().enumerate() {
        let key = Scratch::with(signer);
        let good: Vec<_> = signer.mint(ISSUER, effort.requests[0] + effort.requests[1]).iter().map(request).collect();
        let seen = rounds(effort, &key.0, &good);
        for (kind, runs) in KINDS.iter().zip(&seen) {
            runs.iter()
                .zip([1, CONNECTIONS])
                .for_each(|(runs, connections)| print(signer.algorithm(), kind, connections, runs));
        }
        if index == 0 && effort.rounds > 1 {
            plot(&seen);
        }
    }
    flood(effort);
}

fn request(assertion: &String) -> Vec<u8> {
    let body = serde_urlencoded::to_string([
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
    ])
    .unwrap();
    let head = "POST /token HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Returns, for each server, its runs over one connection and over many. Each round starts every
/// server again, and every other round reverses the order.
fn rounds(effort: &Effort, jwk: &Path, good: &[Vec<u8>]) -> [[Vec<Run>; 2]; KINDS.len()] {
    let mut seen: [[Vec<Run>; 2]; KINDS.len()] = Default::default();
    let (alone, together) = good.split_at(effort.requests[0]);
    for round in 0..effort.rounds {
        for place in 0..KINDS.len() {
            let kind = if round % 2 == 0 { place } else { KINDS.len() - 1 - place };
            let server = Server::start(KINDS[kind], jwk);
            seen[kind][0].push(server.load(alone, 1, "200"));
            seen[kind][1].push(server.load(together, CONNECTIONS, "200"));
        }
    }
    seen
}

/// Prints the rate of the median round, and the processor time and the latencies of all rounds.
fn print(algorithm: &str, kind: &str, connections: usize, runs: &[Run]) {
    let sorted = latencies(runs);
    let at = |share| micros(percentile(&sorted, share));
    let (rate, cpu) = (rate(runs), cpu(runs));
    let (half, most, nearly_all) = (at(0.5), at(0.99), at(0.999));
    println!(
        "| {algorithm} | {kind} | {connections} | {rate:.0} | {cpu:.1} | {half:.0} | {most:.0} | {nearly_all:.0} |"
    );
}

fn rate(runs: &[Run]) -> f64 {
    let mut rates: Vec<_> = runs.iter().map(|run| run.latencies.len() as f64 / run.took.as_secs_f64()).collect();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Returns the server's processor time for a request, in microseconds.
fn cpu(runs: &[Run]) -> f64 {
    let requests: usize = runs.iter().map(|run| run.latencies.len()).sum();
    micros(runs.iter().map(|run| run.processor).sum()) / requests as f64
}

fn latencies(runs: &[Run]) -> Vec<Duration> {
    let mut all: Vec<_> = runs.iter().flat_map(|run| run.latencies.iter().copied()).collect();
    all.sort();
    all
}

fn percentile(sorted: &[Duration], share: f64) -> Duration {
    sorted[(sorted.len() as f64 * share) as usize]
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

/// Plots latencies by how rare they are: one in two, in ten, in a hundred, in a thousand took
/// longer.
fn plot(seen: &[[Vec<Run>; 2]]) {
    let lines = KINDS.iter().zip(seen).map(|(kind, runs)| {
        let sorted = latencies(&runs[1]);
        let point = |rare: f64| (rare, micros(percentile(&sorted, 1.0 - 1.0 / rare)) / 1e3);
        let points = [2.0, 4.0, 10.0, 30.0, 100.0, 300.0, 1_000.0].map(point).to_vec();
        Line { name: kind.replace('`', ""), points }
    });
    let marks = [(2.0, "50 %"), (10.0, "90 %"), (100.0, "99 %"), (1_000.0, "99.9 %")];
    let plot = Plot {
        title: format!("Accepted ES256 requests over {CONNECTIONS} connections, server on one core"),
        across: String::from("share of requests that took no longer"),
        up: String::from("milliseconds"),
        logarithmic: true,
        marks: marks.map(|(rare, text)| (rare, text.to_owned())).to_vec(),
        lines: lines.collect(),
    };
    plot.save("latency.svg");
}

/// Compares refusals of requests with a valid signature and another server's audience.
pub(crate) fn flood(effort: &Effort) {
    let signer = Signer::es256();
    let key = Scratch::with(&signer);
    let few: Vec<_> = signer.mint("https://other.example.com", 1_000.min(effort.flood)).iter().map(request).collect();
    let flood: Vec<_> = few.iter().cycle().take(effort.flood).cloned().collect();
    let mut seen: [Vec<Run>; FLOODED.len()] = Default::default();
    let mut memory = [0; FLOODED.len()];
    for round in 0..effort.rounds {
        for place in 0..FLOODED.len() {
            let index = if round % 2 == 0 { place } else { FLOODED.len() - 1 - place };
            let (kind, status) = FLOODED[index];
            let server = Server::start(kind, &key.0);
            let _warm = server.load(&flood[..flood.len() / 10], CONNECTIONS, status);
            let before = server.resident_kilobytes();
            seen[index].push(server.load(&flood, CONNECTIONS, status));
            memory[index] = (server.resident_kilobytes() - before).max(memory[index]);
        }
    }
    println!(
        "\n| flood of wrong-audience requests | requests/s | of the first row | of the row above | server CPU µs | memory gained |"
    );
    println!("|---|--:|--:|--:|--:|--:|");
    let rates: Vec<_> = seen.iter().map(|runs| rate(runs)).collect();
    for (index, (kind, _)) in FLOODED.iter().enumerate() {
        let of = |other: usize| 100.0 * rates[index] / rates[other];
        let (rate, first, above) = (rates[index], of(0), of(index.saturating_sub(1)));
        let (cpu, memory) = (cpu(&seen[index]), memory[index]);
        println!("| {kind} | {rate:.0} | {first:.1} % | {above:.1} % | {cpu:.1} | {memory} kB |");
    }
}
