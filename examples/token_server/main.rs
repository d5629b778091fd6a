//! A token endpoint for the client credentials grant, with clients that authenticate by signed JWT.
//!
//! Try it with a generated key pair and a demo client:
//!
//! ```sh
//! cargo run --example token_server
//! ```
//!
//! Serve your own clients from a JSON array of RFC 7591 client metadata:
//!
//! ```sh
//! cargo run --example token_server -- --clients clients.json \
//!     --issuer https://api.example.com \
//!     --audience https://api.example.com/v2/auth/token
//! ```
//!
//! Clients ask for tokens at `POST /v2/auth/token`. Metadata (RFC 8414) is at
//! `/.well-known/oauth-authorization-server`. `GET /errors` explains every refusal, and with
//! `--error-pages` each refusal links to its section there. `GET /ready` is for a load balancer,
//! and answers 503 while the server could not decide about a request.
//!
//! `--config FILE` reads the same from a file in TOML, which the other flags override:
//! `reference.toml` has every member and its default.
//!
//! All flags: `cargo run --example token_server -- --help`.
//!
//! The profile decides about `aud`: `redox` and `smart` accept the `--audience` URLs, `fapi2` only
//! the issuer, `oidc` both. `rfc7523` accepts only the issuer, unless there is an `--audience`,
//! which loosens it (`dangerous()`).
//!
//! The only lines on stdout are `listening on http://IP:PORT` and, with `--metrics`, `metrics on
//! http://IP:PORT/metrics`; everything else goes to stderr. Every response has an `x-request-id`,
//! and the lines on stderr about a request end with the same. On SIGTERM and SIGINT the server
//! answers the requests in flight and stops. On SIGHUP it reads the clients again, and opens the
//! audit log again. It exits with 2 if it cannot start.
//!
//! - `app.rs` is the part to copy: the layer in front of a handler, and the metadata document.
//! - `token.rs` is the handler: what an authenticated client gets.
//! - `tenants.rs` opens more servers, each below its own path.
//! - `shown.rs` is what `--show-client` adds to an answer.
//! - `ready.rs` answers the probe of a load balancer.
//! - `metrics.rs` serves metrics to Prometheus.
//! - `audit.rs` writes the audit log; `hangup.rs` reacts to SIGHUP.
//! - `log.rs` writes events to stderr; `request_id.rs` numbers requests.
//! - `posture.rs` tells at the start what is weaker than the specifications ask.
//! - `../deployment` reads the profile and the clients.
//! - `server.rs` listens and shuts down; `flags.rs` and `args.rs` read the command line, `file.rs`
//!   the configuration file, and `own.rs` what only this program has of both.
//! - `demo.rs` plays the client.

mod app;
mod args;
mod audit;
mod demo;
#[path = "../deployment/mod.rs"]
mod deployment;
mod file;
mod flags;
mod hangup;
mod log;
mod metrics;
mod own;
mod posture;
mod ready;
mod request_id;
mod server;
mod shown;
#[path = "../support/mod.rs"]
mod support;
mod tenants;
mod token;

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tower_client_assertion::event::EventSink;
use tower_client_assertion::jwks::KeySetCache;
use tower_client_assertion::metrics::Gauges;
use tower_client_assertion::registry::ClientRegistry;
use tower_client_assertion::replay::{ReplayStore, StoreFact};
use tower_client_assertion::{Policy, Verifier};

use crate::app::Settings;
use crate::args::Command;
use crate::audit::Audit;
use crate::deployment::{about, clients};
use crate::file::Configuration;
use crate::log::log;
use crate::metrics::Metrics;
use crate::server::Server;
use crate::support::{Demo, Result};
use crate::tenants::Common;

fn main() -> ExitCode {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failure(1, &error),
    };
    let (server, audit) = match runtime.block_on(start()) {
        Ok(Some(started)) => started,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => return failure(2, &*error),
    };
    let ended = runtime.block_on(server.finish());
    // Ends the requests that are not answered. After the audit log is closed, they would be missing
    // in it.
    runtime.shutdown_timeout(LAST_STEPS);
    audit.close();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(1, &*error),
    }
}

/// Time for what a task does before it next waits.
const LAST_STEPS: Duration = Duration::from_secs(1);

fn failure(code: u8, error: &dyn std::error::Error) -> ExitCode {
    log(&error.to_string());
    ExitCode::from(code)
}

/// Returns `None` if there is nothing to serve.
async fn start() -> Result<Option<(Server, Audit)>> {
    match Command::parse(std::env::args_os().skip(1))? {
        Command::Serve(config) => serve(*config).await.map(Some),
        Command::Demo => serve_demo().await.map(|server| Some((server, Audit::default()))),
        Command::Print(text) => Ok(write!(std::io::stdout(), "{text}").map(|()| None)?),
    }
}

async fn serve(config: Configuration) -> Result<(Server, Audit)> {
    let metrics = Metrics::listen(config.application().metrics()).await?;
    let events = metrics.and(log::events(), "memory");
    let cache = key_set_cache(&config, Arc::clone(&events))?;
    let registry = config.registry(Some(&cache)).map_err(|error| about("--clients", &error))?;
    let registry = Arc::new(registry.events(Arc::clone(&events)));
    let replay = config.replay_store(Arc::clone(&events)).await.map_err(|error| about("--replay", &error))?;
    let store = if replay.about().contains(&StoreFact::OneProcess) { "memory" } else { "redis" };
    let listen = config.application().listen();
    let audit = Audit::open(config.application().audit(), events)?;
    let events = metrics.and(audit.events(), store);
    let settings = Settings { config, registry: registry.clone(), replay: Arc::clone(&replay), events };
    let verifier = app::verifier(&settings)?;
    let Settings { config, events, .. } = &settings;
    let common = Common { config, cache: &cache, replay: &replay, events };
    let tenants = config.application().tenants().map(|file| tenants::open(file, &common)).transpose()?;
    let tenants = tenants.unwrap_or_default();
    let reloaded: Vec<_> = tenants.iter().map(|tenant| &tenant.registry).chain([&registry]).cloned().collect();
    // Their events tell how that went.
    hangup::on_each(move || reloaded.iter().for_each(|registry| drop(registry.reload())))?;
    clients::unusable(&registry, verifier.policies()).iter().for_each(|(_, line)| log(line));
    let weaker = posture::weaker(&verifier, &registry);
    let welcome = welcome(&settings.config, &verifier);
    let watched = |gauges: Gauges| {
        let gauges = gauges.replay(replay).key_sets(&cache).registry(registry).policies(&verifier);
        verifier.signature_checks().iter().fold(gauges, |gauges, checks| gauges.signature_checks(checks))
    };
    let gauges = metrics.gauges().map(watched).map(|gauges| audit.watched(gauges));
    let app = app::router(settings, verifier, tenants)?;
    let server = Server::start(server::listen(listen).await?, app)?;
    metrics.serve(gauges)?;
    log(&welcome);
    weaker.iter().for_each(|line| log(line));
    Ok((server, audit))
}

fn key_set_cache(config: &Configuration, events: impl EventSink) -> std::result::Result<KeySetCache, String> {
    let fetch = config.fetcher().map_err(|error| about("--ca-file", &error))?;
    let cache = config.key_set_cache(fetch).map_err(|error| about("--allow-address", &error))?;
    cache.events(events).build().map_err(|error| about("jwks_uri", &error))
}

fn welcome(config: &Configuration, verifier: &Verifier) -> String {
    let policies: Vec<_> = verifier.policies().iter().map(Policy::name).collect();
    let issuer = config.issuer().unwrap_or_default();
    format!("issuing tokens of {issuer} at {}, profile {}", app::TOKEN_PATH, policies.join(", "))
}

async fn serve_demo() -> Result<Server> {
    let listener = server::listen(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let issuer = format!("http://{address}");
    let audience = format!("{issuer}{}", app::TOKEN_PATH);
    let client = Demo::addressing(&audience)?;
    let mut config = Configuration::default();
    config.set_policy(Policy::REDOX);
    config.dangerous_set_issuer_without_tls(issuer);
    config.set_audiences([audience]);
    let registry: Arc<dyn ClientRegistry> = Arc::new(demo::register(&client)?);
    let replay = config.replay_store(log::events()).await?;
    let settings = Settings { config, registry, replay, events: Arc::new(log::events()) };
    let verifier = app::verifier(&settings)?;
    let server = Server::start(listener, app::router(settings, verifier, Vec::new())?)?;
    demo::show(&client, address).await?;
    Ok(server)
}
