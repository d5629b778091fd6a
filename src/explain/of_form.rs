//! The steps of the form, up to the assertion that can be read.

use super::check::Check;
use super::step::Step;
use crate::policy::{Limits, Policy};
use crate::rejection::{ClientFault, RejectionKind};
use crate::verifier::TokenRequest;
use crate::verifier::form_faults::FormFaults;
use crate::verifier::form_findings::form_finding;
use crate::verifier::text_faults::TextFaults;
use crate::verifier::text_findings::text_finding;

/// Where the words of a finding come from.
#[derive(Clone, Copy)]
pub(super) struct FormView<'a> {
    pub(super) request: &'a TokenRequest<'a>,
    pub(super) form: &'a FormFaults<'a>,
    pub(super) policies: &'a [Policy],
    pub(super) limits: &'a Limits,
}

impl FormView<'_> {
    /// The steps from the encoding of the form to the presence of an assertion.
    pub(super) fn steps(&self) -> Vec<Step> {
        let form = self.form;
        let mut steps = vec![
            self.step(Check::Form, form.encoding.clone()),
            self.parameters(),
            self.step(Check::Repeats, form.repeats.clone()),
            self.query(),
            match &form.grant_type {
                Some(judged) => self.step(Check::GrantType, judged.clone()),
                None => Step::not_reached(Check::GrantType, Check::Form),
            },
        ];
        steps.extend(self.mechanisms());
        steps
    }

    /// An optional layer asks for nothing else where there is no assertion.
    fn mechanisms(&self) -> [Step; 3] {
        const UNNEEDED: &str = "the request has no assertion and needs none";
        let form = self.form;
        if !form.is_asserted {
            return match self.request.optional {
                true => [Check::OneMechanism, Check::AssertionType, Check::Assertion]
                    .map(|check| Step::not_judged(check, UNNEEDED)),
                false => [
                    self.step(Check::OneMechanism, form.mechanisms.clone()),
                    Step::not_reached(Check::AssertionType, Check::OneMechanism),
                    Step::not_reached(Check::Assertion, Check::OneMechanism),
                ],
            };
        }
        [
            self.step(Check::OneMechanism, form.mechanisms.clone()),
            match &form.assertion_type {
                Some(judged) => self.step(Check::AssertionType, judged.clone()),
                None => Step::not_reached(Check::AssertionType, Check::Form),
            },
            self.step(Check::Assertion, form.assertion.clone()),
        ]
    }

    /// The body is counted before anything of it is decoded, the query after the repeats.
    fn parameters(&self) -> Step {
        let form = self.form;
        match (&form.parameters, &form.query) {
            (Err(fault), _) => self.step(Check::Parameters, Err(fault.clone())).before(Check::Form),
            (Ok(()), Err(fault @ ClientFault::TooManyParameters)) => {
                self.step(Check::Parameters, Err(fault.clone())).before(Check::Query)
            }
            (Ok(()), _) => Step::passed(Check::Parameters),
        }
    }

    fn query(&self) -> Step {
        match &self.form.query {
            Err(ClientFault::TooManyParameters) => Step::not_reached(Check::Query, Check::Parameters),
            judged => self.step(Check::Query, judged.clone()),
        }
    }

    fn step(&self, check: Check, judged: Result<(), ClientFault>) -> Step {
        Step::judged(check, judged).with_finding(|kind| match kind {
            RejectionKind::Client(fault) => form_finding(fault, self.request, self.policies, self.limits),
            RejectionKind::Server(_) => None,
        })
    }
}

/// The steps from the size of the assertion to its JSON. `missing` is the check that did not find
/// an assertion.
pub(super) fn text_steps(text: Option<(&[u8], &TextFaults)>, missing: Check, limits: &Limits) -> [Step; 3] {
    let Some((text, faults)) = text else {
        return [Check::AssertionSize, Check::ThreeParts, Check::WellFormed].map(|c| Step::not_reached(c, missing));
    };
    let step = |check, judged: &Option<Result<(), ClientFault>>, needs| match judged {
        None => Step::not_reached(check, needs),
        Some(judged) => Step::judged(check, judged.clone()).with_finding(|kind| match kind {
            RejectionKind::Client(fault) => text_finding(fault, text, limits),
            RejectionKind::Server(_) => None,
        }),
    };
    let size = step(Check::AssertionSize, &Some(faults.size.clone()), Check::Assertion);
    let size = if size.received().is_none() { size.receiving(format!("{} bytes", text.len())) } else { size };
    [
        size,
        step(Check::ThreeParts, &faults.parts, Check::AssertionSize),
        step(Check::WellFormed, &faults.form, Check::ThreeParts),
    ]
}
