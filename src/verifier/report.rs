//! The end of a verification, and what the operator learns about it. For the report, a refused
//! request is parsed again, so that accepted requests pay nothing for it.

use super::Verifier;
use super::assertion::{Assertion, Field};
use super::checks::claim_faults;
use super::findings::{excerpt, finding};
use super::form::TokenForm;
use super::progress::{Progress, Stop};
use super::refusal::Refusal;
use super::request::TokenRequest;
use crate::clock::UnixTime;
use crate::event::{Event, EventSink, Refused};
use crate::identity::ClientIdentity;
use crate::identity::claims::SingleUse;
use crate::jose::base64url::DecodeBuffer;
use crate::rejection::{ClientFault, Rejection, RejectionKind, ServerFault};
use crate::replay::AssertionId;

impl Verifier {
    /// Turns the end of the steps into progress, and reports the outcome if it is known.
    pub(super) fn finish(
        &self,
        request: &TokenRequest<'_>,
        now: Option<UnixTime>,
        end: Result<ClientIdentity, Stop>,
    ) -> Progress {
        match end {
            Ok(identity) => {
                if let Some(events) = &self.events {
                    events.record(&Event::Accepted(&identity));
                }
                Progress::Done(Ok(Some(identity)))
            }
            Err(Stop::Waiting(waiting)) => Progress::Waiting(waiting),
            Err(Stop::Anonymous) => Progress::Done(Ok(None)),
            Err(Stop::Refused(refusal)) => Progress::Done(Err(self.refuse(request, now, refusal))),
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
    pub(crate) fn report_unread(&self, rejection: &Rejection) {
        if let Some(events) = &self.events {
            events.record(&Event::Refused(Refused::bare(rejection)));
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
        let reported = self.read_again(request, |form, assertion| {
            let findings: Vec<_> = match (now, rejection.kind()) {
                (Some(now), RejectionKind::Client(ClientFault::Claim(..) | ClientFault::ClientIdMismatch)) => {
                    let rules = self.rules(refusal.policy, now);
                    let faults = claim_faults(assertion, form.client_id(), &rules).into_iter();
                    faults.map(|fault| finding(fault, assertion, form.client_id(), &rules)).collect()
                }
                _ => Vec::new(),
            };
            let claimed_client = excerpt(&assertion.claims.iss);
            let key_id = excerpt(&assertion.header.kid);
            events.record(&Event::Refused(Refused { rejection, claimed_client, key_id, findings: &findings }));
        });
        if reported.is_none() {
            self.report_unread(rejection);
        }
    }

    /// Reads the request once more, as far as its assertion. Returns `None` if it cannot be read
    /// that far.
    fn read_again<T>(
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
