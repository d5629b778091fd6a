//! The identity as an argument of axum's handlers, and what is said where no layer could have left one.

use crate::common::CLIENT;
use crate::server::{TOKEN, TokenForm, layer, serve, token_form};
use axum::routing::post;
use axum::{Form, Router};
use http::StatusCode;
use tower_client_assertion::ClientIdentity;

async fn required(client: ClientIdentity, Form(form): Form<TokenForm>) -> String {
    format!("{} wants {}", client.client_id(), form.scope)
}

async fn optional(client: Option<ClientIdentity>) -> String {
    client.map_or_else(|| "nobody".to_owned(), |client| client.client_id().to_string())
}

fn routes() -> Router {
    Router::new().route(TOKEN, post(required)).route("/optional", post(optional))
}

#[tokio::test]
async fn behind_a_layer_a_handler_is_given_the_client_and_the_form() {
    let server = serve(routes().layer(layer())).await;
    server.check_guarded(TOKEN, false).await;
    server.send("POST", "/optional", token_form()).await.is(StatusCode::OK, CLIENT);
}

#[tokio::test]
async fn behind_an_optional_layer_there_may_be_nobody() {
    let server = serve(routes().layer(layer().optional())).await;
    server.send("POST", "/optional", token_form()).await.is(StatusCode::OK, CLIENT);
    server.send("POST", "/optional", "scope=a").await.is(StatusCode::OK, "nobody");
    let required = r#"{"error":"invalid_client","error_description":"Client authentication required"}"#;
    server.send("POST", TOKEN, "scope=a").await.is(StatusCode::BAD_REQUEST, required);
    let basic = server.request("POST", TOKEN).header("authorization", "Basic YTpi").body("scope=a").unwrap();
    let answer = server.exchange(basic, false).await;
    answer.is(StatusCode::UNAUTHORIZED, required);
    assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"token endpoint\""));
}

#[tokio::test]
async fn without_a_layer_the_handler_is_not_called_and_the_answer_says_what_is_missing() {
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
