//! `--tenants`: more servers in one process, each below its own path. They share the replay store
//! and the key sets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tower_client_assertion::Verifier;
use tower_client_assertion::event::EventSink;
use tower_client_assertion::jwks::KeySetCache;
use tower_client_assertion::registry::FileRegistry;
use tower_client_assertion::replay::ReplayStore;

use crate::app;
use crate::deployment::clients;
use crate::deployment::profile::{is_issuer, profiled};
use crate::file::Configuration;
use crate::key_set_cache;
use crate::log::log;

/// A server below the path of its name.
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) config: Configuration,
    pub(crate) registry: Arc<FileRegistry>,
    pub(crate) verifier: Verifier,
}

/// What all tenants have in common.
pub(crate) struct Common<'a> {
    pub(crate) config: &'a Configuration,
    pub(crate) cache: &'a KeySetCache,
    pub(crate) replay: &'a Arc<dyn ReplayStore>,
    pub(crate) events: &'a Arc<dyn EventSink>,
}

/// A member of the file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    issuer: String,
    #[serde(default)]
    audience: Vec<String>,
    #[serde(default = "redox")]
    profile: String,
    clients: PathBuf,
}

fn redox() -> String {
    "redox".to_owned()
}

/// Reads the file and opens each tenant. Paths in it are relative to it.
pub(crate) fn open(file: &Path, common: &Common<'_>) -> Result<Vec<Tenant>, String> {
    let about = |problem: String| format!("--tenants: {}: {problem}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| about(format!("cannot be read: {error}")))?;
    let rows: BTreeMap<String, Row> = serde_json::from_str(&text).map_err(|error| about(error.to_string()))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let tenants = rows.into_iter().map(|(name, row)| {
        let described = |problem| about(format!("{name:?}: {problem}"));
        tenant(&name, row, folder, common).map_err(described)
    });
    tenants.collect()
}

fn tenant(name: &str, row: Row, folder: &Path, common: &Common<'_>) -> Result<Tenant, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plain) {
        return Err("a name has 1 to 64 letters, digits, hyphens and underscores of ASCII".to_owned());
    }
    let mut config = common.config.clone();
    if !is_issuer(&row.issuer) {
        return Err(format!("issuer: {:?} is not valid; expected {}", row.issuer, crate::deployment::ISSUER));
    }
    let urls = if row.audience.is_empty() { Err("audience: not set") } else { Ok(row.audience) };
    let expected = format!("profile: {:?} is not valid; expected {}", row.profile, crate::deployment::PROFILES);
    let (policy, urls) = profiled(&row.profile, urls)?.ok_or(expected)?;
    config.set_policy(policy);
    config.set_audiences(urls);
    config.dangerous_set_issuer_without_tls(row.issuer.clone());
    config.set_clients(folder.join(row.clients));
    // SMART limits for how long a key set may be used.
    let own_cache = (row.profile == "smart").then(|| key_set_cache(&config, Arc::clone(common.events))).transpose()?;
    let cache = own_cache.as_ref().unwrap_or(common.cache);
    let registry = config.registry(Some(cache)).map_err(|error| format!("clients: {error}"))?;
    let registry = Arc::new(registry.events(Arc::clone(common.events)));
    let builder = config.verifier(Arc::clone(&registry), Arc::clone(common.replay));
    // A name in the configuration file is that of the server without a path.
    let verifier = app::built(builder.tenant(row.issuer).events(Arc::clone(common.events)))?;
    let unusable = clients::unusable(&registry, verifier.policies());
    unusable.iter().for_each(|(_, line)| log(&format!("{name}: {line}")));
    Ok(Tenant { name: name.to_owned(), config, registry, verifier })
}
