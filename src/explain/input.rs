//! What is to be explained: a request, or what there is of it.

use super::check::Check;
use super::step::Step;
use crate::endpoint::Endpoint;
use crate::rejection::Rejection;
use crate::verifier::TokenRequest;

/// What of a request is there to be judged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// All that a verifier reads.
    Request,
    /// The body, and neither a query nor other headers.
    Form,
    /// The value of `client_assertion`, in a form that was made around it.
    Assertion,
}

/// The checks of the head and of the size of the body.
pub(crate) struct Head<'a> {
    pub(crate) steps: Vec<Step>,
    /// Why the request is refused before its form is read.
    pub(crate) refused: Option<Rejection>,
    /// Values of headers that must not be shown.
    pub(crate) secrets: Vec<&'a [u8]>,
}

impl Head<'_> {
    const CHECKS: [Check; 5] =
        [Check::Method, Check::ContentEncoding, Check::ContentType, Check::BodySize, Check::BodyComplete];

    /// A head that is not known.
    pub(crate) fn unknown(why: &'static str) -> Self {
        let steps = Self::CHECKS.map(|check| Step::not_judged(check, why)).into();
        Self { steps, refused: None, secrets: Vec::new() }
    }
}

/// What is to be explained.
pub(crate) struct Input<'a> {
    pub(crate) request: TokenRequest<'a>,
    pub(crate) head: Head<'a>,
    pub(crate) given: Given,
    /// The endpoint that the request came to.
    pub(crate) endpoint: Endpoint,
}
