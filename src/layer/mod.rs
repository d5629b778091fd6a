//! HTTP in front of a [`Verifier`]: the layer, its service and the response future.
//!
//! Each file is one concern of a request, in this order:
//!
//! 1. `service`: is the request guarded? If not, the inner service gets it untouched.
//! 2. `headers`, `head`: what the headers declare, and whether the body is worth reading.
//! 3. `collect`: the body is read into memory, within `body_limit` and `body_timeout`.
//! 4. `credentials`: the form and everything else that can carry credentials become a
//!    `TokenRequest` for the verifier.
//! 5. `forward`: the identity goes into the extensions, and the headers describe the buffered form.
//! 6. `ready_inner`: the inner service is called once it is ready again.
//! 7. `refusal`: if a step refuses the request, the layer answers it.
//!
//! `future` drives the steps. `explain` judges requests for operators. `options` has what they
//! share, and `body` and `body_mode` have the types of the bodies. The layer takes and returns
//! requests and responses of `http`. The verifier sees only bytes and values. What
//! [`grpc`](crate::grpc) and `extract` share with this room is re-exported here.

mod accessors;
mod body;
mod body_mode;
mod choose;
mod collect;
mod correlate;
mod credentials;
mod explain;
mod findings;
mod forward;
mod future;
mod head;
mod headers;
mod options;
mod ready_inner;
mod refusal;
mod refuse;
mod service;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::uri::PathAndQuery;
use tower_layer::Layer;

pub use body::{BufferedBody, RequestBody, ResponseBody};
pub use body_mode::{BodyMode, PreservedBodies, RebuiltBodies, WrappedBodies};
pub use future::ResponseFuture;
pub use service::ClientAssertion;

pub(crate) use accessors::inner_accessors;
pub(crate) use choose::Choice;
pub(crate) use correlate::{Correlate, EventNotes};
pub(crate) use credentials::with_other_credentials;
#[cfg(feature = "axum")]
pub(crate) use forward::Anonymous;
pub(crate) use forward::{identify, identify_response};
pub(crate) use headers::DeclaredHeaders;
pub(crate) use ready_inner::ReadyInner;

use crate::config_error::ConfigError;
use crate::endpoint::Endpoint;
use crate::event::{Correlation, EventSink};
use crate::render::{Redox, RenderRejection, Rfc6749};
use crate::setting::{Setting, positive};
use crate::verifier::Verifier;
use options::{Judges, Renderers, Settings};

/// Puts client authentication in front of a token endpoint, or of another endpoint at which OAuth
/// clients authenticate.
///
/// For each request that it guards, the layer reads the form and has its [`Verifier`] verify the
/// client assertion. The inner service is called only if that succeeds. It finds the client as a
/// [`ClientIdentity`](crate::ClientIdentity) in the request's extensions, and reads the form as if
/// nothing had read it before. A refused request is answered by the layer.
///
/// Cloning the layer is cheap.
///
/// # What happens to a request
///
/// 1. If a [`path`](Self::path) is set and the request is for another one, the inner service gets
///    the request immediately and untouched.
/// 2. The method must be `POST`, the body must have no content encoding, and the content type must
///    be `application/x-www-form-urlencoded`. Otherwise the answer is 405, 415 or 400.
/// 3. The body is read into memory, up to [`body_limit`](Self::body_limit) and within
///    [`body_timeout`](Self::body_timeout). Otherwise the answer is 413 or 408, or 400 if the body
///    breaks off.
/// 4. The [`Verifier`] judges the form and the assertion, and records the assertion as spent. The
///    [crate page](crate) lists these steps. Their answers are 400 or 401, 503 if the server cannot
///    decide, and 429 if one client [causes too many signature checks](crate::overload) or has
///    [too many unexpired assertions](crate::rejection::ServerFault::ClientQuota).
/// 5. The [`ClientIdentity`](crate::ClientIdentity) goes into the request's extensions. If an
///    identity was already there, it is replaced.
/// 6. The inner service is called with the body byte for byte. `Content-Length`,
///    `Transfer-Encoding` and `Content-Type` are adjusted to the form in memory; no other header
///    is touched.
///
/// The body of a refusal comes from a [renderer](Self::render). Every refusal carries its
/// [`Rejection`](crate::Rejection) in the response's extensions, for layers outside that log.
///
/// # Deployment caveats
///
/// - With a [`path`](Self::path), only requests for exactly that path are guarded. Prefer a layer
///   without a path on the route itself, which cannot be bypassed.
/// - An assertion is accepted once per replay store and [tenant](crate::VerifierBuilder::tenant).
///   All nodes of a fleet must [share a store](crate::manual::fleet), and so must all layers whose
///   endpoints accept the same audience. Give them clones of one `Arc<Verifier>`.
/// - Mount the layer once per request. A second one inside sees a spent assertion, and answers
///   [500](crate::rejection::ServerFault::MountedTwice).
/// - The layer must be the first to read the body. Layers that decompress request bodies belong
///   outside; see [the order of layers](crate::manual::layers).
/// - Behind an [`optional`](Self::optional) layer, the inner service also sees requests without an
///   identity.
///
/// # Example
///
/// One verifier guards two endpoints, each with its own layer. The third route is not guarded.
///
/// ```
/// use std::sync::Arc;
///
/// use axum::{Extension, Router, body::Body, routing::{get, post}};
/// use http::{Request, StatusCode};
/// use tower::ServiceExt;
/// # use tower_client_assertion::registry::FixedRegistry;
/// # use tower_client_assertion::replay::MemoryReplay;
/// use tower_client_assertion::{
///     ClientAssertionLayer, ClientIdentity, Endpoint, Policy, Verifier,
/// };
///
/// async fn issue(Extension(client): Extension<ClientIdentity>) -> String {
///     format!("a token for {}", client.client_id())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (registry, replay) = (FixedRegistry::new([])?, MemoryReplay::new(100)?);
/// let verifier = Verifier::builder(Policy::RFC7523, registry, replay)
///     .issuer("https://as.example.com")
///     .build()?;
/// let verifier = Arc::new(verifier);
///
/// let token = ClientAssertionLayer::new(Arc::clone(&verifier));
/// let revocation =
///     ClientAssertionLayer::new(verifier).endpoint(Endpoint::Revocation);
/// let app = Router::new()
///     .route("/token", post(issue).layer(token))
///     .route("/revoke", post(|| async {}).layer(revocation))
///     .route("/health", get(|| async { "ok" }));
///
/// let request = Request::post("/token")
///     .header("content-type", "application/x-www-form-urlencoded")
///     .body(Body::from("grant_type=client_credentials"))?;
/// let refused = app.clone().oneshot(request).await?;
/// assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
///
/// let request = Request::get("/health").body(Body::empty())?;
/// assert_eq!(app.oneshot(request).await?.status(), StatusCode::OK);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ClientAssertionLayer<M = WrappedBodies> {
    judges: Judges,
    mode: M,
}

impl ClientAssertionLayer {
    /// Creates a layer that guards every request, and answers refused ones in the wording of the
    /// verifier's profile.
    ///
    /// Without a [`path`](Self::path) it cannot be bypassed. Use it this way on a service, on a
    /// route, or as a `route_layer`.
    pub fn new(verifier: impl Into<Arc<Verifier>>) -> Self {
        Self { judges: Judges::one(verifier.into()), mode: WrappedBodies }
    }

    /// Creates a layer that asks `choose` for the verifier of each request that it guards: one
    /// layer, on one route such as `/{tenant}/token`, for several tenants.
    ///
    /// `choose` gets the head of the request, before anything of its body is read. If it returns
    /// `None`, the request is refused with 404 and `invalid_request`
    /// ([`TenantUnknown`](crate::rejection::ClientFault::TenantUnknown)). Nothing is looked up for
    /// it, and its method is not judged. `choose` is called within `Service::call`. It must return
    /// quickly and must not panic: look into a map in memory.
    ///
    /// Refused requests are answered in the wording of the chosen verifier's profile, and in that
    /// of RFC 6749 if there is none. Each verifier reports to its own
    /// [events](crate::VerifierBuilder::events). Those who ask for unknown tenants are reported to
    /// [`report_unknown_tenants`](Self::report_unknown_tenants).
    ///
    /// The page about [tenants](crate::manual::tenants) says what they can share.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use std::sync::Arc;
    ///
    /// use axum::{Extension, Router, body::Body, routing::post};
    /// use http::{Request, StatusCode};
    /// use tower::ServiceExt;
    /// use tower_client_assertion::{
    ///     ClientAssertionLayer, ClientIdentity, Policy, Verifier,
    /// };
    /// # use tower_client_assertion::mint::{Minter, SecretSigner};
    /// # use tower_client_assertion::policy::Algorithm;
    /// # use tower_client_assertion::registry::{Client, FixedRegistry};
    /// # use tower_client_assertion::replay::MemoryReplay;
    /// # use tower_client_assertion::secret::ClientSecret;
    /// # const SECRET: &str = "a secret of more than thirty-two bytes";
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::with_secret("reports", ClientSecret::new(SECRET)?)?;
    /// # let clients = Arc::new(FixedRegistry::new([client])?);
    /// # let replay = Arc::new(MemoryReplay::new(100_000)?);
    /// let tenant = |name: &str| {
    ///     Verifier::builder(Policy::OIDC, clients.clone(), replay.clone())
    ///         .issuer(format!("https://as.example.com/{name}"))
    ///         .build()
    ///         .map(|verifier| (name.to_owned(), Arc::new(verifier)))
    /// };
    /// let tenants = HashMap::from([tenant("acme")?, tenant("globex")?]);
    /// let layer = ClientAssertionLayer::choose(move |head| {
    ///     // The path as it was sent: nothing is percent-decoded.
    ///     let name = head.uri.path().split('/').nth(1)?;
    ///     tenants.get(name).cloned()
    /// });
    ///
    /// async fn issue(Extension(client): Extension<ClientIdentity>) -> String {
    ///     format!("a token for {}", client.client_id())
    /// }
    /// let app: Router =
    ///     Router::new().route("/{tenant}/token", post(issue).layer(layer));
    ///
    /// # let signer = SecretSigner::new(ClientSecret::new(SECRET)?, Algorithm::HS256)?;
    /// # let minter = Minter::builder(Policy::OIDC, "reports", signer).issuer("https://as.example.com/acme").build()?;
    /// # let form = minter.request("/token").client_credentials().build().await?.into_body().into_bytes();
    /// // The form has an assertion for the tenant "acme".
    /// let status = async |path: &str| {
    ///     let request = Request::post(path)
    ///         .header("content-type", "application/x-www-form-urlencoded")
    ///         .body(Body::from(form.clone()))
    ///         .unwrap();
    ///     app.clone().oneshot(request).await.unwrap().status()
    /// };
    /// assert_eq!(status("/globex/token").await, StatusCode::BAD_REQUEST);
    /// assert_eq!(status("/initech/token").await, StatusCode::NOT_FOUND);
    /// assert_eq!(status("/acme/token").await, StatusCode::OK);
    /// # Ok(())
    /// # }
    /// ```
    pub fn choose(choose: impl Fn(&Parts) -> Option<Arc<Verifier>> + Send + Sync + 'static) -> Self {
        Self { judges: Judges::chosen(Choice::new(choose)), mode: WrappedBodies }
    }

    /// Keeps the types of both bodies, which must then implement `From<Bytes>`. The bodies of axum
    /// and `Full<Bytes>` do.
    ///
    /// This is needed together with middleware that insists on the body of its framework:
    ///
    /// - `axum::middleware::from_fn` behind this layer in the same `ServiceBuilder`, where rustc
    ///   reports that `FromFn<..>: Service<..>` is not satisfied,
    /// - `option_layer`,
    /// - a boxed service,
    /// - `axum::serve` with a router that was wrapped as a whole.
    ///
    /// ```
    /// # use axum::{Router, extract::Request, middleware::{Next, from_fn}, routing::post};
    /// # use tower_client_assertion::ClientAssertionLayer;
    /// # fn guarded(guard: ClientAssertionLayer) -> Router {
    /// let stack = tower::ServiceBuilder::new()
    ///     .layer(guard.preserve_body_types())
    ///     .layer(from_fn(|request: Request, next: Next| next.run(request)));
    /// Router::new()
    ///     .route("/v2/auth/token", post(|| async {}))
    ///     .route_layer(stack)
    /// # }
    /// ```
    pub fn preserve_body_types(self) -> ClientAssertionLayer<PreservedBodies> {
        ClientAssertionLayer { judges: self.judges, mode: PreservedBodies }
    }

    /// Keeps the types of both bodies like [`preserve_body_types`](Self::preserve_body_types), for
    /// bodies that do not implement `From<Bytes>`.
    ///
    /// `make` turns a body in memory into one of the required type. For tonic it is
    /// `tonic::body::Body::new`; a `BoxBody` has a similar function.
    ///
    /// This is needed where a middleware of a gRPC server insists on tonic's body. Without such
    /// middleware, `Server::builder().layer(..)` accepts the layer as it is.
    ///
    /// ```
    /// # use tower_client_assertion::{ClientAssertionLayer, ConfigError};
    /// # fn guarded(guard: ClientAssertionLayer) -> Result<(), ConfigError> {
    /// let guard = guard
    ///     .path("/token")?
    ///     .rebuild_bodies_with(tonic::body::Body::new);
    /// let server = tonic::transport::Server::builder().layer(guard);
    /// # let _ = server;
    /// # Ok(())
    /// # }
    /// ```
    pub fn rebuild_bodies_with<F, B>(self, make: F) -> ClientAssertionLayer<RebuiltBodies<F>>
    where
        F: Fn(BufferedBody) -> B + Clone,
    {
        ClientAssertionLayer { judges: self.judges, mode: RebuiltBodies::new(make) }
    }
}

impl<M> ClientAssertionLayer<M> {
    /// Guards only requests for exactly this path. All others go straight to the inner service.
    /// Default: every request is guarded.
    ///
    /// The path is compared byte for byte with the path of the URI that reaches the layer. Requests
    /// for any other path are **not guarded**. Leave the path out, and put the layer on the route
    /// itself, if the service behind it
    ///
    /// - also finds its token endpoint under other spellings, such as another case, a trailing
    ///   slash or percent-encoding,
    /// - is nested: axum's `nest` and `nest_service` remove their prefix before an inner layer sees
    ///   the URI, so the path never matches (a handler with an `Extension<ClientIdentity>` then
    ///   fails with a 500),
    /// - has the endpoint under a pattern such as `/{tenant}/token`,
    /// - or is behind inner middleware that changes the path, such as tower-http's `NormalizePath`.
    ///   The layer sees the path before the change, so a request for `/token/` that becomes one for
    ///   `/token` inside **goes around the layer**. Put such middleware outside of the layer.
    ///
    /// # Errors
    ///
    /// Fails if the path does not start with a slash, has a query, a fragment or a brace, or
    /// contains a character that is not allowed in a URI.
    pub fn path(self, path: &str) -> Result<Self, ConfigError> {
        let literal = path.starts_with('/') && path.is_ascii() && !path.contains(['{', '}', '#']);
        let parsed =
            path.parse::<PathAndQuery>().is_ok_and(|parsed| parsed.as_str() == path && parsed.query().is_none());
        if !literal || !parsed {
            return Err(ConfigError::InvalidPath { path: path.to_owned() });
        }
        Ok(self.with(|options| options.path = Some(path.into())))
    }

    /// Sets which endpoint is guarded. Only at [`Endpoint::Token`], the default, a `grant_type` is
    /// required and checked.
    pub fn endpoint(self, endpoint: Endpoint) -> Self {
        self.with(|options| options.endpoint = endpoint)
    }

    /// Passes a form without an assertion on to the inner service, without an identity. Default:
    /// such a form is refused.
    ///
    /// This is for servers whose clients may also authenticate in other ways. **A handler behind
    /// such a layer sees a verified [`ClientIdentity`](crate::ClientIdentity) or none**, and must
    /// authenticate or refuse a client that has none. In axum, take `Option<ClientIdentity>`, the
    /// extractor of the feature `axum`: it fails with a 500 if no layer guards the route, where
    /// `Option<Extension<ClientIdentity>>` would be `None`.
    ///
    /// A request with an assertion and another credential is still refused. So is a request whose
    /// body is not a form, because it could contain an assertion that the layer cannot see.
    ///
    /// ```
    /// use http::{Request, Response, StatusCode};
    /// use http_body_util::Full;
    /// use tower::{Layer, ServiceExt, service_fn};
    /// # use tower_client_assertion::registry::FixedRegistry;
    /// # use tower_client_assertion::replay::MemoryReplay;
    /// use tower_client_assertion::{
    ///     ClientAssertionLayer, ClientIdentity, Policy, RequestBody, Verifier,
    /// };
    ///
    /// type Body = Full<bytes::Bytes>;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (registry, replay) = (FixedRegistry::new([])?, MemoryReplay::new(100)?);
    /// # let verifier = Verifier::builder(Policy::OIDC, registry, replay)
    /// #     .issuer("https://as.example.com").build()?;
    /// let handler = service_fn(|request: Request<RequestBody<Body>>| async move {
    ///     let mut response = Response::new(Body::default());
    ///     if request.extensions().get::<ClientIdentity>().is_none() {
    ///         // A real handler would check the `Authorization` header here.
    ///         *response.status_mut() = StatusCode::UNAUTHORIZED;
    ///     }
    ///     Ok::<_, std::convert::Infallible>(response)
    /// });
    /// let service = ClientAssertionLayer::new(verifier).optional().layer(handler);
    ///
    /// let request = |form: &'static str| {
    ///     Request::post("/token")
    ///         .header("content-type", "application/x-www-form-urlencoded")
    ///         .body(Body::from(form))
    /// };
    /// let without_assertion = request("grant_type=client_credentials")?;
    /// let passed_on = service.clone().oneshot(without_assertion).await?;
    /// assert_eq!(passed_on.status(), StatusCode::UNAUTHORIZED);
    ///
    /// let two_credentials = request("client_assertion=a.b.c&client_secret=hush")?;
    /// let refused = service.oneshot(two_credentials).await?;
    /// assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// What the application refuses itself, it can report and answer by [`refuse`](Self::refuse).
    pub fn optional(self) -> Self {
        self.with(|options| options.optional = true)
    }

    /// Reports requests for which [`choose`](Self::choose) finds no verifier, and which no verifier
    /// can report therefore. Their [policy](crate::event::Refused::policy) is empty. Default: they
    /// are not reported.
    ///
    /// This changes nothing for a layer with one verifier.
    pub fn report_unknown_tenants(mut self, events: impl EventSink) -> Self {
        self.judges.report_unknown(Arc::new(events));
        self
    }

    /// Answers refused requests with `redox` under the profile of Redox, and with `rfc6749` under
    /// every other, and if there is no verifier. Default: both without links.
    ///
    /// ```
    /// use tower_client_assertion::ClientAssertionLayer;
    /// use tower_client_assertion::render::{Redox, Rfc6749};
    /// # use tower_client_assertion::SettingError;
    ///
    /// # fn linked(layer: ClientAssertionLayer) -> Result<ClientAssertionLayer, SettingError> {
    /// let pages = "https://docs.example.com/errors";
    /// let layer = layer.render_by_profile(
    ///     Redox::default().error_pages(pages)?,
    ///     Rfc6749::default().error_pages(pages)?,
    /// );
    /// # Ok(layer)
    /// # }
    /// ```
    pub fn render_by_profile(mut self, redox: Redox, rfc6749: Rfc6749) -> Self {
        self.judges.render(Renderers::each(redox, rfc6749));
        self
    }

    /// Answers refused requests with `renderer`. Default: the renderer of the verifier's profile.
    pub fn render(mut self, renderer: impl RenderRejection) -> Self {
        self.judges.render(Renderers::both(renderer));
        self
    }

    /// Sets the maximum size of a body, in bytes. Default: 64 KiB.
    ///
    /// # Errors
    ///
    /// Fails if the limit is zero.
    pub fn body_limit(self, bytes: usize) -> Result<Self, ConfigError> {
        positive(Setting::BodyLimit, bytes)?;
        Ok(self.with(|options| options.body_limit = bytes))
    }

    /// Sets the maximum time to read a body, counted from the first read that had to wait. Default:
    /// 10 s.
    ///
    /// A body that is not complete on arrival needs a Tokio runtime with its timer enabled. Without
    /// one, the request is refused as unavailable. A runtime without timers is found out by a
    /// panic, which is caught: with `panic = "abort"`, it ends the process.
    ///
    /// # Errors
    ///
    /// Fails if the duration is zero.
    pub fn body_timeout(self, timeout: Duration) -> Result<Self, ConfigError> {
        positive(Setting::BodyTimeout, timeout)?;
        Ok(self.with(|options| options.body_timeout = timeout))
    }

    /// Sets how other logs know a request. The closure gets the head of each guarded request, and
    /// the [events](crate::event) about the request have the name that it returns. Default: none,
    /// at no cost.
    ///
    /// The closure is called once, before the body is read, and only if the verifier has a sink for
    /// events. It must return quickly and must not panic: a panic ends the request.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    ///
    /// use http::Request;
    /// use tower::{Layer, ServiceExt, service_fn};
    /// use tower_client_assertion::event::{self, Correlation, Event};
    /// use tower_client_assertion::{ClientAssertionLayer, Policy, Verifier};
    /// # use http_body_util::Full;
    /// # use tower_client_assertion::registry::FixedRegistry;
    /// # use tower_client_assertion::replay::MemoryReplay;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # type Body = Full<bytes::Bytes>;
    /// # let (registry, replay) = (FixedRegistry::new([])?, MemoryReplay::new(100)?);
    /// # let handler = service_fn(|_: Request<tower_client_assertion::RequestBody<Body>>| async {
    /// #     Ok::<_, std::convert::Infallible>(http::Response::new(Body::default()))
    /// # });
    /// let lines = Arc::new(Mutex::new(Vec::new()));
    /// let log = Arc::clone(&lines);
    /// let sink = event::sink(move |event| {
    ///     if let Event::Refused(refused) = event {
    ///         let id = refused.correlation().map(Correlation::as_str);
    ///         let line = format!("{} id={}", refused.code(), id.unwrap_or("-"));
    ///         log.lock().unwrap().push(line);
    ///     }
    /// });
    /// let verifier = Verifier::builder(Policy::RFC7523, registry, replay)
    ///     .issuer("https://as.example.com")
    ///     .events(sink)
    ///     .build()?;
    /// let layer = ClientAssertionLayer::new(verifier).correlate(|head| {
    ///     let id = head.headers.get("x-request-id")?.to_str().ok()?;
    ///     Some(Correlation::new(id))
    /// });
    ///
    /// let service = layer.layer(handler);
    /// let request = |id| {
    ///     let head = Request::get("/token").header("x-request-id", id);
    ///     head.body(Body::default())
    /// };
    /// service.clone().oneshot(request("7f3a")?).await?;
    /// service.oneshot(request("a b")?).await?;
    /// let lines = lines.lock().unwrap();
    /// assert_eq!(*lines, ["method id=7f3a", r"method id=a\u{20}b"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn correlate(self, find: impl Fn(&Parts) -> Option<Correlation> + Send + Sync + 'static) -> Self {
        self.with(|options| options.correlate = Some(Correlate::new(find)))
    }

    /// Puts the [`ClientIdentity`](crate::ClientIdentity) also into the extensions of the inner
    /// service's response, so that layers outside can name the client in their logs. An identity
    /// that the inner service has put there stays. Default: only requests have it.
    ///
    /// Refusals need no setting: they always carry their [`Rejection`](crate::Rejection). The
    /// identity is left out by default because it would cost each accepted request three
    /// allocations. See [the order of layers](crate::manual::layers#which-request-was-that) for a
    /// `TraceLayer` that reads both.
    pub fn identify_responses(self) -> Self {
        self.with(|options| options.identify_responses = true)
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(self.judges.settings_mut());
        self
    }
}

impl<S, M: Clone> Layer<S> for ClientAssertionLayer<M> {
    type Service = ClientAssertion<S, M>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientAssertion::new(inner, self.judges.clone(), self.mode.clone())
    }
}

impl<M> fmt::Debug for ClientAssertionLayer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAssertionLayer").field("options", &self.judges).finish()
    }
}
