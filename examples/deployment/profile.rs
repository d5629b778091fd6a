//! The rules of a server: its profile, its issuer, and the URLs that its clients put into `aud`.

use axum::http::Uri;
use tower_client_assertion::policy::{AudienceRule, Policy};
use tower_client_assertion::{ConfigError, Verifier, VerifierBuilder};

use super::about;

/// RFC 8414, section 2. `http` is accepted as well, because this server is tried out on loopback.
pub(crate) fn is_issuer(value: &str) -> bool {
    let scheme = value.starts_with("https://") || value.starts_with("http://");
    scheme && !value.contains(['?', '#']) && value.parse::<Uri>().is_ok()
}

/// Returns the policy of a profile, and the URLs that it accepts in `aud` in addition to the
/// issuer; `None` if there is no such profile. The server issues tokens only for the client
/// credentials grant.
pub(crate) fn profiled<E>(name: &str, urls: Result<Vec<String>, E>) -> Result<Option<(Policy, Vec<String>)>, E> {
    let (policy, urls) = match name {
        "redox" => (Policy::REDOX, urls?),
        "smart" => (Policy::SMART_BACKEND_SERVICES, urls?),
        // FAPI 2.0 accepts only the issuer.
        "fapi2" => (Policy::FAPI2, Vec::new()),
        "rfc7523" => (rfc7523(urls.is_ok()), urls.unwrap_or_default()),
        "oidc" => (Policy::OIDC, urls.unwrap_or_default()),
        _ => return Ok(None),
    };
    Ok(Some((policy.with_grant_types(&["client_credentials"]), urls)))
}

/// A server with URLs has clients that do not follow RFC 10070 yet, which allows only the issuer.
fn rfc7523(has_urls: bool) -> Policy {
    let policy = Policy::RFC7523.allow_client_secret_jwt();
    if has_urls { policy.dangerous().audience(AudienceRule::IssuerOrUrls) } else { policy }
}

/// Builds the verifier of a server.
pub(crate) fn verifier(builder: VerifierBuilder, issuer: Option<&str>, urls: &[String]) -> Result<Verifier, String> {
    // This server is tried out on loopback, without TLS. Use `.issuer(..)` in yours.
    let builder = match issuer {
        Some(issuer) => builder.dangerous().issuer_without_tls(issuer),
        None => builder,
    };
    let builder = urls.iter().fold(builder, |builder, url| builder.audience(url));
    builder.build().map_err(|error| about(flag(&error), &error))
}

fn flag(error: &ConfigError) -> &'static str {
    match error {
        ConfigError::InvalidIssuer { .. } => "--issuer",
        ConfigError::InvalidAudience { .. } => "--audience",
        _ => "--profile",
    }
}
