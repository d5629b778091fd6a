//! What a flood of well-formed assertions with bad signatures does to other requests, with and
//! without a bound on concurrent signature checks.
//!
//! - `cargo bench --bench overload` measures, in about half a minute.
//! - `cargo test --bench overload` runs everything once, to see that it still works.
//!
//! A runtime with two threads serves sixty-four senders. Each has its next request ready when one
//! is answered, in the name of one client and signed with another key. Meanwhile an honest client
//! authenticates again and again, and a task that does nothing asks to run. The rounds of the three
//! settings take turns.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{AUDIENCE, CLIENT, Jwt, Signer, client, clock, form, key_set};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::task::yield_now;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, service_fn};
use tower_client_assertion::overload::SignatureChecks;
use tower_client_assertion::registry::{Client, FixedRegistry};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{ClientAssertionLayer, Policy, Verifier};

const HONEST: &str = "clinic-8";
const THREADS: usize = 2;
const SENDERS: usize = 64;

/// Whether there is a flood, and whether checks are bounded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Setting {
    Quiet,
    Unbounded,
    Bounded,
}

impl Setting {
    const ALL: [Self; 3] = [Self::Quiet, Self::Unbounded, Self::Bounded];

    fn name(self) -> &'static str {
        match self {
            Self::Quiet => "no flood",
            Self::Unbounded => "flood, no bound",
            Self::Bounded => "flood, one check per client",
        }
    }
}

type Endpoint = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, Infallible>;

/// The results of a setting, over all rounds.
#[derive(Default)]
struct Measured {
    honest: Vec<Duration>,
    other: Vec<Duration>,
    checked: u64,
    turned_away: u64,
    time: Duration,
}

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let (rounds, requests) = if full { (10, 200) } else { (1, 5) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_time().build().unwrap();
    let mut measured = Setting::ALL.map(|_| Measured::default());
    for _ in 0..rounds {
        for (setting, measured) in Setting::ALL.into_iter().zip(&mut measured) {
            // From outside of the runtime: tasks spawned by its threads would jump the queue.
            runtime.block_on(round(setting, requests)).add_to(measured);
        }
    }
    print(&mut measured);
}

/// Builds an endpoint with an impersonated client and an honest one. Returns it with the honest
/// client's key.
fn endpoint(setting: Setting) -> (Endpoint, Signer) {
    let honest = Signer::es384("key-2");
    let clients = [client(), Client::new(HONEST, key_set(&[honest.jwk()])).unwrap()];
    let registry = FixedRegistry::new(clients).unwrap();
    let builder = Verifier::builder(Policy::REDOX, registry, MemoryReplay::new(100_000).unwrap());
    let builder = builder.audience(AUDIENCE).clock(clock());
    let builder = match setting {
        Setting::Bounded => builder.signature_checks(SignatureChecks::new(THREADS).unwrap().per_client(1).unwrap()),
        Setting::Quiet | Setting::Unbounded => builder,
    };
    let handler = service_fn(|_: Request<Full<Bytes>>| async { Ok(Response::new(Full::default())) });
    let layer = ClientAssertionLayer::new(builder.build().unwrap()).preserve_body_types();
    (BoxCloneSyncService::new(layer.layer(handler)), honest)
}

async fn send(mut endpoint: Endpoint, form: Bytes) -> StatusCode {
    let request = Request::post("/token").header("content-type", "application/x-www-form-urlencoded");
    endpoint.call(request.body(Full::new(form)).unwrap()).await.unwrap().status()
}

async fn round(setting: Setting, requests: usize) -> Measured {
    let (endpoint, honest) = endpoint(setting);
    let forms: Vec<_> =
        (0..requests).map(|_| Bytes::from(form(&Jwt::by(&honest, HONEST).signed_by(&honest)))).collect();
    let flood = Arc::new(Flood::default());
    let senders: Vec<_> = match setting {
        Setting::Quiet => Vec::new(),
        _ => (0..SENDERS).map(|_| tokio::spawn(Arc::clone(&flood).send_on(endpoint.clone()))).collect(),
    };
    let mut measured = Measured::default();
    let start = Instant::now();
    for form in forms {
        let begin = Instant::now();
        let status = tokio::spawn(send(endpoint.clone(), form)).await.unwrap();
        measured.honest.push(begin.elapsed());
        assert_eq!(status, StatusCode::OK, "the honest client is served in every setting");
        let begin = Instant::now();
        tokio::spawn(yield_now()).await.unwrap();
        measured.other.push(begin.elapsed());
    }
    measured.time = start.elapsed();
    flood.over.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
    measured.checked = flood.checked.load(Ordering::Relaxed);
    measured.turned_away = flood.turned_away.load(Ordering::Relaxed);
    measured
}

#[derive(Default)]
struct Flood {
    over: AtomicBool,
    checked: AtomicU64,
    turned_away: AtomicU64,
}

impl Flood {
    /// Sends assertions in the name of a client, signed with another key, until the flood is over.
    async fn send_on(self: Arc<Self>, endpoint: Endpoint) {
        let stranger = Signer::es384("key-1");
        let form = Bytes::from(form(&Jwt::by(&stranger, CLIENT).signed_by(&stranger)));
        while !self.over.load(Ordering::Relaxed) {
            match send(endpoint.clone(), form.clone()).await {
                StatusCode::BAD_REQUEST => self.checked.fetch_add(1, Ordering::Relaxed),
                StatusCode::TOO_MANY_REQUESTS => self.turned_away.fetch_add(1, Ordering::Relaxed),
                other => panic!("{other} was not expected"),
            };
            yield_now().await;
        }
    }
}

impl Measured {
    fn add_to(self, all: &mut Self) {
        all.honest.extend(self.honest);
        all.other.extend(self.other);
        all.checked += self.checked;
        all.turned_away += self.turned_away;
        all.time += self.time;
    }
}

/// Returns the quantile in microseconds.
fn quantile(times: &mut [Duration], share: f64) -> f64 {
    times.sort();
    times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6
}

fn print(measured: &mut [Measured; 3]) {
    println!(
        "| | honest client, median µs | 99 % | something else, median µs | 99 % | flood checked, 1/s | turned away, 1/s |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for (setting, one) in Setting::ALL.into_iter().zip(measured) {
        let (honest, other) = (&mut one.honest, &mut one.other);
        let quantiles = [quantile(honest, 0.5), quantile(honest, 0.99), quantile(other, 0.5), quantile(other, 0.99)];
        let rates = [one.checked, one.turned_away].map(|count| count as f64 / one.time.as_secs_f64());
        let cells = quantiles.iter().chain(&rates).map(|number| format!("{number:.0}")).collect::<Vec<_>>();
        println!("| {} | {} |", setting.name(), cells.join(" | "));
    }
}
