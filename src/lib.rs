//! Client authentication by signed JWT for OAuth 2.0 token endpoints, as a [Tower](https://docs.rs/tower) layer: RFC 7521
//! and RFC 7523, SMART Backend Services, FAPI 2.0, OpenID Connect and the Redox API, in front of axum, hyper and every other
//! service over [`http`].
//!
//! **A handler behind this layer either sees a verified [`ClientIdentity`], or it is never called.** The one exception is a
//! layer that was told to be [`optional`](ClientAssertionLayer::optional).
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_client_assertion::registry::FixedRegistry;
//! use tower_client_assertion::replay::MemoryReplay;
//! use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, Policy, RequestBody, Verifier};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = Verifier::builder(Policy::RFC7523, FixedRegistry::new([])?, MemoryReplay::new(100_000)?)
//!     .issuer("https://as.example.com")
//!     .build()?;
//!
//! let handler = service_fn(|request: Request<RequestBody<Full<_>>>| async move {
//!     let client = request.extensions().get::<ClientIdentity>().map(ClientIdentity::client_id);
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::from(format!("hello {client:?}"))))
//! });
//! let service = ClientAssertionLayer::new(verifier).path("/token")?.layer(handler);
//!
//! let request = |path: &str| Request::get(path).body(Full::<bytes::Bytes>::default());
//! let refused = service.clone().oneshot(request("/token")?).await?;
//! assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
//! let passed = service.oneshot(request("/health")?).await?;
//! assert_eq!(passed.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```
//!
//! The README has the same for axum, with an assertion that is accepted. `examples/` has one to copy for each stack
//! (`quickstart_axum`, `hyper_server`, `tonic_server`, `rate_limited`, `custom_errors`, `custom_registry`), and `token_server`, a
//! whole token endpoint. Leave out their `mod support`: it is the client's half.
//!
//! Which rules hold is a [`Policy`]: the [profiles](manual::profiles) page has them side by side, the
//! [decisions](manual::decisions) page says why. Clients that publish their keys at a URL have [a page](manual::key_sets) too.
//!
//! # The way of a request
//!
//! ```text
//!   request ── another path ─────────────────────────────────────────────────────────► inner service, untouched
//!      │
//!      ▼
//!    head        POST, no encoding, a form                                        405, 415, 400
//!    body        read into memory, within a size and a time                       413, 408, 400
//!    form        strict parameters, one mechanism                                 400, or 401 beside an Authorization header
//!    assertion   three parts, two JSON objects, nothing twice                     400
//!    claims      kid, alg, crit; iss, sub, jti, aud, typ; iat, nbf, exp           400
//!    registry    who is this?                                                     400, or 503 if it cannot tell
//!    client      what it registered: its algorithm, its policy                    400
//!    keys        the key that the header means, fetched if need be                400, or 503 if it cannot tell
//!    replay      seen before? (a look)                                            400
//!    signature   the first step that costs more than a microsecond                400, or 429 or 503 under a bound
//!    replay      recorded as spent, in one atomic step                            400, or 503 if it cannot
//!      │
//!      ▼
//!   identity ─► request extensions ─► inner service, with the body byte for byte
//! ```
//!
//! Each step consumes what the step before has made, so none can be left out. Cheap comes before expensive and local
//! before remote: junk, expired and mis-addressed assertions cost neither a look-up nor a signature check. The insert comes
//! last, so that a forged assertion can neither fill the replay store nor burn somebody's `jti`.
//!
//! # Other endpoints, other clients
//!
//! An `Arc` of one [`Verifier`] serves several layers, each with its [`endpoint`](ClientAssertionLayer::endpoint); clients of
//! several kinds have a [policy each](VerifierBuilder::client_policy); [`optional`](ClientAssertionLayer::optional) is for other
//! methods beside ours; [`Verifier::metadata`] tells clients of all that.
//!
//! # What it does not do
//!
//! Issue tokens, authorise scopes, terminate TLS, limit rates, or authenticate clients by certificate. It composes with
//! what does. It fetches nothing but key sets, of clients that have registered a URL, within [narrow bounds](manual::key_sets).
//!
//! # Where to plug in
//!
//! | to | implement | shipped |
//! |---|---|---|
//! | find clients | [`registry::ClientRegistry`] | [`FixedRegistry`](registry::FixedRegistry), [`FileRegistry`](registry::FileRegistry) |
//! | fetch the key sets of clients | [`jwks::JwksFetch`], for a [`jwks::KeySetCache`] | closures, `HyperFetch` |
//! | remember spent assertions | [`replay::ReplayStore`] | [`MemoryReplay`](replay::MemoryReplay), `RedisReplay`, [`TieredReplay`](replay::TieredReplay) |
//! | tell the time | [`clock::Clock`] | [`SystemClock`](clock::SystemClock), [`ManualClock`](clock::ManualClock) |
//! | hear what happened | [`event::EventSink`] | closures, `TracingEvents` |
//! | word the refusals | [`render::RenderRejection`] | [`Redox`](render::Redox), [`Rfc6749`](render::Rfc6749), [`Opaque`](render::Opaque), closures |
//!
//! A registry or a store that must wait implements [`AsyncClientRegistry`](registry::AsyncClientRegistry) or
//! [`AsyncReplayStore`](replay::AsyncReplayStore) with an ordinary `async fn` and goes in as a [`port::Awaited`].
//!
//! # Where to put it
//!
//! On a route of its own (`route_layer`, `MethodRouter::layer`) without a path: then there is no way around it. On a whole
//! router with [`path`](ClientAssertionLayer::path) it guards exactly that path, and the promise holds for that path only. A
//! handler reads the form as if nobody had read it before, with axum's `Form` say. All services of one layer share its replay
//! store: an assertion is good for one of them, once.
//!
//! Outside of it: tracing, CORS, limits by address, decompression of request bodies. Inside: what wants to know the client, and
//! limits of concurrency, of which clients that send slowly hold nothing. [The order of layers](manual::layers) has a picture
//! and all the reasons. Its refusals are responses, so error handlers around it see none; the [`Rejection`] rides in the
//! response's extensions for whoever logs.
//!
//! The inner service must be `Clone` (put a `Buffer` around one that is not). Its request body becomes
//! [`RequestBody<B>`](RequestBody), which axum's routes accept as it is; where a middleware insists on its framework's own body
//! type, say [`preserve_body_types`](ClientAssertionLayer::preserve_body_types), or, of tonic's,
//! [`rebuild_bodies_with`](ClientAssertionLayer::rebuild_bodies_with).
//!
//! In front of gRPC services that are none of its business it lets calls pass; those of a service that wants its clients
//! authenticated have their assertion in the metadata, and a layer in [`grpc`]. Where floods are to be expected,
//! [`overload`] bounds how many signatures are checked at once.
//!
//! # Features
//!
//! None is on by default, and each only adds.
//!
//! - `tracing` adds `event::TracingEvents`, which hands every outcome to [`tracing`](https://docs.rs/tracing).
//! - `redis` adds `replay::RedisReplay`, one replay store for all nodes of a [fleet](manual::fleet), on Redis or Valkey.
//! - `axum` makes `ClientIdentity` and `Option<ClientIdentity>` extractors, with `axum-core` alone: see `extract`.
//! - `jwks-client` adds `jwks::HyperFetch`, which fetches key sets over HTTP/1.1 and TLS with hyper and rustls.
//! - `jsonwebtoken` adds `TryFrom<&jsonwebtoken::jwk::JwkSet>` for [`keys::KeySet`].

#![cfg_attr(docsrs, feature(doc_cfg))]

// HTTP in front of a verifier.
#[cfg(feature = "axum")]
pub mod extract;
pub mod grpc;
mod layer;
pub mod render;

// The steps of a request, and what they judge by. Bytes and values only.
mod identity;
mod jose;
pub mod policy;
mod verifier;

// The ports, with their implementations.
pub mod clock;
pub mod event;
pub mod jwks;
pub mod port;
pub mod registry;
pub mod replay;

// What all of them share.
mod config;
mod endpoint;
mod lock;
pub mod rejection;
mod text;

pub mod manual;

pub use config::ConfigError;
pub use endpoint::Endpoint;
pub use identity::{AuthMethod, ClientId, ClientIdentity, VerifiedClaims};
pub use jose::{keys, secret};
pub use layer::{
    BodyMode, BufferedBody, ClientAssertion, ClientAssertionLayer, PreservedBodies, RebuiltBodies, RequestBody,
    ResponseBody, ResponseFuture, WrappedBodies,
};
pub use policy::Policy;
pub use rejection::Rejection;
pub use verifier::{
    ClientAuthMetadata, DangerousVerifierBuilder, JWT_BEARER, TokenRequest, Verifier, VerifierBuilder, overload,
};

/// The README's code, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
