//! Events for the operator: every accepted and refused request, with everything that was wrong with
//! it.
//!
//! A client is told the first fault only. An [`Event`] says what exactly was wrong as
//! [`Finding`]s: the part of the request, what was expected, and a bounded, escaped excerpt of what
//! was received. It lists every claim that failed, so that an operator can fix all of them
//! together, and names the keys that a client has. No event holds an assertion, a secret, key
//! material or a `jti`.
//!
//! Each request that a layer guards has one outcome: [`Accepted`], [`Refused`] or, behind an
//! optional layer, [`LetPass`]. Outcomes name the endpoint and the policy, and every refusal has a
//! stable [code](crate::rejection::Reason) for alerts and labels.
//!
//! Events come from the verifier, from key set caches, from client files and from replay stores.
//! Each has an `events` setting that takes a sink. To send all events to one place, wrap the sink
//! in an [`Arc`](std::sync::Arc) and clone it:
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use tower_client_assertion::event::{self, Event, EventSink};
//! use tower_client_assertion::replay::MemoryReplay;
//! use tower_client_assertion::{Policy, TokenRequest, Verifier};
//! # use tower_client_assertion::mint::{Minter, SecretSigner};
//! # use tower_client_assertion::policy::Algorithm;
//! # use tower_client_assertion::registry::{Client, FixedRegistry};
//! # use tower_client_assertion::secret::ClientSecret;
//! # const SECRET: &str = "a secret of more than thirty-two bytes";
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let client = Client::with_secret("reports", ClientSecret::new(SECRET)?)?;
//! # let clients = FixedRegistry::new([client])?;
//! # let signer = SecretSigner::new(ClientSecret::new(SECRET)?, Algorithm::HS256)?;
//! # let minter = Minter::builder(Policy::OIDC, "reports", signer).issuer("https://as.example.com").build()?;
//! # let form = minter.request("/token").client_credentials().build().await?.into_body().into_bytes();
//! let lines = Arc::new(Mutex::new(Vec::new()));
//! let log = Arc::clone(&lines);
//! let sink = event::sink(move |event| {
//!     let line = match event {
//!         Event::Accepted(accepted) => {
//!             let identity = accepted.identity();
//!             format!("accepted {}", identity.client_id())
//!         }
//!         Event::Refused(refused) => {
//!             format!("refused by {}: {}", refused.policy(), refused.code())
//!         }
//!         _ => return,
//!     };
//!     log.lock().unwrap().push(line);
//! });
//! let sink: Arc<dyn EventSink> = Arc::new(sink);
//! let replay = MemoryReplay::new(100_000)?.events(Arc::clone(&sink));
//! let verifier = Verifier::builder(Policy::OIDC, clients, replay)
//!     .issuer("https://as.example.com")
//!     .events(sink)
//!     .build()?;
//!
//! // The form has an assertion of the client "reports".
//! let request = TokenRequest::new(&form);
//! assert!(verifier.verify(&request).await.is_ok());
//! assert!(verifier.verify(&request).await.is_err());
//! let lines = lines.lock().unwrap();
//! assert_eq!(*lines, ["accepted reports", "refused by oidc: replayed"]);
//! # Ok(())
//! # }
//! ```
//!
//! This module is a port and plain data. It makes no decisions: the verifier fills in the findings.

mod audit;
mod finding;
mod news;
mod outcome;
mod refused;
mod request;
mod sink;
mod times;
#[cfg(feature = "tracing")]
mod tracing;

use std::fmt;

pub use audit::{AUDIT_SCHEMA, AuditCounts, AuditLog, AuditLogBuilder, Full, Incomplete};
pub use finding::Finding;
pub(crate) use finding::Received;
pub use news::{RegistryEvent, RegistryNews, ReplayEvent, ReplayNews};
pub use outcome::{Accepted, LetPass};
pub use refused::Refused;
pub use request::Correlation;
pub(crate) use request::RequestInfo;
pub use sink::{And, EventSink, sink};
pub use times::StepTimes;
pub(crate) use times::{Stopwatch, TimedStep};
#[cfg(feature = "tracing")]
pub use tracing::TracingEvents;

#[doc(inline)]
pub use crate::jwks::{KeySetEvent, KeySetNews};
pub use crate::text::Excerpt;

/// The outcome of an authentication attempt, or news about something that attempts depend on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The client was authenticated, and the handler is called next. A request that is dropped, or
    /// whose handler fails while it is waited for, has no outcome, though its assertion is spent.
    Accepted(Accepted<'a>),
    /// The request was refused, and the handler is not called.
    Refused(Refused<'a>),
    /// The request has no assertion and needs none. The handler is called next, without an
    /// identity.
    LetPass(LetPass<'a>),
    /// Nothing has failed, but an operator should look at the configuration.
    Warning(Warning<'a>),
    /// Something happened to the keys that a client publishes at a URL.
    KeySet(KeySetEvent<'a>),
    /// The clients of a file were reloaded, or could not be.
    Registry(RegistryEvent<'a>),
    /// The replay store was slow, or failed.
    Replay(ReplayEvent<'a>),
}

/// Something that an operator should look at. It displays as a sentence.
#[derive(Debug)]
pub struct Warning<'a> {
    source: &'static str,
    message: &'a str,
}

impl<'a> Warning<'a> {
    pub(crate) fn new(source: &'static str, message: &'a str) -> Self {
        Self { source, message }
    }

    /// Returns what the warning is about, in one word: `audit`, `redis`, `registry` or
    /// `replay`.
    pub fn source(&self) -> &'static str {
        self.source
    }
}

impl fmt::Display for Warning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.message)
    }
}
