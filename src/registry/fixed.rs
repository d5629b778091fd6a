//! Clients that the program knows when it starts.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use foldhash::HashMap;

use super::{ClientRegistry, FindResult};
use crate::client::{Client, ClientError, ClientId};
use crate::port::{Answer, Health};

/// A registry of clients that do not change.
#[derive(Debug, Default)]
pub struct FixedRegistry {
    /// Requests look ids up and never add one, so a fast hash is safe: no client can make
    /// collisions.
    clients: HashMap<ClientId, Arc<Client>>,
}

impl FixedRegistry {
    /// Creates a registry of these clients.
    ///
    /// # Errors
    ///
    /// Fails if two of them have the same id.
    pub fn new(clients: impl IntoIterator<Item = Client>) -> Result<Self, ClientError> {
        let mut registry = Self::default();
        for client in clients {
            match registry.clients.entry(client.id().clone()) {
                Entry::Vacant(place) => place.insert(Arc::new(client)),
                Entry::Occupied(taken) => {
                    return Err(ClientError::Duplicate { client_id: taken.key().to_string() });
                }
            };
        }
        Ok(registry)
    }
}

impl ClientRegistry for FixedRegistry {
    fn find(&self, client_id: &str) -> Answer<FindResult> {
        Answer::Ready(Ok(self.clients.get(client_id).cloned()))
    }

    fn all(&self) -> Option<Vec<Arc<Client>>> {
        Some(self.clients.values().cloned().collect())
    }

    fn health(&self) -> Answer<Health> {
        Answer::Ready(Health::Healthy)
    }
}
