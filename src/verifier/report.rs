//! What the operator is told of an outcome. A refused request is read once more for it, so that the way of an accepted one
//! stays free.

use super::findings::{excerpt, finding};
use super::{Progress, Verifier};
use crate::clock::UnixTime;
use crate::event::{Event, EventSink, Refused};
use crate::identity::ClientIdentity;
use crate::jose::base64url::DecodeBuffer;
use crate::rejection::{ClientFault, Rejection, RejectionKind, ServerFault};
use crate::verifier::assertion::{Assertion, Field};
use crate::verifier::claims::faults;
use crate::verifier::form::{TokenForm, TokenRequest};

impl Verifier {
    /// Tells the operator how it ended, if it has.
    pub(super) fn reported(
        &self,
        request: &TokenRequest<'_>,
        now: Option<UnixTime>,
        mut progress: Progress,
    ) -> Progress {
        let Progress::Done(outcome) = &mut progress else { return progress };
        if let Err(rejection) = outcome {
            self.explain(request, rejection);
        }
        if let Some(events) = &self.events {
            match outcome {
                Ok(Some(identity)) => events.record(&Event::Accepted(identity)),
                Ok(None) => {}
                Err(rejection) => self.report_refusal(&**events, request, now, rejection),
            }
        }
        progress
    }

    /// Where a layer around us has just spent the same assertion, a replay is nothing that the client could mend.
    fn explain(&self, request: &TokenRequest<'_>, rejection: &mut Rejection) {
        let replayed = *rejection.kind() == RejectionKind::Client(ClientFault::Replayed);
        if replayed && request.earlier().is_some_and(|earlier| self.carries(request, earlier)) {
            *rejection = rejection.clone().because_of(ServerFault::MountedTwice);
        }
    }

    /// Whether the assertion of `request` is the one that proved `identity`.
    fn carries(&self, request: &TokenRequest<'_>, identity: &ClientIdentity) -> bool {
        let mut room = DecodeBuffer::default();
        let form = TokenForm::parse(request, &self.policies, &self.limits).ok().flatten();
        let assertion = form.as_ref().and_then(|form| Assertion::parse(&form.assertion, &mut room, &self.limits).ok());
        assertion.is_some_and(|assertion| match (&assertion.claims.iss, &assertion.claims.jti) {
            (Field::Is(iss), Field::Is(jti)) => identity.client_id().as_str() == iss && identity.claims().has_jti(jti),
            _ => false,
        })
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
        rejection: &Rejection,
    ) {
        let mut room = DecodeBuffer::default();
        let form = TokenForm::parse(request, &self.policies, &self.limits).ok().flatten();
        let assertion = form.as_ref().and_then(|form| Assertion::parse(&form.assertion, &mut room, &self.limits).ok());
        let (Some(form), Some(assertion)) = (&form, &assertion) else {
            return events.record(&Event::Refused(Refused::bare(rejection)));
        };
        let client_id = form.client_id.as_deref();
        let findings: Vec<_> = match (now, rejection.kind()) {
            (Some(now), RejectionKind::Client(ClientFault::Claim(..) | ClientFault::ClientIdMismatch)) => {
                let rules = self.rules(rejection.policy(), now);
                let faults = faults(assertion, client_id, &rules).into_iter();
                faults.map(|fault| finding(fault, assertion, client_id, &rules)).collect()
            }
            _ => Vec::new(),
        };
        let claimed_client = excerpt(&assertion.claims.iss);
        let key_id = excerpt(&assertion.header.kid);
        events.record(&Event::Refused(Refused { rejection, claimed_client, key_id, findings: &findings }));
    }
}
