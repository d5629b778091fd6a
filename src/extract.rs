//! [`ClientIdentity`] as an argument of axum's handlers, and [`Rejection`] as their response.
//!
//! ```
//! # use axum::{Router, routing::post};
//! use tower_client_assertion::{ClientAssertionLayer, ClientIdentity};
//!
//! async fn issue(client: ClientIdentity) -> String {
//!     format!("a token for {}", client.client_id())
//! }
//!
//! # fn router(guard: ClientAssertionLayer) -> Router {
//! Router::new().route("/token", post(issue)).route_layer(guard)
//! # }
//! ```
//!
//! Behind an [`optional`](crate::ClientAssertionLayer::optional) layer, use
//! `Option<ClientIdentity>`. If a handler there takes a plain `ClientIdentity` and a request has no
//! assertion, the handler is not called, and the client is told to authenticate.
//!
//! If no layer guards the route, both extractors fail with a 500: the server is misconfigured.

use std::error::Error;
use std::fmt;

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, AUTHORIZATION};
use http::request::Parts;

use crate::identity::ClientIdentity;
use crate::layer::Anonymous;
use crate::rejection::{AuthScheme, ClientFault, Rejection};
use crate::render::{RenderRejection, Rfc6749};

/// The rejection of the extractors: the request has no identity.
///
/// If no layer guards the handler, the response is a 500, since the fault is not the client's.
/// Behind an optional layer, it is the response of [`Rfc6749`] to a request without authentication.
#[derive(Clone, Debug)]
pub struct NoIdentity(Cause);

#[derive(Clone, Debug)]
enum Cause {
    NotGuarded,
    NotAuthenticated(Option<AuthScheme>),
}

impl NoIdentity {
    fn of(parts: &Parts) -> Self {
        let scheme = parts.headers.get_all(AUTHORIZATION).iter().find_map(|value| AuthScheme::of(value.as_bytes()));
        match parts.extensions.get::<Anonymous>() {
            Some(Anonymous) => Self(Cause::NotAuthenticated(scheme)),
            None => Self(Cause::NotGuarded),
        }
    }
}

impl fmt::Display for NoIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Cause::NotAuthenticated(_) => "no client assertion was sent",
            Cause::NotGuarded => {
                "the handler takes a `ClientIdentity`, but no `ClientAssertionLayer` guards its route: add one with \
                 `route_layer`, or set the `path` of the existing layer to the path of this route"
            }
        })
    }
}

impl Error for NoIdentity {}

impl IntoResponse for NoIdentity {
    fn into_response(self) -> Response {
        match self.0 {
            Cause::NotGuarded => {
                let not_stored = [(header::CACHE_CONTROL, "no-store")];
                (StatusCode::INTERNAL_SERVER_ERROR, not_stored, self.to_string()).into_response()
            }
            Cause::NotAuthenticated(scheme) => Rejection::from(ClientFault::NoAuthentication(scheme)).into_response(),
        }
    }
}

/// The response of [`Rfc6749`], with its defaults and with the rejection in its extensions, as the
/// layer has it for every profile but Redox. It is for handlers that call
/// [`Verifier::verify`](crate::Verifier::verify) themselves:
///
/// ```
/// # use axum::{extract::State, http::StatusCode, response::IntoResponse};
/// # use std::sync::Arc;
/// use tower_client_assertion::rejection::ClientFault;
/// use tower_client_assertion::{Rejection, TokenRequest, Verifier};
///
/// async fn issue(
///     State(verifier): State<Arc<Verifier>>,
///     form: String,
/// ) -> Result<String, Rejection> {
///     let request = TokenRequest::new(form.as_bytes());
///     let client = verifier.verify(&request).await?;
///     Ok(format!("a token for {}", client.client_id()))
/// }
///
/// let refused = Rejection::from(ClientFault::Replayed).into_response();
/// assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
/// assert_eq!(refused.headers()["cache-control"], "no-store");
/// ```
///
/// For the words of another renderer, or for links, render it in the handler:
///
/// ```
/// # use axum::{body::Body, response::IntoResponse};
/// use tower_client_assertion::Rejection;
/// use tower_client_assertion::render::{Redox, RenderRejection};
///
/// fn refuse(rejection: &Rejection) -> impl IntoResponse + use<> {
///     Redox::default().render(rejection).map(Body::from)
/// }
/// ```
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let mut response = Rfc6749::default().render(&self).map(Body::from);
        response.extensions_mut().insert(self);
        response
    }
}

impl<S: Sync> FromRequestParts<S> for ClientIdentity {
    type Rejection = NoIdentity;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoIdentity> {
        parts.extensions.get().cloned().ok_or_else(|| NoIdentity::of(parts))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for ClientIdentity {
    type Rejection = NoIdentity;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, NoIdentity> {
        match <Self as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Err(NoIdentity(Cause::NotAuthenticated(_))) => Ok(None),
            outcome => outcome.map(Some),
        }
    }
}
