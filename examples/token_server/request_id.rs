//! A name for each request, so that a client's report and the server's log lines can be matched.

use aws_lc_rs::error::Unspecified;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    /// The request that this task is serving.
    static CURRENT: HeaderValue;
}

/// Returns the id of the request that is being served, if one is.
pub(crate) fn current() -> Option<String> {
    CURRENT.try_with(|id| id.to_str().map(str::to_owned).ok()).ok().flatten()
}

/// Serves a request under its id, and puts the id into the response.
pub(crate) async fn serve(request: Request, next: Next) -> Response {
    let Ok(id) = received(request.headers()).map_or_else(generate, Ok) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let mut response = CURRENT.scope(id.clone(), next.run(request)).await;
    response.headers_mut().insert(HEADER, id);
    response
}

/// Returns the id that the request has: 1 to 64 visible ASCII characters. If it has several, none
/// counts, because it is not known which one the sender will look for.
fn received(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all(HEADER).iter();
    let (Some(id), None) = (values.next(), values.next()) else { return None };
    let usable = matches!(id.len(), 1..=64) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    usable.then(|| id.clone())
}

/// Generates an id of 128 random bits.
fn generate() -> Result<HeaderValue, Unspecified> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::from_str(&text).map_err(|_| Unspecified)
}
