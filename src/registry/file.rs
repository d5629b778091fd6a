//! Clients from a file: a JSON array of client metadata (RFC 7591, section 2), reloaded as a whole or not at all.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{Client, ClientRegistry, Found};
use crate::algorithm::Algorithm;
use crate::clock::UnixTime;
use crate::config::ConfigError;
use crate::identity::{AuthMethod, ClientId};
use crate::jwks::{JwksUrl, KeySetCache, KeySource};
use crate::keys::{KeySet, read_object};
use crate::port::Answer;
use crate::secret::ClientSecret;

/// A registry of the clients of a file.
///
/// Each member of the array is one client's metadata: `client_id`, `jwks` or `jwks_uri`, and optionally `token_endpoint_auth_method`
/// (`private_key_jwt`, which is also the default here: RFC 7591's own, `client_secret_basic`, is not for us),
/// `token_endpoint_auth_signing_alg` and `scope`. With the method `client_secret_jwt`, a `client_secret` takes the place of
/// `jwks`, until `client_secret_expires_at` if that is there and not zero. A member `client_assertion_policy`, which is ours, names the [policy](Client::policy) that the client is judged by. A client that cannot be used as it is registered is
/// listed in [`problems`](Self::problems) and refused when it comes; the others are not affected. Where an id occurs twice,
/// neither entry is used.
///
/// ```
/// use tower_client_assertion::registry::FileRegistry;
///
/// let path = std::env::temp_dir().join("tower-client-assertion-doc-clients.json");
/// std::fs::write(&path, r#"[
///     {"client_id":"clinic-7","jwks":{"keys":[
///         {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}},
///     {"client_id":"clinic-8"}
/// ]"#)?;
/// let registry = FileRegistry::load(&path)?;
///
/// assert_eq!(registry.clients().len(), 2);
/// assert_eq!(
///     registry.problems()[0].to_string(),
///     r#"client 1 ("clinic-8"): jwks: it is missing; register the client's public keys there, or their URL as jwks_uri"#,
/// );
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileRegistry {
    path: PathBuf,
    cache: Option<KeySetCache>,
    loaded: ArcSwap<Loaded>,
    /// Held while reloading, lest an older content come last.
    reloading: Mutex<()>,
}

impl FileRegistry {
    /// Reads the file. This blocks; do it before you serve. Clients with a `jwks_uri` cannot be
    /// used; for these see [`load_with`](Self::load_with).
    ///
    /// # Errors
    ///
    /// The file cannot be read, is not valid JSON, or is not an array.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::read(path.as_ref(), None)
    }

    /// Like [`load`](Self::load), with clients whose `jwks_uri` `cache` may fetch. Nothing is fetched yet; see
    /// [`prefetch`](KeySetCache::prefetch).
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    pub fn load_with(path: impl AsRef<Path>, cache: &KeySetCache) -> Result<Self, ConfigError> {
        Self::read(path.as_ref(), Some(cache.clone()))
    }

    fn read(path: &Path, cache: Option<KeySetCache>) -> Result<Self, ConfigError> {
        let loaded = ArcSwap::from_pointee(Loaded::read(path, cache.as_ref())?);
        Ok(Self { path: path.to_owned(), cache, loaded, reloading: Mutex::default() })
    }

    /// Reads the file again and replaces all clients at once. Requests go on meanwhile. This blocks; in async code, call it
    /// from a blocking thread.
    ///
    /// What was fetched from a `jwks_uri` stays, if the client and its URL are in the file as before; else it is forgotten.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load); the clients stay as they were.
    pub fn reload(&self) -> Result<(), ConfigError> {
        let _alone = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let new = Arc::new(Loaded::read(&self.path, self.cache.as_ref())?);
        let old = self.loaded.swap(Arc::clone(&new));
        let sources = old.clients.values().filter_map(|client| client.key_source());
        sources.filter(|source| !new.fetches_from(source)).for_each(KeySource::invalidate);
        drop_last(old);
        Ok(())
    }

    /// What is wrong with single clients, in the order of the file.
    pub fn problems(&self) -> Vec<ClientProblem> {
        self.loaded.load().problems.clone()
    }

    /// The clients, in no particular order; those that cannot be used have no keys.
    pub fn clients(&self) -> Vec<Arc<Client>> {
        self.loaded.load().clients.values().cloned().collect()
    }
}

/// Waits for those who are still looking, so that it is not a request that frees a million clients.
fn drop_last(mut old: Arc<Loaded>) {
    while let Err(shared) = Arc::try_unwrap(old) {
        old = shared;
        std::thread::yield_now();
    }
}

impl ClientRegistry for FileRegistry {
    fn find(&self, client_id: &str) -> Answer<Found> {
        Answer::Ready(Ok(self.loaded.load().clients.get(client_id).cloned()))
    }
}

/// Why a client of a file cannot be used, or which of its keys cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientProblem {
    index: usize,
    client_id: Option<String>,
    member: &'static str,
    why: String,
    unusable: bool,
}

impl ClientProblem {
    /// Where the client stands in the array, counted from zero.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The client's id, where it could be read.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// The metadata member that is at fault.
    pub fn member(&self) -> &'static str {
        self.member
    }

    /// Whether the client is refused because of it. Else only one of its keys is skipped.
    pub fn is_unusable(&self) -> bool {
        self.unusable
    }
}

impl fmt::Display for ClientProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, client_id, member, why, .. } = self;
        match client_id {
            Some(client_id) => write!(f, "client {index} ({client_id:?}): {member}: {why}"),
            None => write!(f, "client {index}: {member}: {why}"),
        }
    }
}

#[derive(Debug, Default)]
struct Loaded {
    clients: HashMap<ClientId, Arc<Client>>,
    problems: Vec<ClientProblem>,
}

impl Loaded {
    fn read(path: &Path, cache: Option<&KeySetCache>) -> Result<Self, ConfigError> {
        let unreadable = |cause| ConfigError::ClientFileUnreadable { path: path.to_owned(), cause: Arc::new(cause) };
        // It may hold secrets.
        let text = Zeroizing::new(std::fs::read(path).map_err(unreadable)?);
        // The parser's own message is left out: it may quote a secret.
        let json: &RawValue = serde_json::from_slice(&text).map_err(|error| ConfigError::ClientFileNotJson {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
        })?;
        let not_an_array = |_| ConfigError::ClientFileNotAnArray { path: path.to_owned() };
        let entries: Vec<&RawValue> = serde_json::from_str(json.get()).map_err(not_an_array)?;
        let mut loaded = Self::default();
        for (index, entry) in entries.iter().enumerate() {
            loaded.add(index, entry, cache);
        }
        Ok(loaded)
    }

    fn fetches_from(&self, source: &KeySource) -> bool {
        let same = |other: &KeySource| other.url() == source.url();
        self.clients.get(source.client_id()).and_then(|client| client.key_source()).is_some_and(same)
    }

    fn add(&mut self, index: usize, entry: &RawValue, cache: Option<&KeySetCache>) {
        let problem = |client_id, (member, why)| ClientProblem { index, client_id, member, why, unusable: true };
        let metadata = match read_object::<Metadata<'_>>(entry) {
            Some(metadata) => metadata,
            None => {
                let why = "it is not a JSON object whose members occur once each".to_owned();
                return self.problems.push(problem(None, ("metadata", why)));
            }
        };
        let unusable = match metadata.id().map(|id| (Client::unusable(&id), id)) {
            Ok((Ok(client), _)) => client,
            Ok((Err(_), id)) => {
                let why = "it is empty or not printable ASCII (RFC 6749, appendix A.1)".to_owned();
                return self.problems.push(problem(Some(id), ("client_id", why)));
            }
            Err(fault) => return self.problems.push(problem(None, fault)),
        };
        let id = unusable.id().clone();
        let client = metadata.client(&id, cache).unwrap_or_else(|fault| {
            self.problems.push(problem(Some(id.to_string()), fault));
            metadata.policy().into_iter().flatten().fold(unusable.clone(), |client, policy| client.policy(&policy))
        });
        for key in client.keys().map(KeySet::skipped).unwrap_or_default() {
            let kid = key.key_id().map(|kid| format!(" ({kid:?})")).unwrap_or_default();
            let why = format!("key {}{kid} is skipped: {}", key.index(), key.reason());
            self.problems.push(ClientProblem { unusable: false, ..problem(Some(id.to_string()), ("jwks", why)) });
        }
        if self.clients.insert(id.clone(), Arc::new(client)).is_some() {
            let why = "another client of the file has this id too; neither is used".to_owned();
            self.problems.push(problem(Some(id.to_string()), ("client_id", why)));
            self.clients.insert(id, Arc::new(unusable));
        }
    }
}

/// The members of RFC 7591 that concern us, still unread: each is judged by itself, so that a problem can name it.
#[derive(serde::Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    client_id: Option<&'a RawValue>,
    jwks: Option<&'a RawValue>,
    jwks_uri: Option<&'a RawValue>,
    client_secret: Option<&'a RawValue>,
    client_secret_expires_at: Option<&'a RawValue>,
    client_assertion_policy: Option<&'a RawValue>,
    token_endpoint_auth_method: Option<&'a RawValue>,
    token_endpoint_auth_signing_alg: Option<&'a RawValue>,
    scope: Option<&'a RawValue>,
}

const JWKS_URI: &str = "jwks_uri";
const SIGNING_ALG: &str = "token_endpoint_auth_signing_alg";

/// The member at fault, and why.
type Fault = (&'static str, String);

impl Metadata<'_> {
    fn id(&self) -> Result<String, Fault> {
        let missing = || ("client_id", "it is missing".to_owned());
        text("client_id", self.client_id)?.ok_or_else(missing)
    }

    fn client(&self, id: &ClientId, cache: Option<&KeySetCache>) -> Result<Client, Fault> {
        let signing_alg = self.signing_alg()?;
        let scope = text("scope", self.scope)?;
        let policy = self.policy()?;
        let mut client = match self.method()? {
            AuthMethod::PrivateKeyJwt => self.client_with_keys(id, cache)?,
            AuthMethod::ClientSecretJwt => self.client_with_secret(id)?,
        };
        if let Some(algorithm) = signing_alg {
            let unusable = |_| (SIGNING_ALG, "nothing that the client registered can verify it".to_owned());
            client = client.signing_alg(algorithm).map_err(unusable)?;
        }
        let client = scope.iter().fold(client, |client, scope| client.scope(scope));
        Ok(policy.iter().fold(client, |client, policy| client.policy(policy)))
    }

    fn policy(&self) -> Result<Option<String>, Fault> {
        text("client_assertion_policy", self.client_assertion_policy)
    }

    fn method(&self) -> Result<AuthMethod, Fault> {
        const MEMBER: &str = "token_endpoint_auth_method";
        match text(MEMBER, self.token_endpoint_auth_method)?.as_deref() {
            None | Some("private_key_jwt") => Ok(AuthMethod::PrivateKeyJwt),
            Some("client_secret_jwt") => Ok(AuthMethod::ClientSecretJwt),
            Some(_) => Err((MEMBER, "it is neither private_key_jwt nor client_secret_jwt".to_owned())),
        }
    }

    fn client_with_keys(&self, id: &ClientId, cache: Option<&KeySetCache>) -> Result<Client, Fault> {
        if let Some(url) = text(JWKS_URI, self.jwks_uri)? {
            return self.client_with_url(id, &url, cache);
        }
        let keys = self.keys()?;
        if keys.is_empty() {
            return Err(("jwks", no_usable_key(&keys)));
        }
        Client::new(id.as_str(), keys).map_err(|error| ("jwks", error.to_string()))
    }

    /// Never both (RFC 7591, section 2).
    fn client_with_url(&self, id: &ClientId, url: &str, cache: Option<&KeySetCache>) -> Result<Client, Fault> {
        let fault = |why: &str| (JWKS_URI, why.to_owned());
        if self.jwks.is_some() {
            return Err(fault("jwks is there too; register the one or the other"));
        }
        let cache =
            cache.ok_or_else(|| fault("this registry was loaded without a key set cache; load it with FileRegistry::load_with, or register the keys themselves as jwks"))?;
        let url = JwksUrl::parse(url).map_err(|error| (JWKS_URI, error.to_string()))?;
        Client::with_key_set_url(id.as_str(), &url, cache).map_err(|error| match error {
            ConfigError::InvalidKeySetUrl { error, .. } => (JWKS_URI, error.to_string()),
            other => (JWKS_URI, other.to_string()),
        })
    }

    fn client_with_secret(&self, id: &ClientId) -> Result<Client, Fault> {
        const MEMBER: &str = "client_secret";
        let missing = || (MEMBER, "it is missing; client_secret_jwt needs one".to_owned());
        let secret = Zeroizing::new(text(MEMBER, self.client_secret)?.ok_or_else(missing)?);
        let short = |_| (MEMBER, format!("it has {} bytes; HS256 needs 32 or more", secret.len()));
        let secret = ClientSecret::new(&secret).map_err(short)?;
        let secret = self.secret_expiry()?.into_iter().fold(secret, ClientSecret::expires_at);
        Client::with_secret(id.as_str(), secret).map_err(|error| (MEMBER, error.to_string()))
    }

    /// Zero says that it does not expire (RFC 7591, section 3.2.1).
    fn secret_expiry(&self) -> Result<Option<UnixTime>, Fault> {
        let Some(value) = self.client_secret_expires_at else { return Ok(None) };
        let no_time = |_| ("client_secret_expires_at", "it is not a whole number of seconds since 1970".to_owned());
        let secs: u64 = serde_json::from_str(value.get()).map_err(no_time)?;
        Ok((secs != 0).then_some(UnixTime::from_secs(secs)))
    }

    fn signing_alg(&self) -> Result<Option<Algorithm>, Fault> {
        let Some(name) = text(SIGNING_ALG, self.token_endpoint_auth_signing_alg)? else { return Ok(None) };
        let unknown = || (SIGNING_ALG, "it is not an algorithm that we verify".to_owned());
        Algorithm::from_name(&name).map(Some).ok_or_else(unknown)
    }

    fn keys(&self) -> Result<KeySet, Fault> {
        let missing =
            || ("jwks", "it is missing; register the client's public keys there, or their URL as jwks_uri".to_owned());
        let jwks = self.jwks.ok_or_else(missing)?;
        KeySet::parse(jwks.get().as_bytes()).map_err(|error| ("jwks", error.to_string()))
    }
}

fn no_usable_key(keys: &KeySet) -> String {
    let reasons = keys.skipped().iter().map(|key| format!("; key {}: {}", key.index(), key.reason()));
    std::iter::once("it has no usable key".to_owned()).chain(reasons).collect()
}

fn text(member: &'static str, value: Option<&RawValue>) -> Result<Option<String>, Fault> {
    let Some(value) = value else { return Ok(None) };
    let text = serde_json::from_str(value.get()).map_err(|_| (member, "it is not a string".to_owned()))?;
    Ok(Some(text))
}
