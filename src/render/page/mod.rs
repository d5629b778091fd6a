//! The page that explains every error response, made from the responses themselves.

mod accept;
mod html;
mod markdown;
mod occurrence;
mod service;
mod topic;
mod words;

use std::fmt;

use bytes::Bytes;
use http::Response;

use super::RenderRejection;
use crate::verifier::Verifier;
use occurrence::Scope;
use topic::{Remedy, Topic};

pub use service::{PageBody, TroubleshootingPage};

/// A page about every text that a layer sends: what is wrong, and what to do.
///
/// It is made of the responses of the renderer, so it names no text that is not sent, and leaves
/// out none that the verifier can cause. It says nothing about any request, so it can be public.
/// Where several faults have one text, it lists them all: it tells no more than the response.
///
/// The responses lead to it with `error_pages`, for example
/// [`Rfc6749::error_pages`](super::Rfc6749::error_pages). Each topic, which is all that has the
/// same text, is a section with the fragment of these links as its `id`.
///
/// ```
/// # use tower_client_assertion::registry::FixedRegistry;
/// # use tower_client_assertion::replay::MemoryReplay;
/// use tower_client_assertion::render::{Rfc6749, Troubleshooting};
/// use tower_client_assertion::{Policy, Verifier};
///
/// # let (registry, replay) = (FixedRegistry::new([])?, MemoryReplay::new(100)?);
/// let verifier = Verifier::builder(Policy::RFC7523, registry, replay)
///     .issuer("https://as.example.com")
///     .build()?;
/// let page = Troubleshooting::of(&Rfc6749::default(), &verifier);
/// assert!(page.html().contains(r#"<section id="unexpected-aud-claim""#));
///
/// // This profile leaves the grant type to the handler.
/// assert!(!page.html().contains("grant_type parameter"));
///
/// // Serve it next to the token endpoint or anywhere else. This is with axum:
/// use axum::Router;
///
/// let app: Router = Router::new().route_service("/errors", page.service());
/// # let _ = app;
/// # Ok::<(), tower_client_assertion::ConfigError>(())
/// ```
///
/// Add what the handler refuses itself with [`with_response`](Self::with_response). The extractor
/// of axum, which refuses requests behind an [optional](crate::ClientAssertionLayer::optional)
/// layer, answers as [`Rfc6749`](super::Rfc6749) without links, also if the layer has another
/// renderer.
pub struct Troubleshooting {
    topics: Vec<Topic>,
}

impl Troubleshooting {
    /// Makes the page of a vocabulary, with the texts that a layer with this verifier can send.
    /// What depends on more than the verifier, such as the registered clients, is on every page.
    /// The answer to [unknown tenants](crate::ClientAssertionLayer::choose) is not, because no
    /// verifier causes it: add it with [`with_response`](Self::with_response).
    ///
    /// The renderer is asked once for each kind of rejection. From each response come the status
    /// and, if it is JSON, the members `error` and `error_description`.
    pub fn of(vocabulary: &dyn RenderRejection, verifier: &Verifier) -> Self {
        Self { topics: topic::topics(vocabulary, &Scope::of(verifier)) }
    }

    /// Adds a response that the application makes itself, for example to a scope that it does not
    /// grant: what is wrong, and what to do. If the text is on the page already, this is one more
    /// of its causes. If the status is 500 or above, the advice is for the operator of the server.
    ///
    /// The response can link to its section by the [`topic_id`](super::topic_id) of its
    /// description.
    ///
    /// ```
    /// # use tower_client_assertion::registry::FixedRegistry;
    /// # use tower_client_assertion::replay::MemoryReplay;
    /// # use tower_client_assertion::render::{Rfc6749, Troubleshooting};
    /// # use tower_client_assertion::{Policy, Verifier};
    /// # let (registry, replay) = (FixedRegistry::new([])?, MemoryReplay::new(100)?);
    /// # let verifier = Verifier::builder(Policy::RFC7523, registry, replay)
    /// #     .issuer("https://as.example.com")
    /// #     .build()?;
    /// use http::Response;
    ///
    /// let body =
    ///     r#"{"error":"invalid_scope","error_description":"Unknown scope"}"#;
    /// let refusal = Response::builder().status(400).body(body.into()).unwrap();
    ///
    /// let html = Troubleshooting::of(&Rfc6749::default(), &verifier)
    ///     .with_response(&refusal, "no such scope exists", "Ask for another.")
    ///     .html();
    /// assert!(html.contains(r#"<section id="unknown-scope""#));
    /// # Ok::<(), tower_client_assertion::ConfigError>(())
    /// ```
    #[must_use]
    pub fn with_response(mut self, response: &Response<Bytes>, wrong: &str, advice: &str) -> Self {
        let remedy = Remedy { faults: vec![wrong.to_owned()], advice: advice.to_owned().into() };
        topic::add_response(&mut self.topics, response, remedy);
        self
    }

    /// Returns the page as Markdown. Where the vocabulary has
    /// [rows of a vendor](RenderRejection::vendor_row), their table comes first, word for word.
    pub fn markdown(&self) -> String {
        markdown::markdown(&self.topics)
    }

    /// Returns the page as one HTML document. It has no scripts, loads nothing, follows the colour
    /// scheme of the reader, and can be printed.
    pub fn html(&self) -> String {
        html::html(&self.topics)
    }

    /// Returns a service that answers GET and HEAD with the page, at any path: as HTML, or as
    /// Markdown if `Accept` prefers `text/markdown`.
    ///
    /// Responses have an `ETag`, may be cached for 5 minutes, and forbid everything but the style
    /// of the page by their `Content-Security-Policy`. `If-None-Match` is answered with 304, other
    /// methods with 405, and an `Accept` without either form with 406.
    pub fn service(&self) -> TroubleshootingPage {
        TroubleshootingPage::new(self.html(), self.markdown())
    }
}

impl fmt::Debug for Troubleshooting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topics = self.topics.iter().map(|topic| &topic.id).collect::<Vec<_>>();
        f.debug_struct("Troubleshooting").field("topics", &topics).finish()
    }
}
