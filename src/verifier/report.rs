//! The end of a verification, and what the operator learns about it. For the report, a refused
//! request is parsed again, so that accepted requests pay nothing for it.

use super::Verifier;
use super::assertion::{Assertion, Field};
use super::checks::claim_faults;
use super::findings::{claim_finding, excerpt, header_finding};
use super::form::TokenForm;
use super::form_findings::{self, form_finding};
use super::key_findings::key_finding;
use super::progress::{Journey, Progress, Stop, Waiting};
use super::refusal::Refusal;
use super::request::TokenRequest;
use super::text_findings::text_finding;
use crate::clock::UnixTime;
use crate::event::{Accepted, Event, EventSink, Excerpt, Finding, LetPass, Refused, RequestInfo};
use crate::identity::ClientIdentity;
use crate::identity::claims::SingleUse;
use crate::jose::base64url::DecodeBuffer;
use crate::jose::digest::sha256;
use crate::rejection::{ClientFault, Rejection, RejectionKind, ServerFault};
use crate::replay::AssertionId;

impl Verifier {
    /// Turns the end of the steps into progress, and reports a refusal. The caller reports every
    /// other outcome, since a handler may have to be waited for first.
    pub(super) fn finish(
        &self,
        request: &TokenRequest<'_>,
        now: Option<UnixTime>,
        end: Result<ClientIdentity, Stop>,
        journey: Journey,
    ) -> Progress {
        match end {
            Ok(identity) => {
                // A wait for the handler is part of no step.
                request.leave();
                Progress::Done(Ok(Some(identity)))
            }
            Err(Stop::Waiting(question)) => Progress::Waiting(Box::new(Waiting::new(question, journey))),
            Err(Stop::Anonymous) => Progress::Done(Ok(None)),
            Err(Stop::Refused(refusal)) => {
                let refusal = if journey.admitted.is_some() { refusal.after_admission() } else { refusal };
                Progress::Done(Err(self.refuse(request, now, refusal)))
            }
        }
    }

    /// Reports that a request goes on to its handler, once nothing is left that could refuse it.
    pub(crate) fn report_passed<'a>(
        &self,
        identity: Option<&'a ClientIdentity>,
        request: impl FnOnce() -> RequestInfo<'a>,
    ) {
        let Some(events) = &self.events else { return };
        let request = request();
        events.record(&match identity {
            Some(identity) => Event::Accepted(Accepted { identity, request }),
            None => Event::LetPass(LetPass { request }),
        });
    }

    fn refuse(&self, request: &TokenRequest<'_>, now: Option<UnixTime>, mut refusal: Refusal) -> Rejection {
        if self.is_mounted_twice(request, &refusal.rejection) {
            refusal.rejection = refusal.rejection.because_of(ServerFault::MountedTwice);
        }
        if let Some(events) = &self.events {
            self.report_refusal(&**events, request, now, &refusal);
        }
        refusal.rejection
    }

    /// Returns whether a replay is the fault of the server: an outer layer has spent this same
    /// assertion a moment ago.
    pub(super) fn is_mounted_twice(&self, request: &TokenRequest<'_>, rejection: &Rejection) -> bool {
        let replayed = *rejection.kind() == RejectionKind::Client(ClientFault::Replayed);
        let Some(earlier) = request.earlier.filter(|_| replayed) else { return false };
        self.read_again(request, |_, assertion| is_proof_of(assertion, earlier)).unwrap_or(false)
    }

    /// Reports a refusal that was decided before there was a form to read.
    pub(crate) fn report_unread<'a>(
        &self,
        rejection: &Rejection,
        request: impl FnOnce() -> RequestInfo<'a>,
        finding: impl FnOnce() -> Option<Finding<'a>>,
    ) {
        let Some(events) = &self.events else { return };
        let finding = finding();
        let refused = Refused::new(rejection, self.first_policy().name(), request());
        events.record(&Event::Refused(Refused { findings: finding.as_slice(), ..refused }));
    }

    /// Reports what the application has refused, in place of the verifier.
    pub(crate) fn report_other<'a>(
        &self,
        rejection: &Rejection,
        claimed_client: Option<&'a str>,
        request: impl FnOnce() -> RequestInfo<'a>,
    ) {
        let Some(events) = &self.events else { return };
        let refused = Refused::new(rejection, self.first_policy().name(), request());
        let claimed_client = claimed_client.map(Excerpt::new);
        events.record(&Event::Refused(Refused { claimed_client, ..refused }));
    }

    fn report_refusal(
        &self,
        events: &dyn EventSink,
        request: &TokenRequest<'_>,
        now: Option<UnixTime>,
        refusal: &Refusal,
    ) {
        let rejection = &refusal.rejection;
        let refused = Refused::new(rejection, self.policy(refusal.policy).name(), request.info());
        let parameter = form_findings::client_id(request, &self.limits);
        let claimed_client = parameter.as_deref().map(Excerpt::new);
        let mut buffer = DecodeBuffer::default();
        let form = TokenForm::parse(request, &self.policies, &self.limits).ok().flatten();
        let assertion = form.as_ref().and_then(|form| form.read_assertion(&mut buffer, &self.limits).ok());
        let (Some(form), Some(assertion)) = (&form, &assertion) else {
            let finding = self.unreadable(request, form.as_ref(), rejection);
            let findings = finding.as_slice();
            return events.record(&Event::Refused(Refused { claimed_client, findings, ..refused }));
        };
        let findings = self.findings(form, assertion, request, now, refusal);
        events.record(&Event::Refused(Refused {
            claimed_client: excerpt(&assertion.claims.iss).or(claimed_client),
            key_id: excerpt(&assertion.header.kid),
            jti_hash: replayed_jti(rejection, assertion).map(|jti| sha256(jti.as_bytes())),
            findings: &findings,
            ..refused
        }));
    }

    /// Returns the finding about a request in which no assertion can be read.
    fn unreadable(
        &self,
        request: &TokenRequest<'_>,
        form: Option<&TokenForm<'_>>,
        rejection: &Rejection,
    ) -> Option<Finding<'static>> {
        let fault = client_fault(rejection)?;
        let of_text = form.and_then(|form| text_finding(fault, form.assertion(), &self.limits));
        of_text.or_else(|| form_finding(fault, request, &self.policies, &self.limits))
    }

    fn findings<'a>(
        &self,
        form: &'a TokenForm<'_>,
        assertion: &'a Assertion<'a>,
        request: &TokenRequest<'_>,
        now: Option<UnixTime>,
        refusal: &Refusal,
    ) -> Vec<Finding<'a>> {
        let (Some(now), RejectionKind::Client(fault)) = (now, refusal.rejection.kind()) else { return Vec::new() };
        let rules = self.rules(refusal.policy, now);
        if let ClientFault::Claim(..) | ClientFault::ClientIdMismatch = fault {
            let faults = claim_faults(assertion, form.client_id(), &rules).into_iter();
            return faults.map(|fault| claim_finding(fault, assertion, form.client_id(), &rules)).collect();
        }
        let registered = || {
            let algorithm = rules.allowed_algorithm(&assertion.header)?;
            key_finding(fault, refusal.evidence.as_ref()?, &assertion.header, algorithm)
        };
        let finding = header_finding(fault, assertion, &rules).or_else(registered);
        // The policy of the client may permit fewer grant types.
        let of_policy = || form_finding(fault, request, std::slice::from_ref(rules.policy), &self.limits);
        finding.or_else(of_policy).into_iter().collect()
    }

    /// Reads the request once more, as far as its assertion. Returns `None` if it cannot be read
    /// that far.
    pub(super) fn read_again<T>(
        &self,
        request: &TokenRequest<'_>,
        then: impl FnOnce(&TokenForm<'_>, &Assertion<'_>) -> T,
    ) -> Option<T> {
        let mut buffer = DecodeBuffer::default();
        let form = TokenForm::parse(request, &self.policies, &self.limits).ok().flatten()?;
        let assertion = form.read_assertion(&mut buffer, &self.limits).ok()?;
        Some(then(&form, &assertion))
    }
}

/// Returns the `jti` of an assertion that was used before.
fn replayed_jti<'a>(rejection: &Rejection, assertion: &'a Assertion<'_>) -> Option<&'a str> {
    let is_replay = matches!(
        rejection.kind(),
        RejectionKind::Client(ClientFault::Replayed) | RejectionKind::Server(ServerFault::MountedTwice)
    );
    assertion.claims.jti.text().filter(|_| is_replay)
}

fn client_fault(rejection: &Rejection) -> Option<&ClientFault> {
    match rejection.kind() {
        RejectionKind::Client(fault) => Some(fault),
        RejectionKind::Server(_) => None,
    }
}

/// Returns whether `assertion` is the one that proved `identity`.
fn is_proof_of(assertion: &Assertion<'_>, identity: &ClientIdentity) -> bool {
    let same = match (&assertion.claims.jti, &identity.claims().single_use) {
        (Field::Is(jti), SingleUse::Jti(own)) => own.as_bytes() == jti.as_bytes(),
        (Field::Absent, SingleUse::SigningInput(own)) => {
            AssertionId::of_signing_input(assertion.signing_input) == AssertionId::SigningInput(*own)
        }
        _ => false,
    };
    same && assertion.claims.iss.text() == Some(identity.client_id().as_str())
}
