//! The command line. An error is one line: the flag, its value, and what was expected.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::Uri;
use tower_client_assertion::policy::{AudienceRule, Policy};

use crate::app::Replay;
use crate::flags::{self, Given, expected_of};

/// The arguments of the server.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) listen: SocketAddr,
    pub(crate) clients: PathBuf,
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) policy: Policy,
    pub(crate) replay: Replay,
    pub(crate) error_uri: Option<String>,
    pub(crate) allow_http_jwks: bool,
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// A demo with a generated client.
    Demo,
    Serve(Box<Args>),
    /// Print this text.
    Print(String),
}

impl Command {
    /// Parses the command line. `--help` and `--version` count wherever they are, so that an error
    /// elsewhere does not hide the usage.
    pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let words: Vec<_> = words.collect();
        let asked = |names: [&str; 2]| words.iter().any(|word| names.iter().any(|name| word == name));
        if asked(["--help", "-h"]) {
            return Ok(Self::Print(flags::usage()));
        }
        if asked(["--version", "-V"]) {
            return Ok(Self::Print(format!("token_server {}\n", env!("CARGO_PKG_VERSION"))));
        }
        let given = Given::read(words.into_iter())?;
        if given.is_empty() { Ok(Self::Demo) } else { Args::of(given).map(|args| Self::Serve(Box::new(args))) }
    }
}

impl Args {
    fn of(mut given: Given) -> Result<Self, String> {
        let profile = given.optional("--profile")?;
        let audiences = given.several("--audience");
        let (policy, audiences) = profiled(profile.as_deref().unwrap_or("redox"), audiences)?;
        Ok(Self {
            listen: listen(given.optional("--listen")?)?,
            clients: given.required("--clients")?.into(),
            issuer: issuer(given.required("--issuer")?)?,
            policy,
            replay: replay(given.optional("--replay")?)?,
            audiences,
            error_uri: given.optional("--error-uri")?,
            allow_http_jwks: given.has("--allow-http-jwks"),
        })
    }
}

fn invalid(flag: &str, value: &str) -> String {
    format!("{flag}: {value:?}: expected {}", expected_of(flag))
}

fn listen(value: Option<String>) -> Result<SocketAddr, String> {
    let Some(value) = value else { return Ok(SocketAddr::from(([127, 0, 0, 1], 0))) };
    value.parse().map_err(|_| invalid("--listen", &value))
}

/// RFC 8414, section 2. `http` is accepted as well, because this server is tried out on loopback.
fn issuer(value: String) -> Result<String, String> {
    let scheme = value.starts_with("https://") || value.starts_with("http://");
    match scheme && !value.contains(['?', '#']) && value.parse::<Uri>().is_ok() {
        true => Ok(value),
        false => Err(invalid("--issuer", &value)),
    }
}

/// Returns the policy of a profile, and the URLs that it accepts in `aud` in addition to the
/// issuer. This server issues tokens only for the client credentials grant.
fn profiled(name: &str, urls: Result<Vec<String>, String>) -> Result<(Policy, Vec<String>), String> {
    let (policy, urls) = match name {
        "redox" => (Policy::REDOX, urls?),
        "smart" => (Policy::SMART_BACKEND_SERVICES, urls?),
        // FAPI 2.0 accepts only the issuer.
        "fapi2" => (Policy::FAPI2, Vec::new()),
        "rfc7523" => (rfc7523(urls.is_ok()), urls.unwrap_or_default()),
        "oidc" => (Policy::OIDC, urls.unwrap_or_default()),
        other => return Err(invalid("--profile", other)),
    };
    Ok((policy.with_grant_types(&["client_credentials"]), urls))
}

/// A server with URLs has clients that do not follow RFC 10070 yet, which allows only the issuer.
fn rfc7523(has_urls: bool) -> Policy {
    let policy = Policy::RFC7523.allow_client_secret_jwt();
    if has_urls { policy.dangerous().audience(AudienceRule::IssuerOrUrls) } else { policy }
}

fn replay(value: Option<String>) -> Result<Replay, String> {
    match value {
        None => Ok(Replay::Memory),
        Some(name) if name == "memory" => Ok(Replay::Memory),
        Some(url) if url.starts_with("redis://") || url.starts_with("rediss://") => Ok(Replay::Redis(url)),
        // The value is not repeated: it may be a URL with a password.
        Some(_) => Err(format!("--replay: unknown store: expected {}", expected_of("--replay"))),
    }
}
