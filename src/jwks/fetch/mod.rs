//! The guarded fetch of one document.
//!
//! A URL and bounds go to a fetcher, which users can replace. Its response comes back, is checked
//! against the bounds once more, and is read into keys. Nothing here is kept between two fetches:
//! that is the job of the [cache](super::cache), which this module must not use.

mod address;
mod cause;
mod config_error;
#[cfg(feature = "jwks-client-no-provider")]
mod connector;
mod error;
mod fact;
pub(super) mod freshness;
mod guard;
#[cfg(feature = "jwks-client-no-provider")]
mod hyper;
mod none;
#[cfg(feature = "jwks-client-no-provider")]
mod race;
mod request;
#[cfg(feature = "jwks-client-no-provider")]
mod resolve;
pub(super) mod response;
#[cfg(feature = "jwks-client")]
mod roots;
pub(super) mod slots;
mod url;

pub use address::RefusedAddress;
pub use config_error::AddressError;
#[cfg(feature = "jwks-client")]
pub use config_error::FetcherError;
pub use error::FetchError;
pub use fact::FetchFact;
pub use guard::AddressGuard;
#[cfg(feature = "jwks-client-no-provider")]
pub use hyper::HyperFetch;
pub(crate) use none::NoFetch;
pub use request::{JwksFetch, JwksRequest};
#[cfg(feature = "jwks-client-no-provider")]
pub use resolve::Resolve;
pub use url::{JwksUrl, UrlError};
