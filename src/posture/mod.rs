//! How a configuration compares with a profile of the specifications, rule by rule.
//!
//! [`Verifier::posture`] reads what is configured and returns a [`Posture`]: for each rule whether
//! the configuration meets it, is stricter or is weaker, with the value, what is asked, its source,
//! the risk and what to do. Everything behind `dangerous()` is a finding, with the risk of its
//! documentation. It is for operators and auditors, not for clients.
//!
//! ```
//! use tower_client_assertion::policy::{AudienceRule, Policy};
//! use tower_client_assertion::posture::Baseline;
//! use tower_client_assertion::registry::FixedRegistry;
//! use tower_client_assertion::replay::MemoryReplay;
//! use tower_client_assertion::{ConfigError, Verifier};
//!
//! let weaker = |policy: Policy| {
//!     let registry = FixedRegistry::new([])?;
//!     let replay = MemoryReplay::new(100_000)?;
//!     let verifier = Verifier::builder(policy, registry, replay)
//!         .issuer("https://as.example.com")
//!         .build()?;
//!     let posture = verifier.posture(&Baseline::FAPI2);
//!     let of_policies = posture.weaker().filter(|finding| {
//!         finding.subject().kind() == "policy"
//!     });
//!     let rules = of_policies.map(|finding| finding.rule().name());
//!     Ok::<_, ConfigError>(rules.collect::<Vec<_>>())
//! };
//! assert_eq!(weaker(Policy::FAPI2)?, [""; 0]);
//!
//! let lax = AudienceRule::IssuerOrUrls;
//! let loosened = Policy::FAPI2.dangerous().audience(lax);
//! assert_eq!(
//!     weaker(loosened)?,
//!     ["sole_audience", "audience_string", "loosened"],
//! );
//! # Ok::<(), ConfigError>(())
//! ```
//!
//! A report costs as much as a look at each client. Make it at the start and after a reload, not
//! for every request.
//!
//! This module reads the configuration of the other rooms. It changes nothing, fetches nothing and
//! verifies nothing. No finding holds a secret, key material, a `jti` or a URL with a query.

mod baseline;
mod clients;
mod finding;
mod key_sets;
mod known;
mod laxer;
mod policies;
mod replay;
mod report;
mod rule;
mod server;
mod shared_keys;

pub use crate::loosening::Loosening;
pub use baseline::Baseline;
pub use finding::{PostureFinding, Standing, Subject};
pub use report::Posture;
pub use rule::Rule;

use std::sync::Arc;

use crate::client::Client;
use crate::verifier::Verifier;

/// Returns every rule, in the order of the subjects: server, policies, replay store, key sets,
/// clients.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [server::RULES, policies::RULES, replay::RULES, key_sets::RULES, clients::RULES].into_iter().flatten().copied()
}

impl Verifier {
    /// Returns how this configuration compares with a baseline, rule by rule. If the registry
    /// [lists its clients](crate::registry::ClientRegistry::all), they are judged too; for other
    /// registries, see [`posture_with`](Self::posture_with).
    ///
    /// The [module](crate::posture) has an example.
    pub fn posture(&self, baseline: &Baseline) -> Posture {
        let listed = self.configured().registry.all();
        let clients = listed.as_ref().map(|clients| clients.iter().map(Arc::as_ref).collect());
        self.judged(*baseline, clients, listed.is_none())
    }

    /// Returns the same as [`posture`](Self::posture) with these clients, instead of those that the
    /// registry lists: for example those of
    /// [`FileRegistry::clients`](crate::registry::FileRegistry::clients).
    pub fn posture_with<'c>(&self, baseline: &Baseline, clients: impl IntoIterator<Item = &'c Client>) -> Posture {
        self.judged(*baseline, Some(clients.into_iter().collect()), true)
    }

    /// `may_change` tells whether there can be other clients later.
    fn judged(&self, baseline: Baseline, mut clients: Option<Vec<&Client>>, may_change: bool) -> Posture {
        // A registry has no particular order, and a report has always the same.
        clients.iter_mut().for_each(|clients| clients.sort_by_key(|client| client.id()));
        let configured = self.configured();
        let mut posture = Posture::new(baseline);
        server::judge(&mut posture, &configured, clients.as_ref().map(Vec::len));
        for policy in configured.policies {
            policies::judge(&mut posture, policy, baseline);
        }
        replay::judge(&mut posture, &configured);
        key_sets::judge(&mut posture, &configured, clients.as_deref(), may_change);
        if let Some(clients) = &clients {
            clients::judge(&mut posture, self, clients, baseline);
        }
        posture.sorted()
    }
}
