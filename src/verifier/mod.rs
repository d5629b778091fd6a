//! Verifies a client assertion, step by step: from a token request to a verified identity, or to
//! the first reason why not.
//!
//! A [`TokenRequest`] flows in, bytes and values without HTTP. A [`ClientIdentity`], a
//! [`Rejection`] or the wait for a port flows out, and an event goes to the operator. The steps are
//! in `steps`, one file each where they need one: `form`, `assertion`, `checks` (with `rules` and
//! `times`), `stages`, `signature`. This room knows policies, registries, replay stores and key
//! sets through their ports. It must not know HTTP or a renderer.

mod assertion;
mod builder;
mod checks;
mod findings;
mod form;
mod metadata;
pub mod overload;
mod progress;
mod refusal;
mod report;
mod request;
mod rules;
mod signature;
mod stages;
mod steps;
mod times;
mod urlencoded;

use std::fmt;
use std::future::poll_fn;

use crate::clock::Clock;
use crate::event::EventSink;
use crate::identity::ClientIdentity;
use crate::policy::{Audiences, Limits, Policy};
use crate::registry::ClientRegistry;
use crate::rejection::{ClientFault, Rejection};
use crate::replay::ReplayStore;
use overload::SignatureChecks;
use refusal::PolicyIndex;

pub(crate) use progress::{Outcome, PortAnswer, Progress, Waiting};

pub use builder::{DangerousVerifierBuilder, VerifierBuilder};
pub use form::JWT_BEARER;
pub use metadata::ClientAuthMetadata;
pub use request::TokenRequest;

/// Verifies client assertions. It knows nothing of HTTP; the [layer](crate::ClientAssertionLayer)
/// drives one, and you may too:
///
/// ```
/// use tower_client_assertion::registry::FixedRegistry;
/// use tower_client_assertion::rejection::{ClientFault, RejectionKind};
/// use tower_client_assertion::replay::MemoryReplay;
/// use tower_client_assertion::{Policy, TokenRequest, Verifier};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_client_assertion::ConfigError> {
/// let registry = FixedRegistry::new([])?;
/// let verifier = Verifier::builder(Policy::REDOX, registry, MemoryReplay::new(100_000)?)
///     .audience("https://api.example.com/v2/auth/token")
///     .build()?;
///
/// let request = TokenRequest::new(b"grant_type=client_credentials");
/// let rejection = verifier.verify(&request).await.unwrap_err();
/// assert_eq!(*rejection.kind(), RejectionKind::Client(ClientFault::NoAuthentication(None)));
/// # Ok(())
/// # }
/// ```
pub struct Verifier {
    /// The first is that of clients which name none. There is at least that one.
    policies: Vec<Policy>,
    limits: Limits,
    audiences: Audiences,
    registry: Box<dyn ClientRegistry>,
    replay: Box<dyn ReplayStore>,
    clock: Box<dyn Clock>,
    events: Option<Box<dyn EventSink>>,
    checks: Option<SignatureChecks>,
}

impl Verifier {
    /// Starts to configure a verifier that judges by `policy`, knows the clients of `registry`, and
    /// remembers spent assertions in `replay`.
    ///
    /// To keep a handle on a port, wrap it in an [`Arc`] and pass a clone.
    pub fn builder(policy: Policy, registry: impl ClientRegistry, replay: impl ReplayStore) -> VerifierBuilder {
        VerifierBuilder::new(policy, Box::new(registry), Box::new(replay))
    }

    /// The policies that it judges by: first that of clients which name none, then the others.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// What an authorization server may tell of its client authentication, taken from this very
    /// configuration.
    pub fn metadata(&self) -> ClientAuthMetadata {
        ClientAuthMetadata::of(&self.policies)
    }

    /// Verifies the assertion of `request`, and records it as spent.
    ///
    /// Dropping the future before it is ready leaves nothing behind, except that an assertion which
    /// a slow replay store was about to admit may have been recorded.
    ///
    /// # Errors
    ///
    /// The [`Rejection`] names the first thing that was wrong.
    pub async fn verify(&self, request: &TokenRequest<'_>) -> Result<ClientIdentity, Rejection> {
        // A request that must carry an assertion is never let go without one.
        self.drive(&request.clone().with_optional(false))
            .await?
            .ok_or_else(|| ClientFault::NoAuthentication(None).into())
    }

    /// Verifies the assertion of `request` if it carries one, and answers `None` if it does not.
    /// One that carries another credential besides is refused.
    ///
    /// # Errors
    ///
    /// As for [`verify`](Self::verify).
    pub async fn verify_optional(&self, request: &TokenRequest<'_>) -> Result<Option<ClientIdentity>, Rejection> {
        self.drive(&request.clone().with_optional(true)).await
    }

    async fn drive(&self, request: &TokenRequest<'_>) -> Outcome {
        let mut progress = self.start(request);
        loop {
            match progress {
                Progress::Done(outcome) => return outcome,
                Progress::Waiting(mut waiting) => {
                    let answer = poll_fn(|cx| waiting.poll(cx)).await;
                    progress = self.resume(request, answer);
                }
            }
        }
    }

    pub(crate) fn first_policy(&self) -> &Policy {
        self.policy(PolicyIndex::default())
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("policies", &self.policies.iter().map(Policy::name).collect::<Vec<_>>())
            .field("audiences", &self.audiences)
            .field("registry", &self.registry)
            .field("replay", &self.replay)
            .finish_non_exhaustive()
    }
}
