//! The page as a service.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tower_service::Service;

use super::accept::Form;
use super::html::STYLE;
use crate::jose::digest::sha256;

/// The service of a [`Troubleshooting`](super::Troubleshooting) page, made by its
/// [`service`](super::Troubleshooting::service).
#[derive(Clone)]
pub struct TroubleshootingPage(Arc<Documents>);

struct Documents {
    html: Document,
    markdown: Document,
    content_security_policy: HeaderValue,
}

/// The page in one form.
struct Document {
    content: Bytes,
    media_type: HeaderValue,
    /// A strong validator (RFC 9110, section 8.8.3): a hash of the content.
    entity_tag: HeaderValue,
}

impl TroubleshootingPage {
    pub(super) fn new(html: String, markdown: String) -> Self {
        let style = STANDARD.encode(sha256(STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Self(Arc::new(Documents {
            html: Document::new(html, "text/html; charset=utf-8"),
            markdown: Document::new(markdown, "text/markdown; charset=utf-8"),
            // A hash in base64 has only characters that a header may have.
            content_security_policy: HeaderValue::from_maybe_shared(policy)
                .unwrap_or(HeaderValue::from_static("default-src 'none'")),
        }))
    }

    fn respond(&self, method: &Method, headers: &HeaderMap) -> Response<PageBody> {
        if method != Method::GET && method != Method::HEAD {
            return self.refuse(StatusCode::METHOD_NOT_ALLOWED, "Use GET or HEAD.\n");
        }
        let document = match Form::preferred(headers) {
            Some(Form::Html) => &self.0.html,
            Some(Form::Markdown) => &self.0.markdown,
            None => return self.refuse(StatusCode::NOT_ACCEPTABLE, "Accept text/html or text/markdown.\n"),
        };
        let mut response = if document.is_known(headers) {
            self.response(StatusCode::NOT_MODIFIED, Bytes::new())
        } else {
            let content = if method == Method::HEAD { Bytes::new() } else { document.content.clone() };
            let mut response = self.response(StatusCode::OK, content);
            // Also of a response to HEAD (RFC 9110, section 8.6).
            response.headers_mut().insert(header::CONTENT_LENGTH, document.content.len().into());
            response.headers_mut().insert(header::CONTENT_TYPE, document.media_type.clone());
            response
        };
        response.headers_mut().insert(header::ETAG, document.entity_tag.clone());
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        response
    }

    fn refuse(&self, status: StatusCode, text: &'static str) -> Response<PageBody> {
        let mut response = self.response(status, Bytes::from_static(text.as_bytes()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::CONTENT_LENGTH, text.len().into());
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }

    fn response(&self, status: StatusCode, content: Bytes) -> Response<PageBody> {
        const FIXED: [(HeaderName, &str); 3] = [
            (header::VARY, "accept"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        let mut response = Response::new(PageBody(content));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        for (name, value) in FIXED {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(header::CONTENT_SECURITY_POLICY, self.0.content_security_policy.clone());
        response
    }
}

impl Document {
    fn new(content: String, media_type: &'static str) -> Self {
        let hash = sha256(content.as_bytes());
        let entity_tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash));
        Self {
            content: content.into(),
            media_type: HeaderValue::from_static(media_type),
            entity_tag: HeaderValue::from_maybe_shared(entity_tag).unwrap_or(HeaderValue::from_static("\"\"")),
        }
    }

    /// Whether the sender has this content already (RFC 9110, section 13.1.2).
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == self.entity_tag.as_bytes())
    }
}

impl<B> Service<Request<B>> for TroubleshootingPage {
    type Response = Response<PageBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<PageBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.respond(request.method(), request.headers())))
    }
}

impl fmt::Debug for TroubleshootingPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TroubleshootingPage").finish_non_exhaustive()
    }
}

/// The body of a response of [`TroubleshootingPage`]: one piece of memory.
#[derive(Clone, Debug, Default)]
pub struct PageBody(Bytes);

impl Body for PageBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let content = std::mem::take(&mut self.0);
        Poll::Ready((!content.is_empty()).then(|| Ok(Frame::data(content))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}
