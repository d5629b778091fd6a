//! A bound on how many signatures are checked concurrently.
//!
//! The signature check is the only step that takes more than a microsecond, and it runs on the
//! thread that polls the request. An attacker who knows the id and a `kid` of a client can send a
//! flood of well-formed assertions with bad signatures and so keep every thread of a runtime busy.
//! An outer layer cannot prevent that, because it knows neither what a request will cost nor which
//! client it claims to be from. With a bound below the number of threads, the remaining threads
//! stay free for other requests.
//!
//! On a single-threaded runtime checks never overlap, so there is nothing to bound.
//!
//! There is no bound by default. Set it to less than the number of worker threads, and lower per
//! client:
//!
//! ```
//! use tower_client_assertion::overload::SignatureChecks;
//! # use tower_client_assertion::registry::FixedRegistry;
//! # use tower_client_assertion::replay::MemoryReplay;
//! use tower_client_assertion::{ConfigError, Policy, SettingError, Verifier};
//!
//! // On eight threads: six for signatures, at most two of them for one client.
//! let checks = SignatureChecks::new(6)?.per_client(2)?;
//! # let (registry, replay) = (FixedRegistry::new([])?, MemoryReplay::new(100)?);
//! let verifier = Verifier::builder(Policy::REDOX, registry, replay)
//!     .audience("https://api.example.com/v2/auth/token")
//!     .signature_checks(checks)
//!     .build()?;
//!
//! assert!(matches!(SignatureChecks::new(0), Err(SettingError::Zero { .. })));
//! # Ok::<(), ConfigError>(())
//! ```

use std::fmt;
use std::sync::{Arc, Mutex};

use crate::client::ClientId;
use crate::lock::lock;
use crate::rejection::{Rejection, ServerFault};
use crate::setting::{Setting, SettingError, at_most, positive};

/// More than the number of threads of any machine.
const MOST: usize = 1024;

/// How many signatures may be checked concurrently, in total and for one client. Requests beyond
/// that are refused before the check, with `Retry-After`: 503 for the total, 429 for one client.
///
/// A request that is decided again after a wait, when its assertion is recorded as spent, has no
/// bound: it has proven its client, and could not be sent again.
///
/// Clones share one count. Give a clone to each verifier of a process to bound all of them
/// together. A client is counted by its id alone: clients of several tenants with the same id share
/// one bound. Where that could let one tenant slow down another, give each verifier its own.
///
/// With [`per_client`](Self::per_client), a flood in the name of one client uses up the share of
/// that client, and a flood in the names of several uses up several shares. Nothing more can be
/// done before the signature has verified. A rate limit by address around the layer complements it.
#[derive(Clone)]
#[must_use]
pub struct SignatureChecks {
    running: Arc<Mutex<Vec<ClientId>>>,
    most: usize,
    most_per_client: usize,
}

impl SignatureChecks {
    /// Allows this many concurrent checks, all of which may be for one client.
    ///
    /// # Errors
    ///
    /// It is zero, or over 1024.
    pub fn new(checks: usize) -> Result<Self, SettingError> {
        let most = within(Setting::SignatureChecks, checks, MOST)?;
        Ok(Self { running: Arc::default(), most, most_per_client: most })
    }

    /// Allows this many concurrent checks for one client. Default: the total.
    ///
    /// # Errors
    ///
    /// It is zero, or more than the total.
    pub fn per_client(mut self, checks: usize) -> Result<Self, SettingError> {
        self.most_per_client = within(Setting::SignatureChecksPerClient, checks, self.most)?;
        Ok(self)
    }

    /// Returns how many checks are running, of all clones.
    pub fn in_flight(&self) -> usize {
        lock(&self.running).len()
    }

    /// Returns how many checks may run concurrently.
    pub fn limit(&self) -> usize {
        self.most
    }

    /// Whether a client may have fewer than all.
    pub(super) fn bounds_clients(&self) -> bool {
        self.most_per_client < self.most
    }

    /// Begins a check for this client. It ends when the returned value is dropped. The verifier
    /// calls this itself. Call it for other signatures that should count as well, for example those
    /// of DPoP proofs.
    ///
    /// # Errors
    ///
    /// Too many checks are running: [`ServerFault::Overloaded`] or
    /// [`ServerFault::ClientOverloaded`].
    pub fn begin(&self, client: &ClientId) -> Result<SignatureCheck, Rejection> {
        let mut running = lock(&self.running);
        if running.len() >= self.most {
            return Err(ServerFault::Overloaded.into());
        }
        // There are never more than a few, so counting them is cheaper than keeping counts.
        if running.iter().filter(|one| *one == client).count() >= self.most_per_client {
            return Err(ServerFault::ClientOverloaded.into());
        }
        running.push(client.clone());
        Ok(SignatureCheck { running: Arc::clone(&self.running), client: client.clone() })
    }
}

fn within(setting: Setting, checks: usize, limit: usize) -> Result<usize, SettingError> {
    positive(setting, checks)?;
    at_most(setting, checks, limit)?;
    Ok(checks)
}

impl fmt::Debug for SignatureChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SignatureChecks");
        debug.field("most", &self.most).field("most_per_client", &self.most_per_client).finish_non_exhaustive()
    }
}

/// A check that the verifier may run now. Only this module creates one, so none can be forgotten.
#[must_use = "a check that is dropped immediately bounds nothing"]
pub(super) struct RunningCheck {
    _counted: Option<SignatureCheck>,
}

impl RunningCheck {
    /// Begins a check, within `bound` if there is one.
    pub(super) fn begin(bound: Option<&SignatureChecks>, client: &ClientId) -> Result<Self, Rejection> {
        Ok(Self { _counted: bound.map(|checks| checks.begin(client)).transpose()? })
    }
}

/// A running check. It ends when this is dropped.
#[must_use = "a check that is dropped immediately bounds nothing"]
pub struct SignatureCheck {
    running: Arc<Mutex<Vec<ClientId>>>,
    client: ClientId,
}

impl Drop for SignatureCheck {
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        if let Some(index) = running.iter().position(|one| *one == self.client) {
            running.swap_remove(index);
        }
    }
}

impl fmt::Debug for SignatureCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureCheck").field("client", &self.client).finish_non_exhaustive()
    }
}
