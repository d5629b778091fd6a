//! A server as flags describe it: profile, issuer, audiences, clients and
//! links. `token_server` serves it,
//! and `explain` judges requests as it would.

// Each example uses a part of this.
#![allow(dead_code)]

pub(crate) mod clients;
pub(crate) mod flags;
pub(crate) mod links;
pub(crate) mod profile;

use std::error::Error;

/// Where the server answers token requests.
pub(crate) const TOKEN_PATH: &str = "/v2/auth/token";

// What the flags are for that both programs have.
pub(crate) const CLIENTS: &str = "the path of a JSON array of RFC 7591 client metadata";
pub(crate) const ISSUER: &str = "the http or https URL of this server, without query and fragment";
pub(crate) const AUDIENCE: &str = "a URL that clients put into aud";
pub(crate) const PROFILES: &str = "redox, smart, fapi2, rfc7523 or oidc";
pub(crate) const ALLOW_HTTP_JWKS: &str = "permits plain http and loopback addresses for jwks_uri";

/// Describes an error in the configuration, after the flag that it comes from.
pub(crate) fn about(flag: &str, error: &dyn Error) -> String {
    format!("{flag}: {error}{}", cause(error, ": "))
}

pub(crate) fn cause(error: &dyn Error, separator: &str) -> String {
    error.source().map(|cause| format!("{separator}{cause}")).unwrap_or_default()
}
