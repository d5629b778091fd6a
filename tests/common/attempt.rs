//! A valid token request over HTTP, in parts that a test can break.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{Layer, Service, service_fn};
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, JWT_BEARER, PreservedBodies};

use super::{FORM, ISSUER, Jwt, SIGNER, Signer, now_or_never};

pub struct Attempt {
    pub method: &'static str,
    pub query: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub form: Vec<(&'static str, String)>,
    /// Appended to the form unchanged.
    pub tail: &'static str,
    pub jwt: Jwt,
    pub signer: &'static Signer,
    /// Applied to the signed assertion.
    pub mangle: fn(String) -> String,
}

pub type Change = fn(&mut Attempt);

impl Attempt {
    pub fn new() -> Self {
        Self::of(&SIGNER, Jwt::new())
    }

    pub fn of(signer: &'static Signer, jwt: Jwt) -> Self {
        let form = vec![
            ("grant_type", "client_credentials".to_owned()),
            ("client_assertion_type", JWT_BEARER.to_owned()),
            ("client_assertion", String::new()),
        ];
        let headers = vec![("content-type", FORM.to_owned())];
        Self { method: "POST", query: "", headers, form, tail: "", jwt, signer, mangle: |text| text }
    }

    pub fn with(change: impl Fn(&mut Self)) -> Self {
        let mut attempt = Self::new();
        change(&mut attempt);
        attempt
    }

    /// A request of the profiles whose audience is the issuer.
    pub fn at_issuer(change: impl Fn(&mut Self)) -> Self {
        Self::with(|attempt| {
            attempt.claim("aud", ISSUER);
            change(attempt);
        })
    }

    pub fn header(&mut self, name: &'static str, value: &str) {
        self.headers.retain(|(present, _)| *present != name);
        self.headers.push((name, value.to_owned()));
    }

    pub fn parameter(&mut self, name: &'static str, value: &str) {
        self.form.retain(|(present, _)| *present != name);
        self.form.push((name, value.to_owned()));
    }

    pub fn drop_parameter(&mut self, name: &str) {
        self.form.retain(|(present, _)| *present != name);
    }

    pub fn claim<V: Into<Value>>(&mut self, name: &str, value: V) {
        self.jwt.claims.insert(name.into(), value.into());
    }

    pub fn drop_claim(&mut self, name: &str) {
        self.jwt.claims.remove(name);
    }

    pub fn jose<V: Into<Value>>(&mut self, name: &str, value: V) {
        self.jwt.header.insert(name.into(), value.into());
    }

    pub fn drop_jose(&mut self, name: &str) {
        self.jwt.header.remove(name);
    }

    pub fn body(&self) -> String {
        let assertion = (self.mangle)(self.jwt.signed_by(self.signer));
        let mut form = self.form.clone();
        for (name, value) in &mut form {
            if *name == "client_assertion" && value.is_empty() {
                value.clone_from(&assertion);
            }
        }
        serde_urlencoded::to_string(form).unwrap() + self.tail
    }

    pub fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(self.method).uri(format!("/v2/auth/token{}", self.query));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(Full::from(self.body())).unwrap()
    }
}

/// Sends the request. The handler answers an accepted one with 200 and `null`.
pub fn send(layer: &ClientAssertionLayer<PreservedBodies>, attempt: &Attempt) -> Response<Bytes> {
    let handler = service_fn(|request: Request<Full<Bytes>>| async move {
        assert!(request.extensions().get::<ClientIdentity>().is_some(), "a handler sees an identity");
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("null")))
    });
    let response = now_or_never(layer.layer(handler).call(attempt.request())).unwrap();
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, now_or_never(body.collect()).unwrap().to_bytes())
}

/// The `error_description` of a refusal.
pub fn description(response: &Response<Bytes>) -> Option<String> {
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    body["error_description"].as_str().map(str::to_owned)
}

/// Sends the request. Returns the status and the parsed body of the response.
pub fn answer(layer: &ClientAssertionLayer<PreservedBodies>, attempt: &Attempt) -> (u16, Value) {
    let response = send(layer, attempt);
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

/// Changes one bit of the signature, which stays well-formed base64url.
pub fn flip_signature(text: String) -> String {
    let start = text.rfind('.').unwrap() + 1;
    let flipped = if text[start..].starts_with('A') { "B" } else { "A" };
    format!("{}{flipped}{}", &text[..start], &text[start + 1..])
}
