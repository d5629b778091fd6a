//! What happens after a wait: the decision is made again, with what is registered now.
//!
//! While a request waits for a port, its client may be deleted, or its keys replaced. Once
//! `reload` or `invalidate` has returned, nothing that they removed may lead to an acceptance. So
//! after each wait the client is looked up again, where the registry has its answer at hand. If
//! what the wait was for has changed, the steps begin again from the registry. All waits of a
//! request share one deadline, which also bounds how often that happens.
//!
//! A registry that answers later is not asked a second time, as that would double its load. Its
//! client is then at most as old as the [port timeout](crate::VerifierBuilder::port_timeout). A wait
//! for the handler has no such bound. After one, every registry is asked again.

use std::sync::Arc;

use super::Verifier;
use super::checks::check;
use super::deadline::Deadline;
use super::progress::{Journey, PendingRefusal, PortAnswer, PortAnswers, Progress, Reply, Stop};
use super::refusal::{PolicyIndex, Refusal};
use super::request::TokenRequest;
use super::signature::{Admitted, PendingIdentity};
use crate::client::Client;
use crate::clock::UnixTime;
use crate::identity::ClientIdentity;
use crate::jose::keys::KeySet;
use crate::jwks::{KeySource, KeysResult, KeysUnavailable};
use crate::port::Answer;
use crate::registry::FindResult;
use crate::rejection::{Claim, ClaimFault, ClientFault};
use crate::replay::AdmitResult;

impl Verifier {
    /// Goes on with the answer of a port.
    pub(crate) fn resume(&self, request: &TokenRequest<'_>, answer: PortAnswer) -> Progress {
        request.leave();
        let PortAnswer { reply, journey } = answer;
        match reply {
            Reply::Client(found) => self.run(request, PortAnswers { client: Some(found), keys: None }, journey),
            Reply::Keys(client, keys) => self.resume_with_keys(request, &client, keys, journey),
            Reply::NewerKeys(pending, newer) => self.resume_with_newer_keys(request, pending, newer, journey),
            Reply::Admission(pending, charge, admitted) => {
                self.admissions.settle_later(charge, &admitted);
                self.resume_with_admission(request, pending, admitted, journey)
            }
            Reply::Nothing(refusal) => self.finish(request, self.clock.now(), Err(Stop::Refused(refusal)), journey),
        }
    }

    fn resume_with_keys(
        &self,
        request: &TokenRequest<'_>,
        client: &Arc<Client>,
        keys: KeysResult,
        journey: Journey,
    ) -> Progress {
        let found = self.registered_now(client);
        let superseded = keys.as_ref().is_err_and(KeysUnavailable::is_superseded);
        let keys = (!superseded && is_same_source(&found, client)).then_some(keys);
        self.run(request, PortAnswers { client: Some(found), keys }, journey)
    }

    fn resume_with_newer_keys(
        &self,
        request: &TokenRequest<'_>,
        pending: PendingRefusal,
        newer: Option<Arc<KeySet>>,
        journey: Journey,
    ) -> Progress {
        let found = self.registered_now(&pending.client);
        let generation = pending.client.key_source().map(KeySource::generation);
        let same = generation == Some(pending.generation) && is_same_source(&found, &pending.client);
        let keys = match (same, newer) {
            (true, Some(keys)) => Some(Ok(keys)),
            (true, None) => {
                let end = Err(Stop::Refused(pending.refusal));
                return self.finish(request, self.clock.now(), end, journey);
            }
            (false, _) => None,
        };
        self.run(request, PortAnswers { client: Some(found), keys }, journey)
    }

    fn resume_with_admission(
        &self,
        request: &TokenRequest<'_>,
        pending: PendingIdentity,
        admitted: AdmitResult,
        journey: Journey,
    ) -> Progress {
        let now = self.clock.now();
        let policy = self.policy_of(pending.client()).unwrap_or_default();
        let admitted = match pending.check(admitted, now, |now| self.why_expired(request, policy, now)) {
            Ok(admitted) => admitted,
            Err(rejection) => {
                let refusal = Refusal::from(rejection).under(policy).judged_by(pending.client(), None);
                return self.finish(request, now, Err(Stop::Refused(refusal)), journey);
            }
        };
        let found = self.registered_now(pending.client());
        if is_same_client(&found, pending.client()) && now.is_some_and(|now| has_same_key(&pending, now)) {
            return self.finish(request, now, Ok(pending.into_identity(admitted)), journey);
        }
        // The assertion is spent, and is now judged by what has replaced the client or its keys.
        let journey = Journey { admitted: Some(admitted), ..journey };
        self.run(request, PortAnswers { client: Some(found), keys: None }, journey)
    }

    /// Returns the fault of an assertion that this policy has accepted and that has expired since.
    #[cold]
    fn why_expired(&self, request: &TokenRequest<'_>, policy: PolicyIndex, now: UnixTime) -> ClientFault {
        let rules = self.rules(policy, now);
        let checked = self.read_again(request, |form, assertion| check(assertion, form.client_id(), &rules));
        match checked {
            Some(Err(first)) => first.fault,
            Some(Ok(_)) | None => ClientFault::Claim(Claim::Exp, ClaimFault::Past),
        }
    }

    /// Decides on an accepted request again, after its handler was waited for: by the time, the
    /// registrations and the keys of now. The replay store is not asked again about an assertion
    /// that it has recorded.
    ///
    /// `identity` is from the first decision on this request. A wait for the handler is no wait for
    /// a port, so the time that the waits of the first decision took does not count.
    pub(crate) fn decide_again(&self, request: &TokenRequest<'_>, identity: &ClientIdentity) -> Progress {
        let journey = Journey { deadline: Deadline::new(self.port_timeout), admitted: Admitted::before(identity) };
        self.run(request, PortAnswers::default(), journey)
    }

    /// Returns the client as it is registered now, or as it was if the registry answers later.
    fn registered_now(&self, client: &Arc<Client>) -> FindResult {
        match self.registry.find(client.id().as_str()) {
            Answer::Ready(found) => found,
            Answer::Pending(_) => Ok(Some(Arc::clone(client))),
        }
    }
}

fn is_same_client(found: &FindResult, client: &Arc<Client>) -> bool {
    matches!(found, Ok(Some(found)) if Arc::ptr_eq(found, client))
}

/// Returns whether the keys of `client` are also those of the client that was found. A registry may
/// build a client each time it is asked, so the same client is not enough to compare.
fn is_same_source(found: &FindResult, client: &Client) -> bool {
    let Ok(Some(found)) = found else { return false };
    found.key_source().zip(client.key_source()).is_some_and(|(found, waited)| found.is_same(waited))
}

/// Returns whether the key that verified the signature is still at the client's URL. A document is
/// fetched again in the background, and others of its keys may be new.
fn has_same_key(pending: &PendingIdentity, now: UnixTime) -> bool {
    let Some(source) = pending.client().key_source() else { return !pending.client().has_expired(now) };
    match source.keys(now) {
        Answer::Ready(Ok(current)) => pending.is_signed_by_one_of(&current),
        Answer::Ready(Err(_)) | Answer::Pending(_) => false,
    }
}
