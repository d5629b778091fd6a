//! Clients that the program knows when it starts.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use foldhash::HashMap;

use super::{Client, ClientError, ClientRegistry, Found};
use crate::identity::ClientId;
use crate::port::Answer;

/// A registry of clients that do not change.
#[derive(Debug, Default)]
pub struct FixedRegistry {
    /// Requests only look ids up and never add one, so a fast hash does: nobody outside can make a chain longer.
    clients: HashMap<ClientId, Arc<Client>>,
}

impl FixedRegistry {
    /// A registry of these clients.
    ///
    /// # Errors
    ///
    /// Two of them have the same id.
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
    fn find(&self, client_id: &str) -> Answer<Found> {
        Answer::Ready(Ok(self.clients.get(client_id).cloned()))
    }

    fn all(&self) -> Option<Vec<Arc<Client>>> {
        Some(self.clients.values().cloned().collect())
    }
}
