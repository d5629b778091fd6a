//! The handler of the token endpoint: what an authenticated client gets.

use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Form, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tower_client_assertion::render::Troubleshooting;
use tower_client_assertion::{ClientIdentity, Scope, ScopeError};

use crate::app::Shared;
use crate::deployment::links::Links;
use crate::log::log;
use crate::shown::Shown;

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
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<Shown>,
}

/// Issues a token. Only the layer provides the identity: without the layer, axum answers 500 before
/// this runs.
pub(crate) async fn issue_token(
    State(shared): State<Arc<Shared>>,
    Extension(identity): Extension<ClientIdentity>,
    Form(form): Form<TokenForm>,
) -> Response {
    match token(&identity, &form, shared.shows_client) {
        Ok(token) => (NO_STORE, Json(token)).into_response(),
        Err(error) => error.refuse(&shared.links),
    }
}

fn token(identity: &ClientIdentity, form: &TokenForm, shows_client: bool) -> Result<Token, TokenError> {
    let scope = granted(form.scope.as_deref().unwrap_or_default(), identity.client().scope())?;
    let scope = scope.map(|scope| scope.to_string());
    let client = shows_client.then(|| Shown::of(identity));
    // A real server stores here what the token stands for.
    Ok(Token { access_token: random_text()?, token_type: "bearer", expires_in: 300, scope, client })
}

/// RFC 6749, section 5.1.
const NO_STORE: [(header::HeaderName, &str); 2] = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];

/// Returns the part of the requested scope that the client registered. A client that registered no
/// scope gets none.
///
/// If nothing of it is registered, the answer is an error and not a token without `scope`: a client
/// takes a missing `scope` for all that it requested (RFC 6749, section 5.1). A request without a
/// scope gets the default of this server, which is none (section 3.3).
fn granted(requested: &str, registered: Option<&str>) -> Result<Option<Scope>, TokenError> {
    let requested = requested.trim_matches(' ');
    if requested.is_empty() {
        return Ok(None);
    }
    let requested: Scope = requested.parse().map_err(|error| unreadable("requested", &error))?;
    let registered: Option<Scope> = registered.map(str::parse).transpose().map_err(|error| {
        unreadable("registered", &error);
        TokenError::UnregisteredScope
    })?;
    let granted = registered.and_then(|registered| requested.intersection(&registered));
    granted.map(Some).ok_or(TokenError::UnregisteredScope)
}

fn unreadable(which: &str, error: &ScopeError) -> TokenError {
    log(&format!("{which} {error}"));
    TokenError::MalformedScope
}

/// Returns 256 random bits as text.
fn random_text() -> Result<String, Unspecified> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The reason why an authenticated client gets no token.
#[derive(Clone, Copy)]
pub(crate) enum TokenError {
    MalformedScope,
    UnregisteredScope,
    Unavailable,
}

impl TokenError {
    /// Adds the refusals of this handler to those of the layer.
    pub(crate) fn explained(page: Troubleshooting) -> Troubleshooting {
        let all = [Self::MalformedScope, Self::UnregisteredScope, Self::Unavailable];
        all.into_iter().fold(page, |page, error| {
            let (wrong, advice) = error.explanation();
            page.with_response(&error.response(&Links::None), wrong, advice)
        })
    }

    /// Returns the status, the `error` and the `error_description` (RFC 6749, section 5.2).
    fn answer(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::MalformedScope => {
                (StatusCode::BAD_REQUEST, "invalid_scope", "The requested scope has characters that are not allowed")
            }
            Self::UnregisteredScope => {
                (StatusCode::BAD_REQUEST, "invalid_scope", "The client is not registered for the requested scope")
            }
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "The authorization server is temporarily unavailable",
            ),
        }
    }

    /// Returns what is wrong, and what to do.
    fn explanation(self) -> (&'static str, &'static str) {
        match self {
            Self::MalformedScope => (
                "the parameter scope has a quotation mark, a backslash, a character that is not printable ASCII, or a \
                 second space between two scopes",
                "Send scopes of printable ASCII, separated by single spaces (RFC 6749, section 3.3).",
            ),
            Self::UnregisteredScope => (
                "the client has registered none of the scopes that it requests",
                "Request scopes that the client has registered, or register them.",
            ),
            Self::Unavailable => {
                ("the server has no random numbers for a token", "Check the random number generator of the host.")
            }
        }
    }

    /// Returns the response, with a link if there are links.
    fn response(self, links: &Links) -> Response<Bytes> {
        let (status, error, description) = self.answer();
        let mut body = json!({ "error": error, "error_description": description });
        if let (Some(members), Some(link)) = (body.as_object_mut(), links.about(description)) {
            members.insert("error_uri".to_owned(), link.into());
        }
        let mut response = Response::new(body.to_string().into());
        *response.status_mut() = status;
        let json = (header::CONTENT_TYPE, "application/json");
        let retry = matches!(self, Self::Unavailable).then_some((header::RETRY_AFTER, "5"));
        for (name, value) in NO_STORE.into_iter().chain([json]).chain(retry) {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }

    fn refuse(self, links: &Links) -> Response {
        log(&format!("no token: {}", self.answer().2));
        self.response(links).map(Body::from)
    }
}

impl From<Unspecified> for TokenError {
    fn from(_: Unspecified) -> Self {
        Self::Unavailable
    }
}
