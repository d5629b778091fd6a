//! The layer: a [`Verifier`] and what HTTP adds to it.

mod body;
mod body_mode;
mod collect;
mod future;
pub(crate) mod head;
pub(crate) mod readied;
mod service;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderValue, Response, Version, header};
use tower_layer::Layer;

pub use body::{BufferedBody, RequestBody, ResponseBody};
pub use body_mode::{BodyMode, PreservedBodies, RebuiltBodies, WrappedBodies};
pub use future::ResponseFuture;
pub use service::ClientAssertion;

use crate::config::ConfigError;
use crate::endpoint::Endpoint;
use crate::policy::Wording;
use crate::rejection::{ClientFault, Rejection, RejectionKind};
use crate::render::{Answers, Redox, RenderRejection, Rfc6749};
use crate::verifier::Verifier;

/// Puts client authentication in front of a service.
///
/// See the [crate page](crate) for an example. Cloning it is cheap.
#[derive(Clone)]
#[must_use]
pub struct ClientAssertionLayer<M = WrappedBodies> {
    guard: Arc<Guard>,
    mode: M,
}

/// What all services of a layer share.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) verifier: Arc<Verifier>,
    answers: Arc<Answers>,
    path: Option<Box<str>>,
    pub(crate) endpoint: Endpoint,
    pub(crate) optional: bool,
    pub(crate) body_limit: usize,
    pub(crate) body_timeout: Duration,
}

impl ClientAssertionLayer {
    /// Guards every request that it sees, with the answers of the verifier's profile.
    ///
    /// Without a [`path`](Self::path) there is no way around it: this is the form for a service, a route or a
    /// `route_layer` of its own.
    pub fn new(verifier: impl Into<Arc<Verifier>>) -> Self {
        let verifier = verifier.into();
        let answers = match verifier.first_policy().wording {
            Wording::Redox => Answers::by(Redox::default()),
            Wording::Rfc6749 => Answers::by(Rfc6749::default()),
        };
        let guard = Guard {
            verifier,
            answers: Arc::new(answers),
            path: None,
            endpoint: Endpoint::Token,
            optional: false,
            body_limit: 64 * 1024,
            body_timeout: Duration::from_secs(10),
        };
        Self { guard: Arc::new(guard), mode: WrappedBodies }
    }

    /// Leaves the bodies' types as they are, both of which must then be made from [`Bytes`]: axum's and `Full<Bytes>` are.
    ///
    /// Needed beside middleware that insists on its framework's body: `axum::middleware::from_fn` behind this layer in the same
    /// `ServiceBuilder` (where rustc says that `FromFn<..>: Service<..>` is not satisfied), `option_layer`, a boxed service, or
    /// `axum::serve` over a router that was wrapped as a whole.
    ///
    /// ```
    /// # use axum::{Router, extract::Request, middleware::{Next, from_fn}, routing::post};
    /// # use tower_client_assertion::ClientAssertionLayer;
    /// # fn guarded(guard: ClientAssertionLayer) -> Router {
    /// let stack = tower::ServiceBuilder::new()
    ///     .layer(guard.preserve_body_types())
    ///     .layer(from_fn(|request: Request, next: Next| next.run(request)));
    /// Router::new().route("/v2/auth/token", post(|| async {})).route_layer(stack)
    /// # }
    /// ```
    pub fn preserve_body_types(self) -> ClientAssertionLayer<PreservedBodies> {
        ClientAssertionLayer { guard: self.guard, mode: PreservedBodies }
    }

    /// As [`preserve_body_types`](Self::preserve_body_types), for bodies that are not made from [`Bytes`]: `make` turns a body
    /// in memory into one. For tonic's it is `tonic::body::Body::new`; a `BoxBody` of your own has a function like it.
    ///
    /// Needed where a middleware of a gRPC server insists on tonic's body. Without such a one the layer goes into
    /// `Server::builder().layer(..)` as it is.
    ///
    /// ```
    /// # use tower_client_assertion::{ClientAssertionLayer, ConfigError};
    /// # fn guarded(guard: ClientAssertionLayer) -> Result<(), ConfigError> {
    /// let guard = guard.path("/token")?.rebuild_bodies_with(tonic::body::Body::new);
    /// let server = tonic::transport::Server::builder().layer(guard);
    /// # let _ = server;
    /// # Ok(())
    /// # }
    /// ```
    pub fn rebuild_bodies_with<F, B>(self, make: F) -> ClientAssertionLayer<RebuiltBodies<F>>
    where
        F: Fn(BufferedBody) -> B + Clone,
    {
        ClientAssertionLayer { guard: self.guard, mode: RebuiltBodies::new(make) }
    }
}

impl<M> ClientAssertionLayer<M> {
    /// Guards only requests for exactly this path; all others go straight to the inner service.
    ///
    /// The path is compared byte for byte with the path of the URI that reaches the layer. What is not equal is **not
    /// guarded**, so leave the path out and put the layer on the route itself where the service behind it
    ///
    /// - finds its token endpoint under other spellings too (another case, a trailing slash, percent-encoding),
    /// - is nested: axum's `nest` and `nest_service` cut their prefix off before an inner layer sees the URI (a handler then
    ///   misses its `Extension<ClientIdentity>`, and axum answers 500),
    /// - or has the endpoint under a pattern such as `/{tenant}/token`.
    ///
    /// # Errors
    ///
    /// The path does not start with a slash, has a query, a fragment or a brace, or has a character that no URI has.
    pub fn path(self, path: &str) -> Result<Self, ConfigError> {
        let literal = path.starts_with('/') && path.is_ascii() && !path.contains(['{', '}', '#']);
        let parsed =
            path.parse::<PathAndQuery>().is_ok_and(|parsed| parsed.as_str() == path && parsed.query().is_none());
        if !literal || !parsed {
            return Err(ConfigError::InvalidPath { path: path.to_owned() });
        }
        Ok(self.with(|guard| guard.path = Some(path.into())))
    }

    /// Says which endpoint it guards. Only [`Endpoint::Token`], the default, has a `grant_type` that is checked.
    pub fn endpoint(self, endpoint: Endpoint) -> Self {
        self.with(|guard| guard.endpoint = endpoint)
    }

    /// Hands a form that carries no assertion on to the inner service, without an identity: for a server whose clients may
    /// authenticate in other ways too, which it then has to check itself.
    ///
    /// **A handler behind such a layer sees a verified [`ClientIdentity`](crate::ClientIdentity) or none**, and must refuse or
    /// authenticate whoever has none. A request that carries an assertion and another credential besides is still refused, as
    /// is whatever is not a form that the assertion could have been in.
    ///
    /// ```
    /// use http::{Request, Response, StatusCode};
    /// use http_body_util::Full;
    /// use tower::{Layer, ServiceExt, service_fn};
    /// # use tower_client_assertion::registry::FixedRegistry;
    /// # use tower_client_assertion::replay::MemoryReplay;
    /// use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, Policy, RequestBody, Verifier};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder(Policy::OIDC, FixedRegistry::new([])?, MemoryReplay::new(100)?)
    /// #     .issuer("https://as.example.com").build()?;
    /// let handler = service_fn(|request: Request<RequestBody<Full<bytes::Bytes>>>| async move {
    ///     let mut response = Response::new(Full::<bytes::Bytes>::default());
    ///     if request.extensions().get::<ClientIdentity>().is_none() {
    ///         // Here its `Authorization` header would be looked at.
    ///         *response.status_mut() = StatusCode::UNAUTHORIZED;
    ///     }
    ///     Ok::<_, std::convert::Infallible>(response)
    /// });
    /// let service = ClientAssertionLayer::new(verifier).optional().layer(handler);
    ///
    /// let request = |form: &'static str| {
    ///     let request = Request::post("/token").header("content-type", "application/x-www-form-urlencoded");
    ///     request.body(Full::<bytes::Bytes>::from(form))
    /// };
    /// let handed_on = service.clone().oneshot(request("grant_type=client_credentials")?).await?;
    /// assert_eq!(handed_on.status(), StatusCode::UNAUTHORIZED);
    /// let refused = service.oneshot(request("client_assertion=a.b.c&client_secret=hush")?).await?;
    /// assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    /// # Ok(())
    /// # }
    /// ```
    pub fn optional(self) -> Self {
        self.with(|guard| guard.optional = true)
    }

    /// Answers refused requests with `renderer` instead of the profile's own.
    pub fn render(self, renderer: impl RenderRejection) -> Self {
        self.with(|guard| guard.answers = Arc::new(Answers::by(renderer)))
    }

    /// Refuses bodies of more than this many bytes. Default: 64 KiB.
    ///
    /// # Errors
    ///
    /// The limit is zero.
    pub fn body_limit(self, bytes: usize) -> Result<Self, ConfigError> {
        match bytes {
            0 => Err(ConfigError::Zero { setting: "body_limit" }),
            _ => Ok(self.with(|guard| guard.body_limit = bytes)),
        }
    }

    /// Refuses bodies that are not complete this long after they first made us wait. Default: 10 s.
    ///
    /// A body that is not there at once needs a Tokio runtime with its timer enabled; without a runtime, the request is
    /// refused as unavailable.
    ///
    /// # Errors
    ///
    /// The duration is zero.
    pub fn body_timeout(self, timeout: Duration) -> Result<Self, ConfigError> {
        match timeout {
            Duration::ZERO => Err(ConfigError::Zero { setting: "body_timeout" }),
            _ => Ok(self.with(|guard| guard.body_timeout = timeout)),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Guard)) -> Self {
        change(Arc::make_mut(&mut self.guard));
        self
    }
}

impl Guard {
    pub(crate) fn covers(&self, path: &str) -> bool {
        self.path.as_deref().is_none_or(|guarded| guarded == path)
    }

    /// The response to a refused request. Whatever the renderer made, the reason rides along.
    pub(crate) fn refuse(&self, rejection: &Rejection, version: Version) -> Response<Bytes> {
        let mut response = self.answers.to(rejection);
        if abandons_body(rejection.kind()) && version <= Version::HTTP_11 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(rejection.clone());
        response
    }
}

/// Whether the rest of the body is not going to be read: the connection cannot be used again (RFC 9110, section 15.5.14).
fn abandons_body(kind: &RejectionKind) -> bool {
    matches!(kind, RejectionKind::Client(ClientFault::BodyTooLarge | ClientFault::BodyTimeout))
}

impl<S, M: Clone> Layer<S> for ClientAssertionLayer<M> {
    type Service = ClientAssertion<S, M>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientAssertion::new(inner, Arc::clone(&self.guard), self.mode.clone())
    }
}

impl<M> fmt::Debug for ClientAssertionLayer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientAssertionLayer").field(&self.guard).finish()
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("verifier", &self.verifier)
            .field("path", &self.path)
            .field("endpoint", &self.endpoint)
            .field("optional", &self.optional)
            .field("body_limit", &self.body_limit)
            .field("body_timeout", &self.body_timeout)
            .finish_non_exhaustive()
    }
}
