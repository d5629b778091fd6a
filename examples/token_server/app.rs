//! The layer in front of the token endpoint, and the metadata that tells clients how to
//! authenticate.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router, middleware};
use serde_json::Value;
use tower_client_assertion::event::EventSink;
use tower_client_assertion::registry::ClientRegistry;
use tower_client_assertion::render::Troubleshooting;
use tower_client_assertion::replay::ReplayStore;
use tower_client_assertion::{ClientAuthMetadata, ConfigError, Policy, Verifier, VerifierBuilder};

use crate::audit;
use crate::deployment::links::Links;
use crate::deployment::{about, cause};
use crate::file::Configuration;
use crate::ready::Probe;
use crate::tenants::Tenant;
use crate::token::TokenError;
use crate::{request_id, token};

pub(crate) use crate::deployment::TOKEN_PATH;

pub(crate) const ERRORS_PATH: &str = "/errors";

const METADATA_PATH: &str = "/.well-known/oauth-authorization-server";

const READY_PATH: &str = "/ready";

/// The server.
pub(crate) struct Settings {
    pub(crate) config: Configuration,
    pub(crate) registry: Arc<dyn ClientRegistry>,
    pub(crate) replay: Arc<dyn ReplayStore>,
    pub(crate) events: Arc<dyn EventSink>,
}

/// The state of the handlers.
pub(crate) struct Shared {
    pub(crate) links: Links,
    pub(crate) shows_client: bool,
    metadata: Value,
    probe: Probe,
}

/// Builds the whole server.
pub(crate) fn router(settings: Settings, verifier: Verifier, tenants: Vec<Tenant>) -> Result<Router, String> {
    let Settings { config, .. } = settings;
    let metadata = metadata(&config, verifier.metadata())?;
    let links = config.application().links()?;
    let vocabulary = links.vocabulary(config.policy().unwrap_or(&Policy::RFC7523))?;
    let page = TokenError::explained(Troubleshooting::of(&vocabulary, &verifier)).service();
    let verifier = Arc::new(verifier);
    let token = endpoint(&config, Arc::clone(&verifier))?;
    let shows_client = config.application().shows_client();
    let shared = Arc::new(Shared { links, shows_client, metadata, probe: Probe::new(verifier) });
    let mut router = Router::new();
    for tenant in tenants {
        let metadata = self::metadata(&tenant.config, tenant.verifier.metadata())?;
        // RFC 8414, section 3.1.
        router = router.route(&format!("{METADATA_PATH}/{}", tenant.name), get(async || Json(metadata)));
        router = router
            .route(&format!("/{}{TOKEN_PATH}", tenant.name), endpoint(&tenant.config, Arc::new(tenant.verifier))?);
    }
    Ok(router
        .route(TOKEN_PATH, token)
        .route(METADATA_PATH, get(show_metadata))
        .route_service(ERRORS_PATH, page)
        .route(READY_PATH, get(show_readiness))
        // Outside of everything that answers, also of the answers to unknown paths.
        .layer(middleware::from_fn(request_id::serve))
        .with_state(shared))
}

/// Builds the token endpoint of one server. The layer is on the method router, so that it covers
/// every method and every spelling of the path.
fn endpoint(config: &Configuration, verifier: Arc<Verifier>) -> Result<MethodRouter<Arc<Shared>>, String> {
    let links = config.application().links()?;
    let vocabulary = links.vocabulary(config.policy().unwrap_or(&Policy::RFC7523))?;
    let layer = config.layer(verifier).map_err(|error| error.to_string())?.render(vocabulary);
    Ok(post(token::issue_token).layer(layer.correlate(|_| audit::correlation())))
}

/// Builds the verifier of the layer.
pub(crate) fn verifier(settings: &Settings) -> Result<Verifier, String> {
    let (registry, replay) = (Arc::clone(&settings.registry), Arc::clone(&settings.replay));
    built(settings.config.verifier(registry, replay).events(Arc::clone(&settings.events)))
}

pub(crate) fn built(builder: VerifierBuilder) -> Result<Verifier, String> {
    builder.build().map_err(|error| match &error {
        ConfigError::InvalidIssuer { .. } => about("--issuer", &error),
        ConfigError::InvalidAudience { .. } => about("--audience", &error),
        _ => format!("{error}{}", cause(&error, ": ")),
    })
}

/// RFC 8414, section 2.
#[derive(serde::Serialize)]
struct Metadata<'a> {
    issuer: &'a str,
    token_endpoint: String,
    grant_types_supported: [&'static str; 1],
    /// Required. It is empty because there is no authorization endpoint.
    response_types_supported: [&'static str; 0],
    /// From the configuration that the verifier enforces.
    #[serde(flatten)]
    client_auth: ClientAuthMetadata,
}

fn metadata(config: &Configuration, client_auth: ClientAuthMetadata) -> Result<Value, String> {
    let issuer = config.issuer().unwrap_or_default();
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

async fn show_readiness(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    shared.probe.answer().await
}
