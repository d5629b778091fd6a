//! One client's entry in a file: its metadata (RFC 7591, section 2), judged member by member.

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{Client, ClientError};
use crate::clock::UnixTime;
use crate::identity::{AuthMethod, ClientId};
use crate::jose::algorithm::Algorithm;
use crate::jose::keys::KeySet;
use crate::jose::secret::ClientSecret;
use crate::jwks::{JwksUrl, KeySetCache};

/// The members of RFC 7591 that concern us, still unread: each is judged by itself, so that a problem can name it.
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

/// The member at fault, and why.
pub(super) type Fault = (&'static str, String);

impl Metadata<'_> {
    pub(super) fn id(&self) -> Result<String, Fault> {
        let missing = || ("client_id", "it is missing".to_owned());
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
            let unusable = |_| (SIGNING_ALG, "nothing that the client registered can verify it".to_owned());
            client = client.signing_alg(algorithm).map_err(unusable)?;
        }
        let client = scope.iter().fold(client, |client, scope| client.scope(scope));
        Ok(policy.iter().fold(client, |client, policy| client.policy(policy)))
    }

    /// The client that is refused, by its own policy if that can be read.
    pub(super) fn unusable(&self, id: &ClientId) -> Client {
        let policy = self.policy().ok().flatten();
        policy.iter().fold(Client::unusable(id.clone()), |client, policy| client.policy(policy))
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
            ClientError::KeySetUrl { error, .. } => (JWKS_URI, error.to_string()),
            other => (JWKS_URI, other.to_string()),
        })
    }

    fn client_with_secret(&self, id: &ClientId) -> Result<Client, Fault> {
        const MEMBER: &str = "client_secret";
        let missing = || (MEMBER, "it is missing; client_secret_jwt needs one".to_owned());
        let secret = Zeroizing::new(text(MEMBER, self.client_secret)?.ok_or_else(missing)?);
        let short = |_| (MEMBER, format!("it has {} bytes; HS256 needs 32 or more", secret.len()));
        let secret = ClientSecret::new(&secret).map_err(short)?;
        let secret = self.secret_expiry()?.into_iter().fold(secret, ClientSecret::with_expiry);
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
