//! The counters of accepted clients. Only ids that a signature has proven arrive here.

use std::sync::{Arc, Mutex, OnceLock};

use ::metrics::{Counter, SharedString};
use arc_swap::ArcSwap;
use foldhash::HashMap;

use super::facade::Facade;
use super::requests::{MOST_POLICIES, OTHER, OfPolicy, count};
use super::series::{CLIENTS_ACCEPTED, LAX_AUDIENCE};
use crate::client::ClientId;
use crate::lock::lock;

/// The most clients that can be told apart: a series of each, in a scrape every few seconds.
pub(super) const MOST_CLIENTS: usize = 1000;

/// A counter for each policy, and one for the policies beyond the bound.
type ByPolicy = [OnceLock<Counter>; MOST_POLICIES + 1];

/// The counters of one client, or of all that are not told apart.
#[derive(Debug, Default)]
struct OfClient {
    strict: ByPolicy,
    lax: ByPolicy,
    lax_audience: ByPolicy,
}

/// The counters of the first clients that were accepted, and of the rest.
#[derive(Debug, Default)]
pub(super) struct Clients {
    most: usize,
    /// Replaced as a whole, at most `most` times.
    known: ArcSwap<HashMap<ClientId, Arc<OfClient>>>,
    adding: Mutex<()>,
    rest: OfClient,
}

impl Clients {
    pub(super) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    pub(super) fn count(&self, facade: &Facade, client: &ClientId, policy: &OfPolicy, is_lax: bool) {
        if self.most == 0 {
            return self.count_as(OTHER, &self.rest, facade, policy, is_lax);
        }
        let known = self.known.load();
        match known.get(client.as_str()) {
            Some(counters) => self.count_as(client.as_str(), counters, facade, policy, is_lax),
            None if known.len() >= self.most => self.count_as(OTHER, &self.rest, facade, policy, is_lax),
            None => match self.add(client) {
                Some(counters) => self.count_as(client.as_str(), &counters, facade, policy, is_lax),
                None => self.count_as(OTHER, &self.rest, facade, policy, is_lax),
            },
        }
    }

    /// Tells one more client apart, unless there are too many.
    #[cold]
    fn add(&self, client: &ClientId) -> Option<Arc<OfClient>> {
        let _adding = lock(&self.adding);
        let known = self.known.load();
        if let Some(counters) = known.get(client.as_str()) {
            return Some(Arc::clone(counters));
        }
        if known.len() >= self.most {
            return None;
        }
        let (mut clients, counters) = (HashMap::clone(&known), Arc::<OfClient>::default());
        clients.insert(client.clone(), Arc::clone(&counters));
        self.known.store(Arc::new(clients));
        Some(counters)
    }

    fn count_as(&self, label: &str, counters: &OfClient, facade: &Facade, policy: &OfPolicy, is_lax: bool) {
        let client = || SharedString::from(label.to_owned());
        let accepted = if is_lax { &counters.lax } else { &counters.strict };
        count(accepted.get(policy.index), || {
            let is_lax = if is_lax { "true" } else { "false" };
            facade.counter(&CLIENTS_ACCEPTED, [client(), policy.label(), is_lax.into()])
        });
        if is_lax {
            count(counters.lax_audience.get(policy.index), || {
                let client = (self.most > 0).then(client);
                facade.counter(&LAX_AUDIENCE, [policy.label()].into_iter().chain(client))
            });
        }
    }
}
