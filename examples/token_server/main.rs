//! A token endpoint for the client credentials grant, whose clients authenticate by signed JWT.
//!
//! To see it at work, with a key pair and a client of its own:
//!
//! ```text
//! cargo run --example token_server
//! ```
//!
//! With your clients, a JSON array of RFC 7591 client metadata:
//!
//! ```text
//! cargo run --example token_server -- --clients clients.json \
//!     --issuer https://api.example.com --audience https://api.example.com/v2/auth/token
//! ```
//!
//! Tokens are issued at `POST /v2/auth/token`, and metadata stands at `/.well-known/oauth-authorization-server`. Clients put
//! one of the `--audience` URLs into `aud`, or the issuer, as the profile wants it: `--profile redox` (the default) and `smart` take
//! the URLs, `fapi2` the issuer alone whatever `--audience` says, `oidc` either; `rfc7523` the issuer alone, unless there is an
//! `--audience`, which loosens it (`dangerous()`). Further flags: `--listen IP:PORT`, `--replay memory` or
//! `--replay redis://HOST:PORT`, `--error-uri URL`; `--audience` may be given again. Clients may have a `jwks_uri`;
//! `--allow-http-jwks` lets it be plain `http`, and on loopback.
//! The first and only line on stdout is `listening on http://IP:PORT`; all else goes to stderr. SIGTERM and SIGINT stop the
//! server once the requests in flight are answered. The exit code is 2 if it cannot start.
//!
//! - `app.rs` is what you came for: the layer in front of a handler, and the metadata document.
//! - `args.rs` reads the command line.
//! - `demo.rs` is the client: it makes keys and signs assertions.

mod app;
mod args;
mod demo;

use std::error::Error;
use std::future::IntoFuture;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tower_client_assertion::jwks::{AddressGuard, HyperFetch, KeySetCache};
use tower_client_assertion::registry::{ClientRegistry, FileRegistry};
use tower_client_assertion::{ConfigError, Policy};

use crate::app::{Replay, Settings};
use crate::args::Args;
use crate::demo::DemoClient;

#[tokio::main]
async fn main() -> ExitCode {
    let server = match start().await {
        Ok(server) => server,
        Err(sentence) => return failure(2, &sentence),
    };
    match server.finish().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => failure(1, &sentence),
    }
}

fn failure(code: u8, sentence: &str) -> ExitCode {
    log(sentence);
    ExitCode::from(code)
}

async fn start() -> Result<Server, String> {
    match Args::parse(std::env::args_os().skip(1))? {
        Some(args) => serve_file(args).await,
        None => serve_demo().await,
    }
}

async fn serve_file(args: Args) -> Result<Server, String> {
    let cache = key_sets(&args).map_err(|error| about("jwks_uri", &error))?;
    let registry = FileRegistry::load_with(&args.clients, &cache).map_err(|error| about("--clients", &error))?;
    report_unusable(&registry, &args.policy);
    let (profile, issuer) = (args.policy.name(), &args.issuer);
    let welcome = format!("tokens of {issuer} at {}, by the rules of {profile}", app::TOKEN_PATH);
    let settings = Settings {
        policy: args.policy,
        issuer: args.issuer,
        audiences: args.audiences,
        error_uri: args.error_uri,
        registry: Arc::new(registry),
        replay: args.replay.open().await?,
    };
    let app = app::router(settings)?;
    let server = Server::start(listen(args.listen).await?, app)?;
    log(&welcome);
    Ok(server)
}

/// Key sets come from public addresses over TLS, unless this server and its clients are tried out on one machine.
fn key_sets(args: &Args) -> Result<KeySetCache, ConfigError> {
    let guard = match args.allow_http_jwks {
        true => AddressGuard::default().allow_http().allow_range("127.0.0.0/8")?.allow_range("::1")?,
        false => AddressGuard::default(),
    };
    // A container may have none.
    let fetch = HyperFetch::with_platform_roots().or_else(|_| HyperFetch::with_webpki_roots())?;
    let builder = KeySetCache::builder(fetch).guard(guard).events(app::log_event);
    let builder = if args.policy.name() == "smart" { builder.smart() } else { builder };
    Ok(builder.build()?)
}

async fn serve_demo() -> Result<Server, String> {
    let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr().map_err(|error| format!("the demo's address is not known: {error}"))?;
    let issuer = format!("http://{address}");
    let audience = format!("{issuer}{}", app::TOKEN_PATH);
    let client = DemoClient::generate(&audience)?;
    let registry: Arc<dyn ClientRegistry> = Arc::new(client.register()?);
    let replay = Replay::Memory.open().await?;
    let settings =
        Settings { policy: Policy::REDOX, issuer, audiences: vec![audience], error_uri: None, registry, replay };
    let server = Server::start(listener, app::router(settings)?)?;
    client.show(address).await?;
    Ok(server)
}

/// One bad registration should not keep all other clients out, but somebody ought to know of it.
fn report_unusable(registry: &FileRegistry, policy: &Policy) {
    for problem in registry.problems() {
        log(&problem.to_string());
    }
    let allowed = policy.allowed_algorithms();
    for client in registry.clients() {
        let usable = client.algorithms();
        // Whoever has no algorithm at all is among the problems above.
        if !usable.is_empty() && usable.intersection(allowed).is_empty() {
            let (id, profile) = (client.id(), policy.name());
            log(&format!("client {id:?}: it can use {usable}, but the profile {profile} allows nothing but {allowed}"));
        }
        if let Some(name) = client.policy_name().filter(|name| *name != policy.name()) {
            let (id, profile) = (client.id(), policy.name());
            log(&format!(
                "client {id:?}: client_assertion_policy: {name:?} is not {profile:?}, which is all this server has"
            ));
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    let refused = |error| format!("--listen: cannot listen on {address}: {error}");
    TcpListener::bind(address).await.map_err(refused)
}

/// A server at work.
struct Server {
    signals: [Signal; 2],
    stop: Arc<Notify>,
    serving: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Whoever stops the server while requests hang waits this much longer. The layer gives a body 10 s to arrive.
    const GRACE: Duration = Duration::from_secs(15);

    fn start(listener: TcpListener, app: Router) -> Result<Self, String> {
        let start = || {
            // Before anybody is told that we listen: a signal that came in between would kill us.
            let signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
            let address = listener.local_addr()?;
            let stop = Arc::new(Notify::new());
            let stopped = Arc::clone(&stop).notified_owned();
            let serving = tokio::spawn(axum::serve(listener, app).with_graceful_shutdown(stopped).into_future());
            announce(address)?;
            Ok(Self { signals, stop, serving })
        };
        start().map_err(|error: io::Error| format!("the server cannot start: {error}"))
    }

    async fn finish(self) -> Result<(), String> {
        let [mut terminate, mut interrupt] = self.signals;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        self.stop.notify_one();
        log("stopping: requests in flight are answered first");
        match tokio::time::timeout(Self::GRACE, self.serving).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(format!("the server failed: {error}")),
            Ok(Err(error)) => Err(format!("the server failed: {error}")),
            Err(_) => Err("the server was stopped with requests unanswered".to_owned()),
        }
    }
}

/// Whoever started us waits for this line, and it may come through a pipe.
fn announce(address: SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on http://{address}")?;
    stdout.flush()
}

/// Not `eprintln!`: that panics when nobody reads stderr any more, and a request should not fail over its log line.
fn log(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn about(flag: &str, error: &dyn Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause} ({flag})")
}
