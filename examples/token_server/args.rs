//! The command line. An error is one line: the flag, its value, and what was expected.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::Uri;
use tower_client_assertion::policy::{AudienceRule, Policy};

use crate::app::Replay;

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

/// The only flag without a value.
const ALLOW_HTTP_JWKS: &str = "--allow-http-jwks";

/// The flags that take a value, and what is expected as the value.
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
    /// Parses the command line. Returns `None` if it is empty.
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

/// The values on the command line, as given.
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
                _ => return Err(format!("{flag}: no value: expected {expected}")),
            }
        }
        Ok(given)
    }

    fn several(&mut self, flag: &'static str) -> Result<Vec<String>, String> {
        self.values.remove(flag).ok_or_else(|| missing(flag))
    }

    fn optional(&mut self, flag: &'static str) -> Result<Option<String>, String> {
        match self.values.remove(flag) {
            Some(values) if values.len() > 1 => Err(format!("{flag}: given {} times: expected once", values.len())),
            values => Ok(values.into_iter().flatten().next()),
        }
    }

    fn required(&mut self, flag: &'static str) -> Result<String, String> {
        self.optional(flag)?.ok_or_else(|| missing(flag))
    }
}

fn known(word: &str) -> Result<(&'static str, &'static str), String> {
    let names = || FLAGS.map(|(flag, _)| flag).join(", ");
    let unknown = || format!("{word}: unknown flag: expected one of {}, {ALLOW_HTTP_JWKS}", names());
    FLAGS.into_iter().find(|(flag, _)| *flag == word).ok_or_else(unknown)
}

fn expected_of(flag: &str) -> &'static str {
    FLAGS.iter().find(|(name, _)| *name == flag).map_or("a value", |(_, expected)| expected)
}

fn not_text(word: OsString) -> String {
    format!("{}: not UTF-8: expected flags and values in UTF-8", word.display())
}

fn missing(flag: &str) -> String {
    format!("{flag}: missing: expected {}", expected_of(flag))
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
