//! The identity as an argument of axum handlers, and the answer if no layer guards the route.

use crate::common::CLIENT;
use crate::server::{TOKEN, TokenForm, layer, serve, token_form};
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Form, Router};
use http::StatusCode;
use tower_client_assertion::rejection::RejectionKind;
use tower_client_assertion::render::{RenderRejection, Rfc6749};
use tower_client_assertion::{ClientIdentity, Rejection};

async fn required(client: ClientIdentity, Form(form): Form<TokenForm>) -> String {
    format!("{} asked for {}", client.client_id(), form.scope)
}

async fn optional(client: Option<ClientIdentity>) -> String {
    client.map_or_else(|| "anonymous".to_owned(), |client| client.client_id().to_string())
}

fn routes() -> Router {
    Router::new().route(TOKEN, post(required)).route("/optional", post(optional))
}

#[tokio::test]
async fn the_extractors_yield_client_and_form() {
    let server = serve(routes().layer(layer())).await;
    server.check_guarded(TOKEN, false).await;
    server.send("POST", "/optional", token_form()).await.is(StatusCode::OK, CLIENT);
}

#[tokio::test]
async fn the_optional_extractor_yields_none_for_anonymous() {
    let server = serve(routes().layer(layer().optional())).await;
    server.send("POST", "/optional", token_form()).await.is(StatusCode::OK, CLIENT);
    server.send("POST", "/optional", "scope=a").await.is(StatusCode::OK, "anonymous");
    let required = r#"{"error":"invalid_client","error_description":"Client authentication required"}"#;
    server.send("POST", TOKEN, "scope=a").await.is(StatusCode::BAD_REQUEST, required);
    let basic = server.request("POST", TOKEN).header("authorization", "Basic YTpi").body("scope=a").unwrap();
    let answer = server.exchange(basic, false).await;
    answer.is(StatusCode::UNAUTHORIZED, required);
    assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"token endpoint\""));
}

/// With the words that the layer has by default, for every fault.
#[test]
fn a_rejection_is_the_response_of_the_layer() {
    for kind in RejectionKind::all() {
        let rejection = match kind.clone() {
            RejectionKind::Client(fault) => Rejection::from(fault),
            RejectionKind::Server(fault) => Rejection::from(fault),
            other => panic!("{other:?}"),
        };
        let expected = Rfc6749::default().render(&rejection);
        let response = rejection.into_response();
        assert_eq!((response.status(), response.headers()), (expected.status(), expected.headers()), "{kind:?}");
        assert_eq!(crate::common::kind(&response), Some(kind));
        let body = crate::common::now_or_never(axum::body::to_bytes(response.into_body(), 10_000)).unwrap();
        assert_eq!(body, expected.into_body());
    }
}

#[tokio::test]
async fn without_a_layer_the_extractors_fail_with_500() {
    let elsewhere = layer().path("/elsewhere").unwrap();
    for router in [routes(), routes().layer(elsewhere)] {
        let server = serve(router).await;
        for path in [TOKEN, "/optional"] {
            let answer = server.send("POST", path, token_form()).await;
            assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
            assert!(answer.body.contains("no `ClientAssertionLayer` guards its route"), "{path}: {}", answer.body);
            assert!(answer.body.contains("route_layer"), "{path}: {}", answer.body);
        }
    }
}
