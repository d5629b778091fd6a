//! The parts that a configuration describes.

use std::path::Path;
use std::sync::Arc;

use super::Config;
use super::clients::Clients;
use super::key_sets::{Undoes, guard};
use super::limits::{LimitsTable, Overload};
use super::policy::Policies;
use super::replay::Replay;
#[cfg(feature = "redis-no-provider")]
use super::replay::{CAPACITY, ReplayTable};
use super::root::{Audience, IssuerWithoutTls, Root};
#[cfg(any(feature = "jwks-client", feature = "redis-no-provider"))]
use super::value::File;
use super::value::{AnyMillis, Count, List, Secs, Text};
#[cfg(feature = "redis-no-provider")]
use super::value::{Millis, RedisUrl, Replicas, Set};
use crate::config_error::ConfigError;
use crate::event::EventSink;
#[cfg(feature = "jwks-client")]
use crate::jwks::HyperFetch;
use crate::jwks::{JwksFetch, KeySetCache, KeySetCacheBuilder};
use crate::layer::ClientAssertionLayer;
use crate::policy::Policy;
use crate::registry::{ClientReader, ClientRegistry, FileRegistry};
use crate::replay::{MemoryReplay, ReplayStore};
#[cfg(feature = "redis-no-provider")]
use crate::replay::{RedisReplay, RedisReplayBuilder, ReplayConfigError, TieredReplay};
use crate::verifier::{Verifier, VerifierBuilder};

/// The parts.
impl<A> Config<A> {
    /// Returns a client that fetches key sets: it trusts the certificates of the platform, or those
    /// that this crate was built with if the platform has none, and those of `fetch.ca_file`.
    ///
    /// # Errors
    ///
    /// `fetch.ca_file` cannot be read, or has no valid certificate.
    #[cfg(feature = "jwks-client")]
    pub fn fetcher(&self) -> Result<HyperFetch, ConfigError> {
        match self.root.fetch.as_ref().and_then(|table| table.ca_file.as_ref()) {
            Some(File(file)) => Ok(HyperFetch::with_platform_roots_and(&self.read("fetch.ca_file", file)?)?),
            None => Ok(HyperFetch::with_platform_roots().unwrap_or_else(|_| HyperFetch::with_webpki_roots())),
        }
    }

    /// Configures a cache of the key sets that `fetch` fetches, with the tables `key_sets` and
    /// `fetch`. If a policy is based on the profile of SMART, it is
    /// [`smart`](KeySetCacheBuilder::smart) unless `key_sets.dangerous.ignore_smart` is `true`.
    ///
    /// # Errors
    ///
    /// A range of addresses or a host that was [set](Self::set_allow_addresses) is not valid, or a
    /// policy that was [set](Self::set_policy) is based on the profile of SMART, and `key_sets` has a
    /// member that undoes its rules.
    pub fn key_set_cache(&self, fetch: impl JwksFetch) -> Result<KeySetCacheBuilder, ConfigError> {
        let key_sets = self.root.key_sets.clone().unwrap_or_default();
        let is_smart = key_sets.is_smart(self.root.has_smart_policy());
        let is_smart =
            is_smart.map_err(|Undoes { member, why }| ConfigError::Member { member, problem: why.into() })?;
        let guard = guard(&key_sets, &self.root.fetch.clone().unwrap_or_default())?;
        Ok(key_sets.cache(fetch, is_smart).guard(guard))
    }

    /// Loads the clients, which may have a `jwks_uri` if there is a cache. This blocks, so do it
    /// before you serve.
    ///
    /// # Errors
    ///
    /// There is no member `clients`, or its file cannot be loaded.
    pub fn registry(&self, cache: Option<&KeySetCache>) -> Result<FileRegistry, ConfigError> {
        let Some(clients) = &self.root.clients else {
            let problem = "missing; use the path of a JSON array of client metadata".to_owned();
            return Err(ConfigError::Member { member: "clients", problem });
        };
        let reader = match cache {
            Some(cache) => self.reader(clients).key_set_cache(cache),
            None => self.reader(clients),
        };
        Ok(FileRegistry::load_with_reader(self.path(&clients.file), reader)?)
    }

    pub(super) fn reader(&self, clients: &Clients) -> ClientReader {
        let mut reader = ClientReader::new().limits(self.limits().limits());
        if let Some(keys) = clients.max_keys {
            reader = reader.max_keys(keys);
        }
        if let Some(bytes) = clients.max_key_set_bytes {
            reader = reader.max_key_set_bytes(bytes);
        }
        reader
    }

    /// Opens the replay store, which reports to `events`. A store on Redis is connected to, and has
    /// a [store in memory](crate::replay::TieredReplay) in front of it. A store in memory does not
    /// wait.
    ///
    /// # Errors
    ///
    /// The store cannot be created as configured, or cannot be reached.
    pub async fn replay_store(&self, events: impl EventSink) -> Result<Arc<dyn ReplayStore>, ConfigError> {
        let events: Arc<dyn EventSink> = Arc::new(events);
        match self.root.replay.clone().unwrap_or_default() {
            Replay::Memory { capacity, per_client } => {
                let store = MemoryReplay::new(capacity)?.events(events);
                match per_client {
                    Some(count) => Ok(Arc::new(store.per_client(count)?)),
                    None => Ok(Arc::new(store)),
                }
            }
            #[cfg(feature = "redis-no-provider")]
            Replay::Redis(table) => {
                let local = local_store(&table)?.events(Arc::clone(&events));
                let shared = self.redis(*table)?.events(events).connect().await?;
                Ok(Arc::new(TieredReplay::new(local, shared)))
            }
            // No feature, no such store.
            #[cfg(not(feature = "redis-no-provider"))]
            Replay::Redis(_) => {
                let problem = "a Redis store needs the feature redis of tower-client-assertion".to_owned();
                Err(ConfigError::Member { member: "replay", problem })
            }
        }
    }

    #[cfg(feature = "redis-no-provider")]
    pub(super) fn redis(&self, table: ReplayTable) -> Result<RedisReplayBuilder, ConfigError> {
        use std::time::Duration;

        let urls = table.urls.map(|List(urls)| urls.into_iter().map(|RedisUrl(url)| url).collect::<Vec<_>>());
        let mut builder = match (table.url, urls) {
            (Some(RedisUrl(url)), _) => RedisReplay::standalone(url),
            (None, urls) => RedisReplay::cluster(urls.unwrap_or_default()),
        };
        if let Some(Text(prefix)) = table.prefix {
            builder = builder.prefix(prefix);
        }
        if let Some(Text(prefix)) = table.previous_prefix {
            builder = builder.previous_prefix(prefix);
        }
        let times: [(Option<Duration>, Set<RedisReplayBuilder, Duration>); 3] = [
            (table.clock_margin.map(|Secs(time)| time), RedisReplayBuilder::clock_margin),
            (table.connect_timeout_ms.map(|Millis(time)| time), RedisReplayBuilder::connect_timeout),
            (table.command_timeout_ms.map(|Millis(time)| time), RedisReplayBuilder::command_timeout),
        ];
        let counts: [(Option<Count>, Set<RedisReplayBuilder, usize>); 3] = [
            (table.max_in_flight, RedisReplayBuilder::max_in_flight),
            (table.connections, RedisReplayBuilder::connections),
            (table.per_client, RedisReplayBuilder::per_client),
        ];
        for (given, set) in times {
            builder = given.into_iter().fold(builder, set);
        }
        for (given, set) in counts {
            builder = given.into_iter().fold(builder, |builder, Count(count)| set(builder, count));
        }
        if let (Some(Replicas(count)), Some(Millis(timeout))) = (table.wait_replicas, table.wait_replicas_timeout_ms) {
            builder = builder.wait_replicas(count, timeout);
        }
        if let Some(File(file)) = table.root_certificates {
            builder = builder.root_certificates(self.read("replay.root_certificates", &file)?);
        }
        Ok(builder)
    }

    /// Configures a verifier of these clients and this store.
    pub fn verifier(&self, registry: impl ClientRegistry, replay: impl ReplayStore) -> VerifierBuilder {
        let Root { issuer, audiences, tenant, policy, policies, overload, dangerous, .. } = &self.root;
        let mut builder = Verifier::builder(policy.clone().unwrap_or(Policy::RFC7523), registry, replay);
        if let Some(issuer) = issuer {
            builder = builder.issuer(&*issuer.0);
        }
        if let Some(IssuerWithoutTls(issuer)) = dangerous.as_ref().and_then(|table| table.issuer_without_tls.as_ref()) {
            builder = builder.dangerous().issuer_without_tls(issuer);
        }
        for Audience(audience) in audiences.iter().flat_map(|List(audiences)| audiences) {
            builder = builder.audience(audience);
        }
        for policy in policies.iter().flat_map(|Policies(policies)| policies) {
            builder = builder.client_policy(policy.clone());
        }
        if let Some(Text(tenant)) = tenant {
            builder = builder.tenant(tenant);
        }
        if let Some(Overload(checks)) = overload {
            builder = builder.signature_checks(checks.clone());
        }
        let limits = self.limits();
        if let Some(Secs(timeout)) = limits.port_timeout {
            builder = builder.port_timeout(timeout);
        }
        if let Some(AnyMillis(time)) = limits.slow_replay_ms {
            builder = builder.slow_replay(time);
        }
        builder.limits(limits.limits())
    }

    /// Creates a layer for this verifier, with `limits.body` and `limits.body_timeout`.
    ///
    /// # Errors
    ///
    /// A limit is not valid for the layer.
    pub fn layer(&self, verifier: impl Into<Arc<Verifier>>) -> Result<ClientAssertionLayer, ConfigError> {
        let limits = self.limits();
        let mut layer = ClientAssertionLayer::new(verifier);
        if let Some(Count(bytes)) = limits.body {
            layer = layer.body_limit(bytes)?;
        }
        if let Some(Secs(timeout)) = limits.body_timeout {
            layer = layer.body_timeout(timeout)?;
        }
        Ok(layer)
    }

    fn limits(&self) -> LimitsTable {
        self.root.limits.clone().unwrap_or_default()
    }

    /// Reads the file that a member names.
    #[cfg_attr(not(any(feature = "jwks-client", feature = "redis-no-provider")), expect(dead_code))]
    fn read(&self, member: &'static str, file: &Path) -> Result<Vec<u8>, ConfigError> {
        let file = self.path(file);
        std::fs::read(&file).map_err(|error| {
            let problem = format!("{} cannot be read: {error}", file.display());
            ConfigError::Member { member, problem }
        })
    }
}

/// Creates the store in front of the one on Redis. One client may have as many assertions in both:
/// the smaller number would count.
#[cfg(feature = "redis-no-provider")]
pub(super) fn local_store(table: &ReplayTable) -> Result<MemoryReplay, ReplayConfigError> {
    let store = MemoryReplay::new(table.local_capacity.as_ref().map_or(CAPACITY, |Count(capacity)| *capacity))?;
    store.per_client(table.per_client.as_ref().map_or(RedisReplay::PER_CLIENT, |Count(count)| *count))
}
