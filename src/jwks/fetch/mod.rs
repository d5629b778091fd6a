//! The guarded fetch of one document.

pub(super) mod answer;
pub(super) mod error;
pub(super) mod freshness;
mod guard;
#[cfg(feature = "jwks-client")]
mod hyper;
mod url;

pub(in crate::jwks) use answer::collect;
pub use error::{FetchError, KeysUnavailable};
pub use guard::{AddressGuard, RefusedAddress};
#[cfg(feature = "jwks-client")]
pub use hyper::{HyperFetch, Resolve};
pub use url::{JwksUrl, UrlError};
