//! Explanations of whole requests, for operators.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Request, Version};

use super::choose::KNOWN_TENANT;
use super::collect::check_size;
use super::credentials::with_other_credentials;
use super::headers::DeclaredHeaders;
use super::options::{Choosing, Judges, LayerOptions, Settings};
use super::{ClientAssertionLayer, findings, head, refusal};
use crate::clock::UnixTime;
use crate::endpoint::Endpoint;
use crate::event::Excerpt;
use crate::explain::{
    Answer, Check, Draft, Explanation, Given, Head, Input, Part, Step, form_around, undecided, unguarded,
    without_verifier,
};
use crate::rejection::{ClientFault, Rejection};
use crate::render::ResponseCache;
use crate::verifier::TokenRequest;

impl<M> ClientAssertionLayer<M> {
    /// Explains what the layer would answer to `request` at `at`, and what else is wrong with the
    /// request. This leaves no trace. It is for the operator alone: see
    /// [`explain`](crate::explain), and never call it for a request on the way to its handler.
    ///
    /// The body is complete, so how long it took to arrive is not judged. The answer and
    /// [what to do](Explanation::advice) are in the words of the layer's
    /// [renderer](Self::render), which is called once. A request for a
    /// [path](Self::path) that is not guarded is passed on.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::Request;
    /// use tower_client_assertion::clock::UnixTime;
    /// use tower_client_assertion::explain::Check;
    /// # use tower_client_assertion::registry::FixedRegistry;
    /// # use tower_client_assertion::replay::MemoryReplay;
    /// use tower_client_assertion::{ClientAssertionLayer, Policy, Verifier};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (registry, replay) = (FixedRegistry::new([])?, MemoryReplay::new(100)?);
    /// # let verifier = Verifier::builder(Policy::OIDC, registry, replay)
    /// #     .issuer("https://as.example.com").build()?;
    /// let layer = ClientAssertionLayer::new(verifier);
    /// let request = Request::get("/token")
    ///     .body(Bytes::from("grant_type=client_credentials"))?;
    ///
    /// let at = UnixTime::from_secs(1_700_000_000);
    /// let explanation = layer.explain(&request, at).await;
    /// let failed = explanation.steps().iter().filter(|step| step.reason().is_some());
    /// let checks: Vec<_> = failed.map(|step| step.check()).collect();
    /// assert_eq!(checks, [Check::Method, Check::ContentType, Check::OneMechanism]);
    /// assert_eq!(explanation.answer().unwrap().status, 405);
    ///
    /// println!("{explanation}");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn explain(&self, request: &Request<Bytes>, at: UnixTime) -> Explanation {
        let Settings { endpoint, optional, .. } = *self.judges.settings();
        if !self.judges.settings().guards(request.uri().path()) {
            return unguarded(self.judges.first_policy(), endpoint, at);
        }
        let (parts, body) = request.clone().into_parts();
        let (options, tenant) = match &self.judges {
            Judges::One(options) => (Arc::clone(options), None),
            Judges::Chosen(choosing) => {
                let path = Excerpt::new(parts.uri.path()).to_string();
                match choosing.options(&parts) {
                    Some(options) => (options, Some(Step::passed(Check::Tenant).receiving(path))),
                    None => return unknown_tenant(choosing, path, at, parts.version),
                }
            }
        };
        let declared = DeclaredHeaders::read(&parts.headers);
        let request = TokenRequest::new(&body).with_endpoint(endpoint).with_optional(optional);
        let request = with_other_credentials(request, &parts, &declared);
        let mut head = whole_head(&parts, &declared, &body, &options);
        head.steps.extend(tenant);
        let input = Input { request, head, given: Given::Request, endpoint };
        finish(Draft::of(&options.verifier, input, at).await, &options.responses, parts.version)
    }

    /// Explains a part of a request like [`explain`](Self::explain). What surrounds it is not
    /// judged, and the rest is judged as if that were right.
    ///
    /// A layer that [chooses](ClientAssertionLayer::choose) its verifiers does so by the head of a
    /// request, so nothing is decided about a part alone. Ask a layer with the verifier of one
    /// tenant instead.
    pub async fn explain_part(&self, part: Part<'_>, at: UnixTime) -> Explanation {
        let Settings { endpoint, optional, .. } = *self.judges.settings();
        let Judges::One(options) = &self.judges else { return undecided(endpoint, at) };
        let (form, head, given) = match part {
            Part::Form(form) => (form.to_vec(), form_head(form, options), Given::Form),
            Part::Assertion(text) => {
                let head = Head::unknown("only the assertion was given");
                (form_around(text).into_bytes(), head, Given::Assertion)
            }
        };
        // A form that was made around an assertion has no grant type.
        let judged_as = if given == Given::Assertion { Endpoint::Other } else { endpoint };
        let request = TokenRequest::new(&form).with_endpoint(judged_as).with_optional(optional);
        let input = Input { request, head, given, endpoint };
        finish(Draft::of(&options.verifier, input, at).await, &options.responses, Version::HTTP_11)
    }
}

fn unknown_tenant(choosing: &Choosing, path: String, at: UnixTime, version: Version) -> Explanation {
    let fault = ClientFault::TenantUnknown;
    let step = Step::failed(Check::Tenant, fault.clone()).expecting(KNOWN_TENANT).receiving(path);
    let draft = without_verifier(fault.into(), step, choosing.settings.endpoint, at);
    finish(draft, choosing.responses(), version)
}

fn finish(draft: Draft, responses: &ResponseCache, version: Version) -> Explanation {
    let answer = draft.refused().map(|rejection| {
        let response = refusal::response(responses, rejection, version);
        Answer::read(response.status().as_u16(), response.body())
    });
    draft.finish(answer, |kind| responses.advice(kind))
}

fn whole_head<'a>(parts: &'a Parts, declared: &DeclaredHeaders, body: &Bytes, options: &LayerOptions) -> Head<'a> {
    let limit = options.settings.body_limit;
    let size = head::check_length(declared, limit).and_then(|()| check_size(body.len(), limit));
    let complete = head::check_complete(declared, body.is_empty(), body);
    let judged = [
        (Check::Method, head::check_method(&parts.method).map_err(Rejection::from)),
        (Check::ContentEncoding, head::check_encoding(declared).map_err(Rejection::from)),
        (Check::ContentType, declared.check_form().map_err(Rejection::from)),
        (Check::BodySize, size.map_err(Rejection::from)),
        (Check::BodyComplete, complete),
    ];
    // As for a request: the head, then the body as it comes in, then its length.
    let refused = head::check(&parts.method, declared, limit)
        .and_then(|()| check_size(body.len(), limit))
        .map_err(Rejection::from)
        .and_then(|()| head::check_complete(declared, body.is_empty(), body));
    let step = |(check, outcome): (Check, Result<(), Rejection>)| match outcome {
        Ok(()) => passed(check, parts, body),
        Err(rejection) => {
            let step = Step::failed(check, rejection.clone());
            match findings::finding(&rejection, parts, declared, options) {
                Some(finding) => step.with_words(&finding),
                None => step,
            }
        }
    };
    Head {
        steps: judged.into_iter().map(step).collect(),
        refused: refused.err(),
        secrets: credentials(parts).collect(),
    }
}

/// Values of headers that authenticate, whole and without their scheme.
fn credentials(parts: &Parts) -> impl Iterator<Item = &[u8]> {
    let names = [AUTHORIZATION.as_str(), "cookie", "dpop", "oauth-client-attestation", "oauth-client-attestation-pop"];
    let values = names.into_iter().flat_map(|name| parts.headers.get_all(name)).map(HeaderValue::as_bytes);
    values.flat_map(|value| [Some(value), value.splitn(2, |byte| *byte == b' ').nth(1)]).flatten()
}

fn passed(check: Check, parts: &Parts, body: &Bytes) -> Step {
    let step = Step::passed(check);
    match check {
        Check::Method => step.receiving(parts.method.as_str()),
        Check::ContentType => match parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) {
            Some(value) => step.receiving(Excerpt::new(value).to_string()),
            None => step,
        },
        Check::BodySize => step.receiving(format!("{} bytes", body.len())),
        _ => step,
    }
}

/// Of the head of a form, nothing is known but the size of the body.
fn form_head<'a>(form: &[u8], options: &LayerOptions) -> Head<'a> {
    let mut head = Head::unknown("only the form was given");
    let size = match check_size(form.len(), options.settings.body_limit) {
        Ok(()) => Step::passed(Check::BodySize).receiving(format!("{} bytes", form.len())),
        Err(fault) => {
            head.refused = Some(ClientFault::clone(&fault).into());
            let limit = options.settings.body_limit;
            Step::failed(Check::BodySize, fault)
                .expecting(format!("at most {limit} bytes"))
                .receiving(format!("{} bytes", form.len()))
        }
    };
    head.steps.retain(|step| step.check() != Check::BodySize);
    head.steps.push(size);
    head
}
