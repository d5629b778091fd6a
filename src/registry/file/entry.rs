//! The entry of one client: its metadata (RFC 7591, section 2), judged member by member.

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::clock::UnixTime;
use crate::identity::{AuthMethod, ClientId};
use crate::jose::algorithm::Algorithm;
use crate::jose::keys::KeySet;
use crate::jose::secret::ClientSecret;
use crate::jwks::{JwksUrl, KeySetCache};
use crate::registry::{Client, ClientError};

/// The members that matter here, not parsed yet. Each is judged separately, so that a problem can
/// name it.
#[derive(serde::Deserialize)]
pub(super) struct Metadata<'a> {
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

/// The member that is wrong, and why.
pub(super) type Fault = (&'static str, String);

impl Metadata<'_> {
    pub(super) fn id(&self) -> Result<String, Fault> {
        let missing = || ("client_id", "missing".to_owned());
        text("client_id", self.client_id)?.ok_or_else(missing)
    }

    pub(super) fn client(&self, id: &ClientId, cache: Option<&KeySetCache>) -> Result<Client, Fault> {
        let signing_alg = self.signing_alg()?;
        let scope = text("scope", self.scope)?;
        let policy = self.policy()?;
        let mut client = match self.method()? {
            AuthMethod::PrivateKeyJwt => self.client_with_keys(id, cache)?,
            AuthMethod::ClientSecretJwt => self.client_with_secret(id)?,
        };
        if let Some(algorithm) = signing_alg {
            let unusable = |_| (SIGNING_ALG, "neither its keys nor its secret can verify this algorithm".to_owned());
            client = client.with_signing_alg(algorithm).map_err(unusable)?;
        }
        if let Some(scope) = scope {
            client = client.with_scope(&scope);
        }
        Ok(under(policy, client))
    }

    /// Returns a client that is always refused, under its own policy if that can be read.
    pub(super) fn unusable(&self, id: &ClientId) -> Client {
        under(self.policy().ok().flatten(), Client::unusable(id.clone()))
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

    /// A client never has both `jwks` and `jwks_uri` (RFC 7591, section 2).
    fn client_with_url(&self, id: &ClientId, url: &str, cache: Option<&KeySetCache>) -> Result<Client, Fault> {
        let fault = |why: &str| (JWKS_URI, why.to_owned());
        if self.jwks.is_some() {
            return Err(fault("jwks is registered too; register only one of them"));
        }
        let cache = cache.ok_or_else(|| {
            fault(
                "the registry has no key set cache; load it with FileRegistry::load_with, or register the keys as jwks",
            )
        })?;
        let url = JwksUrl::parse(url).map_err(|error| (JWKS_URI, error.to_string()))?;
        Client::with_key_set_url(id.as_str(), &url, cache).map_err(|error| match error {
            ClientError::KeySetUrl { error, .. } => (JWKS_URI, error.to_string()),
            other => (JWKS_URI, other.to_string()),
        })
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
        let Some(value) = self.client_secret_expires_at else { return Ok(None) };
        let no_time = |_| ("client_secret_expires_at", "not a whole number of seconds since 1970".to_owned());
        let secs: u64 = serde_json::from_str(value.get()).map_err(no_time)?;
        Ok((secs != 0).then_some(UnixTime::from_secs(secs)))
    }

    fn signing_alg(&self) -> Result<Option<Algorithm>, Fault> {
        let Some(name) = text(SIGNING_ALG, self.token_endpoint_auth_signing_alg)? else { return Ok(None) };
        let unknown = || (SIGNING_ALG, "not an algorithm that this crate verifies".to_owned());
        Algorithm::from_name(&name).map(Some).ok_or_else(unknown)
    }

    fn keys(&self) -> Result<KeySet, Fault> {
        let missing = || ("jwks", "missing; register the client's public keys, or their URL as jwks_uri".to_owned());
        let jwks = self.jwks.ok_or_else(missing)?;
        KeySet::parse(jwks.get().as_bytes()).map_err(|error| ("jwks", error.to_string()))
    }
}

fn under(policy: Option<String>, client: Client) -> Client {
    match policy {
        Some(name) => client.with_policy(&name),
        None => client,
    }
}

/// The most skipped keys that one problem explains.
const MOST_REASONS: usize = 8;

fn no_usable_key(keys: &KeySet) -> String {
    let reasons = keys.skipped().iter().take(MOST_REASONS).map(|key| format!("; {key}"));
    let others = keys.skipped().len().saturating_sub(MOST_REASONS);
    let others = (others > 0).then(|| format!("; and {others} more are skipped"));
    std::iter::once("no usable key".to_owned()).chain(reasons).chain(others).collect()
}

fn text(member: &'static str, value: Option<&RawValue>) -> Result<Option<String>, Fault> {
    let Some(value) = value else { return Ok(None) };
    let text = serde_json::from_str(value.get()).map_err(|_| (member, "not a string".to_owned()))?;
    Ok(Some(text))
}
