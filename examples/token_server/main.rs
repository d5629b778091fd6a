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
//! `--error-pages` each refusal links to its section there.
//!
//! All flags: `cargo run --example token_server -- --help`.
//!
//! The profile decides about `aud`: `redox` and `smart` accept the `--audience` URLs, `fapi2` only
//! the issuer, `oidc` both. `rfc7523` accepts only the issuer, unless there is an `--audience`,
//! which loosens it (`dangerous()`).
//!
//! The only line on stdout is `listening on http://IP:PORT`; everything else goes to stderr. Every
//! response has an `x-request-id`, and the lines on stderr about a request end with the same. On
//! SIGTERM and SIGINT the server answers the requests in flight and stops. It exits with 2 if it
//! cannot start.
//!
//! - `app.rs` is the part to copy: the layer in front of a handler, and the metadata document.
//! - `token.rs` is the handler: what an authenticated client gets.
//! - `log.rs` writes events to stderr; `request_id.rs` numbers requests.
//! - `posture.rs` tells at the start what is weaker than the specifications ask.
//! - `../deployment` reads the profile and the clients.
//! - `server.rs` listens and shuts down; `flags.rs`, `args.rs` and `own.rs` read the command line.
//! - `demo.rs` plays the client.

mod app;
mod args;
mod demo;
#[path = "../deployment/mod.rs"]
mod deployment;
mod flags;
mod log;
mod own;
mod posture;
mod request_id;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod token;

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use tower_client_assertion::jwks::KeySetCache;
use tower_client_assertion::registry::{ClientRegistry, FileRegistry};
use tower_client_assertion::{ConfigError, Policy};

use crate::app::{Replay, Settings};
use crate::args::{Args, Command};
use crate::deployment::links::Links;
use crate::deployment::{about, clients};
use crate::log::log;
use crate::server::Server;
use crate::support::{Demo, Result};

#[tokio::main]
async fn main() -> ExitCode {
    let server = match start().await {
        Ok(Some(server)) => server,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => return failure(2, &*error),
    };
    match server.finish().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(1, &*error),
    }
}

fn failure(code: u8, error: &dyn std::error::Error) -> ExitCode {
    log(&error.to_string());
    ExitCode::from(code)
}

/// Returns `None` if there is nothing to serve.
async fn start() -> Result<Option<Server>> {
    match Command::parse(std::env::args_os().skip(1))? {
        Command::Serve(args) => serve_file(*args).await.map(Some),
        Command::Demo => serve_demo().await.map(Some),
        Command::Print(text) => Ok(write!(std::io::stdout(), "{text}").map(|()| None)?),
    }
}

async fn serve_file(args: Args) -> Result<Server> {
    let cache = key_sets(&args).map_err(|error| about("jwks_uri", &error))?;
    let registry = FileRegistry::load_with(&args.clients, &cache).map_err(|error| about("--clients", &error))?;
    let registry = registry.events(log::events());
    clients::unusable(&registry, &args.policy).iter().for_each(|(_, line)| log(line));
    let (profile, issuer) = (args.policy.name(), &args.issuer);
    let welcome = format!("issuing tokens of {issuer} at {}, profile {profile}", app::TOKEN_PATH);
    let registry = Arc::new(registry);
    let settings = Settings {
        policy: args.policy,
        issuer: args.issuer,
        audiences: args.audiences,
        links: args.own.links,
        registry: registry.clone(),
        replay: args.replay.open().await?,
    };
    let verifier = app::verifier(&settings)?;
    let weaker = posture::weaker(&verifier, &registry);
    let app = app::router(settings, verifier)?;
    let server = Server::start(server::listen(args.own.listen).await?, app)?;
    log(&welcome);
    weaker.iter().for_each(|line| log(line));
    Ok(server)
}

fn key_sets(args: &Args) -> std::result::Result<KeySetCache, ConfigError> {
    let guard = clients::guard(args.allow_http_jwks)?;
    Ok(clients::key_sets(clients::fetch(), guard, &args.policy).events(log::events()).build()?)
}

async fn serve_demo() -> Result<Server> {
    let listener = server::listen(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let issuer = format!("http://{address}");
    let audience = format!("{issuer}{}", app::TOKEN_PATH);
    let client = Demo::addressing(&audience)?;
    let registry: Arc<dyn ClientRegistry> = Arc::new(demo::register(&client)?);
    let replay = Replay::Memory.open().await?;
    let settings =
        Settings { policy: Policy::REDOX, issuer, audiences: vec![audience], links: Links::None, registry, replay };
    let verifier = app::verifier(&settings)?;
    let server = Server::start(listener, app::router(settings, verifier)?)?;
    demo::show(&client, address).await?;
    Ok(server)
}
