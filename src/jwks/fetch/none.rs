//! A fetcher for a cache that is only checked.

use bytes::Bytes;
use http::Response;

use super::error::FetchError;
use super::request::{JwksFetch, JwksRequest};
use crate::port::BoxFuture;

/// Fetches nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoFetch;

impl JwksFetch for NoFetch {
    fn fetch(&self, _: JwksRequest) -> BoxFuture<Result<Response<Bytes>, FetchError>> {
        Box::pin(async { Err(FetchError::Timeout) })
    }
}
