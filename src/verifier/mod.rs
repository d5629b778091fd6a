//! The ten steps in a row: from a token request to a verified identity, or to the first reason why not.

mod assertion;
mod builder;
mod claims;
mod findings;
mod form;
mod metadata;
pub mod overload;
mod progress;
mod report;
mod signature;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use crate::clock::{Clock, UnixTime};
use crate::event::EventSink;
use crate::identity::ClientIdentity;
use crate::jose::base64url::DecodeBuffer;
use crate::jose::keys::KeySet;
use crate::jwks::{KeySource, Keys, KeysUnavailable};
use crate::policy::{Audiences, Limits, Policy};
use crate::port::{Answer, PortError};
use crate::registry::{Client, ClientRegistry, Found};
use crate::rejection::{ClientFault, PolicyIndex, Rejection, RejectionKind, ServerFault};
use crate::replay::{ReplayKey, ReplayStore};
use crate::verifier::assertion::Assertion;
use crate::verifier::claims::{BoundAssertion, PlausibleAssertion, Rules};
use crate::verifier::overload::SignatureChecks;
use crate::verifier::signature::SignedAssertion;
use form::TokenForm;

pub(crate) use progress::{Answered, Outcome, Progress, Waiting};
use progress::{Known, Refusal};

pub use builder::{DangerousVerifierBuilder, VerifierBuilder};
pub use form::{JWT_BEARER, TokenRequest};
pub use metadata::ClientAuthMetadata;

/// Verifies client assertions. It knows nothing of HTTP; the [layer](crate::ClientAssertionLayer) drives one, and you may too:
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
    /// Starts to configure a verifier that judges by `policy`, knows the clients of `registry`, and remembers spent
    /// assertions in `replay`.
    ///
    /// To keep a handle on a port, wrap it in an [`Arc`] and pass a clone.
    pub fn builder(policy: Policy, registry: impl ClientRegistry, replay: impl ReplayStore) -> VerifierBuilder {
        VerifierBuilder::new(policy, Box::new(registry), Box::new(replay))
    }

    /// The policies that it judges by: first that of clients which name none, then the others.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// What an authorization server may tell of its client authentication, taken from this very configuration.
    pub fn metadata(&self) -> ClientAuthMetadata {
        ClientAuthMetadata::of(&self.policies)
    }

    /// Verifies the assertion of `request`, and records it as spent.
    ///
    /// Dropping the future before it is ready leaves nothing behind, except that an assertion which a slow replay store was
    /// about to admit may have been recorded.
    ///
    /// # Errors
    ///
    /// The [`Rejection`] names the first thing that was wrong.
    pub async fn verify(&self, request: &TokenRequest<'_>) -> Result<ClientIdentity, Rejection> {
        // A request that must carry an assertion is never let go without one.
        self.drive(&request.with_optional(false)).await?.ok_or_else(|| ClientFault::NoAuthentication(None).into())
    }

    /// Verifies the assertion of `request` if it carries one, and answers `None` if it does not. One that carries another
    /// credential besides is refused.
    ///
    /// # Errors
    ///
    /// As for [`verify`](Self::verify).
    pub async fn verify_optional(&self, request: &TokenRequest<'_>) -> Result<Option<ClientIdentity>, Rejection> {
        self.drive(&request.with_optional(true)).await
    }

    async fn drive(&self, request: &TokenRequest<'_>) -> Outcome {
        let mut progress = self.start(request);
        loop {
            match progress {
                Progress::Done(outcome) => return outcome,
                Progress::Waiting(mut waiting) => {
                    let answered = poll_fn(|cx| waiting.poll(cx)).await;
                    progress = self.resume(request, answered);
                }
            }
        }
    }

    /// Goes on until the outcome is known or a port needs time.
    pub(crate) fn start(&self, request: &TokenRequest<'_>) -> Progress {
        self.advance(request, Known::default())
    }

    /// Goes on with what a port has answered. The request is read again rather than kept half read: that costs a
    /// microsecond, and judges the assertion by the time at which the answer came.
    pub(crate) fn resume(&self, request: &TokenRequest<'_>, answered: Answered) -> Progress {
        match answered {
            Answered::Client(found) => self.advance(request, Known { found: Some(found), keys: None }),
            Answered::Keys(client, keys) => self.advance_with(request, client, keys),
            Answered::NewerKeys(refusal, Some(keys)) => self.advance_with(request, refusal.client, Ok(keys)),
            Answered::NewerKeys(refusal, None) => self.reported(request, self.clock.now(), refused(refusal.rejection)),
            Answered::Admission(unspent, admitted) => {
                let now = self.clock.now();
                self.reported(request, now, Progress::Done(unspent.settle(admitted, now).map(Some)))
            }
        }
    }

    fn advance_with(&self, request: &TokenRequest<'_>, client: Arc<Client>, keys: Keys) -> Progress {
        self.advance(request, Known { found: Some(Ok(Some(client))), keys: Some(keys) })
    }

    fn advance(&self, request: &TokenRequest<'_>, known: Known) -> Progress {
        let now = self.clock.now();
        self.reported(request, now, self.steps(request, now, known).unwrap_or_else(refused))
    }

    /// Each step consumes what the step before has made: what comes later cannot be reached without what comes first.
    fn steps(
        &self,
        request: &TokenRequest<'_>,
        now: Option<UnixTime>,
        Known { found, keys }: Known,
    ) -> Result<Progress, Rejection> {
        let Some(form) = TokenForm::parse(request, &self.policies, &self.limits)? else {
            return Ok(Progress::Done(Ok(None)));
        };
        let mut room = DecodeBuffer::default();
        let assertion = Assertion::parse(&form.assertion, &mut room, &self.limits)?;
        let now = now.ok_or(ServerFault::Clock)?;
        let plausible = PlausibleAssertion::judge(&assertion, form.client_id.as_deref(), self.all_rules(now))?;
        let found = match found.map_or_else(|| self.registry.find(plausible.client_id()), Answer::Ready) {
            Answer::Ready(found) => found,
            Answer::Pending(future) => return Ok(Progress::Waiting(Waiting::Client(future))),
        };
        let client = known(found, &plausible)?;
        let policy = self.policy_of(&client)?;
        form.check_grant_type(self.policy(policy)).map_err(|fault| Rejection::from(fault).under(policy))?;
        let decided = match client.key_source() {
            None => self.decide(plausible, &client, policy, now),
            Some(source) => self.decide_by_url(plausible, &client, source, keys, policy, now),
        };
        decided.map_err(|rejection| rejection.under(policy))
    }

    fn decide(
        &self,
        plausible: PlausibleAssertion<'_>,
        client: &Client,
        policy: PolicyIndex,
        now: UnixTime,
    ) -> Result<Progress, Rejection> {
        let bound = plausible.bind(client, policy, &self.rules(policy, now))?;
        let signed = self.check_signature(bound, client, None)?;
        Ok(self.admit(signed, now))
    }

    /// Of a client that publishes its keys. If these do not do, it may have others by now; a request asks for them once.
    fn decide_by_url(
        &self,
        plausible: PlausibleAssertion<'_>,
        client: &Arc<Client>,
        source: &KeySource,
        fetched: Option<Keys>,
        policy: PolicyIndex,
        now: UnixTime,
    ) -> Result<Progress, Rejection> {
        let bound = plausible.bind(client, policy, &self.rules(policy, now))?;
        let may_ask = fetched.is_none();
        let keys = match fetched.map_or_else(|| source.keys(now), Answer::Ready) {
            Answer::Ready(keys) => keys.map_err(no_keys)?,
            Answer::Pending(future) => return Ok(Progress::Waiting(Waiting::Keys(Arc::clone(client), future))),
        };
        let outdated = |kind: &_| matches!(kind, RejectionKind::Client(fault) if fault.depends_on_keys());
        let rejection = match self.check_signature(bound, client, Some(&keys)) {
            Ok(signed) => return Ok(self.admit(signed, now)),
            Err(rejection) if may_ask && outdated(rejection.kind()) => rejection,
            Err(rejection) => return Err(rejection),
        };
        match source.newer(&keys, now) {
            Answer::Ready(None) => Err(rejection),
            newer => {
                let rejection = rejection.under(policy);
                let refusal = Box::new(Refusal { client: Arc::clone(client), rejection });
                Ok(Progress::Waiting(Waiting::NewerKeys(refusal, Box::pin(newer.get()))))
            }
        }
    }

    fn check_signature<'a>(
        &self,
        bound: BoundAssertion<'a>,
        client: &'a Client,
        fetched: Option<&'a KeySet>,
    ) -> Result<SignedAssertion<'a>, Rejection> {
        let Rules { policy, now, .. } = bound.rules;
        let proof = client.proof_for(fetched, bound.kid(), bound.algorithm, policy.key_trials, now)?;
        let replay_key = bound.replay_key();
        self.refuse_spent(replay_key, now)?;
        let check = self.checks.as_ref().map(|checks| checks.begin(client.id())).transpose()?;
        let signed = SignedAssertion::verify(bound, replay_key, client, &proof)?;
        drop(check);
        Ok(signed)
    }

    pub(crate) fn first_policy(&self) -> &Policy {
        self.policy(PolicyIndex::default())
    }

    #[expect(clippy::indexing_slicing, reason = "an index is that of a policy, and no policy is ever removed")]
    fn policy(&self, index: PolicyIndex) -> &Policy {
        &self.policies[usize::from(index.0)]
    }

    /// The policy that a client is registered under. A name that means none is our mistake, not the client's.
    fn policy_of(&self, client: &Client) -> Result<PolicyIndex, Rejection> {
        let Some(name) = client.policy_name() else { return Ok(PolicyIndex::default()) };
        let named = (0..).map(PolicyIndex).zip(&self.policies).find(|(_, policy)| policy.name == name);
        named.map(|(index, _)| index).ok_or_else(|| {
            let cause = PortError::new(format!("the client is registered under {name:?}, which is no policy of ours"));
            Rejection::unavailable(ServerFault::Registry, cause)
        })
    }

    fn rules(&self, policy: PolicyIndex, now: UnixTime) -> Rules<'_> {
        Rules { policy: self.policy(policy), limits: &self.limits, audiences: &self.audiences, now }
    }

    fn all_rules(&self, now: UnixTime) -> impl Iterator<Item = Rules<'_>> {
        self.policies.iter().map(move |policy| Rules { policy, limits: &self.limits, audiences: &self.audiences, now })
    }

    /// A look before the signature check: a replay should not cost one.
    fn refuse_spent(&self, key: Option<ReplayKey<'_>>, now: UnixTime) -> Result<(), ClientFault> {
        match key.and_then(|key| self.replay.seen(key, now)) {
            Some(true) => Err(ClientFault::Replayed),
            Some(false) | None => Ok(()),
        }
    }

    /// The insert comes last, so that a forged assertion can neither fill the store nor burn somebody's `jti`.
    fn admit(&self, signed: SignedAssertion<'_>, now: UnixTime) -> Progress {
        let Some(key) = signed.replay_key() else {
            return Progress::Done(Ok(Some(signed.unidentified())));
        };
        match self.replay.admit(key, signed.valid_until(), now) {
            Answer::Ready(admitted) => Progress::Done(signed.settle(admitted).map(Some)),
            Answer::Pending(future) => Progress::Waiting(Waiting::Admission(Some(signed.into_unspent()), future)),
        }
    }
}

fn refused(rejection: Rejection) -> Progress {
    Progress::Done(Err(rejection))
}

fn known(found: Found, plausible: &PlausibleAssertion<'_>) -> Result<Arc<Client>, Rejection> {
    let found = found.map_err(|cause| Rejection::unavailable(ServerFault::Registry, cause))?;
    let client = found.ok_or(ClientFault::UnknownClient)?;
    if client.id().as_str() != plausible.client_id() {
        let cause = PortError::new("the registry answered with another client than was asked for");
        return Err(Rejection::unavailable(ServerFault::Registry, cause));
    }
    Ok(client)
}

fn no_keys(unavailable: KeysUnavailable) -> Rejection {
    let ours = unavailable.is_ours();
    let cause = PortError::new(unavailable.error().clone());
    match ours {
        true => Rejection::unavailable(ServerFault::KeySetFetch, cause),
        false => Rejection::because(ClientFault::KeySetUnavailable, cause),
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
