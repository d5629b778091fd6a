//! The hosts that have not responded, by which the server's own network is judged.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Mutex;

use crate::jwks::fetch::FetchError;
use crate::lock::lock;

/// The hosts that have not responded since any host last did.
pub(super) struct SilentHosts {
    /// From this many on, the network counts as down. No more are remembered.
    enough: Option<NonZeroUsize>,
    hosts: Mutex<HashSet<Box<str>>>,
}

impl SilentHosts {
    pub(super) fn new(enough: Option<NonZeroUsize>) -> Self {
        Self { enough, hosts: Mutex::default() }
    }

    /// Records how a fetch from `host` ended, `None` for success.
    pub(super) fn record(&self, host: &str, error: Option<&FetchError>) {
        let Some(enough) = self.enough else { return };
        let mut hosts = lock(&self.hosts);
        if error.is_some_and(FetchError::is_silence) {
            if hosts.len() < enough.get() {
                hosts.insert(host.into());
            }
        } else if error.is_none_or(FetchError::is_response) {
            hosts.clear();
        }
    }

    /// Whether a host that does not respond counts as a fault of the server's own network.
    pub(super) fn is_cut_off(&self) -> bool {
        self.enough.is_some_and(|enough| lock(&self.hosts).len() >= enough.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_hosts_are_remembered_than_needed() {
        for enough in [None, NonZeroUsize::new(1), NonZeroUsize::new(3)] {
            let silent = SilentHosts::new(enough);
            let most = enough.map_or(0, usize::from);
            for number in 1..1_000 {
                silent.record(&format!("host-{number}"), Some(&FetchError::Timeout));
                assert_eq!(lock(&silent.hosts).len(), most.min(number));
                assert_eq!(silent.is_cut_off(), enough.is_some() && number >= most, "{enough:?} {number}");
            }
            silent.record("host-1", Some(&FetchError::Busy));
            assert_eq!(silent.is_cut_off(), enough.is_some(), "only a response ends it");
            silent.record("host-1", Some(&FetchError::Status(500)));
            assert!(!silent.is_cut_off());
        }
    }
}
