//! The page that explains every error response, made from the responses themselves.

mod accept;
mod html;
mod markdown;
mod occurrence;
mod service;
mod topic;

use std::fmt;

use super::RenderRejection;
use crate::policy::Policy;
use topic::Topic;

pub use service::{PageBody, TroubleshootingPage};

/// A page about every text that a renderer sends: what is wrong, and what to do.
///
/// It is made of the responses of the renderer, so it names no text that is not sent, and leaves
/// out none. It says nothing about any request, so it can be public. Where several faults have
/// one text, it lists them all: it tells no more than the response.
///
/// The responses lead to it with `error_pages`, for example
/// [`Rfc6749::error_pages`](super::Rfc6749::error_pages). Each topic, which is all that has the
/// same text, is a section with the fragment of these links as its `id`.
///
/// ```
/// use tower_client_assertion::Policy;
/// use tower_client_assertion::render::{Rfc6749, Troubleshooting};
///
/// let policies = [Policy::RFC7523];
/// let html = Troubleshooting::of(&Rfc6749::default(), &policies).html();
/// assert!(html.contains(r#"<section id="unexpected-aud-claim""#));
///
/// // This profile leaves the grant type to the handler.
/// assert!(!html.contains("grant_type parameter"));
/// ```
///
/// Serve it next to the token endpoint or anywhere else. This is with axum:
///
/// ```
/// # use axum::Router;
/// # use tower_client_assertion::Policy;
/// # use tower_client_assertion::render::{Redox, Troubleshooting};
/// let page = Troubleshooting::of(&Redox::default(), &[Policy::REDOX]);
/// let app: Router = Router::new().route_service("/errors", page.service());
/// # let _ = app;
/// ```
pub struct Troubleshooting {
    topics: Vec<Topic>,
}

impl Troubleshooting {
    /// Makes the page of a vocabulary, with the texts that a verifier with these policies can
    /// cause. Pass all its policies. What depends on more than the policies, such as the registered
    /// clients, is on every page.
    ///
    /// The renderer is asked once for each kind of rejection. From each response come the status
    /// and, if it is JSON, the members `error` and `error_description`.
    pub fn of(vocabulary: &dyn RenderRejection, policies: &[Policy]) -> Self {
        Self { topics: topic::topics(vocabulary, policies) }
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
