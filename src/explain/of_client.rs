//! The steps of the client: its registration, its policy, its keys, and the signature.

use std::error::Error;
use std::sync::Arc;

use super::about::{about_client, about_proof, shown};
use super::check::Check;
use super::of_claims;
use super::step::Step;
use crate::client::{AuthMethod, Client, Proof};
use crate::clock::UnixTime;
use crate::jose::algorithm::Algorithm;
use crate::jose::keys::KeySet;
use crate::policy::Policy;
use crate::rejection::{ClientFault, Rejection, RejectionKind, ServerFault};
use crate::verifier::assertion::Assertion;
use crate::verifier::checks::check;
use crate::verifier::dry::{Conclusion, Registered};
use crate::verifier::form_faults::FormFaults;
use crate::verifier::form_findings::form_finding;
use crate::verifier::key_findings::key_finding;
use crate::verifier::refusal::Evidence;
use crate::verifier::rules::Rules;
use crate::verifier::signature::signer;
use crate::verifier::stages::replay_key;
use crate::verifier::{TokenRequest, Verifier, no_keys};

/// The checks that need a client.
const OF_CLIENT: [Check; 8] = [
    Check::AuthMethod,
    Check::SigningAlg,
    Check::Policy,
    Check::ClientGrantType,
    Check::Jku,
    Check::Key,
    Check::Unspent,
    Check::Signature,
];

/// An assertion that names a possible client, and what is known about that client.
#[derive(Clone, Copy)]
pub(super) struct ClientView<'a> {
    pub(super) verifier: &'a Verifier,
    pub(super) at: UnixTime,
    pub(super) request: &'a TokenRequest<'a>,
    pub(super) form: &'a FormFaults<'a>,
    pub(super) assertion: &'a Assertion<'a>,
    /// What else may have been signed.
    pub(super) other_inputs: &'a [Vec<u8>],
    pub(super) client_id: &'a str,
    pub(super) known: &'a Registered,
    pub(super) decision: &'a Conclusion,
    /// The rules by which the claims are judged.
    pub(super) rules: Rules<'a>,
    /// Those of the client, if it and its policy are known.
    pub(super) own: Option<Rules<'a>>,
}

/// The steps of an assertion that names no client, or that cannot be read.
pub(super) fn unnamed(needs: Check) -> Vec<Step> {
    let client = match needs {
        Check::Iss => Check::Client,
        missing => missing,
    };
    let others = OF_CLIENT.into_iter().map(|check| match check {
        Check::Unspent => Step::not_reached(check, needs),
        check => Step::not_reached(check, client),
    });
    [Step::not_reached(Check::Client, needs)].into_iter().chain(others).collect()
}

impl<'a> ClientView<'a> {
    /// The steps, behind those of the claims in `before`.
    pub(super) fn steps(&self, before: &[Step]) -> Vec<Step> {
        if self.known.is_without_clients() {
            let all = [Check::Client].into_iter().chain(OF_CLIENT);
            return all.map(|check| Step::not_judged(check, "no clients were given")).collect();
        }
        match self.known.client() {
            Some(Ok(client)) => self.steps_of(client, before),
            Some(Err(rejection)) => self.without_client(&rejection),
            None => unnamed(Check::Iss),
        }
    }

    fn without_client(&self, rejection: &Rejection) -> Vec<Step> {
        let client = Step::failed(Check::Client, rejection.clone());
        let client = match rejection.source() {
            Some(cause) => client.expecting("an answer").receiving(shown(&cause.to_string())),
            None => client.expecting("the id of a registered client").receiving(shown(self.client_id)),
        };
        let others = OF_CLIENT.into_iter().map(|check| match check {
            Check::Unspent => self.unspent(),
            check => Step::not_reached(check, Check::Client),
        });
        [client].into_iter().chain(others).collect()
    }

    fn steps_of(&self, client: &'a Arc<Client>, before: &[Step]) -> Vec<Step> {
        let (auth_method, signing_alg) = self.algorithm_steps(client);
        let may_have_key = auth_method.reason().is_none();
        let (key, proof) = match may_have_key {
            true => self.key(client),
            false => (Step::not_reached(Check::Key, Check::AuthMethod), None),
        };
        let signature = self.signature(proof);
        vec![
            Step::passed(Check::Client).receiving(about_client(client)),
            auth_method,
            signing_alg,
            self.policy(client, before),
            self.client_grant_type(),
            self.jku(client),
            key,
            self.unspent(),
            signature,
        ]
    }

    /// The algorithm of the header, whether or not the policy allows it.
    fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::from_name(self.assertion.header.alg.text()?)
    }

    fn algorithm_steps(&self, client: &Arc<Client>) -> (Step, Step) {
        let Some(algorithm) = self.algorithm() else {
            return (
                Step::not_reached(Check::AuthMethod, Check::Alg),
                Step::not_reached(Check::SigningAlg, Check::Alg),
            );
        };
        let method = || Step::passed(Check::AuthMethod).receiving(AuthMethod::of(algorithm).name());
        match client.check_algorithm(algorithm) {
            Ok(()) => (method(), Step::passed(Check::SigningAlg).receiving(algorithm.name())),
            Err(fault @ ClientFault::MethodNotRegistered) => {
                let method = self.registered(Step::failed(Check::AuthMethod, fault), client);
                (method, Step::not_reached(Check::SigningAlg, Check::AuthMethod))
            }
            Err(fault) => (method(), self.registered(Step::failed(Check::SigningAlg, fault), client)),
        }
    }

    /// Adds what the client registered.
    fn registered(&self, step: Step, client: &Arc<Client>) -> Step {
        let keys = self.known.fetched().and_then(Result::ok).cloned();
        let evidence = Evidence { client: Arc::clone(client), keys };
        let algorithm = self.algorithm();
        step.with_finding(|kind| match kind {
            RejectionKind::Client(fault) => key_finding(fault, &evidence, &self.assertion.header, algorithm?),
            RejectionKind::Server(_) => None,
        })
    }

    fn policy(&self, client: &Client, before: &[Step]) -> Step {
        let Some(own) = self.own else {
            let names: Vec<_> = self.verifier.policies().iter().map(Policy::name).collect();
            let step = Step::failed(Check::Policy, ServerFault::Registry).behind(Check::Client, 1);
            let received = shown(client.policy().unwrap_or_default());
            return step.expecting(names.join(" or ")).receiving(received);
        };
        let passed = Step::passed(Check::Policy).receiving(own.policy.name());
        if own.policy.name() == self.rules.policy.name() {
            return passed;
        }
        let Err(first) = check(self.assertion, None, &own) else { return passed };
        let same = |step: &&Step| step.reason() == Some(first.fault.reason());
        match before.iter().find(same) {
            Some(step) => Step::not_reached(Check::Policy, step.check()),
            None => {
                let step = Step::failed(Check::Policy, first.fault.clone());
                of_claims::with_words(step, first.fault, self.assertion, None, &own)
            }
        }
    }

    fn client_grant_type(&self) -> Step {
        const CHECK: Check = Check::ClientGrantType;
        let Some(own) = self.own else { return Step::not_reached(CHECK, Check::Policy) };
        match &self.form.grant_type {
            None => Step::not_reached(CHECK, Check::Form),
            Some(Err(_)) => Step::not_reached(CHECK, Check::GrantType),
            Some(Ok(())) => match self.form.grant_type_under(own.policy) {
                Ok(()) => Step::passed(CHECK),
                Err(fault) => Step::failed(CHECK, fault).behind(Check::Client, 2).with_finding(|kind| match kind {
                    RejectionKind::Client(fault) => {
                        let policies = std::slice::from_ref(own.policy);
                        form_finding(fault, self.request, policies, self.verifier.limits())
                    }
                    RejectionKind::Server(_) => None,
                }),
            },
        }
    }

    fn jku(&self, client: &Arc<Client>) -> Step {
        let Some(own) = self.own else { return Step::not_reached(Check::Jku, Check::Policy) };
        let judged = own.check_jku(&self.assertion.header, client.key_set_url());
        self.registered(Step::judged(Check::Jku, judged), client)
    }

    fn key(&self, client: &'a Arc<Client>) -> (Step, Option<Proof<'a>>) {
        const CHECK: Check = Check::Key;
        let Some(own) = self.own else { return (Step::not_reached(CHECK, Check::Policy), None) };
        let fetched = match (client.key_source(), self.known.fetched()) {
            (None, _) => None,
            (Some(_), None) => return (Step::not_judged(CHECK, "the keys at its URL are not at hand"), None),
            (Some(_), Some(Err(error))) => {
                let rejection = no_keys(error.clone());
                let received = rejection.source().map(|cause| shown(&cause.to_string())).unwrap_or_default();
                let step = Step::failed(CHECK, rejection);
                return (step.expecting("a key set at the registered URL").receiving(received), None);
            }
            (Some(_), Some(Ok(keys))) => Some(&**keys),
        };
        let Some(algorithm) = self.algorithm() else { return (self.kid(), None) };
        let kid = self.assertion.header.kid.text();
        match client.proof_for(fetched, kid, algorithm, own.policy.key_trials, self.at) {
            Ok(proof) => (Step::passed(CHECK).receiving(about_proof(&proof, algorithm)), Some(proof)),
            Err(fault) => (self.or_open(&fault, self.registered(Step::failed(CHECK, fault.clone()), client)), None),
        }
    }

    /// Looks for the `kid` where the algorithm is unknown.
    fn kid(&self) -> Step {
        const CHECK: Check = Check::Key;
        let named = self.assertion.header.kid.text().zip(self.keys());
        let Some((kid, keys)) = named else { return Step::not_reached(CHECK, Check::Alg) };
        let received = format!("the kid {}", shown(kid));
        if keys.iter().any(|key| key.key_id() == Some(kid)) {
            Step::passed(CHECK).receiving(received)
        } else if keys.skipped().iter().any(|key| key.key_id() == Some(kid)) {
            Step::not_reached(CHECK, Check::Alg)
        } else {
            let fault = ClientFault::NoKey;
            self.or_open(&fault, Step::failed(CHECK, fault.clone()).receiving(received))
        }
    }

    /// Keys that a request would fetch may be other ones.
    fn or_open(&self, fault: &ClientFault, step: Step) -> Step {
        match self.known.is_open(fault) {
            true => step.left_open("a request fetches the keys at its URL again before it is refused"),
            false => step,
        }
    }

    /// The keys of the client that are registered or at hand.
    pub(super) fn keys(&self) -> Option<&'a KeySet> {
        let client = self.known.client()?.ok()?;
        client.keys().or(self.known.fetched().and_then(Result::ok).map(|keys| &**keys))
    }

    fn unspent(&self) -> Step {
        const CHECK: Check = Check::Unspent;
        let rules = self.own.unwrap_or(self.rules);
        if rules.check_jti(&self.assertion.claims).is_err() {
            return Step::not_reached(CHECK, Check::Jti);
        }
        let Some(key) = replay_key(self.assertion, self.client_id, &rules, self.verifier.tenant()) else {
            return Step::not_judged(CHECK, "the policy lets it be used any number of times");
        };
        match self.verifier.look(key, self.at) {
            Some(false) => Step::passed(CHECK).receiving("not recorded"),
            Some(true) => {
                let twice = RejectionKind::Server(ServerFault::MountedTwice);
                let is_twice = matches!(self.decision, Conclusion::Refused(rejection) if *rejection.kind() == twice);
                let step = match is_twice {
                    true => Step::failed(CHECK, ServerFault::MountedTwice),
                    false => Step::failed(CHECK, ClientFault::Replayed),
                };
                step.expecting("an assertion for each request").receiving("recorded as spent")
            }
            None => Step::not_judged(CHECK, self.verifier.how_to_look(key)),
        }
    }

    fn signature(&self, proof: Option<Proof<'_>>) -> Step {
        const CHECK: Check = Check::Signature;
        let Some(algorithm) = self.algorithm() else { return Step::not_reached(CHECK, Check::Alg) };
        let Some(proof) = proof else { return Step::not_reached(CHECK, Check::Key) };
        let fault = match self.decision {
            // The steps have checked it already.
            Conclusion::Accepted { .. } => None,
            Conclusion::Refused(rejection) => match rejection.kind() {
                RejectionKind::Client(fault @ (ClientFault::BadSignature | ClientFault::SignatureLength)) => {
                    Some(fault.clone())
                }
                _ => self.check_signature(&proof, algorithm),
            },
            _ => self.check_signature(&proof, algorithm),
        };
        match fault {
            None => Step::passed(CHECK),
            Some(ClientFault::BadSignature) if !self.other_inputs.is_empty() => {
                Step::not_judged(CHECK, "what was signed is not known, because the assertion was changed on its way")
            }
            Some(fault) => {
                let step = Step::failed(CHECK, fault.clone());
                let step = of_claims::with_words(step, fault.clone(), self.assertion, None, &self.rules);
                self.or_open(&fault, step)
            }
        }
    }

    fn check_signature(&self, proof: &Proof<'_>, algorithm: Algorithm) -> Option<ClientFault> {
        let fault_of = |input| signer(proof, algorithm, input, self.assertion.signature).err();
        let fault = fault_of(self.assertion.signing_input)?;
        self.other_inputs.iter().all(|input| fault_of(input).is_some()).then_some(fault)
    }
}
