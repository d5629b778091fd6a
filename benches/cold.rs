//! What is paid before the first request, and during a reload: `cargo bench --bench cold`, in about
//! two minutes.
//!
//! A million clients are registered, by the program and by a file. The file is read again while
//! requests are served, and the longest requests are compared with the longest ones without a
//! reload, by cause: the work of the request itself, waiting, and the scheduler. Ten thousand
//! clients publish their keys, at one URL and at a URL each. `benches/features.sh` measures sizes
//! and compile times.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "support/process.rs"]
mod process;

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{AUDIENCE, Jwt, NOW, Signer, clock, form, now_or_never};
use http::Response;
use http_body_util::Full;
use process::{processor_time, resident_bytes, times_blocked};
use serde_json::{Value, json};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::jwks::{JwksRequest, JwksUrl, KeySetCache};
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::policy::{Algorithm, AlgorithmSet};
use tower_client_assertion::registry::{Client, ClientRegistry, FileRegistry, FixedRegistry};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{Policy, TokenRequest, Verifier};

/// Different keys. Clients share them, but each client parses its own.
const KEYS: usize = 100;
/// Keys in a document at a URL.
const KEYS_AT_URL: usize = 4;
/// Requests after which the scheduler is asked whether one of them has blocked.
const WATCHED: usize = 16;

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let clients = if full { 1_000_000 } else { 1_000 };
    println!("| what | measured |\n|---|--:|");
    print_key_sets();
    let signers: Vec<_> = (0..KEYS).map(|_| Signer::ed25519("EdDSA", "key-1")).collect();
    print_urls(if full { 10_000 } else { 100 }, &signers);
    print_fixed(clients, &signers);
    print_file(clients, &signers, if full { 3 } else { 1 });
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
        // Two signers are enough: a repeated key is parsed again.
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
    let policy = Policy::REDOX.with_algorithms(AlgorithmSet::of(&[Algorithm::EdDSA]));
    let builder = Verifier::builder(policy, registry, MemoryReplay::new(4_000_000).unwrap());
    builder.audience(AUDIENCE).clock(clock()).build().unwrap()
}

fn print_file(clients: usize, signers: &[Signer], reloads: usize) {
    let path = std::env::temp_dir().join(format!("tower-client-assertion-bench-{}.json", std::process::id()));
    std::fs::write(&path, metadata(clients, signers, |_| 0)).unwrap();
    let megabytes = std::fs::metadata(&path).unwrap().len() / 1_000_000;
    let (registry, loading) = timed(|| Arc::new(FileRegistry::load(&path).unwrap()));
    row(format!("load a file of {clients} clients, {megabytes} MB"), milliseconds(loading));

    let verifier = verifier(Arc::clone(&registry));
    let quiet = served_during(&verifier, signers, || std::thread::sleep(loading));
    quiet.print("the file is left alone");
    let mut version = 0;
    for (what, step) in [("nothing", 0), ("every hundredth", 100), ("all", 1)] {
        let mut times = Vec::new();
        let mut busy = Served::default();
        for _ in 0..reloads {
            version += 1;
            let version = |number: usize| if number.checked_rem(step) == Some(0) { version } else { 0 };
            std::fs::write(&path, metadata(clients, signers, version)).unwrap();
            busy.add(served_during(&verifier, signers, || times.push(timed(|| registry.reload().unwrap()).1)));
        }
        times.sort();
        row(format!("reload it while requests are served, {what} of it changed"), milliseconds(times[reloads / 2]));
        busy.print(&format!("the file is reloaded, {what} of it changed"));
    }
    std::fs::remove_file(path).unwrap();
}

/// Writes a file of clients. The scope of each is its version.
fn metadata(clients: usize, signers: &[Signer], version: impl Fn(usize) -> usize) -> String {
    let texts: Vec<_> = signers.iter().map(|signer| json!({"keys": [signer.jwk()]}).to_string()).collect();
    let mut all = String::from("[");
    for number in 0..clients {
        let (comma, id, keys) = (if number == 0 { "" } else { "," }, id(number), &texts[number % KEYS]);
        writeln!(all, r#"{comma}{{"client_id":"{id}","scope":"v{}","jwks":{keys}}}"#, version(number)).unwrap();
    }
    all + "]"
}

/// Registers clients that publish their keys at URLs, and fetches the keys of all.
fn print_urls(clients: usize, signers: &[Signer]) {
    let jwks: Vec<Value> = signers.iter().take(KEYS_AT_URL).enumerate().map(|(n, key)| numbered(key, n)).collect();
    let document = Bytes::from(json!({"keys": jwks}).to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for (what, urls) in [("one URL", 1), ("a URL each", clients)] {
        let fetches = Arc::new(AtomicUsize::new(0));
        let (count, document) = (Arc::clone(&fetches), document.clone());
        let fetch = move |_: JwksRequest| {
            count.fetch_add(1, Ordering::Relaxed);
            let response = Response::new(Full::new(document.clone()));
            async move { Ok::<_, Infallible>(response) }
        };
        let before = resident_bytes();
        let cache = KeySetCache::builder(fetch).max_memory(usize::MAX).max_sets(clients).build().unwrap();
        let url = |number: usize| JwksUrl::parse(&format!("https://vendor.example/{}", number % urls)).unwrap();
        let client = |number: usize| Client::with_key_set_url(&id(number), &url(number), &cache).unwrap();
        let registered: Vec<_> = (0..clients).map(client).collect();
        let (sets, time) = timed(|| runtime.block_on(cache.prefetch(UnixTime::from_secs(NOW))));
        assert_eq!((sets.ready, sets.failed, cache.kept_sources()), (clients, 0, urls));
        let memory = (resident_bytes() - before) / clients as i64;
        let (fetches, time) = (fetches.load(Ordering::Relaxed), milliseconds(time));
        row(format!("fetch the keys of {clients} clients with {what}: time; fetches"), format!("{time}; {fetches}"));
        row("memory of a client", format!("{memory} bytes"));
        drop(registered);
    }
}

/// How long requests took, and the causes of the longest waits.
#[derive(Default)]
struct Served {
    times: Vec<Duration>,
    /// The most processor time of a request, including the kernel's work for it.
    own: Duration,
    /// The longest time that a request was without a processor: perhaps because it had blocked, and
    /// because other threads had the processor.
    blocked: Duration,
    interrupted: Duration,
}

impl Served {
    fn print(mut self, when: &str) {
        self.times.sort();
        let micros = |time: Duration| format!("{:.0} µs", time.as_nanos() as f64 / 1e3);
        let at = |share: usize| micros(self.times[(self.times.len() * share / 1_000).min(self.times.len() - 1)]);
        let (own, blocked, interrupted) = (micros(self.own), micros(self.blocked), micros(self.interrupted));
        let what = format!("a request while {when}: median; 99.9 %; longest of {}", self.times.len());
        row(what, format!("{}; {}; {}", at(500), at(999), at(1_000)));
        row("of these the longest: busy; blocked; interrupted", format!("{own}; {blocked}; {interrupted}"));
    }

    fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        self.own = self.own.max(other.own);
        self.blocked = self.blocked.max(other.blocked);
        self.interrupted = self.interrupted.max(other.interrupted);
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
        let mut served = Served::default();
        while !done.load(Ordering::Acquire) {
            served.serve(verifier, signers);
        }
        served
    })
}

impl Served {
    fn serve(&mut self, verifier: &Verifier, signers: &[Signer]) {
        let forms: Vec<_> = (0..WATCHED)
            .map(|number| form(&Jwt::by(&signers[number], &id(number)).signed_by(&signers[number])))
            .collect();
        let before = times_blocked();
        let mut away = Duration::ZERO;
        for form in &forms {
            let start = processor_time();
            let (outcome, time) = timed(|| now_or_never(verifier.verify(&TokenRequest::new(form.as_bytes()))));
            // The two clocks are not read at the same moment.
            let own = (processor_time() - start).min(time);
            outcome.unwrap();
            self.times.push(time);
            self.own = self.own.max(own);
            away = away.max(time - own);
        }
        let cause = if times_blocked() == before { &mut self.interrupted } else { &mut self.blocked };
        *cause = away.max(*cause);
    }
}
