//! A bound on how many signatures are checked at once.
//!
//! The signature check is the one step of a request that costs more than a microsecond, and it runs on the thread that polls
//! the request. A flood of well-formed assertions with bad signatures, which anybody can write who knows the name and the
//! `kid` of a client, can so occupy every thread of a runtime. No layer around this one can help: it cannot tell what such a
//! request will cost, nor for whom it is. With a bound below the number of threads, the others stay free for everybody else.
//!
//! On a runtime of one thread checks never overlap, and there is nothing to bound.
//!
//! It is off by default. Set it to fewer than the runtime has worker threads, and per client to fewer still:
//!
//! ```
//! use tower_client_assertion::overload::SignatureChecks;
//! # use tower_client_assertion::registry::FixedRegistry;
//! # use tower_client_assertion::replay::MemoryReplay;
//! use tower_client_assertion::{ConfigError, Policy, SettingError, Verifier};
//!
//! // Of eight threads: six for signatures, two of them for any one client.
//! let checks = SignatureChecks::at_once(6)?.per_client(2)?;
//! # let (registry, replay) = (FixedRegistry::new([])?, MemoryReplay::new(100)?);
//! let verifier = Verifier::builder(Policy::REDOX, registry, replay)
//!     .audience("https://api.example.com/v2/auth/token")
//!     .signature_checks(checks)
//!     .build()?;
//!
//! assert!(matches!(SignatureChecks::at_once(0), Err(SettingError::Zero { .. })));
//! # Ok::<(), ConfigError>(())
//! ```

use std::fmt;
use std::sync::{Arc, Mutex};

use crate::identity::ClientId;
use crate::lock::lock;
use crate::rejection::{Rejection, ServerFault};
use crate::setting::{Setting, SettingError, at_most, positive};

/// More than this many threads check signatures nowhere.
const MOST: usize = 1024;

/// How many signatures may be checked at once, in all and for one client. What is over is refused before the check: with 503
/// in all, with 429 for one client, and with `Retry-After` both times.
///
/// Clones count together: give one to each verifier of a process to bound them all.
///
/// With [`per_client`](Self::per_client), who floods in the name of a client takes that client's share, and who knows several
/// names takes several shares. That is as much as can be done before the signature is known; a rate limit by address around
/// the layer does the rest.
#[derive(Clone)]
#[must_use]
pub struct SignatureChecks {
    running: Arc<Mutex<Vec<ClientId>>>,
    most: usize,
    most_per_client: usize,
}

impl SignatureChecks {
    /// At most this many at once, all of which may be for one client.
    ///
    /// # Errors
    ///
    /// It is zero, or over 1024.
    pub fn at_once(checks: usize) -> Result<Self, SettingError> {
        let most = within(Setting::SignatureChecksAtOnce, checks, MOST)?;
        Ok(Self { running: Arc::default(), most, most_per_client: most })
    }

    /// At most this many at once for any one client. Default: as many as in all.
    ///
    /// # Errors
    ///
    /// It is zero, or more than in all.
    pub fn per_client(mut self, checks: usize) -> Result<Self, SettingError> {
        self.most_per_client = within(Setting::SignatureChecksPerClient, checks, self.most)?;
        Ok(self)
    }

    /// Begins a check for this client, which lasts for as long as what is returned lives. The verifier does so by itself; do
    /// it for other signatures that should count too, those of DPoP proofs say.
    ///
    /// # Errors
    ///
    /// There are too many: [`ServerFault::Overloaded`] or [`ServerFault::ClientOverloaded`].
    pub fn begin(&self, client: &ClientId) -> Result<SignatureCheck, Rejection> {
        let mut running = lock(&self.running);
        if running.len() >= self.most {
            return Err(ServerFault::Overloaded.into());
        }
        // There are never more than a few, so they are counted rather than kept count of.
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

/// A check that is being made. It ends when this is dropped.
#[must_use = "a check that is dropped at once bounds nothing"]
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
