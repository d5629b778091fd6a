//! The metadata of one client (RFC 7591, section 2), judged member by member.
//!
//! A member that is `null`, `""` or `[]` counts as left out: servers write these for what a client
//! did not register. Nothing is loosened by that. A member that is left out has its ordinary
//! default, and a client without keys and secret stays refused.

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::others::Others;
use super::{AuthMethod, Client, ClientError, ClientId};
use crate::clock::UnixTime;
use crate::jose::algorithm::Algorithm;
use crate::jose::keys::{KeySet, MAX_BYTES, MAX_KEYS};
use crate::jose::member::{Member, Members, is_empty, json_type, object, read_object};
use crate::jose::secret::ClientSecret;
use crate::jwks::{JwksUrl, KeySetCache};
use crate::policy::Limits;

object! {
    /// The members that matter here, not parsed yet. Each is judged separately, so that a problem
    /// can name it.
    pub(crate) struct Metadata {
        client_id = "client_id",
        jwks = "jwks",
        jwks_uri = "jwks_uri",
        client_secret = "client_secret",
        client_secret_expires_at = "client_secret_expires_at",
        client_assertion_policy = "client_assertion_policy",
        token_endpoint_auth_method = "token_endpoint_auth_method",
        token_endpoint_auth_signing_alg = "token_endpoint_auth_signing_alg",
        scope = "scope",
    }
}

/// What metadata is read with.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// Fetches from `jwks_uri`.
    pub(crate) cache: Option<KeySetCache>,
    pub(crate) max_key_set_bytes: usize,
    pub(crate) max_keys: usize,
    pub(crate) limits: Limits,
}

impl Default for Reading {
    fn default() -> Self {
        Self { cache: None, max_key_set_bytes: MAX_BYTES, max_keys: MAX_KEYS, limits: Limits::default() }
    }
}

const CLIENT_ID: &str = "client_id";
const JWKS: &str = "jwks";
const JWKS_URI: &str = "jwks_uri";
const SIGNING_ALG: &str = "token_endpoint_auth_signing_alg";

/// The member that is wrong, and why.
pub(crate) type Fault = (&'static str, String);

/// Metadata that cannot be read at all, and the id in it, if there is one.
pub(crate) type Unreadable = (Option<String>, Fault);

impl<'a> Metadata<'a> {
    pub(crate) fn read(json: &'a RawValue) -> Result<Self, Unreadable> {
        read_object(json).ok_or_else(|| unreadable(json))
    }

    pub(crate) fn id(&self) -> Result<ClientId, Unreadable> {
        let missing = || (None, (CLIENT_ID, "missing".to_owned()));
        let id = text(CLIENT_ID, self.client_id).map_err(|fault| (None, fault))?.ok_or_else(missing)?;
        let invalid = || (CLIENT_ID, "not printable ASCII (RFC 6749, appendix A.1)".to_owned());
        ClientId::new(&id).map_err(|_| (Some(id), invalid()))
    }

    /// Reads the client. `json` is what this metadata was read from.
    pub(crate) fn client(&self, id: &ClientId, json: &RawValue, reading: &Reading) -> Result<Client, Fault> {
        let signing_alg = self.signing_alg()?;
        let scope = text("scope", self.scope)?;
        let policy = self.policy()?;
        let mut client = match self.method()? {
            AuthMethod::PrivateKeyJwt => self.client_with_keys(id, reading)?,
            AuthMethod::ClientSecretJwt => self.client_with_secret(id)?,
        };
        if let Some(algorithm) = signing_alg {
            client = client.with_signing_alg(algorithm).map_err(cannot_verify)?;
        }
        if let Some(scope) = scope {
            client = client.with_scope(&scope);
        }
        client.others = Others::of(json, Self::NAMES);
        Ok(under(policy, client))
    }

    /// Returns a client that is always refused because of `fault`, under its own policy if that can
    /// be read.
    pub(crate) fn unusable(&self, id: &ClientId, (member, why): &Fault) -> Client {
        under(self.policy().ok().flatten(), Client::unusable(id.clone(), &format!("{member}: {why}")))
    }

    fn policy(&self) -> Result<Option<String>, Fault> {
        text("client_assertion_policy", self.client_assertion_policy)
    }

    fn method(&self) -> Result<AuthMethod, Fault> {
        const MEMBER: &str = "token_endpoint_auth_method";
        match text(MEMBER, self.token_endpoint_auth_method)?.as_deref() {
            None | Some("private_key_jwt") => Ok(AuthMethod::PrivateKeyJwt),
            Some("client_secret_jwt") => Ok(AuthMethod::ClientSecretJwt),
            Some(_) => Err((MEMBER, "neither private_key_jwt nor client_secret_jwt".to_owned())),
        }
    }

    fn client_with_keys(&self, id: &ClientId, reading: &Reading) -> Result<Client, Fault> {
        if let Some(url) = text(JWKS_URI, self.jwks_uri)? {
            return self.client_with_url(id, &url, reading);
        }
        let missing = || (JWKS, "missing; register the client's public keys, or their URL as jwks_uri".to_owned());
        let jwks = self.inline_keys().ok_or_else(missing)?;
        let keys = KeySet::parse_within(jwks.get().as_bytes(), reading.max_key_set_bytes, reading.max_keys);
        let keys = keys.map_err(|error| (JWKS, error.to_string()))?;
        if keys.is_empty() {
            return Err((JWKS, format!("no usable key{}", keys.skipped_reasons())));
        }
        Client::new(id.as_str(), keys).map_err(|error| (JWKS, error.to_string()))
    }

    /// A client never has both `jwks` and `jwks_uri` (RFC 7591, section 2).
    fn client_with_url(&self, id: &ClientId, url: &str, reading: &Reading) -> Result<Client, Fault> {
        let fault = |why: &str| (JWKS_URI, why.to_owned());
        if self.inline_keys().is_some() {
            return Err(fault("jwks is registered too; register only one of them"));
        }
        let no_cache =
            || fault("there is no key set cache; set one with ClientReader::key_set_cache, or register jwks");
        let cache = reading.cache.as_ref().ok_or_else(no_cache)?;
        let url = JwksUrl::parse(url).map_err(|error| (JWKS_URI, error.to_string()))?;
        Client::with_key_set_url(id.as_str(), &url, cache).map_err(|error| match error {
            ClientError::KeySetUrl { error, .. } => (JWKS_URI, error.to_string()),
            other => (JWKS_URI, other.to_string()),
        })
    }

    /// Some servers write a set without keys for a client that registered a URL. It counts as left
    /// out if every member of it is empty: a single JWK has no `keys` either, but it is a key.
    fn inline_keys(&self) -> Option<&'a RawValue> {
        let without_content = |members: Members<'_>| members.values().all(is_empty);
        self.jwks.raw().filter(|jwks| !Members::of(jwks).is_some_and(without_content))
    }

    fn client_with_secret(&self, id: &ClientId) -> Result<Client, Fault> {
        const MEMBER: &str = "client_secret";
        let missing = || (MEMBER, "missing; client_secret_jwt needs one".to_owned());
        let secret = Zeroizing::new(text(MEMBER, self.client_secret)?.ok_or_else(missing)?);
        let short = |_| (MEMBER, format!("{} bytes are too few; use 32 or more", secret.len()));
        let secret = ClientSecret::new(&secret).map_err(short)?;
        let secret = match self.secret_expiry()? {
            Some(time) => secret.with_expiry(time),
            None => secret,
        };
        Client::with_secret(id.as_str(), secret).map_err(|error| (MEMBER, error.to_string()))
    }

    /// Zero means that the secret does not expire (RFC 7591, section 3.2.1).
    fn secret_expiry(&self) -> Result<Option<UnixTime>, Fault> {
        let no_time = |_| ("client_secret_expires_at", "not a whole number of seconds since 1970".to_owned());
        let secs: Option<u64> = self.client_secret_expires_at.read("a number").map_err(no_time)?;
        Ok(secs.filter(|secs| *secs != 0).map(UnixTime::from_secs))
    }

    fn signing_alg(&self) -> Result<Option<Algorithm>, Fault> {
        let Some(name) = text(SIGNING_ALG, self.token_endpoint_auth_signing_alg)? else { return Ok(None) };
        let unknown = || (SIGNING_ALG, "not an algorithm that this crate verifies".to_owned());
        Algorithm::from_name(&name).map(Some).ok_or_else(unknown)
    }
}

/// Names a member that occurs more than once, and the client if it has one id.
#[cold]
fn unreadable(json: &RawValue) -> Unreadable {
    let Some(members) = Members::of(json) else {
        return (None, ("metadata", format!("{}, expected an object", json_type(json))));
    };
    let mut ids = members.named(CLIENT_ID).map(|id| serde_json::from_str(id.get()).ok());
    let id = ids.next().flatten().filter(|_| ids.next().is_none());
    let (member, why) = match members.repeated(Metadata::NAMES) {
        Some(name) => (name, "occurs more than once"),
        None => ("metadata", "it has a member whose name cannot be read"),
    };
    (id, (member, why.to_owned()))
}

fn cannot_verify(error: ClientError) -> Fault {
    let why = match error {
        ClientError::SigningAlg { algorithm, usable, .. } => {
            format!("{algorithm}, but its keys or its secret can only verify {usable}")
        }
        other => other.to_string(),
    };
    (SIGNING_ALG, why)
}

fn under(policy: Option<String>, client: Client) -> Client {
    match policy {
        Some(name) => client.with_policy(&name),
        None => client,
    }
}

/// Returns an owned copy, which the caller of a secret wipes.
fn text(name: &'static str, member: Member<'_>) -> Result<Option<String>, Fault> {
    member.read("a string").map_err(|wrong| (name, wrong.to_string()))
}
