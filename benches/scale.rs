//! Whether an accepted request costs more with more clients, keys of a client, or spent assertions:
//! `cargo bench --bench scale`, in about two minutes. Most of them pass in setting up a million
//! clients and ten million entries.
//!
//! Consecutive requests come from different clients, and every combination is measured in every
//! round, so none has the caches for itself. This is the cost of a request that comes now and then,
//! not of one in a hot loop.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "support/inner.rs"]
mod inner;
#[path = "support/plot.rs"]
mod plot;

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::signature::{ED25519, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use common::{AUDIENCE, Jwt, NOW, Signer, clock, form, key_set, now_or_never};
use http::Request;
use http_body_util::Full;
use inner::Inner;
use plot::{Line, Plot};
use serde_json::Value;
use tower::{Layer, Service};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::policy::{Algorithm, AlgorithmSet};
use tower_client_assertion::port::Answer;
use tower_client_assertion::registry::{Client, ClientRegistry, FindResult, FixedRegistry};
use tower_client_assertion::replay::{MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::{ClientAssertion, ClientAssertionLayer, Policy, Verifier};

const PLOTS: &str = "benches/plots";
/// Requests that are timed together.
const CALLS: usize = 32;

struct Sizes {
    clients: [usize; 3],
    keys: [usize; 2],
    live: [usize; 3],
    rounds: usize,
}

const FULL: Sizes =
    Sizes { clients: [1, 1_000, 1_000_000], keys: [1, 100], live: [1, 1_000_000, 10_000_000], rounds: 41 };
const SMOKE: Sizes = Sizes { clients: [1, 10, 100], keys: [1, 4], live: [1, 100, 1_000], rounds: 1 };

/// One combination of sizes.
struct Setting {
    clients: usize,
    keys: usize,
    live: usize,
    registry: Arc<FixedRegistry>,
    replay: Arc<MemoryReplay>,
    nanoseconds: Vec<f64>,
}

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let sizes = if full { FULL } else { SMOKE };
    let signers: Vec<_> = (0..sizes.rounds * CALLS).map(|_| Signer::ed25519("EdDSA", "key-1")).collect();
    let mut settings = settings(&sizes, &signers);
    let mut bare = Vec::new();
    for (batch, of_batch) in signers.chunks(CALLS).enumerate() {
        bare.push(time_bare(of_batch));
        for (index, setting) in settings.iter_mut().enumerate() {
            let time = setting.time(batch, index, &signers);
            setting.nanoseconds.push(time);
        }
    }
    print(&settings, median(&bare));
    if full {
        plot(&sizes, &settings);
    }
}

fn settings(sizes: &Sizes, signers: &[Signer]) -> Vec<Setting> {
    let stores = sizes.live.map(|live| Arc::new(filled(live)));
    let mut settings = Vec::new();
    for clients in sizes.clients {
        for keys in sizes.keys {
            let registry = Arc::new(registry(clients, keys, signers));
            for (live, replay) in sizes.live.into_iter().zip(&stores) {
                let (registry, replay) = (Arc::clone(&registry), Arc::clone(replay));
                settings.push(Setting { clients, keys, live, registry, replay, nanoseconds: Vec::new() });
            }
        }
    }
    settings
}

/// Registers `clients` clients. Those that sign requests have their own key and `keys` registered
/// keys. The others only have to be passed over.
fn registry(clients: usize, keys: usize, signers: &[Signer]) -> FixedRegistry {
    let others: Vec<_> = (1..keys).map(other_key).collect();
    let step = step(clients, signers);
    let client = |number: usize| {
        let mut jwks = vec![signers[number / step % signers.len()].jwk()];
        if number.is_multiple_of(step) {
            jwks.extend(others.iter().cloned());
        }
        Client::new(&id(number), key_set(&jwks)).unwrap()
    };
    FixedRegistry::new((0..clients).map(client)).unwrap()
}

/// Returns the distance between clients that sign. They are spread evenly.
fn step(clients: usize, signers: &[Signer]) -> usize {
    (clients / signers.len()).max(1)
}

fn id(number: usize) -> String {
    format!("clinic-{number}")
}

fn other_key(number: usize) -> Value {
    let mut jwk = Signer::ed25519("EdDSA", "other").jwk();
    jwk["kid"] = format!("other-{number}").into();
    jwk
}

fn filled(live: usize) -> MemoryReplay {
    let store = MemoryReplay::new(live * 2 + 1_000_000).unwrap();
    let (now, until) = (UnixTime::from_secs(NOW), UnixTime::from_secs(NOW + 300));
    for number in 0..live {
        let (client, jti) = (id(number % 1_000), format!("0f8fad5b-d9cb-469f-a166-{number:012x}"));
        let _fresh = store.admit(ReplayKey::new("as", &client, &jti), until, now);
    }
    assert_eq!(store.len(), live);
    store
}

impl Setting {
    /// Returns the nanoseconds of one request, the mean of a batch.
    fn time(&self, batch: usize, index: usize, signers: &[Signer]) -> f64 {
        let requests: Vec<_> = (0..CALLS).map(|call| self.request(batch * CALLS + call, index, signers)).collect();
        let mut service = self.service();
        let start = Instant::now();
        for request in requests {
            let response =
                now_or_never(service.call(black_box(request))).unwrap_or_else(|never: Infallible| match never {});
            assert_eq!(response.status(), 200);
        }
        start.elapsed().as_nanos() as f64 / CALLS as f64
    }

    /// Makes a request. Its `jti` is different in each setting, because settings share replay
    /// stores.
    fn request(&self, number: usize, index: usize, signers: &[Signer]) -> Request<Full<Bytes>> {
        let signer = number % self.clients.min(signers.len());
        let jti = format!("0f8fad5b-d9cb-469f-{index:04x}-{number:012x}");
        let client = id(signer * step(self.clients, signers));
        let assertion = Jwt::by(&signers[signer], &client).claim("jti", jti).signed_by(&signers[signer]);
        let body = Bytes::from(form(&assertion));
        let request = Request::post("/token").header("content-type", "application/x-www-form-urlencoded");
        request.header("content-length", body.len()).body(Full::new(body)).unwrap()
    }

    fn service(&self) -> ClientAssertion<Inner> {
        let policy = Policy::REDOX.with_algorithms(AlgorithmSet::of(&[Algorithm::EdDSA]));
        let verifier = Verifier::builder(policy, Unlisted(Arc::clone(&self.registry)), Arc::clone(&self.replay));
        let verifier = verifier.audience(AUDIENCE).clock(clock()).build().unwrap();
        ClientAssertionLayer::new(verifier).path("/token").unwrap().layer(Inner(()))
    }
}

/// A registry that does not list its clients, so that building a verifier does not look at each.
#[derive(Debug)]
struct Unlisted(Arc<FixedRegistry>);

impl ClientRegistry for Unlisted {
    fn find(&self, client_id: &str) -> Answer<FindResult> {
        self.0.find(client_id)
    }
}

/// Returns the nanoseconds of a bare check, the mean of a batch. Each key is used once.
fn time_bare(batch: &[Signer]) -> f64 {
    let inputs: Vec<_> = batch
        .iter()
        .map(|signer| {
            let input = vec![b'a'; 340];
            let key = URL_SAFE_NO_PAD.decode(signer.jwk()["x"].as_str().unwrap()).unwrap();
            (ParsedPublicKey::new(&ED25519, key).unwrap(), signer.signature(&input), input)
        })
        .collect();
    let start = Instant::now();
    for (key, signature, input) in &inputs {
        assert!(key.verify_sig(black_box(input), signature).is_ok());
    }
    start.elapsed().as_nanos() as f64 / batch.len() as f64
}

fn median(all: &[f64]) -> f64 {
    let mut sorted = all.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn print(settings: &[Setting], bare: f64) {
    println!("| registered clients | keys of a client | live `jti`s | median ns | over bare | against the first |");
    println!("|--:|--:|--:|--:|--:|--:|");
    println!("| bare check | | | {bare:.0} | 0 | |");
    let first = median(&settings[0].nanoseconds);
    for setting in settings {
        let Setting { clients, keys, live, nanoseconds, .. } = setting;
        let median = median(nanoseconds);
        println!("| {clients} | {keys} | {live} | {median:.0} | {:.0} | {:.3} |", median - bare, median / first);
    }
}

fn plot(sizes: &Sizes, settings: &[Setting]) {
    let mut lines = Vec::new();
    for keys in sizes.keys {
        for live in sizes.live {
            let same = settings.iter().filter(|setting| setting.keys == keys && setting.live == live);
            let points = same.map(|setting| (setting.clients as f64, median(&setting.nanoseconds) / 1e3)).collect();
            let several = if keys == 1 { "key" } else { "keys" };
            lines.push(Line { name: format!("{keys} {several}, {live} live jtis"), points });
        }
    }
    let plot = Plot {
        title: String::from("An accepted EdDSA request, whole layer"),
        across: String::from("registered clients"),
        up: String::from("microseconds, median"),
        logarithmic: false,
        marks: sizes.clients.iter().map(|clients| (*clients as f64, clients.to_string())).collect(),
        lines,
    };
    plot.save("scale.svg");
}
