//! A whole configuration from a file: in TOML, JSON, or any other format of serde that describes
//! itself.
//!
//! [`Config`] is [`Deserialize`]. Its members have the names of the methods that they stand for:
//! `max_lifetime` in the table `policy` is [`Policy::with_max_lifetime`], and `cooldown` in
//! `key_sets` is [`KeySetCacheBuilder::cooldown`](crate::jwks::KeySetCacheBuilder::cooldown), where
//! the sources, defaults and bounds are described. Durations are whole seconds, unless the name
//! ends in `_ms`.
//!
//! | member | value |
//! |---|---|
//! | `issuer` | the issuer identifier |
//! | `audiences` | a list of URLs that are accepted in `aud`, where the policy accepts any |
//! | `tenant` | the name under which assertions are spent |
//! | `policy` | `redox`, `smart`, `rfc7523`, `fapi2` or `oidc`; or a table with a `base` of these, the narrowings by the names of [`Policy`]'s methods, and the table `dangerous` with the loosenings. Lists of `algorithms` and `grant_types` with more than the base has belong into `dangerous` too. Default: `rfc7523` |
//! | `policies` | a table of such tables, by the names under which clients refer to them |
//! | `clients` | the path of a [`FileRegistry`]; or a table with `file`, `max_keys` and `max_key_set_bytes` |
//! | `replay` | `memory`, or a `redis://` URL; or a table: with `capacity` and `per_client`, or with `url` (or `urls` of a cluster) and the settings of a Redis store. A Redis store has one in memory in front of it, of `local_capacity` |
//! | `limits` | `body` and `body_timeout` of the layer, `port_timeout`, `slow_replay_ms`, and the members of [`Limits`](crate::policy::Limits) |
//! | `key_sets` | the settings of the [`KeySetCache`]; `allow_http`, which also permits loopback addresses; `allow_http_for`; and the table `dangerous` with `ignore_smart`, without which a policy of the profile `smart` makes the cache [`smart`](crate::jwks::KeySetCacheBuilder::smart) |
//! | `fetch` | `ca_file`, a PEM file of certificate authorities that are trusted in addition; `allow_addresses` and `allow_hosts` |
//! | `overload` | `signature_checks` and `per_client` |
//! | `dangerous` | `issuer_without_tls`, in place of `issuer` |
//!
//! What loosens a policy or the verifier is accepted only in a table called `dangerous`. A member
//! that is `false` must say what is so anyway: `require_jti = false` is an error where the profile
//! requires a `jti`, and `optional_jti = false` in `dangerous` where it does not. The repository
//! has a file with every member and its default: `examples/token_server/reference.toml`.
//!
//! # From a file to a layer
//!
//! ```
//! use tower_client_assertion::{ClientAssertionLayer, Config};
//! use tower_client_assertion::{ConfigError, event};
//!
//! type Layer = Result<ClientAssertionLayer, ConfigError>;
//!
//! async fn layer(config: &Config) -> Layer {
//!     let events = event::sink(|_| {});
//!     let registry = config.registry(None)?;
//!     let replay = config.replay_store(events).await?;
//!     config.layer(config.verifier(registry, replay).build()?)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir();
//! # std::fs::write(folder.join("tower-client-assertion-config.json"), "[]")?;
//! let config: Config = toml::from_str(
//!     r#"
//!     issuer = "https://as.example.com"
//!     clients = "tower-client-assertion-config.json"
//!     replay = "memory"
//!
//!     [policy]
//!     base = "fapi2"
//!     algorithms = ["ES256", "PS256"]
//!     max_lifetime = 120
//!     "#,
//! )?;
//! layer(&config.relative_to(&folder)).await?;
//!
//! let refused = |toml| toml::from_str::<Config>(toml).unwrap_err();
//! let unknown = refused("[policy]\nmax_lifetim = 1");
//! assert!(unknown.message().starts_with(
//!     "policy.max_lifetim: there is no such member; \
//!      did you mean max_lifetime?"
//! ));
//! let loosened = refused("[policy]\noptional_iat = true");
//! assert_eq!(
//!     loosened.message(),
//!     "policy.optional_iat: it loosens the policy; \
//!      put it into the table `dangerous` of the policy",
//! );
//! # std::fs::remove_file(folder.join("tower-client-assertion-config.json"))?;
//! # Ok(())
//! # }
//! ```
//!
//! Clients with a `jwks_uri` need a cache: `config.key_set_cache(config.fetcher()?)?.build()?`, and
//! then `config.registry(Some(&cache))`.
//!
//! # Errors
//!
//! An error names the member with the tables around it, the value, and what was expected. Where it
//! is, the format says: `toml` gives a span, `serde_json` a line and a column. Unknown members are
//! refused. No message of this crate contains the URL of a Redis store, which may have a password.
//! **An error of `toml` displays the line of the file**, so log its `message()` and the line number
//! of its `span()`, and not the error itself.
//!
//! # Members of the application
//!
//! `Config<A>` reads the members of `A` from the same table. Members of neither are refused. `A` is
//! a struct that derives [`Deserialize`], without `flatten`:
//!
//! ```
//! use std::net::SocketAddr;
//! use tower_client_assertion::Config;
//!
//! #[derive(Debug, serde::Deserialize)]
//! struct Application {
//!     listen: SocketAddr,
//! }
//!
//! let read = |json| serde_json::from_str::<Config<Application>>(json);
//! let config = read(
//!     r#"{"listen": "127.0.0.1:80", "tenant": "example"}"#,
//! )?;
//! assert_eq!(config.application().listen.port(), 80);
//!
//! let misspelt = read(
//!     r#"{"listen": "127.0.0.1:80", "tenent": "example"}"#,
//! );
//! let error = misspelt.unwrap_err();
//! assert_eq!((error.line(), error.column()), (1, 35));
//! # Ok::<(), serde_json::Error>(())
//! ```

mod application;
mod apply;
mod clients;
mod key_sets;
mod limits;
mod loosened;
mod open;
mod path;
mod policy;
#[cfg(all(test, feature = "jwks-client", feature = "redis"))]
mod reference;
#[cfg_attr(
    not(feature = "redis-no-provider"),
    expect(dead_code, reason = "the settings of a Redis store are read, and then refused")
)]
mod replay;
mod root;
mod table;
#[cfg_attr(
    not(feature = "redis-no-provider"),
    expect(dead_code, reason = "the settings of a Redis store are read, and then refused")
)]
mod value;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

use self::application::Whole;
use self::clients::Clients;
use self::key_sets::{FetchTable, KeySetsTable};
use self::replay::Replay;
use self::root::{Audience, Dangerous, Issuer, IssuerWithoutTls, Root};
use self::value::{File, Flag, List, Text};
use crate::config_error::ConfigError;
#[cfg(doc)]
use crate::jwks::KeySetCache;
use crate::policy::Policy;
#[cfg(doc)]
use crate::registry::FileRegistry;

/// A configuration that is read from a file. See the [module](self) for its members.
///
/// `A` has the members of the application. A program can replace what the file says, for example by
/// flags of its command line, with the methods that begin with `set_`.
#[derive(Clone, Debug, Default)]
pub struct Config<A = ()> {
    root: Root,
    folder: Option<PathBuf>,
    application: A,
}

impl<'de, A: Deserialize<'de>> Deserialize<'de> for Config<A> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (root, application) = from.deserialize_map(Whole::<A>::NEW)?;
        Ok(Self { root, folder: None, application })
    }
}

impl<A> Config<A> {
    /// Resolves relative paths against this folder, which is usually that of the file. Default: the
    /// current folder of the process.
    #[must_use]
    pub fn relative_to(self, folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), ..self }
    }

    /// Returns the members of the application.
    pub fn application(&self) -> &A {
        &self.application
    }

    /// Returns the members of the application, to replace what the file says.
    pub fn application_mut(&mut self) -> &mut A {
        &mut self.application
    }

    /// Returns the issuer identifier.
    pub fn issuer(&self) -> Option<&str> {
        let without_tls = self.root.dangerous.as_ref().and_then(|table| table.issuer_without_tls.as_ref());
        let issuer = self.root.issuer.as_ref().map(|Issuer(issuer)| &**issuer);
        issuer.or_else(|| without_tls.map(|IssuerWithoutTls(issuer)| &**issuer))
    }

    /// Returns the URLs that are accepted in `aud`.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        self.root.audiences.iter().flat_map(|List(audiences)| audiences).map(|Audience(audience)| &**audience)
    }

    /// Returns the policy of all clients that are not registered under another one, if it is set.
    pub fn policy(&self) -> Option<&Policy> {
        self.root.policy.as_ref()
    }

    /// Returns the path of the file of clients.
    pub fn clients(&self) -> Option<PathBuf> {
        self.root.clients.as_ref().map(|clients| self.path(&clients.file))
    }

    /// Replaces the issuer identifier, whether it had TLS or not. It is judged when the verifier is
    /// built.
    pub fn set_issuer(&mut self, issuer: impl Into<String>) {
        self.root.dangerous = None;
        self.root.issuer = Some(Issuer(issuer.into()));
    }

    /// Replaces the issuer identifier by one that may be an `http` URL: see
    /// [`issuer_without_tls`](crate::DangerousVerifierBuilder::issuer_without_tls).
    pub fn dangerous_set_issuer_without_tls(&mut self, issuer: impl Into<String>) {
        self.root.issuer = None;
        self.root.dangerous = Some(Dangerous { issuer_without_tls: Some(IssuerWithoutTls(issuer.into())) });
    }

    /// Replaces the URLs that are accepted in `aud`. They are judged when the verifier is built.
    pub fn set_audiences<T: Into<String>>(&mut self, audiences: impl IntoIterator<Item = T>) {
        self.root.audiences = Some(List(audiences.into_iter().map(|audience| Audience(audience.into())).collect()));
    }

    /// Replaces the policy. It is judged when the verifier is built.
    pub fn set_policy(&mut self, policy: Policy) {
        self.root.policy = Some(policy);
    }

    /// Replaces the file of clients.
    pub fn set_clients(&mut self, file: impl Into<PathBuf>) {
        self.root.clients = Some(Clients::of(file.into()));
    }

    /// Replaces the replay store: `memory`, or a `redis://` URL.
    ///
    /// # Errors
    ///
    /// The text is neither, or the program was built without the feature `redis`.
    pub fn set_replay(&mut self, store: impl Into<String>) -> Result<(), ConfigError> {
        let replay = Replay::of_text(path::Path::ROOT, store.into());
        self.root.replay = Some(replay.map_err(|problem| ConfigError::Member { member: "replay", problem })?);
        Ok(())
    }

    /// Replaces `key_sets.allow_http`.
    pub fn set_allow_http(&mut self, allow: bool) {
        self.root.key_sets.get_or_insert_with(KeySetsTable::default).allow_http = Some(Flag(allow));
    }

    /// Replaces `fetch.ca_file`.
    pub fn set_ca_file(&mut self, pem: impl Into<PathBuf>) {
        self.root.fetch.get_or_insert_with(FetchTable::default).ca_file = Some(File(pem.into()));
    }

    /// Replaces `fetch.allow_addresses`. They are judged when the cache is built.
    pub fn set_allow_addresses<T: Into<String>>(&mut self, ranges: impl IntoIterator<Item = T>) {
        let ranges = ranges.into_iter().map(|range| Text(range.into())).collect();
        self.root.fetch.get_or_insert_with(FetchTable::default).allow_addresses = Some(List(ranges));
    }

    /// Returns all policies, so that a program can narrow each: that of all other clients first.
    pub fn policies_mut(&mut self) -> impl Iterator<Item = &mut Policy> {
        let first = self.root.policy.get_or_insert(Policy::RFC7523);
        let others = self.root.policies.iter_mut().flat_map(|policies| &mut policies.0);
        std::iter::once(first).chain(others)
    }

    fn path(&self, file: &Path) -> PathBuf {
        self.folder.as_ref().map_or_else(|| file.to_owned(), |folder| folder.join(file))
    }
}
