//! The handler of the token endpoint: what an authenticated client gets.

use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Form, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tower_client_assertion::registry::ClientRegistry;
use tower_client_assertion::{ClientId, ClientIdentity};

use crate::app::Shared;

#[derive(serde::Deserialize)]
pub(crate) struct TokenForm {
    scope: Option<String>,
}

#[derive(serde::Serialize)]
struct Token {
    access_token: String,
    token_type: &'static str,
    expires_in: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// Issues a token. Only the layer provides the identity: without the layer, axum answers 500 before
/// this runs.
pub(crate) async fn issue_token(
    State(shared): State<Arc<Shared>>,
    Extension(identity): Extension<ClientIdentity>,
    Form(form): Form<TokenForm>,
) -> Result<Response, TokenError> {
    let registered = registered_scope(&*shared.registry, identity.client_id()).await?;
    let scope = granted(form.scope.as_deref().unwrap_or_default(), registered.as_deref())?;
    // A real server stores here what the token stands for.
    let token = Token { access_token: random_text()?, token_type: "bearer", expires_in: 300, scope };
    Ok((NO_STORE, Json(token)).into_response())
}

/// RFC 6749, section 5.1.
const NO_STORE: [(header::HeaderName, &str); 2] = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];

async fn registered_scope(registry: &dyn ClientRegistry, id: &ClientId) -> Result<Option<String>, TokenError> {
    let found = registry.find(id.as_str()).get().await;
    // The client may have been removed since it was authenticated.
    let client = found.map_err(|_| TokenError::Unavailable)?.ok_or(TokenError::Unavailable)?;
    Ok(client.scope().map(str::to_owned))
}

/// Returns the part of the requested scope that the client registered, or all of it if the client
/// registered no scope. A real server grants only what is registered.
fn granted(requested: &str, registered: Option<&str>) -> Result<Option<String>, TokenError> {
    let may = |scope: &&str| registered.is_none_or(|registered| registered.split(' ').any(|one| one == *scope));
    // RFC 6749, section 3.3.
    if !requested.bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
        return Err(TokenError::InvalidScope);
    }
    let requested: Vec<_> = requested.split(' ').filter(|scope| !scope.is_empty()).collect();
    let granted: Vec<_> = requested.iter().copied().filter(may).collect();
    match (requested.is_empty(), granted.is_empty()) {
        (true, _) => Ok(None),
        (false, true) => Err(TokenError::InvalidScope),
        (false, false) => Ok(Some(granted.join(" "))),
    }
}

/// Returns 256 random bits as text.
fn random_text() -> Result<String, Unspecified> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The reason why an authenticated client gets no token.
pub(crate) enum TokenError {
    InvalidScope,
    Unavailable,
}

impl From<Unspecified> for TokenError {
    fn from(_: Unspecified) -> Self {
        Self::Unavailable
    }
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::InvalidScope => (StatusCode::BAD_REQUEST, "invalid_scope"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
        };
        let retry = matches!(self, Self::Unavailable).then_some([(header::RETRY_AFTER, "5")]);
        (status, NO_STORE, retry, Json(json!({ "error": error }))).into_response()
    }
}
