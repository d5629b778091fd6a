//! The steps of a verification, in the order of the figure on the crate page. Reading the head and
//! the body of a request comes before them and is up to the layer.
//!
//! Each step consumes what the step before it has made, so none can be left out. A step that must
//! wait for a port ends the run. Once the port has answered, the request is read again from the
//! start: that costs a microsecond, and the assertion is judged at the time of the answer. See
//! `resume`.

use std::sync::Arc;

use super::Verifier;
use super::deadline::Deadline;
use super::form::TokenForm;
use super::mode::Mode;
use super::overload::RunningCheck;
use super::progress::{Journey, PendingRefusal, PortAnswers, Progress, Question, Stop};
use super::refusal::{PolicyIndex, Refusal};
use super::request::TokenRequest;
use super::rules::Rules;
use super::signature::{Admitted, SignedAssertion};
use super::stages::{BoundAssertion, PlausibleAssertion};
use crate::client::Client;
use crate::clock::UnixTime;
use crate::event::TimedStep;
use crate::identity::ClientIdentity;
use crate::jose::base64url::DecodeBuffer;
use crate::jose::keys::KeySet;
use crate::jwks::{KeysResult, KeysUnavailable};
use crate::policy::Policy;
use crate::port::{Answer, PortError};
use crate::registry::FindResult;
use crate::rejection::{ClientFault, Rejection, RejectionKind, ServerFault};
use crate::replay::ReplayKey;

/// What one decision on a request is made with.
#[derive(Clone, Copy)]
struct Decision<'a> {
    request: &'a TokenRequest<'a>,
    mode: Mode,
    now: UnixTime,
}

#[expect(clippy::result_large_err, reason = "an identity is as large, and both are moved once")]
impl Verifier {
    /// Runs the steps until the outcome is known or a port must be waited for.
    pub(crate) fn start(&self, request: &TokenRequest<'_>) -> Progress {
        let journey = Journey { deadline: Deadline::new(self.port_timeout), admitted: None };
        self.run(request, PortAnswers::default(), journey)
    }

    /// Runs the steps with what ports have answered.
    pub(super) fn run(&self, request: &TokenRequest<'_>, answers: PortAnswers, journey: Journey) -> Progress {
        let now = self.clock.now();
        let mode = journey.admitted.map_or(Mode::First, Mode::Again);
        let end = self.steps(request, answers, mode, now);
        self.finish(request, now, end, journey)
    }

    #[inline(always)]
    pub(super) fn steps(
        &self,
        request: &TokenRequest<'_>,
        answers: PortAnswers,
        mode: Mode,
        now: Option<UnixTime>,
    ) -> Result<ClientIdentity, Stop> {
        // Form.
        let form = TokenForm::parse(request, &self.policies, &self.limits)?.ok_or(Stop::Anonymous)?;
        // Assertion.
        let mut buffer = DecodeBuffer::default();
        let assertion = form.read_assertion(&mut buffer, &self.limits)?;
        // Claims.
        let now = now.ok_or(ServerFault::Clock)?;
        let plausible = PlausibleAssertion::check(&assertion, form.client_id(), self.rules_of_all(now))?;
        // Registry.
        request.enter(TimedStep::Registry);
        let client = self.find_client(&plausible, answers.client)?;
        let policy = self.policy_of(&client)?;
        form.check_grant_type(self.policy(policy)).map_err(|fault| Refusal::from(fault).under(policy))?;
        let decision = Decision { request, mode, now };
        let end = self.steps_for_client(plausible, &client, policy, answers.keys, decision);
        end.map_err(|stop| stop.under(policy))
    }

    fn steps_for_client(
        &self,
        plausible: PlausibleAssertion<'_>,
        client: &Arc<Client>,
        policy: PolicyIndex,
        fetched: Option<KeysResult>,
        decision: Decision<'_>,
    ) -> Result<ClientIdentity, Stop> {
        let Decision { request, now, .. } = decision;
        request.leave();
        // Client.
        let bound = plausible
            .for_client(client, policy, self.rules(policy, now))
            .map_err(|fault| Refusal::from(fault).judged_by(client, None))?;
        if let Some(start) = self.issued_from {
            bound.check_issued(start)?;
        }
        // Keys.
        request.enter(TimedStep::Keys);
        let may_ask_for_newer = fetched.is_none();
        let keys = self.keys_of(client, fetched, decision)?;
        // Replay look and signature.
        let signed = self.check_signature(bound, client, keys.as_deref(), decision).map_err(|rejection| {
            let refusal = Refusal::from(rejection).under(policy).judged_by(client, keys.as_ref());
            match &keys {
                Some(keys) if may_ask_for_newer => {
                    request.enter(TimedStep::Keys);
                    self.ask_for_newer_keys(refusal, client, keys, now)
                }
                _ => Stop::Refused(refusal),
            }
        })?;
        // Replay admission.
        request.enter(TimedStep::Replay);
        self.admit(signed, decision)
    }

    #[inline(always)]
    fn find_client(&self, plausible: &PlausibleAssertion<'_>, found: Option<FindResult>) -> Result<Arc<Client>, Stop> {
        let found = match found.map_or_else(|| self.registry.find(plausible.client_id()), Answer::Ready) {
            Answer::Ready(found) => found.map_err(|cause| Rejection::unavailable(ServerFault::Registry, cause))?,
            Answer::Pending(future) => return Err(Stop::Waiting(Question::Client(future))),
        };
        let client = found.ok_or(ClientFault::UnknownClient)?;
        if client.id().as_str() != plausible.client_id() {
            let cause = PortError::new("the registry returned a client with another id");
            return Err(Rejection::unavailable(ServerFault::Registry, cause).into());
        }
        Ok(client)
    }

    /// Returns the policy that the client is registered under. A name that no policy has is a fault
    /// of the server's configuration, not of the client.
    pub(crate) fn policy_of(&self, client: &Client) -> Result<PolicyIndex, Rejection> {
        let Some(name) = client.policy() else { return Ok(PolicyIndex::default()) };
        let named = (0..).map(PolicyIndex).zip(&self.policies).find(|(_, policy)| policy.name() == name);
        named.map(|(index, _)| index).ok_or_else(|| {
            let cause = format!("the client is registered under the policy {name:?}, which the verifier does not have");
            Rejection::unavailable(ServerFault::Registry, PortError::new(cause))
        })
    }

    /// Returns the keys of a client that publishes them at a URL. A second decision on a request
    /// takes those at hand: it may hold the inner service, and the client's server must not decide
    /// for how long.
    fn keys_of(
        &self,
        client: &Arc<Client>,
        fetched: Option<KeysResult>,
        Decision { mode, now, .. }: Decision<'_>,
    ) -> Result<Option<Arc<KeySet>>, Stop> {
        let Some(source) = client.key_source() else { return Ok(None) };
        let keys = || if mode.is_second() { source.keys_at_hand(now) } else { source.keys(now) };
        match fetched.map_or_else(keys, Answer::Ready) {
            Answer::Ready(keys) => Ok(Some(keys.map_err(no_keys)?)),
            Answer::Pending(future) => Err(Stop::Waiting(Question::Keys(Arc::clone(client), future))),
        }
    }

    fn check_signature<'a>(
        &'a self,
        bound: BoundAssertion<'a>,
        client: &'a Arc<Client>,
        fetched: Option<&'a KeySet>,
        decision: Decision<'_>,
    ) -> Result<SignedAssertion<'a>, Rejection> {
        let Decision { request, mode, now } = decision;
        let Rules { policy, .. } = bound.rules;
        let proof = client.proof_for(fetched, bound.kid(), bound.algorithm, policy.key_trials, now)?;
        let replay_key = bound.replay_key(&self.tenant);
        if !mode.is_second() {
            request.enter(TimedStep::Replay);
            self.refuse_spent(replay_key, decision)?;
        }
        request.enter(TimedStep::Signature);
        // What is recorded as spent cannot be sent again, so a second check of it has no bound. An
        // explanation must not use up what requests need.
        let bound_on_checks = self.checks.as_ref().filter(|_| mode.is_first());
        let running = RunningCheck::begin(bound_on_checks, client.id())?;
        Ok(SignedAssertion::verify(bound, replay_key, client, &proof, running)?)
    }

    /// The look before the signature check, so that a replay does not cost one.
    fn refuse_spent(
        &self,
        key: Option<ReplayKey<'_>>,
        Decision { request, mode, now }: Decision<'_>,
    ) -> Result<(), ClientFault> {
        // An explanation reports nothing.
        let asked = if mode.is_first() { self.replay_asked() } else { None };
        let seen = key.and_then(|key| self.replay.seen(key, now));
        self.report_replay(request, asked, None);
        match seen {
            Some(true) => Err(ClientFault::Replayed),
            Some(false) | None => Ok(()),
        }
    }

    /// The client may have published other keys since `keys` were fetched. A request asks for them
    /// once.
    fn ask_for_newer_keys(&self, refusal: Refusal, client: &Arc<Client>, keys: &Arc<KeySet>, now: UnixTime) -> Stop {
        let (RejectionKind::Client(fault), Some(source)) = (refusal.rejection.kind(), client.key_source()) else {
            return Stop::Refused(refusal);
        };
        if !fault.depends_on_keys() {
            return Stop::Refused(refusal);
        }
        let generation = source.generation();
        match source.newer(keys, now) {
            Answer::Ready(None) => Stop::Refused(refusal),
            newer => {
                let pending = Box::new(PendingRefusal { client: Arc::clone(client), generation, refusal });
                Stop::Waiting(Question::NewerKeys(pending, Box::pin(newer.get())))
            }
        }
    }

    /// The insert comes last, so that a forged assertion can neither fill the replay store nor use
    /// up the `jti` or the share of another client.
    fn admit(
        &self,
        signed: SignedAssertion<'_>,
        Decision { request, mode, now }: Decision<'_>,
    ) -> Result<ClientIdentity, Stop> {
        match mode {
            Mode::First => {}
            Mode::Again(admitted) => return Ok(signed.into_identity(admitted)),
            Mode::Dry => return Ok(signed.into_unadmitted_identity()),
        }
        let Some(key) = signed.replay_key() else { return Ok(signed.into_reusable_identity()) };
        let charge = self.admissions.charge(key, signed.valid_until(), now)?;
        let asked = self.replay_asked();
        match self.replay.admit(key, signed.valid_until(), now) {
            Answer::Ready(admitted) => {
                self.admissions.settle(charge, &admitted);
                self.report_replay(request, asked, admitted.as_ref().err());
                Ok(signed.into_identity(Admitted::check(admitted)?))
            }
            Answer::Pending(future) => {
                let charge = self.admissions.defer(charge);
                let pending = signed.into_pending();
                let watch = self.watch_replay(request, asked);
                Err(Stop::Waiting(Question::Admission(Some((pending, charge)), future, watch)))
            }
        }
    }

    #[expect(clippy::indexing_slicing, reason = "an index is that of a policy, and no policy is ever removed")]
    pub(crate) fn policy(&self, index: PolicyIndex) -> &Policy {
        &self.policies[usize::from(index.0)]
    }

    pub(super) fn rules(&self, policy: PolicyIndex, now: UnixTime) -> Rules<'_> {
        Rules { policy: self.policy(policy), limits: &self.limits, audiences: &self.audiences, now }
    }

    pub(super) fn rules_of_all(&self, now: UnixTime) -> impl Iterator<Item = Rules<'_>> {
        self.policies.iter().map(move |policy| Rules { policy, limits: &self.limits, audiences: &self.audiences, now })
    }
}

pub(crate) fn no_keys(unavailable: KeysUnavailable) -> Rejection {
    let cause = PortError::new(unavailable.error().clone());
    match unavailable.is_server_fault() {
        true => Rejection::unavailable(ServerFault::KeySetFetch, cause),
        false => Rejection::because(ClientFault::KeySetUnavailable, cause),
    }
}
