//! Finds what two clients share that each must have for itself.

use std::collections::HashMap;

use super::known::Known;
use crate::jose::base64url;
use crate::text::Excerpt;

/// What proves who a client is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Credential<'k> {
    /// The thumbprint of a public key (RFC 7638).
    Key([u8; 32]),
    /// The URL of a key set. It is compared and never shown.
    Url(&'k str),
    /// A digest of a secret. It is compared and never shown.
    Secret([u8; 32]),
}

impl Credential<'_> {
    fn describe(self) -> String {
        match self {
            Self::Key(thumbprint) => format!("the key {}", base64url::encode(&thumbprint)),
            Self::Url(_) => "the URL of its keys".to_owned(),
            Self::Secret(_) => "its secret".to_owned(),
        }
    }
}

/// The credentials of all clients, with the clients that have each.
pub(super) struct Holders<'k>(HashMap<Credential<'k>, Vec<&'k str>>);

impl<'k> Holders<'k> {
    pub(super) fn of(clients: &'k [Known<'k>]) -> Self {
        let mut holders: HashMap<_, Vec<_>> = HashMap::new();
        for client in clients {
            let id = client.client.id().as_str();
            for credential in credentials(client) {
                let holders = holders.entry(credential).or_default();
                // A client may list one key under two names.
                if holders.last() != Some(&id) {
                    holders.push(id);
                }
            }
        }
        Self(holders)
    }

    /// Returns what another client has as well, and the first such client.
    pub(super) fn shared(&self, client: &Known<'_>) -> Option<String> {
        let id = client.client.id().as_str();
        credentials(client).find_map(|credential| {
            let holders = self.0.get(&credential)?;
            // Not all of them: each of the clients that share a credential asks.
            let first = holders.iter().find(|holder| **holder != id)?;
            let first = format!("{} is also that of {}", credential.describe(), Excerpt::new(first));
            let more = holders.len().saturating_sub(2);
            Some(if more == 0 { first } else { format!("{first} and {more} more") })
        })
    }
}

fn credentials<'k>(client: &'k Known<'_>) -> impl Iterator<Item = Credential<'k>> {
    let keys = client.keys().into_iter().flatten().map(|key| Credential::Key(key.thumbprint()));
    let url = client.client.key_set_url().map(Credential::Url);
    let secret = client.client.secret().map(|secret| Credential::Secret(secret.digest()));
    url.into_iter().chain(keys).chain(secret)
}
