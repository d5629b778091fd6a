//! Reads the response to a fetch: within its limits, and into keys.

use std::collections::HashSet;
use std::future::poll_fn;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION};
use http::{Response, StatusCode, Uri};
use http_body::Body;

use super::error::{FetchError, MAX_DEPTH};
use crate::jose::document::without_byte_order_mark;
use crate::jose::json::{self, Visit};
use crate::jose::keys::{KeySet, KeySetError};
use crate::port::PortError;

/// How many characters of a text in a response an error keeps: one more than it shows, so that it
/// is seen to be cut.
const KEPT: usize = 65;

/// Reads a body of at most `limit` bytes. If the status or a header rules it out, it is not read:
/// [`parse`] refuses the response by its head.
pub(super) async fn collect<B>(response: Response<B>, limit: usize) -> Result<Response<Bytes>, FetchError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = response.into_parts();
    if judge_head(head.status, &head.headers).is_err() {
        return Ok(Response::from_parts(head, Bytes::new()));
    }
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
    let keys = KeySet::parse_within(body, max_bytes, max_keys)?;
    judge_strictly(without_byte_order_mark(body))?;
    Ok(keys)
}

/// Refuses what a parser would accept and another one might read differently. The text is JSON.
fn judge_strictly(text: &[u8]) -> Result<(), FetchError> {
    if depth(text) > MAX_DEPTH {
        return Err(FetchError::TooDeep);
    }
    let text = std::str::from_utf8(text).map_err(|_| FetchError::Malformed)?;
    let mut names = HashSet::new();
    let mut repeated = None;
    let read = json::object(text, MAX_DEPTH, &mut |name, _| match names.insert(name.to_owned()) {
        true => Visit::Kept,
        false => {
            repeated = Some(FetchError::RepeatedMember { name: name.chars().take(KEPT).collect() });
            Visit::Repeated
        }
    });
    read.map_err(|_| repeated.unwrap_or(FetchError::Malformed))
}

/// How deep the objects and arrays of a JSON text are nested.
fn depth(json: &[u8]) -> usize {
    let (mut open, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => open = open.saturating_add(1),
            b'}' | b']' if !in_string => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

fn judge_head(status: StatusCode, headers: &HeaderMap) -> Result<(), FetchError> {
    if status.is_redirection() {
        return Err(FetchError::Redirect { status: status.as_u16(), location: location(headers) });
    }
    if status != StatusCode::OK {
        return Err(FetchError::Status(status.as_u16()));
    }
    if let Some(found) = first_unlike(headers, CONTENT_ENCODING, is_identity) {
        return Err(FetchError::ContentEncoding { found });
    }
    match first_unlike(headers, CONTENT_TYPE, may_be_json) {
        Some(found) => Err(FetchError::ContentType { found }),
        None => Ok(()),
    }
}

/// Returns the beginning of the first header of this name whose value does not pass.
fn first_unlike(headers: &HeaderMap, name: HeaderName, passes: fn(&str) -> bool) -> Option<Box<str>> {
    let mut values = headers.get_all(name).iter();
    let found = values.find(|value| !value.to_str().is_ok_and(passes))?;
    Some(String::from_utf8_lossy(found.as_bytes()).chars().take(KEPT).collect())
}

/// Scheme and host only: the rest may hold a secret.
fn location(headers: &HeaderMap) -> Option<Box<str>> {
    let uri: Uri = headers.get(LOCATION)?.to_str().ok()?.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.host()?).chars().take(KEPT).collect())
}

fn is_identity(content_encoding: &str) -> bool {
    matches!(content_encoding.trim().to_ascii_lowercase().as_str(), "" | "identity")
}

/// Accepts JSON under any name, and the types that servers give to files they do not know. An HTML
/// error page has neither.
fn may_be_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = ["application/json", "text/json", "application/octet-stream", "binary/octet-stream", "text/plain", ""];
    json.contains(&media_type.as_str()) || media_type.ends_with("+json")
}
