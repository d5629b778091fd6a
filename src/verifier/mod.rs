//! The verification of a client assertion, step by step.
//!
//! The input is a [`TokenRequest`]: bytes and values, without HTTP. The result is a
//! [`ClientIdentity`], a [`Rejection`] or a wait for a port. The operator gets an event. `steps`
//! has the steps in order. Each step with more to it than a call is a file: `form` (its syntax is
//! in `urlencoded`), `assertion`, `checks` (of the claims, by `rules` and `times`), `stages`,
//! `signature`, `admissions` (its counts are in `shares` and `unanswered`). `progress` is what a
//! step waits for (until its `deadline`), `resume` what follows, `report` what the operator learns.
//!
//! This room uses registries, replay stores and key sets through their ports. It must not use HTTP
//! or a renderer.

mod admissions;
pub(crate) mod assertion;
mod builder;
pub(crate) mod checks;
mod configured;
mod deadline;
pub(crate) mod dry;
pub(crate) mod findings;
pub(crate) mod form;
pub(crate) mod form_faults;
pub(crate) mod form_findings;
pub(crate) mod key_findings;
mod metadata;
mod mode;
pub mod overload;
mod progress;
mod ready;
pub(crate) mod refusal;
mod registrations;
mod replay_watch;
mod report;
pub(crate) mod request;
mod resume;
pub(crate) mod rules;
mod shares;
pub(crate) mod signature;
mod signature_hint;
pub(crate) mod stages;
mod steps;
pub(crate) mod text_faults;
pub(crate) mod text_findings;
pub(crate) mod times;
mod unanswered;
mod undecodable;
mod unreadable;
mod urlencoded;
pub(crate) mod wrapping;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::clock::{Clock, UnixTime};
use crate::event::{EventSink, Stopwatch};
use crate::identity::ClientIdentity;
use crate::policy::{Audiences, Limits, Policy};
use crate::registry::ClientRegistry;
use crate::rejection::{ClientFault, Rejection};
use crate::replay::{ReplayStore, Tenant};
use admissions::Admissions;
use overload::SignatureChecks;
use refusal::PolicyIndex;

pub(crate) use configured::Configured;
pub(crate) use progress::{Outcome, PortAnswer, Progress, Waiting};
pub(crate) use signature_hint::is_der;
pub(crate) use steps::no_keys;
pub(crate) use urlencoded::{Pairs, unescape};

pub use builder::{DangerousVerifierBuilder, VerifierBuilder};

pub use metadata::ClientAuthMetadata;
pub use ready::{PartHealth, Readiness};
pub use request::TokenRequest;

/// Verifies client assertions, without HTTP. The [layer](crate::ClientAssertionLayer) calls it.
/// Call it yourself to authenticate clients that do not come over HTTP:
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
/// let replay = MemoryReplay::new(100_000)?;
/// let verifier = Verifier::builder(Policy::RFC7523, registry, replay)
///     .issuer("https://as.example.com")
///     .build()?;
///
/// let request = TokenRequest::new(b"grant_type=client_credentials");
/// let rejection = verifier.verify(&request).await.unwrap_err();
/// let missing = ClientFault::NoAuthentication(None);
/// assert_eq!(*rejection.kind(), RejectionKind::Client(missing));
/// # Ok(())
/// # }
/// ```
pub struct Verifier {
    /// There is at least the first, which is for clients that are registered without a policy.
    policies: Vec<Policy>,
    limits: Limits,
    audiences: Audiences,
    registry: Box<dyn ClientRegistry>,
    replay: Box<dyn ReplayStore>,
    clock: Box<dyn Clock>,
    events: Option<Arc<dyn EventSink>>,
    /// Whether the sink needs times.
    timed: bool,
    checks: Option<SignatureChecks>,
    admissions: Admissions,
    tenant: Tenant,
    port_timeout: Duration,
    issued_from: Option<UnixTime>,
    /// After which wait the replay store is reported as slow.
    slow_replay: Duration,
}

impl Verifier {
    /// Returns a builder for a verifier that applies `policy`, finds clients in `registry` and
    /// records spent assertions in `replay`.
    ///
    /// To keep a handle on a port, wrap it in an [`Arc`] and pass a clone.
    pub fn builder(policy: Policy, registry: impl ClientRegistry, replay: impl ReplayStore) -> VerifierBuilder {
        VerifierBuilder::new(policy, Box::new(registry), Box::new(replay))
    }

    /// Returns the policies: first the one for clients that are registered without a policy, then
    /// those added by [`client_policy`](VerifierBuilder::client_policy).
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// Returns the bound on concurrent signature checks, if there is one.
    pub fn signature_checks(&self) -> Option<&SignatureChecks> {
        self.checks.as_ref()
    }

    /// Returns what keeps this client, or one of its keys, from ever being accepted by this
    /// verifier: an id or a `kid` over its limit, a `kid` with a control character, a policy that
    /// the verifier does not have, algorithms that the policy does not allow, and a secret that has
    /// expired. Each is a sentence that begins with the member of the client's metadata, or with
    /// `algorithms` if it concerns all of them.
    ///
    /// [`build`](VerifierBuilder::build) reports the same of every client that the registry
    /// [lists](ClientRegistry::all). Call this for others, for example for
    /// [`FileRegistry::clients`](crate::registry::FileRegistry::clients) after a reload.
    pub fn problems_of(&self, client: &Client) -> Vec<String> {
        self.problems_at(client, self.clock.now())
    }

    /// Returns the same at another time than now.
    pub(crate) fn problems_at(&self, client: &Client, at: Option<UnixTime>) -> Vec<String> {
        registrations::problems(client, &self.policies, &self.limits, at)
    }

    /// Returns what an authorization server publishes about its client authentication, taken from
    /// this configuration.
    pub fn metadata(&self) -> ClientAuthMetadata {
        ClientAuthMetadata::of(&self.policies)
    }

    /// Verifies the assertion of `request` and records it as spent.
    ///
    /// The future may be dropped at any time. If it was waiting for the replay store, the assertion
    /// may be recorded as spent nevertheless.
    ///
    /// # Errors
    ///
    /// The [`Rejection`] has the first fault.
    pub async fn verify(&self, request: &TokenRequest<'_>) -> Result<ClientIdentity, Rejection> {
        // The steps never return `None` for a request that needs an assertion.
        self.drive(request.clone().with_optional(false))
            .await?
            .ok_or_else(|| ClientFault::NoAuthentication(None).into())
    }

    /// Verifies the assertion of `request`, or returns `None` if the request has none. An assertion
    /// that comes with another credential is refused.
    ///
    /// # Errors
    ///
    /// The same as [`verify`](Self::verify).
    pub async fn verify_optional(&self, request: &TokenRequest<'_>) -> Result<Option<ClientIdentity>, Rejection> {
        self.drive(request.clone().with_optional(true)).await
    }

    async fn drive(&self, request: TokenRequest<'_>) -> Outcome {
        let stopwatch = self.stopwatch();
        let request = &request.with_stopwatch(stopwatch.as_ref());
        let mut progress = self.start(request);
        loop {
            match progress {
                Progress::Done(outcome) => {
                    if let Ok(identity) = &outcome {
                        self.report_passed(identity.as_ref(), || request.info());
                    }
                    return outcome;
                }
                Progress::Waiting(mut waiting) => {
                    let answer = poll_fn(|cx| waiting.poll(cx)).await;
                    progress = self.resume(request, answer);
                }
            }
        }
    }

    /// Returns whether there is a sink.
    pub(crate) fn reports_events(&self) -> bool {
        self.events.is_some()
    }

    /// Returns whether a sink needs times.
    pub(crate) fn needs_times(&self) -> bool {
        self.timed
    }

    /// Returns a running stopwatch, if a sink needs times.
    pub(crate) fn stopwatch(&self) -> Option<Stopwatch> {
        self.timed.then(Stopwatch::start)
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
            .field("limits", &self.limits)
            .field("checks", &self.checks)
            .field("port_timeout", &self.port_timeout)
            .field("slow_replay", &self.slow_replay)
            .field("registry", &self.registry)
            .field("replay", &self.replay)
            .finish_non_exhaustive()
    }
}
