//! The command line. Every refusal is one sentence that names the flag and what is expected.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::Uri;
use tower_client_assertion::policy::{AudienceRule, Policy};

use crate::app::Replay;

/// What was asked for.
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

/// The flag that takes no value.
const ALLOW_HTTP_JWKS: &str = "--allow-http-jwks";

/// The flags that take a value, with what is expected of it.
const FLAGS: [(&str, &str); 7] = [
    ("--listen", "the IP:PORT to listen on, such as 127.0.0.1:8080"),
    ("--clients", "the path of a JSON array of RFC 7591 client metadata"),
    ("--issuer", "the http or https URL of this server, without query and fragment"),
    ("--audience", "a URL that clients put into aud"),
    ("--profile", "redox, smart, fapi2, rfc7523 or oidc"),
    ("--replay", "memory or redis://HOST:PORT"),
    ("--error-uri", "the URL of a page that explains refusals"),
];

impl Args {
    /// `None` if the command line is empty.
    pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Option<Self>, String> {
        let mut given = Given::read(words)?;
        if given.values.is_empty() && !given.allow_http_jwks {
            return Ok(None);
        }
        let profile = given.optional("--profile")?;
        let audiences = given.several("--audience");
        let (policy, audiences) = profiled(profile.as_deref().unwrap_or("redox"), audiences)?;
        Ok(Some(Self {
            listen: listen(given.optional("--listen")?)?,
            clients: given.required("--clients")?.into(),
            issuer: issuer(given.required("--issuer")?)?,
            policy,
            replay: replay(given.optional("--replay")?)?,
            audiences,
            error_uri: given.optional("--error-uri")?,
            allow_http_jwks: given.allow_http_jwks,
        }))
    }
}

/// What stands on the command line, unread.
#[derive(Default)]
struct Given {
    /// By flag.
    values: BTreeMap<&'static str, Vec<String>>,
    allow_http_jwks: bool,
}

impl Given {
    fn read(words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut words = words.map(OsString::into_string);
        let mut given = Self::default();
        while let Some(word) = words.next() {
            let word = word.map_err(not_text)?;
            if word == ALLOW_HTTP_JWKS {
                given.allow_http_jwks = true;
                continue;
            }
            let (flag, expected) = known(&word)?;
            match words.next().transpose().map_err(not_text)? {
                Some(value) if !value.starts_with("--") => given.values.entry(flag).or_default().push(value),
                _ => return Err(format!("{flag}: the value is missing; expected {expected}")),
            }
        }
        Ok(given)
    }

    fn several(&mut self, flag: &'static str) -> Result<Vec<String>, String> {
        self.values.remove(flag).ok_or_else(|| format!("{flag} is missing; expected {}", expected_of(flag)))
    }

    fn optional(&mut self, flag: &'static str) -> Result<Option<String>, String> {
        match self.values.remove(flag) {
            Some(values) if values.len() > 1 => Err(format!("{flag} is given {} times; expected once", values.len())),
            values => Ok(values.into_iter().flatten().next()),
        }
    }

    fn required(&mut self, flag: &'static str) -> Result<String, String> {
        self.optional(flag)?.ok_or_else(|| format!("{flag} is missing; expected {}", expected_of(flag)))
    }
}

fn known(word: &str) -> Result<(&'static str, &'static str), String> {
    let names = || FLAGS.map(|(flag, _)| flag).join(", ");
    let unknown = || format!("{word}: there is no such flag; expected one of {}, {ALLOW_HTTP_JWKS}", names());
    FLAGS.into_iter().find(|(flag, _)| *flag == word).ok_or_else(unknown)
}

fn expected_of(flag: &str) -> &'static str {
    FLAGS.iter().find(|(name, _)| *name == flag).map_or("a value", |(_, expected)| expected)
}

fn not_text(word: OsString) -> String {
    format!("{}: it is not UTF-8; expected flags and values in UTF-8", word.display())
}

fn listen(value: Option<String>) -> Result<SocketAddr, String> {
    let Some(value) = value else { return Ok(SocketAddr::from(([127, 0, 0, 1], 0))) };
    value.parse().map_err(|_| format!("--listen: {value:?} is no address; expected {}", expected_of("--listen")))
}

/// RFC 8414, section 2; `http` is let pass because this server is tried out on loopback.
fn issuer(value: String) -> Result<String, String> {
    let scheme = value.starts_with("https://") || value.starts_with("http://");
    match scheme && !value.contains(['?', '#']) && value.parse::<Uri>().is_ok() {
        true => Ok(value),
        false => Err(format!("--issuer: {value:?} will not do; expected {}", expected_of("--issuer"))),
    }
}

/// The policy of a profile, and the URLs that it accepts in `aud` beside the issuer. This server issues tokens for the client
/// credentials grant alone, whatever the profile leaves open.
fn profiled(name: &str, urls: Result<Vec<String>, String>) -> Result<(Policy, Vec<String>), String> {
    let (policy, urls) = match name {
        "redox" => (Policy::REDOX, urls?),
        "smart" => (Policy::SMART_BACKEND_SERVICES, urls?),
        // FAPI 2.0 accepts the issuer and nothing else.
        "fapi2" => (Policy::FAPI2, Vec::new()),
        "rfc7523" => (rfc7523(urls.is_ok()), urls.unwrap_or_default()),
        "oidc" => (Policy::OIDC, urls.unwrap_or_default()),
        other => {
            return Err(format!("--profile: there is no profile {other:?}; expected {}", expected_of("--profile")));
        }
    };
    Ok((policy.grant_types(&["client_credentials"]), urls))
}

/// Whoever names URLs has clients that do not know the update of 2026 yet.
fn rfc7523(has_urls: bool) -> Policy {
    let policy = Policy::RFC7523.client_secret_jwt();
    if has_urls { policy.dangerous().audience(AudienceRule::IssuerOrUrls) } else { policy }
}

fn replay(value: Option<String>) -> Result<Replay, String> {
    match value {
        None => Ok(Replay::Memory),
        Some(name) if name == "memory" => Ok(Replay::Memory),
        Some(url) if url.starts_with("redis://") || url.starts_with("rediss://") => Ok(Replay::Redis(url)),
        Some(_) => Err(format!("--replay: there is no such store; expected {}", expected_of("--replay"))),
    }
}
