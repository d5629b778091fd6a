//! The token endpoint: client authentication in front of a handler, and the metadata that tells clients of it.

use std::error::Error;
use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_client_assertion::event::{Event, KeySetEvent, KeySetNews, Refused};
use tower_client_assertion::registry::ClientRegistry;
use tower_client_assertion::render::{Redox, Rfc6749};
use tower_client_assertion::replay::{MemoryReplay, RedisReplay, ReplayStore, TieredReplay};
use tower_client_assertion::{
    ClientAssertionLayer, ClientAuthMetadata, ClientId, ClientIdentity, ConfigError, Policy, Verifier,
};

use crate::{about, log};

pub(crate) const TOKEN_PATH: &str = "/v2/auth/token";

const METADATA_PATH: &str = "/.well-known/oauth-authorization-server";

/// What is configured.
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) error_uri: Option<String>,
    pub(crate) registry: Arc<dyn ClientRegistry>,
    pub(crate) replay: Arc<dyn ReplayStore>,
}

/// Where spent assertions are remembered.
#[derive(Debug)]
pub(crate) enum Replay {
    Memory,
    Redis(String),
}

impl Replay {
    /// A store that is there, or why it is not.
    pub(crate) async fn open(self) -> Result<Arc<dyn ReplayStore>, String> {
        let memory = MemoryReplay::new(1_000_000).map_err(|error| about("--replay", &error))?;
        match self {
            Self::Memory => Ok(Arc::new(memory)),
            Self::Redis(url) => {
                let connected = RedisReplay::standalone(url).events(log_event).connect().await;
                let shared = connected.map_err(|error| about("--replay", &error))?;
                Ok(Arc::new(TieredReplay::new(memory, shared)))
            }
        }
    }
}

/// What the handlers need.
struct Shared {
    registry: Arc<dyn ClientRegistry>,
    metadata: Value,
}

/// The whole server.
pub(crate) fn router(settings: Settings) -> Result<Router, String> {
    let verifier = verifier(&settings)?;
    let metadata = metadata(&settings.issuer, verifier.metadata())?;
    let layer = with_error_uri(ClientAssertionLayer::new(verifier), &settings)?;
    let shared = Arc::new(Shared { registry: settings.registry, metadata });
    Ok(Router::new()
        // On the method router, so that no spelling of the path and no method can get around it.
        .route(TOKEN_PATH, post(issue_token).layer(layer))
        .route(METADATA_PATH, get(show_metadata))
        .with_state(shared))
}

fn verifier(settings: &Settings) -> Result<Verifier, String> {
    let replay = Arc::clone(&settings.replay);
    let builder = Verifier::builder(settings.policy.clone(), Arc::clone(&settings.registry), replay).events(log_event);
    // This server is tried out on loopback, without TLS. Yours should say `.issuer(..)`.
    let builder = builder.dangerous().issuer_without_tls(&*settings.issuer);
    let builder = settings.audiences.iter().fold(builder, |builder, audience| builder.audience(audience));
    builder.build().map_err(|error| about(flag(&error), &error))
}

fn flag(error: &ConfigError) -> &'static str {
    match error {
        ConfigError::InvalidIssuer { .. } => "--issuer",
        ConfigError::InvalidAudience { .. } => "--audience",
        _ => "--profile",
    }
}

/// A layer answers in the words of its profile, unless told otherwise; so it must be told all of it.
fn with_error_uri(layer: ClientAssertionLayer, settings: &Settings) -> Result<ClientAssertionLayer, String> {
    let Some(uri) = &settings.error_uri else { return Ok(layer) };
    let layer = match settings.policy.name() {
        "redox" => Redox::default().error_uri(uri).map(|renderer| layer.render(renderer)),
        _ => Rfc6749::default().error_uri(uri).map(|renderer| layer.render(renderer)),
    };
    layer.map_err(|error| about("--error-uri", &error))
}

/// RFC 8414, section 2.
#[derive(serde::Serialize)]
struct Metadata<'a> {
    issuer: &'a str,
    token_endpoint: String,
    grant_types_supported: [&'static str; 1],
    /// Required, and there is no authorization endpoint that could answer with any.
    response_types_supported: [&'static str; 0],
    /// From the same configuration that is enforced.
    #[serde(flatten)]
    client_auth: ClientAuthMetadata,
}

fn metadata(issuer: &str, client_auth: ClientAuthMetadata) -> Result<Value, String> {
    let metadata = Metadata {
        issuer,
        token_endpoint: format!("{}{TOKEN_PATH}", issuer.trim_end_matches('/')),
        grant_types_supported: ["client_credentials"],
        response_types_supported: [],
        client_auth,
    };
    serde_json::to_value(metadata).map_err(|error| format!("the metadata cannot be written: {error}"))
}

async fn show_metadata(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.metadata.clone())
}

#[derive(serde::Deserialize)]
struct TokenForm {
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

/// There is no identity to be had but a verified one: with the layer gone, axum answers 500 and nobody gets a token.
async fn issue_token(
    State(shared): State<Arc<Shared>>,
    Extension(identity): Extension<ClientIdentity>,
    Form(form): Form<TokenForm>,
) -> Result<Response, TokenError> {
    let registered = registered_scope(&*shared.registry, identity.client_id()).await?;
    let scope = granted(form.scope.as_deref().unwrap_or_default(), registered.as_deref())?;
    // A real server would now remember what this token stands for.
    let token = Token { access_token: random_text()?, token_type: "bearer", expires_in: 300, scope };
    Ok((NOT_TO_BE_STORED, Json(token)).into_response())
}

/// RFC 6749, section 5.1.
const NOT_TO_BE_STORED: [(header::HeaderName, &str); 2] =
    [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];

async fn registered_scope(registry: &dyn ClientRegistry, id: &ClientId) -> Result<Option<String>, TokenError> {
    let found = registry.find(id.as_str()).get().await;
    // The client may have been removed since it was authenticated.
    let client = found.map_err(|_| TokenError::Unavailable)?.ok_or(TokenError::Unavailable)?;
    Ok(client.registered_scope().map(str::to_owned))
}

/// What of the requested scope is granted: all of it, unless the client registered less. A real server would grant nothing
/// that nobody registered.
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

/// 256 bits that nobody can guess.
pub(crate) fn random_text() -> Result<String, Unspecified> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Why an authenticated client gets no token after all.
enum TokenError {
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
        (status, NOT_TO_BE_STORED, retry, Json(json!({ "error": error }))).into_response()
    }
}

pub(crate) fn log_event(event: &Event<'_>) {
    match event {
        Event::Accepted(identity) => {
            let lax = if identity.has_lax_audience() { ", with an audience that is not the issuer" } else { "" };
            log(&format!("accepted {}, {}{lax}", identity.client_id(), identity.algorithm()));
        }
        Event::Refused(refused) => log(&format!("refused {}", describe(refused))),
        Event::Warning(warning) => log(&format!("warning: {warning}")),
        Event::KeySet(event) => log(&describe_key_set(event)),
        // Events may be added.
        _ => {}
    }
}

fn describe_key_set(event: &KeySetEvent<'_>) -> String {
    let cause = match event.news() {
        KeySetNews::Failed { error, .. } => error.source().map(|cause| format!("; {cause}")).unwrap_or_default(),
        _ => String::new(),
    };
    format!("key set of {:?} at {}: {event}{cause}", event.client_id(), event.url())
}

/// The client is told of the first fault; we would rather know of all.
fn describe(refused: &Refused<'_>) -> String {
    let claimed = refused.claimed_client().map_or_else(|| "a nameless client".to_owned(), |id| id.to_string());
    let key = refused.key_id().map(|kid| format!(", kid {kid}")).unwrap_or_default();
    let proven = if refused.rejection().is_proven() { "" } else { " (unproven)" };
    let cause = refused.rejection().source().map(|cause| format!("; {cause}")).unwrap_or_default();
    let findings: Vec<_> = refused.findings().iter().map(ToString::to_string).collect();
    match findings[..] {
        [] => format!("{claimed}{key}{proven}: {}{cause}", refused.rejection()),
        _ => format!("{claimed}{key}{proven}: {}", findings.join("; ")),
    }
}
