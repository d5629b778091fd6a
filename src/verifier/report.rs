//! The end of a verification, and what the operator learns about it. For the report, a refused
//! request is parsed again, so that accepted requests pay nothing for it.

use super::Verifier;
use super::assertion::{Assertion, Field};
use super::checks::claim_faults;
use super::findings::{claim_finding, excerpt, header_finding};
use super::form::TokenForm;
use super::form_findings::form_finding;
use super::key_findings::key_finding;
use super::progress::{Journey, Progress, Stop, Waiting};
use super::refusal::Refusal;
use super::request::TokenRequest;
use super::text_findings::text_finding;
use crate::clock::UnixTime;
use crate::event::{Event, EventSink, Finding, Refused};
use crate::identity::ClientIdentity;
use crate::identity::claims::SingleUse;
use crate::jose::base64url::DecodeBuffer;
use crate::rejection::{ClientFault, Rejection, RejectionKind, ServerFault};
use crate::replay::AssertionId;

impl Verifier {
    /// Turns the end of the steps into progress, and reports a refusal. The caller reports an
    /// identity, since a handler may have to be waited for first.
    pub(super) fn finish(
        &self,
        request: &TokenRequest<'_>,
        now: Option<UnixTime>,
        end: Result<ClientIdentity, Stop>,
        journey: Journey,
    ) -> Progress {
        match end {
            Ok(identity) => Progress::Done(Ok(Some(identity))),
            Err(Stop::Waiting(question)) => Progress::Waiting(Waiting::new(question, journey)),
            Err(Stop::Anonymous) => Progress::Done(Ok(None)),
            Err(Stop::Refused(refusal)) => {
                let refusal = if journey.admitted.is_some() { refusal.after_admission() } else { refusal };
                Progress::Done(Err(self.refuse(request, now, refusal)))
            }
        }
    }

    /// Reports that a request was accepted, once nothing is left that could refuse it.
    pub(crate) fn report_accepted(&self, identity: &ClientIdentity) {
        if let Some(events) = &self.events {
            events.record(&Event::Accepted(identity));
        }
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
    fn is_mounted_twice(&self, request: &TokenRequest<'_>, rejection: &Rejection) -> bool {
        let replayed = *rejection.kind() == RejectionKind::Client(ClientFault::Replayed);
        let Some(earlier) = request.earlier.filter(|_| replayed) else { return false };
        self.read_again(request, |_, assertion| is_proof_of(assertion, earlier)).unwrap_or(false)
    }

    /// Reports a refusal that was decided before there was a form to read.
    pub(crate) fn report_unread<'a>(&self, rejection: &Rejection, finding: impl FnOnce() -> Option<Finding<'a>>) {
        if let Some(events) = &self.events {
            record_unread(&**events, rejection, finding());
        }
    }

    fn report_refusal(
        &self,
        events: &dyn EventSink,
        request: &TokenRequest<'_>,
        now: Option<UnixTime>,
        refusal: &Refusal,
    ) {
        let rejection = &refusal.rejection;
        let mut buffer = DecodeBuffer::default();
        let form = TokenForm::parse(request, &self.policies, &self.limits).ok().flatten();
        let of_form = |fault| form_finding(fault, request, &self.policies, &self.limits);
        let Some(form) = form else {
            return record_unread(events, rejection, client_fault(rejection).and_then(of_form));
        };
        let Ok(assertion) = form.read_assertion(&mut buffer, &self.limits) else {
            let of_text = |fault| text_finding(fault, form.assertion(), &self.limits).or_else(|| of_form(fault));
            return record_unread(events, rejection, client_fault(rejection).and_then(of_text));
        };
        let findings = self.findings(&form, &assertion, request, now, refusal);
        let claimed_client = excerpt(&assertion.claims.iss);
        let key_id = excerpt(&assertion.header.kid);
        events.record(&Event::Refused(Refused { rejection, claimed_client, key_id, findings: &findings }));
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

fn record_unread(events: &dyn EventSink, rejection: &Rejection, finding: Option<Finding<'_>>) {
    events.record(&Event::Refused(Refused::unread(rejection, finding.as_slice())));
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
