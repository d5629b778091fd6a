//! The client's end of the same policies: keys, the set that is registered, and assertions that a
//! server with the policy accepts.
//!
//! It is for services that call a token endpoint, and for the tests of those that run one. A
//! [`Minter`] takes the same [`Policy`](crate::Policy) as a [`Verifier`](crate::Verifier), and does
//! not build if a server with that policy would refuse what it mints.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_client_assertion::mint::{FormBody, KeyRing, Minter, SigningKey};
//! use tower_client_assertion::policy::{Algorithm, Policy};
//! use tower_client_assertion::registry::{Client, FixedRegistry};
//! use tower_client_assertion::replay::MemoryReplay;
//! use tower_client_assertion::{ClientAssertionLayer, RequestBody, Verifier};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The client has a key, and registers its public half.
//! let ring = KeyRing::new(SigningKey::generate(Algorithm::ES256)?);
//! let keys = ring.key_set();
//!
//! // The server. Both ends know its issuer identifier.
//! const ISSUER: &str = "https://as.example.com";
//! let clients = FixedRegistry::new([Client::new("reports", keys)?])?;
//! let replay = MemoryReplay::new(100_000)?;
//! let verifier = Verifier::builder(Policy::RFC7523, clients, replay)
//!     .issuer(ISSUER)
//!     .build()?;
//! let token = service_fn(|_: Request<RequestBody<FormBody>>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
//! });
//! let server = ClientAssertionLayer::new(verifier).layer(token);
//!
//! // The client asks for a token.
//! let minter = Minter::builder(Policy::RFC7523, "reports", ring)
//!     .issuer(ISSUER)
//!     .build()?;
//! let request = minter.request("/token").client_credentials().build().await?;
//! let accepted = server.clone().oneshot(request).await?;
//! assert_eq!(accepted.status(), StatusCode::OK);
//!
//! // A test of the server sees it refuse another audience.
//! let minter = Minter::builder(Policy::RFC7523, "reports", minter.keys().clone())
//!     .issuer("https://another.example.com")
//!     .build()?;
//! let request = minter.request("/token").client_credentials().build().await?;
//! let refused = server.oneshot(request).await?;
//! assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
//! # Ok(())
//! # }
//! ```
//!
//! # What is minted
//!
//! | member | value | why |
//! |---|---|---|
//! | `alg`, `kid` | of the key; no `kid` for a secret | many servers need the `kid` as soon as there are two keys |
//! | `typ` | `client-authentication+jwt` if the policy accepts the issuer alone, else `JWT` | RFC 10070; other servers know `JWT` only |
//! | `iss`, `sub` | the client id | RFC 7523, section 3, items 1 and 2 |
//! | `aud` | the issuer if the policy accepts it, else the URL; always one string | FAPI 2.0, section 5.3.2.1, item 8; SMART App Launch 2.2 |
//! | `iat` | 10 seconds ago | the clock of the client may be ahead |
//! | `exp` | in 60 seconds | an assertion is for one request |
//! | `jti` | 128 random bits | RFC 7523, section 3, item 7 |
//! | `nbf` | never | it only adds a way to fail |
//!
//! The form has `client_id` as well: some servers need it to find the client.
//!
//! [The page about minting](crate::manual::minting) has rotation, keys that never leave a key
//! management service, and tests of servers.
//!
//! An assertion is for one request. [`Assertion`] is not `Clone`, and each call of
//! [`Minter::mint`] makes another. Mint again for each attempt.

mod assertion;
mod body;
mod builder;
mod dangerous;
mod edits;
mod error;
mod extra;
mod form;
mod minter;
mod needs;
mod ring;
mod rotation_error;
mod service;
mod signer;
mod times;

pub use assertion::Assertion;
pub use body::DocumentBody;
pub use builder::MinterBuilder;
pub use dangerous::DangerousMinterBuilder;
pub use error::{MintError, MinterConfigError};
pub use form::{FormBody, FormBuilder};
pub use minter::Minter;
pub use ring::{KeyRing, KeyRingBuilder};
pub use rotation_error::RotationError;
pub use service::{DocumentPathError, JwksService};
pub use signer::{AsyncSigner, SecretSigner, Signature, Signer};

pub use crate::jose::key_error::KeyError;
pub use crate::jose::public_jwk::PublicJwk;
pub use crate::jose::signing::{PrivatePem, SigningKey};
