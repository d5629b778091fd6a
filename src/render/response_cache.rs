//! The responses of a renderer, kept for reuse.
//!
//! Most renderers give the same response every time a kind of rejection occurs. Serialising the
//! body and building the header map takes longer than everything else about a refusal, so such a
//! response is made once and cloned from then on.

use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderValue, Response, header};

use super::RenderRejection;
use crate::rejection::{Rejection, RejectionKind};

/// A renderer, and the responses that it has made.
pub(crate) struct ResponseCache {
    renderer: Box<dyn RenderRejection>,
    /// One place for each kind. Empty if a response depends on more than the kind.
    places: Box<[OnceLock<Box<Response<Bytes>>>]>,
}

impl ResponseCache {
    pub(crate) fn new(renderer: impl RenderRejection) -> Self {
        let places = if renderer.depends_on_kind_alone() { RejectionKind::COUNT } else { 0 };
        Self { renderer: Box::new(renderer), places: (0..places).map(|_| OnceLock::new()).collect() }
    }

    /// Returns the response to `rejection`, with a `Content-Length` that fits its body.
    pub(crate) fn response(&self, rejection: &Rejection) -> Response<Bytes> {
        match self.places.get(rejection.kind().index()) {
            Some(place) => place.get_or_init(|| Box::new(self.render(rejection))).as_ref().clone(),
            None => self.render(rejection),
        }
    }

    /// Returns what to do about a rejection of this kind, in the words of the renderer.
    pub(crate) fn advice(&self, kind: &RejectionKind) -> &'static str {
        self.renderer.advice(kind)
    }

    fn render(&self, rejection: &Rejection) -> Response<Bytes> {
        let mut response = self.renderer.render(rejection);
        let length = HeaderValue::from(response.body().len());
        response.headers_mut().insert(header::CONTENT_LENGTH, length);
        response
    }
}
