//! The refusal of a request that an optional layer has let pass.

use bytes::Bytes;
use http::Response;
use http::request::Parts;

use super::options::{Judges, LayerOptions, Settings};
use super::service::refuse_unknown;
use super::{ClientAssertionLayer, refusal};
use crate::event::RequestInfo;
use crate::rejection::Rejection;

impl<M> ClientAssertionLayer<M> {
    /// Refuses a request as this layer would, for an application that authenticates clients by
    /// another method behind an [`optional`](Self::optional) layer.
    ///
    /// The refusal goes to the verifier's [event sink](crate::VerifierBuilder::events), with the
    /// layer's endpoint and [correlation](Self::correlate), and with the client that the request
    /// claims to be from. It has no [times](crate::event::StepTimes). The response is that of the
    /// layer's [renderer](Self::render): with
    /// [`OtherMethod`](crate::rejection::ClientFault::OtherMethod) and a scheme, the standard one
    /// has the status 401 and a challenge (RFC 6749, section 5.2). `head` is the head of the
    /// request. With [`choose`](Self::choose), it finds the verifier.
    ///
    /// The layer has reported the same request as [let pass](crate::event::LetPass) before.
    ///
    /// ```
    /// use http::{Request, StatusCode};
    /// # use tower_client_assertion::registry::FixedRegistry;
    /// use tower_client_assertion::rejection::{AuthScheme, ClientFault};
    /// # use tower_client_assertion::replay::MemoryReplay;
    /// # use tower_client_assertion::{ClientAssertionLayer, Policy, Verifier};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (registry, replay) = (FixedRegistry::new([])?, MemoryReplay::new(100)?);
    /// # let verifier = Verifier::builder(Policy::OIDC, registry, replay)
    /// #     .issuer("https://as.example.com").build()?;
    /// let layer = ClientAssertionLayer::new(verifier).optional();
    ///
    /// // In the handler of a request whose secret is wrong:
    /// let request = Request::post("/token").header("authorization", "Basic YTpi");
    /// let (head, ()) = request.body(())?.into_parts();
    /// let failed = ClientFault::OtherMethod(Some(AuthScheme::Basic));
    /// let response = layer.refuse(&head, failed, Some("a"));
    ///
    /// assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    /// let challenge = &response.headers()["www-authenticate"];
    /// assert_eq!(challenge, "Basic realm=\"token endpoint\"");
    ///
    /// // A client that used no header is not challenged.
    /// let other = layer.refuse(&head, ClientFault::OtherMethod(None), None);
    /// assert_eq!(other.status(), StatusCode::BAD_REQUEST);
    /// # Ok(())
    /// # }
    /// ```
    pub fn refuse(
        &self,
        head: &Parts,
        rejection: impl Into<Rejection>,
        claimed_client: Option<&str>,
    ) -> Response<Bytes> {
        let rejection = rejection.into();
        match &self.judges {
            Judges::One(options) => refuse(options, head, &rejection, claimed_client),
            Judges::Chosen(choosing) => match choosing.options(head) {
                Some(options) => refuse(&options, head, &rejection, claimed_client),
                None => refuse_unknown(choosing, head),
            },
        }
    }
}

fn refuse(
    options: &LayerOptions,
    head: &Parts,
    rejection: &Rejection,
    claimed_client: Option<&str>,
) -> Response<Bytes> {
    let Settings { endpoint, correlate, .. } = &options.settings;
    let verifier = &options.verifier;
    let correlation = correlate.as_ref().filter(|_| verifier.reports_events()).and_then(|find| find.name(head));
    let request = || RequestInfo::new(*endpoint, correlation.as_ref(), None);
    verifier.report_other(rejection, claimed_client, request);
    refusal::response(&options.responses, rejection, head.version)
}
