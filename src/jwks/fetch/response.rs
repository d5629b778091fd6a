//! Reads the response to a fetch: within its limits, and into keys.

use std::future::poll_fn;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http::{Response, StatusCode};
use http_body::Body;

use super::error::FetchError;
use crate::jose::json::{self, Visit};
use crate::jose::keys::{KeySet, KeySetError};
use crate::port::PortError;

/// The limit on nesting. A JWK Set needs four levels, for its deepest member, `x5c`.
const MAX_DEPTH: usize = 16;

/// Reads a body of at most `limit` bytes. A status or header that rules it out is judged first.
pub(super) async fn collect<B>(response: Response<B>, limit: usize) -> Result<Response<Bytes>, FetchError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = response.into_parts();
    judge_head(head.status, &head.headers)?;
    let too_long = FetchError::KeySet(KeySetError::TooLong { limit });
    if body.size_hint().lower() > limit as u64 {
        return Err(too_long);
    }
    let mut body = pin!(body);
    let mut read = BytesMut::new();
    let broken = |error: B::Error| FetchError::Unreachable(PortError::new(error));
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx).map_err(broken)).await {
        let data = frame?.into_data().unwrap_or_default();
        if data.len() > limit - read.len() {
            return Err(too_long);
        }
        read.extend_from_slice(&data);
        // Endless empty frames must not keep the task from timing out.
        if data.is_empty() {
            tokio::task::yield_now().await;
        }
    }
    Ok(Response::from_parts(head, read.freeze()))
}

/// Reads the keys of a response. Every limit is checked again, since users can write the fetcher.
pub(in crate::jwks) fn parse(
    response: &Response<Bytes>,
    max_bytes: usize,
    max_keys: usize,
) -> Result<KeySet, FetchError> {
    judge_head(response.status(), response.headers())?;
    let body = response.body();
    if body.len() > max_bytes {
        return Err(KeySetError::TooLong { limit: max_bytes }.into());
    }
    let text = std::str::from_utf8(body).map_err(|_| FetchError::Malformed)?;
    json::object(text, MAX_DEPTH, &mut |_, _| Visit::Ignored).map_err(|_| FetchError::Malformed)?;
    Ok(KeySet::parse_within(body, max_bytes, max_keys)?)
}

fn judge_head(status: StatusCode, headers: &HeaderMap) -> Result<(), FetchError> {
    if status != StatusCode::OK {
        return Err(FetchError::Status(status.as_u16()));
    }
    let identity = |value: &[u8]| value.is_empty() || value.eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(|value| identity(value.as_bytes())) {
        return Err(FetchError::ContentEncoding);
    }
    match headers.get_all(CONTENT_TYPE).iter().all(|value| value.to_str().is_ok_and(may_be_json)) {
        true => Ok(()),
        false => Err(FetchError::ContentType),
    }
}

/// Accepts JSON under any name, and the types that servers give to files they do not know. An HTML
/// error page has neither.
fn may_be_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = ["application/json", "text/json", "application/octet-stream", "binary/octet-stream", "text/plain", ""];
    json.contains(&media_type.as_str()) || media_type.ends_with("+json")
}
