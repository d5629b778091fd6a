//! A client with the keys that are at hand: registered ones, or those that were fetched last.

use crate::client::Client;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::keys::KeySet;
use crate::jwks::SourceState;

/// A client, and its keys as far as they are known. Nothing is fetched.
pub(super) struct Known<'c> {
    pub(super) client: &'c Client,
    fetched: Option<SourceState>,
}

impl<'c> Known<'c> {
    pub(super) fn new(client: &'c Client) -> Self {
        Self { client, fetched: client.key_source().map(|source| source.state()) }
    }

    pub(super) fn keys(&self) -> Option<&KeySet> {
        self.client.keys().or_else(|| self.fetched.as_ref()?.keys())
    }

    /// Whether its keys are at a URL and were not fetched yet.
    pub(super) fn is_unfetched(&self) -> bool {
        self.fetched.as_ref().is_some_and(|state| state.keys().is_none())
    }

    /// Returns the algorithms of each key, or of the secret, as far as they are among `allowed`.
    /// `EdDSA` is another name of `Ed25519`, and does not count.
    pub(super) fn algorithms(&self, allowed: AlgorithmSet) -> impl Iterator<Item = AlgorithmSet> {
        let secret = self.client.secret().map(|secret| secret.algorithms());
        let keys = self.keys().into_iter().flatten().map(|key| key.algorithms());
        let counted = allowed.difference(AlgorithmSet::from(Algorithm::EdDSA));
        keys.chain(secret).map(move |algorithms| algorithms.intersection(counted))
    }
}
