//! A [Tower](https://docs.rs/tower) layer that authenticates OAuth 2.0 clients by signed JWT before
//! their requests reach your token endpoint.
//!
//! It is for authorization servers, and for anything else with a token endpoint, in axum, hyper,
//! tonic or any other service over [`http`](https://docs.rs/http). It covers RFC 7521 and RFC 7523
//! as updated by RFC 10070, OpenID Connect, FAPI 2.0, SMART Backend Services and the Redox API. It
//! is not for APIs that check access tokens. Clients that sign assertions need only [`mint`].
//!
//! **A handler behind this layer either sees a verified [`ClientIdentity`], or it is never
//! called.** The only exception is a layer configured as
//! [`optional`](ClientAssertionLayer::optional).
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::{BodyExt, Full};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_client_assertion::registry::{Client, FixedRegistry};
//! use tower_client_assertion::replay::MemoryReplay;
//! use tower_client_assertion::{
//!     ClientAssertionLayer, ClientIdentity, Policy, RequestBody, Verifier,
//! };
//! # use tower_client_assertion::mint::{KeyRing, Minter, SigningKey};
//! # use tower_client_assertion::policy::Algorithm;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let ring = KeyRing::new(SigningKey::generate(Algorithm::ES256)?);
//! # let keys = ring.key_set();
//! # let minter = Minter::builder(Policy::RFC7523, "reports", ring).issuer("https://as.example.com").build()?;
//! // `keys` holds the public keys that the client registered.
//! let clients = FixedRegistry::new([Client::new("reports", keys)?])?;
//! // A restart empties it: see `refuse_issued_before`, or use `RedisReplay`.
//! let replay = MemoryReplay::new(100_000)?;
//! let verifier = Verifier::builder(Policy::RFC7523, clients, replay)
//!     .issuer("https://as.example.com")
//!     .build()?;
//!
//! // The token endpoint. It is called for verified clients only.
//! type Body = RequestBody<Full<Bytes>>;
//! let issue_token = service_fn(|request: Request<Body>| async move {
//!     let client = request.extensions().get::<ClientIdentity>();
//!     let client = client.ok_or("not behind the layer")?.client_id();
//!     let token = format!("a token for {client}");
//!     Ok::<_, &str>(Response::new(Full::new(Bytes::from(token))))
//! });
//! let service = ClientAssertionLayer::new(verifier).layer(issue_token);
//!
//! // A client asks for a token.
//! let request = minter.request("/token").client_credentials().build().await?;
//! let (head, form) = request.into_parts();
//! let form = Full::new(form.into_bytes());
//! let request = || Request::from_parts(head.clone(), form.clone());
//!
//! let accepted = service.clone().oneshot(request()).await?;
//! assert_eq!(accepted.status(), StatusCode::OK);
//! let body = accepted.into_body().collect().await?.to_bytes();
//! assert_eq!(body, "a token for reports");
//!
//! // An assertion is valid for one request.
//! let refused = service.oneshot(request()).await?;
//! assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
//! let body = refused.into_body().collect().await?.to_bytes();
//! assert_eq!(
//!     body,
//!     "{\"error\":\"invalid_client\",\
//!      \"error_description\":\"Client assertion has already been used\"}"
//! );
//! # Ok(())
//! # }
//! ```
//!
//! The README has a whole program with axum that also plays the client. `examples/` has one program
//! for each stack. When copying one, replace its `mod support`, which plays the client and opens
//! the listener.
//!
//! # Further reading
//!
//! The [manual](crate::manual) answers the longer questions:
//!
//! | question | page |
//! |---|---|
//! | From `cargo run` to a server that is watched? | [the first day](manual::first_day) |
//! | Which rules hold? | [profiles](manual::profiles) |
//! | Why is it this way? | [decisions](manual::decisions) |
//! | What does this error mean? | [errors](manual::errors) |
//! | Which layers go outside, which inside? | [layers](manual::layers) |
//! | Clients publish keys at a URL: what happens? | [key sets](manual::key_sets) |
//! | Many nodes: what is promised, what to run? | [fleet](manual::fleet) |
//! | I have a verifier of my own: how do I switch? | [migrating](manual::migrating) |
//! | Who authenticated, and who was refused? | [the audit log](manual::audit) |
//! | How far is my configuration from FAPI 2.0? | [posture](manual::posture) |
//! | How does a client sign, rotate keys, or use a KMS? | [minting](manual::minting) |
//!
//! # How a request is verified
//!
//! ```text
//! request ── another path ─────────────────────────► inner service
//!    │
//!    ▼                                                  refused with
//!  head       POST, a form, no content encoding    400, 405, 413, 415
//!  body       read, within a size and a time       400, 408, 413
//!  form       no repeats, one mechanism            400, 401
//!  assertion  three parts, two JSON objects        400
//!  claims     kid, alg; iss, sub, jti, aud, times  400
//!  registry   is this client registered?           400, 503
//!  client     its policy, its algorithm            400
//!  keys       the key that kid names               400, 503
//!  replay     was it used before?                  400
//!  signature  the first expensive step             400, 429, 503
//!  replay     recorded as spent, atomically        400, 429, 503
//!    │
//!    ▼
//! identity ─► request extensions ──────────────────► inner service
//! ```
//!
//! Each step consumes what the step before it made, so no step can be left out. Cheap checks come
//! before expensive ones and local checks before remote ones: malformed, expired and misaddressed
//! assertions cost neither a look-up nor a signature check. The insert into the replay store comes
//! last, so a forged assertion can neither fill the store nor spend the `jti` of another client.
//!
//! If the clock has no time, the answer is 503. If the layer is [mounted in the wrong
//! place](manual::layers#what-goes-wrong), it is 500. The inner service gets the body byte for
//! byte.
//!
//! # What it does not do
//!
//! It does not issue tokens, authorise scopes, terminate TLS, limit rates or authenticate clients
//! by certificate. It fetches only the key sets of clients that registered a URL, within [narrow
//! bounds](manual::key_sets#every-limit).
//!
//! # Where to plug in
//!
//! | to | implement | provided |
//! |---|---|---|
//! | find clients | [`ClientRegistry`](registry::ClientRegistry) | [`FixedRegistry`](registry::FixedRegistry), [`FileRegistry`](registry::FileRegistry) |
//! | fetch key sets | [`JwksFetch`](jwks::JwksFetch) | [`HyperFetch`], closures |
//! | remember spent assertions | [`ReplayStore`](replay::ReplayStore) | [`MemoryReplay`](replay::MemoryReplay), [`RedisReplay`], [`TieredReplay`](replay::TieredReplay) |
//! | tell the time | [`Clock`](clock::Clock) | [`SystemClock`](clock::SystemClock), [`ManualClock`](clock::ManualClock) |
//! | receive events | [`EventSink`](event::EventSink) | [`AuditLog`](event::AuditLog), [`TracingEvents`], [closures](event::sink) |
//! | change error responses | [`RenderRejection`](render::RenderRejection) | [`Redox`](render::Redox), [`Rfc6749`](render::Rfc6749), [`Opaque`](render::Opaque), closures |
//!
//! A registry or a store that must wait implements
//! [`AsyncClientRegistry`](registry::AsyncClientRegistry) or
//! [`AsyncReplayStore`](replay::AsyncReplayStore) with an ordinary `async fn` and is passed as a
//! [`port::Awaited`]. [`registry::conformance`] and [`replay::conformance`] test whether an
//! implementation keeps the rules of its trait.
//!
//! # Where to put it
//!
//! Put it on the route of the endpoint (`route_layer`, `MethodRouter::layer`) without a path. Then
//! no request can bypass it. On a whole router, [`path`](ClientAssertionLayer::path) makes it guard
//! exactly one path, and the promise holds for that path only. A handler can read the form as
//! usual, for example with axum's `Form`. All services of one layer share its replay store: an
//! assertion is valid for one of them, once.
//!
//! Tracing, CORS, limits by address and decompression of request bodies belong outside. Layers that
//! need to know the client belong inside, and so do concurrency limits: inside, slow senders hold
//! no permit. [The order of layers](manual::layers) has a picture and the reasons.
//!
//! Refusals are responses and not errors, so error handlers around the layer do not see them. For
//! logging, each carries its [`Rejection`] in the response's extensions. [Which request was
//! that?](manual::layers#which-request-was-that) shows how the names of requests get into all logs.
//!
//! The inner service must be `Clone` (wrap it in a `Buffer` if it is not). It receives the body as
//! a [`RequestBody<B>`](RequestBody), which axum's routes accept. Where a middleware insists on its
//! framework's own body type, call
//! [`preserve_body_types`](ClientAssertionLayer::preserve_body_types), or, for tonic,
//! [`rebuild_bodies_with`](ClientAssertionLayer::rebuild_bodies_with).
//!
//! gRPC calls pass through the layer untouched. To authenticate gRPC clients, use the layer in
//! [`grpc`], which reads the assertion from the metadata of the call.
//!
//! An `Arc` of one [`Verifier`] can serve several layers, each with its own
//! [`endpoint`](ClientAssertionLayer::endpoint). Clients of several kinds can each have [a
//! policy](VerifierBuilder::client_policy). [`Verifier::metadata`] returns the RFC 8414 metadata to
//! publish. If you expect floods, use [`overload`] to bound how many signatures are checked
//! concurrently. [`Verifier::posture`] reports what is weaker about a configuration.
//!
//! # Features
//!
//! None is enabled by default. All of them are additive.
//!
//! - `tracing` adds [`TracingEvents`], which hands every outcome to
//!   [`tracing`](https://docs.rs/tracing).
//! - `metrics` adds [`metrics`], the series for a dashboard and for alerts, through the facade
//!   [`metrics`](https://docs.rs/metrics).
//! - `mint` adds [`mint`], the client's end of the same policies: keys, assertions and the key set
//!   to publish. It is for services that call a token endpoint, and for tests of those that run
//!   one.
//! - `redis` adds [`RedisReplay`], one replay store for all nodes of a [fleet](manual::fleet), on
//!   Redis or Valkey.
//! - `axum` makes [`ClientIdentity`] and `Option<ClientIdentity>` extractors and [`Rejection`] a
//!   response, on top of `axum-core` alone. See [`extract`].
//! - `jwks-client` adds [`HyperFetch`], which fetches key sets over HTTP/1.1 and TLS with hyper and
//!   rustls.
//! - `redis-no-provider` and `jwks-client-no-provider` are the same without a crypto provider for
//!   rustls.
//! - `jsonwebtoken` adds `TryFrom<&jsonwebtoken::jwk::JwkSet>` for [`KeySet`](keys::KeySet). It
//!   fits one major version of `jsonwebtoken`, 12. With any other version, pass the JSON of the set
//!   to [`KeySet::parse`](keys::KeySet::parse).
//!
//! <div class="warning">
//!
//! **Is rustls with *ring* in your program?** The features `redis` and `jwks-client` enable the
//! feature `aws_lc_rs` of rustls 0.23, and Cargo enables it for the whole program. If something
//! else enables `ring`, rustls has two crypto providers and chooses neither.
//! `ClientConfig::builder()` and `ServerConfig::builder()` then panic anywhere in the program, with
//! "Could not automatically determine the process-level CryptoProvider". There are two ways out:
//!
//! - Use `redis-no-provider` and `jwks-client-no-provider`, which enable no provider. Give
//!   `HyperFetch::with_tls_config` a configuration of rustls.
//! - Or call `rustls::crypto::ring::default_provider().install_default()` first in `main`.
//!
//! The Redis driver uses the provider of the process for `rediss://`. If none is installed,
//! [`RedisReplay`] installs that of aws-lc-rs, and with `redis-no-provider` it returns an error.
//!
//! </div>
//!
// A link to an item that is not compiled in would break: it leads to the list of features instead.
#![cfg_attr(feature = "tracing", doc = "[`TracingEvents`]: event::TracingEvents")]
#![cfg_attr(not(feature = "tracing"), doc = "[`TracingEvents`]: #features")]
#![cfg_attr(feature = "metrics", doc = "[`metrics`]: mod@metrics")]
#![cfg_attr(not(feature = "metrics"), doc = "[`metrics`]: #features")]
#![cfg_attr(feature = "mint", doc = "[`mint`]: mod@mint")]
#![cfg_attr(not(feature = "mint"), doc = "[`mint`]: #features")]
#![cfg_attr(feature = "redis-no-provider", doc = "[`RedisReplay`]: replay::RedisReplay")]
#![cfg_attr(not(feature = "redis-no-provider"), doc = "[`RedisReplay`]: #features")]
#![cfg_attr(feature = "jwks-client-no-provider", doc = "[`HyperFetch`]: jwks::HyperFetch")]
#![cfg_attr(not(feature = "jwks-client-no-provider"), doc = "[`HyperFetch`]: #features")]
#![cfg_attr(feature = "axum", doc = "[`extract`]: extract")]
#![cfg_attr(not(feature = "axum"), doc = "[`extract`]: #features")]
#![cfg_attr(docsrs, feature(doc_cfg))]

// HTTP in front of a verifier.
#[cfg(feature = "axum")]
pub mod extract;
pub mod grpc;
mod layer;
pub mod render;

// All of it from a file.
pub mod config;

// The steps of a request, and the rules that they apply. Bytes and values only.
pub mod explain;
mod identity;
mod jose;
pub mod policy;
pub mod posture;
mod verifier;

// The ports, with their implementations.
pub mod clock;
pub mod event;
pub mod jwks;
pub mod port;
pub mod registry;
pub mod replay;

// The client's end.
#[cfg(feature = "mint")]
pub mod mint;

// What the operator watches.
#[cfg(feature = "metrics")]
pub mod metrics;

// Shared by all of them.
mod client;
mod config_error;
mod conformance;
mod endpoint;
mod flight;
mod lock;
mod loosening;
mod name;
mod order;
pub mod rejection;
mod scope;
mod setting;
mod text;
mod timer;

pub mod manual;

pub use client::{AuthMethod, ClientId, InvalidClientId};
pub use config::Config;
pub use config_error::ConfigError;
pub use endpoint::{Endpoint, JWT_BEARER};
pub use identity::{ClientIdentity, VerifiedClaims};
pub use jose::{keys, secret};
pub use layer::{
    BodyMode, BufferedBody, ClientAssertion, ClientAssertionLayer, PreservedBodies, RebuiltBodies, RequestBody,
    ResponseBody, ResponseFuture, WrappedBodies,
};
pub use policy::Policy;
pub use rejection::Rejection;
pub use scope::{Scope, ScopeError};
pub use setting::{Setting, SettingError};
pub use verifier::{
    ClientAuthMetadata, DangerousVerifierBuilder, PartHealth, Readiness, TokenRequest, Verifier, VerifierBuilder,
    overload,
};

/// The README's code, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
