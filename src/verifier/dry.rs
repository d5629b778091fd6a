//! Decisions that leave no trace, for explanations: nothing is spent, fetched, counted or reported.
//!
//! The verdict comes from the same steps as that of a request. Only the answers of the registry and
//! of a key set are found out before, because an explanation needs them even if the steps end
//! earlier.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use super::Verifier;
use super::assertion::Assertion;
use super::deadline::Deadline;
use super::mode::Mode;
use super::progress::{PortAnswers, Stop};
use super::refusal::PolicyIndex;
use super::request::TokenRequest;
use super::rules::Rules;
use super::stages::PlausibleAssertion;
use crate::client::{AuthMethod, Client, ClientId};
use crate::clock::UnixTime;
use crate::jose::keys::KeySet;
use crate::jwks::{KeysResult, KeysUnavailable};
use crate::policy::Limits;
use crate::port::{Answer, PortError};
use crate::registry::FindResult;
use crate::rejection::{ClientFault, Rejection, RejectionKind, ServerFault};
use crate::replay::{ReplayKey, Tenant};

/// What a request is told, without its effects.
#[derive(Clone)]
pub(crate) enum Conclusion {
    Accepted {
        client: ClientId,
        policy: Box<str>,
        method: AuthMethod,
    },
    Refused(Rejection),
    /// The request has no assertion and needs none.
    LetPass,
    /// It depends on keys that would be fetched.
    KeysNotAtHand,
    /// So does the signature: it is by none of the keys at hand.
    SignatureOpen,
    /// It depends on clients that are not known.
    ClientsUnknown,
}

/// What the ports know about the client that an assertion claims to come from.
#[derive(Default)]
pub(crate) struct Registered {
    /// The registry's answer, if it was asked.
    found: Option<FindResult>,
    /// Why there is no answer, if it is not the registry's own error.
    unanswered: Option<Rejection>,
    /// The keys of a client that publishes them, or why there are none, if that is known.
    keys: Option<KeysResult>,
    /// Whether a request fetches others before it is refused because of these.
    would_fetch: bool,
}

/// A cause of a registry's error: clients are not known at all.
#[derive(Debug)]
pub(crate) struct UnknownClients;

impl std::fmt::Display for UnknownClients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no clients were given")
    }
}

impl std::error::Error for UnknownClients {}

impl Registered {
    /// Returns the client, or why there is none, if the registry was asked.
    pub(crate) fn client(&self) -> Option<Result<&Arc<Client>, Rejection>> {
        if let Some(rejection) = &self.unanswered {
            return Some(Err(rejection.clone()));
        }
        Some(match self.found.as_ref()? {
            Ok(Some(client)) => Ok(client),
            Ok(None) => Err(ClientFault::UnknownClient.into()),
            Err(cause) => Err(Rejection::unavailable(ServerFault::Registry, cause.clone())),
        })
    }

    pub(crate) fn is_without_clients(&self) -> bool {
        matches!(&self.found, Some(Err(error)) if error.is::<UnknownClients>())
    }

    /// Returns the keys that were fetched, or why there are none, if that is known.
    pub(crate) fn fetched(&self) -> Option<Result<&Arc<KeySet>, &KeysUnavailable>> {
        self.keys.as_ref().map(Result::as_ref)
    }

    /// Returns whether a request with this fault fetches the client's keys before it is refused.
    pub(crate) fn is_open(&self, fault: &ClientFault) -> bool {
        self.would_fetch && fault.depends_on_keys()
    }
}

impl Verifier {
    /// Returns whether a client has this id, if the registry knows without waiting. It is not asked
    /// for an id that is not possible.
    pub(crate) fn is_registered(&self, client_id: &str) -> Option<bool> {
        let is_possible = ClientId::is_valid(client_id) && client_id.len() <= self.limits.client_id;
        if !is_possible {
            return Some(false);
        }
        match self.registry.find(client_id) {
            Answer::Ready(Ok(found)) => Some(found.is_some()),
            Answer::Ready(Err(_)) | Answer::Pending(_) => None,
        }
    }

    /// Asks the registry for a client, and waits no longer than a request would.
    pub(crate) async fn registered(&self, client_id: &str, at: UnixTime) -> Registered {
        let (found, unanswered) = match self.registry.find(client_id) {
            Answer::Ready(found) => (Some(found), None),
            Answer::Pending(mut future) => {
                let mut deadline = Deadline::new(self.port_timeout);
                let answer = poll_fn(|cx| match future.as_mut().poll(cx) {
                    Poll::Ready(found) => Poll::Ready(Ok(found)),
                    Poll::Pending => deadline.poll(ServerFault::Registry, cx).map(Err),
                });
                match answer.await {
                    Ok(found) => (Some(found), None),
                    Err(rejection) => (None, Some(rejection)),
                }
            }
        };
        let found = found.map(|found| with_id(found, client_id));
        let source = found.iter().flatten().flatten().find_map(|client| client.key_source());
        let keys = source.and_then(|source| source.known(at));
        let would_fetch = matches!(keys, Some(Ok(_))) && source.is_some_and(|source| source.would_fetch(at));
        Registered { found, unanswered, keys, would_fetch }
    }

    /// Runs the steps on `request` with what is known about its client.
    pub(crate) fn decide_dry(&self, request: &TokenRequest<'_>, known: &Registered, at: UnixTime) -> Conclusion {
        // The steps ask for no other client than the one that was asked for, and for no keys that
        // have an answer.
        let nothing = || Err(PortError::new("the registry was not asked"));
        let not_at_hand = || Err(KeysUnavailable::not_at_hand());
        let client = known.found.clone().unwrap_or_else(nothing);
        let keys = known.keys.clone().unwrap_or_else(not_at_hand);
        let answers = PortAnswers { client: Some(client), keys: Some(keys) };
        match self.steps(request, answers, Mode::Dry, Some(at)) {
            Ok(identity) => Conclusion::Accepted {
                client: identity.client_id().clone(),
                policy: identity.policy().into(),
                method: identity.method(),
            },
            Err(Stop::Anonymous) => Conclusion::LetPass,
            // A dry run has all answers.
            Err(Stop::Waiting(_)) => Conclusion::KeysNotAtHand,
            Err(Stop::Refused(refusal)) => self.refused_dry(request, known, refusal.rejection),
        }
    }

    fn refused_dry(&self, request: &TokenRequest<'_>, known: &Registered, rejection: Rejection) -> Conclusion {
        let rejection = match self.is_mounted_twice(request, &rejection) {
            true => rejection.because_of(ServerFault::MountedTwice),
            false => rejection,
        };
        let no_source = known.keys.is_none();
        match rejection.kind() {
            RejectionKind::Server(ServerFault::Registry) if known.is_without_clients() => Conclusion::ClientsUnknown,
            RejectionKind::Server(ServerFault::Registry) => {
                Conclusion::Refused(known.unanswered.clone().unwrap_or(rejection))
            }
            RejectionKind::Client(ClientFault::KeySetUnavailable) | RejectionKind::Server(ServerFault::KeySetFetch)
                if no_source =>
            {
                Conclusion::KeysNotAtHand
            }
            RejectionKind::Client(fault) if known.is_open(fault) => match fault {
                ClientFault::BadSignature => Conclusion::SignatureOpen,
                _ => Conclusion::KeysNotAtHand,
            },
            RejectionKind::Client(_) | RejectionKind::Server(_) => Conclusion::Refused(rejection),
        }
    }

    /// Returns the first policy that accepts the claims or, if none does, the fault of the policy
    /// under which most checks passed.
    pub(crate) fn first_to_accept(
        &self,
        assertion: &Assertion<'_>,
        client_id: Option<&str>,
        at: UnixTime,
    ) -> Result<PolicyIndex, (PolicyIndex, Rejection)> {
        match PlausibleAssertion::check(assertion, client_id, self.rules_of_all(at)) {
            Ok(plausible) => Ok(plausible.policy()),
            Err(refusal) => Err((refusal.policy, refusal.rejection)),
        }
    }

    /// Returns whether the store has recorded an assertion, if it can tell without a question.
    pub(crate) fn look(&self, key: ReplayKey<'_>, at: UnixTime) -> Option<bool> {
        self.replay.seen(key, at)
    }

    /// Says how to find out whether `key` was spent, if [`look`](Self::look) cannot tell.
    pub(crate) fn how_to_look(&self, key: ReplayKey<'_>) -> String {
        self.replay.how_to_look(key)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    pub(crate) fn issued_from(&self) -> Option<UnixTime> {
        self.issued_from
    }

    pub(crate) fn rules_of(&self, policy: PolicyIndex, at: UnixTime) -> Rules<'_> {
        self.rules(policy, at)
    }
}

/// A client with another id is an error of the registry.
fn with_id(found: FindResult, client_id: &str) -> FindResult {
    match found {
        Ok(Some(client)) if client.id().as_str() != client_id => {
            Err(PortError::new("the registry returned a client with another id"))
        }
        found => found,
    }
}
