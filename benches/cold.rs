//! What is paid before the first request, or beside the requests: `cargo bench --bench cold`, in about two minutes.
//!
//! A million clients are registered, by the program and by a file; the file is read again while requests are served, and the
//! longest of them is compared with the longest without. `benches/features.sh` has the sizes and times of compiling.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "support/process.rs"]
mod process;

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{AUDIENCE, Jwt, Signer, clock, form, now_or_never};
use process::{nanoseconds_waited, resident_bytes};
use serde_json::{Value, json};
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::policy::{Algorithm, AlgorithmSet};
use tower_client_assertion::registry::{Client, ClientRegistry, FileRegistry, FixedRegistry};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{Policy, TokenRequest, Verifier};

/// Keys that the clients share. Each client has a parsed one of its own all the same.
const KEYS: usize = 100;
/// Requests after which the scheduler is asked whether it has interrupted them.
const WATCHED: usize = 16;

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let clients = if full { 1_000_000 } else { 1_000 };
    println!("| what | measured |\n|---|--:|");
    print_key_sets();
    let signers: Vec<_> = (0..KEYS).map(|_| Signer::ed25519("EdDSA", "key-1")).collect();
    print_fixed(clients, &signers);
    print_file(clients, &signers, if full { 5 } else { 1 });
}

fn row(what: impl std::fmt::Display, measured: impl std::fmt::Display) {
    println!("| {what} | {measured} |");
}

fn milliseconds(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1e3)
}

fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = run();
    (value, start.elapsed())
}

fn print_key_sets() {
    let kinds: [(&str, &dyn Fn() -> Signer); 3] = [
        ("ES256", &|| Signer::es256("key-1")),
        ("EdDSA", &|| Signer::ed25519("EdDSA", "key-1")),
        ("RS256", &|| Signer::rsa("RS256", "key-1")),
    ];
    for (name, signer) in kinds {
        // Two signers are enough: a key is parsed whether it is known or not.
        let signers = [signer(), signer()];
        let jwks: Vec<Value> = (0..KEYS).map(|number| numbered(&signers[number % 2], number)).collect();
        let text = json!({"keys": jwks}).to_string();
        let mut times: Vec<_> = (0..51).map(|_| timed(|| KeySet::parse(text.as_bytes()).unwrap()).1).collect();
        times.sort();
        let each = times[25].as_nanos() as f64 / 1e3;
        row(format!("parse a JWK Set of {KEYS} {name} keys"), format!("{each:.0} µs"));
    }
}

fn numbered(signer: &Signer, number: usize) -> Value {
    let mut jwk = signer.jwk();
    jwk["kid"] = format!("key-{number}").into();
    jwk
}

fn id(number: usize) -> String {
    format!("clinic-{number}")
}

fn print_fixed(clients: usize, signers: &[Signer]) {
    let before = resident_bytes();
    let texts: Vec<_> = signers.iter().map(|signer| json!({"keys": [signer.jwk()]}).to_string()).collect();
    let client = |number: usize| Client::new(&id(number), KeySet::parse(texts[number % KEYS].as_bytes()).unwrap());
    let (all, parsing) = timed(|| (0..clients).map(|number| client(number).unwrap()).collect::<Vec<_>>());
    row(format!("make {clients} clients, of a key each"), milliseconds(parsing));
    let (registry, registering) = timed(|| FixedRegistry::new(all).unwrap());
    row("register them", milliseconds(registering));
    let (verifier, building) = timed(|| verifier(registry));
    row("build the verifier, which looks at each", milliseconds(building));
    row("memory of a client", format!("{} bytes", (resident_bytes() - before) / clients as i64));
    drop(verifier);
}

fn verifier(registry: impl ClientRegistry) -> Verifier {
    let policy = Policy::REDOX.algorithms(AlgorithmSet::of(&[Algorithm::EdDSA]));
    let builder = Verifier::builder(policy, registry, MemoryReplay::new(4_000_000).unwrap());
    builder.audience(AUDIENCE).clock(clock()).build().unwrap()
}

fn print_file(clients: usize, signers: &[Signer], reloads: usize) {
    let path = std::env::temp_dir().join(format!("tower-client-assertion-bench-{}.json", std::process::id()));
    std::fs::write(&path, metadata(clients, signers)).unwrap();
    let megabytes = std::fs::metadata(&path).unwrap().len() / 1_000_000;
    let (registry, loading) = timed(|| Arc::new(FileRegistry::load(&path).unwrap()));
    row(format!("load a file of {clients} clients, {megabytes} MB"), milliseconds(loading));

    let verifier = verifier(Arc::clone(&registry));
    let quiet = served_during(&verifier, signers, || std::thread::sleep(loading));
    quiet.print("the file is left alone");
    let mut reloading = Duration::ZERO;
    let busy = served_during(&verifier, signers, || {
        for _ in 0..reloads {
            reloading = timed(|| registry.reload().unwrap()).1;
        }
    });
    row("reload it while requests are served", milliseconds(reloading));
    busy.print("the file is reloaded");
    std::fs::remove_file(path).unwrap();
}

fn metadata(clients: usize, signers: &[Signer]) -> String {
    let texts: Vec<_> = signers.iter().map(|signer| json!({"keys": [signer.jwk()]}).to_string()).collect();
    let mut all = String::from("[");
    for number in 0..clients {
        let comma = if number == 0 { "" } else { "," };
        write!(all, r#"{comma}{{"client_id":"{}","jwks":{}}}"#, id(number), texts[number % KEYS]).unwrap();
        all.push('\n');
    }
    all + "]"
}

/// How long requests took: the median, and the longest of those that the scheduler let alone and of the others.
struct Served {
    sorted: Vec<Duration>,
    interrupted: Duration,
}

impl Served {
    fn print(&self, when: &str) {
        let micros = |time: Duration| format!("{:.0} µs", time.as_nanos() as f64 / 1e3);
        let at =
            |share: usize| self.sorted.get(self.sorted.len() * share / 1_000).copied().map_or_else(String::new, micros);
        let longest = self.sorted.last().copied().map_or_else(String::new, micros);
        let (median, most, interrupted) = (at(500), at(999), micros(self.interrupted));
        let text = format!("{median}; {most}; {longest} ({interrupted} where interrupted)");
        row(format!("a request while {when}: median; 99.9 %; longest of {}", self.sorted.len()), text);
    }
}

/// Serves requests until `work` is done in another thread.
fn served_during(verifier: &Verifier, signers: &[Signer], work: impl FnOnce() + Send) -> Served {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            work();
            done.store(true, Ordering::Release);
        });
        let mut served = Served { sorted: Vec::new(), interrupted: Duration::ZERO };
        while !done.load(Ordering::Acquire) {
            served.add(verifier, signers);
        }
        served.sorted.sort();
        served
    })
}

impl Served {
    fn add(&mut self, verifier: &Verifier, signers: &[Signer]) {
        let forms: Vec<_> = (0..WATCHED)
            .map(|number| form(&Jwt::by(&signers[number], &id(number)).signed_by(&signers[number])))
            .collect();
        let before = nanoseconds_waited();
        let times: Vec<_> = forms
            .iter()
            .map(|form| {
                let (outcome, time) = timed(|| now_or_never(verifier.verify(&TokenRequest::new(form.as_bytes()))));
                outcome.unwrap();
                time
            })
            .collect();
        if nanoseconds_waited() == before {
            self.sorted.extend(times);
        } else {
            self.interrupted = times.into_iter().fold(self.interrupted, Duration::max);
        }
    }
}
