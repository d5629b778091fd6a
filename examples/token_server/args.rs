//! The command line: a short form of the configuration file, which it overrides. An error is one
//! line: the flag, its value, and what was expected.

use std::ffi::OsString;

use tower_client_assertion::{Config, Policy};

use crate::deployment::flags::{Given, asked_for, unknown};
use crate::deployment::profile::{is_issuer, profiled};
use crate::file::{self, Configuration};
use crate::flags::{self, FLAGS};

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// A demo with a generated client.
    Demo,
    Serve(Box<Configuration>),
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
        if given.is_empty() { Ok(Self::Demo) } else { configuration(given).map(|config| Self::Serve(Box::new(config))) }
    }
}

/// Reads the file, if there is one, and replaces what the flags say.
fn configuration(mut given: Given) -> Result<Configuration, String> {
    let mut config = match given.optional("--config")? {
        Some(path) => file::read(path.as_ref())?,
        None => Config::default(),
    };
    config.application_mut().replace(&mut given)?;
    rules(&mut config, &mut given)?;
    if let Some(issuer) = given.optional("--issuer")? {
        if !is_issuer(&issuer) {
            return Err(FLAGS.invalid("--issuer", &issuer));
        }
        // This server is tried out on loopback, without TLS. Use `.set_issuer(..)` in yours.
        config.dangerous_set_issuer_without_tls(issuer);
    }
    if let Some(file) = given.optional("--clients")? {
        config.set_clients(current(file)?);
    }
    if let Some(store) = given.optional("--replay")? {
        // The value is not repeated: it may be a URL with a password.
        let refused = |_| format!("--replay: unknown store: expected {}", FLAGS.expected_of("--replay"));
        config.set_replay(store).map_err(refused)?;
    }
    if given.has("--allow-http-jwks") {
        config.set_allow_http(true);
    }
    if let Some(file) = given.optional("--ca-file")? {
        config.set_ca_file(current(file)?);
    }
    if given.has("--allow-address") {
        config.set_allow_addresses(given.several("--allow-address")?);
    }
    match () {
        () if config.clients().is_none() => Err(given.missing("--clients")),
        () if config.issuer().is_none() => Err(given.missing("--issuer")),
        () => Ok(config),
    }
}

/// Sets the policy and the audiences, which depend on each other.
fn rules(config: &mut Configuration, given: &mut Given) -> Result<(), String> {
    let audiences = match given.has("--audience") {
        true => given.several("--audience"),
        false if config.audiences().next().is_some() => Ok(config.audiences().map(str::to_owned).collect()),
        false => Err(given.missing("--audience")),
    };
    let profile = given.optional("--profile")?;
    if profile.is_some() || config.policy().is_none() {
        let profile = profile.as_deref().unwrap_or("redox");
        let found = profiled(profile, audiences)?;
        let (policy, audiences) = found.ok_or_else(|| FLAGS.invalid("--profile", profile))?;
        config.set_policy(policy);
        config.set_audiences(audiences);
    } else if let Ok(audiences) = audiences {
        config.set_audiences(audiences);
    }
    config.policies_mut().try_for_each(permit_only_client_credentials)
}

/// The handler knows no other grant.
fn permit_only_client_credentials(policy: &mut Policy) -> Result<(), String> {
    let others = policy.grant_types().map(|names| names.filter(|name| *name != "client_credentials").count());
    match others {
        Some(0) => {}
        None => *policy = policy.clone().with_grant_types(&["client_credentials"]),
        Some(_) => {
            let name = policy.name();
            return Err(format!(
                "--config: grant_types of the policy {name}: expected client_credentials and no other"
            ));
        }
    }
    Ok(())
}

/// Paths of flags are relative to the current folder, and those of the file to the file.
fn current(path: String) -> Result<std::path::PathBuf, String> {
    std::path::absolute(&path).map_err(|error| format!("{path:?}: {error}"))
}
