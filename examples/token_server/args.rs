//! The command line. An error is one line: the flag, its value, and what was expected.

use std::ffi::OsString;
use std::path::PathBuf;

use tower_client_assertion::Policy;

use crate::app::Replay;
use crate::deployment::flags::{Given, asked_for, unknown};
use crate::deployment::profile::{is_issuer, profiled};
use crate::flags::{self, FLAGS};
use crate::own::Own;

/// The arguments of the server.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) own: Own,
    pub(crate) clients: PathBuf,
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) policy: Policy,
    pub(crate) replay: Replay,
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
    /// Parses the command line.
    pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let words: Vec<_> = words.collect();
        if let Some(text) = asked_for(&words, "token_server", flags::usage) {
            return Ok(Self::Print(text));
        }
        let given = FLAGS.read(words.into_iter())?;
        if let Some(word) = given.words().first() {
            return Err(unknown(word));
        }
        if given.is_empty() { Ok(Self::Demo) } else { Args::of(given).map(|args| Self::Serve(Box::new(args))) }
    }
}

impl Args {
    fn of(mut given: Given) -> Result<Self, String> {
        let profile = given.optional("--profile")?;
        let audiences = given.several("--audience");
        let profile = profile.as_deref().unwrap_or("redox");
        let found = profiled(profile, audiences)?;
        let (policy, audiences) = found.ok_or_else(|| FLAGS.invalid("--profile", profile))?;
        Ok(Self {
            own: Own::of(&mut given)?,
            clients: given.required("--clients")?.into(),
            issuer: issuer(given.required("--issuer")?)?,
            policy,
            replay: replay(given.optional("--replay")?)?,
            audiences,
            allow_http_jwks: given.has("--allow-http-jwks"),
        })
    }
}

fn issuer(value: String) -> Result<String, String> {
    if is_issuer(&value) { Ok(value) } else { Err(FLAGS.invalid("--issuer", &value)) }
}

fn replay(value: Option<String>) -> Result<Replay, String> {
    match value {
        None => Ok(Replay::Memory),
        Some(name) if name == "memory" => Ok(Replay::Memory),
        Some(url) if url.starts_with("redis://") || url.starts_with("rediss://") => Ok(Replay::Redis(url)),
        // The value is not repeated: it may be a URL with a password.
        Some(_) => Err(format!("--replay: unknown store: expected {}", FLAGS.expected_of("--replay"))),
    }
}
