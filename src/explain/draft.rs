//! An explanation in the making: all steps, and the decision of the verifier.

use std::borrow::Cow;

use super::check::Check;
use super::context::Context;
use super::input::{Given, Input};
use super::of_client::{self, ClientView};
use super::of_form::{FormView, text_steps};
use super::secrets::{Secrets, jti_in};
use super::step::{self, Step};
use super::verdict::{Answer, Verdict};
use super::{Advice, Explanation, hints, judge, of_claims, window};
use crate::clock::UnixTime;
use crate::endpoint::JWT_BEARER;
use crate::event::Excerpt;
use crate::jose::base64url::DecodeBuffer;
use crate::jose::keys::{KeySet, SkippedKey, VerificationKey};
use crate::policy::Audiences;
use crate::rejection::{Claim, ClientFault, Reason, Rejection, RejectionKind};
use crate::verifier::Verifier;
use crate::verifier::assertion::Assertion;
use crate::verifier::dry::{Conclusion, Registered};
use crate::verifier::form_faults::{FormFaults, secret_values};
use crate::verifier::rules::Rules;
use crate::verifier::text_faults::{Repaired, TextFaults};

/// An explanation without the answer to the client.
pub(crate) struct Draft {
    explanation: Explanation,
    refused: Option<Rejection>,
}

impl Draft {
    /// Judges `input` at `at`. Only the registry is waited for.
    pub(crate) async fn of(verifier: &Verifier, input: Input<'_>, at: UnixTime) -> Self {
        let form = FormFaults::of(&input.request, verifier.policies(), verifier.limits());
        let (mut buffer, mut repaired) = (DecodeBuffer::default(), Repaired::default());
        let text = form.text.as_deref().filter(|_| form.is_text);
        let read = text.map(|text| Assertion::read_on(text, &mut buffer, &mut repaired, verifier.limits()));
        let (faults, assertion) = match read {
            Some((faults, assertion)) => (Some(faults), assertion),
            None => (None, None),
        };
        let client_id = assertion.as_ref().and_then(|assertion| judge::named_client(verifier, assertion, at));
        let known = match client_id {
            Some(client_id) => verifier.registered(client_id, at).await,
            None => Registered::default(),
        };
        let reading = Reading {
            verifier,
            at,
            input: &input,
            form: &form,
            faults: faults.as_ref(),
            assertion: assertion.as_ref(),
            client_id,
        };
        reading.judge(&known)
    }

    /// The explanation of a request that is refused for this.
    pub(super) fn refusing(explanation: Explanation, rejection: Rejection) -> Self {
        Self { explanation, refused: Some(rejection) }
    }

    /// Returns why the request is refused, if it is.
    pub(crate) fn refused(&self) -> Option<&Rejection> {
        self.refused.as_ref()
    }

    /// Adds the answer that the client gets, and says what to do in the words of `advise`.
    pub(crate) fn finish(self, answer: Option<Answer>, advise: impl Fn(&RejectionKind) -> &'static str) -> Explanation {
        let mut explanation = self.explanation;
        let faults = explanation.steps.iter().filter_map(|step| step.fault.as_ref());
        let mut advice: Vec<Advice> = Vec::new();
        for (text, reason) in
            self.refused.iter().map(Rejection::kind).chain(faults).map(|kind| (advise(kind), kind.reason()))
        {
            match advice.iter_mut().find(|advice| advice.text == text) {
                Some(advice) if !advice.reasons.contains(&reason) => advice.reasons.push(reason),
                Some(_) => {}
                None if text.is_empty() => {}
                None => advice.push(Advice { text, reasons: vec![reason] }),
            }
        }
        explanation.answer = answer;
        explanation.advice = advice;
        explanation
    }
}

/// Everything that could be read of a request.
struct Reading<'a> {
    verifier: &'a Verifier,
    at: UnixTime,
    input: &'a Input<'a>,
    form: &'a FormFaults<'a>,
    faults: Option<&'a TextFaults>,
    assertion: Option<&'a Assertion<'a>>,
    /// The claimed client, if its id is possible.
    client_id: Option<&'a str>,
}

impl<'a> Reading<'a> {
    fn judge(&self, known: &'a Registered) -> Draft {
        let Self { verifier, at, input, form, .. } = *self;
        let decision = verifier.decide_dry(&input.request, known, at);
        let unread = self.faults.map(|faults| faults.unread).unwrap_or_default();
        let is_faulty = self.faults.is_some_and(TextFaults::is_faulty);
        let judging = judge::rules(self.assertion, is_faulty, form, known, verifier, at);
        let mut steps = self.form_steps();
        let view = self.view(known, &decision, judging.rules, judging.own);
        steps.extend(self.assertion_steps(view.as_ref(), judging.rules));
        steps.extend(input.head.steps.iter().cloned());
        let steps = step::in_order(steps);
        let refused = match (&input.head.refused, &decision) {
            (Some(rejection), _) | (None, Conclusion::Refused(rejection)) => Some(rejection.clone()),
            (None, _) => None,
        };
        let verdict = refused.as_ref().map_or_else(|| Verdict::of(&decision), Verdict::from);
        let mut explanation = Explanation {
            at,
            claimed_client: self.assertion.and_then(|assertion| assertion.claims.iss.text()).map(name),
            policy: judging.rules.policy.name().into(),
            endpoint: input.endpoint,
            acceptable: self.assertion.filter(|_| !unread.claims).and_then(|assertion| {
                window::acceptable(&assertion.claims, judging.own.unwrap_or(judging.rules), verifier.issued_from())
            }),
            verdict,
            answer: None,
            steps,
            hints: Vec::new(),
            advice: Vec::new(),
            unjudged: self
                .assertion
                .map(|assertion| assertion.claims.other_names(verifier.limits()))
                .unwrap_or_default(),
        };
        let failed: Vec<Reason> = explanation.steps.iter().filter_map(Step::suspected).collect();
        explanation.hints = hints::hints(&self.context(view.as_ref(), judging.rules, &failed));
        self.hide_secrets(&mut explanation, view.as_ref(), judging.rules);
        Draft { explanation, refused }
    }

    fn form_steps(&self) -> Vec<Step> {
        let Self { verifier, input, form, .. } = *self;
        let limits = verifier.limits();
        let view = FormView { request: &input.request, form, policies: verifier.policies(), limits };
        let text = self.form.text.as_deref().zip(self.faults);
        let missing = if form.is_asserted && form.assertion.is_ok() { Check::Form } else { Check::Assertion };
        let mut steps = view.steps();
        steps.extend(text_steps(text, missing, limits));
        let unknown: (&[Check], _) = match input.given {
            Given::Request => (&[], ""),
            Given::Form => (&[Check::Query], "only the form was given"),
            Given::Assertion => (&OF_FORM, "only the assertion was given"),
        };
        steps.retain(|step| !unknown.0.contains(&step.check()));
        steps.extend(unknown.0.iter().map(|check| Step::not_judged(*check, unknown.1)));
        steps
    }

    fn assertion_steps(&self, view: Option<&ClientView<'a>>, rules: Rules<'a>) -> Vec<Step> {
        let Some(assertion) = self.assertion else {
            let needs = match &self.faults {
                Some(_) => Check::WellFormed,
                None if self.form.assertion.is_ok() => Check::Form,
                None => Check::Assertion,
            };
            return of_claims::unread(needs).into_iter().chain(of_client::unnamed(needs)).collect();
        };
        let client_id = self.form.client_id.as_deref();
        let mut steps = of_claims::steps(assertion, client_id, &rules);
        let of_client = view.map_or_else(|| of_client::unnamed(Check::Iss), |view| view.steps(&steps));
        steps.extend(of_client);
        if let Some(issued) = self.issued(view, rules) {
            let replaced = |step: &&mut Step| step.check() == Check::Iat && step.reason().is_none();
            if let Some(step) = steps.iter_mut().find(replaced) {
                *step = issued;
            }
        }
        let unreadable = |step: &&mut Step| step.check() == Check::ClientId && !self.form.is_client_id_readable;
        if let Some(step) = steps.iter_mut().find(unreadable) {
            *step = Step::not_reached(Check::ClientId, Check::Form);
        }
        let unread = self.faults.map(|faults| faults.unread).unwrap_or_default();
        for step in steps.iter_mut().filter(|step| of_claims::needs_unread(step, unread)) {
            *step = Step::not_reached(step.check(), Check::WellFormed);
        }
        if self.input.given == Given::Assertion {
            for step in steps.iter_mut().filter(|step| OF_FORM_LATER.contains(&step.check())) {
                *step = Step::not_judged(step.check(), "only the assertion was given");
            }
        }
        steps
    }

    /// The fault of an assertion from before the time of `refuse_issued_before`, which is found
    /// after its `jku`.
    fn issued(&self, view: Option<&ClientView<'a>>, rules: Rules<'a>) -> Option<Step> {
        let (assertion, start) = (self.assertion?, self.verifier.issued_from()?);
        let rules = view.and_then(|view| view.own).unwrap_or(rules);
        let fault = rules.check_issued(&assertion.claims, rules.valid_until(&assertion.claims), start).err()?;
        let fault = ClientFault::Claim(Claim::Iat, fault);
        let step = Step::failed(Check::Iat, fault.clone()).behind(Check::Jku, 1);
        let step = of_claims::with_words(step, fault, assertion, None, &rules);
        Some(step.expecting(format!("a time after {}, when single use began", start.as_secs())))
    }

    fn view(
        &self,
        known: &'a Registered,
        decision: &'a Conclusion,
        rules: Rules<'a>,
        own: Option<Rules<'a>>,
    ) -> Option<ClientView<'a>> {
        let Self { verifier, at, input, form, .. } = *self;
        let (assertion, client_id) = (self.assertion?, self.client_id?);
        let request = &input.request;
        let other_inputs = self.faults.map(|faults| &*faults.other_inputs).unwrap_or_default();
        Some(ClientView {
            verifier,
            at,
            request,
            form,
            assertion,
            other_inputs,
            client_id,
            known,
            decision,
            rules,
            own,
        })
    }

    fn context<'c>(&'c self, view: Option<&ClientView<'c>>, rules: Rules<'c>, failed: &'c [Reason]) -> Context<'c> {
        let request = &self.input.request;
        Context {
            verifier: self.verifier,
            at: self.at,
            body: request.body,
            parameter: self.form.text.clone(),
            assertion: self.assertion,
            rules: Some(rules),
            client: view.and_then(|view| view.known.client()?.ok()),
            keys: view.and_then(ClientView::keys),
            failed,
        }
    }

    fn hide_secrets(&self, explanation: &mut Explanation, view: Option<&ClientView<'_>>, rules: Rules<'_>) {
        let request = &self.input.request;
        let values: Vec<_> = secret_values(request.body).chain(secret_values(request.query)).collect();
        let jti = self.jti();
        let mut secrets = Secrets::default();
        // Some clients send their id as the `jti`.
        match jti.as_deref() {
            Some(jti) if Some(jti) == self.client_id => secrets.add_runs(jti.as_bytes()),
            jti => jti.into_iter().for_each(|jti| secrets.add(jti.as_bytes())),
        }
        self.input.head.secrets.iter().for_each(|value| secrets.add(value));
        values.iter().for_each(|value| secrets.add(value));
        self.public(view, rules).into_iter().for_each(|public| secrets.publish(public));
        let iss = self.assertion.and_then(|assertion| assertion.claims.iss.text());
        secrets.finish().withhold(explanation, iss);
    }

    /// The `jti`, also of an assertion that is refused as malformed.
    fn jti(&self) -> Option<Cow<'_, str>> {
        if let Some(jti) = self.assertion.and_then(|assertion| assertion.claims.jti.text()) {
            return Some(Cow::Borrowed(jti));
        }
        let text = self.form.text.as_deref().filter(|text| text.len() <= self.verifier.limits().assertion)?;
        jti_in(text).map(Cow::Owned)
    }

    /// What a sender may use as its `jti` without making it a secret.
    fn public<'c>(&'c self, view: Option<&ClientView<'c>>, rules: Rules<'c>) -> Vec<&'c str> {
        let Audiences { issuer, urls } = rules.audiences;
        let audiences = issuer.iter().chain(urls).map(|name| &**name);
        let policies = self.verifier.policies();
        let of_policies = policies.iter().flat_map(|p| p.accepted_typ().chain(p.grant_types().into_iter().flatten()));
        let keys = view.and_then(ClientView::keys);
        let usable = keys.into_iter().flatten().filter_map(VerificationKey::key_id);
        let skipped = keys.into_iter().flat_map(KeySet::skipped).filter_map(SkippedKey::key_id);
        let client = view.and_then(|view| view.known.client()?.ok()).map(|client| client.id().as_str());
        let of_client = client.into_iter().chain(usable).chain(skipped);
        [JWT_BEARER, "JWT"].into_iter().chain(audiences).chain(of_policies).chain(of_client).collect()
    }
}

/// The checks of what surrounds a bare assertion.
const OF_FORM: [Check; 7] = [
    Check::Form,
    Check::Parameters,
    Check::Repeats,
    Check::Query,
    Check::GrantType,
    Check::OneMechanism,
    Check::AssertionType,
];

/// Those that come after the assertion was read.
const OF_FORM_LATER: [Check; 2] = [Check::ClientId, Check::ClientGrantType];

/// Returns the id as it is, if it is short and plain.
fn name(id: &str) -> String {
    let shown = Excerpt::new(id).to_string();
    match shown.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) if plain == id => id.to_owned(),
        _ => shown,
    }
}
