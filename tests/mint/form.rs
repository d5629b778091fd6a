//! Requests with a form.

use http::header::CONTENT_TYPE;
use tower_client_assertion::mint::MintError;
use tower_client_assertion::policy::{Algorithm, Policy};

use crate::support::{CLIENT, key, minter};

fn parameters(form: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(form).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

#[tokio::test]
async fn a_form_has_what_was_said_the_client_and_an_assertion() {
    let minter = minter(&Policy::RFC7523, key(Algorithm::ES256)).build().unwrap();
    let request = minter.request("https://as.example.com/token").client_credentials().scope("a b/c+d&e").build();
    let request = request.await.unwrap();
    assert_eq!(
        (request.method().as_str(), request.uri().to_string().as_str()),
        ("POST", "https://as.example.com/token")
    );
    assert_eq!(request.headers()[CONTENT_TYPE], "application/x-www-form-urlencoded");
    let parameters = parameters(&request.into_body().into_bytes());
    let expected = [
        ("grant_type", "client_credentials"),
        ("scope", "a b/c+d&e"),
        ("client_id", CLIENT),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
    ];
    for ((name, value), expected) in parameters.iter().zip(expected) {
        assert_eq!((name.as_str(), value.as_str()), expected);
    }
    assert_eq!((parameters.len(), parameters[4].0.as_str()), (5, "client_assertion"));
    assert_eq!(parameters[4].1.split('.').count(), 3);
}

#[tokio::test]
async fn each_request_has_a_new_assertion() {
    let minter = minter(&Policy::RFC7523, key(Algorithm::Ed25519)).build().unwrap();
    let form =
        || async { minter.request("/token").client_credentials().build().await.unwrap().into_body().into_bytes() };
    assert_ne!(form().await, form().await);
}

#[tokio::test]
async fn parameters_of_the_minter_and_second_credentials_are_refused() {
    let minter = minter(&Policy::RFC7523, key(Algorithm::ES256)).build().unwrap();
    for name in ["client_id", "client_assertion", "client_assertion_type", "client_secret"] {
        let error = minter.request("/token").parameter(name, "x").build().await.unwrap_err();
        assert!(matches!(&error, MintError::Parameter { name: given, .. } if given == name), "{error:?}");
    }
    let twice = minter.request("/token").scope("a").parameter("scope", "b").build().await;
    assert!(matches!(twice, Err(MintError::Parameter { .. })));
    // RFC 8707, section 2.
    let resources = minter.request("/token").parameter("resource", "https://a.example.com");
    assert!(resources.parameter("resource", "https://b.example.com").build().await.is_ok());
}

#[tokio::test]
async fn only_endpoints_that_keep_an_assertion_secret_are_accepted() {
    let minter = minter(&Policy::RFC7523, key(Algorithm::ES256)).build().unwrap();
    for (endpoint, is_accepted) in [
        ("https://as.example.com/token", true),
        ("https://as.example.com:8443/token?tenant=a", true),
        ("/token", true),
        ("http://127.0.0.1:8080/token", true),
        ("http://localhost/token", true),
        ("http://[::1]:80/token", true),
        ("http://as.example.com/token", false),
        ("http://127.0.0.1.example.com/token", false),
        ("https://user:password@as.example.com/token", false),
        ("http://localhost@as.example.com/token", false),
        ("https://as.example.com/token#fragment", false),
        ("ftp://as.example.com/token", false),
        ("//as.example.com/token", false),
        ("as.example.com", false),
        ("as.example.com:443", false),
        ("*", false),
        ("", false),
        ("not a uri", false),
        ("/token\r\nx: y", false),
    ] {
        let built = minter.request(endpoint).client_credentials().build().await;
        assert_eq!(built.is_ok(), is_accepted, "{endpoint:?}: {built:?}");
        assert!(is_accepted || matches!(built, Err(MintError::Endpoint { .. })), "{endpoint:?}");
    }
}

#[tokio::test]
async fn a_form_shows_nothing_and_has_at_most_what_servers_accept() {
    let minter = minter(&Policy::RFC7523, key(Algorithm::ES256)).build().unwrap();
    let with = async |count: usize| {
        let names: Vec<_> = (0..count).map(|index| format!("p{index}")).collect();
        let form = names.iter().fold(minter.request("/token"), |form, name| form.parameter(name, "hush"));
        form.build().await
    };
    let most = with(96).await.unwrap();
    assert!(!format!("{most:?}").contains("hush"), "{most:?}");
    assert!(parameters(&most.into_body().into_bytes()).len() <= 100);
    assert!(matches!(with(97).await, Err(MintError::TooManyParameters { limit: 100, .. })));
}
